"""What follows a call of a broadcast when it has ended: its recipient's row, and the next one's turn."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jinaconnect.actions.calls.completion import entry_of
from jinaconnect.actions.context import Context
from jinaconnect.actions.worker import Worker
from jinaconnect.core.broadcasts import calling, states
from jinaconnect.core.errors import NotFound
from jinaconnect.store.databases.mongo import Document
from jinaconnect.store.tenant import Change

PLACES = 1_000  # of a call's history that are looked at for keys


class Recipients:
    """Writes down what became of recipients who were called."""

    def __init__(self, worker: Worker) -> None:
        self._worker = worker

    async def ended(self, ctx: Context, call: Document) -> Mapping[str, Any]:
        """Write down what became of a recipient's call, once, and have the broadcast go on."""
        if call["broadcast"] is None or call["parent_call"] is not None:
            return {}
        fields = calling.ended(call, await self._keys(ctx, call), ctx.now())
        fields["message"] = None if call["contact"] is None else entry_of(call)
        options: Mapping[str, Any] = {}
        going = fields["outcome"] not in calling.FINAL
        if going:
            doc = await ctx.data.find("broadcasts", call["broadcast"]) or {}
            options = doc.get("call_options") or {}
            going = doc.get("status") in (states.SENDING, states.PAUSED)

        def decide(row: Document) -> Change | None:
            if row["call"] != call["_id"] or row["status"] not in (states.ASKING, states.PENDING):
                return None
            again = calling.again_at(
                options, row["retry_count"], fields["outcome"], call["hangup_cause"], ctx.now()
            )
            if again is None or not going:
                return Change(set=fields)
            waits = {"status": states.PENDING, "at": again, "call": None, "retry_count": row["retry_count"] + 1}
            return Change(set={**fields, "failed_at": None, **waits})

        try:
            await ctx.data.change("broadcast_rows", call["broadcast_row"], decide)
        except NotFound:
            return {}
        await ctx.services.due.hasten("broadcasts", ctx.data.scope, call["broadcast"])
        self._worker.run_now("broadcasts", ctx.data.scope, call["broadcast"])
        return {}

    async def _keys(self, ctx: Context, call: Document) -> list[dict[str, Any]]:
        if call["ivr"] is None:
            return []
        await ctx.data.settle("calls", [call])
        rows = await ctx.data.select("call_events", {"call": call["_id"]}, sort=[("place", 1)], limit=PLACES)
        return calling.keys_pressed(rows)
