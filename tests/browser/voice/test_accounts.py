"""Accounts at carriers over HTTP, on the trunks page: added by what the API serves, tested, and their addresses."""

from __future__ import annotations

import re

import aiohttp
from playwright.async_api import Page, expect

from tests.browser.signing_in import sign_in
from tests.conftest import Running
from tests.handlers.people import add_person
from tests.telephony.providers.lines import TRUNKS, playing
from tests.tenants import Tenant

FILLED = {
    "twilio": {"Account SID": "AC1", "Auth token": "s1"},
    "plivo": {"Auth ID": "MA1", "Auth token": "s2"},
    "vonage": {"API key": "k", "API secret": "s3", "Application ID": "a", "Private key of the application (PEM)": "s4"},
    "telnyx": {"API key": "s5", "Connection ID": "c"},
    "exotel": {"Account SID": "shop", "API key": "k", "API token": "s6"},
}


async def test_an_account_is_added_at_each_carrier(page: Page, gateway: Running, tenant: Tenant) -> None:
    await sign_in(page, gateway.url, await add_person(gateway, tenant, "admin"), "#/trunks/new")
    for carrier, given in FILLED.items():
        await page.goto(f"{gateway.url}/#/trunks/new")
        await page.locator("[name=profile]").select_option(carrier)
        await expect(page.get_by_label("Address of the carrier")).to_have_count(0)
        await page.get_by_label("Name", exact=True).fill(f"At {carrier}")
        for label, value in given.items():
            await page.get_by_label(label, exact=True).fill(value)
        hidden = [value for value in given.values() if value.startswith("s") and len(value) == 2]
        shown = page.locator("form input:not([type=password])")
        assert not {await each.input_value() for each in await shown.all()} & set(hidden)
        await page.get_by_role("button", name="Add the account").click()
        await expect(page.get_by_role("heading", name=f"At {carrier}")).to_be_visible()
        await expect(page.get_by_label("Calls that come in")).to_have_value(re.compile(f"/voice/webhooks/{carrier}/"))
    rows = {row["provider"]: row for row in (await tenant().get(TRUNKS)).ok()["results"]}
    assert set(rows) == set(FILLED)
    assert all(row["credentials_set"] and "credentials" not in row for row in rows.values())


async def test_its_carrier_answers_in_words(
    page: Page, gateway: Running, tenant: Tenant, http: aiohttp.ClientSession
) -> None:
    async with playing("twilio", http) as carrier:
        body = {"name": "Line", "provider": "twilio", "credentials": carrier.account}
        made = (await tenant().post(TRUNKS, body)).ok(201)["id"]
        await sign_in(page, gateway.url, await add_person(gateway, tenant, "admin"), f"#/trunks/{made}")
        form = page.get_by_role("form", name="Test it")
        told = form.get_by_role("listitem")
        await expect(form).to_be_visible()
        await page.keyboard.press("t")
        await expect(told).to_contain_text("The carrier knows the account; it answered within")
        carrier.secret = "another"
        await page.get_by_role("button", name="Ask the carrier").click()
        await expect(told).to_contain_text("Twilio does not know these credentials")
        address = (await tenant().get(f"{TRUNKS}{made}/inbound-url/")).ok()
        await expect(page.get_by_label("Calls that come in")).to_have_value(address["url"])
        await page.get_by_text("Others, which the carrier's signature opens").click()
        for each in address["signed"]:
            await expect(page.locator(".copied input").and_(page.get_by_label(each["name"]))).to_have_value(each["url"])
        assert "call-status" in [each["name"] for each in address["signed"]]
