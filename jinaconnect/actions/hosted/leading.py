"""What a hosted call says next: its IVR or its announcement, one turn for each time its carrier asks.

Everything stands in the call's document, so any process answers any callback, and a restart is nothing to go on from.
A turn is stepped once: whoever repeats a callback of a turn that is over gets the present turn's document.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from jinaconnect.actions.calls.journal import CallJournal, Entry, Tell
from jinaconnect.actions.context import Services
from jinaconnect.actions.hosted import seconds
from jinaconnect.actions.hosted.held import Held
from jinaconnect.actions.ivr.prompts import PromptStore, PromptUnavailable
from jinaconnect.actions.ivr.templates import load_graph
from jinaconnect.actions.ivr.web_call import ask_web
from jinaconnect.actions.worker import Worker
from jinaconnect.core.calls import causes, machine
from jinaconnect.core.calls import document as calls
from jinaconnect.core.calls import plan as plans
from jinaconnect.core.ivr import exchange, turns
from jinaconnect.core.ivr import machine as ivr
from jinaconnect.core.ivr.exchange import Order, Report
from jinaconnect.core.ivr.graph import Graph
from jinaconnect.store.databases.mongo import Document
from jinaconnect.store.due import due_at

ASK_JOB = "voice.hosted.ask"
Facts = Sequence[machine.Fact]
NOTHING: Mapping[str, Any] = {}
MOST_TEMPLATES = 20  # an IVR goes through within one turn
BEFORE_ANY = -1  # the turn of a webhook that tells of a call before it was given any
MOST_REPORTS = 64  # of one callback: more than any question takes keys
LOST = (exchange.Say("We are sorry, this call cannot go on. Goodbye."), exchange.HangUp(causes.INTERWORKING))
TOUCH_MS = 100  # what a digit is said to have lasted: carriers that gather do not tell


@dataclass(frozen=True, slots=True)
class Turn:
    """What is answered: the present turn's number and its orders; none of them ends the call."""

    number: int
    orders: Sequence[Order] = ()


class Leader:
    """Leads hosted calls."""

    def __init__(self, services: Services, worker: Worker, prompts: PromptStore, held: Held) -> None:
        self._services = services
        self._held = held
        self._worker = worker
        self._prompts = prompts

    async def turn(
        self, journal: CallJournal, number: int, reports: Sequence[Report], facts: Facts,
        kept: Mapping[str, Any] = NOTHING,
    ) -> Turn:  # fmt: skip
        """Take what a callback of turn `number` tells and return what the carrier is to do now.

        A call whose graph is gone says that it is sorry, and ends. A step writes `kept` to the call's `ivr`, where it
        stays until the next one.
        """
        reports = reports[:MOST_REPORTS]
        while True:
            call = journal.doc
            held = call["ivr"]
            if calls.ended(call) or call["ending"]:
                await journal.write(*facts)
                return Turn(number)
            if held is not None and number != held["state"]["turn"]:
                await journal.write(*facts)
                return _present(held)
            if held is not None and not reports and held["state"]["phase"] in (ivr.HTTP, ivr.OVER):
                await journal.write(*facts)
                await self._ask(journal.doc)
                return _present(held)
            if await self._step(journal, reports, facts, kept):
                break
        if journal.doc["ending"] and journal.doc["ivr"] == held:
            return Turn(max(number, 0) + 1, LOST)
        return await self.now(journal, number)

    async def now(self, journal: CallJournal, number: int = BEFORE_ANY) -> Turn:
        """Return the turn a call has just come to, with what that takes besides; `number` where it is at none."""
        await self._ask(journal.doc)
        return _present(journal.doc["ivr"]) if journal.doc["ivr"] else Turn(number)

    async def opening(self, journal: CallJournal, facts: Facts) -> Entry | None:
        """Return what the first turn of a call brings that is about to be stored; None where it has no good one."""
        found = await self._next(journal, ())
        if found is None or turns.failed(found[1]) is not None:
            return None
        return await self._entry(journal, found, (), facts)

    def present(self, journal: CallJournal) -> Turn:
        """Return the turn a call is at."""
        return _present(journal.doc["ivr"])

    async def _step(
        self, journal: CallJournal, reports: Sequence[Report], facts: Facts, kept: Mapping[str, Any]
    ) -> bool:
        """Make one step of the IVR; False where somebody else made it meanwhile."""
        seen = journal.doc["ivr"]
        entry = await self._entry(journal, await self._next(journal, reports), reports, facts, kept)
        made = False

        def decide(doc: Document) -> Entry | None:
            nonlocal made
            made = doc["ivr"] == seen and not (calls.ended(doc) or doc["ending"])
            return entry if made else None

        await journal.decide(decide)
        return made

    async def _entry(
        self, journal: CallJournal, found: tuple[str, ivr.Step] | None, reports: Sequence[Report], facts: Facts,
        kept: Mapping[str, Any] = NOTHING,
    ) -> Entry:  # fmt: skip
        """Return what a step brings to its call."""
        seen, now = journal.doc["ivr"], self._services.clock()
        digits = [
            machine.Digit(now, digit=each.digit, duration_ms=TOUCH_MS)
            for each in reports
            if isinstance(each, exchange.Digit)
        ]
        if found is None:
            return Entry([*facts, *digits, machine.Faulted(now, cause=causes.INTERWORKING)])
        template, step = found
        step = replace(step, orders=await self._fetchable(journal, step.orders))
        cause = turns.failed(step)
        state = {
            "template": template, "state": step.state.to_json(), "orders": turns.to_json(step.orders), **kept
        }  # fmt: skip
        if seen is not None and "transfer" in seen:
            state["transfer"] = seen["transfer"]
        ends = [] if cause is None else [machine.Faulted(now, cause=cause)]
        dialled = seconds.after(journal.doc, self._services.ids.new("call"), reports, step.orders)
        first = {"hosted.first": step.state.turn} if seen is None else {}
        both = seconds.connected(journal.doc, reports, now)
        self._notes(journal, step)
        fields = {"ivr": state, **dialled, **first}
        return Entry([*facts, *both, *digits, *ends], self._tells(journal.doc, step, reports), fields)

    async def _fetchable(self, journal: CallJournal, orders: Sequence[Order]) -> tuple[Order, ...]:
        """Return orders with the audio in them where the carrier can fetch it; what is gone is left out."""
        found: list[Order] = []
        for order in orders:
            if not isinstance(order, exchange.PlayAudio):
                found.append(order)
                continue
            try:
                find = functools.partial(self._prompts.fetchable, journal.doc["scope"], order.url)
                id = self._prompts.uploaded_id(order.url)
                read = find() if id is None else self._held.read(f"{journal.doc['scope']}/{id}", find)
                found.append(replace(order, url=await read))
            except PromptUnavailable as error:
                journal.note("prompt_unavailable", {"error": str(error)}, source="ivr")
        return tuple(found)

    async def _next(self, journal: CallJournal, reports: Sequence[Report]) -> tuple[str, ivr.Step] | None:
        """Return what follows, and the template the call began with; None where its graph is gone."""
        held = journal.doc["ivr"]
        purpose = plans.of(journal.doc).purpose
        template = purpose.template if isinstance(purpose, plans.RunTemplate) else ""
        state = None if held is None else ivr.State.from_json(held["state"])
        graph, variables = await self._graph(journal, (state.template if state else "") or template)
        if graph is None or (state is not None and state.node not in graph.nodes):
            return None
        if state is None:
            step = ivr.start(graph, variables, recording=_may_record(journal.doc))
        else:
            step = turns.heard(graph, state, reports)
        for _ in range(MOST_TEMPLATES):
            loads = next((each for each in step.orders if isinstance(each, exchange.LoadTemplate)), None)
            if loads is None:
                break
            loaded = await self._loaded(journal, loads.template)
            after = ivr.step(graph, step.state, exchange.TemplateLoaded(loaded, step.state.turn))
            graph = loaded or graph
            before = [each for each in step.orders if each is not loads]
            step = ivr.Step(after.state, (*before, *after.orders), (*step.trail, *after.trail))
        return template, turns.whole(graph, step)

    async def _graph(self, journal: CallJournal, template: str) -> tuple[Graph | None, dict[str, Any]]:
        """Return a graph and what its variables are at the beginning."""
        call, plan = journal.doc, plans.of(journal.doc)
        if call["ivr"] is not None and "transfer" in call["ivr"]:
            return turns.transfer(call["ivr"]["transfer"]), {}
        if template:
            numbers = {"from_number": call["from_number"], "to_number": call["to_number"], "call_id": call["_id"]}
            return await self._loaded(journal, template), {**numbers, **plan.variables}
        match plan.purpose:
            case plans.Say(text, voice, language):
                return turns.announcement(exchange.Say(text, voice, language))
            case plans.PlayAudio(url):
                return turns.announcement(exchange.PlayAudio(url))
        return None, {}

    async def _loaded(self, journal: CallJournal, template: str) -> Graph | None:
        scope = journal.doc["scope"]
        return await self._held.read(f"{scope}/{template}", lambda: load_graph(journal.store, template))

    def _tells(self, call: Document, step: ivr.Step, reports: Sequence[Report]) -> list[Tell]:
        held = call["ivr"]
        if plans.of(call).announces:
            said = held is not None and held["state"]["phase"] == ivr.PROMPT
            ok = not any(isinstance(each, exchange.PromptDone) and not each.played for each in reports)
            return [Tell("call.played", {"ok": ok}, "carrier")] if said else []
        tells = [
            Tell("call.ivr_step", {"node": each.node, "kind": each.kind}, "ivr")
            for each in step.trail
            if isinstance(each, exchange.Entered)
        ]
        if held is not None and held["state"]["phase"] == ivr.TRANSFER:
            answered = step.state.outcome == ivr.TRANSFERRED
            tells.insert(0, Tell("call.transferred", {"ok": answered}, "carrier"))
        tells += [
            Tell("call.transferring", {"to": each.to, "mode": "blind"}, "ivr")
            for each in step.orders
            if isinstance(each, exchange.StartTransfer)
        ]
        return tells

    def _notes(self, journal: CallJournal, step: ivr.Step) -> None:
        for each in step.trail:
            if isinstance(each, exchange.Assigned):
                journal.note("variable_set", {"node": each.node, "name": each.name}, source="ivr")
            elif isinstance(each, exchange.Suppressed):
                journal.note("recording_suppressed", {"node": each.node}, source="ivr")

    # ---- web services: a turn that waits for ourselves

    async def _ask(self, call: Document) -> None:
        """Leave the job that asks the web service a turn waits for; repeating it changes nothing."""
        held = call["ivr"]
        if held is None or held["state"]["phase"] != ivr.HTTP:
            return
        turn = held["state"]["turn"]
        job = {
            "_id": f"job_{call['_id']}_{turn}", "scope": call["scope"], "kind": ASK_JOB,
            "due": due_at(self._services.clock()), "data": {"call": call["_id"], "turn": turn},
        }  # fmt: skip
        await self._worker.add_jobs([job])

    async def ask(self, journal: CallJournal, turn: int) -> None:
        """Ask a web service and step on with its answer, once: what may have had its effect is not asked again."""
        held = journal.doc["ivr"]
        if calls.ended(journal.doc) or held is None or held["state"]["turn"] != turn:
            return
        order = next((each for each in _present(held).orders if isinstance(each, exchange.AskHttp)), None)
        if order is None:
            return
        if held.get("asked") == turn and order.method != "GET":
            ok, value = False, None
        else:
            await journal.write(set={"ivr.asked": turn})
            ok, value = await ask_web(self._services, order)
        await self.turn(journal, turn, [exchange.HttpDone(ok, value)], ())


def _present(held: Document) -> Turn:
    return Turn(held["state"]["turn"], turns.from_json(held["orders"]))


def _may_record(call: Document) -> bool:
    return bool(call["metadata"].get("recording_allowed", True))
