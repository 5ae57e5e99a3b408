"""Clicks of a tracked link, in whatever order they are written."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from jinaconnect.core.broadcasts.links import HUMAN, clicked

AT = datetime(2026, 5, 1, 9, 0, tzinfo=UTC)


def test_the_first_and_the_last_click_are_those_in_time() -> None:
    link: dict[str, Any] = {"click_count": 0, "first_clicked_at": None, "last_clicked_at": None, "last_click": None}
    for name, ms in (("b", 7), ("a", 0), ("c", 9)):
        click = {"_id": name, "kind": HUMAN, "clicked_at": AT + timedelta(milliseconds=ms), "ip_address": "192.0.2.1"}
        link = {**link, **clicked(link, click)}
    assert (link["first_clicked_at"], link["last_clicked_at"]) == (AT, AT + timedelta(milliseconds=9))
    assert (link["click_count"], link["last_click"]["id"]) == (3, "c")
