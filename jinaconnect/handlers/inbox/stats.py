"""`/team-inbox/api/stats/`: the inbox in figures."""

from __future__ import annotations

from typing import Any

from jinaconnect.actions.context import Context
from jinaconnect.actions.inbox import stats
from jinaconnect.core.inbox.platform import PLATFORMS
from jinaconnect.core.paging import SHORT, one_of
from jinaconnect.core.schema import Answer
from jinaconnect.handlers.edge.operation import operation
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


@operation(
    "GET", "/team-inbox/api/stats/", id="inbox.stats", permission="analytics.view", returns=InboxStats, query={
        "start_date": Parameter("First day (YYYY-MM-DD); six days before the last one unless told.", _DAY),
        "end_date": Parameter("Last day; today unless told.", _DAY),
        "platform": Parameter("Of one platform.", one_of(*PLATFORMS)),
        "assigned_to_user": Parameter("Of one person: user id, or `me`.", {**SHORT, "minLength": 1}),
    },
)  # fmt: skip
async def show_stats(ctx: Context) -> dict[str, Any]:
    """Show the inbox in figures over some days: conversations, answers, and who gave them.

    A message counts on the day it came in; `total_chats` and `closed_chats` count each conversation once. A first
    response is the first message that a person, or a program in their place, sends after the customer wrote into a
    conversation that was opened or reopened; what goes out by itself or as a broadcast is none. Agents get their own
    figures.
    """
    return await stats.stats(ctx)
