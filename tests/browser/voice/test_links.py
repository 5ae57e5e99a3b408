"""The trunks page beside a real Asterisk: its link, what the last comparison found, and a trunk that is asked."""

from __future__ import annotations

from playwright.async_api import Page, expect

from tests.browser.signing_in import sign_in
from tests.telephony.calls.desks import newcomer
from tests.telephony.calls.phone import telephone
from tests.telephony.calls.telephone import Exchange


async def test_a_link_and_a_trunk_say_how_they_are(page: Page, phone: Exchange) -> None:
    await sign_in(page, phone.url, await newcomer(phone, "owner", "Sam"), "#/trunks")
    link = page.locator(".link-row")
    await expect(link).to_contain_text("Up", timeout=20_000)
    await expect(link.locator(".receipt")).to_contain_text("Compared")
    await page.get_by_role("link", name="Carrier").click()
    ask, told = page.get_by_role("button", name="Ask the carrier"), page.locator(".told")
    async with telephone(ip=phone.more["carrier"]) as customers:
        await ask.click()
        await expect(told).to_contain_text("The carrier answers within", timeout=30_000)
        await page.get_by_label("Call, or nobody").fill("+1 202 555 0177")
        await ask.click()
        await expect(told).to_contain_text("The call was answered", timeout=30_000)
        await (await customers.talk()).ended()
