"""The first minutes: which organisation, and message, answer and call in the sandbox, all from the page."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from playwright.async_api import Page, expect

from tests.browser.signing_in import live, sign_in
from tests.conftest import Running
from tests.handlers.people import PASSWORD, add_person
from tests.tenants import Tenant


async def test_one_chooses_among_ones_organisations(
    page: Page, gateway: Running, tenant: Tenant, new_tenant: Callable[[], Awaitable[Tenant]]
) -> None:
    other = await new_tenant()
    person = await add_person(gateway, tenant, "manager")
    store = gateway.services.store.of(other.id, "live")
    role = await store.find_one("roles", {"slug": "viewer"})
    assert role is not None
    await store.insert("members", {
        "_id": gateway.services.ids.new("mem"), "user": person.id, "role": role["_id"], "is_active": True,
        "created_by": None, "updated_by": None,
    })  # fmt: skip
    names = [str((await gateway.services.registry.tenant(each.id) or {})["name"]) for each in (tenant, other)]
    await page.goto(gateway.url)
    await page.get_by_label("E-mail").fill(person.email)
    await page.get_by_label("Password").fill(PASSWORD)
    await page.keyboard.press("Enter")
    await page.get_by_role("button", name=names[1]).click()
    await live(page)
    await expect(page.locator(".who")).to_contain_text(names[1])
    await page.locator(".who").click()
    await page.get_by_role("button", name=names[0]).click()
    await live(page)
    await expect(page.locator(".who")).to_contain_text(names[0])
    await page.reload()
    await live(page)
    await expect(page.locator(".who")).to_contain_text(names[0])
    await page.locator(".who").click()
    await page.get_by_role("button", name="Sign out").click()
    await expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    await page.reload()
    await expect(page.get_by_role("heading", name="Sign in")).to_be_visible()


async def test_message_answer_and_call(page: Page, gateway: Running, tenant: Tenant) -> None:
    await sign_in(page, gateway.url, await add_person(gateway, tenant, "manager", "Sam"), "#/try")
    await page.get_by_role("button", name="Work in the sandbox").click()
    await live(page)
    await expect(page.locator(".who")).to_contain_text("Sandbox")
    await page.get_by_label("What the customer writes").fill("Is it in stock?")
    await page.keyboard.press("Enter")
    await expect(page.locator(".said > span")).to_have_text(["Is it in stock?"])
    await page.get_by_role("link", name="Open it").click()
    await expect(page.locator(".bubble .words")).to_have_text(["Is it in stock?"])
    await page.keyboard.press("r")
    await page.keyboard.type("It is!")
    await page.keyboard.press("Control+Enter")
    await expect(page.locator(".ticks.delivered")).to_have_count(1)
    await page.keyboard.press("Escape")
    await page.keyboard.press("g")
    await page.keyboard.press("h")
    await expect(page.locator(".said > span")).to_have_text(["Is it in stock?", "It is!"])
    await page.get_by_role("button", name="Call the customer").click()
    await expect(page.locator(".steps li.done")).to_have_count(3, timeout=30_000)
    await expect(page.locator(".ringing")).to_contain_text("ended", timeout=60_000)
    await expect(page.locator(".ringing b")).to_have_text("1")
    assert (await tenant().get("/contacts/")).ok()["results"] == []  # nothing of it is live


async def test_the_telephone_on_the_screen_presses_keys_and_hangs_up(
    page: Page, gateway: Running, tenant: Tenant
) -> None:
    await sign_in(page, gateway.url, await add_person(gateway, tenant, "owner", "Sam"), "#/try")
    await page.get_by_role("button", name="Work in the sandbox").click()
    await live(page)
    await page.get_by_role("button", name="Call the customer").click()
    keys = page.get_by_role("group", name="Keys of the telephone")
    for pressed in ("5", "58"):
        await keys.get_by_role("button", name=pressed[-1], exact=True).click()
        await expect(page.locator(".ringing b")).to_have_text(pressed)
    await keys.get_by_role("button", name="Hang up as the customer").click()
    await expect(page.locator(".ringing")).to_contain_text("ended")
    await expect(keys).to_have_count(0)
    [call] = (await tenant("owner", "test").get("/voice/api/calls/")).ok()["results"]
    assert (call["status"], call["hangup_cause"]) == ("COMPLETED", "NORMAL_CLEARING")
