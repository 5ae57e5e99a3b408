"""`…/webhook-events/` of each platform: webhooks of its carriers of which something could not be applied."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

import orjson
from pydantic import Field

from jinaconnect.actions.context import Context, OperationContext
from jinaconnect.actions.listing import list_documents
from jinaconnect.channels.table import CHANNELS
from jinaconnect.core.clock import iso, iso_or_none
from jinaconnect.core.errors import InvalidState, NotFound
from jinaconnect.core.events.payloads.base import MOMENT
from jinaconnect.core.inbox.platform import PLATFORMS
from jinaconnect.core.paging import FLAG, Filter, Listing, parse_bool, time_filter
from jinaconnect.core.schema import Answer, example, sample_id
from jinaconnect.handlers.edge.operation import operation
from jinaconnect.store.tenant import Change

EVENTS = "webhook_events"
MOST_RETRIES = 5


class ReceivedOut(
    Answer,
    json_schema_extra=example(
        id=sample_id("whe"), account=sample_id("wap"), event_type="MESSAGE", update_id=None, is_processed=False,
        retry_count=1, error_message="messages.0.timestamp: not a time", processed_at=None, created_at=MOMENT,
    ),
):
    """A webhook of which something could not be applied; what was applied is told by events and kept nowhere else."""

    id: str
    account: str
    event_type: str
    update_id: int | None = Field(description="Its carrier's own number of it, where it has one.")
    is_processed: bool = Field(description="Whether all of it was applied at another try.")
    retry_count: int
    error_message: str | None
    processed_at: str | None
    created_at: str


def _render(doc: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "id": doc["_id"], "account": doc["account"], "event_type": doc.get("kind") or "UNKNOWN",
        "update_id": _number(doc.get("body")), "is_processed": bool(doc.get("is_processed")),
        "retry_count": doc.get("retry_count", 0), "error_message": doc["reason"] or None,
        "processed_at": iso_or_none(doc.get("processed_at")), "created_at": iso(doc["received_at"]),
    }  # fmt: skip


def _number(body: bytes | None) -> int | None:
    try:
        told = orjson.loads(body or b"")
    except ValueError:
        return None
    found = told.get("update_id") if isinstance(told, dict) else None
    return found if type(found) is int else None


def _processed(text: str) -> Any:
    """Return what `is_processed` is to be: rows of before it was kept are not."""
    return True if parse_bool(text) else {"$ne": True}


_LISTING = Listing(
    filters={
        "event_type": Filter("kind", str.upper, lookups=("", "in")), "account": Filter("account", lookups=("", "in")),
        "is_processed": Filter("is_processed", _processed, ("",), FLAG), "created": time_filter("received_at"),
    },
)  # fmt: skip


def _declare(platform: str, base: str) -> None:
    short, tag = base.split("/")[1], PLATFORMS[platform].label.lower()
    channels = [channel.spec.name for channel in CHANNELS.values() if channel.spec.platform == platform]

    def doing(
        method: str, path: str, name: str, permission: str, **rest: Any
    ) -> Callable[[Callable[..., Awaitable[Any]]], Callable[..., Awaitable[Any]]]:
        where, id = f"{base}/webhook-events{path}", f"{short}.webhook_events.{name}"
        return operation(method, where, id=id, permission=f"webhook.{permission}", tag=tag, **rest)

    async def known(ctx: Context, id: str) -> dict[str, Any]:
        doc = await ctx.data.get(EVENTS, id)
        if doc.get("channel") not in channels:
            raise NotFound()
        return doc

    @doing("GET", "/", "list", "view", listing=_LISTING, returns=ReceivedOut)
    async def list_events(ctx: OperationContext) -> dict[str, Any]:
        """List webhooks of the platform of which something could not be applied, the newest first."""

        async def render(docs: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
            return [_render(doc) for doc in docs]

        return await list_documents(ctx, EVENTS, _LISTING, render, {"channel": {"$in": channels}})

    @doing("GET", "/{id}/", "read", "view", returns=ReceivedOut)
    async def read(ctx: OperationContext, id: str) -> dict[str, Any]:
        """Show one webhook of which something could not be applied."""
        return _render(await known(ctx, id))

    @doing("POST", "/{id}/retry/", "retry", "manage", returns=ReceivedOut, effect=True)
    async def retry(ctx: OperationContext, id: str) -> dict[str, Any]:
        """Apply it once more, at most five times; what of it was applied before stays as it is."""
        await known(ctx, id)

        def decide(doc: dict[str, Any]) -> Change:
            if doc.get("is_processed"):
                raise InvalidState("It has been applied.")
            if doc.get("body") is None:
                raise InvalidState("Its body was erased with the person it names.")
            if (tries := doc.get("retry_count", 0)) >= MOST_RETRIES:
                raise InvalidState(f"It was tried again {MOST_RETRIES} times.")
            return Change(set={"retry_count": tries + 1, "reason": ""})

        await ctx.data.change(EVENTS, id, decide)
        await ctx.ports.message_hooks.again(ctx.data.scope, id)
        return _render(await known(ctx, id))


for _name, _platform in PLATFORMS.items():
    if _platform.base is not None:
        _declare(_name, _platform.base)
