"""The pages people read: the landing page, the browsable API description, and the descriptions themselves."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

import orjson

from jinaconnect.actions.context import Context
from jinaconnect.core.errors import NotFound
from jinaconnect.handlers.openapi import description, feed_description
from jinaconnect.handlers.operation import PUBLIC, Reply, operation

_KINDS = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
}
# Only our own files; no inline script, nothing from elsewhere.
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
    "base-uri 'none'; form-action 'self'"
)


@cache
def _page(name: str) -> bytes:
    return files("jinaconnect.handlers").joinpath("pages", name).read_bytes()


def _served(name: str) -> Reply:
    kind = _KINDS[name[name.rindex(".") :]]
    return Reply(
        _page(name), headers={"Content-Security-Policy": _POLICY, "Cache-Control": "no-cache"}, content_type=kind
    )


@cache
def _openapi() -> bytes:
    return orjson.dumps(description())


@cache
def _asyncapi() -> bytes:
    return orjson.dumps(feed_description())


@operation("GET", "/", id="pages.landing", permission=PUBLIC, limited=False, tag="system", media_type="text/html")
async def landing(ctx: Context) -> Reply:
    """Show what this is, and a live tail of the feed."""
    return _served("landing.html")


@operation(
    "GET",
    "/docs/",
    id="pages.docs",
    permission=PUBLIC,
    limited=False,
    tag="system",
    media_type="text/html",
    aliases=("/swagger/", "/redoc/"),
)
async def docs(ctx: Context) -> Reply:
    """Show the API description for people."""
    return _served("docs.html")


@operation(
    "GET", "/static/{name}/", id="pages.file", permission=PUBLIC, limited=False, tag="system",
    media_type=("text/css", "text/javascript"),
)
async def file(ctx: Context, name: str) -> Reply:
    """Serve a script or style sheet of our own pages."""
    if name not in ("landing.js", "docs.js", "style.css"):
        raise NotFound()
    return _served(name)


@operation("GET", "/openapi.json", id="pages.openapi", permission=PUBLIC, limited=False, tag="system")
async def openapi(ctx: Context) -> Reply:
    """Serve the OpenAPI 3.1 description."""
    return Reply(_openapi())


@operation("GET", "/asyncapi.json", id="pages.asyncapi", permission=PUBLIC, limited=False, tag="system")
async def asyncapi(ctx: Context) -> Reply:
    """Serve the AsyncAPI description of the feed: every event type there is."""
    return Reply(_asyncapi())
