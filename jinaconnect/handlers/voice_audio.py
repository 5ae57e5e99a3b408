"""`/voice/api/audio/`: uploaded prompts; `/voice/media/`: where Asterisk fetches prompts."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from jinaconnect.actions.context import Context
from jinaconnect.actions.listing import list_documents
from jinaconnect.core.clock import iso
from jinaconnect.core.errors import Invalid, NotFound
from jinaconnect.core.paging import Listing
from jinaconnect.core.schema import Answer
from jinaconnect.handlers.operation import PUBLIC, Reply, Upload, operation
from jinaconnect.handlers.voice import voice_operation
from jinaconnect.store.mongo import Document
from jinaconnect.telephony.audio import MAX_BYTES, AudioError, length_s

AUDIO = Listing(search=("name",))
_FOREVER = {"Cache-Control": "public, max-age=31536000, immutable"}


class AudioOut(Answer):
    """An uploaded prompt; `audio_url` is what calls and templates name it by."""

    id: str
    name: str
    duration_ms: int
    size: int
    audio_url: str


def _render(doc: Document) -> dict[str, Any]:
    return {
        "id": doc["_id"], "name": doc["name"], "duration_ms": doc["duration_ms"], "size": doc["size"],
        "audio_url": f"/voice/api/audio/{doc['_id']}/", "created_at": iso(doc["created_at"]),
    }  # fmt: skip


@voice_operation("GET", "audio/", id="audio.list", permission="voice.view", listing=AUDIO, returns=AudioOut)
async def list_audio(ctx: Context) -> dict[str, Any]:
    """List the uploaded prompts."""

    async def render(docs: Sequence[Document]) -> list[dict[str, Any]]:
        return [_render(doc) for doc in docs]

    return await list_documents(ctx, "voice_media", AUDIO, render)


@voice_operation(
    "POST", "audio/", id="audio.create", permission="voice.manage", returns=AudioOut, status=201, effect=True,
    files=True, limit=MAX_BYTES,
)  # fmt: skip
async def create_audio(ctx: Context, files: Mapping[str, Upload]) -> dict[str, Any]:
    """Upload WAV, MP3, FLAC or Ogg Vorbis (part `file`), kept as telephones take it: mono, 8 kHz."""
    upload = files.get("file")
    if upload is None:
        raise Invalid.field("file", "is required")
    try:
        digest, file = await ctx.services.voice.prompts.keep(ctx.data.scope, upload.body)
    except AudioError as error:
        raise Invalid.field("file", str(error)) from error
    length = await asyncio.to_thread(length_s, file)
    name = upload.filename[:255] or "audio"
    doc = {"_id": ctx.ids.new("aud"), "name": name, "digest": digest, "size": len(file),
           "duration_ms": round(length * 1000)}  # fmt: skip
    return _render((await ctx.data.insert("voice_media", doc)).doc)


@voice_operation("GET", "audio/{id}/", id="audio.read", permission="voice.view", returns=AudioOut)
async def read_audio(ctx: Context, id: str) -> dict[str, Any]:
    """Show one uploaded prompt."""
    return _render(await ctx.data.get("voice_media", id))


@voice_operation(
    "GET", "audio/{id}/file/", id="audio.file", permission="voice.view", socket=False, media_type="audio/wav"
)
async def audio_file(ctx: Context, id: str) -> Reply:
    """Hear an uploaded prompt."""
    row = await ctx.data.get("voice_media", id)
    body = await ctx.services.blobs.get(ctx.data.scope, f"prompt.{row['digest']}.wav")
    if body is None:
        raise NotFound()
    return Reply(body, content_type="audio/wav")


@voice_operation("DELETE", "audio/{id}/", id="audio.delete", permission="voice.manage", status=204, effect=True)
async def delete_audio(ctx: Context, id: str) -> None:
    """Remove an uploaded prompt; templates that name it cannot play it any more."""
    await ctx.data.get("voice_media", id)
    await ctx.data.remove("voice_media", id)


@operation(
    "GET", "/voice/media/{name}", id="voice.media", permission=PUBLIC, limited=False, tag="voice", socket=False,
    media_type="audio/wav",
)  # fmt: skip
async def media(ctx: Context, name: str) -> Reply:
    """Serve a prompt to a telephony server; names are signed, so none can be guessed."""
    return Reply(await ctx.services.voice.prompts.open(name), headers=_FOREVER, content_type="audio/wav")
