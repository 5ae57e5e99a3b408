"""Webhooks whose fields are not what they should be tell nothing of what they garble, and break nothing."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest

from jinaconnect.core.ivr import exchange
from jinaconnect.core.ivr.dialects import applets
from jinaconnect.core.webhook import WebhookRequest
from jinaconnect.outbound import Outbound
from jinaconnect.telephony.provider import CallUrls, abilities
from jinaconnect.telephony.table import PROVIDERS

NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)
URLS = CallUrls("https://x.example/t?turn=1", "https://x.example/s", "https://x.example/r")
ORDERS = (exchange.Say("Hi."), exchange.Collect(1, 4, "#", 5.0, 3.0))
ODD: tuple[Any, ...] = (
    None, True, 0, -1, 1.5, 10**18, 1e300, "", "x", "9" * 5_000, [], ["a"], [["a"]], {}, {"a": ["b"]}, [{"a": 1}],
)  # fmt: skip
FIELDS = {
    "vonage": {
        "status": "completed", "to": "12025550111", "from": "12025550100", "uuid": "a", "direction": "inbound",
        "duration": "3", "price": "0.01", "dtmf": {"digits": "1", "timed_out": False}, "size": 1,
        "speech": {"results": [{"text": "yes", "confidence": "0.9"}]}, "recording_url": "https://x.example/f",
        "recording_uuid": "r", "start_time": "2026-11-27T12:00:00Z", "end_time": "2026-11-27T12:00:01Z",
        "transcription_url": "https://x.example/t",
    },
    "exotel": {
        "CallSid": "a", "Status": "completed", "CallStatus": "completed", "Direction": "incoming", "To": "1",
        "From": "2", "CallTo": "1", "CallFrom": "2", "EventType": "terminal", "ConversationDuration": 3,
        "DialCallStatus": "completed", "DialCallDuration": "3", "RecordingUrl": "https://x.example/f", "digits": '"1"',
        "DigitsPressed": '"1"', "CustomField": "call_1",
    },
    "telnyx": {
        "call_control_id": "a", "direction": "incoming", "to": "+1", "from": "+2", "hangup_cause": "17",
        "hangup_source": "callee", "start_time": "2026-11-27T12:00:00Z", "end_time": "2026-11-27T12:00:01Z",
        "result": "human", "total_cost": "0.01", "cost_parts": [{"currency": "USD"}], "status": "valid", "digits": "1",
        "digit": "#", "recording_id": "r", "recording_started_at": "2026-11-27T12:00:00Z",
        "recording_ended_at": "2026-11-27T12:00:01Z", "transcription_text": "yes",
        "transcription_data": {"transcript": "yes", "is_final": True}, "client_state": "aGk=",
    },
}  # fmt: skip
PARTS = (
    "", "keys", "key", "speech-more", "record", "asked-1", f"asked-{'9' * 5_000}", "connect", "connect-leg", "after",
)  # fmt: skip
EVENTS = (
    "call.initiated", "call.answered", "call.hangup", "call.cost", "call.gather.ended", "call.transcription",
    "call.recording.saved", "call.recording.error", "call.dtmf.received", "call.machine.detection.ended",
    "call.recording.transcription.saved", "call.speak.ended",
)  # fmt: skip


def hook(body: Any, **query: str) -> WebhookRequest:
    """Return a posted webhook."""
    return WebhookRequest("POST", "https://x.example/", {"content-type": "application/json"}, query, orjson.dumps(body))


def hooks(provider: str, told: dict[str, Any]) -> Iterator[WebhookRequest]:
    """Return the webhooks in which a carrier may tell something."""
    match provider:
        case "vonage":
            yield from (hook(told, part=part) for part in PARTS)
        case "telnyx":
            for event in EVENTS:
                yield hook({"data": {"event_type": event, "payload": told}})
            for step in ("0", "1", "9" * 5_000, "x"):
                state = base64.b64encode(f"{URLS.turn}&step={step}".encode()).decode()
                yield hook({"data": {"event_type": "call.speak.ended", "payload": {**told, "client_state": state}}})
        case _:
            yield hook(told)


def read(provider: str, given: WebhookRequest) -> None:
    """Read all that a webhook can tell."""
    make = PROVIDERS[provider].make
    assert make is not None
    adapter = make(Outbound((), timeout_s=1))
    can = abilities(adapter)
    adapter.call_id(given)
    adapter.arrival(given)
    adapter.facts(given, NOW)
    adapter.reports(given)
    adapter.answered_by(given)
    adapter.recordings(given)
    if can.tells_price is not None:
        can.tells_price.price(given)
    if can.tells_of_legs is not None:
        can.tells_of_legs.leg(given, NOW)
    if can.writes_down is not None:
        can.writes_down.transcripts(given)
    if can.asks_by_applets is not None:
        can.asks_by_applets.own_id(given)
        for applet in (applets.GATHER, applets.CONNECT, applets.VOICEMAIL, applets.GREETING):
            can.asks_by_applets.applet_reports(applet, given)
    if can.commanded is not None:
        can.commanded.echoed(given)
        can.commanded.ends(given, ORDERS, URLS)
        can.commanded.follows(given, ORDERS, URLS)


@pytest.mark.parametrize("provider", FIELDS)
def test_a_field_of_any_kind_breaks_nothing(provider: str) -> None:
    good = FIELDS[provider]
    for name in good:
        for odd in ODD:
            for given in hooks(provider, {**good, name: odd}):
                read(provider, given)
    for odd in ODD:
        for given in (*hooks(provider, dict.fromkeys(good, odd)), hook(odd), hook({"data": odd})):
            read(provider, given)
