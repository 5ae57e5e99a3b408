"""Processes under measurement: how to start, pin, meter and end them."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
SERVER_CORE, LOAD_CORE = 0, 1
_TICK = os.sysconf("SC_CLK_TCK")
_PLENTY = {
    "JC_LIMITS__TENANT_PER_MINUTE": "100000000",
    "JC_LIMITS__TENANT_PER_DAY": "1000000000",
    "JC_LIMITS__WRITES_PER_MINUTE": "100000000",
    "JC_LIMITS__ANONYMOUS_PER_MINUTE": "100000000",
    "JC_LIMITS__SOCKETS_PER_PRINCIPAL": "20000",
    "JC_LIMITS__SOCKETS_PER_TENANT": "20000",
}


def free_port() -> int:
    """Return a port nobody listens on at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def pin(pid: int, *cores: int) -> None:
    """Keep every thread of a process on these cores (all when none is named), where there is more than one."""
    present = os.cpu_count() or 1
    if present < 2:
        return
    for thread in os.listdir(f"/proc/{pid}/task"):
        with contextlib.suppress(ProcessLookupError):
            os.sched_setaffinity(int(thread), cores or range(present))


def cpu_seconds(pid: int) -> float:
    """Return the processor time a process has used, user and system.

    From the scheduler's own account, in nanoseconds (`/proc/<pid>/task/*/schedstat`), since ticks are too coarse.
    """
    total = 0
    for thread in os.listdir(f"/proc/{pid}/task"):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            total += int(Path(f"/proc/{pid}/task/{thread}/schedstat").read_text().split()[0])
    if total:
        return total / 1e9
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICK


def resident_kb(pid: int) -> int:
    """Return the memory a process holds, in KB."""
    return _kb(Path(f"/proc/{pid}/status"), "VmRSS:")


def proportional_kb(pid: int) -> int:
    """Return a process's share of memory (what it shares with others is divided), in KB."""
    return _kb(Path(f"/proc/{pid}/smaps_rollup"), "Pss:")


def _kb(file: Path, name: str) -> int:
    for line in file.read_text().splitlines():
        if line.startswith(name):
            return int(line.split()[1])
    raise LookupError(name)


def family(pid: int) -> list[int]:
    """Return a process and all its descendants."""
    found = [pid]
    for member in found:
        for thread in os.listdir(f"/proc/{member}/task"):
            with contextlib.suppress(FileNotFoundError):  # a thread that has ended meanwhile
                found += [int(child) for child in Path(f"/proc/{member}/task/{thread}/children").read_text().split()]
    return found


@contextmanager
def started(arguments: list[str], *, ready: str, environment: dict[str, str] | None = None, given: str = "",
            core: int | None = SERVER_CORE, log: Path | None = None) -> Iterator[subprocess.Popen[str]]:  # fmt: skip
    """Run a Python program until the block ends; it is ready when it prints a line with `ready`."""
    with open(log or os.devnull, "a") as errors:
        process = subprocess.Popen(
            [sys.executable, *arguments], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors,
            text=True, env={**os.environ, **(environment or {})}, start_new_session=True,
        )  # fmt: skip
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            process.stdin.write(given)
            process.stdin.close()
            while ready not in (line := process.stdout.readline()):
                if not line:
                    raise RuntimeError(f"{arguments} ended before it was ready: {process.wait()}")
            if core is not None:
                pin(process.pid, core)
            yield process
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


@contextmanager
def peer(name: str, *arguments: str, given: str = "", core: int | None = SERVER_CORE) -> Iterator[int]:
    """Run one of the peers, on the servers' core unless told otherwise; yields its process id."""
    with started(["-m", f"benchmarks.peers.{name}", *arguments], ready="ready", given=given, core=core) as process:
        yield process.pid


class Gateway:
    """A running gateway with its embedded database and the demo organisations."""

    def __init__(self, pid: int, port: int, folder: Path, tenants: list[dict[str, Any]]) -> None:
        self.pid = pid
        self.port = port
        self.folder = folder
        self.tenants = tenants
        self.tenant = tenant = tenants[0]
        self.key: str = tenant["keys"]["live"]["owner"]
        self.whatsapp: dict[str, str] = tenant["whatsapp"]

    @property
    def mongodb(self) -> str:
        """The address of its database."""
        port = int((self.folder / "mongo.port").read_text())
        return f"mongodb://127.0.0.1:{port}/?directConnection=true"


@contextmanager
def gateway(
    *, pinned: bool = True, settings: dict[str, str] | None = None, processes: int = 1
) -> Iterator[Gateway]:
    """Run a gateway on a fresh directory; its database may use every core."""
    with tempfile.TemporaryDirectory(prefix="jc-bench-") as name:
        folder, port = Path(name), free_port()
        environment = {
            "JC_VAR_DIR": name, "JC_HTTP__PORT": str(port), "JC_HTTP__DRAIN_S": "1", "JC_LOG__LEVEL": "warning",
            "JC_AUTH__ACCESS_MINUTES": "600", **_PLENTY, **(settings or {}),
        }  # fmt: skip
        arguments = ["server.py", "run", "--processes", str(processes)]
        with started(
            arguments, ready="is ready on", environment=environment, core=None, log=folder / "gateway.log"
        ) as process:
            seeded = subprocess.run(
                [sys.executable, "server.py", "seed-demo", "--json"], cwd=ROOT, env={**os.environ, **environment},
                capture_output=True, text=True, check=True,
            )  # fmt: skip
            for member in family(process.pid):
                pin(member)  # what the load is pinned to is inherited
            if pinned:
                pin(process.pid, SERVER_CORE)
            try:
                yield Gateway(process.pid, port, folder, json.loads(seeded.stdout)["tenants"])
            finally:
                complaints = (folder / "gateway.log").read_text()
                if complaints:
                    print(complaints[-4000:], file=sys.stderr)


def settle(pid: int, within_s: float = 10.0, moment_s: float = 0.5) -> None:
    """Wait until a process has been idle for a moment."""
    ends = time.monotonic() + within_s
    used = cpu_seconds(pid)
    while time.monotonic() < ends:
        time.sleep(moment_s)
        now = cpu_seconds(pid)
        if now - used < 0.04 * moment_s:
            return
        used = now
