"""A simulated Twilio: takes its requests, answers in its format, and reports through the webhook door.

What it does is decided by the number written to, as with every simulated carrier.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

import orjson

from jinaconnect.channels.base import Account, Parts
from jinaconnect.channels.script import SILENT, Script, ending
from jinaconnect.outbound import Ambiguous, Fetched

BASE_URL = "https://simulator.invalid"
_REPORTED = {"sent": "sent", "delivered": "delivered", "failed": "undelivered"}  # SMS tell nothing of reading
_UNREACHABLE = "30003"


class SimulatedTwilio:
    """The simulated Messages API."""

    def __init__(self, parts: Parts) -> None:
        self._script = Script.of(parts)

    async def send(self, account: Account, url: str, form: Mapping[str, str], reference: str) -> Fetched:
        """Take a message, or refuse it, as Twilio does."""
        to = form["To"]
        if self._script.busy(to, reference):
            busy = {"code": 20429, "message": "Too Many Requests", "status": 429}
            return Fetched(429, {"retry-after": "1"}, orjson.dumps(busy), url)
        sid = "SM" + hashlib.sha256(reference.encode()).hexdigest()[:32]
        callback = urlsplit(form["StatusCallback"])
        path = f"{callback.path}?{callback.query}"

        def report(status: str, at: datetime) -> dict[str, Any] | None:
            told = _REPORTED.get(status)
            if told is None:
                return None
            fields = {
                "SmsSid": sid, "SmsStatus": told, "MessageStatus": told, "To": to, "MessageSid": sid,
                "AccountSid": account.settings["account_sid"], "From": account.phone, "ApiVersion": "2010-04-01",
                **({"ErrorCode": _UNREACHABLE} if status == "failed" else {}),
            }  # fmt: skip
            return {"path": path, "form": fields}

        await self._script.deliver(
            account, to, sid, report, lambda at: {"form": customers_form(account, to, "hello", None, f"{sid}reply")}
        )
        if ending(to) == SILENT:
            raise Ambiguous("the simulated carrier timed out after accepting")
        taken = {"sid": sid, "status": "queued", "to": to, "error_code": None, "num_segments": "1"}
        return Fetched(201, {"content-type": "application/json"}, orjson.dumps(taken), url)


def customers_form(account: Account, sender: str, text: str | None, media_url: str | None, id: str) -> dict[str, str]:
    """Return the form of a message that a customer writes."""
    sid = ("MM" if media_url else "SM") + hashlib.sha256(id.encode()).hexdigest()[:32]
    files = {"MediaUrl0": media_url, "MediaContentType0": "image/jpeg"} if media_url else {}
    return {
        "ToCountry": "US", "SmsMessageSid": sid, "NumMedia": "1" if media_url else "0", "SmsSid": sid,
        "SmsStatus": "received", "Body": text or "", "FromCountry": "US", "To": account.phone, "NumSegments": "1",
        "MessageSid": sid, "AccountSid": account.settings["account_sid"], "From": sender, "ApiVersion": "2010-04-01",
        **files,
    }  # fmt: skip
