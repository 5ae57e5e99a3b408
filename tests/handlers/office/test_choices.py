"""What a new organisation chooses from, and the tags it sorts by."""

from __future__ import annotations

import asyncio

from jinaconnect.core.office.industries import INDUSTRIES
from tests.tenants import Tenant

BASE = "/tenants/onboarding-options/"


async def test_onboarding_lists_flows_countries_and_their_parts(tenant: Tenant) -> None:
    anyone = tenant.anonymous
    told = (await anyone.get(BASE)).ok()
    assert {flow["value"] for flow in told["flows"]} >= {
        "whatsapp_embedded_signup", "whatsapp_manual", "sms", "telegram", "rcs", "voice"
    }  # fmt: skip
    assert all(flow["channels"] and flow["steps"] for flow in told["flows"])
    assert list(told["states"]) == ["IN", "US"]
    assert [each["value"] for each in told["industries"]] == list(INDUSTRIES)
    assert len(told["countries"]) == 249
    everything = (await anyone.get(f"{BASE}all/", params={"countries_for_states": "DE"})).ok()
    assert list(everything["states"]) == ["DE"]
    (await anyone.get(BASE, params={"countries_for_states": "XX"})).refused(400, "validation_error")
    assert (await anyone.get(f"{BASE}countries/", params={"search": "emirat"})).ok() == [
        {"value": "AE", "label": "United Arab Emirates"}
    ]
    found = (await anyone.get(f"{BASE}states/", params={"country": "us", "type": "State", "search": "new"})).ok()
    assert [each["value"] for each in found] == ["NH", "NJ", "NM", "NY"]
    for country in ("", "XX", "USA"):
        assert "country" in (await anyone.get(f"{BASE}states/", params={"country": country})).refused(
            400, "validation_error"
        )
    assert [each["value"] for each in (await anyone.get(f"{BASE}industries/", params={"search": "care"})).ok()] == [
        "healthcare"
    ]


async def test_a_tags_name_is_unique_in_its_organisation(tenant: Tenant) -> None:
    owner, path = tenant(), "/tenants/tenant-tags/"
    answers = await asyncio.gather(*(owner.post(path, {"name": name}) for name in ("VIP", "vip", "Vip")))
    assert sorted(answer.status for answer in answers) == [201, 400, 400]
    other = (await owner.post(path, {"name": "Trade", "description": "Shops"})).ok(201)
    assert (other["tenant"], other["is_active"]) == (tenant.id, True)
    assert "name" in (await owner.patch(f"{path}{other['id']}/", {"name": "vIp"})).refused(400, "validation_error")
    changed = (await owner.patch(f"{path}{other['id']}/", {"is_active": False})).ok()
    events = [(event["type"], event["data"]) for event in await owner.events() if event["type"].startswith("tag.")]
    assert [type for type, _ in events] == ["tag.created", "tag.created", "tag.updated"]
    assert events[-1][1] == changed
    shown = (await tenant("viewer").get(path, params={"is_active": "false", "name__istartswith": "tr"})).ok()
    assert [row["id"] for row in shown["results"]] == [other["id"]]
    assert (await owner.delete(f"{path}{other['id']}/")).status == 405
