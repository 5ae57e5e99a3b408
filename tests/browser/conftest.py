"""A real browser; a page on which anything goes wrong fails its test."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from playwright.async_api import Browser, Page, async_playwright, expect

ARGUMENTS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
)  # fmt: skip
expect.set_options(timeout=20_000)  # how long a busy machine takes says nothing of what is tested


@asynccontextmanager
async def chromium(*more: str) -> AsyncIterator[Browser]:
    """Run the machine's Chromium, with some arguments more; skips where there is none."""
    binary = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if binary is None:
        pytest.skip("no Chromium on this machine: apt-get install chromium")
    async with async_playwright() as playwright:
        opened = await playwright.chromium.launch(executable_path=binary, args=[*ARGUMENTS, *more])
        yield opened
        await opened.close()


@asynccontextmanager
async def page_of(browser: Browser) -> AsyncIterator[Page]:
    """Open a page; nothing may go wrong on it."""
    context = await browser.new_context()
    opened = await context.new_page()
    faults: list[str] = []
    opened.on("pageerror", lambda error: faults.append(str(error)))
    opened.on("console", lambda said: faults.append(said.text) if said.type == "error" else None)
    yield opened
    await context.close()
    assert faults == []


@pytest.fixture(scope="session")
async def browser() -> AsyncIterator[Browser]:
    async with chromium() as opened:
        yield opened


@pytest.fixture
async def page(browser: Browser) -> AsyncIterator[Page]:
    async with page_of(browser) as opened:
        yield opened
