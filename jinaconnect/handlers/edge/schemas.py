"""What routes declare for the API description: parameters, and schemas by names that belong to one class each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, is_dataclass
from enum import Enum
from typing import Any, get_args, get_type_hints

from pydantic import BaseModel

from jinaconnect.core.paging import MAX_PAGE, MAX_PAGE_SIZE, MAX_ROW, PAGE_SIZE, between

_NAMED: dict[str, type] = {}


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter: what it does, and as a JSON schema the values it takes."""

    tells: str
    schema: Mapping[str, Any]
    required: bool = False


PAGES = {
    "page": Parameter(
        f"Page number, from 1. A page ends by row {MAX_ROW}; `cursor` goes on from there.", between(1, MAX_PAGE, 1)
    ),
    "page_size": Parameter("Rows a page.", between(1, MAX_PAGE_SIZE, PAGE_SIZE)),
}


def named(model: type) -> None:
    """Claim the names of a model and of everything in it; raises ValueError where another class has one.

    Two classes of one name would both be renamed in the description, and what points at either would lead nowhere.
    """
    for each in _within(model, set()):
        holder = _NAMED.setdefault(each.__name__, each)
        if holder is not each:
            raise ValueError(
                f"schema '{each.__name__}' of {each.__module__} has the name of the one in {holder.__module__}"
            )


def _within(annotation: Any, seen: set[int]) -> Iterator[type]:
    if id(annotation) in seen:
        return
    seen.add(id(annotation))
    for part in get_args(annotation):
        yield from _within(part, seen)
    if not isinstance(annotation, type):
        return
    if issubclass(annotation, BaseModel):
        yield annotation
        for field in annotation.model_fields.values():
            yield from _within(field.annotation, seen)
    elif is_dataclass(annotation) or issubclass(annotation, Enum):
        yield annotation
        for hint in get_type_hints(annotation, include_extras=True).values() if is_dataclass(annotation) else ():
            yield from _within(hint, seen)
