"""Six tasks without a pointer, by somebody who sees the page and has a keyboard: Tab, letters, Enter and Escape."""

from __future__ import annotations

import pytest
from playwright.async_api import Locator, Page, expect

from tests.browser.signing_in import live
from tests.conftest import Running
from tests.handlers.people import PASSWORD, add_person
from tests.tenants import Tenant

FOCUSED = "(found) => found === document.activeElement"


async def tab_to(page: Page, wanted: Locator) -> None:
    """Press Tab until what is wanted has the focus."""
    await wanted.wait_for()
    for _ in range(80):
        if await wanted.evaluate(FOCUSED):
            return
        await page.keyboard.press("Tab")
    pytest.fail(f"Tab does not reach {wanted}")


async def through_the_palette(page: Page, words: str) -> None:
    """Find a command or a conversation and choose the first that is found."""
    await page.keyboard.press("Control+k")
    await expect(page.get_by_role("combobox", name="Find")).to_be_focused()
    await page.keyboard.type(words)
    await expect(page.locator("#palette-list [aria-selected=true]")).to_contain_text(words)
    await page.keyboard.press("Enter")


async def test_six_tasks_by_keyboard_alone(page: Page, gateway: Running, tenant: Tenant) -> None:
    await tenant.receives("+12025550111", "Is it there in blue?", name="Ann Lee")
    await tenant.receives("+12025550112", "When do you open?", name="Ben Ng")
    sam = await add_person(gateway, tenant, "owner", "Sam")

    await page.goto(gateway.url)  # one: the way in
    await tab_to(page, page.get_by_label("E-mail"))
    await page.keyboard.type(sam.email)
    await page.keyboard.press("Tab")
    await page.keyboard.type(PASSWORD)
    await page.keyboard.press("Enter")
    await live(page)

    await expect(page.locator(".chat")).to_have_count(2)  # two: who wrote last is answered
    await page.keyboard.press("j")
    await expect(page.locator(".thread-head h1")).to_have_text("Ben Ng")
    await page.keyboard.press("r")
    await expect(page.locator("textarea")).to_be_focused()
    await page.keyboard.type("At nine.")
    await page.keyboard.press("Control+Enter")
    await expect(page.locator(".bubble .words").last).to_have_text("At nine.")
    await page.keyboard.press("Escape")

    await page.keyboard.press("n")  # three: a note for the team
    await expect(page.locator(".composer.note textarea")).to_be_focused()
    await page.keyboard.type("He always asks.")
    await page.keyboard.press("Control+Enter")
    await expect(page.locator(".bubble.note")).to_contain_text("He always asks.")
    await page.keyboard.press("Escape")

    await page.keyboard.press("m")  # four: it is one's own, and done
    await expect(page.locator(".thread-head")).to_contain_text("You hold this")
    await page.keyboard.press("e")
    await expect(page.locator(".thread-head")).to_contain_text("Closed")

    await through_the_palette(page, "Ann Lee")  # five: another one is found, and set aside
    await expect(page.locator(".thread-head h1")).to_have_text("Ann Lee")
    await page.locator(".bubble").wait_for()
    await page.keyboard.press("s")
    await expect(page.locator(".snoozing select")).to_be_focused()
    await page.keyboard.type("in an hour")
    await expect(page.locator(".thread-head")).to_contain_text("Set aside until")

    await through_the_palette(page, "Settings")  # six: a tag for everybody
    await tab_to(page, page.get_by_role("link", name="Tags"))
    await page.keyboard.press("Enter")
    await tab_to(page, page.get_by_role("button", name="New tag"))
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("dialog").get_by_label("Name")).to_be_focused()
    await page.keyboard.type("blue")
    await page.keyboard.press("Enter")
    await expect(page.locator(".rows .entry")).to_contain_text("blue")
