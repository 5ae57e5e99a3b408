"""Plivo, simulated."""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode
from xml.etree import ElementTree

from jinaconnect.outbound import Fetched
from jinaconnect.telephony.providers.plivo import NONCE, SIGNATURE, signature
from jinaconnect.telephony.simulator.hosted.vendor import Asked, Call, SimulatedVendor, answered, minute_price, sound
from jinaconnect.telephony.simulator.walkers.plivo_xml import PlivoWalker

_WORDS = {"no-answer": "timeout", "canceled": "cancel"}


class SimulatedPlivo(SimulatedVendor):
    """The Call and Recording resources, and Plivo XML."""

    name = "plivo"
    hosts = ("media.plivo.com",)

    def new_id(self) -> str:
        """Return an id for a call."""
        return str(uuid.uuid4())

    async def answer(self, asked: Asked) -> Fetched:
        """Answer a request."""
        if self.serves(asked.url):
            return sound(self.file(asked.path[-1].removesuffix(".wav")))
        path = [part for part in asked.path[3:] if part]  # behind the version and the account
        match asked.method, path:
            case "GET", []:
                return answered(200, {"auth_id": asked.path[2]})
            case "POST", ["Call"]:
                return self._placed(asked)
            case "DELETE", ["Call" | "Request", id]:
                return self._ended(id)
            case _, ["Call", id, *verb]:
                return self._change(asked, id, verb)
            case "GET", ["Recording", name] if name in self.lengths:
                return answered(200, {"recording_id": name, "recording_url": f"https://{self.hosts[0]}/{name}.wav"})
            case "DELETE", ["Recording", name] if name in self.lengths:
                del self.lengths[name]
                return answered(204)
        return answered(404, {"error": "not found"})

    def _placed(self, asked: Asked) -> Fetched:
        told = asked.json
        call = Call(
            asked.account, self.new_id(), "+" + told["from"], "+" + told["to"], told["answer_url"], told["hangup_url"],
            ring_s=float(told["ring_timeout"]), detects="machine_detection" in told,
        )  # fmt: skip
        self.dial(call)
        return answered(201, {"message": "call fired", "request_uuid": call.id, "api_id": call.id})

    def _ended(self, id: str) -> Fetched:
        call = self.calls.get(id)
        if call is None or call.over:
            return answered(404, {"error": "call not found"})
        self.end(call)
        return answered(204)

    def _change(self, asked: Asked, id: str, verb: list[str]) -> Fetched:
        call = self.calls.get(id)
        if call is None or call.over:
            return answered(404, {"error": "call not found"})
        if not verb:
            self.move(call, asked.json["aleg_url"])
        elif verb == ["Record"] and asked.method == "POST":
            return answered(202, {"recording_id": self.keep(1), "message": "async api spawned"})
        return answered(202 if asked.method == "POST" else 204, {"message": "ok"})

    async def walk(self, call: Call, url: str) -> None:
        """Lead the call by Plivo XML."""
        assert call.party is not None
        await PlivoWalker(call.party, self._common(call, "in-progress")).walk(url)

    async def ask(self, call: Call, url: str, fields: Mapping[str, Any]) -> bytes:
        """Ask for a document; one that has the session recorded has it recorded beside what it says."""
        root = ElementTree.fromstring(await super().ask(call, url, fields))
        for record in [each for each in root.findall("Record") if each.get("recordSession") == "true"]:
            call.records, call.recording = True, record.get("callbackUrl", "")
            root.remove(record)
        made: bytes = ElementTree.tostring(root, encoding="utf-8")
        return made

    def recorded(self, call: Call, name: str, seconds: int) -> Mapping[str, Any]:
        """Return the callback of a recording."""
        return {"CallUUID": call.id, "RecordingID": name, "RecordingDuration": str(seconds), "RecordUrl": name}

    def _common(self, call: Call, status: str) -> dict[str, str]:
        return {
            "CallUUID": call.id, "RequestUUID": call.id, "From": call.caller.lstrip("+"),
            "To": call.called.lstrip("+"), "CallStatus": status, "Event": "StartApp", "BillRate": "0.002",
            "Direction": "inbound" if call.inbound else "outbound",
        }  # fmt: skip

    def report(self, call: Call, status: str, seconds: int | None) -> Mapping[str, Any]:
        """Return what is posted of a status."""
        lasted = {} if seconds is None else {
            "Duration": str(seconds), "HangupCause": "NORMAL_CLEARING", "TotalCost": minute_price(seconds),
        }  # fmt: skip
        return {**self._common(call, _WORDS.get(status, status)), **lasted}

    def detected(self, call: Call) -> Mapping[str, Any]:
        """Return what detection posts."""
        return {**self._common(call, "in-progress"), "Machine": "true"}

    def signed(self, account: str, url: str, fields: Mapping[str, Any]) -> tuple[bytes, dict[str, str]]:
        """Return a signed form; what was recorded can be fetched."""
        if fields.get("RecordingID") and fields.get("RecordingDuration"):
            self.lengths.setdefault(fields["RecordingID"], max(1, int(float(fields["RecordingDuration"]))))
        form = [(name, str(value)) for name, value in fields.items()]
        nonce = secrets.token_hex(10)
        made = signature(self.world.secret_of(account), "POST", url, form, nonce)
        return urlencode(form).encode(), {
            "Content-Type": "application/x-www-form-urlencoded", SIGNATURE: made, NONCE: nonce,
        }  # fmt: skip
