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

from jinaconnect.channels.whatsapp_meta.hooks import signature
from tests.carriers.meta import MetaServer
from tests.client import Client
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
