"""How fast a carrier lets an account send: declared in the channel's spec, kept by the sender, or told in an answer.

A message that is too early waits for its turn; none fails for it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from jinaconnect.core.inbox.address import Address
from jinaconnect.outbound import Fetched

LONGEST_WAIT_S = 3600.0  # a carrier that asks for more is asked again after this


@dataclass(frozen=True, slots=True)
class Pace:
    """At most so many messages a second from one account, and to one address; None: as many as there are.

    `slower` names addresses that take less than the others (groups), and how much.
    """

    account_per_s: float | None = None
    address_per_s: float | None = None
    slower: Callable[[Address], float | None] | None = None

    def to(self, address: Address) -> float | None:
        """Return how many messages a second go to an address."""
        found = self.slower(address) if self.slower is not None else None
        return self.address_per_s if found is None else found


UNHURRIED = Pace()


def wait_of(answer: Fetched) -> float | None:
    """Return the seconds a carrier asks to be left alone, within bounds."""
    text = answer.headers.get("retry-after", "").strip()
    return min(float(text), LONGEST_WAIT_S) if text.isascii() and text.isdigit() else None
