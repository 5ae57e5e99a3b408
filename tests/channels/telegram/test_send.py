"""What a bot sends: every kind as the Bot API takes it, every answer of it, and how fast."""

from __future__ import annotations

import asyncio
import time
from datetime import timedelta
from typing import Any

import orjson
import pytest

from jinaconnect.channels.base import Outgoing, Refused, Unknown
from jinaconnect.channels.telegram import channel
from jinaconnect.channels.telegram.channel import Telegram
from jinaconnect.channels.telegram.compose import composed, cut
from jinaconnect.channels.telegram.outcome import read, refusal
from jinaconnect.core.clock import iso
from jinaconnect.core.errors import Invalid
from jinaconnect.outbound import Fetched
from tests.carriers.bot_api import request_faults
from tests.carriers.telegram import Behaviour
from tests.channels.telegram.conftest import Bot
from tests.client import until

LINK = "https://files.example/a.jpg"
EARLY = 0.02  # clocks of milliseconds, and their differences
SENT: list[tuple[dict[str, Any], str, dict[str, Any]]] = [
    ({"text": "We have it."}, "sendMessage", {"text": "We have it."}),
    (
        {"text": "<b>Yes</b>", "parse_mode": "HTML", "disable_notification": True, "protect_content": True},
        "sendMessage",
        {"text": "<b>Yes</b>", "parse_mode": "HTML", "disable_notification": True, "protect_content": True},
    ),
    ({"photo": LINK, "text": "Blue"}, "sendPhoto", {"photo": LINK, "caption": "Blue"}),
    ({"media_url": LINK}, "sendPhoto", {"photo": LINK}),
    ({"media_url": LINK, "media_type": "video"}, "sendVideo", {"video": LINK}),
    ({"media_url": LINK, "media_type": "audio"}, "sendAudio", {"audio": LINK}),
    ({"media_url": LINK, "media_type": "sticker"}, "sendSticker", {"sticker": LINK}),
    ({"document": LINK, "text": "The bill"}, "sendDocument", {"document": LINK, "caption": "The bill"}),
    ({"voice": LINK}, "sendVoice", {"voice": LINK}),
    ({"location": {"latitude": 1.5, "longitude": -2}}, "sendLocation", {"latitude": 1.5, "longitude": -2.0}),
    (
        {"location": {"latitude": 1.5, "longitude": 2, "name": "Shop", "address": "1 Main Street"}},
        "sendVenue",
        {"latitude": 1.5, "longitude": 2.0, "title": "Shop", "address": "1 Main Street"},
    ),
    (
        {"contact_card": {"phone_number": "+12025550100", "first_name": "Ann", "last_name": "Lee"}},
        "sendContact",
        {"phone_number": "+12025550100", "first_name": "Ann", "last_name": "Lee"},
    ),
    (
        {
            "text": "Which?",
            "buttons": [
                {"type": "QUICK_REPLY", "text": "Blue"},
                {"type": "QUICK_REPLY", "text": "Red", "payload": "colour:red"},
                {"type": "URL", "text": "See", "url": "https://shop.example/"},
                {"type": "PHONE_NUMBER", "text": "Call", "phone_number": "+12025550100"},
                {"type": "COPY_CODE", "text": "Code", "payload": "4711"},
            ],
        },
        "sendMessage",
        {
            "text": "Which?",
            "reply_markup": {
                "inline_keyboard": [
                    [{"text": "Blue", "callback_data": "Blue"}],
                    [{"text": "Red", "callback_data": "colour:red"}],
                    [{"text": "See", "url": "https://shop.example/"}],
                    [{"text": "Call", "copy_text": {"text": "+12025550100"}}],
                    [{"text": "Code", "copy_text": {"text": "4711"}}],
                ]
            },
        },
    ),
    (
        {"text": "Who are you?", "keyboard": {"rows": [[{"text": "Share", "request_contact": True}, {"text": "No"}]]}},
        "sendMessage",
        {
            "text": "Who are you?",
            "reply_markup": {
                "keyboard": [[{"text": "Share", "request_contact": True}, {"text": "No"}]],
                "resize_keyboard": True, "one_time_keyboard": True,
            },
        },
    ),
    ({"text": "Thanks", "remove_keyboard": True}, "sendMessage",
     {"text": "Thanks", "reply_markup": {"remove_keyboard": True}}),
    ({"text": "Name?", "force_reply": True}, "sendMessage", {"text": "Name?", "reply_markup": {"force_reply": True}}),
]  # fmt: skip


@pytest.mark.parametrize(("body", "method", "params"), SENT, ids=lambda value: value if isinstance(value, str) else "")
async def test_each_kind_is_sent_as_the_bot_api_takes_it(
    bot: Bot, body: dict[str, Any], method: str, params: dict[str, Any]
) -> None:
    message = await bot.sends(5550111, **body)
    shown = await bot.became(message, "SENT")
    [(_, called, given)] = bot.server.sent()
    assert (called, given) == (method, {"chat_id": 5550111, **params})
    assert shown["provider_message_id"].startswith("5550111:")
    assert (shown["chat_id"], shown["direction"], shown["failed_at"]) == (5550111, "OUTBOUND", None)


async def test_the_team_writes_from_the_inbox_and_quotes(bot: Bot) -> None:
    said = await bot.hears(5550112, text="Do you have it?")
    [received] = await bot.heard("message.received")
    body = {
        "contact": received["contact_id"], "platform": "TELEGRAM", "reply_to": received["subject"]["id"],
        "content": {
            "type": "text", "header": {"text": "Shop"}, "body": {"text": "We do."}, "footer": {"text": "Lee & Sons"},
            "buttons": [{"type": "quick_reply", "text": "Order"}],
        },
    }  # fmt: skip
    sent = (await bot.tenant().post("/team-inbox/api/messages/", body)).ok(201)
    await bot.became(sent["id"], "SENT")
    [(_, _, params)] = bot.server.sent()
    assert params == {
        "chat_id": 5550112, "text": "Shop\n\nWe do.\n\nLee & Sons",
        "reply_markup": {"inline_keyboard": [[{"text": "Order", "callback_data": "Order"}]]},
        "reply_parameters": {"message_id": said["message_id"], "allow_sending_without_reply": True},
    }  # fmt: skip


async def test_a_reaction_of_the_team_is_sent_as_one() -> None:
    content = {"type": "text", "body": {"text": "👍"}, "reaction_to": "msg_x"}
    wire = composed(Outgoing(content, reply_to="5:17:wap_x")).wire
    assert wire["method"] == "setMessageReaction"
    assert wire["params"] == {"message_id": 17, "reaction": [{"type": "emoji", "emoji": "👍"}]}
    assert request_faults(wire["method"], {"chat_id": 5, **wire["params"]}) == []


@pytest.mark.parametrize(
    ("content", "field"),
    [
        ({"type": "order", "order": {}}, "content.type"),
        ({"type": "cards", "cards": []}, "content.type"),
        ({"type": "text", "body": {"text": "  "}}, "content.body.text"),
        ({"type": "text", "body": {"text": "x" * 4097}}, "content.body.text"),
        ({"type": "text", "body": {"text": "x" * 4090}, "footer": {"text": "y" * 20}}, "content.body.text"),
        ({"type": "text", "body": {"text": "x"}, "header": {"image": {"url": LINK}}}, "content.header"),
        ({"type": "image", "image": {"url": LINK, "caption": "x" * 1025}}, "content.image.caption"),
        ({"type": "image", "image": {"url": "/media/med_x/"}}, "content.image.url"),
        ({"type": "location", "location": {"latitude": 91, "longitude": 0}}, "content.location.latitude"),
        ({"type": "location", "location": {"latitude": float("nan"), "longitude": 0}}, "content.location.latitude"),
        ({"type": "location", "location": "here"}, "content.location.latitude"),
        ({"type": "contact", "contacts": [{"name": {"formatted_name": "Bo"}}]}, "content.contacts.0"),
        ({"type": "sticker", "sticker": {"url": LINK}, "body": {"text": "x"}}, "content.body"),
    ],
)
def test_what_telegram_cannot_show_is_named(content: dict[str, Any], field: str) -> None:
    with pytest.raises(Invalid) as error:
        composed(Outgoing(content))
    assert list(error.value.detail) == [field]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"text": "x"}, "chat_id"),
        ({"chat_id": 1, "contact_id": "cnt_x", "text": "x"}, "chat_id"),
        ({"chat_id": 1}, "text"),
        ({"chat_id": "anna", "text": "x"}, "chat_id"),
        ({"chat_id": 2**60, "text": "x"}, "chat_id"),
        ({"chat_id": 1, "text": "x" * 4097}, "text"),
        ({"chat_id": 1, "photo": LINK, "text": "x" * 1025}, "text"),
        ({"chat_id": 1, "photo": "ftp://files.example/a"}, "photo"),
        ({"chat_id": 1, "photo": LINK, "voice": LINK}, "voice"),
        ({"chat_id": 1, "text": "x", "location": {"latitude": 0, "longitude": 0}}, "text"),
        ({"chat_id": 1, "text": "x", "parse_mode": "BBCode"}, "parse_mode"),
        ({"chat_id": 1, "text": "x", "buttons": [{"type": "URL", "text": "x"}]}, "buttons.0"),
        ({"chat_id": 1, "text": "x", "buttons": [{"type": "QUICK_REPLY", "text": "x"}], "force_reply": True},
         "force_reply"),
        ({"chat_id": 1, "text": "x", "keyboard": {"rows": [[]]}}, "keyboard.rows.0"),
        ({"chat_id": 1, "text": "x", "bot_id": "wap_x"}, "bot_id"),
        ({"contact_id": "cnt_x", "text": "x"}, "contact_id"),
        ({"chat_id": 1, "text": "x", "reply_to": "msg_x"}, "reply_to"),
    ],
)  # fmt: skip
async def test_a_request_that_cannot_be_sent_names_its_field(bot: Bot, body: dict[str, Any], field: str) -> None:
    assert field in (await bot.tenant().post("/telegram/v1/messages/", body)).refused(400, "validation_error")
    assert await bot.tenant().events() == [event for event in await bot.tenant().events() if "app." in event["type"]]
    assert bot.server.sent() == []


async def test_a_contact_without_a_chat_is_refused(bot: Bot) -> None:
    contact = (await bot.tenant().post("/contacts/", {"phone": "+12025550177"})).ok(201)["id"]
    answer = await bot.tenant().post("/telegram/v1/messages/", {"contact_id": contact, "text": "x"})
    assert answer.refused(400, "validation_error") == {"contact_id": ["the contact has no telegram chat id"]}


def test_callback_data_is_cut_between_characters() -> None:
    assert cut("ö" * 40, 64) == "ö" * 32
    assert cut("a" + "ö" * 40, 64) == "a" + "ö" * 31
    assert cut("x" * 64, 64) == "x" * 64


def answered(status: int, data: Any) -> Fetched:
    body = data if isinstance(data, bytes) else orjson.dumps(data)
    return Fetched(status, {}, body, "")


@pytest.mark.parametrize(
    ("status", "description", "parameters", "again", "cause", "wait"),
    [
        (429, "Too Many Requests: retry after 35", {"retry_after": 35}, True, "rate", 35.0),
        (429, "Too Many Requests", None, True, "rate", None),
        (429, "Too Many Requests", {"retry_after": 90_000}, True, "rate", 3600.0),
        (401, "Unauthorized", None, False, "auth", None),
        (404, "Not Found", None, False, "auth", None),
        (403, "Forbidden: bot was blocked by the user", None, False, "unreachable", None),
        (403, "Forbidden: user is deactivated", None, False, "unreachable", None),
        (403, "Forbidden: bot was kicked from the group chat", None, False, "unreachable", None),
        (400, "Bad Request: chat not found", None, False, None, None),
        (400, "Bad Request: message text is empty", None, False, None, None),
        (400, "Bad Request: can't parse entities", None, False, None, None),
        (409, "Conflict: terminated by other getUpdates request", None, True, None, None),
        (500, "Internal Server Error", None, True, None, None),
        (502, "Bad Gateway", None, True, None, None),
    ],
)
def test_each_error_says_whether_another_try_can_help(
    status: int, description: str, parameters: Any, again: bool, cause: str | None, wait: float | None
) -> None:
    told = {"ok": False, "error_code": status, "description": description}
    if parameters is not None:
        told["parameters"] = parameters
    answer = read(answered(status, told))
    assert refusal(answer) == Refused(str(status), description, again, wait, cause=cause)  # type: ignore[arg-type]


@pytest.mark.parametrize("body", [b"<html>", b"", b"[]", b'{"ok":1}', b"\xff"])
@pytest.mark.parametrize("status", [200, 404, 500, 502])
async def test_what_is_no_word_of_the_bot_api_is_no_refusal(bot: Bot, status: int, body: bytes) -> None:
    assert not read(answered(status, body)).told


async def test_a_page_with_an_error_leaves_a_message_unknown(bot: Bot) -> None:
    bot.server.next.append(Behaviour(status=502, page=True))
    await bot.became(await bot.sends(5550113, text="one"), "UNKNOWN")
    bot.server.next.append(Behaviour(reset=True))
    await bot.became(await bot.sends(5550114, text="two"), "UNKNOWN")
    assert len(bot.server.sent()) == 2, "neither is sent again"


async def test_errors_that_pass_are_tried_again_and_others_are_not(bot: Bot) -> None:
    bot.server.next.append(Behaviour(status=500))
    assert (await bot.became(await bot.sends(5550115, text="passing"), "SENT"))["error_code"] is None
    bot.server.next.append(Behaviour(status=400))
    failed = await bot.became(await bot.sends(5550116, text="wrong"), "FAILED")
    assert (failed["error_code"], failed["error_message"]) == ("400", "Bad Request: chat not found")
    assert [params["text"] for _, _, params in bot.server.sent()] == ["passing", "passing", "wrong"]


async def test_a_token_that_is_refused_fails_the_message_and_is_told_of_the_bot(bot: Bot) -> None:
    bot.server.next.append(Behaviour(status=401))
    await bot.became(await bot.sends(5550117, text="x"), "FAILED")
    [told] = await bot.heard("account.reported")
    assert (told["subject"]["id"], told["data"]["kind"]) == (bot.id, "authentication")
    assert bot.server.token not in str(told)


async def test_who_blocks_the_bot_is_unreachable_until_they_write(bot: Bot) -> None:
    bot.server.next.append(Behaviour(status=403))
    message = await bot.sends(5550118, text="x")
    blocked = await bot.became(message, "BLOCKED")
    assert blocked["error_message"] == "Forbidden: bot was blocked by the user"
    [updated] = await bot.heard("contact.updated")
    contact = (await bot.tenant().get(f"/contacts/{updated['contact_id']}/")).ok()
    assert list(contact["unreachable"]) == ["TELEGRAM"]
    listed = (await bot.tenant().get("/telegram/v1/messages/", params={"status": "BLOCKED"})).ok()["results"]
    assert [row["id"] for row in listed] == [message]
    assert (await bot.tenant().get("/telegram/v1/messages/", params={"status": "FAILED"})).ok()["results"] == []
    await bot.hears(5550118, text="I am back", date=int(bot.gateway.services.clock().timestamp()) + 1)
    await bot.heard("contact.updated", 2)
    assert (await bot.tenant().get(f"/contacts/{updated['contact_id']}/")).ok()["unreachable"] == {}


async def test_a_group_that_became_a_supergroup_is_followed(bot: Bot) -> None:
    group, supergroup = -5550119, -1005550119
    bot.server.next.append(Behaviour(status=400, parameters={"migrate_to_chat_id": supergroup}))
    shown = await bot.became(await bot.sends(group, text="hello"), "SENT")
    assert [params["chat_id"] for _, _, params in bot.server.sent()] == [group, supergroup]
    assert shown["provider_message_id"].startswith(f"{supergroup}:")
    await bot.heard("contact.updated")
    assert (await bot.tenant().get(f"/contacts/{shown['contact']}/")).ok()["telegram_chat_id"] == supergroup


async def test_what_a_bot_sends_to_one_chat_is_a_second_apart(bot: Bot) -> None:
    begun = time.monotonic()
    messages = [await bot.sends(5550120, text=str(n)) for n in range(3)]
    other = await bot.sends(5550121, text="other")
    for message in (other, *messages):
        await bot.became(message, "SENT")
    at = {params["text"]: moment for moment, _, params in bot.server.sent()}
    assert sorted(at) == ["0", "1", "2", "other"]
    ours = sorted(moment for text, moment in at.items() if text != "other")
    assert all(moment - begun > turn - EARLY for turn, moment in enumerate(ours))
    assert at["other"] < ours[-1], "nobody waits for another chat's turn"


async def test_a_bot_sends_at_most_thirty_a_second(bot: Bot) -> None:
    begun = time.monotonic()
    messages = await asyncio.gather(*(bot.sends(5551000 + n, text=str(n)) for n in range(45)))
    for message in messages:
        await bot.became(message, "SENT")
    moments = sorted(moment for moment, _, _ in bot.server.sent())
    assert len(moments) == 45
    assert all(moment - begun > turn / 30 - EARLY for turn, moment in enumerate(moments)), "none goes before its turn"


async def test_a_wait_that_telegram_asks_for_is_the_whole_bots(bot: Bot) -> None:
    bot.server.next.append(Behaviour(status=429, parameters={"retry_after": 2}))
    first = await bot.sends(5550122, text="first")

    async def refused() -> bool:
        return len(bot.server.sent()) == 1

    await until(refused)
    second = await bot.sends(5550123, text="second")
    await bot.became(first, "SENT")
    await bot.became(second, "SENT")
    [(asked, _, _), *later] = bot.server.sent()
    assert len(later) == 2
    assert all(moment - asked > 1.9 for moment, _, _ in later)


async def test_a_message_waits_for_its_time(bot: Bot) -> None:
    at = bot.gateway.services.clock() + timedelta(seconds=2)
    message = await bot.sends(5550124, text="later", scheduled_time=iso(at))
    shown = (await bot.tenant().get(f"/telegram/v1/messages/{message}/")).ok()
    assert (shown["status"], shown["scheduled_time"]) == ("PENDING", iso(at))
    sent = await bot.became(message, "SENT")
    assert sent["sent_at"] >= iso(at)


def test_a_send_without_a_number_is_unknown() -> None:
    assert Telegram.spec.receipts is False
    answer = read(answered(200, {"ok": True, "result": {}}))
    assert isinstance(channel._outcome(None, channel.chat_address(5), answer, "msg_x"), Unknown)  # type: ignore[arg-type]
