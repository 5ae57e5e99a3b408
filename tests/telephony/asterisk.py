"""Real Asterisks and real SIPp for the tests, each on a loopback address of its own.

Asterisk is unpacked by `asterisk/asterisk.sh` when it is not there yet. Both end with the test process.
"""

from __future__ import annotations

import asyncio
import importlib.util
import os
import random
import shutil
import signal
import socket
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import TypeVar

import pytest

from jinaconnect.telephony.ari.client import AriClient
from jinaconnect.telephony.ari.errors import AriError, AriNotFound
from jinaconnect.telephony.ari.event_types import Event
from jinaconnect.telephony.ari.events import AriEvents, Received

ROOT = Path(__file__).resolve().parents[2] / "asterisk"
SCRIPT = ROOT / "asterisk.sh"
SCENARIOS = ROOT / "sipp"
APP = "jinaconnect"

E = TypeVar("E", bound=Event)


async def until(
    condition: Callable[[], object], what: str, deadline_s: float = 10.0, seen: Callable[[], object] = lambda: ""
) -> None:
    """Wait until a condition holds; fails after the deadline, naming `what` and what was seen instead."""
    loop = asyncio.get_running_loop()
    end = loop.time() + deadline_s
    while not condition():
        if loop.time() > end:
            pytest.fail(f"{what}: not within {deadline_s:g} s {seen()}")
        await asyncio.sleep(0.02)


def loopback_address(*ports: int) -> str:
    """Return an address of 127/8 on which the ports (SIP, HTTP and TLS unless given) are free."""
    for _ in range(200):
        address = f"127.{random.randint(20, 250)}.{random.randint(1, 250)}.{random.randint(1, 250)}"
        try:
            for port in ports or (5060, 5061, 8088):
                for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
                    with socket.socket(socket.AF_INET, kind) as probe:
                        probe.bind((address, port))
        except OSError:
            continue
        return address
    raise RuntimeError("no free loopback address")


async def _run(*command: str | Path, env: dict[str, str] | None = None, deadline_s: float = 30) -> str:
    process = await asyncio.create_subprocess_exec(
        *map(str, command), env={**os.environ, **(env or {})}, stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    try:
        output, _ = await asyncio.wait_for(process.communicate(), deadline_s)
    except TimeoutError:
        process.kill()
        await process.wait()
        raise
    if process.returncode:
        raise RuntimeError(f"{Path(command[0]).name} {command[1]}: {output.decode('utf-8', 'replace')}")
    return output.decode("utf-8", "replace")


async def ensure_asterisk() -> None:
    """Unpack Asterisk if it is missing; fails with the script's own words."""
    try:
        await _run(SCRIPT, "install", deadline_s=600)
    except RuntimeError as error:
        pytest.fail(f"Asterisk could not be unpacked: {error}")


@dataclass
class Asterisk:
    """One running Asterisk; `directory` holds its configuration, log and recordings."""

    directory: Path
    ip: str
    env: dict[str, str]
    process: asyncio.subprocess.Process
    password: str = field(repr=False)

    @classmethod
    async def start(
        cls, directory: Path, *, ip: str | None = None, peer_ip: str = "127.0.0.2", context: str = "from-trunk",
        app: str = APP, **more: str,
    ) -> Asterisk:  # fmt: skip
        """Start an Asterisk and wait until it takes requests and calls; `more` are further AST_ settings."""
        await ensure_asterisk()
        ip = ip or loopback_address()
        env = {"AST_IP": ip, "AST_PEER_IP": peer_ip, "AST_CONTEXT": context, "AST_ARI_APP": app, **more}
        directory.mkdir(parents=True, exist_ok=True)
        await _run(SCRIPT, "prepare", directory, env=env)
        password = (directory / "ari.password").read_text()
        running = cls(directory, ip, env, await cls._spawn(directory, env), password)
        await running.ready()
        return running

    @staticmethod
    async def _spawn(directory: Path, env: dict[str, str]) -> asyncio.subprocess.Process:
        (directory / "run" / "asterisk.ctl").unlink(missing_ok=True)
        with (directory / "log" / "console").open("ab") as console:
            # The script execs: the child is Asterisk itself. It is told to end when the test process is killed.
            return await asyncio.create_subprocess_exec(
                "setpriv", "--pdeathsig", "TERM", str(SCRIPT), "run", str(directory),
                env={**os.environ, **env, "AST_KEEP_CONF": "1"}, stdin=asyncio.subprocess.DEVNULL, stdout=console,
                stderr=console, start_new_session=True,
            )  # fmt: skip

    async def ready(self, deadline_s: float = 30) -> None:
        """Wait until every module is loaded."""
        loop = asyncio.get_running_loop()
        end = loop.time() + deadline_s
        async with self.client(deadline_s=1) as ari:
            while True:
                try:
                    await ari.ping()
                    await self.cli("core waitfullybooted")
                    return
                except (AriError, RuntimeError):
                    if self.process.returncode is not None or loop.time() > end:
                        pytest.fail(f"Asterisk did not start:\n{self.log()[-3000:]}")
                    await asyncio.sleep(0.05)

    @property
    def url(self) -> str:
        """Root of the HTTP server."""
        return f"http://{self.ip}:8088"

    def client(self, *, password: str | None = None, deadline_s: float = 5.0) -> AriClient:
        """Return a client of it."""
        return AriClient(self.url, APP, password if password is not None else self.password, deadline_s=deadline_s)

    async def cli(self, command: str) -> str:
        """Return the answer to a console command."""
        return await _run(SCRIPT, "cli", self.directory, command)

    def log(self) -> str:
        """Return its log and console output."""
        files = (self.directory / "log" / name for name in ("console", "messages"))
        return "\n".join(file.read_text(errors="replace") for file in files if file.exists())

    def freeze(self) -> None:
        """Stop it without its noticing; a thread that still ran could answer."""
        self.process.send_signal(signal.SIGSTOP)
        while not _all_stopped(self.process.pid):
            time.sleep(0.001)

    def thaw(self) -> None:
        """Let it go on."""
        self.process.send_signal(signal.SIGCONT)

    async def kill(self) -> None:
        """End it as a crash would."""
        if self.process.returncode is None:
            self.process.kill()
            await self.process.wait()

    async def stop(self) -> None:
        """End it in good order."""
        if self.process.returncode is None:
            self.thaw()
            self.process.terminate()
            try:
                await asyncio.wait_for(self.process.wait(), 10)
            except TimeoutError:
                await self.kill()

    async def start_again(self) -> None:
        """Start it again after `kill` or `stop`, with the configuration it had."""
        self.process = await self._spawn(self.directory, self.env)
        await self.ready()


def _keys_tool() -> ModuleType:
    spec = importlib.util.spec_from_file_location("sipp_keys", SCENARIOS / "keys.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@dataclass
class Sipp:
    """One running SIPp; `messages()` is what went over the wire, `notes()` what the scenario wrote down."""

    directory: Path
    ip: str
    process: asyncio.subprocess.Process

    async def finished(self, deadline_s: float = 20) -> int:
        """Wait for its end; 0 means that every call went as the scenario says."""
        return await asyncio.wait_for(self.process.wait(), deadline_s)

    def messages(self) -> str:
        """Return the SIP messages sent and received so far."""
        return self._text("messages.log")

    def notes(self) -> str:
        """Return what the scenario logged."""
        return self._text("notes.log")

    def _text(self, name: str) -> str:
        file = self.directory / name
        return file.read_text(errors="replace") if file.exists() else ""


@asynccontextmanager
async def sipp(
    directory: Path, scenario: str, *, target: str | None = None, number: str = "4930123", caller: str = "+4930999",
    keys: str | None = None, key: str | None = None, audio: bytes | None = None, calls: int = 1,
    ip: str | None = None, more: Sequence[str] = (),
) -> AsyncIterator[Sipp]:  # fmt: skip
    """Run a scenario of `asterisk/sipp` in `directory`: as called party, or as caller of `number` at `target`.

    `keys` are pressed in RTP, `key` by SIP INFO, `audio` (8 kHz A-law) is what is heard, where the scenario does so.
    A called party is listening on entry.
    """
    if shutil.which("sipp") is None:
        pytest.fail("SIPp is missing: apt-get install sip-tester")
    ip = ip or loopback_address(5060)
    directory = directory / f"sipp-{scenario}-{ip}"
    directory.mkdir(parents=True)
    if keys is not None:
        (directory / "keys.pcap").write_bytes(_keys_tool().capture(keys))
    if audio is not None:
        (directory / "audio.alaw").write_bytes(audio)
    command = ["sipp", *((f"{target}:5060",) if target else ()), "-sf", str(SCENARIOS / f"{scenario}.xml"), "-i", ip]
    command += ["-p", "5060", "-mi", ip, "-m", str(calls), "-nostdin", "-s", number, "-key", "caller", caller]
    command += ["-key", "key", key] if key else []
    command += ["-trace_msg", "-message_file", "messages.log", "-trace_logs", "-log_file", "notes.log", *more]
    with (directory / "console").open("wb") as console:
        process = await asyncio.create_subprocess_exec(
            "setpriv", "--pdeathsig", "KILL", *command, cwd=directory, stdin=asyncio.subprocess.DEVNULL, stdout=console,
            stderr=console,
        )  # fmt: skip
    try:
        if target is None:
            await until(lambda: process.returncode is not None or _bound(ip, 5060), f"SIPp {scenario} listening")
        yield Sipp(directory, ip, process)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


def _bound(ip: str, port: int) -> bool:
    """Tell whether something listens on a UDP address."""
    wanted = f"{int.from_bytes(socket.inet_aton(ip), 'little'):08X}:{port:04X}"
    return any(line.split()[1] == wanted for line in Path("/proc/net/udp").read_text().splitlines()[1:])


def channel_of(event: Event) -> str | None:
    """Return the id of the channel an event is about, None where it is about none."""
    return getattr(getattr(event, "channel", None), "id", None)


class Heard:
    """The events of a connection, kept in order while they come."""

    def __init__(self, events: AriEvents) -> None:
        self.events = events
        self.all: list[Received] = []
        self._task = asyncio.create_task(self._take())

    async def _take(self) -> None:
        async for event in self.events:
            self.all.append(event)

    def of(self, kind: type[E], channel: str | None = None) -> list[E]:
        """Return the events of a type so far, of one channel where given."""
        found = [each for each in self.all if isinstance(each, kind)]
        return [each for each in found if channel is None or channel_of(each) == channel]

    def summary(self) -> list[str]:
        """Return what came so far, a word or two each."""
        return [f"{each.type} {channel_of(each)}" for each in self.all]

    async def next(self, kind: type[E], channel: str | None = None, *, deadline_s: float = 10.0, nth: int = 1) -> E:
        """Return the first (or nth) event of a type, waiting for it."""
        what = f"{kind.__name__} of {channel or 'any channel'}"
        await until(lambda: len(self.of(kind, channel)) >= nth, what, deadline_s, self.summary)
        return self.of(kind, channel)[nth - 1]

    async def close(self) -> None:
        """End the connection and stop listening."""
        await self.events.close()
        await self._task


@asynccontextmanager
async def listening(client: AriClient, app: str = APP, *, subscribe_all: bool = False) -> AsyncIterator[Heard]:
    """Listen to an application's events."""
    heard = Heard(await AriEvents.connect(client, app, subscribe_all=subscribe_all))
    try:
        yield heard
    finally:
        await heard.close()


def _all_stopped(pid: int) -> bool:
    try:
        states = [task.read_text().rpartition(")")[2].split()[0] for task in Path(f"/proc/{pid}/task").glob("*/stat")]
    except (FileNotFoundError, ProcessLookupError):
        return False  # a thread ended meanwhile
    return set(states) <= set("TtZX")


@contextmanager
def frozen(asterisk: Asterisk) -> Iterator[None]:
    """Keep an Asterisk frozen for a while."""
    asterisk.freeze()
    try:
        yield
    finally:
        asterisk.thaw()


@pytest.fixture(scope="session")
async def carrier(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Asterisk]:
    """An Asterisk that plays the carrier: numbers with a behaviour, an account that asks for a password."""
    running = await Asterisk.start(tmp_path_factory.mktemp("carrier"), peer_ip=loopback_address(), context="carrier")
    yield running
    await running.stop()


@pytest.fixture(scope="session")
async def asterisk(carrier: Asterisk, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Asterisk]:
    """The gateway's Asterisk; its static trunk leads to the carrier."""
    directory = tmp_path_factory.mktemp("asterisk")
    running = await Asterisk.start(directory, ip=carrier.env["AST_PEER_IP"], peer_ip=carrier.ip)
    yield running
    await running.stop()


@pytest.fixture
async def own_asterisk(tmp_path: Path) -> AsyncIterator[Asterisk]:
    """An Asterisk for one test, which may break it."""
    running = await Asterisk.start(tmp_path / "own")
    yield running
    await running.stop()


@pytest.fixture
async def ari(asterisk: Asterisk) -> AsyncIterator[AriClient]:
    """A client of the gateway's Asterisk; what a test left behind is ended."""
    async with asterisk.client() as client:
        yield client
        for channel in await client.channels.list():
            try:
                await client.channels.hangup(channel.id)
            except AriNotFound:
                continue
        for bridge in await client.bridges.list():
            await client.bridges.destroy(bridge.id)


@pytest.fixture
async def heard(ari: AriClient) -> AsyncIterator[Heard]:
    """The events of the application."""
    async with listening(ari) as all_heard:
        yield all_heard
