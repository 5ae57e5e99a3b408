"""Webhooks of the kinds that real traffic brings, each signed and posted to the door.

A file of `webhooks/` holds its `steps` (the `value` of a change of `messages`, or a whole body as `body` or `raw`), the
texts that `must` and `must_not` be found in the events that follow, and the `count` of events by type. `{{PN}}` is the
phone number id, `{{WABA}}` the business account id, `{{ID}}` a fresh message id, `{{NOW}}` the Unix time.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from jinaconnect.channels.graph import signature
from tests.carriers.meta import MetaServer, refusal
from tests.client import Client, until
from tests.conftest import Running
from tests.tenants import Tenant

FILES = sorted((Path(__file__).parent / "webhooks").glob("*.json"))


def filled(tenant: Tenant, text: str) -> bytes:
    """Return a body with its placeholders filled in."""
    for name, value in (("PN", tenant.whatsapp["phone_number_id"]), ("WABA", tenant.waba), ("NOW", int(time.time()))):
        text = text.replace("{{" + name + "}}", str(value))
    while "{{ID}}" in text:
        text = text.replace("{{ID}}", tenant.wamid(), 1)
    return text.encode()


def body(tenant: Tenant, step: dict[str, Any]) -> bytes:
    """Return the webhook of a step."""
    if "raw" in step:
        return filled(tenant, step["raw"])
    if "object" in step:
        return filled(tenant, json.dumps(step))
    return filled(tenant, tenant.envelope(step).decode())


async def after_all(tenant: Tenant, client: Client) -> list[dict[str, Any]]:
    """Return the events once everything posted before is applied, which a last customer's message shows."""
    await tenant.receives("+12025550400", "the last of all")

    def ended(seen: list[dict[str, Any]]) -> bool:
        return any(e["type"] == "message.received" and "the last of all" in json.dumps(e["data"]) for e in seen)

    seen = await client.wait_for_events(ended)
    last = next(e["contact_id"] for e in seen if "the last of all" in json.dumps(e["data"]))
    return [e for e in seen if e["contact_id"] != last]


@pytest.mark.parametrize("file", FILES, ids=[file.stem for file in FILES])
async def test_what_real_traffic_brings_is_taken(tenant: Tenant, file: Path) -> None:
    case = json.loads(file.read_text())
    for step in case["steps"]:
        posted = body(tenant, step)
        for _ in range(2):  # a carrier sends again what it believes lost
            assert (await tenant.webhook(posted)).ok()["status"] == "received"
    events = await after_all(tenant, tenant())
    told = json.dumps(events, ensure_ascii=False)
    assert not [text for text in case.get("must", ()) if text not in told], told
    assert not [text for text in case.get("must_not", ()) if text in told], told
    counts = Counter(event["type"] for event in events)
    assert {type: counts[type] for type in case.get("count", {})} == case.get("count", {})


@pytest.fixture
async def carrier(tenant: Tenant) -> AsyncIterator[tuple[MetaServer, str]]:
    """A carrier on loopback and the tenant's account at it."""
    server = MetaServer()
    await server.start()
    app = (await tenant().post("/wa/v1/apps/", server.account("+12025550420"))).ok(201)
    yield server, app["id"]
    await server.stop()


async def writes_to(tenant: Tenant, server: MetaServer, value: dict[str, Any], field: str = "messages") -> None:
    """Post a signed webhook of the carrier's about the account."""
    metadata = {"display_phone_number": "12025550420", "phone_number_id": server.phone_number_id}
    change = {"field": field, "value": {"messaging_product": "whatsapp", "metadata": metadata, **value}}
    entry = {"id": server.waba_id, "changes": [change]}
    posted = filled(tenant, json.dumps({"object": "whatsapp_business_account", "entry": [entry]}))
    (await tenant.webhook(posted, sign=signature(server.app_secret, posted))).ok()


def text(sender: str, body: str, **fields: Any) -> dict[str, Any]:
    """Return one message of a customer."""
    plain = {"from": sender, "id": "{{ID}}", "timestamp": "{{NOW}}", "type": "text", "text": {"body": body}}
    return {name: value for name, value in {**plain, **fields}.items() if value is not None}


async def arrived(client: Client, words: str) -> dict[str, Any]:
    """Wait for a message and return it."""

    def come(seen: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return [e["data"] for e in seen if e["type"] == "message.received" and words in json.dumps(e["data"])]

    return come(await client.wait_for_events(lambda seen: bool(come(seen))))[0]


async def sent(client: Client, id: str) -> None:
    """Wait until the carrier has taken a message."""

    def told(seen: list[dict[str, Any]]) -> bool:
        return any(e["type"] == "message.sent" and e["subject"]["id"] == id for e in seen)

    await client.wait_for_events(told)


async def test_a_reply_to_who_shows_no_number_goes_to_the_whole_id(
    tenant: Tenant, carrier: tuple[MetaServer, str]
) -> None:
    server, app = carrier
    id = "US.ENT." + "1234567890" * 12
    await writes_to(tenant, server, {"messages": [text(id, "who am I")]})
    message = await arrived(tenant(), "who am I")
    answer = {"contact": message["contact"], "platform": "WHATSAPP", "channel_app_id": app,
              "content": {"type": "text", "body": {"text": "You tell me."}}}  # fmt: skip
    reply = (await tenant().post("/team-inbox/api/messages/", answer)).ok(201)
    await sent(tenant(), reply["id"])
    body = server.bodies[reply["id"]]
    assert (body["recipient"], body.get("to")) == (id, None)
    person = (await tenant().get(f"/contacts/{message['contact']}/")).ok()
    assert (person["phone"], person["whatsapp_user_id"], person["channels"]["whatsapp"]) == (None, id, id)


async def test_the_id_and_the_number_of_a_person_lead_to_one_contact(
    tenant: Tenant, carrier: tuple[MetaServer, str]
) -> None:
    server, _ = carrier
    id = "BR.13491208655302741918"
    await writes_to(tenant, server, {"messages": [text("5511998765432", "with a number", from_user_id=id)]})
    contact = (await arrived(tenant(), "with a number"))["contact"]
    await writes_to(tenant, server, {"messages": [text("", "without", **{"from": None, "from_user_id": id})]})
    await writes_to(tenant, server, {"messages": [text("551198765432", "without the ninth digit")]})
    for words in ("without", "without the ninth digit"):
        assert (await arrived(tenant(), words))["contact"] == contact
    person = (await tenant().get(f"/contacts/{contact}/")).ok()
    assert (person["phone"], person["whatsapp_user_id"]) == ("+5511998765432", id)


@pytest.mark.parametrize(
    ("one", "other"),
    [("5511987650001", "551187650001"), ("5215587650002", "525587650002"), ("5491187650003", "541187650003")],
)
async def test_both_forms_of_a_mobile_number_are_one_person(
    tenant: Tenant, carrier: tuple[MetaServer, str], one: str, other: str
) -> None:
    server, _ = carrier
    await writes_to(tenant, server, {"messages": [text(one, "one form"), text(other, "another form")]})
    await writes_to(tenant, server, {"messages": [text(other, "later")]})
    contacts = {(await arrived(tenant(), words))["contact"] for words in ("one form", "another form", "later")}
    assert len(contacts) == 1
    for number in (one, other):
        (await tenant().post("/contacts/", {"phone": f"+{number}"})).refused(409, "already_exists")


async def test_a_row_of_an_earlier_version_is_found_by_its_id(gateway: Running, tenant: Tenant) -> None:
    id = "US.13491208655302741"
    made = (await tenant().post("/contacts/", {"phone": "+12025550470", "first_name": "Old"})).ok(201)["id"]
    rows = gateway.services.store.raw("contacts")
    later = {"addresses": "", "whatsapp_username": ""}
    await rows.update_one({"_id": made}, {"$set": {"phone": f"+{id}"}, "$unset": later})
    (await tenant.webhook(filled(tenant, tenant.envelope({"messages": [text(id, "as before")]}).decode()))).ok()
    assert (await arrived(tenant(), "as before"))["contact"] == made
    person = (await tenant().get(f"/contacts/{made}/")).ok()
    assert (person["phone"], person["whatsapp_user_id"]) == (None, id)


async def test_an_edit_counts_as_no_unread_message_and_reopens_nothing(tenant: Tenant) -> None:
    client, id = tenant(), tenant.wamid()
    await tenant.receives("+12025550471", "said once", id=id)
    message = await arrived(client, "said once")
    contact = message["contact"]
    (await client.post("/team-inbox/api/messages/mark_multiple_as_read/", {"contact_id": contact})).ok()
    (await client.post(f"/contacts/{contact}/close/", {})).ok()
    parts = [
        ("edit", {"original_message_id": id, "message": {"type": "text", "text": {"body": "said better"}}}),
        ("edit", {"original_message_id": "wamid.GONE", "message": {"type": "text", "text": {"body": "elsewhere"}}}),
        ("revoke", {"original_message_id": id}),
    ]
    for kind, part in parts:
        item = text("12025550471", "", type=kind, **{kind: part, "text": None})
        (await tenant.webhook(filled(tenant, tenant.envelope({"messages": [item]}).decode()))).ok()
    await client.wait_for_events(lambda seen: any(e["type"] == "message.deleted" for e in seen))
    await arrived(client, "elsewhere")
    chat = (await client.get(f"/team-inbox/api/conversations/{contact}/")).ok()
    assert (chat["status"], chat["unread_count"]) == ("CLOSED", 0)
    shown = (await client.get(f"/team-inbox/api/messages/{message['id']}/")).ok()
    assert [past["content"]["body"]["text"] for past in shown["history"]] == ["said once", "said better"]
    assert None not in (shown["revoked_at"], shown["edited_at"])
    assert not [e for e in await client.events() if e["type"] == "conversation.reopened"]


async def test_nobody_changes_what_another_said(tenant: Tenant) -> None:
    client, id = tenant(), tenant.wamid()
    await tenant.receives("+12025550472", "mine", id=id)
    part = {"original_message_id": id, "message": {"type": "text", "text": {"body": "not yours"}}}
    item = text("12025550473", "", type="edit", edit=part, text=None)
    (await tenant.webhook(filled(tenant, tenant.envelope({"messages": [item]}).decode()))).ok()
    other = await arrived(client, "not yours")
    mine = (await client.get(f"/team-inbox/api/messages/{(await arrived(client, 'mine'))['id']}/")).ok()
    assert mine["content"]["body"]["text"] == "mine"
    assert mine["contact"] != other["contact"]


async def template(tenant: Tenant, server: MetaServer, app: str, category: str) -> dict[str, Any]:
    """Return a template that the carrier has approved."""
    named = {"element_name": f"offer_{category.lower()}", "category": category}
    body = {"wa_app": app, **named, "content": "News for you."}
    made: dict[str, Any] = (await tenant().post("/wa/v1/templates/", body)).ok(201)
    await of_template(tenant, server, "message_template_status_update", made, event="APPROVED", reason="NONE")
    return made


async def of_template(tenant: Tenant, server: MetaServer, field: str, made: dict[str, Any], **value: Any) -> None:
    """Post the carrier's word on a template."""
    named = {"message_template_id": made["id"], "message_template_name": made["element_name"],
             "message_template_language": "en"}  # fmt: skip
    await writes_to(tenant, server, {**named, **value}, field)


async def test_who_has_stopped_marketing_gets_none(
    gateway: Running, tenant: Tenant, carrier: tuple[MetaServer, str]
) -> None:
    server, app = carrier
    client = tenant()
    offer = await template(tenant, server, app, "MARKETING")
    notice = await template(tenant, server, app, "UTILITY")
    await writes_to(tenant, server, {"messages": [text("12025550474", "hi there")]})
    contact = (await arrived(client, "hi there"))["contact"]
    said = {"wa_id": "12025550474", "category": "marketing_messages", "timestamp": int(time.time())}
    send = {"contact": contact, "wa_app": app, "message_type": "TEMPLATE"}
    for value, count in (("stop", 1), ("resume", 2)):
        wanted = {"user_preferences": [{**said, "value": value}]}
        await writes_to(tenant, server, wanted, "user_preferences")

        def noted(seen: list[dict[str, Any]], count: int = count) -> bool:
            return sum(e["type"] == "contact.updated" for e in seen) == count

        await client.wait_for_events(noted)
        if value == "stop":
            (await client.post("/wa/v1/messages/", {**send, "template": offer["id"]})).refused(400, "opted_out")
            (await client.post("/wa/v1/messages/", {**send, "template": notice["id"]})).ok(201)
    (await client.post("/wa/v1/messages/", {**send, "template": offer["id"]})).ok(201)


async def test_a_carrier_that_refuses_marketing_is_believed(
    gateway: Running, tenant: Tenant, carrier: tuple[MetaServer, str]
) -> None:
    server, app = carrier
    client = tenant()
    offer = await template(tenant, server, app, "MARKETING")
    server.next.append(refusal(400, 131050))
    send = {"phone": "+12025550475", "wa_app": app, "message_type": "TEMPLATE", "template": offer["id"]}
    (await client.post("/wa/v1/messages/", send)).ok(201)
    await client.wait_for_events(lambda seen: any(e["type"] == "contact.updated" for e in seen))
    (await client.post("/wa/v1/messages/", send)).refused(400, "opted_out")


async def test_whoever_the_carrier_says_it_wrote_to_answers_in_the_same_conversation(
    gateway: Running, tenant: Tenant, carrier: tuple[MetaServer, str]
) -> None:
    server, app = carrier
    client = tenant()
    notice = await template(tenant, server, app, "UTILITY")
    server.wa_ids["12025550476"] = "12025559999"
    send = {"phone": "+12025550476", "wa_app": app, "message_type": "TEMPLATE", "template": notice["id"]}
    made = (await client.post("/wa/v1/messages/", send)).ok(201)
    await sent(client, made["id"])

    async def learnt() -> bool:
        row = await gateway.services.store.of(tenant.id, "live").get("contacts", made["contact"])
        return "phone:+12025559999" in row["addresses"]

    await until(learnt)
    await writes_to(tenant, server, {"messages": [text("12025559999", "it is me")]})
    assert (await arrived(client, "it is me"))["contact"] == made["contact"]
    reply = {"contact": made["contact"], "platform": "WHATSAPP", "channel_app_id": app,
             "content": {"type": "text", "body": {"text": "So it is."}}}  # fmt: skip
    (await client.post("/team-inbox/api/messages/", reply)).ok(201)


async def test_a_template_follows_every_state_and_stays_approved_in_another_category(
    gateway: Running, tenant: Tenant, carrier: tuple[MetaServer, str]
) -> None:
    server, app = carrier
    client = tenant()
    made = await template(tenant, server, app, "UTILITY")

    async def shown() -> tuple[str, str]:
        row = (await client.get(f"/wa/v1/templates/{made['id']}/")).ok()
        return row["status"], row["category"]

    field = "message_template_status_update"
    states = {
        "FLAGGED": "APPROVED", "PAUSED": "PAUSED", "IN_APPEAL": "IN_APPEAL", "REINSTATED": "APPROVED",
        "PENDING_DELETION": "PENDING_DELETION", "SOMETHING_NEW": "PENDING_DELETION", "APPROVED": "APPROVED",
    }  # fmt: skip
    for told, status in states.items():
        await of_template(tenant, server, field, made, event=told, reason="NONE")

        async def follows(status: str = status) -> bool:
            return (await shown())[0] == status

        await until(follows)
    note = {"correct_category": "MARKETING", "new_category": "UTILITY", "category_update_timestamp": 1800000000}
    await of_template(tenant, server, "template_category_update", made, **note)
    moved = {"previous_category": "UTILITY", "new_category": "MARKETING"}
    assert await shown() == ("APPROVED", "UTILITY")
    await of_template(tenant, server, "template_category_update", made, **moved)

    async def moves() -> bool:
        return (await shown())[1] == "MARKETING"

    await until(moves)
    assert await shown() == ("APPROVED", "MARKETING")


async def test_the_state_of_an_account_is_shown(tenant: Tenant, carrier: tuple[MetaServer, str]) -> None:
    server, app = carrier
    ban = {"event": "DISABLED_UPDATE", "ban_info": {"waba_ban_state": ["DISABLE"]}}
    await writes_to(tenant, server, ban, "account_update")
    await tenant().wait_for_events(lambda seen: any(e["type"] == "account.reported" for e in seen))
    state = (await tenant().get(f"/wa/v1/apps/{app}/")).ok()["carrier_state"]
    assert (state["kind"], state["event"]) == ("account_update", "DISABLED_UPDATE")


async def test_a_reply_goes_out_by_the_account_the_customer_wrote_to(
    tenant: Tenant, carrier: tuple[MetaServer, str]
) -> None:
    server, app = carrier
    await writes_to(tenant, server, {"messages": [text("12025550477", "to the second")]})
    await tenant.receives("+12025550478", "to the first")
    for words, account in (("to the second", app), ("to the first", tenant.whatsapp["app_id"])):
        contact = (await arrived(tenant(), words))["contact"]
        reply = {"contact": contact, "platform": "WHATSAPP", "content": {"type": "text", "body": {"text": "Yes?"}}}
        made = (await tenant().post("/team-inbox/api/messages/", reply)).ok(201)
        assert made["channel_app_id"] == account
    refused = {"phone": "+12025550479", "message_type": "TEXT", "text": "new"}
    assert "wa_app" in (await tenant().post("/wa/v1/messages/", refused)).refused(400, "validation_error")


RAW: list[tuple[dict[str, Any], dict[str, Any]]] = [
    (
        {"type": "text", "text": {"body": "look", "preview_url": True}, "context": {"message_id": "FIRST"}},
        {"text": {"body": "look", "preview_url": True}, "context": {"message_id": "FIRST"}},
    ),
    (
        {"type": "location", "location": {"latitude": "1.5", "longitude": 2, "name": "Here", "address": "There"}},
        {"location": {"latitude": 1.5, "longitude": 2, "name": "Here", "address": "There"}},
    ),
    (
        {"type": "reaction", "reaction": {"message_id": "FIRST", "emoji": "👍"}},
        {"reaction": {"message_id": "FIRST", "emoji": "👍"}},
    ),
    (
        {"type": "contacts", "contacts": [{"name": {"formatted_name": "Bo", "first_name": "Bo"}}]},
        {"contacts": [{"name": {"formatted_name": "Bo", "first_name": "Bo"}}]},
    ),
]


@pytest.mark.parametrize(("raw", "wire"), RAW, ids=[raw["type"] for raw, _ in RAW])
async def test_a_raw_send_is_sent_whole(
    tenant: Tenant, carrier: tuple[MetaServer, str], raw: dict[str, Any], wire: dict[str, Any]
) -> None:
    server, app = carrier
    id = tenant.wamid() + "/+="
    await writes_to(tenant, server, {"messages": [text("12025550480", "the first", id=id)]})
    await arrived(tenant(), "the first")
    payload = json.loads(json.dumps({"to": "+12025550480", **raw}).replace("FIRST", id))
    made = (await tenant().post("/wa/v1/messages/", {"wa_app": app, "payload": payload})).ok(201)
    await sent(tenant(), made["id"])
    wanted = json.loads(json.dumps(wire).replace("FIRST", id))
    assert {name: server.bodies[made["id"]].get(name) for name in wanted} == wanted


async def test_a_raw_template_is_sent_with_its_components(
    gateway: Running, tenant: Tenant, carrier: tuple[MetaServer, str]
) -> None:
    server, app = carrier
    body = {"wa_app": app, "element_name": "raw_one", "category": "UTILITY", "content": "Hello {{1}}."}
    made = (await tenant().post("/wa/v1/templates/", body)).ok(201)
    await of_template(tenant, server, "message_template_status_update", made, event="APPROVED", reason="NONE")
    parts = [
        {"type": "body", "parameters": [{"type": "text", "text": "Ann"}]},
        {"type": "button", "sub_type": "url", "index": "0", "parameters": [{"type": "text", "text": "x"}]},
    ]
    named = {"name": "raw_one", "language": {"code": "en"}, "components": parts}
    payload = {"messaging_product": "whatsapp", "to": "+12025550481", "type": "template", "template": named}
    send = (await tenant().post("/wa/v1/messages/", {"wa_app": app, "payload": payload})).ok(201)
    await sent(tenant(), send["id"])
    assert server.bodies[send["id"]]["template"]["components"] == parts


@pytest.mark.parametrize(
    ("raw", "field"),
    [
        ({"type": "text", "text": {"body": "x", "colour": "red"}}, "payload.text.colour"),
        ({"type": "text", "text": {"body": "x"}, "ttl": 5}, "payload.ttl"),
        ({"type": "text", "text": {"body": "x"}, "recipient_type": "group"}, "payload.recipient_type"),
        ({"type": "template", "template": {"name": "t", "components": [{"type": "footer"}]}},
         "payload.template.components.0.type"),
        ({"type": "template", "template": {"name": "t", "components": [{"type": "limited_time_offer"}]}},
         "payload.template.components.0.parameters"),
        ({"type": "template", "template": {"name": "t", "components": [{"type": "carousel"}]}},
         "payload.template.components.0.cards"),
        ({"type": "image", "image": "https://files.example/a.jpg"}, "payload.image"),
    ],
)  # fmt: skip
async def test_what_a_raw_send_cannot_carry_is_refused_by_name(
    tenant: Tenant, raw: dict[str, Any], field: str
) -> None:
    payload = {"to": "+12025550482", **raw}
    assert field in (await tenant().post("/wa/v1/messages/", {"payload": payload})).refused(400, "validation_error")
