"""Programs started by tests: the gateway as it runs in the field, and Redis. Whatever is started here is ended here."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import signal
import socket
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from jinaconnect.store.databases.redis import RedisLink
from tests import payloads
from tests.client import until

ROOT = Path(__file__).resolve().parent.parent
SERVER = str(ROOT / "server.py")
READY_S = 60
PLENTY = {
    f"JC_LIMITS__{name}": "100000000"
    for name in (
        "TENANT_PER_MINUTE", "TENANT_PER_DAY", "WRITES_PER_MINUTE", "ANONYMOUS_PER_MINUTE", "LOGINS_PER_MINUTE",
    )
}  # fmt: skip


def free_port() -> int:
    """Return a port nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def memory_mb(pid: int) -> float:
    """Return the resident memory of a process in MiB."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def alive(pid: int) -> bool:
    """Tell whether a process runs (one that only waits to be reaped does not)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except FileNotFoundError:
        return False


@dataclass
class GatewayProcess:
    """`server.py run` on a free port, with its own var directory unless one is given."""

    var_dir: Path
    settings: Mapping[str, str] = field(default_factory=dict)
    arguments: tuple[str, ...] = ()
    port: int = field(default_factory=free_port)
    process: asyncio.subprocess.Process | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    def environment(self) -> dict[str, str]:
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("JC_")}
        ours = {"JC_VAR_DIR": str(self.var_dir), "JC_HTTP__PORT": str(self.port), "JC_HTTP__DRAIN_S": "2", **PLENTY}
        return {**inherited, **ours, "JC_OUTBOUND__ALLOW_NETWORKS": "127.0.0.0/8", **self.settings}

    async def start(self, *, ready: int = 1) -> None:
        """Start and wait until it says it is ready (`ready` times, for several processes)."""
        self.var_dir.mkdir(parents=True, exist_ok=True)
        with (self.var_dir / "gateway.err").open("ab") as errors:
            self.process = await asyncio.create_subprocess_exec(
                sys.executable, SERVER, "run", *self.arguments, env=self.environment(), cwd=ROOT,
                stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=errors,
            )  # fmt: skip
        assert self.process.stdout is not None
        try:
            async with asyncio.timeout(READY_S):
                while ready:
                    line = await self.process.stdout.readline()
                    if not line:
                        raise AssertionError(f"the gateway did not start:\n{self.told()[-4000:]}")
                    ready -= b"is ready on" in line
        except BaseException:
            await self.kill(after_s=10)  # most often it is ending by itself, and its exit status is of interest
            raise

    def told(self) -> str:
        """Return what it wrote to its log."""
        return (self.var_dir / "gateway.err").read_text(errors="replace")

    async def seed(self) -> list[dict[str, Any]]:
        """Make the demo tenants and return them."""
        status, out = await self.command("seed-demo", "--json")
        assert status == 0
        tenants: list[dict[str, Any]] = json.loads(out)["tenants"]
        return tenants

    async def command(self, *arguments: str) -> tuple[int, str]:
        """Run a command of the program beside it; returns its exit status and what it wrote."""
        process = await asyncio.create_subprocess_exec(
            sys.executable, SERVER, *arguments, env=self.environment(), cwd=ROOT,
            stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        out, _ = await process.communicate()
        assert process.returncode is not None
        return process.returncode, out.decode()

    def send(self, number: signal.Signals) -> None:
        """Send a signal."""
        if self.process is not None and self.process.returncode is None:
            self.process.send_signal(number)

    async def kill(self, after_s: float = 0) -> None:
        """End it as a power cut does, unless it ends by itself before."""
        if self.process is None:
            return
        if after_s:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(after_s):
                    await self.process.wait()
        self.send(signal.SIGKILL)
        await self.process.wait()

    async def end(self, number: signal.Signals = signal.SIGTERM, within_s: float = 40) -> int:
        """Ask it to end and return its exit status."""
        assert self.process is not None
        self.send(signal.SIGCONT)
        self.send(number)
        try:
            async with asyncio.timeout(within_s):
                return await self.process.wait()
        finally:
            await self.kill()

    async def misfits(self) -> list[str]:
        """Return which of the events it told do not fit their models, nothing where its database is gone by now."""
        uri = self.settings.get("JC_MONGODB__URI", "")
        if not uri:
            database = self.mongod()
            if not database:
                return []
            os.kill(database, signal.SIGCONT)
            uri = f"mongodb://127.0.0.1:{(self.var_dir / 'mongo.port').read_text()}/?directConnection=true"
        return await payloads.read_back(uri, self.settings.get("JC_MONGODB__DATABASE", "jinaconnect"))

    def mongod(self) -> int:
        """Return the process id of its embedded database, 0 while there is none."""
        try:
            pid = int((self.var_dir / "mongo" / "mongod.lock").read_text().strip() or 0)
        except (FileNotFoundError, ValueError):
            return 0
        return pid if alive(pid) else 0


@asynccontextmanager
async def running(gateway: GatewayProcess, *, ready: int = 1) -> AsyncIterator[GatewayProcess]:
    """Run a gateway for a while and leave nothing of it."""
    await gateway.start(ready=ready)
    try:
        yield gateway
        told = await gateway.misfits()
        assert told == [], "\n".join(told)
    finally:
        database = gateway.mongod()
        if database:
            with contextlib.suppress(ProcessLookupError):
                os.kill(database, signal.SIGCONT)
        if gateway.process is not None and gateway.process.returncode is None:
            await gateway.end()
        if database:  # it goes down with its gateway, however that ended
            await until(lambda: _gone(database), 30)


async def _gone(pid: int) -> bool:
    return not alive(pid)


@dataclass
class RedisProcess:
    """A `redis-server` on a free loopback port, without persistence."""

    port: int = field(default_factory=free_port)
    process: asyncio.subprocess.Process | None = None

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    async def start(self) -> None:
        """Start and wait until it takes connections."""
        binary = shutil.which("redis-server")
        if binary is None:
            pytest.skip("redis-server is not installed (Debian package redis-server)")
        self.process = await asyncio.create_subprocess_exec(
            binary, "--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no",
            stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
        )  # fmt: skip
        await until(self._listening, 15)

    async def _listening(self) -> bool:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", self.port)
        except OSError:
            return False
        writer.close()
        return True

    def send(self, number: signal.Signals) -> None:
        """Send a signal."""
        if self.process is not None and self.process.returncode is None:
            self.process.send_signal(number)

    async def kill(self) -> None:
        """End it at once."""
        self.send(signal.SIGKILL)
        if self.process is not None:
            await self.process.wait()


@asynccontextmanager
async def redis() -> AsyncIterator[RedisProcess]:
    """Run Redis for a while."""
    server = RedisProcess()
    await server.start()
    try:
        yield server
    finally:
        await server.kill()


@asynccontextmanager
async def linked(server: RedisProcess, process: str = "one") -> AsyncIterator[RedisLink]:
    """A process's link to a Redis it has heard."""
    link = RedisLink(server.url, process)
    await link.start()
    try:

        async def healthy() -> bool:
            return link.healthy

        await until(healthy)
        yield link
    finally:
        await link.stop()
