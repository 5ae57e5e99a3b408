"""Every event type there is: its topic, its subject and what it tells.

`/asyncapi.json`, the docs and the test that no code emits an undeclared type are made from this table.
"""

from __future__ import annotations

from dataclasses import dataclass

TOPICS = ("inbox", "calls", "broadcasts", "trunks", "notifications", "account")

# A topic that is not everybody's business names the permission its readers hold.
TOPIC_PERMISSION: dict[str, str] = {
    "inbox": "inbox.view",
    "calls": "voice.view",
    "broadcasts": "broadcast.view",
    "trunks": "voice.manage",
    "account": "users.invite",
}


@dataclass(frozen=True, slots=True)
class EventType:
    """One entry: `name` is `noun.past_participle`, `subject` the noun of its id, `tells` one sentence."""

    name: str
    topic: str
    subject: str
    tells: str


CATALOGUE: dict[str, EventType] = {
    item.name: item
    for item in (
        EventType("message.received", "inbox", "message", "A customer wrote."),
        EventType("message.queued", "inbox", "message", "An outgoing message is recorded and waits for its carrier."),
        EventType("message.sent", "inbox", "message", "The carrier took the message."),
        EventType("message.delivered", "inbox", "message", "The message reached the customer's device."),
        EventType("message.read", "inbox", "message", "The customer opened the message."),
        EventType("message.failed", "inbox", "message", "The message will not reach the customer; the error says why."),
        EventType("message.unknown", "inbox", "message", "The carrier did not say whether it took the message."),
        EventType("message.updated", "inbox", "message", "A reaction came, or the customer edited the message."),
        EventType("message.noted", "inbox", "message", "A team member left an internal note."),
        EventType("message.deleted", "inbox", "message", "A team member removed the message from the inbox."),
        EventType("conversation.opened", "inbox", "conversation", "A contact's conversation began."),
        EventType("conversation.assigned", "inbox", "conversation", "Somebody took or was given the conversation."),
        EventType("conversation.unassigned", "inbox", "conversation", "Nobody holds the conversation now."),
        EventType("conversation.closed", "inbox", "conversation", "The conversation was resolved."),
        EventType("conversation.reopened", "inbox", "conversation", "The conversation goes on."),
        EventType("conversation.read", "inbox", "conversation", "The team has read messages of the conversation."),
        EventType("contact.created", "inbox", "contact", "A contact was added."),
        EventType("contact.updated", "inbox", "contact", "Fields of a contact changed."),
        EventType("contact.merged", "inbox", "contact", "Two contacts became one."),
        EventType("contact.deleted", "inbox", "contact", "A contact was removed."),
        EventType("tenant.updated", "account", "tenant", "The organisation's data or settings changed."),
        EventType("app.created", "account", "app", "A channel account was added."),
        EventType("app.updated", "account", "app", "A channel account changed."),
        EventType("app.deleted", "account", "app", "A channel account was removed."),
        EventType("template.created", "account", "template", "A message template was added."),
        EventType("template.updated", "account", "template", "A message template or its approval changed."),
        EventType("template.deleted", "account", "template", "A message template was removed."),
        EventType("member.invited", "account", "member", "A person was invited; they join once they accept."),
        EventType("member.added", "account", "member", "A person joined the organisation."),
        EventType("member.updated", "account", "member", "A membership changed."),
        EventType("member.removed", "account", "member", "A person left the organisation; their sessions end."),
        EventType("role.created", "account", "role", "A role was added."),
        EventType("role.updated", "account", "role", "A role's permissions or priority changed."),
        EventType("role.deleted", "account", "role", "A role was removed."),
        EventType("key.created", "account", "key", "An API key was made."),
        EventType("key.rotated", "account", "key", "An API key has a new secret."),
        EventType("key.revoked", "account", "key", "An API key stopped working."),
        EventType("webhook.failed", "account", "webhook", "Something in a carrier's webhook could not be applied."),
        EventType("call.created", "calls", "call", "A call was asked for, or came in."),
        EventType("call.dialing", "calls", "call", "The call was handed to its carrier."),
        EventType("call.ringing", "calls", "call", "The far end rings."),
        EventType("call.answered", "calls", "call", "The call was answered."),
        EventType("call.bridged", "calls", "call", "The parties hear each other."),
        EventType("call.dtmf", "calls", "call", "A key was pressed."),
        EventType("call.ivr_step", "calls", "call", "The IVR entered a node."),
        EventType("call.played", "calls", "call", "A prompt was played into the call."),
        EventType("call.held", "calls", "call", "The call was put on hold."),
        EventType("call.resumed", "calls", "call", "The call goes on after a hold."),
        EventType("call.muted", "calls", "call", "A side of the call is not heard."),
        EventType("call.unmuted", "calls", "call", "A side of the call is heard again."),
        EventType("call.keys_sent", "calls", "call", "Keys were pressed towards the customer."),
        EventType("call.transferring", "calls", "call", "A transfer has begun."),
        EventType("call.transferred", "calls", "call", "The call was transferred, or its transfer has failed."),
        EventType("call.recording_started", "calls", "call", "The call is being recorded."),
        EventType("call.recording_paused", "calls", "call", "The recording is silent for a while."),
        EventType("call.recording_resumed", "calls", "call", "The recording goes on."),
        EventType("call.recording_stopped", "calls", "call", "The recording has ended; its file follows."),
        EventType("call.completed", "calls", "call", "An answered call is over."),
        EventType("call.failed", "calls", "call", "The call was not answered, or broke."),
        EventType("call.canceled", "calls", "call", "The call was given up before its answer."),
        EventType("call.rejected", "calls", "call", "A call that came in was refused."),
        EventType("recording.ready", "calls", "recording", "A recording can be heard."),
        EventType("recording.failed", "calls", "recording", "A recording could not be kept."),
        EventType("recording.deleted", "calls", "recording", "A recording's time was over."),
        EventType("consent.created", "calls", "consent", "A contact's consent to recordings was noted."),
        EventType("consent.updated", "calls", "consent", "A contact's consent to recordings changed."),
        EventType("consent.deleted", "calls", "consent", "A contact's consent to recordings was removed."),
        EventType("trunk.up", "trunks", "trunk", "The trunk's carrier answers."),
        EventType("trunk.down", "trunks", "trunk", "The trunk's carrier does not answer."),
        EventType("trunk.degraded", "trunks", "trunk", "The trunk works, but badly."),
        EventType("trunk.registered", "trunks", "trunk", "The carrier has taken the trunk's registration."),
        EventType("trunk.unregistered", "trunks", "trunk", "The trunk's registration has ended or was refused."),
        EventType("trunk.created", "trunks", "trunk", "A voice provider was configured."),
        EventType("trunk.updated", "trunks", "trunk", "A voice provider's configuration changed."),
        EventType("trunk.deleted", "trunks", "trunk", "A voice provider was removed."),
        EventType("number.created", "trunks", "number", "A telephone number was added to a trunk."),
        EventType("number.updated", "trunks", "number", "A telephone number or its route changed."),
        EventType("number.deleted", "trunks", "number", "A telephone number was removed."),
        EventType("device.created", "trunks", "device", "A telephone of a member was added."),
        EventType("device.deleted", "trunks", "device", "A telephone of a member was removed."),
        EventType("voice_template.created", "trunks", "voice_template", "An IVR, text or prompt was added."),
        EventType("voice_template.updated", "trunks", "voice_template", "An IVR, text or prompt changed."),
        EventType("voice_template.deleted", "trunks", "voice_template", "An IVR, text or prompt was removed."),
        EventType("audio.created", "trunks", "audio", "A recorded prompt was uploaded."),
        EventType("audio.deleted", "trunks", "audio", "A recorded prompt was removed."),
        EventType("rate_card.created", "trunks", "rate_card", "A rate card was added."),
        EventType("rate_card.updated", "trunks", "rate_card", "A rate card changed."),
        EventType("rate_card.deleted", "trunks", "rate_card", "A rate card was removed."),
        EventType("voice_app.updated", "trunks", "voice_app", "The organisation's telephony settings changed."),
        EventType("ari.connected", "trunks", "ari", "The link to an Asterisk stands."),
        EventType("ari.lost", "trunks", "ari", "The link to an Asterisk is broken."),
        EventType("ari.reconciled", "trunks", "ari", "After a break the calls agree with Asterisk again."),
    )
}


def topic_of(name: str) -> str:
    """Return the topic of an event type."""
    return CATALOGUE[name].topic
