"""Every page of the console in both themes and widths: without a fault of accessibility, and without an error."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, Page, expect

from tests.browser.signing_in import sign_in
from tests.conftest import Running
from tests.handlers.people import add_person
from tests.tenants import Tenant

AXE = Path(__file__).parent / "vendored" / "axe-4.14.1.js"
RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}


def test_axe_is_the_one_listed() -> None:
    listed = re.findall(r"\| `([^`]+)` \|.*\| `([0-9a-f]{64})` \|", (AXE.parent / "README.md").read_text())
    assert listed == [(AXE.name, hashlib.sha256(AXE.read_bytes()).hexdigest())]


async def faults(page: Page) -> list[str]:
    """Return what axe finds wrong with a page as it is now."""
    cdp = await page.context.new_cdp_session(page)  # the page's own policy lets nothing be added to it
    await cdp.send("Runtime.evaluate", {"expression": AXE.read_text()})
    found: dict[str, Any] = await page.evaluate("(rules) => axe.run(document, rules)", RULES)
    return [f"{each['id']}: {[node['html'][:160] for node in each['nodes'][:3]]}" for each in found["violations"]]


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_every_page_is_accessible(
    browser: Browser, gateway: Running, tenant: Tenant, scheme: Any, width: int
) -> None:
    await tenant.receives("+12025550111", "Do you have it in blue? https://shop.example/blue", name="Ann Lee")
    await tenant.receives("+12025550112", "مرحبا، أريد أن أسأل عن الطلب رقم 42", name="ليلى حسن")
    (await tenant().post("/wa/v1/messages/", {"to": "+12025550111", "text": "We do!"})).ok(201)
    person = await add_person(gateway, tenant, "owner", "Sam")
    context = await browser.new_context(color_scheme=scheme, viewport={"width": width, "height": 800})
    page = await context.new_page()
    errors: list[str] = []
    page.on("console", lambda said: errors.append(said.text) if said.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: errors.append(str(error)))
    await page.goto(gateway.url)
    await page.get_by_label("E-mail").wait_for()
    found = {"sign in": await faults(page)}
    await sign_in(page, gateway.url, person)
    await page.locator(".chat").nth(1).wait_for()
    found["list"] = await faults(page)
    await page.locator(".chat", has_text="Ann Lee").click()
    await page.locator(".ticks.read").wait_for()
    found["thread"] = await faults(page)
    note = page.get_by_role("button", name="Note", exact=True)
    await note.click()
    await page.get_by_label("Note", exact=True).last.fill("She wants it **today**.")
    await page.keyboard.press("Control+Enter")
    await page.locator(".bubble.note").wait_for()
    found["note"] = await faults(page)
    await page.get_by_role("button", name="The contact", exact=True).click()
    found["contact"] = await faults(page)
    if await page.get_by_role("button", name="Close the contact").is_visible():
        await page.get_by_role("button", name="Close the contact").click()
    await page.keyboard.press("Control+k")
    await page.get_by_role("combobox", name="Find").fill("a")
    found["palette"] = await faults(page)
    await page.keyboard.press("Escape")
    await page.evaluate("document.activeElement.blur()")
    await page.keyboard.press("?")
    await page.locator("dialog.help").wait_for()
    found["help"] = await faults(page)
    await page.keyboard.press("Escape")
    await page.locator(".who").click()
    found["menu"] = await faults(page)
    await page.locator(".who").click()
    await page.goto(f"{gateway.url}/#/try")
    await page.get_by_role("button", name="Work in the sandbox").wait_for()
    found["try"] = await faults(page)
    await page.get_by_role("button", name="Work in the sandbox").click()
    await page.get_by_role("button", name="Send as the customer").click()
    await expect(page.locator(".steps li.done")).to_have_count(1)
    found["sandbox"] = await faults(page)
    await context.close()
    assert {name: told for name, told in found.items() if told} == {}
    assert errors == []
