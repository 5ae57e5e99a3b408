"""Accounts by letter: an organisation is registered, an address proven, a password lost; on a real SMTP server."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable
from datetime import timedelta
from email import message_from_bytes, policy
from typing import Any

import pytest

from jinaconnect.store.coordination.limits import Limits
from jinaconnect.store.identity.registry import Registry
from tests.client import Client, until
from tests.conftest import Running
from tests.handlers.mail import PostBox, posting, text_of, token_of
from tests.tenants import Tenant

Make = Callable[[str | None], Client]
REGISTER, VERIFY, RESET, FORGOT, RESEND = (
    f"/tenants/{path}/" for path in ("register", "verify-email", "reset-password", "forgot-password",
                                     "resend-verification")
)  # fmt: skip
FIRST, SECOND = "First-pass-1", "Second-pass-2"


def body(**changes: Any) -> dict[str, Any]:
    mark = secrets.token_hex(5)
    return {
        "tenant_name": f"Lee & Söhne {mark}", "first_name": "Ann", "last_name": "Lee", "phone": "+12025550123",
        "email": f"Ann.{mark}@people.example", "password": FIRST, "tenant_country": "US", "tenant_industry": "food",
        "tenant_website": "https://lee.example/", **changes,
    }  # fmt: skip


async def log_in(anyone: Client, mail: str, password: str) -> Any:
    return await anyone.post("/token/", {"email": mail, "password": password})


async def registered(anyone: Client, box: PostBox) -> tuple[str, str]:
    """Register somebody and confirm their address; returns it, and an access token."""
    given = body()
    mail = (await anyone.post(REGISTER, given)).ok(201)["email"]
    (await anyone.post(VERIFY, {"token": token_of(await box.letter(mail))})).ok()
    return mail, (await log_in(anyone, mail, FIRST)).ok()["access"]


async def test_an_organisation_is_registered_and_its_owner_gets_in_by_letter(client: Make, box: PostBox) -> None:
    anyone, given = client(None), body()
    made = (await anyone.post(REGISTER, given)).ok(201)
    mail = given["email"].lower()
    assert (made["email"], made["tenant_name"], made["email_sent"]) == (mail, given["tenant_name"], True)
    (await log_in(anyone, mail, FIRST)).refused(401, "authentication_failed")
    letter = await box.letter(mail)
    assert given["tenant_name"] in str(letter["Subject"])
    assert "Hello Ann," in text_of(letter)
    assert "Lee &amp; Söhne" in text_of(letter, "html")
    assert 'style="' in text_of(letter, "html")
    assert "<style" not in text_of(letter, "html")
    token = token_of(letter)
    assert (await anyone.post("/tenants/validate-verification-token/", {"token": token})).ok()["email"] == mail
    assert (await anyone.post(VERIFY, {"token": token})).ok()["email"] == mail
    again = await anyone.post(VERIFY, {"token": token})
    assert "token" in again.refused(400, "validation_error")
    assert again.body["already_verified"] is True
    logged = (await log_in(anyone, mail, FIRST)).ok()
    assert (logged["tenant"]["id"], logged["role"]["slug"]) == (made["tenant_id"], "owner")
    owner = client(logged["access"])
    assert [row["slug"] for row in (await owner.get("/tenants/roles/")).ok()["results"]] == [
        "owner", "admin", "manager", "agent", "viewer"
    ]  # fmt: skip
    shown = (await owner.get(f"/tenants/{made['tenant_id']}/")).ok()
    assert (shown["name"], shown["country"], shown["industry"]) == (given["tenant_name"], "US", "food")
    assert [row["email"] for row in (await owner.get("/tenants/users/")).ok()["results"]] == [mail]
    own = (await owner.patch("/users/user/me/", {"last_name": "Roe", "birth_date": "1990-02-28"})).ok()
    assert (own["last_name"], own["birth_date"], own["mobile"]) == ("Roe", "1990-02-28", "+12025550123")


async def test_a_name_is_one_organisations_however_it_is_written_and_raced(client: Make, box: PostBox) -> None:
    anyone, given = client(None), body()
    answers = await asyncio.gather(
        *(anyone.post(REGISTER, {**body(), "tenant_name": given["tenant_name"]}) for _ in range(5))
    )
    assert sorted(answer.status for answer in answers) == [201, *[400] * 4]
    spelt = {**body(), "tenant_name": given["tenant_name"].upper().replace(" ", "  ")}
    assert "tenant_name" in (await anyone.post(REGISTER, spelt)).refused(400, "validation_error")


async def test_an_address_that_is_known_is_answered_as_one_that_is_not(
    client: Make, box: PostBox, gateway: Running
) -> None:
    anyone = client(None)
    known, _ = await registered(anyone, box)
    waiting = (await anyone.post(REGISTER, body())).ok(201)["email"]
    await box.letter(waiting)
    nobody, came = "nobody.at.all@people.example", len(box.letters)
    for path in (FORGOT, RESEND):
        told = {mail: (await anyone.post(path, {"email": mail})).ok() for mail in (known, waiting, nobody)}
        assert told[known] == told[waiting] == told[nobody]
    assert "/reset-password/" in text_of(await box.letter(known, 2))
    assert "/verify-email/" in text_of(await box.letter(waiting, 2))
    second = (await anyone.post(REGISTER, body(email=known))).ok(201)
    assert second["email"] == known, "another organisation with the same address is nobody's secret told"
    assert box.to(nobody) == []
    await box.letter(known, 3)
    assert len(box.letters) == came + 3
    # What is written down before the answer is one job for anybody.
    jobs = gateway.services.store.database["jobs"]

    async def through() -> bool:
        return await jobs.count_documents({"kind": "letter"}) == 0

    await until(through)


async def test_a_link_for_another_password_works_once_and_ends_every_session(client: Make, box: PostBox) -> None:
    anyone = client(None)
    mail, access = await registered(anyone, box)
    async with client(access).socket() as socket:
        await socket.ready()
        (await anyone.post(FORGOT, {"email": mail.upper()})).ok()
        token = token_of(await box.letter(mail, 2))
        assert (await anyone.post("/tenants/validate-reset-token/", {"token": token})).ok()["email"] == mail
        assert (await anyone.get(RESET, params={"token": token})).ok()["valid"] is True
        new = {"token": token, "password": SECOND, "confirm_password": SECOND}
        assert "password" in (await anyone.post(RESET, {**new, "password": "short"})).refused(400, "validation_error")
        assert "confirm_password" in (await anyone.post(RESET, {**new, "confirm_password": "x"})).refused(
            400, "validation_error"
        )
        raced = await asyncio.gather(
            *(anyone.post(RESET, {**new, "password": word, "confirm_password": word})
              for word in (SECOND, "Third-pass-3", "Fourth-pass-4"))
        )  # fmt: skip
        assert sorted(answer.status for answer in raced) == [200, 400, 400]
        assert await socket.closed() == 4003
    (await client(access).get("/tenants/roles/")).refused(401, "authentication_failed")
    (await log_in(anyone, mail, FIRST)).refused(401, "authentication_failed")
    won = (SECOND, "Third-pass-3", "Fourth-pass-4")[[answer.status for answer in raced].index(200)]
    (await log_in(anyone, mail, won)).ok()
    again = await anyone.post(RESET, new)
    assert "token" in again.refused(400, "validation_error")
    assert again.body["valid"] is False
    assert "was changed" in str((await box.letter(mail, 3))["Subject"])


async def test_secrets_are_short_lived_and_kept_as_hashes(client: Make, box: PostBox, gateway: Running) -> None:
    anyone, given, users = client(None), body(), gateway.services.store.database["users"]
    mail = (await anyone.post(REGISTER, given)).ok(201)["email"]
    token = token_of(await box.letter(mail))
    kept = await users.find_one({"email": mail})
    assert kept is not None
    assert token not in str(kept)
    late = gateway.services.clock() - timedelta(seconds=1)
    await users.update_one({"email": mail}, {"$set": {"verification.until": late}})
    (await anyone.post(VERIFY, {"token": token})).refused(400, "token_expired")
    (await anyone.post(RESEND, {"email": mail})).ok()
    second = token_of(await box.letter(mail, 2))
    (await anyone.post(VERIFY, {"token": token})).refused(400, "validation_error")
    (await anyone.post(VERIFY, {"token": second})).ok()
    (await anyone.post(FORGOT, {"email": mail})).ok()
    reset = token_of(await box.letter(mail, 3))
    await users.update_one({"email": mail}, {"$set": {"reset.until": late}})
    new = {"token": reset, "password": SECOND, "confirm_password": SECOND}
    (await anyone.post(RESET, new)).refused(400, "token_expired")


async def test_the_link_of_a_letter_shows_a_page_and_changes_nothing_by_being_looked_at(
    client: Make, box: PostBox
) -> None:
    anyone = client(None)
    mail = (await anyone.post(REGISTER, body())).ok(201)["email"]
    token = token_of(await box.letter(mail))
    for _ in range(2):
        shown = await anyone.get(f"/verify-email/{token}/")
        assert shown.headers["Content-Type"].startswith("text/html")
        assert shown.status == 200
    (await log_in(anyone, mail, FIRST)).refused(401, "authentication_failed")
    led = []
    for given in ("nonsense", token, token):
        answer = await anyone.get(VERIFY, params={"token": given}, allow_redirects=False)
        assert answer.status == 302
        led.append(answer.headers["Location"])
    assert [where.partition("&")[0] for where in led] == ["/?error=invalid_token", "/?verified=success",
                                                          "/?verified=already"]  # fmt: skip


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("first_name", "Ann\r\nBcc: all@people.example"), ("last_name", "Lee\nX: y"), ("tenant_name", "Lee\x0bSons"),
        ("email", "ann@people.example\nBcc: b@people.example"), ("email", "Ann <ann@people.example>"),
        ("email", "ann@people.example,bo@people.example"), ("phone", "12"), ("password", "short"),
        ("tenant_industry", "spying"), ("tenant_country", "usa"), ("tenant_website", "javascript:alert(1)"),
        ("first_name", ""), ("tenant_name", " "),
    ],
)  # fmt: skip
async def test_what_cannot_be_is_refused_by_name(client: Make, box: PostBox, field: str, value: str) -> None:
    given, came = body(**{field: value}), len(box.letters)
    assert field in (await client(None).post(REGISTER, given)).refused(400, "validation_error")
    assert len(box.letters) == came


async def test_an_invitation_comes_by_letter_in_the_words_of_who_invites(
    client: Make, box: PostBox, tenant: Tenant
) -> None:
    mail = f"bo.{secrets.token_hex(5)}@people.example"
    invited = {"email": mail, "role": "agent", "first_name": "Bo", "message": "Hi <b>Bo</b>,\nwelcome!"}
    (await tenant().post("/tenants/members/invite/", {**invited, "first_name": "Bo\r\nX: y"})).refused(
        400, "validation_error"
    )
    member = (await tenant().post("/tenants/members/invite/", invited)).ok(201)
    letter = await box.letter(mail)
    assert "> Hi <b>Bo</b>,\n> welcome!" in text_of(letter).replace("\r\n", "\n")
    assert "&lt;b&gt;Bo&lt;/b&gt;" in text_of(letter, "html")
    token = token_of(letter)
    assert member["invite_path"].endswith(token)
    again = (await tenant().post(f"/tenants/members/{member['id']}/resend-verification/")).ok()
    newer = token_of(await box.letter(mail, 2))
    assert again["invite_path"].endswith(newer)
    answers = await asyncio.gather(
        *(client(None).post("/tenants/members/accept/", {"token": newer, "password": FIRST}) for _ in range(4))
    )
    assert sorted(answer.status for answer in answers) == [200, 400, 400, 400]
    added = [event for event in await tenant().events(topics="account") if event["type"] == "member.added"]
    assert [event["subject"]["id"] for event in added] == [member["id"]], "accepted at once: one membership"
    (await log_in(client(None), mail, FIRST)).ok()


async def test_a_key_that_may_invite_links_people_by_their_number(client: Make, tenant: Tenant) -> None:
    path, anyone = "/users/user-login-patch/", client(None)
    given = {"first_name": "Bo", "mobile": f"+1202555{secrets.randbelow(9000) + 1000}", "password": FIRST}
    (await anyone.post(path, given)).refused(401, "not_authenticated")
    for role, status in (("manager", 403), ("viewer", 403)):
        key = {"X-ACCESS-KEY": str(tenant(role).credential)}
        assert (await anyone.post(path, given, headers=key)).status == status
    (await anyone.post(path, given, headers={"X-ACCESS-KEY": "jc_live_no"})).refused(401, "invalid_api_key")
    key = {"X-ACCESS-KEY": str(tenant("admin").credential)}
    assert "password" in (await anyone.post(path, {**given, "password": "short"}, headers=key)).refused(
        400, "validation_error"
    )
    raced = await asyncio.gather(*(anyone.post(path, given, headers=key) for _ in range(4)))
    assert [answer.status for answer in raced].count(201) == 1
    assert {answer.status for answer in raced} <= {200, 201, 409}
    again = (await anyone.post(path, given, headers=key)).ok(200)
    assert again["role_detail"]["slug"] == "agent"
    assert "password" in (await anyone.post(path, {**given, "password": SECOND}, headers=key)).refused(
        400, "validation_error"
    )
    assert (await log_in(anyone, given["mobile"], FIRST)).ok()["role"]["slug"] == "agent"
    rows = (await tenant().get("/tenants/users/")).ok()["results"]
    assert [row["user"] for row in rows] == [again["user"]]
    (await tenant().delete(f"/tenants/members/{again['id']}/")).ok(204)
    (await log_in(anyone, given["mobile"], FIRST)).refused(401, "authentication_failed")
    assert (await anyone.post(path, given, headers=key)).ok(200)["is_active"] is True


async def test_a_letter_is_tried_again_where_the_server_is_busy_and_not_where_it_refuses(
    client: Make, box: PostBox
) -> None:
    anyone, given = client(None), body()
    box.refusals = ["451 4.7.1 come again later"]
    tries = box.tries
    mail = (await anyone.post(REGISTER, given)).ok(201)["email"]
    token = token_of(await box.letter(mail))
    assert box.tries == tries + 2
    (await anyone.post(VERIFY, {"token": token})).ok()
    box.refusals = ["550 5.1.1 no such person"]
    (await anyone.post(FORGOT, {"email": mail})).ok()

    async def refused() -> bool:
        return not box.refusals

    await until(refused)
    (await anyone.post(FORGOT, {"email": mail})).ok()
    await box.letter(mail, 2)
    assert box.tries == tries + 4


async def test_without_a_server_letters_are_files(client: Make, gateway: Running) -> None:
    anyone = client(None)
    folder = gateway.gateway.config.var_dir / "mail"

    async def written() -> Any:
        for path in folder.glob("*.eml"):
            letter = message_from_bytes(path.read_bytes(), policy=policy.default)
            if str(letter["To"]) == mail:
                assert path.stat().st_mode & 0o077 == 0
                return letter
        return None

    with posting(gateway, None):
        mail = (await anyone.post(REGISTER, body())).ok(201)["email"]
        (await anyone.post(VERIFY, {"token": token_of(await until(written))})).ok()


async def test_asking_for_letters_and_guessing_are_slowed_down(client: Make, gateway: Running) -> None:
    anyone, rates = client(None), gateway.ports.rates
    plenty, rates.budgets = rates.budgets, type(rates.budgets)(letters_per_hour=2, logins_per_minute=4)
    counted, rates._limits = rates._limits, Limits(None)  # what others have asked for from here is theirs
    try:
        mail = f"{secrets.token_hex(5)}@people.example"

        async def refused() -> Any:
            answer = await anyone.post(FORGOT, {"email": mail})
            return answer if answer.status == 429 else None

        answer = await until(refused)
        assert int(answer.headers["Retry-After"]) > 0
        (await anyone.post(FORGOT, {"email": f"x{mail}"})).ok()
        tries = []
        for _ in range(40):  # of a minute's four at most: in all the minutes of an hour no more than twelve
            tries.append((await log_in(anyone, mail, "guess")).status)
        assert tries.count(401) <= 12
        assert tries[-1] == 429
    finally:
        rates.budgets, rates._limits = plenty, counted


async def test_names_of_before_are_held_by_the_oldest(gateway: Running) -> None:
    database = gateway.services.store.database.client[f"names_{secrets.token_hex(4)}"]
    try:
        rows = [{"_id": f"ten_{n}", "name": name} for n, name in enumerate(("Lee", "LEE", "Roe"))]
        await database["tenants"].insert_many(rows)
        registry = Registry(database)
        for _ in range(2):
            await registry.prepare()
        held = [row["name_key"] for row in await database["tenants"].find({}, sort=[("_id", 1)]).to_list()]
        assert held == ["lee", None, "roe"]
        assert await registry.name_taken(" lee ")
    finally:
        await database.client.drop_database(database.name)
