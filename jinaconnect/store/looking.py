"""Which part of a list's query an index serves in the list's order, so that the rest is asked of a bounded part only.

Equality on the leading keys of an index leaves its rows in the order of the keys that follow. What is asked beyond
that is looked for among the first of those rows: the cost of a page does not grow with the collection.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from jinaconnect.core.inbox.words import PART, key_word
from jinaconnect.store.collections import COLLECTIONS, Index

LOOKED_AT = 10_000  # rows one page looks through for what no index serves
GLANCED_AT = 1_000  # … by a page that would not see all of it anyway, so that it costs what one of few rows does
_MOST_CHOICES = 200  # so many values are merged in order; more would be sorted
SEARCHED = 1_000  # newest rows a search looks through
WORDED = 400  # … and rows that have its word, so that both cost little more than the newest of a small tenant
NEWEST = (("_id", -1),)

Atom = Mapping[str, Any]
Order = Sequence[tuple[str, int]]


@dataclass(frozen=True, slots=True)
class Way:
    """A way to walk a collection: what the index takes, in which order it gives its rows, what is left to look for."""

    first: tuple[Atom, ...]
    order: Order
    rest: tuple[Atom, ...]
    ordered: bool


def atoms(condition: Mapping[str, Any]) -> list[Atom]:
    """Return a condition as single ones that all must hold."""
    found: list[Atom] = []
    for path, wanted in condition.items():
        if path == "$and":
            found += [atom for clause in wanted for atom in atoms(clause)]
        else:
            found.append({path: wanted})
    return found


def all_of(parts: Sequence[Atom]) -> dict[str, Any]:
    """Return the condition under which all hold."""
    return {} if not parts else dict(parts[0]) if len(parts) == 1 else {"$and": [dict(part) for part in parts]}


def paths(parts: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the fields that conditions (or orders) name, none of them within another."""
    found = set(_named(parts))
    return sorted(path for path in found if not any(path.startswith(f"{other}.") for other in found))


def _named(parts: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    for part in parts:
        for path, wanted in part.items():
            if path.startswith("$"):
                yield from _named(wanted)
            else:
                yield path


def total(collection: str, asked: Sequence[Atom], order: Order) -> Order:
    """Return an order ended by the id, so that no two rows are equal in it: in the way an index gives, if one does."""
    if any(path == "_id" for path, _ in order):
        return order
    ended = [[*order, ("_id", way)] for way in (order[-1][1], -order[-1][1])]
    return next((each for each in ended if any(way.ordered for way in ways(collection, asked, each))), ended[0])


def ways(collection: str, asked: Sequence[Atom], order: Order) -> list[Way]:
    """Return the ways that serve most of what is asked, those in the list's order before others; never none."""
    found = [way for index in COLLECTIONS[collection].indexes if (way := _way(index, asked, order)) is not None]
    if not any(way.ordered for way in found) and list(order) != list(NEWEST):
        found += [
            Way(way.first, way.order, way.rest, False)
            for index in COLLECTIONS[collection].indexes
            if (way := _way(index, asked, NEWEST)) is not None
        ]
    found = found or [Way((), NEWEST, tuple(asked), list(order) == list(NEWEST))]
    best = max((way.ordered, len(way.first)) for way in found)
    return [way for way in found if (way.ordered, len(way.first)) == best]


def _way(index: Index, asked: Sequence[Atom], order: Order) -> Way | None:
    taken: list[Atom] = []
    keys = list(index.keys)
    while keys and (equal := _equal(asked, keys[0][0])) is not None:
        taken.append(equal)
        keys.pop(0)
    if any(not _implied(asked, path, wanted) for path, wanted in index.only):
        return None
    if index.unique and not keys and taken:
        return Way(tuple(taken), NEWEST, (), True)  # as few rows as values were named
    wanted, reverse = list(order), [(path, -way) for path, way in order]
    if keys[: len(wanted)] not in (wanted, reverse):
        return None
    taken += [atom for atom in asked if keys[0][0] in atom and atom not in taken and _plain(atom[keys[0][0]])]
    taken += [atom for atom in asked for path, told in index.only if atom.get(path) == told and atom not in taken]
    return Way(tuple(taken), order, tuple(atom for atom in asked if atom not in taken), True)


@dataclass(frozen=True, slots=True)
class Search:
    """The ways to search along: what they find together are the results.

    Those before `enough` are worth looking at and do not find all; if one of the others has no more rows, all is found.
    """

    ways: tuple[Way, ...]
    enough: int


def search_ways(collection: str, asked: Sequence[Atom], text: str) -> Search | None:
    """Return how to find a text, None where words do not help: by how its word begins, and in the newest rows.

    What is found is tried against all that is asked, so that words only tell where to look. Those with the word itself
    come first of those that begin with it, the newest before others.
    """
    worded, word = COLLECTIONS[collection].worded, key_word(text)
    if worded is None or word is None:
        return None

    def along(first: Atom, order: Order) -> Way:
        return Way((first,) if first else (), order, tuple(asked), True)

    named = [path for atom in asked for clause in atom.get("$or", ()) for path in clause]
    exact = [way for path in named if (way := _unique(collection, [*asked, {path: text}])) is not None]
    numbers = [clause for atom in asked for clause in atom.get("$or", ()) if "number" in clause]
    begins = along({"words": {"$regex": "^" + re.escape(word)}}, ())
    newest = along({}, NEWEST)
    first = [*exact, *(along(clause, ()) for clause in numbers)]
    if worded.inside and len(word) >= PART:
        return Search((*first, begins, newest), len(first))
    return Search((*first, begins, newest), len(first) + 1)


def _unique(collection: str, asked: Sequence[Atom]) -> Way | None:
    """Return the way of a unique index that what is asked names whole, and that takes the last of it."""
    for index in COLLECTIONS[collection].indexes:
        if index.unique and any(path in asked[-1] for path, _ in index.keys):
            taken = [equal for path, _ in index.keys if (equal := _equal(asked, path)) is not None]
            if len(taken) == len(index.keys):
                return Way(tuple(taken), (), tuple(asked[:-1]), True)
    return None


def _equal(asked: Sequence[Atom], path: str) -> Atom | None:
    for atom in asked:
        if path not in atom:
            continue
        wanted = atom[path]
        if not isinstance(wanted, Mapping):
            return atom
        if set(wanted) == {"$in"} and len(wanted["$in"]) <= _MOST_CHOICES:
            return atom
    return None


def _plain(wanted: Any) -> bool:
    """Tell whether a condition on a key is an interval of it."""
    return isinstance(wanted, Mapping) and set(wanted) <= {"$gt", "$gte", "$lt", "$lte", "$type"}


def _implied(asked: Sequence[Atom], path: str, told: Any) -> bool:
    for atom in asked:
        if path in atom:
            wanted = atom[path]
            if wanted == told:
                return True
            if isinstance(told, Mapping) and {"$gt", "$gte"} & told.keys() and wanted is not None:
                return not isinstance(wanted, Mapping) or ("$in" in wanted and None not in wanted["$in"])
    return False
