"""`/voice/api/rate-cards/`: what calls cost by destination."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, StringConstraints

from jinaconnect.actions.context import Context
from jinaconnect.actions.rating import card_import, rate_cards
from jinaconnect.actions.rating.card_import import MOST_CARDS
from jinaconnect.core.calls.sheets import table
from jinaconnect.core.contacts.sheet import MOST_BYTES, SheetRefused
from jinaconnect.core.errors import Invalid
from jinaconnect.core.events.payloads.voice import RateCardData
from jinaconnect.core.paging import Listing, bool_filter, text_filter
from jinaconnect.core.schema import Answer, Given, Id, Request, Text, example, parse, sample_id
from jinaconnect.handlers.calls.fields import Named, Time, file_of
from jinaconnect.handlers.calls.operation import voice_operation
from jinaconnect.handlers.edge.crud import Does, crud
from jinaconnect.handlers.edge.operation import Reply, Upload, dry_run

CARDS = Listing(
    filters={"provider_config": text_filter("provider_config"), "destination_prefix": text_filter("destination_prefix"),
             "is_active": bool_filter("is_active")},
    orderings={"valid_from": "valid_from"}, default=(("provider_config", 1), ("valid_from", -1)),
)  # fmt: skip


def _number(value: Any) -> Any:
    """Read a number that a form sends as text."""
    return int(value) if isinstance(value, str) and value.isascii() and value.isdigit() else value


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


class ImportCards(
    Request,
    json_schema_extra=example(
        provider_config=sample_id("trk"), name="Autumn", currency="USD", valid_from="2026-11-01T00:00:00Z"
    ),
):
    """What holds for all cards of a file that its lines do not say otherwise; the file is the part `file` of a form."""

    provider_config: Id
    name: Named = "Imported"
    currency: Currency = "USD"
    billing_increment_seconds: Annotated[Increment, BeforeValidator(_number)] = 60
    valid_from: Time | None = None


class CardsImported(Answer, json_schema_extra=example(created=211, updated=4, unchanged=0, dry_run=False)):
    """What came of a price list."""

    created: int
    updated: int
    unchanged: int
    dry_run: bool


@voice_operation(
    "POST", "rate-cards/import/", id="rates.import", permission="rate_card.manage", body=ImportCards, files=("file",),
    returns=CardsImported, effect=True, limit=MOST_BYTES + 1024 * 1024, socket=False, dry_run=CardsImported,
)  # fmt: skip
async def import_cards(ctx: Context, body: ImportCards, files: Mapping[str, Upload]) -> Any:
    """Take in a price list (CSV, at most 10 MB and 10,000 rows) as rate cards of one provider config.

    Columns: `destination_prefix` or `prefix`, `rate_per_minute` or `rate`, and, where they are there, `name` or
    `destination`, `currency`, `billing_increment_seconds` or `increment`, `minimum_seconds` or `minimum`, `valid_from`,
    `valid_to`. A card is known by prefix and `valid_from`: importing a file again changes nothing. One faulty line and
    nothing is taken. With `dry_run=true` it answers what would be done.
    """
    data = file_of(files)
    try:
        rows = table(data, _COLUMNS, ("destination_prefix", "rate_per_minute"), MOST_CARDS)
    except SheetRefused as error:
        raise Invalid.field("file", str(error)) from error
    common = {**body.model_dump(exclude={"valid_from"}), **({"valid_from": body.valid_from} if body.valid_from else {})}
    lines = [(line, _card(line, {**common, **cells})) for line, cells in rows]
    asked = dry_run(ctx)
    answer = await card_import.import_cards(ctx, body.provider_config, lines, dry=asked)
    return Reply(answer) if asked else answer


_COLUMNS = {
    "destination_prefix": ("destination_prefix", "prefix"), "rate_per_minute": ("rate_per_minute", "rate"),
    "name": ("name", "destination"), "currency": ("currency",),
    "billing_increment_seconds": ("billing_increment_seconds", "increment"),
    "minimum_seconds": ("minimum_seconds", "minimum"), "valid_from": ("valid_from",), "valid_to": ("valid_to",),
}  # fmt: skip


def _card(line: int, fields: dict[str, Any]) -> dict[str, Any]:
    """Return a line as the fields of a card; a prefix needs no `+`. Raises Invalid on `file`, naming line and field."""
    if not fields.get("destination_prefix", "+").startswith("+"):
        fields["destination_prefix"] = f"+{fields['destination_prefix']}"
    fields["name"] = fields["name"][:100]
    try:
        return parse(NewCard, fields).given()
    except Invalid as error:
        detail = error.detail if isinstance(error.detail, Mapping) else {"": [str(error.detail)]}
        name, told = next(iter(detail.items()))
        raise Invalid.field("file", f"line {line}: {name} {told[0]}") from error


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
