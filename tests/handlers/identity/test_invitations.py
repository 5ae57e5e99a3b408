"""Invitations: an organisation's accounts are its own, and nobody is made a member unasked."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest

from jinaconnect.actions.identity.authentication import key_hash
from jinaconnect.core.errors import Conflict
from jinaconnect.store.identity.people import People
from jinaconnect.store.secrets.passwords import hashed
from tests.client import Answered, Client
from tests.conftest import Running
from tests.tenants import Tenant

INVITE, ACCEPT = "/tenants/members/invite/", "/tenants/members/accept/"
THEIRS, MINE = "Attacker-pass-1", "Chosen-pass-1"

Make = Callable[[str | None], Client]
New = Callable[[], Awaitable[Tenant]]


def address() -> str:
    return f"{secrets.token_hex(6)}@people.example"


def token_of(invited: dict[str, Any]) -> str:
    return str(invited["invite_path"].partition("token=")[2])


async def accept(tenant: Tenant, invited: dict[str, Any], password: str) -> Answered:
    return await tenant.anonymous.post(ACCEPT, {"token": token_of(invited), "password": password})


async def log_in(tenant: Tenant, mail: str, password: str) -> Answered:
    return await tenant.anonymous.post("/token/", {"email": mail, "password": password})


async def types(tenant: Tenant) -> list[str]:
    return [event["type"] for event in await tenant().events(topics="account") if event["type"].startswith("member.")]


@pytest.mark.parametrize("by", ["password", "link"])
async def test_an_account_one_organisation_made_opens_no_other(tenant: Tenant, new_tenant: New, by: str) -> None:
    attacker, mail = await new_tenant(), address()
    body = {"email": mail, "role": "viewer", **({"password": THEIRS} if by == "password" else {})}
    theirs = (await attacker().post(INVITE, body)).ok(201)
    if by == "link":
        (await accept(attacker, theirs, THEIRS)).ok()
    mine = (await tenant().post(INVITE, {"email": mail, "role": "admin"})).ok(201)
    (await attacker().delete(f"/tenants/members/{theirs['id']}/")).ok(204)
    (await log_in(tenant, mail, THEIRS)).refused(401, "authentication_failed")
    (await accept(tenant, mine, MINE)).ok()
    (await log_in(tenant, mail, THEIRS)).refused(401, "authentication_failed")
    given = (await log_in(tenant, mail, MINE)).ok()
    assert (given["tenant"]["id"], given["role"]["slug"]) == (tenant.id, "admin")


async def test_an_invitation_says_the_same_of_a_known_address_and_of_an_unknown_one(
    tenant: Tenant, new_tenant: New
) -> None:
    other, known, unknown = await new_tenant(), address(), address()
    body = {"email": known, "role": "agent", "password": MINE, "first_name": "Ann", "last_name": "Lee"}
    there = (await other().post(INVITE, body)).ok(201)
    answers = []
    for mail in (known, unknown):
        answer = (await tenant().post(INVITE, {"email": mail, "role": "agent"})).ok(201)
        assert there["user"] != answer["user"]
        assert "Ann" not in str(answer)
        same = {"id": "", "user": "", "email": "", "username": "", "name": "", "created_at": "", "updated_at": ""}
        assert answer["name"] == answer["username"] == answer["email"] == mail
        answers.append({**answer, **same, "invite_path": len(answer["invite_path"])})
    assert answers[0] == answers[1]


async def test_an_invited_person_is_a_member_once_they_accept(tenant: Tenant, client: Make) -> None:
    mail = address()
    invited = (await tenant("admin").post(INVITE, {"email": mail, "role": "agent"})).ok(201)
    assert (invited["is_active"], invited["is_pending"]) == (False, True)
    assert await types(tenant) == ["member.invited"]
    owner = tenant()
    shown = [row["id"] for row in (await owner.get("/users/user/")).ok()["results"]]
    assert invited["user"] not in shown
    contact = (await owner.post("/contacts/", {"phone": "+12025550181"})).ok(201)["id"]
    given = {"assigned_to_type": "USER", "assigned_to_id": invited["user"]}
    assert "assigned_to_id" in (await owner.post(f"/contacts/{contact}/assign/", given)).refused(
        400, "validation_error"
    )
    (await accept(tenant, invited, MINE)).ok()
    assert await types(tenant) == ["member.invited", "member.added"]
    member = (await owner.get(f"/tenants/users/{invited['id']}/")).ok()
    assert (member["is_active"], member["is_pending"], member["email_verified"]) == (True, False, True)
    (await owner.post(f"/contacts/{contact}/assign/", given)).ok()
    (await client((await log_in(tenant, mail, MINE)).ok()["access"]).get("/contacts/")).ok()


async def test_a_withdrawn_invitation_opens_nothing(tenant: Tenant) -> None:
    mail = address()
    invited = (await tenant().post(INVITE, {"email": mail, "role": "agent"})).ok(201)
    (await tenant().delete(f"/tenants/members/{invited['id']}/")).ok(204)
    assert "token" in (await accept(tenant, invited, MINE)).refused(400, "validation_error")
    (await log_in(tenant, mail, MINE)).refused(401, "authentication_failed")
    again = (await tenant().post(INVITE, {"email": mail, "role": "agent"})).ok(201)
    assert (again["id"], again["user"]) == (invited["id"], invited["user"])
    assert "token" in (await accept(tenant, invited, MINE)).refused(400, "validation_error")
    (await accept(tenant, again, MINE)).ok()
    (await log_in(tenant, mail, MINE)).ok()


async def test_a_link_ends_with_the_next_invitation_whatever_its_kind(tenant: Tenant) -> None:
    mail = address()
    invited = (await tenant().post(INVITE, {"email": mail, "role": "agent"})).ok(201)
    (await tenant().delete(f"/tenants/members/{invited['id']}/")).ok(204)
    (await tenant().post(INVITE, {"email": mail, "role": "agent", "password": MINE})).ok(201)
    assert "token" in (await accept(tenant, invited, THEIRS)).refused(400, "validation_error")
    (await log_in(tenant, mail, MINE)).ok()


async def test_a_member_who_left_comes_back_by_their_consent(tenant: Tenant) -> None:
    mail = address()
    invited = (await tenant().post(INVITE, {"email": mail, "role": "agent"})).ok(201)
    (await accept(tenant, invited, MINE)).ok()
    (await tenant().delete(f"/tenants/members/{invited['id']}/")).ok(204)
    again = (await tenant().post(INVITE, {"email": mail, "role": "manager"})).ok(201)
    (await log_in(tenant, mail, MINE)).refused(401, "authentication_failed")
    (await accept(tenant, again, "Another-pass-2")).ok()
    assert (await log_in(tenant, mail, "Another-pass-2")).ok()["role"]["slug"] == "manager"


async def test_one_password_for_two_organisations_opens_the_older_or_the_one_of_the_key(
    tenant: Tenant, new_tenant: New
) -> None:
    other, mail = await new_tenant(), address()
    for each in (tenant, other):
        (await accept(each, (await each().post(INVITE, {"email": mail, "role": "agent"})).ok(201), MINE)).ok()
    assert (await log_in(tenant, mail, MINE)).ok()["tenant"]["id"] == tenant.id
    body, key = {"email": mail, "password": MINE}, {"X-ACCESS-KEY": str(other().credential)}
    assert (await tenant.anonymous.post("/token/", body, headers=key)).ok()["tenant"]["id"] == other.id


async def test_a_new_link_ends_the_earlier_one(tenant: Tenant) -> None:
    mail = address()
    first = (await tenant().post(INVITE, {"email": mail, "role": "agent"})).ok(201)
    path = f"/tenants/members/{first['id']}/resend-verification/"
    (await tenant("manager").post(path)).refused(403, "permission_denied")
    second = (await tenant("admin").post(path)).ok()
    assert "token" in (await accept(tenant, first, MINE)).refused(400, "validation_error")
    (await accept(tenant, second, MINE)).ok()
    (await tenant("admin").post(path)).refused(400, "validation_error")


async def test_an_address_is_invited_once_however_many_ask(tenant: Tenant) -> None:
    body = {"email": address(), "role": "agent"}
    answers = await asyncio.gather(*(tenant().post(INVITE, body) for _ in range(6)))
    assert sorted(answer.status for answer in answers) == [201, *[409] * 5]


async def test_an_invitation_asked_for_again_has_the_same_link(gateway: Running, tenant: Tenant) -> None:
    """The first run is cut off after each of its writes in turn; the second one goes on from there."""
    database, mail = gateway.services.store.database, address()
    body, key = {"email": mail, "role": "agent"}, {"Idempotency-Key": "i-1"}
    first = (await tenant().post(INVITE, body, headers=key)).ok(201)
    for undone in ((), ("members",), ("members", "users")):
        stale = {"$unset": {"status": "", "body": ""}, "$set": {"tried": _long_ago(gateway)}}
        await database["idempotency"].update_one({"scope": f"{tenant.id}:live"}, stale)
        for name in undone:
            await database[name].delete_one({"_id": first["id"] if name == "members" else first["user"]})
        again = (await tenant().post(INVITE, body, headers=key)).ok(201)
        names = ("id", "user", "invite_path", "is_pending", "role")
        assert [again[name] for name in names] == [first[name] for name in names], undone
    assert await types(tenant) == ["member.invited"]
    (await accept(tenant, again, MINE)).ok()
    (await log_in(tenant, mail, MINE)).ok()


def _long_ago(gateway: Running) -> Any:
    return gateway.services.clock() - timedelta(hours=1)


async def _as_before(
    gateway: Running, mail: str, tenants: list[Tenant], *, password: str | None = None, link: str | None = None
) -> str:
    """Write a person as the gateway did when an address was one account for all organisations."""
    services = gateway.services
    user = {
        "_id": services.ids.new("usr"), "email": mail, "username": mail, "first_name": "", "last_name": "",
        "mobile": None, "password": await hashed(password) if password else None, "is_active": password is not None,
        "email_verified": False, "created_at": services.clock(),
    }  # fmt: skip
    if link is not None:
        user["invitation"] = {"hash": key_hash(link), "until": services.clock() + timedelta(days=7)}
    await services.people.add_user(user)
    for tenant in tenants:
        store = services.store.of(tenant.id, "live")
        role = await store.find_one("roles", {"slug": "manager"})
        assert role is not None
        await store.insert("members", {
            "_id": services.ids.new("mem"), "user": user["_id"], "role": role["_id"], "is_active": True,
            "created_by": None, "updated_by": None,
        })  # fmt: skip
    return str(user["_id"])


async def test_people_and_invitations_of_before_go_on_working(
    gateway: Running, tenant: Tenant, new_tenant: New
) -> None:
    other, person, invited = await new_tenant(), address(), address()
    await _as_before(gateway, person, [tenant, other], password=MINE)
    assert (await log_in(tenant, person, MINE)).ok()["tenant"]["id"] == tenant.id
    (await other().post(INVITE, {"email": person, "role": "agent"})).refused(409, "already_exists")
    link = secrets.token_urlsafe(32)
    await _as_before(gateway, invited, [tenant], link=link)
    (await tenant.anonymous.post(ACCEPT, {"token": link, "password": MINE})).ok()
    assert (await log_in(tenant, invited, MINE)).ok()["role"]["slug"] == "manager"


async def test_a_database_of_before_takes_accounts_of_several_organisations(gateway: Running) -> None:
    database = gateway.services.store.database.client[f"before_{secrets.token_hex(4)}"]
    try:
        await database["users"].create_index("email", unique=True)
        await database["users"].create_index("username", unique=True)
        people = People(database, gateway.services.store.withdrawals)
        for _ in range(2):  # a second process does the same
            await people.prepare()
        person = {"email": "a@b.example", "username": "a@b.example"}
        for home in (None, "ten_a", "ten_b"):
            await people.add_user({"_id": f"usr_{home}", **person, "home": home})
        with pytest.raises(Conflict):
            await people.add_user({"_id": "usr_c", **person, "home": "ten_b"})
        assert len(await people.accounts("A@b.example")) == 3
    finally:
        await database.client.drop_database(database.name)


async def test_a_link_of_before_opens_only_the_organisation_that_made_it(
    gateway: Running, tenant: Tenant, new_tenant: New
) -> None:
    attacker, mail, link = await new_tenant(), address(), secrets.token_urlsafe(32)
    await _as_before(gateway, mail, [attacker, tenant], link=link)
    (await tenant.anonymous.post(ACCEPT, {"token": link, "password": THEIRS})).ok()
    assert (await log_in(tenant, mail, THEIRS)).ok()["tenant"]["id"] == attacker.id
    pinned = {"X-ACCESS-KEY": str(tenant().credential)}
    (await tenant.anonymous.post("/token/", {"email": mail, "password": THEIRS}, headers=pinned)).refused(
        401, "authentication_failed"
    )
    assert await types(tenant) == ["member.removed"]
    mine = (await tenant().post(INVITE, {"email": mail, "role": "admin"})).ok(201)
    (await accept(tenant, mine, MINE)).ok()
    assert (await log_in(tenant, mail, MINE)).ok()["tenant"]["id"] == tenant.id
