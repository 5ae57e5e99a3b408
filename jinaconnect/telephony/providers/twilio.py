"""Programmable Voice of Twilio: calls placed and changed over REST, led by TwiML, told of by signed forms.

Source: Twilio's OpenAPI description (v2010) and its pages on TwiML and webhooks. Placing has no handle to repeat it
under, so one whose answer never came is not repeated: the addresses it took along name the call.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import quote
from xml.etree import ElementTree

from jinaconnect.core.calls import causes, machine
from jinaconnect.core.errors import BadSignature, Invalid
from jinaconnect.core.ivr.dialects.twiml import TWIML
from jinaconnect.core.ivr.exchange import Order, Report
from jinaconnect.core.signed_form import SIGNATURE_HEADER, addresses, signature
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
    CommandRefused,
    Outcome,
    Placing,
    ProviderSpec,
    RecordingReady,
    Transcribed,
    Unsupported,
    VoiceAccount,
)
from jinaconnect.telephony.providers import wire
from jinaconnect.telephony.providers.credentials import Twilio as Account

MOST = 4_000  # characters of a document that goes with a request
_EVENTS = ("initiated", "ringing", "answered", "completed")
_DOES = {"stop": "stopped", "pause": "paused", "resume": "in-progress"}
_ENDS = {
    "completed": causes.NORMAL_CLEARING, "canceled": causes.NORMAL_CLEARING, "busy": causes.USER_BUSY,
    "no-answer": causes.NO_ANSWER, "failed": causes.NORMAL_TEMPORARY_FAILURE,
}  # fmt: skip
_REFUSALS = {
    21201: causes.INVALID_NUMBER_FORMAT, 21211: causes.INVALID_NUMBER_FORMAT, 21217: causes.INVALID_NUMBER_FORMAT,
    21210: causes.FACILITY_REJECTED, 21212: causes.FACILITY_REJECTED, 21215: causes.FACILITY_REJECTED,
    13227: causes.FACILITY_REJECTED,
}  # fmt: skip
_OVER = (21220,)  # the code of a call that is not in progress any more


class TwilioVoice:
    """The Calls API."""

    spec = ProviderSpec(
        name="twilio", label="Twilio", credentials=Account,
        verbs=frozenset({"hangup", "transfer", "play", "dtmf", "record"}),
        recording=frozenset({"start", "stop", "pause", "resume"}), detects=True, removes=True,
        told_to=("base_url", ("auth_token",)), signed_by="auth_token", asked_for_prices=True,
        paths={"answer": TURN, "gather": TURN, "call-status": STATUS, "recording-status": RECORDING},
    )  # fmt: skip

    def __init__(self, outbound: Outbound) -> None:
        self._outside = outbound

    # ---- asking

    async def place(self, account: VoiceAccount, call: Placing, urls: CallUrls) -> Outcome:
        """Ask for a call (`POST Calls.json`)."""
        form = [
            ("To", call.to), ("From", call.caller), ("Url", urls.turn), ("Method", "POST"),
            ("StatusCallback", urls.status), ("StatusCallbackMethod", "POST"),
            *(("StatusCallbackEvent", each) for each in _EVENTS),
            ("Timeout", str(call.timeout_s)), ("TimeLimit", str(call.max_duration_s)),
        ]  # fmt: skip
        if call.record:
            form += [("Record", "true"), *_recording(urls)]
        if call.detect:
            form += [("MachineDetection", "Enable"), ("AsyncAmd", "true"),
                     ("AsyncAmdStatusCallback", urls.status), ("AsyncAmdStatusCallbackMethod", "POST")]  # fmt: skip
        headers = {**_key(account), **wire.FORM}
        try:
            answer = await self._outside.request(
                "POST", _at(account, "Calls.json"), headers=headers, data=wire.encoded(form), timeout_s=wire.TIMEOUT_S
            )
        except OutboundError as error:
            return wire.unplaced(error)
        told = wire.read(answer)
        code = told.get("code")
        cause = _REFUSALS.get(code, causes.CALL_REJECTED) if isinstance(code, int) else causes.CALL_REJECTED
        return wire.placed(answer, told.get("sid"), f"{code} {told.get('message')}", cause)

    async def check(self, account: VoiceAccount) -> None:
        """Read the account itself."""
        await wire.known(self._outside, _at(account, "").removesuffix("/") + ".json", _key(account))

    async def control(
        self, account: VoiceAccount, call_id: str, verb: str, body: Mapping[str, Any], urls: CallUrls
    ) -> str | None:
        """Change a live call: by another document, its state, or its recordings."""
        call = f"Calls/{quote(call_id, safe='')}"
        match verb:
            case "hangup":
                form = [("Status", "completed")]
            case "transfer":
                form = [("Url", urls.turn), ("Method", "POST")]
            case "play":
                form = [("Twiml", _said(body, urls))]
            case "dtmf":
                form = [("Twiml", _interlude(_element("Play", digits=body["digits"]), urls))]
            case "record" if body["do"] == "start":
                form = _recording(urls)
                return str(wire.read(await self._ask(account, f"{call}/Recordings.json", form)).get("sid", ""))
            case "record":
                path = f"{call}/Recordings/{quote(body['recording'])}.json"
                try:
                    await self._ask(account, path, [("Status", _DOES[body["do"]])])
                except CallGone as error:  # of the recording
                    raise CommandRefused("There is no such recording.") from error
                return None
            case _:
                raise Unsupported(verb)
        await self._ask(account, f"{call}.json", form)
        return None

    async def _ask(self, account: VoiceAccount, path: str, form: wire.Pairs) -> Any:
        return await wire.ordered(
            self._outside, "POST", _at(account, path), _key(account), form=form, says="message", gone=_OVER
        )

    async def fetch_price(self, account: VoiceAccount, call_id: str) -> CarrierPrice | None:
        """Read the call itself, whose price is null at first."""
        path = _at(account, f"Calls/{quote(call_id, safe='')}.json")
        told = wire.read(await wire.ordered(self._outside, "GET", path, _key(account), says="message"))
        amount = wire.price(told.get("price"))
        return None if amount is None else CarrierPrice(amount, wire.currency(told.get("price_unit")))

    async def fetch_recording(self, account: VoiceAccount, name: str, into: Sink) -> None:
        """Get a recording as WAV."""
        await wire.fetched(self._outside, _at(account, f"Recordings/{quote(name)}.wav"), _key(account), into)

    async def forget_recording(self, account: VoiceAccount, name: str) -> None:
        """Remove a recording."""
        url = _at(account, f"Recordings/{quote(name)}.json")
        await wire.ordered(self._outside, "DELETE", url, _key(account), says="message")

    # ---- webhooks

    def verify(self, account: VoiceAccount, hook: WebhookRequest, now: datetime) -> None:
        """Compare the signature, which is over the address and the form's fields."""
        given = hook.header(SIGNATURE_HEADER).encode("latin-1", "replace")
        form = wire.pairs_of(hook) if hook.method == "POST" else []
        token = account.credentials["auth_token"]
        if not any([hmac.compare_digest(signature(token, url, form).encode(), given) for url in addresses(hook.url)]):
            raise BadSignature("The signature does not fit.")

    def call_id(self, hook: WebhookRequest) -> str:
        """Return `CallSid`."""
        return wire.form_of(hook).get("CallSid", "")

    def arrival(self, hook: WebhookRequest) -> Arrival | None:
        """Read a call that comes in."""
        told = wire.form_of(hook)
        if told.get("Direction") != "inbound" or told.get("CallStatus") in _ENDS:
            return None
        return Arrival(told.get("CallSid", ""), told.get("To", ""), told.get("From", ""))

    def facts(self, hook: WebhookRequest, now: datetime) -> Sequence[machine.Fact]:
        """Read `CallStatus`."""
        told = wire.form_of(hook)
        match told.get("CallStatus"):
            case "ringing":
                return [machine.Ringing(now)]
            case "in-progress":
                return [machine.Answered(now)]
            case "completed":
                talked = wire.seconds(told.get("CallDuration"))
                return [machine.Hangup(now, cause=causes.NORMAL_CLEARING, answered=True, talk_seconds=talked)]
            case status if status in _ENDS:
                return [machine.Hangup(now, cause=_ENDS[status], by_caller=status == "canceled")]
        return []

    def answered_by(self, hook: WebhookRequest) -> str | None:
        """Read `AnsweredBy`."""
        told = wire.form_of(hook).get("AnsweredBy")
        if not told:
            return None
        return "human" if told == "human" else "machine" if told.startswith(("machine", "fax")) else "unknown"

    def reports(self, hook: WebhookRequest) -> Sequence[Report]:
        """Read what was heard during the document before."""
        return TWIML.reports(wire.form_of(hook))

    def recordings(self, hook: WebhookRequest) -> Sequence[RecordingReady]:
        """Read a recording that is complete."""
        told = wire.form_of(hook)
        if told.get("RecordingStatus") != "completed" or not told.get("RecordingSid"):
            return []
        return [RecordingReady(told["RecordingSid"], wire.seconds(told.get("RecordingDuration")))]

    def transcripts(self, hook: WebhookRequest) -> Sequence[Transcribed]:
        """Read what was said in a message of two minutes at most: Twilio writes down no others."""
        told = wire.form_of(hook)
        if told.get("TranscriptionStatus") != "completed" or not told.get("RecordingSid"):
            return []
        return [Transcribed(told["RecordingSid"], told.get("TranscriptionText", ""))]

    def document(self, orders: Sequence[Order], urls: CallUrls, *, record: bool = False) -> WebhookReply:
        """Write a turn as TwiML."""
        made = TWIML.render(orders, urls)
        return WebhookReply(made.body, made.content_type)


def _at(account: VoiceAccount, path: str) -> str:
    held = account.credentials
    region, edge = held.get("region"), held.get("edge")
    host = ".".join(filter(None, ("api", edge, region or ("us1" if edge else None), "twilio.com")))
    base = str(held.get("base_url") or f"https://{host}").rstrip("/")
    return f"{base}/2010-04-01/Accounts/{quote(held['account_sid'], safe='')}/{path}"


def _key(account: VoiceAccount) -> dict[str, str]:
    return wire.basic(account.credentials["account_sid"], account.credentials["auth_token"])


def _recording(urls: CallUrls) -> list[tuple[str, str]]:
    """Return how a whole call is recorded: what was left out of its silence would be missed from its length."""
    return [
        ("RecordingChannels", "dual"), ("RecordingTrack", "both"), ("Trim", "do-not-trim"),
        ("RecordingStatusCallback", urls.recording), ("RecordingStatusCallbackMethod", "POST"),
        ("RecordingStatusCallbackEvent", "completed"),
    ]  # fmt: skip


def _element(name: str, text: str = "", **attributes: str) -> ElementTree.Element:
    made = ElementTree.Element(name, attributes)
    made.text = text
    return made


def _prompt(body: Mapping[str, Any]) -> ElementTree.Element:
    return _element("Play", body["audio_url"]) if body.get("audio_url") else _element("Say", body["tts_text"])


def _said(body: Mapping[str, Any], urls: CallUrls) -> str:
    """Return the document of a prompt; raises Invalid for a text that makes it longer than Twilio takes."""
    document = _interlude(_prompt(body), urls)
    if len(document) > MOST and body.get("tts_text"):
        room = MOST - len(_interlude(_element("Say", " "), urls)) + 1
        text = f"Twilio says at most {room} characters in a call that lives; a & counts as five, a < or > as four"
        raise Invalid.field("tts_text", text)
    return document


def _interlude(said: ElementTree.Element, urls: CallUrls) -> str:
    """Return a document that says something and goes back to what the call was at."""
    root = ElementTree.Element("Response")
    root.extend([said, _element("Redirect", urls.turn, method="POST")])
    return ElementTree.tostring(root, encoding="unicode")
