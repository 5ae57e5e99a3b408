"""Events of what calls are made with: IVRs, texts and prompts, rate cards, telephony settings."""

from __future__ import annotations

from typing import Annotated, Literal

from jinaconnect.core.calls.consent import SUPERVISION
from jinaconnect.core.events.payloads.base import EARLIER, MOMENT, Count, Payload, Stamp, like
from jinaconnect.core.schema import Given, OneOf, sample_id

TEMPLATE = {
    "id": sample_id("vtp"), "name": "Front desk", "template_kind": "ivr_menu", "description": None, "is_active": True,
    "tts_text": None, "tts_voice": None, "tts_language": None, "audio_url": None, "audio_format": None,
    "providers": None, "created_by": None, "updated_by": None, "created_at": EARLIER, "updated_at": MOMENT,
    "compiled": {"ok": True, "nodes": 4, "warnings": [], "levels": {"twilio": "exact", "vonage": "emulated"}},
    "version": 3,
}  # fmt: skip
_AUDIO = {
    "id": sample_id("aud"), "name": "welcome.mp3", "duration_ms": 3700, "size": 59244,
    "audio_url": f"/voice/api/audio/{sample_id('aud')}/", "created_at": MOMENT,
}  # fmt: skip
_CARD = {
    "id": sample_id("rat"), "name": "United States", "description": None, "is_active": True,
    "provider_config": sample_id("trk"), "destination_prefix": "+1", "rate_per_minute": 0.013, "currency": "USD",
    "billing_increment_seconds": 60, "minimum_seconds": 0, "valid_from": EARLIER, "valid_to": None,
    "created_at": EARLIER, "updated_at": MOMENT, "created_by": sample_id("usr"), "updated_by": None,
}  # fmt: skip
_ROUTE = {
    "id": sample_id("ort"), "name": "India first", "description": None, "is_active": True,
    "destination_prefix": "+91", "from_number": None, "provider_config": sample_id("trk"), "priority": 10,
    "weight": 100, "created_at": EARLIER, "updated_at": MOMENT,
}  # fmt: skip
_VOICE_APP = {
    "id": sample_id("vap"), "name": "Voice", "description": None, "is_active": True, "is_enabled": True,
    "default_outbound_config": sample_id("trk"), "default_inbound_config": None, "recording_retention_days": 90,
    "recording_requires_consent": False, "supervision": "allowed", "supervision_notice": "", "created_by": None,
    "updated_by": None, "created_at": EARLIER, "updated_at": MOMENT,
}  # fmt: skip


class Compiled(Payload):
    """What checking an IVR found: how many nodes it has, and sentences about what is odd but no fault.

    `levels` tells for each HTTP carrier how exactly it can say it: the worst level of any node.
    """

    ok: bool
    nodes: Count
    warnings: list[str]
    levels: dict[str, Literal["exact", "emulated", "refused"]]


class VoiceTemplateData(Payload, json_schema_extra=like(TEMPLATE)):
    """A voice template without its graph, which is read over REST; `compiled` of an IVR only."""

    id: str
    name: str
    template_kind: Literal["tts_script", "audio_url", "ivr_menu"]
    description: str | None
    is_active: bool
    tts_text: str | None
    tts_voice: str | None
    tts_language: str | None
    audio_url: str | None
    audio_format: Literal["mp3", "wav"] | None
    providers: list[str] | None
    created_by: str | None
    updated_by: str | None
    created_at: Stamp
    updated_at: Stamp
    compiled: Given[Compiled] = None
    version: Given[Count] = None


class VoiceTemplateCreated(VoiceTemplateData, json_schema_extra=like(TEMPLATE)):
    """An IVR, text or prompt was added."""


class VoiceTemplateUpdated(VoiceTemplateData, json_schema_extra=like(TEMPLATE)):
    """An IVR, text or prompt changed."""


class VoiceTemplateDeleted(VoiceTemplateData, json_schema_extra=like(TEMPLATE)):
    """An IVR, text or prompt was removed."""


class AudioData(Payload, json_schema_extra=like(_AUDIO)):
    """An uploaded prompt; `audio_url` is what calls and templates name it by."""

    id: str
    name: str
    duration_ms: Count
    size: Count
    audio_url: str
    created_at: Stamp


class AudioCreated(AudioData, json_schema_extra=like(_AUDIO)):
    """A recorded prompt was uploaded."""


class AudioDeleted(AudioData, json_schema_extra=like(_AUDIO)):
    """A recorded prompt was removed."""


class RateCardData(Payload, json_schema_extra=like(_CARD)):
    """A price per minute for a prefix."""

    id: str
    name: str
    description: str | None
    is_active: bool
    provider_config: str
    destination_prefix: str
    rate_per_minute: float
    currency: str
    billing_increment_seconds: Count
    minimum_seconds: Count
    valid_from: Stamp
    valid_to: Stamp | None
    created_at: Stamp
    updated_at: Stamp
    created_by: str | None = None
    updated_by: str | None = None


class RateCardCreated(RateCardData, json_schema_extra=like(_CARD)):
    """A rate card was added."""


class RateCardUpdated(RateCardData, json_schema_extra=like(_CARD, rate_per_minute=0.012)):
    """A rate card changed."""


class RateCardDeleted(RateCardData, json_schema_extra=like(_CARD)):
    """A rate card was removed."""


class OutboundRouteData(Payload, json_schema_extra=like(_ROUTE)):
    """A provider config that calls to numbers of a prefix may go over."""

    id: str
    name: str
    description: str | None
    is_active: bool
    destination_prefix: str
    from_number: str | None
    provider_config: str
    priority: int
    weight: Count
    created_at: Stamp
    updated_at: Stamp


class OutboundRouteCreated(OutboundRouteData, json_schema_extra=like(_ROUTE)):
    """A route of outgoing calls was added."""


class OutboundRouteUpdated(OutboundRouteData, json_schema_extra=like(_ROUTE, weight=50)):
    """A route of outgoing calls changed."""


class OutboundRouteDeleted(OutboundRouteData, json_schema_extra=like(_ROUTE)):
    """A route of outgoing calls was removed."""


class VoiceAppData(Payload, json_schema_extra=like(_VOICE_APP)):
    """Whether a tenant's voice is on, and its defaults."""

    id: str
    name: str
    description: str | None
    is_active: bool
    is_enabled: bool
    default_outbound_config: str | None
    default_inbound_config: str | None
    recording_retention_days: Count
    recording_requires_consent: bool
    supervision: Annotated[str, OneOf(SUPERVISION)]
    supervision_notice: str
    created_by: str | None
    updated_by: str | None
    created_at: Stamp
    updated_at: Stamp


class VoiceAppUpdated(VoiceAppData, json_schema_extra=like(_VOICE_APP)):
    """The organisation's telephony settings changed."""
