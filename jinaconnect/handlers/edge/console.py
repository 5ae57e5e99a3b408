"""`/`: the console, static modules without a build step.

The page names its files below a folder of `/console/` that is the hash of all of them, so that they may be cached for
ever and a page never mixes files of two versions.
"""

from __future__ import annotations

import hashlib
from functools import cache
from importlib.resources import files

from jinaconnect.actions.context import Context, OperationContext
from jinaconnect.core.errors import NotFound
from jinaconnect.handlers.edge.operation import PUBLIC, Reply, operation
from jinaconnect.handlers.edge.packed import AGAIN, CACHED, FOREVER, KINDS, served

# What the drawing of a recording brings along (console/vendored/README.md).
_STYLES = "'sha256-XGW/cX2BkTPWNNT3NdyASrPEWZfPnKdPJaJ2aN7R+v8='"
# Nothing from elsewhere, nothing inline but that, nothing evaluated. `self` covers the socket of the same host.
POLICY = f"default-src 'self'; style-src 'self' {_STYLES}; object-src 'none'; base-uri 'none'; form-action 'self'"
_MARK = b"/console/now/"  # as the page is written; replaced by the folder of this version
_SDK = "feed.js"


@cache
def _contents() -> dict[str, bytes]:
    """Return the console's files by their path."""
    root = files("jinaconnect").joinpath("console")
    found: dict[str, bytes] = {}
    for entry in root.iterdir():
        inside = [(entry.name, entry)] if entry.is_file() else [(f"{entry.name}/{e.name}", e) for e in entry.iterdir()]
        found.update({name: e.read_bytes() for name, e in inside if name[name.rfind(".") :] in KINDS})
    return found


@cache
def version() -> str:
    """Return the name of this version's folder: a hash of every file."""
    digest = hashlib.sha256()
    for name, body in sorted(_contents().items()):
        digest.update(f"{name}\0{len(body)}\0".encode() + body)
    return digest.hexdigest()[:16]


def _file(name: str) -> bytes:
    body = _contents()[name]
    return body.replace(_MARK, f"/console/{version()}/".encode()) if name.endswith(".html") else body


async def _served(ctx: Context, name: str, cached: str, policy: str = POLICY) -> Reply:
    if name not in _contents() or (name.endswith(".html") and cached == FOREVER):
        raise NotFound()
    return await served(ctx, _file, name, KINDS[name[name.rfind(".") :]], policy, cached)


@operation(
    "GET", "/", id="pages.console", permission=PUBLIC, limited=False, tag="system", media_type="text/html",
    headers=CACHED,
)  # fmt: skip
async def page(ctx: OperationContext) -> Reply:
    """Show the console: the page agents and operators work in."""
    sockets = " ".join(each.websocket for each in ctx.ports.switches.asterisks.values())  # of telephones in browsers
    return await _served(ctx, "index.html", AGAIN, f"{POLICY}; connect-src 'self' {sockets}" if sockets else POLICY)


@operation(
    "GET", "/console/feed.js", id="pages.feed_sdk", permission=PUBLIC, limited=False, tag="system",
    media_type="text/javascript", headers=CACHED,
)  # fmt: skip
async def sdk(ctx: Context) -> Reply:
    """Serve the browser SDK of the feed, an ES module without dependencies, for pages of your own."""
    return await _served(ctx, _SDK, AGAIN)


@operation(
    "GET", "/console/{version}/{name}/", id="pages.console_file", permission=PUBLIC, limited=False, tag="system",
    media_type=("text/javascript", "text/css", "image/svg+xml"), headers=CACHED,
)  # fmt: skip
async def file(ctx: Context, version: str, name: str) -> Reply:
    """Serve a file of the console; those of another version are not here any more."""
    return await _of_version(ctx, version, name)


@operation(
    "GET", "/console/{version}/{room}/{name}/", id="pages.console_room", permission=PUBLIC, limited=False,
    tag="system", media_type=("text/javascript", "text/css"), headers=CACHED,
)  # fmt: skip
async def file_in_room(ctx: Context, version: str, room: str, name: str) -> Reply:
    """Serve a file of one of the console's rooms."""
    return await _of_version(ctx, version, f"{room}/{name}")


async def _of_version(ctx: Context, asked: str, name: str) -> Reply:
    if asked != version():
        raise NotFound()
    return await _served(ctx, name, FOREVER)
