"""Requests and the event connection when Asterisk is there, away, slow, frozen, or wants another password."""

from __future__ import annotations

import asyncio
import logging

import pytest
import websockets
from aiohttp import web
from aiohttp.test_utils import TestServer
from websockets.asyncio.server import ServerConnection, serve

from jinaconnect.telephony.ari.client import AriClient
from jinaconnect.telephony.ari.errors import (
    AriDenied,
    AriError,
    AriNotFound,
    AriProtocol,
    AriTimeout,
    AriUnreachable,
)
from jinaconnect.telephony.ari.event_types import (
    ApplicationReplaced,
    ChannelStateChange,
    StasisStart,
    UnknownEvent,
)
from jinaconnect.telephony.ari.events import AriEvents
from jinaconnect.telephony.ari.exchange import PIECE
from tests.telephony.asterisk import APP, Asterisk, Heard, frozen, listening, loopback_address, until


async def test_the_running_asterisk_tells_who_it_is_and_how_fast_it_answers(ari: AriClient) -> None:
    assert (await ari.ping()).ping == "pong"
    info = await ari.info()
    assert info.system.version.startswith("22.")
    assert info.config.name == APP
    assert info.status is not None
    assert info.status.startup_time.tzinfo is not None
    for _ in range(600):
        await ari.ping()
    times = ari.request_times()
    assert times.answered == 512
    assert times.p50_ms is not None
    assert times.p99_ms is not None
    assert 0 < times.p50_ms <= times.p99_ms


async def test_global_variables_and_modules(ari: AriClient) -> None:
    await ari.set_variable("JC_TEST", "one & two")
    assert await ari.variable("JC_TEST") == "one & two"
    await ari.reload("res_pjsip.so")
    with pytest.raises(AriNotFound):
        await ari.reload("res_no_such_thing.so")


async def test_endpoints_are_listed_with_their_state(ari: AriClient) -> None:
    assert {"trunk", "account", "webphone"} <= {each.resource for each in await ari.endpoints.list()}
    assert (await ari.endpoints.get("trunk")).state == "online"
    with pytest.raises(AriNotFound):
        await ari.endpoints.get("nobody")


async def test_a_file_comes_in_pieces_within_its_bounds() -> None:
    size, stall = 300_000, asyncio.Event()

    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Length": str(size)})
        await response.prepare(request)
        await response.write(bytes(size // 2))
        if request.match_info["name"] == "stalls":
            await stall.wait()
        await response.write(bytes(size // 2))
        return response

    application = web.Application()
    application.router.add_get("/ari/recordings/stored/{name}/file", answer)
    pieces: list[int] = []

    async def take(piece: bytes) -> None:
        pieces.append(len(piece))

    async with TestServer(application) as server, AriClient(str(server.make_url("/")), "user", "password") as client:
        await client.recordings.file("whole", take)
        assert sum(pieces) == size
        assert max(pieces) <= PIECE
        with pytest.raises(AriProtocol):
            await client.recordings.file("whole", take, limit=size - 1)
        with pytest.raises(AriTimeout):
            await client.recordings.file("stalls", take, deadline_s=0.3)
        stall.set()


async def test_a_wrong_password_is_denied_by_both_doors(asterisk: Asterisk) -> None:
    async with asterisk.client(password="wrong") as client:
        with pytest.raises(AriDenied) as refused:
            await client.ping()
        assert refused.value.status == 401
        with pytest.raises(AriDenied):
            await AriEvents.connect(client, APP)


async def test_the_password_is_in_no_log_line_and_no_error(
    asterisk: Asterisk, caplog: pytest.LogCaptureFixture
) -> None:
    async with asterisk.client() as client, asterisk.client(password="wrong-secret") as other:
        with caplog.at_level(logging.DEBUG):
            async with listening(client, "quiet"):
                await client.ping()
            with pytest.raises(AriDenied) as refused:
                await AriEvents.connect(other, "quiet")
        written = caplog.text + repr(client.http) + repr(refused.value) + str(refused.value.__cause__)
        for secret in (asterisk.password, "wrong-secret", client.http.authorization, other.http.authorization):
            assert secret not in written
            assert secret.removeprefix("Basic ") not in written


async def test_a_dead_asterisk_is_unreachable_and_nothing_happened() -> None:
    async with AriClient(f"http://{loopback_address(8088)}:8088", APP, "x") as client:
        with pytest.raises(AriUnreachable) as failed:
            await client.channels.originate("jc-a-b", "PJSIP/1@trunk", app=APP)
        assert not failed.value.uncertain
        with pytest.raises(AriUnreachable):
            await AriEvents.connect(client, APP)


async def test_a_connection_that_breaks_before_the_answer_leaves_it_uncertain() -> None:
    async def hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    ip = loopback_address(8088)
    async with await asyncio.start_server(hang_up, ip, 8088), AriClient(f"http://{ip}:8088", APP, "x") as client:
        with pytest.raises(AriUnreachable) as failed:
            await client.channels.originate("jc-a-b", "PJSIP/1@trunk", app=APP)
        assert failed.value.uncertain


async def test_a_frozen_asterisk_meets_the_deadline_and_the_watchdog(own_asterisk: Asterisk) -> None:
    async with own_asterisk.client(deadline_s=0.5) as client:
        events = await AriEvents.connect(client, APP, ping_s=0.3, pong_s=0.3)
        heard = Heard(events)
        with frozen(own_asterisk):
            with pytest.raises(AriTimeout) as failed:
                await client.ping()
            assert failed.value.uncertain
            with pytest.raises(AriTimeout):
                await AriEvents.connect(client, APP, open_s=0.5)
            closed = await asyncio.wait_for(events.wait_closed(), 10)
            assert closed.reason == "silent"
        assert (await client.ping(deadline_s=5)).ping == "pong"
        async with listening(client):
            assert [each.name for each in await client.applications.list()] == [APP]
        await heard.close()


async def test_a_killed_asterisk_ends_the_connection_and_a_new_one_serves(own_asterisk: Asterisk) -> None:
    async with own_asterisk.client() as client:
        events = await AriEvents.connect(client, APP)
        await own_asterisk.kill()
        assert (await asyncio.wait_for(events.wait_closed(), 10)).reason == "lost"
        assert [event async for event in events] == []
        with pytest.raises(AriUnreachable):
            await client.ping()
        await own_asterisk.start_again()
        assert (await client.ping()).ping == "pong"
        async with listening(client):
            assert (await client.applications.get(APP)).name == APP


async def test_a_second_connection_takes_the_application_and_the_first_is_told(ari: AriClient) -> None:
    first = Heard(await AriEvents.connect(ari, "contested"))
    async with listening(ari, "contested") as second:
        assert (await asyncio.wait_for(first.events.wait_closed(), 10)).reason == "replaced"
        assert [type(each) for each in first.all] == [ApplicationReplaced]
        await ari.channels.originate("jc-contested-a", "PJSIP/600@trunk", app="contested")
        await second.next(StasisStart, "jc-contested-a")
        assert len(first.all) == 1
    await first.close()


async def test_a_reader_who_does_not_take_events_is_cut_off_not_grown(ari: AriClient) -> None:
    events = await AriEvents.connect(ari, "slow", queue_size=3)
    await ari.channels.originate("jc-slow-a", "PJSIP/600@trunk", app="slow")
    await ari.channels.originate("jc-slow-b", "PJSIP/600@trunk", app="slow")
    assert (await asyncio.wait_for(events.wait_closed(), 10)).reason == "overrun"
    assert events.waiting == 3
    assert len([event async for event in events]) == 3
    await events.close()


async def test_what_we_closed_ourselves_is_said_to_be_left(ari: AriClient) -> None:
    events = await AriEvents.connect(ari, "leaving")
    await events.close()
    assert events.closed is not None
    assert events.closed.reason == "left"
    assert [event async for event in events] == []


async def test_noisy_types_are_filtered_after_every_connect(ari: AriClient) -> None:
    for _ in range(2):
        async with listening(ari, "filtered"):
            disallowed = (await ari.applications.get("filtered")).events_disallowed
            assert {each["type"] for each in disallowed} == {"ChannelVarset", "ChannelDialplan"}


async def test_the_filter_keeps_variables_away_and_lets_the_rest_through(ari: AriClient, heard: Heard) -> None:
    await ari.channels.originate("jc-filter-a", "PJSIP/600@trunk", app=APP)
    await heard.next(StasisStart, "jc-filter-a")
    await ari.channels.set_variable("jc-filter-a", "JC_X", "1")
    await ari.channels.start_moh("jc-filter-a")
    assert heard.of(ChannelStateChange, "jc-filter-a")
    assert not [each.type for each in heard.all if each.type in ("ChannelVarset", "ChannelDialplan")]


async def test_frames_nobody_expects_are_events_all_the_same() -> None:
    """A peer with ARI's frames: a type of the future, a known type without its channel, and no JSON at all."""

    async def speak(socket: ServerConnection) -> None:
        await socket.send('{"type":"ChannelTeleported","application":"a","channel":{"id":"x"}}')
        await socket.send('{"type":"StasisEnd","application":"a"}')
        await socket.send("not json")
        await socket.wait_closed()

    ip = loopback_address(8088)
    async with serve(speak, ip, 8088), AriClient(f"http://{ip}:8088", APP, "x") as client:
        heard = Heard(await AriEvents.connect(client, "a", disallow=()))
        await until(lambda: len(heard.all) == 3, "three frames")
        future, broken, garbage = heard.all
        assert isinstance(future, UnknownEvent)
        assert (future.type, future.fault, future.payload["channel"]) == ("ChannelTeleported", "", {"id": "x"})
        assert isinstance(broken, UnknownEvent)
        assert (broken.type, "channel" in broken.fault) == ("StasisEnd", True)
        assert isinstance(garbage, UnknownEvent)
        assert garbage.fault == "not JSON"
        await heard.close()


async def test_a_failed_filter_closes_the_connection_it_was_for() -> None:
    open_sockets = []

    async def speak(socket: ServerConnection) -> None:
        open_sockets.append(socket)
        await socket.wait_closed()

    ip = loopback_address(8088)
    async with serve(speak, ip, 8088), AriClient(f"http://{ip}:8088", APP, "x", deadline_s=2) as client:
        with pytest.raises(AriError):  # the peer speaks WebSocket only: the PUT of the filter fails
            await AriEvents.connect(client, "a")
        await until(lambda: open_sockets[0].state is websockets.State.CLOSED, "socket closed")
