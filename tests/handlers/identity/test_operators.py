"""Whom the settings mean by an address: the account that proved it here first, and nobody who came to it otherwise."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from jinaconnect.actions.identity.authentication import key_hash
from jinaconnect.core.identity.proof import arrived
from jinaconnect.core.moving import rows
from jinaconnect.store.databases.mongo import Document
from jinaconnect.store.secrets.passwords import hashed
from tests.client import Client
from tests.conftest import Running
from tests.handlers.identity.test_accounts import FORGOT, REGISTER, RESET, VERIFY, body
from tests.handlers.mail import PostBox, token_of
from tests.tenants import Tenant

Make = Callable[[str | None], Client]
New = Callable[[], Awaitable[Tenant]]
INVITE = "/tenants/members/invite/"
OPERATOR, OTHER = "Operator-pass-1", "Other-pass-2"


@contextmanager
def operated(gateway: Running, address: str) -> Iterator[None]:
    """Have the settings name an address."""
    auth = gateway.ports.auth
    before, auth._operators = auth._operators, frozenset({address})
    try:
        yield
    finally:
        auth._operators = before


async def operates(client: Make, address: str, password: str) -> bool:
    access = (await client(None).post("/token/", {"email": address, "password": password})).ok()["access"]
    return (await client(access).get("/tenants/host-wallet/balance/")).status == 200


async def registered(client: Make, box: PostBox, **fields: Any) -> str:
    """Register somebody, who answers the letter; returns the address."""
    given = body(password=OPERATOR, **fields)
    address = (await client(None).post(REGISTER, given)).ok(201)["email"]
    (await client(None).post(VERIFY, {"token": token_of(await box.letter(address, len(box.to(address)) or 1))})).ok()
    return str(address)


async def member_of(gateway: Running, tenant: Tenant, user: Document) -> None:
    """Write an account and its membership."""
    store = gateway.services.store.of(tenant.id, "live")
    role = await store.find_one("roles", {"slug": "manager"})
    assert role is not None
    await gateway.services.people.add_user(user)
    await store.insert("members", {
        "_id": gateway.services.ids.new("mem"), "user": user["_id"], "role": role["_id"], "is_active": True,
        "created_by": None, "updated_by": None,
    })  # fmt: skip


async def test_neither_an_invitation_nor_a_registration_that_nobody_confirmed_comes_first(
    client: Make, tenant: Tenant, box: PostBox, gateway: Running
) -> None:
    address = str(body()["email"]).lower()
    (await tenant().post(INVITE, {"email": address, "role": "admin", "password": OTHER})).ok(201)
    (await client(None).post(REGISTER, body(email=address))).ok(201)
    await box.letter(address)
    given = (await client(None).post(REGISTER, body(email=address, password=OPERATOR))).ok(201)
    (await client(None).post(VERIFY, {"token": token_of(await box.letter(address, 2))})).ok()
    with operated(gateway, given["email"]):
        assert [await operates(client, address, each) for each in (OPERATOR, OTHER)] == [True, False]


@pytest.mark.parametrize("by", ["archive", "dump", "username"])
async def test_what_moves_in_with_an_older_account_operates_nothing(
    client: Make, tenant: Tenant, box: PostBox, gateway: Running, by: str
) -> None:
    address = await registered(client, box)
    long_ago, password = datetime(2020, 1, 1, tzinfo=UTC), await hashed(OTHER)
    mail = address if by != "username" else f"{secrets.token_hex(6)}@people.example"
    row = {"id": "7", "email": mail, "username": address, "created_at": "2020-01-01T00:00:00Z"}
    moved = {**rows.person(row, tenant.id)["user"], "password": password}
    if by == "archive":
        moved = {
            "_id": f"usr_00{secrets.token_hex(12)}", "email": address, "username": address, "first_name": "",
            "last_name": "", "mobile": None, "password": password, "is_active": True, "email_verified": True,
            "home": tenant.id, "created_at": long_ago, "had": [{"address": address, "since": None}],
        }  # fmt: skip
        moved = arrived(moved)
    await member_of(gateway, tenant, moved)
    with operated(gateway, address):
        assert [await operates(client, name, each) for name, each in ((address, OPERATOR), (mail, OTHER))] == [
            True, False
        ]  # fmt: skip


async def test_who_moved_in_operates_once_they_have_answered_a_letter(
    client: Make, tenant: Tenant, new_tenant: New, box: PostBox, gateway: Running
) -> None:
    mail = f"{secrets.token_hex(6)}@people.example"
    row = {"id": "7", "email": mail, "created_at": "2020-01-01T00:00:00Z"}
    user = {**rows.person(row, tenant.id)["user"], "password": await hashed(OTHER)}
    await member_of(gateway, tenant, user)
    with operated(gateway, mail):
        assert await operates(client, mail, OTHER) is False
        (await client(None).post(FORGOT, {"email": mail})).ok()
        chosen = {"token": token_of(await box.letter(mail)), "password": OPERATOR, "confirm_password": OPERATOR}
        (await client(None).post(RESET, chosen)).ok()
        assert await operates(client, mail, OPERATOR) is True
        other = (await (await new_tenant())().post(INVITE, {"email": mail, "role": "admin"})).ok(201)
        given = {"token": other["invite_path"].partition("token=")[2], "password": OTHER}
        (await client(None).post("/tenants/members/accept/", given)).ok()
        assert [await operates(client, mail, each) for each in (OPERATOR, OTHER)] == [True, False]


async def test_an_account_of_before_that_was_proved_stays_first(
    client: Make, tenant: Tenant, new_tenant: New, gateway: Running
) -> None:
    mail, other = f"{secrets.token_hex(6)}@people.example", await new_tenant()
    for place, (each, password) in enumerate(((other, OTHER), (tenant, OPERATOR))):
        await member_of(gateway, each, {
            "_id": gateway.services.ids.new("usr"), "email": mail, "username": mail, "first_name": "", "last_name": "",
            "mobile": None, "password": await hashed(password), "is_active": True, "email_verified": bool(place),
            "home": each.id, "created_at": gateway.services.clock(),
        })  # fmt: skip
    third = (await (await new_tenant())().post(INVITE, {"email": mail, "role": "admin"})).ok(201)
    given = {"token": third["invite_path"].partition("token=")[2], "password": "Third-pass-3"}
    (await client(None).post("/tenants/members/accept/", given)).ok()
    with operated(gateway, mail):
        held = [await operates(client, mail, each) for each in (OPERATOR, OTHER, "Third-pass-3")]
    assert held == [True, False, False]


async def test_no_secret_that_was_made_elsewhere_proves_an_address_here(
    client: Make, tenant: Tenant, gateway: Running
) -> None:
    mail, later = f"{secrets.token_hex(6)}@people.example", gateway.services.clock() + timedelta(hours=1)
    links = {name: secrets.token_urlsafe(32) for name in ("reset", "verification", "invitation", "moving_to")}
    kept = {name: {"hash": key_hash(link), "until": later, "address": mail} for name, link in links.items()}
    await member_of(gateway, tenant, arrived({
        "_id": gateway.services.ids.new("usr"), "email": mail, "username": mail, "first_name": "", "last_name": "",
        "mobile": None, "password": None, "is_active": True, "email_verified": False, "home": tenant.id,
        "created_at": gateway.services.clock(), **kept,
    }))  # fmt: skip
    for name in ("verification", "moving_to"):
        (await client(None).post(VERIFY, {"token": links[name]})).refused(400, "validation_error")
    chosen = {"token": links["reset"], "password": OTHER, "confirm_password": OTHER}
    (await client(None).post(RESET, chosen)).refused(400, "validation_error")
    given = {"token": links["invitation"], "password": OTHER}
    (await client(None).post("/tenants/members/accept/", given)).ok()
    with operated(gateway, mail):
        assert await operates(client, mail, OTHER) is False
