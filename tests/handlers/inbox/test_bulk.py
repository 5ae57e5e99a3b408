"""Many conversations at once: each by itself, and what came of each is told."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from tests.conftest import Running
from tests.handlers.people import add_person
from tests.tenants import Tenant

BASE = "/team-inbox/api/conversations"


async def _contacts(tenant: Tenant, count: int) -> list[str]:
    phones = [f"+1202555{9101 + place}" for place in range(count)]
    return [(await tenant().post("/contacts/", {"phone": phone})).ok(201)["id"] for phone in phones]


async def test_conversations_are_moved_each_by_itself(gateway: Running, tenant: Tenant) -> None:
    owner, ids = tenant(), await _contacts(tenant, 4)
    sam, kim = await add_person(gateway, tenant, "manager", "Sam"), await add_person(gateway, tenant, "agent", "Kim")
    to_sam = {"assigned_to_type": "USER", "assigned_to_id": sam.id}
    (await owner.post(f"/contacts/{ids[0]}/assign/", to_sam)).ok()
    claim = {"assigned_to_type": "USER", "assigned_to_id": kim.id, "if_unassigned": True}
    done = (await owner.post(f"{BASE}/bulk-assign/", {**claim, "contact_ids": [*ids, ids[1], "cnt_none"]})).ok()
    assert done["changed_ids"] == ids[1:]
    assert [(row["contact_id"], row["code"]) for row in done["refused"]] == [
        (ids[0], "conflict"), ("cnt_none", "not_found"),
    ]  # fmt: skip
    (await owner.post(f"/contacts/{ids[3]}/close/", {})).ok()
    body = {"contact_ids": ids, "reason": "All sent."}
    key = {"Idempotency-Key": f"close-{tenant.id}"}
    closed = (await owner.ask("POST", f"{BASE}/bulk-close/", body, headers=key)).ok()
    assert (closed["changed_ids"], [row["code"] for row in closed["refused"]]) == (ids[:3], ["invalid_state"])
    assert (await owner.ask("POST", f"{BASE}/bulk-close/", body, headers=key)).ok() == closed
    assert {(await owner.get(f"/contacts/{id}/")).ok()["status"] for id in ids} == {"CLOSED"}
    assert (await owner.post(f"{BASE}/bulk-reopen/", {"contact_ids": ids})).ok()["changed_ids"] == ids
    told = Counter(event["type"] for event in await owner.events() if event["type"].startswith("conversation."))
    assert told == {
        "conversation.opened": 4, "conversation.assigned": 4, "conversation.closed": 4, "conversation.reopened": 4,
    }  # fmt: skip
    (await kim.client.post(f"{BASE}/bulk-close/", {"contact_ids": ids})).refused(403, "permission_denied")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"contact_ids": []}, "contact_ids"),
        ({}, "contact_ids"),
        ({"contact_ids": ["cnt_x"] * 101}, "contact_ids"),
        ({"contact_ids": ["MINE"], "assigned_to_id": "usr_nobody"}, "assigned_to_id"),
        ({"contact_ids": ["MINE"], "assigned_to_type": "BOT", "assigned_to_id": "bot_x"}, "assigned_to_id"),
    ],
)
async def test_a_bad_request_moves_nothing(tenant: Tenant, body: dict[str, Any], field: str) -> None:
    [id] = await _contacts(tenant, 1)
    asked = {"assigned_to_type": "USER", "assigned_to_id": "usr_nobody", **body}
    if asked.get("contact_ids") == ["MINE"]:
        asked["contact_ids"] = [id]
    assert list((await tenant().post(f"{BASE}/bulk-assign/", asked)).refused(400, "validation_error")) == [field]
    assert (await tenant().get(f"/contacts/{id}/")).ok()["assigned_to_type"] == "UNASSIGNED"
