"""Routes of inbound calls, checked against what the tenant has."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jinaconnect.actions.context import Context
from jinaconnect.core.calls import plan as plans
from jinaconnect.core.calls.routing import ToDevice, ToTemplate, read_route
from jinaconnect.core.errors import Invalid
from jinaconnect.store.databases.mongo import Document


async def checked_route(ctx: Context, route: Mapping[str, Any] | None, name: str) -> dict[str, Any] | None:
    """Return a route as it is kept, without keys that mean nothing.

    Raises Invalid on the faulty part of field `name`: its form, a template or a person that does not exist.
    """
    if route is None:
        return None
    for stop in read_route(route, name):
        if isinstance(stop, ToTemplate):
            row = await ctx.data.find("voice_templates", stop.template)
            if row is None or row.get("deleted_at") is not None:
                raise Invalid.field(f"{name}.template", "there is no such template")
        elif isinstance(stop, ToDevice) and await ctx.data.find_one("members", {"user": stop.user}) is None:
            raise Invalid.field(f"{name}.user", "there is no such member")
    return _kept(route)


def _kept(route: Mapping[str, Any]) -> dict[str, Any]:
    stop = read_route(route)[0]
    if isinstance(stop, ToTemplate):
        return {"type": "template", "template": stop.template}
    if isinstance(stop, ToDevice):
        kept = {"type": "device", "user": stop.user, "ring_s": stop.ring_s}
        return kept if route.get("then") is None else {**kept, "then": _kept(route["then"])}
    return {"type": "reject", "cause": stop.cause}


def purpose_at(route: Document | None, place: int) -> plans.Purpose:
    """Return what a call is for at the stop of its route at `place`."""
    match read_route(route)[place]:
        case ToTemplate(template=template):
            return plans.RunTemplate(template)
        case ToDevice():
            return plans.FollowRoute(ringing=True)
    return plans.FollowRoute()
