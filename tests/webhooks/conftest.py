"""Receivers, and endpoints that lead to them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest

from jinaconnect.core.webhooks import schedule
from jinaconnect.realtime import webhooks
from tests.client import Client
from tests.webhooks.receiver import Receiver

Receivers = Callable[[], Awaitable[Receiver]]


@pytest.fixture
async def receivers() -> AsyncIterator[Receivers]:
    """Start receivers that end with the test."""
    made: list[Receiver] = []

    async def start() -> Receiver:
        receiver = Receiver()
        await receiver.start()
        made.append(receiver)
        return receiver

    yield start
    for receiver in made:
        await receiver.stop()


@pytest.fixture
async def receiver(receivers: Receivers) -> Receiver:
    return await receivers()


@pytest.fixture
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have attempts follow each other within moments."""
    monkeypatch.setattr(schedule, "WAITS", (timedelta(seconds=0.05),) * 9)
    monkeypatch.setattr(webhooks, "LONGEST_PAUSE", timedelta(seconds=0.05))


async def endpoint(client: Client, receiver: Receiver, *events: str, **fields: Any) -> dict[str, Any]:
    """Add an endpoint that leads to a receiver, which learns its secret."""
    body = {"url": receiver.url, "events": list(events) or ["*"], **fields}
    made: dict[str, Any] = (await client.post("/webhooks/endpoints/", body)).ok(201)
    receiver.secret = made["secret"]
    return made
