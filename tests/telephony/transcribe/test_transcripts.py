"""Recordings written down: once each, whatever fails in between; shown, found, and gone with the recording."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from jinaconnect.actions.calls.transcribing import RECORDINGS
from jinaconnect.app import Gateway
from jinaconnect.config import Config, DeepgramSection, Http, Mongodb, OpenAiSection, OutboundSection, Transcription
from jinaconnect.serve import listening
from jinaconnect.store.databases.embedded import EmbeddedMongo
from jinaconnect.store.due import due_at
from jinaconnect.store.tenant import Change
from tests import payloads
from tests.client import until
from tests.conftest import PLENTY
from tests.telephony.providers.lines import CALLS, Line, at, playing, talking
from tests.telephony.transcribe.services import KEY, SAID, Service
from tests.telephony.transcribe.sounds import RATE, clip, silence, wav
from tests.tenants import make_tenant

KEPT = "/voice/api/recordings/"
SERVICES = ("deepgram", "openai")


@asynccontextmanager
async def running(mongod: EmbeddedMongo, place: Path, said: Transcription) -> AsyncIterator[Gateway]:
    """A gateway that has recordings written down."""
    config = Config(
        var_dir=place, http=Http(port=0, drain_s=0.2), limits=PLENTY, mongodb=Mongodb(database="transcripts"),
        outbound=OutboundSection(allow_networks=("127.0.0.0/8",), timeout_s=3), transcription=said,
    )  # fmt: skip
    gateway = Gateway(config)
    await gateway.start(mongod.uri, listening(config))
    payloads.watch(gateway.services.store.log)
    try:
        yield gateway
    finally:
        await gateway.stop()


@pytest.fixture
async def service() -> AsyncIterator[Service]:
    """The service."""
    made = Service()
    await made.start()
    yield made
    await made.stop()


def asking(name: str, service: Service, key: str = KEY) -> Transcription:
    """Return settings by which a service is asked."""
    return Transcription.model_validate(
        {"engine": name, name: (DeepgramSection if name == "deepgram" else OpenAiSection)(
            base_url=service.url, api_key=key)}
    )  # fmt: skip


@asynccontextmanager
async def line_at(gateway: Gateway, http: aiohttp.ClientSession, provider: str = "twilio") -> AsyncIterator[Line]:
    """A tenant with an account at a carrier."""
    async with playing(provider, http) as carrier:
        yield await at(await make_tenant(gateway, gateway.services.settings.own_url, http), carrier)


async def recorded(line: Line, audio: bytes, **body: Any) -> tuple[str, str]:
    """Have a call that was recorded; returns its id and the recording's."""
    call, there = await talking(line, record=True, **body)
    await there.status("completed", seconds=1)
    name = line.carrier.record()
    line.carrier.recordings[name] = audio
    await line.carrier.post(there.wanted["recording"], {"id": there.id, "recording": name})
    rows: list[dict[str, Any]] = []

    async def kept() -> bool:
        rows[:] = (await line.owner.get(f"{KEPT}?call_id={call}")).ok()["results"]
        return bool(rows)

    await until(kept, 20)
    return call, rows[0]["id"]


async def told(line: Line, call: str, type: str) -> list[dict[str, Any]]:
    """Wait for what is told of a call's transcript; returns the data of each."""
    found: list[dict[str, Any]] = []

    async def there() -> bool:
        events = await line.owner.events("start", call=call)
        found[:] = [each["data"] for each in events if each["type"] == type]
        return bool(found)

    await until(there, 60)
    return found


async def test_a_call_shows_what_was_said_until_its_recording_goes(
    mongod: EmbeddedMongo, tmp_path: Path, http: aiohttp.ClientSession
) -> None:
    async with running(mongod, tmp_path, Transcription(engine="local")) as gateway, line_at(gateway, http) as line:
        first, second = clip(6), clip(8)
        audio = wav(first, silence(len(first) / RATE + 1) + second)
        call, id = await recorded(line, audio)
        [ready] = await told(line, call, "transcript.ready")
        assert (ready["recording"], ready["provider"], ready["language"], ready["status"]) == (
            id, "local", "en", "COMPLETED",
        )  # fmt: skip
        assert "text" not in ready
        shown = (await line.call(call))["transcription"]
        assert (shown["recording"], shown["provider"], shown["language"]) == (id, "local", "en")
        assert "shoes" in shown["text"]
        assert "kitchen light" in shown["text"]
        timeline = (await line.owner.get(f"{CALLS}{call}/timeline/")).ok()["items"]
        assert [each["type"] for each in timeline].count("transcript.ready") == 1
        history = (await line.owner.get(f"/voice/api/call-events/?call_id={call}&page_size=100")).ok()["results"]
        assert [each["event_type"] for each in history].count("transcribed") == 1
        words = (await line.owner.get(f"{KEPT}{id}/transcript/")).ok()
        assert (words["call"], words["channels"], words["text"]) == (call, 2, shown["text"])
        assert [each["speaker"] for each in words["passages"]] == ["customer", "agent"]
        assert words["passages"][1]["start_s"] > len(first) / RATE
        assert len(words["passages"][0]["words"]) > 10

        for text, finds in (("kitchen", 1), ("kitch", 1), ("bathroom", 0)):
            page = (await line.owner.get(KEPT, params={"search": text})).ok()
            assert [each["id"] for each in page["results"]] == [id] * finds
        manager = line.tenant("manager")
        (await manager.get(KEPT, params={"search": "kitchen"})).refused(403, "permission_denied")
        (await manager.get(f"{KEPT}{id}/transcript/")).refused(403, "permission_denied")
        assert (await manager.get(f"{KEPT}{id}/")).ok()["transcription"] is None
        assert (await manager.get(f"{CALLS}{call}/")).ok()["transcription"] is None

        (await line.owner.delete(f"{KEPT}{id}/")).ok(204)
        (await line.owner.get(f"{KEPT}{id}/transcript/")).refused(404, "not_found")
        assert (await line.call(call))["transcription"] is None
        assert [each for each in (tmp_path / "blobs").rglob("*") if each.is_file()] == []
        events = await line.owner.events("start", call=call)
        assert not any("kitchen" in str(each) for each in events)

        tongue = {"language": "de"}
        call, id = await recorded(line, wav(first), metadata=tongue)
        [failed] = await told(line, call, "transcript.failed")
        assert (failed["recording"], failed["code"]) == (id, "unsupported_language")
        assert (await line.call(call))["transcription"] is None


@pytest.mark.parametrize("name", SERVICES)
async def test_a_service_is_asked_until_it_answers_and_told_of_once(
    name: str, service: Service, mongod: EmbeddedMongo, tmp_path: Path, http: aiohttp.ClientSession
) -> None:
    service.next.extend([503, 429])
    async with running(mongod, tmp_path, asking(name, service)) as gateway, line_at(gateway, http) as line:
        call, id = await recorded(line, wav(silence(6), silence(6)), metadata={"language": "en-GB"})
        [ready] = await told(line, call, "transcript.ready")
        assert ready["provider"] == name
        assert 0.85 < ready["confidence"] < 0.95
        words = (await line.owner.get(f"{KEPT}{id}/transcript/")).ok()
        assert [(each["speaker"], each["text"]) for each in words["passages"]] == [
            ("customer", SAID[0]), ("agent", SAID[1]),
        ]  # fmt: skip
        assert [[word["text"] for word in each["words"]] for each in words["passages"]] == [
            said.split() for said in SAID
        ]
        assert words["text"] == "\n".join(SAID)
        asked = service.asked[-1]
        assert asked["language"] == ("en-GB" if name == "deepgram" else "en")
        assert all(abs(each - 6) < 0.01 for each in service.seconds)

        call, id = await recorded(line, wav(silence(6)))
        await told(line, call, "transcript.ready")
        assert service.asked[-1].get("detect_language") == ("true" if name == "deepgram" else None)
        assert "language" not in service.asked[-1]

        call, id = await recorded(line, wav(silence(6)), metadata={"language": "tlh"})
        [failed] = await told(line, call, "transcript.failed")
        assert failed["code"] == "unsupported_language"


async def test_what_a_service_refuses_is_not_asked_again(
    service: Service, mongod: EmbeddedMongo, tmp_path: Path, http: aiohttp.ClientSession
) -> None:
    said = asking("deepgram", service, "another-key")
    async with running(mongod, tmp_path, said) as gateway, line_at(gateway, http) as line:
        call, id = await recorded(line, wav(silence(6)))
        [failed] = await told(line, call, "transcript.failed")
        assert (failed["recording"], failed["code"]) == (id, "refused")
        assert "Invalid credentials" in failed["reason"]
        assert "another-key" not in failed["reason"]
        assert (await line.owner.get(f"{KEPT}{id}/")).ok()["transcription"] is None


async def test_a_recording_that_a_crash_left_behind_is_written_down_once(
    service: Service, mongod: EmbeddedMongo, tmp_path: Path, http: aiohttp.ClientSession
) -> None:
    async with running(mongod, tmp_path, Transcription()) as gateway, line_at(gateway, http) as line:
        call, id = await recorded(line, wav(silence(6)))
        services, scope = gateway.services, f"{line.tenant.id}:live"
        store = services.store.within(scope)
        left = {"due": {**due_at(services.clock()), "by": "a process that is no more", "tries": 1}}
        await store.change(RECORDINGS, id, lambda doc: Change(set=left))
    async with running(mongod, tmp_path, asking("deepgram", service)) as gateway:
        store = gateway.services.store.within(scope)

        async def written() -> bool:
            return "due" not in await store.get(RECORDINGS, id)

        await until(written, 30)
        row, doc = await store.get(RECORDINGS, id), await store.get("calls", call)
        assert (row["transcription"], doc["transcripts"], len(service.asked)) == (SAID[0], [id], 1)
        # Cut off between the text and the word of it: told once all the same.
        await store.change(RECORDINGS, id, lambda doc: Change(set=left))
        await until(written, 30)
        assert (len(service.asked), (await store.get("calls", call))["transcripts"]) == (1, [id])


@pytest.mark.parametrize("provider", ["twilio", "plivo", "vonage", "telnyx"])
async def test_what_a_carrier_has_written_down_is_kept_with_its_recording(
    provider: str, mongod: EmbeddedMongo, tmp_path: Path, http: aiohttp.ClientSession
) -> None:
    async with (
        running(mongod, tmp_path, Transcription(engine="provider")) as gateway,
        line_at(gateway, http, provider) as line,
    ):
        call, there = await talking(line, record=True)
        await there.status("completed", seconds=1)
        name = line.carrier.record(3.0)
        # Told before the recording itself, and twice.
        for _ in range(2):
            await line.carrier.post(there.wanted["recording"], {"id": there.id, "transcript": (name, SAID[0])})
        await line.carrier.post(there.wanted["recording"], {"id": there.id, "recording": name})
        [ready] = await told(line, call, "transcript.ready")
        shown = (await line.call(call))["transcription"]
        assert (shown["recording"], shown["text"], shown["provider"]) == (ready["recording"], SAID[0], provider)
        words = (await line.owner.get(f"{KEPT}{ready['recording']}/transcript/")).ok()
        assert [each["text"] for each in words["passages"]] == [SAID[0]]
        if provider == "vonage":  # each side in a channel of its own, word by word
            [passage] = words["passages"]
            assert (words["channels"], passage["speaker"]) == (2, "customer")
            assert (passage["start_s"], passage["words"][0]["start_s"], ready["language"]) == (0.45, 0.45, "en")
