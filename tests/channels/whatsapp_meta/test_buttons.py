"""Buttons of templates that open a flow or call: handed in, sent and read in Meta's form."""

from __future__ import annotations

from tests.carriers.meta import MetaServer
from tests.channels.whatsapp_meta.test_cards import PATH, approved, sent
from tests.channels.whatsapp_meta.test_real_webhooks import carrier
from tests.conftest import Running
from tests.tenants import Tenant

__all__ = ["carrier"]
FLOW = {"type": "FLOW", "text": "Book", "flow_id": "77", "flow_action": "navigate", "navigate_screen": "START"}
CALL = {"type": "CALL_REQUEST", "text": "Call us"}
BOOKING = {"element_name": "booking", "category": "UTILITY", "content": "When?", "buttons": [CALL, FLOW]}


async def test_they_are_handed_in_as_meta_calls_them(
    gateway: Running, tenant: Tenant, carrier: tuple[MetaServer, str]
) -> None:
    server, app = carrier
    made = await approved(gateway, tenant, app, **BOOKING)
    [_, handed] = server.templates[made["meta_template_id"]]["components"]
    assert handed["buttons"] == [{"type": "VOICE_CALL", "text": "Call us"}, FLOW]
    assert made["buttons"] == [CALL, FLOW]


async def test_a_flow_is_opened_by_every_send(
    gateway: Running, tenant: Tenant, carrier: tuple[MetaServer, str]
) -> None:
    server, app = carrier
    made = await approved(gateway, tenant, app, **BOOKING)
    template = await sent(tenant, server, app, template=made["id"])
    opens = {"type": "button", "sub_type": "flow", "index": "1"}
    unused = {"type": "action", "action": {"flow_token": "unused"}}
    assert template["components"] == [{**opens, "parameters": [unused]}]
    given = {"type": "action", "action": {"flow_token": "t1", "flow_action_data": {"day": "Monday"}}}
    own = {**opens, "parameters": [given]}
    template = await sent(tenant, server, app, template=made["id"], template_params={"buttons": [own]})
    assert template["components"] == [own]


async def test_a_flow_is_read_from_what_meta_lists(tenant: Tenant, carrier: tuple[MetaServer, str]) -> None:
    server, app = carrier
    listed = {**FLOW, "flow_id": 77, "flow_action": "NAVIGATE"}
    parts = [{"type": "BODY", "text": "When?"}, {"type": "BUTTONS", "buttons": [listed]}]
    server.templates["905"] = {"name": "booking", "language": "en", "category": "UTILITY", "status": "APPROVED",
                               "components": parts}  # fmt: skip
    (await tenant().post(f"{PATH}sync-from-bsp/", {"wa_app_id": app})).ok()
    [row] = (await tenant().get(PATH, params={"wa_app": app})).ok()["results"]
    assert {name: value for name, value in row["buttons"][0].items() if value is not None} == FLOW
