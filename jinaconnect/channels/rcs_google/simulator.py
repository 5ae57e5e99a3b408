"""A simulated RBM: takes what the real one takes, answers as it does, and posts signed events through the webhook door.

What it does is decided by the number written to, as everywhere in the sandbox; …0113 is not on RCS.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from urllib.parse import unquote

import orjson

from jinaconnect.channels.base import Account, Parts
from jinaconnect.channels.script import PLANS, SILENT, Script, ending
from jinaconnect.core.clock import iso
from jinaconnect.outbound import Ambiguous, Fetched

_FEATURES = ["RICHCARD_STANDALONE", "RICHCARD_CAROUSEL", "ACTION_DIAL", "ACTION_OPEN_URL", "ACTION_VIEW_LOCATION"]
_REPORTED = {"delivered": "DELIVERED", "read": "READ"}  # that it was sent, the answer says


class SimulatedRbm:
    """The simulated RBM API."""

    def __init__(self, parts: Parts) -> None:
        self._script = Script.of(parts)
        self._taken: set[str] = set()

    async def call(
        self, account: Account, method: str, path: str, query: Mapping[str, str], json: Any, reference: str
    ) -> Fetched:
        """Answer one request as RBM does."""
        parts = path.split("/")
        if parts == ["users:batchGet"]:
            reached = [number for number in json["users"] if _on_rcs(number)]
            return _answer(200, {"reachableUsers": reached})
        number = unquote(parts[1])
        if not _on_rcs(number):
            return _error(404, "NOT_FOUND", "The user is not reachable by RCS.")
        if parts[2] == "capabilities":
            return _answer(200, {"features": _FEATURES})
        if method == "DELETE":
            return _answer(200, {})
        return await self._message(account, number, query["messageId"], reference)

    async def _message(self, account: Account, number: str, id: str, reference: str) -> Fetched:
        if id in self._taken:
            return _answer(409, {"error": {"code": 409, "status": "ALREADY_EXISTS", "message": "The id is taken."}})
        if self._script.busy(number, reference):
            return _error(429, "RESOURCE_EXHAUSTED", "Quota exceeded.", {"retry-after": "1"})

        def report(status: str, at: datetime) -> Mapping[str, Any] | None:
            if status not in _REPORTED:
                return None
            event = {"eventType": _REPORTED[status], "messageId": id, "eventId": _digest(f"{id} {status} {at}")}
            return _posted(account, number, at, event)

        def answer(at: datetime) -> Mapping[str, Any]:
            return _posted(account, number, at, {"messageId": _digest(f"{id} reply"), "text": "hello"})

        await self._script.deliver(account, number, id, report, answer)
        self._taken.add(id)
        if len(self._taken) > 10_000:
            self._taken.clear()
        if ending(number) == SILENT:
            raise Ambiguous("the simulated carrier timed out after accepting")
        return _answer(200, {"name": f"phones/{number}/agentMessages/{id}", "sendTime": "2026-01-01T00:00:00Z"})


def customers_event(
    account: Account, sender: str, text: str | None, media_url: str | None, id: str, at: datetime
) -> tuple[str, bytes]:
    """Return (the message's id, the event) of a message a customer writes."""
    number = _digest(f"in {id}")
    said: dict[str, Any] = {"messageId": number}
    if media_url is not None:
        payload = {"mimeType": "image/jpeg", "fileName": "image.jpg", "fileUri": media_url}
        said["userFile"] = {"payload": payload}
    else:
        said["text"] = text
    return number, _event(account, sender, at, said)


def _event(account: Account, number: str, at: datetime, what: Mapping[str, Any]) -> bytes:
    named = {"senderPhoneNumber": number, "sendTime": iso(at), "agentId": account.fields["agent_id"]}
    return orjson.dumps({**named, **what})


def _posted(account: Account, number: str, at: datetime, what: Mapping[str, Any]) -> dict[str, Any]:
    return {"body": _event(account, number, at, what).decode()}


def _on_rcs(number: str) -> bool:
    return "failed" not in PLANS.get(ending(number), ((),))[0]


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def _answer(status: int, data: Any, headers: Mapping[str, str] | None = None) -> Fetched:
    return Fetched(status, {"content-type": "application/json", **(headers or {})}, orjson.dumps(data), "")


def _error(code: int, status: str, text: str, headers: Mapping[str, str] | None = None) -> Fetched:
    return _answer(code, {"error": {"code": code, "status": status, "message": text}}, headers)
