"""The pictures of voice in docs/console, made anew by `python -m pytest tests/browser/voice/pictures.py`."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from playwright.async_api import Browser, Page, expect

from jinaconnect.core.ids import encode
from jinaconnect.store.databases.embedded import EmbeddedMongo
from tests.browser.pictures import look
from tests.browser.signing_in import live, sign_in
from tests.browser.voice.test_calls import template
from tests.browser.voice.test_listen import listens
from tests.browser.voice.test_softphone import becomes_a_telephone, calls_by_telephone
from tests.browser.voice.test_voice_look import CALLS, recorded
from tests.client import until
from tests.conftest import Running
from tests.handlers.people import add_person
from tests.telephony.calls.desks import newcomer
from tests.telephony.calls.parties import meeting
from tests.telephony.calls.phone import telephone
from tests.telephony.calls.sound import CUSTOMER_HZ
from tests.telephony.calls.telephone import Exchange
from tests.telephony.transcribe import services
from tests.telephony.transcribe.services import Service
from tests.telephony.transcribe.sounds import silence, wav
from tests.telephony.transcribe.test_transcripts import asking, line_at, running
from tests.telephony.transcribe.test_transcripts import recorded as heard
from tests.tenants import Tenant

PEOPLE = (
    ("+12025550101", "Omar", "Haddad"), ("+12025550103", "Priya", "Nair"), ("+12025550166", "Jean-Luc", "Martin"),
    ("+12025550107", "Ann", "Lee"),
)  # fmt: skip


async def _earlier(gateway: Running, tenant: Tenant, ends: list[dict[str, Any]]) -> None:
    """Have calls of a day before now, like those that have just ended."""
    store = gateway.services.store.of(tenant.id, "test")
    for number in range(90):
        end = 1 + number % (len(ends) - 1) if number % 7 in (0, 3) else 0
        like = await store.get("calls", ends[end]["id"])
        back = timedelta(minutes=16 * (number + 1))
        moved = {name: value - back for name, value in like.items() if hasattr(value, "tzinfo")}
        at = moved["created_at"]
        if like["started_at"] is not None:
            seconds = 40 + 37 * number % 160
            moved["ended_at"] = moved["started_at"] + timedelta(seconds=seconds)
            moved["duration_seconds"] = seconds
        id = encode("call", int(at.timestamp() * 1000), number.to_bytes(10, "big"))
        del like["scope"]
        await store.insert("calls", {**like, **moved, "_id": id, "contact": None, "carrier_id": None})


async def test_pictures_of_calls(browser: Browser, gateway: Running, tenant: Tenant) -> None:
    (await tenant().patch(f"/tenants/{tenant.id}/", {"name": "Lee & Sons, sales"})).ok()
    client = tenant("owner", "test")
    sam = await add_person(gateway, tenant, "owner", "Sam")
    for phone, first, last in PEOPLE:
        (await client.post("/contacts/", {"phone": phone, "first_name": first, "last_name": last})).ok(201)
    ends = []
    for number in ("+12025550101", "+12025550103", "+12025550104", "+12025550105"):
        asks = {"to_number": number, "tts_text": "Good morning, your order is ready.", "record": number.endswith("101")}
        ends.append((await client.post(CALLS, asks)).ok(201))
    await until(lambda: recorded(tenant, ends[0]["id"]))
    for each in ends:
        await until(lambda id=each["id"]: _over(client, id), 60)
    await _earlier(gateway, tenant, ends)
    asks = {"to_number": "+12025550107", "template": await template(tenant), "metadata": {"sandbox_digits": "429"}}
    talks = (await client.post(CALLS, asks)).ok(201)["id"]
    context = await browser.new_context()
    page = await context.new_page()
    await sign_in(page, gateway.url, sam, "#/try")
    await page.get_by_role("button", name="Work in the sandbox").click()
    await expect(page.locator(".who")).to_contain_text("Sandbox")
    await live(page)
    trunk = (await client.get("/voice/api/provider-configs/")).ok()["results"][0]["id"]
    for name, path, waits in (
        ("calls", "calls", ".call-row .pressed kbd"), ("call", f"calls/{talks}", ".controls"),
        ("recording", f"calls/{ends[0]['id']}", "jc-player canvas"), ("trunk", f"trunks/{trunk}", ".u-over"),
    ):  # fmt: skip
        await page.goto(f"{gateway.url}/#/{path}")
        await look(page, name, page.locator(waits).first.wait_for)
    await context.close()


async def _over(client: Any, call: str) -> bool:
    return (await client.get(f"{CALLS}{call}/")).ok()["ended_at"] is not None


async def test_pictures_of_a_telephone_in_the_browser(talking_browser: Browser, phone: Exchange) -> None:
    ann = await newcomer(phone, "manager", "Ann")
    page = await (await talking_browser.new_context(viewport={"width": 1280, "height": 800})).new_page()
    await becomes_a_telephone(page, phone, ann)
    async with telephone(ip=phone.more["carrier"]) as customers:
        await calls_by_telephone(page)
        (await customers.talking()).line.say(CUSTOMER_HZ)
        talking = page.locator("jc-softphone")
        await expect(talking.get_by_role("link", name="The call")).to_be_visible()

        async def ready() -> None:
            await expect(talking).to_contain_text("Talking")
            await expect(page.locator(".detail-head .state")).to_have_text("Talking")
            await expect(page.locator(".toast")).to_have_count(0)
            await expect(talking.get_by_role("link", name="The call")).to_be_visible()

        await look(page, "softphone", ready)
        await talking.get_by_role("button", name="Hang up").click()
    await page.context.close()


async def test_pictures_of_listening(talking_browser: Browser, phone: Exchange) -> None:
    boss = await newcomer(phone, "admin", "Sam")
    page = await (await talking_browser.new_context(viewport={"width": 1280, "height": 800})).new_page()
    async with meeting(phone) as met:
        await listens(page, phone, boss, met)

        async def ready(page: Page = page) -> None:
            await page.get_by_role("button", name="Listen to this call").click()
            await page.get_by_role("button", name="Listen now").click()
            await page.get_by_role("button", name="Whisper").click()
            await expect(page.locator("jc-listen .heard-by")).to_have_text("Heard by the agent")

        await look(page, "listen", ready)
    await page.context.close()


async def test_pictures_of_a_transcript(
    browser: Browser, mongod: EmbeddedMongo, tmp_path: Path, http: aiohttp.ClientSession,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    said = ("Good morning, I would like to change my order from yesterday.", "Of course. Which order is it, please?")
    monkeypatch.setattr(services, "SAID", said)
    service = Service()
    await service.start()
    async with running(mongod, tmp_path, asking("deepgram", service)) as gateway, line_at(gateway, http) as line:
        there = Running(gateway.services.settings.own_url, gateway.services, gateway)
        person = await add_person(there, line.tenant, "owner", "Sam")
        call, _ = await heard(line, wav(silence(6), silence(6)), metadata={"language": "en-GB"})
        page = await (await browser.new_context(viewport={"width": 1280, "height": 800})).new_page()
        await sign_in(page, there.url, person, f"#/calls/{call}")

        async def ready() -> None:
            await expect(page.locator(".passages li")).to_have_count(2)
            await page.locator("jc-player canvas").first.wait_for()
            await page.locator(".passages").scroll_into_view_if_needed()

        await look(page, "transcript", ready)
        await page.context.close()
    await service.stop()
