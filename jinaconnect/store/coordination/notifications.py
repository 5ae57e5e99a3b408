"""What processes tell each other at once: notifications of named kinds, a line of text each.

A notification only makes sooner what is found without it: one that is missed costs a moment.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum


class Kind(StrEnum):
    """What is told, with the words that follow."""

    APPENDED = "appended"  # scope, number: the log of a scope has grown to it
    LOOK = "look"  # something was not told: everyone looks at the logs
    WITHDRAWN = "withdrawn"  # a row of withdrawn access was written
    PRESENT = "present"  # scope: who is there was shared anew
    DUE = "due"  # collection, scope, id: a piece of work that whoever stored it does not do
    COMMANDED = "commanded"  # switch: an order was left for its owner


def written(kind: Kind, *words: str) -> str:
    """Return the line; no word holds a space."""
    return " ".join((kind, *words))


def read(text: str) -> tuple[Kind, Sequence[str]]:
    """Return kind and words of a line; raises ValueError for a kind that this version does not know."""
    kind, *words = text.split(" ")
    return Kind(kind), words
