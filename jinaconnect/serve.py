"""A process of the gateway from its first signal to its last: the database, the port, the run."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

from tornado.netutil import bind_sockets

from jinaconnect.app import Gateway, Role
from jinaconnect.config import Config
from jinaconnect.store.databases.embedded import EmbeddedMongo


def listening(config: Config, *, shared: bool = False) -> list[socket.socket]:
    """Bind the configured address; `shared` lets several processes take connections from it."""
    return bind_sockets(config.http.port, config.http.host, reuse_port=shared)


async def run_process(
    config: Config, role: Role, processes: int, uri: str, announce: Callable[[Gateway], Any] | None
) -> None:
    """Run one process until SIGTERM or SIGINT."""
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ended.set)
    sockets = listening(config, shared=processes > 1) if role in ("all", "web") else []
    gateway = Gateway(config, role, processes)
    await gateway.start(uri, sockets)
    try:
        if announce is not None:
            await announce(gateway)
        await ended.wait()
    finally:
        await gateway.stop()


async def database_uri(config: Config) -> tuple[str, EmbeddedMongo | None]:
    """Return the database to use, starting the embedded one where none is configured."""
    if config.mongodb.uri:
        return config.mongodb.uri, None
    embedded = await EmbeddedMongo.start(Path(config.var_dir))
    return embedded.uri, embedded


@contextlib.asynccontextmanager
async def beside(config: Config) -> AsyncIterator[Gateway]:
    """Run a gateway that serves nobody on the database of the one that may be running."""
    running = config.mongodb.uri or await EmbeddedMongo.find_running(config.var_dir)
    embedded = None if running else await EmbeddedMongo.start(config.var_dir)
    gateway = Gateway(config, "voice")
    await gateway.start(running or embedded.uri, [])  # type: ignore[union-attr]
    try:
        yield gateway
    finally:
        await gateway.stop()
        if embedded is not None:
            await embedded.stop()
