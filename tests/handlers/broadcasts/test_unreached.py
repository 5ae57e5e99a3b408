"""Who has no address on a broadcast's platform: none of all contacts, and where they are named their own failure."""

from __future__ import annotations

from typing import Any

import pytest

from jinaconnect.core.inbox.contact import new_contact
from jinaconnect.store.tenant import Change, TenantStore
from tests.client import until
from tests.conftest import Running
from tests.handlers.billing.test_ledger import books, wallet_with
from tests.handlers.broadcasts.shop import BROADCASTS, ROWS
from tests.tenants import Tenant

SAID = {"name": "Open", "status": "QUEUED", "category": "UTILITY", "placeholder_data": {"message": "We are open."}}


class Office:
    """A tenant in test mode whose contacts are reached in different ways."""

    def __init__(self, gateway: Running, tenant: Tenant) -> None:
        self.gateway, self.client = gateway, tenant("owner", "test")
        self.store: TenantStore = gateway.services.store.of(tenant.id, "test")

    async def person(self, **fields: Any) -> str:
        doc = new_contact(self.gateway.services.ids.new("cnt"), source="IMPORT", by=None, **fields)
        await self.store.insert("contacts", doc)
        return str(doc["_id"])

    async def ends(self, id: str) -> tuple[dict[str, Any], dict[str, dict[str, Any]]]:
        """Let a broadcast's time have come; returns it as it has ended, and its recipients by contact."""
        now = self.gateway.services.clock()
        await self.store.change("broadcasts", id, lambda _: Change(set={"scheduled_time": now, "due.at": now}))
        self.gateway.ports.worker.run_now("broadcasts", self.store.scope, id)

        async def over() -> dict[str, Any] | None:
            shown: dict[str, Any] = (await self.client.get(f"{BROADCASTS}{id}/")).ok()
            return shown if shown["status"] in ("SENT", "PARTIALLY_SENT", "FAILED") else None

        ended = await until(over, 30)
        rows = (await self.client.get(ROWS, params={"broadcast": id})).ok()["results"]
        return ended, {row["contact"]: row for row in rows}


@pytest.fixture
def office(gateway: Running, tenant: Tenant) -> Office:
    return Office(gateway, tenant)


async def test_who_is_named_and_has_no_address_there_has_failed(office: Office) -> None:
    ann = await office.person(first_name="Ann", telegram_chat_id=12025550171)
    bea = await office.person(first_name="Bea", phone="+12025550172")
    made = (await office.client.post("/telegram/v1/broadcast/", {**SAID, "recipients": [ann, bea]})).ok(201)
    assert made["recipient_count"] == 2
    ended, rows = await office.ends(made["id"])
    assert (ended["status"], ended["sent_count"], ended["failed_count"]) == ("PARTIALLY_SENT", 1, 1)
    assert rows[ann]["status"] == "SENT"
    assert (rows[bea]["status"], rows[bea]["error_code"]) == ("FAILED", "contact.no_address")
    assert rows[bea]["response"] == "The contact has no telegram chat id to be reached at on Telegram."
    made = (await office.client.post("/telegram/v1/broadcast/", {**SAID, "recipients": [bea]})).ok(201)
    ended, rows = await office.ends(made["id"])
    assert (ended["status"], ended["failed_count"], list(rows)) == ("FAILED", 1, [bea])
    again = (await office.client.post(f"{BROADCASTS}{made['id']}/resume/", {"scope": "failed"})).ok(202)
    assert again["failed"] == 1
    ended, rows = await office.ends(made["id"])
    assert (ended["status"], rows[bea]["status"]) == ("FAILED", "FAILED")


async def test_all_contacts_are_those_who_are_reached_and_cost_no_more(office: Office) -> None:
    ann = await office.person(first_name="Ann", phone="+12025550171")
    for place in range(5):
        await office.person(first_name=f"T{place}", telegram_chat_id=12025550180 + place)
    await office.person(first_name="User", addresses=["whatsapp_user:US.1234567890123456789012345"])
    await office.person(first_name="Group", addresses=["whatsapp_group:group-1"])
    # As much as one text message costs.
    await wallet_with(office.gateway.services, office.store.scope, 0)
    (await office.client.post("/sandbox/wallet/", {"amount": 0.115})).ok()
    made = (await office.client.post("/sms/v1/broadcast/", {**SAID, "select_all": True})).ok(201)
    assert (made["recipient_count"], made["initial_cost"]) == (1, 0.115)
    assert (await books(office.gateway.services, office.store.scope))[0]["reserved"] == 115_000
    ended, rows = await office.ends(made["id"])
    assert (ended["status"], list(rows)) == ("SENT", [ann])
    made = (await office.client.post("/telegram/v1/broadcast/", {**SAID, "select_all": True})).ok(201)
    assert made["recipient_count"] == 5


async def test_who_is_not_reached_is_not_paid_for_beforehand(office: Office) -> None:
    await wallet_with(office.gateway.services, office.store.scope, 0)
    (await office.client.post("/sandbox/wallet/", {"amount": 0.115})).ok()
    ann = await office.person(first_name="Ann", phone="+12025550171")
    bea = await office.person(first_name="Bea", telegram_chat_id=12025550172)
    made = (await office.client.post("/sms/v1/broadcast/", {**SAID, "recipients": [bea, ann]})).ok(201)
    assert (made["recipient_count"], made["initial_cost"]) == (2, 0.115)
    ended, rows = await office.ends(made["id"])
    assert (rows[ann]["status"], rows[bea]["status"], ended["status"]) == ("SENT", "FAILED", "PARTIALLY_SENT")
    wallet, _ = await books(office.gateway.services, office.store.scope)
    assert (wallet["balance"], wallet["reserved"]) == (0, 0)


async def test_nobody_is_reached_there_is_nobody_to_send_it_to(office: Office) -> None:
    await office.person(first_name="Ann", phone="+12025550171")
    answer = await office.client.post("/telegram/v1/broadcast/", {**SAID, "select_all": True})
    assert list(answer.refused(400, "validation_error")) == ["recipients"]


async def test_on_whatsapp_all_contacts_are_those_with_a_number_or_an_id_of_its_own(office: Office) -> None:
    await office.person(first_name="Ann", phone="+12025550171")
    await office.person(first_name="Bea", telegram_chat_id=12025550172)
    await office.person(first_name="User", addresses=["whatsapp_user:US.1234567890123456789012345"])
    await office.person(first_name="Group", addresses=["whatsapp_group:group-1"])
    made = (await office.client.post("/wa/v1/templates/", {
        "element_name": "open", "category": "UTILITY", "content": "We are open."})).ok(201)  # fmt: skip
    body = {"name": "Open", "status": "QUEUED", "template_number": made["id"], "select_all": True}
    told = (await office.client.post("/wa/v1/broadcast/", body, params={"dry_run": "1"})).ok()
    assert (told["recipient_count"], told["verdicts"]) == (2, {"looked_at": 2, "now": 2, "later": 0, "never": {}})
