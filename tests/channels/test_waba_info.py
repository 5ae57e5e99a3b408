"""How WhatsApp numbers stand: a row for each app, filled by what its provider tells."""

from __future__ import annotations

from typing import Any

import pytest
from aiohttp import web

from tests.carriers.gupshup import GupshupServer
from tests.carriers.meta import MetaServer
from tests.tenants import Tenant

TOLD = {
    "status": "success",
    "wabaInfo": {
        "accountStatus": "ACTIVE", "dockerStatus": "CONNECTED", "messagingLimit": "TIER_10K", "phone": "12025550170",
        "phoneQuality": "YELLOW", "wabaId": "102290129340398", "canSendMessage": "LIMITED", "verifiedName": "Lee",
        "ownershipType": "CLIENT_OWNED", "mmLiteStatus": "ELIGIBLE", "throughput": "STANDARD",
        "errors": [{"error_code": "141006", "error_description": "No payment method."}], "additionalInfo": ["x"],
    },
}  # fmt: skip


class Telling(GupshupServer):
    """A Gupshup that is asked how its apps stand."""

    answer: Any = (200, TOLD)

    def routes(self, application: web.Application) -> None:
        """Listen to that as well."""
        super().routes(application)

        async def info(request: web.Request) -> web.Response:
            assert request.headers["Authorization"] == self.key
            return web.json_response(self.answer[1], status=self.answer[0])

        application.router.add_get("/partner/app/{app}/waba/info", info)


async def test_gupshup_tells_and_it_is_kept(tenant: Tenant) -> None:
    server, owner = Telling(by_token=True), tenant()
    await server.start()
    app = (await owner.post("/wa/v1/apps/", server.account())).ok(201)
    path = f"/tenants/waba-info/{server.app_id}/"
    before = (await owner.get(path)).ok()
    assert (before["wa_app"], before["messaging_limit"], before["last_synced_at"]) == (app["id"], "TIER_NOT_SET", None)
    told = (await owner.post(f"{path}sync-waba-info/")).ok()
    assert (told["account_status"], told["messaging_limit"], told["phone_quality"]) == ("ACTIVE", "TIER_10K", "YELLOW")
    assert (told["can_send_message"], told["errors"][0]["error_code"]) == ("LIMITED", "141006")
    assert (await owner.get(path)).ok() == told
    listed = (await owner.get("/tenants/waba-info/", params={"bsp": "GUPSHUP"})).ok()["results"]
    assert listed == [told]
    assert (await owner.get(f"/wa/v1/apps/{app['id']}/")).ok()["tier"] == "TIER_10K"
    (await owner.post(f"{path}sync-waba-info/")).refused(429, "throttled")
    (await owner.get(f"{path}sync-waba-info/")).refused(429, "throttled")
    for method in ("GET", "POST"):
        (await tenant("viewer").ask(method, f"{path}sync-waba-info/")).refused(403, "permission_denied")
    await server.stop()


async def test_what_was_not_told_is_kept_as_an_error(tenant: Tenant) -> None:
    server, owner = Telling(by_token=True), tenant()
    server.answer = (429, {"status": "error", "message": "Too Many Requests"})
    await server.start()
    (await owner.post("/wa/v1/apps/", server.account())).ok(201)
    path = f"/tenants/waba-info/{server.app_id}/"
    (await owner.post(f"{path}sync-waba-info/")).refused(502, "provider_error")
    assert "Too Many Requests" in (await owner.get(path)).ok()["last_sync_error"]
    await server.stop()


async def test_meta_tells_of_its_number(tenant: Tenant) -> None:
    server, owner = MetaServer(), tenant()
    await server.start()
    app = (await owner.post("/wa/v1/apps/", server.account("+12025550221"))).ok(201)
    (await owner.post(f"/tenants/waba-info/{app['id']}/sync-waba-info/")).refused(502, "provider_error")
    server.number = {
        "display_phone_number": "+1 202", "verified_name": "Lee", "quality_rating": "GREEN", "status": "CONNECTED",
        "messaging_limit_tier": "TIER_100K", "throughput": {"level": "HIGH"},
        "health_status": {"can_send_message": "AVAILABLE"},
    }  # fmt: skip
    again = (await owner.post("/wa/v1/apps/", {**server.account("+12025550222"), "app_name": "Again"})).ok(201)
    told = (await owner.post(f"/tenants/waba-info/{again['id']}/sync-waba-info/")).ok()
    assert (told["messaging_limit"], told["throughput"], told["docker_status"]) == ("TIER_100K", "HIGH", "CONNECTED")
    assert (told["waba_id"], told["can_send_message"]) == (server.waba_id, "AVAILABLE")
    await server.stop()


@pytest.mark.parametrize(("bsp", "method"), [("META", "POST"), ("GUPSHUP", "POST"), ("GUPSHUP", "GET")])
async def test_the_sandboxs_numbers_stand_well(tenant: Tenant, bsp: str, method: str) -> None:
    client = tenant("owner", "test")
    [row] = (await client.get("/tenants/waba-info/", params={"bsp": bsp})).ok()["results"]
    told = (await client.ask(method, f"/tenants/waba-info/{row['id']}/sync-waba-info/")).ok()
    assert (told["phone_quality"], told["can_send_message"]) == ("GREEN", "AVAILABLE")


async def test_another_tenants_number_is_unknown(tenant: Tenant, new_tenant: Any) -> None:
    other: Tenant = await new_tenant()
    (await other().get(f"/tenants/waba-info/{tenant.whatsapp['app_id']}/")).refused(404, "not_found")
