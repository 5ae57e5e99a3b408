"""Time on the page: what is left of the 24 hours, the reader's zone, how long something is undone, an hour asleep."""

from __future__ import annotations

import re
import time

from playwright.async_api import Browser, Page, expect

from tests.browser.furnished import add_template
from tests.browser.signing_in import live, sign_in
from tests.browser.test_feed import CUSTOMER, read_through, receive
from tests.conftest import Running
from tests.handlers.people import add_person
from tests.tenants import Tenant


async def wrote(tenant: Tenant, sender: str, text: str, ago: float, name: str = "Ann Lee") -> None:
    """Have a customer have written some seconds ago."""
    value = tenant.text(sender, text, name=name)
    value["messages"][0]["timestamp"] = str(int(time.time() - ago))
    (await tenant.webhook(tenant.envelope(value))).ok()


async def test_the_time_left_stands_there_and_then_a_template_goes(
    page: Page, gateway: Running, tenant: Tenant
) -> None:
    await add_template(gateway, tenant, "order_ready")
    await wrote(tenant, "+12025550111", "hello", 22.5 * 3600, "Ann Lee")
    await wrote(tenant, "+12025550112", "hello", 25 * 3600, "Ben Ng")
    await sign_in(page, gateway.url, await add_person(gateway, tenant, "manager", "Sam"))
    await page.locator(".chat", has_text="Ann Lee").click()
    await expect(page.locator(".composer")).to_contain_text("1 h 29 min left to write freely")
    await page.locator(".chat", has_text="Ben Ng").click()
    await expect(page.locator(".composer")).to_contain_text("The 24 hours since the customer last wrote are over.")
    await expect(page.locator("textarea")).to_have_count(0)
    await page.keyboard.press("r")
    await page.keyboard.press("Enter")
    await page.locator(".templates").get_by_role("button", name="order_ready").click()
    await page.get_by_label("first_name").fill("Ben")
    await page.get_by_label("code", exact=True).fill("SPRING")
    await page.get_by_role("button", name="Send the template").click()
    sent = page.locator(".bubble.out .words")
    await expect(sent).to_contain_text("Hello Ben, everything is at half price with SPRING.")
    await expect(page.locator(".bubble.out .ticks.delivered")).to_have_count(1)


async def test_dates_are_in_the_readers_zone(browser: Browser, gateway: Running, tenant: Tenant) -> None:
    value = tenant.text("+12025550111", "happy new year")
    value["messages"][0]["timestamp"] = "1767209400"  # 2025-12-31 19:30 in Greenwich
    (await tenant.webhook(tenant.envelope(value))).ok()
    person = await add_person(gateway, tenant, "manager", "Sam")
    zones = {"Asia/Kolkata": (re.compile("Jan(uary)? 1"), "01:00 AM"), "America/New_York": ("Dec 31, 2025", "02:30 PM")}
    for zone, (day, clock) in zones.items():
        context = await browser.new_context(timezone_id=zone, locale="en-US")
        page = await context.new_page()
        await sign_in(page, gateway.url, person)
        await page.locator(".chat").click()
        await expect(page.locator(".day").first).to_have_text(day)
        await expect(page.locator(".bubble time")).to_have_text(clock)
        await context.close()


async def test_what_was_done_can_be_taken_back_for_five_seconds(page: Page, gateway: Running, tenant: Tenant) -> None:
    await tenant.receives("+12025550111", "hello", name="Ann Lee")
    await sign_in(page, gateway.url, await add_person(gateway, tenant, "manager", "Sam"))
    await page.locator(".chat").click()
    await page.locator(".bubble").wait_for()
    await page.clock.install()
    await page.keyboard.press("e")
    undo = page.get_by_role("button", name="Undo")
    await expect(undo).to_be_visible()
    await page.clock.run_for(4_900)
    await expect(undo).to_be_visible()
    await page.clock.run_for(200)
    await expect(undo).to_have_count(0)


async def test_after_an_hour_asleep_nothing_is_missing_and_nothing_twice(
    browser: Browser, gateway: Running, tenant: Tenant
) -> None:
    await receive(tenant, ["before"])
    context = await browser.new_context()
    page = await context.new_page()
    await page.clock.install()
    await sign_in(page, gateway.url, await add_person(gateway, tenant, "manager", "Sam"))
    await page.locator(".chat").click()
    await expect(page.locator(".bubble .words")).to_have_text(["before"])
    await page.evaluate(
        "() => { window.states = new Set(); const mark = document.querySelector('.connection');"
        " const look = { childList: true, subtree: true, characterData: true };"
        " new MutationObserver(() => states.add(mark.innerText)).observe(mark, look); }"
    )
    await context.set_offline(True)
    texts = [f"message {number}" for number in range(150)]
    await receive(tenant, texts)
    await page.clock.fast_forward("01:00:00")  # the lid is open again: the clock has jumped, its timers fire once
    await expect(page.locator(".connection")).to_have_text("Offline")
    await context.set_offline(False)
    await live(page)
    await expect(page.locator(".bubble .words").last).to_have_text(texts[-1])
    assert await read_through(page) == ["before", *texts]
    said = await page.evaluate("[...states]")
    assert said[0] == "Offline"
    assert any(each.startswith("Catching up") for each in said)
    await tenant.receives(CUSTOMER, "and now")
    await expect(page.locator(".bubble .words").last).to_have_text("and now")
    await context.close()
