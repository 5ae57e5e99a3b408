"""Contacts and their conversations: one document holds both, since every contact has exactly one conversation.

`chat` is the conversation's side of it: `at` (last message, the sort key), `last` (its preview), `unread`, `inbound`
(last incoming message per platform), `recent` (ids of the messages counted last, so that none is counted twice),
`early` (ids of messages somebody read before they were counted), `broadcast` (per platform, when a broadcast's message
went to them last), `snoozed` and `snoozed_until` (see `core/attention/sleep.py`), `sla`
(see `core/attention/targets.py`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from jinaconnect.core.clock import iso_or_none
from jinaconnect.core.events.event import Visibility, conversation_id
from jinaconnect.core.inbox.address import OWN_FIELDS, WHATSAPP_GROUP, WHATSAPP_USER, address_of, unaddressed
from jinaconnect.core.inbox.message import opens_window, preview
from jinaconnect.core.inbox.platform import PLATFORMS, address_on
from jinaconnect.core.inbox.window import window_ends

OPEN, CLOSED = "OPEN", "CLOSED"
LEAD_STATUSES = ("NEW", "CONTACTED", "QUALIFIED", "UNQUALIFIED", "CONVERTED")
ASSIGNEES = ("USER", "BOT", "CHATFLOW", "UNASSIGNED")
COUNTED = 50
AWAKE: Mapping[str, Any] = {"chat.snoozed": False, "chat.snoozed_until": None}

_ASSIGNMENT: dict[str, Any] = {
    "assigned_to_type": "UNASSIGNED",
    "assigned_to_id": None,
    "assigned_to_user": None,
    "assigned_to_name": "Unassigned",
    "assigned_at": None,
    "assigned_by_type": None,
    "assigned_by_id": None,
    "assigned_by_user": None,
    "assigned_by_name": None,
    "assignment_note": None,
}

# Where people are reached by what is a field of its own.
_OWN_PLATFORMS = [name for name, each in PLATFORMS.items() if not set(each.addresses).isdisjoint(OWN_FIELDS)]


def unassigned() -> dict[str, Any]:
    """Return the assignment block of a conversation nobody holds."""
    return dict(_ASSIGNMENT)


def new_contact(id: str, *, source: str, by: str | None, **fields: Any) -> dict[str, Any]:
    """Return a contact document with every field at its default."""
    return {
        "_id": id, **unaddressed(), "first_name": "", "last_name": "", "email": None, "tags": [], "segments": [],
        "attributes": {}, "source": source, "telegram_username": None, "whatsapp_username": None, "lead_status": None,
        "lead_score": 0, "last_called_at": None, "total_calls": 0, "dnc": False, "opt_outs": {}, "unreachable": {},
        "preferred_channel": None, "rcs_capable": None, "rcs_checked_at": None, **_ASSIGNMENT, "status": OPEN,
        "is_active": True, "description": None, "created_by": by, "updated_by": by, "deleted_at": None,
        "chat": {"at": None, "last": None, "unread": 0, "inbound": {}, "recent": [], "early": []}, **fields,
    }  # fmt: skip


def full_name(contact: Mapping[str, Any]) -> str:
    """Return the contact's name, or phone, or the name they gave themselves at a carrier, or their id there."""
    name = f"{contact['first_name']} {contact['last_name']}".strip()
    own = contact.get("whatsapp_username") or contact.get("telegram_username")
    return name or contact.get("phone") or own or whatsapp_user(contact) or "Unknown"


def snoozed_until(contact: Mapping[str, Any]) -> datetime | None:
    """Return until when the conversation is set aside, None where it is not."""
    until: datetime | None = contact["chat"].get("snoozed_until")
    return until


def marketing_opt_out(platform: str) -> str:
    """Return the key of `opt_outs` that stops a platform's marketing messages, or all where only all can be."""
    return f"{platform}_MARKETING" if PLATFORMS[platform].marketing else platform


def whatsapp_user(contact: Mapping[str, Any]) -> str | None:
    """Return the id WhatsApp gives a person towards the business."""
    found = address_of(contact, WHATSAPP_USER)
    return None if found is None else str(found.value)


def _whatsapp_group(contact: Mapping[str, Any]) -> str | None:
    found = address_of(contact, WHATSAPP_GROUP)
    return None if found is None else str(found.value)


def seen_by(contact: Mapping[str, Any], before: str | None = None) -> Visibility:
    """Return who may see an event of this contact; `before` is who held it until the event."""
    return Visibility(contact=True, assignee=contact.get("assigned_to_user"), previous_assignee=before)


def render_contact(doc: Mapping[str, Any]) -> dict[str, Any]:
    """Return a contact as REST and events show it."""
    phone = doc["phone"]
    return {
        "id": doc["_id"],
        "phone": phone,
        "first_name": doc["first_name"],
        "last_name": doc["last_name"],
        "full_name": full_name(doc),
        "email": doc["email"],
        "tag": doc["tags"][0] if doc["tags"] else None,
        "tags": list(doc["tags"]),
        "segments": list(doc["segments"]),
        "attributes": dict(doc["attributes"]),
        "source": doc["source"],
        "telegram_chat_id": doc["telegram_chat_id"],
        "telegram_username": doc["telegram_username"],
        "whatsapp_user_id": whatsapp_user(doc),
        "whatsapp_username": doc.get("whatsapp_username"),
        "whatsapp_group_id": _whatsapp_group(doc),
        "channels": {
            name.lower(): None if (found := address_on(doc, name)) is None else found.value for name in _OWN_PLATFORMS
        },
        "merged_into": doc.get("merged_into"),
        "merged": list(doc.get("merged", ())),
        "lead_status": doc["lead_status"],
        "lead_score": doc["lead_score"],
        "last_called_at": iso_or_none(doc["last_called_at"]),
        "total_calls": doc["total_calls"],
        "dnc": doc["dnc"],
        "opt_outs": dict(doc["opt_outs"]),
        "unreachable": dict(doc.get("unreachable") or {}),
        "preferred_channel": doc["preferred_channel"],
        "rcs_capable": doc["rcs_capable"],
        "rcs_checked_at": iso_or_none(doc["rcs_checked_at"]),
        **assignment(doc),
        "status": doc["status"],
        "conversation_id": conversation_id(doc["_id"]),
        "is_active": doc["is_active"],
        "description": doc["description"],
        "created_at": iso_or_none(doc["created_at"]),
        "updated_at": iso_or_none(doc["updated_at"]),
        "created_by": doc["created_by"],
        "updated_by": doc["updated_by"],
    }


def assignment(doc: Mapping[str, Any]) -> dict[str, Any]:
    """Return the assignment block as REST shows it."""
    block = {key: doc.get(key) for key in _ASSIGNMENT}
    block["assigned_at"] = iso_or_none(doc.get("assigned_at"))
    return block


def render_conversation(doc: Mapping[str, Any]) -> dict[str, Any]:
    """Return a contact's conversation as the chat list and events show it."""
    chat = doc["chat"]
    last = chat["last"]
    platform = last["platform"] if last else None
    if last is not None:
        ends = window_ends(doc, last["platform"])
        last = {
            **last, "timestamp": iso_or_none(last["timestamp"]), "group_id": last.get("group_id"),
            "expires_at": None if ends is None else int(ends.timestamp()),
        }  # fmt: skip
    return {
        "id": conversation_id(doc["_id"]),
        "contact": {
            "id": doc["_id"], "first_name": doc["first_name"], "last_name": doc["last_name"],
            "full_name": full_name(doc), "phone": doc["phone"],
        },
        "status": doc["status"], "platform": platform,
        "assignment": {
            "assigned_to_type": doc["assigned_to_type"], "assigned_to_id": doc["assigned_to_id"],
            "assigned_to_user": doc["assigned_to_user"], "assigned_to_name": doc["assigned_to_name"],
        },
        "last_message": last, "unread_count": chat["unread"], "snoozed_until": iso_or_none(snoozed_until(doc)),
        "sla": _targets(chat),
    }  # fmt: skip


def _targets(chat: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the service targets that run (see `core/attention/targets.py`)."""
    held = chat.get("sla") or {}
    return [
        {
            "target": each["kind"], "since": iso_or_none(each["since"]), "due_at": iso_or_none(each["due"]),
            "state": each["state"],
        }
        for each in (held.get("response"), held.get("resolution"))
        if each is not None
    ]  # fmt: skip


def last_message(message: Mapping[str, Any], is_read: bool) -> dict[str, Any]:
    """Return what the chat list keeps of the newest message of a conversation."""
    text, kind = preview(message["content"])
    return {
        "id": message["_id"],
        "preview": text,
        "preview_type": kind,
        "timestamp": message["timestamp"],
        "direction": message["direction"],
        "author_type": message["author"],
        "platform": message["platform"],
        "created_by": message.get("created_by"),
        "group_id": message.get("group_id"),
        "is_read": is_read,
    }


def counted(doc: Mapping[str, Any], messages: Sequence[Mapping[str, Any]]) -> dict[str, Any] | None:
    """Return the `chat` fields after some of the contact's messages, or None when all are counted already.

    Messages are documents as `core/inbox/message.py` makes them, oldest first.
    """
    chat = doc["chat"]
    fresh = [message for message in messages if message["_id"] not in chat["recent"]]
    if not fresh:
        return None
    fields: dict[str, Any] = {}
    inbound = dict(chat["inbound"])
    early = chat.get("early", [])
    unread = chat["unread"]
    newest: tuple[datetime | None, Any] = (chat["at"], None)
    for message in fresh:
        stamp: datetime = message["created_at"]
        if message["direction"] == "INCOMING":
            unread += 0 if message["is_read"] or message["_id"] in early else 1
        if opens_window(message):
            held = inbound.get(message["platform"])
            inbound[message["platform"]] = message["timestamp"] if held is None else max(held, message["timestamp"])
        if message.get("broadcast_row") is not None:
            fields["chat.broadcast"] = {**(chat.get("broadcast") or {}), message["platform"]: message["timestamp"]}
        if newest[0] is None or stamp >= newest[0]:
            newest = (stamp, message)
    if newest[1] is not None:
        message = newest[1]
        fields["chat.at"] = newest[0]
        fields["chat.last"] = last_message(message, message["is_read"] or message["_id"] in early)
    return {
        **fields, "chat.unread": unread, "chat.inbound": inbound,
        "chat.recent": [*chat["recent"], *(message["_id"] for message in fresh)][-COUNTED:],
    }  # fmt: skip
