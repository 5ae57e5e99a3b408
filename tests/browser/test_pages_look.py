"""Every page besides the inbox, in both themes and widths: without a fault of accessibility, and without an error."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.async_api import Browser, Page

from tests.browser.furnished import VISITS, furnish, watched
from tests.browser.signing_in import sign_in
from tests.browser.test_look import faults
from tests.conftest import Running
from tests.handlers.people import add_person
from tests.tenants import Tenant

WIDER = "[...document.querySelectorAll('html, #main')].some((each) => each.scrollWidth > each.clientWidth)"


async def wide(page: Page) -> bool:
    """Tell whether a page is wider than its window."""
    found: bool = await page.evaluate(WIDER)
    return found


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_each_page_is_accessible(
    browser: Browser, gateway: Running, tenant: Tenant, scheme: Any, width: int
) -> None:
    made = await furnish(gateway, tenant)
    context = await browser.new_context(color_scheme=scheme, viewport={"width": width, "height": 800})
    page = await context.new_page()
    errors = watched(page)
    await sign_in(page, gateway.url, await add_person(gateway, tenant, "owner", "Sam"))
    found: dict[str, Any] = {}
    for name, visit in VISITS.items():
        await visit(page, gateway.url, made)
        found[name] = [*await faults(page), *(["wider than the window"] if await wide(page) else [])]
    await context.close()
    assert {name: told for name, told in found.items() if told} == {}
    assert errors == []
