"""What the deployment's own people do with the wallets of organisations."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import phonenumbers

from jinaconnect.actions.billing import keeping
from jinaconnect.actions.billing.recharges import render_order
from jinaconnect.actions.context import Context
from jinaconnect.core.billing.money import micros, shown
from jinaconnect.core.billing.prices import ANY, UNKNOWN_COUNTRY
from jinaconnect.core.billing.wallet import CURRENCY, new_wallet, render_wallet, wallet_id
from jinaconnect.core.clock import iso
from jinaconnect.core.errors import Invalid, NotFound
from jinaconnect.core.inbox.platform import PLATFORMS
from jinaconnect.core.principal import parse_scope, scope_of
from jinaconnect.store.billing.ledger import WALLETS
from jinaconnect.store.databases.mongo import Document

LATEST = 10
USUAL_DAYS, MOST_DAYS = 30, 366  # that messages are counted of


async def balances(ctx: Context) -> dict[str, Any]:
    """Return what all wallets come to, by currency."""
    overview = ctx.services.overview
    rows = [
        {
            "currency": row["_id"], "wallets": row["wallets"], "balance": shown(row["balance"]),
            "reserved": shown(row["reserved"]), "credit_line": shown(row["credit_line"]),
            "outstanding_credit": shown(row["owed"]),
        }
        for row in await overview.balances()
    ]  # fmt: skip
    return {"tenant_count": await overview.tenants(), "balances": rows}


async def latest_recharges(ctx: Context) -> dict[str, Any]:
    """Return the latest recharges of all organisations."""
    rows = []
    for doc in await ctx.services.overview.recharges(LATEST):
        tenant = await ctx.services.registry.tenant(parse_scope(doc["scope"])[0])
        order = render_order(doc)
        rows.append({
            "id": order["id"], "tenant": parse_scope(doc["scope"])[0], "tenant_name": (tenant or {}).get("name", ""),
            "amount": order["amount"], "currency": order["amount_currency"], "platform": "razorpay",
            "status": order["status"].lower(), "created_at": order["created_at"],
        })  # fmt: skip
    return {"results": rows, "total_count": len(rows)}


async def dashboard(ctx: Context) -> dict[str, Any]:
    """Return what all organisations come to this month (UTC), beside the month before; raises Unavailable."""
    now, overview = ctx.now(), ctx.services.overview
    begun = now.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    before = (begun - timedelta(days=1)).replace(day=1)
    tenants, earlier = await overview.tenants(), await overview.tenants_before(begun)
    by_platform, messages_before = await overview.sent(begun, end_of_day(now)), await overview.sent(before, begun)
    sent, sent_before = sum(by_platform.values()), sum(messages_before.values())
    spent, spent_before = await overview.spent(begun, end_of_day(now)), await overview.spent(before, begun)
    currency = max(spent, key=lambda name: spent[name], default=CURRENCY)
    amount, amount_before = spent.get(currency, 0), spent_before.get(currency, 0)
    return {
        "total_tenants": {"count": tenants, "last_month_count": earlier, **_trend(tenants, earlier)},
        "total_messages": {
            "count": sent + sent_before, "current_month_count": sent, "last_month_count": sent_before,
            **_trend(sent, sent_before),
        },
        "platform_breakdown": {name: by_platform.get(name, 0) for name in PLATFORMS},
        "total_revenue": {
            "amount": shown(amount), "currency": currency, "last_month_amount": shown(amount_before),
            **_trend(amount, amount_before), "by_currency": {name: shown(each) for name, each in spent.items()},
        },
        "period": {
            "current_month_start": iso(begun), "previous_month_start": iso(before), "generated_at": iso(now),
        },
    }  # fmt: skip


async def message_stats(ctx: Context, start: date | None, end: date | None) -> dict[str, Any]:
    """Return how many messages all organisations sent by platform, on days from `start` to `end`; raises Invalid."""
    last = end or ctx.now().date()
    first = start or last - timedelta(days=USUAL_DAYS - 1)
    if not 0 <= (last - first).days < MOST_DAYS:
        raise Invalid.field("end_date", f"must not be before start_date, nor {MOST_DAYS} days or more after it")
    since, until = (datetime.combine(day, time(0), UTC) for day in (first, last + timedelta(days=1)))
    sent = await ctx.services.overview.sent(since, until)
    return {
        **{f"{name.lower()}_sent": sent.get(name, 0) for name in PLATFORMS}, "total_sent": sum(sent.values()),
        "date_range": {"start_date": first.isoformat(), "end_date": last.isoformat()},
    }  # fmt: skip


def end_of_day(now: datetime) -> datetime:
    """Return the coming midnight: figures up to it are made once for all who ask on a day."""
    return now.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)


def _trend(now: int, before: int) -> dict[str, Any]:
    change = round(100 * (now - before) / before, 1) if before else 100.0 if now else 0.0
    return {"percentage_change": change, "trend": "up" if now > before else "down" if now < before else "neutral"}


async def margins(ctx: Context) -> list[dict[str, Any]]:
    """Return the margins that were ever set, the newest first."""
    return [_shown(doc) for doc in await ctx.services.wallets.margins.all()]


async def set_margin(
    ctx: Context, tenant: str | None, country: str, category: str, percent: Decimal, valid_from: date | None,
    valid_to: date | None,
) -> dict[str, Any]:  # fmt: skip
    """Set a margin from a day on, today unless told; raises Invalid: what was sent keeps its price."""
    today = ctx.now().date()
    begins = valid_from or today
    if begins < today:
        raise Invalid.field("valid_from", "must not be in the past")
    if valid_to is not None and valid_to < begins:
        raise Invalid.field("valid_to", "must not be before valid_from")
    if tenant is not None and await ctx.services.registry.tenant(tenant) is None:
        raise Invalid.field("tenant", "there is no such organisation")
    if country not in (ANY, UNKNOWN_COUNTRY, *phonenumbers.SUPPORTED_REGIONS):
        raise Invalid.field("country", "is not one that has numbers (ISO 3166-1)")
    doc = {
        "_id": ctx.ids.new("mrg"), "tenant": tenant, "country": country, "category": category, "percent": str(percent),
        "valid_from": begins.isoformat(), "valid_to": None if valid_to is None else valid_to.isoformat(),
        "created_at": ctx.now(), "created_by": ctx.principal.username or ctx.principal.name,
    }  # fmt: skip
    await ctx.services.wallets.margins.add(doc)
    return _shown(doc)


async def end_margin(ctx: Context, id: str, valid_to: date) -> dict[str, Any]:
    """Say on which day a margin holds last, today at the earliest; raises NotFound, Invalid."""
    doc = await ctx.services.wallets.margins.get(id)
    if valid_to < max(ctx.now().date(), date.fromisoformat(doc["valid_from"])):
        raise Invalid.field("valid_to", "must not be in the past, or before valid_from")
    await ctx.services.wallets.margins.end(id, valid_to)
    return _shown({**doc, "valid_to": valid_to.isoformat()})


def _shown(doc: Document) -> dict[str, Any]:
    told = {name: doc[name] for name in ("tenant", "country", "category", "valid_from", "valid_to", "created_by")}
    return {"id": doc["_id"], **told, "percent": float(doc["percent"]), "created_at": iso(doc["created_at"])}


async def wallet_of(ctx: Context, tenant: str) -> dict[str, Any]:
    """Return an organisation's wallet; raises NotFound."""
    found = await ctx.services.registry.tenant(tenant)
    if found is None:
        raise NotFound()
    scope = scope_of(tenant, "live")
    doc = await ctx.services.store.within(scope).find(WALLETS, wallet_id(scope))
    return {"tenant": tenant, **render_wallet(doc or new_wallet(scope, updated_at=found["created_at"]))}


async def set_up(
    ctx: Context, tenant: str, *, is_on: bool | None, currency: str | None, credit_line: Decimal | None,
    threshold_alert: Decimal | None,
) -> dict[str, Any]:  # fmt: skip
    """Set up an organisation's wallet; raises NotFound, InvalidState."""
    amounts = {"credit_line": credit_line, "threshold_alert": threshold_alert}
    given = {name: micros(value) for name, value in amounts.items() if value is not None}
    await keeping.set_up(ctx.services, scope_of(tenant, "live"), is_on=is_on, currency=currency, **given)
    return await wallet_of(ctx, tenant)


async def credit(ctx: Context, tenant: str, amount: Decimal, reference: str, note: str) -> dict[str, Any]:
    """Credit an organisation what it has paid in another way, once per reference; returns its wallet. Raises NotFound.
    """
    await wallet_of(ctx, tenant)
    scope = scope_of(tenant, "live")
    await keeping.set_up(ctx.services, scope)
    told = f"{note or 'Paid in another way'} (by {ctx.principal.username or ctx.principal.name or ctx.principal.id})"
    await keeping.pay_in(ctx.services, scope, reference, micros(amount), told)
    return await wallet_of(ctx, tenant)
