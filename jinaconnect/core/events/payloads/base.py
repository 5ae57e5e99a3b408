"""The ground of the models of events, and the kinds of values they have in common."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, WithJsonSchema

from jinaconnect.core.schema import example


class Payload(BaseModel):
    """A part of an event's data: exactly these fields, of exactly these types."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, defer_build=True)


Stamp = Annotated[
    str,
    StringConstraints(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$"),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]
"""A time in UTC, with milliseconds."""
Unix = Annotated[int, Field(ge=0, description="Seconds since 1970, UTC.")]
Count = Annotated[int, Field(ge=0)]

EARLIER, MOMENT, LATER = "2026-11-23T09:58:12.044Z", "2026-11-23T10:00:00.123Z", "2026-11-23T10:01:14.500Z"
"""Times as examples show them."""


def like(base: Mapping[str, Any], **changes: Any) -> dict[str, Any]:
    """Return the `json_schema_extra` of a model whose example is another's with some fields changed."""
    return example(**{**base, **changes})


def declared(model: type[Payload]) -> type[Payload]:
    """Return the model that declares the fields of an event's: itself, or the shared one it says again."""
    while not inspect.get_annotations(model) and model.__base__ is not Payload:
        base = model.__base__
        assert base is not None
        assert issubclass(base, Payload)
        model = base
    return model
