"""Notices: each person concerned gets one, live and in the list, with a read mark of their own."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from jinaconnect.actions.office.notifications import notify
from jinaconnect.core.events.catalogue import CATALOGUE
from jinaconnect.core.office.notices import KEPT, NOTICES, TYPES, notice_of
from jinaconnect.core.paging import parse_moment
from jinaconnect.core.permissions import MATRIX
from jinaconnect.core.schema import sample
from jinaconnect.store.outbox import notice_jobs
from tests.client import Client, until
from tests.conftest import Running
from tests.handlers.people import add_person
from tests.tenants import Tenant

PATH = "/notifications/"


async def listed(client: Client, count: int = 1, **params: Any) -> list[dict[str, Any]]:
    """Return a person's notices once there are so many."""

    async def come() -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = (await client.get(PATH, params=params)).ok()["results"]
        return rows if len(rows) >= count else []

    return await until(come)  # type: ignore[no-any-return]


async def invited(tenant: Tenant, mail: str) -> None:
    (await tenant().post("/tenants/members/invite/", {"email": mail, "role": "viewer"})).ok(201)


async def test_those_concerned_are_notified_live_and_read_for_themselves(gateway: Running, tenant: Tenant) -> None:
    owner, admin, agent = [await add_person(gateway, tenant, role) for role in ("owner", "admin", "agent")]
    async with owner.client.socket() as socket, agent.client.socket() as other:
        for each in (socket, other):
            await each.ready()
            await each.subscribe(topics=["notifications"])
        await invited(tenant, "bo@people.example")
        (told,) = await socket.until(lambda seen: len(seen) >= 1)
        assert (told["type"], told["data"]["notification_type"]) == ("notification.created", "member_invited")
        assert told["data"] == (await listed(owner.client))[0]
        (theirs,) = await listed(admin.client)
        assert theirs["id"] != told["data"]["id"]
        assert (await agent.client.get(PATH)).ok()["results"] == [], "may invite nobody"
        assert other.events == []
        assert [event for event in await tenant().events() if event["type"].startswith("notification.")] == []
        read = (await owner.client.post(f"{PATH}{told['data']['id']}/read/")).ok()
        assert read["is_read"] is True
        assert (await socket.until(lambda seen: len(seen) >= 2))[1]["type"] == "notification.read"
    (await owner.client.post(f"{PATH}{told['data']['id']}/read/")).ok()
    assert (await owner.client.get(f"{PATH}unread-count/")).ok() == {"unread_count": 0}
    assert (await admin.client.get(f"{PATH}unread-count/")).ok() == {"unread_count": 1}
    for client in (admin.client, agent.client):
        (await client.get(f"{PATH}{told['data']['id']}/")).refused(404, "not_found")
        (await client.post(f"{PATH}{told['data']['id']}/read/")).refused(404, "not_found")
    for ask in (tenant().get(PATH), tenant().post(f"{PATH}{theirs['id']}/read/")):
        (await ask).refused(403, "permission_denied")
    (await owner.client.post(PATH, {"title": "x"})).refused(405, "method_not_allowed")


async def test_notices_are_filtered_counted_and_marked_together(gateway: Running, tenant: Tenant) -> None:
    owner = (await add_person(gateway, tenant, "owner")).client
    for number in range(3):
        await invited(tenant, f"p{number}@people.example")
    rows = await listed(owner, 3)
    assert [row["id"] for row in rows] == sorted((row["id"] for row in rows), reverse=True)
    (await owner.post(f"{PATH}{rows[0]['id']}/read/")).ok()
    assert len(await listed(owner, 2, is_read="false")) == 2
    assert (await owner.get(PATH, params={"type": "low_balance"})).ok()["count"] == 0
    (await owner.get(PATH, params={"type": "odd"})).refused(400, "validation_error")
    latest = (await owner.get("/tenants/notifications/", params={"limit": "2"})).ok()
    assert ([row["id"] for row in latest["notifications"]], latest["total_count"], latest["unread_count"]) == (
        [row["id"] for row in rows[:2]], 3, 2
    )  # fmt: skip
    both = await asyncio.gather(*(owner.patch(f"{PATH}mark-all-read/", {}) for _ in range(2)))
    assert max(answer.ok()["updated"] for answer in both) == 2
    assert (await owner.patch(f"{PATH}mark-all-read/", {})).ok() == {"updated": 0}
    assert (await owner.get(f"{PATH}unread-count/")).ok() == {"unread_count": 0}


async def test_what_is_done_again_after_a_crash_notifies_nobody_twice(gateway: Running, tenant: Tenant) -> None:
    owner, services = await add_person(gateway, tenant, "owner"), gateway.services
    await invited(tenant, "bo@people.example")
    rows = await listed(owner.client)
    event = next(each for each in await tenant().events() if each["type"] == "member.invited")
    at = parse_moment(rows[0]["created_at"])
    row = {
        "_id": event["id"], "type": event["type"], "data": event["data"], "log": f"{tenant.id}:live", "at": at,
        "actor": event["actor"],
    }  # fmt: skip
    (job,) = notice_jobs([row], at)
    data = job["u"]["$setOnInsert"]["data"]
    for _ in range(2):
        await notify(services, f"{tenant.id}:live", data)
    assert len((await owner.client.get(PATH)).ok()["results"]) == 1


async def test_notices_are_kept_for_ninety_days(gateway: Running) -> None:
    info = await gateway.services.store.database["notifications"].index_information()
    assert info["kept"]["expireAfterSeconds"] == KEPT.total_seconds() == timedelta(days=90).total_seconds()


async def test_a_template_is_told_of_once_in_one_state() -> None:
    data = {"id": "tpl_1", "element_name": "offer", "status": "APPROVED", "rejection_reason": None,
            "updated_at": "2026-11-26T10:00:00.000Z"}  # fmt: skip
    first, again = [NOTICES["template.updated"]({**data, "updated_at": at}) for at in
                    ("2026-11-26T10:00:00.000Z", "2026-11-26T18:00:00.000Z")]  # fmt: skip
    assert first is not None
    assert again is not None
    assert (first.type, first.key) == ("template_approved", again.key)
    rejected = NOTICES["template.updated"]({**data, "status": "REJECTED", "rejection_reason": "too loud"})
    assert rejected is not None
    assert rejected.message == "offer: too loud"
    assert NOTICES["template.updated"]({**data, "status": "PAUSED"}) is None


@pytest.mark.parametrize("type", NOTICES)
def test_every_event_that_can_be_told_of_makes_a_notice_or_none(type: str) -> None:
    """What is made on the way to the log must never fail: the example of each type stands for its model."""
    notice = notice_of(type, sample(CATALOGUE[type].payload))
    assert notice is None or (notice.type in TYPES and notice.permission in MATRIX)
