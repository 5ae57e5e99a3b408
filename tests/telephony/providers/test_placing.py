"""What an answer to placing means: a call is placed again, or elsewhere, only where it certainly does not ring."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator
from dataclasses import replace

import aiohttp
import pytest

from jinaconnect.core.calls import causes
from jinaconnect.outbound import ANSWER_BYTES, Outbound
from jinaconnect.telephony.provider import Accepted, Busy, CallUrls, Outcome, Placing, Refused, Unknown, VoiceAccount
from jinaconnect.telephony.providers.telnyx import TelnyxVoice
from jinaconnect.telephony.table import PROVIDERS
from tests.client import until
from tests.telephony.providers.fake import FakeCarrier
from tests.telephony.providers.lines import CALLS, CUSTOMER, at, playing
from tests.tenants import Tenant

COUNT = itertools.count()
CALL = Placing("call", "+12025550100", CUSTOMER, 30, 600, record=False)
URLS = CallUrls("https://x.example/turn", "https://x.example/status", "https://x.example/recording")
UNREADABLE = ("", "<html>", "null", "[]", "{}", '{"sid": null, "uuid": 0, "request_uuid": [], "Call": [], "data": 1}')


@pytest.fixture(params=["twilio", "plivo", "vonage", "telnyx", "exotel"])
async def carrier(request: pytest.FixtureRequest, http: aiohttp.ClientSession) -> AsyncIterator[FakeCarrier]:
    """The carrier."""
    async with playing(request.param, http) as made:
        yield made


@pytest.fixture
async def outside() -> AsyncIterator[Outbound]:
    """The way to it."""
    made = Outbound(("127.0.0.0/8",), timeout_s=5)
    await made.start()
    yield made
    await made.stop()


async def outcome(carrier: FakeCarrier, outside: Outbound) -> Outcome:
    """Return what asking for a call comes to."""
    make = PROVIDERS[carrier.provider].make
    assert make is not None
    call = replace(CALL, id=f"call_{next(COUNT)}")
    return await make(outside).place(VoiceAccount("trk", "scope", carrier.account), call, URLS)


async def test_a_success_that_cannot_be_read_leaves_it_open(carrier: FakeCarrier, outside: Outbound) -> None:
    for status in (200, 201, 202):
        for body in UNREADABLE:
            carrier.next.append((status, body))
            assert isinstance(await outcome(carrier, outside), Unknown), (status, body)


async def test_an_answer_too_long_to_be_read_leaves_it_open(carrier: FakeCarrier, outside: Outbound) -> None:
    carrier.next.extend([(201, " " * (ANSWER_BYTES + 1))] * 2)
    assert isinstance(await outcome(carrier, outside), Unknown)


@pytest.mark.parametrize("status", [408, 500, 501, 502, 504, 505, 520, 524, 530, 599])
async def test_whatever_fails_there_leaves_it_open(carrier: FakeCarrier, outside: Outbound, status: int) -> None:
    for body in UNREADABLE:
        carrier.next.append((status, body))
        assert isinstance(await outcome(carrier, outside), Unknown), (status, body)


async def test_a_refusal_is_one_whatever_it_says(carrier: FakeCarrier, outside: Outbound) -> None:
    for body in (*UNREADABLE, '{"code": ["a"]}', '{"errors": [{"code": ["a"]}]}'):
        for status, cause in ((400, causes.CALL_REJECTED), (401, causes.FACILITY_REJECTED)):
            carrier.next.append((status, body))
            found = await outcome(carrier, outside)
            assert isinstance(found, Refused), (status, body)
            assert found.cause == cause
        carrier.next.append((503, body))
        assert isinstance(await outcome(carrier, outside), Busy)


async def test_a_success_is_one_whatever_its_status(carrier: FakeCarrier, outside: Outbound) -> None:
    for status in (200, 201, 202):
        body = carrier.accepted(carrier.new_call("the-id", {})).text
        assert body is not None
        carrier.next.append((status, body))
        assert await outcome(carrier, outside) == Accepted("the-id")


@pytest.mark.parametrize("status", [400, 401, 403, 422, 429, 500, 503])
async def test_what_the_second_request_meets_tells_nothing_of_the_first(
    http: aiohttp.ClientSession, outside: Outbound, status: int
) -> None:
    async with playing("telnyx", http) as carrier:
        carrier.next.extend(["lost", status])
        assert isinstance(await outcome(carrier, outside), Unknown)
        carrier.next.append("lost")
        found = await outcome(carrier, outside)
        assert found == Accepted(carrier.calls[-1].id)
        assert len(carrier.calls) == 2


async def test_a_carrier_that_is_gone_at_the_second_request_may_have_placed_the_first(outside: Outbound) -> None:
    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        server.close()
        writer.close()

    server = await asyncio.start_server(take, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    held = {"api_key": "k", "connection_id": "c", "base_url": f"http://127.0.0.1:{port}"}
    account = VoiceAccount("trk", "scope", held)
    assert isinstance(await TelnyxVoice(outside).place(account, CALL, URLS), Unknown)
    found = await TelnyxVoice(outside).place(account, CALL, URLS)
    assert isinstance(found, Busy)  # for which nobody listens at all


async def test_a_call_whose_placing_was_answered_with_nonsense_goes_on(tenant: Tenant, carrier: FakeCarrier) -> None:
    line = await at(tenant, carrier)
    carrier.next.append((201, "<html>"))
    call = await line.place()
    there = await carrier.placed()

    async def doubted() -> bool:
        items = (await line.owner.get(f"{CALLS}{call}/timeline/")).ok()["items"]
        assert (await line.call(call))["status"] == "INITIATING"
        return "dial_unanswered" in [item["type"] for item in items]

    await until(doubted, 20)
    await there.status("ringing")
    assert (await line.call(call))["provider_call_id"] == there.id
    await there.answer()
    await there.turn()
    await there.status("completed", seconds=2)
    assert (await line.ended(call))["status"] == "COMPLETED"
