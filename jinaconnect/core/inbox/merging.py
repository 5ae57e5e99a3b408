"""Two contacts that a channel showed to be one person: the elder keeps what both are found by, and it can be undone.

Each keeps its own conversation as it was; whatever comes from then on stands in the elder's. `merged_into` of the
younger names the elder, `merged` of the elder those that were merged into it, `apart` those that never are again.
`former` is what a contact was found by until then.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jinaconnect.core.errors import InvalidState
from jinaconnect.core.inbox.address import addresses_of, unaddressed, with_addresses, without_addresses

Fields = dict[str, Any]


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

    What they asked not to be sent stays asked, and the window that either opened is open.
    """
    mine, theirs = keeper["chat"]["inbound"], other["chat"]["inbound"]
    names = ("first_name", "last_name") if not keeper["first_name"] and not keeper["last_name"] else ()
    return {
        **with_addresses(keeper, addresses_of(other)),
        **{name: other[name] for name in names},
        "opt_outs": {**other["opt_outs"], **keeper["opt_outs"]},
        "dnc": keeper["dnc"] or other["dnc"],
        "chat.inbound": {
            name: max(at for at in (mine.get(name), theirs.get(name)) if at is not None) for name in {**mine, **theirs}
        },
        "merged": [*keeper.get("merged", ()), other["_id"]],
    }  # fmt: skip


def given_up(other: Mapping[str, Any], keeper: str) -> Fields:
    """Return the fields of the younger, which is found by nothing any more."""
    former = {name: other.get(name, none) for name, none in unaddressed().items()}
    return {**unaddressed(), "former": former, "merged_into": keeper}


def parted(keeper: Mapping[str, Any], other: Mapping[str, Any]) -> Fields:
    """Return the fields of the elder once the other is a contact of its own again."""
    return {
        **without_addresses(keeper, addresses_of(other["former"])),
        "merged": [id for id in keeper["merged"] if id != other["_id"]],
        "apart": [*keeper.get("apart", ()), other["_id"]],
    }


def restored(other: Mapping[str, Any]) -> Fields:
    """Return the fields of the younger with what it was found by; raises InvalidState for one that was not merged."""
    if other.get("merged_into") is None:
        raise InvalidState("The contact was not merged with another.")
    return {**other["former"], "merged_into": None, "apart": [*other.get("apart", ()), other["merged_into"]]}
