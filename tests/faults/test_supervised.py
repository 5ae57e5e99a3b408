"""A call is supervised when the link is cut, Asterisk dies, a gateway is killed: nothing of the supervisor stays."""

from __future__ import annotations

import json
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp

from jinaconnect.store.databases.embedded import EmbeddedMongo
from tests.client import Client, until
from tests.processes import GatewayProcess, redis, running
from tests.telephony.asterisk import Asterisk, carrier, own_asterisk
from tests.telephony.cable import Cable
from tests.telephony.calls.graphs import graph
from tests.telephony.calls.supervisor import Supervisor, supervising
from tests.telephony.calls.telephone import OWN, TERMINAL, Exchange, exchange, sip

__all__ = ["carrier", "own_asterisk"]

TALKS = graph(
    "say", {"say": ("voice.play", {"tts_text": "Somebody will be with you in a moment. " * 40}),
            "wait": ("voice.gather_dtmf", {"timeout_seconds": 60, "max_digits": 4}), "end": ("voice.hangup", {})},
    ("say", "done", "wait"), ("wait", "timeout", "end"), ("wait", "default", "end"),
)  # fmt: skip
NUMBER = "+12025550171"


def account(carrier: Asterisk) -> dict[str, str]:
    """Return the account the carrier knows us by."""
    return {"sip_username": "account", "sip_password": carrier.password}


async def told(client: Client, call: str) -> list[tuple[str, Any]]:
    """Return what the log says of a call's supervisors and of its end."""
    return [
        (event["type"], event["data"].get("reason")) for event in await client.events("start", call=call)
        if event["type"].startswith("call.supervision_") or event["type"] in TERMINAL
    ]  # fmt: skip


async def nothing_of_it(asterisk: Asterisk) -> None:
    """Wait until Asterisk has no channel and no bridge of a supervisor."""

    async def gone() -> bool:
        async with asterisk.client() as ari:
            there = [each.id for each in (*await ari.channels.list(), *await ari.bridges.list())]
        return not [id for id in there if "-sup" in id]

    await until(gone, 30)


async def speaks(boss: Supervisor) -> None:
    """Wait until the call is heard."""

    async def heard() -> bool:
        return boss.hears()

    await until(heard, 20)


async def over(boss: Supervisor) -> None:
    """Wait until the sound has ended."""

    async def closed() -> bool:
        return boss.closed is not None

    await until(closed, 30)


async def standing(phone: Exchange, wanted: bool) -> None:
    """Wait for the link."""

    async def as_wanted() -> bool:
        return await phone.gateway.fleet.standing("main") is wanted

    await until(as_wanted, 30)


async def talking(phone: Exchange) -> str:
    """Place a call that an IVR talks in."""
    call = await phone.place(NUMBER, template=await phone.template(TALKS))
    await phone.until(call, lambda each: each["status"] == "IN_PROGRESS", "the answer", 30)
    return call


async def test_a_cut_link_ends_the_supervision_and_not_the_call(
    own_asterisk: Asterisk, carrier: Asterisk, mongod: EmbeddedMongo, http: aiohttp.ClientSession, tmp_path: Path
) -> None:
    cable = Cable(own_asterisk.ip, 8088)
    url = await cable.lay()
    async with exchange(
        own_asterisk, mongod.uri, http, tmp_path / "var", carrier.ip, asterisk_url=url, credentials=account(carrier)
    ) as phone:
        call = await talking(phone)
        async with supervising(phone.owner, call) as boss:
            await speaks(boss)
            path = f"/voice/api/calls/{call}/supervise/"
            waiting = (await phone.owner.post(path, {"mode": "listen"})).ok()  # whose socket is not open yet
            cable.cut()
            await standing(phone, False)
            (await phone.owner.post(path, {"mode": "listen"})).refused(503, "unavailable")
            cable.mend()
            await standing(phone, True)
            await over(boss)
        await nothing_of_it(own_asterisk)
        async with supervising(phone.owner, call) as boss:
            await boss.until_heard_by("nobody")
            assert waiting["id"] != boss.id
        ended = [("call.supervision_started", None), ("call.supervision_ended", "interrupted")]
        assert (await told(phone.owner, call))[:2] == ended
        assert (await phone.call(call))["status"] == "IN_PROGRESS"
        assert len(await phone.calls()) == 1
        receipts = [each["data"] for each in await phone.owner.events("start") if each["type"] == "ari.reconciled"]
        assert receipts[-1]["unknown"] == 0
        (await phone.order(call, "hangup")).ok()
        await phone.ended(call)
    await cable.roll_up()


async def test_a_killed_asterisk_ends_both(
    own_asterisk: Asterisk, carrier: Asterisk, mongod: EmbeddedMongo, http: aiohttp.ClientSession, tmp_path: Path
) -> None:
    async with exchange(
        own_asterisk, mongod.uri, http, tmp_path / "var", carrier.ip, credentials=account(carrier)
    ) as phone:
        call = await talking(phone)
        async with supervising(phone.owner, call) as boss:
            await speaks(boss)
            await own_asterisk.kill()
            await own_asterisk.start_again()
            await over(boss)
        await phone.ended(call, 40)
        assert await told(phone.owner, call) == [
            ("call.supervision_started", None), ("call.supervision_ended", "interrupted"), ("call.completed", None),
        ]  # fmt: skip


@asynccontextmanager
async def pair(asterisk: Asterisk, mongod: EmbeddedMongo, var: Path) -> AsyncIterator[list[GatewayProcess]]:
    """Run two gateways over one database."""
    section = {"name": "main", "url": asterisk.url, "user": "jinaconnect", "password": asterisk.password}
    async with redis() as bell:
        settings = {
            "JC_VOICE__ASTERISKS": json.dumps([section]), "JC_MONGODB__URI": mongod.uri,
            "JC_MONGODB__DATABASE": "supervised", "JC_REDIS__URL": bell.url, "JC_SECRETS__MASTER_KEY": "m" * 43 + "=",
        }  # fmt: skip
        gateways = [GatewayProcess(var / f"var{n}", settings) for n in range(2)]
        async with running(gateways[0]), running(gateways[1]):
            yield gateways


async def test_any_process_serves_the_sound_and_may_be_killed(
    own_asterisk: Asterisk, carrier: Asterisk, mongod: EmbeddedMongo, http: aiohttp.ClientSession, tmp_path: Path
) -> None:
    async with pair(own_asterisk, mongod, tmp_path) as gateways:
        key = (await gateways[0].seed())[0]["keys"]["live"]["owner"]
        clients = [Client(each.url, key, http) for each in gateways]

        async def linked() -> bool:
            return bool((await clients[0].get("/voice/api/ari-health/")).body.get("status") not in (None, "down"))

        await until(linked, 30)
        body = {"name": "C", "provider": "sip", "credentials": sip(carrier.ip, **account(carrier)),
                "from_numbers": [OWN], "max_concurrent_calls": 0}  # fmt: skip
        trunk = (await clients[0].post("/voice/api/provider-configs/", body)).ok(201)["id"]
        talks = {"name": "Talks", "template_kind": "ivr_menu", "graph": TALKS}
        template = (await clients[0].post("/voice/api/templates/", talks)).ok(201)["id"]
        place = {"to_number": NUMBER, "provider_config_id": trunk, "template": template}
        call = (await clients[0].post("/voice/api/calls/", place)).ok(201)["id"]

        async def lives() -> bool:
            return bool((await clients[0].get(f"/voice/api/calls/{call}/")).ok()["status"] == "IN_PROGRESS")

        await until(lives, 30)
        # One of the two keeps the call; both can have it heard.
        async with supervising(clients[0], call) as first, supervising(clients[1], call) as second:
            await speaks(first)
            await speaks(second)
            gateways[1].send(signal.SIGKILL)
            await over(second)

            async def left() -> bool:
                found = await clients[0].events("start", call=call)
                return any(each["data"].get("supervision") == second.id and each["type"].endswith("ended")
                           for each in found if each["type"].startswith("call.supervision_"))  # fmt: skip

            await until(left, 30)
        await until(lives, 30)
        await nothing_of_it(own_asterisk)
        ends = [each for each in await told(clients[0], call) if each[0].endswith("ended")]
        assert len(ends) == 2
        assert {reason for _, reason in ends} <= {"left", "interrupted"}
        (await clients[0].post(f"/voice/api/calls/{call}/hangup/", {})).ok()
