"""Vonage, simulated."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import jwt
import orjson

from jinaconnect.outbound import Fetched
from jinaconnect.telephony.simulator.hosted.vendor import Asked, Call, SimulatedVendor, answered, minute_price, sound
from jinaconnect.telephony.simulator.walkers.ncco import NccoWalker

FILES = "https://api.nexmo.com/v1/files/"
_WORDS = {"in-progress": "answered", "no-answer": "unanswered", "canceled": "cancelled"}


class SimulatedVonage(SimulatedVendor):
    """The Voice API, and NCCO."""

    name = "vonage"
    hosts = ("api.nexmo.com",)

    async def answer(self, asked: Asked) -> Fetched:
        """Answer a request."""
        if self.serves(asked.url):
            return sound(self.file(asked.path[-1]))
        match asked.method, asked.path[1:]:
            case "GET", ["calls"]:
                return answered(200, {"count": 0})
            case "POST", ["calls"]:
                return self._placed(asked)
            case "PUT", ["calls", id]:
                return self._change(id, asked.json)
            case _, ["calls", id, _]:
                return answered(200 if id in self.calls else 404, {"message": "ok", "uuid": id})
        return answered(404, {"title": "not found"})

    def _placed(self, asked: Asked) -> Fetched:
        told = asked.json
        call = Call(
            asked.account, self.new_id(), "+" + told["from"]["number"], "+" + told["to"][0]["number"],
            told["answer_url"][0], told["event_url"][0], ring_s=float(told["ringing_timer"]),
            detects="machine_detection" in told,
        )  # fmt: skip
        self.dial(call)
        return answered(201, {"uuid": call.id, "status": "started", "direction": "outbound"})

    def _change(self, id: str, told: Mapping[str, Any]) -> Fetched:
        call = self.calls.get(id)
        if call is None or call.over:
            return answered(404, {"title": "not found"})
        if told["action"] == "hangup":
            self.end(call)
        else:
            self.move(call, told["destination"]["ncco"][-1]["eventUrl"][0])
        return answered(204)

    async def walk(self, call: Call, url: str) -> None:
        """Lead the call by NCCO."""
        assert call.party is not None
        await NccoWalker(call.party, self._common(call)).walk(url)

    async def ask(self, call: Call, url: str, fields: Mapping[str, Any]) -> bytes:
        """Ask for a list; a recording in it that has nothing to end on goes on beside the rest."""
        body = await super().ask(call, url, fields)
        actions = orjson.loads(body) if body else []
        for each in actions:
            if each["action"] == "record" and not {"timeOut", "endOnSilence", "endOnKey"} & each.keys():
                call.records, call.recording = True, each["eventUrl"][0]
        return body

    def recorded(self, call: Call, name: str, seconds: int) -> Mapping[str, Any]:
        """Return the event of a recording."""
        told = {"recording_url": FILES + name, "recording_uuid": name, "size": seconds * 16_000}
        return {**self._common(call), **told}

    def _common(self, call: Call) -> dict[str, Any]:
        return {
            "uuid": call.id, "conversation_uuid": f"CON-{call.id}", "from": call.caller.lstrip("+"),
            "to": call.called.lstrip("+"), "timestamp": datetime.now(UTC).isoformat(),
        }  # fmt: skip

    def report(self, call: Call, status: str, seconds: int | None) -> Mapping[str, Any]:
        """Return an event of a call's life."""
        lasted = {} if seconds is None else {"duration": str(seconds), "price": minute_price(seconds)}
        direction = "inbound" if call.inbound else "outbound"
        return {**self._common(call), "status": _WORDS.get(status, status), "direction": direction, **lasted}

    def detected(self, call: Call) -> Mapping[str, Any]:
        """Return what detection posts."""
        return {**self._common(call), "status": "machine", "direction": "outbound"}

    def signed(self, account: str, url: str, fields: Mapping[str, Any]) -> tuple[bytes, dict[str, str]]:
        """Return JSON with a token over it; what was recorded can be fetched."""
        told = dict(fields)
        if told.get("recording_url"):
            seconds = max(1, int(told.get("size", 16_000)) // 16_000)
            told["recording_url"] = FILES + self.keep(seconds)
        body, secret = orjson.dumps(told), self.world.secret_of(account)
        claims = {
            "iss": "Vonage", "api_key": secret[:8], "application_id": account, "jti": secrets.token_hex(8),
            "iat": int(datetime.now(UTC).timestamp()), "payload_hash": hashlib.sha256(body).hexdigest(),
        }  # fmt: skip
        token = jwt.encode(claims, secret, algorithm="HS256")
        return body, {"Content-Type": "application/json", "Authorization": f"Bearer {token}"}
