"""How the gateway ends: what was open is told to resume, what was taken is given back, nothing is left running."""

from __future__ import annotations

import asyncio
import secrets
import signal
from pathlib import Path

import pytest
import websockets
from pymongo import AsyncMongoClient

from jinaconnect.store.databases.embedded import EmbeddedMongo
from tests.carriers.meta import Behaviour
from tests.client import until
from tests.faults.carrier_side import Site, site
from tests.processes import GatewayProcess, alive, redis


async def test_sigterm_tells_sockets_to_resume_and_gives_work_back(mongod: EmbeddedMongo, tmp_path: Path) -> None:
    name = f"ending_{secrets.token_hex(4)}"
    settings = {
        "JC_MONGODB__URI": mongod.uri, "JC_MONGODB__DATABASE": name, "JC_OUTBOUND__TIMEOUT_S": "1",
        "JC_HTTP__DRAIN_S": "1",
    }  # fmt: skip
    async with site(GatewayProcess(tmp_path, settings)) as here, AsyncMongoClient(mongod.uri) as client:
        sender, contact = await here.customer()
        here.carrier.next.append(Behaviour(delay_s=0.5))
        sent = (await here.reply(contact, "under way")).ok(201)
        image = {"id": "77", "mime_type": "image/jpeg"}  # a file the carrier does not have: its fetching stays
        assert await here.hears(here.carrier.inbound(sender, {"type": "image", "image": image})) == 200

        async def fetch_waits() -> bool:
            return bool(await client[name]["media"].count_documents({"due.tries": {"$gte": 1}}))

        await until(fetch_waits)
        async with here.owner.socket() as socket:
            await socket.ready()
            closing = asyncio.create_task(socket.closed())
            assert await here.gateway.end(signal.SIGTERM) == 0
            assert await closing == 4202
        # The send under way was finished, the file to fetch is nobody's, and nothing waits to be told.
        row = await client[name]["messages"].find_one({"_id": sent["id"]})
        assert row is not None
        assert (row["status"], "due" in row) == ("SENT", False)
        file = await client[name]["media"].find_one({})
        assert file is not None
        assert file["due"]["by"] is None
        assert not await client[name]["messages"].count_documents({"pending.0": {"$exists": True}})
        assert here.carrier.accepted[sent["id"]] == 1


async def test_an_ended_gateway_resumes_a_socket_where_it_stood(mongod: EmbeddedMongo, tmp_path: Path) -> None:
    settings = {"JC_MONGODB__URI": mongod.uri, "JC_MONGODB__DATABASE": f"resumed_{secrets.token_hex(4)}"}
    async with site(GatewayProcess(tmp_path, settings)) as here:
        sender, _ = await here.customer()
        async with here.owner.socket() as socket:
            await socket.ready()
            cursor = (await socket.subscribe(after="start"))["cursor"]
            await socket.until(lambda seen: any(e["type"] == "message.received" for e in seen))
            assert await here.gateway.end() == 0
            cursor = socket.cursor or cursor
        await here.gateway.start()
        assert await here.hears(here.carrier.text(sender, "while you were away")) == 200
        async with here.owner.socket() as socket:
            await socket.ready()
            await socket.subscribe(after=cursor)
            seen = await socket.until(lambda seen: any("while you were away" in str(e["data"]) for e in seen))
        everything = await here.owner.events()
        assert [e["seq"] for e in seen] == [e["seq"] for e in everything if e["seq"] >= seen[0]["seq"]]
        assert not any("hello" in str(e["data"].get("content")) for e in seen)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
async def test_the_embedded_database_ends_with_its_gateway(tmp_path: Path, number: signal.Signals) -> None:
    gateway = GatewayProcess(tmp_path)
    await gateway.start()
    database = gateway.mongod()
    try:
        assert alive(database)
        if number == signal.SIGKILL:
            await gateway.kill()
        else:
            assert await gateway.end(number) == 0

        async def gone() -> bool:
            return not alive(database)

        await until(gone, 30)
    finally:
        await gateway.kill()


async def test_a_directory_has_one_gateway_and_survives_kill_9(tmp_path: Path) -> None:
    async def refused(first: Site) -> None:
        second = GatewayProcess(tmp_path)
        with pytest.raises(AssertionError, match=f"in use by another gateway .pid {first.gateway.pid}"):
            await second.start()
        assert second.process is not None
        assert second.process.returncode == 1

    async with site(GatewayProcess(tmp_path)) as here:
        await refused(here)
        await here.customer()
        before = await here.owner.events()
        await here.gateway.kill()
        await here.gateway.start()  # with a mongod perhaps still going down
        after = await here.owner.events()
        assert after[: len(before)] == before


async def test_children_end_with_a_killed_parent(mongod: EmbeddedMongo, tmp_path: Path) -> None:
    async with redis() as bell:
        settings = {
            "JC_MONGODB__URI": mongod.uri, "JC_MONGODB__DATABASE": f"parent_{secrets.token_hex(4)}",
            "JC_REDIS__URL": bell.url,
        }  # fmt: skip
        gateway = GatewayProcess(tmp_path, settings, ("--processes", "2"))
        await gateway.start(ready=2)
        children = [int(text) for text in Path(f"/proc/{gateway.pid}/task/{gateway.pid}/children").read_text().split()]
        assert len(children) == 2
        await gateway.kill()

        async def gone() -> bool:
            return not any(alive(child) for child in children)

        await until(gone)


async def test_a_slow_handshake_does_not_hold_up_the_end(mongod: EmbeddedMongo, tmp_path: Path) -> None:
    settings = {"JC_MONGODB__URI": mongod.uri, "JC_MONGODB__DATABASE": f"drain_{secrets.token_hex(4)}"}
    gateway = GatewayProcess(tmp_path, {**settings, "JC_HTTP__DRAIN_S": "1"})
    await gateway.start()
    try:
        _, half = await asyncio.open_connection("127.0.0.1", gateway.port)
        half.write(b"POST /token/ HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{")
        await half.drain()
        silent = await websockets.connect(gateway.url.replace("http", "ws") + "/ws/")
        assert await gateway.end(within_s=15) == 0
        half.close()
        await silent.close()
    finally:
        await gateway.kill()
