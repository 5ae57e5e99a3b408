"""What may be written of a contact, and what of it is a change.

Null sets a field to its default. Assignment and status may stand in the same body; they are decided by
`core/inbox/assignment.py`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated, Any, Literal

import orjson
from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints, model_validator

from jinaconnect.core.clock import iso
from jinaconnect.core.errors import Invalid
from jinaconnect.core.inbox.address import OTHERS, PHONE, address_values, with_addresses
from jinaconnect.core.inbox.contact import render_contact
from jinaconnect.core.inbox.platform import OptOutName, PlatformName, SourceName
from jinaconnect.core.paging import KEY
from jinaconnect.core.schema import Id, Name, Phone, Request, Text, Time, example

MAX_KEYS = 100
MAX_BYTES = 32 * 1024  # a contact travels in events of at most 64 KiB
_WHOLE = 2**63

_EMPTY: dict[str, Any] = {
    "first_name": "", "last_name": "", "tags": [], "segments": [], "lead_score": 0, "dnc": False, "is_active": True,
}  # fmt: skip
_APART = ("tag", "tags", "attributes", "opt_outs", "assigned_to_type", "assigned_to_id", "status")


def _scalar(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError("must be a finite number")
    if isinstance(value, int) and not -_WHOLE <= value < _WHOLE:
        raise ValueError("must be a whole number of at most 64 bits")
    if isinstance(value, str) and (len(value) > 1000 or "\x00" in value):
        raise ValueError("must be text of at most 1000 characters")
    return value


def _key(key: str) -> str:
    if not KEY.fullmatch(key):
        raise ValueError("keys are lower-case letters, digits and _, beginning with a letter, at most 64")
    return key


def _listed(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


def _each_once(values: list[str]) -> list[str]:
    return list(dict.fromkeys(value for value in values if value))


Scalar = Annotated[bool | int | float | str | None, AfterValidator(_scalar)]
Attributes = dict[Annotated[str, AfterValidator(_key)], Scalar]
Names = Annotated[list[Name], BeforeValidator(_listed), Field(max_length=50), AfterValidator(_each_once)]
Email = Annotated[str, StringConstraints(max_length=254, pattern=r"^[^@\s]+@[^@\s]+\.[^@\s]+$")]
Moments = dict[OptOutName, Time | None]
Note = Annotated[Text, StringConstraints(max_length=2000)]


class ContactChange(
    Request,
    json_schema_extra=example(tags=["vip"], attributes={"city": "Boston", "orders": 12}, lead_status="QUALIFIED"),
):
    """Fields of a contact to change; what is absent stays, null sets a field to its default."""

    phone: Phone | None = None
    first_name: Name | None = None
    last_name: Name | None = None
    email: Email | None = None
    tag: Name | None = None
    tags: Names | None = None
    segments: Names | None = None
    attributes: Attributes | None = None
    telegram_chat_id: Annotated[int, Field(ge=-_WHOLE, lt=_WHOLE)] | None = None
    telegram_username: Annotated[Name, AfterValidator(lambda name: name.removeprefix("@"))] | None = None
    lead_status: Literal["NEW", "CONTACTED", "QUALIFIED", "UNQUALIFIED", "CONVERTED"] | None = None
    lead_score: Annotated[int, Field(ge=0, le=100)] | None = None
    dnc: bool | None = None
    opt_outs: Moments | None = None
    preferred_channel: PlatformName | None = None
    assigned_to_type: Literal["USER", "BOT", "CHATFLOW", "UNASSIGNED"] | None = None
    assigned_to_id: Id | None = None
    assignment_note: Note | None = None
    status: Literal["OPEN", "CLOSED"] | None = None
    is_active: bool | None = None
    description: Note | None = None

    @model_validator(mode="before")
    @classmethod
    def _blank(cls, data: Any) -> Any:
        """Take empty text for nothing, as forms send it."""
        if not isinstance(data, Mapping):
            return data
        blank = [name for name in ("phone", "email", "tag", "telegram_chat_id") if data.get(name) == ""]
        return {**data, **dict.fromkeys(blank)} if blank else data


class NewContact(
    ContactChange,
    json_schema_extra=example(
        phone="+12025550111", first_name="Ann", last_name="Lee", tags=["vip"], attributes={"city": "Boston"}
    ),
):
    """A contact to add; `phone` is needed unless `telegram_chat_id` is given."""

    source: SourceName = "MANUAL"


def changed_profile(doc: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of `given` that differ from the document.

    Raises Invalid when the contact would be left without an address, or with too many attributes.
    """
    wanted = {name: value for name, value in given.items() if name not in _APART and name in doc}
    fields = {name: _EMPTY.get(name) if value is None else value for name, value in wanted.items()}
    fields["tags"] = _tags(doc["tags"], given)
    if "attributes" in given:
        merged = {} if given["attributes"] is None else {**doc["attributes"], **given["attributes"]}
        kept = {key: value for key, value in merged.items() if value is not None}
        if len(kept) > MAX_KEYS:
            raise Invalid.field("attributes", f"at most {MAX_KEYS} keys")
        fields["attributes"] = kept
    if "opt_outs" in given:
        told = {channel: None if at is None else iso(at) for channel, at in (given["opt_outs"] or {}).items()}
        held = {} if given["opt_outs"] is None else doc["opt_outs"]
        fields["opt_outs"] = {channel: at for channel, at in {**held, **told}.items() if at is not None}
    differing = {name: value for name, value in fields.items() if not _same(doc[name], value)}
    if "phone" in differing:  # what else the number was known as goes with it
        others = [text for text in doc.get(OTHERS) or () if not text.startswith(f"{PHONE}:")]
        differing[OTHERS] = with_addresses({**doc, **differing, OTHERS: others}, ()).get(OTHERS, others)
    after = {**doc, **differing}
    if not address_values(after):
        raise Invalid.field("phone", "is required unless telegram_chat_id is given")
    return differing


def bounded(doc: Mapping[str, Any]) -> dict[str, Any]:
    """Return a contact as events carry it; raises Invalid for one too large to travel in them."""
    shown = render_contact(doc)
    if len(orjson.dumps(shown)) > MAX_BYTES:
        raise Invalid.field("non_field_errors", f"the contact must not exceed {MAX_BYTES} bytes as JSON")
    return shown


def _same(held: Any, value: Any) -> bool:
    # 1, 1.0 and True are equal in Python and are not in JSON.
    return bool(held == value) and repr(held) == repr(value)


def _tags(held: list[str], given: Mapping[str, Any]) -> list[str]:
    if "tags" in given:
        return list(given["tags"] or ())
    if "tag" not in given:
        return list(held)
    first, rest = given["tag"], held[1:]
    return [first, *(tag for tag in rest if tag != first)] if first else rest
