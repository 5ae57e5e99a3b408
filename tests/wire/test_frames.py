"""The frames written by hand, read by a library and by a browser."""

from __future__ import annotations

import json
import shutil
from collections.abc import AsyncIterator
from typing import Any

import pytest
from playwright.async_api import Browser, Page, async_playwright
from websockets.frames import Opcode
from websockets.protocol import Protocol, Side

from jinaconnect.handlers.operation import OPERATIONS
from jinaconnect.realtime.protocol import PING, frame
from tests.conftest import Running
from tests.tenants import Tenant

ARGUMENTS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
)  # fmt: skip


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


@pytest.fixture(scope="module")
async def browser() -> AsyncIterator[Browser]:
    binary = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if binary is None:
        pytest.skip("no Chromium on this machine: apt-get install chromium")
    async with async_playwright() as playwright:
        opened = await playwright.chromium.launch(executable_path=binary, args=list(ARGUMENTS))
        yield opened
        await opened.close()


@pytest.fixture
async def page(browser: Browser) -> AsyncIterator[Page]:
    context = await browser.new_context()
    opened = await context.new_page()
    faults: list[str] = []
    opened.on("pageerror", lambda error: faults.append(str(error)))
    opened.on("console", lambda said: faults.append(said.text) if said.type == "error" else None)
    yield opened
    await context.close()
    assert faults == []


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


async def test_the_docs_show_every_operation(page: Page, gateway: Running) -> None:
    for path in ("/docs/", "/swagger/", "/redoc/"):
        await page.goto(gateway.url + path)
        await page.locator("details").first.wait_for()
        assert await page.locator("details").count() == sum(not item.hidden for item in OPERATIONS.values())
    await page.fill("#words", "POST /wa/v1/messages/")
    entry = page.locator("details:visible")
    await entry.locator("summary").click()
    await entry.get_by_text("Idempotency-Key").wait_for()
    assert "session_window_closed" in await entry.inner_text()


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
