"""What a row of each table of the older product is here: ids, times and statuses as they were."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from jinaconnect.core.errors import Invalid
from jinaconnect.core.identity.proof import FROM_ELSEWHERE
from jinaconnect.core.inbox import status
from jinaconnect.core.inbox.contact import ASSIGNEES, LEAD_STATUSES, new_contact
from jinaconnect.core.inbox.content import check_content
from jinaconnect.core.inbox.message import AUTHORS, INCOMING, OUTGOING, new_message
from jinaconnect.core.inbox.platform import PLATFORMS, USUAL
from jinaconnect.core.messaging.templates import element_name
from jinaconnect.core.moving.cells import (
    Fault,
    Row,
    choice,
    document,
    flag,
    moment,
    moved_id,
    needed,
    number,
    phone,
    text,
)

EPOCH = datetime(2000, 1, 1, tzinfo=UTC)  # of rows that tell no time
_FIRST = -(2**52)  # the numbers of what is moved in lie before those of the log, which begin with 1
_SOURCES = (*PLATFORMS, "MANUAL", "IMPORT")
_STATUSES = {
    "queued": status.UNKNOWN, "pending": status.UNKNOWN, "unknown": status.UNKNOWN, "sent": status.SENT,
    "delivered": status.DELIVERED, "read": status.READ, "failed": status.FAILED,
}  # fmt: skip
_TEMPLATES = ("DRAFT", "PENDING", "APPROVED", "REJECTED", "PAUSED", "DISABLED", "FAILED")
_REGISTERED = ("dlt_template_id", "dlt_entity_id", "sender_id", "dlt_category")
Known = Mapping[str, str]


def times(row: Row) -> dict[str, Any]:
    """Return when a row was made and changed."""
    made = moment(row, "created_at") or moment(row, "timestamp") or EPOCH
    return {"created_at": made, "updated_at": moment(row, "updated_at") or made}


def tenant_fields(row: Row) -> dict[str, Any]:
    """Return the organisation of a dump."""
    names = ("description", "address", "phone", "email", "website", "country", "state", "industry")
    return {"name": needed(row, "name"), **{name: text(row, name, 2000) for name in names}, **times(row)}


def person(row: Row, tenant: str) -> dict[str, Any]:
    """Return a person, and as what they belong to the organisation; nobody's password comes along."""
    email, when = needed(row, "email", 254).lower(), times(row)
    if "@" not in email:
        raise Fault("email", "must be a mail address")
    former = needed(row, "id")
    role = (text(row, "role") or text(row, "role_slug") or "agent").casefold()
    return {
        "former": former, "role": role, "is_active": flag(row, "is_active", True),
        "member": moved_id("mem", tenant, "users", former, when["created_at"]),
        "user": {
            "_id": moved_id("usr", tenant, "users", former, when["created_at"]), "email": email,
            "username": text(row, "username") or email, "first_name": text(row, "first_name", 150) or "",
            "last_name": text(row, "last_name", 150) or "", "mobile": phone(row, "mobile") or phone(row, "phone"),
            "password": None, "is_active": True, "email_verified": True, "home": tenant,
            **FROM_ELSEWHERE, "created_at": when["created_at"],
        },
    }  # fmt: skip


def _labels(row: Row, column: str) -> list[str]:
    value = text(row, column, 10_000)
    if value is None:
        return []
    return [str(each) for each in json.loads(value)] if value.startswith("[") else value.split(";")


def contact(row: Row, tenant: str, people: Known, names: Known) -> dict[str, Any]:
    """Return a contact with its assignment and the state of its conversation."""
    former, when = needed(row, "id"), times(row)
    try:
        tags, segments = _labels(row, "tags"), _labels(row, "segments")
    except ValueError as error:
        raise Fault("tags", "must be a JSON list, or words with ; in between") from error
    tag, chat = text(row, "tag"), number(row, "telegram_chat_id")
    number_ = phone(row, "phone")
    if number_ is None and chat is None:
        raise Fault("phone", "a phone or a telegram_chat_id is required")
    lead = text(row, "lead_status")
    if lead is not None and lead.upper() not in LEAD_STATUSES:
        raise Fault("lead_status", f"must be one of {', '.join(LEAD_STATUSES)}")
    holder = people.get(text(row, "assigned_to_user") or text(row, "assigned_to_id") or "")
    held: dict[str, Any] = {}
    kind = choice(row, "assigned_to_type", ASSIGNEES, "USER")
    if holder is not None and kind == "USER":
        held = {
            "assigned_to_type": "USER", "assigned_to_id": holder, "assigned_to_user": holder,
            "assigned_to_name": names.get(holder, ""), "assigned_at": moment(row, "assigned_at"),
            "assignment_note": text(row, "assignment_note", 2000),
        }  # fmt: skip
    return new_contact(
        moved_id("cnt", tenant, "contacts", former, when["created_at"]),
        source=choice(row, "source", _SOURCES, "IMPORT"), by=text(row, "created_by"), phone=number_,
        telegram_chat_id=chat, telegram_username=text(row, "telegram_username"), former_id=former,
        first_name=text(row, "first_name") or "", last_name=text(row, "last_name") or "",
        email=text(row, "email", 254), tags=list(dict.fromkeys([*([tag] if tag else []), *tags])), segments=segments,
        attributes=document(row, "attributes", dict, {}), lead_status=lead and lead.upper(),
        lead_score=number(row, "lead_score") or 0, last_called_at=moment(row, "last_called_at"),
        total_calls=number(row, "total_calls") or 0, dnc=flag(row, "dnc"), opt_outs=document(row, "opt_outs", dict, {}),
        preferred_channel=text(row, "preferred_channel"), status=choice(row, "status", ("OPEN", "CLOSED"), "OPEN"),
        is_active=flag(row, "is_active", True), description=text(row, "description", 2000), **held, **when,
    )  # fmt: skip


def message(row: Row, tenant: str, contacts: Known, people: Known) -> dict[str, Any]:
    """Return a message; what was waiting to be sent is `UNKNOWN` here, and sent by nobody."""
    former, when = needed(row, "id"), times(row)
    at = moment(row, "timestamp") or when["created_at"]
    holder = contacts.get(needed(row, "contact"))
    if holder is None:
        raise Fault("contact", "there is no such contact in the dump")
    way = choice(row, "direction", (INCOMING, OUTGOING), INCOMING)
    try:
        content = check_content(document(row, "content", dict, {}))
    except Invalid as error:
        path, why = next(iter(error.detail.items())) if isinstance(error.detail, Mapping) else ("content", ["is wrong"])
        raise Fault(path, str(why[0])) from error
    note = flag(row, "internal_note") or content.get("type") == "note"
    told = (text(row, "outgoing_status") or "sent").casefold()
    if told not in _STATUSES:
        raise Fault("outgoing_status", f"must be one of {', '.join(_STATUSES)}")
    seen = way == OUTGOING or flag(row, "is_read")
    place = number(row, "message_id")
    id = moved_id("msg", tenant, "messages", former, at)
    return new_message(
        id, contact=holder, platform=choice(row, "platform", tuple(PLATFORMS), USUAL), direction=way,
        type="NOTE" if note else str(content.get("type", "text")).upper(), content=content,
        author=choice(row, "author", AUTHORS, "CONTACT" if way == INCOMING else "USER"), app=None, timestamp=at,
        status=_STATUSES[told] if way == OUTGOING and not note else status.RECEIVED, former_id=former,
        carrier_id=text(row, "external_message_id"), is_read=seen, read_at=moment(row, "read_at"),
        read_by_id=people.get(text(row, "read_by_id") or ""), read_by_name=text(row, "read_by_name"),
        sent_at=moment(row, "outgoing_sent_at"), delivered_at=moment(row, "outgoing_delivered_at"),
        opened_at=moment(row, "outgoing_read_at"), failed_at=moment(row, "outgoing_failed_at"),
        error_code=text(row, "error_code"), error_message=text(row, "error_message", 2000),
        reactions=document(row, "reactions", list, []), edited_at=moment(row, "edited_at"), internal_note=note,
        created_by=text(row, "created_by"), user=people.get(text(row, "tenant_user") or ""),
        number=_FIRST + (place if place is not None and place >= 0 else _placed(id, at)), **when,
    )  # fmt: skip


def _placed(id: str, at: datetime) -> int:
    """Return the place of a message that tells none: by its time, those of one moment in the order of their ids."""
    return max(0, int(at.timestamp() * 1000)) * 1024 + int.from_bytes(id[-8:].encode(), "big") % 1024


def template(row: Row, tenant: str, app: str | None) -> dict[str, Any]:
    """Return a template; `app` is the account that WhatsApp's belong to here."""
    former, when = needed(row, "id"), times(row)
    platform = choice(row, "platform", tuple(PLATFORMS), USUAL)
    try:
        name = element_name(needed(row, "element_name", 512))
    except ValueError as error:
        raise Fault("element_name", str(error)) from error
    names = ("header", "footer", "example_body", "example_media_url", "meta_template_id", "bsp_template_id",
             "rejection_reason", "error_message")  # fmt: skip
    return {
        "_id": moved_id("tpl", tenant, "templates", former, when["created_at"]), "former_id": former,
        "platform": platform, "app": (app if platform == USUAL else None) or platform, "element_name": name,
        "name": text(row, "name") or name, "language_code": text(row, "language_code", 15) or "en",
        "category": choice(row, "category", ("AUTHENTICATION", "MARKETING", "UTILITY"), "MARKETING"),
        "template_type": (text(row, "template_type") or "TEXT").upper(), "content": text(row, "content", 1024),
        "buttons": document(row, "buttons", list, None), "status": choice(row, "status", _TEMPLATES, "DRAFT"),
        **{column: text(row, column, 2048) for column in names}, **dict.fromkeys(_REGISTERED),
        "needs_sync": flag(row, "needs_sync"),
        "last_synced_at": moment(row, "last_synced_at"), "is_active": flag(row, "is_active", True),
        "created_by": text(row, "created_by"), "updated_by": text(row, "updated_by"), "deleted_at": None, **when,
    }  # fmt: skip
