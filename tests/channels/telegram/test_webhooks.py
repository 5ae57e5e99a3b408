"""Bots and their webhooks: who may post, what is repeated or mixed up, and what a bot's life is at Telegram."""

from __future__ import annotations

import asyncio
import itertools
import json
import secrets
from typing import Any

import pytest

from jinaconnect.channels.base import WebhookRequest
from jinaconnect.channels.telegram.channel import UPDATES
from jinaconnect.channels.telegram.facts import facts_of, kind_of
from tests.carriers.telegram import BotServer
from tests.channels.telegram.conftest import Bot
from tests.tenants import Tenant

HEADER = "X-Telegram-Bot-Api-Secret-Token"


async def test_adding_a_bot_checks_it_and_sets_its_webhook(bot: Bot) -> None:
    server, owner = bot.server, bot.tenant()
    assert [name for _, name, _ in server.calls] == ["getMe", "setWebhook"]
    shown = (await owner.get(f"/telegram/v1/bots/{bot.id}/")).ok()
    assert (shown["bot_username"], shown["bot_user_id"]) == ("shop_bot", str(server.id))
    assert (shown["is_active"], shown["daily_limit"], shown["messages_sent_today"]) == (True, 1000, 0)
    assert server.webhook is not None
    assert server.webhook["url"] == shown["webhook_url"] == f"{bot.gateway.url}/telegram/v1/webhooks/{bot.id}/"
    assert server.webhook["allowed_updates"] == list(UPDATES)
    assert len(server.webhook["secret_token"]) >= 24
    assert (await owner.get("/telegram/v1/bots/")).ok()["results"] == [shown]
    told = json.dumps([shown, await owner.events()])
    row = await bot.gateway.services.store.raw("apps").find_one({"_id": bot.id})
    for secret in (server.token, server.webhook["secret_token"]):
        assert secret not in told
        assert secret not in str(row), "what is secret is sealed"


async def test_a_bot_is_added_once(bot: Bot, new_tenant: Any) -> None:
    (await bot.tenant().post("/telegram/v1/bots/", bot.server.bot())).refused(409, "already_exists")
    (await bot.tenant().delete(f"/telegram/v1/bots/{bot.id}/")).ok(204)
    again = (await bot.tenant().post("/telegram/v1/bots/", bot.server.bot())).ok(201)
    assert again["id"] != bot.id
    other: Tenant = await new_tenant()
    (await other().get(f"/telegram/v1/bots/{again['id']}/")).refused(404, "not_found")
    (await other().patch(f"/telegram/v1/bots/{again['id']}/", {"is_active": False})).refused(404, "not_found")


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"bot_token": "110201543"}, "bot_token"),
        ({"bot_token": "110201543:short"}, "bot_token"),
        ({"bot_token": "110201543:" + "é" * 30}, "bot_token"),
        ({"bot_token": "110201543:" + "x" * 30 + "/../getMe"}, "bot_token"),
        ({"bot_token": None}, "bot_token"),
        ({"base_url": "ftp://api.telegram.org"}, "base_url"),
        ({"base_url": "http://10.0.0.1/"}, "base_url"),
        ({"daily_limit": -1}, "daily_limit"),
    ],
)
async def test_a_bot_that_cannot_be_one_names_its_field(tenant: Tenant, change: dict[str, Any], field: str) -> None:
    body = {"bot_token": "110201543:" + "A" * 35, "base_url": "http://127.0.0.1:9", **change}
    assert field in (await tenant().post("/telegram/v1/bots/", body)).refused(400, "validation_error")
    assert (await tenant().get("/telegram/v1/bots/")).ok()["count"] == 0


async def test_a_token_that_telegram_refuses_adds_nothing(tenant: Tenant) -> None:
    server = BotServer()
    await server.start()
    try:
        body = {**server.bot(), "bot_token": f"{server.id}:{secrets.token_urlsafe(26)}"}
        told = (await tenant().post("/telegram/v1/bots/", body)).refused(400, "validation_error")
        assert told == {"bot_token": ["Telegram refuses it: Unauthorized"]}
        server.webhook_refused = "Bad Request: bad webhook: HTTPS url must be provided for webhook"
        told = (await tenant().post("/telegram/v1/bots/", server.bot())).refused(400, "validation_error")
        assert "HTTPS url must be provided" in told["webhook_url"][0]
    finally:
        await server.stop()
    (await tenant().post("/telegram/v1/bots/", server.bot())).refused(502, "provider_error")
    assert (await tenant().get("/telegram/v1/bots/")).ok()["count"] == 0


async def test_a_bot_is_turned_off_on_and_removed_at_telegram_too(bot: Bot) -> None:
    owner, path = bot.tenant(), f"/telegram/v1/bots/{bot.id}/"
    door, headers = bot.server.path, bot.server.headers()
    assert (await owner.post(f"{path}test_auth/")).ok()["bot"]["username"] == "shop_bot"
    assert (await owner.post(f"{path}deactivate/")).ok() == {"ok": True, "is_active": False}
    assert bot.server.webhook is None
    update = bot.server.update(message=bot.server.message(77, text="late"))
    answer = await bot.tenant.anonymous.ask("POST", door, json.dumps(update).encode(), headers=headers)
    assert answer.ok() == {"ok": True}
    assert not [event for event in await owner.events() if event["type"] == "message.received"]
    assert (await owner.patch(path, {"is_active": True, "daily_limit": 7})).ok()["daily_limit"] == 7
    assert bot.server.headers() == headers, "the secret is the one it was"
    bot.server.webhook = None
    registered = (await owner.post(f"{path}register_webhook/")).ok()
    assert registered == {"ok": True, "webhook_url": bot.server.webhook["url"]}
    (await owner.delete(path)).ok(204)
    assert bot.server.webhook is None
    (await owner.get(path)).refused(404, "not_found")


async def test_what_telegram_refuses_a_bot_is_not_ok_and_says_why(bot: Bot) -> None:
    path = f"/telegram/v1/bots/{bot.id}/"
    bot.server.webhook_refused = "Bad Request: bad webhook: HTTPS url must be provided for webhook"
    refused = await bot.tenant().post(f"{path}register_webhook/")
    refused.refused(400, "validation_error")
    assert (refused.body["ok"], "HTTPS url must be provided" in refused.body["error"]) == (False, True)
    bot.server.token = "another"
    refused = await bot.tenant().post(f"{path}test_auth/")
    assert "bot_token" in refused.refused(400, "validation_error")
    assert (refused.body["ok"], refused.body["error"]) == (False, "Telegram refuses it: Unauthorized")


async def test_another_host_wants_the_token_anew(bot: Bot) -> None:
    other = BotServer(token=bot.server.token, id=bot.server.id)
    await other.start()
    path = f"/telegram/v1/bots/{bot.id}/"
    try:
        told = (await bot.tenant().patch(path, {"base_url": other.url})).refused(400, "validation_error")
        assert told == {"bot_token": ["must be given anew with another base_url"]}
        assert other.calls == []
        (await bot.tenant().patch(path, {"base_url": other.url, "bot_token": other.token})).ok()
        assert [name for _, name, _ in other.calls] == ["getMe", "setWebhook"]
    finally:
        await other.stop()


async def test_who_may_see_and_change_bots(bot: Bot) -> None:
    path = f"/telegram/v1/bots/{bot.id}/"
    for role in ("agent", "viewer"):
        client = bot.tenant(role)
        for answer in (
            await client.post("/telegram/v1/bots/", bot.server.bot()), await client.patch(path, {"is_active": False}),
            await client.delete(path), await client.post(f"{path}deactivate/"),
        ):  # fmt: skip
            answer.refused(403, "permission_denied")
    assert (await bot.tenant("viewer").post("/telegram/v1/messages/", {"chat_id": 1, "text": "x"})).status == 403


async def test_only_the_secret_of_the_bot_opens_its_door(bot: Bot, new_tenant: Any) -> None:
    update = bot.server.update(message=bot.server.message(5550130, text="hello"))
    good = bot.server.headers()[HEADER]
    for wrong in ("", "x", good[:-1], good + "x", good.swapcase(), "é"):
        (await bot.posts(update, **{HEADER: wrong})).refused(401, "bad_signature")
    body = json.dumps(update).encode()
    (await bot.tenant.anonymous.ask("POST", bot.server.path, body)).refused(401, "bad_signature")
    assert not [event for event in await bot.tenant().events() if not event["type"].startswith("app.")]
    (await bot.posts(update)).ok()
    assert len(await bot.heard("message.received")) == 1


async def test_what_is_for_nobody_or_is_no_update_is_taken_and_changes_nothing(bot: Bot) -> None:
    anonymous, headers = bot.tenant.anonymous, bot.server.headers()
    update = json.dumps(bot.server.update(message=bot.server.message(1, text="x"))).encode()
    nobody = "/telegram/v1/webhooks/wap_01jzzzzzzzzzzzzzzzzzzzzzzz/"
    whatsapp = f"/telegram/v1/webhooks/{bot.tenant.whatsapp['app_id']}/"
    for path, body in (
        (nobody, update), (whatsapp, update), (bot.server.path, b"{broken"), (bot.server.path, b"[]"),
        (bot.server.path, b'{"message":{}}'), (bot.server.path, b""), (bot.server.path, b"\xff\xfe"),
    ):  # fmt: skip
        assert (await anonymous.ask("POST", path, body, headers=headers)).ok() == {"ok": True}
    assert (await anonymous.get(bot.server.path)).ok() == {"ok": True}
    assert (await anonymous.get(nobody)).ok() == {"ok": True}
    large = b'{"x":"' + b"y" * (3 * 1024 * 1024) + b'"}'
    (await anonymous.ask("POST", bot.server.path, large, headers=headers)).refused(413, "payload_too_large")
    assert not [event for event in await bot.tenant().events() if not event["type"].startswith("app.")]


async def test_updates_that_are_repeated_and_out_of_order_count_once(bot: Bot) -> None:
    updates = [bot.server.update(message=bot.server.message(5550131, text=str(n))) for n in range(6)]
    mixed = [updates[n] for n in (3, 0, 3, 5, 1, 1, 4, 2, 0)]
    assert {answer.status for answer in await asyncio.gather(*(bot.posts(each) for each in mixed))} == {200}
    for each in reversed(updates):
        (await bot.posts(each)).ok()
    received = await bot.heard("message.received", 6)
    assert sorted(event["data"]["content"]["body"]["text"] for event in received) == list("012345")
    chats = (await bot.tenant().get("/team-inbox/api/conversations/")).ok()["results"]
    assert [chat["unread_count"] for chat in chats] == [6]


async def test_two_bots_of_a_tenant_may_number_messages_alike(bot: Bot) -> None:
    other = BotServer(username="second_bot")
    await other.start()
    try:
        (await bot.tenant().post("/telegram/v1/bots/", other.bot())).ok(201)
        for server, text in ((bot.server, "to the first"), (other, "to the second")):
            message = {**server.message(5550132, text=text), "message_id": 7}
            body = json.dumps(server.update(message=message)).encode()
            (await bot.tenant.anonymous.ask("POST", server.path, body, headers=server.headers())).ok()
        received = await bot.heard("message.received", 2)
        assert sorted(event["data"]["content"]["body"]["text"] for event in received) == [
            "to the first", "to the second",
        ]  # fmt: skip
        assert len({event["contact_id"] for event in received}) == 1, "it is one person"
        (await bot.tenant().post("/telegram/v1/messages/", {"chat_id": 5550132, "text": "x"})).ok(201)
        await bot.heard("message.sent")
        assert len(other.sent()) == 1, "they are answered by the bot they wrote to last"
    finally:
        await other.stop()


ORDERS = list(itertools.permutations(range(4)))


@pytest.mark.parametrize("order", ORDERS[:: len(ORDERS) // 6], ids=str)
async def test_edits_and_reactions_end_alike_in_every_order(bot: Bot, order: tuple[int, ...]) -> None:
    said = bot.server.message(5550133, text="first")
    edit = {**said, "edit_date": said["date"]}
    reacted = {"chat": said["chat"], "message_id": said["message_id"], "user": said["from"], "date": said["date"]}
    thumb, heart = ([{"type": "emoji", "emoji": emoji}] for emoji in ("👍", "❤"))
    (await bot.posts(bot.server.update(message=said))).ok()
    [received] = await bot.heard("message.received")
    updates = [
        bot.server.update(edited_message={**edit, "text": "second"}),
        bot.server.update(message_reaction={**reacted, "old_reaction": [], "new_reaction": thumb}),
        bot.server.update(edited_message={**edit, "text": "third"}),
        bot.server.update(message_reaction={**reacted, "old_reaction": thumb, "new_reaction": heart}),
    ]
    for place in (*order, *order):
        (await bot.posts(updates[place])).ok()
    services = bot.gateway.services
    doc = await services.store.of(bot.tenant.id, "live").get("messages", received["subject"]["id"])
    assert doc["content"]["body"]["text"] == "third"
    assert [(held["emoji"], held["user_id"]) for held in doc["reactions"]] == [("❤", "5550133")]
    gone = bot.server.update(message_reaction={**reacted, "old_reaction": heart, "new_reaction": []})
    for update in (gone, updates[1], updates[3]):
        (await bot.posts(update)).ok()
    doc = await services.store.of(bot.tenant.id, "live").get("messages", received["subject"]["id"])
    assert doc["reactions"] == [], "what was taken back does not come back"


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))), ids=str)
async def test_the_last_word_on_whether_a_bot_is_blocked_holds(bot: Bot, order: tuple[int, ...]) -> None:
    said = await bot.hears(5550134, text="hello")
    [received] = await bot.heard("message.received")
    updates = []
    for place, status in enumerate(("kicked", "member", "kicked")):
        member = {"user": {"id": bot.server.id, "is_bot": True, "first_name": "Shop"}, "status": status}
        if status == "kicked":
            member["until_date"] = 0
        old = {"status": "member", "user": member["user"]}
        changed = {"chat": said["chat"], "from": said["from"], "date": said["date"] + place}
        updates.append(
            bot.server.update(my_chat_member={**changed, "old_chat_member": old, "new_chat_member": member})
        )
    for place in (*order, *order):
        (await bot.posts(updates[place])).ok()
    contact = (await bot.tenant().get(f"/contacts/{received['contact_id']}/")).ok()
    assert list(contact["unreachable"]) == ["TELEGRAM"]
    (await bot.posts(bot.server.update(message=bot.server.message(5550134, text="x", date=said["date"] + 9)))).ok()
    await bot.heard("message.received", 2)
    await bot.tenant().wait_for_events(
        lambda seen: [e["data"]["unreachable"] for e in seen if e["type"] == "contact.updated"][-1:] == [{}]
    )


def test_kinds_are_told_and_odd_updates_raise_nothing() -> None:
    assert [kind_of({"update_id": 1, name: {}}) for name in ("message", "edited_message", "callback_query")] == [
        "MESSAGE", "EDITED_MESSAGE", "CALLBACK_QUERY",
    ]  # fmt: skip
    assert kind_of({"update_id": 1, "inline_query": {}}) == "INLINE_QUERY"
    assert kind_of({"update_id": 1, "message_reaction": {}}) == "MESSAGE_REACTION"
    assert kind_of({"update_id": 1, "poll": {}}) == "UNKNOWN"
    odd: list[Any] = [None, 1, "x", [], {}, {"chat": 1}, {"message_id": "x", "chat": {"id": "y"}}, {"id": 1, "from": 2}]
    for name in ("message", "edited_message", "callback_query", "message_reaction", "my_chat_member", "new_kind"):
        for part in odd:
            for fact in facts_of({"update_id": 1, name: part}, "wap_x"):
                assert fact.account_address == "wap_x"
    assert facts_of([], "wap_x")


async def test_a_secret_is_not_kept_with_a_stored_update(bot: Bot) -> None:
    ports, server = bot.gateway.ports, bot.server
    assert server.webhook is not None
    update = server.update(message=server.message(5550135, text="hello"))
    headers = {name.lower(): value for name, value in server.headers().items()}
    hook = WebhookRequest(json.dumps(update).encode(), url=server.webhook["url"], headers=headers)
    channel = ports.channels["telegram"]
    verified = channel.verify(await ports.accounts.of_door(bot.tenant.id, "telegram"), hook)
    assert (verified.accounts, verified.kind, verified.lane) == ((bot.id,), "MESSAGE", 5550135)
    row = hook.row(channel.spec.headers)
    assert server.webhook["secret_token"] not in str(row)
    [fact] = channel.parse(WebhookRequest.of_row(row))
    assert fact.account_address == bot.id
