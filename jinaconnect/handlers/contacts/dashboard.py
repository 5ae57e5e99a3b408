"""`/contacts/dashboard/`: contacts in figures."""

from __future__ import annotations

from typing import Any

from jinaconnect.actions.contacts.dashboard import dashboard
from jinaconnect.actions.context import Context
from jinaconnect.core.broadcasts.figures import PERIODS, USUAL_PERIOD
from jinaconnect.core.errors import Invalid
from jinaconnect.core.paging import one_of
from jinaconnect.core.schema import Answer, example
from jinaconnect.handlers.edge.operation import operation
from jinaconnect.handlers.edge.schemas import Parameter


class TopSegment(Answer, json_schema_extra=example(name="vip", contact_count=40, engagement_rate=62.5)):
    """The tag of at least five contacts of whom most have written."""

    name: str
    contact_count: int
    engagement_rate: float | None


class ContactFunnel(Answer, json_schema_extra=example(total_reach=200, messaged=150, engaged=90, converted=12)):
    """How many contacts there are, have a message, have written, and became customers (`CONVERTED`)."""

    total_reach: int
    messaged: int
    engaged: int
    converted: int


class ContactDashboard(
    Answer,
    json_schema_extra=example(
        period="7d", new_contacts=20, new_contacts_change_percent=25.0, total_contacts=200, active_contacts=50,
        inactive_contacts=150, active_percent=25.0, inactive_percent=75.0,
        top_segment={"name": "vip", "contact_count": 40, "engagement_rate": 62.5},
        funnel={"total_reach": 200, "messaged": 150, "engaged": 90, "converted": 12}, count_exact=True,
    ),
):  # fmt: skip
    """The figures of a period; of many contacts they may be some seconds old (`count_exact`)."""

    period: str
    new_contacts: int
    new_contacts_change_percent: float | None
    total_contacts: int
    active_contacts: int
    inactive_contacts: int
    active_percent: float | None
    inactive_percent: float | None
    top_segment: TopSegment | None
    funnel: ContactFunnel
    count_exact: bool


@operation(
    "GET", "/contacts/dashboard/", id="contacts.dashboard", permission="analytics.view", returns=ContactDashboard,
    query={"period": Parameter("How far back; 7d unless it is given.", one_of(*PERIODS))},
)  # fmt: skip
async def show_dashboard(ctx: Context) -> dict[str, Any]:
    """Show how many contacts came in a period, write, and went how far; active is who has a message of 30 days."""
    period = ctx.caller.query.get("period", USUAL_PERIOD)
    if period not in PERIODS:
        raise Invalid.field("period", f"must be one of {', '.join(PERIODS)}")
    return await dashboard(ctx, period)
