"""Database and gateway killed while sends are charged: each is charged once or not at all, and the books agree."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from pathlib import Path

import aiohttp

from tests.client import Client, until
from tests.processes import GatewayProcess, alive, running

SENDS, AT_ONCE = 60, 12
PRICE = 0.115


async def test_what_is_charged_while_things_are_killed_is_charged_once(tmp_path: Path) -> None:
    gateway = GatewayProcess(tmp_path / "wallet", {"JC_MONGODB__TIMEOUT_S": "2"})
    async with aiohttp.ClientSession() as session, running(gateway):
        demo = (await gateway.seed())[0]
        client = Client(gateway.url, demo["keys"]["test"]["owner"], session)
        (await client.post("/sandbox/wallet/", {"amount": 100})).ok()
        body = {"element_name": "offer", "content": "Ten per cent off", "category": "MARKETING"}
        template = (await client.post("/wa/v1/templates/", body)).ok(201)["id"]
        room, sent = asyncio.Semaphore(AT_ONCE), set()

        async def send(number: int) -> None:
            message = {"to": "+12025550112", "message_type": "TEMPLATE", "template": template}
            async with room:
                while True:
                    try:
                        key = {"Idempotency-Key": f"send-{number}"}
                        answer = await client.post("/wa/v1/messages/", message, headers=key)
                    except aiohttp.ClientError:
                        answer = None
                    if answer is not None and answer.status == 201:
                        sent.add(answer.body["id"])
                        return
                    assert answer is None or answer.status in (409, 503, 504), (answer.status, answer.body)
                    await asyncio.sleep(0.1)

        async with asyncio.TaskGroup() as group:
            for number in range(SENDS):
                group.create_task(send(number))
            await until(lambda: _reached(sent, SENDS // 4), 60)
            killed = gateway.mongod()
            os.kill(killed, signal.SIGKILL)
            await until(lambda: _dead(killed), 30)
            await until(lambda: _reached(sent, SENDS // 2), 60)
            await gateway.kill()
            await gateway.start()
        assert len(sent) == SENDS

        async def settled() -> bool:
            """Tell whether all is paid for; what was with the carrier at the end of the gateway stays reserved."""
            rows = (await client.get("/team-inbox/api/messages/", params={"page_size": "100"})).ok()["results"]
            states = [row["outgoing_status"] for row in rows if row["id"] in sent]
            assert len(states) == SENDS
            reserved = (await client.get("/tenants/host-wallet/")).ok()["reserved"]
            return {*states} <= {"delivered", "unknown"} and reserved == round(states.count("unknown") * PRICE, 6)

        await until(settled, 120)
        wallet = (await client.get("/tenants/host-wallet/")).ok()
        assert wallet["balance"] == round(100 - SENDS * PRICE, 6)
        status, told = await gateway.command("verify", demo["id"])
        assert (status, told) == (0, "1 organisations, 0 faults\n"), told
        status, told = await gateway.command("wallet", demo["id"], "--on", "--pay-in", "5", "--reference", "r1")
        again = await gateway.command("wallet", demo["id"], "--pay-in", "5", "--reference", "r1")
        assert status == again[0] == 0
        assert json.loads(told)["balance"] == json.loads(again[1])["balance"] == 5


async def _reached(sent: set[str], count: int) -> bool:
    return len(sent) >= count


async def _dead(pid: int) -> bool:
    return not alive(pid)
