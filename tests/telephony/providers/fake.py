"""An HTTP voice carrier that exists in tests alone: its adapter, and the carrier itself as a server on loopback.

Its dialect is a JSON list of instructions; its webhooks are forms, signed over their address and their bytes.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import secrets
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import parse_qs, urlencode

import aiohttp
import yarl
from aiohttp import web
from pydantic import BaseModel

from jinaconnect.core.calls import causes, machine
from jinaconnect.core.errors import BadSignature
from jinaconnect.core.ivr import exchange
from jinaconnect.core.ivr.exchange import Order, Report
from jinaconnect.core.webhook import WebhookReply, WebhookRequest
from jinaconnect.outbound import Ambiguous, Outbound, OutboundError, Sink
from jinaconnect.telephony.provider import (
    Accepted,
    Arrival,
    CallGone,
    CallUrls,
    Outcome,
    Placing,
    ProviderAway,
    ProviderSpec,
    RecordingReady,
    Refused,
    Unknown,
    Unsupported,
    VoiceAccount,
)
from jinaconnect.telephony.table import PROVIDERS, ProviderRow
from tests.telephony.waves import tone

FAKE = "fake"
Headers = dict[str, str]
CAUSES = {
    "completed": causes.NORMAL_CLEARING, "canceled": causes.NORMAL_CLEARING, "busy": causes.USER_BUSY,
    "no-answer": causes.NO_ANSWER, "failed": causes.NORMAL_TEMPORARY_FAILURE,
}  # fmt: skip


class Credentials(BaseModel):
    """An account."""

    user: str
    secret: str
    base_url: str


def sign(secret: str, url: str, body: bytes) -> str:
    """Return the signature of a webhook."""
    return hmac.new(secret.encode(), url.encode() + b"\n" + body, hashlib.sha256).hexdigest()


# ---- the adapter


class FakeProvider:
    """Speaks to the carrier below."""

    spec = ProviderSpec(
        name=FAKE, label="Fake", verbs=frozenset({"hangup"}), credentials=Credentials,
        told_to=("base_url", ("secret",)), signed_by="secret",
    )  # fmt: skip

    def __init__(self, outbound: Outbound) -> None:
        self._outbound = outbound

    async def place(self, account: VoiceAccount, call: Placing, urls: CallUrls) -> Outcome:
        """Ask for a call."""
        wanted = {"from": call.caller, "to": call.to, "ring_s": call.timeout_s, "record": call.record,
                  "turn": urls.turn, "status": urls.status, "recording": urls.recording}  # fmt: skip
        try:
            answer = await self._outbound.request("POST", _at(account, "calls"), json=wanted, headers=_key(account))
        except Ambiguous as error:
            return Unknown(str(error))
        except OutboundError as error:
            return Refused(causes.NETWORK_OUT_OF_ORDER, str(error))
        if answer.status != 201:
            return Refused(causes.CALL_REJECTED, f"status {answer.status}")
        return Accepted(json.loads(answer.body)["id"])

    async def check(self, account: VoiceAccount) -> None:
        """Every account is good."""

    async def control(
        self, account: VoiceAccount, call_id: str, verb: str, body: Mapping[str, Any], urls: CallUrls
    ) -> str | None:
        """Hang up; nothing else can be done."""
        if verb != "hangup":
            raise Unsupported(verb)
        try:
            answer = await self._outbound.request("DELETE", _at(account, f"calls/{call_id}"), headers=_key(account))
        except OutboundError as error:
            raise ProviderAway(str(error), uncertain=isinstance(error, Ambiguous)) from error
        if answer.status == 404:
            raise CallGone(call_id)
        return None

    def verify(self, account: VoiceAccount, hook: WebhookRequest, now: datetime) -> None:
        """Compare the signature."""
        wanted = sign(account.credentials["secret"], hook.url, hook.body)
        if not hmac.compare_digest(wanted, hook.header("X-Fake-Signature")):
            raise BadSignature("The signature does not fit.")

    def call_id(self, hook: WebhookRequest) -> str:
        """Return the carrier's id."""
        return _form(hook).get("id", "")

    def arrival(self, hook: WebhookRequest) -> Arrival | None:
        """Read a call that comes in; what is over does not."""
        told = _form(hook)
        if "to" not in told or told.get("status") in CAUSES:
            return None
        return Arrival(told.get("id", ""), told["to"], told.get("from", ""))

    def facts(self, hook: WebhookRequest, now: datetime) -> Sequence[machine.Fact]:
        """Read the status."""
        told = _form(hook)
        match told.get("status"):
            case "ringing":
                return [machine.Ringing(now)]
            case "in-progress":
                return [machine.Answered(now)]
            case status if status in CAUSES:
                talked = told.get("seconds")
                return [
                    machine.Hangup(
                        now, cause=CAUSES[status], answered=talked is not None, talk_seconds=int(talked or 0)
                    )
                ]
        return []

    def reports(self, hook: WebhookRequest) -> Sequence[Report]:
        """Read the keys, and how a second call went."""
        told = _form(hook)
        keys: list[Report] = [exchange.Digit(digit) for digit in told.get("digits", "")]
        if "dialled" not in told:
            return keys
        talked = int(told["talked"]) if "talked" in told else None
        return [*keys, exchange.TransferDone(told["dialled"] == "answered", talk_seconds=talked)]

    def answered_by(self, hook: WebhookRequest) -> str | None:
        """Tell nothing of machines."""
        return None

    def recordings(self, hook: WebhookRequest) -> Sequence[RecordingReady]:
        """Read the recording's name."""
        told = _form(hook)
        return [RecordingReady(told["recording"])] if "recording" in told else []

    def document(self, orders: Sequence[Order], urls: CallUrls, *, record: bool = False) -> WebhookReply:
        """Write a turn."""
        said: list[dict[str, Any]] = []
        for order in orders:
            match order:
                case exchange.Say():
                    said.append({"say": order.text})
                case exchange.PlayAudio():
                    said.append({"play": order.url})
                case exchange.Collect():
                    said.append({"gather": order.max_digits})
                case exchange.StartRecord():
                    said.append({"record": order.max_duration_s})
                case exchange.StartTransfer():
                    said.append({"dial": order.to})
                case exchange.AskHttp() | exchange.Listen():
                    said.append({"pause": 1})
        if not orders or any(isinstance(order, exchange.HangUp) for order in orders):
            said.append({"hangup": True})
        else:
            said.append({"next": urls.turn})
        return WebhookReply(json.dumps(said).encode(), "application/json")

    async def fetch_recording(self, account: VoiceAccount, name: str, into: Sink) -> None:
        """Get the file."""
        try:
            answer = await self._outbound.request(
                "GET", _at(account, f"recordings/{name}"), headers=_key(account), into=into
            )
        except OutboundError as error:
            raise ProviderAway(str(error), uncertain=False) from error
        if answer.status != 200:
            raise CallGone(name)

    async def forget_recording(self, account: VoiceAccount, name: str) -> None:
        """Leave it."""


def _at(account: VoiceAccount, path: str) -> str:
    return f"{account.credentials['base_url']}/{account.credentials['user']}/{path}"


def _key(account: VoiceAccount) -> dict[str, str]:
    return {"X-Fake-Key": account.credentials["secret"]}


def _form(hook: WebhookRequest) -> dict[str, str]:
    if hook.method == "GET":
        return dict(hook.query)
    return {name: values[-1] for name, values in parse_qs(hook.body.decode(errors="replace")).items()}


@contextmanager
def fake_row() -> Iterator[None]:
    """Have the provider in the table."""
    PROVIDERS[FAKE] = ProviderRow(FakeProvider.spec, FakeProvider)
    try:
        yield
    finally:
        del PROVIDERS[FAKE]


# ---- the carrier


@dataclass
class FakeCall:
    """A call at the carrier: where it is, and the document it was given last."""

    carrier: FakeCarrier
    id: str
    wanted: dict[str, Any]
    document: list[dict[str, Any]] = field(default_factory=list)
    hung_up: asyncio.Event = field(default_factory=asyncio.Event)

    async def status(self, status: str, **more: Any) -> int:
        """Report; returns what it was answered."""
        answered, _ = await self.carrier.post(self.wanted["status"], {"id": self.id, "status": status, **more})
        return answered

    async def answer(self) -> list[dict[str, Any]]:
        """The party answers: ask what to do."""
        return await self.turn(self.wanted["turn"], status="in-progress")

    async def turn(self, url: str | None = None, **told: Any) -> list[dict[str, Any]]:
        """Tell what was heard during the document, and get the next."""
        url = url or self.next
        answered, body = await self.carrier.post(url, {"id": self.id, **told})
        assert answered == 200, (answered, body)
        self.document = self.carrier.read(body)
        return self.document

    @property
    def next(self) -> str:
        """Where the document's end leads."""
        return str(next(each["next"] for each in self.document if "next" in each))

    def said(self) -> list[str]:
        """Return the texts of the document."""
        return [each["say"] for each in self.document if "say" in each]

    @property
    def ends(self) -> bool:
        """Whether the document hangs up."""
        return {"hangup": True} in self.document


@dataclass
class FakeCarrier:
    """The carrier; `next` holds what the coming placements meet.

    A status, "lost" for a connection that breaks, or a status and a body for a call that is placed and answered so.
    """

    http: aiohttp.ClientSession
    secret: str = field(default_factory=lambda: secrets.token_hex(16))
    user: str = field(default_factory=lambda: secrets.token_hex(4))
    calls: list[FakeCall] = field(default_factory=list)
    recordings: dict[str, bytes] = field(default_factory=dict)
    next: deque[int | str | tuple[int, str]] = field(default_factory=deque)
    arrived: asyncio.Condition = field(default_factory=asyncio.Condition)
    url: str = ""
    asks_with_get: bool = False
    faults: list[str] = field(default_factory=list)
    did: list[tuple[str, ...]] = field(default_factory=list)  # what it was ordered to do with live calls
    _runner: web.AppRunner | None = None
    provider = FAKE

    def routes(self, application: web.Application) -> None:
        """Have the addresses of the API answered."""
        application.router.add_post("/{user}/calls", self.place)
        application.router.add_delete("/{user}/calls/{id}", self.end)
        application.router.add_get("/{user}/recordings/{name}", self.recording)

    async def start(self) -> None:
        """Listen."""
        application = web.Application()
        self.routes(application)
        self._runner = web.AppRunner(application, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"

    async def stop(self) -> None:
        """Listen no more."""
        if self._runner is not None:
            await self._runner.cleanup()
        assert self.faults == []

    @property
    def account(self) -> dict[str, str]:
        """The credentials of the account."""
        return {"user": self.user, "secret": self.secret, "base_url": self.url}

    async def comes_in(self, url: str, caller: str, called: str) -> FakeCall:
        """Have somebody call one of the account's numbers, whose calls are told to `url`; returns the call."""
        call = self.new_call(self.new_id(), {"turn": url, "status": url, "from": caller, "to": called})
        self.calls.append(call)
        await call.turn(url, status="ringing", **{"from": caller, "to": called})
        return call

    async def placed(self, number: int = 1) -> FakeCall:
        """Wait for so many calls and return the last."""
        async with asyncio.timeout(20), self.arrived:
            await self.arrived.wait_for(lambda: len(self.calls) >= number)
        return self.calls[number - 1]

    def record(self, seconds: float = 1.0) -> str:
        """Have a recording; returns its name."""
        name = secrets.token_hex(6)
        self.recordings[name] = tone(seconds, rate=8000, channels=1)
        return name

    def lose(self) -> None:
        """Have the coming placement be taken and not answered."""
        self.next.append("lost")

    def new_call(self, id: str, wanted: dict[str, Any]) -> FakeCall:
        """Return a call."""
        return FakeCall(self, id, wanted)

    def new_id(self) -> str:
        """Return an id for a call."""
        return secrets.token_hex(8)

    def read(self, body: bytes) -> list[dict[str, Any]]:
        """Return a document as a list of instructions."""
        return list(json.loads(body))

    async def wanted(self, request: web.Request) -> dict[str, Any]:
        """Return what a request to place a call asks for."""
        return dict(await request.json())

    def accepted(self, call: FakeCall) -> web.Response:
        """Return the answer to a call that is placed."""
        return web.json_response({"id": call.id}, status=201)

    def ended(self) -> web.Response:
        """Return the answer to a call that was hung up."""
        return web.Response(status=204)

    async def post(self, url: str, told: Mapping[str, Any], signature: str | None = None) -> tuple[int, bytes]:
        """Post a webhook, or ask with GET where the carrier does so; returns status and body."""
        method, url, body, headers = self.webhook(url, told, signature)
        async with self.http.request(
            method, yarl.URL(url, encoded=True), data=body or None, headers=headers
        ) as answer:
            return answer.status, await answer.read()

    def webhook(self, url: str, told: Mapping[str, Any], signature: str | None) -> tuple[str, str, bytes, Headers]:
        """Return a webhook as it is sent: method, address, body, headers."""
        body = urlencode(told).encode()
        if self.asks_with_get:
            url, body = f"{url}&{body.decode()}", b""
        headers = {"X-Fake-Signature": sign(self.secret, url, body) if signature is None else signature}
        if self.asks_with_get:
            return "GET", url, b"", headers
        return "POST", url, body, {"Content-Type": "application/x-www-form-urlencoded", **headers}

    def known(self, request: web.Request) -> None:
        """Raise for a request that is not the account's."""
        if request.match_info["user"] != self.user or request.headers.get("X-Fake-Key") != self.secret:
            raise web.HTTPUnauthorized

    async def place(self, request: web.Request) -> web.StreamResponse:
        """Place a call, or meet the request as told."""
        self.known(request)
        meets = self.next.popleft() if self.next else 201
        if meets in (201, "lost") or isinstance(meets, tuple):
            wanted = await self.wanted(request)
            async with self.arrived:
                self.calls.append(self.new_call(self.new_id(), wanted))
                self.arrived.notify_all()
        return self.met(request, meets, self.calls[-1] if self.calls else None)

    def met(
        self, request: web.Request, meets: int | str | tuple[int, str], call: FakeCall | None
    ) -> web.StreamResponse:
        """Return what a request to place a call is answered."""
        if meets == "lost":
            assert request.transport is not None
            request.transport.close()
            return web.Response()
        if isinstance(meets, tuple):
            return web.Response(status=meets[0], text=meets[1], content_type="application/json")
        if meets == 201:
            assert call is not None
            return self.accepted(call)
        return web.json_response({"error": "no"}, status=int(meets), headers={"Retry-After": "0"})

    async def end(self, request: web.Request) -> web.Response:
        """Hang up."""
        self.known(request)
        found = next((each for each in self.calls if each.id == request.match_info["id"]), None)
        if found is None:
            raise web.HTTPNotFound
        found.hung_up.set()
        return self.ended()

    async def recording(self, request: web.Request) -> web.Response:
        """Give a recording."""
        self.known(request)
        file = self.recordings.get(request.match_info["name"])
        return web.Response(status=404) if file is None else web.Response(body=file, content_type="audio/wav")
