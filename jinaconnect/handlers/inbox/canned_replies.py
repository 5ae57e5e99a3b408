"""`/team-inbox/api/canned-replies/`: texts the team answers with often."""

from __future__ import annotations

from typing import Annotated

from pydantic import StringConstraints

from jinaconnect.actions.inbox import canned_replies
from jinaconnect.core.events.payloads.canned_replies import CannedReplyData
from jinaconnect.core.paging import Listing, bool_filter, ordered_by, text_filter
from jinaconnect.core.schema import Given, Request, Text, example
from jinaconnect.handlers.edge.crud import Does, crud

LISTING = Listing(
    filters={"shortcut": text_filter("shortcut"), "is_active": bool_filter("is_active")},
    search=("shortcut", "text"), orderings=ordered_by("shortcut"),
)  # fmt: skip
Shortcut = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]{0,49}$")]
ReplyText = Annotated[Text, StringConstraints(min_length=1, max_length=4_096)]


class CannedReplyFields(Request, json_schema_extra=example(text="We are here from 9 to 17 on weekdays.")):
    """What may be changed of a canned reply."""

    shortcut: Given[Shortcut] = None
    text: Given[ReplyText] = None
    is_active: Given[bool] = None


class NewCannedReply(
    CannedReplyFields, json_schema_extra=example(shortcut="hours", text="We are here from 9 to 18 on weekdays.")
):
    """A canned reply to add: small letters, digits, `-` and `_` call it up."""

    shortcut: Shortcut
    text: ReplyText


class CannedReplyOut(CannedReplyData):
    """A canned reply."""


crud(
    "inbox.canned_replies", "/team-inbox/api/canned-replies/", CannedReplyOut, view="inbox.view",
    manage="inbox.resolve",
    list=Does(canned_replies.CANNED_REPLIES.list, "List the canned replies.", LISTING),
    create=Does(
        canned_replies.create_canned_reply, "Add a canned reply; its shortcut is unique in the organisation.",
        NewCannedReply,
    ),
    read=Does(canned_replies.CANNED_REPLIES.read, "Show one canned reply."),
    change=Does(canned_replies.change_canned_reply, "Change a canned reply.", CannedReplyFields),
    delete=Does(canned_replies.CANNED_REPLIES.delete, "Remove a canned reply."),
)  # fmt: skip
