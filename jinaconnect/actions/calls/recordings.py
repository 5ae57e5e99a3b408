"""Recordings: fetched from the switch, kept as blobs, heard by signed addresses, removed when their time is over."""

from __future__ import annotations

import base64
import hmac
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import orjson
import structlog

from jinaconnect.actions.calls.reading import LISTEN, visible_call, within
from jinaconnect.actions.context import Context, Services, system_context
from jinaconnect.actions.erasing.recordings import remove_recording
from jinaconnect.actions.listing import list_documents
from jinaconnect.actions.ports import CallControl, CallControls, RecordingMissing
from jinaconnect.actions.trunks.voice_app import voice_app
from jinaconnect.actions.worker import Worker
from jinaconnect.core.calls.document import seen_of
from jinaconnect.core.clock import iso
from jinaconnect.core.errors import CarrierFailed, NotFound, PermissionDenied
from jinaconnect.core.events.event import Event
from jinaconnect.core.paging import Listing
from jinaconnect.store.databases.mongo import Document
from jinaconnect.store.due import due_at
from jinaconnect.store.tenant import Change, Duplicate, TenantStore
from jinaconnect.telephony import audio
from jinaconnect.telephony.audio import AudioError, looked_at

RECORDING_JOB = "voice.recording"
DEFAULT_EXPIRES_S, SHORTEST_S, LONGEST_S = 3600, 60, 86_400
EMPTY_S = 0.1  # what is shorter says nothing
TOLERANCE_S, TOLERANCE = 2.0, 0.1  # how far a recording's length may be from the call's
GIVE_UP = timedelta(minutes=2)  # a file the switch does not have by then never was
PATH = "/voice/recordings/"

logger = structlog.get_logger(__name__)


# ---- keeping


async def keep_later(worker: Worker, doc: Document, held: Mapping[str, Any], expected_s: float | None) -> None:
    """Leave the job that fetches a recording and keeps it; repeating it changes nothing."""
    job = {
        "_id": f"job_{held['id']}", "scope": doc["scope"], "kind": RECORDING_JOB, "due": due_at(worker.now()),
        "data": {
            "recording": held["id"], "call": doc["_id"], "switch": doc["carried_by"],
            "name": held.get("name", held["id"]),
            "expected_s": expected_s if held["kind"] in ("call", "hosted") else None, "started_at": iso(held["since"]),
        },
    }  # fmt: skip
    await worker.add_jobs([job])


def _blob(call: str, id: str, form: str) -> str:
    return f"{call}.{id}.{form}"


async def keep_recording(
    services: Services, calls: CallControls, scope: str, data: Mapping[str, Any], more: Mapping[str, Any]
) -> Document | None:
    """Fetch one recording from its switch and keep it, with `more` fields; repeating it changes nothing.

    Returns its row, None where there is none.

    Raises CarrierFailed or Unavailable when another try may help; what the switch does not have becomes
    `recording.failed`.
    """
    ctx = system_context(services, scope, "telephony")
    store = ctx.data
    call = await store.get("calls", data["call"])
    control = calls.carrying(call)
    if await store.find("recordings", data["recording"]) is None:
        async with services.blobs.spool() as spool:  # an hour of sound is no piece of memory
            try:
                await control.recording(call, data["name"], spool.write)
                form, length = await spool.read(looked_at)
            except RecordingMissing as error:
                if services.clock() - datetime.fromisoformat(data["started_at"]) < GIVE_UP and call["ended_at"] is None:
                    raise CarrierFailed("there is no such recording yet") from error
                await _failed(ctx, call, data["recording"], "The telephony server has no such recording.")
                return None
            except AudioError:
                await _failed(ctx, call, data["recording"], "The recording is no audio.")
                return None
            if length < EMPTY_S:
                await _failed(ctx, call, data["recording"], "The recording is empty.")
                await _forget(control, call, data)
                return None
            await services.blobs.keep(spool, scope, _blob(call["_id"], data["recording"], form))
            await _keep(ctx, call, data, spool.size, form, length, more)
    row = await store.find("recordings", data["recording"])
    if row is not None and (await store.get("calls", call["_id"])).get("erased"):
        await remove_recording(services, scope, row, ctx.principal.actor())
    await _mirror(store, call["_id"], data["recording"])
    await _forget(control, call, data)
    return row


async def _forget(control: CallControl, call: Document, data: Mapping[str, Any]) -> None:
    try:
        await control.forget_recording(call, data["name"])
    except CarrierFailed as error:
        logger.info("recording.left_behind", recording=data["recording"], error=str(error))


async def _keep(
    ctx: Context, call: Document, data: Mapping[str, Any], size: int, form: str, length: float,
    more: Mapping[str, Any],
) -> None:  # fmt: skip
    expected = data.get("expected_s")
    off = expected is not None and abs(length - expected) > max(TOLERANCE_S, TOLERANCE * expected)
    days = (await voice_app(ctx.data))["recording_retention_days"]
    row = {
        "_id": data["recording"], "call": call["_id"], "contact": call["contact"], "user": call["user"],
        "provider_recording_id": data["name"], "blob": _blob(call["_id"], data["recording"], form),
        "duration_seconds": round(length), "length_s": round(length, 3), "expected_s": expected,
        "length_mismatch": off, "size_bytes": size, "format": form, "transcription": None,
        "transcription_provider": None, "transcription_confidence": None,
        "transcription_language": None,
        "retention_expires_at": ctx.now() + timedelta(days=days), "created_at": ctx.now(), "updated_at": ctx.now(),
        **more,
    }  # fmt: skip
    try:
        await ctx.data.insert("recordings", row, [_event(ctx, "recording.ready", call, render_recording(row))])
    except Duplicate:
        return


def _event(ctx: Context, type: str, call: Document, data: Mapping[str, Any]) -> Event:
    return Event(
        id=ctx.ids.new("evt"), type=type, occurred_at=ctx.now(), actor=ctx.principal.actor(), subject=data["id"],
        data=data, contact=call["contact"], call=call["_id"], channel="VOICE", seen=seen_of(call),
    )  # fmt: skip


async def _failed(ctx: Context, call: Document, id: str, reason: str) -> None:
    """Say once that a recording could not be kept; the event stands on its call."""
    event = _event(ctx, "recording.failed", call, {"id": id, "call": call["_id"], "reason": reason})

    def decide(doc: Document) -> Change | None:
        lost = doc.get("recordings_lost", [])
        return None if id in lost else Change(set={"recordings_lost": [*lost, id]}, events=[event])

    await ctx.data.change("calls", call["_id"], decide)


async def _mirror(store: TenantStore, call: str, id: str) -> None:
    """Show the newest recording on its call."""
    row = await store.find("recordings", id)
    if row is None:
        return
    fields = {"recording_url": row["blob"], "recording_duration_seconds": row["duration_seconds"]}
    await store.change(
        "calls", call, lambda doc: None if doc["recording_url"] == row["blob"] else Change(set=fields)
    )


# ---- signed addresses


def address(services: Services, scope: str, id: str, expires_s: int) -> str:
    """Return an address at which a recording can be heard for a while without logging in."""
    ends = int(services.clock().timestamp()) + expires_s
    stem = base64.urlsafe_b64encode(orjson.dumps([scope, id, ends])).decode().rstrip("=")
    base = services.settings.public_url or services.settings.own_url
    return f"{base}{PATH}{stem}.{_mark(services, stem)}"


def _mark(services: Services, stem: str) -> str:
    digest = hmac.digest(services.secrets.derive("recordings"), stem.encode(), "sha256")
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")


async def by_address(services: Services, token: str) -> tuple[str, Document]:
    """Return (scope, recording) of an address that is ours and still good; raises NotFound for any other."""
    stem, _, mark = token.partition(".")
    if not hmac.compare_digest(_mark(services, stem).encode(), mark.encode()):
        raise NotFound()
    scope, id, ends = orjson.loads(base64.urlsafe_b64decode(stem + "=" * (-len(stem) % 4)))
    row = await services.store.within(scope).find("recordings", id)
    if row is None or ends < services.clock().timestamp():
        raise NotFound()
    return scope, row


def expiry(text: str | None) -> int:
    """Return the seconds an address is asked to be good for, kept within a minute and a day."""
    try:
        wanted = int(text) if text is not None else DEFAULT_EXPIRES_S
    except ValueError:
        wanted = DEFAULT_EXPIRES_S
    return min(LONGEST_S, max(SHORTEST_S, wanted))


# ---- reading


def render_recording(row: Mapping[str, Any], url: str | None = None) -> dict[str, Any]:
    """Return a recording as it is answered; `storage_url` and what was said are None for whoever may not listen."""
    text = row["transcription"] if url is not None else None
    return {
        "id": row["_id"], "call": row["call"], "provider_recording_id": row["provider_recording_id"],
        "storage_url": url, "duration_seconds": row["duration_seconds"], "size_bytes": row["size_bytes"],
        "format": row["format"], "length_mismatch": row["length_mismatch"], "transcription": text,
        "transcription_provider": row["transcription_provider"],
        "transcription_confidence": row["transcription_confidence"],
        "transcription_language": row.get("transcription_language"),
        "retention_expires_at": iso(row["retention_expires_at"]), "created_at": iso(row["created_at"]),
    }  # fmt: skip


def _shown(ctx: Context, row: Document) -> dict[str, Any]:
    may = ctx.principal.may(LISTEN)
    return render_recording(row, address(ctx.services, ctx.data.scope, row["_id"], DEFAULT_EXPIRES_S) if may else None)


async def visible_recording(ctx: Context, id: str) -> Document:
    """Return a recording whose call the principal may see; raises NotFound."""
    row = await ctx.data.get("recordings", id)
    await visible_call(ctx, row["call"])
    return row


async def list_recordings(ctx: Context, listing: Listing) -> dict[str, Any]:
    """Answer the list of recordings; what was said is searched by those who may hear it."""
    if "search" in ctx.caller.query and not ctx.principal.may(LISTEN):
        raise PermissionDenied(f"The role '{ctx.principal.role}' lacks the permission '{LISTEN}'.")

    async def render(docs: Sequence[Document]) -> list[dict[str, Any]]:
        return [_shown(ctx, doc) for doc in docs]

    return await list_documents(ctx, "recordings", listing, render, await within(ctx))


async def read_recording(ctx: Context, id: str) -> dict[str, Any]:
    """Answer one recording."""
    return _shown(ctx, await visible_recording(ctx, id))


async def download(ctx: Context, id: str) -> dict[str, Any]:
    """Answer a fresh address of a recording; raises NotFound where there is no audio."""
    if not ctx.principal.may(LISTEN):
        raise PermissionDenied(f"The role '{ctx.principal.role}' lacks the permission '{LISTEN}'.")
    row = await visible_recording(ctx, id)
    if await ctx.services.blobs.size(ctx.data.scope, row["blob"]) is None:
        raise NotFound()
    seconds = expiry(ctx.caller.query.get("expires_seconds"))
    return {"recording_url": address(ctx.services, ctx.data.scope, id, seconds), "expires_seconds": seconds}


async def peaks(ctx: Context, id: str) -> dict[str, Any]:
    """Answer how loud a recording is along its length, worked out once; raises NotFound where there is no audio."""
    row = await visible_recording(ctx, id)
    found = row.get("peaks")
    if found is None:
        found = await _peaks(ctx, row)
        await ctx.data.change("recordings", id, lambda doc: Change(set={"peaks": found}))
    return {"duration_s": row["length_s"], "peaks": [round(each / 255, 3) for each in found]}


async def _peaks(ctx: Context, row: Document) -> bytes:
    blobs, scope = ctx.services.blobs, ctx.data.scope
    size = await blobs.size(scope, row["blob"])
    if size is None:
        raise NotFound()
    async with blobs.spool() as spool:
        async for piece in blobs.pieces(scope, row["blob"], 0, size):
            await spool.write(piece)
        try:
            return await spool.read(audio.peaks)
        except audio.AudioError:
            return b""
