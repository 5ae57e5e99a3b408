"""A way to the database that lets answers through or keeps them, each by the command it answers (OP_MSG)."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import bson

_HEAD = struct.Struct("<iiii")  # length, request id, the request answered, opcode
_OP_MSG = 2013
Command = dict[str, Any]


@dataclass
class Gate:
    """Listens for a gateway; `passes` says which commands' answers it gets, the others wait until `open()`."""

    port: int  # the database's own
    passes: Callable[[Command], bool] = field(default=lambda command: True)
    seen: list[tuple[str, str]] = field(default_factory=list)  # command and collection of those answered
    url: str = ""
    _opened: asyncio.Event = field(default_factory=asyncio.Event)
    _server: asyncio.Server | None = None
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    async def start(self) -> None:
        """Listen."""
        self._opened.set()
        self._server = await asyncio.start_server(self._carry, "127.0.0.1", 0)
        self.url = f"mongodb://127.0.0.1:{self._server.sockets[0].getsockname()[1]}/?directConnection=true"

    async def stop(self) -> None:
        """Break every connection."""
        assert self._server is not None
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def close(self, passes: Callable[[Command], bool]) -> None:
        """Keep all answers from now on but those of commands that pass."""
        self.seen.clear()
        self.passes = passes
        self._opened.clear()

    def open(self) -> None:
        """Let everything through, what was kept too."""
        self.passes = lambda command: True
        self._opened.set()

    async def _carry(self, near: asyncio.StreamReader, back: asyncio.StreamWriter) -> None:
        far, on = await asyncio.open_connection("127.0.0.1", self.port)
        asked: dict[int, Command] = {}
        for work in (self._there(near, on, asked), self._back(far, back, asked)):
            task = asyncio.create_task(work)
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _there(
        self, near: asyncio.StreamReader, on: asyncio.StreamWriter, asked: dict[int, Command]
    ) -> None:  # fmt: skip
        try:
            while True:
                message = await _message(near)
                _, id, _, code = _HEAD.unpack_from(message)
                if code == _OP_MSG and message[20] == 0:
                    size = int.from_bytes(message[21:25], "little")
                    asked[id] = bson.decode(message[21 : 21 + size])
                on.write(message)
        except (asyncio.IncompleteReadError, ConnectionError):
            on.close()

    async def _back(
        self, far: asyncio.StreamReader, back: asyncio.StreamWriter, asked: dict[int, Command]
    ) -> None:  # fmt: skip
        try:
            while True:
                message = await _message(far)
                command = asked.pop(_HEAD.unpack_from(message)[2], {})
                if not self._opened.is_set() and not self.passes(command):
                    await self._opened.wait()
                name = next(iter(command), "")
                self.seen.append((name, str(command.get(name, ""))))
                back.write(message)
        except (asyncio.IncompleteReadError, ConnectionError):
            back.close()


async def _message(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readexactly(4)
    return head + await reader.readexactly(int.from_bytes(head, "little") - 4)
