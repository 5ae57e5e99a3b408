"""`/team-inbox/api/`: messages of all channels, conversations, timelines, notes, read marks."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, RootModel

from jinaconnect.actions.context import Context
from jinaconnect.actions.inbox import conversations, marks, removal, sleeping
from jinaconnect.actions.inbox import messages as inbox
from jinaconnect.actions.inbox.marks import MarkRead, MarkUnread
from jinaconnect.actions.inbox.messages import NewNote
from jinaconnect.actions.inbox.removal import RemoveMessages
from jinaconnect.actions.inbox.sleeping import Snooze
from jinaconnect.core.events.payloads.base import like
from jinaconnect.core.events.payloads.conversations import ConversationData
from jinaconnect.core.events.payloads.messages import MESSAGE, MessageData
from jinaconnect.core.inbox.platform import PLATFORMS, PlatformName
from jinaconnect.core.paging import FLAG, SHORT, WHOLE, between, one_of, some_of
from jinaconnect.core.schema import Answer
from jinaconnect.handlers.edge.operation import operation
from jinaconnect.handlers.edge.schemas import Parameter

_BASE = "/team-inbox/api"
_WINDOW = {
    "limit": Parameter("Rows.", between(1, conversations.MAX_LIMIT, 50)),
    "offset": Parameter("Rows to skip.", between(0, conversations.MAX_OFFSET, 0)),
}
_STATUS = ("queued", "unknown", "sent", "delivered", "read", "failed")

Direction = Literal["INCOMING", "OUTGOING"]


class InboxMessage(MessageData):
    """A message of any channel; `message_id` is its place in the timeline, `expires_at` Unix seconds."""


class ListedMessage(InboxMessage, json_schema_extra=like(MESSAGE, content_preview="Do you have it in blue?")):
    """A message in a list."""

    content_preview: str


class MessageWindow(Answer):
    """Some messages, newest first."""

    results: list[ListedMessage]
    count: int
    count_exact: bool
    limit: int
    offset: int
    has_next: bool
    cursor: str


class PlatformCount(Answer):
    """How many messages a platform has; `count_exact` is there, and false, where many are being counted."""

    platform: PlatformName
    count: int
    count_exact: bool = True


class PlatformCounts(RootModel[list[PlatformCount]]):
    """The platforms that have messages."""


class ConversationOut(ConversationData):
    """A conversation as the chat list shows it."""


class ConversationWindow(Answer):
    """Some conversations, the newest message first."""

    results: list[ConversationOut]
    count: int
    count_exact: bool
    complete: bool = Field(True, description="There, and false, where only the newest were looked at.")
    limit: int
    offset: int
    has_next: bool
    next_before: str | None
    cursor: str


class TimelineItem(Answer):
    """A message, an event or a date separator; separators have `date` and `label` instead of number and data."""

    type: Literal["message", "event", "date_separator"]
    numbering: int | None = None
    timestamp: str | None = None
    data: dict[str, Any] | None = None
    date: str | None = None
    label: str | None = None


class Timeline(Answer):
    """Some items of a timeline, newest first; separators do not count."""

    results: list[TimelineItem]
    limit: int
    offset: int
    has_next: bool
    next_before: int | None
    cursor: str


class MarkedMessage(Answer):
    """A message that is read."""

    status: Literal["success"]
    id: str
    read_at: str


class MarkedMessages(Answer):
    """The messages that were unread."""

    status: Literal["success"]
    marked_ids: list[str]


class UnreadMessages(Answer):
    """The messages that are unread now."""

    status: Literal["success"]
    marked_ids: list[str]


class RemovedMessages(Answer):
    """How many messages were removed."""

    status: Literal["success"]
    deleted_count: int


@operation(
    "GET", f"{_BASE}/messages/", id="inbox.messages.list", permission="inbox.view", listing=inbox.MESSAGES,
    returns=ListedMessage,
    query={
        "status": Parameter("Of outgoing messages.", one_of(*_STATUS)),
        "status__in": Parameter("Of outgoing messages, with commas.", some_of(*_STATUS)),
        "has_media": Parameter("Only those with a file, or without.", FLAG),
        "assigned_to_user": Parameter("User id of who holds the conversation.", SHORT),
        "search": Parameter("Part of the text, or a message_id.", SHORT),
    },
)  # fmt: skip
async def list_messages(ctx: Context) -> dict[str, Any]:
    """List the messages of all channels, newest first; agents get those of their contacts."""
    return await inbox.list_messages(ctx)


@operation("GET", f"{_BASE}/messages/{{id}}/", id="inbox.messages.read", permission="inbox.view", returns=InboxMessage)
async def read_message(ctx: Context, id: str) -> dict[str, Any]:
    """Show one message."""
    return await inbox.read_message(ctx, id)


@operation(
    "GET", f"{_BASE}/messages/recent/", id="inbox.messages.recent", permission="inbox.view", returns=MessageWindow,
    query=_WINDOW,
)  # fmt: skip
async def recent_messages(ctx: Context) -> dict[str, Any]:
    """Show the newest messages of all conversations."""
    return await inbox.recent_messages(ctx)


@operation(
    "GET",
    f"{_BASE}/messages/platforms/",
    id="inbox.messages.platforms",
    permission="inbox.view",
    returns=PlatformCounts,
)
async def count_platforms(ctx: Context) -> list[dict[str, Any]]:
    """Count the messages of each platform."""
    return await inbox.count_platforms(ctx)


@operation(
    "GET", f"{_BASE}/messages/conversation/", id="inbox.messages.conversation", permission="inbox.view",
    listing=inbox.CHANNEL, returns=ListedMessage, query={
        "contact_id": Parameter("Contact id.", {**SHORT, "minLength": 1}, required=True),
        "platform": Parameter("The platform.", one_of(*PLATFORMS), required=True),
    },
)  # fmt: skip
async def channel_conversation(ctx: Context) -> dict[str, Any]:
    """List a contact's messages over one platform, oldest first; `platform` and `contact_id` are required."""
    return await inbox.channel_conversation(ctx)


@operation(
    "POST", f"{_BASE}/messages/{{id}}/mark_as_read/", id="inbox.messages.mark_read", permission="inbox.view",
    returns=MarkedMessage, effect=True,
)  # fmt: skip
async def mark_message(ctx: Context, id: str) -> dict[str, Any]:
    """Mark an incoming message as read, for the whole team; the first reader is kept."""
    return await marks.mark_message(ctx, id)


@operation(
    "POST", f"{_BASE}/messages/mark_multiple_as_read/", id="inbox.messages.mark_many_read", permission="inbox.view",
    body=MarkRead, returns=MarkedMessages, effect=True,
)  # fmt: skip
async def mark_messages(ctx: Context, body: MarkRead) -> dict[str, Any]:
    """Mark messages, or all of a contact's, as read; the answer names those that were unread."""
    return await marks.mark_messages(ctx, body)


@operation(
    "POST", f"{_BASE}/messages/bulk-delete/", id="inbox.messages.delete", permission="inbox.resolve",
    body=RemoveMessages, returns=RemovedMessages, effect=True,
)  # fmt: skip
async def delete_messages(ctx: Context, body: RemoveMessages) -> dict[str, Any]:
    """Remove messages from the inbox; they are kept for audit."""
    return await removal.remove_messages(ctx, body)


@operation(
    "GET", f"{_BASE}/conversations/", id="inbox.conversations.list", permission="inbox.view",
    returns=ConversationWindow, query={
        **_WINDOW,
        "status": Parameter("Open or closed ones alone.", one_of("OPEN", "CLOSED")),
        "platform": Parameter("Of the last message.", one_of(*PLATFORMS)),
        "assigned_to": Parameter("User id, `me` or `unassigned`.", SHORT),
        "unread": Parameter("Only those with unread messages, or without.", FLAG),
        "snoozed": Parameter("Only those set aside for now, or without them.", FLAG),
        "search": Parameter("Part of name or phone.", SHORT),
        "before": Parameter("Only what comes after: the `next_before` of the answer.", SHORT),
    },
)  # fmt: skip
async def list_conversations(ctx: Context) -> dict[str, Any]:
    """List the conversations that have messages, the newest message first."""
    return await conversations.list_conversations(ctx)


@operation(
    "GET", f"{_BASE}/conversations/{{contact_id}}/", id="inbox.conversations.read", permission="inbox.view",
    returns=ConversationOut,
)  # fmt: skip
async def read_conversation(ctx: Context, contact_id: str) -> dict[str, Any]:
    """Show one conversation as the list does."""
    return await conversations.read_conversation(ctx, contact_id)


@operation(
    "POST", f"{_BASE}/conversations/{{contact_id}}/snooze/", id="inbox.conversations.snooze", permission="inbox.reply",
    body=Snooze, returns=ConversationOut, effect=True,
)  # fmt: skip
async def snooze_conversation(ctx: Context, contact_id: str, body: Snooze) -> dict[str, Any]:
    """Set a conversation aside until a time; it is back before that when its customer writes."""
    return await sleeping.snooze_conversation(ctx, contact_id, body)


@operation(
    "POST", f"{_BASE}/conversations/{{contact_id}}/wake/", id="inbox.conversations.wake", permission="inbox.reply",
    returns=ConversationOut, effect=True,
)  # fmt: skip
async def wake_conversation(ctx: Context, contact_id: str) -> dict[str, Any]:
    """Have a conversation back that was set aside."""
    return await sleeping.wake_conversation(ctx, contact_id)


@operation(
    "POST", f"{_BASE}/conversations/{{contact_id}}/mark_as_unread/", id="inbox.conversations.mark_unread",
    permission="inbox.reply", body=MarkUnread, returns=UnreadMessages, effect=True,
)  # fmt: skip
async def mark_unread(ctx: Context, contact_id: str, body: MarkUnread) -> dict[str, Any]:
    """Have the newest incoming message, or all from one on, count as unread again, for the whole team."""
    return await marks.mark_unread(ctx, contact_id, body)


@operation(
    "GET", f"{_BASE}/conversations/{{contact_id}}/timeline/", id="inbox.conversations.timeline",
    permission="inbox.view", returns=Timeline,
    query={**_WINDOW, "before": Parameter("Only items with a smaller number: the `next_before` of the answer.", WHOLE)},
)  # fmt: skip
async def read_timeline(ctx: Context, contact_id: str) -> dict[str, Any]:
    """Show messages and events of a conversation, newest first, with date separators."""
    return await inbox.read_timeline(ctx, contact_id)


@operation(
    "POST", f"{_BASE}/conversations/{{contact_id}}/notes/", id="inbox.notes.create", permission="inbox.reply",
    body=NewNote, returns=InboxMessage, status=201, effect=True,
)  # fmt: skip
async def add_note(ctx: Context, contact_id: str, body: NewNote) -> dict[str, Any]:
    """Leave a note on the conversation that only the team sees."""
    return await inbox.add_note(ctx, contact_id, body)
