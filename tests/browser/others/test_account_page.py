"""The page that links of letters lead to, in a browser."""

from __future__ import annotations

import secrets

from playwright.async_api import Browser, Page, expect

from tests.conftest import Running
from tests.tenants import Tenant

PASSWORD = "eight green bottles, 1 wall"


async def test_an_invitation_is_accepted_in_a_browser(page: Page, gateway: Running, tenant: Tenant) -> None:
    mail = f"{secrets.token_hex(5)}@people.example"
    invited = (await tenant().post("/tenants/members/invite/", {"email": mail, "role": "agent"})).ok(201)
    token = invited["invite_path"].partition("token=")[2]
    await page.goto(f"{gateway.url}/accept-invitation/{token}/")
    await expect(page.locator("#title")).to_have_text("Join your team")
    for again, told in ((f"{PASSWORD}!", "The passwords differ."), (PASSWORD, "You can log in now.")):
        await page.locator("#password").fill(PASSWORD)
        await page.locator("#again").fill(again)
        await page.locator("#go").click()
        await expect(page.locator("#state")).to_contain_text(told)
    (await tenant.anonymous.post("/token/", {"email": mail, "password": PASSWORD})).ok()
    await page.goto(f"{gateway.url}/verify-email/{token}/")
    await expect(page.locator("#title")).to_have_text("Confirm your address")
    assert await page.locator("#password").count() == 0


async def test_what_is_refused_is_said_on_the_page(browser: Browser, gateway: Running) -> None:
    context = await browser.new_context()
    page = await context.new_page()
    for kind in ("accept-invitation", "reset-password", "verify-email"):
        await page.goto(f"{gateway.url}/{kind}/{secrets.token_urlsafe(32)}/")
        if kind != "verify-email":
            await page.locator("#password").fill(PASSWORD)
            await page.locator("#again").fill(PASSWORD)
        await page.locator("#go").click()
        await expect(page.locator("#state")).to_contain_text("token: is unknown")
    await context.close()
