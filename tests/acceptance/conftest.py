"""What the lines of the acceptance list are shown with."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.channels.rcs_google.conftest import agent as agent
from tests.channels.sms_twilio.conftest import sms as sms
from tests.channels.telegram.conftest import bot as bot
from tests.conftest import Running
from tests.handlers.broadcasts.shop import Shop, open_shop
from tests.tenants import Tenant


@pytest.fixture
async def shop(gateway: Running, tenant: Tenant) -> AsyncIterator[Shop]:
    """A tenant with a WhatsApp account at a carrier that counts."""
    async with open_shop(gateway, tenant) as opened:
        yield opened
