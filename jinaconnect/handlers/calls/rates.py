"""`/voice/api/rate-cards/`: what calls cost by destination."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any

from pydantic import Field, StringConstraints

from jinaconnect.actions.calls import rate_cards
from jinaconnect.actions.context import Context
from jinaconnect.core.events.payloads.voice import RateCardData
from jinaconnect.core.paging import Listing, bool_filter, text_filter
from jinaconnect.core.schema import Given, Id, Request, Text, example, sample_id
from jinaconnect.handlers.calls.fields import Named, Time
from jinaconnect.handlers.calls.operation import voice_operation

CARDS = Listing(
    filters={"provider_config": text_filter("provider_config"), "destination_prefix": text_filter("destination_prefix"),
             "is_active": bool_filter("is_active")},
    orderings={"valid_from": "valid_from"}, default=(("provider_config", 1), ("valid_from", -1)),
)  # fmt: skip

Prefix = Annotated[str, StringConstraints(pattern=r"^\+[0-9]{0,9}$")]
Rate = Annotated[Decimal, Field(ge=0, max_digits=14, decimal_places=6)]
Currency = Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")]
Increment = Annotated[int, Field(ge=1, le=86_400)]


class CardFields(Request, json_schema_extra=example(rate_per_minute=0.012)):
    """What may be changed of a rate card."""

    name: Given[Named] = None
    description: Annotated[Text, StringConstraints(max_length=2000)] | None = None
    is_active: Given[bool] = None
    provider_config: Given[Id] = None
    destination_prefix: Given[Prefix] = None
    rate_per_minute: Given[Rate] = None
    currency: Given[Currency] = None
    billing_increment_seconds: Given[Increment] = None
    valid_from: Given[Time] = None
    valid_to: Time | None = None

    def given(self) -> dict[str, Any]:
        """Return the fields given."""
        return self.model_dump(exclude_unset=True)


class NewCard(
    CardFields,
    json_schema_extra=example(
        name="United States",
        provider_config=sample_id("trk"),
        destination_prefix="+1",
        rate_per_minute=0.013,
        currency="USD",
        valid_from="2026-11-01T00:00:00Z",
    ),
):
    """A rate card to add."""

    name: Named
    provider_config: Id
    destination_prefix: Prefix
    rate_per_minute: Rate
    valid_from: Time


class CardOut(RateCardData):
    """A price per minute for a prefix."""


@voice_operation("GET", "rate-cards/", id="rates.list", permission="voice.view", listing=CARDS, returns=CardOut)
async def list_cards(ctx: Context) -> dict[str, Any]:
    """List the rate cards, the newest of each provider config first."""
    return await rate_cards.list_cards(ctx, CARDS)


@voice_operation(
    "POST", "rate-cards/", id="rates.create", permission="rate_card.manage", body=NewCard, returns=CardOut, status=201,
    effect=True,
)  # fmt: skip
async def create_card(ctx: Context, body: NewCard) -> dict[str, Any]:
    """Add a rate card; of the cards valid at a call's end the one with the longest prefix counts."""
    return await rate_cards.create_card(ctx, body.given())


@voice_operation("GET", "rate-cards/{id}/", id="rates.read", permission="voice.view", returns=CardOut)
async def read_card(ctx: Context, id: str) -> dict[str, Any]:
    """Show one rate card."""
    return rate_cards.render_card(await ctx.data.get("rate_cards", id))


@voice_operation(
    "PATCH", "rate-cards/{id}/", id="rates.change", permission="rate_card.manage", body=CardFields, returns=CardOut,
    effect=True,
)  # fmt: skip
async def change_card(ctx: Context, id: str, body: CardFields) -> dict[str, Any]:
    """Change a rate card; calls rated before keep their cost."""
    return await rate_cards.change_card(ctx, id, body.given())


@voice_operation(
    "PUT", "rate-cards/{id}/", id="rates.replace", permission="rate_card.manage", body=NewCard, returns=CardOut,
    effect=True,
)  # fmt: skip
async def replace_card(ctx: Context, id: str, body: NewCard) -> dict[str, Any]:
    """Replace a rate card; what is left out takes its default."""
    return await rate_cards.change_card(ctx, id, {**rate_cards.DEFAULTS, **body.given()})


@voice_operation(
    "DELETE", "rate-cards/{id}/", id="rates.delete", permission="rate_card.manage", status=204, effect=True
)
async def delete_card(ctx: Context, id: str) -> None:
    """Remove a rate card."""
    await rate_cards.delete_card(ctx, id)
