"""A bare Tornado handler that answers every webhook with one fixed document."""

from __future__ import annotations

import asyncio
import sys

import uvloop
from tornado.web import Application, RequestHandler

DOCUMENT = (
    b'<?xml version="1.0" encoding="UTF-8"?><Response><Gather action="/next" method="POST" numDigits="1" timeout="5">'
    b"<Say>Press one or two.</Say></Gather><Redirect>/next</Redirect></Response>"
)


class Fixed(RequestHandler):
    """Answers the document."""

    def post(self, path: str) -> None:
        """Take what is told and send it."""
        self.set_header("Content-Type", "application/xml")
        self.write(DOCUMENT)


async def main(port: int) -> None:
    """Serve until ended."""
    Application([(r"/(.*)", Fixed)]).listen(port, "127.0.0.1")
    print("ready", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1])))
