"""What every answer says of itself, who may read the figures, and what a readiness check costs."""

from __future__ import annotations

import asyncio
from pathlib import Path

import aiohttp
import pytest
import structlog

from jinaconnect.actions.readiness import LOOKS_PER_S
from jinaconnect.config import Build, Metrics
from jinaconnect.store.databases.embedded import EmbeddedMongo
from tests.client import Client
from tests.conftest import Running
from tests.handlers.edge.test_gate import narrow
from tests.tenants import Tenant

PAGES = ["/", "/docs/", "/livez/", "/nothing/", "/contacts/", "/events/", "/tenants/api-keys/", "/media/med_none/"]


@pytest.mark.parametrize("path", PAGES)
async def test_no_answer_is_framed_guessed_or_told_to_other_sites(tenant: Tenant, path: str) -> None:
    for client in (tenant(), tenant.anonymous):
        headers = (await client.get(path)).headers
        assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
        assert headers["Referrer-Policy"] == "no-referrer"
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert "Server" not in headers


async def test_answers_with_people_or_credentials_are_not_kept(tenant: Tenant) -> None:
    role = (await tenant().get("/tenants/roles/")).ok()["results"][0]["id"]
    answers = [
        *[await tenant().get(path) for path in ("/contacts/", "/tenants/api-keys/", "/events/", "/users/me/")],
        await tenant().post("/tenants/api-keys/", {"name": "k", "role_id": role}),
        await tenant.anonymous.post("/token/", {"email": "nobody@demo.example", "password": "x"}),
    ]
    assert [answer.headers["Cache-Control"] for answer in answers] == ["no-store"] * len(answers)
    client = tenant()
    async with client.session.get(client.url + "/events/stream/", headers=client.headers()) as stream:
        assert stream.headers["Cache-Control"] == "no-store"
        assert stream.headers["Referrer-Policy"] == "no-referrer"


async def test_a_build_says_which_it_is(
    tenant: Tenant, mongod: EmbeddedMongo, tmp_path: Path, http: aiohttp.ClientSession
) -> None:
    told = (await tenant.anonymous.get("/version/")).ok()
    assert told["version"]
    assert (told["build_number"], told["commit"], told["date"]) == (None, None, None)
    build = Build(number="417", commit="1f93be4c", date="2026-11-26")
    async with narrow(mongod, tmp_path, build=build) as gateway:
        told = (await Client(gateway.services.settings.own_url, None, http).get("/version/")).ok()
        assert (told["build_number"], told["commit"], told["date"]) == ("417", "1f93be4c", "2026-11-26")


async def test_scripts_of_an_allowed_origin_may_read_what_answers_say_of_themselves(
    mongod: EmbeddedMongo, tmp_path: Path, http: aiohttp.ClientSession
) -> None:
    shop = "https://shop.example"
    async with narrow(mongod, tmp_path, http={"origins": (shop,)}) as gateway:
        client = Client(gateway.services.settings.own_url, None, http)
        told = (await client.get("/tenants/onboarding-options/", headers={"Origin": shop})).headers
        assert told["Access-Control-Allow-Origin"] == shop
        shown = {name.strip().lower() for name in told["Access-Control-Expose-Headers"].split(",")}
        assert {"content-disposition", "retry-after", "x-ratelimit-reset"} <= shown
        assert {name.lower() for name in told if name.startswith("X-")} <= {*shown, "x-content-type-options"}
        other = (await client.get("/version/", headers={"Origin": "https://evil.example"})).headers
        assert not any(name.startswith("Access-Control-") for name in other)


async def test_the_figures_are_for_this_machine(gateway: Running, tenant: Tenant) -> None:
    assert b"jc_http_requests_total" in (await tenant.anonymous.get("/metrics/")).ok()
    for header in ("X-Forwarded-For", "X-Real-Ip", "Forwarded"):
        answer = await tenant.anonymous.get("/metrics/", headers={header: "127.0.0.1"})
        answer.refused(401, "not_authenticated")


async def test_the_figures_are_for_whoever_has_their_token(
    mongod: EmbeddedMongo, tmp_path: Path, http: aiohttp.ClientSession
) -> None:
    async with narrow(mongod, tmp_path, metrics=Metrics(token="figures-please")) as gateway:
        url = gateway.services.settings.own_url
        for credential in (None, "wrong", "figures-pleas\u00e9"):
            (await Client(url, credential, http).get("/metrics/")).refused(401, "not_authenticated")
        assert b"jc_sockets" in (await Client(url, "figures-please", http).get("/metrics/")).ok()
    assert "figures-please" not in repr(Metrics(token="figures-please"))


async def test_readiness_asks_the_database_a_few_times_a_second(gateway: Running, tenant: Tenant) -> None:
    loop = asyncio.get_running_loop()

    async def pings() -> int:
        status = await gateway.services.store.database.client.admin.command("serverStatus")
        return int(status["metrics"]["commands"]["ping"]["total"])

    before, begun = await pings(), loop.time()
    for _ in range(10):
        for answer in await asyncio.gather(*(tenant.anonymous.get("/readyz/") for _ in range(50))):
            assert answer.ok()["checks"]["database"] == "up"
    seconds = loop.time() - begun
    assert await pings() - before <= LOOKS_PER_S * (seconds + 2)


async def test_a_poll_that_waited_is_no_slow_request(gateway: Running, tenant: Tenant) -> None:
    with structlog.testing.capture_logs() as logs:
        (await tenant().get("/events/", params={"wait": 2})).ok()
    assert [row for row in logs if row["event"] == "request"] == []
