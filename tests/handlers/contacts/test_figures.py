"""Contacts in figures, by channel, and of a file that is waited for."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from jinaconnect.core.inbox.contact import new_contact
from tests.conftest import Running
from tests.handlers.contacts.test_import import send
from tests.tenants import Tenant


async def test_the_dashboard_counts_who_came_and_who_wrote(gateway: Running, tenant: Tenant) -> None:
    owner, now = tenant(), datetime.now(UTC)
    nothing = (await owner.get("/contacts/dashboard/")).ok()
    assert (nothing["period"], nothing["total_contacts"], nothing["active_percent"]) == ("7d", 0, None)
    assert nothing["top_segment"] is None
    store = gateway.services.store.of(tenant.id, "live")
    rows = []
    for place in range(30):
        came, last = now - timedelta(days=place), now - timedelta(days=2 * place) if place % 2 else None
        doc = new_contact(gateway.services.ids.new("cnt"), source="MANUAL", by=None, created_at=came, updated_at=came)
        doc.update(phone=f"+12025551{place:03}", tags=["many", "few"] if place in (1, 2, 3) else ["many", "half"])
        doc["chat"].update(at=last, inbound={"SMS": last} if last and place > 5 else {})
        doc["lead_status"] = "CONVERTED" if place == 7 else None
        rows.append((doc, ()))
    rows[29][0]["deleted_at"] = now
    await store.insert_many("contacts", rows)
    told = (await owner.get("/contacts/dashboard/", params={"period": "7d"})).ok()
    assert told == {
        "period": "7d", "new_contacts": 7, "new_contacts_change_percent": 0.0, "total_contacts": 29,
        "active_contacts": 7, "inactive_contacts": 22, "active_percent": 24.1, "inactive_percent": 75.9,
        "top_segment": {"name": "half", "contact_count": 26, "engagement_rate": 42.3},
        "funnel": {"total_reach": 29, "messaged": 14, "engaged": 11, "converted": 1}, "count_exact": True,
    }  # fmt: skip
    assert (await owner.get("/contacts/dashboard/", params={"period": "24h"})).ok()["new_contacts"] == 1
    assert "period" in (await owner.get("/contacts/dashboard/?period=1y")).refused(400, "validation_error")
    theirs = (await tenant("agent").get("/contacts/dashboard/")).ok()
    assert theirs["total_contacts"] == 0, "agents count those assigned to them"


async def test_each_channel_lists_its_own_contacts(tenant: Tenant) -> None:
    owner = tenant()
    for place, source in enumerate(("MANUAL", "SMS", "RCS", "VOICE")):
        body = {"phone": f"+1202555020{place}", "source": source}
        (await owner.post("/contacts/", body)).ok(201)
    (await owner.post("/contacts/", {"telegram_chat_id": 7, "source": "TELEGRAM"})).ok(201)
    for channel, source in (("sms", "SMS"), ("telegram", "TELEGRAM"), ("rcs", "RCS")):
        rows = (await owner.get(f"/{channel}/v1/contacts/")).ok()["results"]
        assert {(row["source"], row["expires_at"], row["last_message_at"]) for row in rows} == {
            ("MANUAL", None, None), (source, None, None)
        }  # fmt: skip


async def test_a_file_is_waited_for(tenant: Tenant) -> None:
    owner, file = tenant(), "phone,first_name\n+12025550401,Ann\n12,Bad\n+12025550402,Bo\n+12025550402,Bo\n"
    told = (await send(owner, file, path="/contacts/upload-csv/")).ok(201)
    assert {name: told[f"{name}_count"] for name in ("created", "skipped", "updated", "error")} == {
        "created": 2, "skipped": 1, "updated": 0, "error": 1
    }  # fmt: skip
    assert (told["total_rows"], told["status"], [row["row"] for row in told["errors"]]) == (4, "COMPLETED", [3])
    again = (await send(owner, file, path="/contacts/upload-csv/")).ok(200)
    assert (again["created_count"], again["skipped_count"]) == (0, 3)
    refused = (await send(owner, b"PK", "people.xlsx", path="/contacts/upload-csv/")).refused(400, "validation_error")
    assert "file" in refused
    (await send(tenant("agent"), file, path="/contacts/upload-csv/")).refused(403, "permission_denied")
