"""What a carrier does not speak, and a pause it does not make, is said at creation, and never sent as it is."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
import yaml

from jinaconnect.core.ivr.dialects import compiling, languages
from jinaconnect.core.ivr.dialects.shape import EMULATED, EXACT, REFUSED
from tests.core.ivr.dialects.urls import URLS
from tests.core.ivr.graphs import edge, graph, node

VENDORS = {"vonage": languages.VONAGE, "telnyx": languages.TELNYX}


def compiled(provider: str, kind: str, **data: Any) -> tuple[str, str]:
    """Return a node's level at a carrier, and its document."""
    document = graph(node("n", kind, **data), node("end", "voice.hangup"), edge("n", "end"))
    made = compiling.compiled(document, provider, URLS)
    return made.level, made.documents["n"].body.decode()


@pytest.mark.parametrize(("named", "meant"), [
    ("de", "de-DE"), ("de-AT", "de-DE"), ("en", "en-US"), ("en-NZ", "en-US"), ("pt", "pt-BR"), ("es-AR", "es-ES"),
    ("hi", "hi-IN"), ("zh", "cmn-CN"),
])  # fmt: skip
@pytest.mark.parametrize("provider", VENDORS)
def test_a_language_without_its_region_is_spoken_as_usual_and_said_to_be(
    provider: str, named: str, meant: str
) -> None:
    level, body = compiled(provider, "voice.play", tts_text="Hi.", tts_language=named)
    assert level == EMULATED
    assert f'"{meant}"' in body
    assert f'"{named}"' not in body


@pytest.mark.parametrize("provider", VENDORS)
def test_what_is_spoken_there_is_exact(provider: str) -> None:
    for named in (*VENDORS[provider], "en_gb", "EN-us"):
        if len(named) <= 10:
            level, body = compiled(provider, "voice.play", tts_text="Hi.", tts_language=named)
            assert level == EXACT, named
            assert f'"{languages.spoken(named, VENDORS[provider])}"' in body
    assert compiled(provider, "voice.play", tts_text="Hi.")[0] == EXACT


@pytest.mark.parametrize("provider", VENDORS)
def test_what_is_not_spoken_there_is_refused(provider: str) -> None:
    prompts = {"prompt_tts": "Hi.", "max_digits": 1, "timeout_seconds": 5}
    assert compiled(provider, "voice.play", tts_text="Hi.", tts_language="tlh")[0] == REFUSED
    document = graph(node("n", "voice.gather_dtmf", tts_language="tlh", **prompts), node("end", "voice.hangup"),
                     edge("n", "end", "default"))  # fmt: skip
    assert compiling.refusals(document, [provider]) == {"n": [f"{provider}: it does not speak tlh"]}


def test_a_voice_of_telnyx_that_has_a_language_of_its_own_needs_none() -> None:
    level, body = compiled("telnyx", "voice.play", tts_text="Hi.", tts_language="fi", tts_voice="AWS.Polly.Suvi")
    assert level == EXACT
    assert "language" not in body


def test_vonage_takes_words_in_a_language_of_a_region() -> None:
    for named, wanted, level in (("de", "de-DE", EMULATED), ("de-AT", "de-AT", EXACT), ("tlh", "tlh", REFUSED)):
        found, body = compiled("vonage", "voice.gather_speech", language=named, timeout_seconds=5)
        assert (found, json.loads(body)[0]["speech"]["language"]) == (level, wanted)


def test_a_pause_of_vonage_has_a_tenth_of_a_second() -> None:
    for given, made, wanted in ((0.05, 0.1, EMULATED), (0.1, 0.1, EXACT), (1.5, 1.5, EXACT)):
        level, body = compiled("vonage", "wait", seconds=given)
        assert (level, json.loads(body)[0]["timeout"]) == (wanted, made)


def test_the_languages_are_those_that_are_published() -> None:
    shared = os.environ.get("JC_TEST_SHARED")
    if shared is None:
        pytest.skip("JC_TEST_SHARED is not set: it names the directory that holds the carriers' descriptions")
    specs = Path(shared) / "specs"
    lists = json.loads((specs / "vonage_ncco-schema.json").read_text())["definitions"]["languages"]["enum"]
    schemas = yaml.safe_load((specs / "vonage_voice.patched.yml").read_text())["components"]["schemas"]
    assert {*lists, *schemas["language"]["enum"]} == languages.VONAGE
    told = json.loads((specs / "telnyx_spec3_2020-03.json").read_text())
    speak = told["paths"]["/calls/{call_control_id}/actions/speak"]["post"]["requestBody"]["content"]
    fields = speak["application/json"]["schema"]["properties"]
    assert set(fields["language"]["enum"]) == languages.TELNYX
