"""Choosing a carrier: prefix, priority, price, weight, health, and which ends are no reason to try another."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal

import pytest

from jinaconnect.core.calls import causes
from jinaconnect.core.calls.choosing import Option, Seen, choose, fails_over

NUMBER, OWN = "+919812345678", "+912240000000"


def route(name: str, prefix: str = "+", **fields: object) -> Option:
    return Option(name, f"trk_{name}", prefix, **fields)  # type: ignore[arg-type]


def price(text: str) -> Seen:
    return Seen(price=Decimal(text))


@pytest.mark.parametrize(("options", "seen", "order"), [
    ([], {}, ""),
    ([route("a", "+1")], {}, ""),
    ([route("a"), route("b", "+91"), route("c", "+9198"), route("d", "+92")], {}, "cba"),
    ([route("a", priority=1), route("b", priority=5)], {}, "ba"),
    ([route("a", "+91", priority=1), route("b", priority=5)], {}, "ab"),
    ([route("a"), route("b"), route("c")], {"a": price("0.02"), "b": price("0.01")}, "bac"),
    ([route("a", priority=1), route("b")], {"a": price("0.02"), "b": price("0.01")}, "ab"),
    ([route("a"), route("b")], {"a": Seen(reason="trunk_down")}, "b"),
    ([route("a", "+91"), route("b")], {"a": Seen(sick=True)}, "ba"),
    ([route("a", "+91"), route("b")], {"a": Seen(sick=True), "b": Seen(sick=True)}, "ab"),
    ([route("a", own=OWN), route("b", own="+15550100")], {}, "a"),
    ([route("a"), route("b")], {"a": Seen(draw=0.2), "b": Seen(draw=0.9)}, "ba"),
    ([route("a", weight=1000), route("b", weight=1)], {"a": Seen(draw=0.2), "b": Seen(draw=0.9)}, "ab"),
])  # fmt: skip
def test_the_order(options: list[Option], seen: dict[str, Seen], order: str) -> None:
    made = choose(NUMBER, OWN, options, {f"trk_{name}": each for name, each in seen.items()})
    assert "".join(each.route for each in made.order) == order
    assert {each.option.route for each in made.skipped} == {name for name, each in seen.items() if each.reason}


def test_a_provider_config_is_tried_once_and_by_its_best_route() -> None:
    options = [Option("a", "trk"), Option("b", "trk", "+91"), Option("c", "other")]
    assert [each.route for each in choose(NUMBER, None, options, {}).order] == ["b", "c"]


def test_an_own_number_nobody_asked_for_is_the_routes() -> None:
    assert choose(NUMBER, None, [route("a", own=OWN)], {}).order[0].own == OWN


def test_calls_are_shared_by_weight() -> None:
    """Of evenly spread draws each route gets what its weight is of the sum, near enough."""
    spread = [(place + 0.5) / 20 for place in range(20)]
    first: Counter[str] = Counter()
    for one in spread:
        for other in spread:
            seen = {"trk_a": Seen(draw=one), "trk_b": Seen(draw=other)}
            first[choose(NUMBER, None, [route("a", weight=300), route("b", weight=100)], seen).order[0].route] += 1
    assert abs(first["a"] / 400 - 0.75) < 0.05


@pytest.mark.parametrize("cause", causes.CAUSES)
def test_only_what_is_the_carriers_doing_fails_over(cause: str) -> None:
    wanted = cause in {
        "NETWORK_OUT_OF_ORDER", "NORMAL_TEMPORARY_FAILURE", "RESOURCE_UNAVAILABLE", "FACILITY_REJECTED", "INTERWORKING",
    }  # fmt: skip
    assert fails_over(cause, None, answered=False) is wanted
    assert not fails_over(cause, None, answered=True)


@pytest.mark.parametrize(("sip", "wanted"), [(401, True), (402, True), (407, True), (403, False), (603, False)])
def test_a_carrier_that_does_not_know_us_refuses_us_not_the_called(sip: int, wanted: bool) -> None:
    assert fails_over(causes.CALL_REJECTED, sip, answered=False) is wanted
