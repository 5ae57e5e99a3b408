"""Consents to being recorded over REST, and the gate they make."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from jinaconnect.actions.calls.consents import may_record
from jinaconnect.actions.trunks.voice_app import voice_app
from tests.conftest import Running
from tests.handlers.people import add_person
from tests.tenants import Tenant

CONSENTS = "/voice/api/recording-consents/"
APP = "/voice/api/tenant-voice-app/"


async def add_contact(tenant: Tenant, phone: str = "+12025550181") -> str:
    return str((await tenant().post("/contacts/", {"phone": phone})).ok(201)["id"])


async def test_a_consent_is_made_read_changed_replaced_and_removed(tenant: Tenant) -> None:
    owner, contact = tenant(), await add_contact(tenant)
    made = (await owner.post(CONSENTS, {"name": "By phone", "contact": contact})).ok(201)
    assert made["id"].startswith("con_")
    assert (made["consent_given"], made["consent_timestamp"], made["consent_method"]) == (False, None, "")
    path = f"{CONSENTS}{made['id']}/"
    assert (await owner.get(path)).ok() == made
    given = (await owner.patch(path, {"consent_given": True, "consent_method": "verbal_ivr"})).ok()
    assert given["consent_timestamp"] is not None, "a consent without a time is given now"
    again = (await owner.patch(path, {"recording_url": "key/1"})).ok()
    assert again["consent_timestamp"] == given["consent_timestamp"]
    at = {"consent_given": True, "consent_timestamp": "2024-05-01T12:00:00+02:00"}
    replaced = (await owner.ask("PUT", path, {"name": "In writing", "contact": contact, **at})).ok()
    assert (replaced["consent_timestamp"], replaced["recording_url"]) == ("2024-05-01T10:00:00.000Z", "")
    (await owner.delete(path)).ok(204)
    for method, body in (("GET", None), ("PATCH", {}), ("DELETE", None)):
        (await owner.ask(method, path, body)).refused(404, "not_found")


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"name": None}, "name"), ({"contact": "cnt_none"}, "contact"), ({"contact": None}, "contact"),
        ({"consent_given": "perhaps"}, "consent_given"), ({"consent_given": None}, "consent_given"),
        ({"consent_method": "telepathy"}, "consent_method"), ({"consent_timestamp": "then"}, "consent_timestamp"),
        ({"consent_timestamp": "0001-01-01T00:00:00+14:00"}, "consent_timestamp"),
        ({"recording_url": "x" * 513}, "recording_url"),
    ],
)  # fmt: skip
async def test_a_faulty_field_is_named_and_nothing_changes(tenant: Tenant, fields: dict[str, Any], named: str) -> None:
    owner, contact = tenant(), await add_contact(tenant)
    made = (await owner.post(CONSENTS, {"name": "A", "contact": contact})).ok(201)
    second = await add_contact(tenant, "+12025550182")
    body = {"name": "B", "contact": second, **fields}
    assert list((await owner.post(CONSENTS, body)).refused(400, "validation_error")) == [named]
    assert list((await owner.patch(f"{CONSENTS}{made['id']}/", fields)).refused(400, "validation_error")) == [named]
    assert (await owner.get(CONSENTS)).ok()["results"] == [made]


async def test_a_contact_has_one(tenant: Tenant) -> None:
    owner, first, second = tenant(), await add_contact(tenant), await add_contact(tenant, "+12025550182")
    (await owner.post(CONSENTS, {"name": "A", "contact": first})).ok(201)
    (await owner.post(CONSENTS, {"name": "B", "contact": first})).refused(409, "already_exists")
    other = (await owner.post(CONSENTS, {"name": "C", "contact": second})).ok(201)["id"]
    (await owner.patch(f"{CONSENTS}{other}/", {"contact": first})).refused(409, "already_exists")


async def test_everyone_reads_and_the_team_writes(tenant: Tenant) -> None:
    contact = await add_contact(tenant)
    made = (await tenant("manager").post(CONSENTS, {"name": "A", "contact": contact})).ok(201)
    path = f"{CONSENTS}{made['id']}/"
    assert (await tenant("viewer").get(path)).ok() == made
    for method, where in (("POST", CONSENTS), ("PATCH", path), ("PUT", path), ("DELETE", path)):
        (await tenant("viewer").ask(method, where, {"name": "x", "contact": contact})).refused(403, "permission_denied")


async def test_an_agent_meets_only_the_contacts_assigned_to_them(gateway: Running, tenant: Tenant) -> None:
    agent = await add_person(gateway, tenant, "agent")
    mine, theirs = await add_contact(tenant), await add_contact(tenant, "+12025550182")
    (await tenant().post(f"/contacts/{mine}/assign/", {"assigned_to_type": "USER", "assigned_to_id": agent.id})).ok()
    hidden = (await tenant().post(CONSENTS, {"name": "A", "contact": theirs})).ok(201)["id"]
    shown = (await agent.client.post(CONSENTS, {"name": "B", "contact": mine})).ok(201)["id"]
    assert [row["id"] for row in (await agent.client.get(CONSENTS)).ok()["results"]] == [shown]
    for method, body in (("GET", None), ("PATCH", {}), ("DELETE", None)):
        (await agent.client.ask(method, f"{CONSENTS}{hidden}/", body)).refused(404, "not_found")
    detail = (await agent.client.patch(f"{CONSENTS}{shown}/", {"contact": theirs})).refused(400, "validation_error")
    assert list(detail) == ["contact"]


async def test_another_tenants_consents_and_contacts_are_unknown(
    tenant: Tenant, new_tenant: Callable[[], Awaitable[Tenant]]
) -> None:
    other = await new_tenant()
    contact = await add_contact(other)
    theirs = (await other().post(CONSENTS, {"name": "A", "contact": contact})).ok(201)
    answer = await tenant().post(CONSENTS, {"name": "B", "contact": contact})
    assert list(answer.refused(400, "validation_error")) == ["contact"]
    for method, body in (("GET", None), ("PATCH", {"consent_given": True}), ("DELETE", None)):
        (await tenant().ask(method, f"{CONSENTS}{theirs['id']}/", body)).refused(404, "not_found")
    assert theirs["id"] not in json.dumps((await tenant().get(CONSENTS)).ok())
    assert (await other().get(f"{CONSENTS}{theirs['id']}/")).ok() == theirs


async def test_where_consent_is_required_only_a_given_one_opens(gateway: Running, tenant: Tenant) -> None:
    store, contact = gateway.services.store.of(tenant.id, "live"), await add_contact(tenant)

    async def allowed(who: str | None) -> bool:
        return (await may_record(store, await voice_app(store), who, by_law=False)).allowed

    assert await allowed(None)
    app = (await tenant().get(APP)).ok()["results"][0]["id"]
    (await tenant().patch(f"{APP}{app}/", {"recording_requires_consent": True})).ok()
    assert not await allowed(None)
    assert not await allowed(contact)
    made = (await tenant().post(CONSENTS, {"name": "A", "contact": contact})).ok(201)["id"]
    assert not await allowed(contact)
    (await tenant().patch(f"{CONSENTS}{made}/", {"consent_given": True})).ok()
    assert await allowed(contact)
    (await tenant().delete(f"{CONSENTS}{made}/")).ok(204)
    assert not await allowed(contact)
