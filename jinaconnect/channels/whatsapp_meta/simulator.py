"""A simulated WhatsApp carrier: takes Meta's requests, answers in Meta's format, and reports through the webhook door.

What it does is decided by the number written to (numbers reserved for fiction). Reports are jobs, so a restart loses
none; they are posted, signed with the account's secret, to the same door Meta would use.
"""

from __future__ import annotations

import base64
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
_MEDIA = "simmedia"


class SimulatedMeta:
    """The simulated Graph API."""

    def __init__(self, parts: Parts) -> None:
        self._script = Script.of(parts)
        self._accounts = parts.accounts
        self._outside = parts.outbound

    async def request(
        self, method: str, url: str, *, headers: Any = None, json: Any = None, limit: int = 1024 * 1024,
        into: Any = None, **_: Any,
    ) -> Fetched:  # fmt: skip
        """Answer one request as the Cloud API does."""
        parts = urlsplit(url).path.strip("/").split("/")
        if method == "POST" and len(parts) == 3 and parts[2] == "uploads":
            return _answer(url, 200, {"id": "upload:" + _digits(url)})
        if method == "POST" and len(parts) == 2 and parts[1].startswith("upload:"):
            return _answer(url, 200, {"h": "4::" + _digits(url)})
        if method == "POST" and len(parts) == 3 and parts[2] == "media":
            return _answer(url, 200, {"id": _digits(url)})
        if method == "POST" and len(parts) == 3 and parts[2] == "messages":
            return await self._messages(url, parts[1], json)
        if method == "POST" and len(parts) == 3 and parts[2] == "message_templates":
            return _answer(url, 200, {"id": _digits(str(json)), "status": "PENDING", "category": json.get("category")})
        if method == "GET" and len(parts) == 3 and parts[2] == "message_templates":
            return _answer(url, 200, {"data": []})
        if method == "DELETE" and len(parts) == 3 and parts[2] == "message_templates":
            return _answer(url, 200, {"success": True})
        if len(parts) == 2 and (method == "POST" or "rejected_reason" in url):
            return _answer(url, 200, {"success": True, "status": "APPROVED", "id": parts[1]})
        if method == "GET" and len(parts) == 2 and parts[1].startswith(_MEDIA):
            link = base64.urlsafe_b64decode(parts[1].removeprefix(_MEDIA)).decode()
            return _answer(
                url, 200, {"url": link, "mime_type": "image/jpeg", "id": parts[1], "messaging_product": "whatsapp"}
            )
        if method == "GET" and len(parts) == 2 and "fields=" in url and await self._accounts.simulated(parts[1]):
            health = {"health_status": {"can_send_message": "AVAILABLE"}, "status": "CONNECTED", "id": parts[1]}
            return _answer(url, 200, {"quality_rating": "GREEN", "messaging_limit_tier": "TIER_1K", **health})
        if method == "GET" and not url.startswith(BASE_URL):
            return await self._outside.request("GET", url, follow=True, limit=limit, timeout_s=60, into=into)
        return _error(url, 404, 100, "Unsupported request in the simulated carrier.")

    async def _messages(self, url: str, address: str, body: Mapping[str, Any]) -> Fetched:
        account = await self._accounts.simulated(address)
        if account is None:
            return _error(url, 400, 100, "Unknown phone number id.")
        if body.get("status") == "read":
            return _answer(url, 200, {"success": True})
        to = str(body.get("to", "")).lstrip("+")
        reference = str(body.get("biz_opaque_callback_data", ""))
        if self._script.busy(to, reference):
            return _error(url, 429, 130429, "Rate limit hit", {"retry-after": "1"})
        wamid = "wamid." + base64.b64encode(b"SIM" + hashlib.sha256(reference.encode()).digest()[:24]).decode()
        await self._plan(account, to, wamid, reference)
        if ending(to) == SILENT:
            raise Ambiguous("the simulated carrier timed out after accepting")
        return _answer(
            url, 200,
            {"messaging_product": "whatsapp", "contacts": [{"input": to, "wa_id": to}], "messages": [{"id": wamid}]},
        )  # fmt: skip

    async def _plan(self, account: Account, to: str, wamid: str, reference: str) -> None:
        def report(status: str, at: datetime) -> dict[str, Any]:
            item: dict[str, Any] = {
                "id": wamid, "status": status, "timestamp": str(int(at.timestamp())), "recipient_id": to,
                "biz_opaque_callback_data": reference,
            }  # fmt: skip
            if status == "failed":
                item["errors"] = [{
                    "code": 131026, "title": "Message undeliverable",
                    "error_data": {"details": "The simulated number cannot be reached."},
                }]  # fmt: skip
            return _posted(account, {"statuses": [item]})

        def answer(at: datetime) -> dict[str, Any]:
            stamp = str(int(at.timestamp()))
            message = {
                "from": to, "id": f"{wamid}REPLY", "timestamp": stamp, "type": "text", "text": {"body": "hello"},
            }  # fmt: skip
            return _posted(account, inbound_value(to, "", message))

        await self._script.deliver(account, to, wamid, report, answer)


def media_handle(url: str) -> str:
    """Return the simulated carrier's id of a customer's file."""
    return _MEDIA + base64.urlsafe_b64encode(url.encode()).decode()


def inbound_value(sender: str, name: str, message: Mapping[str, Any]) -> dict[str, Any]:
    """Return the `value` of an inbound message."""
    return {"contacts": [{"profile": {"name": name}, "wa_id": sender}], "messages": [dict(message)]}


def customers_message(
    account: Account, sender: str, name: str, text: str | None, media_url: str | None, id: str, at: datetime
) -> tuple[str, bytes]:
    """Return (the carrier's id, the webhook's body) of a message a customer writes."""
    number, wamid = sender.lstrip("+"), "wamid.IN" + id.upper()
    message: dict[str, Any] = {"from": number, "id": wamid, "timestamp": str(int(at.timestamp()))}
    if media_url is not None:
        message.update(type="image", image={"id": media_handle(media_url), "mime_type": "image/jpeg"})
    else:
        message.update(type="text", text={"body": text})
    return wamid, webhook_body(account, inbound_value(number, name, message))


def webhook_body(account: Account, value: Mapping[str, Any]) -> bytes:
    """Return the raw webhook body of a simulated account, in Meta's envelope."""
    metadata = {"display_phone_number": account.phone.lstrip("+"), "phone_number_id": account.address}
    change = {"field": "messages", "value": {"messaging_product": "whatsapp", "metadata": metadata, **value}}
    return orjson.dumps(
        {"object": "whatsapp_business_account", "entry": [{"id": account.business, "changes": [change]}]}
    )


def _posted(account: Account, value: Mapping[str, Any]) -> dict[str, Any]:
    """Return the data of the job that posts a webhook."""
    return {"body": webhook_body(account, value).decode()}


def _digits(text: str) -> str:
    return str(int.from_bytes(hashlib.sha256(text.encode()).digest()[:7], "big"))


def _answer(url: str, status: int, data: Any, headers: Mapping[str, str] | None = None) -> Fetched:
    return Fetched(status, {"content-type": "application/json", **(headers or {})}, orjson.dumps(data), url)


def _error(url: str, status: int, code: int, text: str, headers: Mapping[str, str] | None = None) -> Fetched:
    error = {
        "message": f"(#{code}) {text}",
        "type": "OAuthException",
        "code": code,
        "error_data": {"messaging_product": "whatsapp", "details": text},
    }
    return _answer(url, status, {"error": error}, headers)
