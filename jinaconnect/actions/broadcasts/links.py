"""Links of recipients: written when a broadcast is planned, and what came of them.

A link is written before the row whose message carries it. Planned once more after a cut, the recipient keeps the link
that is there, and its row the id that the link names.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from jinaconnect.actions.broadcasts.composing import Wording, links_for
from jinaconnect.actions.context import Context, OperationContext
from jinaconnect.core.broadcasts import links
from jinaconnect.core.broadcasts.document import address_key
from jinaconnect.core.errors import Invalid, NotFound
from jinaconnect.core.inbox.platform import address_on
from jinaconnect.store.databases.mongo import Document
from jinaconnect.store.tenant import Duplicate

TRIES = 20  # for a code that nobody has


@dataclass(slots=True)
class Linked:
    """The id of a recipient's row, and the codes of their links by place."""

    row: str
    codes: dict[int, str] = field(default_factory=dict)


def _code() -> str:
    return "".join(secrets.choice(links.LETTERS) for _ in range(links.CODE_LENGTH))


async def link_up(
    ctx: OperationContext, broadcast: Document, wording: Wording, contacts: Sequence[Document], now: datetime
) -> dict[str, Linked]:
    """Write the links of recipients; returns them by contact. Who cannot be sent to has none."""
    found: dict[str, Linked] = {}
    if not wording.has_links:
        return found
    waiting: list[Document] = []
    for contact in contacts:
        to = address_on(contact, broadcast["platform"])
        try:
            wanted = links_for(wording, contact, now) if to is not None else []
        except Invalid:
            continue  # their row says why
        if to is None or not wanted:
            continue
        linked = found[contact["_id"]] = Linked(ctx.ids.new("brr"))
        row = {
            "_id": linked.row, "broadcast": broadcast["_id"], "platform": broadcast["platform"],
            "key": address_key(to), "contact": contact["_id"],
        }  # fmt: skip
        waiting += [
            links.new_link(ctx.ids.new("lnk"), each, row, _code() if each.followed else None, wording.base, now)
            for each in wanted
        ]
    for _ in range(TRIES):
        if not waiting:
            return found
        waiting = await _written(ctx, found, waiting, wording.base)
    raise NotFound("No code is left for a link.")


async def _written(
    ctx: Context, found: dict[str, Linked], waiting: Sequence[Document], base: str
) -> list[Document]:
    """Write links; returns those whose code somebody else has, with another."""
    again = []
    for doc, result in zip(
        waiting, await ctx.data.insert_many("links", [(doc, ()) for doc in waiting]), strict=True
    ):
        held = doc
        if isinstance(result, Duplicate):
            if result.index == "code":
                code = _code()
                again.append({**doc, "code": code, "tracked_url": links.public_url(base, code)})
                continue
            there = await ctx.data.find_one(
                "links", {name: doc[name] for name in ("broadcast", "key", "place")}
            )
            assert there is not None
            held = there
        linked = found[doc["contact"]]
        linked.row = held["row"]
        if held["code"] is not None:
            linked.codes[doc["place"]] = held["code"]
    return again


async def link_rows(ctx: Context, docs: Sequence[Document]) -> list[dict[str, Any]]:
    """Return links as REST shows them, with the contacts they are of."""
    ids = list({doc["contact"] for doc in docs})
    fields = {"first_name": 1, "last_name": 1, "phone": 1}
    people = {doc["_id"]: doc for doc in await ctx.data.select("contacts", {"_id": {"$in": ids}}, fields=fields)}
    rows = []
    for doc in docs:
        who = people.get(doc["contact"])
        named = {
            "contact_phone": None if who is None else who["phone"],
            "contact_name": "" if who is None else f"{who['first_name']} {who['last_name']}".strip(),
        }  # fmt: skip
        rows.append({**links.render_link(doc), **named})
    return rows


async def links_of_message(ctx: Context, row: str) -> list[dict[str, Any]]:
    """Return the links of a recipient, by their places; raises NotFound."""
    await ctx.data.get("broadcast_rows", row)
    docs = await ctx.data.select("links", {"row": row})
    return [links.render_link(doc) for doc in sorted(docs, key=lambda doc: int(doc["place"]))]


async def links_of_broadcast(ctx: Context, id: str) -> dict[str, Any]:
    """Return the figures of a broadcast's links, by button or address; raises NotFound."""
    await ctx.data.get("broadcasts", id)
    sums = {name: {"$sum": f"${name}"} for name in ("click_count", "suspect_count", "bot_count")}
    by_place = {
        "_id": {name: f"${name}" for name in ("button_index", "place", "button_text", "card_index")},
        "original_url": {"$first": "$original_url"}, "links": {"$sum": 1}, **sums,
        "people": {"$sum": {"$cond": ["$clicked", 1, 0]}},
        "first_click": {"$min": "$first_clicked_at"}, "last_click": {"$max": "$last_clicked_at"},
    }  # fmt: skip
    groups, exact = await ctx.data.figures("links", {"broadcast": id}, [{"$group": by_place}])
    stages: list[dict[str, Any]] = [{"$group": {"_id": "$contact"}}, {"$count": "n"}]
    people, _ = await ctx.data.figures("links", {"broadcast": id, "clicked": True}, stages)
    return links.figures(groups, people[0]["n"] if people else 0, exact)
