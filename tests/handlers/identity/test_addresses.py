"""The address somebody logs in by: another one is asked for with the password, and theirs by the link of a letter."""

from __future__ import annotations

import asyncio
import itertools
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
import structlog

from jinaconnect.actions.context import Caller, OperationContext
from jinaconnect.actions.identity import accounts
from jinaconnect.actions.identity.authentication import key_hash
from jinaconnect.core.identity.addresses import masked
from jinaconnect.store.coordination.limits import Limits
from jinaconnect.store.secrets.passwords import hashed
from tests.client import Answered, Client, until
from tests.conftest import Running
from tests.handlers.mail import PostBox, text_of, token_of
from tests.laws.test_decisions import cut
from tests.tenants import Tenant

Make = Callable[[str | None], Client]
NewTenant = Callable[[], Awaitable[Tenant]]
ME, VERIFY, RESET, FORGOT, CHECK = (
    "/users/user/me/", "/tenants/verify-email/", "/tenants/reset-password/", "/tenants/forgot-password/",
    "/tenants/validate-verification-token/",
)  # fmt: skip
FIRST, SECOND = "First-pass-1", "Second-pass-2"


@dataclass
class Member:
    """Somebody with an account of an organisation's own."""

    id: str
    email: str
    client: Client
    anyone: Client
    box: PostBox

    async def ask(self, address: str | None, **more: Any) -> Answered:
        return await self.client.patch(ME, {"email": address, "current_password": FIRST, **more})

    async def asked(self, address: str, count: int = 1) -> str:
        """Ask for another address and return the secret of the letter that comes there."""
        (await self.ask(address)).ok()
        return token_of(await self.box.letter(address, count))

    async def verify(self, token: str) -> Answered:
        return await self.anyone.post(VERIFY, {"token": token})

    async def logs_in(self, address: str, password: str = FIRST) -> bool:
        answer = await self.anyone.post("/token/", {"email": address, "password": password})
        if answer.status != 200:
            answer.refused(401, "authentication_failed")
        return answer.status == 200


def fresh(name: str = "new") -> str:
    return f"{name}.{secrets.token_hex(5)}@people.example"


async def join(
    client: Make, tenant: Tenant, box: PostBox, email: str | None = None, password: str = FIRST
) -> Member:  # fmt: skip
    email, anyone = email or fresh("old"), client(None)
    invited = {"email": email, "role": "agent", "first_name": "Ann", "last_name": "Lee", "password": password}
    member = (await tenant().post("/tenants/members/invite/", invited)).ok(201)
    access = (await anyone.post("/token/", {"email": email, "password": password})).ok()["access"]
    return Member(member["user"], email, client(access), anyone, box)


async def proved(client: Make, tenant: Tenant, box: PostBox, email: str, password: str) -> Member:
    """Invite somebody, who answers the letter."""
    member = (await tenant().post("/tenants/members/invite/", {"email": email, "role": "agent"})).ok(201)
    given = {"token": member["invite_path"].partition("token=")[2], "password": password}
    (await client(None).post("/tenants/members/accept/", given)).ok()
    access = (await client(None).post("/token/", {"email": email, "password": password})).ok()["access"]
    return Member(member["user"], email, client(access), client(None), box)


@pytest.fixture
async def ann(client: Make, tenant: Tenant, box: PostBox) -> Member:
    return await join(client, tenant, box)


async def kept(gateway: Running, member: Member) -> dict[str, Any]:
    found = await gateway.services.people.user(member.id)
    assert found is not None
    return found


async def updates(tenant: Tenant) -> list[dict[str, Any]]:
    return [event for event in await tenant().events(topics="account") if event["type"] == "member.updated"]


async def test_another_address_is_theirs_once_its_letter_has_proven_it(ann: Member, tenant: Tenant) -> None:
    new = fresh()
    own = (await ann.client.get(ME)).ok()
    assert own["pending_email"] is None
    shown = (await ann.ask(new.upper().replace("PEOPLE.EXAMPLE", "People.Example"), first_name="Anna")).ok()
    assert shown == {**own, "first_name": "Anna", "pending_email": new}
    assert (await ann.client.get(ME)).ok() == shown
    assert "pending_email" not in (await tenant().get(f"/users/user/{ann.id}/")).ok()
    letter = await ann.box.letter(new)
    assert "Confirm your new address" in str(letter["Subject"])
    assert "Hello Anna," in text_of(letter)
    token = token_of(letter)
    for _ in range(2):  # looking changes nothing
        assert (await ann.anyone.get(f"/verify-email/{token}/")).status == 200
        assert (await ann.anyone.post(CHECK, {"token": token})).ok() == {"valid": True, "email": new}
    assert (await ann.logs_in(ann.email), await ann.logs_in(new)) == (True, False)
    assert (await ann.verify(token)).ok()["email"] == new
    assert (await ann.logs_in(ann.email), await ann.logs_in(new)) == (False, True)
    assert (await ann.client.get(ME)).ok() == {**shown, "email": new, "username": new, "pending_email": None}
    row = next(row for row in (await tenant().get("/tenants/users/")).ok()["results"] if row["user"] == ann.id)
    assert (row["email"], row["username"], row["email_verified"]) == (new, new, True)
    told = (await updates(tenant))[-1]
    assert (told["data"], told["actor"]["id"]) == (row, ann.id)
    again = await ann.verify(token)
    again.refused(400, "validation_error")
    assert again.body["already_verified"] is True
    farewell = await ann.box.letter(ann.email)
    assert "was changed" in str(farewell["Subject"])
    assert masked(new) in text_of(farewell)
    assert new not in farewell.as_string()
    assert len(ann.box.to(ann.email)) == len(ann.box.to(new)) == 1


async def test_without_the_password_nothing_is_asked_for(ann: Member, gateway: Running) -> None:
    new, own = fresh(), (await ann.client.get(ME)).ok()
    for given in ({}, {"current_password": None}, {"current_password": SECOND}):
        answer = await ann.client.patch(ME, {"email": new, "first_name": "Bo", **given})
        assert list(answer.refused(400, "validation_error")) == ["current_password"]
    for address in ("", None, "no address", f"Ann <{new}>", "+12025550123"):
        assert list((await ann.ask(address, first_name="Bo")).refused(400, "validation_error")) == ["email"]
    assert (await ann.client.get(ME)).ok() == own
    assert (await kept(gateway, ann)).get("moving_to") is None
    assert ann.box.to(new) == []
    # A password is looked at where it is needed alone, so that nothing else is a way to guess it, and kept nowhere.
    assert (await ann.client.patch(ME, {"first_name": "Bo", "current_password": SECOND})).ok()["first_name"] == "Bo"
    assert "current_password" not in await kept(gateway, ann)


async def test_nobody_changes_the_address_of_others_and_a_key_has_none(
    ann: Member, client: Make, tenant: Tenant, box: PostBox
) -> None:
    other = await join(client, tenant, box)
    body = {"email": fresh(), "current_password": FIRST}
    (await other.client.patch(f"/users/user/{ann.id}/", body)).refused(403, "permission_denied")
    (await tenant().patch(ME, body)).refused(403, "permission_denied")
    assert (await ann.client.patch(f"/users/user/{ann.id}/", body)).ok()["pending_email"] == body["email"]


async def test_guesses_and_letters_are_counted(ann: Member, gateway: Running) -> None:
    rates, new = gateway.ports.rates, fresh()
    plenty, counted = rates.budgets, rates._limits
    try:
        rates.budgets, rates._limits = type(plenty)(logins_per_minute=3), Limits(None)
        tries = [(await ann.ask(new, current_password=SECOND)).status for _ in range(12)]
        assert (tries.count(400), tries[-1]) == (tries.index(429), 429)
        assert tries.count(400) <= 9
        late = await ann.ask(new)
        late.refused(429, "throttled")
        assert int(late.headers["Retry-After"]) > 0
        rates.budgets, rates._limits = type(plenty)(logins_per_minute=1_000, letters_per_hour=2), Limits(None)
        assert [(await ann.ask(new)).status for _ in range(3)] == [200, 200, 429]
        (await ann.ask(fresh())).ok()
    finally:
        rates.budgets, rates._limits = plenty, counted


async def test_asking_again_ends_the_former_link_and_ones_own_address_all(ann: Member, gateway: Running) -> None:
    first, second = fresh("first"), fresh("second")
    links = [await ann.asked(first), await ann.asked(second), await ann.asked(second, 2)]
    for token in links[:2]:
        (await ann.verify(token)).refused(400, "validation_error")
    assert (await ann.client.get(ME)).ok()["pending_email"] == second
    withdrawn = (await ann.client.patch(ME, {"email": ann.email.upper()})).ok()
    assert (withdrawn["pending_email"], withdrawn["email"]) == (None, ann.email)
    answer = await ann.verify(links[2])
    answer.refused(400, "validation_error")
    assert answer.body["valid"] is False
    (await ann.anyone.post(CHECK, {"token": links[2]})).refused(400, "validation_error")
    assert (await kept(gateway, ann))["email"] == ann.email
    assert await ann.logs_in(ann.email)


async def test_a_link_is_late_after_a_day_and_works_once_however_many_use_it(ann: Member, gateway: Running) -> None:
    new, users = fresh(), gateway.services.store.database["users"]
    token = await ann.asked(new)
    late = gateway.services.clock() - timedelta(seconds=1)
    left = (await kept(gateway, ann))["moving_to"]["until"] - late
    assert timedelta(hours=23) < left <= timedelta(hours=24, seconds=1)
    await users.update_one({"_id": ann.id}, {"$set": {"moving_to.until": late}})
    (await ann.verify(token)).refused(400, "token_expired")
    assert (await ann.client.get(ME)).ok()["pending_email"] is None
    token = await ann.asked(new, 2)
    answers = await asyncio.gather(*(ann.verify(token) for _ in range(4)))
    assert sorted(answer.status for answer in answers) == [200, 400, 400, 400]
    led = await ann.anyone.get(VERIFY, params={"token": token}, allow_redirects=False)
    assert led.headers["Location"] == "/?verified=already"
    await ann.box.letter(ann.email)
    assert len(ann.box.to(ann.email)) == 1


async def test_an_address_of_the_organisation_is_not_given_twice_nor_told_of_before(
    ann: Member, client: Make, tenant: Tenant, box: PostBox, gateway: Running
) -> None:
    other, unknown = await join(client, tenant, box), fresh()
    answers = [(await ann.ask(address)).ok() for address in (unknown, other.email)]
    assert {**answers[0], "pending_email": None} == {**answers[1], "pending_email": None}
    token = token_of(await box.letter(other.email))
    before, told = await kept(gateway, ann), len(await updates(tenant))
    (await ann.anyone.post(CHECK, {"token": token})).ok()
    answer = await ann.verify(token)
    assert "another account" in answer.refused(400, "validation_error")["token"][0]
    assert (answer.body["valid"], answer.body["address_taken"]) == (False, True)
    led = await ann.anyone.get(VERIFY, params={"token": token}, allow_redirects=False)
    assert led.headers["Location"] == "/?error=address_taken"
    assert await kept(gateway, ann) == before
    assert len(await updates(tenant)) == told
    assert box.to(ann.email) == []
    logged = (await client(None).post("/token/", {"email": other.email, "password": FIRST})).ok()
    assert logged["user"]["id"] == other.id


async def test_an_address_of_another_organisation_is_no_matter(
    ann: Member, client: Make, new_tenant: NewTenant, box: PostBox
) -> None:
    elsewhere = await join(client, await new_tenant(), box)
    (await ann.verify(await ann.asked(elsewhere.email))).ok()
    for member in (ann, elsewhere):
        assert (await member.client.get(ME)).ok()["email"] == elsewhere.email


async def test_what_letters_to_the_former_address_open_ends_with_it(ann: Member, gateway: Running) -> None:
    new, users = fresh(), gateway.services.store.database["users"]
    (await ann.anyone.post(FORGOT, {"email": ann.email})).ok()
    reset = token_of(await ann.box.letter(ann.email))
    proof, invitation = secrets.token_urlsafe(32), secrets.token_urlsafe(32)
    until_then = gateway.services.clock() + timedelta(hours=1)
    opens = {"verification": proof, "invitation": invitation}
    kept_as = {name: {"hash": key_hash(token), "until": until_then} for name, token in opens.items()}
    await users.update_one({"_id": ann.id}, {"$set": kept_as})
    (await ann.verify(await ann.asked(new))).ok()
    body = {"token": reset, "password": SECOND, "confirm_password": SECOND}
    (await ann.anyone.post(RESET, body)).refused(400, "validation_error")
    (await ann.verify(proof)).refused(400, "validation_error")
    accepted = {"token": invitation, "password": SECOND}
    (await ann.anyone.post("/tenants/members/accept/", accepted)).refused(400, "validation_error")
    assert await ann.logs_in(new)
    (await ann.anyone.post(FORGOT, {"email": new})).ok()
    body["token"] = token_of(await ann.box.letter(new, 2))
    (await ann.anyone.post(RESET, body)).ok()
    assert await ann.logs_in(new, SECOND)


async def test_another_password_ends_a_move_that_somebody_else_may_have_begun(ann: Member) -> None:
    new = fresh()
    token = await ann.asked(new)
    (await ann.anyone.post(FORGOT, {"email": ann.email})).ok()
    body = {"password": SECOND, "confirm_password": SECOND}
    (await ann.anyone.post(RESET, {**body, "token": token_of(await ann.box.letter(ann.email))})).ok()
    (await ann.verify(token)).refused(400, "validation_error")
    access = (await ann.anyone.post("/token/", {"email": ann.email, "password": SECOND})).ok()["access"]
    ann.client = Client(ann.client.url, access, ann.anyone.session)
    (await ann.ask(new, current_password=SECOND)).ok()
    token = token_of(await ann.box.letter(new, 2))
    changed = {"old_password": SECOND, "new_password": FIRST, "confirm_password": FIRST}
    (await ann.client.post("/tenants/change-password/", changed)).ok()
    (await ann.verify(token)).refused(400, "validation_error")
    assert (await ann.logs_in(ann.email), await ann.logs_in(new)) == (True, False)


async def test_the_link_of_somebody_who_is_out_does_nothing(ann: Member, tenant: Tenant, gateway: Running) -> None:
    users, token = gateway.services.store.database["users"], await ann.asked(fresh())
    await users.update_one({"_id": ann.id}, {"$set": {"is_active": False}})
    (await ann.verify(token)).refused(400, "validation_error")
    await users.update_one({"_id": ann.id}, {"$set": {"is_active": True}})
    row = next(row for row in (await tenant().get("/tenants/users/")).ok()["results"] if row["user"] == ann.id)
    (await tenant().delete(f"/tenants/members/{row['id']}/")).ok(204)
    (await ann.verify(token)).refused(400, "validation_error")
    assert (await kept(gateway, ann))["email"] == ann.email


async def test_every_organisation_of_a_person_is_told_and_sessions_stay(
    ann: Member, tenant: Tenant, new_tenant: NewTenant, gateway: Running
) -> None:
    """Accounts of before each organisation had its own may belong to several."""
    second, new, services = await new_tenant(), fresh(), gateway.services
    role = await services.store.of(second.id, "live").find_one("roles", {"slug": "agent"})
    assert role is not None
    membership = {"user": ann.id, "role": role["_id"], "is_active": True, "created_by": None, "updated_by": None}
    await services.store.of(second.id, "live").insert("members", {"_id": services.ids.new("mem"), **membership})
    async with ann.client.socket() as socket:
        await socket.ready()
        (await ann.verify(await ann.asked(new))).ok()
        for each in (tenant, second):
            assert [event["data"]["email"] for event in await updates(each)][-1] == new
        await socket.send(type="ping")
        await socket.next("pong")
    (await ann.client.get(ME)).ok()


async def test_who_logs_in_by_number_goes_on_doing_so(client: Make, tenant: Tenant, box: PostBox) -> None:
    path, new = "/users/user-login-patch/", fresh()
    given = {"first_name": "Bo", "mobile": f"+1202555{secrets.randbelow(9000) + 1000}", "password": FIRST}
    key = {"X-ACCESS-KEY": str(tenant("admin").credential)}
    linked = (await client(None).post(path, given, headers=key)).ok(201)
    access = (await client(None).post("/token/", {"email": given["mobile"], "password": FIRST})).ok()["access"]
    bo = Member(linked["user"], given["mobile"], client(access), client(None), box)
    assert (await bo.client.patch(ME, {"email": bo.email, "last_name": "Roe"})).ok()["last_name"] == "Roe"
    (await bo.verify(await bo.asked(new))).ok()
    assert (await bo.logs_in(new), await bo.logs_in(bo.email)) == (True, True)
    assert (await client(None).post(path, given, headers=key)).ok(200)["user"] == bo.id


async def test_moving_is_no_way_to_what_the_settings_give_an_address(
    ann: Member, client: Make, new_tenant: NewTenant, box: PostBox, gateway: Running
) -> None:
    """The settings mean who had an address first: not who moves there, nor who was second when the first moves away."""

    async def operates(member: Member) -> bool:
        return (await member.client.get("/tenants/host-wallet/balance/")).status == 200

    operator = await proved(client, await new_tenant(), box, fresh("old"), FIRST)
    third = await proved(client, await new_tenant(), box, operator.email, SECOND)
    await box.letter(operator.email, 2)
    auth = gateway.ports.auth
    before, auth._operators = auth._operators, frozenset({operator.email})
    try:
        (await ann.verify(await ann.asked(operator.email, 3))).ok()
        assert [await operates(each) for each in (operator, ann, third)] == [True, False, False]
        there = fresh()
        (await operator.verify(await operator.asked(there))).ok()
        assert [await operates(each) for each in (operator, ann, third)] == [False, False, False]
        await box.letter(operator.email, 4)
        (await operator.verify(await operator.asked(operator.email, 5))).ok()
        assert [await operates(each) for each in (operator, ann, third)] == [True, False, False]
    finally:
        auth._operators = before


async def test_neither_secret_nor_password_is_kept_or_logged(ann: Member, gateway: Running) -> None:
    new = fresh()
    with structlog.testing.capture_logs() as logs:
        key = {"Idempotency-Key": secrets.token_hex(8)}
        body = {"email": new, "current_password": FIRST}
        first = (await ann.client.patch(ME, body, headers=key)).ok()
        assert (await ann.client.patch(ME, body, headers=key)).ok() == first
        token = token_of(await ann.box.letter(new))
        assert (await kept(gateway, ann))["moving_to"]["hash"] == key_hash(token)

        async def holds() -> list[str]:
            database = gateway.services.store.database
            rows = [
                (name, str(row))
                for name in await database.list_collection_names()
                async for row in database[name].find({})
            ]
            return [name for name, row in rows if token in row or FIRST in row]

        assert await holds() == []
        (await ann.verify(token)).ok()
        await ann.box.letter(ann.email)
        assert await holds() == []
    assert len(ann.box.to(new)) == 1, "a request that comes twice has one letter"
    assert "mail.sent" in [row["event"] for row in logs]
    assert [row for row in logs if token in str(row) or FIRST in str(row)] == []


async def test_a_move_is_whole_wherever_it_is_cut(tenant: Tenant, box: PostBox, gateway: Running) -> None:
    services, password = gateway.services, await hashed(FIRST)
    store = services.store.of(tenant.id, "live")
    role = await store.find_one("roles", {"slug": "agent"})
    assert role is not None
    people: dict[str, tuple[str, str]] = {}
    for waits in itertools.count():
        id, old, new, token = services.ids.new("usr"), fresh("old"), fresh(), secrets.token_urlsafe(32)
        until_then = services.clock() + timedelta(hours=1)
        await services.people.add_user({
            "_id": id, "email": old, "username": old, "first_name": "Ann", "last_name": "Lee", "password": password,
            "is_active": True, "email_verified": True, "home": tenant.id, "created_at": services.clock(),
            "moving_to": {"address": new, "asked": "job", "hash": key_hash(token), "until": until_then},
        })  # fmt: skip
        membership = {"user": id, "role": role["_id"], "is_active": True, "created_by": None, "updated_by": None}
        await store.insert("members", {"_id": services.ids.new("mem"), **membership})
        people[id] = old, new
        ctx = OperationContext(services, gateway.ports, None, Caller("req"))
        if not await cut(accounts.verify(ctx, token), waits):
            break
    assert len(people) > 3

    async def agree() -> bool:
        """Tell whether each person has moved, which is told and written to the former address once, or has not."""
        found = await services.people.users(list(people))
        events = [(event["data"]["user"], event["data"]["email"]) for event in await updates(tenant)]
        return all(
            (events.count((id, new)), len(box.to(old))) == ((1, 1) if found[id]["email"] == new else (0, 0))
            for id, (old, new) in people.items()
        )

    await until(agree)
