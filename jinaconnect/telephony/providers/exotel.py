"""Voice of Exotel: calls placed over REST, led by ExoML, told of by callbacks that nobody signs.

Source: Exotel's developer pages. Placing has no handle to repeat it under, and a live call cannot be ordered about: it
does what its documents say. What the callbacks bring is taken by the secret in their address alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import quote, urlsplit

import orjson

from jinaconnect.core.calls import causes, machine
from jinaconnect.core.ivr.dialects import applets
from jinaconnect.core.ivr.dialects.exoml import EXOML
from jinaconnect.core.ivr.exchange import Order, Report
from jinaconnect.core.webhook import WebhookReply, WebhookRequest
from jinaconnect.outbound import Outbound, OutboundError, Sink
from jinaconnect.telephony.provider import (
    APPLET,
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
    Unsupported,
    VoiceAccount,
)
from jinaconnect.telephony.providers import wire
from jinaconnect.telephony.providers.credentials import Exotel as Account

LONGEST_S = 14_400
OURS = (".exotel.com", ".exotel.in")  # whose hosts the credentials go to
_ENDS = {
    "completed": causes.NORMAL_CLEARING, "canceled": causes.NORMAL_CLEARING, "busy": causes.USER_BUSY,
    "no-answer": causes.NO_ANSWER, "failed": causes.NORMAL_TEMPORARY_FAILURE,
}  # fmt: skip


class ExotelVoice:
    """The first version of the Calls API, with documents of ours, or a flow of its own whose applets ask us."""

    spec = ProviderSpec(
        name="exotel", label="Exotel", credentials=Account, verbs=frozenset(),
        told_to=("subdomain", ("api_key", "api_token")), signed_by=None,
        paths={"passthru": TURN, "status": STATUS, **dict.fromkeys(
            ("done", "switch", applets.GATHER, applets.GREETING, applets.CONNECT), APPLET)},
        asked_for_prices=True,
    )  # fmt: skip

    def __init__(self, outbound: Outbound) -> None:
        self._outside = outbound

    async def place(self, account: VoiceAccount, call: Placing, urls: CallUrls) -> Outcome:
        """Ask for a call (`POST Calls/connect.json`): `From` is who is called."""
        form = [
            ("From", call.to), ("CallerId", call.caller), ("Url", _flow(account) or urls.turn), ("CallType", "trans"),
            ("StatusCallback", urls.status), ("StatusCallbackEvents[0]", "terminal"),
            ("StatusCallbackEvents[1]", "answered"), ("StatusCallbackContentType", "application/json"),
            ("TimeOut", str(call.timeout_s)), ("TimeLimit", str(min(call.max_duration_s, LONGEST_S))),
            ("CustomField", call.id), ("Record", str(call.record).lower()),
        ]  # fmt: skip
        if call.record:
            form += [("RecordingChannels", "dual"), ("RecordingFormat", "mp3")]
        headers = {**_key(account), **wire.FORM}
        try:
            answer = await self._outside.request(
                "POST", _at(account, "Calls/connect.json"), headers=headers, data=wire.encoded(form),
                timeout_s=wire.TIMEOUT_S,
            )  # fmt: skip
        except OutboundError as error:
            return wire.unplaced(error)
        told = wire.read(answer)
        words = str(_within(told, "RestException").get("Message"))
        return wire.placed(answer, _within(told, "Call").get("Sid"), words)

    async def check(self, account: VoiceAccount) -> None:
        """Read the last call."""
        await wire.known(self._outside, _at(account, "Calls.json?PageSize=1"), _key(account))

    async def control(
        self, account: VoiceAccount, call_id: str, verb: str, body: Mapping[str, Any], urls: CallUrls
    ) -> str | None:
        """Nothing can be ordered."""
        raise Unsupported(verb)

    async def fetch_price(self, account: VoiceAccount, call_id: str) -> CarrierPrice | None:
        """Read the call itself, whose price is null at first."""
        path = _at(account, f"Calls/{quote(call_id, safe='')}.json")
        told = wire.read(await wire.ordered(self._outside, "GET", path, _key(account)))
        amount = wire.price(_within(told, "Call").get("Price"))
        return None if amount is None else CarrierPrice(amount)

    async def fetch_recording(self, account: VoiceAccount, name: str, into: Sink) -> None:
        """Get a recording: by its address, or where the call it is named after says that it is."""
        url = name
        if not name.startswith("https://") and not name.startswith("http://"):
            path = _at(account, f"Calls/{quote(name, safe='')}.json")
            told = wire.read(await wire.ordered(self._outside, "GET", path, _key(account)))
            url = str(_within(told, "Call").get("RecordingUrl") or "")
        if not url:
            raise CallGone(name)
        host, base = urlsplit(url).netloc, urlsplit(_at(account, "")).netloc
        await wire.fetched(self._outside, url, _key(account) if host == base or host.endswith(OURS) else {}, into)

    async def forget_recording(self, account: VoiceAccount, name: str) -> None:
        """Leave it: Exotel has no request for it."""
        raise Unsupported("Exotel removes no recordings.")

    # ---- webhooks

    def verify(self, account: VoiceAccount, hook: WebhookRequest, now: datetime) -> None:
        """Take what its address lets in."""

    def call_id(self, hook: WebhookRequest) -> str:
        """Return `CallSid`."""
        return str(_told(hook).get("CallSid") or "")

    def arrival(self, hook: WebhookRequest) -> Arrival | None:
        """Read a call that comes in."""
        told = _told(hook)
        if told.get("Direction") != "incoming" or str(told.get("Status")) in _ENDS:
            return None
        called, caller = told.get("CallTo") or told.get("To"), told.get("CallFrom") or told.get("From")
        return Arrival(str(told.get("CallSid") or ""), str(called or ""), str(caller or ""))

    def facts(self, hook: WebhookRequest, now: datetime) -> Sequence[machine.Fact]:
        """Read `Status`; that a document is asked for tells of an answer as well."""
        told = _told(hook)
        status = str(told.get("Status") or told.get("CallStatus") or "")
        if status == "ringing":
            return [machine.Ringing(now)]
        if status == "completed":
            talked = wire.seconds(told.get("ConversationDuration") or told.get("DialCallDuration"))
            return [machine.Hangup(now, cause=causes.NORMAL_CLEARING, answered=True, talk_seconds=talked)]
        if status in _ENDS:
            return [machine.Hangup(now, cause=_ENDS[status], by_caller=status == "canceled")]
        answered = told.get("EventType") == "answered" or (status == "in-progress" and "EventType" not in told)
        asks = not status and "EventType" not in told and "CallFrom" in told
        return [machine.Answered(now)] if answered or asks else []

    def answered_by(self, hook: WebhookRequest) -> str | None:
        """Tell nothing of machines."""
        return None

    def reports(self, hook: WebhookRequest) -> Sequence[Report]:
        """Read what was heard during the document before."""
        return EXOML.reports({name: str(value) for name, value in _told(hook).items() if value is not None})

    def recordings(self, hook: WebhookRequest) -> Sequence[RecordingReady]:
        """Read the recording of a document by its address, that of a whole call by the call, which says where it is."""
        told = _told(hook)
        if not told.get("RecordingUrl") or "DialCallStatus" in told:
            return []
        ended = str(told.get("Status") or "") in _ENDS
        return [RecordingReady(str(told["CallSid"] if ended and told.get("CallSid") else told["RecordingUrl"]))]

    def own_id(self, hook: WebhookRequest) -> str:
        """Return `CustomField`, which a call took along."""
        return str(_told(hook).get("CustomField") or "")

    def applets(self, orders: Sequence[Order]) -> Sequence[applets.Applet]:
        """Write a turn for a flow of the dashboard."""
        return applets.render(orders)

    def applet_reports(self, applet: str, hook: WebhookRequest) -> Sequence[Report]:
        """Read what the flow's Passthru tells of the applet before it."""
        return applets.reports(applet, _told(hook))

    def document(self, orders: Sequence[Order], urls: CallUrls, *, record: bool = False) -> WebhookReply:
        """Write a turn as ExoML."""
        made = EXOML.render(orders, urls)
        return WebhookReply(made.body, made.content_type)


def _told(hook: WebhookRequest) -> Mapping[str, Any]:
    """Return the fields of the query and of the body, a form or JSON, whose word counts more."""
    told: dict[str, Any] = dict(hook.query)
    if hook.method != "POST":
        return told
    if hook.header("Content-Type").split(";")[0].strip().lower() == "application/json":
        try:
            found = orjson.loads(hook.body)
        except ValueError:
            return told
        return {**told, **found} if isinstance(found, dict) else told
    return {**told, **wire.form_of(hook)}


def _flow(account: VoiceAccount) -> str:
    """Return the address of the account's flow, empty where documents of ours are taken."""
    held = account.credentials
    app = held.get("app_id")
    return f"http://my.exotel.com/{quote(held['sid'], safe='')}/exoml/start_voice/{quote(app, safe='')}" if app else ""


def _within(told: Any, name: str) -> Mapping[str, Any]:
    held = told.get(name) if isinstance(told, Mapping) else None
    return held if isinstance(held, Mapping) else {}


def _at(account: VoiceAccount, path: str) -> str:
    held = account.credentials
    base = str(held.get("base_url") or f"https://{held['subdomain']}").rstrip("/")
    return f"{base}/v1/Accounts/{quote(held['sid'], safe='')}/{path}"


def _key(account: VoiceAccount) -> dict[str, str]:
    return wire.basic(account.credentials["api_key"], account.credentials["api_token"])
