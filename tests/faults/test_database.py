"""The database killed or frozen: answers in time, readiness false, nothing acknowledged lost, recovery by itself."""

from __future__ import annotations

import asyncio
import os
import secrets
import signal
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.carriers.meta import Behaviour
from tests.client import until
from tests.faults.carrier_side import Site, site
from tests.processes import GatewayProcess, alive

DEADLINE_S = 1.0
MARGIN_S = 4.0  # a request may wait for a write in progress, then for its own, on a busy machine


@pytest.fixture(scope="module")
async def here(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Site]:
    """A gateway with its own embedded database."""
    settings = {"JC_MONGODB__TIMEOUT_S": str(DEADLINE_S), "JC_OUTBOUND__TIMEOUT_S": "10"}
    async with site(GatewayProcess(tmp_path_factory.mktemp("database"), settings)) as running:
        yield running


async def _ready(here: Site) -> bool:
    return (await here.owner.get("/readyz/")).status == 200


async def _refused_in_time(here: Site, method: str, path: str, body: Any = None) -> None:
    begun = time.monotonic()
    answer = await here.owner.ask(method, path, body)
    assert time.monotonic() - begun < DEADLINE_S + MARGIN_S
    assert answer.status == 503, (path, answer.status, answer.body)
    assert int(answer.headers["Retry-After"]) >= 1
    assert set(answer.body) >= {"detail", "code"}


async def test_a_frozen_database_keeps_nobody_waiting(here: Site) -> None:
    sender, contact = await here.customer()
    os.kill(here.gateway.mongod(), signal.SIGSTOP)
    text = f"frozen {secrets.token_hex(4)}"
    body = here.carrier.text(sender, text)
    try:
        message = {"wa_app": here.app, "contact": contact, "message_type": "TEXT", "text": "x"}

        async def unready() -> bool:
            return not await _ready(here)

        await until(unready)  # what was found a moment before serves for up to a second
        await asyncio.gather(
            _refused_in_time(here, "GET", "/readyz/"),
            _refused_in_time(here, "GET", f"/contacts/{contact}/"),
            _refused_in_time(here, "GET", "/events/?after=start"),
            _refused_in_time(here, "POST", "/wa/v1/messages/", message),
        )
        assert (await here.owner.get("/livez/")).status == 200
        assert await here.hears(body) == 503
    finally:
        os.kill(here.gateway.mongod(), signal.SIGCONT)
    await until(lambda: _ready(here))
    assert await here.hears(body) == 200  # the carrier posts it again
    events = await here.owner.wait_for_events(lambda seen: any(text in str(e["data"]) for e in seen))
    await until(lambda: _settled(here))
    events = await here.owner.events()
    assert sum(e["type"] == "message.received" and text in str(e["data"]) for e in events) == 1
    assert [e["seq"] for e in events] == list(range(1, len(events) + 1))


async def test_a_killed_database_comes_back_with_everything(here: Site) -> None:
    sender, _ = await here.customer()
    before = here.gateway.mongod()
    texts = [f"kept {secrets.token_hex(6)}" for _ in range(40)]
    taken: set[str] = set()
    refused: list[int] = []

    async def write(text: str) -> None:
        body = here.carrier.text(sender, text)
        while text not in taken:
            status = await here.hears(body)
            assert status in (200, 503)
            if status == 200:
                taken.add(text)
            else:
                refused.append(status)
                await asyncio.sleep(0.1)

    async with asyncio.TaskGroup() as group:
        for place, text in enumerate(texts):
            group.create_task(write(text))
            if place == 20:
                await asyncio.sleep(0)
                os.kill(before, signal.SIGKILL)
    await until(lambda: _ready(here), 40)
    after = here.gateway.mongod()
    assert after not in (0, before)
    await until(lambda: _all_shown(here, texts), 40)
    await until(lambda: _settled(here))
    events = await here.owner.events()
    shown = [e["data"]["content"]["body"]["text"] for e in events if e["type"] == "message.received"]
    assert [shown.count(text) for text in texts] == [1] * len(texts)
    assert [e["seq"] for e in events] == list(range(1, len(events) + 1))


async def test_an_answer_while_the_database_is_away_is_kept_and_not_sent_twice(here: Site) -> None:
    """The carrier takes the message while the database is frozen: the outcome is recorded when it is back."""
    _, contact = await here.customer()
    here.carrier.next.append(Behaviour(delay_s=0.3))
    sent = (await here.reply(contact, "in between")).ok(201)

    async def asked() -> bool:
        return here.carrier.accepted[sent["id"]] == 1

    await until(asked)
    os.kill(here.gateway.mongod(), signal.SIGSTOP)
    try:
        await until(lambda: _down(here))
        # The answer came during this; at least one try to record it ran into its deadline.
        await until(lambda: _down(here))
        await until(lambda: _down(here))
    finally:
        os.kill(here.gateway.mongod(), signal.SIGCONT)
    await here.until_status(sent["id"], "SENT")
    events = await here.owner.events()
    assert [e["type"] for e in events if e["subject"]["id"] == sent["id"]] == ["message.queued", "message.sent"]
    assert len(here.carrier.times_asked(sent["id"])) == 1


async def test_sockets_live_through_a_killed_database(here: Site) -> None:
    sender, _ = await here.customer()
    async with here.owner.socket() as socket:
        await socket.ready()
        await socket.subscribe()
        os.kill(here.gateway.mongod(), signal.SIGKILL)
        await until(lambda: _down(here))
        await until(lambda: _ready(here), 40)
        text = f"after {secrets.token_hex(4)}"

        async def taken() -> bool:
            return await here.hears(here.carrier.text(sender, text, id=f"wamid.{text}")) == 200

        await until(taken)
        await socket.until(lambda seen: any(text in str(e["data"]) for e in seen), 30)


async def _down(here: Site) -> bool:
    return (await here.owner.get("/readyz/")).status == 503


async def _settled(here: Site) -> bool:
    """Whether the log has stood still between two looks."""
    first = (await here.owner.events())[-1]["seq"]
    return first == (await here.owner.events())[-1]["seq"]


async def _all_shown(here: Site, texts: list[str]) -> bool:
    shown = {e["data"]["content"]["body"]["text"] for e in await here.owner.events() if e["type"] == "message.received"}
    return shown >= set(texts)


async def test_a_configured_database_that_is_away_at_start_is_named(tmp_path_factory: pytest.TempPathFactory) -> None:
    settings = {"JC_MONGODB__URI": "mongodb://127.0.0.1:9/?directConnection=true", "JC_MONGODB__TIMEOUT_S": "1"}
    gateway = GatewayProcess(tmp_path_factory.mktemp("nowhere"), settings)
    with pytest.raises(AssertionError, match="database is not answering"):
        await gateway.start()
    assert gateway.process is not None
    assert await gateway.process.wait() == 1
    assert "Traceback" not in gateway.told()
    assert not alive(gateway.pid)
