"""`/broadcast/messages/`: what became of each recipient, as lists, figures and CSV."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic import Field

from jinaconnect.actions.broadcasts import reading
from jinaconnect.actions.context import OperationContext
from jinaconnect.actions.listing import list_documents, of_the_same
from jinaconnect.core.broadcasts.figures import PERIODS, USUAL_PERIOD
from jinaconnect.core.broadcasts.states import ROW_STATUSES, STATUSES
from jinaconnect.core.errors import Invalid
from jinaconnect.core.inbox.platform import PLATFORMS
from jinaconnect.core.paging import Filter, Listing, choice_filter, number_filter, one_of, text_filter, time_filter
from jinaconnect.core.schema import Answer, example, sample
from jinaconnect.handlers.broadcasts.call_report import CallFigures
from jinaconnect.handlers.broadcasts.fields import RowOut
from jinaconnect.handlers.edge.operation import Reply, operation
from jinaconnect.handlers.edge.schemas import Parameter
from jinaconnect.store.looking import atoms

ROWS = Listing(
    filters={
        "status": choice_filter("status", ROW_STATUSES), "broadcast": Filter("broadcast", lookups=("", "in")),
        "contact": Filter("contact", lookups=("", "in")),
        "broadcast__platform": choice_filter("platform", tuple(PLATFORMS)), "contact__phone": text_filter("phone"),
        "contact__first_name": text_filter("first_name"), "contact__last_name": text_filter("last_name"),
        "retry_count": number_filter("retry_count"), "created_at": time_filter("created_at"),
        "updated_at": time_filter("updated_at"),
    },
)  # fmt: skip

OF_BROADCAST = Listing(
    filters={
        "broadcast__status": choice_filter("status", STATUSES),
        "broadcast__scheduled_time": time_filter("scheduled_time"),
    },
)  # fmt: skip
_OF_BROADCAST = {
    name: Parameter("Only of broadcasts that are so.", schema) for name, schema in OF_BROADCAST.parameters().items()
}


class Failure(
    Answer, json_schema_extra=example(error_code="633", count=1, reason="The text is not the registered one.")
):
    """Why recipients were not reached: a code, how many, and in words."""

    error_code: str | None
    count: int
    reason: str


class RowCounts(
    Answer,
    json_schema_extra=example(
        total_messages=12, success_count=10, replied_count=2, count_exact=True,
        ui_status_breakdown={"pending": 1, "sending": 0, "sent": 11, "failed": 1},
        status_breakdown={"pending": 1, "queued": 0, "sending": 0, "unknown": 0, "sent": 2, "delivered": 5, "read": 3,
                          "failed": 1, "blocked": 0},
        failures=[sample(Failure)],
    ),
):  # fmt: skip
    """Recipients by status; of many, the figures may be some seconds old."""

    total_messages: int
    success_count: int
    replied_count: int
    ui_status_breakdown: dict[str, int]
    status_breakdown: dict[str, int]
    failures: list[Failure] = Field(description="Failed, blocked and unknown ones by reason, the most frequent first.")
    count_exact: bool


@operation(
    "GET", "/broadcast/messages/", id="broadcasts.rows.list", permission="broadcast.view", listing=ROWS,
    returns=RowOut, tag="broadcasts", query=_OF_BROADCAST,
)  # fmt: skip
async def list_rows(ctx: OperationContext) -> dict[str, Any]:
    """List the recipients of broadcasts and what became of each, newest first."""

    async def render(docs: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        return await reading.render_recipients(ctx, docs)

    asked = await reading.rows_of(ctx, OF_BROADCAST.condition(ctx.caller.query))
    return await list_documents(ctx, "broadcast_rows", ROWS, render, asked=asked)


@operation(
    "GET", "/broadcast/messages/{id}/", id="broadcasts.rows.read", permission="broadcast.view", returns=RowOut,
    tag="broadcasts",
)  # fmt: skip
async def read_row(ctx: OperationContext, id: str) -> dict[str, Any]:
    """Show what became of one recipient."""
    return (await reading.render_recipients(ctx, [await ctx.data.get("broadcast_rows", id)]))[0]


@operation(
    "GET", "/broadcast/messages/stats/", id="broadcasts.rows.stats", permission="broadcast.view", returns=RowCounts,
    tag="broadcasts",
    query={name: Parameter("", schema) for name, schema in ROWS.parameters().items()} | _OF_BROADCAST,
)  # fmt: skip
async def row_stats(ctx: OperationContext) -> dict[str, Any]:
    """Count recipients by status: all, or those that the filters of their list leave."""
    query = ctx.caller.query
    if "broadcast" in query:
        await ctx.data.get("broadcasts", query["broadcast"])
    clauses = [ROWS.condition(query), *await reading.rows_of(ctx, OF_BROADCAST.condition(query))]
    return await reading.row_counts(ctx, await of_the_same(ctx, [atom for clause in clauses for atom in atoms(clause)]))


class Spread(Answer):
    """What became of recipients; rates are per cent, null where there is nothing to share."""

    total_sent: int
    total_reach: int
    delivered: int
    read: int
    replied: int
    failed: int
    blocked: int
    delivery_rate: float | None
    read_rate: float | None
    reply_rate: float | None
    failure_rate: float | None
    engagement_rate: float | None


class DayOfBroadcasts(Spread):
    """What became of the recipients of a day (UTC)."""

    day: str


class Comparison(Answer):
    """How figures have changed against the period before, in per cent; null where there was nothing then."""

    broadcasts_change_percent: float | None
    reach_change_percent: float | None
    clicks_change_percent: float | None
    engagement_change_percent: float | None


class Dashboard(Spread):
    """The figures of a period; of many recipients they may be some seconds old."""

    period: str
    channel: str
    total_broadcasts: int
    total_clicks: int
    suspect_clicks: int
    bot_clicks: int
    clicked_recipients: int
    calls: CallFigures
    comparison: Comparison
    by_channel: dict[str, Spread]
    by_day: list[DayOfBroadcasts]


@operation(
    "GET", "/broadcast/dashboard/", id="broadcasts.dashboard", permission="broadcast.view", returns=Dashboard,
    tag="broadcasts", aliases=("/broadcast/dashboard/stats/",),
    query={
        "period": Parameter("How far back; 7d unless one of these.", one_of(*PERIODS)),
        "channel": Parameter("Only one platform's.", one_of("all", *(name.lower() for name in PLATFORMS))),
    },
)  # fmt: skip
async def dashboard(ctx: OperationContext) -> dict[str, Any]:
    """Show delivery, read and failure rates of a period, by platform and day, beside the period before."""
    period, channel = ctx.caller.query.get("period", ""), ctx.caller.query.get("channel", "all").upper()
    if channel != "ALL" and channel not in PLATFORMS:
        raise Invalid.field("channel", f"must be all or one of {', '.join(PLATFORMS)}".lower())
    return await reading.dashboard(
        ctx, period if period in PERIODS else USUAL_PERIOD, None if channel == "ALL" else channel
    )


@operation(
    "GET", "/broadcast/{id}/results/", id="broadcasts.results", permission="broadcast.view", media_type="text/csv",
    tag="broadcasts", socket=False, query={"after": "The id of the last row of the file before this one."},
)  # fmt: skip
async def results(ctx: OperationContext, id: str) -> Reply:
    """Answer the recipients of a broadcast as CSV, at most 10,000; the header `X-After` names the last of more."""
    text, after = await reading.results_csv(ctx, id, ctx.caller.query.get("after"))
    headers = {"Content-Disposition": f'attachment; filename="{id}.csv"', **({"X-After": after} if after else {})}
    return Reply(text.encode(), 200, headers, "text/csv; charset=utf-8")
