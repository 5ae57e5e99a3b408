"""Templates at their carrier: handed in, asked after, handed in again, taken back."""

from __future__ import annotations

from typing import Any

from jinaconnect.actions.messaging.templates import REVIEW_JOB
from jinaconnect.actions.reviewing.reviews import follow_review
from tests.carriers.meta import MetaServer
from tests.channels.whatsapp_meta.test_real_webhooks import carrier
from tests.conftest import Running
from tests.tenants import Tenant

__all__ = ["carrier"]
PATH = "/wa/v1/templates/"


async def made(tenant: Tenant, app: str, **fields: Any) -> dict[str, Any]:
    body = {"wa_app": app, "element_name": "order_sent", "content": "Your order {{1}} is on its way.",
            "category": "UTILITY", **fields}  # fmt: skip
    answer: dict[str, Any] = (await tenant().post(PATH, body)).ok(201)
    return answer


async def jobs(gateway: Running, id: str) -> list[dict[str, Any]]:
    database = gateway.services.store.database
    return await database["jobs"].find({"kind": REVIEW_JOB, "data.template": id}).to_list()


async def follow(gateway: Running, tenant: Tenant, id: str, step: int = 0) -> None:
    await follow_review(gateway.services, gateway.ports, f"{tenant.id}:live", {"template": id, "step": step})


async def shown(tenant: Tenant, id: str) -> dict[str, Any]:
    answer: dict[str, Any] = (await tenant().get(f"{PATH}{id}/")).ok()
    return answer


async def test_whoever_misses_the_webhook_asks_until_it_is_decided(
    gateway: Running, tenant: Tenant, carrier: tuple[MetaServer, str]
) -> None:
    server, app = carrier
    template = await made(tenant, app)
    id, at_meta = template["id"], template["meta_template_id"]
    assert template["status"] == "PENDING"
    assert server.templates[at_meta]["components"] == [
        {"type": "BODY", "text": "Your order {{1}} is on its way.", "example": {"body_text": [["sample"]]}},
    ]  # fmt: skip
    assert len(await jobs(gateway, id)) == 1
    await follow(gateway, tenant, id)
    assert (await shown(tenant, id))["status"] == "PENDING"
    assert len(await jobs(gateway, id)) == 2
    server.templates[at_meta] |= {"status": "REJECTED", "rejected_reason": "INVALID_FORMAT"}
    await follow(gateway, tenant, id, 1)
    after = await shown(tenant, id)
    assert (after["status"], after["rejection_reason"]) == ("REJECTED", "INVALID_FORMAT")
    told = [(e["type"], e["data"]["status"]) for e in await tenant().events() if e["subject"]["id"] == id]
    assert told == [
        ("template.created", "PENDING"), ("template.updated", "REJECTED"), ("template.status_changed", "REJECTED")
    ]  # fmt: skip
    before = len(await jobs(gateway, id))
    await follow(gateway, tenant, id, 2)
    assert len(await jobs(gateway, id)) == before


async def test_a_draft_that_was_not_taken_is_handed_in_again_and_in_the_end_left_alone(
    gateway: Running, tenant: Tenant, carrier: tuple[MetaServer, str]
) -> None:
    server, app = carrier
    server.takes_templates = False
    template = await made(tenant, app)
    id = template["id"]
    assert (template["status"], template["needs_sync"]) == ("DRAFT", True)
    assert "unavailable" in template["error_message"]
    refused = await tenant().post(f"{PATH}{id}/sync/")
    assert refused.status == 502
    await follow(gateway, tenant, id, 2)
    left = len(await jobs(gateway, id))
    await follow(gateway, tenant, id, 3)
    assert len(await jobs(gateway, id)) == left
    server.takes_templates = True
    await follow(gateway, tenant, id, 1)
    after = await shown(tenant, id)
    assert (after["status"], after["needs_sync"], after["error_message"]) == ("PENDING", False, None)
    assert after["meta_template_id"] in server.templates


async def test_what_has_changed_is_handed_in_by_a_sync_and_a_removed_one_taken_back(
    tenant: Tenant, carrier: tuple[MetaServer, str]
) -> None:
    server, app = carrier
    template = await made(tenant, app)
    id, at_meta = template["id"], template["meta_template_id"]
    server.templates[at_meta]["status"] = "APPROVED"
    synced = (await tenant().post(f"{PATH}{id}/sync/")).ok()
    assert (synced["status"], synced["meta_template_id"]) == ("APPROVED", at_meta)
    (await tenant().patch(f"{PATH}{id}/", {"content": "Order {{1}} has left."})).ok()
    synced = (await tenant().post(f"{PATH}{id}/sync/")).ok()
    assert (synced["status"], synced["needs_sync"], len(server.templates)) == ("PENDING", False, 1)
    assert server.templates[at_meta]["components"][0]["text"] == "Order {{1}} has left."
    assert (await tenant("viewer").post(f"{PATH}{id}/sync/")).status == 403
    (await tenant().delete(f"{PATH}{id}/")).ok(204)
    assert server.templates == {}


async def test_places_with_names_are_handed_in_as_such(tenant: Tenant, carrier: tuple[MetaServer, str]) -> None:
    _, app = carrier
    named = {"content": "Hello {{first_name}}, order {{order}}.", "example_body": {"order": "4711"}}
    template = await made(tenant, app, **named)
    payload = (await tenant().get(f"{PATH}{template['id']}/meta-payload/")).ok()
    assert (payload["name"], payload["parameter_format"]) == ("order_sent", "NAMED")
    assert payload["components"][0]["example"]["body_text_named_params"] == [
        {"param_name": "first_name", "example": "sample"}, {"param_name": "order", "example": "4711"},
    ]  # fmt: skip
