"""Telnyx, played: what it takes is held against its OpenAPI description, its events are signed with its key.

It takes commands instead of documents: a turn's "document" is what the commands since say, and `next` is the state that
the last of them bears, which the event that it leads to repeats.
"""

from __future__ import annotations

import base64
import json
import secrets
import time
from collections import defaultdict, deque
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from aiohttp import web
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tests.telephony.providers.fake import FakeCall, FakeCarrier, Headers
from tests.telephony.providers.played.described import faults

STATUSES = {"ringing": "call.ringing", "in-progress": "call.answered"}
CAUSES = {
    "completed": "normal_clearing", "canceled": "originator_cancel", "busy": "user_busy", "no-answer": "timeout",
    "failed": "unspecified",
}  # fmt: skip
NOON = datetime(2026, 11, 26, 12, tzinfo=UTC)
ENDS = {"speak": "call.speak.ended", "playback_start": "call.playback.ended"}


@dataclass
class TelnyxCall(FakeCall):
    """A call: `last` is the command whose event comes next, `given` the ids of those it was given."""

    last: dict[str, Any] = field(default_factory=dict)
    given: set[str] = field(default_factory=set)
    over: bool = False

    async def status(self, status: str, **more: Any) -> int:
        """Report; returns what it was answered."""
        self.over |= status in CAUSES
        return await super().status(status, **more)

    async def turn(self, url: str | None = None, **told: Any) -> list[dict[str, Any]]:
        """Tell what the last command, or that of an earlier state, came to; returns what is commanded since."""
        before = self.document
        self.document = []
        first = url in (self.wanted["turn"], None) and not self.last and "dialled" not in told
        if "from" in told:
            fields = {"status": "initiated", **{key: told[key] for key in ("from", "to")}}
            code, _ = await self.carrier.post(self.wanted["turn"], {"id": self.id, **fields})
            assert code == 200, code
            told, first = {}, True
        if url == self.wanted["turn"] or first:
            fields = {"status": "in-progress"}
        else:
            state = url or self.last["payload"].get("client_state")
            fields = {"event": self._event(told), "client_state": state, **told}
        code, _ = await self.carrier.post(self.wanted["turn"], {"id": self.id, **fields})
        assert code == 200, code
        if self.over:
            self.document = [{"hangup": True}]
        self.document = self.document or before
        return self.document

    def _event(self, told: Mapping[str, Any]) -> str:
        verb = self.last["verb"]
        if "dialled" in told:
            return "call.hangup"
        return "call.gather.ended" if "digits" in told or verb.startswith("gather") else ENDS.get(verb, "none")


@dataclass
class TelnyxCarrier(FakeCarrier):
    """The carrier.

    `meets` holds by verb what the coming commands are answered, a status and the code of its fault; `before` what
    happens before the next of a verb is.
    """

    user: str = field(default_factory=lambda: secrets.token_hex(8))
    meets: defaultdict[str, deque[tuple[int, str]]] = field(default_factory=lambda: defaultdict(deque))
    before: dict[str, Callable[[], Awaitable[None]]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    key: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate)
    placed_ids: dict[str, FakeCall] = field(default_factory=dict)
    provider = "telnyx"

    def routes(self, application: web.Application) -> None:
        """Have the calls answered."""
        application.router.add_get("/call_control_applications/{id}", self._application)
        application.router.add_post("/calls", self.place)
        application.router.add_post("/calls/{id}/actions/{verb}", self._act)
        application.router.add_get("/recordings/{name}", self._recording)
        application.router.add_delete("/recordings/{name}", self._recording)
        application.router.add_get("/files/{name}", self.recording)

    @property
    def account(self) -> dict[str, str]:
        """The credentials of the account."""
        raw = self.key.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
        return {
            "api_key": self.secret, "connection_id": self.user, "public_key": base64.b64encode(raw).decode(),
            "base_url": self.url,
        }  # fmt: skip

    def new_id(self) -> str:
        """Return an id for a call."""
        return f"v3:{secrets.token_urlsafe(40)}"

    def new_call(self, id: str, wanted: dict[str, Any]) -> FakeCall:
        """Return a call."""
        return TelnyxCall(self, id, wanted)

    def lose(self) -> None:
        """Have the coming placement be lost, and its repetition."""
        self.next.extend(["lost", "lost"])

    def known(self, request: web.Request) -> None:
        """Raise for a request that is not the account's."""
        if request.path.startswith("/files/"):
            assert "Authorization" not in request.headers
        elif request.headers.get("Authorization") != f"Bearer {self.secret}":
            raise web.HTTPUnauthorized

    async def _application(self, request: web.Request) -> web.Response:
        self.known(request)
        return web.json_response({"data": {}}, status=200 if request.match_info["id"] == self.user else 404)

    async def place(self, request: web.Request) -> web.StreamResponse:
        """Place a call; one that is asked for again is no second one."""
        command = (await request.json())["command_id"]
        if command in self.placed_ids:
            return self.met(request, self.next.popleft() if self.next else 201, self.placed_ids[command])
        count = len(self.calls)
        answer = await super().place(request)
        if len(self.calls) > count:
            self.placed_ids[command] = self.calls[-1]
        return answer

    async def wanted(self, request: web.Request) -> dict[str, Any]:
        """Return what a request to place a call asks for."""
        told = await request.json()
        self.faults += faults("telnyx", "POST", "/calls", told)
        return {
            "from": told["from"], "to": told["to"], "turn": told["webhook_url"], "status": told["webhook_url"],
            "recording": told["webhook_url"], "record": told.get("record") == "record-from-answer",
            "detects": told.get("answering_machine_detection") == "detect",
        }  # fmt: skip

    def accepted(self, call: FakeCall) -> web.Response:
        """Return the answer to a call that is placed."""
        return web.json_response({"data": {"call_control_id": call.id, "is_alive": False, "record_type": "call"}})

    async def _act(self, request: web.Request) -> web.Response:
        self.known(request)
        verb, told = request.match_info["verb"], await request.json()
        self.faults += faults("telnyx", "POST", request.path, told)
        call = next((each for each in self.calls if each.id == request.match_info["id"]), None)
        if not isinstance(call, TelnyxCall) or call.over:
            return web.json_response({"errors": [{"code": "90018", "title": "ended"}]}, status=422)
        self.asked.append(verb)
        if verb in self.before:
            await self.before.pop(verb)()
        if self.meets[verb]:
            status, code = self.meets[verb].popleft()
            return web.json_response({"errors": [{"code": code, "title": "Not now"}]}, status=status)
        command = told.get("command_id")
        if command is None or command not in call.given:
            call.given |= {command} if command else set()
            self._given(call, verb, told)
        return web.json_response({"data": {"result": "ok"}})

    def _given(self, call: TelnyxCall, verb: str, told: dict[str, Any]) -> None:
        leads, said = "client_state" in told, call.document
        if leads:
            call.last = {"verb": verb, "payload": told}
        match verb:
            case "speak" | "playback_start" if not leads:
                self.did.append(("play", told.get("payload") or told["audio_url"]))
            case "speak":
                said.append({"say": told["payload"]})
            case "playback_start":
                said.append({"play": told["audio_url"]})
            case "gather_using_speak":
                said += [{"say": told["payload"]}, {"gather": told["maximum_digits"]}]
            case "gather" | "gather_using_audio":
                said.append({"gather": told["maximum_digits"]})
            case "record_start" if leads:
                said.append({"record": told["max_length"]})
            case "record_start":
                self.did.append(("record", "start"))
                self.record()
            case "record_stop" | "record_pause" | "record_resume":
                self.did.append(("record", verb.removeprefix("record_")))
            case "send_dtmf":
                self.did.append(("dtmf", told["digits"]))
            case "transfer":
                said.append({"dial": told["to"]})
                call.wanted["second"] = told["target_leg_client_state"]
                self.did.append(("transfer", told["to"]))
            case "hangup" | "reject":
                said += [{"hangup": True}] if {"hangup": True} not in said else []
                call.hung_up.set()
        if leads:
            said.append({"next": told["client_state"]})

    async def _recording(self, request: web.Request) -> web.Response:
        self.known(request)
        name = request.match_info["name"]
        if name not in self.recordings:
            return web.Response(status=404)
        if request.method == "DELETE":
            del self.recordings[name]
            return web.json_response({"data": {}})
        return web.json_response({"data": {"id": name, "download_urls": {"wav": f"{self.url}/files/{name}"}}})

    # ---- what it tells

    def webhook(self, url: str, told: Mapping[str, Any], signature: str | None) -> tuple[str, str, bytes, Headers]:
        """Return an event as it is sent."""
        payload: dict[str, Any] = {
            "call_control_id": told["id"], "connection_id": self.user, "client_state": told.get("client_state"),
            "from": told.get("from", "+12025550100"), "to": told.get("to", "+12025550111"),
            "direction": "incoming" if "from" in told else "outgoing",
        }  # fmt: skip
        status = told.get("status", "")
        event = told.get("event") or STATUSES.get(status) or ("call.hangup" if status in CAUSES else "call.initiated")
        event = "call.initiated" if "from" in told else event
        if status in CAUSES:
            payload |= {"hangup_cause": CAUSES[status], "hangup_source": "callee"}
        if "seconds" in told or "talked" in told:
            lasted = timedelta(seconds=told.get("seconds", told.get("talked")))
            payload |= {"start_time": NOON.isoformat(), "end_time": (NOON + lasted).isoformat()}
        if event == "call.gather.ended":
            payload |= {"digits": told.get("digits", ""), "status": "valid" if told.get("digits") else "timeout"}
        if "dialled" in told:
            call = next(each for each in self.calls if each.id == told["id"])
            payload |= {"call_control_id": self.new_id(), "client_state": call.wanted["second"]}
            payload["hangup_cause"] = "normal_clearing" if told["dialled"] == "answered" else CAUSES[told["dialled"]]
        if "machine" in told:
            event, payload["result"] = "call.machine.detection.ended", told["machine"]
        if "words" in told:
            event = "call.transcription"
            payload["transcription_data"] = {"transcript": told["words"], "confidence": 0.9, "is_final": True}
        if "transcript" in told:
            event = "call.recording.transcription.saved"
            name, said = told["transcript"]
            payload |= {"recording_id": name, "recording_transcription_id": "t", "status": "completed",
                        "transcription_text": said}  # fmt: skip
        if "recording" in told:
            event = "call.recording.saved"
            payload |= {"recording_id": told["recording"], "recording_started_at": "2026-11-26T10:00:00Z",
                        "recording_ended_at": "2026-11-26T10:00:01Z"}  # fmt: skip
        data = {"record_type": "event", "event_type": event, "id": secrets.token_hex(16), "payload": payload}
        body, stamp = json.dumps({"data": data, "meta": {"attempt": 1}}).encode(), str(int(time.time()))
        made = base64.b64encode(self.key.sign(f"{stamp}|".encode() + body)).decode()
        headers = {"telnyx-timestamp": stamp, "telnyx-signature-ed25519": signature or made}
        return "POST", url, body, {"Content-Type": "application/json", **headers}
