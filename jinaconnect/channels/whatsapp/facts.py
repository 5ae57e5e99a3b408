"""What a webhook of Meta's says, as facts in the inbox's words.

Every item is read by itself: one whose shape is not the described one harms none of its neighbours, and stands in its
conversation as a message that could not be read. The carrier's own object goes along with each message.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from jinaconnect.channels.facts import (
    AccountReport,
    Echo,
    Edit,
    Fact,
    Inbound,
    Preference,
    Reaction,
    Status,
    TemplateReport,
    Unreadable,
    Writer,
)
from jinaconnect.channels.graph import OPTED_OUT, objects
from jinaconnect.channels.whatsapp.content import MAX_CONTENT, MEDIA, content_of, unread_content
from jinaconnect.channels.whatsapp.templates import REPORTED
from jinaconnect.core.inbox import status
from jinaconnect.core.inbox.address import PHONE, WHATSAPP_GROUP, WHATSAPP_USER, Address
from jinaconnect.core.inbox.names import shown_name
from jinaconnect.core.inbox.status import Report
from jinaconnect.core.schema import e164, unkept

MAX_ID = 512
ODD = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError, RecursionError)

_NUMBER = re.compile(r"\+?[0-9]{3,15}")  # E.164 has at most 15 digits
_STATUSES = {
    "enqueued": status.SENT,  # what a provider between Meta and us says of a message it has handed on
    "sent": status.SENT,
    "delivered": status.DELIVERED,
    "read": status.READ,
    "played": status.READ,
    "failed": status.FAILED,
}


def facts_of(payload: Any, owner: str | None = None) -> list[Fact]:
    """Return the facts of a webhook body, in its order.

    A provider between Meta and us names an account by the address it posts to (`owner`), and messages by ids of its
    own (`gs_id`) beside WhatsApp's.
    """
    facts: list[Fact] = []
    for entry in objects(_object(payload).get("entry")):
        for change in objects(entry.get("changes")):
            value = change.get("value")
            if isinstance(value, Mapping):
                business = str(entry.get("id", "")) if owner is None else owner
                facts.extend(_facts(business, str(change.get("field", "")), value, owner))
    return facts


AMENDING = ("edit", "revoke")
ACCOUNT_FIELDS = frozenset({
    "account_alerts", "account_review_update", "account_settings_update", "account_update",
    "business_capability_update", "business_status_update", "phone_number_name_update", "phone_number_quality_update",
    "security",
})  # fmt: skip
PHONE_APP = "WhatsApp Business app"


def _object(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _reason(value: Any) -> str | None:
    """Return why a template was refused; Meta says NONE where it was not."""
    return None if not value or value == "NONE" else _word(value)


def _word(value: Any) -> str | None:
    return None if value is None else str(value)[:500]


def _id(value: Any) -> str:
    return "" if value is None else str(value)[:MAX_ID]


def _moment(text: Any) -> datetime:
    """Read seconds or milliseconds since 1970; an unreadable time is the epoch."""
    try:
        number = float(text)
        return datetime.fromtimestamp(number / 1000 if number > 1e11 else number, UTC)
    except (TypeError, ValueError, OverflowError, OSError):
        return datetime.fromtimestamp(0, UTC)


@functools.lru_cache(maxsize=10_000)  # customers write again
def address(text: str) -> Address:
    """Return whom an id of the carrier's names: a number, or somebody by an id that is none. Nothing is ever cut."""
    if not _NUMBER.fullmatch(text):
        return Address(WHATSAPP_USER, text)
    try:
        return Address(PHONE, e164(text))
    except ValueError:  # of a range newer than our tables
        return Address(PHONE, "+" + text.lstrip("+"))


@dataclass(frozen=True, slots=True)
class _Person:
    """Somebody of `value.contacts`: every address they are given there, and how they call themselves."""

    addresses: tuple[Address, ...]
    name: str
    username: str


def _person(contact: Mapping[str, Any]) -> _Person:
    profile = _object(contact.get("profile"))
    given = (contact.get("wa_id"), contact.get("user_id"), contact.get("parent_user_id"))
    username = profile.get("username") or contact.get("username") or ""
    return _Person(
        tuple(address(_id(value)) for value in given if value), shown_name(str(profile.get("name") or "")),
        shown_name(str(username)).lstrip("@"),
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Change:
    """What all items of one change share."""

    account: str
    people: tuple[_Person, ...]
    alone: bool  # whether all its messages are of one person
    passed_on: bool = False  # whether a provider stands between Meta and us

    def person(self, addresses: Sequence[Address]) -> _Person | None:
        """Return who of the change has one of the addresses; who is alone in it has any."""
        keys = {key for each in addresses for key in each.lookups()}
        for person in self.people:
            if any(key in keys for each in person.addresses for key in each.lookups()):
                return person
        return self.people[0] if len(self.people) == 1 and self.alone else None


def _facts(business: str, field: str, value: Mapping[str, Any], owner: str | None) -> Iterator[Fact]:
    if field in ("message_template_status_update", "template_category_update"):
        yield TemplateReport(
            business, str(value.get("message_template_id", "")), str(value.get("message_template_name", "")),
            str(value.get("message_template_language", "")), REPORTED.get(str(value.get("event"))),
            _reason(value.get("reason")), _word(value.get("new_category")),
        )  # fmt: skip
        return
    if field in ACCOUNT_FIELDS:
        yield _account_report(business, owner, field, value)
        return
    account = str(_object(value.get("metadata")).get("phone_number_id", "")) if owner is None else owner
    items = objects(value.get("messages"))
    writers = {sender for item in items if (sender := _sender(item))}
    change = _Change(account, tuple(map(_person, objects(value.get("contacts")))), len(writers) <= 1, owner is not None)
    for item in _each(value.get("messages")):
        yield _read(change, item, _message)
    for item in _each(value.get("message_echoes")):
        yield _read(change, item, _echo)
    for item in _each(value.get("user_preferences")):
        if isinstance(item, Mapping) and item.get("category") in (None, "marketing_messages"):
            yield _read(change, item, _preference)
    for item in objects(value.get("errors")):
        yield _account_report(business, account or None, "errors", item)
    for item in objects(value.get("statuses")):
        told = _STATUSES.get(str(item.get("status")))
        if told is not None and (item.get("id") or item.get("gs_id")):
            yield _read(change, item, _status)
            if any(str(error.get("code")) == str(OPTED_OUT) for error in objects(item.get("errors"))):
                yield _read(change, {**item, "wa_id": item.get("recipient_id"), "value": "stop"}, _preference)


def _each(value: Any) -> list[Any]:
    return [item for item in value if item is not None] if isinstance(value, list) else []


def _sender(item: Mapping[str, Any]) -> str:
    """Return what the writer of a message is known by; the number is left out where it is not to be seen."""
    return _id(item.get("from") or item.get("from_user_id") or item.get("user_id"))


def _read(change: _Change, item: Any, read: Callable[[_Change, Mapping[str, Any]], Fact]) -> Fact:
    """Return what an item says."""
    if not isinstance(item, Mapping):
        return Unreadable(change.account, f"an object was expected, and {type(item).__name__} found")
    try:
        return read(change, item)
    except ODD as error:
        reason = f"{type(error).__name__}: {error}"
        if read is not _message or not item.get("id") or not _sender(item):
            return Unreadable(change.account, reason)
        return _inbound(change, item, "UNSUPPORTED", unread_content(item, reason), None, unreadable=reason)


def _message(change: _Change, item: Mapping[str, Any]) -> Fact:
    if not item.get("id") or not _sender(item):
        raise ValueError("a message names its id and its writer")
    if item.get("type") == "reaction" and isinstance(item.get("reaction"), Mapping):
        return _reaction(change, item, item["reaction"])
    if item.get("type") in AMENDING:
        target, kind, content, text = _amended(item)
        message = _inbound(change, item, kind, text, None, quiet=True)
        by = message.writer or Writer(message.sender, message.name, message.known_as)
        return Edit(change.account, target, message.at, by.address, content, message, by.known_as)
    kind, content, media = content_of(item)
    return _inbound(change, item, kind, content, media)


def _echo(change: _Change, item: Mapping[str, Any]) -> Fact:
    """Return what the business wrote with the carrier's own app."""
    to = _id(item.get("to") or item.get("to_user_id"))
    if not item.get("id") or not to:
        raise ValueError("an echo names its id and who it went to")
    group = _id(item.get("group_id"))
    own = [Address(WHATSAPP_GROUP, group)] if group else [
        address(_id(each)) for each in (to, item.get("to_user_id")) if each
    ]  # fmt: skip
    context = _object(item.get("context"))
    shared: dict[str, Any] = {
        "reply_to": _id(context.get("id")) or None, "known_as": tuple(each for each in own[1:] if each != own[0]),
        "group": group or None, "raw": item, "by": PHONE_APP,
    }  # fmt: skip
    at, id = _moment(item.get("timestamp")), _id(item["id"])
    if item.get("type") in AMENDING:
        target, kind, content, text = _amended(item)
        echo = Echo(change.account, id, own[0], at, kind, text, **shared)
        return Edit(change.account, target, at, None, content, echo)
    kind, content, media = content_of(item)
    return Echo(change.account, id, own[0], at, kind, content, media=media, **shared)


def _amended(item: Mapping[str, Any]) -> tuple[str, str, Mapping[str, Any] | None, Mapping[str, Any]]:
    """Return which message is changed, the type and content it has now, and how that is told without the message."""
    part = _object(item.get(str(item["type"])))
    context = _object(part.get("context") or item.get("context"))
    target = _id(part.get("original_message_id") or part.get("message_id") or context.get("id"))
    if item["type"] == "revoke":
        return target, "REVOKE", None, {"type": "text", "body": {"text": "[took back a message that is not here]"}}
    new = part.get("message")
    new = new if isinstance(new, Mapping) else part
    kind, content, _ = content_of(new if "type" in new else {**new, "type": _kind_of(new)})
    return target, kind, content, content


def _kind_of(message: Mapping[str, Any]) -> str:
    return next((name for name in ("text", *MEDIA) if name in message), "edit")


def _inbound(
    change: _Change, item: Mapping[str, Any], kind: str, content: Mapping[str, Any], media: Mapping[str, Any] | None,
    **fields: Any,
) -> Inbound:  # fmt: skip
    own = [address(_id(each)) for each in (_sender(item), item.get("from_user_id")) if each]
    person = change.person(own)
    others = [*own[1:], *(person.addresses if person is not None else ())]
    context = _object(item.get("context"))
    reply_to = _id(context.get("gs_id") or context.get("id")) or None
    referral = _object(item.get("referral"))
    extra = {"referral": referral} if referral and not unkept(referral, "", MAX_CONTENT) else {}
    known_as = tuple(each for each in dict.fromkeys(others) if each != own[0])
    writer = Writer(own[0], person.name if person is not None else "", known_as)
    shared: dict[str, Any] = {"raw": item, **fields}
    sender, name = writer.address, writer.name
    if group := _id(item.get("group_id")):
        sender, name = Address(WHATSAPP_GROUP, group), f"Group {group}"
        shared |= {"group": group, "writer": writer}
    else:
        shared |= {"known_as": known_as, "username": person.username if person is not None else ""}
    return Inbound(
        change.account, _id(item["id"]), sender, name, _moment(item.get("timestamp")), kind, content, reply_to, media,
        extra, **shared,
    )  # fmt: skip


def _reaction(change: _Change, item: Mapping[str, Any], reaction: Mapping[str, Any]) -> Reaction:
    emoji = str(reaction.get("emoji") or "")[:64]
    target = _id(reaction.get("message_id"))
    text = f"Reacted {emoji} to a message that is not here." if emoji else "Took back a reaction."
    content = {"type": "text", "body": {"text": text}, "reaction": {"emoji": emoji, "to": target}}
    message = _inbound(change, item, "REACTION", content, None, quiet=not emoji)
    sender = message.sender if message.writer is None else message.writer.address
    return Reaction(change.account, message.carrier_id, target, sender, emoji, message.at, message)


def _preference(change: _Change, item: Mapping[str, Any]) -> Preference:
    own = [address(_id(each)) for each in (item.get("wa_id"), item.get("user_id")) if each]
    wanted = {"stop": True, "resume": False}[str(item["value"])]
    person = change.person(own)
    others = [*own[1:], *(person.addresses if person is not None else ())]
    return Preference(
        change.account, own[0], person.name if person is not None else "", wanted, _moment(item.get("timestamp")),
        tuple(each for each in dict.fromkeys(others) if each != own[0]),
    )  # fmt: skip


def _account_report(business: str, account: str | None, kind: str, value: Mapping[str, Any]) -> AccountReport:
    named = ("event", "alert_type", "decision", "current_limit", "title", "message")
    event = next((value[name] for name in named if value.get(name) is not None), None)
    return AccountReport(business, account, kind, _word(event), value)


def _status(change: _Change, item: Mapping[str, Any]) -> Status:
    errors = objects(item.get("errors"))
    first = errors[0] if errors else {}
    details = _object(first.get("error_data")).get("details")
    report = Report(
        _STATUSES[str(item["status"])], _moment(item.get("timestamp")),
        str(first["code"])[:64] if "code" in first else None,
        str(details or first.get("title") or "")[:500] or None,
    )  # fmt: skip
    reference = item.get("biz_opaque_callback_data")
    return Status(
        change.account, _id(item.get("gs_id") or item["id"]), reference if isinstance(reference, str) else None, report,
        _pricing(item.get("pricing")), _id(item.get("id")) or None if change.passed_on else None,
    )  # fmt: skip


def _pricing(told: Any) -> dict[str, Any] | None:
    """Return what a report says of the price; `type` has taken the place of `billable`, which older ones have."""
    if not isinstance(told, Mapping) or not isinstance(told.get("category"), str):
        return None
    type = told.get("type")
    billable = type == "regular" if isinstance(type, str) else told.get("billable") is not False
    return {"billable": billable, "category": told["category"].upper()[:64], "type": type if type else None}
