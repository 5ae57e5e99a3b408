"""Segments of contacts: by name and by filter, in lists, files and broadcasts."""

from __future__ import annotations

import csv
import io
from typing import Any

import pytest

from tests.tenants import Tenant

PATH = "/contacts/segments/"


async def people(tenant: Tenant) -> None:
    for place, (city, tags, segments) in enumerate(
        [("Boston", ["vip"], []), ("Boston", [], ["club"]), ("Austin", ["vip"], ["club"]), ("Austin", [], [])]
    ):
        body = {
            "phone": f"+1202555060{place}", "first_name": f"P{place}", "tags": tags, "segments": segments,
            "attributes": {"city": city},
        }  # fmt: skip
        (await tenant().post("/contacts/", body)).ok(201)


async def names(tenant: Tenant, **query: str) -> list[str]:
    rows = (await tenant().get("/contacts/", params={"ordering": "first_name", **query})).ok()["results"]
    return [row["first_name"] for row in rows]


async def test_segments_are_kept_counted_and_asked_for(tenant: Tenant) -> None:
    owner = tenant()
    await people(tenant)
    club = (await owner.post(PATH, {"name": "club"})).ok(201)
    assert (club["type"], club["filter"], club["contact_count"]) == ("static", None, 2)
    body = {"name": "Boston vips", "type": "dynamic", "filter": {"attributes.city": "Boston", "tag__in": ["vip"]}}
    vips = (await owner.post(PATH, body)).ok(201)
    assert (vips["contact_count"], vips["contact_count_exact"], vips["filter"]) == (1, True, body["filter"])
    assert await names(tenant, segment="Boston vips") == ["P0"]
    assert await names(tenant, segment="club") == ["P1", "P2"]
    assert await names(tenant, segment__in="club,Boston vips") == ["P0", "P1", "P2"]
    assert await names(tenant, segment__in="club,Boston vips", tag="vip") == ["P0", "P2"]
    assert await names(tenant, segment="nobody") == []
    file = (await owner.get("/contacts/export-csv/", params={"segment": "Boston vips"})).ok().decode()
    assert [row["first_name"] for row in csv.DictReader(io.StringIO(file))] == ["P0"]
    first = (await owner.get("/contacts/", params={"segment__in": "club,Boston vips", "page_size": "1"})).ok()
    assert (first["count"], "segment__in=club%2CBoston+vips" in first["next"]) == (3, True)
    # Whom a dynamic one has is looked up anew; its name may change, that of one that contacts carry may not.
    fields = {"name": "Austin", "filter": {"attributes.city": "Austin"}}
    changed = (await owner.patch(f"{PATH}{vips['id']}/", fields)).ok()
    assert changed["contact_count"] == 2
    assert "name" in (await owner.patch(f"{PATH}{club['id']}/", {"name": "guild"})).refused(400, "validation_error")
    assert "name" in (await owner.post(PATH, {"name": "CLUB"})).refused(400, "validation_error")
    assert "filter" in (await owner.patch(f"{PATH}{vips['id']}/", {"filter": None})).refused(400, "validation_error")
    listed = (await owner.get(PATH, params={"type": "dynamic"})).ok()["results"]
    assert listed == [changed]
    (await owner.delete(f"{PATH}{vips['id']}/")).ok(204)
    (await owner.get(f"{PATH}{vips['id']}/")).refused(404, "not_found")
    told = [event for event in await owner.events() if event["type"].startswith("segment.")]
    assert [event["type"].partition(".")[2] for event in told] == ["created", "created", "updated", "deleted"]
    assert told[2]["data"] == {name: each for name, each in changed.items() if not name.startswith("contact_count")}
    (await tenant("viewer").post(PATH, {"name": "x"})).refused(403, "permission_denied")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"name": "a", "filter": {"tag": "x"}}, "filter"),
        ({"name": "a", "type": "dynamic"}, "filter"),
        ({"name": "a", "type": "dynamic", "filter": {}}, "filter"),
        ({"name": "a", "type": "dynamic", "filter": {"shoe_size": 44}}, "filter.shoe_size"),
        ({"name": "a", "type": "dynamic", "filter": {"ordering": "phone"}}, "filter.ordering"),
        ({"name": "a", "type": "dynamic", "filter": {"dnc": "perhaps"}}, "filter.dnc"),
        ({"name": "a", "type": "dynamic", "filter": {"created_at__gte": "soon"}}, "filter.created_at__gte"),
        ({"name": "a", "type": "dynamic", "filter": {"attributes.$where": "1"}}, "filter.attributes.$where"),
        ({"name": "a", "type": "dynamic", "filter": {f"attributes.a{n}": 1 for n in range(21)}}, "filter"),
        ({"name": "a,b"}, "name"),
        ({"name": "a", "type": "magic"}, "type"),
    ],
)
async def test_a_segment_that_cannot_be_is_refused(tenant: Tenant, body: dict[str, Any], field: str) -> None:
    detail = (await tenant().post(PATH, body)).refused(400, "validation_error")
    assert list(detail) == [field]
    assert (await tenant().get(PATH)).ok()["count"] == 0


async def test_a_broadcast_goes_to_whom_a_dynamic_segment_has(tenant: Tenant) -> None:
    owner = tenant("owner", "test")
    for place in range(4):
        body = {"phone": f"+1202555070{place}", "tags": ["vip"] * (place % 2), "segments": ["club"] * (place == 2)}
        (await owner.post("/contacts/", body)).ok(201)
    (await owner.post(PATH, {"name": "vips", "type": "dynamic", "filter": {"tag": "vip"}})).ok(201)

    async def size(**fields: Any) -> int:
        body = {
            "name": "Sale", "platform": "SMS", "select_all": True,
            "placeholder_data": {"message": "Hello."}, **fields,
        }  # fmt: skip
        count: int = (await owner.post("/broadcast/", body, params={"dry_run": "1"})).ok()["recipient_count"]
        return count

    assert await size(segment_filter=["vips"]) == 2
    assert await size(segment_filter=["vips", "club"]) == 3
    assert await size(segment_filter=["vips"], tag_filter=["nobody", "vip"]) == 2
