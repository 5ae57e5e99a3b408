"""Regular expressions that tenants write, accepted only where matching is certain to be quick.

Python's engine backtracks: `(a+)+b` takes time exponential in the text. A pattern is accepted when the number of ways
in which it can be laid over a text of the longest length allowed, counted from its structure, stays small.
"""

from __future__ import annotations

import re
from re import _constants, _parser  # type: ignore[attr-defined]
from typing import Any

MAX_PATTERN = 200
MAX_SUBJECT = 64
MAX_WAYS = 20_000

_SINGLE = frozenset({"LITERAL", "NOT_LITERAL", "ANY", "IN", "AT"})


def fault(pattern: str) -> str | None:
    """Return what is wrong with a pattern, None when it may be used."""
    if "{{" in pattern:
        return "a pattern has no placeholders"
    if len(pattern) > MAX_PATTERN:
        return f"a pattern has at most {MAX_PATTERN} characters"
    try:
        tree = _parser.parse(pattern)
        re.compile(pattern)
    except (re.error, OverflowError, RecursionError) as error:
        return f"not a regular expression: {error}"
    ways = _ways(tree)
    if ways is None:
        return "back references and look-around are not supported"
    return "this pattern could take too long to match" if ways > MAX_WAYS else None


def matches(pattern: str, subject: str) -> bool:
    """Tell whether the whole subject fits an accepted pattern; a subject of more than 64 characters never does."""
    return len(subject) <= MAX_SUBJECT and re.fullmatch(pattern, subject) is not None


def _ways(sequence: Any) -> int | None:
    """Return in how many ways a parsed sequence may be laid over a subject, None where that is unknown."""
    total = 1
    for opcode, argument in sequence:
        ways = _ways_of(str(opcode), argument)
        if ways is None:
            return None
        total = min(total * ways, MAX_WAYS + 1)
    return total


def _ways_of(opcode: str, argument: Any) -> int | None:
    if opcode in _SINGLE:
        return 1
    if opcode == "SUBPATTERN":
        return _ways(argument[-1])
    if opcode == "BRANCH":
        branches = [_ways(branch) for branch in argument[1]]
        known = [ways for ways in branches if ways is not None]
        return sum(known) if len(known) == len(branches) else None
    if opcode in ("MAX_REPEAT", "MIN_REPEAT"):
        low, high, inner = argument
        within = _ways(inner)
        if within is None:
            return None
        most = MAX_SUBJECT if high is _constants.MAXREPEAT else min(int(high), MAX_SUBJECT)
        least = min(int(low), most)
        plain = len(inner) == 1 and str(inner[0][0]) in _SINGLE
        # Each count is a way of its own, each repetition multiplies the ways within it; repetitions that must be
        # gone through, of something that may be empty, cost as much as ways do.
        ways: int = (most - least + 1) * within ** min(most, 20)
        return min(ways if plain else ways * max(1, least), MAX_WAYS + 1)
    return None
