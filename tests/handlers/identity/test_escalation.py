"""Nobody raises themselves or others beyond themselves: each guard by its name, over members who are logged in."""

from __future__ import annotations

import asyncio
import secrets
from dataclasses import dataclass
from typing import Any

import pytest

from jinaconnect.core.permissions import MATRIX
from tests.client import Client
from tests.conftest import Running
from tests.handlers.people import Person, add_person
from tests.tenants import Tenant

ROLES, INVITE = "/tenants/roles/", "/tenants/members/invite/"


@dataclass
class Office:
    """An organisation with its owner and an admin, logged in."""

    tenant: Tenant
    owner: Person
    admin: Person
    roles: dict[str, str]

    async def member(self, role: str, running: Running) -> Person:
        return await add_person(running, self.tenant, role)

    async def role(self, priority: int, **permissions: bool) -> str:
        body = {"name": secrets.token_hex(4), "priority": priority, "permissions": permissions}
        return str((await self.owner.client.post(ROLES, body)).ok(201)["id"])


@pytest.fixture
async def office(gateway: Running, tenant: Tenant) -> Office:
    owner, admin = [await add_person(gateway, tenant, role) for role in ("owner", "admin")]
    rows = (await owner.client.get(ROLES)).ok()["results"]
    return Office(tenant, owner, admin, {row["slug"]: row["id"] for row in rows})


def refused(answer: Any, field: str) -> None:
    assert field in answer.refused(400, "validation_error"), answer.body


async def test_nobody_makes_a_role_as_high_as_their_own(office: Office) -> None:
    for priority in (80, 81, 99):
        refused(await office.admin.client.post(ROLES, {"name": "High", "priority": priority}), "priority")
    (await office.admin.client.post(ROLES, {"name": "High", "priority": 79})).ok(201)


async def test_a_custom_role_stands_between_1_and_99(office: Office) -> None:
    for priority in (-1, 0, 100, 101):
        refused(await office.owner.client.post(ROLES, {"name": "Odd", "priority": priority}), "priority")


async def test_nobody_raises_a_role_to_their_own(office: Office) -> None:
    low = await office.role(30)
    refused(await office.admin.client.patch(f"{ROLES}{low}/", {"priority": 80}), "priority")


async def test_nobody_changes_removes_or_resets_a_role_as_high_as_their_own(office: Office) -> None:
    for id in (office.roles["admin"], await office.role(80), await office.role(90)):
        (await office.admin.client.patch(f"{ROLES}{id}/", {"name": "Mine"})).refused(403, "permission_denied")
        if id != office.roles["admin"]:
            (await office.admin.client.delete(f"{ROLES}{id}/")).refused(403, "permission_denied")
    (await office.admin.client.post(f"{ROLES}{office.roles['admin']}/reset/")).refused(403, "permission_denied")


async def test_a_system_role_is_not_removed_and_the_owners_not_changed(office: Office) -> None:
    refused(await office.owner.client.delete(f"{ROLES}{office.roles['viewer']}/"), "non_field_errors")
    refused(await office.owner.client.patch(f"{ROLES}{office.roles['owner']}/", {"name": "Me"}), "non_field_errors")
    (await office.owner.client.post(f"{ROLES}{office.roles['owner']}/reset/")).ok()


async def test_nobody_grants_a_permission_they_do_not_hold(office: Office) -> None:
    beyond = {"tenant.delete": True}
    refused(await office.admin.client.post(ROLES, {"name": "x", "priority": 9, "permissions": beyond}), "permissions")
    low = await office.role(30)
    refused(await office.admin.client.patch(f"{ROLES}{low}/", {"permissions": beyond}), "permissions")
    refused(await office.owner.client.patch(f"{ROLES}{low}/", {"permissions": {"voice.platform": True}}), "permissions")


async def test_an_unknown_permission_is_refused(office: Office) -> None:
    unknown = {"tenant.everything": True}
    refused(await office.owner.client.post(ROLES, {"name": "x", "priority": 9, "permissions": unknown}), "permissions")


async def test_nobody_gives_a_role_as_high_as_their_own(gateway: Running, office: Office) -> None:
    viewer, peer = await office.member("viewer", gateway), await office.role(80)
    for id in (office.roles["owner"], office.roles["admin"], peer):
        mail = f"{secrets.token_hex(4)}@people.example"
        refused(await office.admin.client.post(INVITE, {"email": mail, "role_id": id}), "role_id")
        refused(await office.admin.client.patch(f"/tenants/members/{viewer.member}/role/", {"role_id": id}), "role_id")
        refused(await office.admin.client.post("/tenants/api-keys/", {"name": "k", "role_id": id}), "role_id")


async def test_nobody_gives_a_lower_role_that_may_more(gateway: Running, office: Office) -> None:
    rich, viewer = await office.role(10, **{"tenant.delete": True}), await office.member("viewer", gateway)
    mail = f"{secrets.token_hex(4)}@people.example"
    refused(await office.admin.client.post(INVITE, {"email": mail, "role_id": rich}), "role_id")
    refused(await office.admin.client.patch(f"/tenants/members/{viewer.member}/role/", {"role_id": rich}), "role_id")


async def test_nobody_moves_or_removes_a_member_as_high_as_themselves(gateway: Running, office: Office) -> None:
    peer = await office.member("admin", gateway)
    path = f"/tenants/members/{peer.member}/"
    (await office.admin.client.patch(f"{path}role/", {"role_id": office.roles["viewer"]})).refused(
        403, "permission_denied"
    )
    (await office.admin.client.delete(path)).refused(403, "permission_denied")
    (await office.owner.client.delete(path)).ok(204)
    (await peer.client.get(ROLES)).refused(401, "authentication_failed")


async def test_nobody_changes_or_removes_their_own_membership(office: Office) -> None:
    for person in (office.owner, office.admin):
        path = f"/tenants/members/{person.member}/"
        refused(await person.client.patch(f"{path}role/", {"role_id": office.roles["viewer"]}), "non_field_errors")
        refused(await person.client.delete(path), "non_field_errors")


async def test_the_owner_is_neither_moved_nor_removed_nor_made(gateway: Running, office: Office) -> None:
    path = f"/tenants/members/{office.owner.member}/"
    refused(await office.admin.client.patch(f"{path}role/", {"role_id": office.roles["viewer"]}), "non_field_errors")
    refused(await office.admin.client.delete(path), "non_field_errors")
    viewer = await office.member("viewer", gateway)
    to_owner = {"role_id": office.roles["owner"]}
    refused(await office.owner.client.patch(f"/tenants/members/{viewer.member}/role/", to_owner), "role_id")


async def test_ownership_goes_to_an_active_admin_alone_and_leaves_one_owner(gateway: Running, office: Office) -> None:
    path, other = "/tenants/transfer-ownership/", await office.member("admin", gateway)
    manager = await office.member("manager", gateway)
    for nobody in (manager.id, office.owner.id, "usr_01jzzzzzzzzzzzzzzzzzzzzzzz"):
        refused(await office.owner.client.post(path, {"target_user_id": nobody}), "target_user_id")
    (await office.admin.client.post(path, {"target_user_id": other.id})).refused(403, "permission_denied")
    (await office.tenant("owner").post(path, {"target_user_id": other.id})).refused(403, "permission_denied")
    raced = await asyncio.gather(
        *(office.owner.client.post(path, {"target_user_id": person.id}) for person in (office.admin, other))
    )
    assert sorted(answer.status for answer in raced)[0] == 200
    assert {answer.status for answer in raced} <= {200, 400, 403, 409}
    members = (await manager.client.get("/tenants/members/", params={"page_size": 100})).ok()["results"]
    owners = [row["user"] for row in members if row["role_detail"]["slug"] == "owner"]
    assert len(owners) == 1
    assert owners[0] in (office.admin.id, other.id)
    late = await office.owner.client.post(path, {"target_user_id": office.owner.id})
    assert late.status == 403


async def test_a_demoted_member_may_nothing_more_at_once(office: Office) -> None:
    to_viewer = {"role_id": office.roles["viewer"]}
    (await office.owner.client.patch(f"/tenants/members/{office.admin.member}/role/", to_viewer)).ok()
    (await office.admin.client.post(ROLES, {"name": "x", "priority": 5})).refused(403, "permission_denied")


async def test_what_is_not_granted_is_denied(office: Office, client: Any) -> None:
    nothing = await office.role(5)
    key = (await office.owner.client.post("/tenants/api-keys/", {"name": "k", "role_id": nothing})).ok(201)["key"]
    mine = (await client(key).get("/tenants/my-permissions/")).ok()["permissions"]
    assert mine == dict.fromkeys(MATRIX, False)
    for path in ("/contacts/", "/tenants/users/", "/tenants/", "/tenants/host-wallet/"):
        (await client(key).get(path)).refused(403, "permission_denied")


async def test_memberships_are_not_written_directly(office: Office) -> None:
    owner: Client = office.owner.client
    (await owner.post("/tenants/users/", {"user": office.admin.id})).refused(405, "method_not_allowed")
    (await owner.patch(f"/tenants/users/{office.admin.member}/", {"is_active": False})).refused(
        405, "method_not_allowed"
    )
