"""Graphs and scripts at random, for calls over carriers."""

from __future__ import annotations

from random import Random
from typing import Any

from jinaconnect.core.ivr.graph import outcomes

KEYS = "0159#*"
WAYS = 20
LONG_S = 3_600
AFTER = [0, 0.037, 0.61, 1.33]
KINDS = [
    "voice.gather_dtmf", "voice.gather_dtmf", "voice.gather_dtmf", "voice.play", "voice.gather_speech", "voice.record",
    "voice.transfer", "voice.hangup", "set_variable", "conditional", "goto_template", "http_call", "wait",
]  # fmt: skip
NAMES = ["digits", "choice", "speech", "response", "x"]
TEXTS = [None, "Press a key", "{{digits}}", "You said {{x}} & <{{choice}}>", " "]


def _data(chance: Random, kind: str, pace: tuple[float, float]) -> dict[str, Any]:
    first, between = pace
    match kind:
        case "voice.gather_dtmf":
            most = chance.choice([1, 1, 2, 3, 4, 22])
            # With two time-outs, of which some carriers know but one, prompts would be cut at different words.
            barge_in = first == between and chance.random() < 0.8
            spoken = {"prompt_audio_url": "https://a.example/{{x}}.wav"} if chance.random() < 0.2 else {}
            return {
                "max_digits": most, "min_digits": chance.randint(0, min(most, 2)), "timeout_seconds": first,
                "inter_digit_s": between, "finish_on_key": chance.choice(["", "#", "#", "*"]),
                "retries": chance.randint(0, 2), "barge_in": barge_in, "save_as": chance.choice(NAMES),
                "prompt_tts": chance.choice(TEXTS), "invalid_prompt_tts": chance.choice(TEXTS), **spoken,
            }  # fmt: skip
        case "voice.play":
            return chance.choice([{"tts_text": "Good day {{x}}"}, {"audio_url": "https://a.example/{{x}}.wav"},
                                  {"tts_text": "{{nothing}}"}])  # fmt: skip
        case "voice.gather_speech":
            return {"language": "en-IN", "timeout_seconds": first, "save_as": chance.choice(NAMES)}
        case "voice.record":
            return {"max_duration_seconds": chance.choice([3, 5, 30]), "play_beep": chance.random() < 0.5,
                    "finish_on_silence": chance.choice([None, 3, 4])}  # fmt: skip
        case "voice.transfer":
            return {"to_uri": chance.choice(["+12025550101", "{{x}}", "+1202555{{digits}}"])}
        case "set_variable":
            return {"name": chance.choice(NAMES), "value": chance.choice(["{{digits}}1", "{{x}}{{x}}", 7, None, True])}
        case "conditional":
            return {"variable": chance.choice(NAMES), "op": chance.choice(["eq", "ne", "in", "lt", "gt"]),
                    "value": chance.choice(["1", "15", "9"])}  # fmt: skip
        case "goto_template":
            return {"template": chance.choice(["tpl_a", "tpl_none"])}
        case "http_call":
            return {"url": "https://crm.example/q?d={{digits}}", "method": chance.choice(["GET", "POST"])}
        case "wait":
            return {"seconds": chance.choice([1, 3])}
    return {}


def pace(chance: Random) -> tuple[float, float]:
    """Return the time-outs of all questions of a graph, for the first key and between keys."""
    first = chance.choice([5, 6, 6, 9, 14, 25])
    return first, chance.choice([first, 3])


def random_graph(chance: Random) -> dict[str, Any]:
    """Return a graph of up to eight nodes, loops and dead ends included; Exotel can say it but for speech."""
    times = pace(chance)
    names = [f"n{place}" for place in range(chance.randint(2, 8))]
    nodes, edges = [], []
    for name in names:
        kind = chance.choice(KINDS)
        nodes.append({"id": name, "type": kind, "data": _data(chance, kind, times)})
        ways = {on for on in outcomes(kind) if chance.random() < 0.85}
        if kind == "voice.gather_dtmf":
            ways |= {"".join(chance.choices(KEYS, k=chance.randint(1, 2))) for _ in range(chance.randint(0, 3))}
        edges += [{"source": name, "target": chance.choice(names), "on": on} for on in sorted(ways)]
    return {"entry_node_id": "n0", "nodes": nodes, "edges": edges}


def random_script(chance: Random, document: dict[str, Any]) -> list[dict[str, Any]]:
    """Return what a caller does on a graph, until they are silent for ever."""
    asked = [node["data"] for node in document["nodes"] if node["type"] == "voice.gather_dtmf"]
    first, between = (asked[0]["timeout_seconds"], asked[0]["inter_digit_s"]) if asked else (6, 6)
    silence = max(first, between) + 0.45 * min(first, between)
    # A carrier may tell of a recording later than it ends: keys typed ahead behind its end would be lost there.
    records = any(node["type"] == "voice.record" for node in document["nodes"])
    ahead = KEYS.replace("#", "") if records else KEYS
    acts: list[dict[str, Any]] = []
    for _ in range(chance.randint(0, 9)):
        acts.append(
            chance.choice(
                [
                    {"keys": chance.choice(KEYS), "after_s": chance.choice(AFTER)},
                    {"keys": chance.choice(KEYS), "after_s": chance.choice(AFTER)},
                    {"keys": "".join(chance.choices(ahead, k=chance.randint(2, 5))), "after_s": chance.choice(AFTER)},
                    {"silence_s": silence},
                    {"words": chance.choice(["yes", "one two"]), "after_s": 0.9},
                ]
            )
        )
    if first != between:
        # Two silences on end would be longer than two time-outs where a carrier knows but one for both.
        acts = [act for before, act in zip([{}, *acts], acts, strict=False) if "keys" in act or "keys" in before]
    if chance.random() < 0.15:
        # Behind a key, which all wait for: a silence ends sooner where a carrier knows two time-outs.
        acts += [{"keys": chance.choice(KEYS), "after_s": 0.037}, {"hangup": True}]
    answers = ["answered", "failed", "done", "empty", "ok", "error"]
    acts += [{"answer": chance.choice(answers)} for _ in range(chance.randint(0, 6))]
    return [*acts, *({"silence_s": LONG_S} for _ in range(WAYS))]
