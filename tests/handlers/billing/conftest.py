"""Who keeps the wallets of all organisations."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.client import Client
from tests.conftest import Running
from tests.tenants import operating


@pytest.fixture
async def operator(gateway: Running, new_tenant: Any) -> AsyncIterator[Client]:
    """A key that the configuration names."""
    keeper = await new_tenant()
    async with operating(gateway, keeper()) as client:
        yield client
