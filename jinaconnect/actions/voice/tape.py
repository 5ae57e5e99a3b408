"""The recording of a live call: begun, paused, ended; its file is fetched by a job of its own."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from jinaconnect.actions.context import Services
from jinaconnect.actions.voice.ledger import Tell
from jinaconnect.actions.voice.recordings import RECORDING_JOB
from jinaconnect.core.clock import iso
from jinaconnect.core.errors import Conflict
from jinaconnect.core.ivr import exchange as x
from jinaconnect.store.due import due_at
from jinaconnect.store.mongo import Document
from jinaconnect.telephony import switch as s
from jinaconnect.telephony.switch import CUSTOMER, Room

if TYPE_CHECKING:
    from jinaconnect.actions.voice.live import LiveCall

RECORDING, PAUSED, STOPPED = "recording", "paused", "stopped"
LATE_S = 10.0  # how long the switch may take to tell that a recording has ended


class Tape:
    """Records a call, one recording at a time."""

    def __init__(self, call: LiveCall) -> None:
        self._call = call
        self._done: dict[str, Callable[[], Awaitable[None]]] = {}

    @property
    def running(self) -> bool:
        """Whether the call is being recorded, paused or not."""
        held = self._call.doc["record"]
        return held is not None and held["state"] in (RECORDING, PAUSED)

    async def begin(self, actor: Mapping[str, str] | None) -> None:
        """Record what all parties say, in the room they are in; raises Conflict where consent is missing."""
        call = self._call
        if not call.doc["metadata"].get("recording_allowed", True):
            if actor is None:
                call.ledger.note("recording_suppressed", {"reason": "consent"}, source="system")
                return
            raise Conflict("The contact has not consented to being recorded.", code="consent_required")
        name = call.services.ids.new("rec")
        await call.parties.gather()
        stage = call.stage.place()
        assert isinstance(stage, Room)
        await call.switch.record(stage, name, max_s=call.doc["max_duration_s"])
        await self._note(name, actor, "call")

    async def message(self, order: x.StartRecord, done: Callable[[], Awaitable[None]]) -> None:
        """Record what the customer says for an IVR; `done` follows when it has ended, or could not be."""
        call = self._call
        name = call.services.ids.new("rec")
        silence = round(order.finish_on_silence_s or 0)
        try:
            await call.switch.record(
                call.leg(CUSTOMER), name, max_s=order.max_duration_s, silence_s=silence, beep=order.beep, end_keys=True
            )
        except s.SwitchError as error:
            call.ledger.note("recording_refused", {"error": str(error)}, source="system")
            call.turns.later(done)
            return
        self._done[name] = done
        await self._note(name, None, "message")
        # A caller who sends no sound at all keeps Asterisk from counting: our own clock ends it.
        call.turns.after("message", order.max_duration_s + LATE_S, lambda: self._cut(name))

    async def _note(self, name: str, actor: Mapping[str, str] | None, kind: str) -> None:
        held = {"id": name, "state": RECORDING, "since": self._call.now(), "kind": kind, "paused_s": 0.0}
        tell = Tell("call.recording_started", {"recording": name}, "agent" if actor else "system", actor)
        await self._call.ledger.write(tell=[tell], set={"record": held})

    async def _cut(self, name: str) -> None:
        if name in self._done:
            await self._call.give(self._call.switch.stop_record(name))
            await self.ended(s.Recorded(at=self._call.now(), leg=self._call.leg(CUSTOMER), name=name, ok=True))

    async def pause(self, on: bool, actor: Mapping[str, str]) -> None:
        """Put silence into the recording, or go on; raises Conflict when there is nothing to pause or resume."""
        held = self._call.doc["record"]
        wanted = RECORDING if on else PAUSED
        if held is None or held["state"] != wanted:
            raise self._call.parties.invalid("The call is not being recorded." if on else "No recording is paused.")
        await self._call.switch.pause_record(held["id"], on)
        kind = "call.recording_paused" if on else "call.recording_resumed"
        await self._call.ledger.write(
            tell=[Tell(kind, {"recording": held["id"]}, "agent", actor)],
            set={"record.state": PAUSED if on else RECORDING},
        )

    async def stop(self, actor: Mapping[str, str]) -> None:
        """End the recording; raises Conflict when there is none."""
        if not self.running:
            raise self._call.parties.invalid("The call is not being recorded.")
        held = self._call.doc["record"]
        await self._call.switch.stop_record(held["id"])
        await self._stopped(held, self._call.now(), actor)

    async def ended(self, signal: s.Recorded) -> None:
        """The switch tells the end of a recording."""
        held = self._call.doc["record"]
        if held is not None and held["id"] == signal.name and held["state"] != STOPPED:
            await self._stopped(held, signal.at, None, ok=signal.ok)
        done = self._done.pop(signal.name, None)
        if done is not None:
            self._call.turns.cancel("message")
            await done()

    async def _stopped(
        self, held: Mapping[str, Any], at: Any, actor: Mapping[str, str] | None, *, ok: bool = True
    ) -> None:
        tell = Tell(
            "call.recording_stopped", {"recording": held["id"]}, "agent" if actor else "system", actor, at=at
        )
        await self._call.ledger.write(tell=[tell], set={"record.state": STOPPED})
        expected = (at - held["since"]) / timedelta(seconds=1) if ok else None
        await keep_later(self._call.services, self._call.ledger.doc, held, expected)

    async def close(self) -> None:
        """The call is over: whatever is being recorded ends with it."""
        if self.running:
            held = self._call.doc["record"]
            await self._call.give(self._call.switch.stop_record(held["id"]))
            await self._stopped(held, self._call.doc["ended_at"] or self._call.now(), None)

    async def adopt(self) -> None:
        """After a restart: a recording that goes on is left alone, one that ended meanwhile is fetched at the end."""
        if self.running:
            self._call.ledger.note("recording_adopted", {"recording": self._call.doc["record"]["id"]}, source="system")


async def keep_later(services: Services, doc: Document, held: Mapping[str, Any], expected_s: float | None) -> None:
    """Leave the job that fetches a recording and keeps it; repeating it changes nothing."""
    job = {
        "_id": f"job_{held['id']}", "scope": doc["scope"], "kind": RECORDING_JOB, "due": due_at(services.clock()),
        "data": {
            "recording": held["id"], "call": doc["_id"], "switch": doc["carried_by"], "name": held["id"],
            "expected_s": expected_s if held["kind"] == "call" else None, "started_at": iso(held["since"]),
        },
    }  # fmt: skip
    await services.due.add("jobs", [job])
    services.worker.wake()
