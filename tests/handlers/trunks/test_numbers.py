"""Inbound numbers over REST: their routes, what those may name, one row for each number of a trunk."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from tests.conftest import Running
from tests.handlers.people import add_person
from tests.handlers.trunks.accounts import add_trunk
from tests.telephony.calls.graphs import menu
from tests.tenants import Tenant

NUMBERS = "/voice/api/numbers/"
REJECT = {"type": "reject", "cause": "CALL_REJECTED"}


async def add_template(tenant: Tenant, mode: str = "live") -> str:
    """Add an IVR and return its id."""
    body = {"name": "Menu", "template_kind": "ivr_menu", "graph": menu()}
    return str((await tenant("owner", mode).post("/voice/api/templates/", body)).ok(201)["id"])


async def test_a_number_is_made_read_changed_and_removed(gateway: Running, tenant: Tenant) -> None:
    owner, trunk, template = tenant(), await add_trunk(tenant()), await add_template(tenant)
    person = await add_person(gateway, tenant, "agent")
    route = {"type": "device", "user": person.id, "ring_s": 20, "then": {"type": "template", "template": template}}
    made = (await owner.post(NUMBERS, {"number": "12025550123", "provider_config": trunk, "route": route})).ok(201)
    assert made["id"].startswith("num_")
    assert (made["number"], made["name"], made["route"]) == ("+12025550123", "", route)
    path = f"{NUMBERS}{made['id']}/"
    assert (await owner.get(path)).ok() == made
    changed = (await owner.patch(path, {"name": "Front desk", "route": {"type": "reject"}})).ok()
    assert (changed["name"], changed["route"], changed["number"]) == ("Front desk", REJECT, made["number"])
    assert (await owner.patch(path, {})).ok()["route"] == REJECT
    assert [row["id"] for row in (await owner.get(NUMBERS, params={"provider_config": trunk})).ok()["results"]] == [
        made["id"]
    ]
    (await owner.delete(path)).ok(204)
    (await owner.get(path)).refused(404, "not_found")
    (await owner.delete(path)).refused(404, "not_found")


async def test_a_route_is_kept_without_what_means_nothing(tenant: Tenant) -> None:
    trunk = await add_trunk(tenant())
    for serial, noise in enumerate(('"a\\u0000b":1', '"much":18446744073709551615', '"$set":{"a.b":1}')):
        body = f'{{"number":"+1202555011{serial}","provider_config":"{trunk}","route":{{"type":"reject",{noise}}}}}'
        answer = await tenant().ask("POST", NUMBERS, body.encode(), headers={"Content-Type": "application/json"})
        assert answer.ok(201)["route"] == REJECT


DEVICE: dict[str, Any] = {"type": "device", "user": "usr_none"}


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"number": "12"}, "number"), ({"number": None}, "number"),
        ({"provider_config": "trk_none"}, "provider_config"),
        ({"provider_config": None}, "provider_config"), ({"name": "x" * 101}, "name"), ({"route": None}, "route"),
        ({"route": "reject"}, "route"), ({"route": {}}, "route.type"), ({"route": {"type": ["reject"]}}, "route.type"),
        ({"route": {"type": "reject", "cause": "BORED"}}, "route.cause"),
        ({"route": {"type": "template"}}, "route.template"),
        ({"route": {"type": "template", "template": "vtp_none"}}, "route.template"),
        ({"route": DEVICE}, "route.user"), ({"route": {**DEVICE, "ring_s": 121}}, "route.ring_s"),
        ({"route": {**DEVICE, "ring_s": 4}}, "route.ring_s"), ({"route": {**DEVICE, "then": 1}}, "route.then"),
        ({"route": {**DEVICE, "then": {"type": "x"}}}, "route.then.type"),
    ],
)  # fmt: skip
async def test_a_faulty_field_is_named_and_nothing_changes(tenant: Tenant, fields: dict[str, Any], named: str) -> None:
    owner, trunk = tenant(), await add_trunk(tenant())
    good = {"number": "+12025550123", "provider_config": trunk, "route": REJECT}
    made = (await owner.post(NUMBERS, good)).ok(201)
    answer = await owner.post(NUMBERS, {**good, "number": "+12025550124", **fields})
    assert list(answer.refused(400, "validation_error")) == [named]
    assert list((await owner.patch(f"{NUMBERS}{made['id']}/", fields)).refused(400, "validation_error")) == [named]
    assert (await owner.get(NUMBERS)).ok()["results"] == [made]


async def test_a_number_is_once_on_a_trunk(tenant: Tenant) -> None:
    owner, first, second = tenant(), await add_trunk(tenant()), await add_trunk(tenant())
    body = {"number": "+12025550123", "provider_config": first, "route": REJECT}
    (await owner.post(NUMBERS, body)).ok(201)
    (await owner.post(NUMBERS, body)).refused(409, "already_exists")
    other = (await owner.post(NUMBERS, {**body, "provider_config": second})).ok(201)["id"]
    (await owner.patch(f"{NUMBERS}{other}/", {"provider_config": first})).refused(409, "already_exists")
    assert (await owner.get(f"{NUMBERS}{other}/")).ok()["provider_config"] == second


async def test_foreign_trunks_templates_and_people_are_unknown(
    gateway: Running, tenant: Tenant, new_tenant: Callable[[], Awaitable[Tenant]]
) -> None:
    other = await new_tenant()
    trunk, template = await add_trunk(other()), await add_template(other)
    person = await add_person(gateway, other, "agent")
    theirs = (await other().post(NUMBERS, {"number": "+12025550123", "provider_config": trunk, "route": REJECT})).ok(
        201
    )
    mine = {"number": "+12025550123", "provider_config": await add_trunk(tenant()), "route": REJECT}
    sandbox_template = await add_template(tenant, "test")
    for fields, named in (
        ({"provider_config": trunk}, "provider_config"),
        ({"route": {"type": "template", "template": template}}, "route.template"),
        ({"route": {"type": "template", "template": sandbox_template}}, "route.template"),
        ({"route": {"type": "device", "user": person.id}}, "route.user"),
    ):
        assert list((await tenant().post(NUMBERS, {**mine, **fields})).refused(400, "validation_error")) == [named]
    for method, body in (("GET", None), ("PATCH", {"name": "x"}), ("DELETE", None)):
        (await tenant().ask(method, f"{NUMBERS}{theirs['id']}/", body)).refused(404, "not_found")
    assert theirs["id"] not in json.dumps((await tenant().get(NUMBERS)).ok())
    assert (await other().get(f"{NUMBERS}{theirs['id']}/")).ok() == theirs


@pytest.mark.parametrize("role", ["manager", "agent", "viewer"])
async def test_only_who_manages_voice_sees_or_changes_numbers(tenant: Tenant, role: str) -> None:
    body = {"number": "+12025550123", "provider_config": await add_trunk(tenant()), "route": REJECT}
    path = f"{NUMBERS}{(await tenant('admin').post(NUMBERS, body)).ok(201)['id']}/"
    for method, where in (("GET", NUMBERS), ("POST", NUMBERS), ("GET", path), ("PATCH", path), ("DELETE", path)):
        sent = None if method in ("GET", "DELETE") else body
        (await tenant(role).ask(method, where, sent)).refused(403, "permission_denied")
