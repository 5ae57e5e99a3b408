"""Events of outbound webhooks: endpoints, and deliveries that came to nothing."""

from __future__ import annotations

from typing import Literal

from jinaconnect.core.events.payloads.base import EARLIER, MOMENT, Count, Payload, Stamp, like
from jinaconnect.core.schema import sample_id

_ENDPOINT = {
    "id": sample_id("hep"), "url": "https://shop.example.com/hooks", "description": "Shop",
    "events": ["message.*", "call.completed"], "topics": None, "is_active": True, "status": "active",
    "disabled_reason": None, "disabled_at": None, "owner": {"type": "user", "id": sample_id("usr")},
    "former_secret_until": None, "replay": None, "created_by": "sam@example.com", "created_at": EARLIER,
    "updated_at": MOMENT,
}  # fmt: skip
_MISSED = {"id": sample_id("hep"), "first_seq": 12, "last_seq": 40}
_FAILED = {
    "id": sample_id("dlv"), "endpoint": sample_id("hep"), "event": sample_id("evt"), "type": "message.received",
    "seq": 1042, "attempts": 10, "response_code": 500,
}  # fmt: skip


class EndpointOwner(Payload):
    """In whose name an endpoint works: it is told what they may see."""

    type: Literal["user", "api_key"]
    id: str


class EndpointReplay(Payload):
    """A part of the log that is told once more."""

    id: str
    after: str
    until: str


class EndpointData(Payload, json_schema_extra=like(_ENDPOINT)):
    """An endpoint that events are posted to."""

    id: str
    url: str
    description: str | None
    events: list[str]
    topics: list[str] | None
    is_active: bool
    status: Literal["active", "paused", "disabled"]
    disabled_reason: Literal["failing", "gone", "access_withdrawn"] | None
    disabled_at: Stamp | None
    owner: EndpointOwner
    former_secret_until: Stamp | None
    replay: EndpointReplay | None
    created_by: str | None
    created_at: Stamp
    updated_at: Stamp


class EndpointCreated(EndpointData, json_schema_extra=like(_ENDPOINT)):
    """An endpoint was added."""


class EndpointUpdated(EndpointData, json_schema_extra=like(_ENDPOINT, is_active=False, status="paused")):
    """An endpoint was changed, paused or resumed, or has another secret."""


class EndpointDisabled(
    EndpointData,
    json_schema_extra=like(
        _ENDPOINT, is_active=False, status="disabled", disabled_reason="failing", disabled_at=MOMENT
    ),
):
    """An endpoint was switched off: it failed for too long, is gone, or its owner's access ended."""


class EndpointDeleted(EndpointData, json_schema_extra=like(_ENDPOINT)):
    """An endpoint was removed."""


class EndpointMissed(Payload, json_schema_extra=like(_MISSED)):
    """Events were forgotten before an endpoint could be told of them."""

    id: str
    first_seq: Count
    last_seq: Count


class DeliveryFailed(Payload, json_schema_extra=like(_FAILED)):
    """An event was not taken by an endpoint however often it was posted, while others were."""

    id: str
    endpoint: str
    event: str
    type: str
    seq: Count
    attempts: Count
    response_code: int | None
