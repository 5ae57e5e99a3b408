"""Messages to be sent later."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from jinaconnect.actions.scheduling.messages import COLLECTION, send_scheduled
from jinaconnect.core.errors import Invalid
from jinaconnect.core.messaging.scheduled import time_of
from jinaconnect.store.due import LEASE, Claim, Lease, due_at
from jinaconnect.store.tenant import Change
from tests.client import Client, until
from tests.conftest import Running
from tests.handlers.people import add_person
from tests.tenants import Tenant

PATH = "/team-inbox/api/scheduled-messages/"
ANN = "+12025550111"
NOW = datetime(2026, 11, 26, tzinfo=UTC)


def soon(seconds: float) -> str:
    return (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat()


def text(words: str) -> dict[str, Any]:
    return {"type": "text", "body": {"text": words}}


async def wrote(client: Client, channel: str = "whatsapp", sender: Any = ANN) -> str:
    (await client.post("/sandbox/inbound/", {"channel": channel, "from": sender, "name": "Ann", "text": "hi"})).ok(201)

    async def there() -> Any:
        found = (await client.get("/team-inbox/api/conversations/")).ok()["results"]
        return [chat["contact"]["id"] for chat in found if chat["platform"] == channel.upper()]

    return str((await until(there))[0])


async def ended(client: Client, id: str, status: str) -> dict[str, Any]:
    async def is_so() -> Any:
        shown = (await client.get(f"{PATH}{id}/")).ok()
        return shown if shown["status"] == status else None

    found: dict[str, Any] = await until(is_so)
    return found


async def told(client: Client) -> list[str]:
    return [e["type"].partition(".")[2] for e in await client.events() if e["type"].startswith("scheduled_message.")]


@pytest.mark.parametrize(
    ("channel", "sender"), [("whatsapp", ANN), ("sms", ANN), ("telegram", 12025550111), ("rcs", ANN)]
)
async def test_a_message_is_sent_when_its_time_comes(tenant: Tenant, channel: str, sender: Any) -> None:
    owner = tenant("owner", "test")
    contact = await wrote(owner, channel, sender)
    body = {"contact": contact, "platform": channel.upper(), "content": text("Later."), "scheduled_time": soon(1.5)}
    made = (await owner.post(PATH, body)).ok(201)
    assert (made["status"], made["message_id"]) == ("SCHEDULED", None)
    assert (await owner.get(PATH, params={"status": "SCHEDULED"})).ok()["results"] == [made]
    sent = await ended(owner, made["id"], "SENT")
    message = (await owner.get(f"/team-inbox/api/messages/{sent['message_id']}/")).ok()
    assert (message["content"], message["platform"]) == (text("Later."), channel.upper())
    assert message["created_at"] >= made["scheduled_time"]
    assert await told(owner) == ["created", "sent"]

    async def delivered() -> bool:
        shown = (await owner.get(f"/team-inbox/api/messages/{sent['message_id']}/")).ok()
        return shown["outgoing_status"] in ("sent", "delivered", "read")

    await until(delivered)
    (await owner.patch(f"{PATH}{made['id']}/", {"scheduled_time": soon(60)})).refused(400, "invalid_state")


async def test_it_is_changed_and_cancelled_until_then(tenant: Tenant) -> None:
    owner = tenant("owner", "test")
    contact = await wrote(owner)
    body = {"contact": contact, "platform": "WHATSAPP", "content": text("One."), "scheduled_time": soon(3600)}
    made = (await owner.post(PATH, body)).ok(201)
    changed = (await owner.patch(f"{PATH}{made['id']}/", {"content": text("Two."), "scheduled_time": soon(1)})).ok()
    assert (changed["content"], changed["contact"]) == (text("Two."), contact)
    sent = await ended(owner, made["id"], "SENT")
    shown = (await owner.get(f"/team-inbox/api/messages/{sent['message_id']}/")).ok()
    assert shown["content"] == text("Two.")
    other = (await owner.post(PATH, body)).ok(201)["id"]
    cancelled = (await owner.post(f"{PATH}{other}/cancel/")).ok()
    assert cancelled["status"] == "CANCELLED"
    assert (await owner.post(f"{PATH}{other}/cancel/")).ok() == cancelled
    (await owner.patch(f"{PATH}{other}/", {"scheduled_time": soon(60)})).refused(400, "invalid_state")
    assert await told(owner) == ["created", "updated", "sent", "created", "cancelled"]


async def test_all_rules_are_looked_at_when_its_time_comes_and_its_author_hears(
    tenant: Tenant, gateway: Running
) -> None:
    kim = (await add_person(gateway, tenant, "manager", "Kim")).client
    await tenant.receives(ANN, "hi")
    contact = await until_contact(kim)
    body = {"contact": contact, "platform": "WHATSAPP", "content": text("Later."), "scheduled_time": soon(1.5)}
    made = (await kim.post(PATH, body)).ok(201)
    long_ago = {"chat.inbound": {"WHATSAPP": datetime.now(UTC) - timedelta(days=2)}}
    await gateway.services.store.of(tenant.id, "live").change("contacts", contact, lambda doc: Change(set=long_ago))
    failed = await ended(kim, made["id"], "FAILED")
    assert failed["error"]["code"] == "session_window_closed"

    async def notified() -> Any:
        return (await kim.get("/notifications/", params={"type": "scheduled_message_failed"})).ok()["results"]

    [notice] = await until(notified)
    assert notice["metadata"] == {"contact_id": contact, "scheduled_message_id": made["id"]}
    assert (await kim.patch(f"{PATH}{made['id']}/", {"content": text("x")})).status == 400
    await tenant.receives(ANN, "here again")
    again = (await kim.patch(f"{PATH}{made['id']}/", {"scheduled_time": soon(1)})).ok()
    assert (again["status"], again["error"]) == ("SCHEDULED", None)
    await ended(kim, made["id"], "SENT")


async def until_contact(client: Client) -> str:
    async def there() -> Any:
        found = (await client.get("/team-inbox/api/conversations/")).ok()["results"]
        return found and found[0]["contact"]["id"]

    return str(await until(there))


async def _scheduled(gateway: Running, tenant: Tenant, hours_late: float) -> tuple[str, Any]:
    """Return a scheduled message as a restarted gateway finds it, and the store."""
    await tenant.receives(ANN, "hi")
    contact = await until_contact(tenant())
    body = {"contact": contact, "platform": "WHATSAPP", "content": text("Once."), "scheduled_time": soon(3600)}
    id = (await tenant().post(PATH, body)).ok(201)["id"]
    store, past = gateway.services.store.of(tenant.id, "live"), datetime.now(UTC) - timedelta(hours=hours_late)
    far = due_at(datetime.now(UTC) + timedelta(days=1))
    await store.change(COLLECTION, id, lambda doc: Change(set={"scheduled_time": past, "due": far}))
    return id, store


async def test_what_is_found_too_late_is_missed_and_sent_by_a_new_time_alone(tenant: Tenant, gateway: Running) -> None:
    id, store = await _scheduled(gateway, tenant, 2.1)
    lease = Lease(gateway.services.clock() + LEASE)
    await send_scheduled(gateway.services, gateway.ports, Claim(await store.get(COLLECTION, id), 1, False, lease))
    assert (await tenant().get(f"{PATH}{id}/")).ok()["status"] == "MISSED"
    (await tenant().patch(f"{PATH}{id}/", {"scheduled_time": soon(0.5)})).ok()
    await ended(tenant(), id, "SENT")


async def test_one_that_was_cut_off_anywhere_is_sent_once(tenant: Tenant, gateway: Running) -> None:
    id, store = await _scheduled(gateway, tenant, 0.1)
    before, lease = await store.get(COLLECTION, id), Lease(gateway.services.clock() + LEASE)
    await asyncio.gather(
        *(send_scheduled(gateway.services, gateway.ports, Claim(before, 1, bool(n), lease)) for n in range(4))
    )
    # Whoever is killed before the end is written leaves it as it was taken; it is taken up again, much later.
    held = await store.get(COLLECTION, id)
    for late in (timedelta(minutes=5), timedelta(hours=9)):
        past = datetime.now(UTC) - late
        await store.change(
            COLLECTION, id, lambda doc, at=past: Change(set={"status": "SCHEDULED", "scheduled_time": at})
        )
        await send_scheduled(gateway.services, gateway.ports, Claim(await store.get(COLLECTION, id), 2, True, lease))
    assert (await tenant().get(f"{PATH}{id}/")).ok()["message_id"] == held["message"]
    outgoing = (await tenant().get("/team-inbox/api/messages/", params={"direction": "OUTGOING"})).ok()["results"]
    assert [row["id"] for row in outgoing] == [held["message"]]


async def test_a_removed_contact_is_sent_nothing(tenant: Tenant, gateway: Running) -> None:
    id, store = await _scheduled(gateway, tenant, -1)
    contact = (await store.get(COLLECTION, id))["contact"]
    (await tenant().delete(f"/contacts/{contact}/", params={"erase": "true"})).ok(204)
    held = await store.get(COLLECTION, id)
    assert (held["status"], held["content"], held["due"]) == ("CANCELLED", None, None)
    assert (await told(tenant()))[-1] == "cancelled"


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"scheduled_time": "2020-01-01T00:00:00Z"}, "scheduled_time"),
        ({"scheduled_time": "2999-01-01T00:00:00Z"}, "scheduled_time"),
        ({"contact": "cnt_x"}, "contact"),
        ({"content": None}, "content"),
        ({"template": {"name": "x"}}, "content"),
        ({"content": {"type": "text"}}, "content.body"),
        ({"channel_app_id": "app_x"}, "channel_app_id"),
        ({"platform": "PIGEON"}, "platform"),
    ],
)
async def test_what_cannot_be_sent_is_refused_at_once(tenant: Tenant, change: dict[str, Any], field: str) -> None:
    owner = tenant("owner", "test")
    contact = await wrote(owner)
    body = {"contact": contact, "platform": "WHATSAPP", "content": text("x"), "scheduled_time": soon(60), **change}
    assert list((await owner.post(PATH, body)).refused(400, "validation_error")) == [field]
    assert (await owner.get(PATH)).ok()["count"] == 0


async def test_an_agent_sees_what_goes_to_their_contacts(tenant: Tenant, gateway: Running) -> None:
    id, _ = await _scheduled(gateway, tenant, -1)
    kim = (await add_person(gateway, tenant, "agent", "Kim")).client
    assert (await kim.get(PATH)).ok()["results"] == []
    (await kim.get(f"{PATH}{id}/")).refused(404, "not_found")
    (await kim.post(f"{PATH}{id}/cancel/")).refused(404, "not_found")


def test_a_time_without_an_offset_is_the_organisations() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    assert time_of(datetime(2027, 1, 11, 9), berlin, NOW) == datetime(2027, 1, 11, 8, tzinfo=UTC)
    assert time_of(datetime(2027, 7, 11, 9), berlin, NOW) == datetime(2027, 7, 11, 7, tzinfo=UTC)
    assert time_of(datetime(2027, 7, 11, 9, tzinfo=UTC), berlin, NOW) == datetime(2027, 7, 11, 9, tzinfo=UTC)
    with pytest.raises(Invalid, match="clocks"):
        time_of(datetime(2027, 3, 28, 2, 30), berlin, NOW)


async def test_who_is_mentioned_in_a_note_is_notified_and_nobody_else(tenant: Tenant, gateway: Running) -> None:
    kim, sam = [await add_person(gateway, tenant, "manager", name) for name in ("Kim", "Sam")]
    await tenant.receives(ANN, "hi")
    contact = await until_contact(tenant())
    note = {"text": "Kim, please.", "mentions": [kim.id]}
    made = (await sam.client.post(f"/team-inbox/api/conversations/{contact}/notes/", note)).ok(201)

    async def notified() -> Any:
        return (await kim.client.get("/notifications/", params={"type": "mentioned"})).ok()["results"]

    [notice] = await until(notified)
    assert notice["metadata"] == {"contact_id": contact, "message_id": made["id"]}
    assert (await sam.client.get("/notifications/", params={"type": "mentioned"})).ok()["results"] == []
