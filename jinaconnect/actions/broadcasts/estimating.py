"""What a broadcast would cost, whether it is within its account's tier and what the rules say, before it is written."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from jinaconnect.actions.billing.messages import price_for
from jinaconnect.actions.broadcasts.audience import (
    NO_ADDRESS,
    audience,
    known_recipients,
    next_contacts,
    some_reached,
)
from jinaconnect.actions.broadcasts.fates import quiet_hours
from jinaconnect.actions.broadcasts.quotas import quota
from jinaconnect.actions.context import Context, OperationContext, Services, system_operation
from jinaconnect.actions.ports import Ports
from jinaconnect.core.billing.prices import country
from jinaconnect.core.broadcasts.quota import BREAKDOWN_KEPT, Priced, balances, breakdown
from jinaconnect.core.errors import GatewayError, Invalid, NotFound, Unavailable
from jinaconnect.core.inbox.platform import address_on
from jinaconnect.core.inbox.window import window_open
from jinaconnect.core.rules import verdict as rules
from jinaconnect.core.rules.rows import Category, category_of
from jinaconnect.store.databases.mongo import Document
from jinaconnect.store.due import due_at
from jinaconnect.store.tenant import Change, TenantStore

MOST = 200_000  # recipients that a breakdown is made of
MOST_NAMED = 10_000  # of them by their contacts
AT_ONCE = 1_000  # of them while the request waits
BREAKDOWN_JOB = "broadcasts.breakdown"
PAGE = 1_000
LOOKED_AT = 500  # recipients of whom the rules are asked beforehand; what they are told is of a part of many


async def preflight(
    ctx: OperationContext, platform: str, app: str | None, count: int, at: datetime | None
) -> dict[str, Any]:
    """Return whether so many new people could be written to, and what stands against it."""
    left = await quota(ctx, platform, app, at)
    wallet = await ctx.services.wallets.of(ctx.data.scope)
    errors, warnings = [], []
    if not left.within(count):
        errors.append({"type": "QUOTA_EXCEEDED", "message": f"{left.remaining} more are within the account's tier."})
    elif left.near(count):
        warnings.append({"type": "QUOTA_APPROACHING_LIMIT", "message": "More than 80 % of the tier would be used."})
    if wallet is not None:
        available = wallet["balance"] + wallet["credit_line"]
        if available <= 0:
            errors.append({"type": "INSUFFICIENT_BALANCE", "message": "There is nothing to pay with."})
        elif available < wallet["threshold_alert"]:
            warnings.append({"type": "LOW_BALANCE", "message": "Little is left to pay with."})
    return {
        "can_proceed": not errors, "errors": errors, "warnings": warnings, "quota": left.rendered(),
        "balance": _balance(ctx, wallet),
    }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Basis:
    """What a breakdown is made of: whom it is about, as a query, by which account and in which category."""

    platform: str
    app: str | None
    contacts: Sequence[str] | None
    broadcast: str | None
    category: str

    async def audience(self, ctx: Context) -> tuple[Mapping[str, Any], str, str | None]:
        """Return (contacts, category, account); raises Invalid, NotFound."""
        if (self.contacts is None) == (self.broadcast is None):
            raise Invalid.field("contact_ids", "exactly one of contact_ids and broadcast_id is needed")
        if self.contacts is not None:
            known = await known_recipients(ctx.data, list(self.contacts))
            return {"_id": {"$in": known}}, self.category, self.app
        doc = await ctx.data.get("broadcasts", str(self.broadcast))
        return await audience(ctx.data, doc), await _category(ctx.data, doc), self.app or doc["app"]


async def charge_breakdown(ctx: OperationContext, basis: Basis) -> dict[str, Any] | str:
    """Return what writing to contacts, or to a broadcast's audience, would cost by country; raises Invalid, NotFound.

    Of many it is made in the background: then the name it is asked for by is returned.
    """
    query, _, _ = await basis.audience(ctx)
    if await ctx.data.few("contacts", query, AT_ONCE + 1) <= AT_ONCE:
        return {**await _breakdown(ctx, basis), "balance": await balance(ctx)}
    id = ctx.ids.new("brk")
    await ctx.data.insert("breakdowns", {"_id": id, "made": None, "refused": None})
    await ctx.ports.worker.add_jobs([{
        "_id": f"job_{id}", "scope": ctx.data.scope, "kind": BREAKDOWN_JOB, "due": due_at(ctx.now()),
        "data": {"id": id, "basis": asdict(basis)},
    }])  # fmt: skip
    return id


async def make_breakdown(services: Services, ports: Ports, scope: str, data: Mapping[str, Any]) -> None:
    """Make a breakdown that was asked for, and keep it for a while; what stands against it is kept as well."""
    ctx = system_operation(services, ports, scope, "broadcasts")
    try:
        fields: dict[str, Any] = {"made": await _breakdown(ctx, Basis(**data["basis"]))}
    except Unavailable:
        raise
    except GatewayError as error:
        fields = {"refused": {"status": error.status, "code": error.code, "detail": error.detail}}
    with suppress(NotFound):  # nobody asks for it any more
        await ctx.data.change("breakdowns", data["id"], lambda doc: Change(set={**fields, "updated_at": ctx.now()}))


async def made_breakdown(ctx: OperationContext, id: str) -> dict[str, Any] | None:
    """Return a breakdown that was made in the background, None while it is not ready.

    Raises NotFound, and for five minutes what stood against it.
    """
    doc = await ctx.data.get("breakdowns", id)
    if doc["created_at"] < ctx.now() - BREAKDOWN_KEPT:
        raise NotFound()
    if doc["refused"] is not None:
        error = GatewayError(doc["refused"]["detail"])
        error.status, error.code = doc["refused"]["status"], doc["refused"]["code"]
        raise error
    return None if doc["made"] is None else {**doc["made"], "balance": await balance(ctx)}


async def _breakdown(ctx: OperationContext, basis: Basis) -> dict[str, Any]:
    query, category, app = await basis.audience(ctx)
    left = await quota(ctx, basis.platform, app, None)
    wallet = await ctx.services.wallets.of(ctx.data.scope)
    currency = "USD" if wallet is None else wallet["currency"]
    priced, seen, last = [], set(), ""
    while page := await ctx.data.select(
        "contacts", {"$and": [query, {"_id": {"$gt": last}}]}, sort=[("_id", 1)], limit=PAGE
    ):
        last = page[-1]["_id"]
        for contact in page:
            to = address_on(contact, basis.platform)
            if to is None or to.text in seen:
                continue
            seen.add(to.text)
            price = price_for(ctx, basis.platform, contact, category, None, currency, {}, "TEMPLATE")
            is_open = window_open(contact, basis.platform, ctx.now())
            priced.append(Priced(country(contact.get("phone")), is_open, price))
        if len(priced) > MOST:
            raise Invalid.field("broadcast_id", f"goes to more than {MOST:,}, of which no breakdown is made")
    wallets, day = ctx.services.wallets, ctx.now().date()
    return breakdown(
        priced, left, currency, lambda code: wallets.margin(ctx.data.scope, code, category, day)
    )


async def balance(ctx: OperationContext) -> dict[str, Any]:
    """Return what there is to pay with, to those who keep it."""
    return _balance(ctx, await ctx.services.wallets.of(ctx.data.scope))


def _balance(ctx: OperationContext, wallet: Document | None) -> dict[str, Any]:
    """Return what there is to pay with, to those who keep it."""
    return balances(wallet) if ctx.principal.priority >= 80 else {}


async def foreseen(store: TenantStore, broadcast: Document, at: datetime) -> dict[str, Any]:
    """Return how many of some recipients of a broadcast could be written to at a moment, later, or never and why."""
    if broadcast["select_all"]:
        contacts = await some_reached(store, broadcast, LOOKED_AT)
    else:
        contacts = await next_contacts(store, broadcast, None, LOOKED_AT)
    own, category = quiet_hours(broadcast), await _category(store, broadcast)
    now, later, never = 0, 0, Counter[str]()
    for contact in contacts:
        if address_on(contact, broadcast["platform"]) is None:
            never[NO_ADDRESS] += 1
            continue
        match rules.verdict(contact, category, broadcast["platform"], at, own):
            case rules.Allowed():
                now += 1
            case rules.Deferred():
                later += 1
            case rules.Refused(rule=rule):
                never[rule] += 1
    return {"looked_at": len(contacts), "now": now, "later": later, "never": dict(never)}


async def _category(store: TenantStore, broadcast: Document) -> Category:
    """Return the category that a broadcast's recipients would be planned with: its template's, where it has one."""
    template = None if broadcast["template"] is None else await store.find("templates", broadcast["template"])
    given: Category = broadcast["category"]
    return given if template is None else category_of(template["category"])
