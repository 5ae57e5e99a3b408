"""Two contacts that are one person, as a channel or the team says: one keeps what both are found by; it can be undone.

Of two that a channel names the elder is kept. Each has its own conversation as it was, which the timeline of the one
that is kept shows as well; whatever comes from then on stands in that one's. `merged_into` of the other names it,
`merged` of the kept one those that were merged into it, `apart` those that no channel merges again. `former` is what a
contact was found by until then, `lent` what the kept one has of each other besides.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from jinaconnect.core.errors import InvalidState
from jinaconnect.core.inbox.address import addresses_of, unaddressed, with_addresses, without_addresses

Fields = dict[str, Any]
MOST_NAMES = 50
MOST_KEYS = 100
MOST_BYTES = 16 * 1024  # of attributes, so that the contact still travels in events
_LISTS, _MAPS = ("tags", "segments"), ("attributes", "opt_outs")
_SINGLE = ("email", "lead_status", "description", "preferred_channel")
_NOTHING = {"first_name": "", "last_name": ""}


def elder(one: Mapping[str, Any], other: Mapping[str, Any]) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """Return (the elder, the younger) of two contacts."""
    younger = max(one, other, key=lambda doc: (doc["created_at"], doc["_id"]))
    return (one, other) if younger is other else (other, one)


def may_merge(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Tell whether two contacts may become one: both are there, and nobody has said that they are two."""
    there = all(doc["deleted_at"] is None and doc.get("merged_into") is None for doc in (one, other))
    return there and one["_id"] != other["_id"] and other["_id"] not in one.get("apart", ())


def merged(keeper: Mapping[str, Any], other: Mapping[str, Any]) -> Fields:
    """Return the fields of the elder once the other is merged into it.

    What they asked not to be sent stays asked, and the window that either opened is open. Tags, segments, attributes,
    and what the elder lacks of a name and an e-mail address go along; `lent` says what came of whom, for the way back.
    """
    mine, theirs = keeper["chat"]["inbound"], other["chat"]["inbound"]
    lent = _lent(keeper, other)
    return {
        **with_addresses(keeper, addresses_of(other)),
        **lent["fields"],
        **{name: [*keeper[name], *lent[name]] for name in _LISTS},
        **{name: {**lent[name], **keeper[name]} for name in _MAPS},
        "dnc": keeper["dnc"] or lent["dnc"],
        "lent": {**(keeper.get("lent") or {}), other["_id"]: lent},
        "chat.inbound": {
            name: max(at for at in (mine.get(name), theirs.get(name)) if at is not None) for name in {**mine, **theirs}
        },
        "merged": [*keeper.get("merged", ()), other["_id"]],
    }  # fmt: skip


def _lent(keeper: Mapping[str, Any], other: Mapping[str, Any]) -> Fields:
    """Return what a contact gets of another that is merged into it."""
    names = ("first_name", "last_name") if not keeper["first_name"] and not keeper["last_name"] else ()
    blank = [name for name in (*names, *_SINGLE) if not keeper[name] and other[name]]
    lists = {
        name: [value for value in other[name] if value not in keeper[name]][: MOST_NAMES - len(keeper[name])]
        for name in _LISTS
    }
    attributes = {key: value for key, value in other["attributes"].items() if key not in keeper["attributes"]}
    taken = {**keeper["attributes"], **attributes}
    if len(taken) > MOST_KEYS or len(orjson.dumps(taken)) > MOST_BYTES:
        attributes = {}  # a contact is bounded; the other keeps its own
    return {
        "fields": {name: other[name] for name in blank}, **lists, "attributes": attributes,
        "opt_outs": {name: at for name, at in other["opt_outs"].items() if name not in keeper["opt_outs"]},
        "dnc": bool(other["dnc"] and not keeper["dnc"]),
    }  # fmt: skip


def _given_back(keeper: Mapping[str, Any], lent: Mapping[str, Any]) -> Fields:
    """Return the fields of a contact without what another lent it, where it is as it was lent."""
    fields: Fields = {name: _NOTHING.get(name) for name, value in lent["fields"].items() if keeper[name] == value}
    for name in _LISTS:
        fields[name] = [value for value in keeper[name] if value not in lent[name]]
    for name in _MAPS:
        fields[name] = {
            key: value for key, value in keeper[name].items() if key not in lent[name] or lent[name][key] != value
        }
    return {**fields, "dnc": keeper["dnc"] and not lent["dnc"]}


def given_up(other: Mapping[str, Any], keeper: str) -> Fields:
    """Return the fields of the younger, which is found by nothing any more."""
    former = {name: other.get(name, none) for name, none in unaddressed().items()}
    return {**unaddressed(), "former": former, "merged_into": keeper}


def parted(keeper: Mapping[str, Any], other: Mapping[str, Any]) -> Fields:
    """Return the fields of the elder once the other is a contact of its own again."""
    lent = dict(keeper.get("lent") or {})
    back = _given_back(keeper, lent.pop(other["_id"])) if other["_id"] in lent else {}
    return {
        **without_addresses(keeper, addresses_of(other["former"])),
        **back,
        "lent": lent,
        "merged": [id for id in keeper["merged"] if id != other["_id"]],
        "apart": [*keeper.get("apart", ()), other["_id"]],
    }


def restored(other: Mapping[str, Any]) -> Fields:
    """Return the fields of the younger with what it was found by; raises InvalidState for one that was not merged."""
    if other.get("merged_into") is None:
        raise InvalidState("The contact was not merged with another.")
    return {**other["former"], "merged_into": None, "apart": [*other.get("apart", ()), other["merged_into"]]}
