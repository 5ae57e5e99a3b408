"""A gateway of one call without a store: leads its IVR turn by turn as `actions.hosted.leading` does."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from jinaconnect.core.ivr import exchange, machine, turns
from jinaconnect.core.ivr.dialects import telnyx
from jinaconnect.core.ivr.dialects.table import DIALECTS
from jinaconnect.core.ivr.graph import Graph
from jinaconnect.core.ivr.simulate import Answer
from jinaconnect.telephony.simulator.walkers.exoml import ExomlWalker
from jinaconnect.telephony.simulator.walkers.ncco import NccoWalker
from jinaconnect.telephony.simulator.walkers.plivo_xml import PlivoWalker
from jinaconnect.telephony.simulator.walkers.telnyx import TelnyxCall
from jinaconnect.telephony.simulator.walkers.twiml import TwimlWalker
from tests.core.ivr.dialects.caller import Caller
from tests.core.ivr.dialects.urls import urls

WALKERS: Mapping[str, Callable[..., Any]] = {
    "twilio": TwimlWalker, "plivo": PlivoWalker, "vonage": NccoWalker, "exotel": ExomlWalker,
}  # fmt: skip


@dataclass
class Walk:
    """Where a call went."""

    path: list[str]
    heard: list[str]
    variables: dict[str, Any]
    outcome: str


class Gateway:
    """Answers the callbacks of one call; every callback is told twice, of which the second changes nothing."""

    def __init__(
        self, provider: str, graph: Graph, inputs: Sequence[Mapping[str, Any]], variables: Mapping[str, Any],
        templates: Mapping[str, Graph],
    ) -> None:  # fmt: skip
        self._dialect = DIALECTS[provider]
        self._graph = graph
        self._variables = variables
        self._templates = templates
        self.caller = Caller(inputs, self.answer)
        self.path: list[str] = []
        self.state: machine.State | None = None
        self._orders: Sequence[exchange.Order] = ()
        self.documents: list[bytes] = []

    def _take(self, step: machine.Step) -> None:
        """Take over a step, going on in other templates."""
        trail = list(step.trail)
        while loads := [each for each in step.orders if isinstance(each, exchange.LoadTemplate)]:
            loaded = self._templates.get(loads[0].template)
            step = machine.step(self._graph, step.state, exchange.TemplateLoaded(loaded, step.state.turn))
            trail += step.trail
            self._graph = loaded or self._graph
        whole = turns.whole(self._graph, step)
        self.path += [each.node for each in trail if isinstance(each, exchange.Entered)]
        self.state, self._orders = whole.state, whole.orders
        self.caller.expected = [each.text for each in whole.orders if isinstance(each, exchange.Say)]

    def begin(self) -> None:
        self._take(machine.start(self._graph, self._variables))

    def answer(self, url: str, fields: Mapping[str, Any]) -> bytes:
        """Take a callback, twice."""
        before = len(self.path)
        first = self._answer(url, fields)
        entered, state = len(self.path), self.state
        if state is not None and not state.over and f"turn={state.turn}&" not in url:
            assert self._answer(url, fields) in (first, b"")
            assert (len(self.path), self.state) == (entered, state), (before, "a callback told twice")
        return first

    def _answer(self, url: str, fields: Mapping[str, Any]) -> bytes:
        if "/turn/" not in url:
            return b""
        query = dict(parse_qsl(urlsplit(url).query))
        reports = self._dialect.reports({**query, **fields})
        if any(isinstance(each, exchange.Ongoing) for each in reports):
            return b""
        assert self.state is not None
        if int(query["turn"]) == self.state.turn and not self.state.over:
            self._step(reports)
        return self.document()

    def _step(self, reports: Sequence[exchange.Report]) -> None:
        assert self.state is not None
        if not reports and self.state.phase == machine.HTTP:
            services = self.caller.script.services
            answer = services.pop(0) if services else Answer("ok")
            reports = [exchange.HttpDone(answer.word == "ok", answer.value)]
        self._take(turns.heard(self._graph, self.state, reports))

    def document(self) -> bytes:
        """Return the present turn's document."""
        assert self.state is not None
        body = self._dialect.render(self._orders, urls(self.state.turn)).body
        self.documents.append(body)
        return body

    async def walk(self, provider: str) -> Walk:
        """Have the call made."""
        self.begin()
        if provider == "telnyx":
            await self._command()
        else:
            assert self.state is not None
            # The carrier asks for the first document with nothing to tell: it is there already.
            first = urls(self.state.turn - 1).turn if self.state.turn else urls(-1).turn
            await WALKERS[provider](self.caller, {"CallSid": "C"}).walk(first)
        assert self.state is not None
        if not self.state.over:
            self._take(machine.step(self._graph, self.state, exchange.CallerHungUp()))
        return Walk(self.path, self.caller.heard, dict(self.state.variables), self.state.outcome)

    # ---- commands

    async def _command(self) -> None:
        """Give a call's commands one after the other."""
        call = TelnyxCall(self.caller, {"call_control_id": "C"})
        while not call.over:
            turn, step = self._orders, 0
            given = json.loads(self.document())
            while not call.over and turn is self._orders and step is not None:
                step = await self._give(call, given, step)

    async def _give(self, call: TelnyxCall, given: Sequence[Mapping[str, Any]], step: int) -> int | None:
        """Give one command and take what is told of it; returns the next one's place."""
        verb, payload = given[step]["verb"], given[step]["payload"]
        if verb == "transcription_start":
            async for _ in call.command(verb, payload):
                raise AssertionError("it leads to no event of its own")
            return step + 1
        async for event in self._events(call, verb, payload):
            url, query = telnyx.address(event["client_state"])
            follower = telnyx.follows({**query, **event}, given)
            if follower is not None and follower["verb"] == "record_stop":
                call.stop_recording(follower["payload"])
                continue
            if follower is not None:
                return given.index(follower)
            if event["event_type"] == "call.hangup" and query.get("part") != telnyx.SECOND:
                return None
            before = self._orders
            self._answer(url, event)
            if self._orders is not before:
                for last in telnyx.closing(given):
                    async for _ in call.command(last["verb"], last["payload"]):
                        raise AssertionError("closing a turn leads to no event")
                return None
        return None

    async def _events(self, call: TelnyxCall, verb: str, payload: Mapping[str, Any]) -> AsyncIterator[dict[str, Any]]:
        if verb == telnyx.PAUSE:
            told = await call.idle(payload["seconds"])
            yield told or {"event_type": telnyx.TIMER, "client_state": payload["client_state"]}
            return
        async for event in call.command(verb, payload):
            yield event
