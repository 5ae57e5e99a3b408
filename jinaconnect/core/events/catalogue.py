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
        EventType("template.created", "account", "template", "A message template was added."),
        EventType("template.updated", "account", "template", "A message template or its approval changed."),
        EventType("template.deleted", "account", "template", "A message template was removed."),
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
    )
}


def declare(*items: EventType) -> None:
    """Add the event types of another field (telephony declares its own at import)."""
    for item in items:
        CATALOGUE[item.name] = item


def topic_of(name: str) -> str:
    """Return the topic of an event type."""
    return CATALOGUE[name].topic
