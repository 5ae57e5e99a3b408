"""`/voice/api/recordings/`: the index; `/voice/recordings/`: the audio, by signed address, whole or in ranges."""

from __future__ import annotations

from typing import Any, Literal

from jinaconnect.actions.calls import recordings
from jinaconnect.actions.calls.transcribing import read_transcript
from jinaconnect.actions.context import Context
from jinaconnect.actions.erasing.recordings import remove_recording
from jinaconnect.core.events.payloads.recordings import RecordingData
from jinaconnect.core.paging import Listing, between, text_filter
from jinaconnect.core.schema import Answer, example
from jinaconnect.handlers.calls.operation import voice_operation
from jinaconnect.handlers.edge.files import file_reply
from jinaconnect.handlers.edge.operation import PUBLIC, Reply, operation
from jinaconnect.handlers.edge.schemas import Parameter

RECORDINGS = Listing(
    filters={"call_id": text_filter("call"), "call": text_filter("call")}, search=("transcription",),
    orderings={"created_at": "_id"},
)  # fmt: skip
_TYPES = {"wav": "audio/wav", "mp3": "audio/mpeg"}


class RecordingOut(RecordingData):
    """A recording; `storage_url` and `transcription` are null for roles that may not listen."""


class SpokenWord(Answer):
    """A word and when it was said, in seconds from the recording's beginning."""

    text: str
    start_s: float
    end_s: float
    confidence: float | None


class SpokenPassage(Answer):
    """What was said in one go; `speaker` is known where each side of the call has a channel of the recording."""

    speaker: Literal["customer", "agent"] | None
    channel: int
    start_s: float
    end_s: float
    text: str
    words: list[SpokenWord]


class TranscriptOut(Answer):
    """What was said in a recording; nothing is an empty text."""

    recording: str
    call: str
    provider: str
    language: str | None
    confidence: float
    text: str
    channels: int
    passages: list[SpokenPassage]


class Download(Answer):
    """An address that is good for a while."""

    recording_url: str
    expires_seconds: int


class Peaks(Answer, json_schema_extra=example(duration_s=37.002, peaks=[0.0, 0.412, 0.38])):
    """How loud a recording is along its length: 0 to 1, evenly spaced; none where its audio cannot be read."""

    duration_s: float
    peaks: list[float]


@voice_operation(
    "GET", "recordings/", id="recordings.list", permission="voice.view", listing=RECORDINGS, returns=RecordingOut
)
async def list_recordings(ctx: Context) -> dict[str, Any]:
    """List the recordings, newest first; `search` finds what was said and needs `voice.listen`, as `storage_url` does.
    """
    return await recordings.list_recordings(ctx, RECORDINGS)


@voice_operation("GET", "recordings/{id}/", id="recordings.read", permission="voice.view", returns=RecordingOut)
async def read_recording(ctx: Context, id: str) -> dict[str, Any]:
    """Show one recording."""
    return await recordings.read_recording(ctx, id)


@voice_operation(
    "GET", "recordings/{id}/download/", id="recordings.download", permission="voice.listen", returns=Download,
    query={"expires_seconds": Parameter("How long the address is good for.", between(60, 86_400, 3600))},
)  # fmt: skip
async def download(ctx: Context, id: str) -> dict[str, Any]:
    """Give an address at which the audio can be fetched for a while without logging in."""
    return await recordings.download(ctx, id)


@voice_operation("GET", "recordings/{id}/peaks/", id="recordings.peaks", permission="voice.listen", returns=Peaks)
async def peaks(ctx: Context, id: str) -> dict[str, Any]:
    """Tell how loud a recording is along its length, for drawing it; at most 1,000 peaks."""
    return await recordings.peaks(ctx, id)


@voice_operation(
    "GET", "recordings/{id}/transcript/", id="recordings.transcript", permission="voice.listen",
    returns=TranscriptOut,
)  # fmt: skip
async def transcript(ctx: Context, id: str) -> dict[str, Any]:
    """Show what was said in a recording, word by word with times; 404 while nothing has been written down."""
    return await read_transcript(ctx, id)


@voice_operation(
    "DELETE", "recordings/{id}/", id="recordings.delete", permission="voice.manage", status=204, effect=True
)
async def delete_recording(ctx: Context, id: str) -> None:
    """Remove a recording before its time: audio, transcript and row."""
    row = await recordings.visible_recording(ctx, id)
    await remove_recording(ctx.services, ctx.data.scope, row, ctx.principal.actor())


@operation(
    "GET", recordings.PATH + "{token}", id="voice.recording_file", permission=PUBLIC, limited=False, tag="voice",
    socket=False, media_type=("audio/wav", "audio/mpeg", "application/octet-stream"), errors=(416,),
    headers={"Range": Parameter("One range of bytes; the answer is then 206.", {"type": "string", "maxLength": 200})},
)  # fmt: skip
async def recording_file(ctx: Context, token: str) -> Reply:
    """Serve a recording by its signed address, with byte ranges (RFC 9110 §14)."""
    scope, row = await recordings.by_address(ctx.services, token)
    headers = {
        "Cache-Control": "private, max-age=300",
        "Content-Disposition": f'inline; filename="{row["_id"]}.{row["format"]}"',
    }
    return await file_reply(ctx, scope, row["blob"], _TYPES[row["format"]], headers)
