"""Limited-time offers at Meta, and links of ours on the cards of a carousel."""

from __future__ import annotations

from typing import Any

import pytest

from jinaconnect.channels.whatsapp.templates import fields_of
from jinaconnect.core.broadcasts.links import CODE
from jinaconnect.store.tenant import Change
from tests.acceptance.test_line_12_links import LINKS, follows
from tests.carriers.meta import MetaServer
from tests.channels.whatsapp_meta.test_cards import CARDS, PATH, QUICK, approved, sent, text
from tests.channels.whatsapp_meta.test_real_webhooks import carrier
from tests.conftest import Running
from tests.handlers.broadcasts.shop import Shop, open_shop
from tests.tenants import Tenant

__all__ = ["carrier"]
COPY = {"type": "COPY_CODE", "text": "Copy code", "example": "SPRING25"}
OFFER = {
    "element_name": "offer", "content": "Hello {{1}}: a quarter off.", "is_lto": True, "lto_text": "Ends soon!",
    "lto_has_expiration": True, "buttons": [COPY, {"type": "URL", "text": "To the shop", "url": "https://shop.example/"}],
}  # fmt: skip
ENDS = 4102444800000  # 2100


async def test_an_offer_is_handed_in_and_sent_as_meta_describes(
    gateway: Running, tenant: Tenant, carrier: tuple[MetaServer, str]
) -> None:
    server, app = carrier
    made = await approved(gateway, tenant, app, **OFFER)
    assert (made["is_lto"], made["lto_text"], made["lto_has_expiration"]) == (True, "Ends soon!", True)
    told = server.templates[made["meta_template_id"]]
    offer, body, buttons = told["components"]
    assert offer == {
        "type": "LIMITED_TIME_OFFER", "limited_time_offer": {"text": "Ends soon!", "has_expiration": True}
    }  # fmt: skip
    assert (body["type"], [button["type"] for button in buttons["buttons"]]) == ("BODY", ["COPY_CODE", "URL"])
    read = fields_of({**told, "id": "1", "status": "APPROVED"})
    assert (read["is_lto"], read["lto_text"], read["lto_has_expiration"]) == (True, "Ends soon!", True)
    assert "fault" not in read
    given = {"body": [text("Ann")], "expiration_time_ms": ENDS}
    template = await sent(tenant, server, app, template=made["id"], template_params=given)
    ends = {"type": "limited_time_offer", "limited_time_offer": {"expiration_time_ms": ENDS}}
    code = {"type": "button", "sub_type": "copy_code", "index": "0"}
    assert template["components"] == [
        {"type": "body", "parameters": [text("Ann")]}, {"type": "limited_time_offer", "parameters": [ends]},
        {**code, "parameters": [{"type": "coupon_code", "coupon_code": "SPRING25"}]},
    ]  # fmt: skip
    own = {**code, "parameters": [{"type": "coupon_code", "coupon_code": "ANN50"}]}
    template = await sent(tenant, server, app, template=made["id"], template_params={**given, "buttons": [own]})
    assert template["components"][2:] == [own]
    named = {"name": "offer", "language": {"code": "en"}, "components": template["components"]}
    raw = {"to": "+12025553411", "type": "template", "template": named}
    assert (await sent(tenant, server, app, payload=raw))["components"] == template["components"]
    send = {"wa_app": app, "phone": "+12025553411", "message_type": "TEMPLATE", "template": made["id"]}
    for wrong in ({}, {"expiration_time_ms": 1000}):
        answer = await tenant().post("/wa/v1/messages/", {**send, "template_params": {"body": [text("A")], **wrong}})
        assert "template_params.expiration_time_ms" in answer.refused(400, "validation_error")
    plain = await approved(gateway, tenant, app, element_name="plain", content="Hello.")
    answer = await tenant().post(
        "/wa/v1/messages/", {**send, "template": plain["id"], "template_params": {"expiration_time_ms": ENDS}}
    )
    assert "template_params.expiration_time_ms" in answer.refused(400, "validation_error")


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"lto_text": None}, "lto_text"), ({"lto_text": "x" * 17}, "lto_text"), ({"footer": "x"}, "footer"),
        ({"header": "x"}, "header"), ({"content": "x" * 601}, "content"), ({"category": "UTILITY"}, "category"),
        ({"buttons": []}, "buttons"), ({"buttons": [QUICK, COPY]}, "buttons"), ({"buttons": [COPY, COPY]}, "buttons"),
        ({"buttons": [{**COPY, "example": None}]}, "buttons.0.example"),
        ({"buttons": [{**COPY, "example": "x" * 16}]}, "buttons.0.example"),
        ({"template_type": "DOCUMENT"}, "template_type"), ({"is_lto": False}, "lto_text"),
    ],
)  # fmt: skip
async def test_what_is_no_offer_is_refused_by_name(
    tenant: Tenant, carrier: tuple[MetaServer, str], fields: dict[str, Any], field: str
) -> None:
    server, app = carrier
    detail = (await tenant().post(PATH, {"wa_app": app, **OFFER, **fields})).refused(400, "validation_error")
    assert field in detail, detail
    assert server.templates == {}


async def _of(shop: Shop, **fields: Any) -> str:
    made = (await shop.tenant().post(PATH, fields)).ok(201)
    assert made["status"] == "PENDING", made["error_message"]
    await shop.store.change("templates", made["id"], lambda _: Change(set={"status": "APPROVED"}))
    return str(made["id"])


async def test_a_broadcast_offers_and_leads_from_each_card_by_links_of_its_own(
    gateway: Running, tenant: Tenant
) -> None:
    async with open_shop(gateway, tenant) as shop:
        base = gateway.services.settings.own_url
        ours = {"type": "URL", "text": "See", "url": f"{base}/r/{{{{1}}}}", "example": "abc"}
        cards = [{**card, "body": None, "buttons": [QUICK, ours]} for card in CARDS]
        template = await _of(shop, element_name="led", template_type="CAROUSEL", content="Hello.", cards=cards)
        await shop.people(2)
        to = {"card_0_button_1_url": "https://shop.example/red?for={{first_name}}"}
        lacking = await shop.write(template_number=template, placeholder_data=to)
        assert "placeholder_data.card_1_button_1_url" in lacking.refused(400, "validation_error")
        to["card_1_button_1_url"] = "https://shop.example/blue"
        id = await shop.begin(template_number=template, placeholder_data=to)
        await shop.reaches(id, "SENT")
        listed = (await shop.tenant().get(LINKS, params={"broadcast_id": id})).ok()["results"]
        assert len({link["code"] for link in listed}) == 4, "each recipient has one of their own for each card"
        for row in await shop.rows(id):
            [carousel] = shop.server.bodies[row["message"]]["template"]["components"]
            links = {link["card_index"]: link for link in listed if link["broadcast_message"] == row["id"]}
            for place, card in enumerate(carousel["cards"]):
                button = card["components"][-1]
                assert (button["sub_type"], button["index"]) == ("url", "1")
                code = button["parameters"][0]["text"]
                assert CODE.fullmatch(code)
                assert (links[place]["code"], links[place]["button_index"]) == (code, 1)
            assert links[0]["original_url"] == f"https://shop.example/red?for={row['contact_name']}"
            led = await follows(shop, links[1]["tracked_url"])
            assert (led.status, led.headers["Location"]) == (302, "https://shop.example/blue")
        figures = (await shop.tenant().get(f"{LINKS}broadcast/{id}/")).ok()
        assert [(each["card_index"], each["button_index"]) for each in figures["buttons"]] == [(0, 1), (1, 1)]
        offer = await _of(shop, **OFFER)
        for wrong in ({}, {"expiration_time_ms": 1000}, {"expiration_time_ms": "soon"}):
            answer = await shop.write(template_number=offer, placeholder_data=wrong)
            assert "placeholder_data.expiration_time_ms" in answer.refused(400, "validation_error"), wrong
        given = {"expiration_time_ms": ENDS, "coupon_code": "MAY"}
        id = await shop.begin(template_number=offer, placeholder_data=given)
        await shop.reaches(id, "SENT")
        for row in await shop.rows(id):
            [_, ends, code] = shop.server.bodies[row["message"]]["template"]["components"]
            assert ends["parameters"][0]["limited_time_offer"] == {"expiration_time_ms": ENDS}
            assert code["parameters"][0]["coupon_code"] == "MAY"
