"""Date separators of a timeline."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from jinaconnect.core.inbox.timeline import with_separators

NOW = datetime(2026, 5, 14, 20, 0, tzinfo=UTC)  # a Thursday


def item(stamp: str) -> dict[str, str]:
    return {"type": "message", "timestamp": stamp}


@pytest.mark.parametrize(
    ("stamp", "label"),
    [
        ("2026-05-14T00:00:00.000Z", "Today"),
        ("2026-05-13T23:59:59.999Z", "Yesterday"),
        ("2026-05-12T12:00:00.000Z", "Tuesday"),
        ("2026-05-08T12:00:00.000Z", "Friday"),
        ("2026-05-07T12:00:00.000Z", "7 May 2026"),
        ("2025-12-31T12:00:00.000Z", "31 December 2025"),
        ("2026-05-15T00:00:00.000Z", "15 May 2026"),
    ],
)
def test_a_day_has_its_label(stamp: str, label: str) -> None:
    separator, _ = with_separators([item(stamp)], NOW, UTC)
    assert separator == {"type": "date_separator", "date": stamp[:10], "label": label}


def test_one_separator_before_the_first_item_of_each_day() -> None:
    stamps = ["2026-05-14T10:00:00.000Z", "2026-05-14T09:00:00.000Z", "2026-05-13T09:00:00.000Z"]
    kinds = [shown["type"] for shown in with_separators([item(stamp) for stamp in stamps], NOW, UTC)]
    assert kinds == ["date_separator", "message", "message", "date_separator", "message"]
    assert with_separators([], NOW, UTC) == []


def test_days_are_those_of_the_zone() -> None:
    shown = with_separators([item("2026-05-13T20:00:00.000Z")], NOW, ZoneInfo("Asia/Kolkata"))
    assert (shown[0]["date"], shown[0]["label"]) == ("2026-05-14", "Yesterday")
