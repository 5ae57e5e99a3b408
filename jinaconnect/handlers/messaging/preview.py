"""What `?dry_run=true` answers on sends: the message as it would go, and the verdict on it."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from jinaconnect.actions.billing.messages import Quote
from jinaconnect.actions.messaging.sending import Checked
from jinaconnect.core.billing.money import shown
from jinaconnect.core.inbox.platform import PlatformName
from jinaconnect.core.rules.rows import Category
from jinaconnect.core.schema import Answer, example
from jinaconnect.handlers.edge.verdict import VerdictOut, render_verdict


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
