"""The recording of a live call: begun, paused, ended; its file is fetched by a job of its own."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from typing import Any

from jinaconnect.actions.calls.journal import Tell
from jinaconnect.actions.calls.recordings import keep_later
from jinaconnect.actions.live.ground import Ground, invalid
from jinaconnect.core.calls.document import ASKED, PAUSED, RECORDING, STOPPED
from jinaconnect.core.errors import Conflict
from jinaconnect.core.ivr import exchange
from jinaconnect.telephony import switch as telephony
from jinaconnect.telephony.switch import CUSTOMER, Switch

CALL, MESSAGE = "call", "message"  # what is recorded: both sides, or what the customer says to an IVR
LATE_S = 10.0  # how long the switch may take to tell that a recording has ended


class CallRecorder:
    """Records a call, one recording at a time.

    A recording is named on the call before the switch is asked for it, so that whoever adopts the call finds it.
    """

    def __init__(self, call: Ground) -> None:
        self._call = call
        self._done: dict[str, Callable[[], Awaitable[None]]] = {}

    @property
    def running(self) -> bool:
        """Whether the call is being recorded, paused or not."""
        held = self._call.doc["record"]
        return held is not None and held["state"] in (RECORDING, PAUSED)

    def named(self, kind: str, turn: int | None = None) -> dict[str, Any]:
        """Return the mark of a recording that is about to be asked for (of an IVR: in its `turn`)."""
        call = self._call
        return {"id": call.services.ids.new("rec"), "state": ASKED, "since": call.now(), "kind": kind, "turn": turn}

    async def begin(self, actor: Mapping[str, str] | None) -> None:
        """Record what the customer says and hears, each by itself; raises Conflict where consent is missing."""
        call = self._call
        if not call.doc["metadata"].get("recording_allowed", True):
            if actor is None:
                call.journal.note("recording_suppressed", {"reason": "consent"}, source="system")
                return
            raise Conflict("The contact has not consented to being recorded.", code="consent_required")
        held = self.named(CALL)
        call.journal.hold(set={"record": held})
        await call.journal.settle()
        await self._record_call(held, actor)

    async def _record_call(self, held: Mapping[str, Any], actor: Mapping[str, str] | None) -> None:
        call = self._call
        try:
            await call.switch.record_sides(call.leg(CUSTOMER), held["id"], max_s=call.doc["max_duration_s"])
        except telephony.SwitchError as error:
            self._forget_unless_begun(error)
            raise
        await self._begun(held, actor)

    async def message(self, order: exchange.StartRecord, done: Callable[[], Awaitable[None]]) -> None:
        """Record what the customer says for an IVR; `done` follows when it has ended, or could not be.

        The call names the recording already (`named`), written with the step of the IVR that wants it.
        """
        call = self._call
        held = call.doc["record"]
        if self.running:
            call.journal.note("recording_refused", {"error": "all of the call is being recorded"}, source="system")
            call.queue.enqueue(done)
            return
        silence = round(order.finish_on_silence_s or 0)
        try:
            await call.switch.record(
                call.leg(CUSTOMER), held["id"], max_s=order.max_duration_s, silence_s=silence, beep=order.beep,
                end_digits=True,
            )  # fmt: skip
        except telephony.SwitchError as error:
            refused = {"recording": held["id"], "error": str(error)}
            call.journal.note("recording_refused", refused, source="system")
            self._forget_unless_begun(error)
            call.queue.enqueue(done)
            return
        self._await_message(held["id"], order.max_duration_s, done)
        await self._begun(held, None)

    def _await_message(self, name: str, longest_s: float, done: Callable[[], Awaitable[None]]) -> None:
        self._done[name] = done
        # A caller who sends no sound at all keeps Asterisk from counting: our own clock ends it.
        self._call.queue.start_timer("message", longest_s + LATE_S, lambda: self._cut(name))

    async def _begun(self, held: Mapping[str, Any], actor: Mapping[str, str] | None) -> None:
        tell = Tell("call.recording_started", {"recording": held["id"]}, "agent" if actor else "system", actor)
        now = self._call.now()
        await self._call.journal.write(tell=[tell], set={"record.state": RECORDING, "record.since": now})

    def _forget_unless_begun(self, error: telephony.SwitchError) -> None:
        if not (isinstance(error, telephony.SwitchAway) and error.uncertain):
            self._call.journal.hold(set={"record": None})

    async def _cut(self, name: str) -> None:
        if name in self._done:
            await self._call.give(self._call.switch.stop_record(name))
            await self.ended(telephony.Recorded(at=self._call.now(), leg=self._call.leg(CUSTOMER), name=name, ok=True))

    async def pause(self, on: bool, actor: Mapping[str, str]) -> None:
        """Put silence into the recording, or go on; raises Conflict when there is nothing to pause or resume."""
        held = self._call.doc["record"]
        wanted = RECORDING if on else PAUSED
        if held is None or held["state"] != wanted:
            raise invalid("The call is not being recorded." if on else "No recording is paused.")
        await self._call.switch.pause_record(held["id"], on)
        kind = "call.recording_paused" if on else "call.recording_resumed"
        await self._call.journal.write(
            tell=[Tell(kind, {"recording": held["id"]}, "agent", actor)],
            set={"record.state": PAUSED if on else RECORDING},
        )

    async def stop(self, actor: Mapping[str, str]) -> None:
        """End the recording; raises Conflict when there is none."""
        if not self.running:
            raise invalid("The call is not being recorded.")
        held = self._call.doc["record"]
        await self._call.switch.stop_record(held["id"])
        await self._stopped(held, self._call.now(), actor)

    async def ended(self, signal: telephony.Recorded) -> None:
        """The switch tells the end of a recording."""
        held = self._call.doc["record"]
        if held is not None and held["id"] == signal.name and held["state"] != STOPPED:
            await self._stopped(held, signal.at, None, ok=signal.ok)
        done = self._done.pop(signal.name, None)
        if done is not None:
            self._call.queue.cancel_timer("message")
            await done()

    async def _stopped(
        self, held: Mapping[str, Any], at: Any, actor: Mapping[str, str] | None, *, ok: bool = True,
        inferred: bool = False,
    ) -> None:  # fmt: skip
        facts, source = {"recording": held["id"]}, "agent" if actor else "system"
        tells = [Tell("call.recording_stopped", facts, source, actor, at=at, inferred=inferred)]
        if held["state"] == ASKED:
            tells.insert(0, Tell("call.recording_started", facts, at=held["since"], inferred=True))
        await self._call.journal.write(tell=tells, set={"record.state": STOPPED})
        expected = (at - held["since"]) / timedelta(seconds=1) if ok else None
        await keep_later(self._call.worker, self._call.journal.doc, held, expected)

    async def close(self) -> None:
        """The call is over: whatever is being recorded ends with it."""
        held = self._call.doc["record"]
        if held is None or held["state"] == STOPPED:
            return
        stopped = await self._call.give(self._call.switch.stop_record(held["id"]))
        if held["state"] != ASKED or stopped:
            await self._stopped(held, self._call.doc["ended_at"] or self._call.now(), None, ok=held["state"] != ASKED)

    # ---- after a restart, or a break of the link

    async def adopt(self) -> None:
        """Find the recording the call names: one that goes on is left alone, one that ended meanwhile is fetched."""
        call = self._call
        held = call.doc["record"]
        if held is None or held["state"] == STOPPED:
            return
        if await call.switch.records(held["id"]):
            call.journal.note("recording_adopted", {"recording": held["id"]}, source="system")
            if held["state"] == ASKED:
                await self._begun(held, None)
        elif held["state"] != ASKED or await call.switch.has_recording(held["id"]):
            await self._stopped(held, call.now(), None, ok=False, inferred=True)
        elif held["kind"] == CALL and call.up(CUSTOMER):
            await self._record_call(held, None)

    def adopt_message(self, turn: int, longest_s: float, done: Callable[[], Awaitable[None]]) -> bool:
        """Go on with the message an IVR was recording in `turn`; False where it had not been begun."""
        held = self._call.doc["record"]
        # A recording without a turn is one that a version before this began.
        if held is None or held["kind"] != MESSAGE or held.get("turn", turn) != turn or held["state"] == ASKED:
            return False
        if held["state"] != STOPPED:
            left = longest_s - (self._call.now() - held["since"]).total_seconds()
            self._await_message(held["id"], max(0.0, left), done)
        elif "turn" in held:
            self._call.queue.enqueue(done)
        else:
            return False
        return True


async def left_over(switch: Switch, held: Mapping[str, Any]) -> list[Tell]:
    """Return what is to be told of the recording of a call that ended unseen; nothing where there was none."""
    if held["state"] == STOPPED or (held["state"] == ASKED and not await switch.has_recording(held["id"])):
        return []
    facts = {"recording": held["id"]}
    began = [Tell("call.recording_started", facts, at=held["since"], inferred=True)] if held["state"] == ASKED else []
    return [*began, Tell("call.recording_stopped", facts, inferred=True)]
