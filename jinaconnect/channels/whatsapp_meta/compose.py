"""What may be sent over WhatsApp: the request schema, and from it the Cloud API object and the inbox content."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import AliasChoices, Field, StringConstraints, model_validator

from jinaconnect.core.schema import Id, Name, Phone, Request, Text, example, unkept

FREE_FORM_EXEMPT = ("TEMPLATE",)
MAX_RAW = 16 * 1024  # of what is handed on in the carrier's own form; it travels in events of at most 64 KiB
Short = Annotated[str, StringConstraints(min_length=1, max_length=60)]
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


class TemplateParams(Request):
    """Values for a template's placeholders, as the Cloud API's parameters."""

    header: list[dict[str, Any]] = Field(default_factory=list, max_length=1)
    body: list[dict[str, Any]] = Field(default_factory=list, max_length=60)
    buttons: list[dict[str, Any]] = Field(default_factory=list, max_length=10)


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
    media_url: Annotated[str, StringConstraints(max_length=2048, pattern=r"^https?://")] | None = None
    media_id: Id | None = None
    media_caption: Annotated[Text, StringConstraints(max_length=1024)] | None = None
    media_filename: Annotated[Text, StringConstraints(max_length=240)] | None = None
    interactive: dict[str, Any] | None = None
    latitude: float | None = Field(None, ge=-90, le=90)
    longitude: float | None = Field(None, ge=-180, le=180)
    location_name: Annotated[Text, StringConstraints(max_length=1000)] | None = None
    location_address: Annotated[Text, StringConstraints(max_length=1000)] | None = None
    contacts: list[dict[str, Any]] | None = Field(None, min_length=1, max_length=10)
    reply_to: Id | None = None
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
        for name in ("interactive", "contacts"):
            faults.update(unkept(getattr(self, name), name, MAX_RAW))
        if self.template_params is not None:
            faults.update(unkept(self.template_params.model_dump(), "template_params", MAX_RAW))
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


def from_payload(payload: Mapping[str, Any]) -> dict[str, Any]:
    """Return our fields for a raw Cloud API object."""
    kind = str(payload.get("type", "text"))
    part = payload.get(kind)
    part = part if isinstance(part, Mapping) else {}
    fields: dict[str, Any] = {"to": payload.get("to"), "message_type": kind.upper()}
    if kind == "text":
        fields["text"] = part.get("body")
    elif kind.upper() in _MEDIA:
        fields.update(
            media_id=part.get("id"),
            media_url=part.get("link"),
            media_caption=part.get("caption"),
            media_filename=part.get("filename"),
        )
    elif kind == "interactive":
        fields["interactive"] = dict(part)
    elif kind == "template":
        fields["template_name"] = part.get("name")
        language = part.get("language")
        if isinstance(language, Mapping) and language.get("code"):
            fields["language"] = language["code"]
    return {key: value for key, value in fields.items() if value is not None}


def interactive_faults(value: Mapping[str, Any]) -> dict[str, list[str]]:
    """Return what is wrong with an `interactive` object, by field (limits of the Cloud API)."""
    faults: dict[str, list[str]] = {}
    kind = value.get("type")
    action = value.get("action")
    action = action if isinstance(action, Mapping) else {}
    body = value.get("body")
    text = body.get("text") if isinstance(body, Mapping) else None
    if kind not in INTERACTIVE:
        faults["interactive.type"] = [f"must be one of {', '.join(INTERACTIVE)}"]
    if not isinstance(text, str) or not 1 <= len(text) <= (4096 if kind == "list" else 1024):
        faults["interactive.body.text"] = ["is required, at most 1024 characters (list: 4096)"]
    for part in ("header", "footer"):
        piece = value.get(part)
        if isinstance(piece, Mapping) and len(str(piece.get("text", ""))) > 60:
            faults[f"interactive.{part}.text"] = ["at most 60 characters"]
    if kind == "button":
        faults.update(_button_faults(action.get("buttons")))
    if kind == "list":
        faults.update(_list_faults(action))
    return faults


INTERACTIVE = (
    "button",
    "list",
    "cta_url",
    "flow",
    "product",
    "product_list",
    "location_request_message",
    "order_details",
    "order_status",
)


def _button_faults(buttons: Any) -> dict[str, list[str]]:
    if not isinstance(buttons, list) or not 1 <= len(buttons) <= 3:
        return {"interactive.action.buttons": ["1 to 3 buttons are needed"]}
    for place, button in enumerate(buttons):
        reply = button.get("reply") if isinstance(button, Mapping) else None
        if not isinstance(reply, Mapping) or not 1 <= len(str(reply.get("id", ""))) <= 256:
            return {f"interactive.action.buttons.{place}.reply.id": ["1 to 256 characters"]}
        if not 1 <= len(str(reply.get("title", ""))) <= 20:
            return {f"interactive.action.buttons.{place}.reply.title": ["1 to 20 characters"]}
    return {}


def _list_faults(action: Mapping[str, Any]) -> dict[str, list[str]]:
    faults: dict[str, list[str]] = {}
    if not 1 <= len(str(action.get("button", ""))) <= 20:
        faults["interactive.action.button"] = ["1 to 20 characters"]
    sections = action.get("sections")
    if not isinstance(sections, list) or not sections or not all(isinstance(s, Mapping) for s in sections):
        return {**faults, "interactive.action.sections": ["at least one section is needed"]}
    rows = [row for section in sections for row in (section.get("rows") or []) if isinstance(row, Mapping)]
    if not 1 <= len(rows) <= 10:
        faults["interactive.action.sections"] = ["1 to 10 rows in total"]
    for row in rows:
        if not 1 <= len(str(row.get("id", ""))) <= 200 or not 1 <= len(str(row.get("title", ""))) <= 24:
            faults["interactive.action.sections.rows"] = ["each row needs id (≤ 200) and title (≤ 24)"]
        if len(str(row.get("description", ""))) > 72:
            faults["interactive.action.sections.rows"] = ["descriptions have at most 72 characters"]
    if any(len(str(section.get("title", ""))) > 24 for section in sections):
        faults["interactive.action.sections.title"] = ["at most 24 characters"]
    return faults


def cloud_object(body: SendWhatsapp, context: str | None, template: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return the type-specific part of a Cloud API send; `context` is the carrier id replied to."""
    kind = body.message_type
    name = kind.lower()
    part: Any
    if kind == "TEXT":
        part = {"body": body.text, "preview_url": body.preview_url}
    elif kind == "TEMPLATE":
        assert template is not None
        part = template["cloud"]
    elif kind in _MEDIA:
        part = {"id": body.media_id} if body.media_id else {"link": body.media_url}
        if body.media_caption and kind not in ("AUDIO", "STICKER"):
            part["caption"] = body.media_caption
        if body.media_filename and kind == "DOCUMENT":
            part["filename"] = body.media_filename
    elif kind == "LOCATION":
        part = {"latitude": body.latitude, "longitude": body.longitude}
        part.update({k: v for k, v in (("name", body.location_name), ("address", body.location_address)) if v})
    elif kind == "CONTACTS":
        part = body.contacts
    elif kind == "REACTION":
        return {"type": name, name: {"message_id": context, "emoji": body.reaction or ""}}
    else:
        part = body.interactive
    shaped: dict[str, Any] = {"type": name, name: part}
    if context is not None:
        shaped["context"] = {"message_id": context}
    return shaped


def inbox_content(body: SendWhatsapp, template: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return what the team sees of a message sent."""
    kind = body.message_type
    if kind == "TEXT":
        return {"type": "text", "body": {"text": body.text}}
    if kind == "TEMPLATE":
        assert template is not None
        return {"type": "text", "body": {"text": template["rendered"]}, "template": template["name"]}
    if kind in _MEDIA:
        name = kind.lower()
        part = {
            "url": body.media_url,
            "id": body.media_id,
            "caption": body.media_caption,
            "filename": body.media_filename,
        }
        return {"type": name, name: {key: value for key, value in part.items() if value is not None}}
    if kind == "LOCATION":
        fields = {
            "latitude": body.latitude,
            "longitude": body.longitude,
            "name": body.location_name,
            "address": body.location_address,
        }
        return {"type": "location", "location": {key: value for key, value in fields.items() if value is not None}}
    if kind == "CONTACTS":
        return {"type": "contact", "contacts": body.contacts}
    if kind == "REACTION":
        return {"type": "text", "body": {"text": body.reaction or ""}, "reaction_to": body.reply_to}
    interactive = body.interactive or {}
    return {"type": "text", "body": dict(interactive.get("body") or {}), "interactive": interactive}
