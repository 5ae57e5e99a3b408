"""A live call: one task that hears its signals, keeps its journal and gives orders to its switch.

Everything that concerns a call has its turn, one thing after the other: signals of the switch, timers, finished side
work (a rendered prompt, a web service's answer) and what people order.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Coroutine, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Protocol

import structlog

from jinaconnect.actions.calls.journal import CallJournal, Overtaken, Tell
from jinaconnect.actions.context import Services
from jinaconnect.actions.ivr.prompts import PromptStore
from jinaconnect.actions.live.ground import invalid
from jinaconnect.actions.live.hold import Hold
from jinaconnect.actions.live.ivr import Attendant
from jinaconnect.actions.live.legs import CallLegs
from jinaconnect.actions.live.playback import PromptPlayer
from jinaconnect.actions.live.queue import CallCommand, CallQueue, Due
from jinaconnect.actions.live.recorder import CallRecorder
from jinaconnect.actions.live.supervising import Supervision
from jinaconnect.actions.live.transfers import Transfers
from jinaconnect.actions.worker import Worker
from jinaconnect.core.calls import causes, document, machine
from jinaconnect.core.calls import plan as plans
from jinaconnect.core.calls.dtmf import Collector
from jinaconnect.core.errors import GatewayError, OutcomeUnknown, Unavailable
from jinaconnect.store.databases.mongo import Document
from jinaconnect.store.ending import ended
from jinaconnect.telephony import switch as telephony
from jinaconnect.telephony.switch import CUSTOMER, Leg, Room, Switch

LINGER_S = 5.0  # how long a call's other legs may take to end after it is over
RING_SLACK_S = 5.0  # beyond the switch's own ring limit, in case its report is lost
MOST_REFERENCE = 128
MOST_DIGITS = 64  # that a simulated party sends
TRUNK_DOWN_CAUSE = causes.NETWORK_OUT_OF_ORDER

logger = structlog.get_logger(__name__)


class Keeper(Protocol):
    """Who keeps a live call: the supervisor of its switch."""

    services: Services
    worker: Worker
    prompts: PromptStore
    switch: Switch
    hold: Hold

    def journal(self, doc: Document) -> CallJournal:
        """Return a call's journal that writes as long as nobody after us keeps the call."""

    def channel(self, call: LiveCall, name: str) -> str:
        """Return the switch's name of a leg."""

    def release(self, call: LiveCall) -> None:
        """Forget a call that is over."""

    def supervised(self, scope: str) -> int:
        """Return how many supervisors there are in a tenant's calls on the switch."""


class LiveCall:
    """Runs one call from its first signal, or from where a restart left it, to its end."""

    def __init__(self, keeper: Keeper, journal: CallJournal) -> None:
        self._keeper = keeper
        self.services = keeper.services
        self.worker = keeper.worker
        self.prompts = keeper.prompts
        self.switch = keeper.switch
        self.journal = journal
        self.queue = CallQueue(journal.id)
        self.player = PromptPlayer(self)
        self.recorder = CallRecorder(self)
        self.attendant = Attendant(self)
        self.parties = CallLegs(self)
        self.transfers = Transfers(self)
        self.supervision = Supervision(
            self, lambda: keeper.supervised(self.doc["scope"]), keeper.services.settings.supervisions
        )
        self._keys: defaultdict[str, Collector] = defaultdict(Collector)
        self._asked: machine.HangupRequested | None = None
        self._over = False
        self._overtaken = False
        self.task: asyncio.Task[None] | None = None

    # ---- what others call

    @property
    def doc(self) -> Mapping[str, Any]:
        """The call's document."""
        return self.journal.doc

    @property
    def plan(self) -> plans.Plan:
        """What the call is for."""
        return plans.of(self.doc)

    @property
    def id(self) -> str:
        """The call's id."""
        return self.journal.id

    def start(self, *first: machine.Fact, adopted: frozenset[str] | None = None) -> None:
        """Begin: a new call at its beginning, one found alive (`adopted`: its channels) where it stands."""
        begin = self._begin() if adopted is None else self._adopt(first, adopted)
        self.task = asyncio.create_task(self._run(begin), name=f"call {self.id}")

    def hear(self, signal: telephony.Signal) -> None:
        """Take a signal."""
        self.queue.put(signal)

    def vanished(self) -> None:
        """Know that the switch has no channel of this call's customer any more, though it never told."""
        self.queue.enqueue(lambda: self._leg_over(CUSTOMER, machine.Gone(self.now())))

    def end_supervision(self) -> None:
        """Send the call's supervisors away: it may not be listened to any more."""
        self.queue.enqueue(lambda: self.supervision.over("not_allowed"))

    async def order(self, action: str, body: Mapping[str, Any], actor: Mapping[str, str]) -> dict[str, Any]:
        """Have something done; raises what the action raises (GatewayError)."""
        answer: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self.queue.put(CallCommand(action, body, actor, answer))
        return await answer

    # ---- what its parts use

    def leg(self, name: str) -> Leg:
        """Return the switch's name of one of the call's legs."""
        return Leg(self.id, name)

    def legs(self, *states: str) -> dict[str, Mapping[str, Any]]:
        """Return the legs in one of the states (default: all), in the order they came."""
        return {name: each for name, each in self.doc["legs"].items() if not states or each["state"] in states}

    def up(self, name: str) -> bool:
        """Tell whether a leg is up."""
        each = self.doc["legs"].get(name)
        return each is not None and each["state"] == document.UP

    async def give(self, order: Awaitable[None]) -> bool:
        """Carry out an order whose failure changes nothing: the leg's end follows, or the link's break."""
        try:
            await order
        except telephony.SwitchError as error:
            if not isinstance(error, telephony.LegGone):
                self.journal.note("order_failed", {"error": str(error)}, source="system")
            return False
        return True

    async def dial(
        self, name: str, leg: dict[str, Any], *facts: machine.Fact, caller: str, timeout_s: int,
        tell: Sequence[Tell] = (), set: Mapping[str, Any] | None = None,
    ) -> None:  # fmt: skip
        """Record a leg, then dial it: a crash between the two leaves a leg that never was, never one unknown."""
        digits = str(self.doc["metadata"].get("sandbox_digits", ""))[:MOST_DIGITS] if name == CUSTOMER else ""
        leg = {**leg, "state": document.DIALING}
        await self.journal.write(*facts, tell=tell, set={f"legs.{name}": leg, **(set or {})})
        self.journal.note("leg_dialled", {"leg": name, "endpoint": leg["endpoint"], "to": leg["to"]}, source="system")
        try:
            target = telephony.Target(leg["endpoint"], leg["to"], digits)
            await self.switch.dial(self.leg(name), target, caller=caller, timeout_s=timeout_s)
        except telephony.SwitchAway as error:
            self.journal.note("dial_unanswered", {"leg": name, "error": str(error)}, source="system")
            if not error.uncertain:
                self._lose(name, machine.Hangup(self.now(), cause=causes.NORMAL_TEMPORARY_FAILURE))
                return
        except telephony.SwitchError as error:
            cause = TRUNK_DOWN_CAUSE if isinstance(error, telephony.TrunkDown) else causes.NORMAL_TEMPORARY_FAILURE
            self.journal.note("dial_refused", {"leg": name, "error": str(error)}, source="system")
            self._lose(name, machine.Hangup(self.now(), cause=cause))
            return
        self.queue.start_timer(f"ring {name}", timeout_s + RING_SLACK_S, lambda: self._rang_out(name))

    def _lose(self, name: str, end: machine.Hangup) -> None:
        self.queue.enqueue(lambda: self._leg_over(name, end))

    def kept_with(self, doc: Document) -> CallJournal:
        """Return the journal of a second leg's own call, kept as long as this one is."""
        return self._keeper.journal(doc)

    def now(self) -> datetime:
        """Return the present."""
        return self.services.clock()

    async def end(self, *facts: machine.Fact, q850: int = 16, tell: Sequence[Tell] = ()) -> None:
        """Bring the call to its end: what was decided is recorded, then every leg is hung up."""
        if facts or tell:
            await self.journal.write(*facts, tell=tell)
        self.player.forget()
        names = list(self.legs(document.DIALING, document.RINGING, document.UP, document.NEW))
        customer = self.doc["legs"].get(CUSTOMER)
        if customer is None or (customer["state"] == document.NEW and customer["channel"] is None):
            # The customer was never called: nothing will report the end.
            await self._conclude(machine.Hangup(self.now(), inferred=False))
        for name in names:
            await self._hang(name, q850)
        if not names:
            await self._conclude(machine.Gone(self.now()))

    async def _hang(self, name: str, q850: int = 16) -> None:
        if not await self.give(self.switch.hangup(self.leg(name), q850=q850)):
            # Not there, or no answer: if no report comes either, it is over all the same.
            self.queue.start_timer(f"gone {name}", LINGER_S, lambda: self._leg_over(name, machine.Gone(self.now())))

    # ---- the task

    async def _run(self, begin: Coroutine[Any, Any, None]) -> None:
        try:
            await self._turn(begin)
            while not (self._over or self._overtaken):
                item = await self.queue.next()
                if not self._keeper.hold.lasts:
                    # Stopped for so long that another process may keep the call: what was due is not ours to do.
                    self.queue.put(item)
                    return
                if isinstance(item, CallCommand):
                    await self._obey(item)
                else:
                    await self._turn(item.run() if isinstance(item, Due) else self._heard(item))
        finally:
            self._close()

    async def _turn(self, work: Awaitable[None]) -> None:
        """One turn; whatever breaks in it ends the call, and only this call."""
        try:
            await work
            await self.supervision.review()
            await self.journal.settle()
        except Overtaken:
            self._overtaken = True
        except telephony.LegGone:
            await self._settled()  # the signal of its end is on the way
        except telephony.SwitchAway as error:
            self.journal.note("switch_away", {"error": str(error)}, source="system")
            await self._settled()
        except Unavailable:
            logger.warning("call.unrecorded", call=self.id)  # the database was away for a whole lease
        except Exception as error:
            logger.error("call.broken", call=self.id, exc_info=error)
            if not self._over:
                await self._give_up()

    async def _settled(self) -> None:
        try:
            await self.journal.settle()
        except Overtaken:
            self._overtaken = True
        except Unavailable:
            logger.warning("call.unrecorded", call=self.id)

    async def _give_up(self) -> None:
        try:
            await self.end(machine.Faulted(self.now(), cause=causes.INTERWORKING))
        except Exception as error:
            logger.error("call.abandoned", call=self.id, exc_info=error)
            self._over = True

    async def _obey(self, command: CallCommand) -> None:
        if command.answer.cancelled():
            return
        try:
            result = await self.parties.obey(command)
            await self.supervision.review()
            await self.journal.settle()
        except GatewayError as error:
            command.answer.set_exception(error)
        except Overtaken:
            self._overtaken = True
            command.answer.set_exception(Unavailable("The call's switch has a new owner.", retry_after=2))
        except telephony.LegGone:
            command.answer.set_exception(invalid("The call has ended."))
        except telephony.SwitchError as error:
            doubted = isinstance(error, telephony.SwitchAway) and error.uncertain
            command.answer.set_exception(
                OutcomeUnknown(f"The call's switch has not answered, and may have done it: {error}") if doubted
                else Unavailable(f"The call's switch did not do it: {error}", retry_after=2)
            )  # fmt: skip
        except BaseException:
            if not command.answer.done():  # the call is let go of in the middle
                command.answer.set_exception(OutcomeUnknown("The link to the call's switch broke while it was done."))
            raise
        else:
            command.answer.set_result(result)

    def _close(self) -> None:
        for command in self.queue.close():
            if not command.answer.done():
                away = Unavailable("The link to the call's switch is being restored.", retry_after=2)
                command.answer.set_exception(invalid("The call has ended.") if self._over else away)
        self._keeper.release(self)

    async def let_go(self) -> None:
        """Stop keeping the call without ending it (the switch's next owner goes on with it)."""
        if self.task is not None:
            await ended((self.task,))

    # ---- beginning

    async def _begin(self) -> None:
        if self.doc["direction"] == document.INBOUND:
            await self.parties.start_inbound()
            return
        match self.plan.purpose:
            case plans.RingAgent(agent):
                await self.parties.ring_first(agent)
            case plans.FromDevice():
                await self.parties.start_from_device()
            case _:
                await self.call_customer()

    async def call_customer(self) -> None:
        """Dial the number the call is for."""
        plan = self.plan
        leg = document.leg("customer", **(plan.target or {}), number=self.doc["to_number"])
        await self.dial(
            CUSTOMER, leg, machine.Dialing(self.now()), caller=plan.caller, timeout_s=self.doc["timeout_s"],
            set={"placed_at": self.now()},
        )  # fmt: skip

    async def _adopt(self, facts: Sequence[machine.Fact], channels: frozenset[str]) -> None:
        """Go on where another process stopped: what was missed is made up, what was running is begun again."""
        self.journal.note("adopted", {"channels": len(channels)}, source="system")
        open_legs = self.legs(document.DIALING, document.RINGING, document.UP)
        gone = [name for name in open_legs if self._keeper.channel(self, name) not in channels]
        was_up = self.up(CUSTOMER)
        changes = {f"legs.{name}.state": document.ENDED for name in gone}
        now_up = any(isinstance(fact, machine.Answered) for fact in facts)
        if now_up:
            changes[f"legs.{CUSTOMER}.state"] = document.UP
        self.journal.hold(*facts, set=changes)
        await self.journal.take()
        await self.supervision.over("interrupted")
        self._arm_limit()
        await self.recorder.adopt()
        if now_up and not was_up:
            await self._answered()
        elif self.doc["status"] == machine.IN_PROGRESS:
            await self.attendant.adopt()
        await self.parties.adopt(gone)

    # ---- hearing

    async def _heard(self, signal: telephony.Signal) -> None:
        name = signal.leg.name
        match signal:
            case telephony.Played():
                await self.player.played(signal.prompt, signal.ok)
                return
            case telephony.Recorded():
                await self.recorder.ended(signal)
                return
        if name not in self.doc["legs"]:
            # A helper of ours (a whisper, a supervisor), or a leg given up before it came to be.
            await self.supervision.heard(signal)
            return
        match signal:
            case telephony.LegDialing():
                return
            case telephony.LegRinging():
                await self._ringing(name, signal)
            case telephony.LegAnswered():
                await self._leg_up(name, signal)
            case telephony.HangupRequested():
                self.journal.note("hangup_requested", _bare(leg=name, q850=signal.q850, sip_code=signal.sip_code))
                if name == CUSTOMER:
                    self._asked = machine.HangupRequested(signal.at, q850=signal.q850, sip_code=signal.sip_code)
            case telephony.LegEnded():
                called = name == CUSTOMER and self.doc["direction"] == document.INBOUND
                end = machine.Hangup(signal.at, q850=signal.q850, sip_code=signal.sip_code, by_caller=called)
                self.journal.note("leg_ended", _bare(leg=name, q850=signal.q850, sip_code=signal.sip_code))
                await self._leg_over(name, end)
            case telephony.DigitPressed():
                await self._key(name, signal)
            case telephony.LegJoined() | telephony.LegLeft():
                joined = isinstance(signal, telephony.LegJoined)
                self.journal.note("leg_joined" if joined else "leg_left", {"leg": name, "room": signal.room.part})
            case telephony.TransferAsked():
                await self.transfers.asked(name, signal.to)
            case telephony.LegHeld():
                self.journal.note("held_by_party" if signal.held else "resumed_by_party", {"leg": name})

    async def _ringing(self, name: str, signal: telephony.LegRinging) -> None:
        each = self.doc["legs"][name]
        if each["state"] not in (document.NEW, document.DIALING):
            return
        self.journal.note("leg_ringing", {"leg": name, "early_media": signal.early_media})
        fact = machine.Progress(signal.at) if signal.early_media else machine.Ringing(signal.at)
        await self.journal.write(*((fact,) if name == CUSTOMER else ()), set={f"legs.{name}.state": document.RINGING})
        await self.parties.rings(name, fact)

    async def _leg_up(self, name: str, signal: telephony.LegAnswered) -> None:
        if self.doc["legs"][name]["state"] in (document.UP, document.ENDED):
            return
        self.queue.cancel_timer(f"ring {name}")
        if signal.machine:
            self.journal.note("machine_answered", {"leg": name}, source="carrier")
        changes: dict[str, Any] = {f"legs.{name}.state": document.UP}
        if name != CUSTOMER:
            self.journal.note("leg_answered", {"leg": name})
            await self.journal.write(set=changes)
            await self.parties.answered(name, machine.Answered(signal.at))
            return
        if signal.machine:
            changes["metadata"] = {**self.doc["metadata"], "answered_by": "machine"}
        if signal.reference and self.doc["provider_call_id"] == f"pending-{self.id}":
            changes["provider_call_id"] = signal.reference[:MOST_REFERENCE]
        self.journal.hold(machine.Answered(signal.at), set=changes)
        self.queue.start_timer("limit", self.doc["max_duration_s"], self._too_long)
        await self._answered()

    async def _answered(self) -> None:
        """The customer talks: whatever the call was placed for begins."""
        if self.doc["ending"]:
            await self.end()
            return
        if self.plan.record:
            await self.recorder.begin(None)
        if self.plan.connects:
            await self.parties.connect()
        else:
            await self.attendant.begin()

    async def _key(self, name: str, signal: telephony.DigitPressed) -> None:
        moment = int(signal.reported.timestamp() * 1000)
        if not self._keys[name].report(signal.digit, moment, signal.duration_ms):
            return
        source = "customer" if name == CUSTOMER else "agent"
        digit = machine.Digit(signal.at, digit=signal.digit, duration_ms=signal.duration_ms, source=source)
        await self.attendant.digit(digit) if name == CUSTOMER else await self.journal.write(digit)

    # ---- limits and the end

    def _arm_limit(self) -> None:
        if self.doc["started_at"] is not None:
            ends = self.doc["started_at"] + timedelta(seconds=self.doc["max_duration_s"])
            self.queue.start_timer("limit", (ends - self.now()).total_seconds(), self._too_long)

    async def _too_long(self) -> None:
        await self.end(machine.TimedOut(self.now(), limit=machine.DURATION))

    async def _rang_out(self, name: str) -> None:
        if name not in self.legs(document.DIALING, document.RINGING):
            return
        if name == CUSTOMER:
            await self.journal.write(machine.TimedOut(self.now(), limit=machine.RING))
        await self._hang(name, 19)

    async def _leg_over(self, name: str, end: machine.Fact) -> None:
        if self.doc["legs"].get(name, {}).get("state") == document.ENDED:
            return
        self.queue.cancel_timer(f"ring {name}")
        self.queue.cancel_timer(f"gone {name}")
        if name == CUSTOMER:
            await self._conclude(end)
            return
        await self.journal.write(set={f"legs.{name}.state": document.ENDED, f"legs.{name}.room": None})
        await self.parties.left(name, end)
        self._finish_if_empty()

    async def _conclude(self, end: machine.Fact) -> None:
        """The customer is gone, and with them the call, unless another trunk may reach them for whoever waits."""
        if await self.parties.elsewhere((*((self._asked,) if self._asked else ()), end)):
            self._asked = None
            return
        await self.attendant.over()
        await self.transfers.over()
        await self.supervision.over()
        changes = {f"legs.{CUSTOMER}.state": document.ENDED} if CUSTOMER in self.doc["legs"] else {}
        await self.journal.write(*((self._asked,) if self._asked else ()), end, set=changes)
        if self.doc.get("rerouting") is not None:  # another carrier is tried: it is begun anew
            await self._leave()
            return
        await self.recorder.close()
        for name, each in self.legs(document.DIALING, document.RINGING, document.UP).items():
            # A telephone of ours that dialled and was not answered yet is told why.
            waits = each["channel"] is not None and each["state"] != document.UP
            await self._hang(name, causes.rejection_code(self.doc["hangup_cause"]) if waits else 16)
        self.queue.start_timer("linger", LINGER_S, self._leave)
        self._finish_if_empty()

    def _finish_if_empty(self) -> None:
        if self.journal.over and not self.legs(document.DIALING, document.RINGING, document.UP):
            self.queue.enqueue(self._leave)

    async def _leave(self) -> None:
        if self._over:
            return
        self._over = True
        for part in self.parties.rooms:
            await self.give(self.switch.close_room(Room(self.id, part)))
        await self.journal.flush()


def _bare(**facts: Any) -> dict[str, Any]:
    return {key: value for key, value in facts.items() if value is not None}
