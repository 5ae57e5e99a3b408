"""The fake channel: one folder, one row in each table, as any channel that is added."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import orjson

from jinaconnect.channels.abilities import Connected
from jinaconnect.channels.base import (
    Accepted,
    Account,
    ChannelSpec,
    Composed,
    Outcome,
    Outgoing,
    Parts,
    Refused,
    Unknown,
    Verified,
    WebhookReply,
    WebhookRequest,
)
from jinaconnect.channels.facts import Fact, Inbound, Unreadable, Writer
from jinaconnect.channels.table import CHANNELS
from jinaconnect.core.errors import BadSignature, CarrierFailed, Invalid
from jinaconnect.core.inbox.address import Address
from jinaconnect.core.inbox.platform import PLATFORMS, Platform
from jinaconnect.outbound import Fetched
from jinaconnect.store.blobs import Spool

HANDLE, ROOM = "fakechat_handle", "fakechat_room"
SEGMENT = 20  # characters that the carrier puts into one piece
SIGNATURE_HEADER = "x-fake-signature"


def sign(secret: str, url: str, form: Mapping[str, str]) -> str:
    """Return the signature of a webhook: over its address and its fields in the order of their names."""
    text = url + "".join(name + form[name] for name in sorted(form))
    return base64.b64encode(hmac.digest(secret.encode(), text.encode(), hashlib.sha256)).decode()


class FakeChannel:
    """FakeChat, carried by Fake."""

    spec = ChannelSpec(
        name="fake", platform="FAKECHAT", provider="FAKE", label="FakeChat", secrets={"token": 16},
        settings=("base_url",), fields=("nick",), receipts=False,
        webhook_path="/hooks/fake/{tenant}/?account={account}",
    )  # fmt: skip

    def __init__(self, parts: Parts) -> None:
        self._outside = parts.outbound

    def compose(self, account: Account, message: Outgoing) -> Composed:
        """Return a text as the carrier takes it, which is all it takes."""
        content = message.content
        if content["type"] != "text" or message.template is not None:
            raise Invalid.field("content.type", f"'{content['type']}' cannot be sent over FakeChat")
        answers = {"answers": message.reply_to} if message.reply_to else {}
        text = content["body"]["text"]
        return Composed({"text": text, **answers}, content, "TEXT", segments=-(-len(text) // SEGMENT))

    async def _ask(self, account: Account, method: str, path: str, **body: Any) -> Fetched:
        headers = {"Authorization": f"Bearer {account.secrets['token']}"}
        return await self._outside.request(method, f"{account.settings['base_url']}{path}", headers=headers, **body)

    async def connect(self, account: Account, url: str) -> Connected:
        """Tell the carrier where webhooks go, and hear what it calls the account."""
        answer = await self._ask(account, "PUT", "/hook", json={"url": url})
        if answer.status == 401:
            raise Invalid.field("token", "is refused by the carrier")
        return Connected(fields=orjson.loads(answer.body))

    async def disconnect(self, account: Account) -> None:
        """Tell the carrier to post no more."""
        await self._ask(account, "DELETE", "/hook")

    async def send(self, account: Account, to: Address, wire: Mapping[str, Any], reference: str) -> Outcome:
        """Send one text."""
        body = {"to": to.value, "reference": reference, **wire}
        answer = await self._ask(account, "POST", "/send", json=body)
        if answer.status == 200:
            return Accepted(orjson.loads(answer.body)["id"])
        if answer.status in (422, 429):
            return Refused(str(answer.status), "Told to refuse.", again=answer.status == 429)
        return Unknown(f"the carrier answered {answer.status}")

    def verify(self, accounts: Sequence[Account], hook: WebhookRequest) -> Verified:
        """Return whose a form is."""
        given = hook.headers.get(SIGNATURE_HEADER, "").encode()
        good = [
            account
            for account in accounts
            if hmac.compare_digest(sign(account.secrets["token"], hook.url, hook.form).encode(), given)
        ]
        if not good:
            raise BadSignature("The signature does not fit the form.")
        to = hook.form.get("To")
        trusted = tuple(account.id for account in good if account.address == to)
        return Verified(trusted, "MESSAGE", len(hook.form.get("From", "")), reason="nobody has this address")

    def parse(self, hook: WebhookRequest) -> list[Fact]:
        """Return the message of a form."""
        form = hook.form
        to = form.get("To", "")
        if not form.get("From") or not form.get("Id"):
            return [Unreadable(to, "a message names its id and its writer")]
        at = datetime.fromtimestamp(int(form.get("At", "0")), UTC)
        content = {"type": "text", "body": {"text": form.get("Text", "")}}
        also = tuple(Address(HANDLE, name) for name in form.get("Also", "").split(",") if name)
        by, name, told = Address(HANDLE, form["From"]), form.get("Name", ""), {"known_as": also}
        if room := form.get("Room"):
            told = {"group": room, "writer": Writer(by, name, also)}
            by, name = Address(ROOM, room), room
        return [Inbound(to, form["Id"], by, name, at, "TEXT", content, **told)]

    def greet(self, accounts: Sequence[Account], hook: WebhookRequest) -> WebhookReply | None:
        """This carrier does not ask."""
        return None

    async def fetch(self, account: Account, handle: Mapping[str, Any], into: Spool, limit: int) -> str | None:
        """This carrier has no files."""
        raise CarrierFailed("there are no files")


@contextmanager
def registered() -> Iterator[None]:
    """Have the tables know the channel for a while."""
    CHANNELS["fake"] = FakeChannel
    PLATFORMS["FAKECHAT"] = Platform("FakeChat", addresses=(HANDLE, ROOM))
    try:
        yield
    finally:
        del CHANNELS["fake"], PLATFORMS["FAKECHAT"]
