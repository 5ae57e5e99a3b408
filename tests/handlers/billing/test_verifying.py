"""`verify` finds nothing where all is well, and whatever does not agree."""

from __future__ import annotations

from jinaconnect.actions.verifying import verify
from tests.client import until
from tests.conftest import Running
from tests.handlers.billing.test_ledger import wallet_with
from tests.handlers.billing.test_sends import send, settled, template
from tests.tenants import Tenant


async def found(gateway: Running, tenant: Tenant) -> list[str]:
    return [fault async for fault in verify(gateway.services, [tenant.id])]


async def test_books_and_state_agree_until_somebody_meddles(gateway: Running, tenant: Tenant) -> None:
    scope, client = f"{tenant.id}:test", tenant("owner", "test")
    await wallet_with(gateway.services, scope, 1)
    name = await template(client)
    for number in ("+12025550111", "+12025550113"):
        (await send(client, name, number)).ok(201)
    (await client.post("/sandbox/inbound/", {"from": "+12025550111", "name": "Ann", "text": "thanks"})).ok(201)
    await settled(gateway, scope)
    contact = (await client.get("/contacts/", params={"phone": "+12025550111"})).ok()["results"][0]["id"]

    async def answered() -> bool:
        body = {"contact_id": contact}
        marked = await client.post("/team-inbox/api/messages/mark_multiple_as_read/", body)
        return marked.status == 200

    await until(answered)
    (await client.patch(f"/contacts/{contact}/", {"first_name": "Anne"})).ok()
    assert await found(gateway, tenant) == []

    store = gateway.services.store
    await store.raw("contacts").update_one({"_id": contact}, {"$set": {"first_name": "Bob"}})
    apart = f"{scope}: contact {contact} is not as the log tells: first_name, full_name"
    assert await found(gateway, tenant) == [apart]
    await store.raw("contacts").update_one({"_id": contact}, {"$set": {"first_name": "Anne"}})
    await store.raw("ledger").update_one({"scope": scope, "number": 2}, {"$inc": {"change": 1}})
    assert len(await found(gateway, tenant)) == 1
    await store.raw("ledger").update_one({"scope": scope, "number": 2}, {"$inc": {"change": -1}})
    await store.raw("wallets").update_one({"scope": scope}, {"$inc": {"balance": 1}})
    [fault] = await found(gateway, tenant)
    assert "the wallet says" in fault
    await store.raw("wallets").update_one({"scope": scope}, {"$inc": {"balance": -1}})
    await store.raw("ledger").delete_one({"scope": scope, "number": 1})
    assert "the ledger has no row 1" in (await found(gateway, tenant))[0]
