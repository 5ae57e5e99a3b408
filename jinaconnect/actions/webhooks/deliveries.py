"""The log of deliveries, and what is posted because somebody asks for it: a test, one event again."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from jinaconnect.actions.context import Context, OperationContext
from jinaconnect.actions.listing import list_documents
from jinaconnect.actions.webhooks.endpoints import COLLECTION
from jinaconnect.actions.webhooks.posting import post
from jinaconnect.actions.webhooks.target import (
    DELIVERED,
    attempted,
    owner_of,
    render_delivery,
    secret_place,
    view_for,
)
from jinaconnect.core.clock import iso
from jinaconnect.core.errors import InvalidState, NotAuthenticated, PermissionDenied
from jinaconnect.core.events.catalogue import CATALOGUE
from jinaconnect.core.paging import Listing
from jinaconnect.core.schema import sample
from jinaconnect.core.webhooks.body import body_of, encoded
from jinaconnect.core.webhooks.schedule import Outcome
from jinaconnect.core.webhooks.selection import types_of
from jinaconnect.core.webhooks.signature import key_of_secret
from jinaconnect.store.databases.mongo import Document

DELIVERIES = "webhook_deliveries"


async def list_deliveries(ctx: Context, listing: Listing) -> dict[str, Any]:
    """Answer the list of deliveries, the newest first."""

    async def render(docs: Sequence[Document]) -> list[dict[str, Any]]:
        return [render_delivery(doc) for doc in docs]

    return await list_documents(ctx, DELIVERIES, listing, render)


async def read_delivery(ctx: Context, id: str) -> dict[str, Any]:
    """Return one delivery with its attempts."""
    return render_delivery(await ctx.data.get(DELIVERIES, id))


def _keys(ctx: Context, doc: Document) -> list[bytes]:
    held = ctx.services.secrets.open(doc["secrets"], secret_place(doc["_id"]))
    both = doc["former_until"] is not None and doc["former_until"] > ctx.now()
    return [key_of_secret(text) for text in (held if both else held[:1])]


async def redeliver(ctx: OperationContext, id: str) -> dict[str, Any]:
    """Post the event of a delivery once more, now, under the same id; returns the delivery with this attempt.

    Raises InvalidState where the log keeps the event no longer, or the endpoint's owner may not see it any more.
    """
    row = await ctx.data.get(DELIVERIES, id)
    endpoint = await ctx.data.get(COLLECTION, row["endpoint"])
    event = await ctx.services.webhook_queue.event(ctx.data.scope, row["seq"])
    if event is None or event.id != row["event"]:
        raise InvalidState("The event is no longer kept.")
    try:
        view = view_for(await owner_of(ctx.ports.auth, endpoint), {**endpoint, "events": ["*"], "topics": None})
    except (NotAuthenticated, PermissionDenied):
        view = None
    if view is None or not view.shows(event):
        raise InvalidState("The endpoint's owner may not see this event any more.")
    now = ctx.now()
    outcome = await post(
        ctx.services.webhooks_outbound, endpoint["url"], _keys(ctx, endpoint), event.id, body_of(event), now,
        ctx.cursor(event.seq),
    )  # fmt: skip
    status = DELIVERED if outcome.ok else row["status"]
    attempt = attempted(endpoint, event, id, outcome, now, timedelta(0), status=status, first=False)
    await ctx.services.webhook_queue.record([attempt])
    return render_delivery(await ctx.data.get(DELIVERIES, id))


async def send_test(ctx: Context, id: str, type: str | None) -> dict[str, Any]:
    """Post an example of an event, told as such, and return what came of it."""
    endpoint = await ctx.data.get(COLLECTION, id)
    wanted = types_of([type], "type") if type is not None else types_of(endpoint["events"])
    kind = CATALOGUE[min(wanted) if wanted else "message.received"]
    now, event, example = iso(ctx.now()), ctx.ids.new("evt"), sample(kind.payload)
    told = {
        "id": event, "seq": 0, "type": kind.name, "mode": ctx.principal.mode, "occurred_at": now,
        "recorded_at": now, "actor": ctx.principal.actor(), "subject": {"type": kind.subject, "id": example.get("id")},
        "contact_id": None, "conversation_id": None, "call_id": None, "data": example, "example": True,
    }  # fmt: skip
    body = encoded(told, ctx.principal.tenant)
    keys = _keys(ctx, endpoint)
    outcome = await post(ctx.services.webhooks_outbound, endpoint["url"], keys, event, body, ctx.now())
    return _tested(outcome, event)


def _tested(outcome: Outcome, id: str) -> dict[str, Any]:
    return {
        "success": outcome.ok, "event": id, "response_code": outcome.status, "response_time_ms": outcome.ms,
        "answer": outcome.answer or None, "error": outcome.error or None,
    }  # fmt: skip
