"""What was said in recordings: written down once each, after they are kept, and gone with them.

A recording waits for it with a `due` block, so that it is found again after a crash. Its text stands in its row, for
searches; the words with their times are a blob beside its audio. The log says that there is a transcript, never what is
in it: what was said ends when the recording does.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from datetime import timedelta
from typing import Any

import orjson
import structlog

from jinaconnect.actions.calls.journal import CallJournal, Entry, Overtaken, Tell
from jinaconnect.actions.calls.reading import LISTEN
from jinaconnect.actions.calls.recordings import keep_recording, visible_recording
from jinaconnect.actions.context import Context, Services
from jinaconnect.actions.erasing.recordings import words_blob
from jinaconnect.actions.ports import CallControls, RecordingMissing
from jinaconnect.actions.worker import Worker
from jinaconnect.core.calls.transcript import Heard, Passage, primary, shown, stored
from jinaconnect.core.errors import CarrierFailed, NotFound, PermissionDenied
from jinaconnect.store.databases.mongo import Document
from jinaconnect.store.due import Claim, due_at
from jinaconnect.store.tenant import Change, TenantStore
from jinaconnect.telephony.provider import Transcribed
from jinaconnect.telephony.transcribe.engine import EngineAway, NotTranscribed, Sound, Transcriber, UnsupportedLanguage

RECORDINGS = "recordings"
TRANSCRIPT_JOB = "voice.transcript"
MAX_TRIES = 8
PIECE = 1024 * 1024

logger = structlog.get_logger(__name__)


class Scribe:
    """Has recordings written down (work of the collection `recordings`), or takes what their carrier wrote down."""

    def __init__(self, services: Services, worker: Worker, engine: Transcriber | None, *, native: bool) -> None:
        self._services = services
        self._native = native
        self._worker = worker
        self._engine = engine

    @property
    def at_once(self) -> tuple[int, int]:
        """How many recordings are written down at once by this process: in all, and of one tenant."""
        most = 1 if self._engine is None else self._engine.at_once
        return most, max(1, most // 2)

    async def keep(self, calls: CallControls, scope: str, data: Mapping[str, Any]) -> None:
        """Do the job that keeps a recording, and have it written down where somebody here does that."""
        waits = {} if self._engine is None else {"due": due_at(self._services.clock())}
        row = await keep_recording(self._services, calls, scope, data, waits)
        if row is not None and "due" in row:
            self._worker.run_now(RECORDINGS, scope, row["_id"])

    async def hear(self, claim: Claim) -> None:
        """Write one recording down; raises CarrierFailed, Unavailable when another try may help."""
        row, engine = claim.doc, self._engine
        store = self._services.store.within(row["scope"])
        call = await store.find("calls", row["call"])
        if engine is None or call is None or call.get("erased"):
            await self._leave(store, row)
            return
        if row["transcription"] is not None:  # written down by an attempt that was cut off before it could say so
            await self._ready(store, row, call)
            return
        if engine.outside and store.mode == "test":
            await self._failed(store, row, call, "test_mode", "Recordings of test mode are sent to nobody.")
            return
        lease = timedelta(seconds=60 + engine.deadline_s(row["length_s"]))
        until = self._services.clock() + lease
        await store.change(RECORDINGS, row["_id"], lambda doc: Change(set={"due.at": until}) if "due" in doc else None)
        try:
            heard = await self._listen(engine, row, call["metadata"].get("language"))
        except UnsupportedLanguage as error:
            told = f"The language is none that {engine.name} knows: {error}"
            await self._failed(store, row, call, "unsupported_language", told)
        except NotTranscribed as error:
            logger.warning("transcript.refused", recording=row["_id"], engine=engine.name, error=str(error))
            await self._failed(store, row, call, "refused", f"{engine.name} does not take it: {error}")
        except EngineAway as error:
            if claim.tries < MAX_TRIES:
                raise CarrierFailed(f"{engine.name}: {error}") from error
            logger.warning("transcript.given_up", recording=row["_id"], engine=engine.name, error=str(error))
            await self._failed(store, row, call, "engine_away", f"{engine.name} has not answered: {error}")
        else:
            await self._keep(store, row, call, engine.name, heard)

    async def _listen(self, engine: Transcriber, row: Document, language: object) -> Heard:
        async with self._services.blobs.spool() as spool:
            size = await self._services.blobs.size(row["scope"], row["blob"])
            if size is None:
                raise NotTranscribed("its audio is gone")
            async for piece in self._services.blobs.pieces(row["scope"], row["blob"], 0, size):
                await spool.write(piece)
            sound = Sound(spool.file, row["format"], size, row["length_s"])
            return await engine.hear(sound, language if isinstance(language, str) and language else None)

    async def take(self, calls: CallControls, scope: str, data: Mapping[str, Any]) -> None:
        """Keep what a carrier has written down of a recording; raises CarrierFailed while it is not fetched yet."""
        store = self._services.store.within(scope)
        call = await store.find("calls", data["call"])
        if call is None or call.get("erased"):
            return
        told = call["hosted"]["recordings"]
        name = next((each["name"] for each in told if each.get("alias") == data["name"]), data["name"])
        row = await store.find_one(RECORDINGS, {"provider_recording_id": name})
        if row is None:
            raise CarrierFailed("the recording is not kept yet")
        if row["transcription"] is not None or row["call"] != call["_id"]:
            return
        passages = (Passage(0, 0.0, row["length_s"], data["text"]),)
        heard = Heard(passages, primary(data["language"]), data["confidence"] or 0.0)
        if at := data.get("at"):
            try:
                heard = await calls.carrying(call).written_down(call, at)
            except RecordingMissing:
                await self._failed(store, row, call, "refused", "What was written down is not there.")
                return
        await self._keep(store, row, call, data["provider"], heard)

    async def expect(self, call: Document, told: Transcribed) -> None:
        """Leave the job that keeps what a carrier has written down, where it is asked to; repeating changes nothing."""
        if not self._native or not told.name:
            return
        hosted = call["hosted"]["provider"]
        job = {
            "_id": f"job_{call['_id']}_{told.name}_transcript", "scope": call["scope"], "kind": TRANSCRIPT_JOB,
            "due": due_at(self._services.clock()),
            "data": {"call": call["_id"], "name": told.name, "text": told.text, "provider": hosted,
                     "confidence": told.confidence, "language": told.language, "at": told.at},
        }  # fmt: skip
        await self._worker.add_jobs([job])

    async def _keep(self, store: TenantStore, row: Document, call: Document, by: str, heard: Heard) -> None:
        """Keep a transcript: its words, then its text with its row, then the word of it; repeating changes nothing."""
        blobs, scope = self._services.blobs, row["scope"]
        await blobs.put(scope, words_blob(row), orjson.dumps(stored(heard)))
        fields = {
            "transcription": heard.text, "transcription_provider": by, "transcription_confidence": heard.confidence,
            "transcription_language": heard.language, "updated_at": self._services.clock(),
        }  # fmt: skip
        try:
            written = await store.change(
                RECORDINGS, row["_id"], lambda doc: Change(set=fields) if doc["transcription"] is None else None
            )
        except NotFound:  # its time was over meanwhile
            await blobs.delete(scope, words_blob(row))
        else:
            await self._ready(store, written.doc, call)

    async def _ready(self, store: TenantStore, row: Document, call: Document) -> None:
        told = {
            "recording": row["_id"], "provider": row["transcription_provider"],
            "language": row["transcription_language"], "confidence": row["transcription_confidence"],
            "word_count": len(row["transcription"].split()),
        }  # fmt: skip
        await self._tell(call, "transcript.ready", told)
        await self._leave(store, row)

    async def _failed(self, store: TenantStore, row: Document, call: Document, code: str, reason: str) -> None:
        await self._tell(call, "transcript.failed", {"recording": row["_id"], "code": code, "reason": reason[:500]})
        await self._leave(store, row)

    async def _leave(self, store: TenantStore, row: Document) -> None:
        with suppress(NotFound):
            await store.change(RECORDINGS, row["_id"], _done)

    async def _tell(self, call: Document, type: str, payload: Mapping[str, Any]) -> None:
        """Say once what became of it, in the call's own history; raises CarrierFailed where its keeper changes now."""
        id = payload["recording"]

        def decide(doc: Document) -> Entry | None:
            told = doc.get("transcripts", [])
            return None if id in told else Entry(tell=[Tell(type, payload)], set={"transcripts": [*told, id]})

        journal = CallJournal(self._services, self._worker, call, keeper=call.get("keeper", 0))
        try:
            await journal.decide(decide)
        except Overtaken as error:
            raise CarrierFailed("the call has another keeper now") from error


def _done(doc: Document) -> Change | None:
    return Change(unset=("due",)) if "due" in doc else None


async def read_transcript(ctx: Context, id: str) -> dict[str, Any]:
    """Answer what was said in a recording, word by word; raises NotFound where nothing has been written down."""
    if not ctx.principal.may(LISTEN):
        raise PermissionDenied(f"The role '{ctx.principal.role}' lacks the permission '{LISTEN}'.")
    row = await visible_recording(ctx, id)
    blobs, scope = ctx.services.blobs, ctx.data.scope
    size = None if row["transcription"] is None else await blobs.size(scope, words_blob(row))
    if size is None:
        raise NotFound()
    kept = orjson.loads(b"".join([piece async for piece in blobs.pieces(scope, words_blob(row), 0, size)]))
    return {
        "recording": row["_id"], "call": row["call"], "provider": row["transcription_provider"],
        "language": row["transcription_language"], "confidence": row["transcription_confidence"],
        "text": row["transcription"], "channels": kept["channels"], "passages": shown(kept),
    }  # fmt: skip
