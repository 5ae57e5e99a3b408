"""Receivers that misbehave: every one is a recorded failure, costs little, and reaches nothing inside."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from jinaconnect.actions.webhooks import posting
from jinaconnect.core.webhooks.schedule import ANSWER_BYTES
from tests.client import Client, until
from tests.conftest import Running
from tests.tenants import Tenant
from tests.webhooks.conftest import Receivers, endpoint
from tests.webhooks.receiver import Receiver

Speak = Callable[[asyncio.StreamWriter], Any]


@asynccontextmanager
async def speaking(speak: Speak) -> AsyncIterator[tuple[Receiver, list[int]]]:
    """Run a server that reads a request and then says what it likes; tells how many bytes it got rid of."""
    written: list[int] = [0]

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.readuntil(b"\r\n\r\n")
            async for piece in speak(writer):
                writer.write(piece)
                await writer.drain()
                written[0] += len(piece)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    receiver = Receiver(port=server.sockets[0].getsockname()[1])
    try:
        yield receiver, written
    finally:
        server.close()


async def never(writer: asyncio.StreamWriter) -> AsyncIterator[bytes]:
    await asyncio.sleep(3600)
    yield b""


async def dripping(writer: asyncio.StreamWriter) -> AsyncIterator[bytes]:
    yield b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 1000000\r\n\r\n"
    while True:
        yield b"x"
        await asyncio.sleep(0.05)


async def dripping_head(writer: asyncio.StreamWriter) -> AsyncIterator[bytes]:
    yield b"HTTP/1.1 200 OK\r\n"
    while True:
        yield b"X-Slow: yes\r\n"
        await asyncio.sleep(0.05)


async def nonsense(writer: asyncio.StreamWriter) -> AsyncIterator[bytes]:
    yield b"\x00\xff\x00 what?\r\n\r\n"


async def cut_off(writer: asyncio.StreamWriter) -> AsyncIterator[bytes]:
    yield b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort"


async def bad_header(writer: asyncio.StreamWriter) -> AsyncIterator[bytes]:
    yield b"HTTP/1.1 200 OK\r\n" + b"X: " + b"y" * 200_000 + b"\r\n\r\n"


async def the_attempt(owner: Client, id: str) -> dict[str, Any]:
    """Return the first attempt of an endpoint's delivery."""
    found: list[dict[str, Any]] = []

    async def noted() -> bool:
        rows = (await owner.get("/webhooks/deliveries/", params={"endpoint": id})).ok()["results"]
        found[:] = rows[0]["attempts"] if rows else []
        return bool(found)

    await until(noted, 30)
    return found[0]


@pytest.mark.parametrize("speak", [never, dripping, dripping_head, nonsense, cut_off, bad_header])
async def test_what_is_no_answer_in_time_is_a_recorded_failure(
    tenant: Tenant, monkeypatch: pytest.MonkeyPatch, speak: Speak
) -> None:
    monkeypatch.setattr(posting, "TIMEOUT_S", 0.5)
    async with speaking(speak) as (receiver, _):
        made = await endpoint(tenant(), receiver, "message.received")
        await tenant.receives("+12025550181", "hello")
        attempt = await the_attempt(tenant(), made["id"])
    assert attempt["response_code"] is None
    assert attempt["error"]
    assert attempt["response_time_ms"] < 5_000
    assert receiver.url not in attempt["error"]
    tested = (await tenant().post(f"/webhooks/endpoints/{made['id']}/test/")).ok()
    assert tested["success"] is False


async def test_of_a_huge_answer_little_is_read_and_a_kilobyte_kept(tenant: Tenant) -> None:
    async def huge(writer: asyncio.StreamWriter) -> AsyncIterator[bytes]:
        yield b"HTTP/1.1 500 Oh\r\nContent-Type: text/plain\r\nContent-Length: 1000000000\r\n\r\n"
        for _ in range(15_000):
            yield b"z" * 65_536

    async with speaking(huge) as (receiver, written):
        made = await endpoint(tenant(), receiver, "message.received")
        await tenant.receives("+12025550182", "hello")
        attempt = await the_attempt(tenant(), made["id"])
        assert attempt["response_code"] == 500
        assert attempt["answer"] == "z" * ANSWER_BYTES
        assert written[0] < 50_000_000, "what the kernels hold on its way, and no more"


async def test_an_address_is_looked_at_again_at_every_attempt(
    tenant: Tenant, gateway: Running, receivers: Receivers, monkeypatch: pytest.MonkeyPatch, soon: None
) -> None:
    receiver = await receivers()
    made = (
        await tenant().post(
            "/webhooks/endpoints/",
            {"url": f"http://localhost:{receiver.port}/{secrets.token_hex(4)}", "events": ["message.received"]},
        )
    ).ok(201)
    # The name leads inside from now on: the network it is in is none of the deployment's any more.
    monkeypatch.setattr(gateway.services.webhooks_outbound.guard, "_allowed", ())
    await tenant.receives("+12025550183", "hello")
    attempt = await the_attempt(tenant(), made["id"])
    assert attempt["response_code"] is None
    assert "private" in attempt["error"]
    assert receiver.asked == 0
    monkeypatch.undo()
    (await tenant().post(f"/webhooks/endpoints/{made['id']}/resume/")).ok()

    async def told() -> bool:
        return receiver.asked > 0

    await until(told)
