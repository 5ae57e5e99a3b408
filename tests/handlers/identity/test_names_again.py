"""What was removed, and is kept for audit, stands in nobody's way: its name, number or address can be used again."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from jinaconnect.store.collections import COLLECTIONS
from jinaconnect.store.databases.indexes import Built, settle
from tests.conftest import Running
from tests.tenants import Tenant

PHONE = "+12025550166"


async def _contact(tenant: Tenant) -> tuple[str, dict[str, Any]]:
    return "/contacts/", {"phone": PHONE, "first_name": "Once"}


async def _role(tenant: Tenant) -> tuple[str, dict[str, Any]]:
    return "/tenants/roles/", {"name": "Night", "slug": "night", "priority": 10}


async def _template(tenant: Tenant) -> tuple[str, dict[str, Any]]:
    return "/wa/v1/templates/", {"element_name": "hello", "language_code": "en", "content": "hi"}


async def _member(tenant: Tenant) -> tuple[str, dict[str, Any]]:
    return "/tenants/members/invite/", {"email": f"n{tenant.id[-12:]}@people.example", "role": "agent"}


async def _number(tenant: Tenant) -> tuple[str, dict[str, Any]]:
    account = {"name": "Line", "provider": "twilio", "credentials": {"account_sid": "AC1", "auth_token": "t"}}
    trunk = (await tenant().post("/voice/api/provider-configs/", account)).ok(201)["id"]
    return "/voice/api/numbers/", {"number": PHONE, "provider_config": trunk, "route": {"type": "reject"}}


async def _consent(tenant: Tenant) -> tuple[str, dict[str, Any]]:
    contact = (await tenant().post("/contacts/", {"phone": PHONE})).ok(201)["id"]
    return "/voice/api/recording-consents/", {"name": "c", "contact": contact, "consent_given": True}


Made = Callable[[Tenant], Awaitable[tuple[str, dict[str, Any]]]]


@pytest.mark.parametrize("made", [_contact, _role, _template, _member, _number, _consent])
async def test_what_was_removed_can_be_made_again(tenant: Tenant, made: Made) -> None:
    path, body = await made(tenant)
    for _ in range(3):
        id = (await tenant().post(path, body)).ok(201)["id"]
        assert (await tenant().post(path, body)).status in (400, 409), "once at a time"
        place = path.replace("invite/", "")
        (await tenant().delete(f"{place}{id}/")).ok(204)


async def test_a_name_removed_in_an_earlier_version_is_free(gateway: Running) -> None:
    """The index of before held what was removed as well; it is replaced at the first start."""
    database = gateway.services.store.database.client[f"before_{secrets.token_hex(4)}"]
    try:
        rows = database["templates"]
        keys = (("scope", 1), ("app", 1), ("element_name", 1), ("language_code", 1))
        await settle(rows, [Built("scope_app_element_name_language_code", keys, {"unique": True})])
        row = {"scope": "t:live", "app": "a", "element_name": "hello", "language_code": "en"}
        await rows.insert_one({"_id": "tpl_1", **row, "deleted_at": gateway.services.clock()})
        await settle(rows, COLLECTIONS["templates"].built())
        await rows.insert_one({"_id": "tpl_2", **row, "deleted_at": None})
    finally:
        await database.client.drop_database(database.name)


async def test_removed_roles_leave_room_for_twenty(tenant: Tenant) -> None:
    for number in range(21):
        made = (await tenant().post("/tenants/roles/", {"name": f"Role {number}", "priority": 10})).ok(201)
        (await tenant().delete(f"/tenants/roles/{made['id']}/")).ok(204)
