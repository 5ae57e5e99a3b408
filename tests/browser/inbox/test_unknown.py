"""Conversations that the feed speaks of and that the browser does not know yet are read, whatever comes in between."""

from __future__ import annotations

import asyncio
import itertools
import re

from playwright.async_api import Browser, Page, Route, expect

from tests.browser.signing_in import sign_in
from tests.client import until
from tests.conftest import Running
from tests.handlers.people import add_person
from tests.tenants import Tenant

ENTRY = re.compile(r"/team-inbox/api/conversations/cnt_[^/]+/$")  # one conversation of the list
MANY = 130  # more than a page of the list and what is read one by one beside it


class Reading:
    """Holds up the first time one conversation is read, and knows what the feed has brought meanwhile."""

    def __init__(self, page: Page) -> None:
        self._page = page
        self._begun, self._released = asyncio.Event(), asyncio.Event()
        self._told: list[str] = []
        page.on("websocket", lambda socket: socket.on("framereceived", lambda frame: self._told.append(str(frame))))

    async def begins(self, gateway: Running, tenant: Tenant) -> None:
        """Sign in, and hold up the first that is read: somebody writes who is not known yet."""
        await sign_in(self._page, gateway.url, await add_person(gateway, tenant, "manager", "Sam"))
        await self._page.route(ENTRY, self._hold)
        await tenant.receives("+12025550111", "the first", name="Ann Lee")
        await asyncio.wait_for(self._begun.wait(), 20)

    async def _hold(self, route: Route) -> None:
        self._begun.set()
        await self._released.wait()
        await route.continue_()

    async def told(self, text: str) -> None:
        """Wait until the feed has brought a text."""

        async def there() -> bool:
            return any(text in frame for frame in self._told)

        await until(there)

    def answered(self) -> None:
        """Let go of what is held up."""
        self._released.set()


async def test_who_writes_while_another_is_read_is_not_forgotten(page: Page, gateway: Running, tenant: Tenant) -> None:
    reading = Reading(page)
    await reading.begins(gateway, tenant)
    await tenant.receives("+12025550112", "the second", name="Bob Ray")
    await reading.told("the second")
    reading.answered()
    await expect(page.locator(".chat", has_text="Ann Lee")).to_have_count(1)
    await expect(page.locator(".chat", has_text="Bob Ray")).to_have_count(1)


async def test_who_wrote_while_nobody_answered_is_asked_for_again(
    browser: Browser, gateway: Running, tenant: Tenant
) -> None:
    context = await browser.new_context()
    page = await context.new_page()
    lost = asyncio.Event()

    async def lose(route: Route) -> None:
        if lost.is_set():
            await route.continue_()
        else:
            lost.set()
            await route.abort("connectionreset")

    await sign_in(page, gateway.url, await add_person(gateway, tenant, "manager", "Sam"))
    await page.route(ENTRY, lose)
    await tenant.receives("+12025550111", "the first", name="Ann Lee")
    await asyncio.wait_for(lost.wait(), 20)
    await expect(page.locator(".chat", has_text="Ann Lee")).to_have_count(1)
    await context.close()


async def test_many_who_write_at_one_moment_are_all_listed(page: Page, gateway: Running, tenant: Tenant) -> None:
    reading = Reading(page)
    await reading.begins(gateway, tenant)
    for number in range(MANY):
        await tenant.receives(f"+12025551{number:03d}", f"no. {number}.", name=f"Customer {number}")
    await reading.told(f"no. {MANY - 1}.")
    reading.answered()
    await expect(page.locator(".chat", has_text=f"Customer {MANY - 1}")).to_have_count(1)  # the newest of them
    names: set[str] = set()
    await page.locator(".chat").nth(2).hover()
    async with asyncio.timeout(60):
        for step in itertools.count(1):  # what is far from the window is not drawn
            names.update(await page.locator(".chat b").all_inner_texts())
            if len(names) == MANY + 1:
                break
            await page.mouse.wheel(0, 300 if step % 60 else -50_000)
