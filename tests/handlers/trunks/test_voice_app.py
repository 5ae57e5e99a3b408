"""A tenant's voice app over REST: one row, the switch for everything else, defaults that are the tenant's own."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from tests.handlers.trunks.accounts import TRUNKS, add_trunk
from tests.tenants import ROLES, Tenant

APP = "/voice/api/tenant-voice-app/"
GATED = (TRUNKS, "/voice/api/numbers/", "/voice/api/devices/", "/voice/api/rate-cards/",
         "/voice/api/recording-consents/", "/voice/api/calls/", "/voice/api/templates/")  # fmt: skip


async def only(tenant: Tenant) -> dict[str, Any]:
    """Return the tenant's voice app."""
    page = (await tenant().get(APP)).ok()
    assert (page["count"], page["next"], page["previous"], len(page["results"])) == (1, None, None, 1)
    return dict(page["results"][0])


async def test_there_is_one_with_defaults_and_no_way_to_make_or_remove_it(tenant: Tenant) -> None:
    app = await only(tenant)
    assert app["id"].startswith("vap_")
    assert (app["is_enabled"], app["recording_retention_days"], app["recording_requires_consent"]) == (True, 90, False)
    assert (app["default_outbound_config"], app["default_inbound_config"]) == (None, None)
    assert (await tenant("viewer").get(f"{APP}{app['id']}/")).ok() == app
    (await tenant().post(APP, {})).refused(405, "method_not_allowed")
    (await tenant().delete(f"{APP}{app['id']}/")).refused(405, "method_not_allowed")


async def test_voice_switched_off_closes_everything_but_its_switch(tenant: Tenant) -> None:
    path = f"{APP}{(await only(tenant))['id']}/"
    assert (await tenant("admin").patch(path, {"is_enabled": False})).ok()["is_enabled"] is False
    for mode in ("live", "test"):
        for where in GATED:
            for base in (where, where.replace("/voice/", "/voice/v1/", 1)):
                (await tenant("owner", mode).get(base)).refused(403, "voice_disabled")
    (await tenant().post(TRUNKS, {"name": "x", "provider": "sip"})).refused(403, "voice_disabled")
    assert (await tenant("viewer").get(path)).ok()["is_enabled"] is False
    (await tenant().patch(path, {"is_enabled": True})).ok()
    for where in GATED:
        (await tenant().get(where)).ok()


async def test_settings_are_changed_and_replaced(tenant: Tenant) -> None:
    path, trunk = f"{APP}{(await only(tenant))['id']}/", await add_trunk(tenant())
    changed = (await tenant().patch(path, {"default_outbound_config": trunk, "recording_retention_days": 7})).ok()
    assert (changed["default_outbound_config"], changed["recording_retention_days"]) == (trunk, 7)
    replaced = (await tenant().ask("PUT", path, {"is_enabled": True})).ok()
    assert (replaced["default_outbound_config"], replaced["recording_retention_days"]) == (None, 90)
    assert replaced["is_enabled"] is True


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"is_enabled": None}, "is_enabled"), ({"is_enabled": "maybe"}, "is_enabled"), ({"name": ""}, "name"),
        ({"recording_retention_days": 0}, "recording_retention_days"),
        ({"recording_retention_days": 36_501}, "recording_retention_days"),
        ({"default_outbound_config": "trk_none"}, "default_outbound_config"),
        ({"default_inbound_config": "trk_none"}, "default_inbound_config"),
    ],
)  # fmt: skip
async def test_a_faulty_field_is_named_and_nothing_changes(tenant: Tenant, fields: dict[str, Any], named: str) -> None:
    app = await only(tenant)
    for method in ("PATCH", "PUT"):
        answer = await tenant().ask(method, f"{APP}{app['id']}/", {"recording_requires_consent": True, **fields})
        assert list(answer.refused(400, "validation_error")) == [named]
    assert await only(tenant) == app


@pytest.mark.parametrize("role", ROLES)
async def test_everyone_reads_it_and_who_manages_voice_changes_it(tenant: Tenant, role: str) -> None:
    path = f"{APP}{(await only(tenant))['id']}/"
    (await tenant(role).get(path)).ok()
    answer = await tenant(role).patch(path, {"recording_retention_days": 30})
    if role in ("owner", "admin"):
        assert answer.ok()["recording_retention_days"] == 30
    else:
        answer.refused(403, "permission_denied")


async def test_another_tenants_app_and_configs_are_unknown(
    tenant: Tenant, new_tenant: Callable[[], Awaitable[Tenant]]
) -> None:
    other = await new_tenant()
    theirs, trunk = await only(other), await add_trunk(other())
    for method, body in (("GET", None), ("PATCH", {"is_enabled": False}), ("PUT", {"is_enabled": False})):
        (await tenant().ask(method, f"{APP}{theirs['id']}/", body)).refused(404, "not_found")
    assert await only(other) == theirs
    mine = await only(tenant)
    for name in ("default_outbound_config", "default_inbound_config"):
        answer = await tenant().patch(f"{APP}{mine['id']}/", {name: trunk})
        assert list(answer.refused(400, "validation_error")) == [name]
