"""What an IVR asks of a web service."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiohttp import web

from jinaconnect.actions.ivr.web_call import MAX_ANSWER, ask_web
from jinaconnect.core.ivr.exchange import AskHttp
from tests.conftest import Running


@dataclass
class Service:
    """A web service that answers by path and notes what it was asked."""

    url: str = ""
    asked: list[tuple[str, str, bytes, str]] = field(default_factory=list)

    async def answer(self, request: web.Request) -> web.Response:
        kind = request.headers.get("Content-Type", "")
        self.asked.append((request.method, request.path_qs, await request.read(), kind))
        match request.path:
            case "/slow":
                await asyncio.sleep(30)
            case "/json":
                return web.json_response({"name": "Ann", "n": 3})
            case "/empty":
                return web.Response(status=204)
            case "/large":
                return web.Response(body=b"a" * (MAX_ANSWER + 1))
            case "/full":
                return web.Response(body=b"a" * MAX_ANSWER)
            case "/moved":
                return web.Response(status=302, headers={"Location": "/json"})
            case "/latin":
                return web.Response(body=b"caf\xe9")
            case "/error":
                return web.json_response({"name": "Ann"}, status=500)
            case "/cut":
                response = web.StreamResponse(headers={"Content-Length": "100"})
                await response.prepare(request)
                await response.write(b"{")
                assert request.transport is not None
                request.transport.close()
        return web.Response(text="plain words")


@pytest.fixture
async def service() -> AsyncIterator[Service]:
    held = Service()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", held.answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    held.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield held
    await runner.cleanup()


@pytest.mark.parametrize(
    ("path", "answer"),
    [
        ("/json", (True, {"name": "Ann", "n": 3})), ("/text", (True, "plain words")), ("/empty", (True, "")),
        ("/full", (True, "a" * MAX_ANSWER)), ("/latin", (True, "caf\ufffd")), ("/large", (False, None)),
        ("/error", (False, None)), ("/moved", (False, None)), ("/cut", (False, None)),
    ],
)  # fmt: skip
async def test_an_answer_is_json_or_text_or_a_failure(
    gateway: Running, service: Service, path: str, answer: tuple[bool, Any]
) -> None:
    assert await ask_web(gateway.services, AskHttp("GET", service.url + path, None, 5)) == answer


async def test_a_slow_service_is_given_up_at_its_deadline(gateway: Running, service: Service) -> None:
    assert await ask_web(gateway.services, AskHttp("GET", f"{service.url}/slow", None, 0.2)) == (False, None)
    assert len(service.asked) == 1


async def test_a_body_goes_out_as_it_is(gateway: Running, service: Service) -> None:
    url = f"{service.url}/text?d=1%202"
    for method, body in (("POST", {"d": "1"}), ("PUT", "words"), ("PATCH", [1]), ("POST", None), ("GET", {"d": 1}),
                         ("DELETE", "x")):  # fmt: skip
        assert (await ask_web(gateway.services, AskHttp(method, url, body, 5)))[0]
    methods, paths, bodies, kinds = zip(*service.asked, strict=True)
    assert methods == ("POST", "PUT", "PATCH", "POST", "GET", "DELETE")
    assert set(paths) == {"/text?d=1%202"}
    assert bodies == (b'{"d": "1"}', b"words", b"[1]", b"", b"", b"")
    assert kinds[0] == kinds[2] == "application/json"


@pytest.mark.parametrize(
    "url",
    ["http://10.0.0.1/", "http://169.254.169.254/latest/meta-data/", "http://[::1]:1/", "http://nobody.invalid/",
     "file:///etc/passwd", "http://127.0.0.1:1/", "http://-/",
     "http://127.0.0.1:99999/", "http://a..b/", "http://\u2603\u0301.example/", ""],
)  # fmt: skip
async def test_an_address_that_cannot_be_asked_is_a_failure(gateway: Running, url: str) -> None:
    assert await ask_web(gateway.services, AskHttp("GET", url, None, 5)) == (False, None)
