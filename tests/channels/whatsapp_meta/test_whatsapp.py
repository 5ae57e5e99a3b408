"""WhatsApp by Meta's wire: signatures, every message of every batch, every type in and out."""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import pytest

from jinaconnect.channels.graph import signature, signed_by
from tests.carriers.meta import MetaServer
from tests.tenants import Tenant


@pytest.mark.parametrize(
    ("secret", "body", "value"),
    [
        # GitHub's published example of the identical scheme, and one derived from it.
        (
            "It's a Secret to Everybody",
            b"Hello, World!",
            "757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17",
        ),
        (
            "test_app_secret",
            b'{"object":"whatsapp_business_account","entry":[]}',
            "dec6a680679a968e7e0319355b23599cbfc54502c0784668e9618baa0c633756",
        ),
    ],
)
def test_the_signature_is_metas(secret: str, body: bytes, value: str) -> None:
    assert signature(secret, body) == f"sha256={value}"
    assert signed_by(["other", secret, ""], f"sha256={value}", body) == {secret}
    for wrong in (None, "", value, f"sha256={value[:-1]}0", f"sha1={value}", "sha256=é"):
        assert signed_by([secret], wrong, body) == frozenset()


async def received(tenant: Tenant, count: int) -> list[dict[str, Any]]:
    def enough(seen: list[dict[str, Any]]) -> bool:
        return sum(event["type"] == "message.received" for event in seen) >= count

    return [e for e in await tenant().wait_for_events(enough) if e["type"] == "message.received"]


def batch(tenant: Tenant, entries: int, messages: int) -> bytes:
    body = json.loads(tenant.envelope(tenant.text("+12025550100", "x")))
    metadata = body["entry"][0]["changes"][0]["value"]["metadata"]
    found = []
    for entry in range(entries):
        values = [tenant.text(f"+1202555020{entry}", f"{entry}.{number}") for number in range(messages)]
        items = [value["messages"][0] for value in values]
        value = {
            "messaging_product": "whatsapp",
            "metadata": metadata,
            "contacts": values[0]["contacts"],
            "messages": items,
        }
        found.append({"id": tenant.waba, "changes": [{"field": "messages", "value": value}]})
    return json.dumps({"object": "whatsapp_business_account", "entry": found}).encode()


async def test_every_message_of_every_entry_arrives_once_however_often_it_is_sent(tenant: Tenant) -> None:
    body = batch(tenant, 3, 4)
    for answer in await asyncio.gather(*(tenant.webhook(body) for _ in range(5))):
        assert answer.ok()["status"] == "received"
    (await tenant.webhook(body)).ok()
    arrived = await received(tenant, 12)
    texts = Counter(event["data"]["content"]["body"]["text"] for event in arrived)
    assert texts == {f"{entry}.{number}": 1 for entry in range(3) for number in range(4)}
    (await tenant.webhook(tenant.envelope(tenant.text("+12025550209", "last")))).ok()
    assert len(await received(tenant, 13)) == 13
    chats = (await tenant().get("/team-inbox/api/conversations/")).ok()["results"]
    assert sorted(chat["unread_count"] for chat in chats) == [1, 4, 4, 4]
    assert (await tenant().get("/contacts/")).ok()["count"] == 4


async def test_what_is_not_signed_or_not_ours_stores_nothing(tenant: Tenant, gateway: Any) -> None:
    body = tenant.envelope(tenant.text("+12025550210", "x"))
    inbound = gateway.services.store.raw("inbound")
    for sign in ("", "sha256=" + "0" * 64, signature("wrong secret", body)):
        (await tenant.webhook(body, sign=sign)).refused(401, "bad_signature")
    (await tenant.webhook(b"{broken")).refused(400, "parse_error")
    unknown = await tenant.anonymous.ask(
        "POST", "/wa/v1/webhooks/ten_nobody/", body, headers={"X-Hub-Signature-256": "x"}
    )
    unknown.refused(401, "bad_signature")
    for other in (
        {"object": "page", "entry": []},
        {"object": "whatsapp_business_account", "entry": [{"id": "1", "changes": []}]},
    ):
        assert (await tenant.webhook(json.dumps(other).encode())).ok()["status"] == "ignored"
    large = await tenant.webhook(b'{"x":"' + b"y" * (3 * 1024 * 1024) + b'"}')
    large.refused(413, "payload_too_large")
    assert await inbound.count_documents({"scope": tenant.id}) == 0
    assert await tenant().events() == []


async def test_a_body_as_large_as_the_carrier_makes_them_is_taken(tenant: Tenant) -> None:
    item = tenant.text("+12025550219", "x" * 4_000)["messages"][0]
    items = [{**item, "id": tenant.wamid()} for _ in range(720)]
    body = tenant.envelope({"messages": items})
    assert 2_900_000 < len(body) < 3_000_000
    assert (await tenant.webhook(body)).ok()["status"] == "received"
    assert len(await received(tenant, 720)) == 720


async def test_the_handshake_takes_the_verify_token(tenant: Tenant) -> None:
    path = tenant.whatsapp["webhook_path"]
    query = {"hub.mode": "subscribe", "hub.verify_token": tenant.whatsapp["verify_token"], "hub.challenge": "12345"}
    answer = await tenant.anonymous.get(path, params=query)
    assert (answer.status, answer.body) == (200, 12345)
    assert answer.headers["Content-Type"].startswith("text/plain")
    for wrong in ({"hub.verify_token": "x"}, {"hub.mode": "other"}):
        (await tenant.anonymous.get(path, params={**query, **wrong})).refused(403, "permission_denied")


KINDS: list[tuple[dict[str, Any], str, str]] = [
    ({"type": "location", "location": {"latitude": 1.5, "longitude": 2, "name": "Here"}}, "LOCATION", "location"),
    ({"type": "contacts", "contacts": [{"name": {"formatted_name": "Bo"}}]}, "CONTACTS", "contact"),
    ({"type": "button", "button": {"text": "Yes", "payload": "y"}}, "BUTTON", "button_reply"),
    (
        {"type": "interactive", "interactive": {"type": "list_reply", "list_reply": {"id": "1", "title": "One"}}},
        "INTERACTIVE",
        "button_reply",
    ),
    (
        {"type": "interactive", "interactive": {"type": "nfm_reply", "nfm_reply": {"body": "Sent"}}},
        "INTERACTIVE",
        "button_reply",
    ),
    ({"type": "order", "order": {"catalog_id": "c", "product_items": []}}, "ORDER", "order"),
    ({"type": "sticker", "sticker": {"id": "m1", "mime_type": "image/webp"}}, "STICKER", "sticker"),
    ({"type": "unsupported", "errors": [{"code": 131051}]}, "UNSUPPORTED", "text"),
    ({"type": "hologram", "hologram": {}}, "UNSUPPORTED", "text"),
    ({"type": "image"}, "IMAGE", "image"),
    ({"type": "text", "text": "not an object"}, "TEXT", "text"),
]


async def test_every_type_has_its_content_and_nothing_odd_loses_its_neighbours(tenant: Tenant) -> None:
    odd: list[Any] = [None, 5, {}, {"id": "x"}, {"from": "1"}, "text"]
    messages = [
        {"from": "12025550211", "id": tenant.wamid(), "timestamp": str(int(time.time())), **message}
        for message, _, _ in KINDS
    ]
    (
        await tenant.webhook(tenant.envelope({"messages": [*odd, *messages, *odd], "statuses": odd}, {"messages": odd}))
    ).ok()
    arrived = await received(tenant, len(KINDS))
    shown = [(event["data"]["message_type"], event["data"]["content"]["type"]) for event in arrived]
    assert shown == [(type, content) for _, type, content in KINDS]


async def test_a_reaction_is_put_on_its_message_and_taken_back(tenant: Tenant) -> None:
    wamid = tenant.wamid()
    await tenant.receives("+12025550212", "look", id=wamid)
    message = (await received(tenant, 1))[0]["data"]["id"]
    for emoji, left in (("👍", ["👍"]), ("❤️", ["❤️"]), ("", [])):
        reaction = {"from": "12025550212", "id": tenant.wamid(), "timestamp": "1", "type": "reaction",
                    "reaction": {"message_id": wamid, "emoji": emoji}}  # fmt: skip
        (await tenant.webhook(tenant.envelope({"messages": [reaction]}))).ok()

        def shows(seen: list[dict[str, Any]], left: list[str] = left) -> bool:
            told = [e["data"]["reactions"] for e in seen if e["type"] == "message.updated"]
            return bool(told) and [item["emoji"] for item in told[-1]] == left

        await tenant().wait_for_events(shows)
    assert (await tenant().get(f"/team-inbox/api/messages/{message}/")).ok()["reactions"] == []


@pytest.fixture
async def carrier(tenant: Tenant) -> AsyncIterator[tuple[MetaServer, str]]:
    """A carrier on loopback, the tenant's account at it, and a customer who has just written to it."""
    server = MetaServer()
    await server.start()
    app = (await tenant().post("/wa/v1/apps/", server.account("+12025550220"))).ok(201)
    yield server, app["id"]
    await server.stop()


SENDS: list[dict[str, Any]] = [
    {"text": "Hello", "preview_url": True},
    {"message_type": "IMAGE", "media_url": "https://files.example/a.jpg", "media_caption": "A"},
    {"message_type": "VIDEO", "media_id": "123"},
    {"message_type": "AUDIO", "media_id": "123", "media_caption": "dropped: audio has none"},
    {"message_type": "DOCUMENT", "media_url": "https://files.example/a.pdf", "media_filename": "a.pdf"},
    {"message_type": "STICKER", "media_id": "123"},
    {
        "message_type": "LOCATION",
        "latitude": 1.5,
        "longitude": -2.25,
        "location_name": "Here",
        "location_address": "There",
    },
    {
        "message_type": "CONTACTS",
        "contacts": [{"name": {"formatted_name": "Bo", "first_name": "Bo"}, "phones": [{"phone": "+1202"}]}],
    },
    {"message_type": "REACTION", "reaction": "👍", "reply_to": "FIRST"},
    {"text": "Quoting", "reply_to": "FIRST"},
    {
        "message_type": "INTERACTIVE",
        "interactive": {
            "type": "button",
            "body": {"text": "?"},
            "action": {"buttons": [{"type": "reply", "reply": {"id": "y", "title": "Yes"}}]},
        },
    },
    {
        "message_type": "INTERACTIVE",
        "interactive": {
            "type": "list",
            "body": {"text": "?"},
            "action": {"button": "Pick", "sections": [{"title": "S", "rows": [{"id": "1", "title": "One"}]}]},
        },
    },
    {
        "message_type": "INTERACTIVE",
        "interactive": {
            "type": "cta_url",
            "body": {"text": "?"},
            "action": {"name": "cta_url", "parameters": {"display_text": "Go", "url": "https://x.example"}},
        },
    },
]


async def test_every_type_is_sent_as_the_carrier_wants_it(tenant: Tenant, carrier: tuple[MetaServer, str]) -> None:
    server, app = carrier
    await tenant.receives("+12025550221", "hi")
    first = (await received(tenant, 1))[0]["data"]
    ids: list[str] = []
    for fields in SENDS:
        body = {"wa_app": app, "to": "+12025550221", **fields}
        if body.get("reply_to") == "FIRST":
            body["reply_to"] = first["id"]
        ids.append((await tenant().post("/wa/v1/messages/", body)).ok(201)["id"])

    def all_sent(seen: list[dict[str, Any]]) -> bool:
        return {e["subject"]["id"] for e in seen if e["type"] == "message.sent"} == set(ids)

    await tenant().wait_for_events(all_sent)
    assert dict(server.accepted) == dict.fromkeys(ids, 1)
    for id, fields in zip(ids, SENDS, strict=True):
        sent = server.bodies[id]
        assert (sent["messaging_product"], sent["to"], sent["biz_opaque_callback_data"]) == (
            "whatsapp",
            "12025550221",
            id,
        )
        assert sent["type"] == fields.get("message_type", "TEXT").lower()
        if "reply_to" in fields and sent["type"] != "reaction":
            assert sent["context"] == {"message_id": first["external_message_id"]}
        assert (await tenant().get(f"/wa/v1/messages/{id}/")).ok()["wa_message_id"] == server.ids[id]


async def test_a_customers_picture_is_fetched_and_served(tenant: Tenant, carrier: tuple[MetaServer, str]) -> None:
    server, _ = carrier
    picture = b"\xff\xd8\xff" + os.urandom(2_000)
    server.media["media-1"] = picture
    message = {"from": "12025550222", "id": tenant.wamid(), "timestamp": str(int(time.time())), "type": "image",
               "image": {"id": "media-1", "mime_type": "image/jpeg", "caption": "this one"}}  # fmt: skip
    metadata = {"display_phone_number": "12025550220", "phone_number_id": server.phone_number_id}
    value = {"messaging_product": "whatsapp", "metadata": metadata, "messages": [message]}
    entry = {"id": server.waba_id, "changes": [{"field": "messages", "value": value}]}
    body = json.dumps({"object": "whatsapp_business_account", "entry": [entry]}).encode()
    (await tenant.webhook(body, sign=signature(server.app_secret, body))).ok()
    content = (await received(tenant, 1))[0]["data"]["content"]
    assert content["image"]["caption"] == "this one"
    async with asyncio.timeout(20):
        while (answer := await tenant.anonymous.get(content["image"]["url"])).status != 200:
            answer.refused(404, "not_found")
            await asyncio.sleep(0.02)
    assert answer.body == picture
    assert answer.headers["Content-Type"] == "image/jpeg"


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"text": None}, "text"),
        ({"text": "x" * 4097}, "text"),
        ({"message_type": "FAX"}, "message_type"),
        ({"to": "nonsense"}, "to"),
        ({"to": None}, "phone"),
        ({"message_type": "IMAGE"}, "media_url"),
        ({"message_type": "IMAGE", "media_url": "ftp://x"}, "media_url"),
        ({"message_type": "LOCATION", "latitude": 91}, "latitude"),
        ({"message_type": "TEMPLATE", "template": "tpl_none"}, "template"),
        ({"wa_app": "wap_none"}, "wa_app"),
        ({"message_type": "INTERACTIVE", "interactive": {"type": "button"}}, "interactive.action"),
        ({"message_type": "REACTION", "reaction": "👍"}, "reply_to"),
        ({"contact": {"$ne": None}}, "contact"),
        ({"text": {"$where": "1"}}, "text"),
        ({"reply_to": "msg_none"}, "reply_to"),
        ({"text": "nul\x00"}, "text"),
    ],
)
async def test_a_faulty_send_names_the_field_and_stores_nothing(
    tenant: Tenant, fields: dict[str, Any], named: str
) -> None:
    client = tenant("owner", "test")
    (await client.post("/sandbox/inbound/", {"from": "+12025550111", "text": "hi"})).ok(201)
    before = await client.events()
    body = {"to": "+12025550111", "text": "x", **fields}
    detail = (await client.post("/wa/v1/messages/", {k: v for k, v in body.items() if v is not None})).refused(
        400, "validation_error"
    )
    assert any(name == named or name.startswith(f"{named}.") for name in detail), detail
    assert await client.events() == before


async def test_bodies_that_are_no_json_are_told_so(tenant: Tenant) -> None:
    headers = {"Content-Type": "application/json"}
    for raw in (b"{", b"\xff\xfe{}", b'{"a": 1,}', b"NaN"):
        answer = await tenant().ask("POST", "/contacts/", raw, headers=headers)
        answer.refused(400, "parse_error")
    for raw in (b"[]", b'"x"', b"5", b"null"):
        (await tenant().ask("POST", "/contacts/", raw, headers=headers)).refused(400, "validation_error")
    wrong = await tenant().ask("POST", "/contacts/", b"<x/>", headers={"Content-Type": "application/xml"})
    wrong.refused(415, "unsupported_media_type")
    large = await tenant().ask("POST", "/contacts/", b'{"x":"' + b"y" * (1024 * 1024) + b'"}', headers=headers)
    large.refused(413, "payload_too_large")
    form = await tenant().ask("POST", "/contacts/", data={"phone": "+12025550230", "first_name": "Form"})
    assert form.ok(201)["first_name"] == "Form"
    assert (await tenant().get("/contacts/")).ok()["count"] == 1


async def test_an_app_is_added_with_nothing_null_that_answers_hold(tenant: Tenant) -> None:
    owner = tenant("owner", "test")
    body = {"app_name": "Shop", "phone_number": "+12025550141"}
    for name in ("app_name", "phone_number", "is_active", "daily_limit"):
        detail = (await owner.post("/wa/v1/apps/", {**body, name: None})).refused(400, "validation_error")
        assert list(detail) == [name]
    made = (await owner.post("/wa/v1/apps/", body)).ok(201)
    assert (made["is_active"], made["daily_limit"]) == (True, 1000)
    assert (await owner.patch(f"/wa/v1/apps/{made['id']}/", {"description": None})).ok()["description"] is None
