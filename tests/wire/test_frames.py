"""The frames written by hand, read by a library and by a browser."""

from __future__ import annotations

import json
from typing import Any

import pytest
from playwright.async_api import Page
from websockets.frames import Opcode
from websockets.protocol import Protocol, Side

from jinaconnect.realtime.protocol import PING, frame
from tests.conftest import Running
from tests.tenants import Tenant


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


async def test_a_browser_follows_the_feed_on_the_landing_page(page: Page, gateway: Running, tenant: Tenant) -> None:
    client = tenant("owner", "test")
    await page.goto(gateway.url)
    await page.get_by_text("ready", exact=True).wait_for()
    await page.fill("#name", str(client.credential))
    await page.click("button")
    await page.get_by_text("Live.").wait_for()
    written = {"channel": "whatsapp", "from": "+12025550111", "name": "Ann", "text": "In blue? <b>né</b> " + "x" * 300}
    (await client.post("/sandbox/inbound/", written)).ok(201)
    (await client.post("/wa/v1/messages/", {"to": "+12025550111", "text": "We do!"})).ok(201)
    await page.get_by_text("message.read").wait_for()
    shown = await page.locator("#tail b").all_inner_texts()
    told = [f"#{event['seq']} {event['type']}" for event in await client.events()]
    assert list(reversed(shown)) == told
    assert written["text"] in await page.locator("#tail").inner_text()


async def test_a_wrong_password_and_a_withdrawn_key_are_told(page: Page, gateway: Running, tenant: Tenant) -> None:
    await page.goto(gateway.url)
    await page.fill("#name", "jc_live_" + "x" * 32)
    await page.click("button")
    await page.get_by_text("Refused: not authenticated").wait_for()


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
