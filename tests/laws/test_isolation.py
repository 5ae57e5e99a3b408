"""Isolation by construction: every operation with an id in its path, asked with another tenant's ids."""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from jinaconnect.core.permissions import PUBLIC
from jinaconnect.handlers.edge.operation import OPERATIONS
from jinaconnect.handlers.edge.table import load_operations
from tests.tenants import Tenant

load_operations()
WITH_IDS = [i for i in OPERATIONS.values() if "{" in i.path and i.permission != PUBLIC]
BODIES: dict[str, Any] = {
    "PATCH": {}, "DELETE": {},
    "roles.change": {"name": "x"}, "members.change_role": {"role_id": "rol_x"}, "inbox.notes.create": {"text": "x"},
    "contacts.assign": {"assigned_to_type": "UNASSIGNED"},
}  # fmt: skip


async def belongings(tenant: Tenant, mode: str = "live") -> dict[str, str]:
    """Make one thing of every kind and return their ids by prefix."""
    owner = tenant("owner", mode)
    contact = (await owner.post("/contacts/", {"phone": "+12025550181", "first_name": "Theirs"})).ok(201)["id"]
    note = (await owner.post(f"/team-inbox/api/conversations/{contact}/notes/", {"text": "n"})).ok(201)["id"]
    role = (await owner.post("/tenants/roles/", {"name": "Theirs", "priority": 10})).ok(201)["id"]
    invited = {"email": f"t{tenant.id[-9:]}{mode}@people.example", "role_id": role}
    member = (await owner.post("/tenants/members/invite/", invited)).ok(201)
    key = (await owner.post("/tenants/api-keys/", {"name": "k", "role_id": role})).ok(201)["id"]
    app = (await owner.get("/wa/v1/apps/")).ok()["results"][0]["id"]
    template = (await owner.post("/wa/v1/templates/", {"element_name": "theirs", "content": "hi"})).ok(201)["id"]
    hook = {"url": "https://1.1.1.1/", "events": ["*"], "is_active": False}
    endpoint = (await owner.post("/webhooks/endpoints/", hook)).ok(201)["id"]
    return {
        "cnt": contact, "msg": note, "rol": role, "mem": member["id"], "usr": member["user"], "key": key, "wap": app,
        "tpl": template, "ten": tenant.id, "hep": endpoint,
    }  # fmt: skip


def unknown(id: str) -> str:
    """Return an id of the same kind that never was."""
    prefix = id.partition("_")[0]
    return f"{prefix}_01jzzzzzzzzzzzzzzzzzzzzzzz"


@pytest.fixture
async def theirs(new_tenant: Callable[[], Awaitable[Tenant]]) -> tuple[Tenant, dict[str, str]]:
    other = await new_tenant()
    return other, await belongings(other)


@pytest.mark.parametrize("role", ["owner", "agent"])
async def test_a_foreign_id_and_one_that_never_was_give_the_same_bytes(
    tenant: Tenant, theirs: tuple[Tenant, dict[str, str]], role: str
) -> None:
    other, ids = theirs
    before = (await other().get("/events/", params={"after": "start", "limit": 500})).ok()["events"]
    for item in WITH_IDS:
        body = json.dumps(BODIES.get(item.id, BODIES.get(item.method, {}))).encode()
        for id in ids.values():
            answers = []
            for wanted in (id, unknown(id)):
                path = re.sub(r"\{\w+\}", wanted, item.path)
                answer = await tenant(role).ask(
                    item.method, path, body, headers={"Content-Type": "application/json"}
                )
                answers.append((answer.status, json.dumps(answer.body).replace(wanted, "ID")))
            assert answers[0] == answers[1], (item.id, role, id)
            assert answers[0][0] in (400, 403, 404), (item.id, role, id, answers[0])
    after = (await other().get("/events/", params={"after": "start", "limit": 500})).ok()["events"]
    assert after == before, "nothing happened in the other tenant"


async def test_foreign_ids_in_bodies_and_filters_are_unknown(
    tenant: Tenant, theirs: tuple[Tenant, dict[str, str]]
) -> None:
    _, ids = theirs
    owner = tenant()
    mine = await belongings(tenant)
    cases: list[tuple[str, dict[str, Any], str]] = [
        ("/wa/v1/messages/", {"contact": ids["cnt"], "text": "x"}, "contact"),
        ("/wa/v1/messages/", {"phone": "+12025550182", "wa_app": ids["wap"], "text": "x"}, "wa_app"),
        ("/tenants/members/invite/", {"email": "x@y.example", "role_id": ids["rol"]}, "role_id"),
        ("/tenants/api-keys/", {"name": "x", "role_id": ids["rol"]}, "role_id"),
        (
            f"/contacts/{mine['cnt']}/assign/",
            {"assigned_to_type": "USER", "assigned_to_id": ids["usr"]},
            "assigned_to_id",
        ),
        ("/team-inbox/api/messages/mark_multiple_as_read/", {"message_ids": [ids["msg"]]}, "message_ids"),
        ("/team-inbox/api/messages/mark_multiple_as_read/", {"contact_id": ids["cnt"]}, "contact_id"),
    ]
    for path, body, field in cases:
        detail = (await owner.post(path, body)).refused(400, "validation_error")
        assert field in detail, (path, detail)
    for path in (
        "/contacts/",
        "/wa/v1/messages/",
        "/wa/v1/apps/",
        "/wa/v1/templates/",
        "/team-inbox/api/messages/",
        "/team-inbox/api/conversations/",
        "/tenants/users/",
        "/tenants/roles/",
        "/tenants/api-keys/",
    ):
        shown = json.dumps((await owner.get(path, params={"page_size": 100})).ok())
        assert not [id for id in ids.values() if id in shown], path
    events = json.dumps(await owner.events())
    assert not [id for id in ids.values() if id in events]


async def test_live_and_test_are_apart(tenant: Tenant) -> None:
    live, test = await belongings(tenant), await belongings_of_mode(tenant)
    for mode, foreign in (("test", live), ("live", test)):
        for path in (
            f"/contacts/{foreign['cnt']}/",
            f"/team-inbox/api/messages/{foreign['msg']}/",
            f"/wa/v1/apps/{foreign['wap']}/",
            f"/wa/v1/templates/{foreign['tpl']}/",
        ):
            (await tenant("owner", mode).get(path)).refused(404, "not_found")


async def belongings_of_mode(tenant: Tenant) -> dict[str, str]:
    owner = tenant("owner", "test")
    contact = (await owner.post("/contacts/", {"phone": "+12025550181"})).ok(201)["id"]
    note = (await owner.post(f"/team-inbox/api/conversations/{contact}/notes/", {"text": "n"})).ok(201)["id"]
    app = (await owner.get("/wa/v1/apps/")).ok()["results"][0]["id"]
    template = (await owner.post("/wa/v1/templates/", {"element_name": "theirs", "content": "hi"})).ok(201)["id"]
    return {"cnt": contact, "msg": note, "wap": app, "tpl": template}


async def test_a_store_refuses_a_caller_that_names_the_partition(gateway: Any, tenant: Tenant) -> None:
    store = gateway.services.store.of(tenant.id, "live")
    for query in ({"scope": "x"}, {"$or": [{"scope": "x"}]}, {"$and": [{"$or": [{"scope": "x"}]}]}):
        with pytest.raises(ValueError, match="partition"):
            await store.find_one("contacts", query)
    with pytest.raises(ValueError, match="partition"):
        await store.insert("contacts", {"_id": "x", "scope": "x"})
    with pytest.raises(ValueError, match="another collection"):
        await store.aggregate("contacts", [{"$lookup": {"from": "users"}}])


def test_every_index_of_tenant_data_begins_with_the_partition() -> None:
    from jinaconnect.store.collections import COLLECTIONS

    assert all(index.name.startswith("scope_") for collection in COLLECTIONS.values() for index in collection.indexes)
