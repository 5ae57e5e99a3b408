"""`/voice/api/rate-cards/`: what calls cost by destination."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated

from pydantic import Field, StringConstraints

from jinaconnect.actions.calls import rate_cards
from jinaconnect.core.events.payloads.voice import RateCardData
from jinaconnect.core.paging import Listing, bool_filter, text_filter
from jinaconnect.core.schema import Given, Id, Request, Text, example, sample_id
from jinaconnect.handlers.calls.fields import Named, Time
from jinaconnect.handlers.calls.operation import voice_operation
from jinaconnect.handlers.edge.crud import Does, crud

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
    minimum_seconds: Given[Annotated[int, Field(ge=0, le=86_400)]] = None
    valid_from: Given[Time] = None
    valid_to: Time | None = None


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


crud(
    "rates", "rate-cards/", CardOut, view="voice.view", manage="rate_card.manage", declare=voice_operation,
    list=Does(rate_cards.CARDS.list, "List the rate cards, the newest of each provider config first.", CARDS),
    create=Does(
        rate_cards.create_card,
        "Add a rate card; of the cards valid at a call's end the one with the longest prefix counts.", NewCard,
    ),
    read=Does(rate_cards.CARDS.read, "Show one rate card."),
    change=Does(rate_cards.change_card, "Change a rate card; calls rated before keep their cost.", CardFields),
    replace=Does(rate_cards.replace_card, "Replace a rate card; what is left out takes its default.", NewCard),
    delete=Does(rate_cards.CARDS.delete, "Remove a rate card."),
)  # fmt: skip
