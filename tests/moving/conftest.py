"""Another deployment, to which organisations move."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from jinaconnect.actions.moving.arriving import import_tenant
from jinaconnect.app import Gateway
from jinaconnect.config import Config, Http, Mongodb, OutboundSection
from jinaconnect.serve import listening
from jinaconnect.store.databases.embedded import EmbeddedMongo
from jinaconnect.store.databases.mongo import connect
from tests.conftest import PLENTY, Running

PASSPHRASE = "seven green bottles on a wall"


@pytest.fixture
async def elsewhere(mongod: EmbeddedMongo, tmp_path: Path) -> AsyncIterator[Running]:
    """Another deployment, with a database and a master key of its own."""
    name = f"elsewhere_{secrets.token_hex(4)}"
    config = Config(
        var_dir=tmp_path / "var", http=Http(port=0, drain_s=1), limits=PLENTY, mongodb=Mongodb(database=name),
        outbound=OutboundSection(allow_networks=("127.0.0.0/8",), timeout_s=3),
    )  # fmt: skip
    running = Gateway(config)
    await running.start(mongod.uri, listening(config))
    yield Running(running.services.settings.own_url, running.services, running)
    await running.stop()
    client, _ = connect(mongod.uri, name, timeout_s=60)
    await client.drop_database(name)
    await client.close()


async def arrive(there: Running, path: Path, passphrase: str = PASSPHRASE) -> list[str]:
    return [done async for done in import_tenant(there.services, path, passphrase)]
