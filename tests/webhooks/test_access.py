"""An endpoint is told what its owner may see: at the moment, live and in a replay alike."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from tests.client import Client, until
from tests.conftest import Running
from tests.handlers.people import Person, add_person
from tests.tenants import Tenant
from tests.webhooks.conftest import Receivers, endpoint
from tests.webhooks.receiver import Receiver


async def agent_who_manages_webhooks(gateway: Running, tenant: Tenant) -> Person:
    """Add an agent whose role may manage webhooks as well."""
    owner = tenant()
    roles = (await owner.get("/tenants/roles/")).ok()
    rows = roles["results"] if isinstance(roles, dict) else roles
    agent = next(row for row in rows if row["slug"] == "agent")
    held = {**agent["permissions"], "webhook.view": True, "webhook.manage": True}
    (await owner.patch(f"/tenants/roles/{agent['id']}/", {"permissions": held})).ok()
    return await add_person(gateway, tenant, "agent")


async def reached(receiver: Receiver, count: int) -> None:
    async def told() -> bool:
        return len({each.id for each in receiver.taken()}) >= count

    await until(told, 30)


async def caught_up(owner: Client, id: str) -> None:
    """Wait until an endpoint was told, or passed by, everything."""

    async def there() -> bool:
        waiting = (await owner.get(f"/webhooks/endpoints/{id}/")).ok()["waiting"]
        return bool(waiting["events"] == 0 and waiting["keys_behind"] == 0)

    await until(there, 30)


async def test_live_and_replay_show_what_the_owner_would_see_on_any_door(
    gateway: Running, tenant: Tenant, receivers: Receivers
) -> None:
    person = await agent_who_manages_webhooks(gateway, tenant)
    receiver = await receivers()
    made = await endpoint(person.client, receiver, "*")
    assert made["owner"] == {"type": "user", "id": person.id}
    await tenant.receives("+12025550161", "theirs")
    await tenant.receives("+12025550162", "not theirs")
    contacts = {row["phone"]: row["id"] for row in (await tenant().get("/contacts/")).ok()["results"]}
    for phone in ("+12025550161", "+12025550162"):
        assigned = {"assigned_to_type": "USER", "assigned_to_id": person.id}
        if phone.endswith("1"):
            (await tenant().post(f"/contacts/{contacts[phone]}/assign/", assigned)).ok()
    await tenant.receives("+12025550161", "theirs again")
    await tenant.receives("+12025550162", "still not theirs")
    (await tenant().post(f"/contacts/{contacts['+12025550161']}/assign/", {"assigned_to_type": "UNASSIGNED"})).ok()
    await tenant.receives("+12025550161", "no longer theirs")
    await caught_up(tenant(), made["id"])
    seen = [event["id"] for event in await person.client.events() if event["recorded_at"] >= made["created_at"]]
    live = [heard.id for heard in receiver.taken()]
    assert sorted(live) == sorted(seen)
    assert live
    receiver.heard.clear()
    (await tenant().post(f"/webhooks/endpoints/{made['id']}/replay/", {"after": "start"})).ok()

    async def over() -> bool:
        return bool((await tenant().get(f"/webhooks/endpoints/{made['id']}/")).ok()["replay"] is None)

    await until(over)
    assert sorted(heard.id for heard in receiver.taken() if heard.id in live) == sorted(live)
    assert {heard.id for heard in receiver.taken()} <= {event["id"] for event in await person.client.events()}


async def test_withdrawn_access_ends_it_with_a_notice(gateway: Running, tenant: Tenant, receivers: Receivers) -> None:
    admin = await add_person(gateway, tenant, "admin")
    receiver = await receivers()
    made = await endpoint(admin.client, receiver, "message.received")
    await tenant.receives("+12025550163", "before")
    await reached(receiver, 1)
    assert (await tenant().delete(f"/tenants/members/{admin.member}/")).status in (200, 204)
    await tenant.receives("+12025550163", "after")
    events = await tenant().wait_for_events(lambda seen: any(each["type"] == "endpoint.disabled" for each in seen))
    told = next(each["data"] for each in events if each["type"] == "endpoint.disabled")
    assert told["disabled_reason"] == "access_withdrawn"
    assert len(receiver.heard) == 1
    # Somebody else takes it over, and it goes on where it was.
    resumed = (await tenant().post(f"/webhooks/endpoints/{made['id']}/resume/")).ok()
    assert resumed["owner"]["type"] == "api_key"
    await reached(receiver, 2)


async def test_a_revoked_key_tells_its_endpoints_nothing_more(tenant: Tenant, receivers: Receivers) -> None:
    owner = tenant()
    roles = (await owner.get("/tenants/roles/")).ok()
    rows = roles["results"] if isinstance(roles, dict) else roles
    admin = next(row["id"] for row in rows if row["slug"] == "admin")
    key = (await owner.post("/tenants/api-keys/", {"name": "hooks", "role_id": admin})).ok(201)
    receiver = await receivers()
    await endpoint(Client(owner.url, key["key"], owner.session), receiver, "message.received")
    assert (await owner.delete(f"/tenants/api-keys/{key['id']}/")).status == 204
    await tenant.receives("+12025550164", "after")
    await owner.wait_for_events(lambda seen: any(each["type"] == "endpoint.disabled" for each in seen))
    assert receiver.asked == 0


async def test_a_narrowed_role_narrows_what_is_told(gateway: Running, tenant: Tenant, receivers: Receivers) -> None:
    owner = tenant()
    fields = {"name": "Hooks", "priority": 30, "permissions": {"webhook.manage": True, "webhook.view": True,
                                                               "inbox.view": True, "voice.view": True}}  # fmt: skip
    role = (await owner.post("/tenants/roles/", fields)).ok(201)
    key = (await owner.post("/tenants/api-keys/", {"name": "hooks", "role_id": role["id"]})).ok(201)
    receiver = await receivers()
    made = await endpoint(Client(owner.url, key["key"], owner.session), receiver, "*")
    await tenant.receives("+12025550165", "seen")
    await caught_up(owner, made["id"])
    assert {each.event["type"].partition(".")[0] for each in receiver.heard} == {"message", "contact", "conversation"}
    count = len(receiver.heard)
    narrowed = {"webhook.manage": True, "webhook.view": True, "inbox.view": False, "voice.view": True}
    (await owner.patch(f"/tenants/roles/{role['id']}/", {"permissions": narrowed})).ok()
    await tenant.receives("+12025550165", "not seen")
    await caught_up(owner, made["id"])
    assert len(receiver.heard) == count


async def test_whoever_points_an_endpoint_elsewhere_gets_what_they_see_themselves(
    gateway: Running, tenant: Tenant, receivers: Receivers
) -> None:
    mine, theirs = await receivers(), await receivers()
    made = await endpoint(tenant(), mine, "message.received")
    person = await agent_who_manages_webhooks(gateway, tenant)
    path = f"/webhooks/endpoints/{made['id']}/"
    changed = (await person.client.patch(path, {"url": theirs.url})).ok()
    assert changed["owner"] == {"type": "user", "id": person.id}
    await tenant.receives("+12025550166", "nobody's")
    await caught_up(tenant(), made["id"])
    assert theirs.asked == mine.asked == 0


async def test_no_tenant_is_told_of_another(
    tenant: Tenant, new_tenant: Callable[[], Awaitable[Tenant]], receivers: Receivers
) -> None:
    other = await new_tenant()
    one, two = await receivers(), await receivers()
    await endpoint(tenant(), one, "message.received")
    await endpoint(other(), two, "message.received")
    test = await receivers()
    await endpoint(tenant("owner", "test"), test, "message.received")
    await asyncio.gather(*(tenant.receives(f"+120255501{n}", "mine") for n in range(70, 75)))
    await asyncio.gather(*(other.receives(f"+120255501{n}", "theirs") for n in range(70, 73)))
    await reached(one, 5)
    await reached(two, 3)
    assert {each.event["tenant_id"] for each in one.heard} == {tenant.id}
    assert {each.event["tenant_id"] for each in two.heard} == {other.id}
    assert test.asked == 0
