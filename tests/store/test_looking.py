"""Which order a list has, so that an index gives its first page at any size."""

from __future__ import annotations

import pytest

from jinaconnect.store.looking import Order, total, ways


@pytest.mark.parametrize(
    ("asked", "whole"),
    [
        ([("status", 1)], [("status", 1), ("_id", -1)]),
        ([("status", -1)], [("status", -1), ("_id", 1)]),
        ([("timestamp", -1)], [("timestamp", -1), ("_id", -1)]),
        ([("timestamp", 1)], [("timestamp", 1), ("_id", 1)]),
    ],
)
def test_equal_rows_stand_as_an_index_gives_them(asked: Order, whole: Order) -> None:
    assert total("messages", [], asked) == whole
    assert any(way.ordered for way in ways("messages", [], whole))


def test_an_order_no_index_gives_is_total_all_the_same() -> None:
    assert total("messages", [], [("error_code", -1)]) == [("error_code", -1), ("_id", -1)]
    assert total("messages", [], [("_id", 1)]) == [("_id", 1)]
