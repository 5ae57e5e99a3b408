"""A call as it is kept and as it is shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from decimal import Decimal
from typing import Any

from jinaconnect.core.billing.money import shown
from jinaconnect.core.calls.machine import TERMINAL, Call
from jinaconnect.core.clock import iso, iso_or_none
from jinaconnect.core.events.event import ASSIGNEE, CONTACT, Visibility

INBOUND, OUTBOUND = "inbound", "outbound"
RING_S, MAX_DURATION_S = 30, 3600
RECENT = 20

# States of a call's recording; one that was asked for may not have begun.
ASKED, RECORDING, PAUSED, STOPPED = "asked", "recording", "paused", "stopped"

# States of a leg.
NEW, DIALING, RINGING, UP, ENDED = "new", "dialing", "ringing", "up", "ended"


def new_call(
    id: str, *, direction: str, from_number: str, to_number: str, provider_config: str | None, switch: str | None,
    plan: Mapping[str, Any], at: datetime, **fields: Any,
) -> dict[str, Any]:  # fmt: skip
    """Return a call's document, QUEUED, with every field at its default.

    `plan` says what to do when it is answered, `switch` who carries it, None for a `hosted` call, which lives at its
    carrier; `legs` are its parties by name, `places` and `events` count its history.
    """
    return {
        "_id": id, **asdict(Call()), "provider_config": provider_config, "provider_call_id": f"pending-{id}",
        "direction": direction, "from_number": from_number, "to_number": to_number, "contact": None,
        "parent_call": None, "flow_session": None, "broadcast": None, "team_inbox_message": None,
        "recording_url": "", "recording_duration_seconds": None, "cost_amount": None, "cost_currency": "",
        "cost_source": "", "metadata": {}, "user": None, "seen": {CONTACT: False, ASSIGNEE: None}, "live_on": switch,
        "carried_by": switch, "plan": dict(plan), "timeout_s": RING_S, "max_duration_s": MAX_DURATION_S, "legs": {},
        "ivr": None, "record": None, "hosted": None, "routing": None, "held": False, "muted": [], "transfer": None,
        "places": 0, "events": 0, "created_at": at, "updated_at": at, **fields,
    }  # fmt: skip


def hosted(provider: str) -> dict[str, Any]:
    """Return what is kept of a call at an HTTP carrier: when it was asked for it, which recordings it has told of."""
    return {"provider": provider, "asked": None, "recordings": []}


def leg(role: str, *, endpoint: str = "", to: str = "", channel: str | None = None, **facts: Any) -> dict[str, Any]:
    """Return a leg of a call: `role` customer, agent or party; `room` the part of the call's rooms it is in."""
    return {
        "role": role, "endpoint": endpoint, "to": to, "channel": channel, "state": NEW, "room": None, "user": None,
        "device": None, "number": None, "child": None, "purpose": "", **facts,
    }  # fmt: skip


def ended(doc: Mapping[str, Any]) -> bool:
    """Tell whether a call is over."""
    return doc["status"] in TERMINAL


def seen_of(doc: Mapping[str, Any]) -> Visibility:
    """Return who may see a call's events: as its contact's, and whoever placed or holds it."""
    return Visibility(doc["seen"][CONTACT], doc["seen"][ASSIGNEE], doc["user"])


def render_call(doc: Mapping[str, Any], events: Sequence[Mapping[str, Any]] | None = None) -> dict[str, Any]:
    """Return a call as it is answered; `events` are the last of its history, by sequence."""
    shown = {
        "id": doc["_id"], "provider_config": doc["provider_config"], "provider_call_id": doc["provider_call_id"],
        "direction": doc["direction"], "from_number": doc["from_number"], "to_number": doc["to_number"],
        "contact": doc["contact"], "parent_call": doc["parent_call"], "flow_session": doc["flow_session"],
        "broadcast": doc["broadcast"], "team_inbox_message": doc["team_inbox_message"], "status": doc["status"],
        "started_at": iso_or_none(doc["started_at"]), "ended_at": iso_or_none(doc["ended_at"]),
        "duration_seconds": doc["duration_seconds"], "hangup_cause": doc["hangup_cause"], "sip_code": doc["sip_code"],
        "inferred": doc["inferred"], "recording_url": doc["recording_url"],
        "recording_duration_seconds": doc["recording_duration_seconds"],
        "cost_amount": None if doc["cost_amount"] is None else float(doc["cost_amount"]),
        "cost_currency": doc["cost_currency"], "cost_source": doc["cost_source"], "cost": _cost(doc),
        "provider_cost": _provider_cost(doc), "metadata": doc["metadata"],
        "user": doc["user"], "asterisk": doc["carried_by"], "template": doc["plan"].get("template"),
        "held": doc["held"], "muted": list(doc["muted"]),
        "recording": _recording(doc["record"]),
        "legs": [
            {"name": name, "role": each["role"], "state": each["state"], "user": each["user"],
             "device": each["device"], "number": each["number"], "call": each["child"]}
            for name, each in doc["legs"].items()
        ],
        "created_at": iso(doc["created_at"]), "updated_at": iso(doc["updated_at"]),
    }  # fmt: skip
    return shown if events is None else {**shown, "recent_events": list(events)}


def _cost(doc: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return what a call costs: by whom, by which card, and what the wallet was charged for it."""
    if doc["cost_amount"] is None:
        return None
    rated, charge = doc.get("rated") or {}, doc.get("charge") or {}
    settled = charge.get("settled")
    return {
        "amount": float(doc["cost_amount"]), "currency": doc["cost_currency"], "source": doc["cost_source"],
        "rate_card": rated.get("card"), "billable_seconds": rated.get("billable_seconds"),
        "charged": None if settled is None else shown(settled),
        "charged_currency": None if settled is None else charge["currency"],
    }  # fmt: skip


def _provider_cost(doc: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return what the carrier says a call costs; `difference` is how much more that is than ours, in one currency."""
    told = doc.get("provider_cost")
    if told is None:
        return None
    comparable = doc["cost_amount"] is not None and doc["cost_currency"] == told["currency"]
    difference = Decimal(told["amount"]) - Decimal(doc["cost_amount"]) if comparable else None
    return {
        "amount": float(told["amount"]), "currency": told["currency"], "source": told["source"],
        "difference": None if difference is None else float(difference), "at": iso(told["at"]),
    }  # fmt: skip


def _recording(held: Mapping[str, Any] | None) -> dict[str, Any] | None:
    return None if held is None or held["state"] == ASKED else {"id": held["id"], "state": held["state"]}
