"""Twilio's webhooks: their signature, and what they tell in the inbox's words.

Source: Twilio's description of request validation, and of the parameters of messages and status callbacks.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from urllib.parse import parse_qsl
from zlib import crc32

from jinaconnect.channels.base import Account, Verified, WebhookRequest
from jinaconnect.channels.facts import UNTIMED, Fact, Inbound, Keyword, Preference, Status, Unreadable
from jinaconnect.channels.sms_twilio.errors import EARLY, words
from jinaconnect.core.errors import BadSignature
from jinaconnect.core.inbox import status
from jinaconnect.core.inbox.address import sms_address
from jinaconnect.core.inbox.media_type import media_type
from jinaconnect.core.inbox.status import Report
from jinaconnect.core.messaging.keywords import HELP, STOP, keyword
from jinaconnect.core.signed_form import SIGNATURE_HEADER, addresses, signature

REPORTS = "dlr"  # the last part of the address that reports come to
DIGEST = "bodySHA256"
MAX_FILES = 10
_FORM = "application/x-www-form-urlencoded"

# Whatever says that Twilio has the message is what its answer to the send says as well.
_STATUSES = {
    "accepted": status.SENT, "scheduled": status.SENT, "queued": status.SENT, "sending": status.SENT,
    "sent": status.SENT, "delivered": status.DELIVERED, "read": status.READ, "undelivered": status.FAILED,
    "failed": status.FAILED, "canceled": status.FAILED,
}  # fmt: skip


def signed(token: str, hook: WebhookRequest) -> bool:
    """Tell whether a token made the signature of a webhook, which is over its form, or over its body's digest."""
    given = hook.headers.get(SIGNATURE_HEADER.lower(), "").encode("latin-1", "replace")
    digest = hook.query.get(DIGEST)
    form: list[tuple[str, str]] = []
    if digest is not None:
        if not hmac.compare_digest(hashlib.sha256(hook.body).hexdigest().encode(), digest.lower().encode()):
            return False
    elif hook.method == "POST" and hook.headers.get("content-type", _FORM).split(";")[0].strip().lower() == _FORM:
        try:
            form = parse_qsl(hook.body.decode(), keep_blank_values=True, max_num_fields=1_000)
        except ValueError:
            return False
    elif hook.body:
        return False  # a body that nothing of the signature speaks of
    return any(
        [hmac.compare_digest(signature(token, url, form).encode(), given) for url in addresses(hook.url)]
    )  # each is compared, so that time tells nothing


def verified(accounts: Sequence[Account], hook: WebhookRequest) -> Verified:
    """Return whose a webhook is: the account that its address names, whose token signed it; raises BadSignature."""
    account = next((each for each in accounts if each.id == hook.part(-2)), None)
    if account is None or not signed(account.secrets.get("auth_token", ""), hook):
        raise BadSignature("The signature does not fit the form.")
    form = _form(hook)
    if form.get("AccountSid", account.settings.get("account_sid")) != account.settings.get("account_sid"):
        return Verified((), reason="it is of another account at Twilio")
    report = _is_report(hook, form)
    customer = form.get("To" if report else "From", "")
    return Verified((account.id,), "STATUS" if report else "MESSAGE", crc32(customer.encode("utf-8", "replace")))


def _form(hook: WebhookRequest) -> Mapping[str, str]:
    """Return a webhook's fields, whichever form they came in."""
    if hook.query.get(DIGEST) is None:
        return hook.form
    data = hook.json
    return {str(name): str(value) for name, value in data.items()} if isinstance(data, dict) else {}


def _is_report(hook: WebhookRequest, form: Mapping[str, str]) -> bool:
    return "MessageStatus" in form or ("Body" not in form and hook.part(-1) == REPORTS)


def facts_of(hook: WebhookRequest) -> list[Fact]:
    """Return what a webhook tells."""
    account, form = hook.part(-2), _form(hook)
    if _is_report(hook, form):
        return list(_report(account, form, hook.query.get("reference")))
    id, sender = form.get("MessageSid") or form.get("SmsSid"), form.get("From")
    if not id or not sender:
        return [Unreadable(account, "a message names its id and its writer")]
    return list(_message(account, id, sender, form))


def _report(account: str, form: Mapping[str, str], reference: str | None) -> Iterator[Fact]:
    told, id = form.get("MessageStatus") or form.get("SmsStatus", ""), form.get("MessageSid") or form.get("SmsSid")
    report = reported(told, form.get("ErrorCode"), form.get("ErrorMessage"), _done(form))
    if id is None:
        yield Unreadable(account, "a report names its message")
    elif report is None:
        yield Unreadable(account, f"the status '{told[:64]}' is not known")
    else:
        yield Status(account, id[:512], reference, report)


def reported(told: str, code: str | None, message: str | None, at: datetime) -> Report | None:
    """Return what a status of Twilio's says, None for one that is not known."""
    meant = _STATUSES.get(told)
    if meant is None:
        return None
    if meant != status.FAILED:
        return Report(meant, at)
    code = code or told
    early = code.isascii() and code.isdigit() and len(code) < 9 and int(code) in EARLY
    return Report(meant, at, code, (words(code, message or f"Twilio says: {told}") or "")[:500], early=early)


def _done(form: Mapping[str, str]) -> datetime:
    """Return when the telephone had the message, where Twilio tells it: to the minute."""
    try:
        return datetime.strptime(form.get("RawDlrDoneDate", ""), "%y%m%d%H%M").replace(tzinfo=UTC)
    except ValueError:
        return UNTIMED


def _message(account: str, id: str, sender: str, form: Mapping[str, str]) -> Iterator[Fact]:
    """Yield the facts of a message: itself, its further files as messages of their own, and what its word asks for."""
    writer, text = sms_address(sender), form.get("Body", "")
    files = [n for n in range(min(_number(form.get("NumMedia")), MAX_FILES)) if form.get(f"MediaUrl{n}")]
    name, raw = form.get("ProfileName", ""), dict(form)
    if not files:
        shown = {"type": "text", "body": {"text": text or "unsupported: a message without text and files"}}
        yield Inbound(account, id, writer, name, UNTIMED, "TEXT" if text else "UNSUPPORTED", shown, raw=raw)
    for place, n in enumerate(files):
        type = media_type(form.get(f"MediaContentType{n}"))
        kind = _kind(type)
        part = {"url": None, "mime_type": type, **({"caption": text} if text and not place else {})}
        handle = {"url": form[f"MediaUrl{n}"], "mime_type": type}
        yield Inbound(
            account, f"{id}:{place}" if place else id, writer, name, UNTIMED, kind.upper(), {"type": kind, kind: part},
            media=handle, raw=raw if not place else None, quiet=place > 0,
        )  # fmt: skip
    said, by_twilio = keyword(text), form.get("OptOutType", "").upper()
    if by_twilio:  # and it has answered them itself
        if by_twilio != HELP:
            yield Preference(account, writer, name, by_twilio == STOP, UNTIMED)
    elif said is not None:
        yield Keyword(account, id, writer, said, UNTIMED)


def _number(text: str | None) -> int:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 4 else 0


def _kind(type: str) -> str:
    kind = type.partition("/")[0]
    return kind if kind in ("image", "video", "audio") else "document"
