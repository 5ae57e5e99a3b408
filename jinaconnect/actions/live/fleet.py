"""All switches of this deployment as one: which there are, who has them, and the way to a call wherever it is kept."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, TypeVar

import structlog

from jinaconnect.actions.context import Services
from jinaconnect.actions.ivr.prompts import PromptStore
from jinaconnect.actions.live.asterisk import AsteriskDriver
from jinaconnect.actions.live.driver import SwitchDriver
from jinaconnect.actions.live.ownership import Owner, called_in, obeyed
from jinaconnect.actions.live.simulated import SimulatedDriver
from jinaconnect.actions.ports import Probe
from jinaconnect.actions.trunks.accounts import SANDBOX_NUMBER, ensure_sandbox_trunk
from jinaconnect.actions.worker import Worker
from jinaconnect.config import Asterisk
from jinaconnect.core.calls import document
from jinaconnect.core.calls import plan as plans
from jinaconnect.core.errors import Conflict, GatewayError, NotFound, OutcomeUnknown, Unavailable
from jinaconnect.core.events.event import Event, Visibility
from jinaconnect.core.principal import system_actor
from jinaconnect.store.databases.mongo import Document
from jinaconnect.store.ending import ended
from jinaconnect.store.tenant import Change, Decide
from jinaconnect.telephony.simulator import SimulatedSwitch
from jinaconnect.telephony.switch import Switch
from jinaconnect.telephony.table import SIMULATED
from jinaconnect.telephony.trunks.pjsip import ConfigObject, endpoint_id

FRESH = timedelta(seconds=10)  # a switch's owner reports more often than this
UNNAMED = "main"
TOLD_AT_ONCE = 16

T = TypeVar("T")

logger = structlog.get_logger(__name__)


class Fleet:
    """The deployment's telephony, as use cases see it."""

    def __init__(
        self, services: Services, worker: Worker, prompts: PromptStore, asterisks: Sequence[Asterisk]
    ) -> None:  # fmt: skip
        self._services = services
        self._worker = worker
        self._prompts = prompts
        self.asterisks: Mapping[str, Asterisk] = {each.name: each for each in asterisks}
        self._asterisks = {name: AsteriskDriver(services, each) for name, each in self.asterisks.items()}
        self._drivers: dict[str, SwitchDriver] = {
            **self._asterisks, SIMULATED: SimulatedDriver(SimulatedSwitch(services.clock))
        }
        self._owners: dict[str, Owner] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self._telling: dict[str, asyncio.Lock] = {}

    # ---- life

    def start(self) -> None:
        """Compete for every switch (roles `all` and `voice`)."""
        for name, driver in self._drivers.items():
            owner = self._owners[name] = Owner(self._services, self._worker, self._prompts, self, driver)
            self._tasks.append(asyncio.create_task(owner.run(), name=f"owner {name}"))

    async def stop(self) -> None:
        """Let go of every switch; calls go on, and whoever takes the lease next adopts them."""
        await ended(self._tasks)
        for owner in self._owners.values():
            try:
                await self._services.leases.give_back(owner.lease)
            except Unavailable:
                logger.info("owner.lease_kept", switch=owner.switch.name)
        for driver in self._drivers.values():
            await driver.close()

    # ---- switches

    def switch(self, name: str) -> Switch:
        """Return a switch by name; raises Unavailable for one that is not configured any more."""
        return _found(self._drivers, name).switch

    async def probe(
        self, name: str, objects: Sequence[ConfigObject], registration: tuple[str, str] | None
    ) -> Probe:
        """Have an Asterisk ask a trunk's carrier now; raises Unavailable."""
        return await _found(self._asterisks, name).probe(objects, registration)

    def owner(self, name: str) -> Owner | None:
        """Return this process's part in owning a switch; its supervisor is None while another has it."""
        return self._owners.get(name)

    async def standing(self, name: str | None) -> bool:
        """Tell whether calls can be placed on a switch now."""
        owner = self._owners.get(name or "")
        if owner is not None and owner.supervisor is not None:
            return owner.supervisor.connected_now
        row = await self._services.switch_status.get(name or "")
        return row is not None and row["status"] == "up" and self._services.clock() - row["seen_at"] < FRESH

    def kick(self, doc: Document) -> None:
        """Have a recorded call placed now; its owner elsewhere finds it by itself within a second."""
        owner = self._owners.get(doc["carried_by"])
        if owner is not None and owner.supervisor is not None:
            owner.supervisor.begin(doc)

    # ---- trunks and telephones

    async def push(self, name: str) -> None:
        """Push everything to an Asterisk that may have started anew."""
        owner = self._owners.get(name)
        if owner is not None and owner.pusher is not None:
            await owner.pusher.all()

    async def trunks(self, name: str) -> list[Document]:
        """Return every tenant's trunks on a switch; its owner has them in memory."""
        owner = self._owners.get(name)
        if owner is not None and owner.pusher is not None and owner.pusher.trunks is not None:
            return owner.pusher.trunks
        return await self._services.store.across("trunks", {"asterisk": name, "deleted_at": None})

    async def trunk(self, name: str, id: str) -> Document | None:
        """Return a trunk on a switch, of whatever tenant; None where there is none. Its owner has it in memory."""
        owner = self._owners.get(name)
        if owner is not None and owner.pusher is not None and owner.pusher.trunks is not None:
            return owner.pusher.trunk(id)
        doc = await self._services.store.anywhere("trunks", id)
        return doc if doc is not None and doc["asterisk"] == name and doc["deleted_at"] is None else None

    def alike(self, name: str, trunk: str) -> frozenset[str]:
        """Return the trunks of a switch this process owns that a call over `trunk` could be of, itself among them."""
        owner = self._owners.get(name)
        return frozenset({trunk}) if owner is None or owner.pusher is None else owner.pusher.alike(trunk)

    async def trunk_changed(self, scope: str, id: str) -> None:
        """Bring a changed or removed trunk to its Asterisk."""
        await self._changed("trunks", scope, id)

    async def device_changed(self, scope: str, id: str) -> None:
        """Bring a changed or removed telephone to its Asterisk."""
        await self._changed("devices", scope, id)

    async def _changed(self, collection: str, scope: str, id: str) -> None:
        doc = await self._services.store.within(scope).find(collection, id)
        name = None if doc is None else doc["asterisk"]
        if name is None or name not in self.asterisks:
            return
        trunk = id if collection == "trunks" else None
        owner = self._owners.get(name)
        if owner is not None and owner.pusher is not None:
            await self.bring(name, trunk)
        elif await self.standing(name):
            # Waited for, so that a call placed right after finds its trunk.
            order = {"action": "push", "trunk": trunk}
            try:
                await self._services.switch_commands.give(self._services.ids.new("ord"), name, order)
            except Unavailable:
                logger.info("push.left_to_the_owner", asterisk=name, id=id)

    async def bring(self, name: str, trunk: str | None) -> None:
        """Push what has changed to a connected Asterisk this process has, and look at the changed `trunk` anew."""
        owner = self._owners.get(name)
        if owner is None or owner.pusher is None or owner.supervisor is None or not owner.supervisor.connected_now:
            return
        await owner.pusher.changes()
        if trunk is not None:
            owner.driver.poke(trunk)

    async def device_state(self, device: Document) -> str:
        """Return whether a telephone is registered: registered, unregistered or unknown."""
        driver = self._drivers.get(device["asterisk"] or "")
        if driver is None or device["kind"] != "softphone":
            return "unknown"
        return await driver.device_state(device["_id"])

    # ---- calls

    async def order(
        self, doc: Document, action: str, body: Mapping[str, Any], actor: Mapping[str, str], id: str
    ) -> dict[str, Any]:
        """Have a live call do something, wherever it is kept; raises what it raises, Conflict when it is over.

        `id` is the order's: given again by a request that is run again, it is carried out once.
        """
        if document.ended(doc):
            raise Conflict("The call has ended.", code="invalid_state")
        call, host = doc["_id"], plans.host_of(doc)
        if host is not None:  # a second leg is kept by the call it belongs to
            body, call = {**body, "child": doc["_id"]}, host
        owner = self._owners.get(doc["carried_by"])
        if owner is not None and owner.supervisor is not None:
            return await obeyed(owner.supervisor, id, call, action, dict(body), dict(actor))
        order = {"action": action, "call": call, "body": dict(body), "actor": dict(actor)}
        answer = await self._services.switch_commands.give(id, doc["carried_by"], order)
        if "doubted" in answer:
            raise OutcomeUnknown(answer["doubted"]["detail"])
        if "refused" in answer:
            raise _refusal(answer)
        done: dict[str, Any] = answer["done"]
        return done

    async def sandbox_call(self, scope: str, called: str | None, caller: str, digits: str) -> str | None:
        """Have a simulated customer call a tenant; returns the call's id, None where it was refused."""
        store = self._services.store.within(scope)
        trunk = await ensure_sandbox_trunk(self._services, store.tenant)
        row = await store.find_one("numbers", {"number": called}) if called else None
        if row is not None:
            trunk = await store.get("trunks", row["provider_config"])
        number = called or (trunk["from_numbers"] or [SANDBOX_NUMBER])[0]
        body = {"called": number, "caller": caller, "endpoint": endpoint_id(trunk["_id"]), "keys": digits}
        owner = self._owners.get(SIMULATED)
        if owner is not None and owner.supervisor is not None:
            call: str | None = (await called_in(owner.supervisor, owner.driver, body))["call"]
            return call
        answer = await self._services.switch_commands.give(
            self._services.ids.new("ord"), SIMULATED, {"action": "call_in", "body": body}
        )
        if "refused" in answer:
            raise _refusal(answer)
        call = answer["done"]["call"]
        return call

    # ---- telling tenants of their switches

    def announce(
        self, name: str, type: str, scopes: Mapping[str, Sequence[str]], facts: Mapping[str, Any]
    ) -> None:
        """Tell every tenant with a trunk on a switch what happened to it; `scopes` are counted for each by key.

        It is told beside everything else, for a link that is back waits for nobody; what is told of one switch is in
        order, and whom it concerns most hears of it first.
        """
        at = self._services.clock()
        counts = {key: Counter(each) for key, each in scopes.items()}
        self._worker.run(self._announce(name, type, at, counts, facts))

    async def _announce(
        self, name: str, type: str, at: datetime, counts: Mapping[str, Counter[str]], facts: Mapping[str, Any]
    ) -> None:
        slots = asyncio.Semaphore(TOLD_AT_ONCE)

        async def tell(scope: str, trunk: str) -> None:
            data = {"asterisk": name, **facts, **{key: count[scope] for key, count in counts.items()}}
            event = Event(
                id=self._services.ids.new("evt"), type=type, occurred_at=at,
                actor=system_actor("telephony"), subject=name, data=data,
                channel="VOICE", seen=Visibility(),
            )  # fmt: skip
            async with slots:
                try:
                    change = _always(Change(events=[event]))
                    await self._services.store.within(scope).change("trunks", trunk, change)
                except (NotFound, Unavailable):
                    logger.info("announce.missed", switch=name, type=type, scope=scope)

        async with self._telling.setdefault(name, asyncio.Lock()):
            first: dict[str, str] = {}
            for trunk in await self.trunks(name):
                first.setdefault(trunk["scope"], trunk["_id"])
            concerned = sorted(first, key=lambda scope: -sum(count[scope] for count in counts.values()))
            await asyncio.gather(*(tell(scope, first[scope]) for scope in concerned))


def _found(drivers: Mapping[str, T], name: str) -> T:
    found = drivers.get(name)
    if found is None:
        raise Unavailable(f"The telephony server '{name}' is not configured.", code="asterisk_down", retry_after=30)
    return found


def _always(change: Change) -> Decide:
    return lambda doc: change


def _refusal(answer: Mapping[str, Any]) -> GatewayError:
    told = dict(answer["refused"])
    error = GatewayError(told.pop("detail"), code=told.pop("code"), retry_after=answer["retry_after"])
    error.status = told.pop("status")
    return error
