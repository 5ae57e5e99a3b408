"""What is posted goes over kept connections, and what is known of it when something fails is exact."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from jinaconnect.outbound import Ambiguous, NotSent, Outbound, TooLarge

OK = b"HTTP/1.1 200 OK\r\nX-Said: yes\r\nContent-Length: 2\r\n\r\nok"
Speak = Callable[[bytes], bytes | None]


class Server:
    """Answers each request with what it is told to, None: it hangs up; keeps what it heard."""

    def __init__(self, speak: Speak) -> None:
        self.speak = speak
        self.connections = 0
        self.heard: list[bytes] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                size = int(head.lower().partition(b"content-length:")[2].split(b"\r\n", 1)[0])
                self.heard.append(head + await reader.readexactly(size))
                said = self.speak(head)
                if said is None:
                    break
                writer.write(said)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


@asynccontextmanager
async def served(speak: Speak) -> AsyncIterator[tuple[Outbound, str, Server]]:
    """Run a server beside a client of its own."""
    here, outbound = Server(speak), Outbound(("127.0.0.0/8",), timeout_s=5)
    server = await asyncio.start_server(here.serve, "127.0.0.1", 0)
    await outbound.start()
    try:
        yield outbound, f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/a/b?c=d e", here
    finally:
        await outbound.stop()
        server.close()


async def test_posts_to_one_place_go_over_one_connection() -> None:
    async with served(lambda _: OK) as (outbound, url, server):
        for place in range(3):
            answer = await outbound.request("POST", url, headers={"X-Id": str(place)}, json={"n": place})
            assert (answer.status, answer.body, answer.headers["x-said"]) == (200, b"ok", "yes")
        assert server.connections == 1
        head, _, body = server.heard[2].partition(b"\r\n\r\n")
        lines = head.split(b"\r\n")
        assert lines[0] == b"POST /a/b?c=d+e HTTP/1.1"
        names = [line.partition(b":")[0].lower() for line in lines[1:]]
        assert sorted(names) == [
            b"accept", b"accept-encoding", b"content-length", b"content-type", b"host", b"user-agent", b"x-id",
        ]  # fmt: skip
        assert body == b'{"n": 2}'


async def test_an_answer_may_be_compressed_announced_or_in_chunks() -> None:
    packed = gzip.compress(b"whole")
    said = [
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n%b" % (len(packed), packed),
        b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 201 Created\r\nContent-Length: 5\r\n\r\nwhole",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nwh\r\n3\r\nole\r\n0\r\n\r\n",
        b"HTTP/1.1 204 No Content\r\n\r\n",
    ]
    answers = iter(said)
    async with served(lambda _: next(answers)) as (outbound, url, server):
        found = [await outbound.request("POST", url, data=b"{}") for _ in said]
        assert [each.body for each in found] == [b"whole", b"whole", b"whole", b""]
        assert [each.status for each in found] == [200, 201, 200, 204]
        assert server.connections == 1


async def test_what_was_asked_and_not_answered_is_ambiguous_and_what_never_left_is_not_sent() -> None:
    async with served(lambda _: None) as (outbound, url, server):
        with pytest.raises(Ambiguous):
            await outbound.request("POST", url, data=b"{}")
        assert len(server.heard) == 1, "it was not asked again"
    port = url.partition("127.0.0.1:")[2].partition("/")[0]
    outbound = Outbound(("127.0.0.0/8",), timeout_s=5)
    await outbound.start()
    with pytest.raises(NotSent):
        await outbound.request("POST", f"http://127.0.0.1:{port}/", data=b"{}")
    await outbound.stop()


async def test_more_than_was_asked_for_is_refused_or_cut_and_its_connection_closed() -> None:
    long = b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n" + b"x" * 100_000
    async with served(lambda _: long) as (outbound, url, server):
        with pytest.raises(TooLarge):
            await outbound.request("POST", url, data=b"{}", limit=1000)
        answer = await outbound.request("POST", url, data=b"{}", limit=1000, cut=True)
        assert answer.body == b"x" * 1000
        assert server.connections == 2
