"""All organisations' wallets and recharges together, for the deployment's own people; never for a tenant."""

from __future__ import annotations

from typing import Any

from jinaconnect.store.billing.ledger import WALLETS
from jinaconnect.store.databases.mongo import Database, Document, guarded

LIVE = {"scope": {"$regex": ":live$"}}  # play money is nobody's


class Overview:
    """Reads across tenants what their wallets come to."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @guarded
    async def balances(self) -> list[Document]:
        """Return by currency how many wallets are on, what they hold, what of it is reserved, and what is owed."""
        owed = {"$cond": [{"$lt": ["$balance", 0]}, {"$subtract": [0, "$balance"]}, 0]}
        stages: list[dict[str, Any]] = [
            {"$match": {**LIVE, "is_on": True}},
            {"$group": {"_id": "$currency", "wallets": {"$sum": 1}, "balance": {"$sum": "$balance"},
                        "reserved": {"$sum": "$reserved"}, "credit_line": {"$sum": "$credit_line"},
                        "owed": {"$sum": owed}}},
            {"$sort": {"_id": 1}},
        ]  # fmt: skip
        return await (await self._database[WALLETS].aggregate(stages)).to_list()

    @guarded
    async def recharges(self, limit: int) -> list[Document]:
        """Return the latest recharges of all organisations."""
        return await self._database["payment_orders"].find(LIVE, sort=[("_id", -1)], limit=limit).to_list()

    @guarded
    async def tenants(self) -> int:
        """Return how many organisations there are."""
        return await self._database["tenants"].estimated_document_count()
