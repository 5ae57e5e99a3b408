"""`ari-health/`: what is shown of trunks and calls, and to whom."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from jinaconnect.core.calls import document as calls
from jinaconnect.store.tenant import Change
from tests.client import Client, until
from tests.conftest import Running
from tests.tenants import Tenant

PATH = "/voice/api/ari-health/"


async def sandbox_up(client: Client) -> dict[str, Any]:
    """Return the health of a tenant's sandbox once the simulated carrier is there."""

    async def read() -> dict[str, Any] | None:
        body = (await client.get(PATH)).ok()
        return body if body["status"] == "up" else None

    return dict(await until(read))


async def add_call(gateway: Running, tenant: str, trunk: str, now: datetime, ago: timedelta, **fields: Any) -> None:
    """Store an outbound call that ended some time ago: busy, unless told otherwise."""
    services = gateway.services
    dialled = now - ago - timedelta(seconds=40)
    doc = calls.new_call(
        services.ids.new("call"), direction="outbound", from_number="+12025550100", to_number="+12025550111",
        provider_config=trunk, switch="sandbox", plan={"kind": "tts"}, at=dialled,
    )  # fmt: skip
    ended = {"status": "FAILED", "ended_at": now - ago, "dialing_at": dialled, "hangup_cause": "USER_BUSY",
             "sip_code": 486, "live_on": None}  # fmt: skip
    await services.store.of(tenant, "test").insert("calls", {**doc, **ended, **fields})


def answered(now: datetime, ago: timedelta, seconds: int) -> dict[str, Any]:
    """Return the fields of a call that rang after one second and was talked for some."""
    dialled = now - ago - timedelta(seconds=40)
    return {
        "status": "COMPLETED", "hangup_cause": "NORMAL_CLEARING", "sip_code": None, "duration_seconds": seconds,
        "ringing_at": dialled + timedelta(seconds=1), "started_at": now - ago - timedelta(seconds=seconds),
    }  # fmt: skip


async def test_the_sandbox_trunk_is_up_as_long_as_its_carrier_is(tenant: Tenant) -> None:
    body = await sandbox_up(tenant("viewer", "test"))
    (trunk,) = body["trunks"]
    assert (trunk["status"], trunk["asterisk"], trunk["cap"]) == ("up", "sandbox", 10)
    assert trunk["contact"] == {"state": "reachable", "rtt_ms": 0.0}
    assert trunk["registration"] is None
    assert trunk["options"] == {"p50_ms": None, "p99_ms": None, "lost_5m": 0}
    nothing = {"attempts": 0, "answered": 0, "asr": None, "ner": None, "acd_s": None, "pdd_ms": None, "causes": []}
    assert trunk["windows"] == {"5m": nothing, "1h": nothing, "24h": nothing}
    assert "asterisks" not in body


async def test_the_figures_are_those_of_the_calls_in_each_window(gateway: Running, tenant: Tenant) -> None:
    client = tenant("owner", "test")
    trunk = (await sandbox_up(client))["trunks"][0]["id"]
    now = gateway.services.clock()
    minutes = timedelta(minutes=1)
    await add_call(gateway, tenant.id, trunk, now, minutes)
    await add_call(gateway, tenant.id, trunk, now, minutes, **answered(now, minutes, 30))
    await add_call(gateway, tenant.id, trunk, now, 30 * minutes, **answered(now, 30 * minutes, 10))
    gone = {"hangup_cause": "NETWORK_OUT_OF_ORDER", "sip_code": 500}
    await add_call(gateway, tenant.id, trunk, now, timedelta(hours=5), **gone)
    # None of these is an attempt of the last day: too old, never dialled, coming in, another trunk's, not over.
    await add_call(gateway, tenant.id, trunk, now, timedelta(hours=25))
    await add_call(gateway, tenant.id, trunk, now, minutes, dialing_at=None)
    await add_call(gateway, tenant.id, trunk, now, minutes, direction="inbound")
    await add_call(gateway, tenant.id, "trk_other", now, minutes)
    await add_call(gateway, tenant.id, trunk, now, minutes, status="RINGING", ended_at=None)
    (shown,) = (await client.get(PATH)).ok()["trunks"]
    assert shown["calls"] == 1
    windows = shown["windows"]
    assert [windows[name]["attempts"] for name in ("5m", "1h", "24h")] == [2, 3, 4]
    assert windows["5m"] == {
        "attempts": 2, "answered": 1, "asr": 0.5, "ner": 1.0, "acd_s": 30.0, "pdd_ms": pytest.approx(1000, abs=5),
        "causes": [{"cause": "USER_BUSY", "count": 1}],
    }  # fmt: skip
    assert windows["1h"]["acd_s"] == 20.0
    assert (windows["24h"]["asr"], windows["24h"]["ner"]) == (0.5, 0.75)
    assert {each["cause"] for each in windows["24h"]["causes"]} == {"USER_BUSY", "NETWORK_OUT_OF_ORDER"}


async def test_no_tenant_sees_another_s(tenant: Tenant, new_tenant: Callable[[], Awaitable[Tenant]]) -> None:
    other = await new_tenant()
    mine = (await sandbox_up(tenant("owner", "test")))["trunks"][0]["id"]
    theirs = (await other("owner", "test").get(PATH)).ok()["trunks"]
    assert [each["id"] for each in theirs] != [mine]
    assert (await other("owner", "test").get(f"{PATH}?trunk={mine}")).ok()["trunks"] == []
    assert (await tenant("owner").get(f"{PATH}?trunk={mine}")).ok()["trunks"] == []
    refused = await other("owner", "test").post(f"/voice/api/provider-configs/{mine}/test/")
    refused.refused(404, "not_found")


async def test_without_an_asterisk_live_telephony_is_down_and_its_trunks_too(gateway: Running, tenant: Tenant) -> None:
    services = gateway.services
    (sandbox,) = (await sandbox_up(tenant("owner", "test")))["trunks"]
    test_row = await services.store.of(tenant.id, "test").get("trunks", sandbox["id"])
    hidden = ("scope", "rev", "pending", "created_at", "updated_at")
    doc = {name: value for name, value in test_row.items() if name not in hidden}
    id = services.ids.new("trk")
    await services.store.of(tenant.id, "live").insert("trunks", {**doc, "_id": id, "asterisk": "gone"})
    body = (await tenant().get(PATH)).ok()
    assert body["status"] == "down"
    (trunk,) = body["trunks"]
    assert (trunk["id"], trunk["status"], trunk["contact"]["state"]) == (id, "down", "unknown")
    (await tenant().post(f"/voice/api/provider-configs/{id}/test/")).refused(400, "invalid_state")


async def test_only_who_may_see_calls_sees_it_and_only_managers_of_voice_test(tenant: Tenant, client: Any) -> None:
    for role in ("owner", "admin", "manager", "agent", "viewer"):
        (await tenant(role).get(PATH)).ok()
    (await client(None).get(PATH)).refused(401, "not_authenticated")
    trunk = (await sandbox_up(tenant("owner", "test")))["trunks"][0]["id"]
    for role in ("manager", "agent", "viewer"):
        answer = await tenant(role, "test").post(f"/voice/api/provider-configs/{trunk}/test/")
        answer.refused(403, "permission_denied")


async def test_it_is_closed_while_voice_is_off(gateway: Running, tenant: Tenant) -> None:
    store = gateway.services.store.of(tenant.id, "live")
    (app,) = await store.select("voice_apps", {})
    await store.change("voice_apps", app["_id"], lambda doc: Change(set={"is_enabled": False}))
    (await tenant().get(PATH)).refused(403, "voice_disabled")
    (await tenant().get("/voice/v1/api/ari-health/")).refused(403, "voice_disabled")


async def test_the_sandbox_is_tested_with_and_without_a_call(tenant: Tenant) -> None:
    client = tenant("owner", "test")
    trunk = (await sandbox_up(client))["trunks"][0]["id"]
    path = f"/voice/api/provider-configs/{trunk}/test/"
    asked = {"options": {"ok": True, "rtt_ms": 0.0, "sip_code": 200}, "registration": None}
    assert (await client.post(path)).ok() == asked
    called = (await client.post(path, {"call_to": "+12025550111"})).ok()
    assert called["options"] == asked["options"]
    assert called["call"]["ok"] is True
    assert called["call"]["pdd_ms"] >= 0
    refused = (await client.post(path, {"call_to": "12"})).refused(400, "validation_error")
    assert list(refused) == ["call_to"]


async def test_a_provider_without_sip_is_asked_its_own_way_and_has_no_profile(gateway: Running, tenant: Tenant) -> None:
    services = gateway.services
    (sandbox,) = (await sandbox_up(tenant("owner", "test")))["trunks"]
    store = services.store.of(tenant.id, "test")
    row = await store.get("trunks", sandbox["id"])
    hidden = ("scope", "rev", "pending", "created_at", "updated_at")
    doc = {name: value for name, value in row.items() if name not in hidden}
    id = services.ids.new("trk")
    await store.insert("trunks", {**doc, "_id": id, "provider": "telnyx", "vendor_profile": None, "asterisk": None})
    asked = (await tenant("owner", "test").post(f"/voice/api/provider-configs/{id}/test/")).ok()
    assert (asked["options"]["ok"], asked["registration"]) == (True, None)
    (shown,) = (await tenant("owner", "test").get(f"{PATH}?trunk={id}")).ok()["trunks"]
    assert (shown["status"], shown["profile"]) == ("unknown", None)


async def test_metrics_and_readiness_tell_of_switches_without_tenants(tenant: Tenant, client: Any) -> None:
    await sandbox_up(tenant("owner", "test"))
    ready = (await client(None).get("/readyz/")).ok()
    assert (ready["status"], ready["checks"]["asterisk"]) == ("ok", "none")
    text = (await client(None).get("/metrics/")).ok().decode()
    assert 'jc_asterisk_up{asterisk="sandbox"} 1.0' in text
    assert 'jc_asterisk_calls{asterisk="sandbox"}' in text
    assert tenant.id not in text


async def test_figures_by_slot_are_those_of_the_calls_in_each(gateway: Running, tenant: Tenant) -> None:
    client = tenant("owner", "test")
    trunk = (await sandbox_up(client))["trunks"][0]["id"]
    now, minute = gateway.services.clock(), timedelta(minutes=1)
    await add_call(gateway, tenant.id, trunk, now, minute)
    await add_call(gateway, tenant.id, trunk, now, minute, **answered(now, minute, 30))
    await add_call(gateway, tenant.id, trunk, now, 90 * minute, **answered(now, 90 * minute, 10))
    path = f"/voice/api/provider-configs/{trunk}/figures/"
    day = (await client.get(path)).ok()
    assert (day["window"], day["rtt"], len(day["slots"])) == ("24h", [], 48)
    attempts = [slot["attempts"] for slot in day["slots"]]
    assert (sum(attempts), attempts[-1]) == (3, 2)
    assert {name: day["slots"][-1][name] for name in ("asr", "ner", "acd_s")} == {"asr": 0.5, "ner": 1.0, "acd_s": 30.0}
    hour = (await client.get(path, params={"window": "1h"})).ok()["slots"]
    assert sum(slot["attempts"] for slot in hour) == 2
    (await client.get(path, params={"window": "2h"})).refused(400, "validation_error")
    (await tenant("manager", "test").get(path)).refused(403, "permission_denied")
    told = (await client.get("/voice/api/vendor-profiles/")).ok()
    assert "generic" in [each["name"] for each in told["results"]]
    forms = {each["provider"]: each for each in told["accounts"]}
    assert list(forms) == ["twilio", "plivo", "vonage", "telnyx", "exotel"]
    fields = {name: {each["name"]: each for each in form["fields"]} for name, form in forms.items()}
    assert [each for each, told in fields["twilio"].items() if told["required"]] == ["account_sid", "auth_token"]
    assert [each for each, told in fields["vonage"].items() if told["secret"]] == [
        "api_secret", "private_key_pem", "signature_secret",
    ]  # fmt: skip
    assert fields["vonage"]["private_key_pem"]["lines"] == 4
    assert fields["exotel"]["subdomain"]["default"] == "api.exotel.com"
    assert all("base_url" not in each for each in fields.values())
