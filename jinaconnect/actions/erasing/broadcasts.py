"""Erasing what broadcasts hold of a person: the address, the name, what was said to them, who came by their links."""

from __future__ import annotations

from typing import Any

from jinaconnect.actions.context import Context
from jinaconnect.store.databases.mongo import Document
from jinaconnect.store.tenant import Change, Decide

PAGE = 100
_ROW: dict[str, Any] = {
    "to": [], "phone": None, "first_name": "", "last_name": "", "wire": None, "content": None, "erased": True,
}  # fmt: skip


async def erase_recipient(ctx: Context, contact: str) -> None:
    """Overwrite what is personal in a contact's rows of broadcasts and in their links; the figures stay."""
    after: dict[str, Any] = {}
    while rows := await ctx.data.select(
        "broadcast_rows", {"contact": contact, **after}, sort=[("_id", -1)], limit=PAGE
    ):
        await ctx.data.change_many("broadcast_rows", {row["_id"]: _blank(_ROW) for row in rows}, rows)
        after = {"_id": {"$lt": rows[-1]["_id"]}}
    after = {}
    while links := await ctx.data.select("links", {"contact": contact, **after}, sort=[("_id", -1)], limit=PAGE):
        for link in links:
            await _forget_clicks(ctx, link["_id"])
        await ctx.data.change_many("links", {link["_id"]: _blank({"last_click": None}) for link in links}, links)
        after = {"_id": {"$lt": links[-1]["_id"]}}


async def _forget_clicks(ctx: Context, link: str) -> None:
    while clicks := await ctx.data.select("link_clicks", {"link": link}, limit=PAGE, fields={"_id": 1}):
        for click in clicks:
            await ctx.data.remove("link_clicks", click["_id"])


def _blank(blank: dict[str, Any]) -> Decide:
    """Return the decision that overwrites these fields; a key by which the recipient is one keeps no address."""

    def decide(doc: Document) -> Change | None:
        fields = {**blank, "key": f"erased:{doc['_id']}", "updated_at": doc["updated_at"]}
        return Change(set=fields) if any(doc.get(name) != value for name, value in fields.items()) else None

    return decide
