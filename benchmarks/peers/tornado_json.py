"""A bare Tornado handler that answers one fixed object as JSON, read from standard input at start."""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

import uvloop
from tornado.web import Application, RequestHandler


class Fixed(RequestHandler):
    """Answers the object."""

    def initialize(self, answer: dict[str, Any]) -> None:
        """Take it."""
        self._answer = answer

    def get(self, id: str) -> None:
        """Encode and send it."""
        self.write(self._answer)


async def main(port: int) -> None:
    """Serve until ended."""
    answer = json.loads(sys.stdin.readline())
    Application([(r"/contacts/([^/]+)/", Fixed, {"answer": answer})]).listen(port, "127.0.0.1")
    print("ready", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1])))
