"""Examples of bodies and answers: those that models declare, and answers put together from examples of their fields.

A model declares its own by `json_schema_extra=example(…)`. Everything else is built: a field's example is, in this
order, one declared with it, the only value it can have, the word for its name below, its default, or a value that its
type allows. Names that mean different things in different models stand below as `Model.field`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jinaconnect.core.schema import sample_id

Schema = Mapping[str, Any]

_MORNING, _LATER = "2026-11-24T09:30:00.123Z", "2026-11-24T09:30:04.870Z"
_CURSOR = "AAAAAAAABBIAAAAB7pZ3nUq1sXk2vYd0"

_FIELDS: dict[str, Any] = {
    # people and places
    "phone": "+12025550111", "phone_number": "+12025550100", "contact_phone": "+12025550111", "number": "+12025550123",
    "mobile": "+12025550123", "email": "ann.lee@example.com", "username": "ann.lee@example.com", "first_name": "Ann",
    "last_name": "Lee", "full_name": "Ann Lee", "name": "Ann Lee", "image": None, "birth_date": None, "address": None,
    "website": "https://example.com", "country": "US", "state": None, "industry": "Retail", "description": None,
    "assigned_to_name": "Ben Ortiz", "assigned_by_name": "Cleo Park", "read_by_name": "Ben Ortiz",
    "telegram_chat_id": None, "telegram_username": None,
    "whatsapp_user_id": None, "whatsapp_username": None, "whatsapp_group_id": None, "group_id": None,
    "said_by": None, "merged_into": None, "merged": [], "telegram": None, "opt_outs": {},
    "attributes": {"city": "Boston", "orders": 12}, "tag": "vip", "tags": ["vip"], "segments": [], "settings": {
        "agents_see_unassigned": True,
    },
    "assigned_to_type": "USER", "assigned_by_type": "USER", "lead_score": 40, "total_calls": 3, "is_active": True,
    "source": "WHATSAPP", "status": "OPEN", "word": "blue",
    # ids
    "contact": sample_id("cnt"), "contact_id": sample_id("cnt"), "conversation_id": sample_id("conv"),
    "call_id": sample_id("call"), "call": sample_id("call"), "user": sample_id("usr"), "user_id": sample_id("usr"),
    "tenant": sample_id("ten"), "tenant_user": sample_id("usr"), "role": sample_id("rol"), "wa_app": sample_id("wap"),
    "channel_app_id": sample_id("wap"), "provider_config": sample_id("trk"), "template": sample_id("tpl"),
    "assigned_to_id": sample_id("usr"), "assigned_to_user": sample_id("usr"), "assigned_by_id": sample_id("usr"),
    "assigned_by_user": sample_id("usr"), "read_by_id": sample_id("usr"), "reply_to": None, "parent_call": None,
    "default_outbound_config": sample_id("trk"), "default_inbound_config": None, "event_id": sample_id("inb"),
    "new_owner": sample_id("usr"), "invited_by": None, "created_by": "ben.ortiz@example.com",
    "updated_by": "ben.ortiz@example.com", "marked_ids": [sample_id("msg")], "device": None,
    "external_message_id": "wamid.HBgLMTIwMjU1NTAxMTE", "wa_message_id": "wamid.HBgLMTIwMjU1NTAxMTE",
    "meta_template_id": "594425479261596", "waba_id": "102290129340398", "phone_number_id": "106540352242922",
    "app_id": "670843887433847", "provider_call_id": "1795687200.42", "provider_recording_id": "rec-1795687200.42",
    # times
    **dict.fromkeys((
        "created_at", "timestamp", "occurred_at", "at", "since", "started_at", "valid_from", "consent_timestamp",
        "last_message_at", "last_used_at", "checked_at", "assigned_at", "last_synced_at",
    ), _MORNING),
    **dict.fromkeys(("updated_at", "recorded_at", "read_at", "ended_at", "sent_at", "outgoing_sent_at"), _LATER),
    **dict.fromkeys((
        "delivered_at", "failed_at", "edited_at", "outgoing_delivered_at", "outgoing_read_at", "outgoing_failed_at",
        "revoked_at", "valid_to", "last_called_at", "rcs_checked_at", "expires_at", "error_code", "error_message",
        "rejection_reason", "transcription", "transcription_provider", "transcription_confidence", "preferred_channel",
        "rcs_capable", "assignment_note", "next", "previous", "next_cursor", "next_before", "media_url",
        "media_mime_type", "media_caption", "media_filename", "button_payload", "button_text", "latitude", "longitude",
        "location_name", "location_address", "template_name", "fallback_sms_config", "default_route", "sip_code",
        "websocket_url", "header", "buttons", "tts_voice", "audio_format", "graph", "compiled", "reason", "recording",
    ), None),
    "retention_expires_at": "2027-02-22T09:30:00.000Z", "date": "2026-11-24", "label": "Tuesday",
    # messages
    "content": {"type": "text", "body": {"text": "Do you have it in blue?"}}, "text": "Do you have it in blue?",
    "preview": "Do you have it in blue?", "content_preview": "Do you have it in blue?", "message_type": "TEXT",
    "preview_type": "text", "direction": "INCOMING", "platform": "WHATSAPP", "platform_display": "WhatsApp",
    "author": "CONTACT", "author_type": "CONTACT", "outgoing_status": None, "message_id": 1042, "numbering": 1042,
    "reactions": [], "is_read": False, "internal_note": False, "unread_count": 1, "status_display": "Received",
    "element_name": "order_sent", "language_code": "en", "category": "UTILITY", "template_type": "TEXT",
    "footer": "Lee & Sons", "placeholders": ["1", "2"], "example_body": ["Ann", "4711"], "by_status": {
        "PENDING": 0, "SENT": 12, "DELIVERED": 40, "READ": 311, "FAILED": 2, "UNKNOWN": 0,
    },
    "app_name": "Shop", "bsp": "META", "tier": "TIER_1K", "webhook_path": f"/wa/v1/webhooks/{sample_id('ten')}/",
    "event_type": "MESSAGE",
    # calls
    "from_number": "+12025550123", "to_number": "+12025550111", "hangup_cause": "NORMAL_CLEARING", "cost_amount": 0.026,
    "cost_currency": "USD", "cost_source": "rate_card", "currency": "USD", "duration_seconds": 74, "recording_url": "",
    "recording_duration_seconds": None, "metadata": {"order": "4711"}, "asterisk": "main", "muted": [],
    "recent_events": [], "from_numbers": ["+12025550123"], "vendor_label": "Twilio",
    "vendor_profile": "twilio_elastic_sip", "profile": "twilio_elastic_sip", "provider": "sip",
    "destination_prefix": "+1", "rate_per_minute": 0.013, "consent_method": "web_form", "fallback_sms_template": "",
    "fallback_on_causes": [], "storage_url": "https://gateway.example.com/voice/recordings/rec_01kc8x2v7m.sig.wav",
    "size_bytes": 592044, "size": 592044, "duration_ms": 37000, "format": "wav", "offset_ms": 4747, "detail": {},
    "audio_url": f"/voice/api/audio/{sample_id('aud')}/", "tts_text": "Hello {{name}}, your order is ready.",
    "tts_language": "en-US", "rendered_text": "Hello Ann, your order is ready.", "outcome": "hangup",
    "path": ["hello", "end"], "variables": {"name": "Ann"}, "uri": None, "domain": "gateway.example.com",
    "route": {"type": "template", "template": sample_id("vtp")}, "cause": "NORMAL_CLEARING", "pdd_ms": 1840,
    "rtt_ms": 21.4, "p50_ms": 20.9, "p99_ms": 34.0, "lost_5m": 0, "attempts": 120, "answered": 96, "asr": 0.8,
    "ner": 0.97, "acd_s": 74.2, "causes": [{"cause": "USER_BUSY", "count": 11}], "calls": 2, "cap": 10, "windows": {},
    "call_to": "+12025550111", "asterisks": None, "payload": {"digit": "1"}, "sequence": 4, "priority": 0,
    "transcript": [{"at_s": 0.0, "node": "hello", "kind": "say", "text": "Hello."}], "consultation": None,
    # access
    "access": "eyJhbGciOiJIUzI1NiJ9.eyJ0eXAiOiJhY2Nlc3MifQ.9xLw", "prefix": "jc_test_8sK2",
    "refresh": "eyJhbGciOiJIUzI1NiJ9.eyJ0eXAiOiJyZWZyZXNoIn0.4pK2", "ticket": "wst_3mZq8Yb1LxN0vTg7",
    "expires_in": 3600,
    "ip_allowlist": ["203.0.113.0/24"], "permissions": {"inbox.view": True, "inbox.assign": False}, "key": None,
    "password": "pG7wq2Zk9sT4", "slug": "shift-lead", "is_custom": True, "is_system": False, "is_editable": True,
    # lists and the program
    "count": 1, "count_exact": True, "cursor": _CURSOR, "limit": 50, "offset": 0, "has_next": False, "has_more": False,
    "version": "0.1.0", "python": "3.13.1", "message": "Done.", "total": 731, "inbound": 366, "outbound": 365,
    "marked": 1, "deleted_count": 1, "expires_seconds": 3600, "seq": 1042, "redis": "none", "asr_s": None,
}  # fmt: skip

_OF_MODELS: dict[str, Any] = {
    **{f"{model}.id": sample_id(prefix) for model, prefix in {
        "ContactOut": "cnt", "ChannelContact": "cnt", "ChatContact": "cnt", "InboxMessage": "msg", "ListedMessage":
        "msg", "LastMessage": "msg", "MarkedMessage": "msg", "ConversationOut": "conv", "TenantOut": "ten", "UserOut":
        "usr", "OwnProfile": "usr", "MemberOut": "mem", "RoleOut": "rol", "RoleInBrief": "rol", "KeyOut": "key",
        "MessageOut": "msg", "MessageDetail": "msg", "AppOut": "wap", "TemplateOut": "tpl", "AudioOut": "aud",
        "CallEventOut": "cev", "CallOut": "call", "CallDetail": "call", "Consultation": "call", "Taping": "rec",
        "ConsentOut": "con", "VoiceAppOut": "vap", "DeviceOut": "dev", "TrunkHealth": "trk", "NumberOut": "num",
        "CardOut": "rat", "RecordingOut": "rec", "VoiceTemplateOut": "vtp", "TrunkOut": "trk",
    }.items()},
    "TenantOut.name": "Lee & Sons", "TenantOut.phone": "+12025550100", "TenantOut.address": "1 Main Street, Boston",
    "RoleOut.name": "Shift lead", "RoleInBrief.name": "Shift lead", "RoleOut.priority": 45, "RoleInBrief.priority": 45,
    "Permissions": {"inbox": [{"key": "inbox.view", "label": "Read the inbox"}]},
    "Permission.key": "inbox.view", "Permission.label": "Read the inbox", "Keyword.key": "first_name",
    "Keyword.description": "The contact's first name.", "KeyOut.name": "Web shop", "KeyOut.mode": "test",
    "InboxMessage.message_type": "text", "ListedMessage.message_type": "text", "MessageOut.status": "RECEIVED",
    "MessageDetail.status": "RECEIVED", "MessageOut.direction": "INBOUND", "MessageDetail.direction": "INBOUND",
    "InboxMessage.expires_at": 1795773600, "ListedMessage.expires_at": 1795773600, "LastMessage.expires_at": 1795773600,
    "InboxMessage.tenant_user": None, "InboxMessage.created_by": None, "ListedMessage.tenant_user": None,
    "ListedMessage.created_by": None, "LastMessage.created_by": None, "MessageDetail.template": None,
    "MessageDetail.created_by": None, "InboxMessage.read_at": None, "InboxMessage.read_by_id": None,
    "InboxMessage.read_by_name": None, "ListedMessage.read_at": None, "ListedMessage.read_by_id": None,
    "ListedMessage.read_by_name": None, "InboxMessage.outgoing_sent_at": None, "ListedMessage.outgoing_sent_at": None,
    "MessageDetail.sent_at": None, "MessageDetail.read_at": None, "ChannelContact.expires_at": "2026-11-25T09:30:00Z",
    "AppOut.description": "West coast", "AppOut.daily_limit": 1000,
    "TemplateOut.content": "Hello {{1}}, your order {{2}} is on its way.", "TemplateOut.status": "APPROVED",
    "TemplateOut.name": "Order sent", "TemplateOut.number": sample_id("tpl"), "TagPage.results": ["vip", "wholesale"],
    "CallOut.direction": "outbound", "CallDetail.direction": "outbound", "Consultation.direction": "outbound",
    "CallOut.status": "COMPLETED", "CallDetail.status": "COMPLETED", "Consultation.status": "IN_PROGRESS",
    "Consultation.consultation": sample_id("call"), "CallDetail.template": None, "CallOut.template": None,
    "Consultation.template": None, "Leg.name": "customer", "Leg.user": None, "Leg.number": "+12025550111",
    "Leg.call": None, "Leg.state": "ended", "Leg.role": "customer", "CallEventOut.event_type": "dtmf",
    "CallEventOut.type": "call.dtmf", "CallFact.type": "call.answered", "CallFact.source": "ari", "HungUp.hung_up":
    True, "HungUp.status": None, "AudioOut.name": "welcome.mp3", "CardOut.name": "United States", "CardOut.count": 1,
    "TrunkOut.name": "Head office", "TrunkHealth.name": "Head office", "NumberOut.name": "Main line",
    "VoiceAppOut.name": "Voice", "DeviceOut.name": "Desk", "DeviceOut.transport": "sip",
    "Account.username": "dev_01kc8",
    "TrunkHealth.status": "up", "AriHealth.status": "up", "VoiceTemplateOut.name": "Order ready",
    "VoiceTemplateOut.template_kind": "tts_script", "VoiceTemplateOut.audio_url": None, "Preview.audio_url": None,
    "ConversationOut.status": "OPEN", "Ready.status": "ok", "Taping.state": "recording", "Cause.cause": "USER_BUSY",
    "Cause.count": 11, "PlatformCount.count": 366, "Written.call_id": None, "Written.status": "accepted",
    "Written.message_id": "wamid.INK8X2V7M4Q9R5T1W3Y6Z8A0B", "TimelineItem.type": "message", "Taken.status": "received",
    "TimelineItem.data": {"id": sample_id("msg")}, "TimelineItem.date": None, "TimelineItem.label": None,
    "OwnershipMoved.detail": "Ownership has moved.", "Version.name": "jinaconnect", "VoiceApps.count": 1,
    "Ticket.expires_in": 60,
    "Download.recording_url":
    "https://gateway.example.com/voice/recordings/rec_01kc8x2v7m.sig.wav", "RecordingOut.format": "wav",
    "DeviceOut.credentials": None, "Called.cause": "NORMAL_CLEARING", "Called.sip_code": 200, "Asked.sip_code": 200,
    "EventActor.id": sample_id("cnt"), "EventActor.type": "contact",
}  # fmt: skip


def example_of(schema: Schema, definitions: Mapping[str, Schema], model: str = "", name: str = "") -> Any:
    """Return an example of a JSON schema whose references lead into `definitions`."""
    if schema.get("examples"):
        return schema["examples"][0]
    if f"{model}.{name}" in _OF_MODELS:
        return _OF_MODELS[f"{model}.{name}"]
    if "$ref" in schema:
        target = schema["$ref"].rpartition("/")[2]
        return _OF_MODELS[target] if target in _OF_MODELS else example_of(definitions[target], definitions, target)
    if "const" in schema:
        return schema["const"]
    if name in _FIELDS and _fits(schema, _FIELDS[name]):
        return _FIELDS[name]
    if "enum" in schema:
        return schema["enum"][0]
    if "default" in schema:
        return schema["default"]
    for choice in ("anyOf", "oneOf", "allOf"):
        if choice in schema:
            return example_of(schema[choice][0], definitions, model, name)
    return _of_type(schema, definitions, model)


def _fits(schema: Schema, value: Any) -> bool:
    """Tell whether a word for a name may be meant: the same name can stand for a list here and a text there."""
    choices = schema.get("anyOf") or schema.get("oneOf")
    if choices:
        return any("$ref" not in each and _fits(each, value) for each in choices)
    kinds = {
        "string": str, "integer": int, "number": (int, float), "boolean": bool, "array": list, "object": dict,
        "null": type(None),
    }  # fmt: skip
    wanted = schema.get("type")
    if "enum" in schema:
        return value in schema["enum"]
    return not isinstance(wanted, str) or isinstance(value, kinds[wanted])  # type: ignore[arg-type]


def _of_type(schema: Schema, definitions: Mapping[str, Schema], model: str) -> Any:
    match schema.get("type"):
        case "object":
            parts = schema.get("properties", {})
            return {name: example_of(part, definitions, model, name) for name, part in parts.items()}
        case "array":
            return [example_of(schema.get("items", {}), definitions, model)]
        case "boolean":
            return False
        case "integer" | "number":
            return schema.get("minimum", 1)
        case "null":
            return None
        case _:
            return "text"
