"""Keeping wallets: an operator switches them on, sets their credit line and pays in; a tenant sets when to be told."""

from __future__ import annotations

import contextlib
from typing import Any

from jinaconnect.actions.context import Context, Services, system_context
from jinaconnect.core.billing.wallet import new_wallet, render_wallet, wallet_id
from jinaconnect.core.errors import InvalidState, NotFound
from jinaconnect.store.billing.ledger import LEDGER, WALLETS, Posted
from jinaconnect.store.databases.mongo import Document
from jinaconnect.store.tenant import Change, Duplicate


async def set_up(
    services: Services, scope: str, *, is_on: bool | None = None, currency: str | None = None,
    credit_line: int | None = None, threshold_alert: int | None = None,
) -> Document:  # fmt: skip
    """Make a wallet where there is none and change what is given; amounts are millionths.

    Raises NotFound for an unknown organisation, InvalidState on the currency of a wallet that has been used, or a
    credit line below what is owed already.
    """
    ctx = system_context(services, scope, "operator")
    if await services.registry.tenant(ctx.principal.tenant) is None:
        raise NotFound("There is no such organisation.")
    given = {"is_on": is_on, "currency": currency, "credit_line": credit_line, "threshold_alert": threshold_alert}
    fields = {name: value for name, value in given.items() if value is not None}
    now = ctx.now()
    with contextlib.suppress(Duplicate):  # it is there
        await ctx.data.insert(WALLETS, new_wallet(scope, created_at=now, updated_at=now))

    def decide(doc: Document) -> Change | None:
        if currency not in (None, doc["currency"]) and doc["number"]:
            raise InvalidState("The wallet has been used: its currency stays as it is.")
        if doc["balance"] + fields.get("credit_line", doc["credit_line"]) < 0:
            raise InvalidState("The credit line must cover what is owed already.")
        changes = {name: value for name, value in fields.items() if doc[name] != value}
        if not changes:
            return None
        after = {**doc, **changes, "updated_at": ctx.now()}
        event = ctx.event("wallet.updated", doc["_id"], render_wallet(after))
        return Change(set={**changes, "updated_at": after["updated_at"]}, events=[event])

    return (await ctx.data.change(WALLETS, wallet_id(scope), decide)).doc


async def pay_in(services: Services, scope: str, key: str, amount: int, note: str) -> Posted:
    """Credit what was paid in another way; once per key."""
    return await services.wallets.credit(scope, f"payment:{key}", amount, facts={"description": note})


async def read_wallet(ctx: Context) -> dict[str, Any]:
    """Return the caller's wallet; one that was never made shows as it would begin."""
    scope = ctx.data.scope
    found = await ctx.data.find(WALLETS, wallet_id(scope))
    if found is None:
        tenant = await ctx.services.registry.tenant(ctx.principal.tenant)
        found = new_wallet(scope, updated_at=ctx.now() if tenant is None else tenant["created_at"])
    return render_wallet(found)


async def change_threshold(ctx: Context, threshold_alert: int) -> dict[str, Any]:
    """Set below which total a notice is told; raises NotFound without a wallet."""
    scope = ctx.data.scope

    def decide(doc: Document) -> Change | None:
        if doc["threshold_alert"] == threshold_alert:
            return None
        after = {**doc, "threshold_alert": threshold_alert, "updated_at": ctx.now()}
        return Change(
            set={"threshold_alert": threshold_alert, "updated_at": after["updated_at"]},
            events=[ctx.event("wallet.updated", doc["_id"], render_wallet(after))],
        )

    return render_wallet(ctx.wrote(await ctx.data.change(WALLETS, wallet_id(scope), decide)))


async def read_row(ctx: Context, id: str) -> Document:
    """Return a row of the ledger."""
    return await ctx.data.get(LEDGER, id)
