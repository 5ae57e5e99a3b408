"""What the endpoints of messages have alike on every platform: sending or asking what would be sent, list, and item."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from pydantic import Field

from jinaconnect.actions.billing.messages import Quote
from jinaconnect.actions.context import Context, OperationContext
from jinaconnect.actions.messaging import sending
from jinaconnect.actions.messaging.sending import Checked, NewMessage
from jinaconnect.actions.scoping import message_filter, visible
from jinaconnect.core.billing.money import shown
from jinaconnect.core.errors import NotFound
from jinaconnect.core.inbox.platform import PlatformName
from jinaconnect.core.inbox.status import STATUSES
from jinaconnect.core.paging import Filter, Listing, choice_filter, one_of, parse_text, time_filter
from jinaconnect.core.rules.rows import Category
from jinaconnect.core.schema import Answer, example
from jinaconnect.handlers.edge.operation import Reply, dry_run
from jinaconnect.handlers.edge.verdict import VerdictOut, render_verdict
from jinaconnect.store.databases.mongo import Document


class QuoteOut(
    Answer,
    json_schema_extra=example(
        amount=0.115, amount_currency="USD", units=1, unit_price=0.115, destination="US", source="fall-back",
        is_covered=True,
    ),
):  # fmt: skip
    """What it would cost: so many messages or segments at a price, and whether the wallet covers that."""

    amount: float
    amount_currency: str
    units: int
    unit_price: float
    destination: str
    source: str
    is_covered: bool


class SendPreview(Answer):
    """A message that was asked about and not sent."""

    dry_run: Literal[True]
    platform: PlatformName
    category: Category
    account: str
    contact: str | None = Field(description="Null for a number that nobody has: a contact would be made.")
    message_type: str
    content: dict[str, Any]
    segments: int | None = Field(description="How many parts the carrier makes of it; null where it makes none.")
    price: QuoteOut | None = Field(description="Null where the organisation is not charged.")
    verdict: VerdictOut


def render_quote(quoted: Quote | None) -> dict[str, Any] | None:
    """Return a quote as `QuoteOut` describes it."""
    if quoted is None:
        return None
    return {
        "amount": shown(quoted.amount), "amount_currency": quoted.currency, "units": quoted.units,
        "unit_price": shown(quoted.price), "destination": quoted.destination, "source": quoted.source,
        "is_covered": quoted.amount <= quoted.available,
    }  # fmt: skip


def render_preview(checked: Checked) -> dict[str, Any]:
    """Return a checked message as `SendPreview` describes it."""
    contact = checked.contact
    return {
        "dry_run": True, "platform": checked.message.platform, "category": checked.category,
        "account": checked.account.id, "contact": None if contact is None else contact["_id"],
        "message_type": checked.composed.type, "content": dict(checked.composed.content),
        "segments": checked.composed.segments, "price": render_quote(checked.quote),
        "verdict": render_verdict(checked.verdict),
    }  # fmt: skip


async def sent_or_preview(ctx: OperationContext, message: NewMessage) -> tuple[Document, Document] | Reply:
    """Send a message and return it with its contact; with `dry_run` return what it would be, and send nothing."""
    if dry_run(ctx):
        return Reply(render_preview(await sending.check_message(ctx, message)))
    doc = await sending.send_message(ctx, message)
    return doc, await ctx.data.get("contacts", doc["contact"])


def _direction(text: str) -> str:
    found = {"INBOUND": "INCOMING", "OUTBOUND": "OUTGOING"}.get(text.upper())
    if found is None:
        raise ValueError("must be INBOUND or OUTBOUND")
    return found


def message_listing(
    app: str, *, statuses: Sequence[str] = STATUSES, orderings: Mapping[str, str] | None = None, **filters: Filter
) -> Listing:
    """Return what a platform's list of messages offers; `app` is what its accounts are called there."""
    return Listing(
        filters={
            app: Filter("app", lookups=("", "in")),  # each has one
            "contact": Filter("contact"),
            "direction": Filter("direction", _direction, schema=one_of("INBOUND", "OUTBOUND")),
            "message_type": Filter("type", lambda text: parse_text(text).upper()),
            "status": choice_filter("status", tuple(statuses)),
            "created_at": time_filter("created_at"),
            "sent_at": time_filter("sent_at"),
            **filters,
        },
        search=("content.body.text", "carrier_id"),
        orderings=orderings or {"created_at": "created_at", "sent_at": "sent_at"},
    )


async def listed_messages(ctx: Context, platform: str) -> dict[str, Any]:
    """Return the filter of a platform's messages that whoever asks may see."""
    return {"platform": platform, "internal_note": False, "deleted_at": None, **await message_filter(ctx)}


async def of_contacts(ctx: Context, docs: Sequence[Document], field: str) -> dict[str, Any]:
    """Return a field of each contact of some messages, by contact."""
    ids = list({doc["contact"] for doc in docs})
    rows = await ctx.data.select("contacts", {"_id": {"$in": ids}}, fields={field: 1}) if ids else []
    return {row["_id"]: row.get(field) for row in rows}


async def seen_message(ctx: Context, platform: str, id: str) -> tuple[Document, Document]:
    """Return a platform's message and its contact, as far as whoever asks sees them; raises NotFound."""
    doc = await ctx.data.get("messages", id)
    contact = await ctx.data.find("contacts", doc["contact"])
    if doc["platform"] != platform or doc["internal_note"] or contact is None or not visible(ctx.principal, contact):
        raise NotFound()
    return doc, contact
