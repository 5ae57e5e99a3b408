"""Another password: what the former one opened and asked for ends with it, whoever gives the new one."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import Any

import pytest

from jinaconnect.actions.context import Caller, OperationContext
from jinaconnect.actions.identity import browser, sessions, users
from jinaconnect.actions.identity.letters import write_letter
from jinaconnect.core.errors import AuthenticationFailed, Invalid
from jinaconnect.store.databases.mongo import Document
from jinaconnect.store.identity.people import People
from tests.client import Client, until
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


async def test_a_used_link_opens_nothing_again_though_its_letter_is_sent_again(
    client: Make, tenant: Tenant, box: PostBox, gateway: Running
) -> None:
    mail, jobs = (await invited(tenant))["email"], gateway.services.store.database["jobs"]
    box.unheard = 1
    (await client(None).post(FORGOT, {"email": mail})).ok()
    link = token_of(await box.letter(mail))
    (await client(None).post(RESET, chosen(link, SECOND))).ok()

    async def through() -> bool:
        return await jobs.count_documents({"kind": "letter", "scope": f"{tenant.id}:live"}) == 0

    await until(through)
    assert [str(each["Subject"])[:6] for each in box.to(mail)] == ["Choose", "Your p"]
    assert "token" in (await client(None).post(RESET, chosen(link, THIRD))).refused(400, "validation_error")
    await log_in(client, mail, SECOND)


async def test_a_used_link_opens_nothing_again_though_its_job_is_left_twice(
    client: Make, tenant: Tenant, box: PostBox, gateway: Running
) -> None:
    """As where the job is run twice that looks up whose an address is, and finds the later password."""
    member = await invited(tenant)
    job = {"id": f"job.{member['user']}", "kind": "reset", "tries": 0, "user": member["user"]}
    await write_letter(gateway.services, gateway.ports, f"{tenant.id}:live", job)
    link = token_of(await box.letter(member["email"]))
    (await client(None).post(RESET, chosen(link, SECOND))).ok()
    await box.letter(member["email"], 2)  # that it was changed
    await write_letter(gateway.services, gateway.ports, f"{tenant.id}:live", job)
    (await client(None).post(RESET, chosen(link, THIRD))).refused(400, "validation_error")
    await log_in(client, member["email"], SECOND)


async def test_a_letter_that_is_tried_again_has_the_link_of_the_first(
    client: Make, tenant: Tenant, box: PostBox
) -> None:
    mail = (await invited(tenant))["email"]
    box.unheard = 1
    (await client(None).post(FORGOT, {"email": mail})).ok()
    links = [token_of(await box.letter(mail, count)) for count in (1, 2)]
    assert links[0] == links[1]
    (await client(None).post(RESET, chosen(links[0], SECOND))).ok()


class Late(People):
    """People, whose next write is held up: that of another process, say, in which much goes on."""

    reached: asyncio.Event
    go_on: asyncio.Event

    async def _held_up(self) -> None:
        self.reached.set()
        await self.go_on.wait()

    async def add_session(self, doc: Any) -> None:
        await self._held_up()
        await super().add_session(doc)

    async def set_password(self, *args: Any, **rest: Any) -> bool:
        await self._held_up()
        return await super().set_password(*args, **rest)

    async def change_user(self, *args: Any, **rest: Any) -> tuple[Document, Document]:
        await self._held_up()
        return await super().change_user(*args, **rest)


@pytest.fixture
async def late(gateway: Running) -> Late:
    """People with their writes held up until they are told to go on."""
    found = Late(gateway.services.store.database, gateway.services.store.withdrawals)
    found.reached, found.go_on = asyncio.Event(), asyncio.Event()
    return found


async def beside(late: Late, work: Coroutine[Any, Any, Any], other: Coroutine[Any, Any, Any]) -> Any:
    """Do other work while the first waits to write, and return what became of that one."""
    under_way = asyncio.create_task(work)
    await asyncio.wait([under_way, asyncio.create_task(late.reached.wait())], return_when="FIRST_COMPLETED")
    assert not under_way.done()
    await other
    late.go_on.set()
    return await under_way


async def changes(client: Make, session: dict[str, Any]) -> None:
    given = {"old_password": FIRST, "new_password": SECOND, "confirm_password": SECOND}
    (await client(session["access"]).post(CHANGE, given)).ok()


@pytest.mark.parametrize("by", ["token", "cookie"])
async def test_a_login_under_way_while_the_password_changes_opens_nothing(
    client: Make, tenant: Tenant, gateway: Running, late: Late, by: str
) -> None:
    member = await invited(tenant)
    session, services = await log_in(client, member["email"], FIRST), gateway.services
    ctx = OperationContext(replace(services, people=late), gateway.ports, None, Caller("req", ip="127.0.0.1"))
    logging_in: Coroutine[Any, Any, Any] = (
        sessions.log_in(ctx, member["email"], FIRST, None) if by == "token"
        else browser.begin(ctx, member["email"], FIRST, None, "live")
    )  # fmt: skip
    with pytest.raises(AuthenticationFailed):
        await beside(late, logging_in, changes(client, session))
    user = await services.people.user(member["user"])
    membership = (await services.people.memberships(member["user"]))[0]
    assert user is not None
    async for left in services.store.database["sessions"].find({"user": member["user"]}):
        signed = await sessions.access_tokens(ctx, left["_id"], user, membership)
        (await client(signed["access"]).get("/tenants/roles/")).refused(401, "authentication_failed")
    await log_in(client, member["email"], SECOND)


@pytest.mark.parametrize("what", ["password", "address"])
async def test_what_is_under_way_by_a_former_password_changes_nothing(
    client: Make, tenant: Tenant, gateway: Running, late: Late, what: str
) -> None:
    member = await invited(tenant)
    session = await log_in(client, member["email"], FIRST)
    principal = await gateway.ports.auth.from_token(session["access"], "127.0.0.1")
    ctx = OperationContext(replace(gateway.services, people=late), gateway.ports, principal, Caller("req"))
    wanted = {"email": f"{secrets.token_hex(6)}@people.example", "current_password": FIRST}
    under_way: Coroutine[Any, Any, Any] = (
        sessions.change_password(ctx, FIRST, THIRD, THIRD) if what == "password"
        else users.change_user(ctx, "me", wanted)
    )  # fmt: skip
    with pytest.raises(Invalid) as refused:
        await beside(late, under_way, changes(client, session))
    assert isinstance(refused.value.detail, dict)
    assert list(refused.value.detail) == ["old_password" if what == "password" else "current_password"]
    user = await gateway.services.people.user(member["user"])
    assert user is not None
    assert user["moving_to"] is None
    await log_in(client, member["email"], SECOND)
