"""Canned replies: kept by leads, seen by the team, one for each shortcut."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.tenants import Tenant

PATH = "/team-inbox/api/canned-replies/"


async def test_canned_replies_are_kept_and_told_of(tenant: Tenant) -> None:
    lead, agent = tenant("manager"), tenant("agent")
    made = await asyncio.gather(*(lead.post(PATH, {"shortcut": "hours", "text": f"From {n}."}) for n in range(3)))
    assert sorted(answer.status for answer in made) == [201, 400, 400]
    hours = next(answer for answer in made if answer.status == 201).ok(201)
    price = (await lead.post(PATH, {"shortcut": "price-list", "text": "See **here**.\nThanks!"})).ok(201)
    assert (price["text"], price["is_active"]) == ("See **here**.\nThanks!", True)
    taken = (await lead.patch(f"{PATH}{price['id']}/", {"shortcut": "hours"})).refused(400, "validation_error")
    assert list(taken) == ["shortcut"]
    changed = (await lead.patch(f"{PATH}{price['id']}/", {"text": "See there."})).ok()
    assert (changed["shortcut"], changed["text"]) == ("price-list", "See there.")
    rows = (await agent.get(PATH, params={"ordering": "-shortcut"})).ok()["results"]
    assert rows == [changed, hours]
    assert (await agent.get(PATH, params={"search": "there"})).ok()["results"] == [changed]
    assert (await agent.get(f"{PATH}{hours['id']}/")).ok() == hours
    (await agent.post(PATH, {"shortcut": "mine", "text": "x"})).refused(403, "permission_denied")
    (await lead.ask("DELETE", f"{PATH}{hours['id']}/")).ok(204)
    (await lead.get(f"{PATH}{hours['id']}/")).refused(404, "not_found")
    (await lead.post(PATH, {"shortcut": "hours", "text": "Anew."})).ok(201)
    told = [event for event in await tenant("viewer").events() if event["type"].startswith("canned_reply.")]
    assert [event["type"].partition(".")[2] for event in told] == [
        "created", "created", "updated", "deleted", "created",
    ]  # fmt: skip
    assert (told[2]["data"], told[3]["data"]) == (changed, hours)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"text": "x"}, "shortcut"),
        ({"shortcut": "a b", "text": "x"}, "shortcut"),
        ({"shortcut": "-a", "text": "x"}, "shortcut"),
        ({"shortcut": "a" * 51, "text": "x"}, "shortcut"),
        ({"shortcut": "a", "text": " "}, "text"),
        ({"shortcut": "a", "text": "x" * 4_097}, "text"),
        ({"shortcut": "a", "text": "x", "is_active": None}, "is_active"),
    ],
)
async def test_bad_canned_replies_name_their_field(tenant: Tenant, body: dict[str, Any], field: str) -> None:
    assert list((await tenant().post(PATH, body)).refused(400, "validation_error")) == [field]
    assert (await tenant().get(PATH)).ok()["count"] == 0
