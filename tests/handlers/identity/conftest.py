"""Where the letters of these tests arrive."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.conftest import Running
from tests.handlers.mail import PostBox, post_office, posting


@pytest.fixture(scope="module")
async def box(gateway: Running) -> AsyncIterator[PostBox]:
    async with post_office() as found:
        with posting(gateway, found):
            yield found
