"""What an account may send in a day: its own limit, and the people its carrier's tier lets it write to first.

A day is the organisation's own, from midnight to midnight in its time zone. A tier's is the last 24 hours, as its
carrier counts them; who wrote within them is written to whatever the tier.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from jinaconnect.actions.context import Context
from jinaconnect.channels.base import Account
from jinaconnect.core.broadcasts.quota import TIERS, WINDOW
from jinaconnect.core.errors import Throttled
from jinaconnect.core.ids import encode
from jinaconnect.core.inbox import status
from jinaconnect.core.inbox.message import OUTGOING
from jinaconnect.store.databases.mongo import Document

MOST_REACHED = max(TIERS.values()) + 1
LOOKED_AT_AGAIN = timedelta(minutes=15)  # a limit may be raised, and a tier


@dataclass(frozen=True, slots=True)
class Day:
    """A day of an organisation: its name, the zone it is in, when it ends."""

    name: str
    zone: str
    ends: datetime


class OverDaily(Throttled):
    """The account has sent what it may in a day."""

    code = "daily_limit"


async def day_of(ctx: Context, at: datetime) -> Day:
    """Return the day of the organisation that a time falls into."""
    tenant = await ctx.services.registry.tenant(ctx.principal.tenant) or {}
    name = tenant.get("settings", {}).get("timezone") or "UTC"
    zone = ZoneInfo(name)
    today = at.astimezone(zone).date()
    ends = datetime.combine(today + timedelta(days=1), time(), zone).astimezone(UTC)
    return Day(str(today), name, ends)


async def sent_today(ctx: Context, apps: Sequence[str]) -> dict[str, int]:
    """Return how many messages accounts have sent today."""
    if not apps:
        return {}
    return await ctx.services.allowances.used(apps, (await day_of(ctx, ctx.now())).name)


async def counted(ctx: Context, docs: Sequence[Document]) -> list[Document]:
    """Return documents of accounts with what they have sent today."""
    sent = await sent_today(ctx, [doc["_id"] for doc in docs])
    return [{**doc, "messages_sent_today": sent[doc["_id"]]} for doc in docs]


async def start_anew(ctx: Context, app: Document) -> None:
    """Let an account have sent nothing today."""
    tenant = await ctx.services.registry.tenant(app["tenant_id"]) or {}
    zone = ZoneInfo(tenant.get("settings", {}).get("timezone") or "UTC")
    today = str(ctx.now().astimezone(zone).date())
    used = await ctx.services.allowances.used([app["_id"]], today)
    await ctx.services.allowances.give_back(app["_id"], today, used[app["_id"]])


@asynccontextmanager
async def one_of_the_day(ctx: Context, account: Account, at: datetime, *, opens: str | None) -> AsyncIterator[None]:
    """Count one message of an account that goes at a time, given back where the block raises; raises OverDaily.

    `opens` is the contact, "" for one who is new, where the message is the first within its carrier's window.
    """
    day = await day_of(ctx, at)
    if opens is not None and (tier := TIERS.get(account.tier)) is not None:
        await _within_tier(ctx, account.id, tier, opens)
    if not await ctx.services.allowances.take(account.id, day.name, 1, account.daily_limit):
        raise OverDaily(
            f"The {account.daily_limit} messages that the app may send in a day are sent; the next begins at midnight "
            f"({day.zone}).", retry_after=max(1.0, (day.ends - ctx.now()).total_seconds()),
        )  # fmt: skip
    try:
        yield
    except Exception:  # not where it is cut off amid the block: the message may be stored, and goes
        await ctx.services.allowances.give_back(account.id, day.name, 1)
        raise


async def give_back(ctx: Context, message: Mapping[str, Any]) -> None:
    """Give back the place in its day of a message that its carrier has not taken."""
    await ctx.services.allowances.give_back(message["app"], (await day_of(ctx, counted_at(message))).name, 1)


def counted_at(message: Mapping[str, Any]) -> datetime:
    """Return a time of the day in which a message has its place; going again it keeps that."""
    times = [message.get(name) for name in ("created_at", "scheduled_at", "deferred_until")]
    at: datetime = message.get("counted_at") or max(each for each in times if each is not None)
    return at


async def _within_tier(ctx: Context, app: str, tier: int, contact: str) -> None:
    sent = await ctx.services.allowances.used([app], (await day_of(ctx, ctx.now())).name)
    sent_before = await ctx.services.allowances.used([app], (await day_of(ctx, ctx.now() - WINDOW)).name)
    if sent[app] + sent_before[app] < tier:  # so many messages went to fewer people
        return
    people = await reached(ctx, app)
    if len(people) >= tier and contact not in people:
        frees = min(people.values()) + WINDOW
        raise OverDaily(
            f"The {tier} people whom the carrier lets the app write to first in 24 hours are written to.",
            retry_after=max(1.0, (frees - ctx.now()).total_seconds()),
        )


async def reached(ctx: Context, app: str) -> dict[str, datetime]:
    """Return whom an account has written to with templates in the last 24 hours, and when last."""
    since = encode("msg", int((ctx.now() - WINDOW).timestamp() * 1000), bytes(10))
    within = {
        "app": app, "_id": {"$gte": since}, "direction": OUTGOING, "template": {"$ne": None},
        "status": {"$ne": status.FAILED},
    }  # fmt: skip
    stages: list[dict[str, Any]] = [
        {"$match": within}, {"$group": {"_id": "$contact", "at": {"$max": "$timestamp"}}}, {"$limit": MOST_REACHED}
    ]
    return {row["_id"]: row["at"] for row in await ctx.data.aggregate("messages", stages)}
