"""Uploaded prompts: decoded once, kept as telephones take them, each a file of its own."""

from __future__ import annotations

import asyncio
from typing import Any

from jinaconnect.actions.context import Context, OperationContext
from jinaconnect.actions.ivr.prompts import blob_name
from jinaconnect.actions.rows import Rows
from jinaconnect.core.clock import iso
from jinaconnect.core.errors import Invalid
from jinaconnect.store.databases.mongo import Document
from jinaconnect.telephony.audio import AudioError, length_s

MAX_NAME = 255


def render_audio(doc: Document) -> dict[str, Any]:
    """Return an uploaded prompt as it is answered: length in ms, size of the kept WAV in bytes."""
    return {
        "id": doc["_id"], "name": doc["name"], "duration_ms": doc["duration_ms"], "size": doc["size"],
        "audio_url": f"/voice/api/audio/{doc['_id']}/", "created_at": iso(doc["created_at"]),
    }  # fmt: skip


PROMPTS = Rows(collection="voice_media", id="aud", told="audio", render=render_audio, channel="VOICE")


async def create_audio(ctx: OperationContext, filename: str, data: bytes) -> dict[str, Any]:
    """Keep WAV, MP3, FLAC or Ogg Vorbis as a prompt; raises Invalid for anything else."""
    id = ctx.ids.new("aud")
    try:
        digest, file = await ctx.ports.prompts.keep(ctx.data.scope, data, id)
    except AudioError as error:
        raise Invalid.field("file", str(error)) from error
    doc = {
        "_id": id, "name": filename.replace("\x00", "")[:MAX_NAME] or "audio", "digest": digest, "size": len(file),
        "duration_ms": round(await asyncio.to_thread(length_s, file) * 1000), "created_at": ctx.now(),
    }  # fmt: skip
    written = await ctx.data.insert("voice_media", doc, [PROMPTS.event(ctx, "created", doc)])
    return render_audio(ctx.wrote(written))


async def audio_blob(ctx: Context, id: str) -> str:
    """Return the name of the blob that is an uploaded prompt's WAV."""
    row = await ctx.data.get("voice_media", id)
    return blob_name(row["digest"])


async def delete_audio(ctx: OperationContext, id: str) -> None:
    """Remove an uploaded prompt and its sound; templates that name it cannot play it any more."""
    row = await ctx.data.get("voice_media", id)
    await ctx.ports.prompts.drop(ctx.data.scope, row["digest"])
    await PROMPTS.delete(ctx, id)
