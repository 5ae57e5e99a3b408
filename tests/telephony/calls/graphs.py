"""IVR graphs of the call tests."""

from __future__ import annotations

from random import Random
from typing import Any


def graph(entry: str, nodes: dict[str, tuple[str, dict[str, Any]]], *edges: tuple[str, str, str]) -> dict[str, Any]:
    """Return a graph document; an edge is (source, outcome, target)."""
    return {
        "entry_node_id": entry,
        "nodes": [{"id": id, "type": kind, "data": data} for id, (kind, data) in nodes.items()],
        "edges": [{"source": source, "on": on, "target": target} for source, on, target in edges],
    }


def menu(transfer_to: str = "+12025550188") -> dict[str, Any]:
    """A menu: 1 says something and hangs up, 2 transfers, anything else is asked again once."""
    return graph(
        "ask",
        {
            "ask": ("voice.gather_dtmf", {"prompt_tts": "Press one or two.", "max_digits": 1, "timeout_seconds": 5,
                                          "retries": 1, "save_as": "choice"}),
            "bye": ("voice.play", {"tts_text": "You pressed {{choice}}. Goodbye."}),
            "end": ("voice.hangup", {}),
            "agent": ("voice.transfer", {"to_uri": transfer_to}),
        },
        ("ask", "1", "bye"), ("ask", "2", "agent"), ("ask", "timeout", "end"), ("ask", "invalid", "end"),
        ("bye", "done", "end"), ("agent", "failed", "bye"),
    )  # fmt: skip


# ---- graphs at random, for a law: an IVR goes the same way in a simulation, on a real Asterisk and over carriers

CALLS = 32
PATIENCE_S = 2  # of every node that waits for keys
SILENCE_S = 2.4  # one such wait, and no second one
MOST_SILENCES = 3
DIGITS = "12#"
KINDS = ["voice.gather_dtmf"] * 6 + ["voice.play", "set_variable", "conditional"] * 3 + ["voice.record", "wait"]
FORWARD = {"voice.gather_dtmf": ["timeout", "invalid", "default"], "conditional": ["true", "false"]}


def _data(chance: Random, kind: str) -> dict[str, Any]:
    match kind:
        case "voice.gather_dtmf":
            most = chance.randint(1, 3)
            spoken = {"prompt_tts": chance.choice(["One.", "Two {{digits}}."])} if chance.random() < 0.7 else {}
            return {
                "max_digits": most, "min_digits": chance.randint(0, most), "timeout_seconds": PATIENCE_S,
                "inter_digit_s": PATIENCE_S, "retries": chance.randint(0, 1), "barge_in": chance.random() < 0.6,
                "finish_on_key": chance.choice(["", "#"]), "save_as": chance.choice(["digits", "x"]), **spoken,
            }  # fmt: skip
        case "voice.play":
            return {"tts_text": chance.choice(["Yes.", "No {{x}}."])}
        case "voice.record":
            return {"max_duration_seconds": 1, "play_beep": False}
        case "wait":
            return {"seconds": 1}
        case "set_variable":
            return {"name": chance.choice(["digits", "x"]), "value": chance.choice(["{{digits}}1", "{{x}}2", "7"])}
        case "conditional":
            op = chance.choice(["eq", "ne", "lt", "matches"])
            return {"variable": chance.choice(["digits", "x"]), "op": op, "value": chance.choice(["1", "12", "21"])}
    return {}


def graph_that_ends(chance: Random) -> dict[str, Any]:
    """Return a graph that ends: what happens by itself leads forward, only keys may lead back."""
    count = chance.randint(3, 8)
    kinds = [chance.choice(KINDS) for _ in range(count - 1)]
    nodes = [{"id": f"n{n}", "type": kind, "data": _data(chance, kind)}
             for n, kind in enumerate([*kinds, "voice.hangup"])]  # fmt: skip
    edges = []
    for n, kind in enumerate(kinds):
        edges += [{"source": f"n{n}", "on": on, "target": f"n{chance.randint(n + 1, count - 1)}"}
                  for on in FORWARD.get(kind, ["done"])]  # fmt: skip
        if kind == "voice.gather_dtmf":
            pressed = {"".join(chance.choices(DIGITS, k=chance.randint(1, 2))) for _ in range(chance.randint(0, 3))}
            edges += [{"source": f"n{n}", "on": on, "target": f"n{chance.randint(0, count - 1)}"}
                      for on in sorted(pressed)]  # fmt: skip
    return {"entry_node_id": "n0", "nodes": nodes, "edges": edges}


def acts_of(chance: Random) -> list[dict[str, Any]]:
    """Return what a caller does on such a graph."""
    acts: list[dict[str, Any]] = [{"keys": chance.choice(DIGITS)} for _ in range(chance.randint(0, 8))]
    for _ in range(chance.randint(0, MOST_SILENCES)):
        acts.insert(chance.randint(0, len(acts)), {"silence_s": SILENCE_S})
    return acts
