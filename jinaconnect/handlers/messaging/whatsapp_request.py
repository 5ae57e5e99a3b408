"""The request of `POST /wa/v1/messages/`, and the message it asks for in the inbox's words."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Annotated, Any, Literal

from pydantic import AliasChoices, Field, StringConstraints, model_validator

from jinaconnect.actions.messaging.sending import NewMessage
from jinaconnect.actions.messaging.templates import NamedTemplate
from jinaconnect.channels.whatsapp.interactive import KINDS, interactive_faults, seen_of
from jinaconnect.core.errors import Invalid
from jinaconnect.core.inbox.address import PHONE, Address
from jinaconnect.core.messaging.template_form import ProductSection
from jinaconnect.core.schema import Id, Name, Phone, Request, Text, example, unkept

MAX_RAW = 16 * 1024  # of what is handed on in the carrier's own form
_MEDIA = ("IMAGE", "VIDEO", "AUDIO", "DOCUMENT", "STICKER")
MessageType = Literal[
    "TEXT",
    "TEMPLATE",
    "IMAGE",
    "VIDEO",
    "DOCUMENT",
    "AUDIO",
    "LOCATION",
    "CONTACTS",
    "STICKER",
    "INTERACTIVE",
    "REACTION",
]


Reference = Annotated[Text, StringConstraints(min_length=1, max_length=512)]  # our id of a message, or the carrier's


CardPlace = Annotated[int, Field(ge=0, le=9)]


class CardParams(Request):
    """Values for the places of a carousel's card."""

    header: list[dict[str, Any]] = Field(default_factory=list, max_length=1)
    body: list[dict[str, Any]] = Field(default_factory=list, max_length=60)
    buttons: list[dict[str, Any]] = Field(default_factory=list, max_length=2)


class TemplateParams(Request):
    """Values for a template's placeholders, as the Cloud API's parameters."""

    header: list[dict[str, Any]] = Field(default_factory=list, max_length=1)
    body: list[dict[str, Any]] = Field(default_factory=list, max_length=60)
    buttons: list[dict[str, Any]] = Field(default_factory=list, max_length=10)
    cards: dict[CardPlace, CardParams] = Field(
        default_factory=dict, max_length=10, description="Those of a carousel's cards, by their places from 0."
    )
    expiration_time_ms: int | None = Field(
        None, ge=0, lt=10**15, description="When a limited-time offer ends, in Unix milliseconds."
    )


class SendWhatsapp(
    Request,
    json_schema_extra=example(phone="+12025550111", message_type="TEXT", text="We have it in blue."),
):
    """A WhatsApp message to send; which fields are needed depends on `message_type`."""

    wa_app: Id | None = None
    contact: Id | None = None
    phone: Phone | None = Field(None, validation_alias=AliasChoices("phone", "to"))
    message_type: MessageType = "TEXT"
    text: Annotated[Text, StringConstraints(max_length=4096)] | None = None
    preview_url: bool = False
    template: Id | None = None
    template_name: Annotated[str, StringConstraints(max_length=512)] | None = None
    language: Annotated[str, StringConstraints(max_length=15)] = "en"
    template_params: TemplateParams | None = None
    media_overrides: dict[str, Any] | None = Field(
        None, description="Files of the media library in place of the template's: `header` an id, `cards` ids by place."
    )
    sections: list[ProductSection] = Field(default_factory=list, max_length=10)
    catalog_id: Annotated[str, StringConstraints(max_length=64)] | None = None
    media_url: Annotated[str, StringConstraints(max_length=2048, pattern=r"^https?://")] | None = None
    media_id: Id | None = None
    media_caption: Annotated[Text, StringConstraints(max_length=1024)] | None = None
    media_filename: Annotated[Text, StringConstraints(max_length=240)] | None = None
    interactive: dict[str, Any] | None = Field(
        None, description=f"An interactive object as the Cloud API takes it, of the type {', '.join(KINDS)}."
    )
    latitude: float | None = Field(None, ge=-90, le=90)
    longitude: float | None = Field(None, ge=-180, le=180)
    location_name: Annotated[Text, StringConstraints(max_length=1000)] | None = None
    location_address: Annotated[Text, StringConstraints(max_length=1000)] | None = None
    contacts: list[dict[str, Any]] | None = Field(None, min_length=1, max_length=10)
    reply_to: Reference | None = None
    reaction: Annotated[Name, StringConstraints(max_length=16)] | None = None

    @model_validator(mode="before")
    @classmethod
    def _raw_payload(cls, data: Any) -> Any:
        """Accept the older form with a raw Cloud API object under `payload`."""
        if not isinstance(data, Mapping) or not isinstance(data.get("payload"), Mapping):
            return data
        return {**from_payload(data["payload"]), **{key: value for key, value in data.items() if key != "payload"}}

    def missing(self) -> dict[str, list[str]]:
        """Return what the type needs and the request lacks, and what cannot be stored, by field."""
        faults: dict[str, list[str]] = {}
        for name in ("interactive", "contacts", "media_overrides"):
            faults.update(unkept(getattr(self, name), name, MAX_RAW))
        if self.template_params is not None:
            faults.update(unkept(self.template_params.model_dump(mode="json"), "template_params", MAX_RAW))
        if faults:
            return faults
        kind = self.message_type
        if self.contact is None and self.phone is None:
            faults["phone"] = ["contact or phone is required"]
        needs: dict[str, tuple[str, Any]] = {
            "TEXT": ("text", self.text),
            "TEMPLATE": ("template", self.template or self.template_name),
            "LOCATION": ("latitude", self.latitude if self.longitude is not None else None),
            "CONTACTS": ("contacts", self.contacts),
            "INTERACTIVE": ("interactive", self.interactive),
            "REACTION": ("reaction", self.reaction if self.reaction is not None else None),
        }
        if kind in _MEDIA and not (self.media_id or self.media_url):
            faults["media_url"] = [f"media_url or media_id is required for {kind}"]
        elif kind in needs and (needs[kind][1] is None or (needs[kind][1] == "" and kind != "REACTION")):
            faults[needs[kind][0]] = [f"is required for {kind}"]
        if kind == "REACTION" and self.reply_to is None:
            faults["reply_to"] = ["the message reacted to is required for REACTION"]
        if kind == "INTERACTIVE" and self.interactive is not None:
            faults.update(interactive_faults(self.interactive))
        return faults

    def message(self) -> NewMessage:
        """Return the message in the inbox's words; a reaction's field is checked by `missing` before."""
        template = None
        if self.message_type == "TEMPLATE":
            params = self.template_params or TemplateParams()
            template = NamedTemplate(
                self.template, self.template_name, self.language, params.header, params.body, params.buttons,
                {place: card.model_dump() for place, card in params.cards.items()},
                [section.model_dump(exclude_none=True) for section in self.sections], self.catalog_id,
                self.media_overrides or {}, params.expiration_time_ms,
            )
        return NewMessage(
            platform="WHATSAPP", content=self._content(), account=self.wa_app, account_field="wa_app",
            contact=self.contact, to=Address(PHONE, self.phone) if self.phone else None, reply_to=self.reply_to,
            template=template, native=self.interactive if self.message_type == "INTERACTIVE" else None,
            options={"preview_url": self.preview_url},
        )  # fmt: skip

    def _content(self) -> dict[str, Any]:
        kind = self.message_type
        if kind in _MEDIA:
            part = {
                "url": self.media_url, "id": self.media_id, "caption": self.media_caption,
                "filename": self.media_filename,
            }  # fmt: skip
            return {"type": kind.lower(), kind.lower(): _given(part)}
        if kind == "LOCATION":
            place = {
                "latitude": self.latitude, "longitude": self.longitude, "name": self.location_name,
                "address": self.location_address,
            }  # fmt: skip
            return {"type": "location", "location": _given(place)}
        if kind == "CONTACTS":
            return {"type": "contact", "contacts": self.contacts}
        if kind == "REACTION":
            return {"type": "text", "body": {"text": self.reaction or ""}, "reaction_to": self.reply_to}
        if kind == "INTERACTIVE":
            return seen_of(self.interactive or {})
        return {"type": "text", "body": {"text": self.text}}


def _given(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}


_PARTS: dict[str, dict[str, str]] = {
    "text": {"body": "text", "preview_url": "preview_url"},
    "location": {
        "latitude": "latitude", "longitude": "longitude", "name": "location_name", "address": "location_address",
    },
    "reaction": {"message_id": "reply_to", "emoji": "reaction"},
    "image": {"id": "media_id", "link": "media_url", "caption": "media_caption"},
    "video": {"id": "media_id", "link": "media_url", "caption": "media_caption"},
    "audio": {"id": "media_id", "link": "media_url"},
    "sticker": {"id": "media_id", "link": "media_url"},
    "document": {"id": "media_id", "link": "media_url", "caption": "media_caption", "filename": "media_filename"},
}  # fmt: skip
_ENVELOPE = {"messaging_product": "whatsapp", "recipient_type": "individual"}


def from_payload(payload: Mapping[str, Any]) -> dict[str, Any]:
    """Return our fields for a raw Cloud API object; raises Invalid naming what of it could not be sent."""
    kind = str(payload.get("type", "text"))
    part = payload.get(kind)
    fields: dict[str, Any] = {"to": payload.get("to"), "message_type": kind.upper()}
    faults = {
        f"payload.{name}": ["cannot be sent"]
        for name in payload
        if name not in {"to", "type", "context", kind, *_ENVELOPE}
    }
    faults |= {
        f"payload.{name}": [f"must be {wanted}"]
        for name, wanted in _ENVELOPE.items()
        if payload.get(name, wanted) != wanted
    }
    context = payload.get("context")
    if isinstance(context, Mapping):
        fields["reply_to"] = context.get("message_id")
        faults |= _others(context, ("message_id",), "payload.context")
    elif context is not None:
        faults["payload.context"] = ["must be an object"]
    if kind == "contacts":
        fields["contacts"] = part
    elif not isinstance(part, Mapping):
        faults[f"payload.{kind}"] = ["must be an object"]
    elif kind == "interactive":
        fields["interactive"] = dict(part)
    elif kind == "template":
        made, wrong = _template_fields(part)
        fields.update(made)
        faults |= wrong
    elif kind in _PARTS:
        faults |= _others(part, _PARTS[kind], f"payload.{kind}")
        fields.update({name: part[given] for given, name in _PARTS[kind].items() if given in part})
    if faults:
        raise Invalid(faults)
    return {key: value for key, value in fields.items() if value is not None}


def _others(part: Mapping[str, Any], known: Collection[str], path: str) -> dict[str, list[str]]:
    return {f"{path}.{name}": ["cannot be sent"] for name in part if name not in known}


def _template_fields(part: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, list[str]]]:
    """Return our fields for a template of the Cloud API, and what of it could not be sent."""
    path = "payload.template"
    faults = _others(part, ("name", "language", "components"), path)
    fields: dict[str, Any] = {"template_name": part.get("name")}
    language = part.get("language")
    if isinstance(language, Mapping):
        faults |= _others(language, ("code", "policy"), f"{path}.language")
        fields["language"] = language.get("code")
    components = part.get("components") or []
    if not isinstance(components, list):
        return fields, {**faults, f"{path}.components": ["must be a list"]}
    params: dict[str, Any] = {}
    for place, component in enumerate(components):
        kind = str(component.get("type", "")).lower() if isinstance(component, Mapping) else ""
        if kind in ("header", "body") and kind not in params:
            params[kind] = component.get("parameters") or []
            faults |= _others(component, ("type", "parameters"), f"{path}.components.{place}")
        elif kind == "button":
            params.setdefault("buttons", []).append(dict(component))
        elif kind == "limited_time_offer" and "expiration_time_ms" not in params:
            params["expiration_time_ms"] = ends = _end_of(component.get("parameters"))
            if ends is None:
                faults[f"{path}.components.{place}.parameters"] = ["must be one limited_time_offer with its end"]
        elif kind == "carousel" and "cards" not in params:
            made, wrong = _cards_of(component.get("cards"), f"{path}.components.{place}")
            params["cards"] = made
            faults |= wrong
        else:
            faults[f"{path}.components.{place}.type"] = [
                "must be header, body, carousel, limited_time_offer or button, all but the last once"
            ]
    if params:
        fields["template_params"] = params
    return fields, faults


def _end_of(parameters: Any) -> int | None:
    """Return when an offer ends, in Unix milliseconds, as its component says."""
    only = parameters[0] if isinstance(parameters, list) and len(parameters) == 1 else None
    offer = only.get("limited_time_offer") if isinstance(only, Mapping) else None
    ends = offer.get("expiration_time_ms") if isinstance(offer, Mapping) else None
    return ends if isinstance(ends, int) and not isinstance(ends, bool) else None


def _cards_of(cards: Any, path: str) -> tuple[dict[int, dict[str, Any]], dict[str, list[str]]]:
    """Return the parameters of a carousel's cards by their places, and what of them could not be sent."""
    if not isinstance(cards, list) or not all(isinstance(card, Mapping) for card in cards):
        return {}, {f"{path}.cards": ["must be a list of objects"]}
    found: dict[int, dict[str, Any]] = {}
    for at, card in enumerate(cards):
        made: dict[str, Any] = {}
        for part in card.get("components") or ():
            kind = str(part.get("type", "")).lower() if isinstance(part, Mapping) else ""
            if kind in ("header", "body") and kind not in made:
                made[kind] = part.get("parameters") or []
            elif kind == "button":
                made.setdefault("buttons", []).append(dict(part))
            else:
                return {}, {f"{path}.cards.{at}.components": ["must be of header, body and button, the first two once"]}
        place = card.get("card_index", at)
        found[place if isinstance(place, int) else at] = made
    return found, {}
