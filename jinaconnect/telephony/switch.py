"""What carries calls, seen from above: orders that can be given to it and signals that come from it.

An Asterisk (`telephony/ari`) and the simulated carrier (`telephony/simulator`) are both switches. Ids are ours and are
chosen before an order is given: a leg is one party of a call, a room is where legs hear each other, prompts and
recordings have names. Signals come in the order they happened for one leg; the signal an order causes may come before
the order's own answer.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, NamedTuple, Protocol, runtime_checkable

from jinaconnect.core.calls.reconcile import Snapshot

CUSTOMER = "cust"  # the leg that decides a call's fate


class Leg(NamedTuple):
    """One party of a call; a leg's `name` is lower-case letters and digits."""

    call: str
    name: str


class Room(NamedTuple):
    """Where legs of a call hear each other; `part` names a second one (a consultation)."""

    call: str
    part: str = ""


Place = Leg | Room
Heard = Literal["in", "out"]  # what the party says, what the party hears
Take = Callable[[bytes], Awaitable[None]]  # who is given a file piece by piece


@dataclass(frozen=True, slots=True)
class Target:
    """Whom to dial: `to` is a number as the carrier wants it or a `sip:` URI, empty for a registered device.

    `digits` are those that a simulated party sends; other switches have no use for them.
    """

    endpoint: str
    to: str = ""
    digits: str = ""


# ---- errors: an order that did not work


class SwitchError(Exception):
    """The switch did not do it."""


class LegGone(SwitchError):
    """The leg, room, prompt or recording is not there (any more)."""


class TrunkDown(SwitchError):
    """The carrier or device cannot be reached, so nothing was dialled."""


class SwitchAway(SwitchError):
    """The switch did not answer; `uncertain` when the order may have been carried out all the same."""

    def __init__(self, message: str, *, uncertain: bool) -> None:
        super().__init__(message)
        self.uncertain = uncertain


# ---- signals


@dataclass(frozen=True, slots=True, kw_only=True)
class Signal:
    """Something that happened to a leg, on the gateway's clock."""

    at: datetime
    leg: Leg


@dataclass(frozen=True, slots=True, kw_only=True)
class IncomingCall(Signal):
    """A call came in; its leg is `(channel, "")` until the gateway has given the call an id.

    `called` and `caller` as the carrier wrote them, `endpoint` the trunk's or device's endpoint, `reference` the
    carrier's own id of the call (SIP Call-ID), `from_device` for a call an agent's telephone makes. `presented` is what
    the call says of showing its caller (the arguments of `core.calls.privacy.is_withheld`), None where it is to be
    asked for.
    """

    channel: str
    called: str
    caller: str
    endpoint: str
    reference: str = ""
    from_device: bool = False
    presented: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LegDialing(Signal):
    """The leg was handed to its carrier."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LegRinging(Signal):
    """The party rings; `early_media` when it was told by the network's own sound (SIP 183)."""

    early_media: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class LegAnswered(Signal):
    """The party has answered and the leg takes orders; `machine` when a carrier says that a machine did.

    `reference` is what the carrier knows the leg by, empty where that is not told.
    """

    machine: bool = False
    reference: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class HangupRequested(Signal):
    """A party or the carrier asks for the end."""

    q850: int | None = None
    sip_code: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LegEnded(Signal):
    """The leg is over."""

    q850: int | None = None
    sip_code: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DigitPressed(Signal):
    """A report of a digit; the same one may be reported twice (`core.calls.dtmf.Collector`).

    `reported` is when the switch made the report, on its own clock: what it tells late was not pressed late.
    """

    digit: str
    duration_ms: int
    reported: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Played(Signal):
    """A prompt has ended; `ok` is False when it could not be played or was cut off."""

    prompt: str
    ok: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded(Signal):
    """A recording has ended; `ok` is False when there is none."""

    name: str
    ok: bool
    duration_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LegJoined(Signal):
    """The leg entered a room."""

    room: Room


@dataclass(frozen=True, slots=True, kw_only=True)
class LegLeft(Signal):
    """The leg left a room."""

    room: Room


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferAsked(Signal):
    """The party asks to be transferred away: the gateway is to connect the others to `to` (a number as it was dialled).

    `to` is empty where they are to be connected to a party of another call.
    """

    to: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LegHeld(Signal):
    """The party put us on hold, or came back."""

    held: bool


class Sound(Protocol):
    """The sound of a leg of `open_sound`: 16 kHz, 16 bits, little-endian, mono, 20 ms in a frame."""

    def __aiter__(self) -> AsyncIterator[bytes]:
        """Iterate over the frames that come, until it ends."""

    async def send(self, frame: bytes) -> None:
        """Have 20 ms be heard; raises LegGone when it has ended."""

    async def close(self) -> None:
        """Close it, which ends its leg."""


@runtime_checkable
class PlayedParties(Protocol):
    """A switch whose parties are played, and do what they are told."""

    async def act(self, leg: Leg, keys: str) -> None:
        """Have a party press keys one after the other; `w` waits half a second, `h` hangs up. Raises LegGone."""


class Switch(Protocol):
    """The orders. Each raises LegGone, TrunkDown (dial alone) or SwitchAway."""

    name: str

    async def dial(self, leg: Leg, target: Target, *, caller: str, timeout_s: int) -> None:
        """Call a party; returns before it rings, and at once when this leg was dialled before."""

    async def bind_leg(self, channel: str, leg: Leg) -> Sequence[Signal]:
        """Give the leg of a call that came in its name; returns what it did since it arrived."""

    async def withheld(self, arrived: IncomingCall) -> bool:
        """Tell whether who calls asked that their number is not shown, and have the switch show it to nobody then."""

    async def refuse(self, channel: str, q850: int) -> None:
        """End a channel that is no leg of a call, by the switch's own name for it."""

    async def remove_room(self, room: str) -> None:
        """Remove a room by the switch's own name for it."""

    async def ring(self, leg: Leg) -> None:
        """Tell a caller that it rings."""

    async def answer(self, leg: Leg) -> None:
        """Answer a caller."""

    async def hangup(self, leg: Leg, *, q850: int = 16) -> None:
        """End a leg; before the answer the cause decides what the caller is told."""

    async def play(self, where: Place, media: Sequence[str], prompt: str) -> None:
        """Play media (`sound:` URIs) in turn, heard by a leg or a room; `Played` tells the end, once."""

    async def whisper(self, leg: Leg, media: Sequence[str], prompt: str) -> None:
        """Play media to one party that is in a room, unheard by the others."""

    async def open_sound(self, leg: Leg) -> str:
        """Make a leg whose party is a socket of ours, and return the socket's secret name; a repeat is the same.

        `LegAnswered` follows when somebody has opened the socket, `LegEnded` when it is closed.
        """

    async def sound(self, key: str) -> Sound:
        """Open the socket of a leg that `open_sound` has made; any process may. Raises LegGone, SwitchAway."""

    async def tap(self, leg: Leg, by: Leg, *, speaks: bool) -> None:
        """Make a leg `by` that hears both sides of `leg` and, where it `speaks`, is heard by its party alone.

        It ends with `leg`.
        """

    async def stop_play(self, prompt: str) -> None:
        """Cut a prompt off; nothing to do when it has ended."""

    async def send_dtmf(self, leg: Leg, digits: str, *, between_ms: int, duration_ms: int) -> None:
        """Send digits towards a party; `w` waits 500 ms."""

    async def open_room(self, room: Room) -> None:
        """Make a room; nothing to do when it is there."""

    async def close_room(self, room: Room) -> None:
        """Remove a room; its legs stay, alone."""

    async def join(self, room: Room, legs: Sequence[Leg]) -> None:
        """Bring legs into a room, out of whichever they were in."""

    async def leave(self, room: Room, legs: Sequence[Leg]) -> None:
        """Take legs out of a room."""

    async def music_on_hold(self, leg: Leg, on: bool) -> None:
        """Start or stop music on hold for a leg in no room."""

    async def mute(self, leg: Leg, direction: Heard, on: bool) -> None:
        """Silence what a party says (`in`) or hears (`out`), or undo it."""

    async def record(
        self, where: Place, name: str, *, max_s: int, silence_s: int = 0, beep: bool = False, end_digits: bool = False
    ) -> None:
        """Record a leg or a room as mono 8 kHz WAV; `end_digits` lets a `#` end it."""

    async def record_sides(self, leg: Leg, name: str, *, max_s: int) -> None:
        """Record what a leg says and what it hears, wherever it goes, as WAV with a channel for each."""

    async def pause_record(self, name: str, on: bool) -> None:
        """Put silence in a recording, or go on."""

    async def stop_record(self, name: str) -> None:
        """End a recording; `Recorded` follows."""

    async def records(self, name: str) -> bool:
        """Tell whether a recording is going on, paused or not."""

    async def has_recording(self, name: str) -> bool:
        """Tell whether there is a file of a recording."""

    async def recordings(self) -> Sequence[str]:
        """Return the names of all recordings that have a file, those that are going on included."""

    async def recording(self, name: str, take: Take) -> None:
        """Give the WAV file of a recording that has ended to `take`, piece by piece."""

    async def forget_recording(self, name: str) -> None:
        """Remove a recording from the switch; nothing to do when it is not there."""

    async def answer_transfer(self, leg: Leg, taken: bool) -> None:
        """Tell a party that asked to be transferred away whether that is being done."""

    async def refer(self, leg: Leg, to: str) -> None:
        """Ask the party's side to call `to` itself (SIP REFER); no success is told, only what the leg does next."""


# ---- who keeps its calls


@dataclass(frozen=True, slots=True)
class Break:
    """What preceded a connection: why, for how long nothing was heard, and whether Asterisk began anew meanwhile."""

    reason: str
    gap_ms: int
    restart: bool


class Keeper(Protocol):
    """Who keeps the calls of a switch."""

    async def connected(self, snapshot: Snapshot, broken: Break) -> None:
        """Bring calls and switch into agreement; nothing is heard until this returns."""

    def hear(self, signal: Signal) -> None:
        """Take a signal."""

    async def lost(self, reason: str) -> None:
        """Know that nothing is heard for now."""

    async def audit(self, snapshot: Snapshot) -> None:
        """Look for what nobody needs any more."""
