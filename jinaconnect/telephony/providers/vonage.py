"""Voice of Vonage: calls placed and changed over REST with tokens of an application, led by NCCO, told of by JSON.

Source: Vonage's OpenAPI description of the Voice API and its pages on webhooks and signed webhooks. Placing has no
handle to repeat it under. There is no request that records a live call: it is given a list that begins with that.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote, urlsplit

import jwt
import orjson

from jinaconnect.core.calls import causes, machine
from jinaconnect.core.calls.transcript import Heard, Passage, Word, primary
from jinaconnect.core.errors import BadSignature
from jinaconnect.core.ivr.dialects.ncco import NCCO, TEXT, written_down
from jinaconnect.core.ivr.dialects.shape import LANGUAGE
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
    LegTold,
    NotOurs,
    Outcome,
    Placing,
    ProviderAway,
    ProviderSpec,
    RecordingReady,
    Refused,
    Transcribed,
    Unsupported,
    VoiceAccount,
)
from jinaconnect.telephony.providers import wire
from jinaconnect.telephony.providers.credentials import Vonage as Account

BASE = "https://api.nexmo.com"
TOKEN_S = 300
OLDEST = timedelta(minutes=5)  # of a webhook, and how far its clock may be ahead
LONGEST_S, RING_S = 7_200, 120
_ENDS = {
    "completed": causes.NORMAL_CLEARING, "cancelled": causes.NORMAL_CLEARING, "busy": causes.USER_BUSY,
    "unanswered": causes.NO_ANSWER, "timeout": causes.NO_USER_RESPONSE, "rejected": causes.CALL_REJECTED,
    "failed": causes.NORMAL_TEMPORARY_FAILURE, "disconnected": causes.NORMAL_TEMPORARY_FAILURE,
}  # fmt: skip


class VonageVoice:
    """The Voice API."""

    spec = ProviderSpec(
        name="vonage", label="Vonage", credentials=Account,
        verbs=frozenset({"hangup", "transfer", "play", "stop-play", "dtmf", "record"}), recording=frozenset({"start"}),
        detects=True, tapes=False, told_to=("base_url", ("private_key_pem", "api_secret")),
        signed_by="signature_secret",
        paths={"answer": TURN, "event": STATUS, "recording": RECORDING},
    )  # fmt: skip

    def __init__(self, outbound: Outbound) -> None:
        self._outside = outbound

    # ---- asking

    async def place(self, account: VoiceAccount, call: Placing, urls: CallUrls) -> Outcome:
        """Ask for a call (`POST /v1/calls`)."""
        wanted: dict[str, Any] = {
            "to": [_phone(call.to)], "from": _phone(call.caller),
            "answer_url": [urls.turn], "answer_method": "POST", "event_url": [urls.status], "event_method": "POST",
            "length_timer": min(call.max_duration_s, LONGEST_S), "ringing_timer": min(call.timeout_s, RING_S),
        }  # fmt: skip
        if call.detect:
            wanted["machine_detection"] = "continue"
        try:
            answer = await self._outside.request(
                "POST", _at(account, "calls"), headers=_key(account), json=wanted, timeout_s=wire.TIMEOUT_S
            )
        except NotOurs as error:
            return Refused(causes.FACILITY_REJECTED, str(error))
        except OutboundError as error:
            return wire.unplaced(error)
        told = wire.read(answer)
        words = told.get("detail") or told.get("title") or told.get("error_title")
        return wire.placed(answer, told.get("uuid"), str(words))

    async def check(self, account: VoiceAccount) -> None:
        """Read the last call."""
        await wire.known(self._outside, _at(account, "calls?page_size=1"), _key(account))

    async def control(
        self, account: VoiceAccount, call_id: str, verb: str, body: Mapping[str, Any], urls: CallUrls
    ) -> str | None:
        """Order a live call about."""
        call = f"calls/{quote(call_id, safe='')}"
        match verb:
            case "hangup":
                await self._ask(account, "PUT", call, {"action": "hangup"})
            case "transfer":
                await self._ask(account, "PUT", call, _moved([_asks(urls)]))
            case "record" if body["do"] == "start":
                await self._ask(account, "PUT", call, _moved([_records(urls), _asks(urls)]))
                return ""  # it is named when it is ready
            case "play" if body.get("audio_url"):
                await self._ask(account, "PUT", f"{call}/stream", {"stream_url": [body["audio_url"]]})
            case "play":
                text = wire.whole(body["tts_text"], TEXT, self.spec.label)
                await self._ask(account, "PUT", f"{call}/talk", {"text": text})
            case "stop-play":
                await self._ask(account, "DELETE", f"{call}/stream")
                await self._ask(account, "DELETE", f"{call}/talk")
            case "dtmf":
                await self._ask(account, "PUT", f"{call}/dtmf", {"digits": body["digits"].replace("w", "p")})
            case _:
                raise Unsupported(verb)
        return None

    async def _ask(self, account: VoiceAccount, method: str, path: str, body: Any = None) -> None:
        try:
            key = _key(account)
        except NotOurs as error:
            raise ProviderAway(str(error), uncertain=False) from error
        await wire.ordered(self._outside, method, _at(account, path), key, json=body, says="detail")

    async def fetch_recording(self, account: VoiceAccount, name: str, into: Sink) -> None:
        """Get a recording from the address that is its name, if that is one of Vonage's."""
        await wire.fetched(self._outside, name, self._key_for(account, name), into)

    def _key_for(self, account: VoiceAccount, url: str) -> dict[str, str]:
        """Return the header that an address of Vonage's is asked with; raises CallGone for any other."""
        host, base = urlsplit(url).netloc, urlsplit(_at(account, "")).netloc
        if host != base and not host.endswith((".nexmo.com", ".vonage.com")):
            raise CallGone(url)
        try:
            return _key(account)
        except NotOurs as error:
            raise ProviderAway(str(error), uncertain=False) from error

    async def forget_recording(self, account: VoiceAccount, name: str) -> None:
        """Leave it: Vonage removes recordings by itself."""
        raise Unsupported("Recordings at Vonage are removed by Vonage.")

    # ---- webhooks

    def verify(self, account: VoiceAccount, hook: WebhookRequest, now: datetime) -> None:
        """Look at the token of a webhook: its signature, whose it is, how old, and that it is of this body."""
        secret = account.credentials.get("signature_secret")
        if not secret:
            return  # the address alone shows whose it is
        claims = verified(hook.header("Authorization"), secret)
        held, moment = account.credentials, claims.get("iat")
        if claims.get("iss") != "Vonage":
            raise BadSignature("The token is not Vonage's.")
        if claims.get("api_key") != held["api_key"] or claims.get("application_id", "") != held["application_id"]:
            raise BadSignature("The token is of another account.")
        if not isinstance(moment, int) or abs(now - datetime.fromtimestamp(moment, UTC)) > OLDEST:
            raise BadSignature("The token is too old.")
        if hook.method == "POST":
            digest = hashlib.sha256(hook.body).hexdigest()
            if not hmac.compare_digest(digest, str(claims.get("payload_hash", "")).lower()):
                raise BadSignature("The token is of another body.")

    def call_id(self, hook: WebhookRequest) -> str:
        """Return `uuid`; what is told of the leg of a transfer is of no call of ours."""
        return "" if _of_a_leg(hook) else str(_told(hook).get("uuid") or "")

    def arrival(self, hook: WebhookRequest) -> Arrival | None:
        """Read a call that comes in: what asks for a list tells no status."""
        told = _told(hook)
        if "to" not in told or str(told.get("status")) in _ENDS or told.get("direction") == "outbound":
            return None
        return Arrival(str(told.get("uuid") or ""), str(told["to"]), str(told.get("from") or ""))

    def facts(self, hook: WebhookRequest, now: datetime) -> Sequence[machine.Fact]:
        """Read `status`."""
        told = _told(hook)
        if _of_a_leg(hook):
            return []
        match told.get("status"):
            case "ringing":
                return [machine.Ringing(now)]
            case "answered":
                return [machine.Answered(now)]
            case "completed":
                talked = wire.seconds(told.get("duration"))
                return [machine.Hangup(now, cause=causes.NORMAL_CLEARING, answered=True, talk_seconds=talked)]
            case str(status) if status in _ENDS:
                return [machine.Hangup(now, cause=_ENDS[status], by_caller=status == "cancelled")]
        return []

    def leg(self, hook: WebhookRequest, now: datetime) -> LegTold | None:
        """Read `uuid`, `status` and `price` of the leg of a transfer."""
        told = _told(hook)
        if not _of_a_leg(hook):
            return None
        status = told.get("status")
        life: dict[str, list[machine.Fact]] = {"ringing": [machine.Ringing(now)], "answered": [machine.Answered(now)]}
        amount = wire.price(told.get("price")) if status == "completed" else None
        price = None if amount is None else CarrierPrice(amount)
        return LegTold(str(told.get("uuid") or ""), life.get(str(status), ()), price)

    def price(self, hook: WebhookRequest) -> CarrierPrice | None:
        """Read `price`, which comes with the end of a call; the account's currency is not told."""
        told = _told(hook)
        amount = wire.price(told.get("price")) if told.get("status") == "completed" and not _of_a_leg(hook) else None
        return None if amount is None else CarrierPrice(amount)

    def answered_by(self, hook: WebhookRequest) -> str | None:
        """Read what detection found."""
        status = _told(hook).get("status")
        return status if status in ("human", "machine") and not _of_a_leg(hook) else None

    def reports(self, hook: WebhookRequest) -> Sequence[Report]:
        """Read what was heard; the address says which part of the list tells it."""
        return NCCO.reports({**_told(hook), "part": hook.query.get("part", "")})

    def recordings(self, hook: WebhookRequest) -> Sequence[RecordingReady]:
        """Read the address of a recording, which is its name."""
        told = _told(hook)
        url = told.get("recording_url")
        if not isinstance(url, str) or "recording_uuid" not in told:
            return []
        return [RecordingReady(url, _length(told), str(told["recording_uuid"]))]

    def transcripts(self, hook: WebhookRequest) -> Sequence[Transcribed]:
        """Read where what was said in a recording can be fetched."""
        told = _told(hook)
        at, name = told.get("transcription_url"), told.get("recording_uuid")
        if told.get("status") != "transcribed" or not isinstance(at, str) or not isinstance(name, str):
            return []
        return [Transcribed(name, language=LANGUAGE, at=at)]

    async def fetch_transcript(self, account: VoiceAccount, at: str) -> Heard:
        """Get what was said, sentence by sentence, each side's in a channel of its own."""
        key = self._key_for(account, at)
        return _heard(wire.read(await wire.ordered(self._outside, "GET", at, key)))

    def document(self, orders: Sequence[Order], urls: CallUrls, *, record: bool = False) -> WebhookReply:
        """Write a turn as NCCO."""
        made = NCCO.render(orders, urls)
        body = orjson.dumps([_records(urls), *orjson.loads(made.body)]) if record else made.body
        return WebhookReply(body, made.content_type)


def verified(header: str, secret: str) -> Mapping[str, Any]:
    """Return the claims of a webhook's token, whose signature is of the secret; raises BadSignature."""
    scheme, _, token = header.partition(" ")
    if scheme.lower() != "bearer":
        raise BadSignature("There is no token.")
    try:
        found: Mapping[str, Any] = jwt.decode(
            token.strip(), secret, algorithms=["HS256"],
            options={"verify_aud": False, "verify_iat": False, "verify_exp": False, "verify_nbf": False},
        )  # fmt: skip
    except jwt.PyJWTError as error:
        raise BadSignature("The signature does not fit.") from error
    return found


def _told(hook: WebhookRequest) -> Mapping[str, Any]:
    if hook.method == "GET":
        return hook.query
    try:
        found = orjson.loads(hook.body)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _of_a_leg(hook: WebhookRequest) -> bool:
    return hook.query.get("part", "").startswith("connect")


def _length(told: Mapping[str, Any]) -> float | None:
    try:
        begun, ended = (datetime.fromisoformat(str(told[name])) for name in ("start_time", "end_time"))
        return max(0.0, (ended - begun) / timedelta(seconds=1))
    except (KeyError, ValueError, TypeError):
        return None


def _at(account: VoiceAccount, path: str) -> str:
    return f"{str(account.credentials.get('base_url') or BASE).rstrip('/')}/v1/{path}"


def _key(account: VoiceAccount) -> dict[str, str]:
    """Return the header with a token of the application's; raises NotOurs where its key is none."""
    now = int(datetime.now(UTC).timestamp())
    claims = {
        "application_id": account.credentials["application_id"], "iat": now, "exp": now + TOKEN_S,
        "jti": secrets.token_hex(16),
    }  # fmt: skip
    try:
        token = jwt.encode(claims, account.credentials["private_key_pem"], algorithm="RS256")
    except (ValueError, TypeError, jwt.PyJWTError) as error:
        raise NotOurs("the private key cannot be read") from error
    return {"Authorization": f"Bearer {token}"}


def _phone(number: str) -> dict[str, str]:
    return {"type": "phone", "number": number.lstrip("+")}


def _asks(urls: CallUrls) -> dict[str, Any]:
    return {"action": "notify", "payload": {"turn": "present"}, "eventUrl": [urls.turn], "eventMethod": "POST"}


def _records(urls: CallUrls) -> dict[str, Any]:
    """Return the recording of both sides beside whatever follows in a list: it has no condition to end on."""
    return {"action": "record", "format": "wav", "split": "conversation", "channels": 2,
            "eventUrl": [urls.recording], "eventMethod": "POST", **written_down(urls)}  # fmt: skip


def _moved(actions: list[dict[str, Any]]) -> dict[str, Any]:
    return {"action": "transfer", "destination": {"type": "ncco", "ncco": actions}}


def _heard(told: Any) -> Heard:
    """Return what a transcript says, whose times are milliseconds; what cannot be read of it is left out."""
    channels = _rows(told.get("channels")) if isinstance(told, Mapping) else []
    passages = [
        _passage(place, each) for place, channel in enumerate(channels) for each in _rows(channel.get("transcript"))
    ]
    sure = [word.confidence for each in passages for word in each.words if word.confidence is not None]
    confidence = round(sum(sure) / len(sure), 4) if sure else 0.0
    return Heard(tuple(passages), primary(LANGUAGE), confidence, max(1, len(channels)))


def _passage(channel: int, told: Mapping[str, Any]) -> Passage:
    begins = _ms(told.get("timestamp"))
    words = tuple(
        Word(str(each.get("word") or ""), _ms(each.get("start_time")), _ms(each.get("end_time")),
             _share(each.get("confidence")))
        for each in _rows(told.get("words"))
    )  # fmt: skip
    return Passage(channel, begins, begins + _ms(told.get("duration")), str(told.get("sentence") or ""), words)


def _rows(told: Any) -> list[Mapping[str, Any]]:
    return [each for each in told if isinstance(each, Mapping)] if isinstance(told, list) else []


def _ms(told: Any) -> float:
    return max(0, told) / 1000 if isinstance(told, int | float) else 0.0


def _share(told: Any) -> float | None:
    return min(1.0, max(0.0, float(told))) if isinstance(told, int | float) else None
