"""What a broadcast would cost, whether it is within its account's tier and what the rules say, before it is written."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from jinaconnect.actions.billing.messages import price_for
from jinaconnect.actions.broadcasts.audience import audience, known_recipients, next_contacts
from jinaconnect.actions.broadcasts.fates import quiet_hours
from jinaconnect.actions.broadcasts.quotas import quota
from jinaconnect.actions.context import OperationContext
from jinaconnect.core.billing.prices import country
from jinaconnect.core.broadcasts.quota import Priced, balances, breakdown
from jinaconnect.core.errors import Invalid
from jinaconnect.core.inbox.platform import address_on
from jinaconnect.core.inbox.window import window_open
from jinaconnect.core.rules import verdict as rules
from jinaconnect.store.databases.mongo import Document
from jinaconnect.store.tenant import TenantStore

MOST = 10_000  # recipients that a breakdown is made of
PAGE = 1_000
LOOKED_AT = 500  # recipients of whom the rules are asked beforehand; what they are told is of a part of many
NO_ADDRESS = "contact.no_address"


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


async def charge_breakdown(
    ctx: OperationContext, platform: str, app: str | None, contacts: Sequence[str] | None, broadcast: str | None,
    category: str,
) -> dict[str, Any]:  # fmt: skip
    """Return what writing to contacts, or to a broadcast's audience, would cost by country; raises Invalid, NotFound.
    """
    if (contacts is None) == (broadcast is None):
        raise Invalid.field("contact_ids", "exactly one of contact_ids and broadcast_id is needed")
    if contacts is not None:
        query: Mapping[str, Any] = {"_id": {"$in": await known_recipients(ctx.data, list(contacts))}}
    else:
        doc = await ctx.data.get("broadcasts", str(broadcast))
        query, category, app = await audience(ctx.data, doc), doc["category"], app or doc["app"]
    left = await quota(ctx, platform, app, None)
    wallet = await ctx.services.wallets.of(ctx.data.scope)
    currency = "USD" if wallet is None else wallet["currency"]
    priced, seen, last = [], set(), ""
    while page := await ctx.data.select(
        "contacts", {"$and": [query, {"_id": {"$gt": last}}]}, sort=[("_id", 1)], limit=PAGE
    ):
        last = page[-1]["_id"]
        for contact in page:
            to = address_on(contact, platform)
            if to is None or to.text in seen:
                continue
            seen.add(to.text)
            price = price_for(ctx, platform, contact, category, None, currency, {})
            priced.append(Priced(country(contact.get("phone")), window_open(contact, platform, ctx.now()), price))
        if len(priced) > MOST:
            raise Invalid.field("broadcast_id", f"goes to more than {MOST}, of which no breakdown is made")
    return {**breakdown(priced, left, currency), "balance": _balance(ctx, wallet)}


async def balance(ctx: OperationContext) -> dict[str, Any]:
    """Return what there is to pay with, to those who keep it."""
    return _balance(ctx, await ctx.services.wallets.of(ctx.data.scope))


def _balance(ctx: OperationContext, wallet: Document | None) -> dict[str, Any]:
    """Return what there is to pay with, to those who keep it."""
    return balances(wallet) if ctx.principal.priority >= 80 else {}


async def foreseen(store: TenantStore, broadcast: Document, at: datetime) -> dict[str, Any]:
    """Return how many of a broadcast's first recipients could be written to at a moment, later, or never and why."""
    contacts = await next_contacts(store, broadcast, None, LOOKED_AT)
    own = quiet_hours(broadcast)
    now, later, never = 0, 0, Counter[str]()
    for contact in contacts:
        if address_on(contact, broadcast["platform"]) is None:
            never[NO_ADDRESS] += 1
            continue
        match rules.verdict(contact, broadcast["category"], broadcast["platform"], at, own):
            case rules.Allowed():
                now += 1
            case rules.Deferred():
                later += 1
            case rules.Refused(rule=rule):
                never[rule] += 1
    return {"looked_at": len(contacts), "now": now, "later": later, "never": dict(never)}
