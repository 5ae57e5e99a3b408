"""`/team-inbox/api/scheduled-messages/`: messages to be sent later, over whichever channel."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from pydantic import Field, StringConstraints

from jinaconnect.actions.context import Context
from jinaconnect.actions.scheduling import messages
from jinaconnect.core.events.payloads.scheduled_messages import ScheduledMessageData
from jinaconnect.core.inbox.platform import PLATFORMS, USUAL, PlatformName
from jinaconnect.core.messaging.scheduled import STATUSES
from jinaconnect.core.paging import Filter, Listing, choice_filter, time_filter
from jinaconnect.core.schema import Given, Id, Name, Request, example, sample_id
from jinaconnect.handlers.edge.crud import Does, crud
from jinaconnect.handlers.edge.operation import operation

_PATH = "/team-inbox/api/scheduled-messages/"
LISTING = Listing(
    filters={
        "status": choice_filter("status", STATUSES), "platform": choice_filter("platform", tuple(PLATFORMS)),
        "contact": Filter("contact"), "scheduled_time": time_filter("scheduled_time"),
    },
    orderings={"scheduled_time": "scheduled_time"},
)  # fmt: skip
LocalTime = Annotated[
    datetime, Field(description="When to send it; without an offset from UTC, by the organisation's clocks.")
]


class ScheduledTemplate(Request):
    """A template, by id or name, and values for its places as the Cloud API's parameters."""

    id: Id | None = None
    name: Name | None = None
    language: Annotated[Name, StringConstraints(min_length=1, max_length=20)] = "en"
    header: list[dict[str, Any]] = Field(default_factory=list, max_length=1)
    body: list[dict[str, Any]] = Field(default_factory=list, max_length=60)
    buttons: list[dict[str, Any]] = Field(default_factory=list, max_length=10)


class ScheduledMessageFields(
    Request,
    json_schema_extra=example(
        content={"type": "text", "body": {"text": "Good morning! It is here."}}, scheduled_time="2027-01-11T09:00:00Z"
    ),
):
    """What may be changed of a message to be sent later: either a `content` or a `template`, and its time."""

    content: Given[dict[str, Any]] = None
    template: Given[ScheduledTemplate] = None
    channel_app_id: Id | None = None
    reply_to: Id | None = None
    scheduled_time: Given[LocalTime] = None


class NewScheduledMessage(
    ScheduledMessageFields,
    json_schema_extra=example(
        contact=sample_id("cnt"), platform=USUAL, scheduled_time="2027-01-11T09:00:00Z",
        content={"type": "text", "body": {"text": "Good morning! It is here."}},
    ),
):  # fmt: skip
    """A message to be sent later to a contact."""

    contact: Id
    platform: PlatformName
    scheduled_time: LocalTime


class ScheduledMessageOut(ScheduledMessageData):
    """A message to be sent later."""


crud(
    "inbox.scheduled_messages", _PATH, ScheduledMessageOut, view="inbox.view", manage="inbox.reply",
    list=Does(messages.list_scheduled, "List scheduled messages; agents those to their contacts.", LISTING),
    create=Does(
        messages.schedule_message, "Have a message sent later; all that holds for a send is looked at then as well.",
        NewScheduledMessage,
    ),
    read=Does(messages.read_scheduled, "Show one message that was scheduled."),
    change=Does(
        messages.change_scheduled, "Change a scheduled message or its time, or schedule anew what was not sent.",
        ScheduledMessageFields,
    ),
)  # fmt: skip


@operation(
    "POST", f"{_PATH}{{id}}/cancel/", id="inbox.scheduled_messages.cancel", permission="inbox.reply",
    returns=ScheduledMessageOut, effect=True,
)  # fmt: skip
async def cancel_scheduled(ctx: Context, id: str) -> dict[str, Any]:
    """Have a scheduled message not be sent."""
    return await messages.cancel_scheduled(ctx, id)
