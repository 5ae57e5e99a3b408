"""Templates on their way through their carrier's review: handed in again, asked after, until it is decided.

A webhook tells of it first, where the carrier's come; whoever misses one asks.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from jinaconnect.actions.context import OperationContext, Services, system_operation
from jinaconnect.actions.messaging.templates import (
    WATCHED,
    account_of,
    get_template,
    review_job,
    set_template,
    submitted,
)
from jinaconnect.actions.ports import Ports
from jinaconnect.channels.abilities import ReviewsTemplates, TellsReviews
from jinaconnect.channels.base import Account
from jinaconnect.core.errors import CarrierFailed, InvalidState, NotSupported
from jinaconnect.store.databases.mongo import Document

AGAIN_S = (60.0, 120.0, 240.0)  # before a draft that was not taken is handed in again
LOOK_S, LATER_S, AFTER = 120.0, 3600.0, timedelta(days=1)
LONGEST = timedelta(days=30)


async def sync_template(ctx: OperationContext, platform: str, id: str) -> dict[str, Any]:
    """Bring a template and its carrier's review together, and answer how it stands.

    Raises CarrierFailed where the carrier refuses, NotSupported where it tells nothing, NotFound.
    """
    doc = await get_template(ctx, platform, id)
    account = await _reviewer(ctx, doc)
    error = await _move_on(ctx, account, doc)
    if error is not None:
        raise CarrierFailed(error)
    shown = await get_template(ctx, platform, id)
    return {
        "message": f"The template is {shown['status']}.", "status": shown["status"], "needs_sync": shown["needs_sync"],
        "meta_template_id": shown["meta_template_id"],
    }  # fmt: skip


async def payload(ctx: OperationContext, platform: str, id: str) -> dict[str, Any]:
    """Return what a template's carrier is given; raises NotFound, NotSupported."""
    doc = await get_template(ctx, platform, id)
    channel = ctx.ports.channels[(await _reviewer(ctx, doc)).channel]
    if not isinstance(channel, TellsReviews):
        raise NotSupported("This carrier takes templates in no form that could be shown.")
    return dict(channel.handed_in(doc))


async def _reviewer(ctx: OperationContext, doc: Document) -> Account:
    account = await account_of(ctx, doc)
    if account is None:
        raise InvalidState("The template's account was removed.")
    if not isinstance(ctx.ports.channels[account.channel], ReviewsTemplates):
        raise NotSupported("This carrier reviews no templates.")
    return account


async def _move_on(ctx: OperationContext, account: Account, doc: Document) -> str | None:
    """Hand a template in, or look what has become of it; return why that could not be."""
    channel = ctx.ports.channels[account.channel]
    if doc["needs_sync"] or doc["meta_template_id"] is None:
        fields = await submitted(ctx, account, doc)
        error = fields["error_message"] if fields["needs_sync"] else None
    elif isinstance(channel, TellsReviews):
        review = await channel.look(account, doc)
        error, now = review.error, ctx.now()
        fields = {} if error else {"status": review.status, "rejection_reason": review.reason, "last_synced_at": now}
    else:
        raise NotSupported("This carrier tells what has become of a template by its webhooks alone.")
    if any(doc.get(name) != value for name, value in fields.items() if name != "last_synced_at"):
        await set_template(ctx, doc["_id"], {**fields, "updated_at": ctx.now()}, "template.updated")
    return error


async def follow_review(services: Services, ports: Ports, scope: str, data: Mapping[str, Any]) -> None:
    """Look after a template until its review is decided, more and more seldom."""
    ctx = system_operation(services, ports, scope, "reviews")
    doc, step = await ctx.data.find("templates", data["template"]), data["step"]
    if doc is None or doc["deleted_at"] is not None or doc["status"] not in WATCHED:
        return
    waits = ctx.now() - doc["created_at"]
    if waits > LONGEST or (doc["status"] == "DRAFT" and (step >= len(AGAIN_S) or not doc["needs_sync"])):
        return
    account = await account_of(ctx, doc)
    if account is None:
        return
    try:
        await _move_on(ctx, account, doc)
    except NotSupported:
        return
    pause = LOOK_S if waits < AFTER else LATER_S
    if doc["status"] == "DRAFT" and step + 1 < len(AGAIN_S):
        pause = AGAIN_S[step + 1]
    at = ctx.now() + timedelta(seconds=pause)
    await ports.worker.add_jobs([review_job(scope, doc["_id"], step + 1, at)])
