"""The people in a call: agents' telephones, second legs, rooms, and what is ordered while they talk."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from jinaconnect.actions.calls.journal import CallJournal, failed_attempt
from jinaconnect.actions.calls.outbound_routes import standing_on
from jinaconnect.actions.calls.rerouting import over_next
from jinaconnect.actions.calls.second import second_call
from jinaconnect.actions.context import system_context
from jinaconnect.actions.live.ground import Ground
from jinaconnect.actions.live.queue import CallCommand
from jinaconnect.actions.live.verbs import carry_out
from jinaconnect.actions.trunks.routes import purpose_at
from jinaconnect.actions.trunks.targets import Reached, reach
from jinaconnect.core.calls import causes, document, machine
from jinaconnect.core.calls import plan as plans
from jinaconnect.core.calls.routing import Reject, ToDevice, ToTemplate, read_route
from jinaconnect.telephony.switch import CUSTOMER, Room

MAIN, CONSULT = "", "con"
FIRST = "a0n1"  # the leg of the telephone a call began with
RINGBACK = "tone:ring"
LATE = "late"  # the purpose of a telephone that answered when another had the call already


class CallLegs:
    """Brings the parties of a call together and apart."""

    def __init__(self, call: Ground) -> None:
        self._call = call
        self.rooms: set[str] = {each["room"] for each in call.doc["legs"].values() if each["room"] is not None}
        self._children: dict[str, CallJournal] = {}

    @property
    def together(self) -> bool:
        """Whether the customer talks with somebody."""
        return bool(self.others())

    def others(self) -> list[str]:
        """Return the legs that are in the main room with the customer."""
        return [
            name for name, each in self._call.legs(document.UP).items() if name != CUSTOMER and each["room"] == MAIN
        ]

    def _agents(self) -> list[str]:
        """Return the agents' legs that have the call."""
        return [
            name
            for name, each in self._call.legs(document.UP).items()
            if each["role"] == "agent" and each["purpose"] != LATE
        ]

    # ---- calls that begin with people

    async def start_inbound(self) -> None:
        """A call came in: it goes to the first stop of its route."""
        call = self._call
        call.journal.note("arrived", {"called": call.doc["to_number"], "caller": call.doc["from_number"]})
        customer = call.doc["legs"][CUSTOMER]
        for missed in await call.switch.bind_leg(customer["channel"], call.leg(CUSTOMER)):
            call.hear(missed)
        await self._stop(0)

    async def _stop(self, place: int) -> None:
        """Try the stop of the route at `place`."""
        call = self._call
        route = read_route(call.plan.route)
        stop = route[place]
        match stop:
            case Reject():
                await call.end(machine.Faulted(call.now(), cause=stop.cause), q850=causes.rejection_code(stop.cause))
            case ToTemplate():
                await self._toward(place)
                await call.switch.answer(call.leg(CUSTOMER))
            case ToDevice():
                await self._toward(place)
                await call.give(call.switch.ring(call.leg(CUSTOMER)))
                await self._ring_user(stop.user, stop.ring_s, f"a{place}")

    async def _toward(self, place: int) -> None:
        plan = self._call.doc["plan"]
        fields = plans.at_stop(purpose_at(plan["route"], place), place)
        if {**plan, **fields} != plan:
            await self._call.journal.write(set={f"plan.{name}": value for name, value in fields.items()})

    async def _ring_user(self, user: str, ring_s: int, prefix: str) -> None:
        call = self._call
        reached = await reach(call.services, call.journal.store, call.doc, user=user)
        if not reached:
            call.queue.enqueue(lambda: self._nobody())
            return
        for n, each in enumerate(reached, 1):
            await call.dial(
                f"{prefix}n{n}", each.leg("agent"), caller=call.doc["from_number"], timeout_s=ring_s
            )

    async def _nobody(self) -> None:
        """No telephone of a stop answers: the next stop, or the end."""
        call = self._call
        others = call.legs(document.DIALING, document.RINGING, document.UP).keys() - {CUSTOMER}
        if call.journal.over or call.up(CUSTOMER) or others:
            return  # somebody rings still, or has answered and the customer is being connected
        match call.plan:
            case plans.Plan(purpose=plans.FollowRoute(), place=int(place)):
                await self._stop(place + 1)
            case _:
                await call.end(machine.Faulted(call.now(), cause=causes.NO_ANSWER), q850=19)

    async def ring_first(self, target: Mapping[str, Any]) -> None:
        """Ring the telephone of whoever placed the call; the customer is called once it answers."""
        call = self._call
        await call.dial(
            FIRST, document.leg("agent", **target), caller=call.doc["to_number"], timeout_s=call.doc["timeout_s"]
        )

    async def start_from_device(self) -> None:
        """A telephone of ours calls out: its own leg is there, the number is dialled."""
        call = self._call
        caller = call.doc["legs"][FIRST]
        for missed in await call.switch.bind_leg(caller["channel"], call.leg(FIRST)):
            call.hear(missed)
        await call.call_customer()

    async def connect(self) -> None:
        """The customer has answered, or was answered: bring them together with the waiting agent."""
        call = self._call
        agents = self._agents()
        if not agents:
            if isinstance(call.plan.purpose, plans.FromDevice):
                await call.switch.answer(call.leg(FIRST))
            return  # the agent's own answer is on the way
        await call.player.stop_silently()
        await self.join(MAIN, [CUSTOMER, *agents])
        await self.bridged(agents)

    async def bridged(self, names: Sequence[str]) -> None:
        """Record whom the customer talks with."""
        call = self._call
        for name in names:
            each = call.doc["legs"][name]
            peer = each["child"] or each["user"] or each["device"] or each["to"] or name
            holder = {"user": each["user"]} if each["user"] and not call.doc["user"] else {}
            await call.journal.write(machine.Bridged(call.now(), peer=str(peer)), set=holder)

    async def join(self, part: str, names: Sequence[str]) -> None:
        """Bring legs into a room of the call; one that is there stays undisturbed, and so does what is recorded."""
        call = self._call
        room = Room(call.id, part)
        names = [name for name in names if call.doc["legs"][name]["room"] != part]
        if not names:
            return
        await call.switch.open_room(room)
        self.rooms.add(part)
        await call.switch.join(room, [call.leg(name) for name in names])
        await call.journal.write(set={f"legs.{name}.room": part for name in names})

    async def ensure_bridge(self) -> None:
        """Have the customer in a room, where playing and recording go on at once."""
        if self._call.doc["legs"][CUSTOMER]["room"] is None:
            await self._call.player.stop_silently()
            await self.join(MAIN, [CUSTOMER])

    # ---- what legs do

    async def rings(self, name: str, fact: machine.Fact) -> None:
        """A leg rings."""
        call = self._call
        if name == CUSTOMER and isinstance(call.plan.purpose, plans.FromDevice):
            await call.give(call.switch.ring(call.leg(FIRST)))
        await self._child(name, fact)

    async def answered(self, name: str, fact: machine.Answered) -> None:
        """A leg that is not the customer's is up."""
        call = self._call
        each = call.doc["legs"][name]
        await self._child(name, fact)
        if call.journal.over:
            await call.give(call.switch.hangup(call.leg(name)))
            return
        match each["purpose"]:
            case "transfer":
                await call.transfers.answered(name)
            case "consult":
                await self.join(CONSULT, [name])
            case _:
                await self._agent_up(name)

    async def _agent_up(self, name: str) -> None:
        call = self._call
        if len(self._agents()) > 1:
            # Its answer crossed our cancelling: the first keeps the call.
            await call.journal.write(set={f"legs.{name}.purpose": LATE})
            await call.give(call.switch.hangup(call.leg(name)))
            return
        for other in call.legs(document.DIALING, document.RINGING):
            if other not in (CUSTOMER, name):
                await call.give(call.switch.hangup(call.leg(other)))
        if call.up(CUSTOMER):
            await self.connect()
        elif call.doc["direction"] == document.INBOUND:
            await call.switch.answer(call.leg(CUSTOMER))
        elif CUSTOMER not in call.doc["legs"]:
            await call.player.play([RINGBACK], f"{call.id}-ringback", _nothing, where=call.leg(name))
            await call.call_customer()

    async def elsewhere(self, facts: Sequence[machine.Fact]) -> bool:
        """Call the customer over the next trunk, should a carrier have failed who is waited for; False where not."""
        call = self._call
        before = machine.Call.of(call.doc)
        failed = failed_attempt(call.doc, before, machine.fold(before, list(facts))[0])
        if failed is None or not self._waits():
            return False
        await call.journal.settle()
        ctx = system_context(call.services, call.doc["scope"], "telephony")
        stands = standing_on(call.services, call.switch.name)
        if await over_next(ctx, call.journal, failed, stands, waits=True) is None:
            return False
        await call.call_customer()
        return True

    async def left(self, name: str, end: machine.Fact) -> None:
        """A leg that is not the customer's has ended."""
        call = self._call
        each = call.doc["legs"][name]
        await self._child(name, end)
        if call.journal.over:
            return
        match each["purpose"]:
            case "transfer" if not each.get("joined"):
                await call.transfers.failed()
            case "consult":
                await call.transfers.consult_over()
            case _:
                await self._someone_left(name)

    async def _someone_left(self, name: str) -> None:
        call = self._call
        if await call.transfers.taken_over() or call.legs(document.DIALING, document.RINGING).keys() - {CUSTOMER}:
            return
        if call.up(CUSTOMER):
            if not self.others() and not call.attendant.busy:
                await call.end()
        elif CUSTOMER in call.doc["legs"] and call.doc["direction"] == document.OUTBOUND:
            await call.end(machine.CancelRequested(call.now()))
        else:
            await self._nobody()

    async def adopt(self, gone: Sequence[str]) -> None:
        """After a restart: legs that ended meanwhile have left now."""
        for name in gone:
            if name != CUSTOMER:
                await self.left(name, machine.Gone(self._call.now()))
        await self._call.transfers.adopt()
        self.bound_hold()
        if CUSTOMER not in self._call.doc["legs"] and self._waits():
            await self._call.call_customer()  # was just to be dialled, over the first trunk or the next

    def _waits(self) -> bool:
        """Tell whether the telephone an outgoing call began with waits for the customer."""
        dials = isinstance(self._call.plan.purpose, plans.FromDevice)
        return FIRST in self._call.legs(document.UP, *((document.RINGING,) if dials else ()))

    # ---- second legs to numbers are calls of their own

    async def _child(self, name: str, fact: machine.Fact) -> None:
        child = self._call.doc["legs"][name]["child"]
        if child is None:
            return
        journal = self._children.get(name)
        if journal is None:
            doc = await self._call.journal.store.get("calls", child)
            journal = self._children[name] = self._call.kept_with(doc)
        await journal.write(fact)
        await journal.flush()

    async def add(self, name: str, reached: Reached, purpose: str, *, actor: Mapping[str, str] | None) -> str | None:
        """Dial a further leg; returns the id of its own call where it is one (to a number)."""
        call = self._call
        child: str | None = None
        if reached.number is not None:
            child = await second_call(call.services, call.doc, reached.number, actor=actor)
        leg = {**reached.leg("party"), "purpose": purpose, "child": child}
        if child is not None:
            await call.dial(name, leg, caller=reached.caller, timeout_s=document.RING_S)
            await self._child(name, machine.Dialing(call.now()))
        else:
            await call.dial(name, leg, caller=reached.caller or call.doc["from_number"], timeout_s=document.RING_S)
        return child

    def name(self, prefix: str) -> str:
        """Return a leg's name that is not taken."""
        taken = self._call.doc["legs"]
        return next(f"{prefix}{n}" for n in range(1, 1000) if f"{prefix}{n}" not in taken)

    async def hold(self) -> None:
        """Let the customer hear music, alone."""
        call = self._call
        room = call.doc["legs"][CUSTOMER]["room"]
        if room is not None:
            await call.give(call.switch.leave(Room(call.id, room), [call.leg(CUSTOMER)]))
            await call.journal.write(set={f"legs.{CUSTOMER}.room": None})
        await call.give(call.switch.music_on_hold(call.leg(CUSTOMER), True))

    async def resume(self, names: Sequence[str]) -> None:
        """Bring the customer back, together with others."""
        call = self._call
        await call.give(call.switch.music_on_hold(call.leg(CUSTOMER), False))
        await self.join(MAIN, [CUSTOMER, *names])

    def bound_hold(self) -> None:
        """Have a hold that was bounded end the call when it lasts too long."""
        until = self._call.doc.get("hold_until")
        if self._call.doc["held"] and until is not None:
            left = (until - self._call.now()).total_seconds()
            self._call.queue.start_timer("hold", left, self._held_out)

    async def _held_out(self) -> None:
        doc = self._call.doc
        bounded = doc.get("hold_until") is not None
        if doc["held"] and bounded and doc["transfer"] is None:  # else it ends when the transfer comes to nothing
            await self._call.end(machine.CancelRequested(self._call.now()))

    # ---- orders

    async def obey(self, order: CallCommand) -> dict[str, Any]:
        """Carry out what somebody wants; raises GatewayError. Answers the call as it is then."""
        answer = await carry_out(self._call, order.action, order.body, order.actor)
        return {"call": document.render_call(self._call.doc), **(answer or {})}


async def _nothing(ok: bool) -> None:
    """A ring tone's end means nothing."""
