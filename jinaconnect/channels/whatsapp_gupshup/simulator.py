"""A simulated Gupshup: takes sends of both its APIs, answers as they do, and posts the webhooks that belong to each.

What it does is decided by the number written to, as with every simulated carrier.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from jinaconnect.channels.base import Account, Parts
from jinaconnect.channels.script import Script
from jinaconnect.channels.simulated import taken
from jinaconnect.channels.whatsapp.envelope import OBJECT
from jinaconnect.outbound import Fetched

_UNDELIVERABLE = (131026, "The simulated number cannot be reached.")


class SimulatedGupshup:
    """The simulated APIs."""

    def __init__(self, parts: Parts) -> None:
        self._script = Script.of(parts)

    async def passed_on(self, account: Account, body: Mapping[str, Any]) -> Fetched:
        """Take a message in the Cloud API's form."""
        to, reference = str(body.get("to") or body.get("recipient")), str(body["biz_opaque_callback_data"])
        own = _uuid(reference)

        def report(status: str, at: datetime) -> dict[str, Any]:
            item: dict[str, Any] = {
                "id": _wamid(reference), "gs_id": own, "status": status, "timestamp": str(int(at.timestamp())),
                "recipient_id": to, "biz_opaque_callback_data": reference,
            }  # fmt: skip
            if status == "failed":
                code, title = _UNDELIVERABLE
                item["errors"] = [{"code": code, "title": title}]
            return {"json": _envelope(account, {"statuses": [item]})}

        good = {
            "messaging_product": "whatsapp", "contacts": [{"input": to, "wa_id": to}], "messages": [{"id": own}],
        }  # fmt: skip
        return await self._take(account, to, reference, own, report, good)

    async def by_form(self, account: Account, form: Mapping[str, str], reference: str) -> Fetched:
        """Take a message of Gupshup's own API."""
        to, own = form["destination"], _uuid(reference)

        def report(status: str, at: datetime) -> dict[str, Any]:
            if status == "failed":
                code, reason = _UNDELIVERABLE
                part: dict[str, Any] = {"code": code, "reason": reason}
            else:
                part = {"ts": int(at.timestamp())}
            payload = {"id": _wamid(reference), "gsId": own, "type": status, "destination": to, "payload": part}
            return {"json": _event(account, "message-event", payload, at)}

        return await self._take(account, to, reference, own, report, {"status": "submitted", "messageId": own}, 202)

    async def _take(
        self, account: Account, to: str, reference: str, own: str, report: Callable[[str, datetime], dict[str, Any]],
        good: Mapping[str, Any], status: int = 200,
    ) -> Fetched:  # fmt: skip
        def answer(at: datetime) -> dict[str, Any]:
            return {"json": customers_body(account, to, "", "hello", None, f"{own}reply", at)[1]}

        return await taken(
            self._script, account, to, own, reference, report=report, answer=answer, good=good, status=status
        )  # fmt: skip

    @staticmethod
    def account_info(account: Account) -> dict[str, Any]:
        """Return how the simulated number stands."""
        return {
            "account_status": "ACTIVE", "docker_status": "CONNECTED", "messaging_limit": "TIER_1K",
            "phone": account.phone, "phone_quality": "GREEN", "can_send_message": "AVAILABLE",
        }  # fmt: skip

    @staticmethod
    def template_id(template: Mapping[str, Any]) -> str:
        """Return the id of a template that was handed in."""
        return _uuid(str(template["_id"]))


def customers_body(
    account: Account, sender: str, name: str, text: str | None, media_url: str | None, id: str, at: datetime
) -> tuple[str, dict[str, Any]]:
    """Return (WhatsApp's id, the webhook) of a message a customer writes, in the version that the account is posted."""
    number, wamid = sender.lstrip("+"), _wamid(id)
    if "app_token" in account.secrets:
        message: dict[str, Any] = {"from": number, "id": wamid, "timestamp": str(int(at.timestamp()))}
        if media_url is not None:
            file = {"id": _uuid(id), "mime_type": "image/jpeg", "url": media_url}
            message |= {"type": "image", "image": file}
        else:
            message |= {"type": "text", "text": {"body": text}}
        return wamid, _envelope(
            account, {"contacts": [{"profile": {"name": name}, "wa_id": number}], "messages": [message]}
        )
    kind, part = ("text", {"text": text}) if media_url is None else (
        "image", {"url": media_url, "contentType": "image/jpeg", "urlExpiry": int(at.timestamp() + 604_800) * 1000}
    )  # fmt: skip
    person = {"phone": number, "name": name, "country_code": number[:1], "dial_code": number[1:]}
    payload = {"id": wamid, "source": number, "type": kind, "payload": part, "sender": person}
    return wamid, _event(account, "message", payload, at)


def _event(account: Account, type: str, payload: Mapping[str, Any], at: datetime) -> dict[str, Any]:
    """Return a webhook of version 2."""
    stamp = int(at.timestamp() * 1000)
    return {"app": account.settings.get("app_name", "Sandbox"), "timestamp": stamp, "version": 2, "type": type,
            "payload": dict(payload)}  # fmt: skip


def _envelope(account: Account, value: Mapping[str, Any]) -> dict[str, Any]:
    """Return a webhook of version 3."""
    number = account.phone.lstrip("+")
    metadata = {"display_phone_number": number, "phone_number_id": number}
    change = {"field": "messages", "value": {"messaging_product": "whatsapp", "metadata": metadata, **value}}
    return {"gs_app_id": account.business, "object": OBJECT, "entry": [{"id": number, "changes": [change]}]}


def _uuid(of: str) -> str:
    return str(UUID(bytes=hashlib.sha256(of.encode()).digest()[:16], version=4))


def _wamid(of: str) -> str:
    return "wamid." + base64.b64encode(b"SIM" + hashlib.sha256(of.encode()).digest()[:24]).decode()
