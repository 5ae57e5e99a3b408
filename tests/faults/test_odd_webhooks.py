"""A webhook with something in it that cannot be applied: its neighbours are, and it does not come back for ever."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from jinaconnect.actions.messaging.incoming.applying import UNREADABLE, Batch
from jinaconnect.channels.facts import Inbound
from jinaconnect.core.clock import system_clock
from jinaconnect.core.inbox.address import PHONE, Address
from jinaconnect.store.due import due_at
from tests.client import until
from tests.conftest import Running
from tests.tenants import Tenant

HUGE = 2**63  # larger than any integer the database can hold


async def stored(gateway: Running, tenant: Tenant, body: bytes, tries: int = 0) -> dict[str, Any]:
    """Store a body as the door does, without applying it."""
    services = gateway.services
    row = {
        "_id": services.ids.new("inb"), "scope": tenant.id, "accounts": [tenant.whatsapp["app_id"]], "body": body,
        "received_at": services.clock(), "due": {**due_at(services.clock()), "tries": tries},
    }  # fmt: skip
    await services.store.insert("inbound", [row])
    return row


def fact(tenant: Tenant, sender: str, text: str, **extra: Any) -> Inbound:
    return Inbound(
        tenant.whatsapp["phone_number_id"], tenant.wamid(), Address(PHONE, f"+{sender}"), "Ann", system_clock(), "TEXT",
        {"type": "text", "body": {"text": text}}, extra=extra,
    )  # fmt: skip


async def test_a_fact_that_cannot_be_applied_harms_no_other(gateway: Running, tenant: Tenant) -> None:
    services = gateway.services
    row = await stored(gateway, tenant, b"{}")
    accounts = await gateway.ports.accounts.of_door(tenant.id, "whatsapp_meta")
    account = next(account for account in accounts if account.id == tenant.whatsapp["app_id"])
    for _ in range(2):  # and however often it is applied again
        batch = Batch(services, gateway.ports.worker, gateway.ports.channels["whatsapp_meta"], account.scope)
        for n, extra in enumerate(({}, {"referral": {"odd": HUGE}}, {})):
            batch.add(fact(tenant, f"1202555030{n}", f"text {n}", **extra), account, row)
        odd = replace(fact(tenant, "12025550303", "odd"), content={"type": "image"}, media={"id": "1"}, raw={"a": HUGE})
        batch.add(odd, account, row)
        await batch.apply()
    events = await tenant().events()
    texts = [e["data"]["content"]["body"]["text"] for e in events if e["type"] == "message.received"]
    assert sorted(texts) == [UNREADABLE] * 2 + ["text 0", "text 0", "text 1", "text 1", "text 2", "text 2"]
    shown = next(e["data"]["id"] for e in events if e["type"] == "message.received" and UNREADABLE in str(e["data"]))
    unread = await services.store.of(tenant.id, "live").get("messages", shown)
    assert unread["raw"] == {"a": str(HUGE)}, "it stands in its conversation with what the carrier told"
    failed = [e for e in events if e["type"] == "webhook.failed"]
    assert len(failed) == 1, "it is told once for each body"
    kept = await services.store.of(tenant.id, "live").get("webhook_events", failed[0]["subject"]["id"])
    assert kept["body"] == b"{}", "the raw body is kept"


async def test_a_body_that_can_never_be_applied_comes_to_an_end(gateway: Running, tenant: Tenant) -> None:
    row = await stored(gateway, tenant, b"no JSON at all", tries=8)
    events = await tenant().wait_for_events(lambda seen: any(e["type"] == "webhook.failed" for e in seen))
    assert events[-1]["data"]["account"] == tenant.whatsapp["app_id"]

    async def gone() -> bool:
        return await gateway.services.store.raw("inbound").find_one({"_id": row["_id"]}) is None

    await until(gone)


async def test_items_of_odd_shapes_leave_the_others_alone(tenant: Tenant) -> None:
    values = [tenant.text("+12025550321", "before"), tenant.text("+12025550322", "x"), tenant.text("+1202555032", "y")]
    values[1]["contacts"] = [{"profile": "Ann", "wa_id": 5}]
    values[2]["messages"][0] |= {"type": "interactive", "interactive": {"button_reply": ["odd"]}, "context": "odd"}
    (await tenant.webhook(tenant.envelope(*values, tenant.text("+12025550323", "after")))).ok()
    seen = await tenant().wait_for_events(lambda seen: sum(e["type"] == "message.received" for e in seen) == 4)
    told = [e["data"]["content"].get("body", {}).get("text") for e in seen if e["type"] == "message.received"]
    assert {"before", "x", "after"} <= set(told)


async def test_a_report_of_an_unknown_message_waits_in_each_organisation_apart(
    gateway: Running, tenant: Tenant, new_tenant: Any
) -> None:
    other = await new_tenant()
    id = tenant.wamid()
    report = {"id": id, "status": "delivered", "timestamp": "1760000000", "recipient_id": "12025550304"}
    for each in (tenant, other):
        (await each.webhook(each.envelope({"statuses": [dict(report)]}))).ok()

    async def both() -> bool:
        rows = await gateway.services.store.raw("jobs").find({"data.fact.carrier_id": id}).to_list()
        return {row["scope"] for row in rows} == {f"{tenant.id}:live", f"{other.id}:live"}

    await until(both)


@pytest.mark.parametrize("how", ["off", "removed"])
async def test_what_was_taken_in_is_applied_though_its_account_is_gone_by_then(
    gateway: Running, tenant: Tenant, how: str
) -> None:
    path, client = f"/wa/v1/apps/{tenant.whatsapp['app_id']}/", tenant()
    if how == "off":
        (await client.patch(path, {"is_active": False})).ok()
    else:
        (await client.delete(path)).ok(204)
    await stored(gateway, tenant, tenant.envelope(tenant.text("+12025550331", "written before")))
    await stored(gateway, tenant, b"no JSON at all", tries=8)

    def both(seen: list[dict[str, Any]]) -> bool:
        return {"message.received", "webhook.failed"} <= {event["type"] for event in seen}

    events = await client.wait_for_events(both)
    [received] = [event["data"] for event in events if event["type"] == "message.received"]
    assert received["content"]["body"]["text"] == "written before"
