"""`/team-inbox/api/stats/`: the inbox in figures."""

from __future__ import annotations

from typing import Any, Literal

from jinaconnect.actions.context import Context
from jinaconnect.actions.inbox import stats
from jinaconnect.core.inbox.platform import PLATFORMS, PlatformName
from jinaconnect.core.paging import SHORT, between, one_of
from jinaconnect.core.schema import Answer
from jinaconnect.handlers.edge.operation import Pieces, Reply, operation
from jinaconnect.handlers.edge.schemas import Parameter

_DAY = {"type": "string", "format": "date", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}$"}


class InboxDates(Answer):
    """Days of the organisation's time zone, both included."""

    start_date: str
    end_date: str
    timezone: str


class InboxComparison(Answer):
    """By how many per cent figures differ from those of as many days before; null where there were none."""

    total_change_percent: float | None
    open_change_percent: float | None
    closed_change_percent: float | None


class InboxPart(Answer):
    """The figures of one platform or person."""

    total_chats: int
    closed_chats: int
    open_conversations: int
    messages_received: int
    messages_sent: int
    avg_first_response_seconds: float | None
    avg_response_seconds: float | None
    avg_resolution_time_minutes: float | None


class AgentPart(InboxPart):
    """The figures of one person: what they wrote and answered, and the conversations they held then."""

    user: str
    name: str | None


class InboxStats(Answer):
    """The inbox in figures; times are null where there was nothing to measure.

    `open_chats`, `pending_chats` (nobody holds them) and `active_chats` are as of the last day's end,
    `open_conversations` and `unread_messages` as of now. `complete` is false while what came before is being counted,
    `counted_since` the moment from which on events are counted, null where that is all of them.
    """

    total_chats: int
    open_chats: int
    closed_chats: int
    pending_chats: int
    active_chats: int
    avg_resolution_time_minutes: float | None
    avg_first_response_seconds: float | None
    median_first_response_seconds: float | None
    avg_response_seconds: float | None
    open_conversations: int
    unread_messages: int
    by_platform: dict[str, InboxPart]
    by_agent: list[AgentPart]
    by_hour: list[int]
    date_range: InboxDates
    comparison: InboxComparison
    complete: bool
    counted_since: str | None


class DayActivity(Answer):
    """How many messages a day had."""

    date: str
    count: int


class PlatformTotal(Answer):
    """How many messages a platform has had."""

    platform: PlatformName
    count: int


class DirectionTotal(Answer):
    """How many messages came, or went."""

    direction: Literal["INCOMING", "OUTGOING"]
    count: int


class InboxOverview(Answer):
    """Messages in all, today, by platform and direction, and of each of the last seven days.

    Notes are none. `complete` and `counted_since` are as with the other figures.
    """

    total_messages: int
    today_messages: int
    platform_stats: list[PlatformTotal]
    direction_stats: list[DirectionTotal]
    recent_activity: list[DayActivity]
    complete: bool
    counted_since: str | None


class PlatformActivity(Answer):
    """Messages of a platform, or of all, on each of the last days."""

    platform: PlatformName | None
    days: int
    activity: list[DayActivity]
    complete: bool
    counted_since: str | None


_WHOSE = {
    "platform": Parameter("Of one platform.", one_of(*PLATFORMS)),
    "assigned_to_user": Parameter("Of one person: user id, or `me`.", {**SHORT, "minLength": 1}),
}
_WHEN = {
    "start_date": Parameter("First day (YYYY-MM-DD); six days before the last one unless told.", _DAY),
    "end_date": Parameter("Last day; today unless told.", _DAY),
}


@operation(
    "GET", "/team-inbox/api/stats/", id="inbox.stats", permission="analytics.view", returns=InboxStats,
    query={**_WHEN, **_WHOSE},
)  # fmt: skip
async def show_stats(ctx: Context) -> dict[str, Any]:
    """Show the inbox in figures over some days: conversations, answers, and who gave them.

    A message counts on the day it came in; `total_chats` and `closed_chats` count each conversation once. A first
    response is the first message that a person, or a program in their place, sends after the customer wrote into a
    conversation that was opened or reopened; what goes out by itself or as a broadcast is none. Agents get their own
    figures.
    """
    return await stats.stats(ctx)


@operation(
    "GET", "/team-inbox/api/stats/dashboard/", id="inbox.stats.dashboard", permission="analytics.view",
    returns=InboxStats, query={
        "start_date": Parameter("First day (YYYY-MM-DD).", _DAY, required=True),
        "end_date": Parameter("Last day.", _DAY, required=True), **_WHOSE,
    },
)  # fmt: skip
async def show_dashboard(ctx: Context) -> dict[str, Any]:
    """Show the inbox in figures over days that are both named."""
    return await stats.dashboard(ctx)


@operation(
    "GET", "/team-inbox/api/stats/overview/", id="inbox.stats.overview", permission="analytics.view",
    returns=InboxOverview, query={"assigned_to_user": _WHOSE["assigned_to_user"]},
)  # fmt: skip
async def show_overview(ctx: Context) -> dict[str, Any]:
    """Show how many messages there were; agents get those of the conversations they held, and their own answers."""
    return await stats.overview(ctx)


@operation(
    "GET", "/team-inbox/api/stats/platform_activity/", id="inbox.stats.platform_activity", permission="analytics.view",
    returns=PlatformActivity, query={
        **_WHOSE, "days": Parameter("How many days.", between(1, stats.MOST_ACTIVITY_DAYS, stats.ACTIVITY_DAYS)),
    },
)  # fmt: skip
async def show_platform_activity(ctx: Context) -> dict[str, Any]:
    """Show how many messages a platform had on each of the last days."""
    return await stats.platform_activity(ctx)


@operation(
    "GET", "/team-inbox/api/stats/conversations/", id="inbox.stats.conversations", permission="analytics.view",
    media_type="text/csv", socket=False, query={**_WHEN, **_WHOSE},
)  # fmt: skip
async def export_conversations(ctx: Context) -> Reply:
    """Fetch the conversations that had a message in some days as CSV, one row each; agents get their own.

    `platform` and `assigned_to_user` are those of the conversation now. Times are those since it was opened last.
    """
    headers = {"Content-Disposition": 'attachment; filename="conversations.csv"'}
    return Reply(Pieces(None, await stats.conversations(ctx)), headers=headers, content_type="text/csv")
