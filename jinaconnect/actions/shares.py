"""Shares of what tenants have in common: so much at once in all, and of that only so much for one tenant."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass


@dataclass(slots=True)
class _Share:
    slots: asyncio.Semaphore
    users: int = 0


class Shares:
    """Slots for work of one kind; a tenant whose work hangs holds its own share and no more."""

    def __init__(self, total: int, each: int) -> None:
        self._slots = asyncio.Semaphore(total)
        self._each = each
        self._shares: dict[str, _Share] = {}

    def join(self, tenant: str) -> AbstractAsyncContextManager[None]:
        """Stand in line for a slot of a tenant from now on; it is held within what is returned."""
        share = self._shares.get(tenant)
        if share is None:
            share = self._shares[tenant] = _Share(asyncio.Semaphore(self._each))
        share.users += 1
        return self._held(tenant, share)

    @asynccontextmanager
    async def _held(self, tenant: str, share: _Share) -> AsyncIterator[None]:
        try:
            async with share.slots, self._slots:
                yield
        finally:
            share.users -= 1
            if not share.users:
                del self._shares[tenant]

    def crowded(self, tenant: str) -> bool:
        """Tell whether as much of a tenant's work waits for a slot as it has slots."""
        share = self._shares.get(tenant)
        return share is not None and share.users >= 2 * self._each

    @property
    def users(self) -> int:
        """How many hold a slot or wait for one."""
        return sum(share.users for share in self._shares.values())
