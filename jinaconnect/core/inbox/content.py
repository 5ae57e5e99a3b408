"""What a message may hold, whatever its channel: one schema per kind, chosen by `type`.

`{"msg_id": …}` alone refers to another message. Kinds that only customers send are bounded in size and otherwise taken
as the channel gave them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, StringConstraints, ValidationError, model_validator

from jinaconnect.core.errors import Invalid
from jinaconnect.core.schema import Id, Phone, Request, Text, field_errors, unkept

MEDIA_KINDS = ("image", "video", "audio", "document", "sticker", "file")
MAX_BYTES = 16 * 1024
MAX_WRITTEN = 48 * 1024  # of what the team writes; it travels in events of at most 64 KiB

Url = Annotated[str, StringConstraints(max_length=2048, pattern=r"^(https?://|/media/)\S+$")]
Words = Annotated[Text, StringConstraints(min_length=1, max_length=4096)]
Caption = Annotated[Text, StringConstraints(max_length=1024)]
Label = Annotated[Text, StringConstraints(min_length=1, max_length=60)]


class Body(Request):
    """The text of a message."""

    text: Words


class Footer(Request):
    """A line below the text."""

    text: Label


class Media(Request):
    """A file by its address."""

    url: Url
    caption: Caption | None = None


class File(Media):
    """A document by its address."""

    filename: Annotated[Text, StringConstraints(max_length=240)] | None = None


class Header(Request):
    """What stands above the text: exactly one of the four."""

    text: Label | None = None
    image: Media | None = None
    video: Media | None = None
    document: File | None = None

    @model_validator(mode="after")
    def _one(self) -> Header:
        if sum(part is not None for part in (self.text, self.image, self.video, self.document)) != 1:
            raise ValueError("exactly one of text, image, video and document is needed")
        return self


class Button(Request):
    """A button: `url` is needed for url, `phone` for call."""

    type: Literal["quick_reply", "url", "call"]
    text: Label
    url: Url | None = None
    phone: Phone | None = None

    @model_validator(mode="after")
    def _complete(self) -> Button:
        needed = {"url": ("url", self.url), "call": ("phone", self.phone)}.get(self.type)
        if needed is not None and needed[1] is None:
            raise ValueError(f"a {self.type} button needs {needed[0]}")
        return self


class _Framed(Request):
    header: Header | None = None
    footer: Footer | None = None
    buttons: list[Button] | None = Field(None, max_length=3)


class TextContent(_Framed):
    """Text with an optional frame."""

    type: Literal["text"]
    body: Body


class ImageContent(_Framed):
    """A picture."""

    type: Literal["image"]
    image: Media
    body: Body | None = None


class VideoContent(_Framed):
    """A film."""

    type: Literal["video"]
    video: Media
    body: Body | None = None


class AudioContent(Request):
    """A sound."""

    type: Literal["audio"]
    audio: Media


class DocumentContent(_Framed):
    """A document."""

    type: Literal["document"]
    document: File
    body: Body | None = None


class Card(Request):
    """One card: exactly one of image and video, one or two buttons."""

    image: Media | None = None
    video: Media | None = None
    body: Body | None = None
    buttons: list[Button] = Field(min_length=1, max_length=2)

    @model_validator(mode="after")
    def _one(self) -> Card:
        if (self.image is None) == (self.video is None):
            raise ValueError("exactly one of image and video is needed")
        return self


class CardsContent(Request):
    """A row of cards."""

    type: Literal["cards"]
    cards: list[Card] = Field(min_length=1, max_length=10)
    body: Body | None = None


class NoteContent(Request):
    """A note for the team; `mentions` are user ids."""

    type: Literal["note"]
    body: Body
    mentions: list[Id] = Field(default_factory=list, max_length=50)


_KINDS: dict[str, type[Request]] = {
    "text": TextContent,
    "image": ImageContent,
    "video": VideoContent,
    "audio": AudioContent,
    "document": DocumentContent,
    "cards": CardsContent,
    "note": NoteContent,
}
_UNCHECKED = ("sticker", "location", "contact", "button_reply", "order", "file", "rcs_rich_card")
KINDS = (*_KINDS, *_UNCHECKED)


def check_content(data: Mapping[str, Any], field: str = "content") -> dict[str, Any]:
    """Return content as it is kept: known keys, trimmed, absent ones left out.

    Raises Invalid with each fault under its path below `field`.
    """
    if "msg_id" in data:
        return {"msg_id": _reference(data, field)}
    kind = data.get("type")
    if kind not in KINDS:
        raise Invalid.field(f"{field}.type", f"must be one of {', '.join(KINDS)}")
    model = _KINDS.get(kind)
    if model is None:
        if faults := unkept(data, field, MAX_BYTES):
            raise Invalid(faults)
        return dict(data)
    try:
        content = model.model_validate(data).model_dump(exclude_none=True)
    except ValidationError as error:
        raise Invalid({below(field, name): told for name, told in field_errors(error, data).items()}) from error
    if faults := unkept(content, field, MAX_WRITTEN):
        raise Invalid(faults)
    return content


def check_button(data: Mapping[str, Any], field: str) -> dict[str, Any]:
    """Return a button as it is kept, or as it is where its kind is one channel's own; raises Invalid below `field`."""
    if data.get("type") not in ("quick_reply", "url", "call"):
        return dict(data)
    try:
        return Button.model_validate(data).model_dump(exclude_none=True)
    except ValidationError as error:
        raise Invalid({below(field, name): told for name, told in field_errors(error, data).items()}) from error


def below(field: str, name: str) -> str:
    """Return the path of a fault below a field."""
    return field if name == "non_field_errors" else f"{field}.{name}"


def _reference(data: Mapping[str, Any], field: str) -> str | int:
    given = data["msg_id"]
    if len(data) > 1:
        raise Invalid.field(f"{field}.msg_id", "must stand alone")
    if isinstance(given, bool) or not isinstance(given, str | int) or not 1 <= len(str(given)) <= 255:
        raise Invalid.field(f"{field}.msg_id", "must be the id or the number of a message")
    return given


Content = Annotated[dict[str, Any], AfterValidator(check_content)]
"""A request field of content; its faults are raised as Invalid below `content`."""
