"""Work done by keyboard alone: no test here touches the mouse."""

from __future__ import annotations

from playwright.async_api import Locator, Page, expect

from tests.browser.furnished import add_people, add_template
from tests.browser.signing_in import live
from tests.conftest import Running
from tests.handlers.people import PASSWORD, add_person
from tests.tenants import Tenant


async def came_in(page: Page, gateway: Running, tenant: Tenant) -> None:
    """Sign in, as somebody without a mouse does."""
    person = await add_person(gateway, tenant, "owner", "Sam")
    await page.goto(gateway.url)
    await expect(page.get_by_label("E-mail")).to_be_focused()
    await page.keyboard.type(person.email)
    await page.keyboard.press("Tab")
    await page.keyboard.type(PASSWORD)
    await page.keyboard.press("Enter")
    await live(page)


async def go(page: Page, name: str) -> None:
    """Give a command by its name, from wherever one is."""
    await page.keyboard.press("Control+k")
    await expect(page.get_by_role("combobox", name="Find")).to_be_focused()
    await page.keyboard.type(name)
    await expect(page.get_by_role("option", name=name).first).to_have_attribute("aria-selected", "true")
    await page.keyboard.press("Enter")
    await expect(page.locator("dialog")).to_have_count(0)


async def tab_to(page: Page, wanted: Locator) -> None:
    """Press Tab until something has the focus."""
    await wanted.wait_for()
    for _ in range(80):
        if await wanted.evaluate("(each) => each === document.activeElement"):
            return
        await page.keyboard.press("Tab")
    raise AssertionError(f"no Tab leads to {wanted}")


async def test_six_tasks_of_an_agent_and_an_operator(page: Page, gateway: Running, tenant: Tenant) -> None:
    await add_people(tenant)
    await add_template(gateway, tenant)
    for number in (1, 2):
        await tenant.receives(f"+1202555014{number}", "hello", name=f"Customer {number}")
    await came_in(page, gateway, tenant)
    await expect(page.locator(".chat")).to_have_count(2)

    await page.keyboard.press("j")  # one: answer, and be done with it
    await expect(page.locator(".thread-head h1")).to_have_text("Customer 2")
    await page.keyboard.press("r")
    await page.keyboard.type("Good morning!")
    await page.keyboard.press("Control+Shift+Enter")
    await expect(page.locator(".bubble.out .ticks.delivered")).to_have_count(1)
    await expect(page.locator(".thread-head")).to_contain_text("Closed")

    await go(page, "Customer 1")  # two: a note for the team, found by name
    await expect(page.locator(".thread-head h1")).to_have_text("Customer 1")
    await page.keyboard.press("n")
    await page.keyboard.type("She calls at noon.")
    await page.keyboard.press("Control+Enter")
    await expect(page.locator(".bubble.note")).to_contain_text("She calls at noon.")
    await page.keyboard.press("Escape")

    await page.keyboard.press("m")  # three: take it, and set it aside
    await expect(page.locator(".thread-head")).to_contain_text("You hold this")
    await page.keyboard.press("s")
    await expect(page.locator(".snoozing select")).to_be_focused()
    await page.keyboard.type("tomorrow")
    await page.keyboard.press("Enter")
    await expect(page.locator(".thread-head")).to_contain_text("Set aside until")

    await page.keyboard.press("g")  # four: a broadcast, as far as its price
    await page.keyboard.press("b")
    await expect(page.get_by_role("heading", name="Broadcasts")).to_be_visible()
    await page.keyboard.press("c")
    await tab_to(page, page.get_by_label("Name", exact=True))
    await page.keyboard.type("Spring")
    await tab_to(page, page.get_by_label("Template"))
    await page.keyboard.type("spring")
    await tab_to(page, page.get_by_label("code", exact=True))
    await page.keyboard.type("SPRING")
    await expect(page.locator(".verdict dl")).to_contain_text("Audience")

    await page.keyboard.press("Control+k")  # five: a trunk's account
    await page.keyboard.type("Go to Trunks")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("heading", name="Trunks")).to_be_visible()
    await page.keyboard.press("c")
    await page.locator("[name=profile]").wait_for()
    await tab_to(page, page.locator("[name=profile]"))
    await page.keyboard.press("End")
    await tab_to(page, page.get_by_label("Name", exact=True))
    await page.keyboard.type("Main office")
    for field, value in (("Account SID", "shop"), ("API key", "key-4711"), ("API token", "secret-4711")):
        await tab_to(page, page.get_by_label(field, exact=True))
        await page.keyboard.type(value)
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("heading", name="Main office")).to_be_visible()

    await go(page, "Go to Settings")  # six: somebody is invited
    await tab_to(page, page.get_by_role("button", name="Invite"))
    await page.keyboard.press("Enter")
    await expect(page.get_by_label("E-mail")).to_be_focused()
    await page.keyboard.type(f"{tenant.id}@shop.example")
    await page.keyboard.press("Enter")
    await expect(page.get_by_label("Link")).to_be_visible()


async def test_the_palette_opens_over_what_is_written(page: Page, gateway: Running, tenant: Tenant) -> None:
    await tenant.receives("+12025550141", "hello", name="Customer 1")
    await came_in(page, gateway, tenant)
    await expect(page.locator(".chat")).to_have_count(1)
    await page.keyboard.press("j")
    await page.locator(".bubble").wait_for()
    await page.keyboard.press("r")
    await page.keyboard.type("Let me look it up, k?")
    await page.keyboard.press("ArrowLeft")
    await page.keyboard.press("Control+k")
    await expect(page.get_by_role("combobox", name="Find")).to_be_focused()
    await page.keyboard.press("Escape")
    await expect(page.locator("textarea")).to_be_focused()
    await page.keyboard.type("ay")  # where the caret was
    await expect(page.locator("textarea")).to_have_value("Let me look it up, kay?")
    async with page.expect_download() as saving:
        await go(page, "Save the conversation as PDF")
    assert (await (await saving.value).path()).read_bytes().startswith(b"%PDF-")


async def test_a_key_in_use_is_not_given_to_another(page: Page, gateway: Running, tenant: Tenant) -> None:
    await tenant.receives("+12025550141", "hello", name="Customer 1")
    await came_in(page, gateway, tenant)
    await page.keyboard.press("?")
    button = page.get_by_role("button", name="Another key for: Next conversation")
    for key in ("k", "g"):  # one is another command's, one begins those that lead to pages
        await button.focus()
        await page.keyboard.press("Enter")
        await page.keyboard.press(key)
        await expect(page.locator("dialog .fault")).to_contain_text(f"{key.upper()} is for “")
    await page.keyboard.press("Enter")
    await page.keyboard.press("w")
    await expect(page.locator("dialog dl > div", has_text="Next conversation").locator("kbd")).to_have_text("W")
    await page.keyboard.press("Escape")
    await page.reload()
    await live(page)
    await page.keyboard.press("w")
    await expect(page.locator(".thread-head")).to_have_count(1)
    await page.keyboard.press("?")
    await button.focus()
    await page.keyboard.press("Enter")
    await page.keyboard.press("Backspace")
    await expect(page.locator("dialog dl > div", has_text="Next conversation").locator("kbd")).to_have_text("J")
