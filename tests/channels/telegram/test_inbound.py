"""What customers send to a bot, as it stands in the inbox: every type, groups, edits, buttons, files."""

from __future__ import annotations

from typing import Any

import pytest

from jinaconnect.channels.telegram.facts import facts_of
from tests.carriers.bot_api import description
from tests.channels.telegram.conftest import Bot
from tests.client import until

FILE = {"file_id": "f1", "file_unique_id": "u1"}
SIZE = {**FILE, "width": 90, "height": 90}
KINDS: list[tuple[dict[str, Any], str, dict[str, Any]]] = [
    ({"text": "Do you have it?"}, "TEXT", {"type": "text", "body": {"text": "Do you have it?"}}),
    (
        {"photo": [{**SIZE, "file_id": "small"}, {**SIZE, "file_size": 700}], "caption": "This one"},
        "PHOTO",
        {"type": "image", "image": {"caption": "This one", "mime_type": "image/jpeg", "size": 700}},
    ),
    (
        {"document": {**FILE, "file_name": "bill.pdf", "mime_type": "application/pdf", "file_size": 9}},
        "DOCUMENT",
        {"type": "document", "document": {"filename": "bill.pdf", "mime_type": "application/pdf", "size": 9}},
    ),
    (
        {"video": {**SIZE, "duration": 3, "mime_type": "video/mp4"}},
        "VIDEO",
        {"type": "video", "video": {"mime_type": "video/mp4"}},
    ),
    (
        {"animation": {**SIZE, "duration": 3}, "document": {**FILE, "mime_type": "video/mp4"}},
        "VIDEO",
        {"type": "video", "video": {"mime_type": "video/mp4"}},
    ),
    ({"video_note": {**FILE, "length": 240, "duration": 3}}, "VIDEO",
     {"type": "video", "video": {"mime_type": "video/mp4"}}),
    (
        {"audio": {**FILE, "duration": 3, "mime_type": "audio/mpeg", "title": "Song"}},
        "AUDIO",
        {"type": "audio", "audio": {"mime_type": "audio/mpeg"}},
    ),
    ({"voice": {**FILE, "duration": 3}}, "VOICE",
     {"type": "audio", "audio": {"mime_type": "audio/ogg", "voice": True}}),
    (
        {"sticker": {**SIZE, "type": "regular", "is_animated": False, "is_video": False, "emoji": "👍"}},
        "STICKER",
        {
            "type": "sticker", "sticker": {"mime_type": "image/webp", "animated": False}, "body": {"text": "👍"},
        },
    ),
    ({"location": {"latitude": 1.5, "longitude": 2.5}}, "LOCATION",
     {"type": "location", "location": {"latitude": 1.5, "longitude": 2.5}}),
    (
        {
            "location": {"latitude": 1.5, "longitude": 2.5},
            "venue": {"location": {"latitude": 1.5, "longitude": 2.5}, "title": "Shop", "address": "1 Main Street"},
        },
        "LOCATION",
        {
            "type": "location",
            "location": {"latitude": 1.5, "longitude": 2.5, "name": "Shop", "address": "1 Main Street"},
        },
    ),
    (
        {"contact": {"phone_number": "12025550111", "first_name": "Bo", "last_name": "Roe"}},
        "CONTACT",
        {
            "type": "contact",
            "contacts": [{
                "name": {"formatted_name": "Bo Roe", "first_name": "Bo", "last_name": "Roe"},
                "phones": [{"phone": "12025550111"}],
            }],
        },
    ),
    ({"dice": {"emoji": "🎲", "value": 4}}, "TEXT", {"type": "text", "body": {"text": "🎲 4"}}),
]  # fmt: skip


def without_url(content: dict[str, Any]) -> dict[str, Any]:
    kind = content["type"]
    part = content.get(kind)
    if isinstance(part, dict):
        content = {**content, kind: {name: value for name, value in part.items() if name != "url"}}
    return content


@pytest.mark.parametrize(("fields", "kind", "content"), KINDS, ids=[row[1] for row in KINDS])
async def test_every_type_stands_in_the_inbox(
    bot: Bot, fields: dict[str, Any], kind: str, content: dict[str, Any]
) -> None:
    said = await bot.hears(5550140, **fields)
    [event] = await bot.heard("message.received")
    data = event["data"]
    assert (data["message_type"], without_url(data["content"])) == (kind, content)
    assert (data["platform"], data["direction"], data["author"]) == ("TELEGRAM", "INCOMING", "CONTACT")
    assert (data["expires_at"], data["channel_app_id"], data["group_id"]) == (None, bot.id, None)
    listed = (await bot.tenant().get("/telegram/v1/messages/")).ok()["results"]
    assert [(row["status"], row["provider_message_id"], row["chat_id"]) for row in listed] == [
        ("RECEIVED", f"5550140:{said['message_id']}", 5550140)
    ]
    contact = (await bot.tenant().get(f"/contacts/{event['contact_id']}/")).ok()
    assert (contact["first_name"], contact["last_name"], contact["source"]) == ("Ann", "Lee", "TELEGRAM")
    assert (contact["telegram_chat_id"], contact["telegram_username"], contact["phone"]) == (5550140, "ann_lee", None)


async def test_what_has_no_form_here_is_named_and_kept(bot: Bot) -> None:
    story = {"chat": {"id": 77, "type": "private"}, "id": 5}
    said = await bot.hears(5550141, story=story)
    [event] = await bot.heard("message.received")
    content = event["data"]["content"]
    assert content["body"]["text"] == "unsupported: story"
    assert content["unsupported"] == {"type": "story", "code": None, "title": None, "details": None}
    row = await bot.gateway.services.store.of(bot.tenant.id, "live").get("messages", event["subject"]["id"])
    assert row["raw"] == said


def test_every_field_of_the_description_is_about_a_message_or_shown() -> None:
    """No field that Telegram describes, or will, makes a message that says nothing."""
    told = description()
    fields = [field["name"] for field in told["types"]["Message"]["fields"]] if told else ["game", "invoice"]
    who = {"id": 5, "first_name": "Ann", "type": "private"}
    for name in [*fields, "tomorrows_type"]:
        for value in ({"title": "T"}, [{"x": 1}], True, 7, "words", None):
            message = {"message_id": 1, "date": 1795687200, "chat": who, "from": who}
            update = {"update_id": 1, "message": {**message, name: value} if name not in message else message}
            shown = [fact for fact in facts_of(update, "wap_x") if type(fact).__name__ == "Inbound"]
            assert len(shown) == 1
            assert shown[0].content["type"]  # type: ignore[union-attr]
    unknown = {"message_id": 1, "date": 1, "chat": who, "tomorrows_type": {"title": "A title", "deep": [{"text": "x"}]}}
    [fact] = facts_of({"update_id": 1, "message": unknown}, "wap_x")
    assert fact.content["body"]["text"] == "unsupported: tomorrows_type A title x"  # type: ignore[union-attr]


async def test_a_deep_link_and_a_quoted_message_are_told(bot: Bot) -> None:
    first = await bot.hears(5550142, text="/start campaign-7")
    await bot.hears(5550142, text="And this?", reply_to_message=first)
    received = await bot.heard("message.received", 2)
    store = bot.gateway.services.store.of(bot.tenant.id, "live")
    row = await store.get("messages", received[0]["subject"]["id"])
    assert row["extra"] == {"start": "campaign-7"}
    assert received[1]["data"]["reply_to"] == row["carrier_id"] == received[0]["data"]["external_message_id"]


async def test_a_file_is_fetched_with_the_bots_token(bot: Bot) -> None:
    bot.server.files["f1"] = b"\xff\xd8\xff" + b"x" * 1000
    await bot.hears(5550143, photo=[{**SIZE, "file_size": 1003}])
    [event] = await bot.heard("message.received")
    url = event["data"]["content"]["image"]["url"]

    async def served() -> bool:
        async with bot.tenant.anonymous.session.get(bot.gateway.url + url) as answer:
            return answer.status == 200 and await answer.read() == bot.server.files["f1"]

    await until(served)
    assert bot.server.called("getFile") == [{"file_id": "f1"}]


async def test_a_file_that_is_too_large_or_gone_is_not_asked_for_again(bot: Bot) -> None:
    await bot.hears(5550144, document={**FILE, "file_size": 200 * 1024 * 1024})
    await bot.hears(5550144, document={**FILE, "file_id": "gone"})
    received = await bot.heard("message.received", 2)
    store = bot.gateway.services.store.of(bot.tenant.id, "live")
    for event in received:
        id = event["data"]["content"]["document"]["url"].split("/")[2]

        async def settled(id: str = id) -> bool:
            row = await store.find("media", id)
            return row is not None and "due" not in row

        await until(settled)
    assert bot.server.called("getFile") == [{"file_id": "gone"}]


async def test_a_group_is_one_conversation_and_says_who_speaks(bot: Bot) -> None:
    group = {"id": -1001234, "type": "supergroup", "title": "Shop friends"}
    for name, id in (("Ann", 5550145), ("Bo", 5550146)):
        who = {"id": id, "is_bot": False, "first_name": name}
        message = {**bot.server.message(5550145, text=f"I am {name}"), "chat": group, "from": who}
        (await bot.posts(bot.server.update(message=message))).ok()
    received = await bot.heard("message.received", 2)
    assert len({event["contact_id"] for event in received}) == 1
    assert [event["data"]["said_by"] for event in received] == [
        {"name": "Ann", "address": "5550145"}, {"name": "Bo", "address": "5550146"},
    ]  # fmt: skip
    assert {event["data"]["group_id"] for event in received} == {"-1001234"}
    contact = (await bot.tenant().get(f"/contacts/{received[0]['contact_id']}/")).ok()
    assert (contact["full_name"], contact["telegram_chat_id"]) == ("Shop friends", -1001234)
    message = await bot.sends(-1001234, text="Welcome")
    assert (await bot.became(message, "SENT"))["contact"] == contact["id"]
    for who, words in ((5550145, "not hers"), (5550146, "his own")):
        author = {"id": who, "is_bot": False, "first_name": "X"}
        number = int(received[1]["data"]["external_message_id"].split(":")[1])
        edited = {
            **bot.server.message(who, text=words), "chat": group, "from": author, "message_id": number,
            "edit_date": 1795687200,
        }  # fmt: skip
        (await bot.posts(bot.server.update(edited_message=edited))).ok()
    [updated] = await bot.heard("message.updated")
    assert updated["data"]["content"]["body"]["text"] == "his own", "nobody edits what another has said"


async def test_telegrams_own_notes_ask_for_no_answer(bot: Bot) -> None:
    group = {"id": -1001235, "type": "supergroup", "title": "Shop friends"}
    who = {"id": 5550147, "is_bot": False, "first_name": "Ann"}
    message = {**bot.server.message(5550147), "chat": group, "from": who, "new_chat_members": [who]}
    (await bot.posts(bot.server.update(message=message))).ok()
    [event] = await bot.heard("message.received")
    assert event["data"]["content"]["body"]["text"] == "unsupported: new_chat_members"
    [chat] = (await bot.tenant().get("/team-inbox/api/conversations/")).ok()["results"]
    assert chat["unread_count"] == 0


async def test_a_group_that_moves_stays_one_conversation(bot: Bot) -> None:
    group = {"id": -5551236, "type": "group", "title": "Shop friends"}
    moved = {"id": -1005551236, "type": "supergroup", "title": "Shop friends"}
    who = {"id": 5550148, "is_bot": False, "first_name": "Ann"}

    def said(chat: dict[str, Any], **fields: Any) -> dict[str, Any]:
        return bot.server.update(message={**bot.server.message(1), "chat": chat, "from": who, **fields})

    (await bot.posts(said(group, text="before"))).ok()
    (await bot.posts(said(moved, migrate_from_chat_id=group["id"]))).ok()
    (await bot.posts(said(group, migrate_to_chat_id=moved["id"]))).ok()
    (await bot.posts(said(moved, text="after"))).ok()
    received = [
        event for event in await bot.heard("message.received", 4) if event["data"]["message_type"] == "TEXT"
    ]  # fmt: skip
    assert [event["data"]["content"]["body"]["text"] for event in received] == ["before", "after"]
    contact = (await bot.tenant().get(f"/contacts/{received[0]['contact_id']}/")).ok()
    assert contact["telegram_chat_id"] == moved["id"]
    assert received[1]["contact_id"] == contact["id"]


async def test_an_edit_gives_the_message_its_new_words(bot: Bot) -> None:
    said = await bot.hears(5550149, text="Blue")
    edited = {**said, "text": "Red", "edit_date": said["date"] + 5}
    (await bot.posts(bot.server.update(edited_message=edited))).ok()
    [updated] = await bot.heard("message.updated")
    data = updated["data"]
    assert data["content"]["body"]["text"] == "Red"
    assert data["edited_at"] is not None
    assert [past["content"]["body"]["text"] for past in data["history"]] == ["Blue"]
    [chat] = (await bot.tenant().get("/team-inbox/api/conversations/")).ok()["results"]
    assert (chat["last_message"]["preview"], chat["unread_count"]) == ("Red", 1)
    late = bot.server.message(5550149, text="edited before it came")
    (await bot.posts(bot.server.update(edited_message={**late, "edit_date": late["date"]}))).ok()
    assert len(await bot.heard("message.received", 2)) == 2


async def test_a_pressed_button_is_a_message_and_is_acknowledged(bot: Bot) -> None:
    await bot.hears(5550150, text="hello")
    sent = await bot.sends(
        5550150, text="Which?", buttons=[{"type": "QUICK_REPLY", "text": "Blue one", "payload": "colour:blue"}]
    )
    shown = await bot.became(sent, "SENT")
    number = int(shown["provider_message_id"].split(":")[1])
    who = {"id": 5550150, "is_bot": False, "first_name": "Ann"}
    markup = {"inline_keyboard": [[{"text": "Blue one", "callback_data": "colour:blue"}]]}
    message = {**bot.server.message(5550150, text="Which?"), "message_id": number, "reply_markup": markup}
    query = {"id": "4382bfdwdsb323b2d9", "from": who, "chat_instance": "1", "data": "colour:blue", "message": message}
    update = bot.server.update(callback_query=query)
    for _ in range(3):
        (await bot.posts(update)).ok()
    received = await bot.heard("message.received", 2)
    data = received[1]["data"]
    assert data["content"] == {
        "type": "button_reply", "body": {"text": "Blue one"},
        "button_reply": {"title": "Blue one", "payload": "colour:blue"},
    }  # fmt: skip
    assert data["message_type"] == "CALLBACK"
    assert data["reply_to"] == (await bot.gateway.services.store.of(bot.tenant.id, "live").get("messages", sent))[
        "carrier_id"
    ]  # fmt: skip

    async def acknowledged() -> bool:
        return bot.server.called("answerCallbackQuery") == [{"callback_query_id": "4382bfdwdsb323b2d9"}]

    await until(acknowledged)


async def test_a_reaction_stands_on_our_message_and_is_taken_back(bot: Bot) -> None:
    sent = await bot.sends(5550151, text="Thanks!")
    number = int((await bot.became(sent, "SENT"))["provider_message_id"].split(":")[1])
    who = {"id": 5550151, "is_bot": False, "first_name": "Ann"}
    chat = {"id": 5550151, "type": "private", "first_name": "Ann"}
    reacted = {"chat": chat, "message_id": number, "user": who, "date": 1795687200, "old_reaction": []}
    kinds = [{"type": "emoji", "emoji": "❤"}, {"type": "paid"}, {"type": "custom_emoji", "custom_emoji_id": "5"}]
    (await bot.posts(bot.server.update(message_reaction={**reacted, "new_reaction": kinds}))).ok()
    [updated] = await bot.heard("message.updated")
    assert updated["subject"]["id"] == sent
    assert [(held["emoji"], held["user_id"]) for held in updated["data"]["reactions"]] == [("❤⭐❔", "5550151")]
    gone = {**reacted, "old_reaction": kinds, "new_reaction": [], "date": 1795687201}
    (await bot.posts(bot.server.update(message_reaction=gone))).ok()
    assert (await bot.heard("message.updated", 2))[1]["data"]["reactions"] == []


async def test_what_cannot_be_read_harms_nothing_else(bot: Bot) -> None:
    odd = {**bot.server.message(5550152, text="x"), "date": "tomorrow"}
    update = {"update_id": 900_000, "message": odd}
    (await bot.posts(update)).ok()
    [failed] = await bot.heard("webhook.failed")
    assert "tomorrow" in failed["data"]["reason"]
    [received] = await bot.heard("message.received")
    assert received["data"]["content"]["body"]["text"] == "[a message that could not be read]"
    await bot.hears(5550152, text="hello")
    assert len(await bot.heard("message.received", 2)) == 2
