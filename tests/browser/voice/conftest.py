"""A browser with a microphone that beeps, beside a gateway with a real Asterisk."""

from __future__ import annotations

from collections.abc import AsyncIterator

import aiohttp
import pytest
from playwright.async_api import Browser

from jinaconnect.store.databases.embedded import EmbeddedMongo
from tests.browser.conftest import chromium
from tests.telephony.asterisk import Asterisk, asterisk, carrier, loopback_address
from tests.telephony.calls.telephone import Exchange, exchange

__all__ = ["asterisk", "carrier"]

TALKS = (
    "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream", "--allow-loopback-in-peer-connection",
    "--autoplay-policy=no-user-gesture-required",
)  # fmt: skip


@pytest.fixture(scope="module")
async def talking_browser() -> AsyncIterator[Browser]:
    """A browser whose microphone beeps once a second."""
    async with chromium(*TALKS) as opened:
        yield opened


@pytest.fixture(scope="module")
async def phone(
    asterisk: Asterisk, mongod: EmbeddedMongo, http: aiohttp.ClientSession, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Exchange]:
    """A gateway whose trunk leads to an address where the customers' telephones are."""
    address = loopback_address(5060)
    async with exchange(asterisk, mongod.uri, http, tmp_path_factory.mktemp("var"), address) as running:
        running.more["carrier"] = address
        yield running
