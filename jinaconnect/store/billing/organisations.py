"""All organisations, as the deployment's own people look for them; never for a tenant."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from jinaconnect.core.billing.wallet import wallet_id
from jinaconnect.core.principal import parse_scope, scope_of
from jinaconnect.store.billing.ledger import WALLETS
from jinaconnect.store.billing.overview import LIVE
from jinaconnect.store.counting import Counts
from jinaconnect.store.databases.mongo import Database, Document, guarded

NEWEST = [("_id", -1)]


class Organisations:
    """Reads across tenants which there are and what each has in live mode."""

    def __init__(self, database: Database, counts: Counts) -> None:
        self._database = database
        self._counts = counts

    @guarded
    async def select(self, query: Mapping[str, Any], *, skip: int = 0, limit: int) -> list[Document]:
        """Return organisations by fields of their own, the newest first."""
        found = self._database["tenants"].find(dict(query), sort=NEWEST, skip=skip, limit=limit)
        return await found.to_list()

    @guarded
    async def count(self, query: Mapping[str, Any]) -> int:
        """Return how many organisations fit."""
        return await self._database["tenants"].count_documents(dict(query))

    @guarded
    async def wallets(self, tenants: Sequence[str]) -> dict[str, Document]:
        """Return the wallets of organisations, of those that ever had one."""
        ids = [wallet_id(scope_of(tenant, "live")) for tenant in tenants]
        rows = await self._database[WALLETS].find({"_id": {"$in": ids}}).to_list()
        return {parse_scope(row["scope"])[0]: row for row in rows}

    @guarded
    async def using(self, channel: str) -> set[str]:
        """Return the organisations that have an account of a channel."""
        query = {"channel": channel, "deleted_at": None, **LIVE}
        rows = await self._database["apps"].find(query, {"scope": 1}).to_list()
        return {parse_scope(row["scope"])[0] for row in rows}

    async def contacts(self) -> dict[str, int]:
        """Return how many contacts each organisation has; of many they may be some time old. Raises Unavailable."""
        stages: list[dict[str, Any]] = [{"$group": {"_id": "$scope", "n": {"$sum": 1}}}]
        groups, _ = await self._counts.figures("contacts", {**LIVE, "deleted_at": None}, stages)
        return {parse_scope(row["_id"])[0]: row["n"] for row in groups}
