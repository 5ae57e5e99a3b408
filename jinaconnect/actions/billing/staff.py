"""What the deployment's own people do with the wallets of organisations."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from jinaconnect.actions.billing import keeping
from jinaconnect.actions.billing.recharges import render_order
from jinaconnect.actions.context import Context
from jinaconnect.core.billing.money import micros, shown
from jinaconnect.core.billing.wallet import new_wallet, render_wallet, wallet_id
from jinaconnect.core.errors import NotFound
from jinaconnect.core.principal import parse_scope, scope_of
from jinaconnect.store.billing.ledger import WALLETS

LATEST = 10


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
