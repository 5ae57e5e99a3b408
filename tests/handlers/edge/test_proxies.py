"""Whose address a request has: the peer's, or what trusted proxies say, and nobody else."""

from __future__ import annotations

from pathlib import Path

import aiohttp
import pytest
from pydantic import ValidationError
from tornado.httputil import HTTPHeaders, HTTPServerRequest, RequestStartLine

from jinaconnect.config import Http
from jinaconnect.handlers.edge.proxies import Proxies
from jinaconnect.store.databases.embedded import EmbeddedMongo
from tests.client import Client
from tests.handlers.edge.test_gate import narrow
from tests.tenants import make_tenant

OUTSIDE = "198.51.100.7"


def _request() -> HTTPServerRequest:
    return HTTPServerRequest(start_line=RequestStartLine("GET", "/", "HTTP/1.1"), headers=HTTPHeaders({"Host": "x"}))


@pytest.mark.parametrize(
    ("peer", "headers", "client"),
    [
        ("127.0.0.1", [("X-Forwarded-For", OUTSIDE)], "127.0.0.1"),
        ("127.0.0.1", [("X-Real-Ip", OUTSIDE)], "127.0.0.1"),
        ("10.9.9.9", [("X-Forwarded-For", OUTSIDE)], OUTSIDE),
        ("::ffff:10.9.9.9", [("X-Forwarded-For", OUTSIDE)], OUTSIDE),
        ("10.9.9.9", [("X-Real-Ip", OUTSIDE)], "10.9.9.9"),
        ("10.9.9.9", [("X-Real-Ip", "203.0.113.1"), ("X-Forwarded-For", OUTSIDE)], OUTSIDE),
        ("10.9.9.9", [("X-Forwarded-For", f"203.0.113.1, {OUTSIDE}")], OUTSIDE),
        ("10.9.9.9", [("X-Forwarded-For", "203.0.113.1"), ("X-Forwarded-For", OUTSIDE)], OUTSIDE),
        ("10.9.9.9", [("X-Forwarded-For", f"203.0.113.1, {OUTSIDE}, 172.16.3.4")], OUTSIDE),
        ("10.9.9.9", [("X-Forwarded-For", f"{OUTSIDE}:4711")], OUTSIDE),
        ("10.9.9.9", [("X-Forwarded-For", "[2001:db8::1]:4711")], "2001:db8::1"),
        ("10.9.9.9", [("X-Forwarded-For", "203.0.113.1, unknown")], "10.9.9.9"),
        ("10.9.9.9", [("X-Forwarded-For", "172.16.0.1, 172.16.0.2")], "172.16.0.1"),
        ("10.9.9.9", [], "10.9.9.9"),
    ],
)
def test_the_address_is_what_trusted_speakers_say(peer: str, headers: list[tuple[str, str]], client: str) -> None:
    request = _request()
    for name, value in headers:
        request.headers.add(name, value)
    request.remote_ip = peer
    Proxies(["10.9.9.9", "172.16.0.0/12"]).resolve(request)
    assert request.remote_ip == client


@pytest.mark.parametrize(("peer", "scheme"), [("10.9.9.9", "https"), ("127.0.0.1", "http")])
def test_the_scheme_is_believed_from_trusted_proxies_only(peer: str, scheme: str) -> None:
    request = _request()
    request.headers["X-Forwarded-Proto"] = "https"
    request.remote_ip, request.protocol = peer, "http"
    Proxies(["10.9.9.9"]).resolve(request)
    assert request.protocol == scheme


def test_a_proxy_that_is_no_address_is_refused_at_start() -> None:
    with pytest.raises(ValidationError, match="trusted_proxies"):
        Http(trusted_proxies=("proxy.example",))


@pytest.mark.parametrize("header", ["X-Real-Ip", "X-Forwarded-For"])
async def test_strangers_choose_no_address_of_their_own(
    mongod: EmbeddedMongo, tmp_path: Path, http: aiohttp.ClientSession, header: str
) -> None:
    settings = {"http": {"trusted_proxies": ("10.99.99.99",)}, "limits": {"logins_per_minute": 5}}
    async with narrow(mongod, tmp_path, **settings) as gateway:
        url = gateway.services.settings.own_url
        tenant = await make_tenant(gateway, url, http)
        body = {"email": f"{header}@demo.example", "password": "wrong"}
        anonymous = Client(url, None, http)
        tries = [await anonymous.post("/token/", body, headers={header: f"203.0.7.{n}"}) for n in range(40)]
        statuses = [answer.status for answer in tries]
        assert statuses.count(401) <= 10
        assert statuses.count(429) >= 30
        roles = (await tenant().get("/tenants/roles/")).ok()["results"]
        viewer = next(role["id"] for role in roles if role["slug"] == "viewer")
        fenced = {"name": "fenced", "role_id": viewer, "ip_allowlist": [OUTSIDE + "/32"]}
        made = (await tenant().post("/tenants/api-keys/", fenced)).ok(201)
        key = Client(url, made["key"], http)
        (await key.get("/contacts/", headers={header: OUTSIDE})).refused(401, "invalid_api_key")
