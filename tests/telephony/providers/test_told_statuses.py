"""What each carrier calls the states of a call and its ends, and what they are to us."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

import pytest

from jinaconnect.core.calls import machine
from jinaconnect.core.webhook import WebhookRequest
from jinaconnect.outbound import Outbound
from jinaconnect.telephony.providers.exotel import ExotelVoice
from jinaconnect.telephony.providers.plivo import PlivoVoice
from jinaconnect.telephony.providers.telnyx import TelnyxVoice
from jinaconnect.telephony.providers.twilio import TwilioVoice
from jinaconnect.telephony.providers.vonage import VonageVoice

NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)
OUTSIDE = Outbound((), timeout_s=1)
ADAPTERS = {
    "twilio": TwilioVoice(OUTSIDE), "plivo": PlivoVoice(OUTSIDE), "vonage": VonageVoice(OUTSIDE),
    "telnyx": TelnyxVoice(OUTSIDE), "exotel": ExotelVoice(OUTSIDE),
}  # fmt: skip
# Of a call that was handed to its carrier (INITIATING) and of one that was answered, what it is after a word.
CLEARED = ("COMPLETED", "NORMAL_CLEARING")
WORDS = {
    "twilio": {
        "queued": None, "initiated": None, "ringing": ("RINGING", ""), "in-progress": ("IN_PROGRESS", ""),
        "completed": CLEARED, "failed": ("FAILED", "NORMAL_TEMPORARY_FAILURE"), "busy": ("FAILED", "USER_BUSY"),
        "no-answer": ("FAILED", "NO_ANSWER"), "canceled": ("CANCELED", "NORMAL_CLEARING"),
    },
    "plivo": {
        "queued": None, "ringing": ("RINGING", ""), "in-progress": ("IN_PROGRESS", ""), "completed": CLEARED,
        "failed": ("FAILED", "NORMAL_TEMPORARY_FAILURE"), "busy": ("FAILED", "USER_BUSY"),
        "no-answer": ("FAILED", "NO_ANSWER"), "rejected": ("FAILED", "CALL_REJECTED"),
        "canceled": ("CANCELED", "NORMAL_CLEARING"),
    },
    "vonage": {
        "started": None, "ringing": ("RINGING", ""), "answered": ("IN_PROGRESS", ""), "completed": CLEARED,
        "failed": ("FAILED", "NORMAL_TEMPORARY_FAILURE"), "busy": ("FAILED", "USER_BUSY"),
        "unanswered": ("FAILED", "NO_ANSWER"), "rejected": ("FAILED", "CALL_REJECTED"),
        "timeout": ("FAILED", "NO_USER_RESPONSE"), "cancelled": ("CANCELED", "NORMAL_CLEARING"),
    },
    "exotel": {
        "queued": None, "in-progress": ("IN_PROGRESS", ""), "completed": CLEARED,
        "failed": ("FAILED", "NORMAL_TEMPORARY_FAILURE"), "busy": ("FAILED", "USER_BUSY"),
        "no-answer": ("FAILED", "NO_ANSWER"), "canceled": ("CANCELED", "NORMAL_CLEARING"),
    },
}  # fmt: skip
TELNYX_ENDS = {
    "normal_clearing": "NORMAL_CLEARING", "originator_cancel": "NORMAL_CLEARING", "user_busy": "USER_BUSY",
    "no_user_response": "NO_USER_RESPONSE", "no_answer": "NO_ANSWER", "call_rejected": "CALL_REJECTED",
    "unallocated_number": "NUMBER_UNALLOCATED", "network_out_of_order": "NETWORK_OUT_OF_ORDER",
    "something_new": "UNKNOWN", "17": "USER_BUSY", "38": "NETWORK_OUT_OF_ORDER",
}  # fmt: skip


def told(provider: str, **given: Any) -> WebhookRequest:
    """Return a status webhook in the carrier's form."""
    match provider:
        case "twilio" | "plivo":
            return WebhookRequest("POST", "https://x.example/", {}, {}, urlencode(given).encode())
        case "exotel":
            headers = {"Content-Type": "application/x-www-form-urlencoded"}
            return WebhookRequest("POST", "https://x.example/", headers, {}, urlencode(given).encode())
    headers = {"Content-Type": "application/json"}
    return WebhookRequest("POST", "https://x.example/", headers, {}, json.dumps(given).encode())


def after(provider: str, hook: WebhookRequest, call: machine.Call) -> machine.Call:
    """Return what a call is after a webhook."""
    adapter: Any = ADAPTERS[provider]
    return machine.fold(call, list(adapter.facts(hook, NOW)))[0]


DIALLED = machine.fold(machine.Call(), [machine.Dialing(NOW)])[0]
TALKING = machine.fold(DIALLED, [machine.Answered(NOW)])[0]
FIELD = {"twilio": "CallStatus", "plivo": "CallStatus", "vonage": "status", "exotel": "Status"}


@pytest.mark.parametrize(("provider", "word"), [(each, word) for each, words in WORDS.items() for word in words])
def test_a_carriers_word_is_a_state_of_ours(provider: str, word: str) -> None:
    expected = WORDS[provider][word]
    now = after(provider, told(provider, CallSid="a", uuid="a", **{FIELD[provider]: word}), DIALLED)
    assert (now.status, now.hangup_cause) == (expected or ("INITIATING", "")), word


@pytest.mark.parametrize("provider", WORDS)
def test_a_word_nobody_knows_changes_nothing(provider: str) -> None:
    hook = told(provider, CallSid="a", uuid="a", **{FIELD[provider]: "something-new"})
    assert after(provider, hook, DIALLED) == DIALLED
    assert after(provider, hook, TALKING) == TALKING


def test_plivos_cause_goes_before_its_status() -> None:
    hook = told("plivo", CallUUID="a", CallStatus="failed", HangupCause="NUMBER_UNALLOCATED")
    assert after("plivo", hook, DIALLED).hangup_cause == "NUMBER_UNALLOCATED"
    hook = told("plivo", CallUUID="a", CallStatus="busy", HangupCause="SOMETHING_NEW")
    assert after("plivo", hook, DIALLED).hangup_cause == "USER_BUSY"


@pytest.mark.parametrize(
    ("event", "status"),
    [("call.initiated", "INITIATING"), ("call.ringing", "RINGING"), ("call.answered", "IN_PROGRESS"),
     ("call.dtmf.received", "INITIATING"), ("call.hangup", "CANCELED")],
)  # fmt: skip
def test_telnyx_events_are_states_of_ours(event: str, status: str) -> None:
    hook = told("telnyx", data={"event_type": event, "payload": {"call_control_id": "a", "call_leg_id": "a"}})
    assert after("telnyx", hook, DIALLED).status == status


@pytest.mark.parametrize("word", TELNYX_ENDS)
def test_telnyx_ends_are_causes_of_ours(word: str) -> None:
    payload = {"call_control_id": "a", "call_leg_id": "a", "hangup_cause": word}
    hook = told("telnyx", data={"event_type": "call.hangup", "payload": payload})
    assert after("telnyx", hook, DIALLED).hangup_cause == TELNYX_ENDS[word]
    assert after("telnyx", hook, TALKING).status == "COMPLETED"
