"""Logging in and out, tokens, and what ends them."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any

import jwt
import pytest

from tests.client import Client, until
from tests.conftest import Running

Make = Callable[[str | None], Client]


def person(demo: dict[str, Any], role: str, tenant: int = 1) -> dict[str, str]:
    return next(user for user in demo["tenants"][tenant]["users"] if user["role"] == role)


async def log_in(client: Make, demo: dict[str, Any], role: str, tenant: int = 1) -> dict[str, Any]:
    user = person(demo, role, tenant)
    return (await client(None).post("/token/", {"email": user["email"], "password": user["password"]})).ok()


async def test_a_token_carries_who_and_where(client: Make, demo: dict[str, Any]) -> None:
    given = await log_in(client, demo, "manager")
    claims = jwt.decode(given["access"], options={"verify_signature": False})
    assert claims["token_type"] == "access"
    assert claims["tenant_id"] == demo["tenants"][1]["id"] == given["tenant"]["id"]
    assert (claims["role"], claims["role_priority"]) == ("manager", 60)
    mine = (await client(given["access"]).get("/tenants/my-permissions/")).ok()
    assert mine["role"]["slug"] == "manager"
    assert mine["permissions"]["inbox.assign"] is True
    assert mine["permissions"]["tenant.edit"] is False


async def test_wrong_password_and_unknown_person_get_the_same_answer(client: Make, demo: dict[str, Any]) -> None:
    wrong = await client(None).post("/token/", {"email": person(demo, "owner")["email"], "password": "nope"})
    nobody = await client(None).post("/token/", {"email": "nobody@demo.example", "password": "nope"})
    wrong.refused(401, "authentication_failed")
    assert nobody.body == wrong.body
    detail = (await client(None).post("/token/", {"password": "x"})).refused(400, "validation_error")
    assert "email" in detail


async def test_the_access_key_pins_the_organisation(client: Make, demo: dict[str, Any]) -> None:
    user = person(demo, "viewer")
    own, foreign = (demo["tenants"][place]["keys"]["live"]["viewer"] for place in (1, 0))
    body = {"email": user["email"], "password": user["password"]}
    (await client(None).post("/token/", body, headers={"X-ACCESS-KEY": own})).ok()
    (await client(None).post("/token/", body, headers={"X-ACCESS-KEY": foreign})).refused(401, "authentication_failed")
    (await client(None).post("/token/", body, headers={"X-ACCESS-KEY": "jc_live_no"})).refused(401, "invalid_api_key")


async def test_refresh_rotates_and_a_copied_token_ends_the_session(client: Make, demo: dict[str, Any]) -> None:
    first = await log_in(client, demo, "admin")
    second = (await client(None).post("/refresh/", {"refresh": first["refresh"]})).ok()
    assert second["refresh"] != first["refresh"]
    (await client(second["access"]).get("/tenants/roles/")).ok()
    (await client(None).post("/refresh/", {"refresh": first["refresh"]})).refused(401, "authentication_failed")
    (await client(None).post("/refresh/", {"refresh": second["refresh"]})).refused(401, "authentication_failed")
    (await client(second["access"]).get("/tenants/roles/")).refused(401, "authentication_failed")
    (await client(None).post("/refresh/", {"refresh": first["access"]})).refused(401, "authentication_failed")


async def test_logging_out_ends_token_and_socket(client: Make, demo: dict[str, Any]) -> None:
    given = await log_in(client, demo, "agent")
    mine = client(given["access"])
    async with mine.socket() as socket:
        await socket.ready()
        (await mine.post("/logout/")).ok(204)
        (await mine.get("/tenants/my-permissions/")).refused(401, "authentication_failed")
        assert await socket.closed() == 4003


def unsigned(claims: dict[str, Any]) -> str:
    parts = ({"alg": "none", "typ": "JWT"}, claims)
    return ".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts) + "."


@pytest.mark.parametrize("kind", ["none", "tampered", "other key", "refresh", "garbage", "expired"])
async def test_a_token_not_ours_is_refused(client: Make, demo: dict[str, Any], gateway: Running, kind: str) -> None:
    given = await log_in(client, demo, "owner")
    claims = jwt.decode(given["access"], options={"verify_signature": False})
    head, body, tail = given["access"].split(".")
    token, code = {
        "none": (unsigned(claims), "authentication_failed"),
        "tampered": (f"{head}.{body[:-2]}{'AA' if body[-2:] != 'AA' else 'BB'}.{tail}", "authentication_failed"),
        "other key": (jwt.encode(claims, "k" * 32, algorithm="HS256"), "authentication_failed"),
        "refresh": (given["refresh"], "authentication_failed"),
        "garbage": ("x.y.z", "authentication_failed"),
        "expired": (gateway.ports.auth.sign({**claims, "exp": claims["iat"] - 1}), "token_expired"),
    }[kind]
    answer = await client(token).get("/tenants/roles/")
    answer.refused(401, code)
    assert answer.headers["WWW-Authenticate"] == "Bearer"


async def test_a_changed_password_ends_every_session(client: Make, tenant: Any) -> None:
    role = (await tenant().get("/tenants/roles/", params={"search": "manager"})).ok()["results"][0]["id"]
    mail = f"p{tenant.id[-8:]}@people.example"
    invited = {"email": mail, "role_id": role, "password": "First-pass-1", "first_name": "Pat"}
    (await tenant().post("/tenants/members/invite/", invited)).ok(201)
    body = {"email": mail, "password": "First-pass-1"}
    one, two = [(await client(None).post("/token/", body)).ok()["access"] for _ in range(2)]
    change = {"old_password": "First-pass-1", "new_password": "Second-pass-2", "confirm_password": "Second-pass-2"}
    short = {**change, "new_password": "short", "confirm_password": "short"}
    assert "new_password" in (await client(one).post("/tenants/change-password/", short)).refused(
        400, "validation_error"
    )
    (await client(one).post("/tenants/change-password/", change)).ok()
    for token in (one, two):
        (await client(token).get("/tenants/roles/")).refused(401, "authentication_failed")
    (await client(None).post("/token/", body)).refused(401, "authentication_failed")
    (await client(None).post("/token/", {**body, "password": "Second-pass-2"})).ok()


async def test_an_invitation_is_accepted_once(client: Make, tenant: Any) -> None:
    mail = f"i{tenant.id[-8:]}@people.example"
    invited = (await tenant("admin").post("/tenants/members/invite/", {"email": mail, "role": "agent"})).ok(201)
    (await tenant("admin").post("/tenants/members/invite/", {"email": mail, "role": "agent"})).refused(
        409, "already_exists"
    )
    token = invited["invite_path"].partition("token=")[2]
    body = {"token": token, "password": "Chosen-pass-1"}
    (await client(None).post("/token/", {"email": mail, "password": "Chosen-pass-1"})).refused(
        401, "authentication_failed"
    )
    (await client(None).post("/tenants/members/accept/", body)).ok()
    assert "token" in (await client(None).post("/tenants/members/accept/", body)).refused(400, "validation_error")
    access = (await client(None).post("/token/", {"email": mail, "password": "Chosen-pass-1"})).ok()["access"]
    async with client(access).socket() as socket:
        await socket.ready()
        (await tenant().delete(f"/tenants/members/{invited['id']}/")).ok(204)
        assert await socket.closed() == 4003
    (await client(access).get("/tenants/roles/")).refused(401, "authentication_failed")


async def test_guessing_is_slowed_down(client: Make, gateway: Running) -> None:
    rates = gateway.ports.rates
    plenty, rates.budgets = rates.budgets, type(rates.budgets)(logins_per_minute=3)
    try:
        body = {"email": "guess@demo.example", "password": "x"}

        async def refused() -> Any:
            answer = await client(None).post("/token/", body)
            return answer if answer.status == 429 else None

        answer = await until(refused)
        answer.refused(429, "throttled")
        assert 1 <= int(answer.headers["Retry-After"]) <= 60
    finally:
        rates.budgets = plenty
