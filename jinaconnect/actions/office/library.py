"""The media library: files that templates and messages use, each served by an address that cannot be guessed."""

from __future__ import annotations

import hmac
import re
import secrets
from collections.abc import Mapping
from typing import Any

from jinaconnect.actions.context import Context
from jinaconnect.actions.messaging.media import LIBRARY_PATH, library_signature, library_url
from jinaconnect.actions.office.converting import FileRefused, Kept, taken
from jinaconnect.actions.rows import Rows
from jinaconnect.core.clock import iso
from jinaconnect.core.errors import Invalid, NotFound
from jinaconnect.core.ids import encode
from jinaconnect.core.inbox.platform import USUAL
from jinaconnect.store.databases.mongo import Document
from jinaconnect.store.tenant import Change

URL_S = 3600
MAX_NAME = 255


def _render(row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "id": row["_id"], "media": f"{LIBRARY_PATH}{row['_id']}/serve/", "platform": row["platform"],
        "card_index": row["card_index"], "media_type": row["media_type"], "file_size": row["size"],
        "mime_type": row["mime_type"], "was_converted": row["was_converted"],
        "original_filename": row["original_filename"], "handle_id": row["handle_id"],
        "wa_handle_id": row["wa_handle_id"], "media_id": row["media_id"], "created_at": iso(row["created_at"]),
        "updated_at": iso(row["updated_at"]), "created_by": row["created_by"], "updated_by": row["updated_by"],
    }  # fmt: skip


LIBRARY = Rows(collection="library", id="mdl", told="media", render=_render)


def _chance(ctx: Context, prefix: str) -> str:
    """Return an id that no other id tells anything of."""
    return encode(prefix, int(ctx.now().timestamp() * 1000), secrets.token_bytes(10))


async def _file(ctx: Context, filename: str, data: bytes, *, convert: bool) -> tuple[Document, Kept]:
    """Return what is kept of a file, and the file; raises Invalid on `media`."""
    try:
        kept = await taken(filename, data, convert=convert)
    except FileRefused as error:
        raise Invalid.field("media", str(error)) from error
    # What a carrier gave us for an earlier file is not this one's.
    fields = {
        "file": _chance(ctx, "lib"), "media_type": kept.kind, "mime_type": kept.mime, "size": len(kept.data),
        "was_converted": kept.converted, "original_filename": _name(filename), "handle_id": None,
        "wa_handle_id": None, "media_id": None,
    }  # fmt: skip
    return fields, kept


def _name(filename: str) -> str:
    return "".join(char for char in filename if char.isprintable())[:MAX_NAME]


async def add(ctx: Context, fields: Mapping[str, Any], filename: str, data: bytes) -> dict[str, Any]:
    """Add a file to the library; raises Invalid."""
    file, kept = await _file(ctx, filename, data, convert=fields.get("auto_convert", True))
    await ctx.services.blobs.put(ctx.data.scope, file["file"], kept.data)
    by = ctx.principal.username
    doc = {
        "_id": _chance(ctx, "mdl"), "platform": fields.get("platform", USUAL), "card_index": fields.get("card_index"),
        **file, "created_by": by, "updated_by": by, "created_at": ctx.now(), "updated_at": ctx.now(),
    }  # fmt: skip
    written = await ctx.data.insert("library", doc, [LIBRARY.event(ctx, "created", doc)])
    return _render(ctx.wrote(written))


async def change(
    ctx: Context, id: str, fields: Mapping[str, Any], upload: tuple[str, bytes] | None
) -> dict[str, Any]:
    """Change what is said of a file, or the file; raises NotFound, Invalid."""
    await ctx.data.get("library", id)
    changes: Document = {name: fields[name] for name in ("platform", "card_index") if name in fields}
    changes.update(updated_by=ctx.principal.username, updated_at=ctx.now())
    if upload is not None:
        file, kept = await _file(ctx, *upload, convert=fields.get("auto_convert", True))
        await ctx.services.blobs.put(ctx.data.scope, file["file"], kept.data)
        changes.update(file)
    former: list[str] = []

    def decide(doc: Document) -> Change:
        former[:] = [doc["file"]]
        return Change(set=changes, events=[LIBRARY.event(ctx, "updated", {**doc, **changes})])

    doc = ctx.wrote(await ctx.data.change("library", id, decide))
    for name in former:
        if name != doc["file"]:
            await ctx.services.blobs.delete(ctx.data.scope, name)
    return _render(doc)


# ---- addresses


async def refresh_url(ctx: Context, id: str) -> dict[str, Any]:
    """Return a fresh address of a file of the caller's library."""
    row = await ctx.data.get("library", id)
    return {"id": id, "url": library_url(ctx, row, URL_S), "content_type": row["mime_type"], "expires_in": URL_S}


async def fresh_url(ctx: Context, id: str) -> str:
    """Return a fresh address of a file to whoever knows its id; raises NotFound."""
    row = await ctx.services.registry.library_file(id)
    if row is None:
        raise NotFound()
    return library_url(ctx, row, URL_S)


async def content(ctx: Context, id: str, expires: str, signature: str) -> tuple[str, str, str]:
    """Return (scope, blob, media type) of a file by a fresh address; raises NotFound for any other."""
    row = await ctx.services.registry.library_file(id)
    if row is None or not re.fullmatch("[0-9]{1,12}", expires):
        raise NotFound()
    if int(expires) < ctx.now().timestamp():
        raise NotFound()
    if not hmac.compare_digest(library_signature(ctx.services, row, int(expires)).encode(), signature.encode()):
        raise NotFound()
    return row["scope"], row["file"], row["mime_type"]
