"""Another password: what the former one opened and asked for ends with it, whoever gives the new one."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Any

import pytest

from tests.client import Client
from tests.conftest import Running
from tests.handlers.mail import PostBox, token_of
from tests.tenants import Tenant

Make = Callable[[str | None], Client]
INVITE, ACCEPT, CHANGE, FORGOT, RESET = (
    f"/tenants/{path}/" for path in ("members/invite", "members/accept", "change-password", "forgot-password",
                                     "reset-password")
)  # fmt: skip
FIRST, SECOND, THIRD = "First-pass-1", "Second-pass-2", "Third-pass-3"


async def invited(tenant: Tenant, **fields: Any) -> dict[str, Any]:
    mail = f"{secrets.token_hex(6)}@people.example"
    return (await tenant().post(INVITE, {"email": mail, "role": "agent", "password": FIRST, **fields})).ok(201)


async def log_in(client: Make, mail: str, password: str) -> dict[str, Any]:
    return (await client(None).post("/token/", {"email": mail, "password": password})).ok()


async def ended(client: Make, session: dict[str, Any]) -> None:
    (await client(session["access"]).get("/tenants/roles/")).refused(401, "authentication_failed")
    (await client(None).post("/refresh/", {"refresh": session["refresh"]})).refused(401, "authentication_failed")


def chosen(token: str, password: str) -> dict[str, str]:
    return {"token": token, "password": password, "confirm_password": password}


async def test_accepting_ends_what_an_administrators_password_opened(client: Make, tenant: Tenant) -> None:
    member = await invited(tenant)
    session = await log_in(client, member["email"], FIRST)
    (await client(session["access"]).get("/tenants/roles/")).ok()
    again = (await tenant().post(f"/tenants/members/{member['id']}/resend-verification/")).ok()
    link = again["invite_path"].partition("token=")[2]
    async with client(session["access"]).socket() as socket:
        await socket.ready()
        (await client(None).post(ACCEPT, {"token": "x" * 43, "password": SECOND})).refused(400, "validation_error")
        (await client(session["access"]).get("/tenants/roles/")).ok()
        (await client(None).post(ACCEPT, {"token": link, "password": SECOND})).ok()
        assert await socket.closed() == 4003
    await ended(client, session)
    await log_in(client, member["email"], SECOND)


async def test_a_password_that_an_invitation_gives_ends_what_an_earlier_one_opened(
    client: Make, tenant: Tenant, gateway: Running
) -> None:
    member = await invited(tenant)
    session = await log_in(client, member["email"], FIRST)
    (await tenant().delete(f"/tenants/members/{member['id']}/")).ok(204)
    # As a removal leaves it that was cut off between the membership and the sessions.
    sessions = gateway.services.store.database["sessions"]
    await sessions.update_many({"user": member["user"]}, {"$set": {"revoked": False}})
    again = await invited(tenant, email=member["email"], password=SECOND)
    assert again["user"] == member["user"]
    await ended(client, session)
    await log_in(client, member["email"], SECOND)


@pytest.mark.parametrize("by", ["change", "invitation"])
async def test_a_link_asked_for_before_another_password_gives_none_after(
    client: Make, tenant: Tenant, box: PostBox, by: str
) -> None:
    member = await invited(tenant)
    mail = member["email"]
    (await client(None).post(FORGOT, {"email": mail})).ok()
    link = token_of(await box.letter(mail))
    if by == "change":
        session = await log_in(client, mail, FIRST)
        given = {"old_password": FIRST, "new_password": SECOND, "confirm_password": SECOND}
        (await client(session["access"]).post(CHANGE, given)).ok()
    else:
        again = (await tenant().post(f"/tenants/members/{member['id']}/resend-verification/")).ok()
        given = {"token": again["invite_path"].partition("token=")[2], "password": SECOND}
        (await client(None).post(ACCEPT, given)).ok()
    assert "token" in (await client(None).post(RESET, chosen(link, THIRD))).refused(400, "validation_error")
    await log_in(client, mail, SECOND)
