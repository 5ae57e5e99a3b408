"""An organisation at a glance: what it uses, and what it should see to."""

from __future__ import annotations

from datetime import timedelta

from jinaconnect.actions.billing.keeping import set_up
from jinaconnect.core.broadcasts.document import new_broadcast
from tests.client import Client
from tests.conftest import Running
from tests.tenants import Tenant

ALERTS = "/tenants/host-wallet/alerts/"


async def test_an_organisation_is_shown_with_what_it_uses_and_money_to_leads_alone(tenant: Tenant) -> None:
    (await tenant().post("/contacts/", {"phone": "+12025550181"})).ok(201)
    lead, agent = [(await tenant(role).get(f"/tenants/{tenant.id}/")).ok() for role in ("admin", "agent")]
    assert (lead["products_using"], lead["contacts_count"], agent["contacts_count"]) == (["WHATSAPP"], 1, 0)
    assert [app["id"] for app in lead["wa_apps"]] == [tenant.whatsapp["app_id"]]
    assert (lead["balance"], lead["threshold_alert_currency"]) == (0, "USD")
    assert "balance" not in agent
    assert "app_id" not in agent["wa_apps"][0]
    assert (await tenant("agent").get("/tenants/")).ok()["results"] == [agent]


async def test_a_threshold_is_changed_with_the_organisation_and_money_is_not(gateway: Running, tenant: Tenant) -> None:
    owner, path = tenant(), f"/tenants/{tenant.id}/"
    assert "threshold_alert" in (await owner.patch(path, {"threshold_alert": 5})).refused(400, "validation_error")
    await set_up(gateway.services, f"{tenant.id}:live", is_on=True)
    name = f"Lee {tenant.id}"
    (await owner.patch(path, {"threshold_alert": 5, "balance": 1000, "is_active": False, "name": name})).ok()
    shown = (await owner.get(path)).ok()
    assert (shown["threshold_alert"], shown["balance"], shown["is_active"], shown["name"]) == (5, 0, True, name)
    assert "threshold_alert" in (await owner.patch(path, {"threshold_alert": None})).refused(400, "validation_error")
    few = {"name": "Few", "priority": 50, "permissions": {"tenant.edit": True, "tenant.view": True}}
    role = (await owner.post("/tenants/roles/", few)).ok(201)["id"]
    key = (await owner.post("/tenants/api-keys/", {"name": "few", "role_id": role})).ok(201)["key"]
    limited = Client(owner.url, key, owner.session)
    (await limited.patch(path, {"threshold_alert": 0})).refused(403, "permission_denied")


async def test_alerts_tell_of_rejected_templates_and_of_broadcasts_that_failed(
    gateway: Running, tenant: Tenant
) -> None:
    owner, services = tenant(), gateway.services
    store, now = services.store.of(tenant.id, "live"), services.clock()
    assert (await owner.get(ALERTS)).ok() == {
        "alerts": [], "summary": {"critical": 0, "warning": 0, "info": 0, "total": 0}
    }  # fmt: skip
    made = (await owner.post("/wa/v1/templates/", {"element_name": "loud", "content": "BUY"})).ok(201)
    database = services.store.database
    await database["templates"].update_one(
        {"_id": made["id"]}, {"$set": {"status": "REJECTED", "rejection_reason": "too loud", "updated_at": now}}
    )
    for name, failed, days in (("bad", 3, 1), ("good", 1, 1), ("old", 9, 8)):
        doc = {**new_broadcast(services.ids.new("brc"), by=None, user=None, name=name), "status": "SENT"}
        counts = {"DELIVERED": 20 - failed, "FAILED": failed}
        await store.insert("broadcasts", {**doc, "counts": counts, "ended_at": now - timedelta(days=days)})
    told = (await tenant("manager").get(ALERTS)).ok()
    assert [(each["type"], each["severity"], each["message"]) for each in told["alerts"]] == [
        ("template_rejected", "warning", "loud: too loud"), ("high_bounce_rate", "warning", "bad: 15.0 % failed")
    ]  # fmt: skip
    assert told["summary"] == {"critical": 0, "warning": 2, "info": 0, "total": 2}
    await database["templates"].update_one({"_id": made["id"]}, {"$set": {"updated_at": now - timedelta(days=8)}})
    assert [each["type"] for each in (await owner.get(ALERTS)).ok()["alerts"]] == ["high_bounce_rate"]
