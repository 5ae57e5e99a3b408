"""Documents held against the carriers' own builders and descriptions: nothing unknown, no default of theirs left."""

from __future__ import annotations

import inspect
import itertools
import json
import os
import re
import xml.etree.ElementTree as tree
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

import pytest
from jsonschema import Draft4Validator
from plivo import plivoxml
from twilio.twiml.voice_response import Dial, Gather, VoiceResponse
from vonage_voice.models import ncco as vonage

from jinaconnect.core.ivr import exchange, values
from jinaconnect.core.ivr.check import load
from jinaconnect.core.ivr.dialects import telnyx
from jinaconnect.core.ivr.dialects.table import DIALECTS
from tests.core.ivr.dialects.gateway import Gateway
from tests.core.ivr.dialects.random_graphs import random_graph, random_script
from tests.core.ivr.dialects.test_walks import OTHER
from tests.core.ivr.dialects.urls import URLS
from tests.telephony.providers.played.described import faults

GRAPHS = 40
LONGEST = "& < \U0001f600 " * 682 + "wxyz"  # 4,096 characters, the longest a text can be
XML = ("twilio", "plivo", "exotel")
MOST_BYTES = 64 * 1024  # of a document of Twilio's; no other carrier publishes its own
BY_HAND: list[list[exchange.Order]] = [
    [exchange.Say(LONGEST, barge_in=True), exchange.Say(LONGEST, barge_in=True),
     exchange.Collect(0, 32, "*", 120, 0.5)],
    [exchange.PlayAudio("https://a.example/a.wav?b=1&c=2", True), exchange.Say("Or?", "2", "hi-IN", True),
     exchange.Collect(1, 1, "", 0.2, 3)],
    [exchange.Say("In the midst"), exchange.Collect(1, 5, "#", 22, 3, "12")],
    [exchange.Listen("en-IN", 0.5)], [exchange.Listen("en-IN", 120)],
    [exchange.StartRecord(1, None, True)], [exchange.StartRecord(14_400, 120, False)], [exchange.AwaitRecord(31)],
    [exchange.StartTransfer("+12025550101")], [exchange.StartTransfer("sip:a@b.example;transport=tls")],
    [exchange.Say("Bitte?", None, "de", True), exchange.Collect(1, 1, "", 5, 3)],
    [exchange.Say("Guten Tag.", None, "de_at"), exchange.Say("Salut.", None, "fr"), exchange.Pause(0.05)],
    [exchange.Listen("de", 5)],
    [exchange.Pause(0.5)], [exchange.Pause(120)], [exchange.AskHttp("GET", "https://a.example/", None, 5)],
    [exchange.HangUp("NORMAL_CLEARING")], [],
]  # fmt: skip


@cache
def _documents(provider: str) -> tuple[bytes, ...]:
    """Return documents of all kinds: by hand, and of calls on random graphs."""
    found = [DIALECTS[provider].render(orders, URLS).body for orders in BY_HAND]
    for seed in range(GRAPHS):
        chance = Random(seed)
        document = random_graph(chance)
        gateway = Gateway(provider, load(document), random_script(chance, document), {"x": "1"}, {"tpl_a": OTHER})
        gateway.begin()
        found.append(gateway.document())
        for node in load(document).nodes:
            told = {**document, "entry_node_id": node}
            begun = Gateway(provider, load(told), [], {"x": "+12025550199"}, {"tpl_a": OTHER})
            begun.begin()
            found.append(begun.document())
    return tuple(found)


def _elements(provider: str) -> Iterator[tree.Element]:
    for body in _documents(provider):
        yield from tree.fromstring(body).iter()


def _snake(name: str) -> str:
    return re.sub("([A-Z])", lambda found: f"_{found[1].lower()}", name)


@pytest.mark.parametrize("provider", DIALECTS)
def test_no_document_is_larger_than_a_carrier_takes(provider: str) -> None:
    assert max(map(len, _documents(provider))) < 65_536


# What each wait must say by itself; a default of a carrier is none of ours.
EXPLICIT = {
    "twilio": {
        "Gather dtmf": "input action method timeout numDigits finishOnKey actionOnEmptyResult bargeIn language",
        "Gather speech": "input action method timeout speechTimeout finishOnKey actionOnEmptyResult bargeIn language",
        "Record": "action method timeout finishOnKey maxLength playBeep trim transcribe recordingStatusCallback "
                  "recordingStatusCallbackMethod recordingStatusCallbackEvent",
        "Dial": "action method timeout timeLimit answerOnBridge hangupOnStar record",
        "Pause": "length", "Redirect": "method", "Play": "loop",
    },
    "plivo": {
        "GetInput dtmf": "inputType action method redirect executionTimeout digitEndTimeout finishOnKey numDigits "
                         "language",
        "GetInput speech": "inputType action method redirect executionTimeout speechEndTimeout finishOnKey language",
        "GetDigits": "action method redirect timeout digitTimeout finishOnKey numDigits retries playBeep",
        "Record": "action method redirect fileFormat timeout maxLength finishOnKey playBeep recordSession callbackUrl "
                  "callbackMethod",
        "Dial": "action method redirect timeout timeLimit hangupOnStar", "Wait": "length", "Redirect": "method",
        "Play": "loop", "Speak": "voice language loop",
    },
    "exotel": {
        "Gather": "action method timeout numDigits finishOnKey",
        "Record": "action method timeout finishOnKey maxLength playBeep",
        "Dial": "action method timeout timeLimit record", "Pause": "length", "Redirect": "method", "Play": "loop",
    },
}  # fmt: skip


@pytest.mark.parametrize("provider", XML)
def test_no_default_of_a_carrier_is_left_in_xml(provider: str) -> None:
    met = set()
    for element in _elements(provider):
        kind = f"{element.tag} {element.get('input') or element.get('inputType') or ''}".strip()
        if kind in EXPLICIT[provider]:
            met.add(kind)
            assert set(element.attrib) == set(EXPLICIT[provider][kind].split()), kind
            assert element.get("method", "POST") == "POST"
    assert met == set(EXPLICIT[provider])
    assert {each.get("retries", "1") for each in _elements(provider)} == {"1"}


@pytest.mark.parametrize("provider", XML)
def test_behind_every_wait_stands_a_redirect(provider: str) -> None:
    for body in _documents(provider):
        tags = [each.tag for each in tree.fromstring(body)]
        waits = [each for each in tags if each not in ("Say", "Speak", "Play", "Redirect")]
        if "Hangup" in tags:
            assert (waits, tags[-1]) == (["Hangup"], "Hangup")
        else:
            assert tags[-1] == "Redirect"
            assert tags.count("Redirect") == 1
            assert len(waits) <= 1 or waits == ["GetInput", "GetInput"]


def test_twilios_builder_knows_every_attribute() -> None:
    builders = {
        "Gather": VoiceResponse.gather, "Record": VoiceResponse.record, "Dial": VoiceResponse.dial,
        "Pause": VoiceResponse.pause, "Redirect": VoiceResponse.redirect, "Hangup": VoiceResponse.hangup,
        "Say": Gather.say, "Play": Gather.play, "Number": Dial.number, "Sip": Dial.sip,
    }  # fmt: skip
    for element in _elements("twilio"):
        if element.tag != "Response":
            known = set(inspect.signature(builders[element.tag]).parameters)
            assert {_snake(name) for name in element.attrib} <= known, element.tag
            assert element.tag != "Say" or 1 <= len(element.text or "") <= 4_096


def test_plivos_builder_makes_the_same_elements() -> None:
    for element in _elements("plivo"):
        if element.tag == "Response":
            continue
        builder = getattr(plivoxml, f"{element.tag}Element")
        given = {_snake(name): _value(text) for name, text in element.attrib.items()}
        content = [element.text or ""] if "content" in inspect.signature(builder.__init__).parameters else []
        made = builder(*content, **given)
        for within in element:
            assert within.tag in builder._nestable
        said = tree.fromstring(made.to_string())
        assert {name: text.lower() for name, text in said.attrib.items()} == {
            name: text.lower() for name, text in element.attrib.items()
        }


def _value(text: str) -> Any:
    return {"true": True, "false": False}.get(text, int(text) if text.isdigit() else text)


NCCO = {
    "talk": vonage.Talk, "stream": vonage.Stream, "input": vonage.Input, "record": vonage.Record,
    "connect": vonage.Connect, "wait": vonage.Wait, "notify": vonage.Notify,
}  # fmt: skip
SAID = {
    "talk": {"text", "bargeIn", "loop", "language"}, "stream": {"streamUrl", "bargeIn", "loop"},
    "input": {"type", "eventUrl", "eventMethod"}, "wait": {"timeout"}, "notify": {"payload", "eventUrl", "eventMethod"},
    "record": {"format", "timeOut", "beepStart", "eventUrl", "eventMethod"},
    "connect": {"endpoint", "timeout", "limit", "randomFromNumber", "eventType", "eventUrl", "eventMethod"},
}  # fmt: skip


def _actions() -> Iterator[list[dict[str, Any]]]:
    for body in _documents("vonage"):
        yield json.loads(body)


def test_vonages_models_take_every_action_and_no_default_is_left() -> None:
    for actions in _actions():
        for action in actions:
            model = NCCO[action["action"]]
            told = model.model_validate(action).model_dump(by_alias=True, exclude_none=True, mode="json")
            assert set(action) <= set(told), action
            assert set(action) >= SAID[action["action"]], action
            for kind in ("dtmf", "speech"):
                if action.get("type") == [kind]:
                    keys = {"dtmf": {"maxDigits", "timeOut", "submitOnHash"},
                            "speech": {"language", "startTimeout", "endOnSilence", "maxDuration"}}  # fmt: skip
                    assert set(action[kind]) == keys[kind]
        assert actions[-1]["action"] in ("notify", "talk"), "a list that waits asks for the next"
        for prompt, after in itertools.pairwise(actions):
            assert not prompt.get("bargeIn") or after["action"] in ("talk", "stream", "input")


def test_the_published_schema_of_ncco_takes_every_list() -> None:
    shared = os.environ.get("JC_TEST_SHARED")
    if shared is None:
        pytest.skip("JC_TEST_SHARED is not set: it names the directory that holds specs/vonage_ncco-schema.json")
    schema = json.loads((Path(shared) / "specs" / "vonage_ncco-schema.json").read_text())
    newer = ("notify", "wait")  # than the schema
    for actions in _actions():
        known = [each for each in actions if each["action"] not in newer]
        ends = [point.get("number", "") for each in known for point in each.get("endpoint", ())]
        if known and all(number == "" or len(number) >= 10 for number in ends):  # shorter ones are newer, too
            assert list(Draft4Validator(schema).iter_errors(known)) == []


# What the description is too old to know, as the provider's own library of 2026 has it.
NEWER = {
    "park_after_unbridge", "target_leg_client_state", "max_length", "timeout_secs", "recording_track", "target_legs",
    "loop",
}  # fmt: skip


def test_telnyxs_description_takes_every_command_and_no_default_is_left() -> None:
    takes = {"minimum_digits", "maximum_digits", "inter_digit_timeout_millis", "terminating_digit"}
    tries = {"timeout_millis", "maximum_tries"}
    for body in _documents("telnyx"):
        given = json.loads(body)
        for command in given:
            verb, payload = command["verb"], command["payload"]
            if verb.startswith("gather"):
                assert set(payload) >= takes | ({"initial_timeout_millis"} if verb == "gather" else tries)
                assert payload.get("maximum_tries", 1) == 1
            if verb == "record_start":
                assert set(payload) >= {"format", "channels", "play_beep", "max_length", "timeout_secs"}
            if verb == "transfer":
                assert payload["park_after_unbridge"] == "self"
            if verb not in ("gather", "transcription_start", telnyx.PAUSE):  # newer than the description, or ours
                told = {key: value for key, value in payload.items() if key not in NEWER}
                found = list(faults("telnyx", "POST", f"/calls/v3:x/actions/{verb}", told))
                assert found == [], (verb, payload)
            assert verb == "hangup" or telnyx.address(payload["client_state"])[0].startswith(URLS.turn[:40])


@pytest.mark.parametrize("provider", DIALECTS)
def test_the_largest_turn_is_within_what_a_carrier_reads(provider: str) -> None:
    # A wrong answer is told and the question asked again, each as long as a text can be, of what is longest in XML.
    asked = [exchange.Say("&" * values.MAX_TEXT, "Polly.Aditi", "en-IN", True) for _ in range(2)]
    body = DIALECTS[provider].render([*asked, exchange.Collect(0, 32, "#", 120, 0.5)], URLS).body
    assert len(body) < MOST_BYTES
