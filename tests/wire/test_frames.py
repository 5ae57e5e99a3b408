"""The frames written by hand, read by a library."""

from __future__ import annotations

import json
from typing import Any

import pytest
from websockets.frames import Opcode
from websockets.protocol import Protocol, Side

from jinaconnect.realtime.protocol import PING, frame


@pytest.mark.parametrize("size", [0, 1, 125, 126, 127, 65_535, 65_536, 200_000])
def test_a_frame_of_any_size_is_read_by_the_library(size: int) -> None:
    payload = b"x" * size
    peer = Protocol(Side.CLIENT, max_size=None)
    peer.receive_data(frame(payload) + PING + frame(b"next"))
    first, ping, following = peer.events_received()
    assert (first.opcode, bytes(first.data), first.fin) == (Opcode.TEXT, payload, True)
    assert (ping.opcode, bytes(ping.data)) == (Opcode.PING, b"")
    assert bytes(following.data) == b"next"
    assert peer.close_expected() is False


def test_a_frame_of_events_is_the_same_for_everyone() -> None:
    from datetime import UTC, datetime

    from jinaconnect.core.events.event import recorded
    from jinaconnect.realtime.protocol import events_frame

    row: dict[str, Any] = {
        "_id": "evt_1", "type": "contact.updated", "at": datetime.now(UTC), "recorded": datetime.now(UTC), "seq": 7,
        "actor": {"type": "system", "id": "x"}, "subject": "cnt_1", "data": {"a": "ü"}, "contact": None, "call": None,
        "channel": None, "seen": {"c": False, "a": None, "b": None, "o": None},
    }  # fmt: skip
    peer = Protocol(Side.CLIENT, max_size=None)
    peer.receive_data(events_frame([recorded("ten_1:live", row)], "abc"))
    [read] = peer.events_received()
    told = json.loads(bytes(read.data))
    assert (told["type"], told["cursor"], told["events"][0]["seq"]) == ("events", "abc", 7)
    assert told["events"][0]["data"] == {"a": "ü"}
