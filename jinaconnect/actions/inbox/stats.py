"""The inbox in figures: conversations, answers and the people who give them, over some days."""

from __future__ import annotations

import asyncio
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

from jinaconnect.actions.context import Context, Services
from jinaconnect.core.clock import iso_or_none
from jinaconnect.core.errors import Invalid, PermissionDenied
from jinaconnect.core.inbox.figures import ALL, STANDING, Window, earlier, part, summary
from jinaconnect.core.inbox.platform import PLATFORMS

USUAL_DAYS = 7
_END = "9999"  # of all days
WAIT_S = 3.0  # for what has happened since the last question; much more than some ten thousand events only at first
_PART = {name: 0 for name in ("hours", "first", "_id", "fold", "scope")}  # what is shown of the whole alone


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
    people = await ctx.services.registry.users(list(ids))
    return {id: f"{each['first_name']} {each['last_name']}".strip() or each["email"] for id, each in people.items()}


async def keep_counting(services: Services, scope: str) -> None:
    """Bring the figures of a scope that has asked for some up to its log, before the log forgets its oldest events."""
    for zone in await services.store.folds.begun(scope):
        await services.store.folds.reach(scope, zone, 3600.0)
