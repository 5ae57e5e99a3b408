"""The embedded database: starts, stops, comes back from kills, refuses a second owner."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

import pytest
from pymongo import AsyncMongoClient

from jinaconnect.store.databases.embedded import EmbeddedMongo, EmbeddedMongoError, VarDirInUse
from tests.client import until


async def put(server: EmbeddedMongo, number: int) -> None:
    async with AsyncMongoClient[dict[str, int]](server.uri) as client:
        await client.t.kept.insert_one({"n": number})


async def kept(server: EmbeddedMongo) -> list[int]:
    async with AsyncMongoClient[dict[str, int]](server.uri) as client:
        return sorted([row["n"] async for row in client.t.kept.find()])


async def test_what_was_written_outlives_stops_and_kills(tmp_path: Path) -> None:
    server = await EmbeddedMongo.start(tmp_path)
    await put(server, 1)
    await server.stop()
    server = await EmbeddedMongo.start(tmp_path)
    await put(server, 2)
    os.kill(server.pid, signal.SIGKILL)
    await server.stop()
    server = await EmbeddedMongo.start(tmp_path)
    try:
        assert await kept(server) == [1, 2]
    finally:
        await server.stop()


async def test_a_second_owner_is_refused_and_a_tool_finds_the_first(tmp_path: Path) -> None:
    assert await EmbeddedMongo.find_running(tmp_path) is None
    server = await EmbeddedMongo.start(tmp_path)
    try:
        with pytest.raises(VarDirInUse, match=str(os.getpid())):
            await EmbeddedMongo.start(tmp_path)
        assert await EmbeddedMongo.find_running(tmp_path) == server.uri
    finally:
        await server.stop()
    assert await EmbeddedMongo.find_running(tmp_path) is None


async def test_a_killed_owner_takes_its_server_along(tmp_path: Path) -> None:
    code = (
        "import asyncio, sys\nfrom pathlib import Path\n"
        "from jinaconnect.store.databases.embedded import EmbeddedMongo\n"
        "async def main():\n    server = await EmbeddedMongo.start(Path(sys.argv[1]))\n"
        "    print(server.pid, flush=True)\n    await asyncio.Event().wait()\nasyncio.run(main())\n"
    )
    owner = await asyncio.create_subprocess_exec(
        sys.executable, "-c", code, str(tmp_path), stdout=asyncio.subprocess.PIPE
    )
    assert owner.stdout is not None
    pid = int(await owner.stdout.readline())
    owner.kill()
    await owner.wait()
    server = await EmbeddedMongo.start(tmp_path)
    try:
        assert server.pid != pid

        async def gone() -> bool:
            return not Path(f"/proc/{pid}/cmdline").exists() or not Path(f"/proc/{pid}/cmdline").read_bytes()

        await until(gone)
    finally:
        await server.stop()


async def test_without_a_mongod_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(EmbeddedMongoError, match="JC_MONGODB__URI"):
        await EmbeddedMongo.start(tmp_path)
