"""The supervisor of one switch: keeps its live calls, agrees with it after a break, takes what arrives."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Coroutine, Mapping
from typing import Any

import structlog

from jinaconnect.actions.calls.journal import CallJournal
from jinaconnect.actions.calls.recordings import keep_later
from jinaconnect.actions.calls.stored import claim_stored
from jinaconnect.actions.calls.supervising import decided
from jinaconnect.actions.context import Services
from jinaconnect.actions.ivr.prompts import PromptStore
from jinaconnect.actions.live.call import LiveCall
from jinaconnect.actions.live.driver import SwitchFleet
from jinaconnect.actions.live.hold import Hold
from jinaconnect.actions.live.incoming import admit
from jinaconnect.actions.live.recorder import left_over
from jinaconnect.actions.live.supervising import ends_of
from jinaconnect.actions.worker import Worker
from jinaconnect.core.calls import document, machine
from jinaconnect.core.calls import plan as plans
from jinaconnect.core.calls.reconcile import HeldCall, Snapshot, channel_id, reconcile
from jinaconnect.core.errors import GatewayError, OutcomeUnknown, Unavailable
from jinaconnect.store.databases.mongo import Document
from jinaconnect.store.ending import ended
from jinaconnect.telephony import switch as telephony
from jinaconnect.telephony.switch import CUSTOMER, Break, Leg, Switch

ORDERS_KEPT = 256  # whose answers are known still, for whoever asks once more
STALE_S = 60.0  # a call that waited this long to be placed is not placed any more

logger = structlog.get_logger(__name__)


class CallSupervisor:
    """Keeps the calls of a switch this process owns (`telephony.switch.Keeper`)."""

    def __init__(
        self, services: Services, worker: Worker, prompts: PromptStore, fleet: SwitchFleet, switch: Switch, hold: Hold
    ) -> None:  # fmt: skip
        self.services = services
        self.worker = worker
        self.prompts = prompts
        self._fleet = fleet
        self.switch = switch
        self.hold = hold
        self._closed = False
        self.receipt: dict[str, Any] | None = None
        self.connected_now = False
        self.channels = 0
        self._calls: dict[str, LiveCall] = {}
        self._children: dict[str, str] = {}
        self._doubted: frozenset[str] = frozenset()
        self._orders: OrderedDict[str, asyncio.Task[dict[str, Any]]] = OrderedDict()
        self._admissions: dict[str, asyncio.Task[Document | None]] = {}

    @property
    def live(self) -> int:
        """How many calls are kept."""
        return len(self._calls)

    def call(self, id: str) -> LiveCall | None:
        """Return a live call, None when it is not kept here."""
        return self._calls.get(id)

    def channel(self, call: LiveCall, name: str) -> str:
        """Return the switch's name of a leg."""
        each = call.doc["legs"][name]
        return each["channel"] or channel_id(call.id, name)

    def release(self, call: LiveCall) -> None:
        """Forget a call that is over."""
        self._calls.pop(call.id, None)

    def supervised(self, scope: str) -> int:
        """Return how many supervisors there are in a tenant's calls."""
        docs = [call.doc for call in self._calls.values()]
        return sum(len(doc.get("supervisions") or ()) for doc in docs if doc["scope"] == scope)

    async def once(self, id: str, do: Callable[[], Coroutine[Any, Any, dict[str, Any]]]) -> dict[str, Any]:
        """Carry out an order, or return the answer of the one given before under its id; one refused is tried anew."""
        task = self._orders.get(id)
        if task is None:
            task = self._orders[id] = asyncio.create_task(do())
            task.add_done_callback(lambda done: done.cancelled() or done.exception())  # whoever asked may have left
            while len(self._orders) > ORDERS_KEPT:
                self._orders.popitem(last=False)
        try:
            return await asyncio.shield(task)
        except OutcomeUnknown:
            raise
        except GatewayError:
            if self._orders.get(id) is task:
                del self._orders[id]
            raise

    # ---- beginning calls

    def begin(self, doc: Document) -> None:
        """Take a call that is to be placed, unless it is here already."""
        if doc["_id"] in self._calls or not self.connected_now or not self.hold.lasts:
            return
        self._keep(doc).start()

    def _keep(self, doc: Document) -> LiveCall:
        call = self._calls[doc["_id"]] = LiveCall(self, self.journal(doc))
        return call

    def journal(self, doc: Document) -> CallJournal:
        """Return a call's journal that writes as long as nobody after us keeps the call."""
        return CallJournal(self.services, self.worker, doc, self.hold.generation)

    async def look(self) -> None:
        """Take what other processes have left to be placed.

        What arrives here is begun by its admission alone, which may just be on the way between the two.
        """
        if not self.connected_now or not self.hold.lasts:
            return
        rows = await self.services.store.across("calls", {"live_on": self.switch.name, "status": machine.QUEUED})
        now = self.services.clock()
        for doc in rows:
            if plans.host_of(doc) is not None or doc["_id"] in self._calls:
                continue
            if (now - (doc.get("queued_at") or doc["created_at"])).total_seconds() > STALE_S:
                await self._expire(doc)
            elif doc["direction"] == document.OUTBOUND and not isinstance(plans.of(doc).purpose, plans.FromDevice):
                self.begin(doc)

    async def check_supervision(self) -> None:
        """End the supervisions that the organisation's rule, or the contact's consent, allows no more."""
        for call in [each for each in self._calls.values() if each.doc.get("supervisions")]:
            _, decision = await decided(self.services.store.within(call.doc["scope"]), call.doc["contact"])
            if not decision.allowed:
                call.end_supervision()

    async def _expire(self, doc: Document) -> None:
        journal = self.journal(doc)
        await journal.write(machine.Faulted(self.services.clock(), cause="NORMAL_TEMPORARY_FAILURE"))

    # ---- hearing

    def hear(self, signal: telephony.Signal) -> None:
        """Hand a signal to its call; a call that arrives is let in."""
        if self._closed or not self.hold.lasts:
            return
        if isinstance(signal, telephony.IncomingCall):
            task = self._admissions[signal.channel] = asyncio.create_task(self._admit(signal))
            task.add_done_callback(lambda _: self._admissions.pop(signal.channel, None))
            return
        call = self._calls.get(signal.leg.call)
        if call is not None:
            call.hear(signal)

    async def arrival(self, channel: str) -> Document | None:
        """Return the call of what has just arrived, None where it was refused."""
        return await asyncio.shield(self._admissions[channel])

    async def _admit(self, arrived: telephony.IncomingCall) -> Document | None:
        try:
            doc = await admit(self.services, self.worker, self._fleet, self.switch, arrived)
            if doc is not None:
                self._keep(doc).start()
            return doc
        except Unavailable:
            # The database is away: the carrier is told to try its next route rather than left ringing.
            await self._refuse(arrived, 34)
        except telephony.SwitchError as error:
            logger.info("arrival.gone", switch=self.switch.name, error=str(error))
        except Exception as error:
            logger.error("arrival.broken", switch=self.switch.name, exc_info=error)
            await self._refuse(arrived, 38)
        return None

    async def _refuse(self, arrived: telephony.IncomingCall, q850: int) -> None:
        try:
            await self.switch.refuse(arrived.channel, q850)
        except telephony.SwitchError as error:
            logger.info("arrival.gone", switch=self.switch.name, error=str(error))

    # ---- after a break

    async def connected(self, snapshot: Snapshot, broken: Break) -> None:
        """Reconcile: adopt what lives, end what is gone, hang up what nobody needs."""
        if not self.hold.lasts:
            raise Unavailable("The switch is another process's now.")
        held = await self.services.store.across("calls", {"live_on": self.switch.name})
        for call in list(self._calls.values()):
            await call.let_go()  # everything is begun anew from the store
        self._calls.clear()
        self.channels = len(snapshot.channels)
        children = [doc for doc in held if plans.host_of(doc) is not None]
        hosts = {doc["_id"]: doc for doc in held if plans.host_of(doc) is None}
        plan = reconcile([_held(doc) for doc in hosts.values()], snapshot)
        present = frozenset(channel.id for channel in snapshot.channels)
        for id, facts in plan.adopt:
            await self._restore_names(hosts[id])
            # An agent's telephone that is up says nothing of a customer who was not called yet.
            known = facts if CUSTOMER in hosts[id]["legs"] else ()
            self._keep(hosts[id]).start(*known, adopted=present)
        for id, fact in plan.end:
            await self._end(hosts[id], fact)
        # Second legs that are calls of their own end, or go on, with what they belong to.
        adopted = {id for id, _ in plan.adopt}
        ends: list[Document] = [hosts[id] for id, _ in plan.end]
        lives: list[Document] = [hosts[id] for id, _ in plan.adopt]
        for doc in children:
            host, legs = hosts.get(plans.host_of(doc) or ""), _legs_of(doc, hosts)
            if host is None or host["_id"] not in adopted or not legs:
                await self._end(doc, machine.Gone(snapshot.taken_at))
            gone = host is None or not any(channel_id(host["_id"], name) in present for name in legs)
            (ends if gone else lives).append(doc)
        await self._clear(plan.hang_up, plan.delete_bridges)
        await self._fleet.push(self.switch.name)
        self.connected_now = True
        unknown = len(plan.hang_up)
        self.receipt = {
            "at": self.services.clock(), "reason": broken.reason, "adopted": len(lives), "ended": len(ends),
            "unknown": unknown, "gap_ms": broken.gap_ms, "restart": broken.restart,
        }  # fmt: skip
        self._fleet.announce(self.switch.name, "ari.connected", {}, {"restart": broken.restart})
        self._fleet.announce(
            self.switch.name, "ari.reconciled",
            {
                "adopted": [doc["scope"] for doc in lives],
                "ended": [doc["scope"] for doc in ends],
            },
            {"unknown": unknown, "gap_ms": broken.gap_ms, "restart": broken.restart, "reason": broken.reason},
        )  # fmt: skip
        await self.look()
        self.worker.run(claim_stored(self.services, self.worker, self.switch))

    async def _restore_names(self, doc: Document) -> None:
        for name, each in doc["legs"].items():
            if each["channel"] is not None:
                await self.switch.bind_leg(each["channel"], Leg(doc["_id"], name))

    async def _end(self, doc: Document, fact: machine.Fact) -> None:
        journal = self.journal(doc)
        record = doc["record"]
        tells = [] if record is None else await left_over(self.switch, record)
        if doc.get("supervisions"):
            await journal.write(tell=ends_of(doc), set={"supervisions": {}})
        await journal.write(fact, tell=tells, set={"record.state": document.STOPPED} if tells else {})
        await journal.flush()
        if tells:
            await keep_later(self.worker, journal.doc, record, None)

    async def _clear(self, channels: tuple[str, ...], rooms: tuple[str, ...]) -> None:
        for channel in channels:
            try:
                await self.switch.refuse(channel, 16)
            except telephony.SwitchError as error:
                logger.info("orphan.not_ended", switch=self.switch.name, channel=channel, error=str(error))
        for room in rooms:
            try:
                await self.switch.remove_room(room)
            except telephony.SwitchError as error:
                logger.info("orphan.not_removed", switch=self.switch.name, room=room, error=str(error))

    async def lost(self, reason: str) -> None:
        """The link is down: no call is placed until it is back; those that live go on without us."""
        self.connected_now = False
        for call in list(self._calls.values()):
            await call.let_go()
        self._calls.clear()
        if self.hold.lasts:  # else its next owner has told how it stands since
            self._fleet.announce(self.switch.name, "ari.lost", {}, {"reason": reason})

    async def audit(self, snapshot: Snapshot) -> None:
        """End what two looks in a row show out of step.

        Channels and rooms that belong to nobody, and calls without a channel whose end was never told.
        """
        self.channels = len(snapshot.channels)
        held = await self.services.store.across("calls", {"live_on": self.switch.name})
        plan = reconcile([_held(doc) for doc in held if plans.host_of(doc) is None], snapshot)
        kept = tuple(f"jc-{id}" for id in self._calls)
        channels = {id for id in plan.hang_up if not id.startswith(kept)}
        rooms = {id for id in plan.delete_bridges if not id.startswith(kept)}
        lost = {id for id, _ in plan.end if id in self._calls}
        await self._clear(tuple(channels & self._doubted), tuple(rooms & self._doubted))
        for id in lost & self._doubted:
            self._calls[id].vanished()
        self._doubted = frozenset(channels | rooms | lost)

    async def close(self) -> None:
        """Let go of every call without ending it, and take none any more."""
        self.connected_now, self._closed = False, True
        await ended(tuple(self._admissions.values()))
        for call in list(self._calls.values()):
            await call.let_go()
        self._calls.clear()


def _legs_of(doc: Document, hosts: Mapping[str, Document]) -> list[str]:
    """Return the legs by which a second leg's own call stands in the call it belongs to."""
    host = hosts.get(plans.host_of(doc) or "")
    return [] if host is None else [name for name, each in host["legs"].items() if each["child"] == doc["_id"]]


def _held(doc: Document) -> HeldCall:
    legs = doc["legs"]
    customer = legs.get(CUSTOMER)
    named = {name: each["channel"] or channel_id(doc["_id"], name) for name, each in legs.items()}
    others = frozenset(id for name, id in named.items() if name != CUSTOMER and legs[name]["state"] != document.ENDED)
    if customer is not None:
        deciding: str | None = named[CUSTOMER]
    else:
        # Nobody outside was called yet: the telephone that began the call decides.
        deciding = next(iter(named.values()), None)
    return HeldCall(doc["_id"], doc["status"], deciding, others, doc.get("placed_at") or doc["updated_at"])
