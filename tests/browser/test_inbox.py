"""The inbox in a browser: from signing in to an answer that the customer has."""

from __future__ import annotations

from playwright.async_api import Page, expect

from tests.browser.signing_in import sign_in
from tests.conftest import Running
from tests.handlers.people import add_person
from tests.tenants import Tenant

CUSTOMER = "+12025550111"


async def test_a_message_comes_and_is_answered(page: Page, gateway: Running, tenant: Tenant) -> None:
    await tenant.receives(CUSTOMER, "Do you have it in blue?", name="Ann Lee")
    person = await add_person(gateway, tenant, "manager", "Sam")
    await sign_in(page, gateway.url, person)
    await page.locator(".chat", has_text="Ann Lee").click()
    said = page.locator(".bubble.in .words")
    await expect(said).to_have_text(["Do you have it in blue?"])
    await tenant.receives(CUSTOMER, "<b>né</b> https://shop.example/?a=1.")
    await expect(said).to_have_text(["Do you have it in blue?", "<b>né</b> https://shop.example/?a=1."])
    await expect(page.locator(".bubble.in a")).to_have_attribute("href", "https://shop.example/?a=1")
    await page.keyboard.press("r")
    await page.keyboard.type("We do!")
    await page.keyboard.press("Control+Enter")
    answer = page.locator(".bubble.out")
    await expect(answer).to_have_count(1)
    await expect(answer.locator(".ticks.read")).to_have_count(1)  # the simulated customer reads at once
    await expect(page.locator(".chat .count")).to_have_count(0)  # what is in view is read
    sent = [event["data"] for event in await tenant().events() if event["type"] == "message.queued"]
    assert [(each["content"]["body"]["text"], each["tenant_user"]) for each in sent] == [("We do!", person.id)]
