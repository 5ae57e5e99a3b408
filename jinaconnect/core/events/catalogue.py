"""Every event type there is: its topic, its subject and the model of its data, which says what it tells.

`/asyncapi.json`, the docs and the test that no code emits an undeclared type are made from this table.
"""

from __future__ import annotations

from dataclasses import dataclass

from jinaconnect.core.events.payloads import (
    account,
    billing,
    broadcasts,
    calls,
    canned_replies,
    contacts,
    conversations,
    imports,
    messages,
    office,
    recordings,
    routing,
    scheduled_messages,
    segments,
    trunks,
    voice,
    webhooks,
)
from jinaconnect.core.events.payloads.base import Payload

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
    """One entry: `name` is `noun.past_participle`, `subject` the noun of its id, `payload` what its data is."""

    name: str
    topic: str
    subject: str
    payload: type[Payload]

    @property
    def tells(self) -> str:
        """What happened, in one sentence."""
        return (self.payload.__doc__ or "").strip()


CATALOGUE: dict[str, EventType] = {
    item.name: item
    for item in (
        EventType("message.received", "inbox", "message", messages.MessageReceived),
        EventType("message.queued", "inbox", "message", messages.MessageQueued),
        EventType("message.sent", "inbox", "message", messages.MessageSent),
        EventType("message.delivered", "inbox", "message", messages.MessageDelivered),
        EventType("message.read", "inbox", "message", messages.MessageRead),
        EventType("message.failed", "inbox", "message", messages.MessageFailed),
        EventType("message.unknown", "inbox", "message", messages.MessageUnknown),
        EventType("message.updated", "inbox", "message", messages.MessageUpdated),
        EventType("message.noted", "inbox", "message", messages.MessageNoted),
        EventType("message.deleted", "inbox", "message", messages.MessageDeleted),
        EventType("conversation.opened", "inbox", "conversation", conversations.ConversationOpened),
        EventType("conversation.assigned", "inbox", "conversation", conversations.ConversationAssigned),
        EventType("conversation.unassigned", "inbox", "conversation", conversations.ConversationUnassigned),
        EventType("conversation.closed", "inbox", "conversation", conversations.ConversationClosed),
        EventType("conversation.reopened", "inbox", "conversation", conversations.ConversationReopened),
        EventType("conversation.read", "inbox", "conversation", conversations.ConversationRead),
        EventType(
            "conversation.marked_unread", "inbox", "conversation", conversations.ConversationMarkedUnread
        ),
        EventType("conversation.snoozed", "inbox", "conversation", conversations.ConversationSnoozed),
        EventType("conversation.woken", "inbox", "conversation", conversations.ConversationWoken),
        EventType("conversation.sla_warned", "inbox", "conversation", conversations.ConversationSlaWarned),
        EventType("conversation.sla_breached", "inbox", "conversation", conversations.ConversationSlaBreached),
        EventType("conversation.sla_met", "inbox", "conversation", conversations.ConversationSlaMet),
        EventType("contact.created", "inbox", "contact", contacts.ContactCreated),
        EventType("contact.updated", "inbox", "contact", contacts.ContactUpdated),
        EventType("contact.merged", "inbox", "contact", contacts.ContactMerged),
        EventType("contact.separated", "inbox", "contact", contacts.ContactSeparated),
        EventType("contact.deleted", "inbox", "contact", contacts.ContactDeleted),
        EventType("event.erased", "inbox", "event", contacts.EventErased),
        EventType("import.created", "inbox", "import", imports.ImportCreated),
        EventType("import.progressed", "inbox", "import", imports.ImportProgressed),
        EventType("import.completed", "inbox", "import", imports.ImportCompleted),
        EventType("import.failed", "inbox", "import", imports.ImportFailed),
        EventType("segment.created", "inbox", "segment", segments.SegmentCreated),
        EventType("segment.updated", "inbox", "segment", segments.SegmentUpdated),
        EventType("segment.deleted", "inbox", "segment", segments.SegmentDeleted),
        EventType("canned_reply.created", "inbox", "canned_reply", canned_replies.CannedReplyCreated),
        EventType("canned_reply.updated", "inbox", "canned_reply", canned_replies.CannedReplyUpdated),
        EventType("canned_reply.deleted", "inbox", "canned_reply", canned_replies.CannedReplyDeleted),
        EventType(
            "scheduled_message.created", "inbox", "scheduled_message", scheduled_messages.ScheduledMessageCreated
        ),
        EventType(
            "scheduled_message.updated", "inbox", "scheduled_message", scheduled_messages.ScheduledMessageUpdated
        ),
        EventType("scheduled_message.sent", "inbox", "scheduled_message", scheduled_messages.ScheduledMessageSent),
        EventType(
            "scheduled_message.cancelled", "inbox", "scheduled_message", scheduled_messages.ScheduledMessageCancelled
        ),
        EventType("scheduled_message.missed", "inbox", "scheduled_message", scheduled_messages.ScheduledMessageMissed),
        EventType("scheduled_message.failed", "inbox", "scheduled_message", scheduled_messages.ScheduledMessageFailed),
        EventType("tenant.updated", "account", "tenant", account.TenantUpdated),
        EventType("app.created", "account", "app", account.AppCreated),
        EventType("app.updated", "account", "app", account.AppUpdated),
        EventType("app.deleted", "account", "app", account.AppDeleted),
        EventType("template.created", "account", "template", account.TemplateCreated),
        EventType("template.updated", "account", "template", account.TemplateUpdated),
        EventType("template.status_changed", "account", "template", account.TemplateStatusChanged),
        EventType("template.deleted", "account", "template", account.TemplateDeleted),
        EventType("member.invited", "account", "member", account.MemberInvited),
        EventType("member.added", "account", "member", account.MemberAdded),
        EventType("member.updated", "account", "member", account.MemberUpdated),
        EventType("member.removed", "account", "member", account.MemberRemoved),
        EventType("role.created", "account", "role", account.RoleCreated),
        EventType("role.updated", "account", "role", account.RoleUpdated),
        EventType("role.deleted", "account", "role", account.RoleDeleted),
        EventType("key.created", "account", "key", account.KeyCreated),
        EventType("key.rotated", "account", "key", account.KeyRotated),
        EventType("key.revoked", "account", "key", account.KeyRevoked),
        EventType("account.reported", "account", "app", account.AccountReported),
        EventType("notification.created", "notifications", "notification", office.NotificationCreated),
        EventType("notification.read", "notifications", "notification", office.NotificationRead),
        EventType("branding.updated", "account", "branding", office.BrandingUpdated),
        EventType("media.created", "account", "media", office.MediaCreated),
        EventType("media.updated", "account", "media", office.MediaUpdated),
        EventType("tag.created", "account", "tag", office.TagCreated),
        EventType("tag.updated", "account", "tag", office.TagUpdated),
        EventType("wallet.updated", "account", "wallet", billing.WalletUpdated),
        EventType("wallet.recharged", "account", "wallet", billing.WalletRecharged),
        EventType("wallet.low_balance", "account", "wallet", billing.WalletLowBalance),
        EventType("webhook.failed", "account", "webhook", account.WebhookFailed),
        EventType("endpoint.created", "account", "endpoint", webhooks.EndpointCreated),
        EventType("endpoint.updated", "account", "endpoint", webhooks.EndpointUpdated),
        EventType("endpoint.disabled", "account", "endpoint", webhooks.EndpointDisabled),
        EventType("endpoint.deleted", "account", "endpoint", webhooks.EndpointDeleted),
        EventType("endpoint.missed", "account", "endpoint", webhooks.EndpointMissed),
        EventType("delivery.failed", "account", "delivery", webhooks.DeliveryFailed),
        EventType("broadcast.created", "broadcasts", "broadcast", broadcasts.BroadcastCreated),
        EventType("broadcast.updated", "broadcasts", "broadcast", broadcasts.BroadcastUpdated),
        EventType("broadcast.started", "broadcasts", "broadcast", broadcasts.BroadcastStarted),
        EventType("broadcast.progressed", "broadcasts", "broadcast", broadcasts.BroadcastProgressed),
        EventType("broadcast.completed", "broadcasts", "broadcast", broadcasts.BroadcastCompleted),
        EventType("broadcast.failed", "broadcasts", "broadcast", broadcasts.BroadcastFailed),
        EventType("broadcast.cancelled", "broadcasts", "broadcast", broadcasts.BroadcastCancelled),
        EventType("broadcast.missed", "broadcasts", "broadcast", broadcasts.BroadcastMissed),
        EventType("link.clicked", "broadcasts", "link", broadcasts.LinkClicked),
        EventType("call.created", "calls", "call", calls.CallCreated),
        EventType("call.dialing", "calls", "call", calls.CallDialing),
        EventType("call.ringing", "calls", "call", calls.CallRinging),
        EventType("call.answered", "calls", "call", calls.CallAnswered),
        EventType("call.bridged", "calls", "call", calls.CallBridged),
        EventType("call.dtmf", "calls", "call", calls.CallDtmf),
        EventType("call.ivr_step", "calls", "call", calls.CallIvrStep),
        EventType("call.answered_by", "calls", "call", calls.CallAnsweredBy),
        EventType("call.sms_fallback", "calls", "call", calls.CallSmsFallback),
        EventType("call.played", "calls", "call", calls.CallPlayed),
        EventType("call.held", "calls", "call", calls.CallHeld),
        EventType("call.resumed", "calls", "call", calls.CallResumed),
        EventType("call.muted", "calls", "call", calls.CallMuted),
        EventType("call.unmuted", "calls", "call", calls.CallUnmuted),
        EventType("call.keys_sent", "calls", "call", calls.CallKeysSent),
        EventType("call.transferring", "calls", "call", calls.CallTransferring),
        EventType("call.transferred", "calls", "call", calls.CallTransferred),
        EventType("call.recording_started", "calls", "call", calls.CallRecordingStarted),
        EventType("call.recording_paused", "calls", "call", calls.CallRecordingPaused),
        EventType("call.recording_resumed", "calls", "call", calls.CallRecordingResumed),
        EventType("call.recording_stopped", "calls", "call", calls.CallRecordingStopped),
        EventType("call.supervision_started", "calls", "call", calls.CallSupervisionStarted),
        EventType("call.supervision_changed", "calls", "call", calls.CallSupervisionChanged),
        EventType("call.supervision_ended", "calls", "call", calls.CallSupervisionEnded),
        EventType("call.routed", "calls", "call", routing.CallRouted),
        EventType("call.rerouted", "calls", "call", routing.CallRerouted),
        EventType("call.completed", "calls", "call", calls.CallCompleted),
        EventType("call.failed", "calls", "call", calls.CallFailed),
        EventType("call.canceled", "calls", "call", calls.CallCanceled),
        EventType("call.rejected", "calls", "call", calls.CallRejected),
        EventType("recording.ready", "calls", "recording", recordings.RecordingReady),
        EventType("recording.failed", "calls", "recording", recordings.RecordingFailed),
        EventType("recording.deleted", "calls", "recording", recordings.RecordingDeleted),
        EventType("transcript.ready", "calls", "call", recordings.TranscriptReady),
        EventType("transcript.failed", "calls", "call", recordings.TranscriptFailed),
        EventType("consent.created", "calls", "consent", recordings.ConsentCreated),
        EventType("consent.updated", "calls", "consent", recordings.ConsentUpdated),
        EventType("consent.deleted", "calls", "consent", recordings.ConsentDeleted),
        EventType("trunk.up", "trunks", "trunk", trunks.TrunkUp),
        EventType("trunk.down", "trunks", "trunk", trunks.TrunkDown),
        EventType("trunk.degraded", "trunks", "trunk", trunks.TrunkDegraded),
        EventType("trunk.registered", "trunks", "trunk", trunks.TrunkRegistered),
        EventType("trunk.unregistered", "trunks", "trunk", trunks.TrunkUnregistered),
        EventType("trunk.created", "trunks", "trunk", trunks.TrunkCreated),
        EventType("trunk.updated", "trunks", "trunk", trunks.TrunkUpdated),
        EventType("trunk.deleted", "trunks", "trunk", trunks.TrunkDeleted),
        EventType("number.created", "trunks", "number", trunks.NumberCreated),
        EventType("number.updated", "trunks", "number", trunks.NumberUpdated),
        EventType("number.deleted", "trunks", "number", trunks.NumberDeleted),
        EventType("device.created", "trunks", "device", trunks.DeviceCreated),
        EventType("device.deleted", "trunks", "device", trunks.DeviceDeleted),
        EventType("voice_template.created", "trunks", "voice_template", voice.VoiceTemplateCreated),
        EventType("voice_template.updated", "trunks", "voice_template", voice.VoiceTemplateUpdated),
        EventType("voice_template.deleted", "trunks", "voice_template", voice.VoiceTemplateDeleted),
        EventType("audio.created", "trunks", "audio", voice.AudioCreated),
        EventType("audio.deleted", "trunks", "audio", voice.AudioDeleted),
        EventType("outbound_route.created", "trunks", "outbound_route", voice.OutboundRouteCreated),
        EventType("outbound_route.updated", "trunks", "outbound_route", voice.OutboundRouteUpdated),
        EventType("outbound_route.deleted", "trunks", "outbound_route", voice.OutboundRouteDeleted),
        EventType("rate_card.created", "trunks", "rate_card", voice.RateCardCreated),
        EventType("rate_card.updated", "trunks", "rate_card", voice.RateCardUpdated),
        EventType("rate_card.deleted", "trunks", "rate_card", voice.RateCardDeleted),
        EventType("voice_app.updated", "trunks", "voice_app", voice.VoiceAppUpdated),
        EventType("ari.connected", "trunks", "ari", trunks.AriConnected),
        EventType("ari.lost", "trunks", "ari", trunks.AriLost),
        EventType("ari.reconciled", "trunks", "ari", trunks.AriReconciled),
    )
}


def topic_of(name: str) -> str:
    """Return the topic of an event type."""
    return CATALOGUE[name].topic
