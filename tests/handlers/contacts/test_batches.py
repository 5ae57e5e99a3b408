"""Contacts added in batches whose events wait on one row: none is lost or doubled, each comes before what follows."""

from __future__ import annotations

from typing import Any

import pytest

from jinaconnect.actions.context import Caller, Context
from jinaconnect.actions.inbox.conversations import contact_event
from jinaconnect.core.errors import Unavailable
from jinaconnect.core.inbox.contact import new_contact
from jinaconnect.core.principal import system_principal
from jinaconnect.store.databases.encoded import PACKED
from tests.conftest import Running
from tests.tenants import Tenant

Items = list[tuple[dict[str, Any], list[Any]]]


def batch(ctx: Context, numbers: list[int]) -> Items:
    items: Items = []
    for number in numbers:
        now = ctx.now()
        doc = new_contact(ctx.ids.new("cnt"), source="IMPORT", by=None, created_at=now, updated_at=now)
        doc["phone"] = f"+1202555{number:04}"
        items.append((doc, [contact_event(ctx, ctx.ids.new("evt"), "contact.created", doc, doc)]))
    return items


async def told(tenant: Tenant) -> list[tuple[str, str]]:
    events = await tenant().events()
    return [(event["type"], event["subject"]["id"]) for event in events if event["type"].startswith("contact.")]


@pytest.mark.parametrize("earlier", [False, True], ids=["as it is written", "as earlier versions wrote it"])
async def test_a_batch_that_is_cut_off_is_told_once_and_before_what_follows(
    gateway: Running, tenant: Tenant, monkeypatch: pytest.MonkeyPatch, earlier: bool
) -> None:
    ctx = Context(gateway.services, system_principal(tenant.id, "live"), Caller(""))
    batch_id = f"imp_x{earlier:d}:0:0"
    items = batch(ctx, [1, 2, 3])
    ids = [doc["_id"] for doc, _ in items]
    log = gateway.services.store.log
    append = log.append

    async def away(*_: Any) -> list[int]:
        raise Unavailable("The database is not answering.")

    monkeypatch.setattr(log, "append", away)
    first = ctx.data.batch("contacts", batch_id, items)
    with pytest.raises(Unavailable):
        await ctx.data.insert_batch(first)
    monkeypatch.setattr(log, "append", append)
    if earlier:
        waiting = [dict(row) for rows in first.told for row in rows]
        formerly = {"$set": {"events": waiting}, "$unset": {PACKED: ""}}
        await gateway.services.store.raw("batches").update_one({"_id": first.id, "scope": ctx.data.scope}, formerly)
    assert await told(tenant) == []
    (await tenant().patch(f"/contacts/{ids[1]}/", {"first_name": "Ann"})).ok()
    assert await told(tenant) == [("contact.created", ids[1]), ("contact.updated", ids[1])]
    await ctx.data.tell_batches("contacts", batch_id[:7])
    created = {("contact.created", id) for id in ids}
    assert sorted(await told(tenant)) == sorted([*created, ("contact.updated", ids[1])])
    assert await ctx.data.select("batches", {}) == []
    again = await ctx.data.insert_batch(ctx.data.batch("contacts", batch_id, items))
    assert again == [None, None, None], "what is there by its id counts as added"
    assert len(await told(tenant)) == 4
    (await tenant().patch(f"/contacts/{ids[2]}/", {"first_name": "Bo"})).ok()
    assert (await told(tenant))[4:] == [("contact.updated", ids[2])]


async def test_a_taken_number_fails_its_own_contact_alone(gateway: Running, tenant: Tenant) -> None:
    (await tenant().post("/contacts/", {"phone": "+12025550012"})).ok(201)
    ctx = Context(gateway.services, system_principal(tenant.id, "live"), Caller(""))
    before = len(await told(tenant))
    items = batch(ctx, [11, 12, 13])
    assert await ctx.data.insert_batch(ctx.data.batch("contacts", "imp_y:0:0", items)) == [None, "phone", None]
    assert [id for _, id in (await told(tenant))[before:]] == [items[0][0]["_id"], items[2][0]["_id"]]
