"""The request of `POST /rcs/v1/messages/`, and the message it asks for in the inbox's words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import AliasChoices, Field, StringConstraints, model_validator

from jinaconnect.actions.messaging.sending import NewMessage
from jinaconnect.core.inbox.address import PHONE, Address
from jinaconnect.core.schema import Id, Moment, Phone, Request, Text, example
from jinaconnect.handlers.messaging.rcs_apps import PLATFORM

Url = Annotated[str, StringConstraints(max_length=2048, pattern=r"^https?://\S+$")]
Title = Annotated[Text, StringConstraints(min_length=1, max_length=200)]
Words = Annotated[Text, StringConstraints(min_length=1, max_length=2000)]
Label = Annotated[Text, StringConstraints(min_length=1, max_length=25)]
Height = Literal["SHORT", "MEDIUM", "TALL"]
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
        return {**made, **_buttons(self.suggestions)}


class RcsRichCard(RcsCard, json_schema_extra=example(title="In blue", description="Ready to go")):
    """A card that stands alone."""

    orientation: Literal["VERTICAL", "HORIZONTAL"] = "VERTICAL"

    def shown(self) -> dict[str, Any]:
        """Return the card in the inbox's words."""
        return {**super().shown(), "orientation": self.orientation}


class RcsCarousel(
    Request, json_schema_extra=example(cards=[{"title": "In blue"}, {"title": "In red"}])
):
    """Cards side by side."""

    card_width: Literal["SMALL", "MEDIUM"] = "MEDIUM"
    cards: list[RcsCard] = Field(min_length=2, max_length=10)


class SendRcs(Request, json_schema_extra=example(phone="+12025550111", text="We have it in blue.")):
    """An RCS message to send: text, a file, a card or a carousel, with suggestions."""

    app_id: Id | None = None
    phone: Phone | None = Field(None, validation_alias=AliasChoices("phone", "to", "chat_id"))
    contact_id: Id | None = Field(None, validation_alias=AliasChoices("contact_id", "contact"))
    text: Annotated[Text, StringConstraints(min_length=1, max_length=3072)] | None = None
    media_url: Url | None = None
    media_type: Literal["image", "video", "audio", "document"] = "image"
    thumbnail_url: Url | None = None
    media_height: Height = "MEDIUM"
    rich_card: RcsRichCard | None = None
    carousel: RcsCarousel | None = None
    suggestions: list[RcsSuggestion] = Field(default_factory=list, max_length=11)
    traffic_type: Literal["TRANSACTION", "PROMOTION", "AUTHENTICATION", "SERVICEREQUEST"] = "TRANSACTION"
    ttl: int | None = Field(None, ge=10, le=15 * 86_400, description="Seconds after which it is taken back.")
    fallback_text: Annotated[Text, StringConstraints(min_length=1, max_length=1600)] | None = None
    sms_fallback: bool | None = Field(None, description="Whether a text message follows where RCS does not reach.")

    def missing(self) -> dict[str, list[str]]:
        """Return what is missing or too much, by field."""
        if (self.phone is None) == (self.contact_id is None):
            return {"phone": ["either phone or contact_id is required"]}
        given = [name for name in ("media_url", "rich_card", "carousel") if getattr(self, name) is not None]
        if len(given) > 1:
            return {given[1]: [f"cannot stand beside {given[0]}"]}
        if not given and self.text is None:
            return {"text": ["text, media_url, rich_card or carousel is required"]}
        if self.text is not None and given and given != ["media_url"]:
            return {"text": [f"cannot stand beside {given[0]}"]}
        if given == ["media_url"] and self.text is not None and len(self.text) > 2000:
            return {"text": ["at most 2000 characters beside a file"]}
        return {}

    def message(self) -> NewMessage:
        """Return the message in the inbox's words."""
        options: dict[str, Any] = {"traffic_type": self.traffic_type}
        if self.ttl is not None:
            options["ttl"] = f"{self.ttl}s"
        told = {"fallback": self.sms_fallback, "fallback_text": self.fallback_text}
        memo = {"traffic_type": self.traffic_type, **{name: each for name, each in told.items() if each is not None}}
        return NewMessage(
            platform=PLATFORM, content={**self._content(), **_buttons(self.suggestions)}, account=self.app_id,
            account_field="app_id", contact=self.contact_id, contact_field="contact_id",
            to=Address(PHONE, self.phone) if self.phone else None, options=options, memo=memo,
        )  # fmt: skip

    def _content(self) -> dict[str, Any]:
        if self.rich_card is not None:
            return {"type": "rcs_rich_card", "rcs_rich_card": self.rich_card.shown()}
        if self.carousel is not None:
            cards = [card.shown() for card in self.carousel.cards]
            return {"type": "cards", "cards": cards, "card_width": self.carousel.card_width}
        if self.media_url is None:
            return {"type": "text", "body": {"text": self.text}}
        part: dict[str, Any] = {"url": self.media_url}
        if self.text is not None:
            part.update(caption=self.text, height=self.media_height)
        if self.thumbnail_url is not None:
            part["thumbnail_url"] = self.thumbnail_url
        return {"type": self.media_type, self.media_type: part}


def _buttons(suggestions: Sequence[RcsSuggestion]) -> Mapping[str, Any]:
    return {"buttons": [suggestion.shown() for suggestion in suggestions]} if suggestions else {}


class CheckReach(Request, json_schema_extra=example(phones=["+12025550111", "+12025550113"])):
    """Numbers to ask about."""

    phones: list[Phone] = Field(min_length=1, max_length=10_000)
    app_id: Id | None = None
