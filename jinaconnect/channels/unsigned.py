"""Webhooks of carriers that sign nothing: whoever posts knows the account's secret, from the address we gave them."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping, Sequence
from typing import Any

from jinaconnect.channels.base import Account, WebhookRequest
from jinaconnect.core.errors import BadSignature

SECRET_HEADER = "x-webhook-secret"  # how the secret of an address reaches a channel, or comes by itself
REPORTS = "dlr"  # the last part of the address that reports come to


def trusted(accounts: Sequence[Account], hook: WebhookRequest, signature_header: str = "") -> Account:
    """Return the account that a webhook's address names, whose secret came along or signed it; raises BadSignature."""
    account = next((each for each in accounts if each.id == hook.part(-2)), None)
    secret = "" if account is None else account.secrets.get("webhook_secret", "")
    given = hook.headers.get(SECRET_HEADER, "").encode("latin-1", "replace")
    signed = hook.headers.get(signature_header, "").encode("latin-1", "replace")
    made = hmac.digest(secret.encode(), hook.body, hashlib.sha256).hex().encode()
    good = hmac.compare_digest(secret.encode(), given), hmac.compare_digest(made, signed)
    if account is None or not secret or not any(good):
        raise BadSignature("The secret is not this app's.")
    return account


def said(hook: WebhookRequest) -> Any:
    """Return what a webhook says, in JSON or as a form; raises Malformed."""
    kind = hook.headers.get("content-type", "").split(";")[0].strip().lower()
    return hook.json if kind == "application/json" or hook.body[:1] in (b"{", b"[") else dict(hook.form)


def first(fields: Mapping[str, Any], *names: str) -> str:
    """Return the first of these fields that says something, as text."""
    found = (str(fields[name]).strip() for name in names if fields.get(name) not in (None, ""))
    return next(found, "")


def hashed(*parts: str) -> str:
    """Return an id for what has none: the same parts have the same."""
    return hashlib.sha256("\x00".join(parts).encode("utf-8", "replace")).hexdigest()[:32]
