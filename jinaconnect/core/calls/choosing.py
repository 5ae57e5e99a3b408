"""Which provider config carries a call: the routes to its number in order, and what makes the next one be tried. Pure.

The longest prefix goes first, then the higher priority, then the lower price; those that are as good share calls by
their weights. One whose last calls failed on the carrier's side comes after all others.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from jinaconnect.core.calls import causes
from jinaconnect.core.calls.numbers import plus_form

# What is the carrier's own doing, not the called party's nor the number's: another carrier may do better.
FAILS_OVER = frozenset({
    causes.NETWORK_OUT_OF_ORDER, causes.NORMAL_TEMPORARY_FAILURE, causes.RESOURCE_UNAVAILABLE,
    causes.FACILITY_REJECTED, causes.INTERWORKING,
})  # fmt: skip
# A carrier that does not know our account, or wants payment: to Q.850 a refusal like that of the called party.
OUR_ACCOUNT = frozenset({401, 402, 407})


@dataclass(frozen=True, slots=True)
class Option:
    """A route: numbers beginning with `prefix` may go over a provider config; `own` narrows it to one own number."""

    route: str
    provider_config: str
    prefix: str = "+"
    own: str | None = None
    priority: int = 0
    weight: int = 100


@dataclass(frozen=True, slots=True)
class Seen:
    """What is known of a provider config at the moment.

    `reason` says why it cannot carry the call, None where it can. `sick` tells that its last calls failed on its side;
    `price` is what a minute costs over it, None where nobody knows; `draw` is by chance, between 0 and 1.
    """

    reason: str | None = None
    sick: bool = False
    price: Decimal | None = None
    draw: float = 0.5


@dataclass(frozen=True, slots=True)
class Skipped:
    """A route that was passed over, and why."""

    option: Option
    reason: str


@dataclass(frozen=True, slots=True)
class Decision:
    """The routes a call may go, the best first, each provider config once; and those that were passed over."""

    order: tuple[Option, ...]
    skipped: tuple[Skipped, ...] = ()


def matches(option: Option, number: str, own: str | None) -> bool:
    """Tell whether a route is for a number, and for the own number that was asked for, if one was."""
    fits = plus_form(number).startswith(option.prefix)
    return fits and (option.own is None or own is None or option.own == own)


def choose(number: str, own: str | None, options: Iterable[Option], seen: Mapping[str, Seen]) -> Decision:
    """Return the order in which a call's routes are tried; of what is not known nothing speaks against it."""
    fitting = [each for each in options if matches(each, number, own)]

    def rank(option: Option) -> tuple[bool, int, int, bool, Decimal, float, str]:
        known = seen.get(option.provider_config, Seen())
        share = known.draw ** (1 / max(1, option.weight))  # the larger of such draws wins in proportion to its weight
        price = known.price if known.price is not None else Decimal(0)
        return (
            known.sick, -len(option.prefix), -option.priority, known.price is None, price, -share, option.route
        )

    order: list[Option] = []
    skipped: list[Skipped] = []
    taken: set[str] = set()
    for option in sorted(fitting, key=rank):
        reason = seen.get(option.provider_config, Seen()).reason
        if reason is not None:
            skipped.append(Skipped(option, reason))
        elif option.provider_config not in taken:
            taken.add(option.provider_config)
            order.append(option)
    return Decision(tuple(order), tuple(skipped))


def fails_over(cause: str, sip_code: int | None, *, answered: bool) -> bool:
    """Tell whether an attempt that ended so is one to be made over another carrier."""
    return not answered and (cause in FAILS_OVER or sip_code in OUR_ACCOUNT)
