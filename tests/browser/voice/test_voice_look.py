"""The pages of voice in both themes and widths: without a fault of accessibility, and without an error."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.async_api import Browser, expect

from tests.browser.signing_in import live, sign_in
from tests.browser.test_look import faults
from tests.browser.voice.test_calls import template
from tests.client import until
from tests.conftest import Running
from tests.handlers.people import add_person
from tests.tenants import Tenant

CALLS = "/voice/api/calls/"


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_every_page_of_voice_is_accessible(
    browser: Browser, gateway: Running, tenant: Tenant, scheme: Any, width: int
) -> None:
    client = tenant("owner", "test")
    person = await add_person(gateway, tenant, "owner", "Sam")
    over = (await client.post(CALLS, {"to_number": "+12025550101", "tts_text": "Hi.", "record": True})).ok(201)["id"]
    asks = {"to_number": "+12025550107", "template": await template(tenant), "metadata": {"sandbox_digits": "429"}}
    talks = (await client.post(CALLS, asks)).ok(201)["id"]
    await until(lambda: recorded(tenant, over))
    context = await browser.new_context(color_scheme=scheme, viewport={"width": width, "height": 800})
    page = await context.new_page()
    errors: list[str] = []
    page.on("console", lambda said: errors.append(said.text) if said.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: errors.append(str(error)))
    await sign_in(page, gateway.url, person, "#/calls")
    await expect(page.locator(".board")).to_contain_text("There was no call yet")
    found = {"no calls": await faults(page)}
    await page.goto(f"{gateway.url}/#/trunks")
    await expect(page.locator(".page")).to_contain_text("There is no trunk yet")
    found["no trunks"] = await faults(page)
    await page.goto(f"{gateway.url}/#/try")
    await page.get_by_role("button", name="Work in the sandbox").click()
    await expect(page.locator(".who")).to_contain_text("Sandbox")
    await live(page)
    for path, waits in (
        ("calls", ".call-row .pressed kbd"), (f"calls/{talks}", ".controls"), (f"calls/{over}", "jc-player canvas"),
        ("trunks", ".trunk"), ("trunks/new", "[name=profile]"),
    ):  # fmt: skip
        await page.goto(f"{gateway.url}/#/{path}")
        await page.locator(waits).first.wait_for()
        found[path] = await faults(page)
    await page.goto(f"{gateway.url}/#/calls/{talks}")
    await page.get_by_role("button", name="Transfer").click()
    await page.get_by_label("To whom").wait_for()
    found["transfer"] = await faults(page)
    await page.get_by_role("button", name="Keys", exact=True).last.click()
    await page.locator(".pad").wait_for()
    found["pad"] = await faults(page)
    await page.goto(f"{gateway.url}/#/calls/new/+12025550101")
    await page.locator(".foreseen").wait_for()
    found["place"] = await faults(page)
    await page.goto(f"{gateway.url}/#/trunks")
    await page.locator(".trunk").click()
    await page.get_by_role("button", name="Ask the carrier").wait_for()
    found["trunk"] = await faults(page)
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    await context.close()
    assert {name: told for name, told in found.items() if told} == {}
    assert errors == []


async def recorded(tenant: Tenant, call: str) -> bool:
    rows = (await tenant("owner", "test").get("/voice/api/recordings/", params={"call_id": call})).ok()["results"]
    return bool(rows)
