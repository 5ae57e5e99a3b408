"""A word to stop, on every text channel: kept as its writer's wish, and taken back by a word to start again."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from jinaconnect.actions.contacts.preferences import set_marketing
from jinaconnect.actions.context import system_context
from jinaconnect.core.clock import system_clock
from tests.client import Client, until
from tests.conftest import Running
from tests.tenants import Tenant

KEYS = {"whatsapp": "WHATSAPP_MARKETING", "telegram": "TELEGRAM", "rcs": "RCS", "sms": "SMS"}


def sender_on(channel: str) -> str:
    return "990171" if channel == "telegram" else "+12025550171"


async def writes(client: Client, channel: str, text: str) -> None:
    (await client.post("/sandbox/inbound/", {"channel": channel, "from": sender_on(channel), "text": text})).ok(201)


async def contact_of(client: Client) -> dict[str, Any]:
    """Return the only contact, once there is one."""

    async def there() -> Any:
        return next(iter((await client.get("/contacts/")).ok()["results"]), None)

    found: dict[str, Any] = await until(there)
    return found


async def until_opted(client: Client, *names: str) -> None:
    async def opted() -> bool:
        return tuple((await contact_of(client))["opt_outs"]) == names

    await until(opted)


async def received(client: Client) -> list[str]:
    seen = await client.events()
    return [e["data"]["content"]["body"]["text"] for e in seen if e["type"] == "message.received"]


@pytest.mark.parametrize("channel", KEYS)
@pytest.mark.parametrize("word", ["STOP", "Unsubscribe!", "बंद"])
async def test_a_word_alone_stops_and_another_undoes_it(tenant: Tenant, channel: str, word: str) -> None:
    client = tenant("owner", "test")
    await writes(client, channel, word)
    await until_opted(client, KEYS[channel])
    await writes(client, channel, "Start.")
    await until_opted(client)
    assert await received(client) == [word, "Start."], "both stand in the inbox"
    if channel != "sms":
        said = [event for event in await client.events() if event["type"] == "message.queued"]
        assert said == [], "nobody answers by themselves"


@pytest.mark.parametrize("channel", ["whatsapp", "telegram", "rcs"])
@pytest.mark.parametrize("text", ["please stop", "stop it!", "help", "/cancel", "it is the end", "\U0001f6d1"])
async def test_what_says_more_or_something_else_stops_nothing(tenant: Tenant, channel: str, text: str) -> None:
    client = tenant("owner", "test")
    await writes(client, channel, text)
    await writes(client, channel, "goodbye")

    async def both() -> bool:
        return await received(client) == [text, "goodbye"]

    await until(both)
    assert (await contact_of(client))["opt_outs"] == {}


@pytest.mark.parametrize("command", ["/stop", "/start"])
async def test_a_bots_own_commands_are_words(tenant: Tenant, command: str) -> None:
    client = tenant("owner", "test")
    if command == "/start":
        await writes(client, "telegram", "stop")
        await until_opted(client, "TELEGRAM")
    await writes(client, "telegram", command)
    await until_opted(client, *(["TELEGRAM"] if command == "/stop" else []))


async def test_a_word_that_is_told_again_undoes_nothing_said_since(gateway: Running, tenant: Tenant) -> None:
    """As where a carrier was not answered in time and sends again."""
    client, id = tenant(), tenant.wamid()
    first = tenant.envelope(tenant.text("+12025550172", "stop", id=id))
    (await tenant.webhook(first)).ok()
    await until_opted(client, "WHATSAPP_MARKETING")
    contact = (await contact_of(client))["id"]
    ctx = system_context(gateway.services, f"{tenant.id}:live", "tests")
    later = system_clock() + timedelta(seconds=5)
    await set_marketing(ctx, contact, "WHATSAPP", stop=False, at=later)
    (await tenant.webhook(first)).ok()
    await tenant.receives("+12025550172", "the last")

    async def last() -> bool:
        return await received(client) == ["stop", "the last"]

    await until(last)
    assert (await contact_of(client))["opt_outs"] == {}


async def test_what_is_said_in_a_group_is_nobodys_wish(tenant: Tenant) -> None:
    value = tenant.text("+12025550173", "stop")
    value["messages"][0]["group_id"] = "Y2FwaV9ncm91cDox"
    (await tenant.webhook(tenant.envelope(value))).ok()
    client = tenant()

    async def there() -> bool:
        return await received(client) == ["stop"]

    await until(there)
    assert [each["opt_outs"] for each in (await client.get("/contacts/")).ok()["results"] if each["opt_outs"]] == []
