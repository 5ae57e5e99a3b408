"""Fast2SMS's webhooks: reports in the form we ask the operator to set in its panel, and what customers write.

Source: Fast2SMS's reference pages; the body of a report is written there by whoever sets it up.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from zlib import crc32

from jinaconnect.channels.base import Account, Verified, WebhookRequest
from jinaconnect.channels.facts import UNTIMED, Fact, Inbound, Keyword, Status, Unreadable
from jinaconnect.channels.sms_fast2sms.errors import STATUSES
from jinaconnect.channels.unsigned import REPORTS, first, hashed, said, trusted
from jinaconnect.core.inbox import status
from jinaconnect.core.inbox.address import sms_address
from jinaconnect.core.inbox.status import Report
from jinaconnect.core.messaging.dlt import scrubbed
from jinaconnect.core.messaging.keywords import keyword


def verified(accounts: Sequence[Account], hook: WebhookRequest) -> Verified:
    """Return whose a webhook is; raises BadSignature, Malformed."""
    account = trusted(accounts, hook)
    told = said(hook)
    customer = first(told, "from", "number") if isinstance(told, dict) else ""
    kind = "STATUS" if hook.part(-1) == REPORTS else "MESSAGE"
    return Verified((account.id,), kind, crc32(customer.encode("utf-8", "replace")))


def facts_of(hook: WebhookRequest) -> list[Fact]:
    """Return what a webhook tells."""
    account, told = hook.part(-2), said(hook)
    if hook.part(-1) == REPORTS:
        items = told if isinstance(told, list) else [told]
        return [_report(account, item) for item in items] or [Unreadable(account, "it reports on nothing")]
    if not isinstance(told, dict) or not first(told, "from"):
        return [Unreadable(account, "a message names its writer")]
    return _message(account, told)


def _message(account: str, told: Mapping[str, Any]) -> list[Fact]:
    sender, text = _number(first(told, "from")), first(told, "message", "text")
    id = (first(told, "message_id", "id") or hashed(sender, text, first(told, "time", "sent_time")))[:512]
    shown = {"type": "text", "body": {"text": text or "unsupported: a message without text"}}
    writer, kind = sms_address(sender), "TEXT" if text else "UNSUPPORTED"
    message = Inbound(account, id, writer, "", UNTIMED, kind, shown, raw=dict(told))
    word = keyword(text)
    return [message] if word is None else [message, Keyword(account, id, writer, word, UNTIMED)]


def _report(account: str, item: Any) -> Fact:
    if not isinstance(item, dict) or not first(item, "request_id"):
        return Unreadable(account, "a report names its request")
    told, desc = first(item, "status"), first(item, "status_description")
    meant = STATUSES.get(told.lower())
    if meant is None:
        return Unreadable(account, f"the status '{told[:64]}' is not known")
    report = Report(meant, UNTIMED)
    if meant == status.FAILED:
        scrub = scrubbed(desc)
        text = f"{scrub.words} To act: {scrub.act}." if scrub is not None else desc or told
        code, early = (told[:64], False) if scrub is None else (scrub.code, scrub.early)
        report = Report(meant, UNTIMED, code, text[:500], early=early)
    return Status(account, first(item, "request_id")[:512], first(item, "udf1") or None, report)


def _number(text: str) -> str:
    """Return a number as it is written everywhere: Fast2SMS leaves India's code away."""
    return f"+91{text}" if len(text) == 10 and text.isdigit() else text
