"""What versions before the seam left behind is taken up: stored bodies, planned reports, late statuses, sends."""

from __future__ import annotations

from typing import Any

from jinaconnect.actions.messaging.incoming.late import apply_late
from jinaconnect.actions.messaging.sandbox import deliver_webhook
from jinaconnect.channels.base import WebhookRequest
from jinaconnect.core.clock import system_clock
from jinaconnect.store.due import due_at
from tests.conftest import Running
from tests.tenants import Tenant

SENDER = "+12025550190"


async def sent(tenant: Tenant) -> dict[str, Any]:
    """Return a message that the sandbox's carrier took and reports nothing more of."""
    await tenant.receives("+12025550114", "hi")
    await tenant().wait_for_events(lambda seen: any(e["type"] == "message.received" for e in seen))
    body = {"to": "+12025550114", "text": "hello"}
    id = (await tenant().post("/wa/v1/messages/", body)).ok(201)["id"]
    await tenant().wait_for_events(lambda seen: any(e["type"] == "message.sent" for e in seen))
    return dict((await tenant().get(f"/wa/v1/messages/{id}/")).ok())


def test_a_body_alone_is_a_request() -> None:
    hook = WebhookRequest.of_row({"_id": "inb_x", "scope": "ten_x", "accounts": [], "body": b'{"a": 1}'})
    assert (hook.method, hook.json, dict(hook.headers)) == ("POST", {"a": 1}, {})


async def test_a_planned_report_of_an_earlier_version_is_posted(gateway: Running, tenant: Tenant) -> None:
    body = tenant.envelope(tenant.text(SENDER, "planned")).decode()
    data = {"tenant": tenant.id, "address": tenant.whatsapp["phone_number_id"], "body": body}
    await deliver_webhook(gateway.services, gateway.ports, f"{tenant.id}:live", data)
    events = await tenant().wait_for_events(lambda seen: any(e["type"] == "message.received" for e in seen))
    assert events[-1]["data"]["content"]["body"]["text"] == "planned"


async def test_a_late_report_of_an_earlier_version_is_applied(gateway: Running, tenant: Tenant) -> None:
    message = await sent(tenant)
    data = {
        "address": tenant.whatsapp["phone_number_id"], "carrier_id": message["wa_message_id"], "reference": None,
        "status": "DELIVERED", "at": system_clock(), "error_code": None, "error_message": None, "tries": 1,
    }  # fmt: skip
    await apply_late(gateway.services, gateway.ports.worker, f"{tenant.id}:live", data)
    await tenant().wait_for_events(lambda seen: any(e["type"] == "message.delivered" for e in seen))


async def test_a_send_recorded_by_an_earlier_version_goes_out(gateway: Running, tenant: Tenant) -> None:
    message = await sent(tenant)
    store, services = gateway.services.store.of(tenant.id, "live"), gateway.services
    row = await store.get("messages", message["id"])
    fresh = {
        **{name: value for name, value in row.items() if name not in ("scope", "rev", "pending", "words")},
        "_id": services.ids.new("msg"), "status": "PENDING", "carrier_id": None, "sent_at": None, "number": None,
        "request": {"type": "text", "text": {"body": "of before", "preview_url": False}}, "due": due_at(system_clock()),
    }  # fmt: skip
    await store.insert("messages", fresh)
    gateway.ports.worker.run_now("messages", store.scope, fresh["_id"])
    await tenant().wait_for_events(
        lambda seen: any(e["type"] == "message.sent" and e["subject"]["id"] == fresh["_id"] for e in seen)
    )
