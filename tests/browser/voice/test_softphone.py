"""A telephone in the browser, over a real Asterisk: it places and answers calls, and a refresh ends none."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Browser, Page, expect

from tests.browser.conftest import page_of
from tests.browser.signing_in import live, sign_in
from tests.handlers.people import Person
from tests.telephony.asterisk import until
from tests.telephony.calls.desks import CALLER, newcomer, number_to
from tests.telephony.calls.parties import CUSTOMER
from tests.telephony.calls.phone import telephone
from tests.telephony.calls.sound import CUSTOMER_HZ
from tests.telephony.calls.telephone import Exchange


@pytest.fixture
async def ann(phone: Exchange) -> Person:
    """An agent without a telephone so far."""
    return await newcomer(phone, "manager", "Ann")


@pytest.fixture
async def page(talking_browser: Browser) -> AsyncIterator[Page]:
    async with page_of(talking_browser) as opened:
        yield opened


async def becomes_a_telephone(page: Page, phone: Exchange, who: Person) -> None:
    await sign_in(page, phone.url, who, "#/calls")
    await page.get_by_role("button", name="Use this browser as a telephone").click()
    await expect(page.locator("jc-softphone")).to_contain_text("This browser is a telephone", timeout=20_000)


async def calls_by_telephone(page: Page) -> None:
    """Place a call to the customer from the telephone that the page is."""
    await page.keyboard.press("c")
    await page.get_by_label("Number", exact=True).fill(CUSTOMER)
    await page.get_by_role("button", name="Connect my telephone").click()
    await page.get_by_role("button", name="Call", exact=True).click()


async def test_a_call_is_placed_and_outlives_a_refresh(page: Page, phone: Exchange, ann: Person) -> None:
    await becomes_a_telephone(page, phone, ann)
    async with telephone(ip=phone.more["carrier"]) as customers:
        await calls_by_telephone(page)
        customer = await customers.talking()
        customer.line.say(CUSTOMER_HZ)
        talking = page.locator("jc-softphone")
        await expect(talking).to_contain_text("Talking", timeout=20_000)
        await expect(talking.get_by_role("link", name="The call")).to_be_visible(timeout=20_000)
        await until(lambda: not customer.line.quiet(), "the beep of the browser's microphone", 15)
        await page.reload()
        await live(page)
        await expect(talking).to_contain_text("Talking", timeout=20_000)
        await expect(page.locator(".detail-head .state")).to_have_text("Talking", timeout=20_000)
        assert not customer.over
        [call] = await phone.calls(user=ann.id)
        types = await phone.types(call["id"])
        assert types.count("call.held") == 1
        assert types.index("call.held") < types.index("call.transferred")
        await expect(talking.get_by_role("link", name="The call")).to_be_visible(timeout=20_000)
        await talking.get_by_role("button", name="Hang up").click()
        await customer.ended()
        assert (await phone.ended(call["id"]))["status"] == "COMPLETED"
        await expect(talking).to_contain_text("This browser is a telephone")


async def test_a_refresh_late_in_a_call_ends_it_as_little(page: Page, phone: Exchange, ann: Person) -> None:
    settings = phone.gateway.services.settings
    usual, settings.access_ttl_s = settings.access_ttl_s, 8
    try:
        await becomes_a_telephone(page, phone, ann)
        async with telephone(ip=phone.more["carrier"]) as customers:
            await calls_by_telephone(page)
            customer = await customers.talking()
            talking = page.locator("jc-softphone")
            await expect(talking.get_by_role("link", name="The call")).to_be_visible(timeout=20_000)
            ends = time.monotonic() + settings.access_ttl_s
            await until(lambda: time.monotonic() > ends, "the end of the token that the call began with")
            await page.reload()
            await live(page)
            await expect(talking).to_contain_text("Talking", timeout=20_000)
            assert not customer.over
            [call] = await phone.calls(user=ann.id)
            assert (await phone.types(call["id"])).count("call.held") == 1
            await talking.get_by_role("button", name="Hang up").click()
            await customer.ended()
    finally:
        settings.access_ttl_s = usual


async def test_a_call_is_answered_and_a_page_that_stays_away_ends_it(page: Page, phone: Exchange, ann: Person) -> None:
    await becomes_a_telephone(page, phone, ann)
    number = await number_to(phone, {"type": "device", "user": ann.id, "ring_s": 30})
    async with telephone(ip=phone.more["carrier"]) as customers:
        talk = customers.dial(phone.asterisk.ip, number, caller=CALLER)
        await expect(page.locator("jc-softphone")).to_contain_text("calls", timeout=20_000)
        await page.evaluate("document.activeElement.blur()")
        await page.keyboard.press("y")
        await until(lambda: talk.up, "the answer", 15)
        link = page.locator("jc-softphone").get_by_role("link", name="The call")
        await expect(link).to_be_visible(timeout=20_000)
        call = next(each for each in await phone.calls(direction="inbound") if each["to_number"] == number)
        await page.goto("about:blank")
        held = await phone.until(call["id"], lambda now: now["held"], "the hold")
        assert held["status"] == "IN_PROGRESS"
        await phone.ended(call["id"], 40)
        await talk.ended()


async def test_what_is_ordered_on_the_page_reaches_the_customer(page: Page, phone: Exchange, ann: Person) -> None:
    await becomes_a_telephone(page, phone, ann)
    async with telephone(ip=phone.more["carrier"]) as customers:
        await calls_by_telephone(page)
        customer = await customers.talking()
        state = page.locator(".detail-head .state")
        await expect(state).to_have_text("Talking")
        await until(lambda: not customer.line.quiet(), "the beep of the browser's microphone", 15)
        await page.get_by_role("button", name="Hold").wait_for()  # they are connected
        await page.evaluate("document.activeElement.blur()")
        await page.keyboard.press("h")
        await expect(state).to_have_text("On hold")
        await until(lambda: customer.line.hears_else(CUSTOMER_HZ), "music for the customer", 15)
        await page.keyboard.press("h")
        await expect(state).to_have_text("Talking")
        await page.keyboard.press("m")
        mute = page.locator(".controls").get_by_role("button", name="Mute")
        await expect(mute).to_have_attribute("aria-pressed", "true")
        await page.keyboard.press("d")
        pad = page.get_by_role("group", name="Keys towards the customer")
        for digit in "42":
            await pad.get_by_role("button", name=digit, exact=True).click()
        await until(lambda: customer.line.keys == "42", "keys at the customer", 15, lambda: customer.line.keys)
        [call] = await phone.calls(user=ann.id)
        customer.hang_up()
        assert (await phone.ended(call["id"]))["status"] == "COMPLETED"
        await expect(state).to_have_text("Ended")
        await expect(page.locator("jc-softphone")).to_contain_text("This browser is a telephone")
