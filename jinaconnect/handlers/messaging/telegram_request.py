"""The request of `POST /telegram/v1/messages/`, and the message it asks for in the inbox's words."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any, Literal

from pydantic import AliasChoices, Field, StringConstraints, model_validator

from jinaconnect.actions.messaging.sending import NewMessage
from jinaconnect.actions.messaging.templates import NamedTemplate
from jinaconnect.channels.telegram.ids import chat_address
from jinaconnect.core.schema import Id, Moment, Phone, Request, Text, example
from jinaconnect.handlers.messaging.telegram_bots import PLATFORM

ChatId = Annotated[int, Field(ge=-(2**52), le=2**52)]
Url = Annotated[str, StringConstraints(max_length=2048, pattern=r"^https?://\S+$")]
Label = Annotated[Text, StringConstraints(min_length=1, max_length=64)]
Caption = Annotated[Text, StringConstraints(max_length=1024)]
Value = Annotated[Text, StringConstraints(max_length=2048)]
_KINDS = {"photo": "image", "voice": "audio"}  # others have one name
_PRESSED = {"PHONE_NUMBER": "call", "COPY_CODE": "copy", "OTP": "copy", "URL": "url", "QUICK_REPLY": "quick_reply"}


class TelegramButton(Request, json_schema_extra=example(type="QUICK_REPLY", text="Yes, please")):
    """A button below the message, one each row.

    A quick reply comes back as a message, with `payload` (default: the text), of which at most 64 bytes are kept.
    Telegram calls nobody: a number and a code are copied when pressed (a code is the `payload`, default: the text).
    """

    type: Literal["URL", "PHONE_NUMBER", "QUICK_REPLY", "COPY_CODE", "OTP"]
    text: Label
    url: Url | None = None
    phone_number: Phone | None = None
    payload: Annotated[Text, StringConstraints(min_length=1, max_length=256)] | None = None

    @model_validator(mode="after")
    def _complete(self) -> TelegramButton:
        needed = {"URL": ("url", self.url), "PHONE_NUMBER": ("phone_number", self.phone_number)}.get(self.type)
        if needed is not None and needed[1] is None:
            raise ValueError(f"a {self.type} button needs {needed[0]}")
        return self

    def shown(self) -> dict[str, Any]:
        """Return the button in the inbox's words."""
        made = {"type": _PRESSED[self.type], "text": self.text}
        if self.type == "URL":
            return {**made, "url": self.url}
        if self.type == "PHONE_NUMBER":
            return {**made, "phone": self.phone_number}
        if self.type in ("COPY_CODE", "OTP"):
            return {**made, "code": self.payload or self.text}
        return {**made, **({"payload": self.payload} if self.payload else {})}


class TelegramKey(Request, json_schema_extra=example(text="Share my number", request_contact=True)):
    """A key of a keyboard in place of the customer's own: its text is what they say, or they share what it asks for."""

    text: Label
    request_contact: bool = False
    request_location: bool = False


class TelegramKeyboard(Request, json_schema_extra=example(rows=[[{"text": "Yes"}, {"text": "No"}]])):
    """A keyboard in place of the customer's own."""

    rows: list[Annotated[list[TelegramKey], Field(min_length=1, max_length=12)]] = Field(min_length=1, max_length=25)
    resize: bool = True
    one_time: bool = True

    def markup(self) -> dict[str, Any]:
        """Return it as the Bot API takes it."""
        rows = [[key.model_dump(exclude_defaults=True) for key in row] for row in self.rows]
        return {"keyboard": rows, "resize_keyboard": self.resize, "one_time_keyboard": self.one_time}


class TelegramPlace(Request, json_schema_extra=example(latitude=42.3601, longitude=-71.0589)):
    """A place; with name and address it is shown as a venue."""

    latitude: float = Field(ge=-90, le=90)
    longitude: float = Field(ge=-180, le=180)
    name: Caption | None = None
    address: Caption | None = None


class TelegramCard(Request, json_schema_extra=example(phone_number="+12025550100", first_name="Lee & Sons")):
    """Somebody's name and number."""

    phone_number: Phone
    first_name: Label
    last_name: Label | None = None

    def shown(self) -> dict[str, Any]:
        """Return the card in the inbox's words."""
        name = {"first_name": self.first_name, **({"last_name": self.last_name} if self.last_name else {})}
        full = " ".join(name.values())
        return {"name": {"formatted_name": full, **name}, "phones": [{"phone": self.phone_number}]}


class SendTelegram(
    Request, json_schema_extra=example(chat_id=12025550111, text="We have it in blue.")
):
    """A Telegram message, to a chat or to a contact who has one: text, a file, a place, a card or a template."""

    bot_id: Id | None = None
    chat_id: ChatId | None = None
    contact_id: Id | None = Field(None, validation_alias=AliasChoices("contact_id", "contact"))
    text: Annotated[Text, StringConstraints(min_length=1, max_length=4096)] | None = None
    parse_mode: Literal["HTML", "MarkdownV2"] | None = None
    media_url: Url | None = None
    media_type: Literal["photo", "video", "audio", "voice", "document", "sticker"] = "photo"
    photo: Url | None = None
    video: Url | None = None
    document: Url | None = None
    voice: Url | None = None
    filename: Annotated[Text, StringConstraints(max_length=240)] | None = None
    location: TelegramPlace | None = None
    contact_card: TelegramCard | None = None
    template: Id | None = None
    template_params: list[Value] | dict[Value, Value] = Field(
        default_factory=list, max_length=100, description="The values of its places, in their order or by name."
    )
    media_overrides: dict[str, Any] | None = Field(
        None, description="A file of the media library in place of the template's: `header` is its id."
    )
    buttons: list[TelegramButton] | None = Field(None, min_length=1, max_length=20)
    keyboard: TelegramKeyboard | None = None
    remove_keyboard: bool = False
    force_reply: bool = False
    disable_notification: bool = False
    protect_content: bool = False
    reply_to: Id | None = None
    scheduled_time: Moment | None = None

    def _file(self) -> tuple[str, str] | None:
        """Return (kind, address) of the file."""
        given = [(kind, url) for kind in ("photo", "video", "document", "voice") if (url := getattr(self, kind))]
        if self.media_url is not None:
            given.append((self.media_type, self.media_url))
        return given[0] if given else None

    def missing(self) -> dict[str, list[str]]:
        """Return what is missing or too much, by field."""
        faults: dict[str, list[str]] = {}
        if (self.chat_id is None) == (self.contact_id is None):
            faults["chat_id"] = ["either chat_id or contact_id is required"]
        files = [name for name in ("media_url", "photo", "video", "document", "voice") if getattr(self, name)]
        others = [name for name in ("location", "contact_card", "template") if getattr(self, name)]
        if len(files) + len(others) > 1:
            faults[(files + others)[1]] = [f"cannot stand beside {(files + others)[0]}"]
        elif not files and not others and self.text is None:
            faults["text"] = ["text, media_url, location, contact_card or template is required"]
        if others and self.text is not None:
            faults["text"] = [f"cannot stand beside {others[0]}"]
        if files and self.text is not None and len(self.text) > 1024:
            faults["text"] = ["at most 1024 characters beside a file"]
        marks = [name for name in ("buttons", "keyboard", "remove_keyboard", "force_reply") if getattr(self, name)]
        if len(marks) > 1:
            faults[marks[1]] = [f"cannot stand beside {marks[0]}"]
        if self.template is not None:
            own = (*marks, *(["parse_mode"] if self.parse_mode else []))
            faults |= {name: ["a template has its own"] for name in own}
        elif self.template_params or self.media_overrides:
            faults["template_params" if self.template_params else "media_overrides"] = ["are of a template"]
        return faults

    def message(self) -> NewMessage:
        """Return the message in the inbox's words."""
        given = {name: getattr(self, name) for name in ("parse_mode", "disable_notification", "protect_content")}
        template = None
        if self.template is not None:
            template = NamedTemplate.of_values(self.template, self.template_params)
            template = replace(template, overrides=self.media_overrides or {})
        return NewMessage(
            platform=PLATFORM, template=template, content=self._content(), account=self.bot_id, account_field="bot_id",
            contact=self.contact_id, contact_field="contact_id", reply_to=self.reply_to,
            to=None if self.chat_id is None else chat_address(self.chat_id), to_field="chat_id", native=self._markup(),
            options={name: value for name, value in given.items() if value}, at=self.scheduled_time,
        )  # fmt: skip

    def _markup(self) -> dict[str, Any] | None:
        if self.keyboard is not None:
            return self.keyboard.markup()
        if self.remove_keyboard:
            return {"remove_keyboard": True}
        return {"force_reply": True} if self.force_reply else None

    def _content(self) -> dict[str, Any]:
        made = self._said()
        if self.buttons:
            made["buttons"] = [button.shown() for button in self.buttons]
        return made

    def _said(self) -> dict[str, Any]:
        file = self._file()
        if file is not None:
            kind = _KINDS.get(file[0], file[0])
            part: dict[str, Any] = {"url": file[1]}
            if self.text is not None:
                part["caption"] = self.text
            if self.filename is not None and kind == "document":
                part["filename"] = self.filename
            if file[0] == "voice":
                part["voice"] = True
            return {"type": kind, kind: part}
        if self.location is not None:
            return {"type": "location", "location": self.location.model_dump(exclude_none=True)}
        if self.contact_card is not None:
            return {"type": "contact", "contacts": [self.contact_card.shown()]}
        return {"type": "text", "body": {"text": self.text}}
