"""Health, version and figures."""

from __future__ import annotations

import platform
from typing import Any

from jinaconnect import __version__
from jinaconnect.actions.context import Context
from jinaconnect.actions.voice.health import standing
from jinaconnect.core.errors import Unavailable
from jinaconnect.core.schema import Answer
from jinaconnect.handlers import metrics
from jinaconnect.handlers.operation import PUBLIC, Reply, operation
from jinaconnect.store.mongo import ping


class Version(Answer):
    """Which program answers."""

    version: str
    name: str
    python: str


@operation("GET", "/livez/", id="system.live", permission=PUBLIC, limited=False, tag="system")
async def live(ctx: Context) -> dict[str, Any]:
    """Tell that the process runs."""
    return {"status": "ok"}


@operation("GET", "/readyz/", id="system.ready", permission=PUBLIC, limited=False, tag="system", errors=(503,))
async def ready(ctx: Context) -> dict[str, Any]:
    """Tell whether requests can be served: 503 while the database is away.

    Without any Asterisk the inbox still works, so that leaves the answer 200, marked "degraded".
    """
    try:
        await ping(ctx.services.store.database)
        asterisk = await _asterisk(ctx)
    except Unavailable as error:
        raise Unavailable("The database is not answering.", extra={"checks": {"database": "down"}}) from error
    link = ctx.services.link
    redis = "none" if link is None else "up" if link.healthy else "down"
    return {
        "status": "degraded" if asterisk == "down" else "ok",
        "checks": {"database": "up", "redis": redis, "asterisk": asterisk},
    }


async def _asterisk(ctx: Context) -> str:
    """Tell whether calls can be placed on any Asterisk, as their owners reported last."""
    names = ctx.services.voice.asterisks
    if not names:
        return "none"
    rows = await ctx.services.switches.all()
    return "up" if any(row["_id"] in names and standing(row, ctx.now()) for row in rows) else "down"


@operation("GET", "/version/", id="system.version", permission=PUBLIC, limited=False, returns=Version, tag="system")
async def version(ctx: Context) -> dict[str, Any]:
    """Tell the program's version."""
    return {"name": "jinaconnect", "version": __version__, "python": platform.python_version()}


@operation(
    "GET", "/metrics/", id="system.metrics", permission=PUBLIC, limited=False, tag="system", media_type="text/plain"
)
async def figures(ctx: Context) -> Reply:
    """Show the process's figures in the Prometheus text format; no tenant and no secret is in them."""
    try:
        metrics.observe_switches(await ctx.services.switches.all(), ctx.now())
    except Unavailable:
        metrics.observe_switches((), ctx.now())
    body, kind = metrics.exposition()
    return Reply(body, content_type=kind)
