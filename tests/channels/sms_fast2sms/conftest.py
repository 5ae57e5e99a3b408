"""A tenant with an SMS app, whose carrier is on loopback."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.carriers.sms import Fast2smsServer
from tests.channels.indian import Indian, begin
from tests.tenants import Tenant


@pytest.fixture
async def sms(tenant: Tenant) -> AsyncIterator[Indian]:
    """An SMS app and a registered text; every request its carrier was sent is as it is described."""
    made = await begin(Fast2smsServer(), tenant)
    yield made
    await made.server.stop()
