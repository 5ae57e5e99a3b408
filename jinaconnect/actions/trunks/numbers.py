"""A trunk's own numbers and where calls to them go."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jinaconnect.actions.context import OperationContext
from jinaconnect.actions.rows import Rows
from jinaconnect.actions.trunks.accounts import own_trunk, render_number
from jinaconnect.actions.trunks.claims import check_claims
from jinaconnect.actions.trunks.routes import checked_route

NUMBERS = Rows(collection="numbers", id="num", told="number", render=render_number, channel="VOICE")
"""Once one is removed, calls to it take the trunk's default route."""


async def create_number(ctx: OperationContext, fields: Mapping[str, Any]) -> dict[str, Any]:
    """Add a number; raises Invalid on `provider_config` and `route`, Duplicate where the trunk has it already.

    Raises Conflict on `number` where it is another tenant's at the same carrier's address.
    """
    trunk = await own_trunk(ctx.data, fields["provider_config"], "provider_config")
    route = await checked_route(ctx, fields["route"], "route")
    await check_claims(ctx, trunk, [fields["number"]], "number")
    return await NUMBERS.create(ctx, {"name": "", **fields, "route": route})


async def change_number(ctx: OperationContext, id: str, fields: Mapping[str, Any]) -> dict[str, Any]:
    """Change a number; raises as `create_number`."""
    held = {**await ctx.data.get("numbers", id), **fields}
    if "provider_config" in fields or "number" in fields:
        trunk = await own_trunk(ctx.data, held["provider_config"], "provider_config")
        await check_claims(ctx, trunk, [held["number"]], "number" if "number" in fields else "provider_config")
    changes = dict(fields)
    if "route" in fields:
        changes["route"] = await checked_route(ctx, fields["route"], "route")
    return await NUMBERS.change(ctx, id, changes)
