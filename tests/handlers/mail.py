"""A real SMTP server for tests, and what came to it."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

from aiosmtpd.smtp import SMTP, Envelope

from jinaconnect.mail import Server
from tests.client import until
from tests.conftest import Running


@dataclass
class PostBox:
    """Takes mail as an SMTP server, or refuses as many as it is told to with an answer of its own.

    Of so many as are `unheard` it takes the letter and yet says to come again, as one that fails at its very end.
    """

    port: int = 0
    letters: list[EmailMessage] = field(default_factory=list)
    refusals: list[str] = field(default_factory=list)
    tries: int = 0
    unheard: int = 0

    async def handle_DATA(self, server: Any, session: Any, envelope: Envelope) -> str:
        self.tries += 1
        if self.refusals:
            return self.refusals.pop(0)
        assert isinstance(envelope.content, bytes)
        letter = message_from_bytes(envelope.content, policy=policy.default)
        assert isinstance(letter, EmailMessage)
        assert [str(letter["To"])] == envelope.rcpt_tos
        self.letters.append(letter)
        if self.unheard:
            self.unheard -= 1
            return "451 4.3.0 failed after all"
        return "250 OK"

    def to(self, address: str) -> list[EmailMessage]:
        """Return what came to an address."""
        return [letter for letter in self.letters if str(letter["To"]) == address]

    async def letter(self, address: str, count: int = 1) -> EmailMessage:
        """Return the last of so many letters to an address."""

        async def come() -> list[EmailMessage]:
            found = self.to(address)
            return found if len(found) >= count else []

        return (await until(come))[count - 1]  # type: ignore[no-any-return]


def text_of(letter: EmailMessage, kind: str = "plain") -> str:
    """Return the text of a letter, or its HTML."""
    part = letter.get_body((kind,))
    assert part is not None
    return str(part.get_content())


def token_of(letter: EmailMessage) -> str:
    """Return the secret in the link of a letter; text and HTML have the same."""
    found = re.findall(r"/(?:verify-email|reset-password|accept-invitation)/([\w-]{20,})/", text_of(letter))
    assert len(found) == 1
    assert found[0] in text_of(letter, "html")
    return str(found[0])


@asynccontextmanager
async def post_office() -> AsyncIterator[PostBox]:
    """Run an SMTP server."""
    box = PostBox()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: SMTP(box, loop=loop, enable_SMTPUTF8=True), "127.0.0.1", 0)
    box.port = server.sockets[0].getsockname()[1]
    try:
        yield box
    finally:
        server.close()


@contextmanager
def posting(gateway: Running, box: PostBox | None) -> Iterator[None]:
    """Have a gateway's letters go out by a server, or into files."""
    mailer = gateway.ports.mailer
    before, mailer._server = mailer._server, Server("127.0.0.1" if box else "", box.port if box else 0, "none", "", "")
    try:
        yield
    finally:
        mailer._server = before


__all__ = ["PostBox", "post_office", "posting", "text_of", "token_of"]
