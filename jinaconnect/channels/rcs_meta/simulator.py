"""A simulated carrier of the assumed contract; what it does is decided by the number written to."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import orjson

from jinaconnect.channels.base import Account, Parts
from jinaconnect.channels.script import Script
from jinaconnect.channels.simulated import taken
from jinaconnect.outbound import Fetched


class SimulatedMetaRcs:
    """The simulated API."""

    def __init__(self, parts: Parts) -> None:
        self._script = Script.of(parts)

    async def send(self, account: Account, body: Mapping[str, Any], reference: str) -> Fetched:
        """Take a message, or refuse it."""
        to, id = str(body["to"]), _id(reference)
        def report(status: str, at: datetime) -> dict[str, Any]:
            item: dict[str, Any] = {
                "id": id, "status": status, "timestamp": str(int(at.timestamp())), "recipient_id": to,
                "biz_opaque_callback_data": reference,
            }  # fmt: skip
            if status == "failed":
                item["errors"] = [{"code": 131026, "title": "The simulated number is not on RCS."}]
            return {"body": _body({"statuses": [item]}).decode()}

        def answer(at: datetime) -> dict[str, Any]:
            return {"body": customers_body(to, "", "hello", None, f"{id}reply", at)[1].decode()}

        good = {"messaging_product": "rcs", "messages": [{"id": id}]}
        return await taken(self._script, account, to, id, reference, report=report, answer=answer, good=good)


def customers_body(
    sender: str, name: str, text: str | None, media_url: str | None, id: str, at: datetime
) -> tuple[str, bytes]:
    """Return (the carrier's id, the webhook's body) of a message a customer writes."""
    number, own = sender.lstrip("+"), _id(id)
    message: dict[str, Any] = {"from": number, "id": own, "timestamp": str(int(at.timestamp()))}
    if media_url is not None:
        message |= {"type": "image", "image": {"url": media_url, "mime_type": "image/jpeg"}}
    else:
        message |= {"type": "text", "text": {"body": text}}
    return own, _body({"contacts": [{"profile": {"name": name}, "wa_id": number}], "messages": [message]})


def _body(value: Mapping[str, Any]) -> bytes:
    change = {"field": "messages", "value": {"messaging_product": "rcs", **value}}
    return orjson.dumps({"object": "rcs_business_account", "entry": [{"id": "sandbox", "changes": [change]}]})


def _id(of: str) -> str:
    return "rcs." + hashlib.sha256(of.encode()).hexdigest()[:32]
