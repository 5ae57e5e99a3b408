"""Owning a switch: by a lease one process keeps its link, its calls and its trunks; when it dies another takes over."""

from __future__ import annotations

import asyncio
from typing import Any

import structlog

from jinaconnect.actions.calls.stored import claim_stored
from jinaconnect.actions.context import Services
from jinaconnect.actions.ivr.prompts import PromptStore
from jinaconnect.actions.live.driver import SwitchDriver, SwitchFleet
from jinaconnect.actions.live.hold import Hold
from jinaconnect.actions.live.supervisor import CallSupervisor
from jinaconnect.actions.trunks.pushing import Pusher
from jinaconnect.actions.worker import Worker
from jinaconnect.core.errors import GatewayError, OutcomeUnknown, Unavailable
from jinaconnect.store.coordination.leases import RENEW_S, TTL
from jinaconnect.store.ending import ended

LOOK_S = 1.0
CLAIM_S = 120.0

logger = structlog.get_logger(__name__)


class Owner:
    """Waits for the lease of one switch and does everything that belongs to having it."""

    def __init__(
        self, services: Services, worker: Worker, prompts: PromptStore, fleet: SwitchFleet, driver: SwitchDriver
    ) -> None:  # fmt: skip
        self._services = services
        self._worker = worker
        self._prompts = prompts
        self._fleet = fleet
        self.driver = driver
        self.switch = driver.switch
        self._supervisor: CallSupervisor | None = None
        self._orders: set[asyncio.Task[None]] = set()

    @property
    def supervisor(self) -> CallSupervisor | None:
        """Who keeps the calls while this process has the switch; another may have it when the lease has run out."""
        return self._supervisor if self._supervisor is not None and self._supervisor.hold.lasts else None

    @property
    def pusher(self) -> Pusher | None:
        """What pushes to the switch while this process has it."""
        return self.driver.pusher

    @property
    def lease(self) -> str:
        """The name of the lease."""
        return f"switch:{self.switch.name}"

    async def run(self) -> None:
        """Own the switch whenever nobody else does, until cancelled."""
        while True:
            try:
                await self._own()
            except Unavailable:
                logger.info("owner.waits", switch=self.switch.name)
            except Exception as error:  # whatever it was, a switch is never left without anybody who tries
                logger.error("owner.broken", switch=self.switch.name, exc_info=error)
            await asyncio.sleep(RENEW_S)

    async def _own(self) -> None:
        asked = asyncio.get_running_loop().time()
        if not await self._services.leases.take(self.lease):
            return
        logger.info("owner.begins", switch=self.switch.name)
        hold = Hold(self._services.leases.generation(self.lease), asked + TTL.total_seconds())
        supervisor = self._supervisor = CallSupervisor(
            self._services, self._worker, self._prompts, self._fleet, self.switch, hold
        )
        held = self.driver.work(supervisor, lambda: hold.lasts)
        ours = (self._serve, self._look, self._claim, self._keep_lease)
        work = (*held, *(each(supervisor) for each in ours))
        tasks = [asyncio.create_task(each) for each in work]
        try:
            # None of it ends while the lease is ours; whatever does, everything begins anew.
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            broken = [task.exception() for task in done if task.exception() is not None]
            for error in broken:
                logger.error("owner.broken", switch=self.switch.name, exc_info=error)
            if not broken:  # whichever of them was the first to see it
                logger.warning("owner.lease_lost", switch=self.switch.name)
        finally:
            # First nothing is done any more in calls that may be another's by now; the link takes a moment to end.
            hold.until = 0.0
            await supervisor.close()
            await ended(tasks)
            await supervisor.close()
            self._supervisor = None
            self.driver.let_go()

    async def _keep_lease(self, supervisor: CallSupervisor) -> None:
        """Renew until another has it, or until it must be taken for lost."""
        loop = asyncio.get_running_loop()
        while supervisor.hold.lasts:
            try:
                asked = loop.time()
                if not await self._services.leases.take(self.lease):
                    return
                if self._services.leases.generation(self.lease) != supervisor.hold.generation:
                    return  # it had run out meanwhile: everything begins anew
                supervisor.hold.until = asked + TTL.total_seconds()
                await self._report(supervisor)
            except Unavailable:
                logger.info("owner.lease_unsure", switch=self.switch.name)
            await asyncio.sleep(RENEW_S)

    async def _report(self, supervisor: CallSupervisor) -> None:
        """Write how the switch is, for everybody's health answer."""
        now = self._services.clock()
        fields: dict[str, Any] = {
            "seen_at": now, "owner": self._services.leases.holder, "calls": supervisor.live,
            "status": "up" if supervisor.connected_now else "down", "last_reconciliation": supervisor.receipt,
        }  # fmt: skip
        fields.update(self.driver.report(supervisor))
        await self._services.switch_status.put(self.switch.name, fields)

    async def _look(self, supervisor: CallSupervisor) -> None:
        while True:
            await asyncio.sleep(LOOK_S)
            try:
                await supervisor.look()
                await supervisor.check_supervision()
            except Unavailable:
                continue

    async def _claim(self, supervisor: CallSupervisor) -> None:
        while True:
            await asyncio.sleep(CLAIM_S)
            if supervisor.connected_now:
                try:
                    await claim_stored(self._services, self._worker, self.switch)
                except Unavailable:
                    continue

    async def _serve(self, supervisor: CallSupervisor) -> None:
        """Take what other processes order."""
        while supervisor.hold.lasts:
            row = await self._services.switch_commands.next(self.switch.name)
            if row is None:
                continue
            task = asyncio.create_task(self._carry_out(supervisor, row))
            self._orders.add(task)
            task.add_done_callback(self._orders.discard)

    async def _carry_out(self, supervisor: CallSupervisor, row: dict[str, Any]) -> None:
        order = row["order"]
        try:
            if order["action"] == "push":
                await self._fleet.bring(self.switch.name, order["trunk"])
                answer: dict[str, Any] = {"done": {}}
            elif order["action"] == "call_in":
                answer = {"done": await called_in(supervisor, self.driver, order["body"])}
            else:
                what = (order["call"], order["action"], order["body"], order["actor"])
                answer = {"done": await obeyed(supervisor, row["_id"], *what)}
        except OutcomeUnknown as error:
            answer = {"doubted": error.body()}
        except GatewayError as error:
            answer = {"refused": {"kind": type(error).__name__, "status": error.status, **error.body()},
                      "retry_after": error.retry_after}  # fmt: skip
        try:
            await self._services.switch_commands.answer(row["_id"], answer)
        except Unavailable:
            logger.info("owner.answer_lost", switch=self.switch.name)


async def called_in(supervisor: CallSupervisor, driver: SwitchDriver, body: dict[str, str]) -> dict[str, Any]:
    """Have a simulated customer call; answers the call's id, None where it was refused."""
    channel = driver.call_in(body["called"], body["caller"], body["endpoint"], body["keys"])
    doc = await supervisor.arrival(channel)
    return {"call": None if doc is None else doc["_id"]}


async def obeyed(
    supervisor: CallSupervisor, id: str, call: str, action: str, body: dict[str, Any], actor: dict[str, str]
) -> dict[str, Any]:
    """Have a live call do something, once for each id; raises Unavailable while it is not kept yet."""

    async def do() -> dict[str, Any]:
        live = supervisor.call(call)
        if live is None:
            raise Unavailable("The link to the call's switch is being restored.", retry_after=2)
        return await live.order(action, body, actor)

    return await supervisor.once(id, do)
