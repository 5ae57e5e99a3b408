"""Many change one document at the same moment: each of them is done, none is told to come back."""

from __future__ import annotations

import asyncio
from typing import Any

from jinaconnect.store.store import Store
from jinaconnect.store.tenant import Change
from tests.client import until
from tests.conftest import Running
from tests.tenants import Tenant

MANY = 300


async def test_hundreds_of_changes_of_one_contact_at_once_are_all_done(tenant: Tenant) -> None:
    contact = (await tenant().post("/contacts/", {"phone": "+12025550133"})).ok(201)["id"]
    path = f"/contacts/{contact}/"
    answers = await asyncio.gather(
        *(tenant().patch(path, {"attributes": {f"key_{place % 90}": place}}) for place in range(MANY))
    )
    assert {answer.status for answer in answers} == {200}
    told = [event for event in await tenant().events() if event["type"] == "contact.updated"]
    assert len(told) == MANY
    fold: dict[str, Any] = {}
    for event in told:
        assert len(event["data"]["attributes"].items() - fold.items()) == 1  # each is the one before and one change
        fold = event["data"]["attributes"]
    assert (await tenant().get(path)).ok()["attributes"] == fold


async def test_messages_and_marks_of_one_conversation_at_once_are_all_counted(tenant: Tenant) -> None:
    phone = "+12025550134"
    await tenant.receives(phone, "first")

    async def there() -> Any:
        return (await tenant().get("/contacts/", params={"phone": phone})).ok()["results"]

    contact = (await until(there))[0]["id"]
    sends = [tenant().post("/wa/v1/messages/", {"contact": contact, "text": f"{place}"}) for place in range(60)]
    path = "/team-inbox/api/messages/mark_multiple_as_read/"
    marks = [tenant().post(path, {"contact_id": contact}) for _ in range(30)]
    arrivals = [tenant.receives(phone, f"more {place}") for place in range(30)]
    answers = await asyncio.gather(*sends, *marks, *arrivals)
    assert {answer.status for answer in answers if answer is not None} <= {200, 201, 202}

    async def counted() -> Any:
        rows = (await tenant().get("/team-inbox/api/messages/", params={"page_size": 200, "is_read": "false"})).ok()
        talk = (await tenant().get(f"/team-inbox/api/conversations/{contact}/")).ok()
        return rows["count"] == talk["unread_count"]

    await until(counted)


async def test_processes_that_change_one_document_at_once_all_get_through(gateway: Running, tenant: Tenant) -> None:
    contact = (await tenant().post("/contacts/", {"phone": "+12025550135"})).ok(201)["id"]
    services = gateway.services
    stores = [services.store] + [Store(services.store.database, services.clock) for _ in range(2)]

    def count(doc: dict[str, Any]) -> Change:
        return Change(set={"lead_score": doc["lead_score"] + 1})

    await asyncio.gather(
        *(store.of(tenant.id, "live").change("contacts", contact, count) for store in stores for _ in range(40))
    )
    assert (await services.store.of(tenant.id, "live").get("contacts", contact))["lead_score"] == 120
