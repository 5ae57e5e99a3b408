"""A carrier and telephones in memory: takes the orders of `telephony.switch.Switch` and gives its signals.

Nothing of it outlives the process: after a restart it knows no leg, and the calls it carried are gone.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from jinaconnect.core.calls.reconcile import Channel, Snapshot, bridge_id, channel_id
from jinaconnect.core.clock import Clock
from jinaconnect.telephony import switch
from jinaconnect.telephony.simulator.numbers import Behaviour, behaviour
from jinaconnect.telephony.simulator.recorder import CallRecorder
from jinaconnect.telephony.switch import Heard, Leg, Place, Room, Sound, Target

RING_S, ANSWER_S, KEY_S, PAUSE_S, PROMPT_S, REFER_S = 0.2, 0.5, 1.0, 0.5, 1.0, 0.3
DIGIT_MS = 100
HANGS_UP = "h"  # at the end of a simulated caller's digits
_NO_ANSWER, _NORMAL = (19, 480), (16, None)


@dataclass
class _Party:
    """One leg: `up` when answered, `room` where it is."""

    leg: Leg
    behaviour: Behaviour
    inbound: bool = False
    digits: str = ""
    up: bool = False
    room: Room | None = None
    timers: set[asyncio.TimerHandle] = field(default_factory=set)


class SimulatedSwitch:
    """The sandbox's switch; `pace` stretches (or, below 1, shortens) every delay."""

    name = "sandbox"

    def __init__(self, clock: Clock, *, pace: float = 1.0) -> None:
        self._clock = clock
        self._pace = pace
        self.on_signal: Callable[[switch.Signal], None] = _unheard
        self._parties: dict[Leg, _Party] = {}
        self._callers: dict[str, Leg] = {}
        self._rooms: set[Room] = set()
        self._prompts: dict[str, tuple[Leg, asyncio.TimerHandle]] = {}
        self._recordings: dict[str, CallRecorder] = {}
        self._serial = itertools.count(1)

    # ---- telling

    def _tell(self, signal: switch.Signal) -> None:
        self.on_signal(signal)

    def _after(self, party: _Party, seconds: float, run: Callable[[], None]) -> None:
        def fire() -> None:
            party.timers.discard(handle)
            run()

        handle = asyncio.get_running_loop().call_later(seconds * self._pace, fire)
        party.timers.add(handle)

    def _party(self, leg: Leg) -> _Party:
        party = self._parties.get(leg)
        if party is None:
            raise switch.LegGone(f"no leg {leg.name}")
        return party

    # ---- the other side

    async def dial(self, leg: Leg, target: Target, *, caller: str, timeout_s: int) -> None:
        """Call a number or a telephone; dialling the same leg again is no second call."""
        if leg in self._parties:
            return
        does = behaviour(target.to)
        party = self._parties[leg] = _Party(leg, does, digits=target.digits if does.sends_digits else "")
        if does.q850 is not None:
            self._after(party, RING_S, lambda: self._end(leg, does.q850 or 0, does.sip_code))
            return
        self._after(party, RING_S, lambda: self._tell(switch.LegRinging(at=self._clock(), leg=leg)))
        if does.rings:
            self._after(party, timeout_s, lambda: self._end(leg, *_NO_ANSWER))
        else:
            self._after(party, ANSWER_S, lambda: self._pick_up(party))

    def _pick_up(self, party: _Party) -> None:
        party.up = True
        self._tell(switch.LegAnswered(at=self._clock(), leg=party.leg, machine=party.behaviour.machine))
        self._send_all(party, party.digits)
        if party.behaviour.hangs_up_after_s is not None:
            self._after(party, party.behaviour.hangs_up_after_s, lambda: self._hang_up(party.leg))

    async def act(self, leg: Leg, keys: str) -> None:
        """Have a party press keys one after the other, the first at once."""
        self._send_all(self._party(leg), keys, -KEY_S)

    def _send_all(self, party: _Party, digits: str, at: float = 0.0) -> None:
        for digit in digits:
            if digit == HANGS_UP:
                at += KEY_S
                self._after(party, at, lambda: self._hang_up(party.leg))
            elif digit == "w":
                at += PAUSE_S
            else:
                at += KEY_S
                self._after(party, at, lambda digit=digit: self._digit(party.leg, digit))  # type: ignore[misc]

    def _digit(self, leg: Leg, digit: str) -> None:
        now = self._clock()
        self._tell(switch.DigitPressed(at=now, leg=leg, digit=digit, duration_ms=DIGIT_MS, reported=now))

    def _hang_up(self, leg: Leg) -> None:
        self._tell(switch.HangupRequested(at=self._clock(), leg=leg, q850=16))
        self._end(leg, *_NORMAL)

    def _end(self, leg: Leg, q850: int, sip_code: int | None) -> None:
        party = self._parties.pop(leg, None)
        if party is None:
            return
        for timer in party.timers:
            timer.cancel()
        self._callers = {channel: each for channel, each in self._callers.items() if each != leg}
        for prompt, (where, _) in tuple(self._prompts.items()):
            if where == leg:
                self._finish(prompt, ok=False)
        for name, recording in tuple(self._recordings.items()):
            if recording.of == leg and recording.running:
                self._stop(name)
        if party.room is not None:
            self._tell(switch.LegLeft(at=self._clock(), leg=leg, room=party.room))
        self._tell(switch.LegEnded(at=self._clock(), leg=leg, q850=q850, sip_code=sip_code))

    # ---- callers

    def call_in(self, called: str, caller: str, endpoint: str, digits: str = "") -> str:
        """Have somebody call; returns the channel. `digits` are sent once answered, `h` at the end hangs up."""
        channel = f"sim-{next(self._serial)}"
        leg = Leg("", channel)
        self._parties[leg] = _Party(leg, Behaviour(), inbound=True, digits=digits)
        self._callers[channel] = leg
        self._tell(
            switch.IncomingCall(
                at=self._clock(), leg=leg, channel=channel, called=called, caller=caller, endpoint=endpoint,
                reference=channel,
            )
        )  # fmt: skip
        return channel

    async def bind_leg(self, channel: str, leg: Leg) -> Sequence[switch.Signal]:
        """Give a caller's leg its name; nothing happens before."""
        held = self._callers.get(channel)
        party = self._parties.pop(held, None) if held is not None else None
        if party is not None:
            party.leg = leg
            self._parties[leg] = party
            self._callers[channel] = leg
        return ()

    async def withheld(self, arrived: switch.IncomingCall) -> bool:
        """No simulated caller withholds a number."""
        return False

    async def refuse(self, channel: str, q850: int) -> None:
        """End a caller that is no leg of a call."""
        leg = self._callers.get(channel)
        if leg is None:
            raise switch.LegGone(f"no channel {channel}")
        self._end(leg, q850, None)

    async def ring(self, leg: Leg) -> None:
        """Tell a caller that it rings."""
        self._party(leg)

    async def answer(self, leg: Leg) -> None:
        """Answer a caller."""
        party = self._party(leg)
        if not party.up:
            self._pick_up(party)

    async def hangup(self, leg: Leg, *, q850: int = 16) -> None:
        """End a leg."""
        party = self._party(leg)
        asyncio.get_running_loop().call_soon(self._end, party.leg, q850, None if party.up else 487)

    async def answer_transfer(self, leg: Leg, taken: bool) -> None:
        """Nobody simulated asks to be transferred."""
        self._party(leg)

    async def refer(self, leg: Leg, to: str) -> None:
        """Ask the party to call somebody itself; one that would refuse that number stays silent."""
        party = self._party(leg)
        number = to.removeprefix("sip:").partition("@")[0]
        if behaviour(number).q850 is None:
            self._after(party, REFER_S, lambda: self._hang_up(leg))

    # ---- sound

    async def play(self, where: Place, media: Sequence[str], prompt: str) -> None:
        """Play: every medium takes a second."""
        leg = self._heard_by(where)
        handle = asyncio.get_running_loop().call_later(
            PROMPT_S * len(media) * self._pace, lambda: self._finish(prompt, ok=True)
        )
        self._prompts[prompt] = (leg, handle)

    async def whisper(self, leg: Leg, media: Sequence[str], prompt: str) -> None:
        """Play to one party."""
        await self.play(leg, media, prompt)

    async def open_sound(self, leg: Leg) -> str:
        """Nothing can be heard of a simulated call."""
        raise switch.SwitchError("a simulated call has no sound")

    async def sound(self, key: str) -> Sound:
        """Nothing can be heard of a simulated call."""
        raise switch.LegGone("a simulated call has no sound")

    async def tap(self, leg: Leg, by: Leg, *, speaks: bool) -> None:
        """Nothing can be heard of a simulated call."""
        raise switch.SwitchError("a simulated call has no sound")

    def _heard_by(self, where: Place) -> Leg:
        if isinstance(where, Room):
            if where not in self._rooms:
                raise switch.LegGone("no such room")
            return Leg(where.call, "")
        return self._party(where).leg

    def _finish(self, prompt: str, *, ok: bool) -> None:
        held = self._prompts.pop(prompt, None)
        if held is not None:
            held[1].cancel()
            self._tell(switch.Played(at=self._clock(), leg=held[0], prompt=prompt, ok=ok))

    async def stop_play(self, prompt: str) -> None:
        """Cut a prompt off."""
        self._finish(prompt, ok=False)

    async def send_dtmf(self, leg: Leg, digits: str, *, between_ms: int, duration_ms: int) -> None:
        """Send digits; a simulated party does nothing about them."""
        self._party(leg)

    async def music_on_hold(self, leg: Leg, on: bool) -> None:
        """Play music to a leg, or stop."""
        self._party(leg)

    async def mute(self, leg: Leg, direction: Heard, on: bool) -> None:
        """Silence a direction of a leg, or undo it."""
        self._party(leg)

    # ---- rooms

    async def open_room(self, room: Room) -> None:
        """Make a room."""
        self._rooms.add(room)

    async def close_room(self, room: Room) -> None:
        """Remove a room."""
        self._rooms.discard(room)
        for prompt, (where, _) in tuple(self._prompts.items()):
            if where == Leg(room.call, ""):
                self._finish(prompt, ok=False)

    async def remove_room(self, room: str) -> None:
        """Remove a room by name."""
        for each in tuple(self._rooms):
            if bridge_id(each.call, each.part) == room:
                await self.close_room(each)

    async def join(self, room: Room, legs: Sequence[Leg]) -> None:
        """Bring legs into a room."""
        if room not in self._rooms:
            raise switch.LegGone("no such room")
        for leg in legs:
            self._party(leg).room = room
            self._tell(switch.LegJoined(at=self._clock(), leg=leg, room=room))

    async def leave(self, room: Room, legs: Sequence[Leg]) -> None:
        """Take legs out of a room."""
        for leg in legs:
            self._party(leg).room = None
            self._tell(switch.LegLeft(at=self._clock(), leg=leg, room=room))

    # ---- recordings

    async def record(
        self, where: Place, name: str, *, max_s: int, silence_s: int = 0, beep: bool = False, end_digits: bool = False
    ) -> None:
        """Record; a simulated party hums."""
        leg = self._heard_by(where)
        recording = self._recordings[name] = CallRecorder(leg, self._clock())
        # Nobody in the sandbox talks for long: what waits for silence hears it.
        length = silence_s or max_s
        recording.timer = asyncio.get_running_loop().call_later(length * self._pace, lambda: self._stop(name))

    async def record_sides(self, leg: Leg, name: str, *, max_s: int) -> None:
        """Record both sides; nobody is heard by who hums."""
        await self.record(leg, name, max_s=max_s)
        self._recordings[name].sides = True

    async def pause_record(self, name: str, on: bool) -> None:
        """Put silence in a recording, or go on."""
        self._running(name).pause(on, self._clock())

    async def stop_record(self, name: str) -> None:
        """End a recording."""
        self._running(name)
        self._stop(name)

    def _running(self, name: str) -> CallRecorder:
        recording = self._recordings.get(name)
        if recording is None or not recording.running:
            raise switch.LegGone(f"no recording {name}")
        return recording

    def _stop(self, name: str) -> None:
        recording = self._recordings.get(name)
        if recording is not None and recording.running:
            recording.stop(self._clock())
            self._tell(
                switch.Recorded(at=self._clock(), leg=recording.of, name=name, ok=True,
                           duration_s=recording.length / timedelta(seconds=1))
            )  # fmt: skip

    async def records(self, name: str) -> bool:
        """Tell whether a recording is going on."""
        return name in self._recordings and self._recordings[name].running

    async def has_recording(self, name: str) -> bool:
        """Tell whether there is a recording."""
        return name in self._recordings

    async def recordings(self) -> list[str]:
        """Return all recordings."""
        return list(self._recordings)

    async def recording(self, name: str, take: switch.Take) -> None:
        """Give a recording that has ended."""
        recording = self._recordings.get(name)
        if recording is None or recording.running:
            raise switch.LegGone(f"no recording {name}")
        await take(recording.file())

    async def forget_recording(self, name: str) -> None:
        """Remove a recording."""
        self._recordings.pop(name, None)

    # ---- what there is

    def snapshot(self) -> Snapshot:
        """Return the legs and rooms there are, as a reconciliation wants them."""
        channels = []
        for leg, party in self._parties.items():
            id = next((name for name, held in self._callers.items() if held == leg), None)
            state = "Up" if party.up else "Ring" if party.inbound else "Ringing"
            channels.append(Channel(id or channel_id(leg.call, leg.name), state))
        rooms = tuple(bridge_id(room.call, room.part) for room in self._rooms)
        return Snapshot(self._clock(), tuple(channels), rooms)

    async def close(self) -> None:
        """Forget everything; nobody is told."""
        self.on_signal = _unheard
        for party in self._parties.values():
            for timer in party.timers:
                timer.cancel()
        for _, timer in self._prompts.values():
            timer.cancel()
        for recording in self._recordings.values():
            if recording.timer is not None:
                recording.timer.cancel()
        for held in (self._parties, self._callers, self._prompts, self._recordings):
            held.clear()
        self._rooms.clear()


def _unheard(signal: switch.Signal) -> None:
    """Nobody keeps the simulated carrier's calls now."""
