"""A real gateway on a real database, shared by the tests of one run; every test makes its own tenants."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import uvloop
from hypothesis import HealthCheck, settings

from jinaconnect.actions.context import Services
from jinaconnect.actions.demo.tenants import seed_demo
from jinaconnect.actions.ports import Ports
from jinaconnect.app import Gateway
from jinaconnect.config import Config, Http, Limits, OutboundSection, Voice
from jinaconnect.serve import listening
from jinaconnect.store.databases.embedded import EmbeddedMongo
from tests import payloads
from tests.client import Client
from tests.tenants import Tenant, make_tenant

PLENTY = Limits(
    tenant_per_minute=1_000_000,
    tenant_per_day=1_000_000_000,
    writes_per_minute=1_000_000,
    anonymous_per_minute=1_000_000,
    logins_per_minute=1_000_000,
    letters_per_hour=1_000_000,
)


# How long a machine takes says nothing of what is tested.
settings.register_profile("gateway", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("gateway")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Offer the tests that take minutes and gigabytes."""
    parser.addoption("--long", action="store_true", help="run the tests marked `long` too")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what is marked `long` unless it is asked for."""
    if not config.getoption("--long"):
        for item in items:
            if "long" in item.keywords:
                item.add_marker(pytest.mark.skip(reason="takes long: ./dev test --long"))


def pytest_asyncio_loop_factories() -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Run the tests on the event loop the gateway runs on."""
    return {"uvloop": uvloop.new_event_loop}


@dataclass
class Running:
    """A gateway in this process."""

    url: str
    services: Services
    gateway: Gateway

    @property
    def ports(self) -> Ports:
        """What its operations use."""
        return self.gateway.ports


@pytest.fixture(autouse=True)
def events_fit() -> Iterator[None]:
    """Fail a test whose events do not fit the models of their types."""
    yield
    told, payloads.found[:] = payloads.found[:], []
    assert told == [], "\n".join(told)


@pytest.fixture(scope="session")
async def mongod(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[EmbeddedMongo]:
    """A real mongod for the run."""
    server = await EmbeddedMongo.start(tmp_path_factory.mktemp("mongo"))
    yield server
    await server.stop()


@pytest.fixture(scope="session")
async def gateway(mongod: EmbeddedMongo, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Running]:
    """A gateway with generous budgets that may reach carriers on loopback."""
    config = Config(
        var_dir=Path(tmp_path_factory.mktemp("var")), http=Http(port=0, drain_s=2), limits=PLENTY,
        outbound=OutboundSection(allow_networks=("127.0.0.0/8",), timeout_s=3),
        voice=Voice(check_credentials=False),  # most are of nobody
    )  # fmt: skip
    sockets = listening(config)
    running = Gateway(config)
    await running.start(mongod.uri, sockets)
    payloads.watch(running.services.store.log)
    yield Running(running.services.settings.own_url, running.services, running)
    await running.stop()


@pytest.fixture(scope="session")
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    """The clients' connection pool."""
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        yield session


@pytest.fixture(scope="session")
async def demo(gateway: Running) -> dict[str, Any]:
    """The demo tenants."""
    return await seed_demo(gateway.services, gateway.ports, gateway.url)


@pytest.fixture
def client(gateway: Running, http: aiohttp.ClientSession) -> Callable[[str | None], Client]:
    """Make a client for a token or key."""
    return lambda credential: Client(gateway.url, credential, http)


@pytest.fixture
async def tenant(gateway: Running, http: aiohttp.ClientSession) -> Tenant:
    """A tenant of the test's own."""
    return await make_tenant(gateway, gateway.url, http)


@pytest.fixture
def new_tenant(gateway: Running, http: aiohttp.ClientSession) -> Callable[[], Awaitable[Tenant]]:
    """Make further tenants."""
    return lambda: make_tenant(gateway, gateway.url, http)
