"""What every call that comes in needs, whatever carries it: its route, the caller's number, or its refusal, told."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from jinaconnect.actions.context import Context
from jinaconnect.core.calls import causes
from jinaconnect.core.calls.routing import Resolution, read_route, resolve
from jinaconnect.core.events.event import Event, Visibility
from jinaconnect.store.databases.mongo import Document
from jinaconnect.store.tenant import Change


async def numbers_of(ctx: Context, called: str) -> list[Document]:
    """Return the rows of a number that is called, one for each of the trunks it is told to come in over."""
    return sorted(await ctx.data.find_by("numbers", "number", called), key=lambda each: str(each["_id"]))


def route_of(rows: Sequence[Document], trunk: Document, called: str) -> tuple[Resolution, Document | None]:
    """Return where a call goes by the rows of its number, and the route as it is stored.

    A number may come in over several carriers: where its trunk says nothing of it, another trunk's row counts.
    """
    row = next((each for each in rows if each["provider_config"] == trunk["_id"]), None)
    default = trunk.get("default_route")
    if row is None and default is None:
        row = next(iter(rows), None)
    numbers = {} if row is None else {called: read_route(row["route"])}
    resolution = resolve(called, numbers, None if default is None else read_route(default))
    return resolution, row["route"] if row is not None and resolution.source == "number" else default


async def tell_rejected(
    ctx: Context, trunk: Document, *, caller: str, called: str, cause: str, source: str, at: datetime
) -> None:
    """Say that a call was refused; there is no call row, so the event stands on its trunk."""
    data = {
        "from_number": caller, "to_number": called, "provider_config": trunk["_id"], "hangup_cause": cause,
        "sip_code": causes.rejection_sip(cause), "route": source,
    }  # fmt: skip
    event = Event(
        id=ctx.ids.new("evt"), type="call.rejected", occurred_at=at, actor=ctx.principal.actor(),
        subject=ctx.ids.new("call"), data=data, channel="VOICE", seen=Visibility(),
    )  # fmt: skip
    await ctx.data.change("trunks", trunk["_id"], lambda doc: Change(events=[event]))
