"""Sessions of browsers: the cookie, who may use it, and what ends it."""

from __future__ import annotations

from http.cookies import SimpleCookie
from typing import Any

import pytest

from jinaconnect.handlers.identity.browser import COOKIE
from tests.client import Answered, Client, until
from tests.conftest import Running
from tests.handlers.people import PASSWORD, Person, add_person
from tests.tenants import Tenant


def own(client: Client) -> dict[str, str]:
    return {"Origin": client.url}


async def begin(at: Tenant, person: Person, **rest: Any) -> Answered:
    body = {"email": person.email, "password": PASSWORD, **rest}
    return await at.anonymous.post("/session/", body, headers=own(at.anonymous))


def cookie(answer: Answered) -> str:
    return SimpleCookie(answer.headers["Set-Cookie"])[COOKIE].value


async def renewed(at: Tenant, held: str, **body: Any) -> Answered:
    headers = {**own(at.anonymous), "Cookie": f"{COOKIE}={held}"}
    return await at.anonymous.post("/session/renew/", body, headers=headers)


def bearer(tenant: Tenant, answer: Answered) -> Client:
    return Client(tenant.anonymous.url, answer.ok()["access"], tenant.anonymous.session)


async def test_the_cookie_is_for_the_server_alone(gateway: Running, tenant: Tenant) -> None:
    person = await add_person(gateway, tenant, "manager")
    answer = await begin(tenant, person)
    told = answer.ok()
    assert "refresh" not in told
    assert (told["user"]["id"], told["mode"]) == (person.id, "live")
    assert [each["id"] for each in told["tenants"]] == [tenant.id]
    assert "inbox.assign" in told["permissions"]
    assert "tenant.edit" not in told["permissions"]
    set_cookie = answer.headers["Set-Cookie"]
    assert all(part in set_cookie for part in ("HttpOnly", "SameSite=Strict", "Path=/session/"))
    (await tenant.anonymous.post("/refresh/", {"refresh": cookie(answer)})).refused(401, "authentication_failed")
    as_access = Client(gateway.url, cookie(answer), tenant.anonymous.session)
    (await as_access.get("/contacts/")).refused(401, "authentication_failed")


@pytest.mark.parametrize("origin", [None, "null", "https://evil.example", "http://127.0.0.1:1", "http://localhost"])
async def test_pages_of_other_origins_cannot_use_it(gateway: Running, tenant: Tenant, origin: str | None) -> None:
    held = cookie(await begin(tenant, await add_person(gateway, tenant, "manager")))
    headers = {"Cookie": f"{COOKIE}={held}", **({"Origin": origin} if origin else {})}
    for method, path in (("POST", "/session/"), ("POST", "/session/renew/"), ("DELETE", "/session/")):
        body = {"email": "x@x.example", "password": "x"} if method == "POST" else None
        (await tenant.anonymous.ask(method, path, body, headers=headers)).refused(403, "foreign_origin")
    (await renewed(tenant, held)).ok()


async def test_tabs_renew_at_the_same_moment(gateway: Running, tenant: Tenant) -> None:
    held = cookie(await begin(tenant, await add_person(gateway, tenant, "agent")))
    first, second = await renewed(tenant, held), await renewed(tenant, held)
    for answer in (first, second):
        (await bearer(tenant, answer).get("/users/user/me/")).ok()


async def test_a_tab_may_work_in_the_sandbox(gateway: Running, tenant: Tenant) -> None:
    held = cookie(await begin(tenant, await add_person(gateway, tenant, "manager")))
    test = bearer(tenant, await renewed(tenant, held, mode="test"))
    written = {"channel": "whatsapp", "from": "+12025550111", "text": "hello"}
    (await test.post("/sandbox/inbound/", written)).ok(201)
    await test.wait_for_events(lambda seen: any(event["type"] == "message.received" for event in seen))
    live = bearer(tenant, await renewed(tenant, held))
    assert all(event["mode"] == "live" for event in await live.events())
    assert (await live.get("/contacts/")).ok()["results"] == []
    (await live.post("/sandbox/inbound/", written)).refused(403, "permission_denied")


async def test_one_account_chooses_among_its_organisations(gateway: Running, tenant: Tenant, new_tenant: Any) -> None:
    person = await add_person(gateway, tenant, "manager")
    other, third = await new_tenant(), await new_tenant()
    store = gateway.services.store.of(other.id, "live")
    role = await store.find_one("roles", {"slug": "viewer"})
    assert role is not None
    await store.insert("members", {
        "_id": gateway.services.ids.new("mem"), "user": person.id, "role": role["_id"], "is_active": True,
        "created_by": None, "updated_by": None,
    })  # fmt: skip
    first = await begin(tenant, person)
    assert {each["id"] for each in first.ok()["tenants"]} == {tenant.id, other.id}
    held = cookie(first)
    there = await renewed(tenant, held, tenant=other.id)
    assert (there.ok()["tenant"]["id"], there.ok()["role"]["slug"]) == (other.id, "viewer")
    assert (await renewed(tenant, cookie(there))).ok()["tenant"]["id"] == tenant.id
    (await renewed(tenant, held, tenant=third.id)).refused(401, "authentication_failed")
    (await begin(tenant, person, tenant=third.id)).refused(401, "authentication_failed")
    clients = [bearer(tenant, first), bearer(tenant, there)]
    headers = {**own(tenant.anonymous), "Cookie": f"{COOKIE}={held}"}
    assert (await tenant.anonymous.delete("/session/", headers=headers)).status == 204
    for client in clients:  # signing out ends the sessions of every organisation

        async def ended(client: Client = client) -> bool:
            return (await client.get("/users/user/me/")).status == 401

        await until(ended)
    (await renewed(tenant, held)).refused(401, "authentication_failed")


async def test_nobody_is_signed_in_without_a_cookie(tenant: Tenant) -> None:
    headers = own(tenant.anonymous)
    (await tenant.anonymous.post("/session/renew/", {}, headers=headers)).refused(401, "authentication_failed")
    (await renewed(tenant, "eyJ.eyJ.x")).refused(401, "authentication_failed")
    assert (await tenant.anonymous.delete("/session/", headers=headers)).status == 204
