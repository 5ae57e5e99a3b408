"""Placing calls: over which trunk, and to whom."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import pytest

from jinaconnect.actions.context import system_operation
from jinaconnect.actions.trunks.accounts import outbound_trunk
from jinaconnect.actions.trunks.state import new_state
from jinaconnect.store.tenant import Change
from tests.conftest import Running
from tests.handlers.trunks.accounts import add_trunk
from tests.tenants import Tenant

CALLS = "/voice/api/calls/"


async def _chosen(gateway: Running, tenant: Tenant) -> str:
    ctx = system_operation(gateway.services, gateway.ports, f"{tenant.id}:live", "test")
    return str((await outbound_trunk(ctx, None))["_id"])


async def _seen(gateway: Running, tenant: Tenant, trunk: str, status: str) -> None:
    services = gateway.services
    store = services.store.of(tenant.id, "live")
    row = {**new_state(trunk, "main", services.clock()), "status": status}
    if await store.find("trunk_states", trunk) is None:
        await store.insert("trunk_states", row)
    else:
        await store.change("trunk_states", trunk, lambda doc: Change(set={"status": status}))


@pytest.mark.parametrize("order", list(permutations(("up", "degraded", "unknown"))))
async def test_a_call_goes_over_the_healthiest_trunk(gateway: Running, tenant: Tenant, order: tuple[str, ...]) -> None:
    ids = {status: await add_trunk(tenant(), "sip") for status in order}
    await add_trunk(tenant(), "twilio", priority=9)
    for status, id in ids.items():
        if status != "unknown":
            await _seen(gateway, tenant, id, status)
    assert await _chosen(gateway, tenant) == ids["up"]
    await _seen(gateway, tenant, ids["up"], "down")
    assert await _chosen(gateway, tenant) == ids["degraded"]


async def test_a_new_trunk_does_not_take_the_calls_of_the_one_before(gateway: Running, tenant: Tenant) -> None:
    first, second = [await add_trunk(tenant(), "sip") for _ in range(2)]
    assert await _chosen(gateway, tenant) == first
    preferred = await add_trunk(tenant(), "sip", priority=1)
    assert await _chosen(gateway, tenant) == preferred
    await _seen(gateway, tenant, second, "up")
    assert await _chosen(gateway, tenant) == second


async def test_calling_a_number_tells_an_agent_nothing_of_whose_it_is(gateway: Running, tenant: Tenant) -> None:
    owner, agent = tenant("owner", "test"), tenant("agent", "test")
    contact = (await owner.post("/contacts/", {"first_name": "Ann", "phone": "+12025550150"})).ok(201)
    store = gateway.services.store.of(tenant.id, "test")
    other: dict[str, Any] = {"assigned_to_user": "usr_" + "0" * 26}
    await store.change("contacts", contact["id"], lambda doc: Change(set=other))
    call = {"tts_text": "Hello."}
    named = await agent.post(CALLS, {**call, "to_number": "+12025550150", "contact": contact["id"]})
    assert list(named.refused(400, "validation_error")) == ["contact"]
    asked = [(await agent.post(CALLS, {**call, "to_number": number}, params={"dry_run": "true"})).ok()
             for number in ("+12025550150", "+12025550151")]  # fmt: skip
    assert {**asked[0], "to_number": ""} == {**asked[1], "to_number": ""}
    theirs = (await agent.post(CALLS, {**call, "to_number": "+12025550150"})).ok(201)
    nobodys = (await agent.post(CALLS, {**call, "to_number": "+12025550151"})).ok(201)
    differ = {name for name in theirs if theirs[name] != nobodys[name]}
    assert differ <= {"id", "provider_call_id", "to_number", "contact", "created_at", "updated_at"}
    for placed in (theirs, nobodys):
        assert placed["contact"] is not None
        assert (await agent.get(f"/contacts/{placed['contact']}/")).status == 404
    assert [each["id"] for each in (await owner.get(f"{CALLS}?contact_id={contact['id']}")).ok()["results"]] == [
        theirs["id"]
    ]


async def test_a_dry_run_tells_of_a_call_and_places_none(gateway: Running, tenant: Tenant) -> None:
    owner = tenant("owner", "test")
    contact = (await owner.post("/contacts/", {"phone": "+12025550151"})).ok(201)["id"]
    call = {"to_number": "+12025550151", "tts_text": "Hello."}
    told = (await owner.post(CALLS, call, params={"dry_run": "true"})).ok()
    assert (told["dry_run"], told["contact"], told["recording_allowed"]) == (True, contact, True)
    assert told["verdict"]["outcome"] == "allowed"
    new = (await owner.post(CALLS, {**call, "to_number": "+12025550152"}, params={"dry_run": "true"})).ok()
    assert new["contact"] is None
    assert (await owner.get("/contacts/")).ok()["count"] == 1, "nobody is added by asking"
    assert (await owner.get(CALLS)).ok()["count"] == 0


async def test_marketing_waits_for_the_hours_of_whom_it_calls(gateway: Running, tenant: Tenant) -> None:
    """Somebody for whom it is four in the morning now, and somebody for whom it is noon."""
    owner = tenant("owner", "test")
    hour = gateway.services.clock().hour
    zones = {"night": f"Etc/GMT{(hour - 4):+d}" if hour - 4 <= 12 else f"Etc/GMT{hour - 28:+d}"}
    zones["noon"] = f"Etc/GMT{(hour - 12):+d}"
    for number, (name, zone) in zip(("+12025550153", "+12025550154"), zones.items(), strict=True):
        body = {"phone": number, "first_name": name, "attributes": {"timezone": zone}}
        (await owner.post("/contacts/", body)).ok(201)
    call = {"tts_text": "A sale!", "category": "MARKETING"}
    night, noon = {**call, "to_number": "+12025550153"}, {**call, "to_number": "+12025550154"}
    told = (await owner.post(CALLS, night, params={"dry_run": "true"})).ok()["verdict"]
    assert (told["outcome"], told["rule"]) == ("deferred", "us.marketing")
    (await owner.post(CALLS, night)).refused(403, "outside_hours")
    assert (await owner.get(CALLS)).ok()["count"] == 0
    (await owner.post(CALLS, {**night, "category": "UTILITY"})).ok(201)
    (await owner.post(CALLS, noon)).ok(201)
    (await owner.post(CALLS, {**noon, "category": "SERVICE"})).refused(400, "validation_error")


async def test_a_number_of_a_series_calls_for_its_kind_alone(tenant: Tenant) -> None:
    owner = tenant("owner", "test")
    call = {"to_number": "+919812345678", "tts_text": "Hello.", "from_number": "+911401234567"}
    told = (await owner.post(CALLS, call, params={"dry_run": "true"})).ok()["verdict"]
    assert (told["outcome"], told["rule"]) == ("refused", "in.series.promotional")
    assert "140" in (await owner.post(CALLS, call)).refused(403, "do_not_call")
    assert (await owner.get(CALLS)).ok()["count"] == 0
    (await owner.post(CALLS, {**call, "from_number": "+911600123456"})).ok(201)


@pytest.mark.parametrize(
    ("number", "own", "attributes", "asked"),
    [
        ("+14155550123", "+12025550123", {}, True),  # California
        ("+12025550123", "+14155550123", {}, True),  # …from there
        ("+12125550123", "+12025550123", {}, False),
        ("+12125550123", "+12025550123", {"state": "CA"}, True),
        ("+14155550123", "+12025550123", {"state": "NY"}, False),
        ("+4930123456", "+12025550123", {}, True),
    ],
)
async def test_where_everybody_is_asked_a_call_is_recorded_with_consent_alone(
    tenant: Tenant, number: str, own: str, attributes: dict[str, str], asked: bool
) -> None:
    owner = tenant("owner", "test")
    call = {"to_number": number, "from_number": own, "tts_text": "Hello.", "record": True}

    async def allowed() -> bool:
        told = (await owner.post(CALLS, call, params={"dry_run": "true"})).ok()
        return bool(told["recording_allowed"])

    assert attributes or await allowed() is not asked
    contact = (await owner.post("/contacts/", {"phone": number, "attributes": attributes})).ok(201)["id"]
    assert await allowed() is not asked
    placed = (await owner.post(CALLS, call)).ok(201)
    assert placed["metadata"]["recording_allowed"] is not asked
    given = {"name": "By telephone", "contact": contact, "consent_given": True}
    (await owner.post("/voice/api/recording-consents/", given)).ok(201)
    assert await allowed()
