"""The console in a browser, signed in as somebody."""

from __future__ import annotations

from playwright.async_api import Page, expect

from tests.handlers.people import PASSWORD, Person


async def sign_in(page: Page, url: str, person: Person, path: str = "") -> None:
    """Sign in and wait until the console is live."""
    await page.goto(f"{url}/{path}")
    await page.get_by_label("E-mail").fill(person.email)
    await page.get_by_label("Password").fill(PASSWORD)
    await page.get_by_role("button", name="Sign in").click()
    await live(page)


async def live(page: Page) -> None:
    """Wait until the page says that it has everything."""
    await expect(page.locator(".connection")).to_have_text("Live", timeout=20_000)
