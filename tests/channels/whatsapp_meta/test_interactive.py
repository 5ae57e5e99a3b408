"""Interactive objects are looked at whole before anything is sent: what is wrong is named by its field."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from jinaconnect.channels.whatsapp.interactive import KINDS, interactive_faults
from tests.channels.whatsapp_meta.test_described import NATIVE, ORDER, SECTION
from tests.tenants import Tenant

WHOLE = {each["type"]: {"body": {"text": "?"}, **each} for each in reversed(NATIVE)} | {
    "cta_url": {"type": "cta_url", "body": {"text": "?"}, "action": {
        "name": "cta_url", "parameters": {"display_text": "Go", "url": "https://x.example"}}},
}  # fmt: skip
ROWS = [{"rows": [{"id": f"{place}", "title": "One"} for place in range(6)]}] * 2
OWN_ROWS = [{**ROWS[0], "title": "A"}, {"title": "B", "rows": [{"id": "x", "title": "One"}]}]
BUTTON = {"type": "reply", "reply": {"id": "y", "title": "Yes"}}
MANY = [{"product_retailer_id": f"S{place}"} for place in range(20)]
AMOUNT = {"value": 100, "offset": 100}


def changed(kind: str, path: str, value: Any) -> dict[str, Any]:
    """Return a whole object of a kind with one value in it changed, or left out where it is None."""

    def put(target: Any, ahead: list[str]) -> Any:
        name = int(ahead[0]) if isinstance(target, list) else ahead[0]
        made = list(target) if isinstance(target, list) else dict(target)
        if len(ahead) == 1 and value is None:
            del made[name]
        elif len(ahead) == 1:
            made[name] = value
        else:
            made[name] = put(made[name], ahead[1:])
        return made

    result: dict[str, Any] = put(WHOLE[kind], path.split("."))
    return result


def test_each_kind_has_one_that_is_whole() -> None:
    assert WHOLE.keys() == KINDS.keys()
    assert [interactive_faults({"body": {"text": "?"}, **each}) for each in NATIVE] == [{}] * len(NATIVE)


@pytest.mark.parametrize(
    ("kind", "path", "value", "named"),
    [
        ("button", "type", "wheel", "type"),
        ("button", "type", ["button"], "type"),
        ("button", "type", None, "type"),
        ("button", "action", "press", "action"),
        ("button", "action.buttons", [], "action.buttons"),
        ("button", "action.buttons", [BUTTON] * 4, "action.buttons"),
        ("button", "action.buttons", [BUTTON, BUTTON], "action"),
        ("button", "action.buttons.0.type", None, "action.buttons.0.type"),
        ("button", "action.buttons.0.reply.title", "x" * 21, "action.buttons.0.reply.title"),
        ("button", "action.buttons.0.reply.id", 5, "action.buttons.0.reply.id"),
        ("button", "body", None, "body"),
        ("button", "body.text", "x" * 1025, "body.text"),
        ("button", "footer", {"text": "x" * 61}, "footer.text"),
        ("button", "header", {"type": "text", "text": "x" * 61}, "header.text"),
        ("button", "header", {"type": "image"}, "header"),
        ("button", "header", {"type": "image", "image": {}}, "header.image"),
        ("button", "header", {"type": "image", "image": {"link": "ftp://x.example"}}, "header.image.link"),
        ("list", "header", {"type": "image", "text": "Well"}, "header.type"),
        ("list", "body.text", "x" * 4097, "body.text"),
        ("list", "action.button", "", "action.button"),
        ("list", "action.sections", [], "action.sections"),
        ("list", "action.sections", ROWS, "action"),
        ("list", "action.sections", [OWN_ROWS[0], {**OWN_ROWS[1], "title": ""}], "action"),
        ("list", "action.sections.0.rows.3.description", "x" * 73, "action.sections.0.rows.3.description"),
        ("cta_url", "action.parameters.url", "javascript:alert(1)", "action.parameters.url"),
        ("cta_url", "action.name", "open", "action.name"),
        ("flow", "action.parameters.flow_cta", "", "action.parameters.flow_cta"),
        ("flow", "action.parameters.flow_id", None, "action.parameters"),
        ("flow", "action.parameters.flow_name", "both", "action.parameters"),
        ("flow", "action.parameters.flow_action_payload.data", {}, "action.parameters.flow_action_payload.data"),
        ("product", "header", {"type": "text", "text": "New"}, "header"),
        ("product", "action.product_retailer_id", None, "action.product_retailer_id"),
        ("product_list", "header", None, "header"),
        ("product_list", "action.sections.0.product_items", [], "action.sections.0.product_items"),
        ("product_list", "action.sections", [{**SECTION, "product_items": MANY}] * 2, "action"),
        ("product_list", "action.sections.1.title", None, "action"),
        ("catalog_message", "action.parameters", {}, "action.parameters.thumbnail_product_retailer_id"),
        ("location_request", "action.name", "send", "action.name"),
        ("location_request_message", "body.text", "", "body.text"),
        ("order_details", "action.parameters.reference_id", "x" * 36, "action.parameters.reference_id"),
        ("order_details", "action.parameters.currency", "rupees", "action.parameters.currency"),
        ("order_details", "action.parameters.total_amount", 12.5, "action.parameters.total_amount"),
        ("order_details", "action.parameters.total_amount.value", -1, "action.parameters.total_amount.value"),
        ("order_details", "action.parameters.order.items", [], "action.parameters.order.items"),
        ("order_details", "action.parameters.order.items.0.quantity", 0,
         "action.parameters.order.items.0.quantity"),
        ("order_status", "action.parameters.order.status", "lost", "action.parameters.order.status"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named_by_its_field(kind: str, path: str, value: Any, named: str) -> None:
    assert [*interactive_faults(changed(kind, path, value))] == [f"interactive.{named}"]


@pytest.mark.parametrize(
    ("kind", "path", "value"),
    [
        ("list", "action.sections", OWN_ROWS), ("product", "body", None), ("button", "header", None),
        ("button", "action.added", {"later": True}), ("flow", "action.parameters.mode", "draft"),
        ("order_details", "action.parameters.order.discount", AMOUNT),
    ],
)  # fmt: skip
def test_what_may_be_left_out_or_is_not_spoken_of_goes_through(kind: str, path: str, value: Any) -> None:
    assert interactive_faults(changed(kind, path, value)) == {}


@pytest.mark.parametrize("fault", [{"total_amount": AMOUNT["value"]}, {"currency": "inr"}])
async def test_an_order_with_a_fault_is_refused_and_stores_nothing(tenant: Tenant, fault: Mapping[str, Any]) -> None:
    await tenant.receives("+12025550224", "hi")
    client = tenant()
    before = await client.events()
    parameters = {**ORDER, **fault}
    order = {**WHOLE["order_details"], "action": {"name": "review_and_pay", "parameters": parameters}}
    body = {"to": "+12025550224", "message_type": "INTERACTIVE", "interactive": order}
    [name] = (await client.post("/wa/v1/messages/", body)).refused(400, "validation_error")
    assert name == f"interactive.action.parameters.{next(iter(fault))}"
    assert await client.events() == before


async def test_a_product_needs_no_words(tenant: Tenant) -> None:
    await tenant.receives("+12025550225", "hi")
    body = {"to": "+12025550225", "message_type": "INTERACTIVE", "interactive": changed("product", "body", None)}
    sent = (await tenant().post("/wa/v1/messages/", body)).ok(201)
    shown = (await tenant().get(f"/team-inbox/api/messages/{sent['id']}/")).ok()
    assert shown["content"]["body"]["text"] == "S1"
