"""A tenant with a bot, whose Bot API is on loopback."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest

from tests.carriers.telegram import BotServer
from tests.client import Answered
from tests.conftest import Running
from tests.tenants import Tenant


@dataclass
class Bot:
    """A bot of a tenant: its server, and its id in the gateway."""

    server: BotServer
    tenant: Tenant
    gateway: Running
    id: str

    async def posts(self, update: dict[str, Any], **headers: str) -> Answered:
        """Post an update as Telegram does."""
        body = json.dumps(update).encode()
        return await self.tenant.anonymous.ask(
            "POST", self.server.path, body, headers={**self.server.headers(), **headers}
        )

    async def hears(self, chat: int, **fields: Any) -> dict[str, Any]:
        """Have a customer write in a private chat; returns the message."""
        message = self.server.message(chat, **fields)
        assert (await self.posts(self.server.update(message=message))).ok() == {"ok": True}
        return message

    async def heard(self, type: str, count: int = 1) -> list[dict[str, Any]]:
        """Wait for events of a type; returns all there are."""

        def enough(seen: list[dict[str, Any]]) -> bool:
            return sum(event["type"] == type for event in seen) >= count

        return [event for event in await self.tenant().wait_for_events(enough) if event["type"] == type]

    async def sends(self, chat: int, **fields: Any) -> str:
        """Send to a chat; returns the message's id."""
        answer = await self.tenant().post("/telegram/v1/messages/", {"chat_id": chat, **fields})
        return str(answer.ok(201)["id"])

    async def became(self, message: str, *statuses: str) -> dict[str, Any]:
        """Wait until a message has one of these statuses; returns it as REST shows it."""
        found: dict[str, Any] = {}

        def ended(seen: list[dict[str, Any]]) -> bool:
            return any(event["subject"]["id"] == message and event["type"] in ENDS for event in seen)

        await self.tenant().wait_for_events(ended)
        found = (await self.tenant().get(f"/telegram/v1/messages/{message}/")).ok()
        assert found["status"] in statuses, found
        return found


ENDS = ("message.sent", "message.failed", "message.unknown")


@pytest.fixture
async def bot(gateway: Running, tenant: Tenant) -> AsyncIterator[Bot]:
    """A bot of a tenant of the test's own; every request it was sent fits Telegram's description."""
    server = BotServer()
    await server.start()
    made = (await tenant().post("/telegram/v1/bots/", server.bot())).ok(201)
    yield Bot(server, tenant, gateway, made["id"])
    await server.stop()
    assert server.faults == []
