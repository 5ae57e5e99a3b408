"""Rate cards: what a tenant pays by destination, and what a call has cost by them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from jinaconnect.actions.context import Context
from jinaconnect.actions.rows import Rows
from jinaconnect.actions.trunks.accounts import own_trunk
from jinaconnect.core.calls.rating import LOCAL, RateCard, fitting, prefixes, rate
from jinaconnect.core.clock import iso, iso_or_none
from jinaconnect.core.errors import Invalid
from jinaconnect.store.databases.mongo import Document
from jinaconnect.store.tenant import TenantStore

DEFAULTS: dict[str, Any] = {
    "description": None, "is_active": True, "currency": "USD", "billing_increment_seconds": 60, "minimum_seconds": 0,
    "valid_to": None,
}  # fmt: skip


def render_card(doc: Document) -> dict[str, Any]:
    """Return a rate card as it is answered; the rate is kept as text and shown as a number."""
    return {
        "id": doc["_id"], "name": doc["name"], "description": doc["description"], "is_active": doc["is_active"],
        "provider_config": doc["provider_config"], "destination_prefix": doc["destination_prefix"],
        "rate_per_minute": float(doc["rate_per_minute"]), "currency": doc["currency"],
        "billing_increment_seconds": doc["billing_increment_seconds"],
        "minimum_seconds": doc.get("minimum_seconds", 0), "valid_from": iso(doc["valid_from"]),
        "valid_to": iso_or_none(doc["valid_to"]), "created_at": iso(doc["created_at"]),
        "updated_at": iso(doc["updated_at"]), "created_by": doc.get("created_by"), "updated_by": doc.get("updated_by"),
    }  # fmt: skip


def _check_span(doc: Mapping[str, Any]) -> None:
    if doc["valid_to"] is not None and doc["valid_to"] < doc["valid_from"]:
        raise Invalid.field("valid_to", "must not be before valid_from")


CARDS = Rows(
    collection="rate_cards", id="rat", told="rate_card", render=render_card, check=_check_span, channel="VOICE"
)


async def create_card(ctx: Context, fields: Mapping[str, Any]) -> dict[str, Any]:
    """Add a rate card; raises Invalid on `provider_config` and `valid_to`."""
    await own_trunk(ctx.data, fields["provider_config"], "provider_config")
    return await CARDS.create(ctx, {**kept_card(fields), "created_by": ctx.principal.user_id})


async def change_card(ctx: Context, id: str, fields: Mapping[str, Any]) -> dict[str, Any]:
    """Change a rate card; what was rated by it stays as it was. Raises as `create_card`."""
    await ctx.data.get("rate_cards", id)
    if "provider_config" in fields:
        await own_trunk(ctx.data, fields["provider_config"], "provider_config")
    return await CARDS.change(ctx, id, {**_kept(fields), "updated_by": ctx.principal.user_id})


async def replace_card(ctx: Context, id: str, fields: Mapping[str, Any]) -> dict[str, Any]:
    """Change a rate card whole; what is not given takes its default. Raises as `create_card`."""
    return await change_card(ctx, id, {**DEFAULTS, **fields})


def kept_card(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of a new card as they are kept."""
    return {**DEFAULTS, **_kept(fields)}


def _kept(fields: Mapping[str, Any]) -> dict[str, Any]:
    kept = dict(fields)
    if "rate_per_minute" in kept:
        kept["rate_per_minute"] = str(kept["rate_per_minute"])
    return kept


async def rate_call(store: TenantStore, call: Document) -> dict[str, Any] | None:
    """Return the cost fields of an ended call by the trunk's cards, None where no card covers it."""
    currency = "USD"
    if not call["duration_seconds"]:  # what costs nothing does so in the trunk's currency
        trunk = await store.find("trunks", str(call["provider_config"]))
        currency = currency if trunk is None else trunk["currency"]
    cards = await _cards(store, str(call["provider_config"]), call["to_number"])
    cost = rate(call["to_number"], call["duration_seconds"], cards, call["ended_at"], currency)
    if cost is None:
        return None
    by = {} if cost.card is None else {"rated": {"card": cost.card, "billable_seconds": cost.billable_seconds}}
    return {"cost_amount": str(cost.amount), "cost_currency": cost.currency, "cost_source": LOCAL, **by}


async def card_for(store: TenantStore, trunk: Document, number: str, at: datetime) -> RateCard | None:
    """Return the card of a trunk that counts for a number at a time, None where none covers it."""
    return fitting(number, await _cards(store, trunk["_id"], number), at)


async def _cards(store: TenantStore, trunk: str, number: str) -> list[RateCard]:
    """Return the cards of a trunk that a number begins with; a price list has thousands."""
    rows = await store.find_under("rate_cards", ("provider_config", "destination_prefix"), trunk, prefixes(number))
    return [
        RateCard(
            row["_id"], row["destination_prefix"], Decimal(row["rate_per_minute"]), row["valid_from"], row["valid_to"],
            row["currency"], row["billing_increment_seconds"], row.get("minimum_seconds", 0),
        )
        for row in rows if row["is_active"]
    ]  # fmt: skip
