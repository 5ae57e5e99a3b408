"""What is posted is the event of every door with whose it is, whatever people have written into it."""

from __future__ import annotations

from datetime import UTC, datetime

import orjson

from jinaconnect.core.events.event import recorded
from jinaconnect.core.webhooks.body import body_of, encoded


def test_a_body_is_the_event_with_its_tenant_and_time() -> None:
    row = {
        "_id": "evt_1", "seq": 7, "type": "message.received", "at": datetime(2026, 1, 2, tzinfo=UTC),
        "recorded": datetime(2026, 1, 3, 4, 5, 6, 789_000, tzinfo=UTC), "actor": {"type": "contact", "id": "cnt_1"},
        "subject": "msg_1", "contact": "cnt_1", "call": None, "channel": "WHATSAPP",
        "seen": {"c": True, "a": None, "b": None, "o": None},
        "data": {"text": '"recorded_at":"1999-01-01T00:00:00.000Z"}', "name": "Zoë 🙂", "recorded_at": None},
    }  # fmt: skip
    event = recorded("ten_1:live", row)
    told = orjson.loads(body_of(event))
    assert (told["tenant_id"], told["created_at"]) == ("ten_1", "2026-01-03T04:05:06.789Z")
    assert body_of(event) == encoded(orjson.loads(event.json), "ten_1")
