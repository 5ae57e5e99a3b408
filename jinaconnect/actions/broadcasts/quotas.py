"""How many more people an account's tier takes around a time, and refusing a broadcast that goes beyond it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from datetime import datetime
from typing import Any

from jinaconnect.actions.broadcasts.audience import next_contacts
from jinaconnect.actions.context import OperationContext
from jinaconnect.actions.messaging.accounts import choose_account
from jinaconnect.core.broadcasts import states
from jinaconnect.core.broadcasts.document import address_key
from jinaconnect.core.broadcasts.quota import TIERS, WINDOW, Quota, QuotaExceeded
from jinaconnect.core.inbox.platform import address_on
from jinaconnect.core.inbox.window import window_open
from jinaconnect.store.databases.mongo import Document

PAGE = 1_000
MOST_HELD = 150_000  # people remembered of a window: more than the greatest tier, so beyond them nothing is left of it
_COUNTED = (states.QUEUED, states.SCHEDULED, states.SENDING, states.SENT, states.PARTIALLY_SENT)


async def quota(ctx: OperationContext, platform: str, app: str | None, at: datetime | None) -> Quota:
    """Return what is left of an account's tier around a time; raises Invalid on `wa_app_id`.

    Counted is the fuller of the days before and after: who is written to in both is one there. Those of a broadcast
    that is still to be planned are as many as its audience.
    """
    account = await choose_account(ctx, platform, app, field="wa_app_id")
    doc = await ctx.data.get("apps", account.id)
    at = at or ctx.now()
    used = [await _used(ctx, broadcasts) for broadcasts in await _around(ctx, account.id, at)]
    return Quota(TIERS.get(doc["tier"]), max(used))


async def within_tier(
    ctx: OperationContext, broadcast: Mapping[str, Any], app: str, starts: datetime, size: int
) -> None:
    """Raise QuotaExceeded where a broadcast to so many contacts goes beyond its account's tier.

    Who is written to in the day before or after already is free, and so is who has written lately. They are looked
    for only where the audience as it stands would be too much.
    """
    tier = TIERS.get((await ctx.data.get("apps", app))["tier"])
    if tier is None:
        return
    days = await _around(ctx, app, starts, but=broadcast["_id"])
    if max(sum(_size(doc) for doc in day) for day in days) + size <= tier:
        return
    held = [await _people(ctx, day) for day in days]
    left, known = Quota(tier, max(map(len, held))), held[0] | held[1]
    new: set[str] = set()
    async for contact in _contacts(ctx, broadcast):
        to = address_on(contact, broadcast["platform"])
        if to is None or window_open(contact, broadcast["platform"], starts):
            continue
        if (key := address_key(to)) not in known:
            new.add(key)
        if len(new) >= MOST_HELD:
            raise QuotaExceeded(left, len(new), exact=False)
    if not left.within(len(new)):
        raise QuotaExceeded(left, len(new), exact=True)


async def _around(ctx: OperationContext, app: str, at: datetime, but: str | None = None) -> list[list[Document]]:
    """Return the broadcasts of an account in the day before a time, and those in the day after it."""
    days = []
    for since, until in ((at - WINDOW, at), (at, at + WINDOW)):
        found = await ctx.data.select(
            "broadcasts", {"app": app, "scheduled_time": {"$gte": since, "$lt": until}}, sort=[("scheduled_time", 1)]
        )
        days.append([doc for doc in found if doc["status"] in _COUNTED and doc["_id"] != but])
    return days


def _size(doc: Document) -> int:
    """Return how many people a broadcast goes to at most, each counted as often as it is theirs."""
    return max(int(doc["audience"]), sum(map(int, doc["counts"].values())))


async def _used(ctx: OperationContext, broadcasts: list[Document]) -> int:
    """Return how many people broadcasts go to."""
    planned = [doc["_id"] for doc in broadcasts if doc["planned"]]
    people: list[Document] = []
    if planned:
        stages: list[dict[str, Any]] = [{"$group": {"_id": "$key"}}, {"$count": "n"}]
        people, _ = await ctx.data.figures("broadcast_rows", {"broadcast": {"$in": planned}}, stages)
    waiting = sum(int(doc["audience"]) for doc in broadcasts if not doc["planned"])
    return waiting + (int(people[0]["n"]) if people else 0)


async def _people(ctx: OperationContext, broadcasts: list[Document]) -> set[str]:
    """Return whom broadcasts go to, by what their addresses are one by."""
    found: set[str] = set()
    planned = [doc["_id"] for doc in broadcasts if doc["planned"]]
    if planned:
        stages: list[dict[str, Any]] = [
            {"$match": {"broadcast": {"$in": planned}}}, {"$group": {"_id": "$key"}}, {"$limit": MOST_HELD}
        ]  # fmt: skip
        found.update(row["_id"] for row in await ctx.data.aggregate("broadcast_rows", stages))
    for doc in broadcasts:
        if doc["planned"]:
            continue
        async for contact in _contacts(ctx, doc):
            if len(found) >= MOST_HELD:
                return found
            if (to := address_on(contact, doc["platform"])) is not None:
                found.add(address_key(to))
    return found


async def _contacts(ctx: OperationContext, broadcast: Mapping[str, Any]) -> AsyncIterator[Document]:
    """Yield the contacts a broadcast goes to as of now."""
    after: str | None = None
    while page := await next_contacts(ctx.data, broadcast, after, PAGE):
        for contact in page:
            yield contact
        after = page[-1]["_id"]
