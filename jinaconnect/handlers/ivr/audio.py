"""`/voice/api/audio/`: uploaded prompts; `/voice/media/`: where Asterisk fetches prompts."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from jinaconnect.actions.context import Context, OperationContext
from jinaconnect.actions.ivr import audio
from jinaconnect.core.errors import Invalid
from jinaconnect.core.events.payloads.voice import AudioData
from jinaconnect.core.paging import Listing
from jinaconnect.handlers.calls.operation import voice_operation
from jinaconnect.handlers.edge.crud import Does, crud
from jinaconnect.handlers.edge.files import file_reply
from jinaconnect.handlers.edge.operation import PUBLIC, Reply, Upload, operation
from jinaconnect.telephony.audio import MAX_BYTES

AUDIO = Listing(search=("name",))
SOUND = ("audio/wav", "application/octet-stream")
_FOREVER = {"Cache-Control": "public, max-age=31536000, immutable"}


class AudioOut(AudioData):
    """An uploaded prompt; `audio_url` is what calls and templates name it by."""


_PROMPTS = partial(crud, "audio", "audio/", AudioOut, view="voice.view", manage="voice.manage", declare=voice_operation)
_PROMPTS(list=Does(audio.PROMPTS.list, "List the uploaded prompts.", AUDIO))


@voice_operation(
    "POST", "audio/", id="audio.create", permission="voice.manage", returns=AudioOut, status=201, effect=True,
    files=("file",), limit=MAX_BYTES,
)  # fmt: skip
async def create_audio(ctx: OperationContext, files: Mapping[str, Upload]) -> dict[str, Any]:
    """Upload WAV, MP3, FLAC or Ogg Vorbis (part `file`), kept as telephones take it: mono, 8 kHz."""
    upload = files.get("file")
    if upload is None:
        raise Invalid.field("file", "is required")
    return await audio.create_audio(ctx, upload.filename, upload.body)


_PROMPTS(read=Does(audio.PROMPTS.read, "Show one uploaded prompt."))


@voice_operation(
    "GET", "audio/{id}/file/", id="audio.file", permission="voice.view", socket=False, media_type=SOUND,
    errors=(416,),
)  # fmt: skip
async def audio_file(ctx: Context, id: str) -> Reply:
    """Hear an uploaded prompt."""
    return await file_reply(ctx, ctx.data.scope, await audio.audio_blob(ctx, id), "audio/wav", {})


_PROMPTS(
    delete=Does(
        audio.delete_audio,
        "Remove an uploaded prompt and its sound; templates that name it cannot play it any more.",
    )
)


@operation(
    "GET", "/voice/media/{name}", id="voice.media", permission=PUBLIC, limited=False, tag="voice", socket=False,
    media_type=SOUND, errors=(416,),
)  # fmt: skip
async def media(ctx: OperationContext, name: str) -> Reply:
    """Serve a prompt to a telephony server; names are signed, so none can be guessed."""
    scope, blob = ctx.ports.prompts.named(name)
    # The name holds the hash of what made the file: it is the entity tag (RFC 9110 §8.8.3), and nothing is ever newer.
    headers = {"ETag": f'"{name.removesuffix(".wav")}"', **_FOREVER}
    return await file_reply(ctx, scope, blob, "audio/wav", headers)
