"""What simulated carriers have alike: a send by the script, and webhooks whose address has a secret in it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

import orjson

from jinaconnect.channels.base import Account, ChannelSpec, WebhookRequest
from jinaconnect.channels.script import SILENT, Script, ending
from jinaconnect.outbound import Ambiguous, Fetched

BUSY: Mapping[str, Any] = {"status": "error", "message": "Too Many Requests"}
INBOUND = "inbound"


def posted(account: Account, path: str, form: Mapping[str, str] | None = None, json: Any = None) -> WebhookRequest:
    """Return the webhook of a simulated carrier, with the secret in its address."""
    kind = "application/json" if form is None else "application/x-www-form-urlencoded"
    body = orjson.dumps(json) if form is None else urlencode(form).encode()
    return WebhookRequest(body, url=f"{path}{account.secrets['webhook_secret']}/", headers={"content-type": kind})


def path_of(spec: ChannelSpec, account: Account, part: str = INBOUND) -> str:
    """Return where an account's messages come in, or its reports."""
    return spec.path(account.tenant, account.id).replace(f"/{INBOUND}/", f"/{part}/")


async def taken(
    script: Script, account: Account, to: str, id: str, reference: str, *,
    report: Callable[[str, datetime], Mapping[str, Any] | None], answer: Callable[[datetime], Mapping[str, Any]],
    good: Mapping[str, Any], status: int = 200,
) -> Fetched:  # fmt: skip
    """Answer a send as the number written to decides, and plan what is posted of it then."""
    if script.busy(to, reference):
        return Fetched(429, {"retry-after": "1"}, orjson.dumps(BUSY), "")
    await script.deliver(account, to, id, report, answer)
    if ending(to) == SILENT:
        raise Ambiguous("the simulated carrier timed out after accepting")
    return Fetched(status, {}, orjson.dumps(good), "")
