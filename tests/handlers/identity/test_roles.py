"""Roles and keys: nobody raises themselves, and what is withdrawn stops at once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from jinaconnect.core.permissions import MATRIX
from tests.client import Client
from tests.tenants import ROLES, Tenant


async def roles(tenant: Tenant) -> dict[str, dict[str, Any]]:
    rows = (await tenant().get("/tenants/roles/", params={"page_size": 100})).ok()["results"]
    return {row["slug"]: row for row in rows}


async def test_every_tenant_begins_with_the_matrix(tenant: Tenant) -> None:
    found = await roles(tenant)
    assert [row["slug"] for row in found.values()] == list(ROLES), "highest first"
    for slug, row in found.items():
        assert row["permissions"] == {key: slug in held for key, (_, held) in MATRIX.items()}
        mine = (await tenant(slug).get("/tenants/my-permissions/")).ok()
        assert mine["permissions"] == row["permissions"]


@pytest.mark.parametrize(
    ("role", "body", "status", "named"),
    [
        ("admin", {"name": "Peer", "priority": 80}, 400, "priority"),
        ("admin", {"name": "Beyond", "priority": 10, "permissions": {"tenant.delete": True}}, 400, "permissions"),
        ("admin", {"name": "Odd", "priority": 10, "permissions": {"no.such": True}}, 400, "permissions"),
        ("admin", {"name": "Low", "priority": 0}, 400, "priority"),
        ("admin", {"name": "Taken", "priority": 10, "slug": "agent"}, 400, "slug"),
        ("manager", {"name": "Mine", "priority": 10}, 403, None),
    ],
)
async def test_a_role_beyond_ones_own_is_refused(
    tenant: Tenant, role: str, body: dict[str, Any], status: int, named: str | None
) -> None:
    answer = await tenant(role).post("/tenants/roles/", body)
    assert answer.status == status, answer.body
    if named is not None:
        assert named in answer.body["detail"]
    assert len(await roles(tenant)) == len(ROLES)


async def test_a_changed_role_acts_at_once(tenant: Tenant) -> None:
    held = await roles(tenant)
    path = f"/tenants/roles/{held['viewer']['id']}/"
    async with tenant("viewer").socket() as socket:
        await socket.ready()
        await socket.subscribe(topics=["inbox"])
        (await tenant("admin").patch(path, {"permissions": {"inbox.view": False}})).ok()
        (await tenant("viewer").get("/wa/v1/messages/")).refused(403, "permission_denied")
        assert await socket.closed() == 4003
    (await tenant("admin").post(f"/tenants/roles/{held['viewer']['id']}/reset/")).ok()
    (await tenant("viewer").get("/wa/v1/messages/")).ok()
    refused = (await tenant("admin").patch(path, {"permissions": None})).refused(400, "validation_error")
    assert list(refused) == ["permissions"]
    (await tenant("admin").patch(f"/tenants/roles/{held['owner']['id']}/", {"name": "Me"})).refused(
        400, "validation_error"
    )
    (await tenant("admin").patch(f"/tenants/roles/{held['admin']['id']}/", {"name": "Me"})).refused(
        403, "permission_denied"
    )


async def test_a_role_in_use_is_kept_and_a_free_one_goes(tenant: Tenant) -> None:
    made = (await tenant().post("/tenants/roles/", {"name": "Night shift", "priority": 30})).ok(201)
    assert made["slug"] == "night-shift"
    again = (await tenant().post("/tenants/roles/", {"name": "Night shift", "priority": 30})).ok(201)
    assert again["slug"] == "night-shift-2"
    invited = {"email": f"n{tenant.id[-8:]}@people.example", "role_id": made["id"]}
    (await tenant().post("/tenants/members/invite/", invited)).ok(201)
    answer = await tenant().delete(f"/tenants/roles/{made['id']}/")
    answer.refused(409, "conflict")
    assert (answer.body["total_member_count"], answer.body["active_member_count"]) == (1, 0)
    (await tenant().delete(f"/tenants/roles/{again['id']}/")).ok(204)
    (await tenant().get(f"/tenants/roles/{again['id']}/")).refused(404, "not_found")


async def test_at_most_twenty_custom_roles(tenant: Tenant) -> None:
    bodies = [{"name": f"Role {number}", "priority": 10} for number in range(20)]
    await asyncio.gather(*(tenant().post("/tenants/roles/", body) for body in bodies))
    assert (await tenant().post("/tenants/roles/", {"name": "One more", "priority": 10})).status == 400


async def test_a_key_works_until_it_is_revoked(
    tenant: Tenant, client: Callable[[str | None], Client], new_tenant: Callable[[], Awaitable[Tenant]]
) -> None:
    held = await roles(tenant)
    body = {"name": "CRM", "role_id": held["manager"]["id"], "mode": "live"}
    made = (await tenant("admin").post("/tenants/api-keys/", body)).ok(201)
    assert made["key"].startswith("jc_live_")
    assert made["prefix"] == made["key"][:12]
    crm = client(made["key"])
    (await crm.get("/wa/v1/messages/")).ok()
    listed = (await tenant().get("/tenants/api-keys/", params={"page_size": 100})).ok()["results"]
    assert all("key" not in row and made["key"] not in str(row) for row in listed)
    for role in ("owner", "admin"):
        refused = await tenant("admin").post("/tenants/api-keys/", {**body, "role_id": held[role]["id"]})
        assert "role_id" in refused.refused(400, "validation_error")
    other = await new_tenant()
    (await other().delete(f"/tenants/api-keys/{made['id']}/")).refused(404, "not_found")
    async with crm.socket() as socket:
        await socket.ready()
        (await tenant("admin").delete(f"/tenants/api-keys/{made['id']}/")).ok(204)
        (await crm.get("/wa/v1/messages/")).refused(401, "invalid_api_key")
        assert await socket.closed() == 4003


async def test_rank_alone_gives_no_right_away(tenant: Tenant, client: Callable[[str | None], Client]) -> None:
    """Who may not grant a permission in a role gives it by no key, invitation, link, change or reset either."""
    few = {"tenant.edit": True, "users.invite": True, "users.change_role": True, "users.view": True}
    few_role = (await tenant().post("/tenants/roles/", {"name": "Few", "priority": 50, "permissions": few})).ok(201)
    more = {**few, "voice.listen": True, "contact.export": True}
    rich, equal = [
        (await tenant().post("/tenants/roles/", {"name": "Low", "priority": 30, "permissions": held})).ok(201)["id"]
        for held in (more, few)
    ]
    key = (await tenant().post("/tenants/api-keys/", {"name": "few", "role_id": few_role["id"]})).ok(201)["key"]
    caller, mail = client(key), f"r{tenant.id[-10:]}@people.example"
    member = (await tenant().post("/tenants/members/invite/", {"email": mail, "role_id": equal})).ok(201)["id"]
    held = (await tenant().post("/tenants/api-keys/", {"name": "rich", "role_id": rich})).ok(201)["id"]
    for answer, field in (
        (await caller.post("/tenants/api-keys/", {"name": "k", "role_id": rich}), "role_id"),
        (await caller.post("/tenants/members/invite/", {"email": f"x{mail}", "role_id": rich}), "role_id"),
        (await caller.post("/tenants/members/invite/", {"email": f"x{mail}", "role": "viewer"}), "role_id"),
        (await caller.patch(f"/tenants/members/{member}/role/", {"role_id": rich}), "role_id"),
        (await caller.post(f"/tenants/api-keys/{held}/rotate/"), "non_field_errors"),
    ):
        detail = answer.refused(400, "validation_error")
        assert "you cannot give what you do not hold" in detail[field][0]
    (await tenant().patch(f"/tenants/members/{member}/role/", {"role_id": rich})).ok()
    again = await caller.post(f"/tenants/members/{member}/resend-verification/")
    assert "non_field_errors" in again.refused(400, "validation_error")
    (await tenant().patch(f"/tenants/members/{member}/role/", {"role_id": equal})).ok()
    (await caller.post(f"/tenants/members/{member}/resend-verification/")).ok()
    (await caller.post("/tenants/api-keys/", {"name": "k", "role_id": equal})).ok(201)
    (await caller.delete(f"/tenants/api-keys/{held}/")).ok(204)
    agent = (await roles(tenant))["agent"]["id"]
    (await tenant().patch(f"/tenants/roles/{agent}/", {"permissions": {"inbox.reply": False}})).ok()
    assert "permissions" in (await caller.post(f"/tenants/roles/{agent}/reset/")).refused(400, "validation_error")


async def test_a_rotated_key_has_its_grace(tenant: Tenant, client: Callable[[str | None], Client]) -> None:
    held = await roles(tenant)
    made = (await tenant().post("/tenants/api-keys/", {"name": "k", "role_id": held["agent"]["id"]})).ok(201)
    path = f"/tenants/api-keys/{made['id']}/rotate/"
    graced = (await tenant().post(path, {"grace_seconds": 600})).ok()
    for secret in (made["key"], graced["key"]):
        (await client(secret).get("/tenants/my-permissions/")).ok()
    final = (await tenant().post(path)).ok()
    (await client(final["key"]).get("/tenants/my-permissions/")).ok()
    (await client(graced["key"]).get("/tenants/my-permissions/")).refused(401, "invalid_api_key")


@pytest.mark.parametrize(
    "wrong", ["9999-12-31T23:59:59-12:00", "0001-01-01T00:00:00+12:00", "2020-01-01T00:00:00Z", "2099-01-01T00:00:00"]
)
async def test_a_keys_end_that_will_not_do_is_refused(tenant: Tenant, wrong: str) -> None:
    body = {"name": "k", "role_id": (await roles(tenant))["viewer"]["id"], "expires_at": wrong}
    answer = await tenant().post("/tenants/api-keys/", body)
    assert list(answer.refused(400, "validation_error")) == ["expires_at"]
    made = (await tenant().post("/tenants/api-keys/", {**body, "expires_at": "2099-01-01T01:00:00+01:00"})).ok(201)
    assert made["expires_at"] == "2099-01-01T00:00:00.000Z"


async def test_a_key_bound_to_addresses_is_refused_elsewhere(
    tenant: Tenant, client: Callable[[str | None], Client]
) -> None:
    role = (await roles(tenant))["viewer"]["id"]
    bound = {"name": "k", "role_id": role, "ip_allowlist": ["10.1.0.0/16"]}
    made = (await tenant().post("/tenants/api-keys/", bound)).ok(201)
    (await client(made["key"]).get("/tenants/roles/")).refused(401, "invalid_api_key")
    answer = await tenant().post("/tenants/api-keys/", {**bound, "ip_allowlist": ["no network"]})
    assert "ip_allowlist.0" in answer.refused(400, "validation_error")


async def test_ownership_moves_by_transfer_alone(tenant: Tenant, client: Callable[[str | None], Client]) -> None:
    held = await roles(tenant)
    mail = f"o{tenant.id[-8:]}@people.example"
    invite = {"email": mail, "role_id": held["owner"]["id"]}
    assert "role_id" in (await tenant().post("/tenants/members/invite/", invite)).refused(400, "validation_error")
    (await tenant("admin").post("/tenants/transfer-ownership/", {"target_user_id": "usr_x"})).refused(
        403, "permission_denied"
    )
