"""`/team-inbox/api/stats/`: figures that follow the log, in the organisation's days, counted once by whoever counts."""

from __future__ import annotations

import asyncio
import csv
import io
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from jinaconnect.actions.inbox.stats import keep_counting
from jinaconnect.core.inbox.contact import new_contact
from jinaconnect.duties import retire_events
from jinaconnect.store.figures import folding
from jinaconnect.store.figures.folding import Folds
from tests.client import Client
from tests.conftest import Running
from tests.handlers.inbox.test_inbox import received
from tests.handlers.people import add_person
from tests.tenants import Tenant

PATH, BASE = "/team-inbox/api/stats/", "/team-inbox/api"
ANN, BOB, CID = "+12025550101", "+12025550102", "+12025550103"
NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)


async def stats(client: Client, **query: str) -> dict[str, Any]:
    found: dict[str, Any] = (await client.get(PATH, params=query)).ok()
    return found


class Told:
    """A log whose events are at times of their own."""

    def __init__(self, gateway: Running, tenant: Tenant) -> None:
        self.services, self.scope, self.tenant = gateway.services, f"{tenant.id}:live", tenant
        self.rows: list[dict[str, Any]] = []

    def event(self, type: str, contact: str, at: datetime, data: dict[str, Any], **rest: Any) -> None:
        self.rows.append({
            "_id": self.services.ids.new("evt"), "scope": self.scope, "type": type, "at": at, "recorded": at,
            "actor": {"type": "user", "id": "usr_a"}, "subject": contact, "data": data, "contact": contact,
            "call": None, "channel": None, "seen": {"c": True, "a": None, "b": None, "o": None}, "timeline": None,
            "history": None, **rest,
        })  # fmt: skip

    def opened(self, contact: str, at: datetime) -> None:
        held = {"assigned_to_user": None, "assigned_to_type": "UNASSIGNED"}
        data = {"status": "OPEN", "platform": None, "assignment": held}
        self.event("conversation.opened", contact, at, data)

    def message(self, contact: str, at: datetime, *, by: str | None = None, **rest: Any) -> None:
        way = "INCOMING" if by is None else "OUTGOING"
        data = {"platform": "SMS", "direction": way, "author": "USER" if by else "CONTACT", "tenant_user": by}
        self.event("message.received" if by is None else "message.queued", contact, at, data, **rest)

    async def write(self, after: int | None = None) -> None:
        """Append the events to the log; those before a number are forgotten."""
        head = await self.services.store.log.head(self.scope) if after is None else after
        rows = [{**row, "seq": head + place} for place, row in enumerate(self.rows, 1)]
        await self.services.store.raw("events").insert_many(rows)
        self.rows = []

    async def zone(self, name: str) -> None:
        await self.services.store.raw("tenants").update_one(
            {"_id": self.tenant.id}, {"$set": {"settings.timezone": name}}
        )


@pytest.fixture
def told(gateway: Running, tenant: Tenant) -> Told:
    return Told(gateway, tenant)


async def test_the_figures_follow_what_happens(gateway: Running, tenant: Tenant) -> None:
    owner = tenant()
    nothing = await stats(owner)
    assert {name: nothing[name] for name in ("total_chats", "open_conversations", "unread_messages")} == {
        "total_chats": 0, "open_conversations": 0, "unread_messages": 0,
    }  # fmt: skip
    assert nothing["avg_first_response_seconds"] is None
    assert nothing["comparison"] == dict.fromkeys(
        ("total_change_percent", "open_change_percent", "closed_change_percent")
    )
    people = await received(tenant, {ANN: ["hi", "there?"], BOB: ["hello"], CID: ["hey"]})
    sam = await add_person(gateway, tenant, "manager", "Sam")
    to_sam = {"assigned_to_type": "USER", "assigned_to_id": sam.id}
    (await owner.post(f"/contacts/{people[ANN]}/assign/", to_sam)).ok()
    reply = {"contact": people[ANN], "platform": "WHATSAPP", "content": {"type": "text", "body": {"text": "Yes."}}}
    (await sam.client.post(f"{BASE}/messages/", reply)).ok(201)
    (await owner.post(f"/contacts/{people[BOB]}/close/", {})).ok()
    found = await stats(owner)
    assert {name: found[name] for name in (
        "total_chats", "open_chats", "closed_chats", "pending_chats", "active_chats", "open_conversations",
        "unread_messages", "complete", "counted_since",
    )} == {
        "total_chats": 3, "open_chats": 2, "closed_chats": 1, "pending_chats": 1, "active_chats": 1,
        "open_conversations": 2, "unread_messages": 4, "complete": True, "counted_since": None,
    }  # fmt: skip
    assert found["avg_first_response_seconds"] == found["median_first_response_seconds"] >= 0
    assert found["avg_response_seconds"] == found["avg_first_response_seconds"]
    assert found["avg_resolution_time_minutes"] is not None
    assert sum(found["by_hour"]) == 4
    [(platform, channel)] = found["by_platform"].items()
    assert (platform, channel["messages_received"], channel["messages_sent"]) == ("WHATSAPP", 4, 1)
    [agent] = found["by_agent"]
    assert (agent["user"], agent["messages_sent"], agent["open_conversations"]) == (sam.id, 1, 1)
    assert agent["name"].startswith("Sam")
    assert agent["avg_first_response_seconds"] == found["avg_first_response_seconds"]
    hers = await stats(owner, assigned_to_user=sam.id)
    assert (hers["total_chats"], hers["open_chats"], hers["pending_chats"], hers["unread_messages"]) == (1, 1, 0, 2)
    assert await stats(sam.client, assigned_to_user="me") == hers
    assert (await stats(owner, platform="SMS"))["total_chats"] == 0
    (await owner.post(f"/contacts/{people[BOB]}/reopen/", {})).ok()
    (await owner.ask("DELETE", f"/contacts/{people[CID]}/")).ok(204)
    after = await stats(owner)
    assert (after["open_chats"], after["closed_chats"], after["total_chats"]) == (2, 1, 3)
    assert after["unread_messages"] == 3


async def test_an_agent_sees_their_own_figures_alone(gateway: Running, tenant: Tenant) -> None:
    people = await received(tenant, {ANN: ["hi"], BOB: ["hello"]})
    kim = await add_person(gateway, tenant, "agent", "Kim")
    (await tenant().post(f"/contacts/{people[ANN]}/assign/", {
        "assigned_to_type": "USER", "assigned_to_id": kim.id,
    })).ok()  # fmt: skip
    own = await stats(kim.client)
    assert (own["open_chats"], own["unread_messages"], own["pending_chats"]) == (1, 1, 0)
    assert [row["user"] for row in own["by_agent"]] == [kim.id]
    (await kim.client.get(PATH, params={"assigned_to_user": "usr_somebody"})).refused(403, "permission_denied")


async def test_days_are_those_of_the_organisation_and_another_zone_is_counted_anew(told: Told) -> None:
    owner = told.tenant()
    await told.zone("Asia/Kolkata")
    late = datetime(2026, 3, 10, 19, tzinfo=UTC)  # half past midnight of the 11th there
    told.opened("cnt_a", late - timedelta(days=1))
    for at, by in ((late, None), (late + timedelta(seconds=90), "usr_a"), (late + timedelta(hours=30), None)):
        told.message("cnt_a", at, by=by)
    await told.write()
    eleventh = {"start_date": "2026-03-11", "end_date": "2026-03-11"}
    found = await stats(owner, **eleventh)
    assert (found["total_chats"], found["avg_first_response_seconds"], found["by_hour"][0]) == (1, 90.0, 1)
    assert found["date_range"] == {**eleventh, "timezone": "Asia/Kolkata"}
    assert (await stats(owner, start_date="2026-03-10", end_date="2026-03-10"))["total_chats"] == 0
    twice = await stats(owner, start_date="2026-03-11", end_date="2026-03-12")
    assert (twice["total_chats"], twice["by_platform"]["SMS"]["messages_received"]) == (1, 2)
    await told.zone("America/New_York")
    assert (await stats(owner, start_date="2026-03-10", end_date="2026-03-10"))["by_hour"][15] == 1
    assert (await stats(owner, **eleventh))["total_chats"] == 1, "the second message, on the 11th's evening over there"
    raw = told.services.store.raw
    for name in ("inbox_folds", "inbox_rows", "inbox_days"):
        rows = await raw(name).find({"scope": told.scope}).to_list()
        assert {row.get("fold", row["_id"]) for row in rows} == {f"{told.scope}@America/New_York"}


async def test_the_window_before_is_compared_with(told: Told) -> None:
    for number, day in ((0, 1), (1, 1), (2, 9), (3, 9), (4, 10)):
        at = NOON - timedelta(days=9) + timedelta(days=day - 1)
        told.opened(f"cnt_{number}", at)
        told.message(f"cnt_{number}", at)
    await told.write()
    found = await stats(told.tenant(), start_date="2026-03-06", end_date="2026-03-10")
    assert found["total_chats"] == 3
    assert found["comparison"] == {
        "total_change_percent": 50.0, "open_change_percent": 150.0, "closed_change_percent": None,
    }  # fmt: skip


async def test_answers_are_what_people_send_and_broadcasts_are_none(told: Told) -> None:
    told.opened("cnt_a", NOON)
    told.message("cnt_a", NOON)
    told.message("cnt_a", NOON + timedelta(seconds=10), by="usr_a", actor={"type": "broadcast", "id": "brc_a"})
    told.message("cnt_a", NOON + timedelta(seconds=60), by="usr_b")
    told.message("cnt_a", NOON + timedelta(seconds=70), by="usr_b")
    told.message("cnt_a", NOON + timedelta(seconds=100))
    told.message("cnt_a", NOON + timedelta(seconds=120), by="usr_a")
    await told.write()
    day = {"start_date": "2026-03-10", "end_date": "2026-03-10"}
    found = await stats(told.tenant(), **day)
    assert (found["avg_first_response_seconds"], found["avg_response_seconds"]) == (60.0, 40.0)
    people = {row["user"]: row for row in found["by_agent"]}
    assert (people["usr_b"]["avg_first_response_seconds"], people["usr_a"]["avg_response_seconds"]) == (60.0, 20.0)
    assert (people["usr_a"]["messages_sent"], people["usr_a"]["avg_first_response_seconds"]) == (2, None)


async def test_many_who_count_at_once_count_everything_once(told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folding, "BATCH", 7)
    for number in range(60):
        told.opened(f"cnt_{number % 9}", NOON) if number < 9 else None
        told.message(f"cnt_{number % 9}", NOON + timedelta(hours=number))
    await told.write()
    processes = [Folds(told.services.store.database) for _ in range(4)]
    assert all(await asyncio.gather(*(each.reach(told.scope, "UTC", 60.0) for each in processes)))
    found = await stats(told.tenant(), start_date="2026-03-10", end_date="2026-03-13")
    assert found["complete"]
    assert found["by_platform"]["SMS"]["messages_received"] == sum(found["by_hour"]) == 60
    assert (found["total_chats"], found["open_conversations"]) == (9, 9)


async def test_of_a_log_that_has_forgotten_conversations_stand_as_they_are(told: Told) -> None:
    now = told.services.clock()
    stored = {"scope": told.scope, "rev": 1, "pending": [], "created_at": now, "updated_at": now}
    last = {"last": {"platform": "RCS"}, "at": now}
    docs = []
    for number in range(5):
        doc = new_contact(f"cnt_{told.tenant.id}_{number}", source="MANUAL", by=None)
        fields = {"status": "CLOSED"} if number == 4 else {"assigned_to_type": "USER", "assigned_to_user": "usr_a"}
        docs.append({**doc, **stored, **(fields if number > 2 else {}), "chat": {**doc["chat"], **last}})
    await told.services.store.raw("contacts").insert_many(docs)
    told.message(docs[0]["_id"], NOON)
    await told.services.store.raw("events").delete_many({"scope": told.scope})
    await told.write(after=40)
    found = await stats(told.tenant(), start_date="2026-03-10", end_date="2026-03-10")
    assert found["counted_since"] == "2026-03-10T12:00:00.000Z"
    assert (found["total_chats"], found["open_chats"], found["pending_chats"]) == (1, 4, 3)
    parts = {name: row["open_conversations"] for name, row in found["by_platform"].items()}
    assert parts == {"RCS": 3, "SMS": 1}


async def test_what_the_log_forgets_has_been_counted(told: Told) -> None:
    owner = told.tenant()
    await stats(owner)
    told.opened("cnt_a", NOON - timedelta(days=400))
    told.message("cnt_a", NOON - timedelta(days=400))
    told.opened("cnt_b", told.services.clock())
    await told.write()
    await retire_events(told.services)
    left = await told.services.store.raw("events").find({"scope": told.scope, "contact": "cnt_a"}).to_list()
    assert left == []
    day = str((NOON - timedelta(days=400)).date())
    found = await stats(owner, start_date=day, end_date=day)
    assert (found["total_chats"], found["counted_since"]) == (1, None)
    await keep_counting(told.services, "ten_nobody:live")


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"start_date": "2026-3-1"}, "start_date"),
        ({"end_date": "2026-02-30"}, "end_date"),
        ({"start_date": "0000-01-01"}, "start_date"),
        ({"start_date": ""}, "start_date"),
        ({"start_date": "2026-03-02", "end_date": "2026-03-01"}, "end_date"),
        ({"platform": "PIGEON"}, "platform"),
        ({"platform": ""}, "platform"),
        ({"assigned_to_user": ""}, "assigned_to_user"),
    ],
)
async def test_bad_windows_name_their_field(tenant: Tenant, query: dict[str, str], field: str) -> None:
    assert list((await tenant().get(PATH, params=query)).refused(400, "validation_error")) == [field]


async def test_the_longest_window_is_answered(tenant: Tenant) -> None:
    for days in (("0001-01-01", "9999-12-31"), ("9999-12-31", "9999-12-31"), ("0001-01-01", "0001-01-01")):
        found = await stats(tenant(), start_date=days[0], end_date=days[1])
        assert (found["total_chats"], found["comparison"]["total_change_percent"]) == (0, None)
    await stats(tenant(), end_date="0001-01-02")
    await stats(tenant(), start_date="9999-12-31")


async def test_the_conversations_behind_the_figures_are_a_file(gateway: Running, tenant: Tenant) -> None:
    owner = tenant()
    people = await received(tenant, {ANN: ["hi", "there?"], BOB: ["hello"], CID: ["hey"]})
    sam = await add_person(gateway, tenant, "manager", "Sam")
    to_sam = {"assigned_to_type": "USER", "assigned_to_id": sam.id}
    (await owner.patch(f"/contacts/{people[ANN]}/", {"first_name": "=1+1", "last_name": ""})).ok()
    (await owner.post(f"/contacts/{people[ANN]}/assign/", to_sam)).ok()
    reply = {"contact": people[ANN], "platform": "WHATSAPP", "content": {"type": "text", "body": {"text": "Yes."}}}
    (await sam.client.post(f"{BASE}/messages/", reply)).ok(201)
    (await owner.post(f"/contacts/{people[BOB]}/close/", {})).ok()
    rows = await csv_rows(owner)
    assert {row["contact_id"] for row in rows} == set(people.values())
    assert len(rows) == (await stats(owner))["total_chats"]
    ann, bob, cid = (next(row for row in rows if row["contact_id"] == people[phone]) for phone in (ANN, BOB, CID))
    assert (ann["contact_name"], ann["phone"], ann["assigned_to_user"]) == ("'=1+1", f"'{ANN}", sam.id)
    assert (ann["messages_received"], ann["messages_sent"], ann["responses"]) == ("2", "1", "1")
    assert float(ann["first_response_seconds"]) == (await stats(owner))["avg_first_response_seconds"]
    assert (bob["status"], bob["first_response_seconds"]) == ("CLOSED", "")
    assert bob["closed_at"] >= bob["opened_at"] > ""
    assert (cid["waiting_since"] > "", ann["waiting_since"], cid["closed_at"]) == (True, "", "")
    assert [row["contact_id"] for row in await csv_rows(sam.client, assigned_to_user="me")] == [people[ANN]]
    assert await csv_rows(owner, start_date="2020-01-01", end_date="2020-01-31") == []
    assert await csv_rows(owner, platform="SMS") == []


async def csv_rows(client: Client, **query: str) -> list[dict[str, str]]:
    answer = await client.get(f"{PATH}conversations/", params=query)
    assert answer.status == 200
    return list(csv.DictReader(io.StringIO(answer.body.decode() if isinstance(answer.body, bytes) else answer.body)))


async def test_every_day_of_a_conversation_is_known_and_its_story_is_that_of_its_last_opening(told: Told) -> None:
    held = {"assigned_to_user": None, "assigned_to_type": "UNASSIGNED"}
    told.opened("cnt_a", NOON)
    for day, by in ((0, None), (0, "usr_a"), (2, None)):
        told.message("cnt_a", NOON + timedelta(days=day, seconds=60 if by else 0), by=by)
    closed = {"status": "CLOSED", "platform": "SMS", "assignment": held}
    told.event("conversation.closed", "cnt_a", NOON + timedelta(days=2, hours=1), closed)
    told.event("conversation.reopened", "cnt_a", NOON + timedelta(days=4), {**closed, "status": "OPEN"})
    told.message("cnt_a", NOON + timedelta(days=4))
    told.message("cnt_a", NOON + timedelta(days=4, seconds=30), by="usr_a")
    await told.write()
    owner = told.tenant()
    for first, last, count in (("10", "10", 1), ("11", "11", 0), ("11", "12", 1), ("13", "13", 0), ("14", "31", 1)):
        days = {"start_date": f"2026-03-{first}", "end_date": f"2026-03-{last}"}
        assert len(await csv_rows(owner, **days)) == (await stats(owner, **days))["total_chats"] == count, days
    [row] = await csv_rows(owner, start_date="2026-03-10", end_date="2026-03-14")
    assert (row["opened_at"], row["first_response_seconds"]) == ("2026-03-14T12:00:00+00:00", "30")
    assert row["closed_at"] == ""
    assert (row["messages_received"], row["responses"], row["avg_response_seconds"]) == ("3", "2", "45.0")


async def test_overview_and_activity_count_what_came_and_went(tenant: Tenant) -> None:
    owner = tenant()
    people = await received(tenant, {ANN: ["hi", "there?"], BOB: ["hello"]})
    (await owner.post(f"{BASE}/conversations/{people[ANN]}/notes/", {"text": "a note is none"})).ok(201)
    reply = {"contact": people[ANN], "platform": "WHATSAPP", "content": {"type": "text", "body": {"text": "Yes."}}}
    (await owner.post(f"{BASE}/messages/", reply)).ok(201)
    shown = (await owner.get(f"{PATH}overview/")).ok()
    today = shown["recent_activity"][-1]
    assert (shown["total_messages"], shown["today_messages"], len(shown["recent_activity"])) == (4, 4, 7)
    assert (today["count"], shown["recent_activity"][0]["count"]) == (4, 0)
    assert shown["platform_stats"] == [{"platform": "WHATSAPP", "count": 4}]
    assert shown["direction_stats"] == [{"direction": "INCOMING", "count": 3}, {"direction": "OUTGOING", "count": 1}]
    found = (await owner.get(f"{PATH}platform_activity/", params={"platform": "WHATSAPP", "days": "2"})).ok()
    assert (found["platform"], [day["count"] for day in found["activity"]]) == ("WHATSAPP", [0, 4])
    assert len((await owner.get(f"{PATH}platform_activity/")).ok()["activity"]) == 30
    bad = (await owner.get(f"{PATH}platform_activity/", params={"days": "0"})).refused(400, "validation_error")
    assert list(bad) == ["days"]
    asked = {"start_date": today["date"], "end_date": today["date"]}
    board = (await owner.get(f"{PATH}dashboard/", params=asked)).ok()
    assert board == (await owner.get(PATH, params=asked)).ok()
    lacking = await owner.get(f"{PATH}dashboard/", params={"start_date": today["date"]})
    assert list(lacking.refused(400, "validation_error")) == ["end_date"]
