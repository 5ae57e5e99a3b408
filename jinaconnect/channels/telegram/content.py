"""What a message of Telegram holds, in the inbox's words.

No message is dropped for being new to us: a type without a form here becomes text that names it, and Telegram's own
object stays with the message.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from jinaconnect.core.lenient import storable
from jinaconnect.core.schema import unkept

MAX_TEXT = 6_000  # Telegram's texts have at most 4,096 characters
MAX_CONTENT = 32 * 1024  # it travels in events of at most 64 KiB

# Fields of a message that say something about it, and are not what it holds (Bot API 10.1).
ABOUT = frozenset({
    "message_id", "message_thread_id", "direct_messages_topic", "from", "sender_chat", "sender_boost_count",
    "sender_business_bot", "sender_tag", "date", "guest_query_id", "business_connection_id", "chat", "forward_origin",
    "is_topic_message", "is_automatic_forward", "reply_to_message", "external_reply", "quote", "reply_to_story",
    "reply_to_checklist_task_id", "reply_to_poll_option_id", "via_bot", "guest_bot_caller_user",
    "guest_bot_caller_chat", "edit_date", "has_protected_content", "is_from_offline", "is_paid_post", "media_group_id",
    "author_signature", "paid_star_count", "entities", "link_preview_options", "suggested_post_info", "effect_id",
    "caption", "caption_entities", "show_caption_above_media", "has_media_spoiler", "reply_markup",
})  # fmt: skip
# What Telegram itself notes in a chat: nobody said it, so nobody waits for an answer.
NOTED = frozenset({
    "new_chat_members", "left_chat_member", "chat_owner_left", "chat_owner_changed", "new_chat_title",
    "new_chat_photo", "delete_chat_photo", "group_chat_created", "supergroup_chat_created", "channel_chat_created",
    "message_auto_delete_timer_changed", "migrate_to_chat_id", "migrate_from_chat_id", "pinned_message",
    "connected_website", "write_access_allowed", "proximity_alert_triggered", "boost_added", "chat_background_set",
    "checklist_tasks_done", "checklist_tasks_added", "direct_message_price_changed", "forum_topic_created",
    "forum_topic_edited", "forum_topic_closed", "forum_topic_reopened", "general_forum_topic_hidden",
    "general_forum_topic_unhidden", "giveaway_created", "giveaway_completed", "managed_bot_created",
    "paid_message_price_changed", "poll_option_added", "poll_option_deleted", "suggested_post_approved",
    "suggested_post_approval_failed", "suggested_post_declined", "suggested_post_paid", "suggested_post_refunded",
    "video_chat_scheduled", "video_chat_started", "video_chat_ended", "video_chat_participants_invited",
})  # fmt: skip
# Files: the field, what it is in the inbox, its type in REST, and the media type where Telegram tells none. An
# animation's message names it as a document too, so it is looked for first.
_FILES = (
    ("animation", "video", "VIDEO", "video/mp4"), ("video", "video", "VIDEO", "video/mp4"),
    ("video_note", "video", "VIDEO", "video/mp4"), ("audio", "audio", "AUDIO", "audio/mpeg"),
    ("voice", "audio", "VOICE", "audio/ogg"), ("document", "document", "DOCUMENT", ""),
)  # fmt: skip
_WORDS = frozenset({"caption", "description", "emoji", "name", "question", "text", "title"})

Read = tuple[str, dict[str, Any], Mapping[str, Any] | None]


def content_of(message: Mapping[str, Any]) -> Read:
    """Return (message type, inbox content, handle of its file) of a message."""
    kind, content, media = _content_of(message)
    content = storable(content)
    if unkept(content, "", MAX_CONTENT):
        shown = content["type"]
        content = unsupported(shown, {}) if media is None else {"type": shown, shown: {"url": None}}
    return kind, content, media


def is_noted(message: Mapping[str, Any]) -> bool:
    """Tell whether a message is Telegram's own note, which nobody said."""
    return not NOTED.isdisjoint(message)


def _content_of(message: Mapping[str, Any]) -> Read:
    if isinstance(message.get("text"), str):
        return "TEXT", text(message["text"]), None
    if photo := _largest(message.get("photo")):
        return "PHOTO", *_file("image", photo, message, "image/jpeg")
    for field, kind, type, mime in _FILES:
        if isinstance(message.get(field), Mapping):
            return type, *_file(kind, message[field], message, mime, voice=field == "voice")
    if isinstance(message.get("sticker"), Mapping):
        return "STICKER", *_sticker(message["sticker"])
    if isinstance(message.get("venue"), Mapping):
        venue = message["venue"]
        return "LOCATION", _place(venue.get("location"), name=venue.get("title"), address=venue.get("address")), None
    if isinstance(message.get("location"), Mapping):
        return "LOCATION", _place(message["location"]), None
    if isinstance(message.get("contact"), Mapping):
        return "CONTACT", {"type": "contact", "contacts": [_card(message["contact"])]}, None
    if isinstance(message.get("poll"), Mapping):
        return "POLL", text(_poll(message["poll"])), None
    if isinstance(message.get("dice"), Mapping):
        dice = message["dice"]
        return "TEXT", text(f"{dice.get('emoji', '')} {dice.get('value', '')}".strip()), None
    kind = next((name for name in message if name not in ABOUT), "empty message")
    return "UNSUPPORTED", unsupported(kind, message.get(kind)), None


def text(words: str) -> dict[str, Any]:
    """Return words as content."""
    return {"type": "text", "body": {"text": words[:MAX_TEXT]}}


def unsupported(kind: str, part: Any) -> dict[str, Any]:
    """Return what is shown of a type without a form here: its name, and what of it a person would read."""
    told = {"type": kind[:64], "code": None, "title": None, "details": None}
    words = [part] if isinstance(part, str) else _words_of(part)
    return {**text(" ".join([f"unsupported: {kind[:64]}", *words])), "unsupported": told}


def button_reply(title: str, payload: str) -> dict[str, Any]:
    """Return a pressed button as content."""
    return {"type": "button_reply", "body": {"text": title}, "button_reply": {"title": title, "payload": payload}}


def _words_of(part: Any, left: int = 8) -> Iterator[str]:
    if isinstance(part, list) and left:
        for each in part:
            yield from _words_of(each, left - 1)
    elif isinstance(part, Mapping) and left:
        for name, each in part.items():
            if isinstance(each, str) and name in _WORDS and each.strip():
                yield each.strip()
            elif isinstance(each, Mapping | list):
                yield from _words_of(each, left - 1)


def _largest(sizes: Any) -> Mapping[str, Any] | None:
    """Return the last of a photo's sizes, which is the largest."""
    found = [size for size in sizes if isinstance(size, Mapping)] if isinstance(sizes, list) else []
    return found[-1] if found else None


def _file(
    kind: str, file: Mapping[str, Any], message: Mapping[str, Any], mime: str, *, voice: bool = False
) -> tuple[dict[str, Any], Mapping[str, Any] | None]:
    told = str(file.get("mime_type") or mime)
    part: dict[str, Any] = {"url": None}
    if isinstance(message.get("caption"), str):
        part["caption"] = message["caption"]
    if isinstance(file.get("file_name"), str):
        part["filename"] = file["file_name"]
    if told:
        part["mime_type"] = told
    if type(file.get("file_size")) is int:
        part["size"] = file["file_size"]
    if voice:
        part["voice"] = True
    return {"type": kind, kind: part}, _handle(file, told)


def _handle(file: Mapping[str, Any], mime: str) -> Mapping[str, Any] | None:
    if not file.get("file_id"):
        return None
    size = file["file_size"] if type(file.get("file_size")) is int else None
    return {"file_id": str(file["file_id"]), "mime_type": mime, "size": size}


def _sticker(sticker: Mapping[str, Any]) -> tuple[dict[str, Any], Mapping[str, Any] | None]:
    mime = "video/webm" if sticker.get("is_video") else "image/webp"
    if sticker.get("is_animated"):
        mime = "application/x-tgsticker"
    part: dict[str, Any] = {"url": None, "mime_type": mime, "animated": bool(sticker.get("is_animated"))}
    content: dict[str, Any] = {"type": "sticker", "sticker": part}
    if isinstance(sticker.get("emoji"), str):
        content["body"] = {"text": sticker["emoji"]}
    return content, _handle(sticker, mime)


def _place(location: Any, **named: Any) -> dict[str, Any]:
    where = location if isinstance(location, Mapping) else {}
    place = {name: where[name] for name in ("latitude", "longitude") if name in where}
    place.update({name: value for name, value in named.items() if isinstance(value, str) and value})
    return {"type": "location", "location": place}


def _card(contact: Mapping[str, Any]) -> dict[str, Any]:
    names = [str(contact[name]) for name in ("first_name", "last_name") if contact.get(name)]
    given = {name: str(contact[name]) for name in ("first_name", "last_name") if contact.get(name)}
    phones = [{"phone": str(contact["phone_number"])}] if contact.get("phone_number") else []
    return {"name": {"formatted_name": " ".join(names), **given}, "phones": phones}


def _poll(poll: Mapping[str, Any]) -> str:
    options = poll.get("options")
    shown = [f"- {each.get('text', '')}" for each in options if isinstance(each, Mapping)] if options else []
    return "\n".join([str(poll.get("question", "")), *shown])
