"""A webhook's answer waits for one write of the database and for nothing else of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

import aiohttp
import pytest
import yarl

from jinaconnect.actions.hosted import incoming
from jinaconnect.app import Gateway
from jinaconnect.config import Config, Http, Mongodb, OutboundSection
from jinaconnect.serve import listening
from jinaconnect.store.databases.embedded import EmbeddedMongo
from tests import payloads
from tests.client import until
from tests.conftest import PLENTY
from tests.handlers.ivr.test_audio import upload
from tests.telephony.calls.graphs import graph
from tests.telephony.calls.telephone import OWN
from tests.telephony.providers.fake import FakeCall
from tests.telephony.providers.gate import Gate
from tests.telephony.providers.lines import CUSTOMER, Line, at, playing, talking
from tests.telephony.waves import tone
from tests.tenants import make_tenant

NAME = "answering"
T = TypeVar("T")


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
        of_call = "calls" in (command.get("update"), command.get("insert"))
        durable = of_call and command.get("writeConcern", {}).get("w") == "majority"
        if durable and not self.passed:
            self.passed += 1
            return True
        self.kept.append(f"{name} {command.get(name)}")
        return False


async def answered(gate: Gate, call: FakeCall, **told: Any) -> list[dict[str, Any]]:
    """Return the document of the turn that follows, for which one write was let through."""
    return await behind(gate, call.turn(**told))


async def behind(gate: Gate, asked: Coroutine[Any, Any, T]) -> T:
    """Return what comes of a webhook for which one write was let through."""
    once = Once()
    gate.close(once)
    try:
        document = await asyncio.wait_for(asked, 20)
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
            events = await line.events(call)
            steps[:] = [each["data"]["node"] for each in events if each["type"] == "call.ivr_step"]
            return len(steps) >= 5

        await until(told, 20)
        assert steps == ["ask", "said", "ask", "said", "ask"]
        assert "call.answered" in types


async def coming_in(line: Line, gate: Gate, url: str, caller: str) -> FakeCall:
    """Have somebody call, whose call is answered after one write, and wait until it is told whose it is."""
    carrier = line.carrier
    if carrier.provider == "telnyx":  # told of first, then answered: two webhooks
        there = carrier.new_call(carrier.new_id(), {"turn": url, "status": url})
        carrier.calls.append(there)
        told = {"id": there.id, "status": "initiated", "from": caller, "to": OWN}
        status, _ = await behind(gate, carrier.post(url, told))
        assert status == 200
        await named(line, caller)
        await behind(gate, there.turn(url))
    else:
        there = await behind(gate, carrier.comes_in(url, caller, OWN))
    await named(line, caller)
    return there


async def named(line: Line, caller: str) -> str:
    """Wait until a call's caller is known; returns its id."""
    found: list[dict[str, Any]] = []

    async def known() -> bool:
        rows = (await line.owner.get("/voice/api/calls/")).ok()["results"]
        found[:] = [row for row in rows if row["from_number"] == caller and row["contact"] is not None]
        return bool(found)

    await until(known, 20)
    return str(found[0]["id"])


@pytest.mark.parametrize("name", ["twilio", "plivo", "vonage", "telnyx", "exotel"])
async def test_a_call_that_comes_in_is_answered_after_one_write(
    name: str, gate: Gate, gateway: Gateway, http: aiohttp.ClientSession
) -> None:
    async with playing(name, http) as carrier:
        line = await at(await make_tenant(gateway, gateway.services.settings.own_url, http), carrier)
        route = {"type": "template", "template": await line.ivr(question())}
        number = {"number": OWN, "provider_config": line.trunk, "route": route}
        (await line.owner.post("/voice/api/numbers/", number)).ok(201)
        url = str((await line.owner.get(f"/voice/api/provider-configs/{line.trunk}/inbound-url/")).ok()["url"])
        before = await carrier.comes_in(url, CUSTOMER, OWN)  # what is read for calls is known from now on
        await named(line, CUSTOMER)
        assert before.said() == ["One or nine?"]
        there = await coming_in(line, gate, url, "+12025550144")
        assert there.said() == ["One or nine?"]
        await answered(gate, there, digits="1")
        assert there.said() == ["You pressed 1."]
        await answered(gate, there)
        assert there.said() == ["One or nine?"]
        call = await named(line, "+12025550144")
        types: list[str] = []

        async def told() -> bool:
            types[:] = await line.types(call)
            return types.count("call.ivr_step") == 3

        await until(told, 20)
        assert types[:5] == ["call.created", "call.dialing", "call.ringing", "call.answered", "call.ivr_step"]
        events = await line.events(call)
        contact = (await line.call(call))["contact"]
        assert {each["contact_id"] for each in events} == {contact}
        assert events[0]["data"]["contact"] == contact


async def test_who_calls_is_found_by_another_process_where_the_first_was_killed(
    gateway: Gateway, gate: Gate, mongod: EmbeddedMongo, tmp_path: Path, http: aiohttp.ClientSession,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    async with playing("twilio", http) as carrier:
        line = await at(await make_tenant(gateway, gateway.services.settings.own_url, http), carrier)
        route = {"type": "template", "template": await line.ivr(question())}
        number = {"number": OWN, "provider_config": line.trunk, "route": route}
        (await line.owner.post("/voice/api/numbers/", number)).ok(201)
        url = str((await line.owner.get(f"/voice/api/provider-configs/{line.trunk}/inbound-url/")).ok()["url"])
        monkeypatch.setattr(incoming, "LOOKED_FOR", timedelta(seconds=1))

        async def nobody(*_: Any) -> None:
            raise asyncio.CancelledError

        with monkeypatch.context() as killed:
            killed.setattr(incoming.Arrivals, "recognise", nobody)
            there = await carrier.comes_in(url, CUSTOMER, OWN)
            await there.turn(digits="1")  # and the call goes on meanwhile
        call = await named(line, CUSTOMER)
        assert (await line.types(call))[:5] == [
            "call.created", "call.dialing", "call.ringing", "call.answered", "call.ivr_step",
        ]  # fmt: skip
        await there.turn()
        await there.status("completed", seconds=4)
        ended = await line.ended(call)
        assert ended["status"] == "COMPLETED"


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
