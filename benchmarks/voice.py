"""Calls at an HTTP voice carrier that is a stub: how soon a webhook is answered, how many calls a second."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import os
import re
import resource
import signal
import tempfile
import time
import urllib.request
from array import array
from collections.abc import Iterator
from contextlib import contextmanager
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit, urlunsplit

import aiohttp
import yarl
from aiohttp import web
from pymongo import MongoClient

from benchmarks.processes import LOAD_CORE, Gateway, cpu_seconds, family, free_port, gateway, peer
from benchmarks.rows import Row, median, percentile
from jinaconnect.core.calls.transcript import Heard
from jinaconnect.store.databases.embedded import EmbeddedMongo
from jinaconnect.telephony.transcribe.engine import Sound
from jinaconnect.telephony.transcribe.local import Local, model_directory
from tests.telephony.transcribe.sounds import RATE, TEXTS, clip, errors, wav, words

TOKEN, ACCOUNT = "bench", "AC" + 32 * "0"
OWN = "+12025550123"
SLOWER_MS, PACE, NEW_ONES = 200, 50.0, 5
WARM_S = 5.0  # in which connections to a database that has become slow are added
SETTINGS = {"JC_OUTBOUND__ALLOW_NETWORKS": "127.0.0.0/8"}
_NEXT = re.compile(rb'<Gather[^>]*? action="([^"]+)"|<Redirect[^>]*>([^<]+)<')
WEBHOOKS = 4  # of one call: it comes in, a key, the goodbye is over, the end


def menu(*, loops: bool) -> dict[str, Any]:
    """Return a question and what is said to an answer, then the end or the question again."""
    asked = {"prompt_tts": "Press one.", "max_digits": 1, "timeout_seconds": 5, "retries": 2, "save_as": "choice"}
    nodes = [
        {"id": "ask", "type": "voice.gather_dtmf", "data": asked},
        {"id": "said", "type": "voice.play", "data": {"tts_text": "You pressed {{choice}}."}},
        {"id": "end", "type": "voice.hangup", "data": {}},
    ]
    edges = [("ask", "1", "said"), ("ask", "timeout", "end"), ("said", "done", "ask" if loops else "end")]
    return {
        "entry_node_id": "ask", "nodes": nodes,
        "edges": [{"source": source, "on": on, "target": target} for source, on, target in edges],
    }  # fmt: skip


class Site:
    """A gateway whose first organisation has a number at the stub."""

    def __init__(self, running: Gateway, port: int, *, loops: bool) -> None:
        self.gateway = running
        account = {
            "name": "Stub", "provider": "twilio", "from_numbers": [OWN], "max_concurrent_calls": 1_000,
            "credentials": {"account_sid": ACCOUNT, "auth_token": TOKEN, "base_url": f"http://127.0.0.1:{port}"},
        }  # fmt: skip
        self.account: str = self.ask("POST", "/voice/api/provider-configs/", account)["id"]
        template = {"name": "Menu", "template_kind": "ivr_menu", "graph": menu(loops=loops)}
        route = {"type": "template", "template": self.ask("POST", "/voice/api/templates/", template)["id"]}
        self.ask("POST", "/voice/api/numbers/", {"number": OWN, "provider_config": self.account, "route": route})
        self.url: str = self.ask("GET", f"/voice/api/provider-configs/{self.account}/inbound-url/")["url"]

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        """Ask the gateway something."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.gateway.port}{path}", method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"Bearer {self.gateway.key}", "Content-Type": "application/json"},
        )  # fmt: skip
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.loads(answer.read() or b"null")


class Caller:
    """One call at the stub."""

    def __init__(self, http: aiohttp.ClientSession, url: str, number: int) -> None:
        self._http = http
        self._base = url
        self._next = url
        self._told = {
            "CallSid": f"CA{number:032x}", "AccountSid": ACCOUNT, "Direction": "inbound",
            "From": f"+1202556{number % 10_000:04}", "To": OWN, "CallStatus": "in-progress",
        }  # fmt: skip

    async def tell(self, url: str | None = None, **told: str) -> float:
        """Post one webhook and take its document; returns how long that took, in seconds."""
        form = {**self._told, **told}
        given = url or self._next
        text = given + "".join(name + form[name] for name in sorted(form))
        mark = base64.b64encode(hmac.digest(TOKEN.encode(), text.encode(), hashlib.sha1)).decode()
        headers = {"X-Twilio-Signature": mark, "Content-Type": "application/x-www-form-urlencoded"}
        begun = time.perf_counter()
        async with self._http.post(
            yarl.URL(given, encoded=True), data=urlencode(form).encode(), headers=headers
        ) as answer:
            body = await answer.read()
        took = time.perf_counter() - begun
        if answer.status != 200:
            raise RuntimeError(f"{answer.status}: {body[:300]!r}")
        found = _NEXT.search(body)
        if found is not None:
            target = unescape((found[1] or found[2]).decode())
            self._next = target if "://" in target else urlunsplit((*urlsplit(self._base)[:2], target, "", ""))
        return took

    async def whole(self) -> None:
        """Go through a call from its beginning to its end."""
        await self.tell()
        await self.tell(Digits="1")
        await self.tell()
        await self.tell(self._base, CallStatus="completed", CallDuration="3")


async def _calls(url: str, count: int, at_once: int, first: int) -> float:
    """Have calls go through, so many at once; returns calls a second."""
    numbers = iter(range(first, first + count))
    connector = aiohttp.TCPConnector(limit=0)

    async with aiohttp.ClientSession(connector=connector) as http:

        async def one_after_another() -> None:
            for number in numbers:
                await Caller(http, url, number).whole()

        begun = time.perf_counter()
        await asyncio.gather(*(one_after_another() for _ in range(at_once)))
        return count / (time.perf_counter() - begun)


def calls(quick: bool) -> list[Row]:
    """Compare whole IVR calls a second with a bare handler that answers as many webhooks with a fixed document."""
    count, rounds, at_once = (200, 1, 32) if quick else (1_500, 3, 64)
    ours: list[float] = []
    bare: list[float] = []
    used: list[tuple[float, float, float]] = []
    for _ in range(rounds):
        port = free_port()
        with peer("tornado_document", str(port)):
            bare.append(asyncio.run(_calls(f"http://127.0.0.1:{port}/", count, at_once, 0)))
        with gateway(settings=SETTINGS) as running:
            site = Site(running, free_port(), loops=False)
            asyncio.run(_calls(site.url, 50, 8, 1_000_000))
            _told(running, 50)
            before, begun = _used(running), time.perf_counter()
            asyncio.run(_calls(site.url, count, at_once, 0))
            _told(running, 50 + count)
            ours.append(count / (time.perf_counter() - begun))
            used.append(tuple((now - then) / count for now, then in zip(_used(running), before, strict=True)))
    ratio = median([mine / other for mine, other in zip(ours, bare, strict=True)])
    shown = f"{median(ours):.0f}/s ({WEBHOOKS * median(ours):.0f} webhooks/s)"
    other = f"a bare Tornado handler, as many webhooks {median(bare):.0f}/s"
    return [
        Row("IVR calls over an HTTP carrier, every event stored", ratio, "x", shown, other, 0.3, least=True),
        Row("… commands to the database per call", median([each[0] for each in used]), "",
            "processor time of a call: gateway " + " ms, database ".join(
                f"{1e3 * median([each[part] for each in used]):.1f}" for part in (1, 2)) + " ms", "", 8),
    ]  # fmt: skip


def _used(running: Gateway) -> tuple[float, float, float]:
    """Return the commands a gateway's database has been given, and the seconds of processor time of both."""
    with MongoClient[dict[str, Any]](running.mongodb) as client:
        told = client.admin.command("serverStatus")["metrics"]["commands"]
    given = sum(told[name]["total"] for name in ("find", "insert", "update", "findAndModify", "aggregate"))
    database = [pid for pid in family(running.pid) if "mongod" in Path(f"/proc/{pid}/comm").read_text()]
    return float(given), cpu_seconds(running.pid), sum(map(cpu_seconds, database))


def _told(running: Gateway, count: int) -> None:
    """Wait until the log tells the end of as many calls."""
    ends = time.monotonic() + 300
    with MongoClient[dict[str, Any]](running.mongodb) as client:
        events = client["jinaconnect"]["events"]
        while events.count_documents({"type": "call.completed"}) < count:
            if time.monotonic() > ends:
                raise RuntimeError("not all calls have ended")
            time.sleep(0.05)


@contextmanager
def slowed() -> Iterator[tuple[str, int]]:
    """Run a database behind a way that can be made slow; yields its address and who is told to begin."""
    with tempfile.TemporaryDirectory(prefix="jc-bench-db-") as folder:
        runner = asyncio.Runner()
        mongod = runner.run(EmbeddedMongo.start(Path(folder)))
        port = free_port()
        try:
            with peer("slow_database", str(port), str(mongod.port), str(SLOWER_MS), core=LOAD_CORE) as way:
                yield f"mongodb://127.0.0.1:{port}/?directConnection=true", way
        finally:
            runner.run(mongod.stop())
            runner.close()


async def _paced(site: Site, seconds: float, way: int) -> list[float]:
    """Open calls, make the database slow, then give them keys in turn at a pace; returns what each took.

    One webhook in five is the first of another call that comes in.
    """
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector) as http:
        callers = [Caller(http, site.url, number) for number in range(int(PACE * 4))]
        for caller in callers:
            await caller.tell()
            await caller.tell(Digits="1")
            await caller.tell()
        os.kill(way, signal.SIGUSR1)
        begun, warm, count = time.perf_counter(), round(PACE * WARM_S), round(PACE * (WARM_S + seconds))
        going: list[asyncio.Task[float]] = []
        for number in range(count):
            await asyncio.sleep(max(0.0, begun + number / PACE - time.perf_counter()))
            if number % NEW_ONES == 0:
                going.append(asyncio.create_task(Caller(http, site.url, 10_000 + number).tell()))
                continue
            given = number - number // NEW_ONES - 1
            caller = callers[given % len(callers)]
            keys = {"Digits": "1"} if given // len(callers) % 2 == 0 else {}
            going.append(asyncio.create_task(caller.tell(**keys)))
        return (await asyncio.gather(*going))[warm:]


def slow(quick: bool) -> list[Row]:
    """Measure how soon a call's webhooks are answered while each answer of the database takes 200 ms more."""
    with slowed() as (uri, way):
        settings = {**SETTINGS, "JC_MONGODB__URI": uri, "JC_MONGODB__TIMEOUT_S": "30"}
        with gateway(settings=settings) as running:
            site = Site(running, free_port(), loops=True)
            took = asyncio.run(_paced(site, 10 if quick else 60, way))
    late, half = percentile(took, 0.99) * 1000, median(took) * 1000
    shown = f"{late:.0f} ms (median {half:.0f} ms)"
    name = f"a voice webhook answered, {PACE:.0f}/s, database slowed by {SLOWER_MS} ms, p99"
    return [Row(name, late, " ms", shown, "", 300)]




def transcripts(quick: bool) -> list[Row]:
    """Measure what writing recordings down takes, and how soon calls are placed beside it."""
    return [*_model(quick), *_beside(quick)]


def _model(quick: bool) -> list[Row]:
    """Write the ten clips down, one after the other in one recording, as often as a real call lasts."""
    clips = [clip(number + 1) for number in range(len(TEXTS))]
    times = 1 if quick else 5
    length = times * sum(map(len, clips)) / RATE
    audio = wav(sum(clips, array("h")) * times)
    engine = Local(model_directory(""))
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    heard = asyncio.run(_heard(engine, audio, length))
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    wrong = sum(errors(text, asyncio.run(_heard(engine, wav(sound), len(sound) / RATE)).text)
                for text, sound in zip(TEXTS, clips, strict=True))  # fmt: skip
    rate = 100 * wrong / sum(len(words(text)) for text in TEXTS)
    said = f"{len(heard.passages)} passages of {length:.0f} s"
    return [
        Row("local transcription, CPU per second of audio", used / length, " s", f"{used:.1f} s for {said}", "", 0.15),
        Row("… memory at most", after.ru_maxrss / 1024, " MB", f"{after.ru_maxrss / 1024:.0f} MB", "", 400),
        Row("… word error rate, ten clips of telephone band", rate, " %", f"{wrong} words wrong", "", 10),
    ]  # fmt: skip


async def _heard(engine: Local, audio: bytes, length_s: float) -> Heard:
    with tempfile.TemporaryFile() as file:
        file.write(audio)
        return await engine.hear(Sound(file, "wav", len(audio), length_s), "en")


class Stub:
    """A carrier that takes calls and has a recording of each."""

    def __init__(self, audio: bytes) -> None:
        self._audio = audio
        self.placed: dict[str, float] = {}
        self.came = asyncio.Event()
        self.told: dict[str, dict[str, str]] = {}

    async def place(self, request: web.Request) -> web.Response:
        """Take a call."""
        form = {name: str(value) for name, value in (await request.post()).items()}
        self.placed[form["To"]] = time.perf_counter()
        self.told[form["To"]] = form
        self.came.set()
        return web.json_response({"sid": "CA" + form["To"][1:].rjust(32, "0"), "status": "queued"}, status=201)

    async def recording(self, request: web.Request) -> web.Response:
        """Give a recording."""
        return web.Response(body=self._audio, content_type="audio/x-wav")


def _beside(quick: bool) -> list[Row]:
    """Compare how soon the carrier is asked for a call with and without recordings being written down."""
    calls, rounds = (40, 1) if quick else (200, 3)
    ratios: list[float] = []
    with_it: list[float] = []
    without: list[float] = []
    for _ in range(rounds):
        port = free_port()
        with gateway(pinned=False, settings={**SETTINGS, "JC_TRANSCRIPTION__ENGINE": "local"}) as running:
            site = Site(running, port, loops=False)
            alone, beside = asyncio.run(_set_up(site, port, calls))
        without.append(percentile(alone, 0.99) * 1000)
        with_it.append(percentile(beside, 0.99) * 1000)
        ratios.append(with_it[-1] / without[-1])
    return [
        Row("… call set-up beside it, p99", median(ratios), "x", f"{median(with_it):.1f} ms",
            f"without {median(without):.1f} ms", 1.1),
    ]  # fmt: skip


async def _set_up(site: Site, port: int, calls: int) -> tuple[list[float], list[float]]:
    """Return how long placing took without and with recordings being written down."""
    stub = Stub(wav(sum((clip(number + 1) for number in range(len(TEXTS))), array("h")) * 5))
    application = web.Application()
    base = "/2010-04-01/Accounts/{account}"
    application.router.add_post(f"{base}/Calls.json", stub.place)
    application.router.add_get(f"{base}/Recordings/{{file}}", stub.recording)
    runner = web.AppRunner(application)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    async with aiohttp.ClientSession() as http:
        try:
            await _place(http, site, stub, 10, 0)
            alone = await _place(http, site, stub, calls, 1_000)
            for number in range(3, 7):  # what is waiting to be written down is never done meanwhile
                form = stub.told[f"+1202557{number:04}"]
                sid = "CA" + form["To"][1:].rjust(32, "0")
                caller = Caller(http, form["StatusCallback"], number)
                told = {"CallSid": sid, "To": form["To"], "Direction": "outbound-api"}
                await caller.tell(form["RecordingStatusCallback"], **told, RecordingSid=f"RE{number:032x}",
                                  RecordingStatus="completed", RecordingDuration="298")  # fmt: skip
            for _ in range(600):
                if _writes_down(site.gateway.pid):
                    break
                await asyncio.sleep(0.05)
            beside = await _place(http, site, stub, calls, 2_000)
            if not _writes_down(site.gateway.pid):
                raise RuntimeError("it was done before the calls were")
            return alone, beside
        finally:
            await runner.cleanup()


def _writes_down(pid: int) -> bool:
    """Tell whether a process of the gateway is writing a recording down."""
    return any(b"transcribe.listening" in Path(f"/proc/{each}/cmdline").read_bytes() for each in family(pid))


async def _place(http: aiohttp.ClientSession, site: Site, stub: Stub, count: int, first: int) -> list[float]:
    """Place calls, ten a second; returns how long each took to reach the carrier."""
    took: list[float] = []
    url, key = f"http://127.0.0.1:{site.gateway.port}/voice/api/calls/", {"Authorization": f"Bearer {site.gateway.key}"}
    for number in range(first, first + count):
        to = f"+1202557{number:04}"
        body = {"to_number": to, "provider_config_id": site.account, "tts_text": "Hello.", "record": True}
        begun = time.perf_counter()
        async with http.post(url, json=body, headers=key) as answer:
            if answer.status != 201:
                raise RuntimeError(await answer.text())
        while to not in stub.placed:
            stub.came.clear()
            await stub.came.wait()
        took.append(stub.placed[to] - begun)
        await asyncio.sleep(0.1)
    return took
