"""Health, version and figures."""

from __future__ import annotations

import hmac
import ipaddress
import platform
from typing import Any, Literal

from pydantic import Field

from jinaconnect import __version__
from jinaconnect.actions.context import Context, OperationContext
from jinaconnect.core.errors import NotAuthenticated, Unavailable
from jinaconnect.core.schema import Answer
from jinaconnect.handlers.edge import metrics
from jinaconnect.handlers.edge.operation import PUBLIC, Reply, operation


class Version(Answer):
    """Which program answers."""

    version: str
    name: str
    python: str
    build_number: str | None = Field(description="This and the next two as the deployment's settings name them.")
    commit: str | None
    date: str | None


class Live(Answer):
    """That the process runs."""

    status: Literal["ok"]


class Checks(Answer):
    """What the gateway stands on."""

    database: Literal["up"]
    redis: Literal["none", "up", "down"]
    asterisk: Literal["none", "up", "down"]


class Ready(Answer):
    """Whether requests can be served; "degraded" without any Asterisk."""

    status: Literal["ok", "degraded"]
    checks: Checks


@operation("GET", "/livez/", id="system.live", permission=PUBLIC, limited=False, returns=Live, tag="system")
async def live(ctx: Context) -> dict[str, Any]:
    """Tell that the process runs."""
    return {"status": "ok"}


@operation("GET", "/readyz/", id="system.ready", permission=PUBLIC, limited=False, returns=Ready, tag="system")
async def ready(ctx: OperationContext) -> dict[str, Any]:
    """Tell whether requests can be served: 503 while the database is away.

    Without any Asterisk the inbox still works, so that leaves the answer 200, marked "degraded".
    """
    checks = await ctx.ports.readiness.checks()
    return {"status": "degraded" if checks["asterisk"] == "down" else "ok", "checks": checks}


@operation("GET", "/version/", id="system.version", permission=PUBLIC, limited=False, returns=Version, tag="system")
async def version(ctx: Context) -> dict[str, Any]:
    """Tell the program's version, and which build of it this is."""
    build = {name: ctx.services.settings.build.get(name) or None for name in ("build_number", "commit", "date")}
    return {"name": "jinaconnect", "version": __version__, "python": platform.python_version(), **build}


@operation(
    "GET", "/metrics/", id="system.metrics", permission=PUBLIC, limited=False, tag="system", media_type="text/plain",
    errors=(401,), own_credentials=True, socket=False,
)  # fmt: skip
async def figures(ctx: Context) -> Reply:
    """Show the process's figures in the Prometheus text format; no tenant and no secret is in them.

    For whoever brings the deployment's `metrics.token` as a bearer token; where none is set, for the machine itself.
    """
    if not _may_measure(ctx):
        raise NotAuthenticated("The figures are for the deployment's own people.")
    try:
        metrics.observe_switches(await ctx.services.switch_status.all(), ctx.now())
    except Unavailable:
        metrics.observe_switches((), ctx.now())
    body, kind = metrics.exposition()
    return Reply(body, content_type=kind)


def _may_measure(ctx: Context) -> bool:
    wanted, headers = ctx.services.settings.metrics_token, ctx.caller.headers
    if wanted:
        scheme, _, token = headers.get("Authorization", "").partition(" ")
        return scheme.lower() == "bearer" and hmac.compare_digest(token.strip().encode(), wanted.encode())
    if any(name in headers for name in ("Forwarded", "X-Forwarded-For", "X-Real-Ip")):
        return False  # a proxy of this machine asks for somebody else
    try:
        return ipaddress.ip_address(ctx.caller.ip).is_loopback
    except ValueError:
        return False
