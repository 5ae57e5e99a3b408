"""Telnyx, simulated: commands instead of documents, each told of by an event when it is done."""

from __future__ import annotations

import asyncio
import base64
import secrets
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from jinaconnect.outbound import Fetched
from jinaconnect.telephony.simulator.hosted.vendor import (
    Asked,
    Call,
    SimulatedVendor,
    World,
    answered,
    minute_price,
    sound,
)
from jinaconnect.telephony.simulator.walkers.telnyx import TelnyxCall

IDLE_S = 3_600.0  # of a call that is given no command any more
_EVENTS = {"ringing": "call.ringing", "in-progress": "call.answered"}
_CAUSES = {
    "completed": "normal_clearing", "canceled": "originator_cancel", "busy": "user_busy", "no-answer": "timeout",
    "rejected": "call_rejected", "failed": "unspecified",
}  # fmt: skip
_NOTHING = frozenset({"answer", "send_dtmf", "record_stop", "record_pause", "record_resume", "playback_stop"})


def _key(secret: str) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(bytes.fromhex(secret[:64]))


def public_half(secret: str) -> str:
    """Return the public key that goes with an account's secret."""
    return base64.b64encode(_key(secret).public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)).decode()


class SimulatedTelnyx(SimulatedVendor):
    """Call Control."""

    name = "telnyx"
    hosts = ("s3.amazonaws.com",)

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self._commands: dict[str, asyncio.Queue[tuple[str, Mapping[str, Any]]]] = {}
        self._there: dict[str, TelnyxCall] = {}
        self._given: dict[str, str] = {}  # what a placing's command id has led to

    def new_id(self) -> str:
        """Return an id for a call."""
        return f"v3:{secrets.token_urlsafe(32)}"

    async def answer(self, asked: Asked) -> Fetched:
        """Answer a request."""
        if self.serves(asked.url):
            return sound(self.file(asked.path[-1]))
        match asked.method, asked.path:
            case "GET", ["call_control_applications", _]:
                return answered(200, {"data": {}})
            case "POST", ["calls"]:
                return self._placed(asked)
            case "POST", ["calls", id, "actions", verb]:
                return self._act(id, verb, asked.json)
            case "GET", ["recordings", name] if name in self.lengths:
                return answered(200, {"data": {"download_urls": {"wav": f"https://{self.hosts[0]}/{name}"}}})
            case "DELETE", ["recordings", name] if name in self.lengths:
                del self.lengths[name]
                return answered(200, {"data": {}})
        return answered(404, {"errors": [{"code": "10005", "title": "Resource not found"}]})

    def _placed(self, asked: Asked) -> Fetched:
        told = asked.json
        id = self._given.get(told["command_id"])
        if id is None:
            id = self._given[told["command_id"]] = self.new_id()
            call = Call(
                asked.account, id, told["from"], told["to"], told["webhook_url"], told["webhook_url"],
                ring_s=float(told["timeout_secs"]), records="record" in told,
                detects="answering_machine_detection" in told,
            )  # fmt: skip
            self._commands[id] = asyncio.Queue()
            self.dial(call)
        return answered(200, {"data": {"call_control_id": id, "is_alive": False, "record_type": "call"}})

    def call_in(self, account: str, url: str, caller: str, called: str, keys: str) -> Call:
        """Have somebody call a number of an account."""
        call = Call(account, self.new_id(), caller, called, url, url, inbound=True, keys=keys)
        self._commands[call.id] = asyncio.Queue()
        self._begin(call, self._inward(call))
        return call

    async def _inward(self, call: Call) -> None:
        told = {"from": call.caller, "to": call.called, "direction": "incoming", "state": "parked"}
        await self.post(call, call.status, {**self._common(call), "event_type": "call.initiated", **told})
        verb, _ = await self._commands[call.id].get()
        if verb == "answer":
            await self.tell(call, "in-progress")
            await self._talk(call)

    def _act(self, id: str, verb: str, payload: Mapping[str, Any]) -> Fetched:
        call, command = self.calls.get(id), str(payload.get("command_id") or "")
        if call is None or call.over:
            return answered(422, {"errors": [{"code": "90018", "title": "Call has already ended"}]})
        if command and f"{id}/{command}" in self._given:
            return answered(200, {"data": {"result": "ok"}})
        if command:
            self._given[f"{id}/{command}"] = id
        if verb == "hangup":
            self.end(call)
        if verb == "record_start" and "client_state" not in payload:
            call.records = True
        if verb == "record_stop" and id in self._there:
            self._there[id].stop_recording(payload)
        if verb in ("answer", "reject") or (verb not in _NOTHING and "client_state" in payload):
            self._commands[id].put_nowait((verb, payload))
        return answered(200, {"data": {"result": "ok"}})

    async def _live(self, call: Call, life: Any) -> None:
        try:
            await super()._live(call, life)
        finally:
            self._commands.pop(call.id, None)
            self._there.pop(call.id, None)
            for command in [each for each in self._given if each.startswith(f"{call.id}/")]:
                del self._given[command]

    async def walk(self, call: Call, url: str) -> None:
        """Do what is commanded, one after the other, and tell what comes of it."""
        assert call.party is not None
        there, commands = TelnyxCall(call.party, self._common(call)), self._commands[call.id]
        self._there[call.id] = there
        while not there.over:
            waiting = asyncio.create_task(commands.get())
            idle = asyncio.create_task(there.idle(IDLE_S))
            done, _ = await asyncio.wait((waiting, idle), return_when=asyncio.FIRST_COMPLETED)
            if waiting not in done:
                waiting.cancel()
                event = idle.result()
                if event is not None and event["event_type"] != "call.hangup":
                    await self.post(call, call.status, event)
                continue
            idle.cancel()
            verb, payload = waiting.result()
            async for event in there.command(verb, payload):
                if not there.over or event["event_type"] != "call.hangup":  # its own end is told beside
                    await self.post(call, call.status, event)

    def _common(self, call: Call) -> dict[str, Any]:
        return {"call_control_id": call.id, "from": call.caller, "to": call.called}

    def report(self, call: Call, status: str, seconds: int | None) -> Mapping[str, Any]:
        """Return an event of a call's life."""
        told = {**self._common(call), "event_type": _EVENTS.get(status, "call.hangup")}
        if status in _CAUSES:
            told |= {"hangup_cause": _CAUSES[status], "hangup_source": "callee" if seconds else "caller"}
        if seconds is not None:
            now = datetime.now(UTC)
            told |= {"start_time": (now - timedelta(seconds=seconds)).isoformat(), "end_time": now.isoformat()}
        return told

    def billed(self, call: Call, seconds: int) -> Mapping[str, Any]:
        """Return the event of a call's price."""
        part = {"call_part": "call-control", "cost": minute_price(seconds), "currency": "USD"}
        return {**self._common(call), "event_type": "call.cost", "status": "success", "cost_parts": [part],
                "total_cost": minute_price(seconds), "billed_duration_secs": 60 * -(-seconds // 60)}  # fmt: skip

    def detected(self, call: Call) -> Mapping[str, Any]:
        """Return what detection tells."""
        return {**self._common(call), "event_type": "call.machine.detection.ended", "result": "machine"}

    def recorded(self, call: Call, name: str, seconds: int) -> Mapping[str, Any]:
        """Return the event of a recording."""
        return {**self._common(call), "event_type": "call.recording.saved", "recording_id": name}

    def signed(self, account: str, url: str, fields: Mapping[str, Any]) -> tuple[bytes, dict[str, str]]:
        """Return a signed event; what was recorded can be fetched."""
        payload = {name: value for name, value in fields.items() if name != "event_type"}
        if fields["event_type"] == "call.recording.saved" and payload["recording_id"] not in self.lengths:
            payload["recording_id"] = self.keep(1)
        data = {
            "record_type": "event", "event_type": fields["event_type"], "id": secrets.token_hex(16),
            "occurred_at": datetime.now(UTC).isoformat(), "payload": payload,
        }  # fmt: skip
        body, stamp = orjson.dumps({"data": data, "meta": {"attempt": 1}}), str(int(datetime.now(UTC).timestamp()))
        made = base64.b64encode(_key(self.world.secret_of(account)).sign(stamp.encode() + b"|" + body)).decode()
        return body, {
            "Content-Type": "application/json", "telnyx-timestamp": stamp, "telnyx-signature-ed25519": made,
        }  # fmt: skip
