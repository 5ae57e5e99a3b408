"""The telephone walk-through as a newcomer does it: `./dev run-sip`, a call in, a call out, Ctrl-C, nothing left."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.client import Client
from tests.processes import free_port

ROOT = Path(__file__).resolve().parents[2]
READY_S = 300  # the first start of all unpacks Asterisk
OVERALL_S = 420


@dataclass
class RunSip:
    """A running `./dev run-sip`."""

    var: Path
    port: int
    process: asyncio.subprocess.Process
    said: list[str] = field(default_factory=list)

    @property
    def url(self) -> str:
        """Where its gateway listens."""
        return f"http://127.0.0.1:{self.port}"

    def told(self, name: str) -> str:
        """Return what it printed behind a word."""
        found = re.search(rf"^ +{name} +(\S+)$", "\n".join(self.said), re.MULTILINE)
        assert found is not None, self.said
        return found[1]

    async def call_in(self, *arguments: str) -> tuple[int, str]:
        """Be a caller; returns exit status and what was printed."""
        process = await _dev(self.var, self.port, "call-in", *arguments)
        out, _ = await process.communicate()
        assert process.returncode is not None
        return process.returncode, out.decode()

    def left(self) -> list[str]:
        """Return the command lines of processes that run for this var directory."""
        found = []
        for entry in Path("/proc").iterdir():
            try:
                line = (entry / "cmdline").read_bytes() if entry.name.isdigit() else b""
                place = f"JC_VAR_DIR={self.var}".encode() if line else b""
                ours = line and (str(self.var).encode() in line or place in (entry / "environ").read_bytes())
            except OSError:
                continue
            if ours:
                found.append(line.replace(b"\0", b" ").decode(errors="replace"))
        return found


async def _dev(var: Path, port: int, *arguments: str) -> asyncio.subprocess.Process:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("JC_")}
    return await asyncio.create_subprocess_exec(
        ROOT / "dev", *arguments, cwd=ROOT, env={**inherited, "JC_VAR_DIR": str(var), "JC_HTTP__PORT": str(port)},
        stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        start_new_session=True,
    )  # fmt: skip


@pytest.fixture
async def run_sip(tmp_path: Path) -> AsyncIterator[RunSip]:
    """A `./dev run-sip` of this test's own; its group is killed afterwards in any case."""
    port = free_port()
    process = await _dev(tmp_path, port, "run-sip")
    running = RunSip(tmp_path, port, process)
    assert process.stdout is not None
    try:
        async with asyncio.timeout(READY_S):
            while not running.said or " IVR " not in running.said[-1]:
                line = await process.stdout.readline()
                assert line, "\n".join(running.said)
                running.said.append(line.decode().rstrip())
        yield running
    finally:
        if process.returncode is None:
            os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
        await _until(_now(running.left), lambda found: not found, "processes left", 40)


async def _until(ask: Any, fits: Any, what: str, deadline_s: float = 30) -> Any:
    found: Any = None
    try:
        async with asyncio.timeout(deadline_s):
            while True:
                found = await ask()
                if fits(found):
                    return found
                await asyncio.sleep(0.1)
    except TimeoutError:
        pytest.fail(f"{what}: {found}")


async def test_the_walk_through(run_sip: RunSip, http: aiohttp.ClientSession) -> None:
    owner = Client(run_sip.url, run_sip.told("live key"), http)

    async def calls(query: str) -> list[dict[str, Any]]:
        return list((await owner.ask("GET", f"/voice/api/calls/?{query}")).ok()["results"])

    async def recordings(call: str) -> list[dict[str, Any]]:
        return list((await owner.ask("GET", f"/voice/api/recordings/?call={call}")).ok()["results"])

    async with asyncio.timeout(OVERALL_S):
        health = (await owner.ask("GET", "/voice/api/ari-health/")).ok()
        assert [(each["id"], each["status"]) for each in health["trunks"]] == [(run_sip.told("trunk"), "up")]

        # a call in: key 3 leads to the message, which is recorded
        status, story = await run_sip.call_in("3", "Please call me back tomorrow morning")
        assert (status, "INFO key 3" in story, "<- gateway  BYE" in story) == (0, True, True), story
        ended = await _until(
            lambda: calls("direction=inbound"), lambda found: found and found[0]["status"] == "COMPLETED", "a call in"
        )
        came = ended[0]["id"]
        steps = [event["data"]["node"] for event in await owner.events("start", call=came)
                 if event["type"] == "call.ivr_step"]  # fmt: skip
        assert steps == ["menu", "ask", "message", "bye", "end"]
        message = (await _until(lambda: recordings(came), bool, "the message"))[0]
        async with http.get(message["storage_url"]) as answer:
            assert (answer.status, (await answer.read())[:4]) == (200, b"RIFF")

        # a call out, and one to somebody who is busy
        placed = {}
        for number in ("+12025550600", "+12025550486"):
            body = {"to_number": number, "tts_text": "Hello from the demo organisation.", "record": True}
            placed[number] = (await owner.ask("POST", "/voice/api/calls/", body)).ok(201)["id"]
        ends = {}
        for number, id in placed.items():
            doc = await _until(
                lambda id=id: owner.ask("GET", f"/voice/api/calls/{id}/"),
                lambda found: found.body["status"] in ("COMPLETED", "FAILED"), "a call out",
            )  # fmt: skip
            ends[number] = (doc.body["status"], doc.body["sip_code"])
        assert ends["+12025550600"][0] == "COMPLETED"
        assert ends["+12025550486"] == ("FAILED", 486)
        assert await _until(lambda: recordings(placed["+12025550600"]), bool, "the recording")

        # a second one beside it is refused, and changes nothing
        second = await _dev(run_sip.var, free_port(), "run-sip")
        out, _ = await second.communicate()
        assert second.returncode == 1
        assert b"another run-sip" in out
        assert json.loads((run_sip.var / "run-sip" / "addresses.json").read_text())["asterisk"]

        # Ctrl-C ends everything
        os.killpg(run_sip.process.pid, signal.SIGINT)
        assert await run_sip.process.wait() == 130
        await _until(_now(run_sip.left), lambda found: not found, "processes left")


async def test_killed_it_leaves_nothing(run_sip: RunSip) -> None:
    async with asyncio.timeout(OVERALL_S):
        assert len(run_sip.left()) >= 4  # itself, two Asterisks, the gateway, its database
        run_sip.process.kill()
        await run_sip.process.wait()
        await _until(_now(run_sip.left), lambda found: not found, "processes left", 40)


def _now(look: Any) -> Any:
    async def ask() -> Any:
        return look()

    return ask
