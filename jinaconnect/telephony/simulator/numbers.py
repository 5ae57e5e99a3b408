"""What the simulated carrier's numbers do; all are numbers reserved for fiction."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

PREFIX = "+1202555"


@dataclass(frozen=True, slots=True)
class Behaviour:
    """How a called party behaves: refuses with a cause, rings for ever, or answers and then does something."""

    q850: int | None = None
    sip_code: int | None = None
    rings: bool = False
    machine: bool = False
    sends_digits: bool = False
    hangs_up_after_s: float | None = None


ANSWERS = Behaviour()

_BEHAVIOURS: Mapping[str, Behaviour] = {
    "0101": ANSWERS,
    "0102": Behaviour(rings=True),
    "0103": Behaviour(17, 486),
    "0104": Behaviour(1, 404),
    "0105": Behaviour(21, 603),
    "0106": Behaviour(34, 503),
    "0107": Behaviour(sends_digits=True),
    "0108": Behaviour(hangs_up_after_s=3.0),
    "0109": Behaviour(machine=True),
}


def behaviour(number: str) -> Behaviour:
    """Return how a number behaves; any that is not listed answers."""
    return _BEHAVIOURS.get(number.removeprefix(PREFIX), ANSWERS) if number.startswith(PREFIX) else ANSWERS
