"""Canned replies: texts the team answers with often, each found by its shortcut."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jinaconnect.actions.context import Context
from jinaconnect.actions.rows import Rows
from jinaconnect.core.clock import iso
from jinaconnect.core.errors import Invalid
from jinaconnect.store.tenant import Duplicate


def _render(reply: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "id": reply["_id"], "shortcut": reply["shortcut"], "text": reply["text"], "is_active": reply["is_active"],
        "created_at": iso(reply["created_at"]), "updated_at": iso(reply["updated_at"]),
        "created_by": reply["created_by"], "updated_by": reply["updated_by"],
    }  # fmt: skip


CANNED_REPLIES = Rows(collection="canned_replies", id="cnr", told="canned_reply", render=_render)


async def create_canned_reply(ctx: Context, fields: Mapping[str, Any]) -> dict[str, Any]:
    """Add a canned reply; raises Invalid where its shortcut is taken."""
    by = ctx.principal.username
    try:
        return await CANNED_REPLIES.create(ctx, {"is_active": True, **fields, "created_by": by, "updated_by": by})
    except Duplicate as error:
        raise Invalid.field("shortcut", "is taken") from error


async def change_canned_reply(ctx: Context, id: str, fields: Mapping[str, Any]) -> dict[str, Any]:
    """Change a canned reply; raises NotFound, and Invalid where its shortcut is taken."""
    try:
        return await CANNED_REPLIES.change(ctx, id, {**fields, "updated_by": ctx.principal.username})
    except Duplicate as error:
        raise Invalid.field("shortcut", "is taken") from error
