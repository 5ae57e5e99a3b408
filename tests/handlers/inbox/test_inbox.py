"""`/team-inbox/api/`: lists, conversations, timelines, notes, read marks, removal."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest

from jinaconnect.actions.context import Caller, Context
from jinaconnect.actions.inbox.marks import recount
from jinaconnect.actions.messaging.sending import count_message
from jinaconnect.core.events.event import Event, conversation_id
from jinaconnect.core.inbox.message import new_message
from jinaconnect.core.inbox.reading import read_fields
from jinaconnect.core.inbox.timeline import status_entry
from jinaconnect.core.principal import system_principal
from jinaconnect.store.store import Store
from jinaconnect.store.tenant import Change, TenantStore
from tests.client import Client, until
from tests.conftest import Running
from tests.handlers.people import add_person
from tests.tenants import Tenant

BASE = "/team-inbox/api"
ANN, BOB = "+12025550101", "+12025550102"


async def rows(client: Client, **query: str) -> list[dict[str, Any]]:
    page = (await client.get(f"{BASE}/messages/", params={"page_size": "100", **query})).ok()
    found: list[dict[str, Any]] = page["results"]
    return found


async def received(tenant: Tenant, texts: dict[str, list[str]]) -> dict[str, str]:
    """Have customers write and return contact ids by phone, once all is counted."""
    for phone, written in texts.items():
        for text in written:
            await tenant.receives(phone, text)

    async def counted() -> Any:
        chats = (await tenant().get(f"{BASE}/conversations/")).ok()["results"]
        unread = {chat["contact"]["phone"]: chat["unread_count"] for chat in chats}
        ready = all(unread.get(phone) == len(written) for phone, written in texts.items())
        return {chat["contact"]["phone"]: chat["contact"]["id"] for chat in chats} if ready else None

    found: dict[str, str] = await until(counted)
    return found


async def chat_of(client: Client, contact: str) -> dict[str, Any]:
    chat: dict[str, Any] = (await client.get(f"{BASE}/conversations/{contact}/")).ok()
    return chat


async def stored(running: Running, tenant: Tenant, contact: str, **fields: Any) -> str:
    """Put a message of another channel or state into the store, as its channel would."""
    services = running.services
    now = services.clock()
    base: dict[str, Any] = {
        "platform": "SMS", "direction": "OUTGOING", "type": "TEXT", "author": "USER", "app": None, "timestamp": now,
        "content": {"type": "text", "body": {"text": "stored"}}, "status": "SENT", "created_at": now, "updated_at": now,
    }  # fmt: skip
    doc = new_message(services.ids.new("msg"), contact=contact, **{**base, **fields})
    await services.store.of(tenant.id, "live").insert("messages", doc)
    return str(doc["_id"])


# --- messages --------------------------------------------------------------------------------------------------------


async def test_a_message_is_listed_and_shown_with_its_number(tenant: Tenant) -> None:
    contacts = await received(tenant, {ANN: ["x" * 150]})
    [row] = await rows(tenant())
    assert (row["content_preview"], row["contact"], row["is_read"]) == ("x" * 100, contacts[ANN], False)
    assert isinstance(row["message_id"], int)
    shown = (await tenant().get(f"{BASE}/messages/{row['id']}/")).ok()
    assert shown == {key: value for key, value in row.items() if key != "content_preview"}
    [told] = [event for event in await tenant().events() if event["type"] == "message.received"]
    assert (told["seq"], told["data"]) == (row["message_id"], shown)


async def test_no_answer_lacks_a_number_while_messages_arrive(tenant: Tenant) -> None:
    contact = (await tenant().post("/contacts/", {"phone": ANN})).ok(201)["id"]
    seen: list[Any] = []
    writing = True

    async def look() -> None:
        while writing:
            seen.extend(row["message_id"] for row in await rows(tenant()))

    reader = asyncio.create_task(look())
    made = await asyncio.gather(
        *(tenant().post(f"{BASE}/conversations/{contact}/notes/", {"text": f"n{n}"}) for n in range(30))
    )
    writing = False
    await reader
    numbers = {answer.ok(201)["message_id"] for answer in made}
    assert len(numbers) == 30
    assert set(seen) <= numbers


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"platform": "WHATSAPP"}, {"alpha", "beta 100%", "gamma"}),
        ({"platform__in": "SMS,RCS"}, {"gone", "picture"}),
        ({"direction": "INCOMING"}, {"alpha", "beta 100%", "gamma"}),
        ({"author": "USER"}, {"gone", "picture"}),
        ({"contact": ANN}, {"alpha", "beta 100%", "gone", "picture"}),
        ({"contact__in": f"{ANN},{BOB}"}, {"alpha", "beta 100%", "gamma", "gone", "picture"}),
        ({"is_read": "false"}, {"alpha", "beta 100%", "gamma"}),
        ({"timestamp__gte": "2020-01-01"}, {"alpha", "beta 100%", "gamma", "gone", "picture"}),
        ({"timestamp__lte": "2020-01-01"}, set()),
        ({"status": "failed"}, {"gone"}),
        ({"status__in": "failed,sent"}, {"gone", "picture"}),
        ({"has_media": "true"}, {"picture"}),
        ({"has_media": "false", "direction": "OUTGOING"}, {"gone"}),
        ({"search": "ALPH"}, {"alpha"}),
        ({"search": "100%"}, {"beta 100%"}),
        ({"search": "pict"}, {"picture"}),
        ({"search": ".*"}, set()),
        ({"assigned_to_user": "PERSON"}, {"gamma"}),
    ],
)
async def test_each_filter_finds_what_it_says(
    tenant: Tenant, gateway: Running, query: dict[str, str], expected: set[str]
) -> None:
    contacts = await received(tenant, {ANN: ["alpha", "beta 100%"], BOB: ["gamma"]})
    picture = {"type": "image", "image": {"url": "https://files.example/a.jpg", "caption": "picture"}}
    await stored(gateway, tenant, contacts[ANN], content=picture, type="IMAGE", platform="RCS")
    await stored(gateway, tenant, contacts[ANN], content={"type": "text", "body": {"text": "gone"}}, status="EXPIRED")
    known = dict(contacts)
    if "assigned_to_user" in query:
        person = await add_person(gateway, tenant, "agent")
        known["PERSON"] = person.id
        body = {"assigned_to_type": "USER", "assigned_to_id": person.id}
        (await tenant().post(f"/contacts/{contacts[BOB]}/assign/", body)).ok()
    asked = {name: ",".join(known.get(part, part) for part in value.split(",")) for name, value in query.items()}
    assert {row["content_preview"] for row in await rows(tenant(), **asked)} == expected


async def test_a_message_is_found_by_its_number(tenant: Tenant) -> None:
    await received(tenant, {ANN: ["alpha", "beta"]})
    [alpha] = [row for row in await rows(tenant()) if row["content_preview"] == "alpha"]
    assert [row["id"] for row in await rows(tenant(), search=str(alpha["message_id"]))] == [alpha["id"]]
    notes = f"{BASE}/conversations/{alpha['contact']}/notes/"
    for _ in range(20):  # at once, however long its number takes to come to its row
        note = (await tenant().post(notes, {"text": "Call her."})).ok(201)
        assert [row["id"] for row in await rows(tenant(), search=str(note["message_id"]))] == [note["id"]]
        note = (await tenant().post(notes, {"text": "Call her."})).ok(201)
        gone = {"message_ids": [note["message_id"]]}
        assert (await tenant().post(f"{BASE}/messages/bulk-delete/", gone)).ok()["deleted_count"] == 1


@pytest.mark.parametrize(
    ("parameter", "value"),
    [
        ("platform", "PIGEON"),
        ("direction", "SIDEWAYS"),
        ("author", "GHOST"),
        ("is_read", "perhaps"),
        ("timestamp__gte", "soon"),
        ("status", "lost"),
        ("status__in", "sent,lost"),
        ("has_media", "some"),
        ("ordering", "content"),
    ],
)
async def test_a_malformed_filter_is_named(tenant: Tenant, parameter: str, value: str) -> None:
    detail = (await tenant().get(f"{BASE}/messages/", params={parameter: value})).refused(400, "validation_error")
    assert list(detail) == [parameter]


async def test_recent_platforms_and_one_channel(tenant: Tenant, gateway: Running) -> None:
    contacts = await received(tenant, {ANN: ["one", "two", "three"], BOB: ["other"]})
    await stored(gateway, tenant, contacts[ANN])
    recent = (await tenant().get(f"{BASE}/messages/recent/?limit=2&offset=1")).ok()
    assert (len(recent["results"]), recent["count"], recent["has_next"]) == (2, 5, True)
    assert recent["results"] == (await rows(tenant()))[1:3]
    counts = (await tenant().get(f"{BASE}/messages/platforms/")).ok()
    assert counts == [{"platform": "WHATSAPP", "count": 4}, {"platform": "SMS", "count": 1}]
    path = f"{BASE}/messages/conversation/"
    page = (await tenant().get(path, params={"platform": "WHATSAPP", "contact_id": contacts[ANN]})).ok()
    assert [row["content_preview"] for row in page["results"]] == ["one", "two", "three"]
    assert list((await tenant().get(path)).refused(400, "validation_error")) == ["platform", "contact_id"]
    for query in ("limit=101", "limit=0", "offset=-1", "limit=x"):
        detail = (await tenant().get(f"{BASE}/messages/recent/?{query}")).refused(400, "validation_error")
        assert list(detail) == [query.split("=")[0]]


# --- conversations and timelines -------------------------------------------------------------------------------------


async def test_the_chat_list_is_newest_first_and_filtered(tenant: Tenant, gateway: Running) -> None:
    person = await add_person(gateway, tenant, "manager")
    (await tenant().post("/contacts/", {"phone": "+12025550109", "first_name": "Silent"})).ok(201)
    contacts = await received(tenant, {ANN: ["hello", "x" * 80], BOB: ["hi"]})
    await tenant().post(f"/contacts/{contacts[BOB]}/close/")
    body = {"assigned_to_type": "USER", "assigned_to_id": person.id}
    await tenant().post(f"/contacts/{contacts[ANN]}/assign/", body)
    (await tenant().post(f"{BASE}/messages/mark_multiple_as_read/", {"contact_id": contacts[BOB]})).ok()

    async def found(client: Client, query: str) -> list[str]:
        page = (await client.get(f"{BASE}/conversations/?{query}")).ok()
        assert page["count"] >= len(page["results"])
        return [chat["contact"]["phone"] for chat in page["results"]]

    client = tenant()
    assert await found(client, "") == [BOB, ANN]
    assert await found(client, "status=CLOSED") == [BOB]
    assert await found(client, "unread=true") == [ANN]
    assert await found(client, "unread=false") == [BOB]
    assert await found(client, "platform=WHATSAPP") == [BOB, ANN]
    assert await found(client, "platform=SMS") == []
    assert await found(client, f"assigned_to={person.id}") == [ANN]
    assert await found(person.client, "assigned_to=me") == [ANN]
    assert await found(client, "assigned_to=unassigned") == [BOB]
    assert await found(client, "search=550102") == [BOB]
    assert await found(client, "limit=1&offset=1") == [ANN]
    (await client.get(f"{BASE}/conversations/?unread=maybe")).refused(400, "validation_error")
    chat = await chat_of(client, contacts[ANN])
    assert (chat["unread_count"], chat["platform"], chat["assignment"]["assigned_to_name"]) == (
        2,
        "WHATSAPP",
        "Pat Test",
    )
    assert (chat["last_message"]["preview"], chat["last_message"]["is_read"]) == ("x" * 50, False)


async def test_a_timeline_merges_messages_notes_and_events(tenant: Tenant) -> None:
    contacts = await received(tenant, {ANN: ["hello"], BOB: ["not here"]})
    path = f"/contacts/{contacts[ANN]}/"
    (await tenant().post(path + "close/")).ok()
    note = (await tenant().post(f"{BASE}/conversations/{contacts[ANN]}/notes/", {"text": "careful"})).ok(201)
    (await tenant().post(path + "reopen/")).ok()
    where = f"{BASE}/conversations/{contacts[ANN]}/timeline/"
    page = (await tenant().get(where)).ok()
    kinds = [item["data"]["event_type"] if item["type"] == "event" else item["type"] for item in page["results"]]
    assert kinds == ["date_separator", "TICKET_REOPENED", "message", "TICKET_CLOSED", "message"]
    assert page["results"][0]["label"] == "Today"
    assert page["results"][2]["data"] == note
    items = page["results"][1:]
    numbers = [item["numbering"] for item in items]
    assert numbers == sorted(numbers, reverse=True)
    assert (page["has_next"], page["next_before"]) == (False, None)
    first = (await tenant().get(where, params={"limit": 2})).ok()
    rest = (await tenant().get(where, params={"limit": 2, "before": first["next_before"]})).ok()
    assert first["results"][1:] + rest["results"][1:] == items
    assert (await tenant().get(where, params={"limit": 2, "offset": 2})).ok()["results"] == rest["results"]
    (await tenant().get(where, params={"before": "x"})).refused(400, "validation_error")


async def test_a_timeline_shows_at_once_what_was_just_done(tenant: Tenant) -> None:
    contact = (await tenant().post("/contacts/", {"phone": ANN})).ok(201)["id"]
    for turn in range(10):
        (await tenant().post(f"/contacts/{contact}/{'reopen' if turn % 2 else 'close'}/")).ok()
        page = (await tenant().get(f"{BASE}/conversations/{contact}/timeline/")).ok()
        assert len([item for item in page["results"] if item["type"] == "event"]) == turn + 1


async def test_a_timeline_shows_an_event_whose_row_is_not_written_yet(tenant: Tenant, gateway: Running) -> None:
    """The state a process leaves that dies between the log and the timeline."""
    contact = (await tenant().post("/contacts/", {"phone": ANN})).ok(201)["id"]
    services, scope = gateway.services, f"{tenant.id}:live"
    event = Event(
        services.ids.new("evt"),
        "conversation.closed",
        services.clock(),
        {"type": "system", "id": "test"},
        conversation_id(contact),
        {},
        contact=contact,
        timeline=status_entry("TICKET_CLOSED", "OPEN", "CLOSED", by="Ann", reason="done"),
    )
    [number] = await services.store.log.append(scope, [{k: v for k, v in event.row().items() if k != "timeline"}])
    far = services.clock() + timedelta(minutes=5)  # out of the sweep's reach for the test
    waiting = {"$push": {"pending": {**event.row(), "log": scope}}, "$set": {"updated_at": far}}
    await services.store.raw("contacts").update_one({"_id": contact}, waiting)
    page = (await tenant().get(f"{BASE}/conversations/{contact}/timeline/")).ok()
    [item] = [item for item in page["results"] if item["type"] == "event"]
    assert (item["numbering"], item["data"]["event_type"], item["data"]["note"]) == (number, "TICKET_CLOSED", "done")


async def test_a_note_is_the_teams_alone(tenant: Tenant, gateway: Running) -> None:
    person = await add_person(gateway, tenant, "manager")
    contacts = await received(tenant, {ANN: ["hello"]})
    where = f"{BASE}/conversations/{contacts[ANN]}/notes/"
    before = await chat_of(tenant(), contacts[ANN])
    note = (await person.client.post(where, {"text": "call back", "mentions": [person.id]})).ok(201)
    assert (note["internal_note"], note["outgoing_status"], note["tenant_user"]) == (True, None, person.id)
    assert note["content"] == {"type": "note", "body": {"text": "call back"}, "mentions": [person.id]}
    assert await chat_of(tenant(), contacts[ANN]) == before
    [told] = [event for event in await tenant().events() if event["type"] == "message.noted"]
    assert told["data"] == (await tenant().get(f"{BASE}/messages/{note['id']}/")).ok() == note
    assert list((await tenant().post(where, {"text": "x" * 4001})).refused(400, "validation_error")) == ["text"]
    bad = await tenant().post(where, {"text": "x", "mentions": ["usr_nobody"]})
    assert list(bad.refused(400, "validation_error")) == ["mentions"]
    (await tenant("viewer").post(where, {"text": "x"})).refused(403, "permission_denied")


# --- read marks ------------------------------------------------------------------------------------------------------


async def test_reading_twice_is_reading_once_and_the_first_reader_stays(tenant: Tenant, gateway: Running) -> None:
    ann, bob = await add_person(gateway, tenant, "manager", "Ann"), await add_person(gateway, tenant, "viewer", "Bob")
    contacts = await received(tenant, {ANN: ["one", "two"]})
    newest, oldest = await rows(tenant())
    path = f"{BASE}/messages/{newest['id']}/mark_as_read/"
    first = (await ann.client.post(path)).ok()
    assert (first["status"], first["id"]) == ("success", newest["id"])
    assert (await bob.client.post(path)).ok() == first
    shown = (await tenant().get(f"{BASE}/messages/{newest['id']}/")).ok()
    assert (shown["is_read"], shown["read_by_id"], shown["read_by_name"]) == (True, ann.id, "Ann Test")
    chat = await chat_of(tenant(), contacts[ANN])
    assert (chat["unread_count"], chat["last_message"]["is_read"]) == (1, True)
    told = [event for event in await tenant().events() if event["type"] == "conversation.read"]
    assert [event["data"]["message_ids"] for event in told] == [[newest["id"]]]
    assert (told[0]["data"]["read_at"], told[0]["data"]["read_by_id"]) == (first["read_at"], ann.id)
    assert {key: told[0]["data"][key] for key in chat} == chat
    everything = {"message_ids": [newest["id"], str(oldest["message_id"])]}
    many = (await bob.client.post(f"{BASE}/messages/mark_multiple_as_read/", everything)).ok()
    assert many == {"status": "success", "marked_ids": [oldest["id"]]}
    assert (await chat_of(tenant(), contacts[ANN]))["unread_count"] == 0


async def test_readers_at_once_agree_on_one_first(tenant: Tenant, gateway: Running) -> None:
    people = await asyncio.gather(*(add_person(gateway, tenant, "manager", f"P{n}") for n in range(4)))
    contacts = await received(tenant, {ANN: [f"m{n}" for n in range(6)]})
    answers = await asyncio.gather(
        *(p.client.post(f"{BASE}/messages/mark_multiple_as_read/", {"contact_id": contacts[ANN]}) for p in people)
    )
    marked = [id for answer in answers for id in answer.ok()["marked_ids"]]
    assert sorted(marked) == sorted(row["id"] for row in await rows(tenant()))
    assert (await chat_of(tenant(), contacts[ANN]))["unread_count"] == 0
    folded: dict[str, str] = {}
    for event in await tenant().events():
        if event["type"] == "conversation.read":
            folded |= dict.fromkeys(event["data"]["message_ids"], event["data"]["read_by_id"])
    assert folded == {row["id"]: row["read_by_id"] for row in await rows(tenant())}


async def test_reading_while_messages_arrive_leaves_the_right_figure(tenant: Tenant) -> None:
    contact = (await received(tenant, {ANN: ["first"]}))[ANN]
    await asyncio.gather(
        *(tenant.receives(ANN, f"m{n}") for n in range(20)),
        *(tenant().post(f"{BASE}/messages/mark_multiple_as_read/", {"contact_id": contact}) for _ in range(10)),
    )

    async def all_here() -> bool:
        return len(await rows(tenant())) == 21

    await until(all_here)

    async def agrees() -> bool:
        unread = await rows(tenant(), is_read="false")
        return bool((await chat_of(tenant(), contact))["unread_count"] == len(unread))

    await until(agrees)
    (await tenant().post(f"{BASE}/messages/mark_multiple_as_read/", {"contact_id": contact})).ok()
    assert (await chat_of(tenant(), contact))["unread_count"] == 0


class _Overtaken(TenantStore):
    """The real store, in which something happens right after the unread messages were counted."""

    meanwhile: Callable[[], Awaitable[None]] | None = None

    async def select(self, collection: str, query: Any, **rest: Any) -> list[Any]:
        found = await super().select(collection, query, **rest)
        if collection == "messages" and self.meanwhile is not None:
            happens, self.meanwhile = self.meanwhile, None
            await happens()
        return found


async def test_a_message_counted_during_a_recount_is_not_lost(tenant: Tenant, gateway: Running) -> None:
    contact = (await received(tenant, {ANN: ["first"]}))[ANN]
    services = gateway.services
    store = _Overtaken(services.store, tenant.id, "live")

    class Overtaken(Context):
        data = store

    class Elsewhere(Context):  # changes of one process wait for each other
        data = Store(services.store.database, services.clock).of(tenant.id, "live")

    async def another() -> None:
        id = await stored(gateway, tenant, contact, direction="INCOMING", author="CONTACT", is_read=False)
        ctx = Elsewhere(services, system_principal(tenant.id, "live"), Caller(""))
        await count_message(ctx, await ctx.data.get("messages", id))

    store.meanwhile = another
    await recount(Overtaken(services, system_principal(tenant.id, "live"), Caller("")), contact, ["msg_none"])
    assert store.meanwhile is None
    assert (await chat_of(tenant(), contact))["unread_count"] == 2


async def test_a_mark_cut_off_half_way_is_finished_by_the_next(tenant: Tenant, gateway: Running) -> None:
    contact = (await received(tenant, {ANN: ["one", "two"]}))[ANN]
    store, now = gateway.services.store.of(tenant.id, "live"), gateway.services.clock()
    ids = [row["id"] for row in await rows(tenant())]
    for id in ids:  # what a process has done that dies before it comes to the conversation
        await store.change("messages", id, lambda doc: Change(set=read_fields(doc, by="usr_x", name="X", at=now) or {}))
    assert (await chat_of(tenant(), contact))["unread_count"] == 2
    (await tenant().post(f"{BASE}/messages/mark_multiple_as_read/", {"contact_id": contact})).ok()
    assert (await chat_of(tenant(), contact))["unread_count"] == 0
    [told] = [event for event in await tenant().events() if event["type"] == "conversation.read"]
    assert (sorted(told["data"]["message_ids"]), told["data"]["read_by_id"]) == (sorted(ids), "usr_x")


async def test_what_cannot_be_marked(
    tenant: Tenant, new_tenant: Callable[[], Awaitable[Tenant]], gateway: Running
) -> None:
    contact = (await received(tenant, {ANN: ["one"]}))[ANN]
    [incoming] = await rows(tenant())
    outgoing = await stored(gateway, tenant, contact)
    (await tenant().post(f"{BASE}/messages/{outgoing}/mark_as_read/")).refused(400, "invalid_state")
    many = f"{BASE}/messages/mark_multiple_as_read/"
    assert list((await tenant().post(many)).refused(400, "validation_error")) == ["message_ids"]
    assert (await tenant().post(many, {"message_ids": [outgoing]})).ok()["marked_ids"] == []
    stranger = (await new_tenant())()
    for body, field in (({"message_ids": [incoming["id"]]}, "message_ids"), ({"contact_id": contact}, "contact_id")):
        assert list((await stranger.post(many, body)).refused(400, "validation_error")) == [field]
    (await stranger.post(f"{BASE}/messages/{incoming['id']}/mark_as_read/")).refused(404, "not_found")
    (await stranger.get(f"{BASE}/messages/{incoming['id']}/")).refused(404, "not_found")
    (await stranger.get(f"{BASE}/conversations/{contact}/timeline/")).refused(404, "not_found")
    assert (await rows(tenant(), is_read="false"))[0]["id"] == incoming["id"]


# --- removal ---------------------------------------------------------------------------------------------------------


async def test_removed_messages_vanish_and_the_chat_list_follows(tenant: Tenant) -> None:
    contact = (await received(tenant, {ANN: ["one", "two", "three"]}))[ANN]
    three, two, one = await rows(tenant())
    path = f"{BASE}/messages/bulk-delete/"
    answer = await tenant().post(path, {"message_ids": [three["id"], str(two["message_id"])]})
    assert answer.ok() == {"status": "success", "deleted_count": 2}
    assert answer.headers["X-Cursor"]
    assert [row["id"] for row in await rows(tenant())] == [one["id"]]
    (await tenant().get(f"{BASE}/messages/{two['id']}/")).refused(404, "not_found")
    chat = await chat_of(tenant(), contact)
    assert (chat["unread_count"], chat["last_message"]["preview"]) == (1, "one")
    timeline = (await tenant().get(f"{BASE}/conversations/{contact}/timeline/")).ok()["results"]
    assert [item["data"]["id"] for item in timeline if item["type"] == "message"] == [one["id"]]
    told = [event for event in await tenant().events() if event["type"] == "message.deleted"]
    assert {event["subject"]["id"] for event in told} == {two["id"], three["id"]}
    again = await tenant().post(path, {"message_ids": [three["id"]]})
    assert again.ok()["deleted_count"] == 0
    (await tenant().post(path, {"message_ids": [one["id"]]})).ok()
    assert (await tenant().get(f"{BASE}/conversations/")).ok()["count"] == 0


async def test_what_cannot_be_removed(
    tenant: Tenant, new_tenant: Callable[[], Awaitable[Tenant]], gateway: Running
) -> None:
    contact = (await received(tenant, {ANN: ["one"]}))[ANN]
    [row] = await rows(tenant())
    leaving = await stored(gateway, tenant, contact, status="PENDING")
    path = f"{BASE}/messages/bulk-delete/"
    stranger = (await new_tenant())()
    for client, ids in ((tenant(), [row["id"], leaving]), (tenant(), ["msg_never"]), (stranger, [row["id"]])):
        assert list((await client.post(path, {"message_ids": ids})).refused(400, "validation_error")) == ["message_ids"]
    for body in ({}, {"message_ids": []}, {"message_ids": [{}]}):
        (await tenant().post(path, body)).refused(400, "validation_error")
    for role in ("agent", "viewer"):
        (await tenant(role).post(path, {"message_ids": [row["id"]]})).refused(403, "permission_denied")
    assert {held["id"] for held in await rows(tenant())} == {row["id"], leaving}
