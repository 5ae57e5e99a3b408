"""A real gateway on a real database, shared by the tests of one run; every test makes its own tenants."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from itertools import zip_longest
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


MEMORY, ROOM = Path("/dev/shm"), 8 * 2**30  # bytes: the databases of four processes, each with a journal of 300 MB


def _in_memory() -> bool:
    """Tell whether this machine keeps files in memory, with room there and beside it."""
    try:
        free = shutil.disk_usage(MEMORY).free
        told = dict(line.split(":") for line in Path("/proc/meminfo").read_text().splitlines())
    except OSError:
        return False
    return os.access(MEMORY, os.W_OK) and min(free, int(told["MemAvailable"].split()[0]) * 1024 - ROOM // 2) >= ROOM


# What the tests' databases write is waited for until the disk has it, a database's two hundred files above all: nothing
# tested outlives the machine, so that memory does as well.
if _in_memory():
    os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(MEMORY))


def pytest_addoption(parser: pytest.Parser) -> None:
    """Offer the tests that take minutes and gigabytes."""
    parser.addoption("--long", action="store_true", help="run the tests marked `long` too")


WAITING = ("browser", "faults", "telephony", "webhooks", "wire")  # whose tests wait, and take the longest


def _shared_out(items: list[pytest.Item]) -> None:
    """Put every other file of those whose tests wait beside one of those that compute, the short ones at the end."""
    files: dict[Path, list[pytest.Item]] = {}
    for item in items:
        files.setdefault(item.path, []).append(item)
    root = Path(__file__).parent
    waiting = [path for path in files if path.relative_to(root).parts[0] in WAITING]
    computing = sorted((path for path in files if path not in waiting), key=lambda path: -len(files[path]))
    order = [path for pair in zip_longest(waiting, computing) for path in pair if path is not None]
    items[:] = [item for path in order for item in files[path]]


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Order the files for several processes, and leave out what is marked `long` unless it is asked for."""
    if config.getoption("numprocesses", None) or hasattr(config, "workerinput"):
        _shared_out(items)
    if not config.getoption("--long"):
        for item in items:
            if "long" in item.keywords:
                item.add_marker(pytest.mark.skip(reason="takes long: ./dev test --long"))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item) -> Iterator[None]:
    """Remove the databases of a test; of one that failed the rest is kept to be looked at."""
    yield
    folder = getattr(item, "funcargs", {}).get("tmp_path")
    for journal in folder.glob("**/mongo/journal") if folder is not None else ():
        shutil.rmtree(journal.parent, ignore_errors=True)


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
    folder = tmp_path_factory.mktemp("mongo")
    server = await EmbeddedMongo.start(folder)
    yield server
    await server.stop()
    shutil.rmtree(folder / "mongo")


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
