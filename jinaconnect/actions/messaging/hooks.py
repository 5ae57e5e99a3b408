"""From a carrier's webhook to the inbox: verify, apply what it says in batches with what else comes, answer.

The carrier is answered when all that a body says is on disk. Where that takes long (a busy moment, a database that is
away, work that another process does), the raw body is stored first and answered for, and is applied afterwards.
Applying is idempotent (unique carrier ids, a status ladder, counted message ids), so a body can be applied again after
any crash, and a carrier that was not answered sends again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import structlog

from jinaconnect.actions.context import Services
from jinaconnect.actions.messaging.incoming.applying import Batch
from jinaconnect.actions.messaging.incoming.failures import keep_failure
from jinaconnect.actions.ports import Accounts, Received
from jinaconnect.actions.worker import AGAIN_S, MAX_TRIES, Worker, retry_while_unavailable
from jinaconnect.actions.writers import Writers
from jinaconnect.channels.base import Account, WebhookReply, WebhookRequest
from jinaconnect.channels.facts import AccountReport, Fact, TemplateReport
from jinaconnect.channels.table import FORMER, Channels, spec_of
from jinaconnect.core.errors import NotFound, Unavailable
from jinaconnect.store.commit import GroupCommit, Kept
from jinaconnect.store.databases.mongo import Document
from jinaconnect.store.due import Claim, due_at
from jinaconnect.store.tenant import Change

BATCH = 200
LANES_KEPT = 2_000
LANES = 3  # batches of one tenant on their way at once; what one customer writes is in one at a time, in order
APPLIED_WITHIN_S = 0.5  # what is not applied by then is stored, and applied behind the answer
LEASE = timedelta(seconds=15)  # applying takes milliseconds; what is not done by then was cut off

logger = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, eq=False)
class _Arrived:
    """A webhook as it is stored, and as it came."""

    row: Document
    hook: WebhookRequest


class InboundDoor:
    """Takes webhook bodies and applies them."""

    def __init__(
        self, services: Services, worker: Worker, writers: Writers, accounts: Accounts, channels: Channels
    ) -> None:  # fmt: skip
        self._services = services
        self._worker = worker
        self._writers = writers
        self._accounts = accounts
        self._channels = channels
        self._lanes: Kept[tuple[str, str], GroupCommit[_Arrived, None]] = Kept(
            lambda _: GroupCommit(
                self._apply_arrived, limit=BATCH, lanes=LANES, bursts=True, spawn=worker.accounted,
                key=lambda arrived: arrived.row.get("lane", 0),
            ),
            LANES_KEPT,
        )

    async def greet(self, channel: str, tenant: str, hook: WebhookRequest) -> WebhookReply | None:
        """Return the answer to a carrier that asks whether we are there, None where it does not fit an account."""
        accounts = await self._accounts.of_door(tenant, channel)
        return self._channels[channel].greet(accounts, hook)

    async def tenant_of(self, channel: str, account: str) -> str:
        """Return whose an account on a channel is, for doors that name the account; raises NotFound."""
        doc = await self._services.registry.app(account)
        spec = None if doc is None else spec_of(doc["channel"], doc["bsp"])
        if doc is None or spec is None or spec.name != channel:
            raise NotFound()
        return str(doc["tenant_id"])

    async def behind(self, platform: str, account: str) -> tuple[str, str] | None:
        """Return (channel, tenant) of an active account of a platform, None where there is none."""
        doc = await self._services.registry.app(account)
        if doc is None or doc["channel"] != platform or not doc["is_active"]:
            return None
        spec = spec_of(platform, doc["bsp"])
        return None if spec is None else (spec.name, str(doc["tenant_id"]))

    async def receive(self, channel: str, tenant: str, hook: WebhookRequest) -> Received:
        """Verify and take one webhook; raises BadSignature, Malformed, NotFound, Unavailable."""
        services = self._services
        adapter = self._channels[channel]
        verified = adapter.verify(await self._accounts.of_door(tenant, channel), hook)
        if not verified.accounts:
            return Received("ignored", reason=verified.reason)
        id = services.ids.new("inb")
        row = {
            "_id": id, "scope": tenant, "channel": channel, "accounts": list(verified.accounts),
            "lane": verified.lane, "kind": verified.kind, "received_at": services.clock(),
            **hook.row(adapter.spec.headers),
        }  # fmt: skip
        told = Received("received", id, verified.kind)
        if not self._worker.active:
            await services.store.insert("inbound", [{**row, "due": due_at(services.clock())}])
            self._worker.run_now("inbound", tenant, id)
            return told
        arrived = _Arrived(row, hook)
        holder = await self._writers.holder(tenant)
        if holder == services.due.process:
            applying: asyncio.Future[Any] = self._lane(row).queued(arrived)
        else:
            applying = self._worker.run(self._hand(holder, arrived))
        await _done(applying, APPLIED_WITHIN_S)
        if applying.done() and applying.exception() is None and applying.result() is not False:
            return told
        if holder == services.due.process:
            applying = self._worker.run(self._taken(applying, arrived))
        await services.store.insert("inbound", [{**row, "due": services.due.taken(LEASE)}])
        self._worker.run(self._follow(applying, row))
        return told

    async def _taken(self, applying: asyncio.Future[None], arrived: _Arrived) -> None:
        """Return once a body is applied, tried again where the database was away."""
        try:
            await applying
        except Unavailable:
            await asyncio.sleep(AGAIN_S)
            await self._until_applied(arrived)

    async def _hand(self, holder: str, arrived: _Arrived) -> None:
        if not await self._writers.hand(holder, arrived.row) and not await self._apply_soon(arrived):
            raise Unavailable("The body is not applied yet.")

    async def _follow(self, applying: asyncio.Future[bool], row: Document) -> None:
        """Remove a stored body once it is applied; else have it taken up again."""
        if await applying:
            await self._services.due.finish("inbound", [row["_id"]])
        else:
            await self._services.due.postpone("inbound", row["scope"], row["_id"], self._services.clock())
            self._worker.run_now("inbound", row["scope"], row["_id"])

    def _apply_soon(self, arrived: _Arrived) -> asyncio.Task[bool]:
        """Apply a body together with what else waits in its tenant's lane; the task tells whether it was done."""
        return self._worker.run(self._until_applied(arrived))

    async def _until_applied(self, arrived: _Arrived) -> None:
        await retry_while_unavailable(lambda: self._lane(arrived.row).put(arrived))

    def _lane(self, row: Document) -> GroupCommit[_Arrived, None]:
        return self._lanes.get((row["scope"], _channel(row)))

    async def apply_handed(self, row: Document) -> bool:
        """Apply a body that another process took in; False when that was not done."""
        return await self._apply_soon(_Arrived(row, WebhookRequest.of_row(row)))

    async def take(self, claim: Claim) -> None:
        """Apply a stored body that nobody finished; one that cannot be applied after some tries is kept and told."""
        if claim.tries + claim.waits > MAX_TRIES:
            await self._give_up(claim.doc)
        else:
            await self._apply([_Arrived(claim.doc, WebhookRequest.of_row(claim.doc))])
        await self._services.due.finish("inbound", [claim.doc["_id"]])

    async def again(self, scope: str, id: str) -> None:
        """Apply once more what is kept of a webhook that could not be applied, and note what came of it."""
        store = self._services.store.within(scope)
        kept = await store.get("webhook_events", id)
        row = {**kept, "_id": f"inb_{id.partition('_')[2]}", "scope": store.tenant, "accounts": [kept["account"]],
               "again": id}  # fmt: skip
        await self._apply([_Arrived(row, WebhookRequest.of_row(row))])

        def decide(doc: Document) -> Change | None:
            failed = doc["retry_count"] != kept["retry_count"] or doc["reason"]
            return None if failed else Change(set={"is_processed": True, "processed_at": self._services.clock()})

        await store.change("webhook_events", id, decide)

    async def _give_up(self, row: Document) -> None:
        logger.error("webhook.given_up", id=row["_id"])
        accounts = await self._accounts.taken_in(row["scope"], _channel(row), row["accounts"])
        for account in [accounts[id] for id in row["accounts"] if id in accounts][:1]:
            await keep_failure(self._services, row, account, "It could not be applied.")

    async def _apply_arrived(self, batch: list[_Arrived]) -> list[Exception | None]:
        await self._apply(batch)
        return [None] * len(batch)

    async def _apply(self, bodies: Sequence[_Arrived]) -> None:
        """Apply webhooks of one tenant and channel; what was taken in for an account is applied, be it off by now."""
        tenant, name = bodies[0].row["scope"], _channel(bodies[0].row)
        channel = self._channels[name]
        ids = {id for body in bodies for id in body.row["accounts"]}
        accounts = await self._accounts.taken_in(tenant, name, ids)
        batches: dict[str, Batch] = {}
        for body in bodies:
            trusted = [accounts[id] for id in body.row["accounts"] if id in accounts]
            for fact in channel.parse(body.hook):
                for account in _accounts_of(fact, trusted):
                    if account.scope not in batches:
                        batches[account.scope] = Batch(self._services, self._worker, channel, account.scope)
                    batches[account.scope].add(fact, account, body.row)
        for batch in batches.values():
            await batch.apply()


async def _done(work: asyncio.Future[Any], within_s: float) -> None:
    """Return when work is done, or after a while: `asyncio.wait` for the one thing that every webhook waits for."""
    waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def wake(*_: Any) -> None:
        if not waiter.done():
            waiter.set_result(None)

    timer = asyncio.get_running_loop().call_later(within_s, wake)
    work.add_done_callback(wake)
    try:
        await waiter
    finally:
        timer.cancel()
        work.remove_done_callback(wake)


def _channel(row: Document) -> str:
    return str(row.get("channel", FORMER))


def _accounts_of(fact: Fact, accounts: list[Account]) -> list[Account]:
    """Return the accounts a fact is about: the one it came to, or all of a business account."""
    if isinstance(fact, TemplateReport):
        return [account for account in accounts if fact.business_account_id in (account.business, account.address)][:1]
    if isinstance(fact, AccountReport) and fact.account_address is None:
        return [account for account in accounts if account.business == fact.business_account_id]
    return [account for account in accounts if account.address == fact.account_address][:1]
