"""Mail out: handed to the deployment's SMTP server or, where none is configured, written to files.

Errors say what matters to a sender: `MailRefused` (it will not be taken, however often), `MailPostponed` (it may be).
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import datetime
from email import policy
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime
from pathlib import Path
from typing import Literal

import aiosmtplib
import structlog

TIMEOUT_S = 20.0
_POLICY = policy.SMTP.clone(max_line_length=900)  # a link stays in one line, so that people can copy it (RFC 5321: 998)

logger = structlog.get_logger(__name__)


class MailRefused(Exception):
    """The server takes this mail neither now nor later."""


class MailPostponed(Exception):
    """The server cannot be reached, or does not take this mail now."""


@dataclass(frozen=True, slots=True)
class Mail:
    """One mail to one person; `id` is the same for every try, so that a mail taken twice is known as one."""

    id: str
    to: str
    subject: str
    text: str
    html: str
    sender_name: str
    sender: str
    reply_to: str | None = None


@dataclass(frozen=True, slots=True)
class Server:
    """An SMTP server; no host: none."""

    host: str
    port: int
    security: Literal["starttls", "tls", "none"]
    username: str
    password: str


def composed(mail: Mail, at: datetime) -> EmailMessage:
    """Return a mail as it travels: text, and the same as HTML beside it (RFC 2046 section 5.1.4).

    Raises ValueError for a header that would not stay in its line.
    """
    message = EmailMessage(policy=_POLICY)
    message["Date"] = format_datetime(at)
    message["Message-ID"] = f"<{mail.id}@{mail.sender.rpartition('@')[2]}>"
    message["From"] = Address(mail.sender_name, addr_spec=mail.sender)
    message["To"] = Address(addr_spec=mail.to)
    if mail.reply_to:
        message["Reply-To"] = Address(addr_spec=mail.reply_to)
    message["Subject"] = mail.subject
    message["Auto-Submitted"] = "auto-generated"  # nobody's absence answers it (RFC 3834)
    message.set_content(mail.text, cte="7bit" if mail.text.isascii() else "quoted-printable")
    message.add_alternative(mail.html, subtype="html", cte="quoted-printable")
    return message


class Mailer:
    """Sends mail."""

    def __init__(self, server: Server, folder: Path) -> None:
        self._server = server
        self._folder = folder

    async def send(self, mail: Mail, at: datetime) -> None:
        """Hand a mail over; raises MailRefused, MailPostponed."""
        try:
            message = composed(mail, at)
        except ValueError as error:
            raise MailRefused(f"it cannot be written: {error}") from error
        if not self._server.host:
            path = self._folder / f"{at:%Y%m%dT%H%M%S}-{mail.id}.eml"
            await asyncio.to_thread(_write, path, message.as_bytes(policy=_POLICY.clone(linesep="\n")))
            logger.warning("mail.written", to=mail.to, path=str(path), reason="no mail.host is configured")
            return
        await self._post(message)
        logger.info("mail.sent", to=mail.to, id=mail.id)

    async def _post(self, message: EmailMessage) -> None:
        server = self._server
        try:
            await aiosmtplib.send(
                message, hostname=server.host, port=server.port, use_tls=server.security == "tls",
                start_tls=server.security == "starttls", username=server.username or None,
                password=server.password or None, timeout=TIMEOUT_S,
            )  # fmt: skip
        except aiosmtplib.SMTPRecipientsRefused as error:
            codes = [refused.code for refused in error.recipients]
            raise (MailRefused if all(code >= 500 for code in codes) else MailPostponed)(str(error)) from error
        except aiosmtplib.SMTPAuthenticationError as error:  # the deployment's fault, which its operator may mend
            raise MailPostponed(str(error)) from error
        except aiosmtplib.SMTPResponseException as error:
            raise (MailRefused if error.code >= 500 else MailPostponed)(str(error)) from error
        except (aiosmtplib.SMTPException, OSError, ValueError) as error:
            raise MailPostponed(str(error)) from error


def _write(path: Path, data: bytes) -> None:
    """Write a file that only its owner may read: it has links that open accounts."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(mode=0o600)
    path.write_bytes(data)
