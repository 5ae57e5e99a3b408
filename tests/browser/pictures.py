"""The pictures of docs/console in both themes and widths, made anew by `python -m pytest tests/browser/pictures.py`."""

from __future__ import annotations

import io
from itertools import product
from pathlib import Path

from PIL import Image
from playwright.async_api import Browser

from tests.browser.furnished import VISITS, furnish
from tests.browser.signing_in import sign_in
from tests.conftest import Running
from tests.handlers.people import add_person
from tests.tenants import Tenant

SHOWN = (
    "broadcasts", "broadcast", "broadcast-new", "broadcast-calls", "account-new", "account", "wallet", "webhook",
    "settings-members", "settings-role",
    "settings-channels", "settings-import", "ivr", "ivr-wrong", "ivr-try",
)  # fmt: skip
HERE = Path(__file__).parents[2] / "docs" / "console"


async def test_pictures(browser: Browser, gateway: Running, tenant: Tenant) -> None:
    (await tenant().patch(f"/tenants/{tenant.id}/", {"name": "Lee & Sons"})).ok()
    made = await furnish(gateway, tenant)
    owner = await add_person(gateway, tenant, "owner", "Sam")
    for scheme, width in product(("light", "dark"), (1280, 390)):
        context = await browser.new_context(color_scheme=scheme, viewport={"width": width, "height": 800})  # type: ignore[arg-type]
        page = await context.new_page()
        await sign_in(page, gateway.url, owner)
        for name, visit in VISITS.items():
            await visit(page, gateway.url, made)
            if name in SHOWN:
                picture = Image.open(io.BytesIO(await page.screenshot(animations="disabled")))
                picture.save(HERE / f"{name}-{scheme}-{width}.webp", quality=70, method=6)
        await context.close()
