"""A supervisor in a call that goes on: who hears them in each mode, and whom they are brought to.

Everybody's words reach the supervisor in every mode. What they say reaches nobody (listen), the agent alone (whisper)
or agent and customer (barge), and is never spoken to one more than the mode says: where the agent has left, or the two
are apart, it reaches nobody again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

LISTEN, WHISPER, BARGE = "listen", "whisper", "barge"
MODES = (LISTEN, WHISPER, BARGE)
NOBODY, AGENT, BOTH = "nobody", "agent", "both"
HEARERS = (NOBODY, AGENT, BOTH)
HEARD_BY = {LISTEN: NOBODY, WHISPER: AGENT, BARGE: BOTH}

ASKED, OPEN = "asked", "open"  # states: the supervisor has not come yet, or is there


def agent_of(legs: Mapping[str, Mapping[str, Any]], talking: Sequence[str]) -> str | None:
    """Return the leg of whom a supervisor whispers to, None where there is no agent.

    `legs` are those that are up and not the customer's, `talking` those of them that talk with the customer. Whoever
    talks with the customer comes first, and a telephone of ours before a party of a transfer.
    """
    ranked = sorted(legs, key=lambda name: (name not in talking, legs[name]["role"] != "agent"))
    return ranked[0] if ranked else None


def key_place(id: str) -> str:
    """Return the place that the secret name of a supervision's socket is sealed for."""
    return f"supervisions/{id}/key"


def told(id: str, row: Mapping[str, Any]) -> dict[str, Any]:
    """Return what events say of a supervision."""
    return {"supervision": id, "user": row["user"], "mode": row["mode"], "heard_by": HEARD_BY[row["mode"]]}
