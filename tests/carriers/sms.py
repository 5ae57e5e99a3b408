"""SMS carriers as servers on loopback: each takes sends, misbehaves when told to, and posts what it reports.

Twilio's requests are held against its published OpenAPI description (found by JC_TEST_SHARED), and its webhooks signed
by another program's reading of its rules: the standard library alone.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import os
import re
import secrets
from abc import ABC, abstractmethod
from collections import Counter, deque
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode

import jsonschema
from aiohttp import web

from tests.client import Answered, Client

PATH = "/2010-04-01/Accounts/{AccountSid}/Messages.json"


@cache
def _description() -> dict[str, Any] | None:
    shared = os.environ.get("JC_TEST_SHARED")
    if shared is None:
        return None
    found: dict[str, Any] = json.loads((Path(shared) / "specs" / "twilio_api_v2010.json").read_text())
    return found


def request_faults(sid: str, pairs: list[tuple[str, str]]) -> list[str]:
    """Return what of a send does not fit Twilio's description."""
    told = _description()
    if told is None:
        return []
    declared = told["paths"][PATH]["post"]
    schema = declared["requestBody"]["content"]["application/x-www-form-urlencoded"]["schema"]
    known = schema["properties"]
    form: dict[str, Any] = {}
    for name, value in pairs:
        if known.get(name, {}).get("type") == "array":
            form.setdefault(name, []).append(value)
        elif name in form:
            return [f"{name} is there twice"]
        else:
            form[name] = value
    faults = [f"{name} is not known" for name in form if name not in known]
    pattern = declared["parameters"][0]["schema"]["pattern"]
    if not re.fullmatch(pattern, sid):
        faults.append("the path names no account")
    resolver = {**schema, "components": told["components"]}
    faults += [error.message for error in jsonschema.Draft7Validator(resolver).iter_errors(form)]
    return faults


def sign(token: str, url: str, form: dict[str, str]) -> str:
    """Sign a form as Twilio's rules say."""
    text = url + "".join(name + form[name] for name in sorted(form))
    return base64.b64encode(hmac.new(token.encode(), text.encode(), hashlib.sha1).digest()).decode()


@dataclass
class Carrier(ABC):
    """What the carriers share; `next` holds how they meet coming sends: (status, body), "reset", "hang" or "late"."""

    accepted: Counter[str] = field(default_factory=Counter)
    asked: Counter[str] = field(default_factory=Counter)
    requests: list[dict[str, Any]] = field(default_factory=list)
    ids: dict[str, str] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)
    next: deque[Any] = field(default_factory=deque)
    let_go: asyncio.Event = field(default_factory=asyncio.Event)
    files: dict[str, tuple[str, bytes]] = field(default_factory=dict)
    port: int = 0
    _runner: web.AppRunner | None = None
    _paths: tuple[str, ...] = ()

    async def start(self) -> None:
        """Listen."""
        application = web.Application()
        self.routes(application)
        application.router.add_get("/files/{name}", self._file)
        self._runner = web.AppRunner(application, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.port = self._runner.addresses[0][1]

    def routes(self, application: web.Application) -> None:
        """Listen to what this carrier is asked."""
        for path in self._paths:
            application.router.add_post(path, self._send)

    async def stop(self) -> None:
        """End; a request that did not fit its description fails the test."""
        self.let_go.set()
        assert self._runner is not None
        await self._runner.cleanup()
        assert self.faults == []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @abstractmethod
    async def _send(self, request: web.Request) -> web.StreamResponse:
        """Take a message as this carrier does."""

    async def _file(self, request: web.Request) -> web.Response:
        kind, body = self.files[request.match_info["name"]]
        return web.Response(body=body, content_type=kind)

    async def _meet(self, request: web.Request, reference: str, good: Any, good_status: int) -> web.StreamResponse:
        """Answer a send as told; what is `good` stands for a message that was taken."""
        self.asked[reference] += 1
        how = self.next.popleft() if self.next else None
        if isinstance(how, tuple):
            status, body = how[:2]
            headers = how[2] if len(how) > 2 else {}
            if isinstance(body, str):
                return web.Response(status=status, text=body, headers=headers)
            return web.json_response(body, status=status, headers=headers)
        self.accepted[reference] += 1
        if how in ("hang", "late"):
            await self.let_go.wait()
        if how in ("reset", "hang"):
            assert request.transport is not None
            request.transport.abort()
            return web.Response()
        return web.json_response(good, status=good_status)


@dataclass
class TwilioServer(Carrier):
    """Twilio's Messages API."""

    sid: str = field(default_factory=lambda: "AC" + secrets.token_hex(16))
    token: str = field(default_factory=lambda: secrets.token_hex(16))
    number: str = "+12025550161"
    known: dict[str, dict[str, Any]] = field(default_factory=dict)  # what is answered of messages, by their ids
    looked_up: Counter[str] = field(default_factory=Counter)
    _paths: tuple[str, ...] = ("/2010-04-01/Accounts/{sid}/Messages.json",)

    def routes(self, application: web.Application) -> None:
        """Listen to sends, and to who asks what became of one."""
        super().routes(application)
        application.router.add_get("/2010-04-01/Accounts/{sid}/Messages/{message}.json", self._look_up)

    def _stranger(self, request: web.Request) -> web.Response | None:
        expected = "Basic " + base64.b64encode(f"{self.sid}:{self.token}".encode()).decode()
        if request.headers.get("Authorization") == expected:
            return None
        return web.json_response({"code": 20003, "message": "Authenticate", "status": 401}, status=401)

    async def _look_up(self, request: web.Request) -> web.StreamResponse:
        if (refused := self._stranger(request)) is not None:
            return refused
        id = request.match_info["message"]
        self.looked_up[id] += 1
        if id not in self.known:
            return web.json_response({"code": 20404, "message": "Not found", "status": 404}, status=404)
        return web.json_response({"sid": id, "error_code": None, "error_message": None, **self.known[id]})

    def account(self, **fields: Any) -> dict[str, Any]:
        """Return the body that adds this carrier to a gateway."""
        credentials = {"account_sid": self.sid, "auth_token": self.token}
        return {"sender_id": self.number, "base_url": self.url, "provider_credentials": credentials, **fields}

    async def _send(self, request: web.Request) -> web.StreamResponse:
        pairs = parse_qsl((await request.read()).decode(), keep_blank_values=True, strict_parsing=True)
        self.faults += request_faults(request.match_info["sid"], pairs)
        if (refused := self._stranger(request)) is not None:
            return refused
        form = dict(pairs)
        reference = form["StatusCallback"].rpartition("reference=")[2]
        self.requests.append({**form, "MediaUrl": [value for name, value in pairs if name == "MediaUrl"]})
        sid = self.ids[reference] = "SM" + secrets.token_hex(16)
        return await self._meet(request, reference, {"sid": sid, "status": "queued", "error_code": None}, 201)

    def report(self, message: str, status: str, **fields: str) -> dict[str, str]:
        """Return the form of a status callback."""
        sid = self.ids[message]
        return {
            "SmsSid": sid, "SmsStatus": status, "MessageStatus": status, "To": "+12025550111", "MessageSid": sid,
            "AccountSid": self.sid, "From": self.number, "ApiVersion": "2010-04-01", **fields,
        }  # fmt: skip

    def written(self, sender: str, text: str, **fields: str) -> dict[str, str]:
        """Return the form of a message that a customer wrote."""
        sid = "SM" + secrets.token_hex(16)
        return {
            "ToCountry": "US", "SmsMessageSid": sid, "NumMedia": "0", "SmsSid": sid, "SmsStatus": "received",
            "Body": text, "FromCountry": "US", "To": self.number, "NumSegments": "1", "MessageSid": sid,
            "AccountSid": self.sid, "From": sender, "ApiVersion": "2010-04-01", **fields,
        }  # fmt: skip

    def headers(self, url: str, form: dict[str, str]) -> dict[str, str]:
        """Return the headers of a form that is posted to an address."""
        signed = sign(self.token, url, form)
        return {"Content-Type": "application/x-www-form-urlencoded", "X-Twilio-Signature": signed}

    async def posts(self, client: Client, url: str, form: dict[str, str], **headers: str) -> Answered:
        """Post a form to an address of ours."""
        path = "/" + url.split("/", 3)[3]
        given = {**self.headers(url, form), **headers}
        return await client.ask("POST", path, urlencode(form).encode(), headers=given)


@dataclass
class Msg91Server(Carrier):
    """MSG91's flow API."""

    key: str = field(default_factory=lambda: secrets.token_hex(16))
    _paths: tuple[str, ...] = ("/api/v5/flow",)

    def account(self, **fields: Any) -> dict[str, Any]:
        """Return the body that adds this carrier to a gateway."""
        return {
            "provider": "MSG91", "sender_id": "ACMEIN", "base_url": self.url, "dlt_entity_id": "1101400000000000001",
            "provider_credentials": {"auth_key": self.key}, **fields,
        }  # fmt: skip

    async def _send(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        if request.headers.get("authkey") != self.key:
            return web.json_response({"type": "error", "message": "authentication failure", "code": "207"}, status=401)
        if set(body) - {"template_id", "short_url", "short_url_expiry", "realTimeResponse", "recipients"}:
            self.faults.append(f"fields that MSG91 does not describe: {sorted(body)}")
        for recipient in body["recipients"]:
            if not re.fullmatch(r"[1-9][0-9]{9,14}", recipient["mobiles"]):
                self.faults.append(f"mobiles is no number of digits: {recipient['mobiles']}")
        self.requests.append(body)
        number = body["recipients"][0]["mobiles"]
        id = self.ids[number] = secrets.token_hex(12)
        return await self._meet(request, number, {"type": "success", "message": id}, 200)


@dataclass
class Fast2smsServer(Carrier):
    """Fast2SMS's bulk API."""

    key: str = field(default_factory=lambda: secrets.token_hex(16))
    _paths: tuple[str, ...] = ("/dev/bulkV2",)

    def account(self, **fields: Any) -> dict[str, Any]:
        """Return the body that adds this carrier to a gateway."""
        return {
            "provider": "FAST2SMS", "sender_id": "ACMEIN", "base_url": self.url,
            "dlt_entity_id": "1101400000000000001", "provider_credentials": {"api_key": self.key}, **fields,
        }  # fmt: skip

    async def _send(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        if request.headers.get("authorization") != self.key:
            told = {"return": False, "status_code": 412, "message": "Invalid Authentication"}
            return web.json_response(told, status=401)
        needed = {
            "dlt": {"sender_id", "message", "variables_values"}, "dlt_manual": {"sender_id", "message"},
            "q": {"message"},
        }[body["route"]]  # fmt: skip
        if missing := needed - set(body):
            self.faults.append(f"the route {body['route']} needs {sorted(missing)}")
        if not re.fullmatch(r"[6-9][0-9]{9}", body["numbers"]):
            self.faults.append(f"numbers is no Indian mobile number: {body['numbers']}")
        self.requests.append(body)
        id = self.ids[body["udf1"]] = secrets.token_hex(8)
        good = {"return": True, "request_id": id, "message": ["SMS sent successfully."]}
        return await self._meet(request, body["udf1"], good, 200)
