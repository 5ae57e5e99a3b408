"""The request of `POST /rcs/v1/messages/`, and the message it asks for in the inbox's words."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any, Literal

from pydantic import AliasChoices, Field, StringConstraints

from jinaconnect.actions.messaging.sending import NewMessage
from jinaconnect.actions.messaging.templates import NamedTemplate
from jinaconnect.core.inbox.address import PHONE, Address
from jinaconnect.core.messaging.rich_cards import (
    Height,
    RcsCarousel,
    RcsRichCard,
    RcsSuggestion,
    Url,
    shown_suggestions,
)
from jinaconnect.core.schema import Id, Phone, Request, Text, example
from jinaconnect.handlers.messaging.rcs_apps import PLATFORM

Value = Annotated[Text, StringConstraints(max_length=2048)]


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
    template: Id | None = None
    template_params: list[Value] | dict[Value, Value] = Field(
        default_factory=list, max_length=100, description="The values of its places, in their order or by name."
    )
    media_overrides: dict[str, Any] | None = Field(
        None, description="Files of the media library in place of the template's: `header` an id, `cards` ids by place."
    )
    suggestions: list[RcsSuggestion] = Field(default_factory=list, max_length=11)
    traffic_type: Literal["TRANSACTION", "PROMOTION", "AUTHENTICATION", "SERVICEREQUEST"] = "TRANSACTION"
    ttl: int | None = Field(None, ge=10, le=15 * 86_400, description="Seconds after which it is taken back.")
    fallback_text: Annotated[Text, StringConstraints(min_length=1, max_length=1600)] | None = None
    sms_fallback: bool | None = Field(None, description="Whether a text message follows where RCS does not reach.")

    def missing(self) -> dict[str, list[str]]:
        """Return what is missing or too much, by field."""
        if (self.phone is None) == (self.contact_id is None):
            return {"phone": ["either phone or contact_id is required"]}
        given = [name for name in ("template", "media_url", "rich_card", "carousel") if getattr(self, name) is not None]
        if len(given) > 1:
            return {given[1]: [f"cannot stand beside {given[0]}"]}
        if not given and self.text is None:
            return {"text": ["text, media_url, rich_card, carousel or template is required"]}
        if self.text is not None and given and given != ["media_url"]:
            return {"text": [f"cannot stand beside {given[0]}"]}
        if given == ["media_url"] and self.text is not None and len(self.text) > 2000:
            return {"text": ["at most 2000 characters beside a file"]}
        if self.media_overrides and given != ["template"]:
            return {"media_overrides": ["are of a template"]}
        if self.suggestions and given == ["template"]:
            return {"suggestions": ["a template has its own"]}
        return {}

    def message(self) -> NewMessage:
        """Return the message in the inbox's words."""
        options: dict[str, Any] = {"traffic_type": self.traffic_type}
        if self.ttl is not None:
            options["ttl"] = f"{self.ttl}s"
        told = {"fallback": self.sms_fallback, "fallback_text": self.fallback_text}
        memo = {"traffic_type": self.traffic_type, **{name: each for name, each in told.items() if each is not None}}
        template = None
        if self.template is not None:
            template = NamedTemplate.of_values(self.template, self.template_params)
            template = replace(template, overrides=self.media_overrides or {})
        return NewMessage(
            platform=PLATFORM, template=template,
            content={**self._content(), **shown_suggestions(self.suggestions)}, account=self.app_id,
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
            return {"type": "text", "body": {"text": self.text or ""}}
        part: dict[str, Any] = {"url": self.media_url}
        if self.text is not None:
            part.update(caption=self.text, height=self.media_height)
        if self.thumbnail_url is not None:
            part["thumbnail_url"] = self.thumbnail_url
        return {"type": self.media_type, self.media_type: part}


class CheckReach(Request, json_schema_extra=example(phones=["+12025550111", "+12025550113"])):
    """Numbers to ask about."""

    phones: list[Phone] = Field(min_length=1, max_length=10_000)
    app_id: Id | None = None
