"""The socket's manners: what it takes, what it refuses and stays, what it closes and with which code."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Callable
from typing import Any

import pytest
import websockets
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jinaconnect.realtime import protocol, session
from tests.client import Client, Socket, until
from tests.conftest import Running
from tests.tenants import Tenant


def address(client: Client, query: str = "") -> str:
    return client.url.replace("http", "ws", 1) + "/ws/" + query


async def test_a_client_need_not_wait_for_ready(tenant: Tenant) -> None:
    await tenant.receives("+12025550161", "hello")
    await tenant().wait_for_events(lambda seen: any(e["type"] == "message.received" for e in seen))
    async with asyncio.timeout(20), websockets.connect(address(tenant())) as socket:
        await socket.send(json.dumps({"type": "auth", "token": tenant().credential}))
        await socket.send(json.dumps({"type": "subscribe", "after": "start"}))
        kinds = [json.loads(await socket.recv())["type"] for _ in range(4)]
    assert kinds == ["hello", "ready", "subscribed", "events"]


async def test_hello_and_ready_tell_what_the_client_needs(tenant: Tenant) -> None:
    async with tenant("agent", "test").socket(subprotocols=["other", "jina.v1"]) as socket:
        assert socket.raw.subprotocol == "jina.v1"
        hello = await socket.next("hello")
        assert (hello["protocol"], hello["heartbeat_s"]) == (1, 25)
        limits = {"frame_bytes": 65536, "requests_per_s": 20, "buffer_bytes": 1048576, "events_frame_bytes": 262144}
        assert hello["limits"] == limits
        ready = await socket.ready()
        assert (ready["tenant"], ready["mode"], ready["principal"]["role"]) == (tenant.id, "test", "agent")
        await socket.send(type="ping")
        assert (await socket.next("pong"))["at"].endswith("Z")


@pytest.mark.parametrize(
    ("frame", "field"),
    [
        ({"type": "subscribe", "topics": ["nope"]}, "topics"),
        ({"type": "subscribe", "topics": "inbox"}, "topics"),
        ({"type": "subscribe", "filter": {"color": "red"}}, "filter.color"),
        ({"type": "subscribe", "filter": {"contact": 1}}, "filter"),
        ({"type": "subscribe", "after": 5}, "after"),
        ({"type": "request", "operation": "contacts.list"}, "id"),
        ({"type": "request", "id": "r", "operation": "no.such"}, "operation"),
        ({"type": "request", "id": "r", "operation": "contacts.list", "params": []}, "params"),
        ({"type": "request", "id": "r", "operation": "contacts.create", "body": {"phone": "x"}}, "phone"),
        ({"type": "presence", "viewing": "cnt_1"}, "viewing"),
        ({"type": "presence", "typing": "yes"}, "typing"),
    ],
)
async def test_a_wrong_field_is_named_and_the_socket_stays(tenant: Tenant, frame: dict[str, Any], field: str) -> None:
    async with tenant().socket() as socket:
        await socket.ready()
        await socket.send(**frame)
        error = await socket.next("error")
        assert (error["status"], error["code"]) == (400, "validation_error")
        assert field in error["detail"], error
        assert error["id"] == frame.get("id")
        await socket.send(type="ping")
        await socket.next("pong")


async def test_topics_beyond_the_role_are_refused(tenant: Tenant) -> None:
    async with tenant("viewer").socket() as socket:
        await socket.ready()
        await socket.send(type="subscribe", topics=["account"])
        assert (await socket.next("error"))["code"] == "permission_denied"


async def close_code(
    client: Client, *frames: str | bytes, query: str = "", headers: dict[str, str] | None = None
) -> int | None:
    """Send frames, read to the end, return the close code."""
    async with websockets.connect(address(client, query), additional_headers=headers or {}) as connection:
        with contextlib.suppress(websockets.ConnectionClosed):
            for frame in frames:
                await connection.send(frame)
        return await Socket(connection).closed()


async def test_every_refusal_has_its_code(tenant: Tenant) -> None:
    client, own = tenant(), tenant().headers()
    auth = json.dumps({"type": "auth", "token": "jc_live_wrong"})
    assert await close_code(client, auth) == protocol.NOT_AUTHENTICATED
    assert await close_code(client, query="?ticket=never") == protocol.NOT_AUTHENTICATED
    assert await close_code(client, query=f"?token={client.credential}") == protocol.NOT_AUTHENTICATED
    assert await close_code(client, headers={"Authorization": "Bearer x.y.z"}) == protocol.NOT_AUTHENTICATED
    assert await close_code(client, b"binary", headers=own) == protocol.VIOLATION
    assert await close_code(client, *["{"] * 10, headers=own) == protocol.VIOLATION
    assert await close_code(client, *[json.dumps({"type": "what"})] * 10, headers=own) == protocol.VIOLATION
    large = json.dumps({"type": "ping", "x": "é" * protocol.FRAME_BYTES})
    assert await close_code(client, large, headers=own) == protocol.TOO_LARGE


async def test_nobody_waits_for_ever_for_authentication(tenant: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "AUTH_DEADLINE_S", 0.05)
    assert await close_code(tenant()) == protocol.NOT_AUTHENTICATED


async def test_too_many_frames_are_refused_and_at_last_closed(tenant: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "REFUSALS_BEFORE_CLOSE", 20)
    async with tenant().socket() as socket:
        await socket.ready()
        with contextlib.suppress(websockets.ConnectionClosed):
            for _ in range(200):
                await socket.send(type="ping")
        assert (await socket.next("error"))["code"] == "throttled"
        assert await socket.closed() == protocol.RATE


async def test_too_many_sockets_of_a_tenant_back_off(
    tenant: Tenant, gateway: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gateway.gateway.ports.live, "_per_principal", 2)
    async with tenant().socket() as one, tenant().socket() as two:
        await one.ready()
        await two.ready()
        assert await close_code(tenant(), headers=tenant().headers()) == protocol.TOO_MANY


async def test_a_silent_client_is_closed(tenant: Tenant, gateway: Running) -> None:
    async with tenant().socket() as socket:
        await socket.ready()
        live = gateway.gateway.ports.live
        for held in live._doors[tenant.id]:
            held.heard_at -= 3 * protocol.HEARTBEAT_S
        live.beat()
        assert await socket.closed() == protocol.SILENT


async def test_a_foreign_origin_is_refused(tenant: Tenant) -> None:
    with pytest.raises(websockets.InvalidStatus) as refused:
        await close_code(tenant(), headers={**tenant().headers(), "Origin": "https://elsewhere.example"})
    assert refused.value.response.status_code == 403


async def test_a_ticket_opens_once(tenant: Tenant) -> None:
    ticket = (await tenant("viewer").post("/ws/ticket/")).ok()
    assert ticket["expires_in"] == 60
    async with websockets.connect(address(tenant(), f"?ticket={ticket['ticket']}")) as connection:
        assert (await Socket(connection).ready())["principal"]["role"] == "viewer"
    assert await close_code(tenant(), query=f"?ticket={ticket['ticket']}") == protocol.NOT_AUTHENTICATED
    second = (await tenant("viewer").post("/ws/ticket/")).ok()["ticket"]
    async with (
        asyncio.timeout(20),
        tenant().session.get(f"{tenant().url}/events/stream/", params={"ticket": second, "after": "start"}) as stream,
    ):
        assert stream.status == 200
        assert await stream.content.readline() == b"retry: 2000\n"
    (await tenant.anonymous.get("/events/stream/", params={"ticket": second})).refused(401, "not_authenticated")


async def test_a_token_that_ends_is_announced_and_can_be_renewed(
    demo: dict[str, Any], client: Callable[[str | None], Client], gateway: Running
) -> None:
    user = demo["tenants"][0]["users"][0]
    body = {"email": user["email"], "password": user["password"]}
    services = gateway.services
    usual = services.settings.access_ttl_s
    services.settings.access_ttl_s = 2
    try:
        short = (await client(None).post("/token/", body)).ok()["access"]
    finally:
        services.settings.access_ttl_s = usual
    long = (await client(None).post("/token/", body)).ok()["access"]
    async with client(short).socket() as ended, client(short).socket() as renewed:
        await ended.ready()
        await renewed.ready()
        assert (await renewed.next("expiring"))["in_s"] <= 60
        await renewed.send(type="auth", token=long)
        assert (await renewed.next("ready"))["expires_at"] is not None
        assert await ended.closed() == protocol.EXPIRED
        await renewed.send(type="ping")
        await renewed.next("pong")


async def test_presence_is_the_latest_value_of_everyone(tenant: Tenant) -> None:
    async with tenant().socket() as one, tenant("admin").socket() as two:
        await one.ready()
        await two.ready()
        await one.send(type="presence", viewing="conv_1", typing=True)
        members = (await two.next("presence"))["members"]
        assert [(m["viewing"], m["typing"]) for m in members] == [("conv_1", True)]
        await one.send(type="presence", viewing="conv_1", typing=False)

        async def still() -> bool:
            return not (await two.next("presence"))["members"][0]["typing"]

        await until(still)
        await one.raw.close()

        async def gone() -> bool:
            return (await two.next("presence"))["members"] == []

        await until(gone)
    assert await tenant().events() == [], "presence is not in the log"


async def test_a_request_is_the_same_operation_as_over_rest(tenant: Tenant) -> None:
    contact = (await tenant().post("/contacts/", {"phone": "+12025550162"})).ok(201)
    async with tenant().socket() as socket:
        await socket.ready()
        await socket.send(type="request", id="a", operation="contacts.read", params={"id": contact["id"]})
        result = await socket.next("result")
        assert (result["id"], result["status"], result["body"]) == ("a", 200, contact)
        await socket.send(type="request", id="b", operation="contacts.list", params={"phone": contact["phone"]})
        assert (await socket.next("result"))["body"]["count"] == 1
        change = {"params": {"id": contact["id"]}, "body": {"first_name": "Bea"}}
        await socket.send(type="request", id="c", operation="contacts.change", **change)
        answered = await socket.next("result")
        assert answered["body"]["first_name"] == "Bea"
        assert (await tenant().get("/events/", params={"after": answered["cursor"]})).ok()["events"] == []
    async with tenant("viewer").socket() as socket:
        await socket.ready()
        await socket.send(type="request", id="d", operation="contacts.change", **change)
        assert (await socket.next("error"))["code"] == "permission_denied"
        await socket.send(type="request", id="e", operation="keys.create", params={}, body={})
        assert (await socket.next("error"))["code"] == "permission_denied"


SCALARS = st.none() | st.booleans() | st.integers(-(2**40), 2**40) | st.text(max_size=20)
ANYTHING = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
KINDS = st.sampled_from(["auth", "subscribe", "request", "presence", "ping", "unsubscribe", "events", "x"])
KEYS = st.sampled_from(
    ["token", "topics", "filter", "after", "id", "operation", "params", "body", "idempotency_key", "viewing", "typing"]
)
NEAR = st.builds(
    lambda kind, rest: json.dumps({**rest, "type": kind}), KINDS, st.dictionaries(KEYS, ANYTHING, max_size=5)
)
FRAMES = st.lists(
    NEAR | ANYTHING.map(json.dumps) | st.text(max_size=30) | st.binary(max_size=10), min_size=1, max_size=15
)


async def test_no_frames_break_it(tenant: Tenant, caplog: pytest.LogCaptureFixture) -> None:
    loop = asyncio.get_running_loop()

    async def talk(frames: list[str | bytes], authenticated: bool) -> None:
        headers = tenant().headers() if authenticated else {}
        async with asyncio.timeout(20), websockets.connect(address(tenant()), additional_headers=headers) as connection:
            with contextlib.suppress(websockets.ConnectionClosed):
                for frame in frames:
                    await connection.send(frame)
                await connection.send(json.dumps({"type": "ping"}))
                while json.loads(await connection.recv())["type"] != "pong":
                    continue
                return
            assert connection.close_code in protocol.CLOSE_CODES or connection.close_code == 1007, connection.close_code

    @settings(max_examples=80, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(frames=FRAMES, authenticated=st.booleans())
    def fuzz(frames: list[str | bytes], authenticated: bool) -> None:
        asyncio.run_coroutine_threadsafe(talk(frames, authenticated), loop).result(30)

    await asyncio.to_thread(fuzz)
    assert "socket.broken" not in caplog.text
