"""The browsable API description, and the descriptions themselves."""

from __future__ import annotations

from importlib.resources import files

import orjson

from jinaconnect.actions.context import Context
from jinaconnect.core.errors import NotFound
from jinaconnect.handlers.edge.description.asyncapi import feed_description
from jinaconnect.handlers.edge.description.openapi import description
from jinaconnect.handlers.edge.operation import PUBLIC, Reply, operation
from jinaconnect.handlers.edge.packed import AGAIN, CACHED, FOREVER, KINDS, served

# Only our own files; no inline script, nothing from elsewhere.
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
    "base-uri 'none'; form-action 'self'"
)
# Swagger UI sets styles on its elements.
_DOCS_POLICY = _POLICY.replace("style-src 'self'", "style-src 'self' 'unsafe-inline'")
_OWN = ("account.js", "docs.js", "docs.css", "style.css")
_VENDORED = ("swagger-ui-5.35.0.js", "swagger-ui-5.35.0.css")


def _file(name: str) -> bytes:
    folder = "pages/vendored" if name in _VENDORED else "pages"
    return files("jinaconnect.handlers").joinpath(folder, name).read_bytes()


def _document(name: str) -> bytes:
    return orjson.dumps(description() if name == "openapi" else feed_description())


async def page(ctx: Context, name: str, policy: str = _POLICY) -> Reply:
    """Serve a page or a file of ours."""
    kind = KINDS[name[name.rindex(".") :]]
    return await served(ctx, _file, name, kind, policy, FOREVER if name in _VENDORED else AGAIN)


@operation(
    "GET", "/docs/", id="pages.docs", permission=PUBLIC, limited=False, tag="system", media_type="text/html",
    headers=CACHED, aliases=("/swagger/", "/redoc/"),
)  # fmt: skip
async def docs(ctx: Context) -> Reply:
    """Show the API description for people, and let them try requests."""
    return await page(ctx, "docs.html", _DOCS_POLICY)


@operation(
    "GET", "/static/{name}/", id="pages.file", permission=PUBLIC, limited=False, tag="system",
    media_type=("text/css", "text/javascript"), headers=CACHED,
)  # fmt: skip
async def file(ctx: Context, name: str) -> Reply:
    """Serve a script or style sheet of our own pages."""
    if name not in _OWN and name not in _VENDORED:
        raise NotFound()
    return await page(ctx, name)


@operation(
    "GET", "/openapi.json", id="pages.openapi", permission=PUBLIC, limited=False, tag="system", headers=CACHED,
)  # fmt: skip
async def openapi(ctx: Context) -> Reply:
    """Serve the OpenAPI 3.1 description."""
    return await served(ctx, _document, "openapi", "application/json")


@operation(
    "GET", "/asyncapi.json", id="pages.asyncapi", permission=PUBLIC, limited=False, tag="system", headers=CACHED,
)  # fmt: skip
async def asyncapi(ctx: Context) -> Reply:
    """Serve the AsyncAPI 3.0 description of the feed: every event type and every frame, with examples."""
    return await served(ctx, _document, "asyncapi", "application/json")
