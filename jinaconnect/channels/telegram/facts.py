"""What an update of Telegram tells.

Every update is one of the kinds the Bot API lists; which it is, the field tells that it has. Times are whole seconds:
of what happened in the same one, the update's number says what was later.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from jinaconnect.channels.facts import Edit, Fact, Inbound, Moved, Reachability, Reaction, Unreadable, Writer
from jinaconnect.channels.telegram.content import button_reply, content_of, is_noted, text, unsupported
from jinaconnect.channels.telegram.ids import carrier_id, chat_address
from jinaconnect.core.inbox.address import Address

_SAID = ("message", "channel_post", "business_message", "guest_message")
_EDITED = ("edited_message", "edited_channel_post", "edited_business_message")
# Nobody says anything by these: they ask an answer of games, shops and searches, or count.
_SILENT = frozenset({
    "business_connection", "deleted_business_messages", "message_reaction_count", "inline_query",
    "chosen_inline_result", "shipping_query", "pre_checkout_query", "poll", "poll_answer", "chat_member", "chat_boost",
    "removed_chat_boost", "managed_bot",
})  # fmt: skip
_KINDS = {
    **dict.fromkeys(_SAID, "MESSAGE"), **dict.fromkeys(_EDITED, "EDITED_MESSAGE"),
    "callback_query": "CALLBACK_QUERY", "inline_query": "INLINE_QUERY", "message_reaction": "MESSAGE_REACTION",
}  # fmt: skip
_AWAY = ("kicked", "left")
_ODD = (LookupError, TypeError, ValueError, AttributeError, OverflowError, OSError)


def kind_of(update: Mapping[str, Any]) -> str:
    """Return an update's kind as it is told in answers and lists."""
    return next((_KINDS[name] for name in update if name in _KINDS), "UNKNOWN")


def chat_of(update: Mapping[str, Any]) -> int:
    """Return a number of the chat that an update is about; 0 where it names none."""
    for part in update.values():
        if isinstance(part, Mapping):
            holder = part["message"] if isinstance(part.get("message"), Mapping) else part
            chat = holder.get("chat") or part.get("from")
            if isinstance(chat, Mapping) and type(chat.get("id")) is int:
                return int(chat["id"])
    return 0


def facts_of(update: Any, account: str) -> list[Fact]:
    """Return what an update tells of an account; never raises on what it does not know."""
    if not isinstance(update, Mapping):
        return [Unreadable(account, "an update is an object")]
    kind = next((name for name in update if name != "update_id"), "")
    part = update.get(kind)
    if kind in _SILENT:
        return []
    if not isinstance(part, Mapping):
        return [Unreadable(account, f"an update without anything in it: {kind[:64] or 'empty'}")]
    try:
        return _read(kind, part, account, _order(update.get("update_id")))
    except _ODD as error:
        return _odd(part, account, f"{kind[:64]}: {type(error).__name__}: {error}")


def _read(kind: str, part: Mapping[str, Any], account: str, order: timedelta) -> list[Fact]:
    if kind == "callback_query":
        return [_pressed(part, account)]
    if kind == "message_reaction":
        return [_reaction(part, account, order)]
    if kind == "my_chat_member":
        return [_reachability(part, account, order)]
    if "message_id" not in part or not isinstance(part.get("chat"), Mapping):
        return [Unreadable(account, f"an update of the kind {kind[:64]} is not known")]
    if kind in _EDITED:
        return [_edit(part, account, order)]
    return [*_moves(part, account), _message(part, account)]


def _odd(part: Mapping[str, Any], account: str, reason: str) -> list[Fact]:
    """Return a message that could not be read as such, where it says at least whose it is."""
    try:
        who, id = _address(part["chat"]), carrier_id(account, int(part["chat"]["id"]), int(part["message_id"]))
    except _ODD:
        return [Unreadable(account, reason)]
    content = {**text("[a message that could not be read]"), "unsupported": unsupported("message", {})["unsupported"]}
    at = datetime.fromtimestamp(0, UTC)
    return [Inbound(account, id, who, "", at, "UNSUPPORTED", content, raw=part, unreadable=reason)]


def _order(update: Any) -> timedelta:
    return timedelta(milliseconds=update % 1_000 if type(update) is int else 0)


def _at(seconds: Any) -> datetime:
    return datetime.fromtimestamp(int(seconds or 0), UTC)


def _address(chat: Mapping[str, Any]) -> Address:
    return chat_address(int(chat["id"]))


def _name(whose: Mapping[str, Any]) -> str:
    names = (whose.get("title"), whose.get("first_name"), whose.get("last_name"))
    return " ".join(str(name) for name in names if name)


def _is_private(chat: Mapping[str, Any]) -> bool:
    return str(chat.get("type", "private")) == "private"


def _writer(who: Any) -> Writer | None:
    """Return who of a group said something: a person, or a channel that speaks there."""
    return Writer(_address(who), _name(who)[:255]) if isinstance(who, Mapping) else None


def _inbound(
    chat: Mapping[str, Any], account: str, id: str, at: datetime, kind: str, content: Mapping[str, Any], writer: Any,
    **fields: Any,
) -> Inbound:  # fmt: skip
    private = _is_private(chat)
    return Inbound(
        account, id, _address(chat), _name(chat), at, kind, content, username=str(chat.get("username") or "")[:255],
        group=None if private else str(chat["id"]), writer=None if private else _writer(writer), **fields,
    )  # fmt: skip


def _message(part: Mapping[str, Any], account: str) -> Inbound:
    chat = part["chat"]
    kind, content, media = content_of(part)
    answered = part.get("reply_to_message")
    reply_to = None
    if isinstance(answered, Mapping) and "message_id" in answered:
        reply_to = carrier_id(account, int(chat["id"]), int(answered["message_id"]))
    extra: dict[str, Any] = {}
    if kind == "TEXT" and content["body"]["text"].startswith("/start "):
        extra["start"] = content["body"]["text"].removeprefix("/start ")[:64]  # what a deep link brought along
    return _inbound(
        chat, account, carrier_id(account, int(chat["id"]), int(part["message_id"])), _at(part.get("date")), kind,
        content, part.get("from") or part.get("sender_chat"), reply_to=reply_to, media=media, extra=extra, raw=part,
        quiet=is_noted(part),
    )  # fmt: skip


def _moves(part: Mapping[str, Any], account: str) -> list[Fact]:
    """Return that a group has become a supergroup, which has another id."""
    here = int(part["chat"]["id"])
    if type(part.get("migrate_to_chat_id")) is int:
        return [Moved(account, chat_address(here), chat_address(part["migrate_to_chat_id"]))]
    if type(part.get("migrate_from_chat_id")) is int:
        return [Moved(account, chat_address(part["migrate_from_chat_id"]), chat_address(here))]
    return []


def _edit(part: Mapping[str, Any], account: str, order: timedelta) -> Edit:
    message = replace(_message(part, account), quiet=True)
    at = _at(part.get("edit_date") or part.get("date")) + order
    by = message.sender if message.writer is None else message.writer.address
    return Edit(account, message.carrier_id, at, by, message.content, message)


def _pressed(query: Mapping[str, Any], account: str) -> Inbound:
    """Return a pressed button, in the conversation whose message has it; Telegram tells no time of it."""
    pressed = query.get("message")
    pressed = pressed if isinstance(pressed, Mapping) else {}
    who = query["from"]
    chat = pressed["chat"] if isinstance(pressed.get("chat"), Mapping) else {**who, "type": "private"}
    data = str(query.get("data") or query.get("game_short_name") or "")
    reply_to = None
    if "message_id" in pressed:
        reply_to = carrier_id(account, int(chat["id"]), int(pressed["message_id"]))
    return _inbound(
        chat, account, f"callback:{query['id']}:{account}", datetime.fromtimestamp(0, UTC), "CALLBACK",
        button_reply(_label(pressed, data), data), who, reply_to=reply_to, raw=query,
        acknowledge={"callback_query_id": str(query["id"])},
    )  # fmt: skip


def _label(message: Mapping[str, Any], data: str) -> str:
    """Return what stands on the button with this data."""
    markup = message.get("reply_markup")
    rows = markup.get("inline_keyboard") if isinstance(markup, Mapping) else None
    for row in rows if isinstance(rows, list) else ():
        for button in row if isinstance(row, list) else ():
            if isinstance(button, Mapping) and button.get("callback_data") == data and button.get("text"):
                return str(button["text"])
    return data


def _reaction(part: Mapping[str, Any], account: str, order: timedelta) -> Reaction:
    chat = part["chat"]
    who = part.get("user") or part.get("actor_chat") or chat
    target = carrier_id(account, int(chat["id"]), int(part["message_id"]))
    emoji = "".join(_emoji(each) for each in part.get("new_reaction") or ())[:64]
    sender = _address(chat) if _is_private(chat) else chat_address(int(who["id"]))
    return Reaction(account, f"reaction:{target}", target, sender, emoji, _at(part.get("date")) + order)


def _emoji(reaction: Any) -> str:
    if not isinstance(reaction, Mapping):
        return ""
    return str(reaction.get("emoji") or {"paid": "⭐"}.get(str(reaction.get("type")), "❔"))


def _reachability(part: Mapping[str, Any], account: str, order: timedelta) -> Reachability:
    """Return whether a chat still takes messages of the bot: who blocks it, or removes it from a group, does not."""
    member = part["new_chat_member"]
    away = member["status"] in _AWAY or (member["status"] == "restricted" and member.get("is_member") is False)
    return Reachability(account, _address(part["chat"]), not away, _at(part.get("date")) + order)
