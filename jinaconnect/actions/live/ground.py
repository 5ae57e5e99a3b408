"""What the parts of a live call stand on: the call as each of them sees it, and they as they see each other.

A part knows none of the others' modules; the call (`live/call.py`) is made of all of them.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

from jinaconnect.actions.calls.journal import CallJournal, Tell
from jinaconnect.actions.context import Services
from jinaconnect.actions.ivr.prompts import PromptStore
from jinaconnect.actions.live.queue import CallQueue
from jinaconnect.actions.trunks.targets import Reached
from jinaconnect.actions.worker import Worker
from jinaconnect.core.calls import machine
from jinaconnect.core.calls.plan import Plan
from jinaconnect.core.errors import Conflict
from jinaconnect.core.ivr import exchange
from jinaconnect.store.databases.mongo import Document
from jinaconnect.telephony.switch import Leg, Place, Signal, Switch

Actor = Mapping[str, str]
Finished = Callable[[bool], Awaitable[None]]


def invalid(text: str) -> Conflict:
    """Return the refusal of something a call cannot do now."""
    return Conflict(text, code="invalid_state")


class Ground(Protocol):
    """A live call as its parts see it."""

    services: Services
    worker: Worker
    prompts: PromptStore
    switch: Switch
    journal: CallJournal
    queue: CallQueue

    @property
    def id(self) -> str:
        """The call's id."""

    @property
    def doc(self) -> Mapping[str, Any]:
        """The call's document."""

    @property
    def plan(self) -> Plan:
        """What the call is for."""

    @property
    def player(self) -> Player:
        """What is being played."""

    @property
    def recorder(self) -> Recorder:
        """What is being recorded."""

    @property
    def attendant(self) -> Attending:
        """What speaks when no person does."""

    @property
    def parties(self) -> Parties:
        """The people."""

    @property
    def transfers(self) -> Transferring:
        """The transfer that is under way."""

    @property
    def supervision(self) -> Supervising:
        """Supervisors beside the parties."""

    def now(self) -> datetime:
        """Return the present."""

    def leg(self, name: str) -> Leg:
        """Return the switch's name of one of the call's legs."""

    def legs(self, *states: str) -> dict[str, Mapping[str, Any]]:
        """Return the legs in one of the states (default: all), in the order they came."""

    def up(self, name: str) -> bool:
        """Tell whether a leg is up."""

    def hear(self, signal: Signal) -> None:
        """Take a signal."""

    async def give(self, order: Awaitable[None]) -> bool:
        """Carry out an order whose failure changes nothing."""

    async def dial(
        self, name: str, leg: dict[str, Any], *facts: machine.Fact, caller: str, timeout_s: int,
        tell: Sequence[Tell] = (), set: Mapping[str, Any] | None = None,
    ) -> None:  # fmt: skip
        """Record a leg, then dial it."""

    async def call_customer(self) -> None:
        """Dial the number the call is for."""

    async def end(self, *facts: machine.Fact, q850: int = 16, tell: Sequence[Tell] = ()) -> None:
        """Bring the call to its end: what was decided is recorded, then every leg is hung up."""

    def kept_with(self, doc: Document) -> CallJournal:
        """Return the journal of a second leg's own call, kept as long as this one is."""


class Player(Protocol):
    """Plays to the customer."""

    def place(self) -> Place:
        """Return where the customer is heard and spoken to."""

    async def play(self, media: Sequence[str], prompt: str, done: Finished, *, where: Place | None = None) -> None:
        """Play to the customer (with the others, where they are in a room); `done(ok)` follows once."""

    def on_finished(self, prompt: str, done: Finished) -> None:
        """Wait for the end of a prompt that is played otherwise."""

    def forget(self) -> None:
        """Tell nobody of the end of what is being played."""

    async def stop(self) -> bool:
        """Stop every prompt and let its end be told; returns whether there was one."""

    async def stop_silently(self) -> None:
        """Stop what is being played; nobody is told of its end."""


class Recorder(Protocol):
    """Records."""

    @property
    def running(self) -> bool:
        """Whether the call is being recorded, paused or not."""

    def named(self, kind: str, turn: int | None = None) -> dict[str, Any]:
        """Return the mark of a recording that is about to be asked for (of an IVR: in its `turn`)."""

    async def begin(self, actor: Actor | None) -> None:
        """Record what all parties say; raises Conflict where consent is missing."""

    async def message(self, order: exchange.StartRecord, done: Callable[[], Awaitable[None]]) -> None:
        """Record what the customer says for an IVR; `done` follows when it has ended, or could not be."""

    def adopt_message(self, turn: int, longest_s: float, done: Callable[[], Awaitable[None]]) -> bool:
        """Go on with the message an IVR was recording in `turn`; False where it had not been begun."""

    async def pause(self, on: bool, actor: Actor) -> None:
        """Put silence into the recording, or go on; raises Conflict when there is nothing to pause or resume."""

    async def stop(self, actor: Actor) -> None:
        """End the recording; raises Conflict when there is none."""


class Attending(Protocol):
    """Speaks to the customer by itself."""

    @property
    def busy(self) -> bool:
        """Whether an IVR or an announcement is going on."""

    async def pause(self) -> None:
        """Be silent while it is not known whether the customer stays."""

    async def resume(self) -> bool:
        """Go on after a pause; False where there is nothing to go on with."""

    async def leave(self) -> None:
        """Let people take over."""


class Parties(Protocol):
    """Brings people together and apart."""

    @property
    def together(self) -> bool:
        """Whether the customer talks with somebody."""

    def others(self) -> list[str]:
        """Return the legs that are in the main room with the customer."""

    def name(self, prefix: str) -> str:
        """Return a leg's name that is not taken."""

    async def join(self, part: str, names: Sequence[str]) -> None:
        """Bring legs into a room of the call."""

    async def ensure_bridge(self) -> None:
        """Have the customer in a room, where playing and recording go on at once."""

    async def bridged(self, names: Sequence[str]) -> None:
        """Record whom the customer talks with."""

    def bound_hold(self) -> None:
        """Have a hold that was bounded end the call when it lasts too long."""

    async def hold(self) -> None:
        """Let the customer hear music, alone."""

    async def resume(self, names: Sequence[str]) -> None:
        """Bring the customer back, together with others."""

    async def add(self, name: str, reached: Reached, purpose: str, *, actor: Actor | None) -> str | None:
        """Dial a further leg; returns the id of its own call where it is one (to a number)."""


class Transferring(Protocol):
    """Brings the customer to somebody else."""

    async def of_ivr(self, to: str, answered: Finished) -> None:
        """Call `to` for an IVR and connect the customer; `answered(yes)` follows."""

    async def blind(self, reached: Reached, to: str, via: str, actor: Actor) -> None:
        """Hand the customer over at once."""

    async def answered(self, name: str) -> None:
        """The leg a customer is transferred to is up."""

    async def failed(self) -> None:
        """Whom the customer was to be transferred to was not reached."""

    async def consult(self, reached: Reached, to: str, actor: Actor) -> str | None:
        """Call somebody for the agent while the customer hears music; returns the consultation's call."""

    async def complete(self) -> None:
        """Connect the customer with the consulted; the agents leave."""

    async def cancel(self) -> None:
        """End the consultation."""

    async def consult_over(self) -> None:
        """The consulted party is gone."""

    async def taken_over(self) -> bool:
        """An agent has left: where they were consulting alone, the customer gets the consulted party."""

    async def adopt(self) -> None:
        """After a restart: an awaited answer of the carrier is awaited again."""


class Supervising(Protocol):
    """Lets supervisors hear the call and speak in it."""

    async def begin(self, id: str, mode: str, user: str | None, actor: Actor) -> tuple[dict[str, Any], str]:
        """Make ready for a supervisor; returns what is told of it and the secret name of its socket."""

    async def change(self, id: str, mode: str, actor: Actor) -> dict[str, Any]:
        """Have a supervisor be heard by others."""

    async def end(self, id: str, actor: Actor) -> dict[str, Any]:
        """Send a supervisor away."""
