"""An agent who may see unassigned conversations sees all of them, however many there are."""

from __future__ import annotations

import pytest

from jinaconnect.core.inbox import status
from jinaconnect.core.inbox.contact import new_contact
from jinaconnect.core.inbox.message import new_message
from jinaconnect.store.databases.indexes import unhurried
from tests.conftest import Running
from tests.tenants import Tenant

MANY = 5_200


@pytest.mark.parametrize("assigned", [0, 6])
async def test_no_message_is_left_out_beyond_some_thousand_contacts(
    gateway: Running, tenant: Tenant, assigned: int
) -> None:
    services, now = gateway.services, gateway.services.clock()
    switch = {"settings": {"agents_see_unassigned": True}}
    (await tenant().patch(f"/tenants/{tenant.id}/", switch)).ok()
    stored = {"scope": f"{tenant.id}:live", "rev": 1, "pending": [], "created_at": now, "updated_at": now}
    contacts, messages = [], []
    for place in range(MANY):
        contact = {**new_contact(services.ids.new("cnt"), source="WHATSAPP", by=None), **stored}
        if place < assigned:
            contact.update(assigned_to_type="USER", assigned_to_user="usr_other", assigned_to_id="usr_other")
        contacts.append(contact)
        message = new_message(
            services.ids.new("msg"), contact=contact["_id"], platform="WHATSAPP", direction="INCOMING", type="TEXT",
            content={"type": "text", "body": {"text": f"{place}"}}, author="CONTACT", app=None, timestamp=now,
            status=status.RECEIVED, number=place + 1,
        )  # fmt: skip
        messages.append({**message, **stored})
    with unhurried():
        await services.store.raw("contacts").insert_many(contacts, ordered=False)
        await services.store.raw("messages").insert_many(messages, ordered=False)
    agent, seen = tenant("agent"), set[str]()
    cursor: str | None = ""
    while cursor is not None:
        page = (await agent.get("/team-inbox/api/messages/", params={"page_size": 1000, "cursor": cursor})).ok()
        seen |= {row["id"] for row in page["results"]}
        cursor = page["next_cursor"]
    assert seen == {message["_id"] for message in messages[assigned:]}
    few = (await agent.get("/team-inbox/api/messages/", params={"assigned_to_user": "usr_other"})).ok()
    assert few["count"] == 0
