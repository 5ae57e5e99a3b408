"""Calls whose carrier failed them before anybody answered: the next of their routes is tried, or they end.

That an attempt has failed for good stands in the call (`rerouting`) before another begins, so that there is never more
than one; an attempt whose carrier never said what became of it does not fail over. A call in which somebody waits for
the customer stays with its switch's owner, who goes on with `over_next` while the waiting telephone stays where it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from jinaconnect.actions.calls.admission import consent, free_slots
from jinaconnect.actions.calls.journal import CallJournal, Entry, Tell
from jinaconnect.actions.calls.outbound_routes import FULL, Stands, cannot, standing_by
from jinaconnect.actions.context import Context, Services, system_context
from jinaconnect.actions.ports import CallControls
from jinaconnect.actions.trunks.targets import trunk_target
from jinaconnect.actions.trunks.voice_app import voice_app
from jinaconnect.actions.worker import Worker
from jinaconnect.core.calls import document, machine
from jinaconnect.store.databases.mongo import Document
from jinaconnect.store.due import Claim, due_at
from jinaconnect.store.tenant import Duplicate
from jinaconnect.telephony.switch import CUSTOMER
from jinaconnect.telephony.table import row

# A call begins anew with its next carrier.
_AFRESH: Mapping[str, Any] = {
    "status": machine.QUEUED, "dialing_at": None, "ringing_at": None, "heard_q850": None, "heard_sip": None,
    "rerouting": None,
}  # fmt: skip
_NOBODY: Mapping[str, Any] = {"legs": {}, "ivr": None, "keeper": 0}


class Rerouter:
    """Tries the next route (work of the collection `calls`)."""

    def __init__(self, services: Services, worker: Worker, controls: CallControls) -> None:
        self._services = services
        self._worker = worker
        self._controls = controls

    async def attend(self, claim: Claim) -> None:
        """Have a call go its next route that can carry it, else let it end as its last attempt did."""
        call = claim.doc
        ctx = system_context(self._services, call["scope"], "telephony")
        journal = CallJournal(self._services, self._worker, call, keeper=call.get("keeper", 0))
        failed = call["rerouting"]
        trunk = await over_next(ctx, journal, failed, standing_by(self._controls), waits=False)
        if trunk is not None:
            self._controls.over(trunk).place(journal.doc)
        elif journal.doc.get("rerouting") is not None:  # else another was first, or it has ended
            end = machine.Hangup(failed["at"], cause=failed["cause"], sip_code=failed["sip_code"])
            await journal.write(end, set={"rerouting": None, "routing.left": []})


async def over_next(
    ctx: Context, journal: CallJournal, failed: Mapping[str, Any], stands: Stands, *, waits: bool
) -> Document | None:
    """Write that a call begins anew over the next of its routes that can carry it, and return its trunk.

    None where none can, or the call has moved on meanwhile. `failed` is how the last attempt ended; with `waits` the
    legs of those who wait for the customer stay.
    """
    call = journal.doc
    left = list(call["routing"]["left"])
    skipped: list[dict[str, Any]] = []
    while left and _wanted(journal.doc, waits):
        option = left.pop(0)
        trunk = await ctx.data.find("trunks", option["provider_config"])
        reason = await cannot(stands, trunk, option["own"])
        if reason is None and trunk is not None:
            cap = trunk["max_concurrent_calls"]
            slots = await free_slots(ctx, trunk["_id"], cap) if cap > 0 else [None]
            told = {"from": call["provider_config"], "to": trunk["_id"], "hangup_cause": failed["cause"],
                    "skipped": skipped}  # fmt: skip
            recorded = await _recorded(ctx, call, option["own"] or trunk["from_numbers"][0])
            for slot in slots:
                fields = _over(ctx.services, call, trunk, option, left, slot, ctx.now(), waits=waits) | recorded
                if await _move(journal, fields, told, waits=waits):
                    return trunk
                if not _wanted(journal.doc, waits):
                    return None
            reason = FULL
        skipped.append({"provider_config": option["provider_config"], "route": option["route"], "reason": reason})
    journal.note("routes_exhausted", {"skipped": skipped}, source="system")
    return None


async def _recorded(ctx: Context, call: Document, own: str) -> dict[str, Any]:
    """Return the field of a call that goes on from another number of ours, which may be where everybody is asked."""
    contact = await ctx.data.find("contacts", call["contact"]) if call["contact"] else None
    allowed = await consent(ctx, await voice_app(ctx.data), contact, theirs=call["to_number"], own=own)
    return {"metadata.recording_allowed": allowed and bool(call["metadata"].get("recording_allowed", True))}


def _wanted(doc: Document, waits: bool) -> bool:
    return (waits or doc.get("rerouting") is not None) and not doc["ending"] and not document.ended(doc)


async def _move(journal: CallJournal, fields: Mapping[str, Any], told: Mapping[str, Any], *, waits: bool) -> bool:
    """Write that a call goes another way; False where its slot is taken or the call has moved on."""
    moved = False

    def decide(doc: Document) -> Entry | None:
        nonlocal moved
        moved = _wanted(doc, waits)
        return Entry((), [Tell("call.rerouted", told)], fields, afresh=True) if moved else None

    try:
        await journal.decide(decide)
    except Duplicate as duplicate:
        if "slot" not in duplicate.index:
            raise
        return False
    return moved


def _over(
    services: Services, call: Document, trunk: Document, option: Mapping[str, Any], left: list[dict[str, Any]],
    slot: int | None, now: datetime, *, waits: bool,
) -> dict[str, Any]:  # fmt: skip
    """Return the fields of a call that goes over a trunk."""
    spec, own = row(trunk["provider"]).spec, option["own"] or trunk["from_numbers"][0]
    reached = trunk_target(services, trunk, call["to_number"], own)
    held = call.get("hosted") or {}
    hosted = {**document.hosted(spec.name), **({"detect": True} if held.get("detect") else {})}
    stay = {"legs": {name: each for name, each in call["legs"].items() if name != CUSTOMER}} if waits else _NOBODY
    return {
        **_AFRESH, **stay, "provider_config": trunk["_id"], "provider_call_id": f"pending-{call['_id']}",
        "from_number": own, "plan.target": dict(reached.dialled), "plan.caller": reached.caller,
        "live_on": trunk["asterisk"], "carried_by": trunk["asterisk"], "queued_at": now,
        "hosted": hosted if spec.hosted else None, "routing.left": left,
        **({"slot": slot} if slot is not None else {}), **({"due": due_at(now)} if spec.hosted else {}),
    }  # fmt: skip
