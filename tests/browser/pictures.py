"""The pictures of docs/console in both themes and widths, made anew by `python -m pytest tests/browser/pictures.py`."""

from __future__ import annotations

import io
from collections.abc import Awaitable, Callable
from itertools import product
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.async_api import Browser, Page, expect

from tests.browser.furnished import VISITS, furnish
from tests.browser.signing_in import live, sign_in
from tests.conftest import Running
from tests.handlers.people import add_person
from tests.tenants import Tenant

SHOWN = (
    "broadcasts", "broadcast", "broadcast-new", "broadcast-calls", "account-new", "account", "wallet", "webhook",
    "settings-members", "settings-role",
    "settings-channels", "settings-import", "settings-spoken", "settings-organisation", "ivr", "ivr-wrong", "ivr-try",
)  # fmt: skip
HERE = Path(__file__).parents[2] / "docs" / "console"
LOOKS: tuple[tuple[Any, int], ...] = tuple(product(("light", "dark"), (1280, 390)))


async def keep(page: Page, name: str, scheme: str, width: int) -> None:
    """Keep what a page shows now."""
    picture = Image.open(io.BytesIO(await page.screenshot(animations="disabled")))
    picture.save(HERE / f"{name}-{scheme}-{width}.webp", quality=70, method=6)


async def look(page: Page, name: str, ready: Callable[[], Awaitable[object]]) -> None:
    """Keep what a page shows in both themes and widths; it is loaded anew in each, and waited for until `ready`."""
    for scheme, width in LOOKS:
        await page.emulate_media(color_scheme=scheme)
        await page.set_viewport_size({"width": width, "height": 800})
        await page.reload()
        await live(page)
        await ready()
        await keep(page, name, scheme, width)


async def test_pictures(browser: Browser, gateway: Running, tenant: Tenant) -> None:
    (await tenant().patch(f"/tenants/{tenant.id}/", {"name": "Lee & Sons"})).ok()
    made = await furnish(gateway, tenant)
    owner = await add_person(gateway, tenant, "owner", "Sam")
    for scheme, width in LOOKS:
        context = await browser.new_context(color_scheme=scheme, viewport={"width": width, "height": 800})
        page = await context.new_page()
        await sign_in(page, gateway.url, owner)
        for name, visit in VISITS.items():
            await visit(page, gateway.url, made)
            if name in SHOWN:
                await expect(page.locator(".toast")).to_have_count(0)  # of what was done on the page before
                await keep(page, name, scheme, width)
        await context.close()


async def test_pictures_of_the_inbox(browser: Browser, gateway: Running, tenant: Tenant) -> None:
    (await tenant().patch(f"/tenants/{tenant.id}/", {"name": "Rain & Shine"})).ok()
    sam = await add_person(gateway, tenant, "manager", "Sam")
    for number, name, text in (
        ("+12025550114", "Carla Méndez", "Is the shop open on Sunday?"),
        ("+12025550113", "ليلى حسن", "مرحبا، أريد أن أسأل عن الطلب رقم 42"),
        ("+12025550112", "Jonas Weber", "Thanks, it fits perfectly"),
        ("+12025550111", "Ann Lee", "Hi! Do you have the rain jacket in blue?"),
        ("+12025550111", "Ann Lee", "Size M, please. This one: https://shop.example/jackets/rain?colour=blue"),
    ):
        await tenant.receives(number, text, name=name)
    context = await browser.new_context(viewport={"width": 1280, "height": 800})
    page = await context.new_page()
    await sign_in(page, gateway.url, sam)
    await page.locator(".chat", has_text="Ann Lee").click()
    await page.get_by_role("button", name="Claim").click()
    await page.get_by_role("button", name="Note", exact=True).click()
    await page.get_by_label("Note", exact=True).last.fill("She asked last week; the last one in M is in Zürich.")
    await page.keyboard.press("Control+Enter")
    await page.locator(".bubble.note").wait_for()
    await page.get_by_role("button", name="Reply", exact=True).click()
    await page.locator("jc-composer textarea").fill("Hello Ann! Yes, one is left in M. Shall I put it aside for you?")
    await page.keyboard.press("Control+Enter")
    await page.locator(".ticks.read").wait_for()
    await tenant.receives("+12025550111", "Yes please!", name="Ann Lee")
    await page.get_by_text("Yes please!").first.wait_for()
    await look(page, "inbox", page.locator(".bubble", has_text="Yes please!").wait_for)
    await page.emulate_media(color_scheme="light")
    await page.set_viewport_size({"width": 1280, "height": 800})
    await page.evaluate("document.activeElement.blur()")
    await page.keyboard.press("?")
    await page.locator("dialog.help").wait_for()
    await keep(page, "keys", "light", 1280)
    await page.goto(f"{gateway.url}/#/try")
    await page.reload()
    await page.get_by_role("button", name="Work in the sandbox").click()
    await page.get_by_role("button", name="Send as the customer").click()
    await page.locator(".steps li.done").wait_for()
    await look(page, "try", page.locator(".steps li").first.wait_for)
    await context.close()
    for scheme, width in LOOKS:
        context = await browser.new_context(color_scheme=scheme, viewport={"width": width, "height": 800})
        page = await context.new_page()
        await page.goto(gateway.url)
        await page.get_by_label("E-mail").wait_for()
        await keep(page, "sign-in", scheme, width)
        await context.close()
