"""A webhook's answer waits for one write of the database and for nothing else of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import yarl

from jinaconnect.app import Gateway
from jinaconnect.config import Config, Http, Mongodb, OutboundSection
from jinaconnect.serve import listening
from jinaconnect.store.databases.embedded import EmbeddedMongo
from tests import payloads
from tests.client import until
from tests.conftest import PLENTY
from tests.handlers.ivr.test_audio import upload
from tests.telephony.calls.graphs import graph
from tests.telephony.providers.fake import FakeCall
from tests.telephony.providers.gate import Gate
from tests.telephony.providers.lines import Line, at, playing, talking
from tests.telephony.waves import tone
from tests.tenants import make_tenant

NAME = "answering"


@pytest.fixture
async def gate(mongod: EmbeddedMongo) -> AsyncIterator[Gate]:
    """The way to the database."""
    made = Gate(mongod.port)
    await made.start()
    yield made
    made.open()
    await made.stop()


def config(place: Path, port: int = 0, public_url: str = "") -> Config:
    """Return the settings of a gateway."""
    return Config(
        var_dir=place, http=Http(port=port, drain_s=1, public_url=public_url), limits=PLENTY,
        mongodb=Mongodb(database=NAME, timeout_s=30),
        outbound=OutboundSection(allow_networks=("127.0.0.0/8",), timeout_s=30),
    )  # fmt: skip


@pytest.fixture
async def gateway(gate: Gate, tmp_path: Path) -> AsyncIterator[Gateway]:
    """A gateway that has it."""
    sockets = listening(config(tmp_path))
    port = sockets[0].getsockname()[1]
    made = Gateway(config(tmp_path, port, f"http://127.0.0.1:{port}"))
    await made.start(gate.url, sockets)
    payloads.watch(made.services.store.log)
    yield made
    gate.open()
    await made.stop()


def question() -> dict[str, Any]:
    """A question that is asked until somebody presses 9, and again."""
    nodes = {
        "ask": ("voice.gather_dtmf", {"prompt_tts": "One or nine?", "max_digits": 1, "timeout_seconds": 5, "retries": 3,
                                      "save_as": "choice"}),
        "said": ("voice.play", {"tts_text": "You pressed {{choice}}."}),
        "end": ("voice.hangup", {}),
    }  # fmt: skip
    return graph("ask", nodes, ("ask", "1", "said"), ("said", "done", "ask"), ("ask", "9", "end"))


class Once:
    """Lets one durable write of a call through, and nothing besides."""

    def __init__(self) -> None:
        self.passed = 0
        self.kept: list[str] = []

    def __call__(self, command: dict[str, Any]) -> bool:
        name = next(iter(command), "")
        durable = command.get("update") == "calls" and command.get("writeConcern", {}).get("w") == "majority"
        if durable and not self.passed:
            self.passed += 1
            return True
        self.kept.append(f"{name} {command.get(name)}")
        return False


async def answered(gate: Gate, call: FakeCall, **told: Any) -> list[dict[str, Any]]:
    """Return the document of the turn that follows, for which one write was let through."""
    once = Once()
    gate.close(once)
    try:
        document = await asyncio.wait_for(call.turn(**told), 20)
    except TimeoutError:
        pytest.fail(f"it waits for one of {once.kept}")
    finally:
        gate.open()
    assert once.passed == 1
    return document


@pytest.mark.parametrize("name", ["twilio", "plivo", "vonage", "exotel"])
async def test_a_turn_is_answered_after_one_write(
    name: str, gate: Gate, gateway: Gateway, http: aiohttp.ClientSession
) -> None:
    async with playing(name, http) as carrier:
        line: Line = await at(await make_tenant(gateway, gateway.services.settings.own_url, http), carrier)
        document = question()
        audio = (await upload(line.owner, tone(1))).ok(201)["id"]
        document["nodes"][0]["data"]["prompt_audio_url"] = f"/voice/api/audio/{audio}/file/"
        call, there = await talking(line, template=await line.ivr(document))
        types = await line.types(call)
        for _ in range(2):
            await answered(gate, there, digits="1")
            assert there.said() == ["You pressed 1."]
            await answered(gate, there)
        # What was told behind the answers is told, in order and once.
        steps: list[str] = []

        async def told() -> bool:
            events = await line.owner.events("start", call=call)
            steps[:] = [each["data"]["node"] for each in events if each["type"] == "call.ivr_step"]
            return len(steps) >= 5

        await until(told, 20)
        assert steps == ["ask", "said", "ask", "said", "ask"]
        assert "call.answered" in types


async def test_what_another_process_wrote_is_not_answered_from_memory(
    gateway: Gateway, mongod: EmbeddedMongo, tmp_path: Path, http: aiohttp.ClientSession
) -> None:
    here = gateway.services.settings.own_url
    other = Gateway(config(tmp_path, public_url=here))
    await other.start(mongod.uri, listening(config(tmp_path)))
    try:
        async with playing("twilio", http) as carrier:
            line = await at(await make_tenant(gateway, here, http), carrier)
            call, there = await talking(line, template=await line.ivr(question()))
            first = there.next
            await there.turn(digits="1")
            second = there.next
            # The next turn is made by the other process; what is held here is of before.
            method, url, body, headers = carrier.webhook(second, {"id": there.id}, None)
            elsewhere = url.replace(here, other.services.settings.own_url)
            async with http.request(method, yarl.URL(elsewhere, encoded=True), data=body, headers=headers) as answer:
                there.document = carrier.read(await answer.read())
            assert {"gather": 1} in there.document
            third = there.next
            # Repeated here, where the turn before is held, and out of order: the present turn, and no second step.
            for late in (second, first, second):
                await there.turn(late)
                assert there.next == third
            assert (await line.types(call)).count("call.ivr_step") == 3
            await there.turn(third, digits="1")
            assert there.said() == ["You pressed 1."]
    finally:
        await other.stop()
