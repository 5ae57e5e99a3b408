"""The keyboard: what is bound is what is listed, on every layout, and nothing happens while one writes."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.async_api import CDPSession, Page, expect

from tests.browser.signing_in import sign_in
from tests.conftest import Running
from tests.handlers.people import add_person
from tests.tenants import Tenant

# What each layout types where a US keyboard has these keys: (key, code, modifiers); 8 is Shift.
CTRL, SHIFT = 2, 8
LAYOUTS: dict[str, dict[str, tuple[str, str, int]]] = {
    "US": {"?": ("?", "Slash", SHIFT), "/": ("/", "Slash", 0)},
    "Polish": {"?": ("?", "Slash", SHIFT), "/": ("/", "Slash", 0)},
    "Swiss": {"?": ("?", "Minus", SHIFT), "/": ("/", "Digit7", SHIFT)},
    "Hindi": {
        "j": ("र", "KeyJ", 0), "k": ("क", "KeyK", 0), "r": ("ी", "KeyR", 0), "n": ("ल", "KeyN", 0),
        "g": ("ु", "KeyG", 0), "h": ("प", "KeyH", 0), "i": ("ग", "KeyI", 0), "m": ("स", "KeyM", 0),
        "e": ("ा", "KeyE", 0), "o": ("द", "KeyO", 0), "a": ("ो", "KeyA", 0), "c": ("म", "KeyC", 0),
        "s": ("े", "KeyS", 0), "u": ("ह", "KeyU", 0), "t": ("ू", "KeyT", 0), "b": ("व", "KeyB", 0),
        "?": ("य़", "Slash", SHIFT), "/": ("य", "Slash", 0),
    },
    "Arabic": {
        "j": ("ت", "KeyJ", 0), "k": ("ن", "KeyK", 0), "r": ("ق", "KeyR", 0), "n": ("ى", "KeyN", 0),
        "g": ("ل", "KeyG", 0), "h": ("ا", "KeyH", 0), "i": ("ه", "KeyI", 0), "m": ("ة", "KeyM", 0),
        "e": ("ث", "KeyE", 0), "o": ("خ", "KeyO", 0), "a": ("ش", "KeyA", 0), "c": ("ؤ", "KeyC", 0),
        "s": ("س", "KeyS", 0), "u": ("ع", "KeyU", 0), "t": ("ف", "KeyT", 0), "b": ("لا", "KeyB", 0),
        "?": ("؟", "Slash", SHIFT), "/": ("ظ", "Slash", 0),
    },
}  # fmt: skip


async def press(cdp: CDPSession, key: str, code: str, modifiers: int = 0) -> None:
    text: dict[str, Any] = {"text": key} if len(key) == 1 and modifiers in (0, SHIFT) else {}
    pressed = {"key": key, "code": code, "modifiers": modifiers}
    await cdp.send("Input.dispatchKeyEvent", {"type": "keyDown", **pressed, **text})
    await cdp.send("Input.dispatchKeyEvent", {"type": "keyUp", **pressed})


@pytest.mark.parametrize("layout", LAYOUTS)
async def test_each_key_on_each_layout(page: Page, gateway: Running, tenant: Tenant, layout: str) -> None:
    for number in (1, 2):
        await tenant.receives(f"+1202555011{number}", "hello", name=f"Customer {number}")
    await sign_in(page, gateway.url, await add_person(gateway, tenant, "owner", "Sam"))
    await expect(page.locator(".chat")).to_have_count(2)
    cdp = await page.context.new_cdp_session(page)

    async def type_key(key: str) -> None:
        await press(cdp, *LAYOUTS[layout].get(key, (key, f"Key{key.upper()}", 0)))

    title, field = page.locator(".thread-head h1"), page.locator("textarea")
    await type_key("j")
    await expect(title).to_have_text("Customer 2")
    await type_key("j")
    await expect(title).to_have_text("Customer 1")
    await type_key("k")
    await expect(title).to_have_text("Customer 2")
    await type_key("r")
    await expect(field).to_be_focused()
    await type_key("j")  # a letter in a field is a letter
    await expect(title).to_have_text("Customer 2")
    assert len(await field.input_value()) == 1
    await press(cdp, "Escape", "Escape")
    await expect(field).not_to_be_focused()
    await type_key("n")
    await expect(page.locator(".composer.note textarea")).to_be_focused()
    await press(cdp, "Escape", "Escape")
    await type_key("m")
    await expect(page.locator(".thread-head")).to_contain_text("You hold this")
    await type_key("a")
    await expect(page.locator(".assigning select")).to_be_focused()
    await press(cdp, "Escape", "Escape")
    await type_key("e")
    await expect(page.locator(".thread-head")).to_contain_text("Closed")
    await type_key("o")
    await expect(page.get_by_role("button", name="Close", exact=True)).to_be_visible()
    await type_key("s")
    await expect(page.locator(".snoozing select")).to_be_focused()
    await press(cdp, "Escape", "Escape")
    await page.evaluate("document.activeElement.blur()")
    await press(cdp, "Enter", "Enter")
    await expect(page.locator("jc-thread .v-scroll")).to_be_focused()
    await type_key("r")
    await field.fill("One.")
    await press(cdp, "Enter", "Enter", CTRL)
    await expect(page.locator(".bubble .words").last).to_have_text("One.")
    await press(cdp, "Escape", "Escape")
    await page.evaluate("document.activeElement.blur()")
    await type_key("u")
    await expect(page.locator(".chat .count").first).to_be_visible()
    await type_key("j")
    await page.locator(".bubble").first.wait_for()
    await type_key("r")
    await field.fill("Two.")
    await press(cdp, "Enter", "Enter", CTRL + SHIFT)
    await expect(page.locator(".bubble .words").last).to_have_text("Two.")
    await expect(page.locator(".thread-head")).to_contain_text("Closed")
    await page.evaluate("document.activeElement.blur()")
    await type_key("/")
    await expect(page.get_by_label("Search conversations")).to_be_focused()
    await press(cdp, "k", "KeyK", CTRL)  # from a field too
    await expect(page.locator("dialog.palette")).to_be_visible()
    await press(cdp, "Escape", "Escape")
    await page.evaluate("document.activeElement.blur()")
    await type_key("?")
    await expect(page.locator("dialog.help")).to_be_visible()
    await press(cdp, "Escape", "Escape")
    await expect(page.locator("dialog")).to_have_count(0)
    await type_key("g")
    await type_key("h")
    await expect(page.locator("jc-start")).to_be_visible()
    await type_key("g")
    await type_key("c")
    await expect(page.locator("jc-calls")).to_be_visible()
    await type_key("c")
    await expect(page.get_by_label("Number", exact=True)).to_be_focused()
    await press(cdp, "Escape", "Escape")
    await press(cdp, "Escape", "Escape")
    await expect(page.locator("jc-place")).to_have_count(0)
    for key, shown in (("t", "jc-trunks"), ("b", "jc-broadcasts"), ("i", "jc-inbox")):
        await type_key("g")
        await type_key(key)
        await expect(page.locator(shown)).to_be_visible()


async def test_alt_and_altgr_are_never_ours(page: Page, gateway: Running, tenant: Tenant) -> None:
    await tenant.receives("+12025550111", "hello")
    await sign_in(page, gateway.url, await add_person(gateway, tenant, "manager"))
    await expect(page.locator(".chat")).to_have_count(1)
    cdp = await page.context.new_cdp_session(page)
    for modifiers in (1, 3):  # Alt; Ctrl and Alt, which is what AltGr looks like
        await press(cdp, "j", "KeyJ", modifiers)
    await expect(page.locator(".thread-head")).to_have_count(0)


async def test_closing_is_taken_back_and_not_done_twice(page: Page, gateway: Running, tenant: Tenant) -> None:
    await tenant.receives("+12025550111", "hello")
    await sign_in(page, gateway.url, await add_person(gateway, tenant, "manager"))
    await expect(page.locator(".chat")).to_have_count(1)
    await page.keyboard.press("j")
    await page.locator(".bubble").wait_for()
    await page.keyboard.press("e")
    await page.keyboard.press("e")
    await page.get_by_role("button", name="Undo").click()
    await expect(page.get_by_role("button", name="Close", exact=True)).to_be_visible()
    told = [event["type"] for event in await tenant().events() if event["type"].startswith("conversation.")]
    assert told.count("conversation.closed") == 1
    assert told.count("conversation.reopened") == 1


async def test_letters_can_be_switched_off_and_changed(page: Page, gateway: Running, tenant: Tenant) -> None:
    await tenant.receives("+12025550111", "hello")
    await sign_in(page, gateway.url, await add_person(gateway, tenant, "manager"))
    await expect(page.locator(".chat")).to_have_count(1)
    await page.keyboard.press("?")
    await page.get_by_role("button", name="Another key for: Next conversation").click()
    await page.keyboard.press("w")
    await expect(page.locator("dialog dl > div", has_text="Next conversation").locator("kbd")).to_have_text("W")
    await page.keyboard.press("Escape")
    await page.keyboard.press("j")
    await expect(page.locator(".thread-head")).to_have_count(0)
    await page.keyboard.press("w")
    await expect(page.locator(".thread-head")).to_have_count(1)
    await page.keyboard.press("?")
    await page.get_by_label("Single letters do something").uncheck()
    await page.keyboard.press("Escape")
    await page.keyboard.press("n")
    await expect(page.locator(".composer.note")).to_have_count(0)
