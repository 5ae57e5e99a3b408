"""The shared ground of request and answer schemas (pydantic v2): strictness, phone numbers, times, text."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any, TypeVar, cast

import orjson
import phonenumbers
from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    GetCoreSchemaHandler,
    PlainSerializer,
    StringConstraints,
    ValidationError,
)
from pydantic_core import CoreSchema, core_schema

from jinaconnect.core.clock import iso
from jinaconnect.core.errors import Invalid
from jinaconnect.core.numbering import plainly_possible

_MEXICO = re.compile(r"\+?521[0-9]{10}")  # mobile numbers as WhatsApp names them; elsewhere the 1 is gone since 2019
MOST_NESTED = 32  # objects and lists within one another in what is kept as it was given


def example(**fields: Any) -> dict[str, Any]:
    """Return the `json_schema_extra` of a model: the example that the API description shows of it."""
    return {"examples": [fields]}


def sample(model: type[BaseModel]) -> dict[str, Any]:
    """Return the example of a model."""
    told = cast(Mapping[str, Any], model.model_config["json_schema_extra"])
    return dict(told["examples"][0])


def sample_id(prefix: str) -> str:
    """Return an id as examples show it."""
    return f"{prefix}_01kc8x2v7m4q9r5t1w3y6z8a0b"


class Request(BaseModel):
    """A request body: unknown keys are ignored, text is trimmed."""

    model_config = ConfigDict(extra="ignore", str_strip_whitespace=True, populate_by_name=True)

    def given(self) -> dict[str, Any]:
        """Return the fields the body names."""
        return self.model_dump(exclude_unset=True)


class Answer(BaseModel):
    """An answer as documented; answers are built as plain dictionaries and described by these."""

    model_config = ConfigDict(extra="allow")


@dataclass(frozen=True, slots=True)
class OneOf:
    """Narrows a text to words that are listed elsewhere."""

    words: tuple[str, ...]

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Return the schema of these words alone."""
        return core_schema.literal_schema(list(self.words))


def e164(text: str) -> str:
    """Return a phone number as E.164 with `+`; raises ValueError when it is not a possible number (ITU-T E.164).

    Numbers reserved for fiction are valid in form and pass: possibility is asked for, not assignment.
    """
    if plainly_possible(text):
        return text
    text = "".join(char for char in text if unicodedata.category(char) != "Cf")  # marks of direction, as copied along
    if _MEXICO.fullmatch(text):
        return "+" + text.lstrip("+")
    try:
        number = phonenumbers.parse(text if text.startswith("+") else "+" + text, None)
    except phonenumbers.NumberParseException as error:
        raise ValueError("not a phone number in E.164 form, such as +12025550111") from error
    if number.extension:
        raise ValueError("must not have an extension: it is no part of a number that can be reached")
    if not phonenumbers.is_possible_number(number):
        raise ValueError("not a possible phone number")
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def _clean(text: str) -> str:
    if "\x00" in text:
        raise ValueError("must not contain NUL")
    return text


def _one_line(text: str) -> str:
    if any(unicodedata.category(char) in ("Cc", "Zl", "Zp") for char in text):
        raise ValueError("must be one line, without control characters")
    return text


def in_utc(moment: datetime) -> datetime:
    """Return a moment in UTC, one without an offset as it is; raises ValueError where UTC has no such year."""
    try:
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except OverflowError as error:
        raise ValueError("is out of range") from error


def scalar(value: Any) -> Any:
    """Return a whole number as text, for fields that may be written either way."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


class _NeverNull:
    """Takes the null out of an optional type, for validation and description alike."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        schema = handler(source)
        inner = schema["schema"] if schema["type"] == "nullable" else schema
        return core_schema.no_info_before_validator_function(_given, inner)


def _given(value: Any) -> Any:
    if value is None:
        raise ValueError("must not be null")
    return value


Phone = Annotated[str, BeforeValidator(scalar), StringConstraints(min_length=3, max_length=64), AfterValidator(e164)]
Text = Annotated[str, AfterValidator(_clean)]
Line = Annotated[str, AfterValidator(_one_line)]
"""Text that may become a header of a mail, or a cell of a sheet."""
Mail = Annotated[
    str,
    StringConstraints(
        max_length=254, pattern=r"^[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+$"
    ),
]
"""A mail address as it can stand in a header by itself (RFC 5322 section 3.4.1, without quotes and comments)."""
Name = Annotated[str, StringConstraints(max_length=255), AfterValidator(_clean)]
Id = Annotated[
    str, BeforeValidator(scalar), StringConstraints(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9_.:-]+$")
]
Time = Annotated[AwareDatetime, AfterValidator(in_utc)]
"""A moment of a request, which names its offset from UTC; it is in UTC once it is read."""
Moment = Annotated[datetime, PlainSerializer(iso, return_type=str)]

Model = TypeVar("Model", bound=BaseModel)
Value = TypeVar("Value")
Given = Annotated[Value | None, _NeverNull()]
"""A field that may be left out, which is None, but that a request cannot set to null."""


def cannot_be_kept(document: Any) -> str | None:
    """Return why the database would not take a JSON document of somebody's own making, None where it would."""
    return next(iter(unkept(document, "").values()), [None])[0]


def unkept(document: Any, field: str, most: int | None = None) -> dict[str, list[str]]:
    """Return what of a JSON document of somebody's own making cannot be stored, by its full path below `field`.

    That is what the database would not take, and a document of more than `most` bytes as JSON.
    """
    ahead: list[tuple[str, Any, int]] = [(field, document, MOST_NESTED)]
    while ahead:
        path, value, left = ahead.pop()
        if isinstance(value, int) and not -(2**63) <= value < 2**63:
            return {path: ["must not hold whole numbers beyond 64 bits"]}
        named = isinstance(value, dict)
        if not named and not isinstance(value, list):
            continue
        if not left:
            return {field: [f"must be nested at most {MOST_NESTED} deep"]}
        if named and "\x00" in "".join(value):
            return {path: ["must not hold names with NUL"]}
        inside = value.items() if named else enumerate(value)
        ahead += [(f"{path}.{name}", each, left - 1) for name, each in inside]
    if most is not None and len(orjson.dumps(document, default=str)) > most:
        return {field: [f"must be at most {most} bytes as JSON"]}
    return {}


def field_errors(error: ValidationError, data: Any) -> dict[str, list[str]]:
    """Return pydantic's findings about `data` as `{path: [messages]}`, the parts of a path joined by dots.

    Where several types were tried for a value, what is wrong deep in it counts, not that it is none of the others.
    """
    fields: dict[str, list[str]] = {}
    tried: set[str] = set()
    for item in error.errors(include_url=False, include_context=False, include_input=False):
        parts = list(_path(item["loc"], data, item["type"] == "missing"))
        name = ".".join(parts) or "non_field_errors"
        if len(parts) < len(item["loc"]):
            tried.add(name)
        fields.setdefault(name, []).append(item["msg"].removeprefix("Value error, "))
    beside = {name for name in tried if any(other.startswith(f"{name}.") for other in fields)}
    return {name: told for name, told in fields.items() if name not in beside}


def _path(loc: tuple[str | int, ...], data: Any, missing: bool) -> Iterator[str]:
    """Yield the parts of a place that are in the data: pydantic adds which of several types it tried."""
    for depth, part in enumerate(loc):
        names = data if isinstance(data, Mapping) else range(len(data)) if isinstance(data, list | tuple) else ()
        if part in names:
            data = data[part]
        elif depth and not (missing and part == loc[-1]):
            continue
        yield str(part)


def parse(model: type[Model], data: Mapping[str, Any]) -> Model:
    """Validate `data`; raises Invalid with every faulty field named."""
    try:
        return model.model_validate(data)
    except ValidationError as error:
        raise Invalid(field_errors(error, data)) from error
