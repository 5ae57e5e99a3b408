"""`/tenants/host-wallet/dashboard/` and `message-stats/`: all organisations in figures, for the deployment's people."""

from __future__ import annotations

from datetime import date
from typing import Any, Literal

from pydantic import create_model

from jinaconnect.actions.billing import staff
from jinaconnect.actions.context import OperationContext
from jinaconnect.core.errors import Invalid
from jinaconnect.core.inbox.platform import PLATFORMS
from jinaconnect.core.schema import Answer, example
from jinaconnect.handlers.edge.operation import operation
from jinaconnect.handlers.edge.schemas import Parameter

_DAY = {"type": "string", "format": "date"}
_DAYS = {
    "start_date": Parameter("The first day (UTC); thirty days unless given.", _DAY),
    "end_date": Parameter("The last day (UTC); today unless given.", _DAY),
}


class Trend(Answer):
    """How a figure has changed against the month before, in per cent; 100 where there was nothing then."""

    percentage_change: float
    trend: Literal["up", "down", "neutral"]


class TenantFigures(Trend):
    """How many organisations there are, and were at the end of last month."""

    count: int
    last_month_count: int


class MessageFigures(Trend):
    """How many messages went out this month and last, and in both."""

    count: int
    current_month_count: int
    last_month_count: int


class RevenueFigures(Trend):
    """What was paid out of wallets this month, less what was given back; of the currency with most."""

    amount: float
    currency: str
    last_month_amount: float
    by_currency: dict[str, float]


class FiguresPeriod(Answer):
    """Which months are meant."""

    current_month_start: str
    previous_month_start: str
    generated_at: str


class HostDashboard(
    Answer,
    json_schema_extra=example(
        total_tenants={"count": 14, "last_month_count": 12, "percentage_change": 16.7, "trend": "up"},
        total_messages={"count": 41000, "current_month_count": 20000, "last_month_count": 21000,
                        "percentage_change": -4.8, "trend": "down"},
        platform_breakdown=dict.fromkeys(PLATFORMS, 4000),
        total_revenue={"amount": 180.5, "currency": "USD", "last_month_amount": 180.5, "percentage_change": 0.0,
                       "trend": "neutral", "by_currency": {"USD": 180.5}},
        period={"current_month_start": "2026-11-01T00:00:00.000Z", "previous_month_start": "2026-10-01T00:00:00.000Z",
                "generated_at": "2026-11-23T10:00:00.123Z"},
    ),
):  # fmt: skip
    """All organisations in figures, live ones only."""

    total_tenants: TenantFigures
    total_messages: MessageFigures
    platform_breakdown: dict[str, int]
    total_revenue: RevenueFigures
    period: FiguresPeriod


_SENT = {f"{name.lower()}_sent": 4000 for name in PLATFORMS}


class _Totals(
    Answer,
    json_schema_extra=example(
        **_SENT, total_sent=sum(_SENT.values()),
        date_range={"start_date": "2026-11-01", "end_date": "2026-11-30"},
    ),
):  # fmt: skip
    """How many messages all organisations sent on some days, by platform."""

    total_sent: int
    date_range: dict[str, str]


_BY_PLATFORM: dict[str, Any] = {name: (int, ...) for name in _SENT}
MessageStats: Any = create_model("MessageStats", __base__=_Totals, __doc__=_Totals.__doc__, **_BY_PLATFORM)


@operation(
    "GET", "/tenants/host-wallet/dashboard/", id="wallets.dashboard", permission="billing.platform",
    returns=HostDashboard,
)  # fmt: skip
async def dashboard(ctx: OperationContext) -> dict[str, Any]:
    """Show organisations, messages and revenue of this month beside the one before; of many some time old."""
    return await staff.dashboard(ctx)


@operation(
    "GET", "/tenants/host-wallet/message-stats/", id="wallets.message_stats", permission="billing.platform",
    returns=MessageStats, query=_DAYS,
)  # fmt: skip
async def message_stats(ctx: OperationContext) -> dict[str, Any]:
    """Show how many messages all organisations sent, by platform."""
    return await staff.message_stats(ctx, _day(ctx, "start_date"), _day(ctx, "end_date"))


def _day(ctx: OperationContext, name: str) -> date | None:
    text = ctx.caller.query.get(name)
    if not text:
        return None
    try:
        day = date.fromisoformat(text)
    except ValueError as error:
        raise Invalid.field(name, "must be a date (YYYY-MM-DD)") from error
    if not 1970 <= day.year < 9000:
        raise Invalid.field(name, "must be of this era")
    return day
