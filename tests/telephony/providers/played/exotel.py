"""Exotel, played: calls by form, ExoML, callbacks that nobody signs: in JSON of a call's life, forms of its turns."""

from __future__ import annotations

import base64
import json
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlencode
from xml.etree import ElementTree

from aiohttp import web

from tests.telephony.providers.fake import FakeCall, FakeCarrier, Headers

KNOWN = frozenset({
    "From", "CallerId", "Url", "CallType", "StatusCallback", "StatusCallbackEvents[0]", "StatusCallbackEvents[1]",
    "StatusCallbackContentType", "TimeOut", "TimeLimit", "CustomField", "Record", "RecordingChannels",
    "RecordingFormat",
})  # fmt: skip


@dataclass
class ExotelCarrier(FakeCarrier):
    """The carrier."""

    user: str = field(default_factory=lambda: "exo" + secrets.token_hex(4))
    provider = "exotel"

    def routes(self, application: web.Application) -> None:
        """Have the calls answered."""
        account = "/v1/Accounts/{user}/"
        application.router.add_get(account + "Calls.json", self._list)
        application.router.add_post(account + "Calls/connect.json", self.place)
        application.router.add_get(account + "Calls/{file}", self._details)
        application.router.add_get("/files/{name}", self.recording)

    @property
    def account(self) -> dict[str, str]:
        """The credentials of the account."""
        return {"sid": self.user, "api_key": "key", "api_token": self.secret, "base_url": self.url}

    def new_id(self) -> str:
        """Return an id for a call."""
        return secrets.token_hex(16)

    def known(self, request: web.Request) -> None:
        """Raise for a request that is not the account's."""
        basic = base64.b64encode(f"key:{self.secret}".encode()).decode()
        if request.headers.get("Authorization") != f"Basic {basic}":
            raise web.HTTPUnauthorized

    async def _list(self, request: web.Request) -> web.Response:
        self.known(request)
        return web.json_response({"Calls": []})

    async def wanted(self, request: web.Request) -> dict[str, Any]:
        """Return what a request to place a call asks for."""
        form = dict(parse_qsl((await request.read()).decode(), keep_blank_values=True))
        self.faults += [f"{name} is not known" for name in form if name not in KNOWN]
        return {
            "from": form["CallerId"], "to": form["From"], "turn": form["Url"], "status": form["StatusCallback"],
            "recording": form["StatusCallback"], "record": form["Record"] == "true", "detects": False,
        }  # fmt: skip

    def accepted(self, call: FakeCall) -> web.Response:
        """Return the answer to a call that is placed."""
        return web.json_response({"Call": {"Sid": call.id, "Status": "in-progress"}})

    async def _details(self, request: web.Request) -> web.Response:
        self.known(request)
        id = request.match_info["file"].removesuffix(".json")
        names = [name for name in self.recordings if name == id]
        url = f"{self.url}/files/{names[0]}" if names else None
        return web.json_response({"Call": {"Sid": id, "RecordingUrl": url}})

    def record(self, seconds: float = 1.0) -> str:
        """Have a recording: of the whole call where that has none, else one by its address."""
        name, id = super().record(seconds), self.calls[-1].id
        if id not in self.recordings:
            self.recordings[id] = self.recordings.pop(name)
            return id
        return f"{self.url}/files/{name}"

    # ---- what it tells and reads

    def webhook(self, url: str, told: Mapping[str, Any], signature: str | None) -> tuple[str, str, bytes, Headers]:
        """Return a webhook as it is sent."""
        if signature is not None:
            url = url.replace("mark=", "mark=0")  # it has nothing else to forge
        arrives = "from" in told
        turn = "/passthru/" in url or arrives
        form: dict[str, Any] = {
            "CallSid": told["id"], "Direction": "incoming" if arrives else "outbound-dial", "CustomField": "x",
        }  # fmt: skip
        if turn:
            form |= {"CallFrom": told.get("from", "+12025550111"), "CallTo": told.get("to", "+12025550100")}
            form |= {"digits": f'"{told["digits"]}"', "DigitsPressed": told["digits"]} if told.get("digits") else {}
            if "dialled" in told:
                form["DialCallStatus"] = {"answered": "completed"}.get(told["dialled"], told["dialled"])
                form |= {"DialCallDuration": str(told["talked"])} if "talked" in told else {}
        if not turn or "seconds" in told:
            status = told.get("status", "completed")
            form |= {"Status": status, "EventType": "answered" if status == "in-progress" else "terminal"}
            form |= {"ConversationDuration": told["seconds"]} if "seconds" in told else {}
        if "recording" in told:
            name = told["recording"]
            form["RecordingUrl"] = name if name.startswith("http") else f"{self.url}/files/{name}"
            form |= {"Status": "in-progress", "EventType": "answered"} if name.startswith("http") else {}
        if self.asks_with_get or arrives or ("status" in told and turn):
            return "GET", f"{url}&{urlencode(form)}", b"", {}
        if turn:
            return "POST", url, urlencode(form).encode(), {"Content-Type": "application/x-www-form-urlencoded"}
        return "POST", url, json.dumps(form).encode(), {"Content-Type": "application/json"}

    def read(self, body: bytes) -> list[dict[str, Any]]:
        """Return ExoML as a list of instructions."""
        return [each for verb in ElementTree.fromstring(body) for each in self._said(verb)]

    def _said(self, verb: ElementTree.Element) -> Iterator[dict[str, Any]]:
        match verb.tag:
            case "Say":
                yield {"say": verb.text}
            case "Play":
                yield {"play": verb.text}
            case "Gather":
                for within in verb:
                    yield from self._said(within)
                yield {"gather": int(verb.attrib["numDigits"])}
            case "Record":
                yield {"record": int(verb.attrib["maxLength"])}
            case "Dial":
                yield {"dial": "".join(verb.itertext())}
            case "Pause":
                yield {"pause": int(verb.attrib["length"])}
            case "Redirect":
                yield {"next": verb.text}
            case "Hangup":
                yield {"hangup": True}
