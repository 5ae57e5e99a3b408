"""From a carrier's webhook to the inbox: verify, apply what it says in batches with what else comes, answer.

The carrier is answered when all that a body says is on disk. Where that takes long (a busy moment, a database that is
away, work that another process does), the raw body is stored first and answered for, and is applied afterwards.
Applying is idempotent (unique carrier ids, a status ladder, counted message ids), so a body can be applied again after
any crash, and a carrier that was not answered sends again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from zlib import crc32

import structlog

from jinaconnect.actions.context import Services
from jinaconnect.actions.messaging.applying import Batch, keep_failure
from jinaconnect.actions.worker import MAX_TRIES, until_taken
from jinaconnect.channels.base import Account, TemplateReport
from jinaconnect.channels.whatsapp_meta.hooks import OBJECT, SIGNATURE_HEADER, signed_by
from jinaconnect.core.errors import BadSignature, Malformed, Unavailable
from jinaconnect.core.lenient import read_json
from jinaconnect.store.commit import GroupCommit, Kept
from jinaconnect.store.due import Claim, due_at
from jinaconnect.store.mongo import Document

BATCH = 200
LANES_KEPT = 2_000
LANES = 2  # batches of one tenant on their way at once; what one customer writes stays in one lane, in order
APPLIED_WITHIN_S = 0.25  # what is not applied by then is stored, and applied behind the answer
LEASE = timedelta(seconds=15)  # applying takes milliseconds; what is not done by then was cut off

logger = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Received:
    """What the door answers."""

    status: str
    event_id: str | None = None
    event_type: str | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True, eq=False)
class _Arrived:
    """A body as it is stored, and what it says."""

    row: Document
    payload: Mapping[str, Any]


class InboundDoor:
    """Takes webhook bodies and applies them."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._lanes: Kept[tuple[str, int], GroupCommit[_Arrived, None]] = Kept(
            lambda _: GroupCommit(self._apply_arrived, limit=BATCH), LANES_KEPT
        )

    async def receive(self, tenant: str, headers: Mapping[str, str], body: bytes) -> Received:
        """Verify and take one WhatsApp webhook; raises BadSignature, Malformed, Unavailable."""
        services = self._services
        accounts = await services.accounts.of_door(tenant)
        secrets = {account.secrets.get("app_secret", "") for account in accounts}
        good = signed_by(secrets, headers.get(SIGNATURE_HEADER), body)
        if not good:
            raise BadSignature("The signature does not fit the body.")
        try:
            payload = read_json(body)
        except ValueError as error:
            raise Malformed("The body is not valid JSON.") from error
        if not isinstance(payload, dict) or payload.get("object") != OBJECT:
            return Received("ignored", reason="not a WhatsApp business account event")
        trusted = [account.id for account in accounts if account.secrets.get("app_secret") in good]
        if not _addressed(payload, [account for account in accounts if account.id in trusted]):
            return Received("ignored", reason="no account with this phone number id or business account id")
        id = services.ids.new("inb")
        row = {"_id": id, "scope": tenant, "accounts": trusted, "body": body, "received_at": services.clock()}
        told = Received("received", id, _kind(payload))
        if not services.worker.active:
            await services.store.insert("inbound", [{**row, "due": due_at(services.clock())}])
            services.worker.kick("inbound", tenant, id)
            return told
        applying = await self._begin(_Arrived(row, payload))
        await asyncio.wait([applying], timeout=APPLIED_WITHIN_S)
        if not (applying.done() and applying.result()):
            await services.store.insert("inbound", [{**row, "due": services.due.taken(LEASE)}])
            services.worker.run(self._follow(applying, row))
        return told

    async def _begin(self, arrived: _Arrived) -> asyncio.Task[bool]:
        """Have a body applied by the process that writes to its tenant's log."""
        holder = await self._services.writers.holder(arrived.row["scope"])
        if holder == self._services.due.process:
            return self._apply_soon(arrived)
        return self._services.worker.run(self._hand(holder, arrived))

    async def _hand(self, holder: str, arrived: _Arrived) -> None:
        if not await self._services.writers.hand(holder, arrived.row) and not await self._apply_soon(arrived):
            raise Unavailable("The body is not applied yet.")

    async def _follow(self, applying: asyncio.Task[bool], row: Document) -> None:
        """Remove a stored body once it is applied; else have it taken up again."""
        if await applying:
            await self._services.due.finish("inbound", [row["_id"]])
        else:
            await self._services.due.postpone("inbound", row["scope"], row["_id"], self._services.clock())
            self._services.worker.kick("inbound", row["scope"], row["_id"])

    def _apply_soon(self, arrived: _Arrived) -> asyncio.Task[bool]:
        """Apply a body together with what else waits in its tenant's lane; the task tells whether it was done."""
        place = (arrived.row["scope"], _lane(arrived.payload))
        return self._services.worker.run(until_taken(lambda: self._lanes.get(place).put(arrived)))

    async def apply_handed(self, row: Document) -> bool:
        """Apply a body that another process took in; False when that was not done."""
        return await self._apply_soon(_Arrived(row, read_json(row["body"])))

    async def take(self, claim: Claim) -> None:
        """Apply a stored body that nobody finished; one that cannot be applied after some tries is kept and told."""
        if claim.tries > MAX_TRIES:
            await self._give_up(claim.doc)
        else:
            await self._apply([_Arrived(claim.doc, read_json(claim.doc["body"]))])
        await self._services.due.finish("inbound", [claim.doc["_id"]])

    async def _give_up(self, row: Document) -> None:
        logger.error("webhook.given_up", id=row["_id"])
        accounts = await self._services.accounts.of_door(row["scope"])
        for account in [account for account in accounts if account.id in row["accounts"]][:1]:
            await keep_failure(self._services, row, account, "It could not be applied.")

    async def _apply_arrived(self, batch: list[_Arrived]) -> list[Exception | None]:
        await self._apply(batch)
        return [None] * len(batch)

    async def _apply(self, bodies: Sequence[_Arrived]) -> None:
        tenant = bodies[0].row["scope"]
        accounts = {account.id: account for account in await self._services.accounts.of_door(tenant)}
        batches: dict[str, Batch] = {}
        for body in bodies:
            trusted = [accounts[id] for id in body.row["accounts"] if id in accounts]
            for fact in self._services.whatsapp.parse(body.payload):
                account = _account_of(fact, trusted)
                if account is None:
                    continue
                if account.scope not in batches:
                    batches[account.scope] = Batch(self._services, account.scope)
                batches[account.scope].add(fact, account, body.row)
        for batch in batches.values():
            await batch.apply()


def _addressed(payload: Mapping[str, Any], accounts: Iterable[Account]) -> bool:
    businesses = {account.business for account in accounts}
    addresses = {account.address for account in accounts}
    for entry in payload.get("entry") or () if isinstance(payload.get("entry"), list) else ():
        if not isinstance(entry, Mapping):
            continue
        if str(entry.get("id", "")) in businesses:
            return True
        for change in entry.get("changes") or () if isinstance(entry.get("changes"), list) else ():
            value = change.get("value") if isinstance(change, Mapping) else None
            metadata = value.get("metadata") if isinstance(value, Mapping) else None
            if isinstance(metadata, Mapping) and str(metadata.get("phone_number_id", "")) in addresses:
                return True
    return False


def _lane(payload: Mapping[str, Any]) -> int:
    """Return the lane of the customer a body speaks of first, as writer of a message or receiver of ours."""
    try:
        value = payload["entry"][0]["changes"][0]["value"]
        customer = value["messages"][0]["from"] if value.get("messages") else value["statuses"][0]["recipient_id"]
        return crc32(str(customer).encode()) % LANES
    except (LookupError, TypeError, AttributeError, UnicodeError):
        return 0


def _kind(payload: Mapping[str, Any]) -> str:
    kinds = {
        "messages": "MESSAGE", "message_template_status_update": "TEMPLATE", "template_category_update": "TEMPLATE",
        "account_update": "ACCOUNT", "account_alerts": "ACCOUNT", "billing": "BILLING",
    }  # fmt: skip
    try:
        change = payload["entry"][0]["changes"][0]
        if change["field"] == "messages" and not change["value"].get("messages"):
            return "STATUS"
        return kinds.get(change["field"], "UNKNOWN")
    except (LookupError, TypeError, AttributeError):
        return "UNKNOWN"


def _account_of(fact: Any, accounts: list[Account]) -> Account | None:
    if isinstance(fact, TemplateReport):
        return next((account for account in accounts if account.business == fact.business_account_id), None)
    return next((account for account in accounts if account.address == fact.account_address), None)
