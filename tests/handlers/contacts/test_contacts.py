"""`/contacts/`: fields, filters, assignment, state, scoping, removal."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from tests.client import Client, until
from tests.conftest import Running
from tests.handlers.people import add_person
from tests.tenants import Tenant

UNKNOWN = "cnt_00000000000000000000000000"


async def add(client: Client, phone: str, **fields: Any) -> dict[str, Any]:
    contact: dict[str, Any] = (await client.post("/contacts/", {"phone": phone, **fields})).ok(201)
    return contact


async def names(client: Client, path: str = "/contacts/", **query: str) -> set[str]:
    page = (await client.get(path, params={"page_size": "100", **query})).ok()
    return {row["first_name"] for row in page["results"]}


# --- fields ----------------------------------------------------------------------------------------------------------


async def test_a_contact_is_created_with_every_field_and_read_back(tenant: Tenant) -> None:
    given = {
        "phone": "+12025550111",
        "first_name": " Ann ",
        "last_name": "Lee",
        "email": "ann@example.com",
        "tags": ["vip", "vip", "new"],
        "segments": ["north"],
        "attributes": {"plan": "gold", "seats": 3, "paid": True, "rate": 1.5},
        "telegram_chat_id": 7_000_000_000,
        "telegram_username": "@annlee",
        "lead_status": "NEW",
        "lead_score": 10,
        "dnc": True,
        "opt_outs": {"SMS": "2026-01-02T03:04:05+01:00"},
        "preferred_channel": "SMS",
        "description": "Met in May.",
    }
    answer = await tenant().post("/contacts/", given)
    contact = answer.ok(201)
    assert answer.headers["X-Cursor"]
    assert contact["first_name"] == "Ann"
    assert (contact["tag"], contact["tags"]) == ("vip", ["vip", "new"])
    assert contact["attributes"] == given["attributes"]
    assert contact["telegram_username"] == "annlee"
    assert contact["opt_outs"] == {"SMS": "2026-01-02T02:04:05.000Z"}
    assert contact["channels"] == {
        "whatsapp": "+12025550111",
        "sms": "+12025550111",
        "rcs": "+12025550111",
        "voice": "+12025550111",
        "telegram": 7_000_000_000,
    }
    assert (contact["source"], contact["status"], contact["assigned_to_type"]) == ("MANUAL", "OPEN", "UNASSIGNED")
    assert (await tenant().get(f"/contacts/{contact['id']}/")).ok() == contact


async def test_null_in_place_of_attributes_and_refusals_removes_all_of_them(tenant: Tenant) -> None:
    opt_outs = {"SMS": "2026-01-02T03:04:05.000Z", "RCS": "2026-01-02T03:04:05.000Z"}
    contact = await add(tenant(), "+12025550111", attributes={"plan": "gold", "seats": 3}, opt_outs=opt_outs)
    where = f"/contacts/{contact['id']}/"
    after = (await tenant().patch(where, {"attributes": {"seats": None}, "opt_outs": {"RCS": None}})).ok()
    assert (after["attributes"], list(after["opt_outs"])) == ({"plan": "gold"}, ["SMS"])
    after = (await tenant().patch(where, {"attributes": None, "opt_outs": None})).ok()
    assert (after["attributes"], after["opt_outs"]) == ({}, {})
    assert (await tenant().get(where)).ok() == after


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"phone": "12"}, "phone"),
        ({"phone": None}, "phone"),
        ({"first_name": "a" * 256}, "first_name"),
        ({"email": "nobody"}, "email"),
        ({"attributes": {"$where": "1"}}, "attributes.$where"),
        ({"attributes": {"a.b": 1}}, "attributes.a.b"),
        ({"attributes": {"nested": {"a": 1}}}, "attributes.nested"),
        ({"attributes": {"big": 2**63}}, "attributes.big"),
        ({"attributes": {f"k{n}": n for n in range(101)}}, "attributes"),
        ({"lead_score": 101}, "lead_score"),
        ({"lead_status": "WARM"}, "lead_status"),
        ({"telegram_chat_id": 2**63}, "telegram_chat_id"),
        ({"opt_outs": {"FAX": "2026-01-01T00:00:00Z"}}, "opt_outs.FAX"),
        ({"opt_outs": {"SMS": "0001-01-01T00:00:00+14:00"}}, "opt_outs.SMS"),
        ({"tags": ["x"] * 51}, "tags"),
        ({"assigned_to_type": "USER"}, "assigned_to_id"),
        ({"assigned_to_type": "CHATFLOW", "assigned_to_id": "7"}, "assigned_to_id"),
        ({"attributes": {f"k{n}": "ü" * 1000 for n in range(20)}}, "non_field_errors"),
    ],
)
async def test_a_bad_field_is_named_and_nothing_is_stored(tenant: Tenant, fields: dict[str, Any], field: str) -> None:
    detail = (await tenant().post("/contacts/", {"phone": "+12025550111", **fields})).refused(400, "validation_error")
    assert any(name == field or name.startswith(field + ".") for name in detail), detail
    assert (await tenant().get("/contacts/")).ok()["count"] == 0


async def test_of_two_contacts_with_one_phone_created_at_once_one_is(tenant: Tenant) -> None:
    answers = await asyncio.gather(*(tenant().post("/contacts/", {"phone": "+1 202 555 0111"}) for _ in range(6)))
    made = [answer for answer in answers if answer.status == 201]
    assert len(made) == 1
    for answer in answers:
        if answer is not made[0]:
            detail = answer.refused(409, "already_exists")
            assert answer.body["existing_id"] == made[0].body["id"]
            assert made[0].body["id"] in detail
    assert (await tenant().get("/contacts/")).ok()["count"] == 1


async def test_a_change_to_a_taken_phone_names_who_has_it(tenant: Tenant) -> None:
    ann, bob = await add(tenant(), "+12025550111"), await add(tenant(), "+12025550112")
    answer = await tenant().patch(f"/contacts/{bob['id']}/", {"phone": ann["phone"]})
    answer.refused(409, "already_exists")
    assert answer.body["existing_id"] == ann["id"]


async def test_attributes_are_merged_and_null_removes_one(tenant: Tenant) -> None:
    contact = await add(tenant(), "+12025550111", attributes={"plan": "gold", "seats": 3})
    path = f"/contacts/{contact['id']}/"
    after = (await tenant().patch(path, {"attributes": {"plan": None, "city": "Pune"}})).ok()
    assert after["attributes"] == {"seats": 3, "city": "Pune"}
    assert (await tenant().patch(path, {"attributes": {"seats": True}})).ok()["attributes"]["seats"] is True


async def test_the_tag_is_the_first_of_the_tags(tenant: Tenant) -> None:
    contact = await add(tenant(), "+12025550111", tag="one")
    path = f"/contacts/{contact['id']}/"
    assert (await tenant().patch(path, {"tags": ["two", "three"]})).ok()["tag"] == "two"
    assert (await tenant().patch(path, {"tag": "three"})).ok()["tags"] == ["three"]
    assert (await tenant().patch(path, {"tag": None})).ok()["tags"] == []


async def test_a_contact_sent_back_as_it_was_is_no_change(tenant: Tenant, gateway: Running) -> None:
    person = await add_person(gateway, tenant, "agent")
    contact = await add(
        tenant(), "+12025550111", tags=["a"], attributes={"x": 1}, opt_outs={"SMS": "2026-01-01T00:00:00Z"}
    )
    path = f"/contacts/{contact['id']}/"
    assigned = (await tenant().post(path + "assign/", {"assigned_to_type": "USER", "assigned_to_id": person.id})).ok()
    told = len(await tenant().events())
    assert (await tenant().patch(path, assigned["contact"])).ok() == assigned["contact"]
    assert len(await tenant().events()) == told


async def test_forms_are_read_like_json(tenant: Tenant) -> None:
    body = b"phone=%2B12025550111&first_name=Ann&tags=a&tags=b&segments=one&attributes=%7B%22plan%22%3A%22gold%22%7D"
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    contact = (await tenant().ask("POST", "/contacts/", body, headers=headers)).ok(201)
    assert (contact["tags"], contact["segments"], contact["attributes"]) == (["a", "b"], ["one"], {"plan": "gold"})


# --- lists -----------------------------------------------------------------------------------------------------------


@pytest.fixture
async def people(tenant: Tenant) -> Tenant:
    """A tenant with three contacts that differ in everything."""
    await add(
        tenant(),
        "+12025550101",
        first_name="Ann",
        last_name="Lee",
        tags=["vip", "old"],
        segments=["north"],
        attributes={"plan": "gold", "seats": 3, "paid": True},
        lead_status="NEW",
        email="ann@example.com",
    )
    await add(
        tenant(),
        "+12025550102",
        first_name="Bob",
        last_name="Leeds",
        tag="new",
        segments=["south"],
        source="SMS",
        dnc=True,
    )
    await add(tenant(), "+919812345678", first_name="Cy", last_name="O'Hara", lead_status="CONVERTED", is_active=False)
    return tenant


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"phone": "+12025550101"}, "Ann"),
        ({"phone": " 12025550101"}, "Ann"),
        ({"phone__in": "+12025550101,+12025550102"}, "Ann Bob"),
        ({"phone__istartswith": "+1202"}, "Ann Bob"),
        ({"phone__icontains": "98123"}, "Cy"),
        ({"first_name": "Ann"}, "Ann"),
        ({"first_name": "ann"}, ""),
        ({"first_name__icontains": "N"}, "Ann"),
        ({"last_name__istartswith": "lee"}, "Ann Bob"),
        ({"tag": "old"}, "Ann"),
        ({"tag__in": "vip,new"}, "Ann Bob"),
        ({"tag__icontains": "EW"}, "Bob"),
        ({"segment": "north"}, "Ann"),
        ({"segment__in": "north,south"}, "Ann Bob"),
        ({"source": "SMS"}, "Bob"),
        ({"source__in": "SMS,MANUAL"}, "Ann Bob Cy"),
        ({"lead_status__in": "NEW,CONVERTED"}, "Ann Cy"),
        ({"lead_status__isnull": "true"}, "Bob"),
        ({"email__isnull": "false"}, "Ann"),
        ({"dnc": "1"}, "Bob"),
        ({"is_active": "false"}, "Cy"),
        ({"status": "OPEN"}, "Ann Bob Cy"),
        ({"assigned_to_type": "UNASSIGNED"}, "Ann Bob Cy"),
        ({"created_at__gte": "2020-01-01"}, "Ann Bob Cy"),
        ({"created_at__lte": "2020-01-01"}, ""),
        ({"created_at__lte": "9998-12-31"}, "Ann Bob Cy"),
        ({"attributes.plan": "gold"}, "Ann"),
        ({"attributes.seats": "3"}, "Ann"),
        ({"attributes.paid": "true"}, "Ann"),
        ({"attributes.seats": "4"}, ""),
        ({"search": "lee"}, "Ann Bob"),
        ({"search": "O'H"}, "Cy"),
        ({"search": ".*"}, ""),
        ({"search": "+1202555"}, "Ann Bob"),
        ({"nonsense": "x", "dnc": "true", "first_name": "Bob"}, "Bob"),
    ],
)
async def test_each_lookup_finds_what_it_says(people: Tenant, query: dict[str, str], expected: str) -> None:
    assert await names(people(), **query) == set(expected.split())


@pytest.mark.parametrize(
    ("parameter", "value"),
    [
        ("dnc", "perhaps"),
        ("is_active", "2"),
        ("source", "PIGEON"),
        ("lead_status__in", "NEW,WARM"),
        ("created_at__gte", "yesterday"),
        ("created_at__lte", "9999-12-31"),
        ("created_at__gte", "0001-01-01T00:00:00+14:00"),
        ("phone", "1" * 201),
        ("attributes.$where", "1"),
        ("attributes.a.b", "1"),
        ("ordering", "chat"),
        ("page", "0"),
        ("page_size", "x"),
    ],
)
async def test_a_malformed_filter_is_named(tenant: Tenant, parameter: str, value: str) -> None:
    detail = (await tenant().get("/contacts/", params={parameter: value})).refused(400, "validation_error")
    assert list(detail) == [parameter]


async def test_order_pages_and_the_endless_form(people: Tenant) -> None:
    client = people()
    order = [row["first_name"] for row in (await client.get("/contacts/?ordering=-phone")).ok()["results"]]
    assert order == ["Cy", "Bob", "Ann"]
    one = (await client.get("/contacts/?page_size=1")).ok()["results"][0]
    found = {"full_name", "conversation_id", "whatsapp_user_id", "whatsapp_group_id"}  # out of several fields
    for name in {name for name, value in one.items() if not isinstance(value, list | dict)} - found:
        assert (await client.get(f"/contacts/?ordering=-{name}")).ok()["count"] == 3, name
    page = (await client.get("/contacts/?page_size=2&ordering=first_name")).ok()
    assert ([row["first_name"] for row in page["results"]], page["count"], page["previous"]) == (
        ["Ann", "Bob"],
        3,
        None,
    )
    assert (await client.get("/contacts/?page=3&page_size=2")).status == 404
    first = (await client.get("/contacts/?cursor=&page_size=2")).ok()
    rest = (await client.get(f"/contacts/?cursor={first['next_cursor']}&page_size=2")).ok()
    assert [row["first_name"] for row in first["results"] + rest["results"]] == ["Cy", "Bob", "Ann"]
    assert rest["next_cursor"] is None


async def test_tags_keywords_and_the_whatsapp_list(people: Tenant) -> None:
    client = people()
    assert (await client.get("/contacts/contact-tags/")).ok()["results"] == ["new", "old", "vip"]
    found = (await client.get("/contacts/contact-tags/?search=O&page_size=1")).ok()
    assert (found["results"], found["count"]) == (["old"], 1)
    keys = [row["key"] for row in (await client.get("/contacts/reserve-keyword/")).ok()]
    assert keys == ["first_name", "last_name", "full_name", "phone"]
    assert await names(client, "/wa/v1/contacts/") == {"Ann", "Cy"}
    await people.receives("+12025550101", "hello")

    async def counted() -> Any:
        rows = (await client.get("/wa/v1/contacts/?first_name=Ann")).ok()["results"]
        return rows[0] if rows[0]["last_message_at"] else None

    row = await until(counted)
    assert row["expires_at"] > row["last_message_at"]


# --- assignment and state --------------------------------------------------------------------------------------------


async def test_of_eight_claims_at_once_exactly_one_wins(tenant: Tenant, gateway: Running) -> None:
    people = await asyncio.gather(*(add_person(gateway, tenant, "manager", f"P{n}") for n in range(8)))
    contact = await add(tenant(), "+12025550111")
    path = f"/contacts/{contact['id']}/"
    answers = await asyncio.gather(
        *(
            person.client.post(
                path + "assign/", {"assigned_to_type": "USER", "assigned_to_id": person.id, "if_unassigned": True}
            )
            for person in people
        )
    )
    won = [person for person, answer in zip(people, answers, strict=True) if answer.status == 200]
    assert len(won) == 1
    for answer in answers:
        if answer.status != 200:
            answer.refused(409, "conflict")
            assert answer.body["assigned_to_user"] == won[0].id
    assert (await tenant().get(path)).ok()["assigned_to_user"] == won[0].id
    told = [event for event in await tenant().events() if event["type"] == "conversation.assigned"]
    assert [event["data"]["assignment"]["assigned_to_user"] for event in told] == [won[0].id]


async def test_a_claim_run_again_with_its_key_answers_as_before(tenant: Tenant, gateway: Running) -> None:
    person = await add_person(gateway, tenant, "manager")
    contact = await add(tenant(), "+12025550111")
    body = {"assigned_to_type": "USER", "assigned_to_id": person.id, "if_unassigned": True}
    answers = [
        await person.client.post(f"/contacts/{contact['id']}/assign/", body, headers={"Idempotency-Key": "claim-1"})
        for _ in range(2)
    ]
    assert answers[0].ok() == answers[1].ok()


async def test_assignment_by_membership_reassignment_and_back(tenant: Tenant, gateway: Running) -> None:
    ann, bob = await add_person(gateway, tenant, "agent", "Ann"), await add_person(gateway, tenant, "agent", "Bob")
    contact = await add(tenant(), "+12025550111")
    path = f"/contacts/{contact['id']}/"
    first = (await tenant().post(path + "assign/", {"assigned_to_type": "USER", "assigned_to_id": ann.member})).ok()
    assert (first["status"], first["contact"]["assigned_to_user"]) == ("success", ann.id)
    assert first["contact"]["assigned_to_name"] == "Ann Test"
    again = (await tenant().post(path + "assign/", {"assigned_to_type": "USER", "assigned_to_id": ann.id})).ok()
    assert again["contact"] == first["contact"], "who has it already is given nothing"
    body = {"assigned_to_type": "USER", "assigned_to_id": bob.id, "note": "Ann is away"}
    second = (await tenant().post(path + "assign/", body)).ok()["contact"]
    assert (second["assigned_to_user"], second["assignment_note"]) == (bob.id, "Ann is away")
    third = (await tenant().post(path + "unassign/", {"note": "nobody left"})).ok()["contact"]
    assert (third["assigned_to_type"], third["assigned_to_user"], third["assigned_at"]) == ("UNASSIGNED", None, None)
    timeline = (await tenant().get(f"/team-inbox/api/conversations/{contact['id']}/timeline/")).ok()["results"]
    events = [item["data"] for item in timeline if item["type"] == "event"]
    assert [event["event_type"] for event in events] == ["TICKET_UNASSIGNED", "TICKET_REASSIGNED", "TICKET_ASSIGNED"]
    assert events[1]["event_data"]["previous_assigned_to_user_id"] == ann.id
    assert events[1]["event_data"]["metadata"]["ip"] == "127.0.0.1"
    assert (events[1]["note"], events[1]["assigned_to_name"]) == ("Ann is away", "Bob Test")


async def test_only_active_members_of_the_tenant_are_assigned(
    tenant: Tenant, new_tenant: Callable[[], Awaitable[Tenant]], gateway: Running
) -> None:
    stranger = await add_person(gateway, await new_tenant(), "agent")
    gone = await add_person(gateway, tenant, "agent")
    store = gateway.services.store.of(tenant.id, "live")
    from jinaconnect.store.tenant import Change

    await store.change("members", gone.member, lambda doc: Change(set={"is_active": False}))
    contact = await add(tenant(), "+12025550111")
    for id in (stranger.id, stranger.member, gone.id, gone.member, "usr_nobody"):
        answer = await tenant().post(
            f"/contacts/{contact['id']}/assign/", {"assigned_to_type": "USER", "assigned_to_id": id}
        )
        assert list(answer.refused(400, "validation_error")) == ["assigned_to_id"]


async def test_closing_and_reopening(tenant: Tenant) -> None:
    contact = await add(tenant(), "+12025550111")
    path = f"/contacts/{contact['id']}/"
    (await tenant().post(path + "reopen/")).refused(400, "invalid_state")
    closed = (await tenant().post(path + "close/", {"reason": "done"})).ok()
    assert closed["contact"]["status"] == "CLOSED"
    (await tenant().post(path + "close/")).refused(400, "invalid_state")
    assert (await tenant().post(path + "reopen/", {"reason": "not quite"})).ok()["contact"]["status"] == "OPEN"
    timeline = (await tenant().get(f"/team-inbox/api/conversations/{contact['id']}/timeline/")).ok()["results"]
    events = [item["data"] for item in timeline if item["type"] == "event"]
    assert [(event["event_type"], event["event_data"]["reason"]) for event in events] == [
        ("TICKET_REOPENED", "not quite"),
        ("TICKET_CLOSED", "done"),
    ]


async def test_assignment_and_status_in_a_change_act_like_the_actions(tenant: Tenant, gateway: Running) -> None:
    person = await add_person(gateway, tenant, "agent")
    contact = await add(tenant(), "+12025550111")
    body = {"first_name": "Ann", "assigned_to_type": "USER", "assigned_to_id": person.id, "status": "CLOSED"}
    after = (await tenant().patch(f"/contacts/{contact['id']}/", body)).ok()
    assert (after["first_name"], after["assigned_to_user"], after["status"]) == ("Ann", person.id, "CLOSED")
    told = [event["type"] for event in await tenant().events()][2:]
    assert told == ["contact.updated", "conversation.assigned", "conversation.closed"]


# --- who may, who sees -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "path", "body", "allowed"),
    [
        ("GET", "/contacts/", None, "owner admin manager agent viewer"),
        ("POST", "/contacts/", {"phone": "+12025550199"}, "owner admin manager"),
        ("PATCH", "/contacts/{id}/", {"first_name": "Z"}, "owner admin manager"),
        ("POST", "/contacts/{id}/assign/", {"assigned_to_type": "UNASSIGNED"}, "owner admin manager"),
        ("POST", "/contacts/{id}/unassign/", {}, "owner admin manager"),
        ("POST", "/contacts/{id}/close/", {}, "owner admin manager"),
        ("DELETE", "/contacts/{id}/", None, "owner admin manager"),
    ],
)
async def test_roles(tenant: Tenant, method: str, path: str, body: Any, allowed: str) -> None:
    for role in ("owner", "admin", "manager", "agent", "viewer"):
        contact = await add(tenant(), f"+1202555{100 + len(role)}{role == 'admin':d}")
        answer = await tenant(role).ask(method, path.format(id=contact["id"]), body)
        if role in allowed.split():
            assert answer.status < 300, (role, answer.body)
        else:
            answer.refused(403, "permission_denied")
        await tenant().delete(f"/contacts/{contact['id']}/")
        for row in (await tenant().get("/contacts/")).ok()["results"]:
            await tenant().delete(f"/contacts/{row['id']}/")


async def test_one_of_two_permissions_suffices(tenant: Tenant, gateway: Running) -> None:
    store = gateway.services.store.of(tenant.id, "live")
    id = gateway.services.ids.new("rol")
    await store.insert(
        "roles",
        {
            "_id": id,
            "slug": "dispatcher",
            "name": "Dispatcher",
            "description": "",
            "priority": 30,
            "is_system": False,
            "is_editable": True,
            "permissions": {"inbox.assign": True},
        },
    )
    person = await add_person(gateway, tenant, "dispatcher")
    contact = await add(tenant(), "+12025550111")
    path = f"/contacts/{contact['id']}/"
    (await person.client.post(path + "assign/", {"assigned_to_type": "USER", "assigned_to_id": person.id})).ok()
    (await person.client.post(path + "close/")).refused(403, "permission_denied")


@pytest.mark.parametrize("open_pool", [False, True])
async def test_an_agent_sees_what_is_theirs(tenant: Tenant, gateway: Running, open_pool: bool) -> None:
    if open_pool:
        settings = {"settings": {"agents_see_unassigned": True}}
        (await tenant().patch(f"/tenants/{tenant.id}/", settings)).ok()
    agent, other = await add_person(gateway, tenant, "agent", "Ann"), await add_person(gateway, tenant, "agent", "Bob")
    contacts: dict[str, dict[str, Any]] = {}
    for number, (name, holder) in enumerate((("Mine", agent), ("Theirs", other), ("Free", None))):
        body = {"assigned_to_type": "USER", "assigned_to_id": holder.id} if holder else {}
        phone = f"+1202555010{number}"
        contacts[name] = await add(tenant(), phone, first_name=name, tags=[name], **body)
        await tenant.receives(phone, f"from {name}")

    async def all_counted() -> bool:
        return bool((await tenant().get("/team-inbox/api/conversations/")).ok()["count"] == 3)

    await until(all_counted)
    seen = {"Mine", "Free"} if open_pool else {"Mine"}
    assert await names(agent.client) == seen
    assert await names(agent.client, "/wa/v1/contacts/") == seen
    assert set((await agent.client.get("/contacts/contact-tags/")).ok()["results"]) == seen
    chats = (await agent.client.get("/team-inbox/api/conversations/")).ok()["results"]
    assert {chat["contact"]["first_name"] for chat in chats} == seen
    texts = {f"from {name}" for name in seen}
    for path in ("/team-inbox/api/messages/", "/team-inbox/api/messages/recent/"):
        assert {row["content_preview"] for row in (await agent.client.get(path)).ok()["results"]} == texts
    everything = (await tenant().get("/team-inbox/api/messages/")).ok()["results"]
    unknown = (await agent.client.get(f"/contacts/{UNKNOWN}/")).refused(404, "not_found")
    for name, contact in contacts.items():
        [message] = [row for row in everything if row["contact"] == contact["id"]]
        paths = [
            f"/contacts/{contact['id']}/",
            f"/team-inbox/api/conversations/{contact['id']}/",
            f"/team-inbox/api/conversations/{contact['id']}/timeline/",
            f"/team-inbox/api/messages/{message['id']}/",
            f"/team-inbox/api/messages/conversation/?platform=WHATSAPP&contact_id={contact['id']}",
        ]
        for path in paths:
            answer = await agent.client.get(path)
            if name in seen:
                answer.ok()
            else:
                assert answer.refused(404, "not_found") == unknown
        note = await agent.client.post(f"/team-inbox/api/conversations/{contact['id']}/notes/", {"text": "hm"})
        read = await agent.client.post(f"/team-inbox/api/messages/{message['id']}/mark_as_read/")
        many = await agent.client.post(
            "/team-inbox/api/messages/mark_multiple_as_read/", {"message_ids": [message["id"]]}
        )
        assert (note.status, read.status, many.status) == ((201, 200, 200) if name in seen else (404, 404, 400))


async def test_foreign_ids_are_unknown_ids(tenant: Tenant, new_tenant: Callable[[], Awaitable[Tenant]]) -> None:
    contact = await add(tenant(), "+12025550111")
    stranger = await new_tenant()
    for client in (stranger(), tenant("owner", "test")):
        for method, tail, body in (
            ("GET", "", None),
            ("PATCH", "", {"first_name": "x"}),
            ("DELETE", "", None),
            ("POST", "assign/", {"assigned_to_type": "UNASSIGNED"}),
            ("POST", "unassign/", {}),
            ("POST", "close/", {}),
            ("POST", "reopen/", {}),
        ):
            foreign = await client.ask(method, f"/contacts/{contact['id']}/{tail}", body)
            never = await client.ask(method, f"/contacts/{UNKNOWN}/{tail}", body)
            foreign.refused(404, "not_found")
            assert foreign.body == never.body
    assert (await tenant().get(f"/contacts/{contact['id']}/")).ok() == contact


# --- removal ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("erase", [False, True])
async def test_a_removed_contact_is_gone_and_may_come_again(tenant: Tenant, gateway: Running, erase: bool) -> None:
    phone = "+12025550111"
    contact = await add(tenant(), phone, first_name="Zebulon", attributes={"secret": "xyzzy"}, email="zeb@example.com")
    path = f"/contacts/{contact['id']}/"
    await tenant.receives(phone, "plugh")

    async def counted() -> bool:
        return bool((await tenant().get("/team-inbox/api/conversations/")).ok()["count"] == 1)

    await until(counted)
    (await tenant().post(path + "close/", {"reason": "plover"})).ok()
    await gateway.services.store.outbox.drain()
    (await tenant().delete(path + ("?erase=true" if erase else ""))).ok(204)
    (await tenant().get(path)).refused(404, "not_found")
    (await tenant().delete(path)).refused(404, "not_found")
    for path_ in ("/contacts/", "/team-inbox/api/conversations/", "/team-inbox/api/messages/"):
        assert (await tenant().get(path_)).ok()["count"] == 0
    removed = [event for event in await tenant().events() if event["type"] in ("contact.deleted", "message.deleted")]
    assert sorted(event["type"] for event in removed) == ["contact.deleted", "message.deleted"]
    store = gateway.services.store.of(tenant.id, "live")
    kept = str(await store.select("contacts", {})) + str(await store.select("messages", {})) + str(removed)
    await gateway.services.store.outbox.drain()
    kept = str(await store.select("contacts", {}, fields={"pending": 0})) + str(await store.select("timeline", {}))
    kept += str(await store.select("messages", {}, fields={"pending": 0}))
    for word in (phone, "Zebulon", "xyzzy", "zeb@example.com", "plugh", "plover"):
        assert (word in kept) is not erase, word
    again = await add(tenant(), phone)
    assert again["id"] != contact["id"]


async def test_a_removed_customer_who_writes_is_a_new_contact(tenant: Tenant) -> None:
    contact = await add(tenant(), "+12025550111")
    (await tenant().delete(f"/contacts/{contact['id']}/")).ok(204)
    await tenant.receives("+12025550111", "me again")

    async def back() -> Any:
        return (await tenant().get("/contacts/")).ok()["results"]

    [row] = await until(back)
    assert (row["id"] != contact["id"], row["source"]) == (True, "WHATSAPP")


# --- state is the fold of events -------------------------------------------------------------------------------------


async def test_the_last_event_of_a_contact_shows_what_rest_shows(tenant: Tenant, gateway: Running) -> None:
    person = await add_person(gateway, tenant, "agent")
    client = tenant()
    body = {"assigned_to_type": "USER", "assigned_to_id": person.id}
    ids = [(await add(client, f"+1202555010{n}", first_name=f"N{n}"))["id"] for n in range(4)]
    ids.append((await add(client, "+12025550109", status="CLOSED", **body))["id"])
    await tenant.receives("+12025550100", "one")
    await client.wait_for_events(lambda events: any(event["type"] == "message.received" for event in events))
    await asyncio.gather(
        client.patch(f"/contacts/{ids[0]}/", {"attributes": {"a": 1}}),
        client.post(f"/contacts/{ids[0]}/assign/", body),
        client.patch(f"/contacts/{ids[0]}/", {"last_name": "B", "tags": ["x"]}),
        client.post("/team-inbox/api/messages/mark_multiple_as_read/", {"contact_id": ids[0]}),
        client.post(f"/contacts/{ids[1]}/assign/", body),
        client.post(f"/contacts/{ids[1]}/close/", {"reason": "r"}),
        client.post(f"/contacts/{ids[2]}/close/"),
        client.patch(
            f"/contacts/{ids[2]}/", {"first_name": "M", "assigned_to_type": "USER", "assigned_to_id": person.id}
        ),
    )
    (await client.post(f"/contacts/{ids[1]}/unassign/")).ok()
    (await client.post(f"/contacts/{ids[2]}/reopen/")).ok()
    (await client.delete(f"/contacts/{ids[3]}/")).ok(204)
    contacts: dict[str, Any] = {}
    chats: dict[str, Any] = {}
    for event in await client.events():
        data, kind = dict(event["data"]), event["type"]
        if kind.startswith("conversation."):
            assert event["subject"]["id"] == event["conversation_id"] == data["id"]
            contacts[event["contact_id"]] = data.pop("contact_detail", contacts.get(event["contact_id"]))
            chats[event["contact_id"]] = {key: data[key] for key in ("status", "assignment")}
        elif kind == "contact.deleted":
            contacts.pop(event["contact_id"])
        elif kind.startswith("contact."):
            contacts[event["contact_id"]] = data
    assert set(contacts) == {*ids} - {ids[3]}
    for id, folded in contacts.items():
        assert folded == (await client.get(f"/contacts/{id}/")).ok()
        chat = (await client.get(f"/team-inbox/api/conversations/{id}/")).ok()
        assert {key: chat[key] for key in ("status", "assignment")} == chats[id]


@pytest.mark.parametrize("phone", ["+12025550111;ext=12", "+12025550111x12", "+1 202 555 0111 ext. 12"])
async def test_an_extension_is_refused_by_name(tenant: Tenant, phone: str) -> None:
    detail = (await tenant().post("/contacts/", {"phone": phone})).refused(400, "validation_error")
    assert "extension" in detail["phone"][0]


async def test_a_number_is_read_without_the_marks_it_was_copied_with(tenant: Tenant) -> None:
    made = (await tenant().post("/contacts/", {"phone": "\u202a+1 202-555-0111\u202c"})).ok(201)
    assert made["phone"] == "+12025550111"


async def test_an_agent_notes_that_a_contact_wants_no_more(tenant: Tenant, gateway: Running) -> None:
    agent = await add_person(gateway, tenant, "agent", "Ann")
    mine = await add(tenant(), "+12025550111", assigned_to_type="USER", assigned_to_id=agent.id)
    theirs = await add(tenant(), "+12025550112")
    path = f"/contacts/{mine['id']}/opt-out/"
    lifted = await agent.client.patch(f"/contacts/{mine['id']}/", {"opt_outs": {"SMS": None}})
    lifted.refused(403, "permission_denied")
    (await agent.client.post(f"/contacts/{theirs['id']}/opt-out/", {"platform": "SMS"})).refused(404, "not_found")
    (await tenant("viewer").post(path, {"platform": "SMS"})).refused(403, "permission_denied")
    for body in ({}, {"platform": "FAX"}, {"platform": None}):
        assert list((await agent.client.post(path, body)).refused(400, "validation_error")) == ["platform"]
    first = (await agent.client.post(path, {"platform": "SMS"})).ok()["contact"]
    again = (await agent.client.post(path, {"platform": "SMS"})).ok()["contact"]
    assert (list(first["opt_outs"]), again) == (["SMS"], first)
    after = (await agent.client.post(path, {"platform": "WHATSAPP"})).ok()["contact"]
    assert after["opt_outs"] == {**first["opt_outs"], "WHATSAPP_MARKETING": after["updated_at"]}
    assert (await tenant().get(f"/contacts/{mine['id']}/")).ok() == after
    told = [event for event in await tenant().events() if event["type"] == "contact.updated"]
    assert [event["data"]["opt_outs"] for event in told] == [first["opt_outs"], after["opt_outs"]]
    assert told[0]["actor"]["id"] == agent.id
