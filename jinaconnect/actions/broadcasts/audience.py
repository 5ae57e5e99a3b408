"""Whom a broadcast goes to: named contacts, or those with tags and segments, as they are when it begins."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jinaconnect.actions.contacts.segments import fitting
from jinaconnect.core.errors import Invalid
from jinaconnect.core.inbox.platform import PLATFORMS
from jinaconnect.store.databases.mongo import Document
from jinaconnect.store.tenant import TenantStore

MOST_NAMED = 10_000


async def audience(store: TenantStore, broadcast: Mapping[str, Any]) -> dict[str, Any]:
    """Return the query of a broadcast's contacts; raises Invalid where it names nobody, or everybody by omission."""
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


async def audience_size(store: TenantStore, broadcast: Mapping[str, Any]) -> int:
    """Return how many contacts a broadcast would go to now; of many, as counted lately."""
    count, _ = await store.count("contacts", await audience(store, broadcast))
    return count


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


def reachable(platform: str) -> str:
    """Return what a contact needs to be reached on a platform, in words."""
    return PLATFORMS[platform].addresses[0].replace("_", " ")
