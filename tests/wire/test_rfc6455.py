"""The socket by the letter of RFC 6455, frame by frame (after the cases of the Autobahn suite)."""

from __future__ import annotations

import asyncio
import base64
import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.client import Client
from tests.tenants import Tenant

TEXT, BINARY, CLOSE, PING, PONG = 0x1, 0x2, 0x8, 0x9, 0xA
HELLO = "Hello-µ@ßöäüàá-UTF-8!!".encode()


def framed(opcode: int, data: bytes = b"", *, fin: bool = True, masked: bool = True, rsv: int = 0) -> bytes:
    """Return one frame as a client sends it."""
    head = bytes([(0x80 if fin else 0) | rsv | opcode])
    bit = 0x80 if masked else 0
    if len(data) < 126:
        head += bytes([bit | len(data)])
    elif len(data) < 1 << 16:
        head += bytes([bit | 126]) + len(data).to_bytes(2, "big")
    else:
        head += bytes([bit | 127]) + len(data).to_bytes(8, "big")
    if not masked:
        return head + data
    mask = os.urandom(4)
    return head + mask + bytes(byte ^ mask[place % 4] for place, byte in enumerate(data))


class Wire:
    """A connection after its handshake."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def say(self, *frames: bytes) -> None:
        for each in frames:
            self.writer.write(each)
        await self.writer.drain()

    async def frame(self) -> tuple[int, bytes]:
        """Return (opcode, payload) of the next frame; the server's are whole and unmasked."""
        head, second = await self.reader.readexactly(2)
        assert head & 0x80
        assert not second & 0x80
        length = second & 0x7F
        if length >= 126:
            length = int.from_bytes(await self.reader.readexactly(2 if length == 126 else 8), "big")
        return head & 0x0F, await self.reader.readexactly(length)

    async def until(self, *opcodes: int) -> tuple[int, bytes]:
        async with asyncio.timeout(20):
            while True:
                opcode, data = await self.frame()
                if opcode in opcodes:
                    return opcode, data

    async def told(self, kind: str) -> dict[str, Any]:
        while True:
            _, data = await self.until(TEXT)
            message: dict[str, Any] = json.loads(data)
            if message["type"] == kind:
                return message

    async def closed(self) -> bytes:
        """Return the close frame's payload, after which nothing comes any more."""
        _, data = await self.until(CLOSE)
        async with asyncio.timeout(20):
            assert await self.reader.read() == b""
        return data


@asynccontextmanager
async def wire(client: Client) -> AsyncIterator[Wire]:
    place = urlsplit(client.url)
    reader, writer = await asyncio.open_connection(place.hostname, place.port)
    try:
        key = base64.b64encode(os.urandom(16)).decode()
        lines = [
            "GET /ws/ HTTP/1.1", f"Host: {place.netloc}", "Upgrade: websocket", "Connection: Upgrade",
            f"Sec-WebSocket-Key: {key}", "Sec-WebSocket-Version: 13", f"Authorization: Bearer {client.credential}",
        ]  # fmt: skip
        writer.write(("\r\n".join(lines) + "\r\n\r\n").encode())
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 101")
        opened = Wire(reader, writer)
        await opened.told("ready")
        yield opened
    finally:
        writer.close()


@pytest.mark.parametrize("code", [0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65_535])
async def test_a_close_code_nobody_may_send_is_answered_1002(tenant: Tenant, code: int) -> None:
    async with wire(tenant()) as peer:
        await peer.say(framed(CLOSE, code.to_bytes(2, "big") + b"why"))
        assert int.from_bytes((await peer.closed())[:2], "big") == 1002


@pytest.mark.parametrize("code", [*range(1000, 1004), *range(1007, 1015), 3000, 3999, 4000, 4999])
async def test_a_close_code_is_echoed(tenant: Tenant, code: int) -> None:
    async with wire(tenant()) as peer:
        await peer.say(framed(CLOSE, code.to_bytes(2, "big") + b"why"))
        assert int.from_bytes((await peer.closed())[:2], "big") == code


@pytest.mark.parametrize(
    ("data", "answer"),
    [
        (b"", b""), (b"\x03", b"\x03\xea"),
        ((1000).to_bytes(2, "big") + b"\xce\xba\xe1\xbd\xb9\xed\xa0\x80", b"\x03\xef"),
        ((1000).to_bytes(2, "big") + b"x" * 123, b"\x03\xe8"),
    ],
)  # fmt: skip
async def test_a_close_frame_is_a_code_and_a_reason_or_nothing(tenant: Tenant, data: bytes, answer: bytes) -> None:
    async with wire(tenant()) as peer:
        await peer.say(framed(CLOSE, data))
        assert (await peer.closed())[:2] == answer


BROKEN = {
    "an unmasked text": framed(TEXT, b'{"type":"ping"}', masked=False),
    "an unmasked ping": framed(PING, b"", masked=False),
    "an unmasked close": framed(CLOSE, (1000).to_bytes(2, "big"), masked=False),
    "reserved bit 1": framed(TEXT, HELLO, rsv=0x40),
    "reserved bit 2": framed(TEXT, HELLO, rsv=0x20),
    "reserved bit 3 of a ping": framed(PING, b"", rsv=0x10),
    "reserved bits of a close": framed(CLOSE, b"", rsv=0x70),
    "a ping of 126 bytes": framed(PING, b"x" * 126),
    "a close of 126 bytes": framed(CLOSE, (1000).to_bytes(2, "big") + b"x" * 124),
    "a fragmented ping": framed(PING, b"x", fin=False) + framed(0, b"y"),
    "a continuation of nothing": framed(0, HELLO),
    "an unfinished continuation of nothing": framed(0, HELLO, fin=False) + framed(TEXT, HELLO),
    "a text inside another": framed(TEXT, b"one", fin=False) + framed(TEXT, b"two"),
    "a length with its highest bit": b"\x81\xff" + b"\xff" * 8,
    **{f"opcode {code:#x}": framed(code, b"x") for code in (*range(3, 8), *range(0xB, 0x10))},
}


@pytest.mark.parametrize("what", BROKEN)
async def test_what_a_client_may_not_send_ends_with_1002(tenant: Tenant, what: str) -> None:
    async with wire(tenant()) as peer:
        await peer.say(BROKEN[what])
        assert int.from_bytes((await peer.closed())[:2], "big") == 1002


BAD = b"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5"
NOT_UTF8 = {
    "a surrogate": BAD + b"\xed\xa0\x80" + b"edited",
    "beyond the last code point": BAD + b"\xf4\x90\x80\x80" + b"edited",
    "a lone continuation": b"\x80", "overlong": b"\xc0\xaf", "impossible bytes": b"\xfe\xfe\xff\xff",
    "cut off": b"\xce\xba\xe1\xbd",
}  # fmt: skip


@pytest.mark.parametrize("what", NOT_UTF8)
async def test_text_that_is_not_utf8_ends_with_1007(tenant: Tenant, what: str) -> None:
    data = NOT_UTF8[what]
    for frames in ([framed(TEXT, data)], [framed(TEXT, data[:1], fin=False), framed(0, data[1:])]):
        async with wire(tenant()) as peer:
            await peer.say(*frames)
            assert int.from_bytes((await peer.closed())[:2], "big") == 1007


async def test_text_that_cannot_become_utf8_is_not_waited_for(tenant: Tenant) -> None:
    async with wire(tenant()) as peer:
        await peer.say(framed(TEXT, BAD + b"\xf4\x90", fin=False))
        assert int.from_bytes((await peer.closed())[:2], "big") == 1007
    async with wire(tenant()) as peer:  # inside one frame as well
        await peer.say(framed(TEXT, BAD + b"\xf4\x90\x80\x80edited")[: 6 + len(BAD) + 2])
        assert int.from_bytes((await peer.closed())[:2], "big") == 1007


async def test_fragments_make_a_message_with_control_frames_between(tenant: Tenant) -> None:
    text = json.dumps({"type": "subscribe", "topics": ["inböx"]}, ensure_ascii=False).encode()
    async with wire(tenant()) as peer:
        pieces = [text[place : place + 1] for place in range(len(text))]
        await peer.say(framed(TEXT, pieces[0], fin=False), framed(PING, b"still there?"))
        assert await peer.until(PONG) == (PONG, b"still there?")
        await peer.say(*(framed(0, piece, fin=False) for piece in pieces[1:-1]))
        await peer.say(framed(PONG, b"unasked"), framed(0, b"", fin=False), framed(0, pieces[-1]))
        assert "inböx" in json.dumps((await peer.told("error"))["detail"], ensure_ascii=False)


@pytest.mark.parametrize("size", [0, 1, 124, 125])
async def test_a_ping_is_answered_with_its_bytes(tenant: Tenant, size: int) -> None:
    async with wire(tenant()) as peer:
        await peer.say(framed(PING, b"\xfe" * size))
        assert await peer.until(PONG) == (PONG, b"\xfe" * size)


@pytest.mark.parametrize("cut", [1, 7, 1_000])
async def test_a_frame_may_come_in_pieces(tenant: Tenant, cut: int) -> None:
    text = json.dumps({"type": "ping", "filler": "é" * 500}, ensure_ascii=False).encode()
    whole = framed(TEXT, text)
    async with wire(tenant()) as peer:
        for place in range(0, len(whole), cut):
            await peer.say(whole[place : place + cut])
            await asyncio.sleep(0)
        await peer.told("pong")


async def test_nothing_follows_a_close_frame(tenant: Tenant) -> None:
    async with wire(tenant()) as peer:
        await peer.say(framed(TEXT, json.dumps({"type": "subscribe"}).encode()))
        await peer.told("subscribed")
        await peer.say(framed(TEXT, b"\xff"))
        await tenant.receives("+12025550111", "hello")
        assert int.from_bytes((await peer.closed())[:2], "big") == 1007
