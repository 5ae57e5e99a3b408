"""Bare `insert_one` of documents of about 420 bytes, majority and journalled, many at once; prints what it managed."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from datetime import UTC, datetime
from typing import Any

import uvloop
from pymongo import AsyncMongoClient
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.write_concern import WriteConcern


def document(number: int) -> dict[str, Any]:
    """Return a message-like document."""
    return {
        "scope": "ten_bench:live", "number": number, "created_at": datetime.now(UTC), "direction": "INCOMING",
        "platform": "WHATSAPP", "contact": "cnt_0123456789abcdefghijklmn", "status": "RECEIVED",
        "content": {"type": "text", "body": {"text": "x" * 160}}, "carrier_id": f"wamid.{number:032d}",
    }  # fmt: skip


async def main(uri: str, at_once: int, seconds: float) -> None:
    """Insert for some seconds."""
    async with AsyncMongoClient[dict[str, Any]](uri, maxPoolSize=at_once) as client:
        bare: AsyncCollection[dict[str, Any]] = client["bench"].get_collection(
            "bare", write_concern=WriteConcern(w="majority", j=True)
        )
        await bare.insert_one(document(0))
        print("ready", flush=True)
        ends = time.monotonic() + seconds
        begun, cpu, done = time.monotonic(), time.process_time(), 0

        async def lane(first: int) -> None:
            nonlocal done
            number = first
            while time.monotonic() < ends:
                await bare.insert_one(document(number))
                number += at_once
                done += 1

        await asyncio.gather(*(lane(place) for place in range(at_once)))
        took = time.monotonic() - begun
        print(json.dumps({"per_second": done / took, "cpu_us": (time.process_time() - cpu) / done * 1e6}), flush=True)


if __name__ == "__main__":
    uvloop.run(main(sys.argv[1], int(sys.argv[2]), float(sys.argv[3])))
