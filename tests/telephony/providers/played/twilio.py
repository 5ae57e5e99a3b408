"""Twilio, played: what it takes is held against its OpenAPI description, what it posts is signed by its rules."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlencode
from xml.etree import ElementTree

from aiohttp import web

from tests.telephony.providers.fake import FakeCall, FakeCarrier, Headers
from tests.telephony.providers.played.described import faults

BASE = "/2010-04-01/Accounts"


def sign(token: str, url: str, form: Mapping[str, str]) -> str:
    """Sign a form as Twilio's rules say."""
    text = url + "".join(name + form[name] for name in sorted(form))
    return base64.b64encode(hmac.new(token.encode(), text.encode(), hashlib.sha1).digest()).decode()


@dataclass
class TwilioCarrier(FakeCarrier):
    """The carrier."""

    user: str = field(default_factory=lambda: "AC" + secrets.token_hex(16))
    provider = "twilio"

    def routes(self, application: web.Application) -> None:
        """Have the Calls and Recordings resources answered."""
        account = BASE + "/{user}"
        application.router.add_get(BASE + "/{file}", self._account)
        application.router.add_post(account + "/Calls.json", self.place)
        application.router.add_post(account + "/Calls/{file}", self._change)
        application.router.add_post(account + "/Calls/{id}/Recordings.json", self._record)
        application.router.add_post(account + "/Calls/{id}/Recordings/{file}", self._change)
        application.router.add_get(account + "/Recordings/{file}", self._file)
        application.router.add_delete(account + "/Recordings/{file}", self._file)

    @property
    def account(self) -> dict[str, str]:
        """The credentials of the account."""
        return {"account_sid": self.user, "auth_token": self.secret, "base_url": self.url}

    def new_id(self) -> str:
        """Return an id for a call."""
        return "CA" + secrets.token_hex(16)

    def known(self, request: web.Request) -> None:
        """Raise for a request that is not the account's."""
        basic = base64.b64encode(f"{self.user}:{self.secret}".encode()).decode()
        user = request.match_info.get("user", self.user)
        if request.headers.get("Authorization") != f"Basic {basic}" or user != self.user:
            raise web.HTTPUnauthorized(text='{"code": 20003, "message": "Authenticate"}')

    async def _form(self, request: web.Request) -> list[tuple[str, str]]:
        self.known(request)
        form = parse_qsl((await request.read()).decode(), keep_blank_values=True)
        self.faults += faults("twilio", request.method, request.path, form)
        return form

    async def wanted(self, request: web.Request) -> dict[str, Any]:
        """Return what a request to place a call asks for."""
        form = dict(await self._form(request))
        if form.get("Record") == "true":
            self._untrimmed(form)
        return {
            "from": form["From"], "to": form["To"], "turn": form["Url"], "status": form["StatusCallback"],
            "record": form.get("Record") == "true", "detects": form.get("AsyncAmd") == "true",
            "recording": form.get("RecordingStatusCallback", ""),
        }  # fmt: skip

    def accepted(self, call: FakeCall) -> web.Response:
        """Return the answer to a call that is placed."""
        return web.json_response({"sid": call.id, "status": "queued"}, status=201)

    async def _account(self, request: web.Request) -> web.Response:
        self.known(request)
        found = request.match_info["file"] == f"{self.user}.json"
        return web.json_response({"sid": self.user, "status": "active"}, status=200 if found else 404)

    def _call(self, id: str) -> FakeCall:
        found = next((each for each in self.calls if each.id == id), None)
        if found is None:
            raise web.HTTPNotFound(text='{"code": 20404, "message": "not found"}')
        return found

    def _untrimmed(self, form: Mapping[str, str]) -> None:
        """Note a recording for which what is to be recorded is left to what Twilio does unasked."""
        wanted = {"Trim": "do-not-trim", "RecordingTrack": "both", "RecordingChannels": "dual"}
        self.faults += [f"{name} is not {value}" for name, value in wanted.items() if form.get(name) != value]

    async def _change(self, request: web.Request) -> web.Response:
        form = dict(await self._form(request))
        file = request.match_info["file"].removesuffix(".json")
        call = self._call(request.match_info.get("id", file))
        if file != call.id:
            assert file in self.recordings
            self.did.append(("record", {"stopped": "stop", "paused": "pause"}.get(form["Status"], "resume")))
        elif form.get("Status") == "completed":
            call.hung_up.set()
        elif "Url" in form:
            call.document = [{"next": form["Url"]}]
            self.did.append(("transfer", form["Url"]))
        else:
            self.faults += ["the document is too long"] if len(form["Twiml"]) > 4_000 else []
            call.document = self.read(form["Twiml"].encode())
            [verb] = [each for each in call.document if "next" not in each]
            self.did.append(("dtmf", verb["keys"]) if "keys" in verb else ("play", *verb.values()))
        return web.json_response({"sid": call.id})

    async def _record(self, request: web.Request) -> web.Response:
        form = dict(await self._form(request))
        self._untrimmed(form)
        call, name = self._call(request.match_info["id"]), self.record()
        self.did.append(("record", "start"))
        call.wanted["recording"] = form["RecordingStatusCallback"]
        return web.json_response({"sid": name, "status": "in-progress"}, status=201)

    def record(self, seconds: float = 1.0) -> str:
        """Have a recording; returns its name."""
        name = "RE" + secrets.token_hex(16)
        self.recordings[name] = self.recordings.pop(super().record(seconds))
        return name

    async def _file(self, request: web.Request) -> web.Response:
        self.known(request)
        name, _, form = request.match_info["file"].partition(".")
        if name not in self.recordings:
            return web.Response(status=404)
        if request.method == "DELETE":
            del self.recordings[name]
            return web.Response(status=204)
        assert form == "wav"
        return web.Response(body=self.recordings[name], content_type="audio/x-wav")

    # ---- what it tells and reads

    def webhook(self, url: str, told: Mapping[str, Any], signature: str | None) -> tuple[str, str, bytes, Headers]:
        """Return a webhook as it is sent."""
        form = {
            "CallSid": told["id"], "AccountSid": self.user, "ApiVersion": "2010-04-01",
            "Direction": "inbound" if "from" in told else "outbound-api",
            "From": told.get("from", "+12025550100"), "To": told.get("to", "+12025550111"),
            "CallStatus": told.get("status", "in-progress"),
        }  # fmt: skip
        if "seconds" in told:
            form["CallDuration"] = str(told["seconds"])
        if "machine" in told:
            form["AnsweredBy"] = {"machine": "machine_start"}.get(told["machine"], told["machine"])
        if told.get("digits"):
            form |= {"Digits": told["digits"], "FinishedOnKey": ""}
        if "dialled" in told:
            form["DialCallStatus"] = {"answered": "completed"}.get(told["dialled"], told["dialled"])
            form |= {"DialCallDuration": str(told["talked"])} if "talked" in told else {}
        if "recording" in told:
            name = told["recording"]
            form |= {"RecordingSid": name, "RecordingStatus": "completed", "RecordingDuration": "1",
                     "RecordingUrl": f"{self.url}{BASE}/{self.user}/Recordings/{name}"}  # fmt: skip
        if "transcript" in told:
            name, said = told["transcript"]
            form |= {"RecordingSid": name, "TranscriptionSid": "TR1", "TranscriptionStatus": "completed",
                     "TranscriptionText": said, "TranscriptionType": "fast"}  # fmt: skip
        if self.asks_with_get:
            url = f"{url}&{urlencode(form)}"
            return "GET", url, b"", {"X-Twilio-Signature": signature or sign(self.secret, url, {})}
        headers = {
            "Content-Type": "application/x-www-form-urlencoded; charset=UTF-8",
            "X-Twilio-Signature": signature or sign(self.secret, url, form),
        }
        return "POST", url, urlencode(form).encode(), headers

    def read(self, body: bytes) -> list[dict[str, Any]]:
        """Return TwiML as a list of instructions."""
        return [each for verb in ElementTree.fromstring(body) for each in self._said(verb)]

    def _said(self, verb: ElementTree.Element) -> Iterator[dict[str, Any]]:
        match verb.tag:
            case "Say":
                yield {"say": verb.text}
            case "Play" if "digits" in verb.attrib:
                yield {"keys": verb.attrib["digits"]}
            case "Play":
                yield {"play": verb.text}
            case "Gather":
                for within in verb:
                    yield from self._said(within)
                yield {"gather": int(verb.attrib.get("numDigits", 0))}
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
