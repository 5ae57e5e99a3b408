"""kill -9 in the middle of deliveries: nothing is lost, each conversation keeps its order, ids stay the same."""

from __future__ import annotations

import asyncio
import random
import secrets
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path

import aiohttp

from jinaconnect.store.databases.embedded import EmbeddedMongo
from tests.client import until
from tests.faults.carrier_side import Site, site
from tests.processes import GatewayProcess, running
from tests.webhooks.conftest import endpoint
from tests.webhooks.receiver import Heard, Receiver

KILLS = 4
CUSTOMERS = 6


async def keep_writing(here: Site, gateways: Sequence[GatewayProcess], stop: asyncio.Event) -> list[str]:
    """Have customers write until told to stop, each text once more until it was taken; returns all texts."""
    senders = [str(next(here.customers)) for _ in range(CUSTOMERS)]
    texts: list[str] = []
    while not stop.is_set():
        number = len(texts)
        texts.append(f"text {number}")
        body = here.carrier.text(senders[number % CUSTOMERS], texts[-1], id=f"wamid.W{number}")
        taken = False
        while not taken:
            gateway = random.choice(gateways)
            try:
                taken = await here.carrier.post(here.session, gateway.url + here.door, body) == 200
            except (aiohttp.ClientError, OSError, TimeoutError):
                taken = False
            if not taken:  # it is being killed
                await asyncio.sleep(0.05)
    return texts


async def check(here: Site, receiver: Receiver, texts: list[str]) -> None:
    """Wait until all was told, and hold what was heard against the log."""

    async def all_told() -> bool:
        return {heard.event["data"]["content"]["body"]["text"] for heard in receiver.taken()} >= set(texts)

    await until(all_told, 90)
    events = [event for event in await here.owner.events(types="message.received")]
    by_number = {event["seq"]: event["id"] for event in events}
    lanes: dict[str, list[int]] = {}
    for heard in receiver.taken():
        assert heard.signed
        assert heard.id == heard.event["id"] == by_number[heard.event["seq"]]
        lane = lanes.setdefault(heard.event["contact_id"], [])
        if heard.event["seq"] not in lane:
            lane.append(heard.event["seq"])
    assert lanes == {
        contact: [event["seq"] for event in events if event["contact_id"] == contact] for contact in lanes
    }
    assert len({heard.id for heard in receiver.taken()}) == len(events)


def unsteady(chance: random.Random) -> Receiver:
    """Return a receiver that takes its time and refuses now and then, each event once: a second time waits minutes."""
    refused: set[str] = set()

    async def meet(heard: Heard) -> int:
        await asyncio.sleep(chance.uniform(0, 0.03))
        if heard.id in refused or chance.random() >= 0.02:
            return 200
        refused.add(heard.id)
        return 500

    return Receiver(meet=meet)


async def test_kill_9_in_the_middle_of_deliveries(mongod: EmbeddedMongo, tmp_path: Path) -> None:
    chance = random.Random(secrets.randbelow(2**32))
    settings = {"JC_MONGODB__URI": mongod.uri, "JC_MONGODB__DATABASE": f"hooks_{secrets.token_hex(4)}"}
    receiver = unsteady(chance)
    await receiver.start()
    try:
        async with site(GatewayProcess(tmp_path, settings)) as here:
            await endpoint(here.owner, receiver, "message.received")
            stop = asyncio.Event()
            writing = asyncio.create_task(keep_writing(here, [here.gateway], stop))
            for _ in range(KILLS):
                before = receiver.asked
                asked = asyncio.get_running_loop().time() + chance.uniform(0.05, 1.0)

                async def busy(before: int = before, asked: float = asked) -> bool:
                    return receiver.asked > before and asyncio.get_running_loop().time() > asked

                await until(busy, 30)
                await here.gateway.kill()
                await here.gateway.start()
            stop.set()
            await check(here, receiver, await writing)
    finally:
        await receiver.stop()


async def test_several_processes_share_endpoints_and_another_goes_on_for_one_that_is_killed(
    mongod: EmbeddedMongo, tmp_path: Path
) -> None:
    chance = random.Random(secrets.randbelow(2**32))
    settings = {
        "JC_MONGODB__URI": mongod.uri, "JC_MONGODB__DATABASE": f"hooks_{secrets.token_hex(4)}",
        "JC_SECRETS__MASTER_KEY": secrets.token_urlsafe(32),
    }  # fmt: skip
    receiver = unsteady(chance)
    await receiver.start()
    gateways = [GatewayProcess(tmp_path / str(number), settings) for number in range(2)]
    try:
        async with AsyncExitStack() as stack:
            here = await stack.enter_async_context(site(gateways[0]))
            await stack.enter_async_context(running(gateways[1]))
            await endpoint(here.owner, receiver, "message.received")
            stop = asyncio.Event()
            writing = asyncio.create_task(keep_writing(here, gateways, stop))
            for turn in (1, 0, 1):
                before = receiver.asked

                async def more(before: int = before) -> bool:
                    return receiver.asked > before + 10

                await until(more, 30)
                await gateways[turn].kill()
                await until(lambda before=receiver.asked: _asked(receiver, before + 10), 30)
                await gateways[turn].start()
            stop.set()
            texts = await writing
            await check(here, receiver, texts)
            doubled = len(receiver.taken()) - len({heard.id for heard in receiver.taken()})
            assert doubled < len(texts) / 2, "one process at a time tells an endpoint"
    finally:
        await receiver.stop()


async def _asked(receiver: Receiver, count: int) -> bool:
    return receiver.asked > count
