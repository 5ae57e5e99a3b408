"""Planning a broadcast: one row for each recipient, with the message ready for its carrier.

A row is one address, so two spellings of a number, or two contacts with one, are one recipient. A cut between two
batches goes on after the last contact that was planned; one within a batch finds the rows that are there.
"""

from __future__ import annotations

from datetime import datetime

from jinaconnect.actions.billing.messages import NoPrice
from jinaconnect.actions.broadcasts.audience import is_meant, next_contacts, unreached_row
from jinaconnect.actions.broadcasts.composing import Wording, compose_for, price_of
from jinaconnect.actions.broadcasts.links import Linked, link_up
from jinaconnect.actions.context import OperationContext
from jinaconnect.core.broadcasts import states
from jinaconnect.core.broadcasts.document import new_row
from jinaconnect.core.errors import Invalid
from jinaconnect.core.inbox.platform import address_on
from jinaconnect.store.databases.mongo import Document
from jinaconnect.store.tenant import Change

BATCH = 500


async def plan_batch(ctx: OperationContext, broadcast: Document, wording: Wording) -> Document:
    """Write the rows of the next contacts; returns the broadcast, `planned` when there are no more."""
    contacts = await next_contacts(ctx.data, broadcast, broadcast["planned_to"], BATCH)
    now = ctx.now()
    linked = await link_up(ctx, broadcast, wording, contacts, now)
    meant = [contact for contact in contacts if is_meant(broadcast, contact)]
    rows = [_row(ctx, broadcast, wording, contact, now, linked.get(contact["_id"])) for contact in meant]
    if rows:
        await ctx.data.insert_many("broadcast_rows", [(row, ()) for row in rows])
    fields = {"planned": len(contacts) < BATCH, "updated_at": broadcast["updated_at"]}
    if contacts:
        fields["planned_to"] = contacts[-1]["_id"]
    return (await ctx.data.change("broadcasts", broadcast["_id"], lambda _: Change(set=fields))).doc


def _row(
    ctx: OperationContext, broadcast: Document, wording: Wording, contact: Document, now: datetime,
    linked: Linked | None,
) -> Document:  # fmt: skip
    """Return the row of a contact; that they have no address there, or the channel cannot say it, is their own failure.
    """
    to = address_on(contact, broadcast["platform"])
    id = ctx.ids.new("brr") if linked is None else linked.row
    row = {**new_row(id, broadcast, contact, to, now), "category": wording.category}
    if to is None:
        return unreached_row(row, now)
    try:
        composed = compose_for(ctx, wording, contact, now, None if linked is None else linked.codes)
        price = price_of(ctx, wording, contact, composed)
    except (Invalid, NoPrice) as error:
        return {
            **row, "status": states.FAILED, "failed_at": now, "error_code": error.code, "response": str(error)[:500],
        }  # fmt: skip
    return {
        **row, "wire": dict(composed.wire), "content": dict(composed.content), "type": composed.type,
        "segments": composed.segments, "price": price,
    }  # fmt: skip
