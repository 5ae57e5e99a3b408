"""The pages people read: the landing page, the browsable API description, and the descriptions themselves."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
from collections.abc import Callable
from functools import cache
from importlib.resources import files

import orjson

from jinaconnect.actions.context import Context
from jinaconnect.core.errors import NotFound
from jinaconnect.core.paging import SHORT
from jinaconnect.handlers.edge.description.asyncapi import feed_description
from jinaconnect.handlers.edge.description.openapi import description
from jinaconnect.handlers.edge.operation import PUBLIC, Reply, operation
from jinaconnect.handlers.edge.schemas import Parameter

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
# Swagger UI sets styles on its elements.
_DOCS_POLICY = _POLICY.replace("style-src 'self'", "style-src 'self' 'unsafe-inline'")
_OWN = ("landing.js", "account.js", "docs.js", "docs.css", "style.css")
_VENDORED = ("swagger-ui-5.35.0.js", "swagger-ui-5.35.0.css")
_AGAIN = "no-cache"  # kept, and asked for again each time: what has not changed is answered by 304
_FOREVER = "public, max-age=31536000, immutable"
_CACHED = {"If-None-Match": Parameter("The ETag of what is held already; 304 where it has not changed.", SHORT)}


@cache
def _packed(make: Callable[[str], bytes], name: str) -> tuple[str, bytes]:
    """Return the entity tag of a file and the file as gzip; the plain form is not held in memory."""
    body = make(name)
    return f'"{hashlib.sha256(body).hexdigest()[:32]}"', gzip.compress(body, 9, mtime=0)


def _file(name: str) -> bytes:
    folder = "pages/vendored" if name in _VENDORED else "pages"
    return files("jinaconnect.handlers").joinpath(folder, name).read_bytes()


def _document(name: str) -> bytes:
    return orjson.dumps(description() if name == "openapi" else feed_description())


async def _served(
    ctx: Context, make: Callable[[str], bytes], name: str, kind: str, policy: str = "", cached: str = _AGAIN
) -> Reply:
    """Return a file that is the same for everybody: packed where that is taken, and not at all where it is held."""
    tag, packed = await asyncio.to_thread(_packed, make, name)  # the first time takes a while
    headers = {"ETag": tag, "Cache-Control": cached, "Vary": "Origin, Accept-Encoding"}
    if policy:
        headers["Content-Security-Policy"] = policy
    asked = ctx.caller.headers
    held = [each.strip().removeprefix("W/") for each in asked.get("If-None-Match", "").split(",")]
    if tag in held or "*" in held:
        return Reply(status=304, headers=headers)
    if "gzip" not in asked.get("Accept-Encoding", "").lower():
        return Reply(await asyncio.to_thread(gzip.decompress, packed), headers=headers, content_type=kind)
    return Reply(packed, headers={**headers, "Content-Encoding": "gzip"}, content_type=kind)


async def page(ctx: Context, name: str, policy: str = _POLICY) -> Reply:
    """Serve a page or a file of ours."""
    kind = _KINDS[name[name.rindex(".") :]]
    return await _served(ctx, _file, name, kind, policy, _FOREVER if name in _VENDORED else _AGAIN)


@operation(
    "GET", "/", id="pages.landing", permission=PUBLIC, limited=False, tag="system", media_type="text/html",
    headers=_CACHED,
)  # fmt: skip
async def landing(ctx: Context) -> Reply:
    """Show what this is, and a live tail of the feed."""
    return await page(ctx, "landing.html")


@operation(
    "GET", "/docs/", id="pages.docs", permission=PUBLIC, limited=False, tag="system", media_type="text/html",
    headers=_CACHED, aliases=("/swagger/", "/redoc/"),
)  # fmt: skip
async def docs(ctx: Context) -> Reply:
    """Show the API description for people, and let them try requests."""
    return await page(ctx, "docs.html", _DOCS_POLICY)


@operation(
    "GET", "/static/{name}/", id="pages.file", permission=PUBLIC, limited=False, tag="system",
    media_type=("text/css", "text/javascript"), headers=_CACHED,
)  # fmt: skip
async def file(ctx: Context, name: str) -> Reply:
    """Serve a script or style sheet of our own pages."""
    if name not in _OWN and name not in _VENDORED:
        raise NotFound()
    return await page(ctx, name)


@operation(
    "GET", "/openapi.json", id="pages.openapi", permission=PUBLIC, limited=False, tag="system", headers=_CACHED,
)  # fmt: skip
async def openapi(ctx: Context) -> Reply:
    """Serve the OpenAPI 3.1 description."""
    return await _served(ctx, _document, "openapi", "application/json")


@operation(
    "GET", "/asyncapi.json", id="pages.asyncapi", permission=PUBLIC, limited=False, tag="system", headers=_CACHED,
)  # fmt: skip
async def asyncapi(ctx: Context) -> Reply:
    """Serve the AsyncAPI 3.0 description of the feed: every event type and every frame, with examples."""
    return await _served(ctx, _document, "asyncapi", "application/json")
