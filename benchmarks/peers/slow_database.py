"""A way to a database by which each of its answers takes longer: `slow_database PORT TARGET MS`; SIGUSR1 begins it."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys

import uvloop


class Way:
    """Carries bytes both ways; those of the database wait their time, together."""

    def __init__(self, target: int, later_s: float) -> None:
        self._target = target
        self._later_s = later_s
        self._slow = False
        self._tasks: set[asyncio.Task[None]] = set()

    def begin(self) -> None:
        """Be slow from now on."""
        self._slow = True

    async def carry(self, near: asyncio.StreamReader, back: asyncio.StreamWriter) -> None:
        """Carry one connection."""
        far, on = await asyncio.open_connection("127.0.0.1", self._target)
        for work in (self._through(near, on), self._later(far, back)):
            task = asyncio.create_task(work)
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _through(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(65_536):
                writer.write(data)
        writer.close()

    async def _later(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        loop = asyncio.get_running_loop()
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(65_536):
                if self._slow:
                    loop.call_later(self._later_s, writer.write, data)
                else:
                    writer.write(data)
        loop.call_later(self._later_s, writer.close)


async def main(port: int, target: int, later_s: float) -> None:
    """Serve until ended."""
    way = Way(target, later_s)
    asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, way.begin)
    await asyncio.start_server(way.carry, "127.0.0.1", port)
    print("ready", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]) / 1000))
