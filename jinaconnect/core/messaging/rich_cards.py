"""Rich cards and what is suggested below them: as they are written, as the inbox has them, filled in by templates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints, ValidationError, model_validator

from jinaconnect.core.errors import Invalid
from jinaconnect.core.inbox.content import below
from jinaconnect.core.schema import Model, Moment, Phone, Request, Text, example, field_errors

MOST_CARDS = 10
Url = Annotated[str, StringConstraints(max_length=2048, pattern=r"^https?://\S+$")]
Title = Annotated[Text, StringConstraints(min_length=1, max_length=200)]
Words = Annotated[Text, StringConstraints(min_length=1, max_length=2000)]
Label = Annotated[Text, StringConstraints(min_length=1, max_length=25)]
Height = Literal["SHORT", "MEDIUM", "TALL"]
Orientation = Literal["VERTICAL", "HORIZONTAL"]
Width = Literal["SMALL", "MEDIUM"]
_NEEDS = {"url": ("url",), "phone": ("phone",), "location": ("latitude", "longitude"),
          "calendar": ("start_time", "end_time", "title")}  # fmt: skip
_SHOWN = {"reply": "quick_reply", "phone": "call"}  # others have one name


class RcsSuggestion(Request, json_schema_extra=example(type="reply", text="Yes, please", postback_data="order:yes")):
    """A suggestion below a message or on a card; a reply comes back with `postback_data` (default: the text)."""

    type: Literal["reply", "url", "phone", "location", "share_location", "calendar"]
    text: Label
    postback_data: Annotated[Text, StringConstraints(min_length=1, max_length=2048)] | None = None
    url: Url | None = None
    phone: Phone | None = None
    latitude: float | None = Field(None, ge=-90, le=90)
    longitude: float | None = Field(None, ge=-180, le=180)
    label: Annotated[Text, StringConstraints(max_length=100)] | None = None
    title: Annotated[Text, StringConstraints(max_length=100)] | None = None
    description: Annotated[Text, StringConstraints(max_length=500)] | None = None
    start_time: Moment | None = None
    end_time: Moment | None = None

    @model_validator(mode="after")
    def _complete(self) -> RcsSuggestion:
        lacking = [name for name in _NEEDS.get(self.type, ()) if getattr(self, name) is None]
        if lacking:
            raise ValueError(f"a {self.type} suggestion needs {', '.join(lacking)}")
        return self

    def shown(self) -> dict[str, Any]:
        """Return it as a button in the inbox's words."""
        made = self.model_dump(exclude_none=True, exclude={"type", "postback_data"})
        payload = {"payload": self.postback_data} if self.postback_data else {}
        return {"type": _SHOWN.get(self.type, self.type), **made, **payload}


class RcsCard(
    Request, json_schema_extra=example(title="In blue", description="Ready to go", media_url="https://shop.example/b.jpg")
):
    """A card: at least one of title, description and file."""

    title: Title | None = None
    description: Words | None = None
    media_url: Url | None = None
    media_height: Height = "MEDIUM"
    thumbnail_url: Url | None = None
    suggestions: list[RcsSuggestion] = Field(default_factory=list, max_length=4)

    @model_validator(mode="after")
    def _something(self) -> RcsCard:
        if self.title is None and self.description is None and self.media_url is None:
            raise ValueError("at least one of title, description and media_url is needed")
        return self

    def shown(self) -> dict[str, Any]:
        """Return the card in the inbox's words."""
        made = self.model_dump(exclude_none=True, include={"title", "description"})
        if self.media_url is not None:
            thumbnail = {"thumbnail_url": self.thumbnail_url} if self.thumbnail_url else {}
            made["media"] = {"url": self.media_url, "height": self.media_height, **thumbnail}
        return {**made, **shown_suggestions(self.suggestions)}


def shown_suggestions(suggestions: Sequence[RcsSuggestion]) -> Mapping[str, Any]:
    """Return suggestions as the buttons of a message or a card in the inbox's words."""
    return {"buttons": [suggestion.shown() for suggestion in suggestions]} if suggestions else {}


class RcsRichCard(RcsCard, json_schema_extra=example(title="In blue", description="Ready to go")):
    """A card that stands alone."""

    orientation: Orientation = "VERTICAL"

    def shown(self) -> dict[str, Any]:
        """Return the card in the inbox's words."""
        return {**super().shown(), "orientation": self.orientation}


class RcsCarousel(
    Request, json_schema_extra=example(cards=[{"title": "In blue"}, {"title": "In red"}])
):
    """Cards side by side."""

    card_width: Width = "MEDIUM"
    cards: list[RcsCard] = Field(min_length=2, max_length=MOST_CARDS)


class TemplateCard(
    RcsCard,
    json_schema_extra=example(
        order=0, title="In {{color}}", description="Ready to go", media_url="https://shop.example/b.jpg",
        suggestions=[{"type": "reply", "text": "I take it", "postback_data": "take:{{color}}"}],
    ),
):  # fmt: skip
    """A card of a template; its texts and addresses may have places. Cards stand by their `order`, else as given."""

    order: int | None = Field(None, ge=0, le=100)


def in_order(cards: Sequence[TemplateCard]) -> list[dict[str, Any]]:
    """Return a template's cards as they are kept: by their order, counted from 0."""
    placed = sorted(enumerate(cards), key=lambda each: (each[0] if each[1].order is None else each[1].order, each[0]))
    kept = (card.model_dump(exclude_none=True, mode="json") for _, card in placed)
    return [{**card, "order": place} for place, card in enumerate(kept)]


def fitting(template_type: str, cards: Sequence[Any] | None) -> str | None:
    """Return what is wrong with the number of a template's cards, None where nothing is."""
    count = len(cards or ())
    if template_type == "RICH_CARD":
        return None if count == 1 else "a template of the type RICH_CARD has one card"
    if template_type == "CAROUSEL":
        return None if 2 <= count <= MOST_CARDS else f"a carousel has 2 to {MOST_CARDS} cards"
    return "are of the types RICH_CARD and CAROUSEL" if count else None


RICH = ("rich_card", "carousel")


def form_of(data: Mapping[str, Any], field: str) -> dict[str, Any]:
    """Return what data says in `rich_card`, `carousel` and `suggestions` as the form of a template; raises Invalid."""
    given = [name for name in RICH if data.get(name) is not None]
    if len(given) > 1:
        raise Invalid.field(f"{field}.{given[1]}", f"cannot stand beside {given[0]}")
    said = parsed(_Rich, {name: data[name] for name in (*RICH, "suggestions") if data.get(name) is not None}, field)
    form: dict[str, Any] = {"template_type": "TEXT"}
    if said.rich_card is not None:
        cards: list[RcsCard] = [said.rich_card]
        form.update(template_type="RICH_CARD", orientation=said.rich_card.orientation)
    elif said.carousel is not None:
        cards = said.carousel.cards
        form.update(template_type="CAROUSEL", card_width=said.carousel.card_width)
    else:
        cards = []
    form["rich_cards"] = [card.model_dump(exclude_none=True, mode="json") for card in cards]
    form["suggestions"] = [each.model_dump(exclude_none=True, mode="json") for each in said.suggestions]
    return form


class _Rich(Request):
    """Cards and suggestions of a message."""

    rich_card: RcsRichCard | None = None
    carousel: RcsCarousel | None = None
    suggestions: list[RcsSuggestion] = Field(default_factory=list, max_length=11)


def card_content(form: Mapping[str, Any], cards: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return a template's cards, filled in, as a message in the inbox's words; raises Invalid naming what is too long.
    """
    made = [parsed(RcsCard, card, f"rich_cards.{place}").shown() for place, card in enumerate(cards)]
    if form["template_type"] == "CAROUSEL":
        return {"type": "cards", "cards": made, "card_width": form.get("card_width") or "MEDIUM"}
    return {"type": "rcs_rich_card", "rcs_rich_card": {**made[0], "orientation": form.get("orientation") or "VERTICAL"}}


def parsed(model: type[Model], data: Mapping[str, Any], field: str) -> Model:
    """Return data as a model; raises Invalid below `field`."""
    try:
        return model.model_validate(data)
    except ValidationError as error:
        faults = field_errors(error, data)
        raise Invalid({below(field, name): told for name, told in faults.items()}) from error
