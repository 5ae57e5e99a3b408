"""Whom a broadcast goes to: named contacts, or those with tags and segments, as they are when it begins."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from jinaconnect.actions.contacts.segments import fitting
from jinaconnect.core.broadcasts import states
from jinaconnect.core.errors import Invalid
from jinaconnect.core.inbox.address import PHONE
from jinaconnect.core.inbox.platform import PLATFORMS, address_on, ways_on
from jinaconnect.store.databases.mongo import Document
from jinaconnect.store.tenant import TenantStore

MOST_NAMED = 10_000
NO_ADDRESS = "contact.no_address"


async def audience(store: TenantStore, broadcast: Mapping[str, Any]) -> dict[str, Any]:
    """Return the query of a broadcast's contacts; raises Invalid where it names nobody, or everybody by omission.

    Of all contacts, those without an address on its platform are none of it (`is_meant`).
    """
    query: dict[str, Any] = {"deleted_at": None}
    if broadcast["tag_filter"]:
        query["tags"] = {"$in": list(broadcast["tag_filter"])}
    if broadcast["segment_filter"]:
        query.update(await fitting(store, list(broadcast["segment_filter"])))
    if broadcast["select_all"]:
        return query
    if not broadcast["recipients"]:
        raise Invalid.field("recipients", "name contacts, or ask for all of them with select_all")
    if len(query) > 1:
        raise Invalid.field("select_all", "is needed with tag_filter and segment_filter: they narrow it")
    return {"deleted_at": None, "_id": {"$in": list(broadcast["recipients"])}}


def is_meant(broadcast: Mapping[str, Any], contact: Mapping[str, Any]) -> bool:
    """Tell whether a contact of the audience is a recipient: by name, or having an address on the platform."""
    return not broadcast["select_all"] or address_on(contact, broadcast["platform"]) is not None


async def audience_size(store: TenantStore, broadcast: Mapping[str, Any]) -> int:
    """Return how many recipients a broadcast would have now; of many, as counted lately."""
    if broadcast["select_all"]:
        return await reached_size(store, broadcast)
    count, _ = await store.count("contacts", await audience(store, broadcast))
    return count


async def reached_size(store: TenantStore, broadcast: Mapping[str, Any]) -> int:
    """Return how many contacts of the audience have an address on the platform; of many, as counted lately."""
    query = await audience(store, broadcast)
    return sum([(await store.count("contacts", {**query, **way}))[0] for way in ways_on(broadcast["platform"])])


async def some_reached(store: TenantStore, broadcast: Mapping[str, Any], most: int) -> list[Document]:
    """Return some contacts of the audience who have an address on the platform, in whatever order."""
    query, found = await audience(store, broadcast), list[Document]()
    for way in ways_on(broadcast["platform"]):
        if len(found) < most:
            found += await store.select("contacts", {**query, **way}, limit=most - len(found))
    return found


async def known_recipients(store: TenantStore, ids: list[str]) -> list[str]:
    """Return the contacts named, each once; raises Invalid on `recipients` for one that is not here."""
    wanted = list(dict.fromkeys(ids))
    rows = await store.select("contacts", {"_id": {"$in": wanted}, "deleted_at": None}, fields={"_id": 1})
    missing = set(wanted) - {row["_id"] for row in rows}
    if missing:
        raise Invalid.field("recipients", f"there is no contact {min(missing)[:64]}")
    return wanted


async def next_contacts(
    store: TenantStore, broadcast: Mapping[str, Any], after: str | None, limit: int
) -> list[Document]:
    """Return the contacts that come after one, in the order of their ids; fewer than `limit` where no more do."""
    query = await audience(store, broadcast)
    if broadcast["select_all"]:
        query["_id"] = {"$gt": after or ""}
        return await store.select("contacts", query, sort=[("_id", 1)], limit=limit)
    left, found = sorted(id for id in broadcast["recipients"] if id > (after or "")), list[Document]()
    while left and len(found) < limit:  # who was removed since leaves room for others
        page, left = left[: limit - len(found)], left[limit - len(found) :]
        query["_id"] = {"$in": page}
        found += await store.select("contacts", query, sort=[("_id", 1)])
    return found


def unreached_row(row: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    """Return the row of a recipient who has no address on the platform, as it ends at once."""
    platform = PLATFORMS[row["platform"]]
    kind = "phone number" if platform.addresses[0] == PHONE else platform.addresses[0].replace("_", " ")
    return {
        **row, "status": states.FAILED, "failed_at": now, "error_code": NO_ADDRESS,
        "response": f"The contact has no {kind} to be reached at on {platform.label}.",
    }  # fmt: skip
