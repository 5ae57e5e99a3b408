"""Vonage, played: what it takes is held against its OpenAPI description, what it posts bears a token over its body."""

from __future__ import annotations

import hashlib
import json
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import jwt
from aiohttp import web
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.telephony.providers.fake import FakeCall, FakeCarrier, Headers
from tests.telephony.providers.played.described import faults

STATUSES = {"in-progress": "answered", "no-answer": "unanswered", "canceled": "cancelled"}


@cache
def key() -> rsa.RSAPrivateKey:
    """Return the key of the application."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@dataclass
class VonageCarrier(FakeCarrier):
    """The carrier."""

    user: str = field(default_factory=lambda: secrets.token_hex(16))
    written: dict[str, str] = field(default_factory=dict)  # what it has written down, by the recording
    provider = "vonage"

    def routes(self, application: web.Application) -> None:
        """Have the calls answered."""
        application.router.add_get("/v1/calls", self._list)
        application.router.add_post("/v1/calls", self.place)
        application.router.add_put("/v1/calls/{id}", self._change)
        application.router.add_put("/v1/calls/{id}/{verb}", self._verb)
        application.router.add_delete("/v1/calls/{id}/{verb}", self._verb)
        application.router.add_get("/v1/files/{name}.json", self._transcript)
        application.router.add_get("/v1/files/{name}", self.recording)

    @property
    def account(self) -> dict[str, str]:
        """The credentials of the account."""
        pem = key().private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        return {
            "api_key": "abcd1234", "api_secret": "s3cret", "application_id": self.user,
            "private_key_pem": pem.decode(), "signature_secret": self.secret, "base_url": self.url,
        }  # fmt: skip

    def new_id(self) -> str:
        """Return an id for a call."""
        return secrets.token_hex(16)

    def known(self, request: web.Request) -> None:
        """Raise for a request that is not the application's."""
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if len(self.secret) < 20:  # another account by now
            raise web.HTTPUnauthorized
        claims = jwt.decode(token, key().public_key(), algorithms=["RS256"])
        assert (scheme, claims["application_id"], len(claims["jti"]) > 8) == ("Bearer", self.user, True)
        assert claims["exp"] - claims["iat"] == 300

    async def _list(self, request: web.Request) -> web.Response:
        self.known(request)
        return web.json_response({"count": 0})

    async def _transcript(self, request: web.Request) -> web.Response:
        self.known(request)
        said = self.written[request.match_info["name"]]
        words = [{"word": each, "start_time": 450 + 200 * n, "end_time": 600 + 200 * n, "confidence": 0.9}
                 for n, each in enumerate(said.split())]  # fmt: skip
        sentence = {"sentence": said, "raw_sentence": said.lower(), "duration": 2180, "timestamp": 450, "words": words}
        silent: dict[str, Any] = {"transcript": [], "duration": 4720}
        channels = [{"transcript": [sentence], "duration": 4720}, silent]
        return web.json_response({"ver": "1.0.0", "request_id": "x", "channels": channels})

    async def _told(self, request: web.Request) -> Any:
        self.known(request)
        told = await request.json()
        path = request.path.removeprefix("/v1/calls")
        self.faults += faults("vonage", request.method, path or "/", told)
        return told

    async def wanted(self, request: web.Request) -> dict[str, Any]:
        """Return what a request to place a call asks for."""
        told = await self._told(request)
        return {
            "from": "+" + told["from"]["number"], "to": "+" + told["to"][0]["number"], "turn": told["answer_url"][0],
            "status": told["event_url"][0], "detects": told.get("machine_detection") == "continue",
        }  # fmt: skip

    def accepted(self, call: FakeCall) -> web.Response:
        """Return the answer to a call that is placed."""
        told = {"uuid": call.id, "status": "started", "direction": "outbound", "conversation_uuid": "CON-x"}
        return web.json_response(told, status=201)

    def _call(self, request: web.Request) -> FakeCall:
        return next(each for each in self.calls if each.id == request.match_info["id"])

    async def _change(self, request: web.Request) -> web.Response:
        told, call = await self._told(request), self._call(request)
        if told["action"] == "hangup":
            call.hung_up.set()
            return web.Response(status=204)
        assert told["action"] == "transfer"
        actions = told["destination"]["ncco"]
        call.document = self.read(json.dumps(actions).encode())
        if actions[0]["action"] == "record":
            self.did.append(("record", "start"))
            self.record()
        else:
            self.did.append(("transfer", actions[0]["eventUrl"][0]))
        return web.Response(status=204)

    async def _verb(self, request: web.Request) -> web.Response:
        verb = request.match_info["verb"]
        if request.method == "DELETE":
            self.known(request)
            self.did.append((f"stop-{verb}",))
            return web.json_response({"message": "stopped"})
        told = await self._told(request)
        match verb:
            case "talk":
                self.did.append(("play", told["text"]))
            case "stream":
                self.did.append(("play", told["stream_url"][0]))
            case "dtmf":
                self.did.append(("dtmf", told["digits"].replace("p", "w")))
        return web.json_response({"message": "ok", "uuid": request.match_info["id"]})

    def record(self, seconds: float = 1.0) -> str:
        """Have a recording; its name is its address."""
        return f"{self.url}/v1/files/{super().record(seconds)}"

    # ---- what it tells and reads

    def webhook(self, url: str, told: Mapping[str, Any], signature: str | None) -> tuple[str, str, bytes, Headers]:
        """Return a webhook as it is sent."""
        event: dict[str, Any] = {
            "uuid": told["id"], "conversation_uuid": "CON-x", "timestamp": "2026-11-26T10:00:00.000Z",
            "from": told.get("from", "12025550100").lstrip("+"), "to": told.get("to", "12025550111").lstrip("+"),
        }  # fmt: skip
        part = dict(parse_qsl(urlsplit(url).query)).get("part", "")
        if "machine" in told:
            event["status"] = told["machine"]
        elif "dialled" in told:
            # The event of the leg that was called; the list's own end comes with `after`.
            event |= {"uuid": secrets.token_hex(16), "status": STATUSES.get(told["dialled"], told["dialled"])}
            if told["dialled"] == "answered":
                event |= {"status": "completed", "duration": str(told.get("talked", 0))}
        elif "status" in told and "from" not in told:
            event |= {"status": STATUSES.get(told["status"], told["status"]), "direction": "outbound"}
        if "seconds" in told:
            event |= {"duration": str(told["seconds"]), "start_time": "2026-11-26T10:00:00.000Z"}
        if part.startswith(("key", "keys")) and "status" not in told:
            event["dtmf"] = {"digits": told.get("digits", ""), "timed_out": not told.get("digits")}
        if "recording" in told:
            event |= {"recording_url": told["recording"], "recording_uuid": told["recording"][-12:], "size": 16000,
                      "start_time": "2026-11-26T10:00:00Z", "end_time": "2026-11-26T10:00:01Z"}  # fmt: skip
        if "transcript" in told:
            name, said = told["transcript"]
            id = name[-12:]
            self.written[id] = said
            event = {"conversation_uuid": "CON-x", "type": "record", "recording_uuid": id, "status": "transcribed",
                     "transcription_url": f"{self.url}/v1/files/{id}.json"}  # fmt: skip
        body = json.dumps(event).encode()
        claims = {
            "iss": "Vonage", "api_key": "abcd1234", "application_id": self.user, "iat": int(time.time()),
            "jti": secrets.token_hex(8),
        }  # fmt: skip
        if self.asks_with_get:
            url, body = f"{url}&{urlencode({name: value for name, value in event.items() if name != 'dtmf'})}", b""
        else:
            claims["payload_hash"] = hashlib.sha256(body).hexdigest()
        token = signature or jwt.encode(claims, self.secret, algorithm="HS256")
        headers = {"Authorization": f"Bearer {token}"}
        if self.asks_with_get:
            return "GET", url, b"", headers
        return "POST", url, body, {"Content-Type": "application/json", **headers}

    def read(self, body: bytes) -> list[dict[str, Any]]:
        """Return NCCO as a list of instructions; `next` is where the first event that may come leads."""
        if not body:
            return self.calls[-1].document  # it goes on
        said: list[dict[str, Any]] = []
        for action in json.loads(body):
            match action["action"]:
                case "talk" if action["text"].strip():
                    said.append({"say": action["text"]})
                case "talk":
                    said.append({"hangup": True})
                case "stream":
                    said.append({"play": action["streamUrl"][0]})
                case "input":
                    said += [{"gather": action["dtmf"]["maxDigits"]}, {"next": action["eventUrl"][0]}]
                case "record" if "timeOut" not in action:
                    self.calls[-1].wanted |= {"record": True, "recording": action["eventUrl"][0]}
                case "record":
                    said += [{"record": action["timeOut"]}, {"next": action["eventUrl"][0]}]
                case "connect":
                    said += [{"dial": "+" + action["endpoint"][0]["number"]}, {"next": action["eventUrl"][0]}]
                case "wait":
                    said.append({"pause": action["timeout"]})
                case "notify":
                    said.append({"next": action["eventUrl"][0]})
        return said
