"""Read marks are the team's: the first reader is kept, and the conversation counts what nobody has read.

A message is stored, told and then counted into its conversation. Somebody may read it in between; the conversation
then notes its id in `chat.early`, so that counting does not take it for unread.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from jinaconnect.core.inbox.contact import COUNTED, last_message
from jinaconnect.core.inbox.message import INCOMING, opens_window


def read_fields(message: Mapping[str, Any], *, by: str, name: str, at: datetime) -> dict[str, Any] | None:
    """Return the fields of a message's first reading, or None when it has been read or is not incoming."""
    if message["direction"] != INCOMING or message["is_read"]:
        return None
    return {"is_read": True, "read_at": at, "read_by_id": by, "read_by_name": name}


def unread_fields(message: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the fields of a message that nobody shall have read, or None when that is so or it is not incoming."""
    if message["direction"] != INCOMING or not message["is_read"]:
        return None
    return {"is_read": False, "read_at": None, "read_by_id": None, "read_by_name": None}


def is_counted(chat: Mapping[str, Any], id: str) -> bool:
    """Tell whether a message is in its conversation's figures; ids sort by time, so older than the oldest kept is."""
    recent = chat["recent"]
    return id in recent or (len(recent) >= COUNTED and id < min(recent))


def recounted(doc: Mapping[str, Any], unread: Collection[str], handled: Collection[str]) -> dict[str, Any]:
    """Return the `chat` fields that differ once the `unread` ids are all that is unread.

    `handled` are the messages read or removed just now. An empty result means that the figures are right already.
    """
    chat = doc["chat"]
    fields: dict[str, Any] = {}
    left = sum(1 for id in unread if is_counted(chat, id))
    if left != chat["unread"]:
        fields["chat.unread"] = left
    last = chat["last"]
    if last is not None and last["direction"] == INCOMING and last["is_read"] == (last["id"] in unread):
        fields["chat.last"] = {**last, "is_read": last["id"] not in unread}
    early = chat.get("early", [])
    late = [id for id in handled if id not in early and not is_counted(chat, id)]
    if late:
        fields["chat.early"] = [*early, *late][-COUNTED:]
    return fields


def newest_fields(doc: Mapping[str, Any], newest: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return the `chat` fields that differ once `newest` is the newest message left (None: there is none)."""
    if newest is None:
        return {} if doc["chat"]["at"] is None else {"chat.at": None, "chat.last": None}
    if doc["chat"]["last"] is not None and doc["chat"]["last"]["id"] == newest["_id"]:
        return {}
    return {"chat.at": newest["created_at"], "chat.last": last_message(newest, newest["is_read"])}


def rebuilt(doc: Mapping[str, Any], newest: Sequence[Mapping[str, Any]], unread: int) -> dict[str, Any]:
    """Return the `chat` fields a conversation has by its messages alone, whatever was counted before.

    `newest` are its latest messages, newest first, at most `COUNTED`; `unread` how many nobody has read. All of them
    are noted as counted, so that whoever is about to count one of them finds it done.
    """
    chat = doc["chat"]
    ids = sorted({*chat["recent"], *(message["_id"] for message in newest)})
    inbound = dict(chat["inbound"])
    for message in newest:
        if opens_window(message):
            platform, held = message["platform"], inbound.get(message["platform"])
            inbound[platform] = message["timestamp"] if held is None else max(held, message["timestamp"])
    fields = {"chat.unread": unread, "chat.recent": ids[-COUNTED:], "chat.inbound": inbound}
    return {**fields, **newest_fields(doc, newest[0] if newest else None)}
