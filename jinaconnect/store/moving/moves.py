"""What the database knows of organisations that move: who is suspended, what waits, whose cursors are taken."""

from __future__ import annotations

from typing import Any

from jinaconnect.core.errors import Conflict
from jinaconnect.store.collections import COLLECTIONS
from jinaconnect.store.databases.indexes import unhurried
from jinaconnect.store.databases.mongo import Database, Document, guarded
from jinaconnect.store.due import DUE_COLLECTIONS
from jinaconnect.store.moving.archive import partitions
from jinaconnect.store.secrets.sealing import Secrets

LOGS = "moved_logs"


def put_aside(collection: str, doc: Document) -> Document:
    """Return a document that arrives, whose work and whose events wait until all is there: see `Moves.unpark`."""
    after = dict(doc)
    if collection in DUE_COLLECTIONS and after.get("due"):
        after["parked"] = after.pop("due")
    if after.get("pending"):
        after["untold"], after["pending"] = after["pending"], []
    return after


class Moves:
    """Reads and writes what stands about organisations on the move."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @guarded
    async def has_live_calls(self, tenant: str) -> bool:
        """Tell whether calls go on."""
        query = {**partitions(tenant), "ended_at": None}
        return await self._database["calls"].find_one(query, {"_id": 1}) is not None

    @guarded
    async def suspend(self, tenant: str, *, suspended: bool) -> None:
        """Let nobody in, or somebody again."""
        await self._database["tenants"].update_one({"_id": tenant}, {"$set": {"suspended": suspended}})

    @guarded
    async def park(self, tenant: str) -> bool:
        """Put aside what waits; tells whether there is something somebody has taken and not ended."""
        taken = False
        for name in DUE_COLLECTIONS:
            free = {**partitions(tenant), "due.at": {"$type": "date"}, "due.by": None}
            await self._database[name].update_many(free, [{"$set": {"parked": "$due"}}, {"$unset": "due"}])
            held = {**partitions(tenant), "due.by": {"$type": "string"}}
            taken = taken or await self._database[name].find_one(held, {"_id": 1}) is not None
        return taken

    @guarded
    async def unpark(self, tenant: str) -> None:
        """Have what was put aside wait again; done again, it lets go of what is left."""
        with unhurried():
            for name in DUE_COLLECTIONS:
                query = {**partitions(tenant), "parked": {"$exists": True}}
                await self._database[name].update_many(query, [{"$set": {"due": "$parked"}}, {"$unset": "parked"}])
            for name in (name for name, collection in COLLECTIONS.items() if collection.tells):
                query = {**partitions(tenant), "untold": {"$exists": True}}
                told: Document = {"pending": {"$concatArrays": ["$untold", {"$ifNull": ["$pending", []]}]}}
                await self._database[name].update_many(query, [{"$set": told}, {"$unset": "untold"}])

    @guarded
    async def former(self, tenant: str) -> list[Document]:
        """Return under which keys others wrote cursors of an organisation's logs."""
        return await self._database[LOGS].find({"tenant": tenant, "epoch": {"$exists": True}}).to_list()

    @guarded
    async def all_former(self) -> list[Document]:
        """Return that of all organisations."""
        return await self._database[LOGS].find({"epoch": {"$exists": True}}).to_list()

    @guarded
    async def begin(self, tenant: str, archive: str, keys: list[tuple[bytes, int]], secrets: Secrets) -> None:
        """Note that an archive is being unpacked, and the keys of its cursors; raises Conflict beside another's."""
        begun = {"$setOnInsert": {"tenant": tenant, "archive": archive}}
        await self._database[LOGS].update_one({"_id": tenant}, begun, upsert=True)
        held = await self._database[LOGS].find_one({"_id": tenant})
        if held is None or held["archive"] != archive:
            raise Conflict("Another archive of this organisation was begun with.")
        for place, (key, epoch) in enumerate(keys):
            id = f"{tenant}/{archive[:16]}/{place}"
            row: dict[str, Any] = {"tenant": tenant, "epoch": epoch, "key": secrets.seal(key.hex(), f"{LOGS}/{id}")}
            await self._database[LOGS].update_one({"_id": id}, {"$setOnInsert": row}, upsert=True)

    @guarded
    async def land(self, tenant: str) -> None:
        """Note that all is here but what is let go at the end, so that this is taken up where it is cut off."""
        await self._database[LOGS].update_one({"_id": tenant}, {"$set": {"landing": True}})

    @guarded
    async def landing(self, tenant: str) -> str | None:
        """Return the archive of an organisation that is here and not let go yet, None where there is none."""
        row = await self._database[LOGS].find_one({"_id": tenant, "landing": True})
        return None if row is None else str(row["archive"])

    @guarded
    async def landed(self, tenant: str) -> None:
        """Note that all is here and goes on."""
        await self._database[LOGS].update_one({"_id": tenant}, {"$unset": {"landing": ""}})

    @staticmethod
    def opened(secrets: Secrets, row: Document) -> bytes:
        """Return the key of a row."""
        return bytes.fromhex(secrets.open(row["key"], f"{LOGS}/{row['_id']}"))
