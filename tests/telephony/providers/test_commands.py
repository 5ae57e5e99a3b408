"""What a carrier refuses of a live call fails that step and no more; what it cannot take now it is asked for again."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from jinaconnect.actions.hosted.commanding import TIMER_JOB
from jinaconnect.outbound import Outbound
from jinaconnect.telephony.provider import CallGone, CallUrls, CommandRefused, ProviderAway, VoiceAccount
from jinaconnect.telephony.table import PROVIDERS
from tests.client import until
from tests.conftest import Running
from tests.telephony.calls.graphs import graph, menu
from tests.telephony.providers.lines import CALLS, CARRIERS, Line, at, playing, talking
from tests.telephony.providers.played.telnyx import TelnyxCarrier
from tests.tenants import Tenant

AGENT = "+12025550188"
REFUSALS = [(422, "90015"), (422, "90034"), (403, "10010"), (403, "D1"), (400, "10015"), (402, "")]
LATER = [(429, "10011"), (503, "10007"), (500, "10007")]
ENDED = (422, "90018")


@pytest.fixture
async def carrier(http: aiohttp.ClientSession) -> AsyncIterator[TelnyxCarrier]:
    """The carrier that is commanded."""
    async with playing("telnyx", http) as made:
        assert isinstance(made, TelnyxCarrier)
        yield made


@pytest.fixture
async def line(tenant: Tenant, carrier: TelnyxCarrier) -> Line:
    """A tenant with an account there."""
    return await at(tenant, carrier)


async def told(line: Line, call: str, type: str) -> list[dict[str, Any]]:
    """Return what events of a type say."""
    return [event["data"] for event in await line.events(call) if event["type"] == type]


@pytest.mark.parametrize("refusal", REFUSALS)
async def test_a_transfer_that_is_refused_has_failed(
    line: Line, carrier: TelnyxCarrier, refusal: tuple[int, str]
) -> None:
    call, there = await talking(line, template=await line.ivr(menu()))
    carrier.meets["transfer"].append(refusal)
    await there.turn(digits="2")
    assert there.said() == ["You pressed 2. Goodbye."]
    assert [each["ok"] for each in await told(line, call, "call.transferred")] == [False]
    [second] = [each for each in (await line.owner.get(CALLS)).ok()["results"] if each["parent_call"] == call]
    assert second["status"] == "FAILED"
    items = (await line.owner.get(f"{CALLS}{call}/timeline/")).ok()["items"]
    [noted] = [item for item in items if item["type"] == "command_refused"]
    assert str(refusal[0]) in noted["detail"]["error"]
    await there.turn()
    assert there.ends


async def test_a_prompt_that_is_refused_is_passed_over(line: Line, carrier: TelnyxCarrier) -> None:
    nodes = {
        "hello": ("voice.play", {"tts_text": "Hallo.", "tts_language": "de"}),
        "ask": ("voice.gather_dtmf", {"prompt_tts": "One?", "max_digits": 1, "timeout_seconds": 5, "retries": 1}),
        "end": ("voice.hangup", {}),
    }  # fmt: skip
    carrier.meets["speak"].append((422, "90015"))
    carrier.meets["gather_using_speak"].append((422, "90015"))
    document = graph("hello", nodes, ("hello", "done", "ask"), ("ask", "default", "end"), ("ask", "timeout", "end"))
    _, there = await talking(line, template=await line.ivr(document))
    assert there.said() == ["One?"]  # asked once more, as after silence
    assert carrier.asked == ["speak", "gather_using_speak", "gather_using_speak"]
    await there.turn(digits="1")
    assert there.ends


async def test_an_announcement_that_is_refused_was_not_played(line: Line, carrier: TelnyxCarrier) -> None:
    carrier.meets["speak"].append((422, "90015"))
    call, there = await talking(line)
    assert there.ends
    assert [each["ok"] for each in await told(line, call, "call.played")] == [False]
    await there.status("completed", seconds=1)
    assert (await line.ended(call))["status"] == "COMPLETED"


async def test_a_recording_that_is_refused_is_an_empty_one(line: Line, carrier: TelnyxCarrier) -> None:
    nodes = {
        "take": ("voice.record", {"max_duration_seconds": 20}), "none": ("voice.play", {"tts_text": "Nothing."}),
        "some": ("voice.play", {"tts_text": "Thank you."}), "end": ("voice.hangup", {}),
    }  # fmt: skip
    carrier.meets["record_start"].append((403, "10010"))
    document = graph("take", nodes, ("take", "empty", "none"), ("take", "done", "some"), ("none", "done", "end"))
    _, there = await talking(line, template=await line.ivr(document))
    assert there.said() == ["Nothing."]


async def test_a_carrier_that_refuses_everything_is_told_to_hang_up(line: Line, carrier: TelnyxCarrier) -> None:
    nodes = {f"say{n}": ("voice.play", {"tts_text": "Again."}) for n in range(2)}
    document = graph("say0", {**nodes, "end": ("voice.hangup", {})}, ("say0", "done", "say1"), ("say1", "done", "say0"))
    carrier.meets["speak"].extend([(422, "90015")] * 200)
    call, there = await talking(line, template=await line.ivr(document))
    assert there.ends
    assert carrier.asked.count("speak") <= 40
    await there.status("completed", seconds=1)
    ended = await line.ended(call)
    assert (ended["status"], ended["hangup_cause"]) == ("FAILED", "INTERWORKING")


async def test_a_command_to_a_call_that_has_ended_changes_nothing(line: Line, carrier: TelnyxCarrier) -> None:
    call, there = await talking(line, template=await line.ivr(menu()))
    carrier.meets["transfer"].append(ENDED)
    await there.turn(digits="2")
    assert await told(line, call, "call.transferred") == []
    await there.status("completed", seconds=1)
    assert (await line.ended(call))["status"] == "COMPLETED"


@pytest.mark.parametrize(
    ("answer", "status", "code"),
    [((422, "90015"), 400, "provider_error"), ((403, "10010"), 400, "provider_error"),
     ((429, "10011"), 502, "provider_error"), ((401, "10009"), 502, "provider_error"), (ENDED, 409, "invalid_state")],
)  # fmt: skip
async def test_a_live_call_whose_transfer_is_not_made_goes_on_where_it_was(
    line: Line, carrier: TelnyxCarrier, answer: tuple[int, str], status: int, code: str
) -> None:
    call, there = await talking(line, template=await line.ivr(menu()))
    for _ in range(2):
        carrier.meets["transfer"].append(answer)
        (await line.owner.post(f"{CALLS}{call}/transfer/", {"to": AGENT})).refused(status, code)
    await there.turn(digits="7")  # a wrong one
    assert there.said() == ["Press one or two."]
    (await line.owner.post(f"{CALLS}{call}/transfer/", {"to": AGENT})).ok()
    assert {"dial": AGENT} in there.document
    assert [each["ok"] for each in await told(line, call, "call.transferred")] == [False, False]


async def test_what_is_told_while_a_transfer_is_refused_is_told_again(line: Line, carrier: TelnyxCarrier) -> None:
    call, there = await talking(line, template=await line.ivr(menu()))
    fields = {"id": there.id, "event": "call.gather.ended", "client_state": there.next, "digits": "1"}

    async def meanwhile() -> None:
        carrier.meets["transfer"].append((422, "90015"))
        status, _ = await carrier.post(there.wanted["turn"], fields)
        assert status == 503

    carrier.before["transfer"] = meanwhile
    carrier.meets["transfer"].append((422, "90015"))
    (await line.owner.post(f"{CALLS}{call}/transfer/", {"to": AGENT})).refused(400, "provider_error")
    there.document = []
    assert (await carrier.post(there.wanted["turn"], fields))[0] == 200
    assert there.said() == ["You pressed 1. Goodbye."]
    assert [each["ok"] for each in await told(line, call, "call.transferred")] == [False]


async def test_a_refused_order_says_so_of_a_call_that_lives(line: Line, carrier: TelnyxCarrier) -> None:
    call, _ = await talking(line, template=await line.ivr(menu()))
    for verb, command, body in (
        ("play", "speak", {"tts_text": "Hi."}), ("dtmf", "send_dtmf", {"digits": "1"}),
        ("stop-play", "playback_stop", {}), ("record", "record_start", {"do": "start"}),
    ):  # fmt: skip
        carrier.meets[command].append((422, "90015"))
        answer = (await line.owner.post(f"{CALLS}{call}/{verb}/", body)).refused(400, "provider_error")
        assert "90015" in str(answer)
        carrier.meets[command].append(ENDED)
        (await line.owner.post(f"{CALLS}{call}/{verb}/", body)).refused(409, "invalid_state")


def pausing() -> dict[str, Any]:
    """A pause, a text, a transfer, the end."""
    nodes = {
        "wait": ("wait", {"seconds": 0.2}), "say": ("voice.play", {"tts_text": "Still here."}),
        "end": ("voice.hangup", {}),
    }  # fmt: skip
    return graph("wait", nodes, ("wait", "done", "say"), ("say", "done", "end"))


def listening() -> dict[str, Any]:
    """A question for words, a text, the end."""
    nodes = {
        "hear": ("voice.gather_speech", {"language": "en-US", "timeout_seconds": 0.2}),
        "say": ("voice.play", {"tts_text": "Still here."}), "end": ("voice.hangup", {}),
    }  # fmt: skip
    return graph("hear", nodes, ("hear", "done", "say"), ("say", "done", "end"))


@pytest.mark.parametrize("document", [pausing(), listening()], ids=["wait", "speech"])
@pytest.mark.parametrize("later", LATER)
async def test_what_follows_a_pause_is_commanded_again_where_it_was_not_taken(
    line: Line, carrier: TelnyxCarrier, document: dict[str, Any], later: tuple[int, str]
) -> None:
    carrier.meets["speak"].append(later)
    call, there = await talking(line, template=await line.ivr(document))

    async def said() -> bool:
        return there.said() == ["Still here."]

    await until(said, 20)
    assert carrier.asked.count("speak") == 2
    assert (await line.types(call)).count("call.ivr_step") == 2
    await there.turn()
    assert there.ends


@pytest.mark.parametrize("later", LATER)
async def test_the_first_command_is_given_again_where_it_was_not_taken(
    line: Line, carrier: TelnyxCarrier, later: tuple[int, str]
) -> None:
    carrier.meets["gather_using_speak"].append(later)
    call = await line.place(template=await line.ivr(menu()))
    there = await carrier.placed()
    await line.has(call, provider_call_id=there.id)
    answered = {"id": there.id, "status": "in-progress"}
    assert (await carrier.post(there.wanted["turn"], answered))[0] == 503
    for _ in range(2):
        assert (await carrier.post(there.wanted["turn"], answered))[0] == 200
        assert there.said() == ["Press one or two."]
    await there.turn(digits="1")
    assert there.said() == ["You pressed 1. Goodbye."]
    assert (await line.types(call)).count("call.answered") == 1


async def test_what_follows_a_refusal_after_a_pause_is_commanded_again(line: Line, carrier: TelnyxCarrier) -> None:
    carrier.meets["speak"].append((422, "90015"))
    carrier.meets["hangup"].append((429, "10011"))
    _, there = await talking(line, template=await line.ivr(pausing()))

    async def over() -> bool:
        return there.ends

    await until(over, 20)
    assert carrier.asked == ["speak", "hangup", "hangup"]


async def test_a_pause_that_something_else_ended_gives_nothing(
    line: Line, carrier: TelnyxCarrier, gateway: Running
) -> None:
    document = listening()
    document["nodes"][0]["data"]["timeout_seconds"] = 1
    call, there = await talking(line, template=await line.ivr(document))
    fields = {"id": there.id, "client_state": there.next, "words": "yes"}
    assert (await carrier.post(there.wanted["turn"], fields))[0] == 200
    assert there.said() == ["Still here."]
    await there.turn()
    assert there.ends
    jobs = gateway.services.store.raw("jobs")

    async def done() -> bool:
        return await jobs.find_one({"data.call": call, "kind": TIMER_JOB}) is None

    assert not await done()

    await until(done, 20)
    assert carrier.asked.count("speak") == 1


# ---- what an answer to an order means


@pytest.mark.parametrize("name", ["twilio", "plivo", "vonage", "telnyx"])
async def test_only_what_says_that_a_call_is_over_counts_as_that(name: str, http: aiohttp.ClientSession) -> None:
    answers: list[tuple[int, dict[str, Any]]] = []

    async def answer(request: web.Request) -> web.Response:
        status, body = answers[-1]
        return web.json_response(body, status=status)

    application = web.Application()
    application.router.add_route("*", "/{path:.*}", answer)
    runner, outside = web.AppRunner(application), Outbound(("127.0.0.0/8",), timeout_s=5)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    await outside.start()
    try:
        make = PROVIDERS[name].make
        assert make is not None
        base = {"base_url": f"http://127.0.0.1:{runner.addresses[0][1]}"}
        account = VoiceAccount("trk", "scope", {**CARRIERS[name](http).account, **base})
        urls = CallUrls("https://x.example/t", "https://x.example/s", "https://x.example/r")

        async def ordered(status: int, verb: str = "dtmf", **body: Any) -> Exception | None:
            answers.append((status, body))
            try:
                await make(outside).control(account, "a", verb, {"digits": "1"}, urls)
            except (CallGone, ProviderAway) as error:
                return error
            return None

        for status in (400, 402, 403, 405, 409, 422):
            assert isinstance(await ordered(status, error="no", message="no", detail="no"), CommandRefused), status
        assert isinstance(await ordered(404), CallGone)
        for status in (401, 429, 503, 500, 501, 520):
            error = await ordered(status)
            assert isinstance(error, ProviderAway), status
            assert not isinstance(error, CommandRefused)
            assert error.uncertain == (status in (500, 501, 520))
        gone = {"twilio": (400, {"code": 21220}), "telnyx": (422, {"errors": [{"code": "90018"}]})}.get(name)
        if gone is not None:
            assert isinstance(await ordered(gone[0], **gone[1]), CallGone)
    finally:
        await outside.stop()
        await runner.cleanup()
