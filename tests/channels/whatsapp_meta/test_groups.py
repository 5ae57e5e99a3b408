"""What is said in a group stands in the group's own conversation, beside those of its members."""

from __future__ import annotations

import secrets
from typing import Any

from tests.client import Client
from tests.tenants import Tenant

GRETA, OTTO = "12025550461", "12025550462"


def said(tenant: Tenant, group: str | None, sender: str, text: str, **more: Any) -> bytes:
    """Return the webhook of a text, in a group or in private."""
    value = tenant.text(sender, text, name="Greta" if sender == GRETA else "Otto")
    value["messages"][0].update({**({"group_id": group} if group else {}), **more})
    return tenant.envelope(value)


async def received(client: Client, count: int) -> list[dict[str, Any]]:
    """Wait for so many messages, and return them."""

    def there(seen: list[dict[str, Any]]) -> bool:
        return sum(event["type"] == "message.received" for event in seen) >= count

    await client.wait_for_events(there)
    return [event for event in await client.events() if event["type"] == "message.received"]


async def test_a_group_has_a_conversation_of_its_own(tenant: Tenant) -> None:
    owner, group = tenant(), f"G-{secrets.token_hex(8)}"
    for place, sender, text in ((None, GRETA, "in private"), (group, GRETA, "to all"), (group, OTTO, "me too")):
        (await tenant.webhook(said(tenant, place, sender, text))).ok()
    private, *shared = await received(owner, 3)
    assert {event["contact_id"] for event in shared} == {shared[0]["contact_id"]} != {private["contact_id"]}
    assert [event["data"]["said_by"]["name"] for event in shared] == ["Greta", "Otto"]
    assert (private["data"]["said_by"], private["data"]["group_id"]) == (None, None)
    held = (await owner.get(f"/contacts/{shared[0]['contact_id']}/")).ok()
    assert (held["whatsapp_group_id"], held["full_name"], held["phone"]) == (group, f"Group {group}", None)
    greta = (await owner.get(f"/contacts/{private['contact_id']}/")).ok()
    assert (greta["phone"], greta["whatsapp_group_id"], greta["first_name"]) == (f"+{GRETA}", None, "Greta")
    shown = (await owner.get(f"/team-inbox/api/conversations/{greta['id']}/")).ok()
    assert (shown["last_message"]["preview"], shown["unread_count"]) == ("in private", 1)
    reply = {"contact": held["id"], "text": "Hello all"}
    detail = (await owner.post("/wa/v1/messages/", reply)).refused(400, "validation_error")
    assert detail == {"contact": ["is a group, which is not written to"]}


async def test_a_member_who_is_no_contact_becomes_none(tenant: Tenant) -> None:
    (await tenant.webhook(said(tenant, "G-quiet", OTTO, "just here"))).ok()
    await received(tenant(), 1)
    found = (await tenant().get("/contacts/")).ok()["results"]
    assert [contact["whatsapp_group_id"] for contact in found] == ["G-quiet"]


async def test_members_change_their_own_words_alone(tenant: Tenant) -> None:
    original = tenant.wamid()
    (await tenant.webhook(said(tenant, "G-edits", GRETA, "first", id=original))).ok()
    for sender, text in ((OTTO, "forged"), (GRETA, "second")):
        edit = {"original_message_id": original, "message": {"type": "text", "text": {"body": text}}}
        change = said(tenant, "G-edits", sender, "", id=tenant.wamid(), type="edit", edit=edit)
        (await tenant.webhook(change)).ok()
    seen = await tenant().wait_for_events(lambda events: any(e["type"] == "message.updated" for e in events))
    [updated] = [event for event in seen if event["type"] == "message.updated"]
    assert updated["data"]["content"]["body"]["text"] == "second"
    assert updated["data"]["said_by"]["name"] == "Greta"


async def test_who_is_erased_is_erased_in_groups_as_well(tenant: Tenant) -> None:
    owner = tenant()
    for group, sender, text in ((None, GRETA, "hi"), ("G-erase", GRETA, "hers"), ("G-erase", OTTO, "his")):
        (await tenant.webhook(said(tenant, group, sender, text))).ok()
    private, hers, his = await received(owner, 3)
    (await owner.delete(f"/contacts/{private['contact_id']}/", params={"erase": "true"})).ok(204)
    (await owner.get(f"/team-inbox/api/messages/{hers['data']['id']}/")).refused(404, "not_found")
    (await owner.get(f"/team-inbox/api/messages/{his['data']['id']}/")).ok()
    shown = (await owner.get(f"/team-inbox/api/conversations/{his['contact_id']}/")).ok()
    assert (shown["last_message"]["preview"], shown["unread_count"]) == ("his", 1)
