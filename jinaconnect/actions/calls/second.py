"""A second call that a call dials, to a number: a call of its own, kept by the first."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jinaconnect.actions.calls.journal import created_event
from jinaconnect.actions.context import Services
from jinaconnect.core.calls import document
from jinaconnect.core.calls import plan as plans
from jinaconnect.core.principal import system_actor
from jinaconnect.store.tenant import Duplicate


async def second_call(
    services: Services, call: Mapping[str, Any], number: str, *, id: str | None = None,
    actor: Mapping[str, str] | None = None, **fields: Any,
) -> str:  # fmt: skip
    """Store the call that a call dials, with `call.created`; returns its id. Given an id, it is stored once."""
    now = services.clock()
    own = call["to_number"] if call["direction"] == document.INBOUND else call["from_number"]
    child = document.new_call(
        id or services.ids.new("call"), direction=document.OUTBOUND, from_number=own, to_number=number,
        provider_config=call["provider_config"], switch=call["carried_by"], at=now, placed_at=now,
        plan=plans.stored(plans.Plan(plans.SecondLeg(call["_id"]))), parent_call=call["_id"],
        contact=call["contact"], seen=call["seen"], user=call["user"], places=1, events=1, **fields,
    )  # fmt: skip
    event = created_event(
        services.ids.new("evt"), child, at=now, actor=actor or system_actor("telephony"),
        source="agent" if actor else "system",
    )  # fmt: skip
    try:
        await services.store.within(call["scope"]).insert("calls", child, [event])
    except Duplicate:
        if id is None:
            raise
    return str(child["_id"])
