"""The ground of the voice API: one base path and its older alias, and the tenant's switch for voice."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from jinaconnect.actions.context import Context
from jinaconnect.actions.trunks.voice_app import require_voice
from jinaconnect.handlers.edge.operation import Function, operation

BASE, ALIAS = "/voice/api/", "/voice/v1/api/"


def voice_operation(
    method: str, path: str, *, id: str, permission: str, gated: bool = True, aliases: tuple[str, ...] = (),
    **rest: Any,
) -> Callable[[Function], Function]:
    """Declare a route below `/voice/api/`; with `gated`, 403 `voice_disabled` while the tenant's voice is off.

    `aliases` are further paths below the same base.
    """
    paths = [f"{BASE}{each}" for each in aliases] + [f"{ALIAS}{each}" for each in (path, *aliases)]
    declare = operation(
        method, f"{BASE}{path}", id=f"voice.{id}", permission=permission, aliases=tuple(paths), tag="voice", **rest
    )

    def within(function: Function) -> Function:
        if not gated:
            return declare(function)

        @wraps(function)
        async def checked(ctx: Context, *args: Any, **named: Any) -> Any:
            await require_voice(ctx)
            return await function(ctx, *args, **named)

        declare(checked)
        return function

    return within
