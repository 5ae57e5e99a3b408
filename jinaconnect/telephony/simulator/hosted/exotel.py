"""Exotel, simulated."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

import orjson

from jinaconnect.outbound import Fetched
from jinaconnect.telephony.simulator.hosted.vendor import Asked, Call, SimulatedVendor, answered, sound
from jinaconnect.telephony.simulator.walkers.exoml import ExomlWalker

FILES = "https://recordings.exotel.com/"
_WORDS = {"rejected": "failed"}


class SimulatedExotel(SimulatedVendor):
    """The Calls API, and ExoML."""

    name = "exotel"
    hosts = ("recordings.exotel.com",)

    async def answer(self, asked: Asked) -> Fetched:
        """Answer a request."""
        if self.serves(asked.url):
            return sound(self.file(asked.path[-1]))
        match asked.method, asked.path[3:]:
            case "GET", ["Calls.json"]:
                return answered(200, {"Calls": []})
            case "POST", ["Calls", "connect.json"]:
                return self._placed(asked)
            case "GET", ["Calls", file] if file.removesuffix(".json") in {**self.lengths, **self.prices}:
                id = file.removesuffix(".json")
                url = FILES + id if id in self.lengths else None
                return answered(200, {"Call": {"Sid": id, "RecordingUrl": url, "Price": self.prices.get(id)}})
        return answered(404, {"RestException": {"Status": 404, "Message": "not found"}})

    def _placed(self, asked: Asked) -> Fetched:
        form = asked.form
        call = Call(
            asked.account, self.new_id(), form["CallerId"], form["From"], form["Url"], form["StatusCallback"],
            ring_s=float(form["TimeOut"]), records=form["Record"] == "true",
        )  # fmt: skip
        self.dial(call)
        return answered(200, {"Call": {"Sid": call.id, "Status": "in-progress"}})

    async def walk(self, call: Call, url: str) -> None:
        """Lead the call by ExoML."""
        assert call.party is not None
        common = {
            "CallSid": call.id, "CallFrom": call.caller if call.inbound else call.called,
            "CallTo": call.called if call.inbound else call.caller,
            "Direction": "incoming" if call.inbound else "outbound-dial",
        }  # fmt: skip
        await ExomlWalker(call.party, common).walk(url)

    def report(self, call: Call, status: str, seconds: int | None) -> Mapping[str, Any]:
        """Return a status callback, in JSON."""
        event = "answered" if status == "in-progress" else "terminal"
        told: dict[str, Any] = {"CallSid": call.id, "Status": _WORDS.get(status, status), "EventType": event}
        if seconds is not None:
            told["ConversationDuration"] = seconds
            if call.records:
                self.lengths[call.id] = seconds
                told["RecordingUrl"] = FILES + call.id
        return told

    def signed(self, account: str, url: str, fields: Mapping[str, Any]) -> tuple[bytes, dict[str, str]]:
        """Return a form where a document is asked for, else JSON: nothing is signed."""
        told = dict(fields)
        if told.get("RecordingUrl") and "EventType" not in told:
            told["RecordingUrl"] = FILES + self.keep(max(1, int(float(told.get("RecordingDuration") or 1))))
        if "EventType" in told:
            return orjson.dumps(told), {"Content-Type": "application/json"}
        return urlencode(told).encode(), {"Content-Type": "application/x-www-form-urlencoded"}
