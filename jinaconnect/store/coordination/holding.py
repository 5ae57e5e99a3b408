"""Which of several collections hold a document of some kind: one question to the database instead of one for each.

For looks that are made all the time and mostly find nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from jinaconnect.store.databases.mongo import Database, guarded


@guarded
async def holding(database: Database, names: Sequence[str], query: Mapping[str, Any]) -> list[str]:
    """Return the collections, in the order given, that hold a document that fits; an index of each serves the query."""

    def look(name: str) -> list[dict[str, Any]]:
        return [{"$match": dict(query)}, {"$limit": 1}, {"$project": {"_id": {"$literal": name}}}]

    unions: list[dict[str, Any]] = [{"$unionWith": {"coll": name, "pipeline": look(name)}} for name in names[1:]]
    rows = await database[names[0]].aggregate([*look(names[0]), *unions])
    held = {row["_id"] for row in await rows.to_list()}
    return [name for name in names if name in held]
