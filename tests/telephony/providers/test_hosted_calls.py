"""Calls at an HTTP voice carrier keep the laws of all calls: one end, told once, whatever the carrier repeats."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from jinaconnect.actions.hosted.control import DOUBT
from jinaconnect.app import Gateway
from jinaconnect.config import Config, Http, OutboundSection
from jinaconnect.serve import listening
from jinaconnect.store.databases.embedded import EmbeddedMongo
from jinaconnect.store.tenant import Change
from tests.client import Client, until
from tests.conftest import PLENTY, Running
from tests.handlers.trunks.accounts import add_trunk
from tests.telephony.calls.graphs import graph, menu
from tests.telephony.calls.telephone import ENDED, OWN, TERMINAL
from tests.telephony.providers.fake import FAKE, FakeCall, FakeCarrier, fake_row
from tests.tenants import Tenant, make_tenant

CALLS = "/voice/api/calls/"
TRUNKS = "/voice/api/provider-configs/"
CUSTOMER = "+12025550111"


@pytest.fixture(scope="module", autouse=True)
def row() -> Iterator[None]:
    """The provider stands in the table."""
    with fake_row():
        yield


@pytest.fixture
async def carrier(http: aiohttp.ClientSession) -> AsyncIterator[FakeCarrier]:
    """The carrier."""
    made = FakeCarrier(http)
    await made.start()
    yield made
    await made.stop()


@dataclass
class Line:
    """A tenant with an account at the carrier."""

    tenant: Tenant
    carrier: FakeCarrier
    trunk: str

    @property
    def owner(self) -> Client:
        """The tenant's owner."""
        return self.tenant("owner")

    async def place(self, **body: Any) -> str:
        """Place a call; returns its id."""
        way = body if {"template", "device", "audio_url"} & body.keys() else {"tts_text": "Hello.", **body}
        answer = await self.owner.post(CALLS, {"to_number": CUSTOMER, "provider_config_id": self.trunk, **way})
        return str(answer.ok(201)["id"])

    async def call(self, id: str) -> dict[str, Any]:
        """Read a call."""
        return dict((await self.owner.get(f"{CALLS}{id}/")).ok())

    async def types(self, id: str) -> list[str]:
        """Return the types of a call's events."""
        return [event["type"] for event in await self.owner.events("start", call=id)]

    async def has(self, id: str, **fields: Any) -> dict[str, Any]:
        """Wait until a call has these fields."""
        shown: dict[str, Any] = {}

        async def there() -> bool:
            shown.update(await self.call(id))
            return all(shown[name] == value for name, value in fields.items())

        await until(there, 20)
        return shown

    async def ended(self, id: str) -> dict[str, Any]:
        """Wait for a call's end, with one terminal event and what follows it."""
        shown: dict[str, Any] = {}

        async def over() -> bool:
            shown.update(await self.call(id))
            return shown["status"] in ENDED and "team_inbox_message" in shown

        await until(over, 20)
        assert len([each for each in await self.types(id) if each in TERMINAL]) == 1
        return shown

    async def ivr(self, document: dict[str, Any]) -> str:
        """Make a template; returns its id."""
        body = {"name": "Menu", "template_kind": "ivr_menu", "graph": document}
        return str((await self.owner.post("/voice/api/templates/", body)).ok(201)["id"])


async def _line(tenant: Tenant, carrier: FakeCarrier) -> Line:
    fields = {"name": "Fake", "provider": FAKE, "credentials": carrier.account, "from_numbers": [OWN]}
    return Line(tenant, carrier, (await tenant().post(TRUNKS, fields)).ok(201)["id"])


@pytest.fixture
async def line(tenant: Tenant, carrier: FakeCarrier) -> Line:
    """A tenant with an account at the carrier."""
    return await _line(tenant, carrier)


async def _talking(line: Line, **body: Any) -> tuple[str, FakeCall]:
    before = len(line.carrier.calls)
    call = await line.place(**body)
    there = await line.carrier.placed(before + 1)
    await line.has(call, provider_call_id=there.id)
    assert await there.status("ringing") == 200
    await there.answer()
    return call, there


async def test_a_call_says_what_it_was_placed_for_and_ends(line: Line) -> None:
    call = await line.place(tts_text="Your {{order}} is ready.", variables={"order": "tea {{pot}}"})
    there = await line.carrier.placed()
    assert (there.wanted["from"], there.wanted["to"]) == (OWN, CUSTOMER)
    await there.status("ringing")
    await there.answer()
    assert there.said() == ["Your tea {{pot}} is ready."]
    await there.turn()
    assert there.ends
    await there.status("completed", seconds=4)
    ended = await line.ended(call)
    assert (ended["status"], ended["hangup_cause"]) == ("COMPLETED", "NORMAL_CLEARING")
    assert (ended["provider_call_id"], ended["asterisk"]) == (there.id, None)
    types = await line.types(call)
    assert types[:4] == ["call.created", "call.dialing", "call.ringing", "call.answered"]
    assert "call.played" in types
    timeline = (await line.owner.get(f"{CALLS}{call}/timeline/")).ok()["items"]
    assert {"carrier", "agent"} <= {item["source"] for item in timeline}
    booked = await line.has(call)

    async def in_the_inbox() -> bool:
        booked.update(await line.call(call))
        return booked["team_inbox_message"] is not None

    await until(in_the_inbox, 20)


async def test_a_long_text_is_said_whole(line: Line) -> None:
    text = "Ünd so weiter {x} " * 200
    _, there = await _talking(line, tts_text=text)
    assert there.said() == [text.strip()]


async def test_keys_lead_through_an_ivr(line: Line) -> None:
    call, there = await _talking(line, template=await line.ivr(menu()))
    assert there.document[:2] == [{"say": "Press one or two."}, {"gather": 1, "timeout_s": 5.0}]
    await there.turn(digits="1")
    assert there.said() == ["You pressed 1. Goodbye."]
    await there.turn()
    assert there.ends
    await there.status("completed", seconds=9)
    await line.ended(call)
    events = await line.owner.events("start", call=call)
    assert [event["data"]["digit"] for event in events if event["type"] == "call.dtmf"] == ["1"]
    assert [event["data"]["node"] for event in events if event["type"] == "call.ivr_step"] == ["ask", "bye", "end"]


async def test_silence_and_wrong_keys_are_asked_again_then_given_up(line: Line) -> None:
    _, there = await _talking(line, template=await line.ivr(menu()))
    await there.turn()
    assert there.said() == ["Press one or two."]
    await there.turn(digits="7")
    assert there.ends


async def test_a_transfer_that_fails_comes_back(line: Line) -> None:
    call, there = await _talking(line, template=await line.ivr(menu()))
    await there.turn(digits="2")
    assert {"dial": "+12025550188"} in there.document
    await there.turn(dialled="busy")
    assert there.said() == ["You pressed 2. Goodbye."]
    events = await line.owner.events("start", call=call)
    told = [event["data"] for event in events if event["type"] in ("call.transferring", "call.transferred")]
    assert [each.get("ok") for each in told] == [None, False]


async def test_a_repeated_callback_is_one_step_and_a_late_one_gets_the_present_turn(line: Line) -> None:
    call, there = await _talking(line, template=await line.ivr(menu()))
    first, asked = there.next, there.document
    assert await there.answer() == asked
    after = await there.turn(first, digits="1")
    assert await there.turn(first, digits="1") == after
    assert await there.turn(first, digits="2") == after
    types = await line.types(call)
    assert types.count("call.dtmf") == 1
    assert types.count("call.answered") == 1


async def test_reports_come_twice_late_and_out_of_order(line: Line) -> None:
    call = await line.place()
    there = await line.carrier.placed()
    for status, more in (
        ("in-progress", {}), ("ringing", {}), ("in-progress", {}), ("completed", {"seconds": 3}), ("ringing", {}),
        ("completed", {"seconds": 3}), ("busy", {}), ("in-progress", {}),
    ):  # fmt: skip
        assert await there.status(status, **more) == 200
    ended = await line.ended(call)
    assert ended["status"] == "COMPLETED"
    assert [each for each in await line.types(call) if each == "call.ringing"] == []
    assert await there.turn(there.wanted["turn"]) == [{"hangup": True}]


async def test_an_answer_nobody_reported_is_supplied(line: Line) -> None:
    call = await line.place()
    there = await line.carrier.placed()
    await there.status("completed", seconds=5)
    ended = await line.ended(call)
    assert (ended["status"], ended["duration_seconds"]) == ("COMPLETED", 5)


@pytest.mark.parametrize(
    ("status", "cause"), [("busy", "USER_BUSY"), ("no-answer", "NO_ANSWER"), ("failed", "NORMAL_TEMPORARY_FAILURE")]
)
async def test_a_call_nobody_took_fails_with_its_cause(line: Line, status: str, cause: str) -> None:
    call = await line.place()
    await (await line.carrier.placed()).status(status)
    ended = await line.ended(call)
    assert (ended["status"], ended["hangup_cause"]) == ("FAILED", cause)


async def test_a_refused_call_fails(line: Line) -> None:
    line.carrier.next.append(402)
    ended = await line.ended(await line.place())
    assert (ended["status"], ended["hangup_cause"]) == ("FAILED", "CALL_REJECTED")


async def test_a_placing_that_was_not_answered_is_found_by_its_reports_and_never_repeated(line: Line) -> None:
    line.carrier.next.append("lost")
    call = await line.place()
    there = await line.carrier.placed()
    shown = await line.has(call, status="INITIATING")
    assert shown["provider_call_id"].startswith("pending-")
    await there.status("ringing")
    assert (await line.call(call))["provider_call_id"] == there.id
    await there.answer()
    await there.turn()
    await there.status("completed", seconds=2)
    await line.ended(call)
    assert len(line.carrier.calls) == 1


async def test_a_call_ordered_to_end_before_it_has_a_name_ends_once_it_has(line: Line) -> None:
    line.carrier.next.append("lost")
    call = await line.place()
    there = await line.carrier.placed()
    await line.has(call, status="INITIATING")
    assert (await line.owner.post(f"{CALLS}{call}/hangup/")).ok()["hung_up"]
    assert await there.answer() == [{"hangup": True}]
    await until(lambda: _set(there), 20)
    await there.status("canceled")
    await line.ended(call)


async def _set(there: FakeCall) -> bool:
    return there.hung_up.is_set()


async def test_a_call_is_hung_up_and_what_its_carrier_cannot_do_is_refused(line: Line) -> None:
    call, there = await _talking(line, template=await line.ivr(menu()))
    for verb, body in (("hold", {}), ("mute", {}), ("transfer", {"to": "+12025550188"}), ("dtmf", {"digits": "1"}),
                       ("play", {"tts_text": "x"}), ("record", {"do": "start"})):  # fmt: skip
        (await line.owner.post(f"{CALLS}{call}/{verb}/", body)).refused(409, "unsupported")
    (await line.owner.post(CALLS, {"to_number": CUSTOMER, "provider_config_id": line.trunk,
                                   "device": "sip:a@b.example"})).refused(409, "unsupported")  # fmt: skip
    assert (await line.owner.post(f"{CALLS}{call}/hangup/")).ok() == {"call_id": call, "hung_up": True}
    assert there.hung_up.is_set()
    await there.status("completed", seconds=1)
    ended = await line.ended(call)
    assert (ended["status"], ended["hangup_cause"]) == ("COMPLETED", "NORMAL_CLEARING")
    again = (await line.owner.post(f"{CALLS}{call}/hangup/")).ok()
    assert (again["hung_up"], again["status"]) == (False, "COMPLETED")


async def test_the_same_key_places_one_call(line: Line) -> None:
    body = {"to_number": CUSTOMER, "provider_config_id": line.trunk, "tts_text": "Hello."}
    answers = [
        (await line.owner.post(CALLS, body, headers={"Idempotency-Key": "one"})).ok(201)["id"] for _ in range(3)
    ]
    await line.carrier.placed()
    second = await line.place()
    await line.carrier.placed(2)
    assert len({*answers, second}) == 2
    assert len(line.carrier.calls) == 2


async def test_a_recording_is_kept_once_however_often_it_is_told(line: Line) -> None:
    call, there = await _talking(line, record=True)
    assert there.wanted["record"] is True
    name = line.carrier.record()
    await there.status("completed", seconds=1)
    for _ in range(3):
        told = {"id": there.id, "recording": name}
        assert (await line.carrier.post(there.wanted["recording"], told))[0] == 200
    rows: list[dict[str, Any]] = []

    async def kept() -> bool:
        rows[:] = (await line.owner.get(f"/voice/api/recordings/?call_id={call}")).ok()["results"]
        return bool(rows)

    await until(kept, 20)
    assert [each["provider_recording_id"] for each in rows] == [name]
    assert (await line.types(call)).count("call.recording_stopped") == 1


async def test_a_webhook_that_is_not_the_carriers_changes_nothing(line: Line, carrier: FakeCarrier) -> None:
    call = await line.place()
    there = await carrier.placed()
    await line.has(call, provider_call_id=there.id)
    url, told = there.wanted["status"], {"id": there.id, "status": "completed"}
    other = await _line(line.tenant, carrier)
    for bad in (url.replace("mark=", "mark=0"), url.replace("turn=0", "turn=1"), url.replace(line.trunk, other.trunk),
                url.replace("/fake/", "/twilio/"), url.replace("/status/", "/turn/")):  # fmt: skip
        assert (await carrier.post(bad, told))[0] == 403
    assert (await carrier.post(url, told, signature="0" * 64))[0] == 403
    assert (await line.call(call))["status"] == "INITIATING"


async def test_a_web_service_is_asked_beside_the_webhook(line: Line) -> None:
    asked: list[str] = []

    async def answer(request: web.Request) -> web.Response:
        asked.append(request.path)
        return web.json_response({"name": "Ann"})

    application = web.Application()
    application.router.add_post("/who", answer)
    runner = web.AppRunner(application)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        nodes = {"who": ("http_call", {"url": f"http://127.0.0.1:{runner.addresses[0][1]}/who", "method": "POST"}),
                 "hi": ("voice.play", {"tts_text": "Hello {{response_name}}."})}  # fmt: skip
        template = await line.ivr(graph("who", nodes, ("who", "ok", "hi")))
        _, there = await _talking(line, template=template)

        async def told() -> bool:
            await there.turn()
            return there.said() == ["Hello Ann."]

        assert there.document[0] == {"pause": 1}
        await until(told, 20)
        assert asked == ["/who"]
    finally:
        await runner.cleanup()


async def test_a_restart_in_the_middle_of_an_ivr_goes_on_at_its_node(
    mongod: EmbeddedMongo, carrier: FakeCarrier, http: aiohttp.ClientSession, tmp_path: Path
) -> None:
    def config(port: int) -> Config:
        return Config(
            var_dir=tmp_path, http=Http(port=port, drain_s=1), limits=PLENTY,
            outbound=OutboundSection(allow_networks=("127.0.0.0/8",), timeout_s=3),
        )  # fmt: skip

    sockets = listening(config(0))
    port = sockets[0].getsockname()[1]
    first = Gateway(config(port))
    await first.start(mongod.uri, sockets)
    try:
        tenant = await make_tenant(first, first.services.settings.own_url, http)
        line = await _line(tenant, carrier)
        call, there = await _talking(line, template=await line.ivr(menu()))
    finally:
        await first.stop()
    second = Gateway(config(port))
    await second.start(mongod.uri, listening(config(port)))
    try:
        await there.turn(digits="1")
        assert there.said() == ["You pressed 1. Goodbye."]
        await there.turn()
        await there.status("completed", seconds=7)
        await line.ended(call)
        assert len(carrier.calls) == 1
    finally:
        await second.stop()


async def test_a_call_nothing_is_heard_of_ends_by_itself_and_is_not_placed_again(line: Line, gateway: Running) -> None:
    line.carrier.next.append("lost")
    call = await line.place()
    await line.carrier.placed()
    await line.has(call, status="INITIATING")
    services, store = gateway.services, gateway.services.store.of(line.tenant.id, "live")

    async def doubtful() -> bool:
        return bool((await store.get("calls", call))["due"]["at"] > services.clock())

    await until(doubtful, 20)
    # As a process leaves it that was killed while it asked, long ago.
    ago = services.clock() - DOUBT
    left = {"hosted.asked": ago, "due": {"at": ago, "by": "a process that died", "tries": 1}}
    await store.change("calls", call, lambda doc: Change(set=left))
    gateway.ports.calls.carrying(await store.get("calls", call)).place(await store.get("calls", call))
    ended = await line.ended(call)
    assert (ended["status"], ended["inferred"]) == ("FAILED", True)
    assert len(line.carrier.calls) == 1


async def test_test_mode_reaches_no_carrier(line: Line) -> None:
    client = line.tenant("owner", "test")
    fields = {"name": "Fake", "provider": FAKE, "credentials": line.carrier.account, "from_numbers": [OWN]}
    trunk = (await client.post(TRUNKS, fields)).ok(201)["id"]
    body = {"to_number": CUSTOMER, "provider_config_id": trunk, "tts_text": "Hello."}
    (await client.post(CALLS, body)).refused(501, "not_supported_by_provider")
    assert line.carrier.calls == []


async def test_a_provider_nothing_speaks_for_places_nothing(tenant: Tenant) -> None:
    trunk = await add_trunk(tenant(), "twilio", from_numbers=[OWN])
    body = {"to_number": CUSTOMER, "provider_config_id": trunk, "tts_text": "Hello."}
    (await tenant().post(CALLS, body)).refused(501, "not_supported_by_provider")
