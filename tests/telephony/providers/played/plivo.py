"""Plivo, played: its Call and Recording resources, its XML, its forms signed with a nonce."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit
from xml.etree import ElementTree

from aiohttp import web

from tests.telephony.providers.fake import FakeCall, FakeCarrier, Headers

KNOWN = frozenset({
    "from", "to", "answer_url", "answer_method", "ring_url", "ring_method", "hangup_url", "hangup_method",
    "ring_timeout", "time_limit", "machine_detection", "machine_detection_url", "machine_detection_method",
})  # fmt: skip
STATUSES = {"no-answer": "timeout", "canceled": "cancel"}


def sign(token: str, method: str, url: str, form: Mapping[str, str], nonce: str) -> str:
    """Sign a form as the third version of Plivo's rules says."""
    parts = urlsplit(url)
    given = parse_qsl(parts.query, keep_blank_values=True)
    text = f"{parts.scheme}://{parts.netloc}{parts.path}"
    if given or form:
        text += "?"
    text += "&".join(f"{key}={value}" for key, value in sorted(given))
    if method == "POST" and form:
        text += ("." if given else "") + "".join(key + form[key] for key in sorted(form))
    return base64.b64encode(hmac.new(token.encode(), f"{text}.{nonce}".encode(), hashlib.sha256).digest()).decode()


@dataclass
class PlivoCarrier(FakeCarrier):
    """The carrier."""

    user: str = field(default_factory=lambda: "MA" + secrets.token_hex(9).upper())
    provider = "plivo"

    def routes(self, application: web.Application) -> None:
        """Have the resources of an account answered."""
        account = "/v1/Account/{user}/"
        application.router.add_get(account, self._account)
        application.router.add_post(account + "Call/", self.place)
        application.router.add_delete(account + "Call/{id}/", self.end)
        application.router.add_post(account + "Call/{id}/", self._transfer)
        application.router.add_post(account + "Call/{id}/{verb}/", self._verb)
        application.router.add_delete(account + "Call/{id}/{verb}/", self._verb)
        application.router.add_get(account + "Recording/{name}/", self._recording)
        application.router.add_delete(account + "Recording/{name}/", self._recording)
        application.router.add_get("/files/{name}.wav", self.recording)

    @property
    def account(self) -> dict[str, str]:
        """The credentials of the account."""
        return {"auth_id": self.user, "auth_token": self.secret, "base_url": self.url}

    def known(self, request: web.Request) -> None:
        """Raise for a request that is not the account's."""
        basic = base64.b64encode(f"{self.user}:{self.secret}".encode()).decode()
        if request.headers.get("Authorization") != f"Basic {basic}":
            raise web.HTTPUnauthorized

    async def _account(self, request: web.Request) -> web.Response:
        self.known(request)
        return web.json_response({"auth_id": self.user})

    async def wanted(self, request: web.Request) -> dict[str, Any]:
        """Return what a request to place a call asks for."""
        told = await request.json()
        self.faults += [f"{name} is not known" for name in told if name not in KNOWN]
        self.faults += [f"{name} has more than digits" for name in ("from", "to") if not told[name].isdigit()]
        return {
            "from": "+" + told["from"], "to": "+" + told["to"], "turn": told["answer_url"],
            "status": told["hangup_url"], "detects": told.get("machine_detection") == "true",
            "machine": told.get("machine_detection_url"),
        }  # fmt: skip

    def accepted(self, call: FakeCall) -> web.Response:
        """Return the answer to a call that is placed."""
        return web.json_response({"message": "call fired", "request_uuid": call.id, "api_id": "x"}, status=201)

    def _call(self, request: web.Request) -> FakeCall:
        self.known(request)
        return next(each for each in self.calls if each.id == request.match_info["id"])

    async def _transfer(self, request: web.Request) -> web.Response:
        call, told = self._call(request), await request.json()
        assert told["legs"] == "aleg"
        call.document = [{"next": told["aleg_url"]}]
        self.did.append(("transfer", told["aleg_url"]))
        return web.json_response({"message": "call transferred"}, status=202)

    async def _verb(self, request: web.Request) -> web.Response:
        call, verb = self._call(request), request.match_info["verb"]
        if request.method == "DELETE":
            self.did.append(("record", "stop") if verb == "Record" else (f"stop-{verb}",))
            return web.Response(status=204)
        told = await request.json()
        match verb:
            case "Speak" | "Play":
                self.did.append(("play", told["text"] if verb == "Speak" else told["urls"]))
            case "DTMF":
                self.did.append(("dtmf", told["digits"]))
            case "Record":
                self.did.append(("record", "start"))
                call.wanted["recording"] = told["callback_url"]
                return web.json_response({"recording_id": self.record(), "url": "x"}, status=202)
        return web.json_response({"message": "ok"}, status=202)

    async def _recording(self, request: web.Request) -> web.Response:
        self.known(request)
        name = request.match_info["name"]
        if name not in self.recordings:
            return web.Response(status=404)
        if request.method == "DELETE":
            del self.recordings[name]
            return web.Response(status=204)
        return web.json_response({"recording_id": name, "recording_url": f"{self.url}/files/{name}.wav"})

    # ---- what it tells and reads

    def webhook(self, url: str, told: Mapping[str, Any], signature: str | None) -> tuple[str, str, bytes, Headers]:
        """Return a webhook as it is sent."""
        status = told.get("status", "in-progress")
        form = {
            "CallUUID": told["id"], "RequestUUID": told["id"], "ALegUUID": told["id"], "BillRate": "0.002",
            "Direction": "inbound" if "from" in told else "outbound",
            "From": told.get("from", "+12025550100").lstrip("+"), "To": told.get("to", "+12025550111").lstrip("+"),
            "CallStatus": STATUSES.get(status, status), "Event": "StartApp", "ParentAuthID": self.user,
        }  # fmt: skip
        if "seconds" in told:
            form |= {"Duration": str(told["seconds"]), "HangupCause": "NORMAL_CLEARING"}
        if "machine" in told:
            form["Machine"] = "true" if told["machine"] == "machine" else "false"
        if told.get("digits"):
            form |= {"Digits": told["digits"], "InputType": "dtmf"}
        if "dialled" in told:
            form["DialStatus"] = {"answered": "completed"}.get(told["dialled"], told["dialled"])
            form |= {"DialBLegDuration": str(told["talked"])} if "talked" in told else {}
        if "transcript" in told:
            name, said = told["transcript"]
            form |= {"recording_id": name, "transcription": said, "transcription_charge": "0.05"}
        if "recording" in told:
            form |= {"RecordingID": told["recording"], "RecordingDuration": "1", "RecordUrl": "x"}
        nonce = secrets.token_hex(10)
        if self.asks_with_get:
            url = f"{url}&{urlencode(form)}"
            made = sign(self.secret, "GET", url, {}, nonce)
            return "GET", url, b"", {"X-Plivo-Signature-V3": signature or made, "X-Plivo-Signature-V3-Nonce": nonce}
        made = sign(self.secret, "POST", url, form, nonce)
        headers = {
            "Content-Type": "application/x-www-form-urlencoded", "X-Plivo-Signature-V3-Nonce": nonce,
            "X-Plivo-Signature-V3": signature or f"{'0' * 43}=,{made}",
        }  # fmt: skip
        return "POST", url, urlencode(form).encode(), headers

    def read(self, body: bytes) -> list[dict[str, Any]]:
        """Return Plivo XML as a list of instructions."""
        return [each for verb in ElementTree.fromstring(body) for each in self._said(verb)]

    def _said(self, verb: ElementTree.Element) -> Iterator[dict[str, Any]]:
        match verb.tag:
            case "Speak":
                yield {"say": verb.text}
            case "Play":
                yield {"play": verb.text}
            case "GetInput" | "GetDigits":
                for within in verb:
                    yield from self._said(within)
                yield {"gather": int(verb.attrib.get("numDigits", 0))}
            case "Record" if verb.attrib["recordSession"] == "true":
                self.calls[-1].wanted |= {"record": True, "recording": verb.attrib["callbackUrl"]}
            case "Record":
                yield {"record": int(verb.attrib["maxLength"])}
            case "Dial":
                yield {"dial": "".join(verb.itertext())}
            case "Wait":
                yield {"pause": int(verb.attrib["length"])}
            case "Redirect":
                yield {"next": verb.text}
            case "Hangup":
                yield {"hangup": True}
