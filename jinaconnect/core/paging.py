"""Lists: page numbers, endless cursors, the filter grammar, search and ordering, in one place.

`field=v`, `field__in=a,b`, `field__icontains`, `field__istartswith`, `field__lt|lte|gt|gte`, `field__isnull`;
unknown names are ignored, malformed values are an Invalid error with the parameter as key. What comes out is a MongoDB
filter built from checked values only: no client text ever becomes a key or an operator.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from jinaconnect.core.errors import Invalid

PAGE_SIZE = 10
MAX_PAGE_SIZE = 1000
MAX_ROW = 10_000  # what lies behind is reached by the endless form
MAX_PAGE = MAX_ROW  # with one row each
MAX_CHOICES = 1000
MAX_TEXT = 200

KEY = re.compile(r"[a-z][a-z0-9_]{0,63}")

Query = Mapping[str, str]
Parse = Callable[[str], Any]

_TEXT = ("", "in", "icontains", "istartswith", "isnull")
_EXACT = ("", "in", "isnull")
_ORDERED = ("", "in", "lt", "lte", "gt", "gte", "isnull")


def parse_bool(text: str) -> bool:
    """Read `true/false/1/0`."""
    value = {"true": True, "1": True, "false": False, "0": False}.get(text.lower())
    if value is None:
        raise ValueError("must be true or false")
    return value


def parse_int(text: str) -> int:
    """Read a whole number of at most 18 digits."""
    if not re.fullmatch(r"-?\d{1,18}", text):
        raise ValueError("must be a whole number")
    return int(text)


def parse_moment(text: str) -> datetime:
    """Read RFC 3339 or `YYYY-MM-DD` (midnight UTC)."""
    try:
        moment = datetime.fromisoformat(text)
        moment = moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError) as error:
        raise ValueError("must be a date or an ISO 8601 time") from error
    if moment.year > 9998:
        raise ValueError("must be before the year 9999")
    return moment


def parse_text(text: str) -> str:
    """Read text of bounded length."""
    if len(text) > MAX_TEXT or "\x00" in text:
        raise ValueError(f"must be text of at most {MAX_TEXT} characters")
    return text


Schema = Mapping[str, Any]

FLAG: Schema = {"type": "boolean"}
SHORT: Schema = {"type": "string", "maxLength": MAX_TEXT, "pattern": r"^[^\u0000]*$"}
WHOLE: Schema = {"type": "integer", "minimum": -(10**18) + 1, "maximum": 10**18 - 1}
MOMENT: Schema = {"anyOf": [{"type": "string", "format": "date-time"}, {"type": "string", "format": "date"}]}
_DAY = r"(19|20)\d{2}-(0[1-9]|1[0-2])-(0[1-9]|1\d|2[0-8])(T([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d{1,6})?Z)?"


def one_of(*choices: str) -> Schema:
    """Return the schema of a parameter that takes one of some words."""
    return {"type": "string", "enum": list(choices)}


def some_of(*choices: str) -> Schema:
    """Return the schema of a parameter that takes some words, with commas in between."""
    words = "|".join(choices)
    return {"type": "string", "pattern": f"^({words})(,({words}))*$"}


def between(low: int, high: int, default: int) -> Schema:
    """Return the schema of a parameter that takes a whole number within bounds."""
    return {"type": "integer", "minimum": low, "maximum": high, "default": default}


@dataclass(frozen=True, slots=True)
class Filter:
    """One filterable field: the database path, how its values are read and which lookups it takes.

    `schema` describes what `parse` takes, `kept` returns the form a value is kept in, by its lookup.
    """

    path: str
    parse: Parse = parse_text
    lookups: tuple[str, ...] = _EXACT
    schema: Schema = field(default_factory=lambda: SHORT)
    kept: Callable[[Any, str], Any] | None = None

    def described(self, lookup: str) -> Schema:
        """Return the schema of the parameter with this lookup."""
        if lookup == "isnull":
            return FLAG
        if lookup in ("icontains", "istartswith"):
            return SHORT
        if lookup == "in":
            if "enum" in self.schema:
                return some_of(*self.schema["enum"])
            one = _DAY if "anyOf" in self.schema else r"-?\d{1,18}" if self.schema is WHOLE else r"[^,\u0000]{1,200}"
            return {"type": "string", "pattern": f"^{one}(,{one})*$"}
        return self.schema


def text_filter(path: str) -> Filter:
    """Return a filter with exact, any-of and case-insensitive text lookups."""
    return Filter(path, parse_text, _TEXT)


def bool_filter(path: str) -> Filter:
    """Return a true/false filter."""
    return Filter(path, parse_bool, ("",), FLAG)


def time_filter(path: str) -> Filter:
    """Return a filter with comparisons of times."""
    return Filter(path, parse_moment, _ORDERED, MOMENT)


def number_filter(path: str) -> Filter:
    """Return a filter with comparisons of whole numbers."""
    return Filter(path, parse_int, _ORDERED, WHOLE)


def choice_filter(path: str, choices: tuple[str, ...]) -> Filter:
    """Return a filter that takes only the named values, in either case."""

    def read(text: str) -> str:
        if text.upper() not in choices:
            raise ValueError(f"must be one of {', '.join(choices)}")
        return text.upper()

    return Filter(path, read, schema=one_of(*choices))


def ordered_by(*names: str) -> Mapping[str, str]:
    """Return orderings by these fields, and by when a row was made and changed."""
    return {name: name for name in (*names, "created_at", "updated_at")}


@dataclass(frozen=True, slots=True)
class Listing:
    """What a list endpoint offers: filters by parameter name, fields searched, orderings by parameter name.

    `keyed` names a map with keys of the tenant's own; `<keyed>.<key>=` fits its scalar values. Such a key is taken only
    in the form `KEY` has. `endless` lists take `cursor=` as well as page numbers.
    """

    filters: Mapping[str, Filter] = field(default_factory=dict)
    keyed: str | None = None
    search: tuple[str, ...] = ()
    orderings: Mapping[str, str] = field(default_factory=dict)
    default: tuple[tuple[str, int], ...] = (("_id", -1),)
    endless: bool = True

    def parameters(self) -> dict[str, Schema]:
        """Return every query parameter the listing reads besides those of pages, with the values it takes."""
        found = {
            name if not lookup else f"{name}__{lookup}": item.described(lookup)
            for name, item in self.filters.items()
            for lookup in item.lookups
        }
        if self.search:
            found["search"] = SHORT
        if self.orderings:
            names = "|".join(self.orderings)
            found["ordering"] = {"type": "string", "pattern": f"^-?({names})(,-?({names}))*$"}
        return found

    def condition(self, query: Query) -> dict[str, Any]:
        """Return the database filter of a query; raises Invalid naming each faulty parameter."""
        clauses: list[dict[str, Any]] = []
        faults: dict[str, list[str]] = {}
        for parameter, text in query.items():
            if self.keyed is not None and parameter.startswith(self.keyed + "."):
                try:
                    clauses.append(_keyed(self.keyed, parameter.removeprefix(self.keyed + "."), text))
                except ValueError as error:
                    faults[parameter[:MAX_TEXT]] = [str(error)]
                continue
            name, _, lookup = parameter.rpartition("__")
            item = self.filters.get(parameter) or self.filters.get(name)
            lookup = "" if parameter in self.filters else lookup
            if item is None or lookup not in item.lookups:
                continue
            try:
                clauses.append({item.path: _clause(item, lookup, text)})
            except ValueError as error:
                faults[parameter] = [str(error)]
        if faults:
            raise Invalid(faults)
        if self.search and (wanted := query.get("search", "").strip()):
            pattern = {"$regex": re.escape(parse_or_fault("search", parse_text, wanted)), "$options": "i"}
            clauses.append({"$or": [{path: pattern} for path in self.search]})
        if not clauses:
            return {}
        return clauses[0] if len(clauses) == 1 else {"$and": clauses}

    def sort(self, query: Query) -> list[tuple[str, int]]:
        """Return the ordering asked for; what is equal in it is ordered by whoever asks the database."""
        asked = query.get("ordering", "")
        order: list[tuple[str, int]] = []
        for part in filter(None, (piece.strip() for piece in asked.split(","))):
            path = self.orderings.get(part.lstrip("-"))
            if path is None:
                raise Invalid.field("ordering", f"cannot order by '{part.lstrip('-')[:64]}'")
            order.append((path, -1 if part.startswith("-") else 1))
        return order or list(self.default)


def parse_or_fault(parameter: str, parse: Parse, text: str) -> Any:
    """Read one parameter; raises Invalid with its name."""
    try:
        return parse(text)
    except ValueError as error:
        raise Invalid.field(parameter, str(error)) from error


def _keyed(path: str, key: str, text: str) -> dict[str, Any]:
    if not KEY.fullmatch(key):
        raise ValueError("keys are lower-case letters, digits and _, beginning with a letter, at most 64")
    values: list[Any] = [parse_text(text)]
    if text in ("true", "false"):
        values.append(text == "true")
    for read in (parse_int, float):
        try:
            values.append(read(text))
        except ValueError:
            continue  # text that is no number is compared as text alone
    return {f"{path}.{key}": {"$in": values}}


def _clause(item: Filter, lookup: str, text: str) -> Any:
    if lookup == "in":
        choices = [part for part in text.split(",") if part]
        if len(choices) > MAX_CHOICES:
            raise ValueError(f"takes at most {MAX_CHOICES} values")
        return {"$in": [item.parse(part) for part in choices]}
    if lookup == "isnull":
        return None if parse_bool(text) else {"$ne": None}
    if lookup in ("icontains", "istartswith"):
        pattern = re.escape(parse_text(text))
        return {"$regex": pattern if lookup == "icontains" else "^" + pattern, "$options": "i"}
    value = item.parse(text)
    if not lookup:
        return value
    if lookup == "lte" and isinstance(value, datetime) and re.fullmatch(r"\d{4}-\d{2}-\d{2}", text):
        value += timedelta(days=1, milliseconds=-1)
    return {f"${lookup}": value if item.kept is None else item.kept(value, lookup)}


@dataclass(frozen=True, slots=True)
class Page:
    """A page asked for: 1-based number and size, or an endless list after a row."""

    number: int
    size: int
    after: str | None = None
    endless: bool = False

    @property
    def skip(self) -> int:
        """Rows before the page."""
        return (self.number - 1) * self.size


def page_of(query: Query) -> Page:
    """Return the page of `page`, `page_size`, `cursor`; raises Invalid for nonsense."""
    number = parse_or_fault("page", parse_int, query.get("page", "1"))
    size = parse_or_fault("page_size", parse_int, query.get("page_size", str(PAGE_SIZE)))
    if number < 1:
        raise Invalid.field("page", "must be at least 1")
    if size < 1:
        raise Invalid.field("page_size", "must be at least 1")
    endless = "cursor" in query
    if not endless and number * min(size, MAX_PAGE_SIZE) > MAX_ROW:
        raise Invalid.field("page", f"must end by row {MAX_ROW}; go on from any row with cursor=<its id>")
    return Page(number, min(size, MAX_PAGE_SIZE), query.get("cursor") or None, endless)
