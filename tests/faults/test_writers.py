"""Several processes and one tenant: one of them writes its log, and none of them is needed."""

from __future__ import annotations

import re
import secrets
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import aiohttp
import pytest

from jinaconnect.store.databases.embedded import EmbeddedMongo
from tests.client import until
from tests.faults.carrier_side import Site, site
from tests.processes import GatewayProcess, redis, running

TOKEN = secrets.token_hex(8)


@pytest.fixture
async def three(mongod: EmbeddedMongo, tmp_path: Path) -> AsyncIterator[tuple[Site, list[GatewayProcess]]]:
    """Three gateways on one database and one Redis."""
    async with AsyncExitStack() as stack:
        bell = await stack.enter_async_context(redis())
        settings = {
            "JC_MONGODB__URI": mongod.uri, "JC_MONGODB__DATABASE": f"three_{secrets.token_hex(4)}",
            "JC_REDIS__URL": bell.url, "JC_METRICS__TOKEN": TOKEN,
        }  # fmt: skip
        gateways = [GatewayProcess(tmp_path / str(n), settings) for n in range(3)]
        settings["JC_SECRETS__MASTER_KEY"] = secrets.token_urlsafe(32)
        here = await stack.enter_async_context(site(gateways[0]))
        for gateway in gateways[1:]:
            await stack.enter_async_context(running(gateway))
        yield here, gateways


async def appended(session: aiohttp.ClientSession, gateway: GatewayProcess) -> int:
    """Return how many messages of customers a process has brought to the log."""
    async with session.get(f"{gateway.url}/metrics/", headers={"Authorization": f"Bearer {TOKEN}"}) as answer:
        text = await answer.text()
    found = re.search(r'^jc_events_total\{type="message.received"\} ([0-9.]+)', text, re.M)
    return int(float(found[1])) if found else 0


async def post(here: Site, gateway: GatewayProcess, text: str) -> None:
    body = here.carrier.text(str(next(here.customers)), text)
    assert await here.carrier.post(here.session, gateway.url + here.door, body) == 200


async def told(here: Site, gateway: GatewayProcess, texts: list[str]) -> list[str]:
    """Wait until all of the texts are in the log; returns every text in it, as often as it is there."""
    client = here.at(gateway)

    async def all_there() -> list[str] | None:
        events = [event for event in await client.events() if event["type"] == "message.received"]
        found = [event["data"]["content"]["body"]["text"] for event in events]
        return found if set(texts) <= set(found) else None

    found: list[str] = await until(all_there, 60)
    return found


async def test_one_process_writes_what_all_take_in(three: tuple[Site, list[GatewayProcess]]) -> None:
    here, gateways = three
    texts = [f"t{n}" for n in range(30)]
    for n, text in enumerate(texts):
        await post(here, gateways[n % 3], text)
    assert sorted(await told(here, gateways[0], texts)) == sorted(texts)
    counts = [await appended(here.session, gateway) for gateway in gateways]
    assert sum(counts) == len(texts)
    assert sorted(counts)[:2] == [0, 0], counts


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
async def test_the_others_go_on_without_the_writer(
    three: tuple[Site, list[GatewayProcess]], number: signal.Signals
) -> None:
    here, gateways = three
    await post(here, gateways[1], "first")
    await told(here, gateways[1], ["first"])
    counts = [await appended(here.session, gateway) for gateway in gateways]
    writer = gateways[counts.index(1)]
    others = [gateway for gateway in gateways if gateway is not writer]
    writer.send(number)
    texts = [f"t{n}" for n in range(10)]
    try:
        for n, text in enumerate(texts):
            await post(here, others[n % 2], text)
        found = await told(here, others[0], texts)
    finally:
        writer.send(signal.SIGCONT)
    assert sorted(found) == sorted(["first", *texts])
