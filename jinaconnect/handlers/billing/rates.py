"""`…/rate-card/` of each platform: what its messages cost."""

from __future__ import annotations

from typing import Any

from jinaconnect.actions.context import OperationContext
from jinaconnect.core.billing.rate_rows import rate_rows
from jinaconnect.core.billing.wallet import CURRENCY
from jinaconnect.core.errors import Invalid
from jinaconnect.core.inbox.platform import PLATFORMS, USUAL
from jinaconnect.core.paging import MOMENT, parse_moment
from jinaconnect.core.schema import Answer, example, sample
from jinaconnect.handlers.edge.operation import operation
from jinaconnect.handlers.edge.schemas import Parameter


class RateRow(
    Answer,
    json_schema_extra=example(
        destination_country="IN", destination_country_name="India", message_type="MARKETING", channel=USUAL,
        reference_rate=0.90229, wallet_currency="INR", carrier_rate=0.7846, carrier_currency="INR",
        margin_percent=15.0, effective_from="2025-07-01", effective_to=None, previous_rate=None, rate_changed=False,
        rate_change_percent=None, source="resellers' pages on Meta's list of July 2025",
    ),
):  # fmt: skip
    """What one message (an SMS: one segment) costs; `*` is any country, category or channel without a row of its own.

    `reference_rate` is in the wallet's currency with the margin, null where nobody has said what that is worth.
    """

    destination_country: str
    destination_country_name: str
    message_type: str
    channel: str
    reference_rate: float | None
    wallet_currency: str
    carrier_rate: float
    carrier_currency: str
    margin_percent: float
    effective_from: str
    effective_to: str | None
    previous_rate: float | None
    rate_changed: bool
    rate_change_percent: float | None
    source: str


class RateCard(Answer, json_schema_extra=example(results=[sample(RateRow)])):
    """The rows that hold on a day; of those that fit the most exact counts: country, category, channel."""

    results: list[RateRow]


def _declare(platform: str, base: str) -> None:
    short, tag = base.split("/")[1], PLATFORMS[platform].label.lower()

    @operation(
        "GET", f"{base}/rate-card/", id=f"{short}.rate_card", permission="rate_card.manage", returns=RateCard, tag=tag,
        query={
            "country": "Only of this destination (ISO 3166-1).", "message_type": "Only of this category.",
            "effective_from": Parameter("The day the rows hold on; today unless given.", MOMENT),
        },
    )  # fmt: skip
    async def rate_card(ctx: OperationContext) -> dict[str, Any]:
        """Show what messages of the platform cost the organisation."""
        query, day = ctx.caller.query, ctx.now()
        if query.get("effective_from"):
            try:
                day = parse_moment(query["effective_from"])
            except ValueError as error:
                raise Invalid.field("effective_from", str(error)) from error
        wallet = await ctx.services.wallets.of(ctx.data.scope)
        currency = CURRENCY if wallet is None else str(wallet["currency"])
        wallets, on = ctx.services.wallets, day.date()
        rows = rate_rows(
            wallets.prices, platform, on, currency,
            lambda destination, category: wallets.margin(ctx.data.scope, destination, category, on),
        )  # fmt: skip
        wanted = {"destination_country": query.get("country"), "message_type": query.get("message_type")}
        return {"results": [
            row for row in rows if all(value in (None, "", row[name]) for name, value in wanted.items())
        ]}  # fmt: skip


for _name, _platform in PLATFORMS.items():
    if _platform.base is not None:
        _declare(_name, _platform.base)
