"""A bare aiohttp loop that posts one body over and over, some at once; prints what it managed."""

from __future__ import annotations

import asyncio
import json
import sys
import time

import aiohttp
import uvloop


async def main(url: str, at_once: int, seconds: float) -> None:
    """Post for some seconds."""
    body = b"x" * 1000
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        print("ready", flush=True)
        begun = time.monotonic()
        ends, cpu, done = begun + seconds, time.process_time(), 0

        async def lane() -> None:
            nonlocal done
            while time.monotonic() < ends:
                async with session.post(url, data=body, headers={"Content-Type": "application/json"}) as answer:
                    await answer.read()
                done += 1

        await asyncio.gather(*(lane() for _ in range(at_once)))
        took = time.monotonic() - begun
        print(json.dumps({"per_second": done / took, "cpu_us": (time.process_time() - cpu) / done * 1e6}), flush=True)


if __name__ == "__main__":
    uvloop.run(main(sys.argv[1], int(sys.argv[2]), float(sys.argv[3])))
