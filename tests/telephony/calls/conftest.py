"""The gateway most tests of calls ask."""

from __future__ import annotations

from collections.abc import AsyncIterator

import aiohttp
import pytest

from jinaconnect.store.databases.embedded import EmbeddedMongo
from tests.telephony.asterisk import Asterisk, loopback_address
from tests.telephony.calls.telephone import Exchange, exchange


@pytest.fixture(scope="module")
async def phone(
    asterisk: Asterisk, mongod: EmbeddedMongo, http: aiohttp.ClientSession, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Exchange]:
    """A gateway whose trunk leads to an address where the customers' telephones are."""
    carrier = loopback_address(5060)
    async with exchange(asterisk, mongod.uri, http, tmp_path_factory.mktemp("var"), carrier) as running:
        running.more["carrier"] = carrier
        yield running
