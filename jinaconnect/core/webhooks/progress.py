"""How far an endpoint has got in the log: a position up to which all is done, and the few keys that are behind.

Events of one key (a call, a conversation) are delivered in order; one that fails leaves its key behind at its place,
and the others go on. So what waits is never copied: it stands in the log, and this says from where on it is due.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any


@dataclass(slots=True)
class Behind:
    """A key that waits: the first number of it that is not delivered, and what was tried for that one.

    `early` has it tried once before its time; `asked` says that this was done since its last regular attempt.
    """

    at: int
    tries: int = 0
    next_at: datetime | None = None
    since: datetime | None = None
    delivery: str | None = None
    early: bool = False
    asked: bool = False

    def due(self, now: datetime) -> bool:
        """Tell whether it is to be tried now."""
        return self.early or self.next_at is None or self.next_at <= now

    def passed(self, seq: int) -> None:
        """Go on behind an event that is done."""
        self.at, self.tries, self.next_at, self.since, self.delivery = seq + 1, 0, None, None, None
        self.early = self.asked = False


class Progress:
    """What of the log one reader has done; numbers are taken up in their order."""

    def __init__(self, read: int, behind: Mapping[str, Behind] | None = None) -> None:
        self.read = read
        self.behind: dict[str, Behind] = dict(behind or {})
        self._open: OrderedDict[int, None] = OrderedDict()

    @property
    def done(self) -> int:
        """The number up to which every event is done, or belongs to a key that is behind."""
        return next(iter(self._open)) - 1 if self._open else self.read

    @property
    def settled(self) -> bool:
        """Whether nothing that was read is still on its way."""
        return not self._open

    def take(self, seq: int, key: str | None) -> bool:
        """Read on to a number; True when its event is to be delivered now.

        It is not when the event is for somebody else (no key), or its key is behind.
        """
        self.read = seq
        if key is None or key in self.behind:
            return False
        self._open[seq] = None
        return True

    def finish(self, seqs: Iterable[int]) -> None:
        """Note that events are done with, delivered or left to a key that is behind."""
        for seq in seqs:
            self._open.pop(seq, None)

    def leave_behind(self, key: str, behind: Behind) -> None:
        """Let a key wait from a number on; `finish` what was taken of it from there."""
        self.behind[key] = behind

    def snapshot(self) -> dict[str, Any]:
        """Return what is kept: whoever begins from it delivers everything that is not done, and some again."""
        return {
            "done": self.done,
            "behind": [
                {"key": key, "at": each.at, "tries": each.tries, "next_at": each.next_at, "since": each.since,
                 "delivery": each.delivery}
                for key, each in self.behind.items()
            ],
        }  # fmt: skip

    @classmethod
    def restored(cls, kept: Mapping[str, Any]) -> Progress:
        """Return the progress that was kept."""
        behind = {
            row["key"]: Behind(row["at"], row["tries"], row["next_at"], row["since"], row["delivery"])
            for row in kept["behind"]
        }
        return cls(kept["done"], behind)
