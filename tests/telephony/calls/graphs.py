"""IVR graphs of the call tests."""

from __future__ import annotations

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
