"""Two contacts that the team says are one, and two again."""

from __future__ import annotations

from typing import Any

from tests.client import Client
from tests.tenants import Tenant

CALLS = "/voice/api/calls/"
FIRST, SECOND = "+12025550801", "+12025550802"
KEPT = ("tags", "segments", "attributes", "email", "dnc", "opt_outs", "phone", "first_name", "last_name", "lead_status")


async def two(client: Client) -> tuple[str, str]:
    bodies: list[dict[str, Any]] = [
        {"phone": FIRST, "first_name": "Ann", "tags": ["vip"], "attributes": {"city": "Boston"}},
        {
            "phone": SECOND, "tags": ["vip", "trade"], "segments": ["club"], "email": "ann@example.com", "dnc": True,
            "attributes": {"city": "Austin", "size": "M"}, "opt_outs": {"SMS": "2026-01-01T00:00:00Z"},
        },
    ]  # fmt: skip
    made = [(await client.post("/contacts/", body)).ok(201)["id"] for body in bodies]
    return made[0], made[1]


async def shown(client: Client, id: str) -> dict[str, Any]:
    body = (await client.get(f"/contacts/{id}/")).ok()
    return {name: body[name] for name in KEPT}


async def said(client: Client, id: str) -> list[str]:
    rows = (await client.get(f"/team-inbox/api/conversations/{id}/timeline/")).ok()["results"]
    return [row["data"]["content"]["body"]["text"] for row in rows if row["type"] == "message"]


async def test_the_team_merges_two_and_takes_it_back(tenant: Tenant) -> None:
    owner = tenant("owner", "test")
    first, second = await two(owner)
    for sender, text in ((FIRST, "one"), (SECOND, "two")):
        (await owner.post("/sandbox/inbound/", {"from": sender, "text": text})).ok(201)
    await owner.wait_for_events(lambda events: sum(e["type"] == "message.received" for e in events) == 2)
    before = [await shown(owner, id) for id in (first, second)]
    merged = (await owner.post(f"/contacts/{first}/merge/", {"contact_id": second})).ok()
    assert (merged["id"], merged["merged"], merged["phone"]) == (first, [second], FIRST)
    assert (merged["tags"], merged["segments"], merged["email"]) == (["vip", "trade"], ["club"], "ann@example.com")
    assert merged["attributes"] == {"city": "Boston", "size": "M"}
    assert (merged["dnc"], list(merged["opt_outs"])) == (True, ["SMS"])
    assert await said(owner, first) == ["two", "one"], "what was said to both, the newest first"
    assert await said(owner, second) == ["two"]
    lists = {"/wa/v1/messages/": "contact", "/voice/api/recording-consents/": "contact", CALLS: "contact_id"}
    consent = {"name": "c", "contact": second, "consent_given": True}
    (await owner.post("/voice/api/recording-consents/", consent)).ok(201)

    async def listed(id: str, path: str) -> int:
        rows = (await owner.get(path, params={lists[path]: id})).ok()
        assert rows["count"] == len(rows["results"])
        assert (await owner.get(path, params={f"{lists[path]}__in": f"{id},cnt_none"})).ok()["count"] == rows["count"]
        return int(rows["count"])

    messages, consents, _ = lists
    assert [await listed(first, path) for path in lists] == [2, 1, 0], "lists of one show what the other has"
    assert [await listed(second, path) for path in lists] == [1, 1, 0]
    (await owner.post("/sandbox/inbound/", {"from": SECOND, "text": "three"})).ok(201)
    events = await owner.wait_for_events(lambda events: sum(e["type"] == "message.received" for e in events) == 3)
    assert [e["contact_id"] for e in events if e["type"] == "message.received"][-1] == first
    told = [e for e in events if e["type"] == "contact.merged"]
    assert {e["subject"]["id"] for e in told} == {first, second}
    again = (await owner.post(f"/contacts/{first}/merge/", {"contact_id": second})).refused(400, "invalid_state")
    assert "merged" in str(again)
    (await owner.patch(f"/contacts/{first}/", {"tags": ["vip", "trade", "new"]})).ok()
    (await owner.post(f"/contacts/{second}/separate/")).ok()
    assert await shown(owner, first) == {**before[0], "tags": ["vip", "new"]}
    assert await shown(owner, second) == before[1]
    assert await listed(first, messages) == 2, "its own and what came while they were one"
    assert [await listed(first, consents), await listed(second, consents)] == [0, 1]
    assert await said(owner, first) == ["three", "one"]
    # What a channel may not do any more, the team may.
    assert (await owner.post(f"/contacts/{second}/merge/", {"contact_id": first})).ok()["merged"] == [first]


async def test_what_cannot_be_merged_is_refused(tenant: Tenant) -> None:
    owner = tenant()
    first, second = await two(owner)
    before = [await shown(owner, id) for id in (first, second)]
    for other in (first, "cnt_01kc8x2v7m4q9r5t1w3y6z8a0b"):
        answer = await owner.post(f"/contacts/{first}/merge/", {"contact_id": other})
        assert list(answer.refused(400, "validation_error")) == ["contact_id"]
    (await tenant("viewer").post(f"/contacts/{first}/merge/", {"contact_id": second})).refused(403, "permission_denied")
    assert [await shown(owner, id) for id in (first, second)] == before
