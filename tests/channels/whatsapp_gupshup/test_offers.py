"""Limited-time offers, flows and a broadcast's other files through Gupshup, in either form of its API."""

from __future__ import annotations

import json

from tests.channels.whatsapp_gupshup.conftest import Shop
from tests.channels.whatsapp_gupshup.test_send import ANN, FILE
from tests.channels.whatsapp_meta.test_buttons import FLOW
from tests.channels.whatsapp_meta.test_offers import ENDS, OFFER
from tests.handlers.office.test_library import picture, send


async def test_an_offer_is_handed_in_and_sent_in_either_form(either: Shop) -> None:
    made = await either.approved(**OFFER, vertical="Spring sale")
    handed = either.server.templates[-1]
    assert [handed[name] for name in ("isLTO", "limitedOfferText", "hasExpiration", "vertical")] == [
        "true", "Ends soon!", "true", "Spring sale"
    ]  # fmt: skip
    values = {"body": [{"type": "text", "text": "Ann"}], "expiration_time_ms": ENDS}
    sent = await either.sends(ANN, message_type="TEMPLATE", template=made["id"], template_params=values)
    await either.became(sent.ok(201)["id"], "SENT")
    template = either.server.requests[-1]["template"]
    if either.server.by_token:
        ends = {"type": "limited_time_offer", "limited_time_offer": {"expiration_time_ms": ENDS}}
        assert template["components"][1] == {"type": "limited_time_offer", "parameters": [ends]}
    else:
        assert template == {"id": made["bsp_template_id"], "params": ["Ann", "SPRING25"], "expiration": ENDS}


async def test_a_flow_is_handed_in_and_opened_in_either_form(either: Shop) -> None:
    made = await either.approved(element_name="booking", category="UTILITY", content="When, {{1}}?", buttons=[FLOW])
    assert json.loads(either.server.templates[-1]["buttons"]) == [FLOW]
    values = {"body": [{"type": "text", "text": "Ann"}]}
    sent = await either.sends(ANN, message_type="TEMPLATE", template=made["id"], template_params=values)
    await either.became(sent.ok(201)["id"], "SENT")
    template = either.server.requests[-1]["template"]
    if either.server.by_token:
        unused = [{"type": "action", "action": {"flow_token": "unused"}}]
        assert template["components"][1] == {"type": "button", "sub_type": "flow", "index": "0", "parameters": unused}
    else:
        assert template == {"id": made["bsp_template_id"], "params": ["Ann"]}


async def test_media_overrides_of_a_broadcast_are_what_each_recipients_request_shows(either: Shop) -> None:
    numbers = [f"+1202555018{last}" for last in range(3)]
    made = await either.approved(
        element_name="look", content="Look, {{first_name}}.", template_type="IMAGE", example_media_url=f"{FILE}.jpg",
        category="UTILITY",
    )  # fmt: skip
    other = (await send(either.tenant(), "other.png", picture("PNG"))).ok(201)["id"]
    await either.broadcasts(made, numbers, media_overrides={"header": other})
    shown = {}
    for request in either.server.requests:
        if either.server.by_token:
            [header] = request["template"]["components"][0]["parameters"]
            shown["+" + request["to"]] = header["image"]["link"]
        else:
            assert request["message"]["type"] == "image"
            shown["+" + request["destination"]] = request["message"]["image"]["link"]
    assert set(shown) == set(numbers)
    assert all(other in link for link in shown.values())
