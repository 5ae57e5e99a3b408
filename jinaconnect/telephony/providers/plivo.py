"""Voice of Plivo: calls placed and changed over REST, led by Plivo XML, told of by forms signed with their nonce.

Source: Plivo's official client libraries and its pages on calls and callbacks. Placing has no handle to repeat it
under. The id it answers is that of the request, which is the call's as well where one number is called.
"""

from __future__ import annotations

import hashlib
import hmac
from base64 import b64encode
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl, quote, urlsplit
from xml.etree import ElementTree

import orjson

from jinaconnect.core.calls import causes, machine
from jinaconnect.core.errors import BadSignature
from jinaconnect.core.ivr.dialects.plivo_xml import PLIVO, TEXT, written_down
from jinaconnect.core.ivr.exchange import Order, Report
from jinaconnect.core.webhook import WebhookReply, WebhookRequest
from jinaconnect.outbound import Outbound, OutboundError, Sink
from jinaconnect.telephony.provider import (
    RECORDING,
    STATUS,
    TURN,
    Arrival,
    CallGone,
    CallUrls,
    CarrierPrice,
    Outcome,
    Placing,
    ProviderSpec,
    RecordingReady,
    Transcribed,
    Unsupported,
    VoiceAccount,
)
from jinaconnect.telephony.providers import wire
from jinaconnect.telephony.providers.credentials import Plivo as Account

BASE = "https://api.plivo.com"
SIGNATURE, NONCE = "X-Plivo-Signature-V3", "X-Plivo-Signature-V3-Nonce"
LONGEST_RECORDING_S = 14_400
_ENDS = {
    "completed": causes.NORMAL_CLEARING, "busy": causes.USER_BUSY, "failed": causes.NORMAL_TEMPORARY_FAILURE,
    "no-answer": causes.NO_ANSWER, "timeout": causes.NO_ANSWER, "rejected": causes.CALL_REJECTED,
    "cancel": causes.NORMAL_CLEARING, "canceled": causes.NORMAL_CLEARING,
}  # fmt: skip
_CAUSES = {"UNALLOCATED_NUMBER": causes.NUMBER_UNALLOCATED, "ORIGINATOR_CANCEL": causes.NORMAL_CLEARING}
_GIVEN_UP = ("cancel", "canceled")


class PlivoVoice:
    """The Call API."""

    spec = ProviderSpec(
        name="plivo", label="Plivo", credentials=Account,
        verbs=frozenset({"hangup", "transfer", "play", "stop-play", "dtmf", "record"}),
        recording=frozenset({"start", "stop"}), detects=True, removes=True, tapes=False,
        told_to=("base_url", ("auth_token",)), signed_by="auth_token",
        paths={"answer": TURN, "call-status": STATUS, "recording": RECORDING},
    )  # fmt: skip

    def __init__(self, outbound: Outbound) -> None:
        self._outside = outbound

    # ---- asking

    async def place(self, account: VoiceAccount, call: Placing, urls: CallUrls) -> Outcome:
        """Ask for a call (`POST Call/`)."""
        wanted: dict[str, Any] = {
            "from": call.caller.lstrip("+"), "to": call.to.lstrip("+"),
            "answer_url": urls.turn, "answer_method": "POST",
            "ring_url": urls.status, "ring_method": "POST", "hangup_url": urls.status, "hangup_method": "POST",
            "ring_timeout": call.timeout_s, "time_limit": call.max_duration_s,
        }  # fmt: skip
        if call.detect:
            wanted |= {"machine_detection": "true", "machine_detection_url": urls.status,
                       "machine_detection_method": "POST"}  # fmt: skip
        try:
            answer = await self._outside.request(
                "POST", _at(account, "Call/"), headers=_key(account), json=wanted, timeout_s=wire.TIMEOUT_S
            )
        except OutboundError as error:
            return wire.unplaced(error)
        told = wire.read(answer)
        id = told.get("request_uuid")
        return wire.placed(answer, id[0] if isinstance(id, list) and id else id, str(told.get("error")))

    async def check(self, account: VoiceAccount) -> None:
        """Read the account itself."""
        await wire.known(self._outside, _at(account, ""), _key(account))

    async def control(
        self, account: VoiceAccount, call_id: str, verb: str, body: Mapping[str, Any], urls: CallUrls
    ) -> str | None:
        """Order a live call about."""
        call = f"Call/{quote(call_id, safe='')}/"
        match verb:
            case "hangup":
                await self._hang_up(account, call_id)
            case "transfer":
                await self._ask(account, "POST", call, legs="aleg", aleg_url=urls.turn, aleg_method="POST")
            case "play" if body.get("audio_url"):
                await self._ask(account, "POST", f"{call}Play/", urls=body["audio_url"], legs=_legs(body))
            case "play":
                text = wire.whole(body["tts_text"], TEXT, self.spec.label)
                await self._ask(account, "POST", f"{call}Speak/", text=text, legs=_legs(body))
            case "stop-play":
                await self._ask(account, "DELETE", f"{call}Play/")
                await self._ask(account, "DELETE", f"{call}Speak/")
            case "dtmf":
                await self._ask(account, "POST", f"{call}DTMF/", digits=body["digits"], leg="aleg")
            case "record" if body["do"] == "start":
                told = await self._ask(
                    account, "POST", f"{call}Record/", time_limit=LONGEST_RECORDING_S, file_format="wav",
                    callback_url=urls.recording, callback_method="POST", record_channel_type="stereo",
                )  # fmt: skip
                return str(told.get("recording_id", ""))
            case "record" if body["do"] == "stop":
                await self._ask(account, "DELETE", f"{call}Record/")
            case _:
                raise Unsupported(verb)
        return None

    async def _hang_up(self, account: VoiceAccount, call_id: str) -> None:
        try:
            await self._ask(account, "DELETE", f"Call/{quote(call_id, safe='')}/")
        except CallGone:  # one that is still queued is known by its request
            await self._ask(account, "DELETE", f"Request/{quote(call_id, safe='')}/")

    async def _ask(self, account: VoiceAccount, method: str, path: str, **fields: Any) -> Any:
        answer = await wire.ordered(
            self._outside, method, _at(account, path), _key(account), json=fields or None, says="error"
        )
        return wire.read(answer)

    async def fetch_recording(self, account: VoiceAccount, name: str, into: Sink) -> None:
        """Find where a recording is and get it; the credentials go to Plivo alone."""
        path = _at(account, f"Recording/{quote(name, safe='')}/")
        answer = await wire.ordered(self._outside, "GET", path, _key(account))
        url = str(wire.read(answer).get("recording_url", ""))
        host, base = urlsplit(url).netloc, urlsplit(_at(account, "")).netloc
        ours = host == base or host.endswith(".plivo.com")
        await wire.fetched(self._outside, url, _key(account) if ours else {}, into)

    async def forget_recording(self, account: VoiceAccount, name: str) -> None:
        """Remove a recording."""
        await self._ask(account, "DELETE", f"Recording/{quote(name, safe='')}/")

    # ---- webhooks

    def verify(self, account: VoiceAccount, hook: WebhookRequest, now: datetime) -> None:
        """Compare the signatures, one of which must fit."""
        form = wire.pairs_of(hook) if hook.method == "POST" else []
        wanted = signature(account.credentials["auth_token"], hook.method, hook.url, form, hook.header(NONCE)).encode()
        given = hook.header(SIGNATURE).encode("latin-1", "replace").split(b",")
        if not any([hmac.compare_digest(wanted, each.strip()) for each in given]):
            raise BadSignature("The signature does not fit.")

    def call_id(self, hook: WebhookRequest) -> str:
        """Return `CallUUID`."""
        return wire.form_of(hook).get("CallUUID", "")

    def arrival(self, hook: WebhookRequest) -> Arrival | None:
        """Read a call that comes in."""
        told = wire.form_of(hook)
        if told.get("Direction") != "inbound" or told.get("CallStatus") in _ENDS:
            return None
        return Arrival(told.get("CallUUID", ""), told.get("To", ""), told.get("From", ""))

    def facts(self, hook: WebhookRequest, now: datetime) -> Sequence[machine.Fact]:
        """Read `CallStatus`, and `HangupCause` where it says more."""
        told = wire.form_of(hook)
        status = told.get("CallStatus", "")
        if status == "ringing":
            return [machine.Ringing(now)]
        if status == "in-progress":
            return [machine.Answered(now)]
        if status not in _ENDS:
            return []
        given = told.get("HangupCause", "")
        cause = _CAUSES.get(given, given if given in causes.CAUSES and given != causes.UNKNOWN else _ENDS[status])
        talked, answered = wire.seconds(told.get("Duration")), status == "completed"
        return [
            machine.Hangup(now, cause=cause, answered=answered, talk_seconds=talked, by_caller=status in _GIVEN_UP)
        ]

    def price(self, hook: WebhookRequest) -> CarrierPrice | None:
        """Read `TotalCost`, which comes with the end of a call."""
        amount = wire.price(wire.form_of(hook).get("TotalCost"))
        return None if amount is None else CarrierPrice(amount)

    def answered_by(self, hook: WebhookRequest) -> str | None:
        """Read `Machine`."""
        return {"true": "machine", "false": "human"}.get(wire.form_of(hook).get("Machine", "").lower())

    def reports(self, hook: WebhookRequest) -> Sequence[Report]:
        """Read what was heard during the document before."""
        return PLIVO.reports(wire.form_of(hook))

    def recordings(self, hook: WebhookRequest) -> Sequence[RecordingReady]:
        """Read a recording that is complete; one started over REST is told of in a field of JSON."""
        told = wire.form_of(hook)
        try:
            within = orjson.loads(told.get("response", "{}"))
        except ValueError:
            within = {}
        held: Mapping[str, Any] = within if isinstance(within, dict) else {}
        name = told.get("RecordingID") or held.get("recording_id")
        if not name or told.get("RecordingStatus", "completed") != "completed":
            return []
        length = told.get("RecordingDuration") or held.get("recording_duration")
        return [RecordingReady(str(name), wire.seconds(length))]

    def transcripts(self, hook: WebhookRequest) -> Sequence[Transcribed]:
        """Read what was said in a recording."""
        told = wire.form_of(hook)
        if "transcription" not in told or not told.get("recording_id") or told.get("error"):
            return []
        return [Transcribed(told["recording_id"], told["transcription"])]

    def document(self, orders: Sequence[Order], urls: CallUrls, *, record: bool = False) -> WebhookReply:
        """Write a turn as Plivo XML."""
        made = PLIVO.render(orders, urls)
        body = _with_recording(made.body, urls) if record else made.body
        return WebhookReply(body, made.content_type)


def signature(token: str, method: str, url: str, form: wire.Pairs, nonce: str) -> str:
    """Return the third version of Plivo's signature: base64 HMAC-SHA256 of the address, the fields and the nonce."""
    parts = urlsplit(url)
    query = "&".join(f"{name}={value}" for name, value in sorted(parse_qsl(parts.query, keep_blank_values=True)))
    base, fields = f"{parts.scheme}://{parts.netloc}{parts.path}", "".join(name + value for name, value in sorted(form))
    if method == "GET":
        signed = f"{base}?{query}"
    else:
        signed = base + ("?" if query or form else "") + query + ("." if query and form else "") + fields
    made = hmac.digest(token.encode(), f"{signed}.{nonce}".encode("utf-8", "surrogateescape"), hashlib.sha256)
    return b64encode(made).decode()


def _at(account: VoiceAccount, path: str) -> str:
    held = account.credentials
    base = str(held.get("base_url") or BASE).rstrip("/")
    return f"{base}/v1/Account/{quote(held['auth_id'], safe='')}/{path}"


def _key(account: VoiceAccount) -> dict[str, str]:
    return wire.basic(account.credentials["auth_id"], account.credentials["auth_token"])


def _legs(body: Mapping[str, Any]) -> str:
    return "aleg" if body["to"] == "customer" else "both"


def _with_recording(document: bytes, urls: CallUrls) -> bytes:
    """Return a document that has the whole session recorded beside what it says."""
    root = ElementTree.fromstring(document)
    record = ElementTree.Element(
        "Record", recordSession="true", redirect="false", fileFormat="wav", maxLength=str(LONGEST_RECORDING_S),
        callbackUrl=urls.recording, callbackMethod="POST", recordChannelType="stereo", playBeep="false",
    )  # fmt: skip
    record.attrib.update(written_down(urls))
    root.insert(0, record)
    made: bytes = ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)
    return made
