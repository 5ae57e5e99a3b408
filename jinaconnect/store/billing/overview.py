"""All organisations' wallets and recharges together, for the deployment's own people; never for a tenant."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from jinaconnect.core.billing.wallet import FAILED_RECHARGE, PENDING_RECHARGE, RECHARGE
from jinaconnect.core.ids import encode
from jinaconnect.core.inbox.message import OUTGOING
from jinaconnect.store.billing.ledger import LEDGER, WALLETS
from jinaconnect.store.counting import Counts
from jinaconnect.store.databases.mongo import Database, Document, guarded

LIVE = {"scope": {"$regex": ":live$"}}  # play money is nobody's


class Overview:
    """Reads across tenants what their wallets come to."""

    def __init__(self, database: Database, counts: Counts) -> None:
        self._database = database
        self._counts = counts

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
    async def tenants_before(self, moment: datetime) -> int:
        """Return how many organisations there were."""
        return await self._database["tenants"].count_documents({"created_at": {"$lt": moment}})

    async def sent(self, since: datetime, until: datetime) -> dict[str, int]:
        """Return how many messages went out in a span by platform; of many they may be some time old.

        Raises Unavailable while they are counted for the first time.
        """
        stages: list[dict[str, Any]] = [
            {"$match": {**LIVE, "direction": OUTGOING}}, {"$group": {"_id": "$platform", "n": {"$sum": 1}}},
        ]  # fmt: skip
        groups, _ = await self._counts.figures("messages", _made("msg", since, until), stages)
        return {row["_id"]: row["n"] for row in groups}

    async def spent(self, since: datetime, until: datetime) -> dict[str, int]:
        """Return what was paid out of wallets in a span by currency, less what was given back; raises Unavailable."""
        spent = {"$sum": {"$subtract": [0, "$change"]}}
        stages: list[dict[str, Any]] = [
            {"$match": {**LIVE, "type": {"$nin": [PENDING_RECHARGE, RECHARGE, FAILED_RECHARGE]}}},
            {"$group": {"_id": "$currency", "n": spent}},
        ]  # fmt: skip
        groups, _ = await self._counts.figures(LEDGER, _made("txn", since, until), stages)
        return {row["_id"]: row["n"] for row in groups}

    @guarded
    async def tenants(self) -> int:
        """Return how many organisations there are."""
        return await self._database["tenants"].estimated_document_count()


def _made(prefix: str, since: datetime, until: datetime) -> dict[str, Any]:
    """Return the query of what was made in a span, by its id, which begins with the time."""
    first, last = (encode(prefix, max(0, int(moment.timestamp() * 1000)), bytes(10)) for moment in (since, until))
    return {"_id": {"$gte": first, "$lt": last}}
