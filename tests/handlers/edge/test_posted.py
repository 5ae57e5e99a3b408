"""What a carrier posts goes past the request handler, unless there is anything unusual about it: both answer alike."""

from __future__ import annotations

import asyncio
from urllib.parse import urlsplit

import pytest

from jinaconnect.channels.graph import signature
from tests.client import Answered
from tests.conftest import Running
from tests.tenants import Tenant

UNUSUAL = {"Origin": "https://carrier.example"}  # a carrier is no browser: such a one goes the common way
EMPTY = b'{"object": "whatsapp_business_account", "entry": []}'


async def post(tenant: Tenant, body: bytes, path: str | None = None, **headers: str) -> Answered:
    """Post a body as Meta would, signed."""
    given = {"X-Hub-Signature-256": signature(tenant.whatsapp["app_secret"], body), **headers}
    return await tenant.anonymous.ask("POST", path or tenant.whatsapp["webhook_path"], body, headers=given)


@pytest.mark.parametrize(
    ("body", "path", "headers", "status"),
    [
        (EMPTY, None, {}, 200),
        (b"{", None, {}, 400),
        (EMPTY, None, {"X-Hub-Signature-256": "sha256=00"}, 401),
        (EMPTY, "/hooks/nobody/ten_none/", {}, 404),
        (b"x" * 3 * 1024 * 1024, None, {}, 400),
        (b"x" * (3 * 1024 * 1024 + 1), None, {}, 413),
    ],
)
async def test_both_ways_answer_alike(
    tenant: Tenant, body: bytes, path: str | None, headers: dict[str, str], status: int
) -> None:
    mine = {**headers, "X-Request-Id": "mine"}
    short, common = [await post(tenant, body, path, **mine, **more) for more in ({}, UNUSUAL)]
    assert short.status == common.status == status
    assert short.body == common.body
    assert {**short.headers, "Date": ""} == {**common.headers, "Date": ""}
    assert short.headers["X-Request-Id"] == "mine"


async def test_a_request_without_a_good_id_is_given_one(tenant: Tenant) -> None:
    for named in ({}, {"X-Request-Id": "not one"}):
        assert (await post(tenant, EMPTY, **named)).headers["X-Request-Id"].startswith("req_")


async def test_connections_are_kept_and_closed_as_asked(gateway: Running, tenant: Tenant) -> None:
    url = urlsplit(gateway.services.settings.own_url)
    assert url.port is not None
    reader, writer = await asyncio.open_connection(url.hostname, url.port)
    head = f"POST {tenant.whatsapp['webhook_path']} HTTP/1.1\r\nHost: here\r\nContent-Length: 2\r\n"
    for last in ("", "", "Connection: close\r\n"):
        writer.write(f"{head}{last}\r\n{{}}".encode())
        answer = await reader.readuntil(b"\r\n\r\n")
        assert answer.startswith(b"HTTP/1.1 401 Unauthorized\r\n")
        length = next(line for line in answer.split(b"\r\n") if line.startswith(b"Content-Length: "))
        assert b'"bad_signature"' in await reader.readexactly(int(length.partition(b": ")[2]))
    assert await reader.read() == b""
    writer.close()
