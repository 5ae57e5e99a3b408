"""MSG91's webhooks: reports in version 2 (a form with JSON in it) and 3 (flat JSON), and what customers write.

Source: MSG91's help pages. Version 4 names neither request nor number, so nothing can be told of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from zlib import crc32

import orjson

from jinaconnect.channels.base import Account, Verified, WebhookRequest
from jinaconnect.channels.facts import UNTIMED, Fact, Inbound, Keyword, Status, Unreadable
from jinaconnect.channels.sms_msg91.errors import DELIVERED, FAILED, STATUSES
from jinaconnect.channels.unsigned import REPORTS, first, hashed, said, trusted
from jinaconnect.core.inbox import status
from jinaconnect.core.inbox.address import sms_address
from jinaconnect.core.inbox.status import Report
from jinaconnect.core.messaging.dlt import scrubbed
from jinaconnect.core.messaging.keywords import keyword

SIGNATURE_HEADER = "x-msg91-signature"
_INDIA = timezone(timedelta(hours=5, minutes=30))  # whose time it tells, without saying so
_SENDER, _TEXT, _ID = ("mobile", "from", "sender"), ("message", "text", "content"), ("msg_id", "message_id", "id")
_TIME = ("datetime", "receivedAt", "date")


def verified(accounts: Sequence[Account], hook: WebhookRequest) -> Verified:
    """Return whose a webhook is; raises BadSignature, Malformed."""
    account = trusted(accounts, hook, SIGNATURE_HEADER)
    told = said(hook)
    customer = first(told, *_SENDER) if isinstance(told, dict) else ""
    kind = "STATUS" if hook.part(-1) == REPORTS else "MESSAGE"
    return Verified((account.id,), kind, crc32(customer.encode("utf-8", "replace")))


def facts_of(hook: WebhookRequest) -> list[Fact]:
    """Return what a webhook tells."""
    account, told = hook.part(-2), said(hook)
    if hook.part(-1) == REPORTS:
        return list(_reports(account, told))
    if not isinstance(told, dict):
        return [Unreadable(account, "a message is an object")]
    return list(_message(account, told))


def _message(account: str, told: Mapping[str, Any]) -> Iterator[Fact]:
    sender, text, at = first(told, *_SENDER), first(told, *_TEXT), _moment(first(told, *_TIME))
    if not sender:
        yield Unreadable(account, "a message names its writer")
        return
    id = first(told, *_ID) or hashed(sender, text, first(told, *_TIME))
    shown = {"type": "text", "body": {"text": text or "unsupported: a message without text"}}
    writer, kind = sms_address(sender), "TEXT" if text else "UNSUPPORTED"
    yield Inbound(account, id[:512], writer, "", at, kind, shown, raw=dict(told))
    if (word := keyword(text)) is not None:
        yield Keyword(account, id[:512], writer, word, at)


def _reports(account: str, told: Any) -> Iterator[Fact]:
    if isinstance(told, dict) and "data" in told:  # version 2
        try:
            told = orjson.loads(told["data"]) if isinstance(told["data"], str) else told["data"]
        except ValueError:
            yield Unreadable(account, "the field `data` is not valid JSON")
            return
    for request in (told or [None]) if isinstance(told, list) else [told]:
        if not isinstance(request, dict):
            yield Unreadable(account, "a report is an object")
        elif "event" in request and "requestId" not in request:
            yield Unreadable(account, "version 4 of the webhook names no message: choose version 2 or 3 in the panel")
        else:
            id = first(request, "requestId", "request_id")
            items = request.get("report")
            for item in (items or [None]) if isinstance(items, list) else [request]:
                told_of = isinstance(item, dict)
                yield _report(account, id, item) if told_of else Unreadable(account, "it reports on nobody")


def _report(account: str, id: str, item: Mapping[str, Any]) -> Fact:
    number, desc, reason = first(item, "status"), first(item, "desc"), first(item, "failedReason")
    meant, words = STATUSES.get(number) or (_by_words(desc), "")
    if not id:
        return Unreadable(account, "a report names its request")
    if meant != status.FAILED:
        return Status(account, id[:512], None, Report(meant, _moment(first(item, "date"))))
    scrub = scrubbed(reason, desc)
    code = scrub.code if scrub is not None else number or desc
    text = f"{scrub.words} To act: {scrub.act}." if scrub is not None else reason or words or desc
    return Status(account, id[:512], None, Report(
        meant, _moment(first(item, "date")), code[:64], text[:500], early=scrub is not None and scrub.early
    ))  # fmt: skip


def _by_words(desc: str) -> str:
    told = desc.upper()
    if any(word in told for word in FAILED):
        return status.FAILED
    return status.DELIVERED if any(word in told for word in DELIVERED) else status.SENT


def _moment(text: str) -> datetime:
    try:
        return datetime.strptime(text, "%Y-%m-%d %H:%M:%S").replace(tzinfo=_INDIA).astimezone(UTC)
    except ValueError:
        return UNTIMED
