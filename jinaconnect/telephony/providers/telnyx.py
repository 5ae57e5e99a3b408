"""Voice of Telnyx (Call Control): calls placed and led by commands, told of by JSON signed with the account's key.

Source: Telnyx's OpenAPI description and its pages on Call Control. A command has an id, and one that is repeated within
a minute is ignored. Placing a call has one as well, so one whose answer never came is asked for again.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from jinaconnect.core.calls import causes, machine
from jinaconnect.core.errors import BadSignature
from jinaconnect.core.ivr.dialects import shape
from jinaconnect.core.ivr.dialects import telnyx as dialect
from jinaconnect.core.ivr.exchange import Order, Report, TransferDone
from jinaconnect.core.webhook import WebhookReply, WebhookRequest
from jinaconnect.outbound import Ambiguous, Outbound, OutboundError, Sink
from jinaconnect.telephony.provider import (
    TURN,
    Accepted,
    Arrival,
    CallGone,
    CallUrls,
    CarrierPrice,
    CommandRefused,
    LegTold,
    Outcome,
    Placing,
    ProviderAway,
    ProviderSpec,
    RecordingReady,
    Transcribed,
    Unknown,
    Unsupported,
    VoiceAccount,
)
from jinaconnect.telephony.providers import telnyx_events as events
from jinaconnect.telephony.providers import wire
from jinaconnect.telephony.providers.credentials import Telnyx as Account

BASE = "https://api.telnyx.com/v2"
OLDEST = timedelta(seconds=300)  # of a webhook, and how far its clock may be ahead
COMMAND_S = 4.0  # a webhook is repeated when it is not answered within five
VOICE, LANGUAGE = "female", "en-US"
_RECORDED = ("recording_started_at", "recording_ended_at")
_OVER = "90018"  # the code of a call that has ended
_SAID = ("speak", "playback_start", "gather_using_speak", "gather_using_audio")  # the turn goes on without it
_ENDS = {
    "normal_clearing": causes.NORMAL_CLEARING, "originator_cancel": causes.NORMAL_CLEARING,
    "time_limit": causes.NORMAL_CLEARING, "user_busy": causes.USER_BUSY, "no_answer": causes.NO_ANSWER,
    "timeout": causes.NO_ANSWER, "no_user_response": causes.NO_USER_RESPONSE, "call_rejected": causes.CALL_REJECTED,
    "unallocated_number": causes.NUMBER_UNALLOCATED, "not_found": causes.NUMBER_UNALLOCATED,
    "network_out_of_order": causes.NETWORK_OUT_OF_ORDER, "unspecified": causes.NORMAL_TEMPORARY_FAILURE,
}  # fmt: skip
_LEADS = {
    "speak": ("call.speak.ended",), "playback_start": ("call.playback.ended",), "gather": ("call.gather.ended",),
    "record_start": ("call.recording.saved", "call.recording.error", "call.dtmf.received"),
    "record_stop": ("call.recording.saved", "call.recording.error"),
}  # fmt: skip
_NUMBERS = {"10002", "10016"}  # codes of a number that is none
_WHO = {"human": "human", "machine": "machine", "not_sure": "unknown", "fax_detected": "machine"}


class TelnyxVoice:
    """Call Control."""

    spec = ProviderSpec(
        name="telnyx", label="Telnyx", credentials=Account,
        verbs=frozenset({"hangup", "transfer", "play", "stop-play", "dtmf", "record"}),
        recording=frozenset({"start", "stop", "pause", "resume"}), detects=True, removes=True,
        told_to=("base_url", ("api_key",)),
        signed_by="public_key", paths={"event": TURN},
    )  # fmt: skip

    def __init__(self, outbound: Outbound) -> None:
        self._outside = outbound

    # ---- asking

    async def place(self, account: VoiceAccount, call: Placing, urls: CallUrls) -> Outcome:
        """Ask for a call (`POST /calls`); asked twice under one id it is placed once, so a lost answer is asked for."""
        wanted: dict[str, Any] = {
            "connection_id": account.credentials["connection_id"], "to": call.to, "from": call.caller,
            "timeout_secs": call.timeout_s, "time_limit_secs": call.max_duration_s, "command_id": call.id,
            "webhook_url": urls.turn, "webhook_url_method": "POST",
        }  # fmt: skip
        profile = account.credentials.get("outbound_voice_profile_id")
        wanted |= {"outbound_voice_profile_id": profile} if profile else {}
        if call.detect:
            wanted["answering_machine_detection"] = "detect"
        if call.record:
            wanted |= {"record": "record-from-answer", "record_channels": "dual", "record_format": "wav"}
        try:
            return await self._dial(account, wanted)
        except Ambiguous as error:
            lost = str(error)
        except OutboundError as error:
            return wire.unplaced(error)
        try:
            again = await self._dial(account, wanted)
        except OutboundError as error:
            return Unknown(f"{lost}; asked again: {error}")
        if isinstance(again, Accepted | Unknown):
            return again
        return Unknown(f"{lost}; asked again: {again.message}")  # which tells nothing of the request that was lost

    async def _dial(self, account: VoiceAccount, wanted: Mapping[str, Any]) -> Outcome:
        answer = await self._outside.request(
            "POST", _at(account, "calls"), headers=_key(account), json=wanted, timeout_s=wire.TIMEOUT_S
        )
        told = wire.read(answer)
        code, words = events.fault(told)
        cause = causes.INVALID_NUMBER_FORMAT if code in _NUMBERS else causes.CALL_REJECTED
        return wire.placed(answer, events.within(told, "data").get("call_control_id"), f"{code} {words}", cause)

    async def check(self, account: VoiceAccount) -> None:
        """Read the connection's application."""
        connection = quote(account.credentials["connection_id"], safe="")
        await wire.known(self._outside, _at(account, f"call_control_applications/{connection}"), _key(account))

    async def control(
        self, account: VoiceAccount, call_id: str, verb: str, body: Mapping[str, Any], urls: CallUrls
    ) -> str | None:
        """Give a live call a command."""
        match verb:
            case "hangup":
                await self._act(account, call_id, "hangup", {})
            case "transfer":  # commanded already, as the turn that it is, and going on whether or not this is done
                with suppress(CallGone, ProviderAway):
                    await self._act(account, call_id, "playback_stop", {})
            case "stop-play":
                await self._act(account, call_id, "playback_stop", {})
            case "play" if body.get("audio_url"):
                await self._act(account, call_id, "playback_start", {"audio_url": body["audio_url"]})
            case "play":
                said = {"voice": VOICE, "language": LANGUAGE, "payload_type": "text"}
                for text in shape.pieces(body["tts_text"], dialect.TEXT):  # it says them one after the other
                    await self._act(account, call_id, "speak", {"payload": text, **said})
            case "dtmf":
                await self._act(account, call_id, "send_dtmf", {"digits": body["digits"]})
            case "record" if body["do"] == "start":
                await self._act(
                    account, call_id, "record_start", {"format": "wav", "channels": "dual", "play_beep": False}
                )
                return ""  # it is named when it is ready
            case "record":
                await self._act(account, call_id, f"record_{body['do']}", {})
            case _:
                raise Unsupported(verb)
        return None

    async def _act(self, account: VoiceAccount, call_id: str, verb: str, payload: Mapping[str, Any]) -> None:
        url = _at(account, f"calls/{quote(call_id, safe=':')}/actions/{verb}")
        try:
            answer = await self._outside.request(
                "POST", url, headers=_key(account), json=dict(payload), timeout_s=COMMAND_S
            )
        except OutboundError as error:
            raise ProviderAway(str(error), uncertain=isinstance(error, Ambiguous)) from error
        if answer.status == 200:
            return
        code, said = events.fault(wire.read(answer))
        words = f"status {answer.status} {code} {said}".rstrip()[:300]
        if answer.status == 404 or (answer.status == 422 and code == _OVER):
            raise CallGone(words)
        if wire.refuses(answer.status):
            raise CommandRefused(words)
        raise ProviderAway(words, uncertain=wire.doubtful(answer.status))

    async def fetch_recording(self, account: VoiceAccount, name: str, into: Sink) -> None:
        """Find where a recording is now, for addresses last some minutes, and get it without credentials."""
        told = wire.read(
            await wire.ordered(self._outside, "GET", _at(account, f"recordings/{quote(name, safe='')}"), _key(account))
        )
        held = events.within(told, "data")
        urls = events.within(held, "download_urls")
        url = urls.get("wav") or urls.get("mp3") or held.get("download_url") or held.get("url")
        if not url:
            raise CallGone(name)
        await wire.fetched(self._outside, str(url), {}, into)

    async def forget_recording(self, account: VoiceAccount, name: str) -> None:
        """Remove a recording."""
        await wire.ordered(self._outside, "DELETE", _at(account, f"recordings/{quote(name, safe='')}"), _key(account))

    # ---- leading

    async def welcome(self, account: VoiceAccount, call_id: str, name: str) -> None:
        """Answer a call that comes in."""
        await self._act(account, call_id, "answer", {"command_id": f"{name}-answer"})

    async def turn_away(self, account: VoiceAccount, call_id: str) -> None:
        """Refuse a call that comes in."""
        await self._act(account, call_id, "reject", {"cause": "CALL_REJECTED", "command_id": f"{call_id[-40:]}-reject"})

    def echoed(self, hook: WebhookRequest) -> Mapping[str, str]:
        """Return the query of the address that a command took along."""
        return dialect.address(str(events.payload(hook).get("client_state") or ""))[1]

    def ends(self, hook: WebhookRequest, orders: Sequence[Order], urls: CallUrls) -> bool:
        """Tell whether an event is what its command leads to: later ones bear its state as well, whatever they are."""
        fields, given = self._fields(hook), dialect.commands(orders, urls)
        event, step = str(fields["event_type"]), shape.count(str(fields["step"]))
        if event == "call.hangup":
            return True
        if event == "call.transcription":
            return any(command["verb"] == "transcription_start" for command in given)
        verb = given[step]["verb"] if step is not None and step < len(given) else ""
        return event in _LEADS.get(verb.partition("_using")[0], ())

    def follows(self, hook: WebhookRequest, orders: Sequence[Order], urls: CallUrls) -> int | None:
        """Return which of a turn's commands an event leads to."""
        fields = self._fields(hook)
        leads = dialect.follows(fields, dialect.commands(orders, urls))
        return None if leads is None else int(fields["step"]) + 1

    async def carry_out(
        self, account: VoiceAccount, call_id: str, orders: Sequence[Order], urls: CallUrls, *, step: int, name: str
    ) -> float | None:
        """Give a turn's commands from one on to the first that leads to an event."""
        given = dialect.commands(orders, urls)
        for place, command in enumerate(given[step:], step):
            if command["verb"] == dialect.PAUSE:
                return float(command["payload"]["seconds"])
            verb = command["verb"]
            payload = {**command["payload"], "command_id": f"{name}-{place}-{verb}"}
            try:
                await self._act(account, call_id, verb, payload)
            except CommandRefused as error:
                if verb == "record_stop":
                    break  # what is recorded ends by itself, and is told of
                goes_on = verb in _SAID and place + 1 < len(given)
                raise CommandRefused(f"{verb}: {error}", then=place + 1 if goes_on else None) from error
            if verb != "transcription_start":
                break
        return None

    async def close(self, account: VoiceAccount, call_id: str, orders: Sequence[Order], urls: CallUrls) -> None:
        """End what a turn leaves running."""
        for command in dialect.closing(dialect.commands(orders, urls)):
            await self._act(account, call_id, command["verb"], command["payload"])

    # ---- webhooks

    def verify(self, account: VoiceAccount, hook: WebhookRequest, now: datetime) -> None:
        """Look at the signature over the time and the body, and how old it is."""
        given = account.credentials.get("public_key")
        if not given:
            return  # the address alone shows whose it is
        stamp = hook.header("telnyx-timestamp")
        if not (stamp.isascii() and stamp.isdigit() and len(stamp) <= 12):
            raise BadSignature("There is no time.")
        try:
            made = base64.b64decode(hook.header("telnyx-signature-ed25519"), validate=True)
            public_key(given).verify(made, stamp.encode() + b"|" + hook.body)
        except (binascii.Error, ValueError, InvalidSignature) as error:
            raise BadSignature("The signature does not fit.") from error
        if abs(now - datetime.fromtimestamp(int(stamp), UTC)) > OLDEST:
            raise BadSignature("The signature is too old.")

    def call_id(self, hook: WebhookRequest) -> str:
        """Return `call_control_id`; what is told of the leg of a transfer is of no call of ours."""
        return "" if self._second(hook) else str(events.payload(hook).get("call_control_id") or "")

    def _second(self, hook: WebhookRequest) -> bool:
        return self.echoed(hook).get("part") == dialect.SECOND

    def arrival(self, hook: WebhookRequest) -> Arrival | None:
        """Read a call that comes in."""
        told = events.payload(hook)
        if events.event(hook) != "call.initiated" or told.get("direction") != "incoming":
            return None
        called, caller = told.get("to"), told.get("from")
        return Arrival(str(told.get("call_control_id") or ""), str(called or ""), str(caller or ""))

    def facts(self, hook: WebhookRequest, now: datetime) -> Sequence[machine.Fact]:
        """Read the event's type."""
        if self._second(hook):
            return []
        match events.event(hook):
            case "call.ringing":
                return [machine.Ringing(now)]
            case "call.answered":
                return [machine.Answered(now)]
            case "call.hangup":
                told = str(events.payload(hook).get("hangup_cause") or "normal_clearing").lower()
                cause = _ENDS.get(told, causes.UNKNOWN)
                if (q850 := shape.count(told)) is not None:
                    cause = causes.CAUSE_OF_Q850.get(q850, causes.UNKNOWN)
                # A callee can only clear what it has answered.
                answered = told == "normal_clearing" and events.payload(hook).get("hangup_source") == "callee"
                talked = events.talked(events.payload(hook)) if answered else None
                return [
                    machine.Hangup(now, cause=cause, answered=answered, talk_seconds=talked,
                                   by_caller=cause == causes.NORMAL_CLEARING)
                ]  # fmt: skip
        return []

    def leg(self, hook: WebhookRequest, now: datetime) -> LegTold | None:
        """Read what is told of the leg of a transfer, which has an id of its own."""
        if not self._second(hook):
            return None
        life: dict[str, list[machine.Fact]] = {
            "call.ringing": [machine.Ringing(now)], "call.answered": [machine.Answered(now)],
        }  # fmt: skip
        return LegTold(str(events.payload(hook).get("call_control_id") or ""), life.get(events.event(hook), ()))

    def price(self, hook: WebhookRequest) -> CarrierPrice | None:
        """Read `call.cost`, which follows a call."""
        told = events.payload(hook)
        if events.event(hook) != "call.cost" or self._second(hook) or told.get("status") == "error":
            return None
        amount, parts = wire.price(told.get("total_cost")), told.get("cost_parts")
        first = parts[0] if isinstance(parts, list) and parts and isinstance(parts[0], Mapping) else {}
        return None if amount is None else CarrierPrice(amount, wire.currency(first.get("currency")))

    def answered_by(self, hook: WebhookRequest) -> str | None:
        """Read what detection found; a telephone that asks who calls is no machine."""
        event, told = events.event(hook), str(events.payload(hook).get("result") or "")
        if event in ("call.machine.detection.ended", "call.machine.premium.detection.ended"):
            return _WHO.get(told.removesuffix("_residence").removesuffix("_business"), "unknown")
        return "screened" if event == "call.machine.call_screening.detected" or told == "call_screening" else None

    def reports(self, hook: WebhookRequest) -> Sequence[Report]:
        """Read what was heard during the turn before."""
        talked = events.talked(events.payload(hook))
        return [
            replace(each, talk_seconds=talked) if isinstance(each, TransferDone) and each.answered else each
            for each in dialect.reports(self._fields(hook))
        ]

    def _fields(self, hook: WebhookRequest) -> dict[str, Any]:
        echo = self.echoed(hook)
        return {
            **events.payload(hook), "event_type": events.event(hook), "step": echo.get("step", ""),
            "part": echo.get("part", ""),
        }  # fmt: skip

    def transcripts(self, hook: WebhookRequest) -> Sequence[Transcribed]:
        """Read `call.recording.transcription.saved`."""
        told = events.payload(hook)
        if events.event(hook) != "call.recording.transcription.saved" or told.get("status") != "completed":
            return []
        return [Transcribed(str(told.get("recording_id") or ""), str(told.get("transcription_text") or ""))]

    def recordings(self, hook: WebhookRequest) -> Sequence[RecordingReady]:
        """Read a recording that is complete."""
        told = events.payload(hook)
        if events.event(hook) != "call.recording.saved" or not told.get("recording_id"):
            return []
        return [RecordingReady(str(told["recording_id"]), events.between(told, *_RECORDED))]

    def document(self, orders: Sequence[Order], urls: CallUrls, *, record: bool = False) -> WebhookReply:
        """Answer that the webhook was taken: what is to be done is commanded."""
        return WebhookReply()


def public_key(given: str) -> Ed25519PublicKey:
    """Return the key of an account, given as PEM or as the bare 32 bytes in base64; raises ValueError."""
    if "BEGIN" in given:
        found = load_pem_public_key(given.encode())
        if not isinstance(found, Ed25519PublicKey):
            raise ValueError("not an Ed25519 key")
        return found
    return Ed25519PublicKey.from_public_bytes(base64.b64decode(given, validate=True))


def _at(account: VoiceAccount, path: str) -> str:
    return f"{str(account.credentials.get('base_url') or BASE).rstrip('/')}/{path}"


def _key(account: VoiceAccount) -> dict[str, str]:
    return {"Authorization": f"Bearer {account.credentials['api_key']}"}
