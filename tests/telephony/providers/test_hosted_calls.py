"""Calls at an HTTP voice carrier keep the laws of all calls: one end, told once, whatever the carrier repeats."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
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
from jinaconnect.telephony.table import PROVIDERS
from tests.client import until
from tests.conftest import PLENTY, Running
from tests.handlers.ivr.test_audio import upload
from tests.telephony.calls.graphs import graph, menu
from tests.telephony.calls.telephone import OWN
from tests.telephony.providers.fake import FAKE, FakeCall, FakeCarrier, fake_row
from tests.telephony.providers.lines import CALLS, CARRIERS, CUSTOMER, TRUNKS, Line, at, playing, talking
from tests.telephony.waves import tone
from tests.tenants import Tenant, make_tenant

AGENT = "+12025550188"


@pytest.fixture(scope="module", autouse=True)
def row() -> Iterator[None]:
    """The provider of tests stands in the table."""
    with fake_row():
        yield


@pytest.fixture(params=CARRIERS)
async def carrier(request: pytest.FixtureRequest, http: aiohttp.ClientSession) -> AsyncIterator[FakeCarrier]:
    """The carrier."""
    async with playing(request.param, http) as made:
        yield made


@pytest.fixture
async def line(tenant: Tenant, carrier: FakeCarrier) -> Line:
    """A tenant with an account at the carrier."""
    return await at(tenant, carrier)


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
    _, there = await talking(line, tts_text=text)
    said = there.said()
    while len(" ".join(said)) < len(text.strip()):  # where a carrier takes no more at once
        await there.turn()
        said += there.said()
    assert " ".join(said) == text.strip()


async def test_keys_lead_through_an_ivr(line: Line) -> None:
    call, there = await talking(line, template=await line.ivr(menu()))
    assert there.said() == ["Press one or two."]
    assert {"gather": 1} in there.document
    await there.turn(digits="1")
    assert there.said() == ["You pressed 1. Goodbye."]
    await there.turn()
    assert there.ends
    await there.status("completed", seconds=9)
    await line.ended(call)
    events = await line.events(call)
    assert [event["data"]["digit"] for event in events if event["type"] == "call.dtmf"] == ["1"]
    assert [event["data"]["node"] for event in events if event["type"] == "call.ivr_step"] == ["ask", "bye", "end"]


async def test_silence_and_wrong_keys_are_asked_again_then_given_up(line: Line) -> None:
    _, there = await talking(line, template=await line.ivr(menu()))
    await there.turn()
    assert there.said() == ["Press one or two."]
    await there.turn(digits="7")
    assert there.ends


async def test_a_transfer_that_fails_comes_back(line: Line) -> None:
    call, there = await talking(line, template=await line.ivr(menu()))
    await there.turn(digits="2")
    assert {"dial": "+12025550188"} in there.document
    await there.turn(dialled="busy")
    assert there.said() == ["You pressed 2. Goodbye."]
    events = await line.events(call)
    told = [event["data"] for event in events if event["type"] in ("call.transferring", "call.transferred")]
    assert [each.get("ok") for each in told] == [None, False]


async def test_a_repeated_callback_is_one_step_and_a_late_one_gets_the_present_turn(line: Line) -> None:
    call, there = await talking(line, template=await line.ivr(menu()))
    first, asked = there.next, there.document
    assert await there.answer() == asked
    after = await there.turn(first, digits="1")
    assert await there.turn(first, digits="1") == after
    assert await there.turn(first, digits="2") == after
    types = await line.types(call)
    assert types.count("call.dtmf") == 1
    assert types.count("call.answered") == 1


async def test_callbacks_of_one_turn_at_once_are_one_step(line: Line) -> None:
    call, there = await talking(line, template=await line.ivr(menu()))
    if line.carrier.provider == "telnyx":
        fields = {"id": there.id, "event": "call.gather.ended", "client_state": there.next, "digits": "1"}
        url = there.wanted["turn"]
    else:
        fields, url = {"id": there.id, "digits": "1"}, there.next
    answers = await asyncio.gather(*(line.carrier.post(url, fields) for _ in range(6)))
    assert {status for status, _ in answers} == {200}
    assert len({body for _, body in answers}) == 1
    types = await line.types(call)
    assert (types.count("call.dtmf"), types.count("call.ivr_step")) == (1, 2)


async def test_a_call_whose_ivr_is_gone_says_that_it_is_sorry_and_ends(line: Line, gateway: Running) -> None:
    call, there = await talking(line, template=await line.ivr(menu()))
    store = gateway.services.store.of(line.tenant.id, "live")
    node = {"ivr.state.node": "no such node"}
    await store.change("calls", call, lambda doc: Change(set=node))
    await there.turn(digits="1")
    assert there.said()[0].startswith("We are sorry")
    if line.carrier.provider == "telnyx":  # where the end is another command
        await there.turn()
    assert there.ends
    await there.status("completed", seconds=1)
    ended = await line.ended(call)
    assert (ended["status"], ended["hangup_cause"]) == ("FAILED", "INTERWORKING")


async def test_uploaded_audio_is_where_the_carrier_can_fetch_it(
    line: Line, http: aiohttp.ClientSession, gateway: Running
) -> None:
    audio = (await upload(line.owner, tone(1.0))).ok(201)["audio_url"]
    _, there = await talking(line, audio_url=audio)
    [url] = [each["play"] for each in there.document if "play" in each]
    async with http.get(url) as answer:
        assert (answer.status, (await answer.read())[:4]) == (200, b"RIFF")


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
    line.carrier.next.append(400)
    ended = await line.ended(await line.place())
    assert (ended["status"], ended["hangup_cause"]) == ("FAILED", "CALL_REJECTED")


async def test_a_placing_that_was_not_answered_is_found_by_its_reports_and_never_repeated(line: Line) -> None:
    line.carrier.lose()
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
    line.carrier.lose()
    call = await line.place()
    there = await line.carrier.placed()
    await line.has(call, status="INITIATING")
    if "hangup" not in PROVIDERS[line.carrier.provider].spec.capabilities():
        (await line.owner.post(f"{CALLS}{call}/hangup/")).refused(409, "unsupported")
        await there.status("canceled")
        return
    assert (await line.owner.post(f"{CALLS}{call}/hangup/")).ok()["hung_up"]
    assert await there.answer() == [{"hangup": True}]
    await until(lambda: _set(there), 20)
    await there.status("canceled")
    await line.ended(call)


async def _set(there: FakeCall) -> bool:
    return there.hung_up.is_set()


async def test_a_call_is_hung_up_and_what_its_carrier_cannot_do_is_refused(line: Line) -> None:
    call, there = await talking(line, template=await line.ivr(menu()))
    trunk = (await line.owner.get(f"{TRUNKS}{line.trunk}/")).ok()
    for verb, can, body in (
        ("hold", "hold", {}), ("mute", "mute", {}), ("transfer", "", {"to": AGENT, "mode": "attended"}),
        ("transfer", "transfer", {"to": AGENT}), ("dtmf", "dtmf", {"digits": "1"}), ("play", "play", {"tts_text": "x"}),
        ("play", "", {"tts_text": "x", "to": "agent"}), ("record", "record:pause", {"do": "pause"}),
        ("record", "record:start", {"do": "start"}), ("record", "record:stop", {"do": "stop"}),
        ("hangup", "hangup", {}), ("supervise", "supervise", {"mode": "listen"}),
    ):  # fmt: skip
        if can not in trunk["capabilities"]:
            told = (await line.owner.post(f"{CALLS}{call}/{verb}/", body)).refused(409, "unsupported")
            assert PROVIDERS[trunk["provider"]].spec.label in told
    (await line.owner.post(CALLS, {"to_number": CUSTOMER, "provider_config_id": line.trunk,
                                   "device": "sip:a@b.example"})).refused(409, "unsupported")  # fmt: skip
    if "hangup" in trunk["capabilities"]:
        assert (await line.owner.post(f"{CALLS}{call}/hangup/")).ok() == {"call_id": call, "hung_up": True}
        assert there.hung_up.is_set()
    await there.status("completed", seconds=1)
    ended = await line.ended(call)
    assert (ended["status"], ended["hangup_cause"]) == ("COMPLETED", "NORMAL_CLEARING")
    again = (await line.owner.post(f"{CALLS}{call}/hangup/")).ok()
    assert (again["hung_up"], again["status"]) == (False, "COMPLETED")


async def test_a_live_call_does_what_its_carrier_can(line: Line) -> None:
    call, there = await talking(line, template=await line.ivr(menu()))
    can = (await line.owner.get(f"{TRUNKS}{line.trunk}/")).ok()["capabilities"]

    async def order(verb: str, **body: str) -> dict[str, Any]:
        return dict((await line.owner.post(f"{CALLS}{call}/{verb}/", body)).ok())

    if "play" in can:
        await order("play", tts_text="One <moment> & a half.")
        assert line.carrier.did.pop() == ("play", "One <moment> & a half.")
    if "dtmf" in can:
        await order("dtmf", digits="12w#")
        assert line.carrier.did.pop() == ("dtmf", "12w#")
    if "record:start" in can:
        assert (await order("record", do="start"))["recording"]["state"] == "recording"
        (await line.owner.post(f"{CALLS}{call}/record/", {"do": "start"})).refused(409, "invalid_state")
        for do, state in (("pause", "paused"), ("resume", "recording"), ("stop", "stopped")):
            if f"record:{do}" in can:
                assert (await order("record", do=do))["recording"]["state"] == state
                assert line.carrier.did.pop() == ("record", do)
        [name] = line.carrier.recordings
        for _ in range(2):
            await line.carrier.post(there.wanted["recording"], {"id": there.id, "recording": name})
        assert (await line.types(call)).count("call.recording_stopped") == 1
    if there.document != [] and "play" in can:
        await there.turn(there.wanted["turn"])
        assert there.said() == ["Press one or two."]  # where the call was before
    if "transfer" in can:
        await order("transfer", to=AGENT)
        (await line.owner.post(f"{CALLS}{call}/transfer/", {"to": AGENT})).refused(409, "invalid_state")
        await there.turn()
        assert {"dial": AGENT} in there.document
        await there.turn(dialled="answered", talked=3)
        assert there.ends
        [second] = [each for each in (await line.owner.get(CALLS)).ok()["results"] if each["parent_call"] == call]
        assert (second["to_number"], second["status"], second["duration_seconds"]) == (AGENT, "COMPLETED", 3)
    await there.status("completed", seconds=1)
    await line.ended(call)


async def test_a_text_too_long_for_a_live_call_is_cut_or_refused(line: Line) -> None:
    call, there = await talking(line, template=await line.ivr(menu()))
    most = {"vonage": 1_500, "plivo": 1_500, "telnyx": 3_000}.get(line.carrier.provider, 4_000)
    if "play" not in (await line.owner.get(f"{TRUNKS}{line.trunk}/")).ok()["capabilities"]:
        return

    async def play(text: str) -> Any:
        return await line.owner.post(f"{CALLS}{call}/play/", {"tts_text": text})

    if line.carrier.provider == "telnyx":  # which says what it is given one after the other
        text = "Half & half. " * 300
        (await play(text)).ok()
        said = [text for _, text in line.carrier.did]
        assert " ".join(said) == text.strip()
        assert max(map(len, said)) <= most
    elif line.carrier.provider == "twilio":  # whose limit is that of the whole document, escapes and all
        (await play("&" * 700)).ok()
        line.carrier.did.clear()
        for text in ("a" * most, "&" * 900):
            refused = (await play(text)).refused(400, "validation_error")
            assert "Twilio" in refused["tts_text"][0]
        assert line.carrier.did == []
    else:
        (await play("a" * most)).ok()
        line.carrier.did.clear()
        refused = (await play("a" * (most + 1))).refused(400, "validation_error")
        assert str(most) in refused["tts_text"][0]
        assert line.carrier.did == []
    assert not there.ends


async def test_what_happens_beside_a_question_is_no_answer_to_it(http: aiohttp.ClientSession, tenant: Tenant) -> None:
    async with playing("telnyx", http) as carrier:  # where every event bears the state of the last command
        line = await at(tenant, carrier)
        call, there = await talking(line, template=await line.ivr(menu()))
        beside = {"id": there.id, "client_state": there.next}
        for fields in ({"event": "call.speak.ended"}, {"recording": carrier.record()}, {"event": "call.dtmf.received"}):
            assert (await carrier.post(there.wanted["turn"], {**beside, **fields}))[0] == 200
        assert (await line.types(call)).count("call.ivr_step") == 1
        await there.turn(digits="1")
        assert there.said() == ["You pressed 1. Goodbye."]


async def test_who_answered_is_told_beside_the_call(line: Line) -> None:
    can = (await line.owner.get(f"{TRUNKS}{line.trunk}/")).ok()["capabilities"]
    if "machine_detection" not in can:
        body = {"to_number": CUSTOMER, "provider_config_id": line.trunk, "tts_text": "x", "machine_detection": True}
        (await line.owner.post(CALLS, body)).refused(409, "unsupported")
        return
    call, there = await talking(line, template=await line.ivr(menu()), machine_detection=True)
    assert there.wanted["detects"]
    assert there.said() == ["Press one or two."]  # nobody waited for it
    for _ in range(2):
        assert await there.status("in-progress", machine="machine") == 200
    assert [event["data"]["answered_by"] for event in await line.events(call)
            if event["type"] == "call.answered_by"] == ["machine"]  # fmt: skip
    assert (await line.call(call))["metadata"]["answered_by"] == "machine"
    await there.status("completed", seconds=1)
    await line.ended(call)


async def test_an_account_is_asked_whether_its_carrier_knows_it(line: Line) -> None:
    test = f"{TRUNKS}{line.trunk}/test/"
    asked = (await line.owner.post(test, {})).ok()["options"]
    assert (asked["ok"], asked["error"]) == (True, None)
    if line.carrier.provider != FAKE:
        line.carrier.secret = "another"
        asked = (await line.owner.post(test, {})).ok()["options"]
        assert (asked["ok"], asked["rtt_ms"]) == (False, None)
        assert "does not know these credentials" in asked["error"]


async def test_credentials_are_shown_to_the_carrier_when_they_are_given(
    line: Line, gateway: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = dict(line.carrier.account)
    path, body = f"{TRUNKS}{line.trunk}/", {"name": "Second", "provider": line.carrier.provider}
    assert (await line.owner.get(path)).ok()["credentials_known"] is None
    monkeypatch.setattr(gateway.services.settings, "check_voice_credentials", True)
    assert (await line.owner.patch(path, {"credentials": given})).ok()["credentials_known"] is True
    assert (await line.owner.patch(path, {"name": "First"})).ok()["credentials_known"] is True
    if line.carrier.provider == FAKE:
        return
    away = {**given, "base_url": "http://127.0.0.1:9"}
    assert (await line.owner.post(TRUNKS, {**body, "credentials": away})).ok(201)["credentials_known"] is None
    line.carrier.secret = "another"
    count = (await line.owner.get(TRUNKS)).ok()["count"]
    for answer in (
        await line.owner.post(TRUNKS, {**body, "credentials": given}),
        await line.owner.patch(path, {"credentials": given}),
    ):
        assert "does not know them" in answer.refused(400, "validation_error")["credentials"][0]
    assert (await line.owner.get(TRUNKS)).ok()["count"] == count
    assert (await line.owner.patch(path, {"credentials": None})).ok()["credentials_known"] is None


async def test_a_carrier_that_is_busy_is_asked_again(line: Line) -> None:
    if line.carrier.provider == FAKE:
        pytest.skip("the carrier of tests is never busy")
    line.carrier.next.append(429)
    call = await line.place()
    there = await line.carrier.placed()
    await line.has(call, provider_call_id=there.id)
    await there.status("completed", seconds=1)
    await line.ended(call)


async def test_a_recording_is_measured_kept_and_then_removed_at_its_carrier(line: Line) -> None:
    if line.carrier.provider == FAKE:
        pytest.skip("the carrier of tests removes nothing")
    (await line.owner.patch(f"{TRUNKS}{line.trunk}/", {"remove_recordings": True})).ok()
    call, there = await talking(line, record=True)
    await there.status("completed", seconds=1)
    short, whole = line.carrier.record(0.05), line.carrier.record(6.0)
    for name in (short, whole):
        await line.carrier.post(there.wanted["recording"], {"id": there.id, "recording": name})
    rows: list[dict[str, Any]] = []
    removes = PROVIDERS[line.carrier.provider].spec.removes

    async def kept() -> bool:
        rows[:] = (await line.owner.get(f"/voice/api/recordings/?call_id={call}")).ok()["results"]
        failed = (await line.types(call)).count("recording.failed")
        return (len(rows), failed) == (1, 1) and bool(line.carrier.recordings) != removes

    await until(kept, 20)
    # It is told to have lasted a second, where the carrier tells.
    told = line.carrier.provider != "exotel"
    assert [(each["duration_seconds"], each["length_mismatch"]) for each in rows] == [(6, told)]


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
    call, there = await talking(line, record=True)
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
    other = await at(line.tenant, carrier)
    spec = PROVIDERS[carrier.provider].spec
    names = [f"/{spec.path(kind)}/" for kind in ("status", "turn")]
    for bad in (url.replace("mark=", "mark=0"), url.replace("turn=0", "turn=1"), url.replace(line.trunk, other.trunk),
                url.replace(f"/{carrier.provider}/", "/sip/"), url.replace(*names)):  # fmt: skip
        assert bad == url or (await carrier.post(bad, told))[0] == 403
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
        _, there = await talking(line, template=template)

        waits = line.carrier.provider != "telnyx"  # it is commanded when there is an answer, and asks for nothing

        async def told() -> bool:
            if waits:
                await there.turn()
            return there.said() == ["Hello Ann."]

        assert not waits or there.document[0] == {"pause": 1}
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
        line = await at(tenant, carrier)
        call, there = await talking(line, template=await line.ivr(menu()))
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
    line.carrier.lose()
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
    if line.carrier.provider != FAKE:
        pytest.skip("simulated")
    client = line.tenant("owner", "test")
    fields = {"name": "Fake", "provider": FAKE, "credentials": line.carrier.account, "from_numbers": [OWN]}
    trunk = (await client.post(TRUNKS, fields)).ok(201)["id"]
    body = {"to_number": CUSTOMER, "provider_config_id": trunk, "tts_text": "Hello."}
    (await client.post(CALLS, body)).refused(501, "not_supported_by_provider")
    assert line.carrier.calls == []
