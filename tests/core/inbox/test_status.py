"""The status ladder under every order of reports."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from jinaconnect.core.inbox import status
from jinaconnect.core.inbox.status import Report, advance

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def message() -> dict[str, Any]:
    stamps = dict.fromkeys(("sent_at", "delivered_at", "opened_at", "failed_at"))
    return {"status": status.PENDING, "error_code": None, "error_message": None, **stamps}


def run(reports: tuple[str, ...]) -> tuple[dict[str, Any], list[str]]:
    held, told = message(), []
    for place, name in enumerate(reports):
        fields = advance(held, Report(name, NOW + timedelta(seconds=place)))
        if fields is not None:
            held |= fields
            told.append(name)
    return held, told


@pytest.mark.parametrize(
    "reports", [p for n in range(1, 4) for p in itertools.permutations((status.SENT, status.DELIVERED, status.READ), n)]
)
def test_any_order_ends_at_the_highest(reports: tuple[str, ...]) -> None:
    held, told = run(reports * 2)
    assert held["status"] == max(reports, key=lambda name: status.RANK[name])
    ranks = [status.RANK[name] for name in told]
    assert ranks == sorted(set(ranks)), "each rung is told at most once, upwards"
    for step, stamp in ((status.SENT, "sent_at"), (status.DELIVERED, "delivered_at"), (status.READ, "opened_at")):
        assert (held[stamp] is not None) == (status.RANK[step] <= status.RANK[held["status"]])


def test_failure_never_follows_delivery_and_nothing_follows_failure() -> None:
    for reports in itertools.permutations((status.SENT, status.DELIVERED, status.READ, status.FAILED)):
        held, told = run(reports)
        if held["status"] == status.FAILED:
            assert told[-1] == status.FAILED
            assert held["delivered_at"] is None
        else:
            assert status.FAILED not in told


def test_what_was_delivered_is_not_expired_in_any_order() -> None:
    for reports in itertools.permutations((status.SENT, status.DELIVERED, status.READ, status.EXPIRED)):
        for some in (reports, reports[:3]):
            held, _ = run(some)
            arrived = {status.DELIVERED, status.READ} & set(some)
            wanted = max(arrived, key=lambda name: status.RANK[name]) if arrived else status.EXPIRED
            assert held["status"] == wanted
            assert (held["failed_at"] is None) == bool(arrived)


def test_unknown_is_left_by_any_report_and_entered_only_from_below() -> None:
    assert run((status.UNKNOWN, status.SENT))[0]["status"] == status.SENT
    assert run((status.UNKNOWN, status.FAILED))[0]["status"] == status.FAILED
    assert run((status.SENT, status.UNKNOWN))[0]["status"] == status.SENT
    assert run(("nonsense",))[1] == []
