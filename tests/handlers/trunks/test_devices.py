"""Telephones over REST: one's own and others', credentials shown once, addresses that may be dialled."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from jinaconnect.telephony.trunks.pjsip import device_endpoint_id
from tests.conftest import Running
from tests.handlers.people import add_person
from tests.handlers.trunks.accounts import add_trunk
from tests.tenants import Tenant

DEVICES = "/voice/api/devices/"


async def test_a_softphones_credentials_are_shown_once(gateway: Running, tenant: Tenant) -> None:
    owner, person = tenant("owner", "test"), await add_person(gateway, tenant, "agent")
    body = {"user": person.id, "name": "Desk", "kind": "softphone", "transport": "webrtc"}
    made = (await owner.post(DEVICES, body)).ok(201)
    credentials = made.pop("credentials")
    assert credentials["username"] == device_endpoint_id(made["id"])
    assert len(credentials["password"]) >= 20
    assert (made["user"], made["transport"], made["asterisk"]) == (person.id, "webrtc", "sandbox")
    assert made["registration"] == {"state": "unknown"}
    assert (await owner.get(f"{DEVICES}{made['id']}/")).ok() == made
    assert (await owner.get(DEVICES)).ok()["results"] == [made]
    stored = await gateway.services.store.of(tenant.id, "test").find("devices", made["id"])
    assert stored is not None
    opened = gateway.services.secrets.open(stored["credentials"], f"devices/{made['id']}")
    assert opened == {"password": credentials["password"]}
    assert credentials["password"] not in repr(stored) + json.dumps(await owner.events())
    again = (await owner.post(DEVICES, body)).ok(201)["credentials"]
    assert again["password"] != credentials["password"]
    (await owner.delete(f"{DEVICES}{made['id']}/")).ok(204)
    (await owner.get(f"{DEVICES}{made['id']}/")).refused(404, "not_found")
    (await owner.delete(f"{DEVICES}{made['id']}/")).refused(404, "not_found")
    gone = await gateway.services.store.of(tenant.id, "test").find("devices", made["id"])
    assert gone is not None
    assert gone["credentials"] is None


async def test_people_keep_their_own_telephones_and_managers_everyones(gateway: Running, tenant: Tenant) -> None:
    trunk = await add_trunk(tenant())
    ann, ben = [await add_person(gateway, tenant, "agent", name) for name in ("Ann", "Ben")]
    admin = await add_person(gateway, tenant, "admin")
    body = {"name": "Mobile", "kind": "uri", "uri": "sip:ann@127.0.0.1:5070", "provider_config": trunk}
    made = (await ann.client.post(DEVICES, body)).ok(201)
    assert (made["user"], made["uri"], made["provider_config"]) == (ann.id, body["uri"], trunk)
    assert "credentials" not in made
    (await ben.client.post(DEVICES, {**body, "user": ann.id})).refused(403, "permission_denied")
    (await ben.client.delete(f"{DEVICES}{made['id']}/")).refused(403, "permission_denied")
    assert [row["id"] for row in (await ben.client.get(DEVICES)).ok()["results"]] == [made["id"]]
    bens = (await admin.client.post(DEVICES, {**body, "user": ben.id})).ok(201)
    assert bens["user"] == ben.id
    only = (await admin.client.get(DEVICES, params={"user": ann.id})).ok()["results"]
    assert [row["id"] for row in only] == [made["id"]]
    (await ann.client.delete(f"{DEVICES}{made['id']}/")).ok(204)
    (await admin.client.delete(f"{DEVICES}{bens['id']}/")).ok(204)
    assert (await admin.client.get(DEVICES)).ok()["count"] == 0


async def test_a_viewer_sees_telephones_and_has_none(gateway: Running, tenant: Tenant) -> None:
    viewer = await add_person(gateway, tenant, "viewer")
    assert (await viewer.client.get(DEVICES)).ok()["count"] == 0
    body = {"name": "Mine", "kind": "softphone"}
    (await viewer.client.post(DEVICES, body)).refused(403, "permission_denied")


URI: dict[str, Any] = {"kind": "uri", "uri": "sip:ann@127.0.0.1"}


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"name": ""}, {"name"}), ({"name": "x" * 101}, {"name"}), ({"kind": "tin can"}, {"kind"}),
        ({"transport": "pigeon"}, {"transport"}), ({"user": "usr_none"}, {"user"}),
        ({"asterisk": "elsewhere"}, {"asterisk"}),
        ({"kind": "uri"}, {"uri", "provider_config"}), ({**URI, "provider_config": None}, {"provider_config"}),
        ({**URI, "provider_config": "trk_none"}, {"provider_config"}), ({**URI, "uri": None}, {"uri"}),
    ],
)  # fmt: skip
async def test_a_faulty_field_is_named(
    gateway: Running, tenant: Tenant, fields: dict[str, Any], named: set[str]
) -> None:
    owner, person = tenant("owner", "test"), await add_person(gateway, tenant, "agent")
    trunk = await add_trunk(owner)
    body = {"user": person.id, "name": "Desk", "kind": "softphone", "provider_config": trunk, **fields}
    if fields == {"kind": "uri"}:
        body["provider_config"] = None
    assert set((await owner.post(DEVICES, body)).refused(400, "validation_error")) == named
    assert (await owner.get(DEVICES)).ok()["count"] == 0


@pytest.mark.parametrize(
    "uri",
    ["ann@127.0.0.1", "sips:ann@127.0.0.1", "sip:127.0.0.1", "sip:ann@", "sip:a b@127.0.0.1", "sip:ann@127.0.0.1;x=y",
     "sip:ann@127.0.0.1?Subject=x", "sip:ann@127.0.0.1\r\nVia: x", "sip:an\nn@127.0.0.1", "sip:ann@127.0.0.1>",
     "sip:ann@two..dots", "sip:ann@" + "x" * 64, "sip:ann@127.0.0.1:0", "sip:ann@127.0.0.1:65536", "sip:ann@10.0.0.1",
     "sip:ann@169.254.169.254", "sip:ann@[::1]", "sip:ann@no-such-host.invalid", "sip:ann:secret@127.0.0.1"],
)  # fmt: skip
async def test_an_address_that_may_not_be_dialled_is_refused(gateway: Running, tenant: Tenant, uri: str) -> None:
    person = await add_person(gateway, tenant, "agent")
    body = {"name": "d", "kind": "uri", "uri": uri, "provider_config": await add_trunk(tenant())}
    assert list((await person.client.post(DEVICES, body)).refused(400, "validation_error")) == ["uri"]
    assert (await tenant().get(DEVICES)).ok()["count"] == 0


async def test_a_softphone_needs_an_asterisk(gateway: Running, tenant: Tenant) -> None:
    person = await add_person(gateway, tenant, "agent")
    detail = (await person.client.post(DEVICES, {"name": "d", "kind": "softphone"})).refused(400, "validation_error")
    assert list(detail) == ["asterisk"]


async def test_foreign_telephones_trunks_and_people_are_unknown(
    gateway: Running, tenant: Tenant, new_tenant: Callable[[], Awaitable[Tenant]]
) -> None:
    other = await new_tenant()
    stranger, trunk = await add_person(gateway, other, "agent"), await add_trunk(other())
    body = {"name": "d", "kind": "uri", "uri": "sip:ann@127.0.0.1", "provider_config": trunk}
    theirs = (await stranger.client.post(DEVICES, body)).ok(201)["id"]
    person = await add_person(gateway, tenant, "admin")
    detail = (await person.client.post(DEVICES, body)).refused(400, "validation_error")
    assert list(detail) == ["provider_config"]
    detail = (await person.client.post(DEVICES, {**body, "user": stranger.id})).refused(400, "validation_error")
    assert list(detail) == ["user"]
    for method in ("GET", "DELETE"):
        (await person.client.ask(method, f"{DEVICES}{theirs}/")).refused(404, "not_found")
    assert (await person.client.get(DEVICES)).ok()["count"] == 0
    (await stranger.client.get(f"{DEVICES}{theirs}/")).ok()
