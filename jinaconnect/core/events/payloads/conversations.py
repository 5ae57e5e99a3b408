"""Events of conversations: the entry of the conversation list as it is afterwards.

Those that change the contact too carry it beside.
"""

from __future__ import annotations

from typing import Literal

from jinaconnect.core.events.payloads.base import LATER, MOMENT, Count, Payload, Stamp, Unix, like
from jinaconnect.core.events.payloads.contacts import CONTACT, HELD, ContactData, Holder
from jinaconnect.core.inbox.platform import PlatformName
from jinaconnect.core.schema import sample_id

_CONVERSATION = {
    "id": sample_id("conv"),
    "contact": {name: CONTACT[name] for name in ("id", "first_name", "last_name", "full_name", "phone")},
    "status": "OPEN", "platform": "WHATSAPP",
    "assignment": {
        "assigned_to_type": "UNASSIGNED", "assigned_to_id": None, "assigned_to_user": None,
        "assigned_to_name": "Unassigned",
    },
    "last_message": {
        "id": sample_id("msg"), "preview": "Do you have it in blue?", "preview_type": "text", "timestamp": MOMENT,
        "direction": "INCOMING", "author_type": "CONTACT", "platform": "WHATSAPP", "created_by": None,
        "expires_at": 1795514400, "is_read": False, "group_id": None,
    },
    "unread_count": 1, "snoozed_until": None, "sla": [],
}  # fmt: skip
_TARGET = {"target": "first_response", "since": MOMENT, "due_at": LATER}
_WITH_CONTACT = {**_CONVERSATION, "contact_detail": CONTACT}


class ChatContact(Payload):
    """Whom a conversation is with."""

    id: str
    first_name: str
    last_name: str
    full_name: str
    phone: str | None


class ChatAssignment(Payload):
    """Who holds a conversation."""

    assigned_to_type: Holder
    assigned_to_id: str | None
    assigned_to_user: str | None
    assigned_to_name: str


class LastMessage(Payload):
    """The newest message of a conversation, in short; `expires_at` is Unix seconds."""

    id: str
    preview: str
    preview_type: str
    timestamp: Stamp
    direction: Literal["INCOMING", "OUTGOING"]
    author_type: Literal["USER", "CONTACT", "BOT"]
    platform: PlatformName
    created_by: str | None
    expires_at: Unix | None
    is_read: bool
    group_id: str | None


Target = Literal["first_response", "next_response", "resolution"]


class RunningTarget(Payload):
    """A service target of the conversation: since and by when, and whether it was warned of or missed."""

    target: Target
    since: Stamp
    due_at: Stamp
    state: Literal["running", "warned", "breached"]


class ConversationData(Payload, json_schema_extra=like(_CONVERSATION)):
    """A conversation as the chat list shows it."""

    id: str
    contact: ChatContact
    status: Literal["OPEN", "CLOSED"]
    platform: PlatformName | None
    assignment: ChatAssignment
    last_message: LastMessage | None
    unread_count: Count
    snoozed_until: Stamp | None
    sla: list[RunningTarget]


class ConversationWithContact(ConversationData, json_schema_extra=like(_WITH_CONTACT)):
    """A conversation, and the contact whose assignment and status it is."""

    contact_detail: ContactData


class ConversationOpened(
    ConversationWithContact, json_schema_extra=like(_WITH_CONTACT, platform=None, last_message=None, unread_count=0)
):
    """A contact's conversation began."""


class ConversationAssigned(
    ConversationWithContact,
    json_schema_extra=like(
        _CONVERSATION, assignment=HELD,
        contact_detail={**CONTACT, **HELD, "assigned_at": MOMENT, "assigned_by_type": "USER"},
    ),
):  # fmt: skip
    """Somebody took or was given the conversation."""


class ConversationUnassigned(ConversationWithContact, json_schema_extra=like(_WITH_CONTACT)):
    """Nobody holds the conversation now."""


class ConversationClosed(
    ConversationWithContact,
    json_schema_extra=like(_CONVERSATION, status="CLOSED", contact_detail={**CONTACT, "status": "CLOSED"}),
):
    """The conversation was resolved."""


class ConversationReopened(ConversationWithContact, json_schema_extra=like(_WITH_CONTACT)):
    """The conversation goes on."""


class ConversationSnoozed(ConversationWithContact, json_schema_extra=like(_WITH_CONTACT, snoozed_until=LATER)):
    """The conversation was set aside until a time."""


class ConversationWoken(ConversationWithContact, json_schema_extra=like(_WITH_CONTACT, reason="time")):
    """The conversation is back: its time has come, the customer wrote, or somebody asked for it."""

    reason: Literal["time", "message", "request"]


class ConversationMarkedUnread(
    ConversationData, json_schema_extra=like(_CONVERSATION, unread_message_ids=[sample_id("msg")])
):
    """Somebody of the team has messages count as unread again."""

    unread_message_ids: list[str]


class ConversationSla(ConversationData, json_schema_extra=like(_CONVERSATION, **_TARGET, at=LATER)):
    """What came of a service target of the conversation, and when."""

    target: Target
    since: Stamp
    due_at: Stamp
    at: Stamp


class ConversationSlaWarned(ConversationSla, json_schema_extra=like(_CONVERSATION, **_TARGET, at=LATER)):
    """The greater part of the time has passed in which the customer was to be answered, or helped."""


class ConversationSlaBreached(ConversationSla, json_schema_extra=like(_CONVERSATION, **_TARGET, at=LATER)):
    """The time has passed in which the customer was to be answered, or helped."""


class ConversationSlaMet(ConversationSla, json_schema_extra=like(_CONVERSATION, **_TARGET, at=MOMENT)):
    """The customer was answered, or helped, in time."""


class ConversationRead(
    ConversationData,
    json_schema_extra=like(
        _CONVERSATION, unread_count=0, message_ids=[sample_id("msg")], read_at=LATER, read_by_id=sample_id("usr"),
        read_by_name="Sam Roe",
    ),
):  # fmt: skip
    """The team has read messages of the conversation."""

    message_ids: list[str]
    read_at: Stamp
    read_by_id: str
    read_by_name: str
