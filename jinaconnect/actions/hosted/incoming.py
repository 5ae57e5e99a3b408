"""Calls that come in at an HTTP carrier: their row, once however often they are told, or their refusal.

A call is stored with its first turn in one durable write, which its carrier's answer waits for. Who calls is looked for
behind it: until that is known, what the call tells is `arriving` on it, and is told with its contact afterwards.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

from jinaconnect.actions.calls.admission import (
    TooManyCalls,
    belongs,
    caller_contact,
    consent,
    free_slots,
    in_slot,
    opened,
)
from jinaconnect.actions.calls.arrivals import numbers_of, route_of, tell_rejected
from jinaconnect.actions.calls.journal import CallJournal, Entry
from jinaconnect.actions.context import Context, Services, system_context
from jinaconnect.actions.hosted.control import HostedCalls, longest
from jinaconnect.actions.hosted.held import Held
from jinaconnect.actions.hosted.leading import BEFORE_ANY, Leader
from jinaconnect.actions.trunks.routes import purpose_at
from jinaconnect.actions.trunks.voice_app import voice_app, voice_app_id
from jinaconnect.actions.worker import Worker, retry_while_unavailable
from jinaconnect.core.calls import causes, machine
from jinaconnect.core.calls import document as calls
from jinaconnect.core.calls import plan as plans
from jinaconnect.core.calls.numbers import plus_form
from jinaconnect.core.calls.privacy import WITHHELD
from jinaconnect.core.calls.routing import Reject, Resolution, ToTemplate
from jinaconnect.core.errors import NotFound
from jinaconnect.core.events.event import Event
from jinaconnect.core.schema import e164
from jinaconnect.store.databases.mongo import Document
from jinaconnect.store.due import Claim, due_at
from jinaconnect.store.tenant import Change, Duplicate, applied
from jinaconnect.telephony.provider import Arrival

LOOKED_FOR = timedelta(seconds=10)  # a caller by whoever took the call, before another process does
ROUTE_S = 5.0  # how old the route of a number may be that a call goes by


class Arrivals:
    """Takes calls that come in."""

    def __init__(self, services: Services, worker: Worker, held: Held, leader: Leader, control: HostedCalls) -> None:
        self._services = services
        self._worker = worker
        self._held = held
        self._leader = leader
        self._control = control

    async def admit(self, trunk: Document, arrived: Arrival, *, opens: bool) -> tuple[CallJournal, bool] | None:
        """Store the call of what arrived; None when it is refused. Raises Unavailable.

        Tells besides whether it is new; with `opens` a new one is answered and at its first turn, where it has one.
        """
        ctx = system_context(self._services, trunk["scope"], "telephony")
        called, scope = _number(arrived.called), ctx.data.scope
        read = self._held.read
        app, rows = await asyncio.gather(
            read(f"{scope}/{voice_app_id(ctx.data.tenant)}", lambda: voice_app(ctx.data)),
            read(f"{scope}/number/{called}", lambda: numbers_of(ctx, called), ROUTE_S),
        )
        resolution, route = route_of(rows, trunk, called)
        place, cause = _stop(resolution)
        if not (app["is_enabled"] and trunk["enabled"]):
            cause = causes.NUMBER_UNALLOCATED
        if cause is None:
            plan = plans.Plan(purpose_at(route, place), record=trunk["recording_enabled"], route=route, place=place)
            try:
                return await self._let_in(ctx, trunk, arrived, called, app, plan, opens=opens), True
            except TooManyCalls:
                cause = causes.USER_BUSY
            except Duplicate as duplicate:  # told again, or twice at one moment
                if "arrived" not in duplicate.index:
                    raise
        if (call := await known(self._services, trunk, arrived.call_id)) is not None:
            return self._control.journal(call, behind=True), False
        caller = _number(arrived.caller) or WITHHELD
        await tell_rejected(
            ctx, trunk, caller=caller, called=called, cause=cause or causes.USER_BUSY, source=resolution.source,
            at=ctx.now(),
        )  # fmt: skip
        return None

    async def _let_in(
        self, ctx: Context, trunk: Document, arrived: Arrival, called: str, app: Document, plan: plans.Plan, *,
        opens: bool,
    ) -> CallJournal:  # fmt: skip
        caller, now = _number(arrived.caller) or WITHHELD, ctx.now()
        recorded = await consent(ctx, app, None, theirs=caller, own=called)
        # Else nothing of the first turn depends on who calls: whether they are recorded does.
        first = plan.record or not recorded
        contact = await caller_contact(ctx, caller) if first else None
        if contact is not None:
            recorded = await consent(ctx, app, contact, theirs=caller, own=called)
        hosted: dict[str, Any] = {**calls.hosted(trunk["provider"]), "asked": now, "arrived": arrived.call_id}
        doc = calls.new_call(
            ctx.ids.new("call"), direction=calls.INBOUND, from_number=caller[:24], to_number=called[:24],
            provider_config=trunk["_id"], switch=None, plan=plans.stored(plan), at=now,
            provider_call_id=arrived.call_id, placed_at=now, hosted=hosted,
            metadata={"recording_allowed": recorded}, **belongs(contact),
        )  # fmt: skip
        doc["due"] = due_at(now + longest(doc))
        journal = CallJournal(
            self._services, self._worker, {**doc, "scope": ctx.data.scope}, 0, self._held, behind=True
        )  # fmt: skip
        answered = [machine.Answered(now)]
        entry = (await self._leader.opening(journal, answered) if opens else None) or Entry()
        facts = (machine.Dialing(now), machine.Ringing(now), *entry.facts)
        doc, events = opened(ctx, self._worker, doc, source="carrier", facts=facts, tell=entry.tell)
        doc = applied(doc, entry.set, (), ())
        if not first:
            doc |= {"arriving": [each.row() for each in events], "due": due_at(now + LOOKED_FOR)}
            events = []
        slots = f"{ctx.data.scope}/{trunk['_id']}/slots"
        cap = trunk["max_concurrent_calls"]
        free = await self._held.read(slots, lambda: free_slots(ctx, trunk["_id"], cap)) if cap > 0 else None
        written = await in_slot(ctx, trunk, doc, events, thought_free=free, tell=False)
        journal.doc = {**written.doc, "pending": []}
        self._held.hold(journal.doc)
        self._held.tell(written.doc)
        if not first:
            self._worker.run(self.recognise(journal.doc))
        if opens and not entry.facts:
            await self._leader.turn(journal, BEFORE_ANY, (), answered)
        return journal

    async def recognise(self, call: Document) -> None:
        """Look for who calls and tell of the call, once however often it is asked."""
        ctx, found = system_context(self._services, call["scope"], "telephony"), False
        mine: dict[str, Any] = {}

        def decide(doc: Document) -> Change | None:
            nonlocal found
            found = doc.get("arriving") is not None
            if not found:
                return None
            over = calls.ended(doc)
            due = due_at(ctx.now() if over else doc["placed_at"] + longest(doc))
            events = [_of_contact(Event.of_row(row), doc, mine) for row in doc["arriving"]]
            return Change(set={**mine, "due": due, "updated_at": doc["updated_at"]}, unset=("arriving",), events=events)

        async def write() -> None:
            contact, app = await caller_contact(ctx, call["from_number"]), await voice_app(ctx.data)
            mine.update(belongs(contact))
            if not await consent(ctx, app, contact, theirs=call["from_number"], own=call["to_number"]):
                mine["metadata.recording_allowed"] = False  # they live elsewhere than their number says
            present = self._held.call(call["_id"], call["scope"], None) or call
            written = await ctx.data.change("calls", call["_id"], decide, known=present, tell=False)
            if found:
                self._held.hold({**written.doc, "pending": []})
                self._held.tell(written.doc)
                if calls.ended(written.doc):
                    self._worker.run_now("calls", call["scope"], call["_id"])

        try:
            await retry_while_unavailable(write)
        except NotFound:  # removed meanwhile
            return

    async def attend(self, claim: Claim) -> None:
        """Look for the caller of a call whose process did not come to it."""
        await self.recognise(claim.doc)


def _of_contact(event: Event, call: Document, mine: dict[str, Any]) -> Event:
    """Return an event of a call with whose it is."""
    data = event.data
    if event.type == "call.created":
        data = {**data, "contact": mine["contact"]}
    return replace(event, contact=mine["contact"], seen=calls.seen_of({**call, **mine}), data=data)


async def known(services: Services, trunk: Document, call_id: str) -> Document | None:
    """Return the call that came in under a carrier's id, None where none did."""
    wanted = {"provider_config": trunk["_id"], "hosted.arrived": call_id}
    return await services.store.within(trunk["scope"]).find_one("calls", wanted) if call_id else None


def _stop(resolution: Resolution) -> tuple[int, str | None]:
    """Return the stop of a route that answers here, or why none does: telephones of ours are not rung from there."""
    for place, stop in enumerate(resolution.route):
        if isinstance(stop, ToTemplate):
            return place, None
        if isinstance(stop, Reject):
            return place, stop.cause
    return 0, causes.NUMBER_UNALLOCATED


def _number(text: str) -> str:
    try:
        return e164(text) if text else ""
    except ValueError:
        return plus_form(text)
