"""What the tests of every channel need of one: its carrier, and what its carrier posts."""

from __future__ import annotations

import json
import secrets
import time
from collections import Counter
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import urlencode
from zlib import crc32

from jinaconnect.actions.context import system_operation
from jinaconnect.actions.messaging.accounts import create_app
from jinaconnect.core.inbox.address import PHONE
from tests.carriers.gupshup import GupshupServer
from tests.carriers.meta import Behaviour, MetaServer
from tests.carriers.sms import TwilioServer
from tests.carriers.telegram import Behaviour as BotBehaviour
from tests.carriers.telegram import BotServer
from tests.channels.fake.carrier import FakeCarrier
from tests.channels.fake.channel import HANDLE, sign
from tests.conftest import Running
from tests.tenants import Tenant


@dataclass(frozen=True)
class Post:
    """A webhook as its carrier posts it."""

    path: str
    headers: dict[str, str]
    body: bytes


class Side(Protocol):
    """The outside of a channel."""

    name: str
    platform: str
    field: str
    seal: str  # the header that says whose a webhook is
    signs: bool  # whether that is made of the body
    nobody: int  # the answer to a webhook for nobody

    async def begin(self, gateway: Running, tenant: Tenant) -> None:
        """Start the carrier, and give the tenant its only account there."""

    async def end(self) -> None:
        """Stop the carrier."""

    def customer(self) -> str:
        """Return somebody as the carrier names them."""

    def text(self, customer: str, text: str, id: str) -> Post:
        """Return the webhook of a message."""

    def wrote(self, message: str, text: str) -> None:
        """Hear which message has a text, where the carrier is told no name of ours."""

    def misbehave(self, how: str) -> None:
        """Have the next send meet `reset` or `hang` (both after it was taken), `refused`, or `again`."""

    def let_go(self) -> None:
        """End what hangs."""

    def report(self, message: str, customer: str) -> Post | None:
        """Return the webhook that reports a message as delivered, None where the carrier reports nothing."""

    @property
    def accepted(self) -> Counter[str]:
        """Return how often each message was taken."""

    def asked(self, message: str) -> int:
        """Return how often the carrier was asked to send a message."""


class WhatsappSide:
    """WhatsApp, played by Meta's description."""

    name, platform, field = "whatsapp_meta", "WHATSAPP", PHONE
    seal, signs, nobody = "X-Hub-Signature-256", True, 401

    async def begin(self, gateway: Running, tenant: Tenant) -> None:
        """Start the carrier, and give the tenant its only account there."""
        self.server, self._path = MetaServer(), tenant.whatsapp["webhook_path"]
        await self.server.start()
        (await tenant().delete(f"/wa/v1/apps/{tenant.whatsapp['app_id']}/")).ok(204)
        (await tenant().post("/wa/v1/apps/", self.server.account("+12025550220"))).ok(201)

    async def end(self) -> None:
        """Stop the carrier."""
        await self.server.stop()

    def customer(self) -> str:
        """Return a number."""
        return f"1202555{secrets.randbelow(8_000) + 1_000}"

    def _post(self, body: bytes) -> Post:
        return Post(self._path, self.server.signed(body), body)

    def text(self, customer: str, text: str, id: str) -> Post:
        """Return the webhook of a message."""
        return self._post(self.server.text(customer, text, id=id))

    def misbehave(self, how: str) -> None:
        """Meet the next send so."""
        behaviours = {
            "reset": Behaviour(reset=True), "hang": Behaviour(delay_s=2, reset=True),
            "refused": Behaviour(accept=False, status=400, code=131026),
            "again": Behaviour(accept=False, status=429, code=130429, retry_after="1"),
        }  # fmt: skip
        self.server.next.append(behaviours[how])

    def wrote(self, message: str, text: str) -> None:
        """The carrier is told the message's own id."""

    def let_go(self) -> None:
        """What hangs ends by itself."""

    def report(self, message: str, customer: str) -> Post | None:
        """Return the webhook that reports a message as delivered."""
        return self._post(self.server.report(message, "delivered", customer))

    @property
    def accepted(self) -> Counter[str]:
        """Return how often each message was taken."""
        return self.server.accepted

    def asked(self, message: str) -> int:
        """Return how often the carrier was asked to send a message."""
        return len(self.server.times_asked(message))


class GupshupSide:
    """WhatsApp through an app of Gupshup's, played by its published pages."""

    name, platform, field = "whatsapp_gupshup", "WHATSAPP", PHONE
    seal, signs, nobody = "X-Webhook-Secret", False, 200

    async def begin(self, gateway: Running, tenant: Tenant) -> None:
        """Start the carrier, and give the tenant its only account there."""
        self.server = GupshupServer(by_token=True)
        await self.server.start()
        (await tenant().delete(f"/wa/v1/apps/{tenant.whatsapp['app_id']}/")).ok(204)
        self.server.connected((await tenant().post("/wa/v1/apps/", self.server.account())).ok(201))

    async def end(self) -> None:
        """Stop the carrier."""
        await self.server.stop()

    def customer(self) -> str:
        """Return a number."""
        return f"1202555{secrets.randbelow(8_000) + 1_000}"

    def _post(self, told: dict[str, Any]) -> Post:
        headers = {"Content-Type": "application/json", "X-Webhook-Secret": self.server.secret}
        return Post(self.server.webhook.replace(f"{self.server.secret}/", ""), headers, json.dumps(told).encode())

    def text(self, customer: str, text: str, id: str) -> Post:
        """Return the webhook of a message."""
        item = {"from": customer, "id": id, "timestamp": str(int(time.time())), "type": "text", "text": {"body": text}}
        people = [{"profile": {"name": "Ann"}, "wa_id": customer}]
        return self._post(self.server.envelope(contacts=people, messages=[item]))

    def wrote(self, message: str, text: str) -> None:
        """The carrier is told the message's own id."""

    def misbehave(self, how: str) -> None:
        """Meet the next send so."""
        refused = (400, {"status": "error", "message": "Invalid Destination"})
        again = (429, {"status": "error", "message": "Too Many Requests"}, {"Retry-After": "1"})
        self.server.next.append({"refused": refused, "again": again}.get(how, how))

    def let_go(self) -> None:
        """End what hangs."""
        self.server.let_go.set()

    def report(self, message: str, customer: str) -> Post | None:
        """Return the webhook that reports a message as delivered."""
        return self._post(self.server.status(message, "delivered"))

    @property
    def accepted(self) -> Counter[str]:
        """Return how often each message was taken."""
        return self.server.accepted

    def asked(self, message: str) -> int:
        """Return how often the carrier was asked to send a message."""
        return self.server.asked[message]


class FakeSide:
    """The fake channel."""

    name, platform, field = "fake", "FAKECHAT", HANDLE
    seal, signs, nobody = "X-Fake-Signature", True, 401

    async def begin(self, gateway: Running, tenant: Tenant) -> None:
        """Start the carrier, and give the tenant its only account there."""
        self.server, self._url = FakeCarrier(), gateway.url
        await self.server.start()
        credentials = {"token": self.server.token, "base_url": f"http://127.0.0.1:{self.server.port}"}
        ctx = system_operation(gateway.services, gateway.ports, f"{tenant.id}:live", "test")
        self.account = await create_app(ctx, "fake", {"app_name": "Fake"}, credentials)
        self._path = self.account["webhook_path"]

    async def end(self) -> None:
        """Stop the carrier."""
        self.server.let_go.set()
        await self.server.stop()

    def customer(self) -> str:
        """Return a handle."""
        return "ann." + secrets.token_hex(4)

    def text(self, customer: str, text: str, id: str, **more: str) -> Post:
        """Return the webhook of a message."""
        form = self.server.form(customer, text, id, **more)
        headers = {
            "X-Fake-Signature": sign(self.server.token, self._url + self._path, form),
            "Content-Type": "application/x-www-form-urlencoded",
        }
        return Post(self._path, headers, urlencode(form).encode())

    def misbehave(self, how: str) -> None:
        """Meet the next send so."""
        ways: dict[str, int | str] = {"reset": "reset", "hang": "hang", "refused": 422, "again": 429}
        self.server.next.append(ways[how])

    def wrote(self, message: str, text: str) -> None:
        """The carrier is told the message's own id."""

    def let_go(self) -> None:
        """End what hangs."""
        self.server.let_go.set()

    def report(self, message: str, customer: str) -> Post | None:
        """There are no reports."""
        return None

    @property
    def accepted(self) -> Counter[str]:
        """Return how often each message was taken."""
        return self.server.accepted

    def asked(self, message: str) -> int:
        """Return how often the carrier was asked to send a message."""
        return self.server.asked[message]


class TelegramSide:
    """Telegram, played by the description of the Bot API."""

    name, platform, field = "telegram", "TELEGRAM", "telegram_chat_id"
    seal, signs, nobody = "X-Telegram-Bot-Api-Secret-Token", False, 200

    async def begin(self, gateway: Running, tenant: Tenant) -> None:
        """Start the Bot API, and give the tenant its only bot."""
        self.server, self._texts = BotServer(), dict[str, str]()
        await self.server.start()
        (await tenant().post("/telegram/v1/bots/", self.server.bot())).ok(201)

    async def end(self) -> None:
        """Stop the Bot API."""
        await self.server.stop()

    def customer(self) -> str:
        """Return a chat."""
        return str(secrets.randbelow(10**9) + 1)

    def text(self, customer: str, text: str, id: str) -> Post:
        """Return the update of a message; the same id is the same message."""
        message = {**self.server.message(int(customer), text=text), "message_id": crc32(id.encode()) or 1}
        update = self.server.update(message=message)
        return Post(self.server.path, self.server.headers(), json.dumps(update).encode())

    def misbehave(self, how: str) -> None:
        """Meet the next send so."""
        ways = {
            "reset": BotBehaviour(reset=True), "hang": BotBehaviour(hang=True), "refused": BotBehaviour(status=400),
            "again": BotBehaviour(status=429, parameters={"retry_after": 1}),
        }  # fmt: skip
        self.server.next.append(ways[how])

    def let_go(self) -> None:
        """End what hangs."""
        self.server.let_go.set()

    def report(self, message: str, customer: str) -> Post | None:
        """There are no reports."""
        return None

    def wrote(self, message: str, text: str) -> None:
        """Know a message by its text."""
        self._texts[message] = text

    @property
    def accepted(self) -> Counter[str]:
        """Return how often each message was taken."""
        return +Counter({message: self.server.taken[text] for message, text in self._texts.items()})

    def asked(self, message: str) -> int:
        """Return how often the carrier was asked to send a message."""
        return sum(params.get("text") == self._texts[message] for _, _, params in self.server.sent())


class TwilioSide:
    """SMS through Twilio, played by its description."""

    name, platform, field = "sms_twilio", "SMS", PHONE
    seal, signs, nobody = "X-Twilio-Signature", True, 200

    async def begin(self, gateway: Running, tenant: Tenant) -> None:
        """Start the carrier, and give the tenant its only account there."""
        self.server = TwilioServer()
        await self.server.start()
        self._app = (await tenant().post("/sms/v1/apps/", self.server.account())).ok(201)

    async def end(self) -> None:
        """Stop the carrier."""
        await self.server.stop()

    def customer(self) -> str:
        """Return a number."""
        return f"1202555{secrets.randbelow(8_000) + 1_000}"

    def _post(self, url: str, form: dict[str, str]) -> Post:
        return Post("/" + url.split("/", 3)[3], self.server.headers(url, form), urlencode(form).encode())

    def text(self, customer: str, text: str, id: str) -> Post:
        """Return the form of a message."""
        form = {**self.server.written(f"+{customer}", text), "MessageSid": id, "ProfileName": "Ann"}
        return self._post(self._app["webhook_url"], form)

    def wrote(self, message: str, text: str) -> None:
        """The carrier is told the message's own id."""

    def misbehave(self, how: str) -> None:
        """Meet the next send so."""
        refused = (400, {"code": 21614, "message": "not mobile"})
        again = (429, {"code": 20429, "message": "busy"}, {"Retry-After": "1"})
        self.server.next.append({"refused": refused, "again": again}.get(how, how))

    def let_go(self) -> None:
        """End what hangs."""
        self.server.let_go.set()

    def report(self, message: str, customer: str) -> Post | None:
        """Return the status callback of a delivery."""
        url = f"{self._app['dlr_webhook_url']}?reference={message}"
        return self._post(url, self.server.report(message, "delivered"))

    @property
    def accepted(self) -> Counter[str]:
        """Return how often each message was taken."""
        return self.server.accepted

    def asked(self, message: str) -> int:
        """Return how often the carrier was asked to send a message."""
        return self.server.asked[message]


SIDES: dict[str, Any] = {
    "whatsapp": WhatsappSide, "gupshup": GupshupSide, "fake": FakeSide, "telegram": TelegramSide, "sms": TwilioSide,
}  # fmt: skip
