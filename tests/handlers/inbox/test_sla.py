"""Service targets: told once, in time, over restarts."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest

from jinaconnect.actions.inbox.attention import attend
from jinaconnect.store.due import LEASE, Claim, Lease
from tests.client import Client, until
from tests.conftest import Running
from tests.handlers.inbox.test_inbox import ANN, BOB, chat_of, received
from tests.handlers.people import add_person
from tests.tenants import Tenant


async def asks(gateway: Running, tenant: Tenant, **minutes: float) -> None:
    """Have the organisation ask for targets that pass within a test."""
    await gateway.services.store.database["tenants"].update_one(
        {"_id": tenant.id}, {"$set": {"settings.sla": {**minutes, "warn_percent": 50}}}
    )


async def told(client: Client) -> list[tuple[str, str]]:
    return [
        (event["type"].removeprefix("conversation.sla_"), event["data"]["target"])
        for event in await client.events()
        if event["type"].startswith("conversation.sla_")
    ]


async def test_a_late_answer_is_warned_of_and_breached_and_one_in_time_met(tenant: Tenant, gateway: Running) -> None:
    await asks(gateway, tenant, first_response_minutes=10 / 60, next_response_minutes=60, resolution_minutes=60)
    kim, sam = [await add_person(gateway, tenant, role, role) for role in ("manager", "viewer")]
    contact = (await received(tenant, {ANN: ["one", "two"]}))[ANN]
    running = (await chat_of(tenant(), contact))["sla"]
    assert [(each["target"], each["state"]) for each in running] == [
        ("first_response", "running"), ("resolution", "running"),
    ]  # fmt: skip

    async def late() -> bool:
        return ("breached", "first_response") in await told(tenant())

    await until(late)
    assert await told(tenant()) == [("warned", "first_response"), ("breached", "first_response")]
    breached = next(e for e in await tenant().events() if e["type"] == "conversation.sla_breached")
    assert running[0]["due_at"] == breached["data"]["due_at"] <= breached["recorded_at"]

    async def notified() -> bool:
        found = (await kim.client.get("/notifications/", params={"type": "sla_breached"})).ok()["results"]
        return [each["metadata"]["contact_id"] for each in found] == [contact]

    await until(notified)
    assert (await sam.client.get("/notifications/", params={"type": "sla_breached"})).ok()["results"] == []
    reply = {"contact": contact, "platform": "WHATSAPP", "content": {"type": "text", "body": {"text": "Here."}}}
    (await tenant().post("/team-inbox/api/messages/", reply)).ok(201)
    assert [each["target"] for each in (await chat_of(tenant(), contact))["sla"]] == ["resolution"]
    await tenant.receives(ANN, "thanks")

    async def asked_again() -> bool:
        return [each["target"] for each in (await chat_of(tenant(), contact))["sla"]] == ["next_response", "resolution"]

    await until(asked_again)
    (await tenant().post("/team-inbox/api/messages/", reply)).ok(201)
    (await tenant().post(f"/contacts/{contact}/close/", {})).ok()
    assert await told(tenant()) == [
        ("warned", "first_response"), ("breached", "first_response"), ("met", "next_response"), ("met", "resolution"),
    ]  # fmt: skip
    assert (await chat_of(tenant(), contact))["sla"] == []


async def test_what_a_stop_has_passed_over_is_told_once_by_whoever_comes_first(
    tenant: Tenant, gateway: Running
) -> None:
    await asks(gateway, tenant, first_response_minutes=1, resolution_minutes=2)
    contacts = await received(tenant, {ANN: ["one"], BOB: ["one"]})
    store = gateway.services.store.of(tenant.id, "live")
    for contact in contacts.values():
        doc = await store.get("contacts", contact)
        assert doc["due"]["at"] == doc["chat"]["sla"]["response"]["warn"]
        past = {f"chat.sla.{place}.{name}": doc["created_at"] for place in ("response", "resolution") for name in
                ("warn", "due")}  # fmt: skip
        await gateway.services.store.database["contacts"].update_one({"_id": contact}, {"$set": past})
        claim = Claim(await store.get("contacts", contact), 2, True, Lease(gateway.services.clock() + LEASE))
        await asyncio.gather(*(attend(gateway.services, claim) for _ in range(4)))
        assert (await store.get("contacts", contact))["due"] is None
    assert sorted(await told(tenant())) == [("breached", "first_response")] * 2 + [("breached", "resolution")] * 2


@pytest.mark.parametrize(
    ("settings", "field"),
    [
        ({"timezone": "Mars/Base"}, "settings.timezone"),
        ({"timezone": "../etc/passwd"}, "settings.timezone"),
        ({"sla": {"first_response_minutes": 0}}, "settings.sla.first_response_minutes"),
        ({"sla": {"warn_percent": 100}}, "settings.sla.warn_percent"),
        ({"sla": {"hours": {"mon": ["17:00", "09:00"]}}}, "settings.sla.hours.mon"),
        ({"sla": {"hours": {"monday": ["09:00", "17:00"]}}}, "settings.sla.hours.monday"),
    ],
)
async def test_targets_that_cannot_be_are_refused_by_name(
    tenant: Tenant, settings: Mapping[str, Any], field: str
) -> None:
    refused = await tenant().patch(f"/tenants/{tenant.id}/", {"settings": settings})
    assert [name.removesuffix(".[key]") for name in refused.refused(400, "validation_error")] == [field]


async def test_targets_and_the_zone_are_set_and_unset(tenant: Tenant) -> None:
    sla = {"first_response_minutes": 15, "hours": {"mon": ["09:00", "17:00"]}}
    asked = {"settings": {"sla": sla, "timezone": "Asia/Kolkata"}}
    shown = (await tenant().patch(f"/tenants/{tenant.id}/", asked)).ok()
    assert shown["settings"]["timezone"] == "Asia/Kolkata"
    assert {name: shown["settings"]["sla"][name] for name in sla} == sla
    shown = (await tenant().patch(f"/tenants/{tenant.id}/", {"settings": {"sla": None}})).ok()
    assert (shown["settings"]["sla"], shown["settings"]["timezone"]) == (None, "Asia/Kolkata")
    every = {**asked["settings"], "agents_see_unassigned": True}
    for nulls in (dict.fromkeys(every), None):
        (await tenant().patch(f"/tenants/{tenant.id}/", {"settings": every})).ok()
        shown = (await tenant().patch(f"/tenants/{tenant.id}/", {"settings": nulls})).ok()["settings"]
        assert [shown[name] for name in every] == [None, None, False]
