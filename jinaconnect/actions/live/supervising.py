"""Supervisors in a live call: they hear it, and whisper to its agent or barge in.

Each has a leg whose party is a socket of ours, in a room with a tap on one of the call's legs: the call's own rooms and
recordings know nothing of it. One who barges in is in the room of agent and customer, and so in a recording. What is
heard is told before anything is: an event stands in the log first.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from jinaconnect.actions.calls.journal import Tell
from jinaconnect.actions.live.ground import Actor, Ground, invalid
from jinaconnect.core.calls import document
from jinaconnect.core.calls import supervision as modes
from jinaconnect.core.errors import NotFound, Throttled
from jinaconnect.telephony import switch as telephony
from jinaconnect.telephony.switch import CUSTOMER, Leg, Room

OPEN_S = 65.0  # until the socket is opened: a ticket's life and a little more
PREFIX = "sup"  # of our legs' and rooms' names: sup2m is the second one's socket, sup2t3 its third tap
_MAIN, _LATE = "", "late"  # the room where customer and agent talk; a telephone that answered too late
_LACKS = {
    modes.WHISPER: "There is no agent in this call to whisper to.",
    modes.BARGE: "No agent talks with the customer, so there are not both to be heard by.",
}


def ends_of(doc: Mapping[str, Any]) -> list[Tell]:
    """Return what is to be told of the supervisors of a call that has ended while nobody looked."""
    return [
        Tell("call.supervision_ended", {**modes.told(id, row), "reason": "interrupted"}, "agent", inferred=True)
        for id, row in (doc.get("supervisions") or {}).items() if row["state"] == modes.OPEN
    ]  # fmt: skip


class Supervision:
    """Keeps the supervisors of one call; `running` counts those of the call's tenant on its switch."""

    def __init__(self, call: Ground, running: Callable[[], int], most: int) -> None:
        self._call = call
        self._running = running
        self._most = most

    @property
    def _held(self) -> dict[str, Mapping[str, Any]]:
        return dict(self._call.doc.get("supervisions") or {})

    # ---- orders

    async def begin(self, id: str, mode: str, user: str | None, actor: Actor) -> tuple[dict[str, Any], str]:
        """Make ready for a supervisor; returns what is told of it and the secret name of its socket.

        Given again with the same id it is the same. Raises Conflict where the mode cannot be now, Throttled.
        """
        held, n = self._held, self._call.doc.get("supervised", 0) + 1
        row = held.get(id)
        if row is None:
            self._needs(mode)
            if self._running() >= self._most:
                text = f"At most {self._most} supervisors can be in calls at once."
                raise Throttled(text, code="too_many_supervisions", retry_after=5)
            row = {
                "n": n, "mode": mode, "user": user, "actor": dict(actor), "state": modes.ASKED, "tap": 0, "leg": None,
                "inside": False,
            }  # fmt: skip
            await self._write({**held, id: row}, set={"supervised": n})
            self._call.journal.note("supervision_asked", {**modes.told(id, row), "by": dict(actor)}, source="agent")
        try:
            key = await self._call.switch.open_sound(self._leg(row, "m"))
        except telephony.SwitchError:
            await self._over(id, "failed", actor=None)
            raise
        self._call.queue.start_timer(f"{PREFIX} {id}", OPEN_S, lambda: self._unopened(id))
        return modes.told(id, row), key

    async def change(self, id: str, mode: str, actor: Actor) -> dict[str, Any]:
        """Have a supervisor be heard by others; raises NotFound for one who is not there, or is somebody else."""
        row = self._held.get(id)
        if row is None or row["actor"] != dict(actor):
            raise NotFound()
        if mode != row["mode"]:
            self._needs(mode)
            await self._heard_by(id, mode, "asked", actor)
        return modes.told(id, self._held.get(id, {**row, "mode": mode}))

    async def end(self, id: str, actor: Actor) -> dict[str, Any]:
        """Send a supervisor away, also another; raises NotFound."""
        row = self._held.get(id)
        if row is None:
            raise NotFound()
        await self._over(id, "left" if row["actor"] == dict(actor) else "ended", actor=actor)
        return modes.told(id, row)

    # ---- what happens

    async def heard(self, signal: telephony.Signal) -> None:
        """Take a signal of a leg that is none of the call's parties."""
        id = next((id for id, row in self._held.items() if self._leg(row, "m") == signal.leg), None)
        if id is None:
            return
        match signal:
            case telephony.LegAnswered() if self._held[id]["state"] == modes.ASKED:
                await self._opened(id)
            case telephony.LegEnded():
                await self._over(id, "left", actor=self._held[id]["actor"])

    async def review(self) -> None:
        """Have nobody be heard by others than they are told: after what may have brought parties apart."""
        for id, row in self._held.items():
            if row["state"] == modes.OPEN and not self._fits(row):
                await self._heard_by(id, modes.LISTEN, "parted", None)

    async def over(self, reason: str = "call_ended") -> None:
        """The call ends, was found without us, or may not be listened to any more: so do its supervisions."""
        for id in self._held:
            await self._over(id, reason, actor=None)

    # ---- how it is done

    def _agent(self) -> str | None:
        others = {
            name: each for name, each in self._call.legs(document.UP).items()
            if name != CUSTOMER and each["purpose"] != _LATE
        }  # fmt: skip
        return modes.agent_of(others, self._call.parties.others())

    def _needs(self, mode: str) -> None:
        if not self._possible(mode):
            raise invalid(_LACKS[mode])

    def _possible(self, mode: str) -> bool:
        together = self._call.doc["legs"][CUSTOMER]["room"] == _MAIN and self._call.parties.together
        return {modes.LISTEN: True, modes.WHISPER: self._agent() is not None, modes.BARGE: together}[mode]

    def _fits(self, row: Mapping[str, Any]) -> bool:
        return self._call.up(row["leg"]) if row["mode"] == modes.WHISPER else self._possible(row["mode"])

    def _leg(self, row: Mapping[str, Any], part: str) -> Leg:
        return self._call.leg(f"{PREFIX}{row['n']}{part}")

    def _room(self, row: Mapping[str, Any]) -> Room:
        return Room(self._call.id, f"{PREFIX}{row['n']}")

    async def _unopened(self, id: str) -> None:
        if id in self._held and self._held[id]["state"] == modes.ASKED:
            await self._over(id, "failed", actor=None)

    async def _opened(self, id: str) -> None:
        """The supervisor is there."""
        self._call.queue.cancel_timer(f"{PREFIX} {id}")
        row = {**self._held[id], "state": modes.OPEN}
        if not self._possible(row["mode"]):
            row["mode"] = modes.LISTEN  # whom they were to speak to has left meanwhile
        await self._write(
            {**self._held, id: row}, Tell("call.supervision_started", modes.told(id, row), "agent", row["actor"])
        )
        await self._connect(id)

    async def _heard_by(self, id: str, mode: str, reason: str, actor: Actor | None) -> None:
        row = {**self._held[id], "mode": mode}
        if row["state"] != modes.OPEN:
            return await self._write({**self._held, id: row})
        if reason == "parted":
            await self._part(row)  # first of all: those who stay are not to hear more of it
        told = {**modes.told(id, row), "reason": reason}
        await self._write({**self._held, id: row}, Tell("call.supervision_changed", told, "agent", actor))
        return await self._connect(id)

    async def _part(self, row: Mapping[str, Any]) -> None:
        """Have a supervisor be heard by nobody and hear nobody."""
        call = self._call
        if row["tap"]:
            await call.give(call.switch.hangup(self._leg(row, f"t{row['tap']}")))
        if row["inside"]:
            await call.give(call.switch.leave(Room(call.id, _MAIN), [self._leg(row, "m")]))

    async def _connect(self, id: str) -> None:
        """Bring a supervisor to whom the mode says; one tap at a time, since they would hear each other."""
        call, row = self._call, self._held[id]
        await self._part(row)
        barges, whispers = row["mode"] == modes.BARGE, row["mode"] == modes.WHISPER
        name = (self._agent() if whispers else None) or CUSTOMER
        row = {**row, "tap": row["tap"] + 1, "leg": name, "inside": barges}
        await self._write({**self._held, id: row})
        tap, own = self._leg(row, f"t{row['tap']}"), self._leg(row, "m")
        try:
            if barges:
                await call.switch.join(Room(call.id, _MAIN), [own])
            else:
                await call.switch.open_room(self._room(row))
                await call.switch.tap(call.leg(name), tap, speaks=whispers)
                await call.switch.join(self._room(row), [own, tap])
        except telephony.SwitchError as error:
            call.journal.note("supervision_failed", {"supervision": id, "error": str(error)}, source="system")
            await self._over(id, "failed", actor=None)

    async def _over(self, id: str, reason: str, *, actor: Actor | None) -> None:
        """Take everything down that belongs to a supervisor."""
        call, held = self._call, self._held
        row = held.pop(id)
        call.queue.cancel_timer(f"{PREFIX} {id}")
        await self._part(row)
        await call.give(call.switch.hangup(self._leg(row, "m")))
        await call.give(call.switch.close_room(self._room(row)))
        told = Tell("call.supervision_ended", {**modes.told(id, row), "reason": reason}, "agent", actor)
        await self._write(held, *([told] if row["state"] == modes.OPEN else []))

    async def _write(self, held: Mapping[str, Any], *tell: Tell, set: Mapping[str, Any] | None = None) -> None:
        await self._call.journal.write(tell=tell, set={"supervisions": dict(held), **(set or {})})
