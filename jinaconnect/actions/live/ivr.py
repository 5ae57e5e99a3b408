"""What speaks to the customer when no person does: one announcement, or an IVR."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from jinaconnect.actions.calls.journal import Tell
from jinaconnect.actions.ivr.prompts import PromptUnavailable
from jinaconnect.actions.ivr.templates import load_graph
from jinaconnect.actions.ivr.web_call import ask_web
from jinaconnect.actions.live.ground import Ground
from jinaconnect.actions.live.recorder import MESSAGE
from jinaconnect.core.calls import causes, machine
from jinaconnect.core.calls import plan as plans
from jinaconnect.core.ivr import exchange
from jinaconnect.core.ivr import machine as ivr
from jinaconnect.core.ivr.graph import Graph, Record
from jinaconnect.telephony.switch import CUSTOMER

SILENT_S = 0.2
# Mark prompts begun again, so that no name is used twice while the first still ends.
_AGAIN, _ONCE_MORE = "r", "s"
_SPOKEN = (ivr.PROMPT, ivr.COLLECT, ivr.SPEECH, ivr.PAUSE)


class Attendant:
    """Runs the announcement or the IVR of a call."""

    def __init__(self, call: Ground) -> None:
        self._call = call
        self._graph: Graph | None = None
        self._state: ivr.State | None = None
        self._serial = 0
        self._again = ""
        self._paused = False
        self._missed: list[exchange.Report] = []

    @property
    def busy(self) -> bool:
        """Whether an IVR or an announcement is going on."""
        return self._state is not None and not self._state.over

    async def begin(self) -> None:
        """Begin what the call was answered for."""
        match self._call.plan.purpose:
            case plans.RunTemplate(template):
                await self._start(template)
            case plans.Say(text, voice, language):
                await self._announce(exchange.Say(text, voice, language))
            case plans.PlayAudio(url):
                await self._announce(exchange.PlayAudio(url))
            case _:
                await self._call.end()

    async def adopt(self) -> None:
        """Go on after a restart, where the call stood."""
        call = self._call
        held = call.doc["ivr"]
        turn = 0 if held is None else held["state"]["turn"]
        for again in ("", _ONCE_MORE, _AGAIN):
            self._again = again
            await call.give(call.switch.stop_play(self._prompt(turn)))
        if held is not None:
            state = ivr.State.from_json(held["state"])
            self._graph = await load_graph(call.journal.store, state.template or held["template"])
            if self._graph is None or state.node not in self._graph.nodes:
                await call.end(machine.Faulted(call.now(), cause=causes.INTERWORKING))
                return
            self._state = state
            transfer = call.doc["transfer"]
            self._paused = transfer is not None and bool(transfer.get("referred"))
            recorded = not state.over and self._recorded(state)
            if not (state.over or recorded or self._paused):
                await self._carry_out(ivr.resume(self._graph, state), ())
        elif call.plan.announces and not call.parties.together:
            await self.begin()

    def _recorded(self, state: ivr.State) -> bool:
        """Go on with a message that was being recorded; False where there is none."""
        assert self._graph is not None
        data = self._graph.nodes[state.node].data
        if state.phase != ivr.RECORD or not isinstance(data, Record):
            return False
        return self._call.recorder.adopt_message(
            state.turn, data.max_duration_seconds, lambda: self.report(exchange.RecordDone(state.turn))
        )

    # ---- one announcement

    async def _announce(self, order: exchange.Say | exchange.PlayAudio) -> None:
        call = self._call

        async def said(ok: bool) -> None:
            await call.journal.write(tell=[Tell("call.played", {"ok": ok}, call.journal.carrier)])
            await call.end()

        self._speak([order], 0, said)

    # ---- an IVR

    async def _start(self, template: str) -> None:
        call = self._call
        self._graph = await load_graph(call.journal.store, template)
        if self._graph is None:
            await call.end(machine.Faulted(call.now(), cause=causes.INTERWORKING))
            return
        variables = {
            "from_number": call.doc["from_number"], "to_number": call.doc["to_number"], "call_id": call.id,
            **call.plan.variables,
        }  # fmt: skip
        allowed = bool(call.doc["metadata"].get("recording_allowed", True))
        step = ivr.start(self._graph, variables, recording=allowed)
        await self._carry_out(step, (), begun=template)

    async def digit(self, digit: machine.Digit) -> None:
        """Take a digit of the customer: recorded in any case, and heard by the IVR where it listens."""
        if self._state is None or self._graph is None or self._state.over or self._paused:
            await self._call.journal.write(digit)
            return
        await self._carry_out(ivr.step(self._graph, self._state, exchange.Digit(digit.digit)), (digit,))

    async def report(self, report: exchange.Report) -> None:
        """Give the IVR a report."""
        if self._state is None or self._graph is None or self._state.over:
            return
        if self._paused:
            self._missed.append(report)
            return
        if isinstance(report, exchange.TemplateLoaded) and report.graph is not None and report.turn == self._state.turn:
            step = ivr.step(self._graph, self._state, report)
            self._graph = report.graph
        else:
            step = ivr.step(self._graph, self._state, report)
        await self._carry_out(step, ())

    async def over(self) -> None:
        """The customer is gone."""
        self._call.queue.cancel_timer("silence")
        if self._state is not None and self._graph is not None and not self._state.over:
            step = ivr.step(self._graph, self._state, exchange.CallerHungUp())
            self._state = step.state
            self._call.journal.hold(set={"ivr.state": step.state.to_json()})  # written with the end

    async def leave(self) -> None:
        """Let people take over: the IVR says and asks nothing more, not after a restart either."""
        self._call.queue.cancel_timer("silence")
        if self.busy and self._state is not None:
            over = replace(self._state, phase=ivr.OVER, outcome=ivr.TRANSFERRED)
            await self._call.journal.write(set={"ivr.state": over.to_json()})
        self._graph = self._state = None
        self._serial += 1

    async def pause(self) -> None:
        """Be silent while it is not known whether the customer stays."""
        self._call.queue.cancel_timer("silence")
        self._paused = True
        self._serial += 1
        await self._call.player.stop_silently()

    async def resume(self) -> bool:
        """Go on after a pause, where the IVR or the announcement was; False where there is none."""
        missed, self._missed, self._paused = self._missed, [], False
        if self._state is None or self._graph is None:
            announced = self._call.plan.announces and not self._call.parties.together
            if announced:
                await self.begin()
            return announced
        if self._state.over:
            return False
        self._again = _AGAIN if self._again != _AGAIN else _ONCE_MORE
        before = self._state
        for report in missed:
            await self.report(report)
        if self._state is before and before.phase in _SPOKEN:
            # What works on by itself (a recording, a web service) reports when it is done.
            await self._carry_out(ivr.resume(self._graph, before), ())
        return True

    async def _carry_out(self, step: ivr.Step, facts: Sequence[machine.Fact], begun: str = "") -> None:
        call = self._call
        moved = step.state != self._state
        self._state = step.state
        tells = [
            Tell("call.ivr_step", {"node": each.node, "kind": each.kind}, "ivr")
            for each in step.trail
            if isinstance(each, exchange.Entered)
        ]
        for each in step.trail:
            if isinstance(each, exchange.Assigned):
                call.journal.note("variable_set", {"node": each.node, "name": each.name}, source="ivr")
            elif isinstance(each, exchange.Suppressed):
                call.journal.note("recording_suppressed", {"node": each.node}, source="ivr")
        if moved or facts or tells:
            state = step.state.to_json()
            held: dict[str, Any] = {"ivr": {"template": begun, "state": state}} if begun else {"ivr.state": state}
            if not call.recorder.running and any(isinstance(order, exchange.StartRecord) for order in step.orders):
                held["record"] = call.recorder.named(MESSAGE, step.state.turn)
            await call.journal.write(*facts, tell=tells, set=held if moved else {})
        if moved:
            self._arm()
        if any(isinstance(order, exchange.HangUp) for order in step.orders):
            call.player.forget()  # there is nothing left to be stopped then
        spoken: list[exchange.Say | exchange.PlayAudio] = []
        for order in step.orders:
            if isinstance(order, exchange.Say | exchange.PlayAudio):
                spoken.append(order)
            else:
                await self._give(order, step.state.turn)
        if spoken:
            turn = step.state.turn
            self._speak(spoken, turn, lambda ok: self.report(exchange.PromptDone(turn)))

    def _arm(self) -> None:
        assert self._graph is not None
        assert self._state is not None
        turn = self._state.turn
        wait = None if self._state.over else ivr.patience(self._graph, self._state)
        if wait is None:
            self._call.queue.cancel_timer("silence")
        else:
            self._call.queue.start_timer("silence", wait, lambda: self.report(exchange.Silence(turn)))

    async def _give(self, order: exchange.Order, turn: int) -> None:
        call = self._call
        match order:
            case exchange.StopPrompt():
                await call.player.stop_silently()
            case exchange.Listen():
                # No Asterisk understands speech by itself: nothing is heard, so the node's silence decides.
                call.journal.note("speech_unsupported", {}, source="ivr")
            case exchange.StartRecord():
                await call.recorder.message(order, lambda: self.report(exchange.RecordDone(turn)))
            case exchange.StartTransfer():
                await call.transfers.of_ivr(
                    order.to, lambda answered: self.report(exchange.TransferDone(answered, turn))
                )
            case exchange.AskHttp():
                call.queue.run_in_background(self._ask(order, turn))
            case exchange.LoadTemplate():
                call.queue.run_in_background(self._load(order.template, turn))
            case exchange.HangUp():
                failed = order.cause != causes.NORMAL_CLEARING
                await call.end(*((machine.Faulted(call.now(), cause=order.cause),) if failed else ()))

    async def _ask(self, order: exchange.AskHttp, turn: int) -> None:
        ok, value = await ask_web(self._call.services, order)
        self._call.queue.enqueue(lambda: self.report(exchange.HttpDone(ok, value, turn)))

    async def _load(self, template: str, turn: int) -> None:
        graph = await load_graph(self._call.journal.store, template)
        self._call.queue.enqueue(lambda: self.report(exchange.TemplateLoaded(graph, turn)))

    # ---- speaking

    def _prompt(self, turn: int) -> str:
        return f"{self._call.id}-p{turn}{self._again}"

    def _speak(self, orders: Sequence[exchange.Say | exchange.PlayAudio], turn: int, done: Any) -> None:
        """Render and play; rendering goes on beside the call's turn, so that nobody's digits and hangup wait for it."""
        self._serial += 1
        self._call.queue.run_in_background(self._render(orders, turn, self._serial, done))

    async def _render(
        self, orders: Sequence[exchange.Say | exchange.PlayAudio], turn: int, serial: int, done: Any
    ) -> None:
        call = self._call
        media: list[str] = []
        for order in orders:
            try:
                media.append(await call.prompts.media(call.journal.doc["scope"], order))
            except PromptUnavailable as error:
                call.journal.note("prompt_unavailable", {"error": str(error.detail)}, source="system")

        async def play() -> None:
            if serial != self._serial or not call.up(CUSTOMER) or call.doc["status"] in machine.TERMINAL:
                return
            if self._state is not None and self._state.turn != turn:
                return  # a digit was quicker than the prompt
            if media:
                await call.player.play(media, self._prompt(turn), done)
            else:
                call.queue.start_timer("prompt", SILENT_S, lambda: done(False))

        call.queue.enqueue(play)
