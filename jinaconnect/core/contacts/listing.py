"""By what contacts are listed: the filters, searches and orders of every list of them, and of dynamic segments."""

from __future__ import annotations

from jinaconnect.core.inbox.contact import LEAD_STATUSES
from jinaconnect.core.inbox.platform import SOURCES
from jinaconnect.core.paging import (
    Filter,
    Listing,
    bool_filter,
    choice_filter,
    parse_text,
    text_filter,
    time_filter,
)

_TEXT = ("", "in", "icontains", "istartswith")
_MANY = ("", "in")


def _phone(text: str) -> str:
    # A `+` that was not escaped in a URL arrives as a blank.
    return "+" + parse_text(text).strip().lstrip("+")


CONTACTS = Listing(
    filters={
        "is_active": bool_filter("is_active"),
        "phone": Filter("phone", _phone, text_filter("phone").lookups),
        "first_name": text_filter("first_name"),
        "last_name": text_filter("last_name"),
        "tag": Filter("tags", parse_text, _TEXT),
        "segment": Filter("segments", parse_text, _MANY),
        "email": text_filter("email"),
        "source": choice_filter("source", SOURCES),
        "lead_status": choice_filter("lead_status", LEAD_STATUSES),
        "assigned_to_type": choice_filter("assigned_to_type", ("USER", "BOT", "CHATFLOW", "UNASSIGNED")),
        "assigned_to_user": Filter("assigned_to_user"),
        "status": choice_filter("status", ("OPEN", "CLOSED")),
        "dnc": bool_filter("dnc"),
        "rcs_capable": bool_filter("rcs_capable"),
        "created_by": Filter("created_by"),
        "updated_by": Filter("updated_by"),
        "created_at": time_filter("created_at"),
        "updated_at": time_filter("updated_at"),
    },
    keyed="attributes",
    search=("first_name", "last_name", "phone"),
    orderings={
        "id": "_id",
        "tag": "tags",
        **{
            name: name
            for name in (
                "phone", "first_name", "last_name", "email", "source", "telegram_chat_id", "telegram_username",
                "whatsapp_username", "merged_into", "lead_status", "lead_score", "last_called_at", "total_calls",
                "dnc", "preferred_channel", "rcs_capable", "rcs_checked_at", "assigned_to_type", "assigned_to_id",
                "assigned_to_user", "assigned_to_name", "assigned_at", "assigned_by_type", "assigned_by_id",
                "assigned_by_user", "assigned_by_name", "assignment_note", "status", "is_active", "description",
                "created_at", "updated_at", "created_by", "updated_by",
            )
        },
    },
)  # fmt: skip
