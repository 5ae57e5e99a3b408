"""Routes of inbound calls, checked against what the tenant has."""

from __future__ import annotations

from typing import Any

from jinaconnect.actions.context import Context
from jinaconnect.core.calls.routing import ToDevice, ToTemplate, read_route
from jinaconnect.core.errors import Invalid


async def check_route(ctx: Context, route: dict[str, Any] | None, name: str) -> None:
    """Raise Invalid on the faulty part of field `name`: its form, a template or a person that does not exist."""
    if route is None:
        return
    for stop in read_route(route, name):
        if isinstance(stop, ToTemplate):
            row = await ctx.data.find("voice_templates", stop.template)
            if row is None or row.get("deleted_at") is not None:
                raise Invalid.field(f"{name}.template", "there is no such template")
        elif isinstance(stop, ToDevice) and await ctx.data.find_one("members", {"user": stop.user}) is None:
            raise Invalid.field(f"{name}.user", "there is no such member")
