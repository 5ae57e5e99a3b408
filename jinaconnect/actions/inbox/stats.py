"""The inbox in figures: conversations, answers and the people who give them, over some days."""

from __future__ import annotations

import asyncio
import re
from collections import defaultdict
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from jinaconnect.actions.context import Context, Services
from jinaconnect.core.clock import iso_or_none
from jinaconnect.core.contacts.sheet import written
from jinaconnect.core.errors import Invalid, PermissionDenied
from jinaconnect.core.inbox.figures import (
    ALL,
    COLUMNS,
    STANDING,
    Window,
    conversation_cells,
    earlier,
    part,
    summary,
    traffic,
)
from jinaconnect.core.inbox.message import INCOMING, OUTGOING
from jinaconnect.core.inbox.platform import PLATFORMS
from jinaconnect.core.paging import parse_int, parse_or_fault

USUAL_DAYS = 7
ACTIVITY_DAYS, MOST_ACTIVITY_DAYS = 30, 366
ROWS_AT_ONCE = 500
_NAMED = dict.fromkeys(("first_name", "last_name", "phone", "whatsapp_username", "telegram_username", "addresses",
                        "deleted_at"), 1)  # fmt: skip
_END = "9999"  # of all days
WAIT_S = 3.0  # for what has happened since the last question; much more than some ten thousand events only at first
_PART = {name: 0 for name in ("hours", "first", "_id", "fold", "scope")}  # what is shown of the whole alone


@dataclass(frozen=True, slots=True)
class Begun:
    """Figures that are up to the log: their name, zone, the present day there, and how much of the log they have."""

    fold: str
    zone: str
    today: date
    complete: bool
    since: datetime | None

    def told(self) -> dict[str, Any]:
        """Return what every answer says of how far they have come."""
        return {"complete": self.complete, "counted_since": iso_or_none(self.since)}


async def stats(ctx: Context) -> dict[str, Any]:
    """Return the figures of some days of the organisation's zone; agents get their own.

    Raises Invalid naming the parameter, PermissionDenied to an agent for somebody else's, Unavailable.
    """
    tenant = await ctx.services.registry.tenant(ctx.principal.tenant)
    zone = (tenant or {}).get("settings", {}).get("timezone") or "UTC"
    window = _window(ctx.caller.query, ctx.now().astimezone(ZoneInfo(zone)).date())
    platform, person = _platform(ctx.caller.query), _person(ctx)
    folds, scope = ctx.services.store.folds, ctx.principal.scope
    complete = await folds.reach(scope, zone, WAIT_S)
    fold = folds.name(scope, zone)
    first, last = str(window.first), str(window.last)
    of_all, places, held, unread, reached = await asyncio.gather(
        _rows(ctx, fold, platform or ALL, person or ALL, str(window.before.first), _END),
        _rows(ctx, fold, {"$in": list(PLATFORMS)}, person or ALL, first, last, _PART),
        _rows(ctx, fold, platform or ALL, person or {"$gt": ALL}, first, last, _PART),
        _unread(ctx, platform, person),
        folds.state(scope, zone),
    )
    agents = _by("person", held)
    names = await _names(ctx, agents)
    return {
        **summary(of_all, window),
        "unread_messages": unread,
        "date_range": {"start_date": str(window.first), "end_date": str(window.last), "timezone": zone},
        "by_platform": {name: part(rows, window) for name, rows in _by("platform", places).items()},
        "by_agent": [
            {"user": id, "name": names.get(id), **part(rows, window)}
            for id, rows in agents.items()
        ],
        "complete": complete,
        "counted_since": iso_or_none(reached["since"] if reached else None),
    }  # fmt: skip


async def dashboard(ctx: Context) -> dict[str, Any]:
    """Return the figures of days that are both named; raises as `stats` does."""
    missing = [name for name in ("start_date", "end_date") if not ctx.caller.query.get(name)]
    if missing:
        raise Invalid({name: ["is required"] for name in missing})
    return await stats(ctx)


async def overview(ctx: Context) -> dict[str, Any]:
    """Return how many messages there were in all, today, by platform and direction, and on each of the last days."""
    begun, person = await _begin(ctx), _person(ctx) or ALL
    whole, places = await asyncio.gather(
        _traffic(ctx, begun, ALL, person), _traffic(ctx, begun, {"$in": list(PLATFORMS)}, person)
    )
    today = Window(begun.today, begun.today)
    week = Window(earlier(begun.today, USUAL_DAYS - 1), begun.today)
    of_all, of_today = traffic(whole, None), traffic(whole, today)
    return {
        "total_messages": sum(of_all.values()), "today_messages": sum(of_today.values()),
        "platform_stats": [
            {"platform": name, "count": sum(traffic(rows, None).values())}
            for name, rows in _by("platform", places).items()
        ],
        "direction_stats": [
            {"direction": INCOMING, "count": of_all["received"]}, {"direction": OUTGOING, "count": of_all["sent"]},
        ],
        "recent_activity": _activity(whole, week), **begun.told(),
    }  # fmt: skip


async def platform_activity(ctx: Context) -> dict[str, Any]:
    """Return how many messages a platform had on each of the last days; raises Invalid naming the parameter."""
    platform = _platform(ctx.caller.query)
    days = parse_or_fault("days", parse_int, ctx.caller.query.get("days", str(ACTIVITY_DAYS)))
    if not 1 <= days <= MOST_ACTIVITY_DAYS:
        raise Invalid.field("days", f"must be 1 to {MOST_ACTIVITY_DAYS}")
    begun, person = await _begin(ctx), _person(ctx) or ALL
    rows = await _traffic(ctx, begun, platform or ALL, person)
    window = Window(earlier(begun.today, days - 1), begun.today)
    return {"platform": platform, "days": days, "activity": _activity(rows, window), **begun.told()}


def _activity(rows: list[Mapping[str, Any]], window: Window) -> list[dict[str, Any]]:
    by_day = {row["day"]: sum(row.get(name, 0) for name in ("received", "sent")) for row in rows}
    span = range(window.first.toordinal(), window.last.toordinal() + 1)
    days = [str(date.fromordinal(each)) for each in span]
    return [{"date": day, "count": by_day.get(day, 0)} for day in days]


async def _traffic(ctx: Context, begun: Begun, platform: Any, person: str) -> list[Mapping[str, Any]]:
    """Return the messages of each day there is."""
    whose = {"fold": begun.fold, "platform": platform, "person": person, "day": {"$gt": STANDING}}
    fields = dict.fromkeys(("day", "platform", "received", "sent"), 1)
    return [*await ctx.data.select("inbox_days", whose, fields=fields)]


async def _begin(ctx: Context) -> Begun:
    """Bring the figures up to the log."""
    tenant = await ctx.services.registry.tenant(ctx.principal.tenant)
    zone = (tenant or {}).get("settings", {}).get("timezone") or "UTC"
    folds, scope = ctx.services.store.folds, ctx.principal.scope
    complete = await folds.reach(scope, zone, WAIT_S)
    reached = await folds.state(scope, zone)
    today = ctx.now().astimezone(ZoneInfo(zone)).date()
    return Begun(folds.name(scope, zone), zone, today, complete, reached["since"] if reached else None)


async def conversations(ctx: Context) -> AsyncIterator[bytes]:
    """Return the conversations behind the figures of some days, one row each, as pieces of a CSV file.

    What is asked for wrongly is refused before the first of them.
    """
    begun, platform, person = await _begin(ctx), _platform(ctx.caller.query), _person(ctx)
    window = _window(ctx.caller.query, begun.today)

    async def pieces() -> AsyncIterator[bytes]:
        yield written([COLUMNS]).encode()
        last = f"{begun.fold}/"
        beyond = f"{begun.fold}/\uffff"
        while rows := await ctx.data.select(
            "inbox_rows", {"_id": {"$gt": last, "$lt": beyond}}, sort=[("_id", 1)], limit=ROWS_AT_ONCE
        ):
            last = rows[-1]["_id"]
            told = [row for row in rows if _asked_for(row["row"], window, platform, person)]
            if told:
                yield await _cells(ctx, told, ZoneInfo(begun.zone))

    return pieces()


def _asked_for(row: Mapping[str, Any], window: Window, platform: str | None, person: str | None) -> bool:
    days = row.get("story", {}).get("days", ())
    return (
        any(window.has(day) for day in days)
        and platform in (None, row["platform"])
        and person in (None, row["holder"])
    )


async def _cells(ctx: Context, rows: Sequence[Mapping[str, Any]], zone: ZoneInfo) -> bytes:
    contacts = await ctx.data.select(
        "contacts", {"_id": {"$in": [row["contact"] for row in rows]}}, limit=len(rows), fields=_NAMED
    )
    named = {each["_id"]: each for each in contacts if each["deleted_at"] is None}
    holders = await _names(ctx, {row["row"]["holder"] for row in rows if row["row"]["holder"]})
    return written(
        [conversation_cells(row["contact"], row["row"], named.get(row["contact"]), holders, zone) for row in rows]
    ).encode()


async def _rows(
    ctx: Context, fold: str, platform: Any, person: Any, first: str, last: str, fields: Mapping[str, int] | None = None
) -> list[Mapping[str, Any]]:
    """Return the sums of some days and how things stand, of platforms and people."""
    whose = {"fold": fold, "platform": platform, "person": person}
    days, standing = await asyncio.gather(
        ctx.data.select("inbox_days", {**whose, "day": {"$gte": first, "$lte": last}}, fields=fields),
        ctx.data.select("inbox_days", {**whose, "day": STANDING}, fields=fields),
    )
    return [*days, *standing]


def _by(key: str, rows: list[Mapping[str, Any]]) -> dict[str, list[Mapping[str, Any]]]:
    found: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for row in rows:
        found[row[key]].append(row)
    return dict(sorted(found.items()))


def _window(query: Mapping[str, str], today: date) -> Window:
    last = _day(query, "end_date") or max(today, _day(query, "start_date") or today)
    first = _day(query, "start_date") or earlier(last, USUAL_DAYS - 1)
    if last < first:
        raise Invalid.field("end_date", "must not be before start_date")
    return Window(first, last)


def _day(query: Mapping[str, str], field: str) -> date | None:
    text = query.get(field)
    if text is None:
        return None
    try:
        if not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text):
            raise ValueError
        return date.fromisoformat(text)
    except ValueError as error:
        raise Invalid.field(field, "must be a date as YYYY-MM-DD") from error


def _platform(query: Mapping[str, str]) -> str | None:
    name = query.get("platform")
    if name is not None and name not in PLATFORMS:
        raise Invalid.field("platform", f"must be one of {', '.join(PLATFORMS)}")
    return name


def _person(ctx: Context) -> str | None:
    asked, own = ctx.caller.query.get("assigned_to_user"), ctx.principal.id
    if asked == "":
        raise Invalid.field("assigned_to_user", "must be a user id or me")
    named = own if asked == "me" else asked
    if not ctx.principal.assigned_only:
        return named
    if named not in (None, own):
        raise PermissionDenied("Agents see their own figures.")
    return own


async def _unread(ctx: Context, platform: str | None, person: str | None) -> int:
    """Return how many messages wait to be read, in conversations of a platform, of a person."""
    fits = {
        "deleted_at": None,
        **({} if platform is None else {"chat.last.platform": platform}),
        **({} if person is None else {"assigned_to_user": person}),
    }
    stages: list[dict[str, Any]] = [{"$match": fits}, {"$group": {"_id": None, "unread": {"$sum": "$chat.unread"}}}]
    rows, _ = await ctx.data.figures("contacts", {"chat.unread": {"$gt": 0}}, stages)
    return int(rows[0]["unread"]) if rows else 0


async def _names(ctx: Context, ids: Iterable[str]) -> dict[str, str]:
    people = await ctx.services.people.users(list(ids))
    return {id: f"{each['first_name']} {each['last_name']}".strip() or each["email"] for id, each in people.items()}


async def keep_counting(services: Services, scope: str) -> None:
    """Bring the figures of a scope that has asked for some up to its log, before the log forgets its oldest events."""
    for zone in await services.store.folds.begun(scope):
        await services.store.folds.reach(scope, zone, 3600.0)
