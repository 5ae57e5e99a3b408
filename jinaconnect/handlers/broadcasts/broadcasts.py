"""`/broadcast/`, and the same on each platform's own path: writing, scheduling, cancelling, pausing and
resuming broadcasts."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from jinaconnect.actions.broadcasts import drafting
from jinaconnect.actions.broadcasts.estimating import foreseen
from jinaconnect.actions.broadcasts.reading import render_broadcasts
from jinaconnect.actions.broadcasts.telling import with_counts
from jinaconnect.actions.context import OperationContext
from jinaconnect.actions.listing import list_documents
from jinaconnect.core.broadcasts import states
from jinaconnect.core.broadcasts.values import RESERVED
from jinaconnect.core.errors import NotFound
from jinaconnect.core.inbox.platform import PLATFORMS
from jinaconnect.core.paging import Filter, Listing, bool_filter, choice_filter, text_filter, time_filter
from jinaconnect.handlers.broadcasts.fields import (
    BroadcastCreatedOut,
    BroadcastFields,
    BroadcastOut,
    BroadcastPreview,
    BroadcastWithin,
    Cancelled,
    Lead,
    NewBroadcast,
    PlaceList,
    Reason,
    Resume,
    Resumed,
    ResumePreview,
)
from jinaconnect.handlers.edge.operation import Reply, dry_run, operation

_NAMES = "|".join(dict.fromkeys(states.UI_STATUSES.values()))
_SHOWN = Filter(
    "status", states.shown_as, ("",), {"type": "string", "pattern": f"^({_NAMES})(,({_NAMES}))*$"}
)
BROADCASTS = Listing(
    filters={
        "status": choice_filter("status", states.STATUSES), "ui_status": _SHOWN, "ui_status__in": _SHOWN,
        "platform": choice_filter("platform", tuple(PLATFORMS)),
        "template": Filter("template", lookups=("", "in")),
        "template_number__number": Filter("template", lookups=("", "in")), "created_by": text_filter("created_by"),
        "updated_by": text_filter("updated_by"), "is_active": bool_filter("is_active"),
        "scheduled_time": time_filter("scheduled_time"), "created_at": time_filter("created_at"),
    },
    search=("name",), orderings={"scheduled_time": "scheduled_time", "created_at": "created_at", "name": "name"},
)  # fmt: skip


async def _render(ctx: OperationContext, docs: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    counted = await asyncio.gather(*(with_counts(ctx, doc) for doc in docs))
    return await render_broadcasts(ctx, counted)


async def _shown(ctx: OperationContext, doc: dict[str, Any]) -> dict[str, Any]:
    return (await render_broadcasts(ctx, [doc]))[0]


async def _of_platform(ctx: OperationContext, id: str, platform: str | None) -> None:
    """Raise NotFound for a broadcast of another platform than the path's."""
    if platform is not None and (await ctx.data.get("broadcasts", id))["platform"] != platform:
        raise NotFound()


async def _create(ctx: OperationContext, fields: dict[str, Any]) -> dict[str, Any] | Reply:
    if dry_run(ctx):
        doc = await drafting.preview_broadcast(ctx, fields)
        verdicts = await foreseen(ctx.data, doc, doc["scheduled_time"])
        [shown] = await render_broadcasts(ctx, [doc], known=True)
        return Reply({**shown, "dry_run": True, "verdicts": verdicts})
    doc, warnings = await drafting.create_broadcast(ctx, fields)
    [shown] = await render_broadcasts(ctx, [doc], known=True)
    return {**shown, "warnings": warnings}


def _declare(base: str, id: str, platform: str | None) -> None:
    """Declare the operations below a path, for every platform or for one."""
    within = {} if platform is None else {"platform": platform}

    def doing(
        method: str, path: str, name: str, permission: str, **rest: Any
    ) -> Callable[[Callable[..., Awaitable[Any]]], Callable[..., Awaitable[Any]]]:
        return operation(
            method, f"{base}{path}", id=f"{id}.{name}", permission=f"broadcast.{permission}", tag="broadcasts", **rest
        )

    @doing("GET", "/", "list", "view", listing=BROADCASTS, returns=BroadcastOut)
    async def list_broadcasts(ctx: OperationContext) -> dict[str, Any]:
        """List the broadcasts, newest first."""

        async def render(docs: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
            return await _render(ctx, docs)

        return await list_documents(ctx, "broadcasts", BROADCASTS, render, within)

    created = {"returns": BroadcastCreatedOut, "status": 201, "effect": True, "dry_run": BroadcastPreview}
    told = "Write a broadcast; with the status QUEUED it is checked and scheduled at once."

    if platform is None:

        @doing("POST", "/", "create", "create", body=NewBroadcast, **created)
        async def create(ctx: OperationContext, body: NewBroadcast) -> dict[str, Any] | Reply:
            """Write a broadcast; with the status QUEUED it is checked and scheduled at once.

            Who has opted out, or is not to be contacted, is not sent to; each recipient's row says why. An empty
            audience, a missing template and a time in the past are refused, and nothing is kept.
            """
            return await _create(ctx, {"platform": body.platform, **body.given()})

    else:

        async def create_within(ctx: OperationContext, body: BroadcastWithin) -> dict[str, Any] | Reply:
            return await _create(ctx, {**body.given(), "platform": platform})

        create_within.__doc__ = told
        doing("POST", "/", "create", "create", body=BroadcastWithin, **created)(create_within)

    @doing("GET", "/{id}/", "read", "view", returns=BroadcastOut)
    async def read(ctx: OperationContext, id: str) -> dict[str, Any]:
        """Show a broadcast with its counters."""
        await _of_platform(ctx, id, platform)
        return await _shown(ctx, await drafting.read_broadcast(ctx, id))

    @doing("PATCH", "/{id}/", "change", "create", body=BroadcastFields, returns=BroadcastOut, effect=True)
    async def change(ctx: OperationContext, id: str, body: BroadcastFields) -> dict[str, Any]:
        """Change a broadcast that has not begun; QUEUED schedules it, DRAFT takes it back."""
        await _of_platform(ctx, id, platform)
        return await _shown(ctx, await drafting.change_broadcast(ctx, id, body.given()))

    @doing("POST", "/{id}/cancel/", "cancel", "cancel", body=Reason, returns=Cancelled, effect=True)
    async def cancel(ctx: OperationContext, id: str, body: Reason) -> dict[str, Any]:
        """Cancel a broadcast; one that is being sent asks for nobody more."""
        await _of_platform(ctx, id, platform)
        _, left = await drafting.cancel_broadcast(ctx, id, body.reason)
        return {"detail": "The broadcast is cancelled.", "messages_cancelled": left}

    @doing("POST", "/{id}/pause/", "pause", "cancel", body=Reason, returns=BroadcastOut, effect=True)
    async def pause(ctx: OperationContext, id: str, body: Reason) -> dict[str, Any]:
        """Pause a broadcast that is being sent; `reason_for_cancellation` says by whom and why.

        Nobody more is asked for, and what is reserved stays so, until it is resumed or cancelled.
        """
        await _of_platform(ctx, id, platform)
        return await _shown(ctx, await drafting.pause_broadcast(ctx, id, body.reason))

    @doing("POST", "/{id}/resume/", "resume", "create", body=Resume, returns=Resumed, status=202, effect=True,
           dry_run=ResumePreview)  # fmt: skip
    async def resume(ctx: OperationContext, id: str, body: Resume) -> dict[str, Any] | Reply:
        """Send to recipients who were left, or once more to those of a state; answers how many those are.

        A broadcast that ended, was paused or was missed can be resumed. Whoever is UNKNOWN may have the message.
        """
        await _of_platform(ctx, id, platform)
        if dry_run(ctx):
            counts = await drafting.preview_resume(ctx, id, body.scope)
            return Reply({"dry_run": True, **counts, "total": sum(counts.values())})
        doc, counts = await drafting.resume_broadcast(ctx, id, body.scope)
        return {"broadcast": await _shown(ctx, doc), **counts, "total": sum(counts.values())}


_declare("/broadcast", "broadcasts", None)
for _name, _platform in PLATFORMS.items():
    if _platform.base is not None:
        _declare(f"{_platform.base}/broadcast", f"{_platform.base.split('/')[1]}.broadcasts", _name)


@operation(
    "GET", "/broadcast/reserve-keyword/", id="broadcasts.keywords", permission="broadcast.view", returns=PlaceList,
    tag="broadcasts",
)  # fmt: skip
async def keywords(ctx: OperationContext) -> list[dict[str, str]]:
    """List the places that are filled in with what is known of each recipient."""
    return [{"key": key, "description": told} for key, told in RESERVED.items()]


@operation(
    "GET", "/broadcast/min-schedule-time/", id="broadcasts.lead", permission="broadcast.view", returns=Lead,
    tag="broadcasts",
)  # fmt: skip
async def lead(ctx: OperationContext) -> dict[str, Any]:
    """Tell how far ahead a broadcast is scheduled at least."""
    return {"min_scheduled_time_in_minutes": states.LEAD.total_seconds() / 60}
