"""One call's document as its keeper holds it: facts go in, the document and its history are written together.

A call has one keeper at a time (the owner of its switch), so the document in hand is the present one; if it is not,
the write notices and decides again. An owner that was stopped and overtaken is found out by the `keeper` in the call,
the generation of the lease it is kept under.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Protocol

from jinaconnect.actions.context import Services
from jinaconnect.actions.worker import Worker, retry_while_unavailable
from jinaconnect.core.calls import history, machine
from jinaconnect.core.calls import plan as plans
from jinaconnect.core.calls.choosing import fails_over
from jinaconnect.core.calls.document import ended, render_call, seen_of
from jinaconnect.core.errors import Unavailable
from jinaconnect.core.events.event import Event
from jinaconnect.core.principal import system_actor
from jinaconnect.store.databases.mongo import Document
from jinaconnect.store.due import due_at
from jinaconnect.store.tenant import Change, TenantStore

MOST_NOTES = 50  # details kept in memory before they are written
_SYSTEM_FACTS = ("call.dialing",)


@dataclass(frozen=True, slots=True)
class Tell:
    """An event of the call that is no fact of its machine; `actor` None is the gateway itself."""

    type: str
    payload: Mapping[str, Any] = field(default_factory=dict)
    source: str = "system"
    actor: Mapping[str, str] | None = None
    at: datetime | None = None
    inferred: bool = False


@dataclass(frozen=True, slots=True)
class Entry:
    """What one write brings: facts for the machine, events besides, fields.

    With `afresh` the call begins anew, over another carrier: what was due of it before is not, nor is its slot its own.
    """

    facts: Sequence[machine.Fact] = ()
    tell: Sequence[Tell] = ()
    set: Mapping[str, Any] = field(default_factory=dict)
    afresh: bool = False


Decide = Callable[[Document], Entry | None]


def created_event(id: str, call: Document, *, at: datetime, actor: Mapping[str, str], source: str) -> Event:
    """Return the event of a call that is about to be stored: its first, at the first place of its history."""
    return Event(
        id=id, type="call.created", occurred_at=at, actor=actor, subject=call["_id"], data=render_call(call),
        contact=call["contact"], call=call["_id"], channel="VOICE", seen=seen_of(call),
        history=history.entry(1, 1, source, inferred=False),
    )  # fmt: skip


class Overtaken(Exception):
    """Another process keeps the call now; what this one wanted to write is not written."""


class Holder(Protocol):
    """Holds calls as they were written last, for whoever writes them next, and tells of them."""

    def hold(self, doc: Document) -> None:
        """Remember a call as it has just been written."""

    def tell(self, doc: Document) -> None:
        """Bring what a call has `pending` to the log, in a while and in the call's order."""


class CallJournal:
    """Writes one call; with a `holder` each write is held by it, and told of by it where it is `behind`."""

    def __init__(
        self, services: Services, worker: Worker, doc: Document, keeper: int, holder: Holder | None = None, *,
        behind: bool = False, fresh: bool = True,
    ) -> None:  # fmt: skip
        self._services = services
        self._worker = worker
        self._keeper = keeper
        self._holder = holder
        self._behind = behind
        self.fresh = fresh  # whether `doc` was read for this journal, or written or read by it
        self.doc = doc
        self._over = doc["provider_config"]  # the carrier whose attempt this writes of
        self.store: TenantStore = services.store.within(doc["scope"])
        self.carrier = "carrier" if self.store.mode == "test" or doc.get("hosted") else "ari"
        self._actor = system_actor("telephony")
        self._notes: list[tuple[str, str, datetime, Mapping[str, Any]]] = []
        self._held: tuple[list[machine.Fact], list[Tell], dict[str, Any]] = ([], [], {})

    @property
    def id(self) -> str:
        """The call's id."""
        return str(self.doc["_id"])

    @property
    def over(self) -> bool:
        """Whether the call has ended."""
        return ended(self.doc)

    def note(self, type: str, detail: Mapping[str, Any], *, source: str | None = None) -> None:
        """Keep a detail for the timeline; it is written with what follows."""
        self._notes.append((source or self.carrier, type, self._services.clock(), detail))

    def hold(self, *facts: machine.Fact, tell: Sequence[Tell] = (), set: Mapping[str, Any] | None = None) -> None:
        """Keep facts for the next write, which follows within the same turn of the call (`settle`)."""
        self._held[0].extend(facts)
        self._held[1].extend(tell)
        self._held[2].update(set or {})

    async def settle(self) -> None:
        """Write what is held."""
        if any(self._held):
            await self.write()

    async def write(
        self, *facts: machine.Fact, tell: Sequence[Tell] = (), set: Mapping[str, Any] | None = None,
    ) -> None:  # fmt: skip
        """Apply facts, tell events and set fields in one write, after what is held.

        Waits while the database is away; raises Unavailable when that takes too long, and holds everything still.
        Raises Overtaken, having written nothing, where a later owner of the switch keeps the call.
        """
        self.hold(*facts, tell=tell, set=set)
        held, self._held = self._held, ([], [], {})
        entry, details = Entry(*held), self._details()
        try:
            await retry_while_unavailable(lambda: self._write(lambda doc: entry, details))
        except Unavailable:
            self._held = held
            raise
        await self._flush_if_due()

    async def decide(self, decide: Decide) -> None:
        """Write what `decide` makes of the call as it is now, asked again when the call has moved; None is nothing.

        For calls that several processes hear of. Raises as `write`.
        """
        details = self._details()
        await retry_while_unavailable(lambda: self._write(decide, details))
        await self._flush_if_due()

    async def _flush_if_due(self) -> None:
        if self._notes and (self.over or len(self._notes) >= MOST_NOTES):
            await self.flush()

    def begun(
        self, facts: Sequence[machine.Fact], tell: Sequence[Tell] = ()
    ) -> tuple[dict[str, Any], list[Event]]:  # fmt: skip
        """Return what facts make of a call that is about to be stored: fields and events, for the same write."""
        before = machine.Call.of(self.doc)
        after, emitted = machine.fold(before, list(facts))
        tells = [*(self._emitted(item) for item in emitted), *tell]
        fields, events = self._counted(self.doc, tells, [], after.status)
        return {**machine.changed(before, after), **fields}, events

    def _counted(
        self, doc: Document, tells: Sequence[Tell], ids: list[str], status: str
    ) -> tuple[dict[str, Any], list[Event]]:
        """Return a call's counts after events at its next places, and the events; `ids` grows as needed."""
        ids.extend(self._services.ids.new("evt") for _ in tells[len(ids) :])
        events = [
            self._event(ids[n], doc, item, doc["places"] + n + 1, doc["events"] + n + 1, status)
            for n, item in enumerate(tells)
        ]
        return {"places": doc["places"] + len(tells), "events": doc["events"] + len(tells)}, events

    async def _write(self, wanted: Decide, details: Sequence[Document]) -> None:
        told = afresh = False
        ids: list[str] = []  # an event keeps its id when its document has moved and it is decided again

        def decide(doc: Document) -> Change | None:
            nonlocal told, afresh
            told = afresh = False
            if doc.get("keeper", 0) > self._keeper:
                raise Overtaken(self.id)
            entry = wanted(doc)
            if entry is None:
                return None
            failed_before = doc.get("rerouting") is not None or doc["provider_config"] != self._over
            if failed_before and "rerouting" not in entry.set:
                # What is known of an attempt that has failed changes nothing; that nobody wants the call any more does.
                entry = Entry([each for each in entry.facts if isinstance(each, machine.CancelRequested)])
            before = machine.Call.of(doc)
            after, emitted = machine.fold(before, list(entry.facts))
            unset = tuple(name for name in ("due", "slot") if entry.afresh and name not in entry.set)
            fields = dict(entry.set)
            if (failed := failed_attempt(doc, before, after)) is not None and not plans.of(doc).connects:
                after, emitted, unset = before, (), ("slot", "live_on")
                fields |= {"rerouting": failed, "due": due_at(self._services.clock())}
            tells = [*(self._emitted(item) for item in emitted), *entry.tell]
            fields = {**machine.changed(before, after), **fields}
            if not fields and not tells:
                return None
            afresh = entry.afresh
            if after.ended and not before.ended:
                unset = ("slot", "live_on")
                # What is told behind the write comes before what follows from the end: that is claimed in a while.
                fields["due"] = due_at(self._services.clock()) if self._behind else self._worker.taken()
            fields.setdefault("keeper", self._keeper)
            counts, events = self._counted(doc, tells, ids, fields.get("status", after.status))
            told = bool(events)
            if events:  # what led to an event is there for whoever hears of it
                events[0] = replace(events[0], history={**(events[0].history or {}), "details": details})
            if (arriving := doc.get("arriving")) is not None:  # told when it is known who calls, after what was before
                fields["arriving"] = [*arriving, *(event.row() for event in events)]
                events = []
            return Change(set={**fields, **counts}, unset=unset, events=events)

        known, tell = self.doc, not self._behind
        written = await self.store.change("calls", self.id, decide, known=known, tell=tell)
        self.doc = {**written.doc, "pending": []}  # told by now, or in a while
        if afresh:
            self._over = self.doc["provider_config"]
        self.fresh = self.fresh or written.doc["rev"] != known["rev"]
        if self._holder is not None:
            self._holder.hold(self.doc)
            if self._behind:
                self._holder.tell(written.doc)
        if told:
            del self._notes[: len(details)]
        if (self.over or written.doc.get("rerouting") is not None) and "due" in written.doc:
            self._worker.run_taken("calls", written.doc)

    def _emitted(self, item: machine.Emitted) -> Tell:
        payload = dict(item.payload)
        inferred = bool(payload.pop("inferred", False))
        source = self.carrier
        if inferred or item.type in _SYSTEM_FACTS:
            source = "system"
        elif "sip_code" in payload:
            source = "sip"
        return Tell(item.type, payload, source, at=item.at, inferred=inferred)

    def _event(self, id: str, doc: Document, item: Tell, place: int, sequence: int, status: str) -> Event:
        return Event(
            id=id, type=item.type, occurred_at=item.at or self._services.clock(), actor=item.actor or self._actor,
            subject=doc["_id"], data={**item.payload, "status": status, "inferred": item.inferred},
            contact=doc["contact"], call=doc["_id"], channel="VOICE", seen=seen_of(doc),
            history=history.entry(place, sequence, item.source, inferred=item.inferred),
        )  # fmt: skip

    async def take(self) -> None:
        """Keep the call from now on: whoever kept it before can write nothing any more."""
        await self.write(set={"keeper": self._keeper})

    def _details(self) -> list[Document]:
        """Return the rows of the details kept so far."""
        first = self.doc["places"] + 1
        return [
            history.detail_row(self._services.ids.new("cev"), self.id, first + n, source, type, at, detail)
            for n, (source, type, at, detail) in enumerate(self._notes)
        ]

    def flush_behind(self) -> None:
        """Have the details written that no event has taken along, without waiting for it."""
        if self._notes:
            self._worker.run(self.flush())

    async def flush(self) -> None:
        """Write the details that no event has taken along."""
        rows, self._notes = self._details(), []
        if rows:
            await retry_while_unavailable(lambda: self.store.insert_many("call_events", [(row, ()) for row in rows]))


def failed_attempt(doc: Mapping[str, Any], before: machine.Call, after: machine.Call) -> dict[str, Any] | None:
    """Return how an attempt has failed after which the call's next route is tried, None where it ends, or goes on.

    A call in which somebody waits for the customer is kept by its switch's owner all the while, who tries the route.
    """
    left = (doc.get("routing") or {}).get("left")
    if not left or not after.ended or before.ended or after.status != machine.FAILED or after.ending:
        return None
    if not fails_over(after.hangup_cause, after.sip_code, answered=after.started_at is not None):
        return None
    assert after.ended_at is not None
    return {"cause": after.hangup_cause, "sip_code": after.sip_code, "at": after.ended_at}
