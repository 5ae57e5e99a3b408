"""Events of the ways calls take: trunks and their state, the Asterisks behind them, numbers, telephones."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from jinaconnect.core.events.payloads.base import EARLIER, MOMENT, Count, Payload, Stamp, like
from jinaconnect.core.schema import sample_id

_TRUNK = {
    "id": sample_id("trk"), "name": "Head office", "provider": "sip", "description": None, "is_active": True,
    "vendor_label": "Twilio", "is_default_outbound": True, "is_default_inbound": False, "priority": 0,
    "from_numbers": ["+12025550123"], "max_concurrent_calls": 10, "currency": "USD", "recording_enabled": False,
    "remove_recordings": False, "enabled": True, "fallback_sms_enabled": False, "fallback_sms_config": None,
    "fallback_sms_template": "", "fallback_on_causes": [],
    "default_route": {"type": "template", "template": sample_id("vtp")}, "created_by": None, "updated_by": None,
    "inbound_webhook_token_set": False, "credentials_set": True, "credentials_known": None,
    "capabilities": ["dtmf", "hangup", "hold"],
    "vendor_profile": "twilio_elastic_sip", "asterisk": "main", "created_at": EARLIER, "updated_at": MOMENT,
}  # fmt: skip
_STATE = {"asterisk": "main", "status": "up", "reason": "reachable"}
_NUMBER = {
    "id": sample_id("num"), "number": "+12025550123", "provider_config": sample_id("trk"), "name": "Main line",
    "route": {"type": "template", "template": sample_id("vtp")}, "created_at": EARLIER, "updated_at": MOMENT,
}  # fmt: skip
_DEVICE = {
    "id": sample_id("dev"), "user": sample_id("usr"), "name": "Desk", "kind": "softphone", "transport": "sip",
    "uri": None, "provider_config": None, "asterisk": "main", "registration": {"state": "unregistered"},
    "created_at": MOMENT,
}  # fmt: skip


class TrunkData(Payload, json_schema_extra=like(_TRUNK)):
    """A voice provider's configuration, without its credentials."""

    id: str
    name: str
    provider: str
    description: str | None
    is_active: bool
    vendor_label: str
    is_default_outbound: bool
    is_default_inbound: bool
    priority: int
    from_numbers: list[str]
    max_concurrent_calls: Annotated[int, Field(ge=-1)]  # 0 and less: as many as come
    currency: str
    recording_enabled: bool
    remove_recordings: bool
    enabled: bool
    fallback_sms_enabled: bool
    fallback_sms_config: str | None
    fallback_sms_template: str
    fallback_on_causes: list[str]
    default_route: dict[str, Any] | None
    created_by: str | None
    updated_by: str | None
    inbound_webhook_token_set: bool
    credentials_set: bool
    credentials_known: bool | None = Field(
        description="Whether its HTTP carrier has said that it knows the credentials; null: not asked, or no answer."
    )
    capabilities: list[str]
    vendor_profile: str | None
    asterisk: str | None
    created_at: Stamp
    updated_at: Stamp


class TrunkCreated(TrunkData, json_schema_extra=like(_TRUNK)):
    """A voice provider was configured."""


class TrunkUpdated(TrunkData, json_schema_extra=like(_TRUNK, priority=5)):
    """A voice provider's configuration changed."""


class TrunkDeleted(TrunkData, json_schema_extra=like(_TRUNK)):
    """A voice provider was removed."""


class TrunkState(Payload, json_schema_extra=like(_STATE)):
    """How a trunk is, and why."""

    asterisk: str
    status: Literal["unknown", "up", "degraded", "down"]
    reason: str


class TrunkUp(TrunkState, json_schema_extra=like(_STATE)):
    """The trunk's carrier answers."""


class TrunkDown(TrunkState, json_schema_extra=like(_STATE, status="down", reason="unreachable")):
    """The trunk's carrier does not answer."""


class TrunkDegraded(TrunkState, json_schema_extra=like(_STATE, status="degraded", reason="answer_ratio")):
    """The trunk works, but badly."""


class TrunkWithRegistration(TrunkState, json_schema_extra=like(_STATE, registration="registered")):
    """What has become of a trunk's registration; null where it does not register any more."""

    registration: Literal["registered", "unregistered", "rejected", "unreachable"] | None


class TrunkRegistered(
    TrunkWithRegistration, json_schema_extra=like(_STATE, reason="registered", registration="registered")
):
    """The carrier has taken the trunk's registration."""


class TrunkUnregistered(
    TrunkWithRegistration, json_schema_extra=like(_STATE, status="down", reason="rejected", registration="rejected")
):
    """The trunk's registration has ended or was refused."""


class NumberData(Payload, json_schema_extra=like(_NUMBER)):
    """A number and its route."""

    id: str
    number: str
    provider_config: str
    name: str
    route: dict[str, Any]
    created_at: Stamp
    updated_at: Stamp


class NumberCreated(NumberData, json_schema_extra=like(_NUMBER)):
    """A telephone number was added to a trunk."""


class NumberUpdated(NumberData, json_schema_extra=like(_NUMBER)):
    """A telephone number or its route changed."""


class NumberDeleted(NumberData, json_schema_extra=like(_NUMBER)):
    """A telephone number was removed."""


class DeviceRegistration(Payload):
    """Whether a telephone is registered."""

    state: Literal["registered", "unregistered", "unknown"]


class DeviceData(Payload, json_schema_extra=like(_DEVICE)):
    """A telephone of a member, without what it registers with."""

    id: str
    user: str
    name: str
    kind: Literal["softphone", "uri"]
    transport: Literal["sip", "webrtc"] | None
    uri: str | None
    provider_config: str | None
    asterisk: str | None
    registration: DeviceRegistration
    created_at: Stamp


class DeviceCreated(DeviceData, json_schema_extra=like(_DEVICE)):
    """A telephone of a member was added."""


class DeviceDeleted(DeviceData, json_schema_extra=like(_DEVICE)):
    """A telephone of a member was removed."""


class AriConnected(Payload, json_schema_extra=like({}, asterisk="main", restart=False)):
    """The link to an Asterisk stands."""

    asterisk: str
    restart: bool


class AriLost(Payload, json_schema_extra=like({}, asterisk="main", reason="the connection was closed")):
    """The link to an Asterisk is broken."""

    asterisk: str
    reason: str


class AriReconciled(
    Payload,
    json_schema_extra=like(
        {}, asterisk="main", unknown=0, gap_ms=2140, restart=False, reason="the connection was closed", adopted=3,
        ended=1,
    ),
):  # fmt: skip
    """After a break the calls agree with Asterisk again."""

    asterisk: str
    unknown: Count
    gap_ms: Count | None
    restart: bool
    reason: str
    adopted: Count
    ended: Count
