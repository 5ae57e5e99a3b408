"""Erasing what people were notified of about somebody: a notice may name them, and say what was to be sent to them."""

from __future__ import annotations

from jinaconnect.actions.context import Context

NOTICES = "notifications"
PAGE = 500


async def erase_notices(ctx: Context, contact: str) -> None:
    """Remove the notices about a contact, of whomever they are; those of earlier versions name it in the same place."""
    while rows := await ctx.data.select(NOTICES, {"metadata.contact_id": contact}, limit=PAGE, fields={"_id": 1}):
        for row in rows:
            await ctx.data.remove(NOTICES, row["_id"])
