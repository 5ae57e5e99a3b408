"""What customers write to a number at Gupshup, as it stands in the inbox; payloads of its published pages."""

from __future__ import annotations

import asyncio
import hashlib
from typing import Any

import pytest

from tests.channels.whatsapp_gupshup.conftest import Shop
from tests.client import until

ANN = "+12025550173"
REPLY = {"type": "button_reply", "body": {"text": "Yes"}, "button_reply": {"title": "Yes", "payload": "y"}}
CARD = {"name": {"formatted_name": "Bo"}, "phones": [{"phone": "+1 202"}]}
KINDS: list[tuple[str, dict[str, Any], str, dict[str, Any]]] = [
    ("text", {"text": "Do you have it?"}, "TEXT", {"type": "text", "body": {"text": "Do you have it?"}}),
    ("text", {"text": "Yes", "type": "button", "postbackText": "y"}, "BUTTON", REPLY),
    ("quick_reply", {"text": "Yes", "type": "button", "postbackText": "y"}, "BUTTON", REPLY),
    ("button_reply", {"title": "Yes", "id": "q1", "reply": "Yes 1", "postbackText": "y"}, "INTERACTIVE", REPLY),
    ("list_reply", {"title": "Yes", "id": "q1", "reply": "Yes 1", "postbackText": "y", "description": "d"},
     "INTERACTIVE", REPLY),
    ("location", {"longitude": "2.5", "latitude": "1.5", "name": "Shop"}, "LOCATION",
     {"type": "location", "location": {"latitude": 1.5, "longitude": 2.5, "name": "Shop"}}),
    ("contact", {"contacts": [CARD]}, "CONTACTS", {"type": "contact", "contacts": [CARD]}),
    ("order", {"catalogId": "1", "text": "two of them"}, "ORDER",
     {"type": "order", "order": {"catalogId": "1", "text": "two of them"}}),
]  # fmt: skip


@pytest.mark.parametrize(("type", "part", "kind", "content"), KINDS, ids=[row[0] for row in KINDS])
async def test_every_type_stands_in_the_inbox(
    shop: Shop, type: str, part: dict[str, Any], kind: str, content: dict[str, Any]
) -> None:
    event = shop.server.said(ANN, type, part)
    (await shop.posts(event)).ok()
    [received] = await shop.heard("message.received")
    data = received["data"]
    assert (data["message_type"], data["content"]) == (kind, content)
    assert (data["platform"], data["external_message_id"]) == ("WHATSAPP", event["payload"]["id"])
    contact = (await shop.tenant().get(f"/contacts/{received['contact_id']}/")).ok()
    assert (contact["phone"], contact["first_name"]) == (ANN, "Andy")
    row = await shop.gateway.services.store.of(shop.tenant.id, "live").get("messages", received["subject"]["id"])
    assert row["raw"] == event["payload"], "Gupshup's own object stays with the message"


async def test_a_new_type_is_shown_as_unsupported_with_its_words(shop: Shop) -> None:
    (await shop.posts(shop.server.said(ANN, "tomorrow", {"text": "see you"}))).ok()
    [received] = await shop.heard("message.received")
    assert received["data"]["message_type"] == "UNSUPPORTED"
    assert received["data"]["content"]["body"]["text"] == "[tomorrow message] see you"


@pytest.mark.parametrize("type", ["image", "video", "audio", "sticker", "file"])
async def test_a_file_is_fetched_from_where_gupshup_keeps_it(shop: Shop, type: str) -> None:
    shop.server.files["a"] = ("image/jpeg", b"x" * 1000)
    url = f"{shop.server.url}/files/a?download=false"
    part = {"url": url, "contentType": "image/jpeg", "urlExpiry": 1_718_608_420_228, "caption": "Blue", "name": "a.jpg"}
    (await shop.posts(shop.server.said(ANN, type, part))).ok()
    [received] = await shop.heard("message.received")
    kind = "document" if type == "file" else type
    shown = received["data"]["content"][kind]
    assert (shown["mime_type"], shown["caption"], shown["filename"]) == ("image/jpeg", "Blue", "a.jpg")
    path = "/" + shown["url"].split("/", 3)[3] if shown["url"].startswith("http") else shown["url"]

    async def there() -> bool:
        return (await shop.tenant.anonymous.ask("GET", path)).status == 200

    await until(there)


async def test_a_file_of_version_3_is_the_one_announced(partner: Shop) -> None:
    body = b"y" * 500
    partner.server.files["b"] = ("image/jpeg", body)
    image = {"id": "42", "mime_type": "image/jpeg", "sha256": hashlib.sha256(body).hexdigest(),
             "url": f"{partner.server.url}/files/b"}  # fmt: skip
    item = {"from": ANN[1:], "id": "wamid.V3", "timestamp": "1795687200", "type": "image", "image": image}
    people = [{"profile": {"name": "Ann Lee"}, "wa_id": ANN[1:]}]
    (await partner.posts(partner.server.envelope(contacts=people, messages=[item]))).ok()
    [received] = await partner.heard("message.received")
    url = received["data"]["content"]["image"]["url"]
    path = "/" + url.split("/", 3)[3] if url.startswith("http") else url

    async def there() -> bool:
        return (await partner.tenant.anonymous.ask("GET", path)).status == 200

    await until(there)


async def test_an_answer_and_a_reaction_find_our_message(shop: Shop) -> None:
    await shop.greeted(ANN)
    message = (await shop.sends(ANN, text="We do!")).ok(201)["id"]
    await shop.became(message, "SENT")
    (await shop.posts(shop.server.report(ANN, "enqueued"))).ok()
    own = shop.server.ids[ANN[1:]]
    context = {"id": f"wamid.O{own}", "gsId": own}
    (await shop.posts(shop.server.said(ANN, "text", {"text": "Great"}, context=context))).ok()
    [_, answer] = await shop.heard("message.received", 2)
    assert answer["data"]["reply_to"] == own

    async def learnt() -> bool:
        return bool((await shop.tenant().get(f"/wa/v1/messages/{message}/")).ok()["gs_message_id"])

    await until(learnt)
    for emoji, target in (("👍", {"gsId": own}), ("🎉", {"id": f"wamid.O{own}"})):
        (await shop.posts(shop.server.said(ANN, "reaction", {"emoji": emoji, **target}))).ok()

        async def shown(emoji: str = emoji) -> bool:
            found = (await shop.tenant().get(f"/wa/v1/messages/{message}/")).ok()
            return [each["emoji"] for each in found["reactions"]] == [emoji]

        await until(shown)


async def test_messages_that_are_repeated_and_out_of_order_count_once(either: Shop) -> None:
    events = [either.server.said(ANN, "text", {"text": str(n)}) for n in range(5)]
    mixed = [events[n] for n in (3, 0, 3, 1, 1, 4, 2, 0)]
    assert {answer.status for answer in await asyncio.gather(*(either.posts(each) for each in mixed))} == {200}
    received = await either.heard("message.received", 5)
    assert sorted(event["data"]["content"]["body"]["text"] for event in received) == list("01234")
    chats = (await either.tenant().get("/team-inbox/api/conversations/")).ok()["results"]
    assert [chat["unread_count"] for chat in chats] == [5]


async def test_an_odd_message_stands_there_and_harms_no_other(partner: Shop) -> None:
    good = {"from": ANN[1:], "id": "wamid.G", "timestamp": "1795687200", "type": "text", "text": {"body": "good"}}
    (await partner.posts(partner.server.envelope(messages=[7, {"id": "x"}, good]))).ok()
    [received] = await partner.heard("message.received")
    assert received["data"]["content"]["body"]["text"] == "good"
    await partner.heard("webhook.failed")
