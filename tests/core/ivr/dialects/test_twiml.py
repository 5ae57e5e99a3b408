"""TwiML by hand: what the walkers cannot see, word for word."""

from __future__ import annotations

import xml.etree.ElementTree as tree

from jinaconnect.core.ivr import exchange
from jinaconnect.core.ivr.dialects import twiml
from tests.core.ivr.dialects.urls import URLS


def test_a_question_is_a_gather_and_a_redirect() -> None:
    orders = [exchange.Say("One & <two>?\x00", None, "en-IN", True), exchange.Collect(1, 4, "", 5.0, 3.0, "7")]
    root = tree.fromstring(twiml.render(orders, URLS).body)
    gather, redirect = root
    assert gather.attrib == {
        "input": "dtmf", "action": URLS.turn, "method": "POST", "timeout": "5", "numDigits": "3", "finishOnKey": "",
        "bargeIn": "true", "actionOnEmptyResult": "true", "language": "en-US",
    }  # fmt: skip
    assert [(each.tag, each.text, each.get("language")) for each in gather] == [("Say", "One & <two>?", "en-IN")]
    assert (redirect.tag, redirect.text) == ("Redirect", URLS.turn)


def test_callbacks() -> None:
    assert twiml.reports({"Digits": "12", "FinishedOnKey": "#"}) == tuple(exchange.Digit(key) for key in "12#")
    assert twiml.reports({"RecordingUrl": "u", "RecordingDuration": "0"}) == (exchange.RecordDone(empty=True),)
    assert twiml.reports({"RecordingUrl": "u", "Digits": "hangup"}) == (exchange.CallerHungUp(),)
    assert twiml.reports({"DialCallStatus": "busy"}) == (exchange.TransferDone(False),)
    assert twiml.reports({"CallStatus": "in-progress"}) == ()
