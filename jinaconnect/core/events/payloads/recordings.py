"""Events of recordings, their transcripts, and the consents to them."""

from __future__ import annotations

from typing import Literal

from jinaconnect.core.events.payloads.base import EARLIER, MOMENT, Count, Payload, Stamp, like
from jinaconnect.core.events.payloads.calls import TAPED, CallTape
from jinaconnect.core.schema import sample_id

_RECORDING = {
    "id": sample_id("rec"), "call": sample_id("call"), "provider_recording_id": sample_id("rec"), "storage_url": None,
    "duration_seconds": 37, "size_bytes": 592044, "format": "wav", "length_mismatch": False, "transcription": None,
    "transcription_provider": None, "transcription_confidence": None, "transcription_language": None,
    "retention_expires_at": "2027-02-21T10:01:14.500Z", "created_at": MOMENT,
}  # fmt: skip
_CONSENT = {
    "id": sample_id("con"), "name": "Web form", "description": None, "is_active": True, "contact": sample_id("cnt"),
    "consent_given": True, "consent_timestamp": EARLIER, "consent_method": "web_form", "recording_url": "",
    "created_at": EARLIER, "updated_at": MOMENT, "created_by": "sam@example.com", "updated_by": None,
}  # fmt: skip


class RecordingData(Payload, json_schema_extra=like(_RECORDING)):
    """A recording; `storage_url` and `transcription` are null for roles that may not listen, and in events."""

    id: str
    call: str
    provider_recording_id: str
    storage_url: str | None
    duration_seconds: Count
    size_bytes: Count
    format: Literal["wav", "mp3"]
    length_mismatch: bool
    transcription: str | None
    transcription_provider: str | None
    transcription_confidence: float | None
    transcription_language: str | None
    retention_expires_at: Stamp
    created_at: Stamp


class RecordingReady(RecordingData, json_schema_extra=like(_RECORDING)):
    """A recording can be heard."""


class RecordingFailed(
    Payload,
    json_schema_extra=like({}, id=sample_id("rec"), call=sample_id("call"), reason="The recording is empty."),
):
    """A recording could not be kept."""

    id: str
    call: str
    reason: str


class RecordingDeleted(Payload, json_schema_extra=like({}, id=sample_id("rec"), call=sample_id("call"))):
    """A recording's time was over."""

    id: str
    call: str


class TranscriptReady(
    CallTape,
    json_schema_extra=like(
        TAPED, status="COMPLETED", provider="local", language="en", confidence=0.81, word_count=112
    ),
):  # fmt: skip
    """What was said in a recording has been written down; the recording has it, events do not."""

    provider: str
    language: str | None
    confidence: float
    word_count: Count


class TranscriptFailed(
    CallTape,
    json_schema_extra=like(
        TAPED, status="COMPLETED", code="unsupported_language",
        reason="The language is none that local knows: de",
    ),
):  # fmt: skip
    """What was said in a recording cannot be written down."""

    code: Literal["unsupported_language", "refused", "engine_away", "test_mode"]
    reason: str


class ConsentData(Payload, json_schema_extra=like(_CONSENT)):
    """Whether a contact agreed to being recorded."""

    id: str
    name: str
    description: str | None
    is_active: bool
    contact: str
    consent_given: bool
    consent_timestamp: Stamp | None
    consent_method: str
    recording_url: str
    created_at: Stamp
    updated_at: Stamp
    created_by: str | None
    updated_by: str | None = None


class ConsentCreated(ConsentData, json_schema_extra=like(_CONSENT)):
    """A contact's consent to recordings was noted."""


class ConsentUpdated(ConsentData, json_schema_extra=like(_CONSENT)):
    """A contact's consent to recordings changed."""


class ConsentDeleted(ConsentData, json_schema_extra=like(_CONSENT)):
    """A contact's consent to recordings was removed."""
