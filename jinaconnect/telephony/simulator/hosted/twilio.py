"""Twilio, simulated."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode
from xml.etree import ElementTree

from jinaconnect.core.signed_form import SIGNATURE_HEADER, signature
from jinaconnect.outbound import Fetched
from jinaconnect.telephony.simulator.hosted.vendor import Asked, Call, SimulatedVendor, answered, sound
from jinaconnect.telephony.simulator.walkers.twiml import TwimlWalker

_WORDS = {"rejected": "failed"}


class SimulatedTwilio(SimulatedVendor):
    """The Calls and Recordings resources, and TwiML."""

    name = "twilio"

    def new_id(self) -> str:
        """Return an id for a call."""
        return "CA" + secrets.token_hex(16)

    async def answer(self, asked: Asked) -> Fetched:
        """Answer a request."""
        path = asked.path[3:]  # behind the version and the account
        match asked.method, path:
            case "GET", []:
                return answered(200, {"status": "active"})
            case "POST", ["Calls.json"]:
                return self._placed(asked)
            case "GET", ["Calls", file] if (price := self.prices.get(file.removesuffix(".json"))) is not None:
                return answered(200, {"status": "completed", "price": f"-{price}", "price_unit": "USD"})
            case "POST", ["Calls", id, "Recordings.json"]:
                return self._record(id, asked.form)
            case "POST", ["Calls", id, *rest]:
                return self._change(id.removesuffix(".json"), asked.form, rest)
            case "GET", ["Recordings", file]:
                return sound(self.file(file.partition(".")[0]))
            case "DELETE", ["Recordings", file]:
                return answered(204 if self.lengths.pop(file.partition(".")[0], None) else 404)
        return answered(404, {"code": 20404, "message": "not found"})

    def _placed(self, asked: Asked) -> Fetched:
        form = asked.form
        call = Call(
            asked.account, self.new_id(), form["From"], form["To"], form["Url"], form["StatusCallback"],
            form.get("RecordingStatusCallback", ""), float(form["Timeout"]), "Record" in form, "AsyncAmd" in form,
        )  # fmt: skip
        self.dial(call)
        return answered(201, {"sid": call.id, "status": "queued"})

    def _change(self, id: str, form: Mapping[str, str], recording: list[str]) -> Fetched:
        call = self.calls.get(id)
        if call is None or call.over:
            return answered(404, {"code": 20404, "message": "not found"})
        if recording:
            call.records = call.records and form["Status"] != "stopped"
        elif form.get("Status") == "completed":
            self.end(call)
        elif "Url" in form:
            self.move(call, form["Url"])
        else:
            self.move(call, ElementTree.fromstring(form["Twiml"]).findtext("Redirect", ""))
        return answered(200, {"sid": id})

    def _record(self, id: str, form: Mapping[str, str]) -> Fetched:
        call = self.calls.get(id)
        if call is None or call.over:
            return answered(404, {"code": 20404, "message": "not found"})
        call.records, call.tape, call.recording = True, self.keep(1), form.get("RecordingStatusCallback", "")
        return answered(201, {"sid": call.tape, "status": "in-progress"})

    async def walk(self, call: Call, url: str) -> None:
        """Lead the call by TwiML."""
        assert call.party is not None
        await TwimlWalker(call.party, self._common(call, "in-progress")).walk(url)

    def _common(self, call: Call, status: str) -> dict[str, str]:
        return {
            "CallSid": call.id, "AccountSid": f"AC{self.world.secret_of(call.account)[:32]}", "From": call.caller,
            "To": call.called, "CallStatus": status, "ApiVersion": "2010-04-01",
            "Direction": "inbound" if call.inbound else "outbound-api",
        }  # fmt: skip

    def report(self, call: Call, status: str, seconds: int | None) -> Mapping[str, Any]:
        """Return a status callback."""
        lasted = {} if seconds is None else {"CallDuration": str(seconds)}
        return {**self._common(call, _WORDS.get(status, status)), **lasted}

    def detected(self, call: Call) -> Mapping[str, Any]:
        """Return what detection posts."""
        return {**self._common(call, "in-progress"), "AnsweredBy": "machine_start", "MachineDetectionDuration": "400"}

    def recorded(self, call: Call, name: str, seconds: int) -> Mapping[str, Any]:
        """Return the callback of a recording."""
        return {"CallSid": call.id, "RecordingSid": name, "RecordingStatus": "completed",
                "RecordingDuration": str(seconds)}  # fmt: skip

    def signed(self, account: str, url: str, fields: Mapping[str, Any]) -> tuple[bytes, dict[str, str]]:
        """Return a signed form; what was recorded can be fetched."""
        if fields.get("RecordingSid") and fields.get("RecordingDuration"):
            self.lengths.setdefault(fields["RecordingSid"], int(fields["RecordingDuration"]))
        form = [(name, str(value)) for name, value in fields.items()]
        made = signature(self.world.secret_of(account), url, form)
        return urlencode(form).encode(), {"Content-Type": "application/x-www-form-urlencoded", SIGNATURE_HEADER: made}
