"""Shares of what tenants have in common: so much at once in all, and of that only so much for one tenant."""

from __future__ import annotations

import asyncio
from contextlib import AbstractAsyncContextManager
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
        return _Place(self, tenant, share)

    def _leave(self, tenant: str, share: _Share) -> None:
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


class _Place(AbstractAsyncContextManager[None]):
    """A place in the line of a tenant, with a slot while it is entered."""

    __slots__ = ("_share", "_shares", "_tenant")

    def __init__(self, shares: Shares, tenant: str, share: _Share) -> None:
        self._shares = shares
        self._tenant = tenant
        self._share = share

    async def __aenter__(self) -> None:
        try:
            await self._share.slots.acquire()
            try:
                await self._shares._slots.acquire()
            except BaseException:
                self._share.slots.release()
                raise
        except BaseException:
            self._shares._leave(self._tenant, self._share)
            raise

    async def __aexit__(self, *raised: object) -> None:
        self._shares._slots.release()
        self._share.slots.release()
        self._shares._leave(self._tenant, self._share)
