"""Shares of what tenants have in common: so much at once in all, and of that only so much for one tenant."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass

IN_LINE = 1_000  # pieces of one tenant's work that hold a slot or wait for one in this process
IN_LINE_IN_ALL = 5_000  # the same of all tenants, beyond which only lines shorter than two rounds of slots grow


@dataclass(slots=True)
class _Share:
    slots: asyncio.Semaphore
    users: int = 0


class Shares:
    """Slots for work of one kind; a tenant whose work hangs holds its own share and no more."""

    def __init__(self, total: int, each: int, line: int = IN_LINE) -> None:
        self._slots = asyncio.Semaphore(total)
        self._each = each
        self._line = line
        self._shares: dict[str, _Share] = {}
        self.users = 0  # how many hold a slot or wait for one

    def join(self, tenant: str) -> AbstractAsyncContextManager[None]:
        """Stand in line for a slot of a tenant from now on; it is held within what is returned."""
        share = self._shares.get(tenant)
        if share is None:
            share = self._shares[tenant] = _Share(asyncio.Semaphore(self._each))
        share.users += 1
        self.users += 1
        return self._held(tenant, share)

    @asynccontextmanager
    async def _held(self, tenant: str, share: _Share) -> AsyncIterator[None]:
        try:
            async with share.slots, self._slots:
                yield
        finally:
            share.users -= 1
            self.users -= 1
            if not share.users:
                del self._shares[tenant]

    def crowded(self, tenant: str) -> bool:
        """Tell whether more of a tenant's work waits for a slot than is kept in line here.

        A line costs memory, so each tenant's is bounded, and all of them together: where many stand, only the short
        ones grow.
        """
        share = self._shares.get(tenant)
        if share is None or share.users < 2 * self._each:
            return False
        return share.users >= self._line or self.users >= IN_LINE_IN_ALL
