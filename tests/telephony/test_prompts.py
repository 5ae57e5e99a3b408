"""PromptStore: made once, named so that nobody can guess, fetched by a real Asterisk."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
from aiohttp import web

from jinaconnect.actions.ivr.prompts import PromptStore, PromptUnavailable
from jinaconnect.core.ivr.exchange import PlayAudio, Say
from jinaconnect.telephony.ari.client import AriClient
from jinaconnect.telephony.ari.event_types import PlaybackFinished, StasisStart
from jinaconnect.telephony.ari.ids import channel_id
from jinaconnect.telephony.audio import MAX_BYTES
from jinaconnect.telephony.speech import EspeakNg, SpeechUnavailable
from tests.client import Client
from tests.conftest import Running
from tests.telephony import waves
from tests.telephony.asterisk import APP, Asterisk, Heard
from tests.tenants import Tenant

MEDIA = "/voice/media/"


class Counted(EspeakNg):
    """espeak-ng that counts its renderings, and fails when told."""

    def __init__(self) -> None:
        super().__init__()
        self.renderings = 0
        self.begun = asyncio.Event()
        self.broken = False

    async def render(self, text: str, voice: str | None, language: str | None) -> bytes:
        self.renderings += 1
        self.begun.set()
        if self.broken:
            raise SpeechUnavailable("lost its voice")
        return await super().render(text, voice, language)


@dataclass
class Shelf:
    """A web server with sounds; what it answers can be changed under way."""

    url: str = ""
    body: bytes = b""
    status: int = 200
    asked: int = 0
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    reached: asyncio.Event = field(default_factory=asyncio.Event)

    async def answer(self, request: web.Request) -> web.Response:
        self.asked += 1
        self.reached.set()
        if request.path == "/moved":
            return web.Response(status=302, headers={"Location": "/sound"})
        if request.path == "/inside":
            return web.Response(status=302, headers={"Location": "http://169.254.169.254/latest/"})
        await self.gate.wait()
        return web.Response(status=self.status, body=self.body)


@asynccontextmanager
async def shelf(body: bytes) -> AsyncIterator[Shelf]:
    """Run a web server that gives `body`."""
    held = Shelf(body=body)
    held.gate.set()
    app = web.Application()
    app.router.add_get("/{path:.*}", held.answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    held.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield held
    finally:
        await runner.cleanup()


@pytest.fixture
def speech() -> Counted:
    return Counted()


@pytest.fixture
def prompts(gateway: Running, speech: Counted) -> PromptStore:
    return PromptStore(gateway.services, speech, gateway.url)


def scope(tenant: Tenant, mode: str = "live") -> str:
    return f"{tenant.id}:{mode}"


def path(media: str, url: str) -> str:
    assert media.startswith(f"sound:{url}{MEDIA}"), media
    assert media.endswith(".wav")
    return media.removeprefix(f"sound:{url}")


async def sound(anonymous: Client, media: str) -> bytes:
    answer = await anonymous.get(path(media, anonymous.url))
    assert answer.status == 200
    return bytes(answer.body)


# --- texts -----------------------------------------------------------------------------------------------------------


async def test_a_text_is_spoken_once_for_all_who_ask(
    gateway: Running, prompts: PromptStore, speech: Counted, tenant: Tenant
) -> None:
    order = Say("Please hold the line.")
    named = await asyncio.gather(*(prompts.media(scope(tenant), order) for _ in range(20)))
    assert len(set(named)) == 1
    assert speech.renderings == 1
    assert await PromptStore(gateway.services, speech, gateway.url).media(scope(tenant), order) == named[0]
    assert speech.renderings == 1
    assert waves.form(await sound(tenant.anonymous, named[0]))[:3] == (1, 2, 8_000)
    others = [await prompts.media(scope(tenant), each) for each in (Say("Please wait."), Say(order.text, "en+f3"),
              Say(order.text, None, "de"))]  # fmt: skip
    assert len({named[0], *others}) == 4
    assert await prompts.media(scope(tenant), Say(order.text, barge_in=True)) == named[0]


async def test_who_stops_waiting_does_not_stop_the_others(
    prompts: PromptStore, speech: Counted, tenant: Tenant
) -> None:
    order = Say("One two three four five six seven eight nine ten. " * 20)
    impatient = asyncio.create_task(prompts.media(scope(tenant), order))
    patient = asyncio.create_task(prompts.media(scope(tenant), order))
    await speech.begun.wait()
    impatient.cancel()
    assert path(await patient, tenant.anonymous.url)
    assert impatient.cancelled()
    assert speech.renderings == 1


async def test_a_text_that_could_not_be_spoken_is_tried_again(
    prompts: PromptStore, speech: Counted, tenant: Tenant
) -> None:
    speech.broken = True
    results = await asyncio.gather(
        *(prompts.media(scope(tenant), Say("Hello.")) for _ in range(3)), return_exceptions=True
    )
    assert [str(result) for result in results] == ["lost its voice"] * 3
    assert all(isinstance(result, PromptUnavailable) and result.code == "prompt_unavailable" for result in results)
    assert speech.renderings == 1
    speech.broken = False
    assert path(await prompts.media(scope(tenant), Say("Hello.")), tenant.anonymous.url)


# --- names -----------------------------------------------------------------------------------------------------------


async def test_a_name_opens_its_own_file_only(prompts: PromptStore, tenant: Tenant) -> None:
    text = Say("A secret of this tenant.")
    where = path(await prompts.media(scope(tenant), text), tenant.anonymous.url)
    assert await sound(tenant.anonymous, f"sound:{tenant.anonymous.url}{where}")
    stem = where.removeprefix(MEDIA).removesuffix(".wav")
    parts = stem.split("-", 3)
    other = path(await prompts.media(scope(tenant, "test"), text), tenant.anonymous.url)
    assert other != where
    last = "A" if stem[-1] != "A" else "B"
    for name in (
        stem[:-1] + last, stem[:-22], stem + "A", stem.replace("-live-", "-test-"), stem.upper(), "",
        "-".join((parts[0], parts[1], "0" * 40, parts[3])), f"ten_{'0' * 26}-" + "-".join(parts[1:]), f"..%2F{stem}",
        f"{stem}%00", stem[:-22] + other.removesuffix(".wav")[-22:],
    ):  # fmt: skip
        answer = await tenant.anonymous.get(f"{MEDIA}{name}.wav")
        answer.refused(404, "not_found")


async def test_what_a_server_of_telephones_is_told_of_a_prompt(prompts: PromptStore, tenant: Tenant) -> None:
    where = path(await prompts.media(scope(tenant), Say("Hello.")), tenant.anonymous.url)
    answer = await tenant.anonymous.get(where)
    assert answer.headers["Content-Type"] == "audio/wav"
    assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert answer.headers["ETag"] == f'"{where.removeprefix(MEDIA).removesuffix(".wav")}"'
    assert "X-RateLimit-Limit" not in answer.headers
    head = await tenant.anonymous.ask("HEAD", where)
    assert (head.status, head.body) == (200, None)
    for name in ("Content-Length", "ETag", "Content-Type"):
        assert head.headers[name] == answer.headers[name]


# --- audio by address ------------------------------------------------------------------------------------------------


async def test_audio_is_fetched_once_for_all_who_ask(prompts: PromptStore, tenant: Tenant) -> None:
    async with shelf(waves.tone(1.2)) as web_server:
        web_server.gate.clear()
        asked = [asyncio.create_task(prompts.media(scope(tenant), PlayAudio(f"{web_server.url}/a"))) for _ in range(10)]
        await asyncio.wait_for(web_server.reached.wait(), 10)
        web_server.gate.set()
        named = set(await asyncio.gather(*asked))
        assert len(named) == 1
        assert await prompts.media(scope(tenant), PlayAudio(f"{web_server.url}/a")) in named
        assert web_server.asked == 1
        file = await sound(tenant.anonymous, named.pop())
        assert waves.form(file) == (1, 2, 8_000, 9_600)
        assert waves.pitch(file) == pytest.approx(440, abs=5)


async def test_a_redirect_is_followed_but_not_into_the_house(prompts: PromptStore, tenant: Tenant) -> None:
    async with shelf(waves.tone(1)) as web_server:
        assert path(await prompts.media(scope(tenant), PlayAudio(f"{web_server.url}/moved")), tenant.anonymous.url)
        with pytest.raises(PromptUnavailable, match="private"):
            await prompts.media(scope(tenant), PlayAudio(f"{web_server.url}/inside"))


async def test_what_cannot_be_played_is_told(prompts: PromptStore, tenant: Tenant) -> None:
    async with shelf(b"<html>") as web_server:
        order = PlayAudio(f"{web_server.url}/a")
        with pytest.raises(PromptUnavailable, match="cannot be played: not WAV"):
            await prompts.media(scope(tenant), order)
        web_server.body = bytes(MAX_BYTES + 1)
        with pytest.raises(PromptUnavailable, match="more than"):
            await prompts.media(scope(tenant), order)
        web_server.body, web_server.status = waves.tone(1), 404
        with pytest.raises(PromptUnavailable, match="answered 404"):
            await prompts.media(scope(tenant), order)
        web_server.status = 200
        assert path(await prompts.media(scope(tenant), order), tenant.anonymous.url)
    with pytest.raises(PromptUnavailable, match="cannot be reached"):
        await prompts.media(scope(tenant), PlayAudio(f"{web_server.url}/b"))


@pytest.mark.parametrize(
    "url",
    ["tt-monkeys", "sound:tt-monkeys", "recording:x", "file:///etc/passwd", "/etc/passwd", "", "http://10.0.0.1/a.wav",
     "http://[::ffff:169.254.169.254]/a", "gopher://a.example/", "//a.example/a.wav"],
)  # fmt: skip
async def test_only_audio_of_the_web_and_ones_own_is_played(prompts: PromptStore, tenant: Tenant, url: str) -> None:
    with pytest.raises(PromptUnavailable):
        await prompts.media(scope(tenant), PlayAudio(url))


async def test_audio_changed_at_its_address_is_heard_later_and_a_silent_address_keeps_the_last(
    prompts: PromptStore, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jinaconnect.actions.ivr.prompts.FRESH_S", 0.0)
    async with shelf(waves.tone(1)) as web_server:
        order = PlayAudio(f"{web_server.url}/a")
        first = await prompts.media(scope(tenant), order)
        web_server.body = waves.tone(2)
        second = await prompts.media(scope(tenant), order)
        assert second != first
        web_server.status = 503
        assert await prompts.media(scope(tenant), order) == second
        asked = web_server.asked
        web_server.status, web_server.body = 200, waves.tone(3)
        assert await prompts.media(scope(tenant), order) == second
        assert web_server.asked == asked


# --- uploads ---------------------------------------------------------------------------------------------------------


async def test_an_upload_is_played_by_its_tenant_only(gateway: Running, prompts: PromptStore, tenant: Tenant) -> None:
    store = gateway.services.store.of(tenant.id, "live")
    id = gateway.services.ids.new("aud")
    digest, file = await prompts.keep(scope(tenant), waves.tone(1), id)
    await store.insert("voice_media", {"_id": id, "name": "a", "digest": digest, "size": len(file), "duration_ms": 1})
    for url in (id, f"/voice/api/audio/{id}/", f"/voice/api/audio/{id}/file/", f"/voice/v1/api/audio/{id}/",
                f"/voice/audio/{id}"):  # fmt: skip
        assert await sound(tenant.anonymous, await prompts.media(scope(tenant), PlayAudio(url))) == file
    with pytest.raises(PromptUnavailable, match="no such audio"):
        await prompts.media(scope(tenant, "test"), PlayAudio(id))
    with pytest.raises(PromptUnavailable, match="no such audio"):
        await prompts.media(f"ten_{'0' * 26}:live", PlayAudio(id))


# --- Asterisk --------------------------------------------------------------------------------------------------------


async def test_asterisk_plays_prompts_by_their_address(
    asterisk: Asterisk, prompts: PromptStore, tenant: Tenant, heard: Heard, ari: AriClient
) -> None:
    async with shelf(waves.tone(1)) as web_server:
        spoken = await prompts.media(scope(tenant), Say("Hello."))
        fetched = await prompts.media(scope(tenant), PlayAudio(f"{web_server.url}/a"))
    channel = channel_id(tenant.id, "customer")
    await ari.channels.originate(channel, "PJSIP/600@trunk", app=APP, app_args=("out",))
    await heard.next(StasisStart, channel)
    for place, media in enumerate((spoken, fetched), 1):
        await ari.channels.play(channel, [media], f"{channel}-p{place}")
        done = await heard.next(PlaybackFinished, nth=place)
        assert (done.playback.id, done.playback.state) == (f"{channel}-p{place}", "done")
    cached = [file.read_bytes() for file in (asterisk.directory / "cache").rglob("*") if file.is_file()]
    assert await sound(tenant.anonymous, spoken) in cached
    assert await sound(tenant.anonymous, fetched) in cached
    altered = spoken.removesuffix(".wav")[:-1] + ("A.wav" if spoken[-5] != "A" else "B.wav")
    await ari.channels.play(channel, [altered], f"{channel}-p3")
    assert (await heard.next(PlaybackFinished, nth=3)).playback.state == "failed"
    await ari.channels.hangup(channel)
