"""Events that tell by which trunk or account a call goes, and why."""

from __future__ import annotations

from pydantic import Field

from jinaconnect.core.events.payloads.base import Payload, like
from jinaconnect.core.events.payloads.calls import FACT, CallState
from jinaconnect.core.schema import sample_id


class RouteCandidate(Payload):
    """A route that may carry a call."""

    provider_config: str
    route: str
    destination_prefix: str


class RouteSkipped(Payload):
    """A route that was passed over, and why: `disabled`, `full`, `trunk_down`, `unsupported` and the like."""

    provider_config: str
    route: str
    reason: str


_SKIPPED = {"provider_config": sample_id("trk"), "route": sample_id("ort"), "reason": "trunk_down"}
_ROUTED = {
    "provider_config": sample_id("trk"), "route": sample_id("ort"),
    "candidates": [
        {"provider_config": sample_id("trk"), "route": sample_id("ort"), "destination_prefix": "+1"},
    ],
    "skipped": [_SKIPPED],
}  # fmt: skip


class RouteDecision(Payload, json_schema_extra=like(_ROUTED)):
    """How a call is routed: what was chosen, all that may be tried in their order, and what was passed over."""

    provider_config: str
    route: str
    candidates: list[RouteCandidate]
    skipped: list[RouteSkipped]


class CallRouted(CallState, json_schema_extra=like({**FACT, "status": "QUEUED", **_ROUTED})):
    """The routes have said which provider config carries the call."""

    provider_config: str
    route: str
    candidates: list[RouteCandidate]
    skipped: list[RouteSkipped]


class CallRerouted(
    CallState,
    json_schema_extra=like({
        **FACT, "status": "QUEUED", "from": sample_id("trk"), "to": sample_id("trk"),
        "hangup_cause": "NETWORK_OUT_OF_ORDER", "skipped": [],
    }),
):  # fmt: skip
    """The call's carrier has failed it before anybody answered: it begins anew over the next of its routes."""

    source: str = Field(alias="from", description="The provider config that was tried.")
    to: str = Field(description="The provider config that is tried now.")
    hangup_cause: str
    skipped: list[RouteSkipped]
