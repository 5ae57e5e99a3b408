"""Unread figures, whatever the order of counting and reading."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from jinaconnect.core.inbox.contact import COUNTED, counted, new_contact
from jinaconnect.core.inbox.message import INCOMING, OUTGOING, new_message
from jinaconnect.core.inbox.reading import is_counted, newest_fields, read_fields, recounted

NOW = datetime(2026, 5, 1, tzinfo=UTC)


def message(number: int, direction: str = INCOMING) -> dict[str, Any]:
    at = NOW + timedelta(seconds=number)
    return new_message(
        f"msg_{number:05}",
        contact="cnt_1",
        platform="WHATSAPP",
        direction=direction,
        type="TEXT",
        author="CONTACT",
        app=None,
        content={"type": "text", "body": {"text": f"text {number}"}},
        timestamp=at,
        status="RECEIVED",
        created_at=at,
    )


def with_fields(doc: dict[str, Any], fields: dict[str, Any] | None) -> dict[str, Any]:
    chat = {**doc["chat"], **{key.removeprefix("chat."): value for key, value in (fields or {}).items()}}
    return {**doc, "chat": chat}


@pytest.mark.parametrize("order", list(itertools.permutations(["count 1", "count 2", "read 1", "read 2"])))
def test_reading_and_counting_in_any_order_end_alike(order: tuple[str, ...]) -> None:
    doc = new_contact("cnt_1", source="WHATSAPP", by=None)
    stored = {number: message(number) for number in (1, 2)}
    as_received = {number: dict(held) for number, held in stored.items()}
    for step in order:
        what, number = step.split()[0], int(step.split()[1])
        if what == "count":
            doc = with_fields(doc, counted(doc, [as_received[number]]))
        else:
            stored[number]["is_read"] = True
            unread = [held["_id"] for held in stored.values() if not held["is_read"]]
            doc = with_fields(doc, recounted(doc, unread, [stored[number]["_id"]]))
        assert 0 <= doc["chat"]["unread"] <= 2
    assert doc["chat"]["unread"] == 0
    assert doc["chat"]["last"]["is_read"]


def test_figures_that_are_right_stay() -> None:
    doc = new_contact("cnt_1", source="WHATSAPP", by=None)
    doc = with_fields(doc, counted(doc, [message(1), message(2)]))
    assert recounted(doc, ["msg_00001", "msg_00002"], []) == {}
    assert recounted(doc, ["msg_00001"], ["msg_00002"])["chat.unread"] == 1


def test_what_is_older_than_the_ids_kept_is_counted() -> None:
    doc = new_contact("cnt_1", source="WHATSAPP", by=None)
    for number in range(10, 10 + COUNTED + 5):
        doc = with_fields(doc, counted(doc, [message(number)]))
    assert is_counted(doc["chat"], "msg_00010")
    assert not is_counted(doc["chat"], "msg_00099")
    assert not is_counted(new_contact("cnt_2", source="MANUAL", by=None)["chat"], "msg_00010")


def test_the_first_reader_is_kept() -> None:
    fields = read_fields(message(1), by="usr_ann", name="Ann", at=NOW)
    assert fields is not None
    assert read_fields({**message(1), **fields}, by="usr_bob", name="Bob", at=NOW) is None
    assert read_fields(message(1, OUTGOING), by="usr_bob", name="Bob", at=NOW) is None


def test_the_preview_follows_the_newest_message_left() -> None:
    doc = new_contact("cnt_1", source="WHATSAPP", by=None)
    doc = with_fields(doc, counted(doc, [message(1), message(2)]))
    assert newest_fields(doc, message(2)) == {}
    assert newest_fields(doc, message(1))["chat.last"]["preview"] == "text 1"
    assert newest_fields(doc, None) == {"chat.at": None, "chat.last": None}
    assert newest_fields(new_contact("cnt_2", source="MANUAL", by=None), None) == {}
