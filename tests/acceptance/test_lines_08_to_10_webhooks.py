"""Lines 8 to 10: webhooks change state once and never backwards, unsigned ones change nothing."""

from __future__ import annotations

import itertools
import json
import time
from typing import Any
from urllib.parse import urlencode

import pytest

from tests.channels.rcs_google.conftest import Agent
from tests.channels.sms_twilio.conftest import Sms
from tests.channels.telegram.conftest import Bot
from tests.client import until
from tests.handlers.broadcasts.shop import Shop
from tests.tenants import Tenant


def told(events: list[dict[str, Any]], message: str) -> list[str]:
    """Return what was told of a message, in order."""
    return [event["type"] for event in events if event["subject"]["id"] == message]


async def test_line_08_whatsapp_reports_repeated_and_in_any_order_count_once(shop: Shop) -> None:
    await shop.people(1)
    id = await shop.begin()
    await shop.reaches(id, "SENT")
    message = (await shop.rows(id))[0]["message"]
    body = shop.server.report(message, "read")
    door = shop.tenant.whatsapp["webhook_path"]
    for headers in ({}, {"X-Hub-Signature-256": "sha256=" + "0" * 64}):
        (await shop.tenant.anonymous.ask("POST", door, body, headers=headers)).refused(401, "bad_signature")
    assert (await shop.rows(id))[0]["status"] == "SENT"
    for status in ("delivered", "read", "delivered", "sent", "read", "failed"):
        await shop.report([message], status)

    async def read() -> bool:
        return (await shop.rows(id))[0]["status"] == "READ"

    await until(read)
    types = told(await shop.tenant().events(), message)
    assert types == ["message.queued", "message.sent", "message.delivered", "message.read"]


@pytest.mark.parametrize("order", [("delivered", "sent"), ("sent", "delivered", "sent", "queued", "delivered")])
async def test_line_08_sms_reports_never_go_back(sms: Sms, order: tuple[str, ...]) -> None:
    id = (await sms.sends()).ok(201)["id"]
    await sms.heard("message.sent")
    url = f"{sms.app['dlr_webhook_url']}?reference={id}"
    form = sms.server.report(id, "delivered")
    forged = await sms.server.posts(sms.tenant.anonymous, url, form, **{"X-Twilio-Signature": "Zm9yZ2Vk"})
    forged.refused(401, "bad_signature")
    path = "/" + url.split("/", 3)[3]
    bare = {"Content-Type": "application/x-www-form-urlencoded"}
    (await sms.tenant.anonymous.ask("POST", path, urlencode(form).encode(), headers=bare)).refused(401, "bad_signature")
    for status in order:
        assert (await sms.reports(id, status)).status == 200
    await sms.heard("message.delivered")
    types = told(await sms.tenant().events(), id)
    assert [kind for kind in types if kind == "message.delivered"] == ["message.delivered"]
    assert types == sorted(set(types), key=["message.queued", "message.sent", "message.delivered"].index)
    assert (await sms.shown(id))["status"] == "DELIVERED"


async def test_line_08_an_update_of_telegram_counts_once(bot: Bot) -> None:
    update = bot.server.update(message=bot.server.message(4711, text="hello"))
    body = json.dumps(update).encode()
    (await bot.tenant.anonymous.ask("POST", bot.server.path, body)).refused(401, "bad_signature")
    for _ in range(3):
        (await bot.posts(update)).ok()
    await bot.hears(4711, text="again")
    received = await bot.heard("message.received", 2)
    assert [event["data"]["content"]["body"]["text"] for event in received] == ["hello", "again"]


async def test_line_08_rcs_reports_repeated_and_in_any_order_count_once(agent: Agent) -> None:
    id = await agent.sends("+12025550111", text="hello")
    await agent.became(id, "SENT")
    carrier = (await agent.tenant().get(f"/rcs/v1/messages/{id}/")).ok()["provider_message_id"]
    read, delivered = (agent.server.reported("+12025550111", carrier, kind) for kind in ("READ", "DELIVERED"))
    (await agent.posts(read, **{"X-Goog-Signature": "Zm9yZ2Vk"})).refused(401, "bad_signature")
    for event in (read, delivered, read, delivered):
        (await agent.posts(event)).ok()
    await agent.heard("message.read")
    types = told(await agent.tenant().events(), id)
    assert types == ["message.queued", "message.sent", "message.read"]
    assert (await agent.tenant().get(f"/rcs/v1/messages/{id}/")).ok()["status"] == "READ"


async def test_line_09_three_entries_of_four_messages_are_twelve_in_the_inbox(tenant: Tenant) -> None:
    metadata = {"display_phone_number": "12025550199", "phone_number_id": tenant.whatsapp["phone_number_id"]}
    numbers, entries, wanted = itertools.count(12025556000), [], {}
    for entry in range(3):
        messages = []
        for place in range(4):
            sender, text = str(next(numbers)), f"entry {entry}, message {place}"
            wanted[text] = f"+{sender}"
            messages.append({"from": sender, "id": tenant.wamid(), "timestamp": str(int(time.time())), "type": "text",
                             "text": {"body": text}})  # fmt: skip
        contacts = [{"profile": {"name": f"P {message['from']}"}, "wa_id": message["from"]} for message in messages]
        value = {"messaging_product": "whatsapp", "metadata": metadata, "contacts": contacts, "messages": messages}
        entries.append({"id": tenant.waba, "changes": [{"field": "messages", "value": value}]})
    body = json.dumps({"object": "whatsapp_business_account", "entry": entries}).encode()
    (await tenant.webhook(body)).ok()

    async def there() -> list[dict[str, Any]] | None:
        page = (await tenant().get("/wa/v1/messages/", params={"page_size": "50"})).ok()
        rows: list[dict[str, Any]] = page["results"]
        return rows if len(rows) == 12 else None

    rows = await until(there)
    assert {row["text"]: row["contact_phone"] for row in rows} == wanted
    assert (await tenant().get("/contacts/")).ok()["count"] == 12
    assert (await tenant("owner", "test").get("/wa/v1/messages/")).ok()["count"] == 0


async def test_line_10_queued_sent_delivered_of_twilio_ends_delivered(sms: Sms) -> None:
    id = (await sms.sends()).ok(201)["id"]
    await sms.heard("message.sent")
    for status in ("queued", "sent", "delivered"):
        assert (await sms.reports(id, status)).status == 200
    await sms.heard("message.delivered")
    shown = await sms.shown(id)
    assert (shown["status"], shown["failed_at"]) == ("DELIVERED", None)
    assert shown["sent_at"] <= shown["delivered_at"]
