"""Files and large answers for readers who do not read: a piece at a time, and cut off in time."""

from __future__ import annotations

import os
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from jinaconnect.actions.messaging.media import new_media_id
from jinaconnect.core.inbox.media import media_url
from jinaconnect.handlers.edge import writing
from tests.client import until
from tests.conftest import Running
from tests.tenants import Tenant

ESTABLISHED = "01"


async def stored(gateway: Running, tenant: Tenant, data: bytes, mime: str = "video/mp4") -> str:
    """Give a tenant's message a file and return its address."""
    await tenant.receives("+12025550301", "look")
    seen = await tenant().wait_for_events(lambda events: any(e["type"] == "message.received" for e in events))
    message = next(e["data"]["id"] for e in seen if e["type"] == "message.received")
    id = new_media_id(gateway.services.clock())
    await gateway.services.blobs.put(f"{tenant.id}:live", id, data)
    row = {"_id": id, "message": message, "mime_type": mime, "size": len(data)}
    await gateway.services.store.of(tenant.id, "live").insert("media", row)
    return media_url(id)


def held(port: int, clients: set[int]) -> int:
    """Return how many of the server's connections to these client ports stand."""
    count = 0
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        local, remote, state = line.split()[1:4]
        there = int(local.rpartition(":")[2], 16) == port and int(remote.rpartition(":")[2], 16) in clients
        count += there and state == ESTABLISHED
    return count


@asynccontextmanager
async def deaf(port: int, path: str, count: int) -> AsyncIterator[set[int]]:
    """Ask for something, each more often than the kernel has room for, and read nothing of it."""
    sockets = []
    for _ in range(count):
        one = socket.socket()
        one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        one.connect(("127.0.0.1", port))
        one.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode() * 40)
        sockets.append(one)
    try:
        yield {one.getsockname()[1] for one in sockets}
    finally:
        for one in sockets:
            one.close()


@pytest.mark.parametrize("what", ["file", "/openapi.json"])
async def test_a_reader_that_does_not_read_is_cut_off(
    gateway: Running, tenant: Tenant, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    monkeypatch.setattr(writing, "PIECE_S", 1.0)
    path = await stored(gateway, tenant, bytes(16 << 20)) if what == "file" else what
    port = int(gateway.url.rpartition(":")[2])
    async with deaf(port, path, 8) as clients:

        async def cut() -> bool:
            return held(port, clients) == 0

        await until(cut)
        assert (await tenant.anonymous.get(path)).status == 200


async def test_a_file_is_served_whole_and_in_ranges(gateway: Running, tenant: Tenant) -> None:
    data = os.urandom(300_000)
    path = await stored(gateway, tenant, data)
    whole = await tenant.anonymous.get(path)
    assert (whole.status, whole.body, whole.headers["Content-Length"]) == (200, data, "300000")
    head = await tenant.anonymous.ask("HEAD", path)
    assert (head.status, head.headers["Content-Length"]) == (200, "300000")
    for asked, span in (
        ("bytes=10-19", (10, 20)),
        ("bytes=-5", (299_995, 300_000)),
        ("bytes=200000-", (200_000, 300_000)),
    ):
        part = await tenant.anonymous.get(path, headers={"Range": asked})
        assert (part.status, part.body) == (206, data[slice(*span)])
        assert part.headers["Content-Range"] == f"bytes {span[0]}-{span[1] - 1}/300000"


@pytest.mark.parametrize("asked", ["9" * 14 + "-", "9" * 5_000 + "-", "300000-", "-0", "5-4", f"{'9' * 40}-{'9' * 41}"])
async def test_a_range_beyond_the_file_cannot_be_satisfied(gateway: Running, tenant: Tenant, asked: str) -> None:
    path = await stored(gateway, tenant, bytes(300_000))
    answer = await tenant.anonymous.get(path, headers={"Range": f"bytes={asked}"})
    answer.refused(416, "range_not_satisfiable")


@pytest.mark.parametrize("asked", ["bytes=٣-٤", "bytes=1-2,5-6", "lines=1-2", "bytes=-", f"bytes=0-{'9' * 5_000}"])
async def test_a_range_that_is_none_gives_the_whole(gateway: Running, tenant: Tenant, asked: str) -> None:
    path = await stored(gateway, tenant, bytes(1_000))
    answer = await tenant.anonymous.get(path, headers={"Range": asked})
    assert (answer.status in (200, 206), len(answer.body)) == (True, 1_000)


@pytest.mark.parametrize(
    ("told", "served"),
    [
        ("image/jpeg", "image/jpeg"), ("IMAGE/PNG", "image/png"), ("audio/ogg; codecs=opus", "audio/ogg"),
        ("image/svg+xml", None), ("image/SVG+XML", None), ("text/html", None), ("video/xyyy", None),
        ("image/jpeg\r\nX-Evil: 1", None), ("image/jpég", None), ("image/\x00jpeg", None), ("", None), (None, None),
        ("application/pdf", None),
    ],
)  # fmt: skip
async def test_a_file_is_served_under_a_type_of_the_list(
    gateway: Running, tenant: Tenant, told: str | None, served: str | None
) -> None:
    path = await stored(gateway, tenant, b"<svg/>", told or "")
    answer = await tenant.anonymous.get(path)
    assert (answer.status, answer.headers["Content-Type"]) == (200, served or "application/octet-stream")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in answer.headers["Content-Security-Policy"]


@pytest.mark.parametrize("length", ["²", "+5", "-1", "0x10", "1_0", "5;5", "٣", "9" * 30])
async def test_a_length_that_is_no_number_is_refused(gateway: Running, length: str) -> None:
    port = int(gateway.url.rpartition(":")[2])
    one = socket.create_connection(("127.0.0.1", port))
    with one:
        one.sendall(f"POST /token/ HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n\r\n".encode())
        one.settimeout(0)

        async def answered() -> bytes:
            try:
                return one.recv(65_536)
            except BlockingIOError:
                return b""

        answer = await until(answered)
    assert answer.startswith(b"HTTP/1.1 400 "), answer


async def test_what_is_a_little_too_large_is_read_to_its_end_so_that_its_sender_hears_why(tenant: Tenant) -> None:
    headers = {"Content-Type": "application/json"}
    for size in (1024 * 1024 + 1, 3 * 1024 * 1024):
        body = b'{"x":"' + b"y" * size + b'"}'
        (await tenant().ask("POST", "/contacts/", body, headers=headers)).refused(413, "payload_too_large")
