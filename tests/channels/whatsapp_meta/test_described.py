"""Requests held against Meta's published description: that it finds what is wrong, and what else there is to send."""

from __future__ import annotations

import json
from typing import Any

import aiohttp
import pytest

from tests.carriers.cloud_api import Asked, Description, description, request_faults
from tests.carriers.cloud_api_beyond import MEDIA, MESSAGES, NUMBER, TEMPLATE, TEMPLATES
from tests.carriers.meta import MetaServer
from tests.channels.whatsapp_meta.test_cards import approved, sent
from tests.channels.whatsapp_meta.test_whatsapp import carrier, received
from tests.conftest import Running
from tests.tenants import Tenant

__all__ = ["carrier"]
NAMED = {"Version": "v23.0", "Phone-Number-ID": "1", "WABA-ID": "2", "TEMPLATE_ID": "3"}
HEADERS = {"Authorization": "Bearer EAAx", "Content-Type": "application/json", "User-Agent": "jinaconnect/0.1.0"}
TO = {"messaging_product": "whatsapp", "recipient_type": "individual", "to": "12025550100"}
# Bodies shown in the description that contradict what it says besides, and what of each.
CONTRADICTING = {
    "Send Catalog Template Message": "a button counted by a number",
    "Send Contact Message": "no recipient_type", "Send Flow Template Message": "no recipient_type",
    "Send Multi-Product Message": "a header of the type <HEADER_TYPE>",
    "Send Reply to Contact Message": "no recipient_type", "Send Reply to List Message": "no type",
    "Send Sample Issue Resolution Template": "no recipient_type, texts that are true and false",
    "Send Test Message": "no recipient_type", "Send Text Message with Preview URL": "no type",
    "Send typing indicator and read receipt": "is no message",
}  # fmt: skip


@pytest.fixture
def told() -> Description:
    found = description()
    if found is None:
        pytest.skip("JC_TEST_SHARED is not set: Meta's published description is not at hand")
    return found


def text(**fields: Any) -> dict[str, Any]:
    return {**TO, "type": "text", "text": {"body": "Hello"}, **fields}


def interactive(**fields: Any) -> dict[str, Any]:
    return {**TO, "type": "interactive", "interactive": {"body": {"text": "?"}, **fields}}


def template(*components: dict[str, Any]) -> dict[str, Any]:
    named = {"name": "sale", "language": {"code": "en"}, "components": list(components)}
    return {**TO, "type": "template", "template": named}


def form(*components: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {"name": "sale", "language": "en", "category": "MARKETING", "components": list(components), **fields}


def button(**fields: Any) -> dict[str, Any]:
    return {"type": "button", "sub_type": "url", "index": "0", "parameters": [{"type": "text", "text": "x"}], **fields}


def test_what_the_description_shows_fits_it(told: Description) -> None:
    for path in (MESSAGES, TEMPLATES, TEMPLATE):
        for name, shown in told.examples(path):
            body = json.loads(json.dumps(shown).replace("http(s)://", "https://").replace("<https", "https"))
            faults = request_faults(Asked("POST", path, NAMED, headers=HEADERS, body=body))
            assert bool(faults) == (name in CONTRADICTING), (name, faults)


LONG = {"buttons": [{"type": "reply", "reply": {"id": "y", "title": "x" * 21}}]}
CARD = {"card_index": 0, "components": [{"type": "body", "parameters": [{"type": "text", "text": "x"}]}]}


@pytest.mark.parametrize(
    ("path", "body", "fault"),
    [
        (MESSAGES, text(colour="red"), "'colour' was unexpected"),
        (MESSAGES, text(text={"body": "x", "preview": True}), "text: Additional properties"),
        (MESSAGES, text(text={"body": 5}), "text.body: 5 is not of type 'string'"),
        (MESSAGES, text(text={"body": "x" * 4097}), "text.body"),
        (MESSAGES, text(type="fax", fax={}), "type: 'fax' is not one of"),
        (MESSAGES, text(context={"id": "wamid.1"}), "context: Additional properties"),
        (MESSAGES, {name: value for name, value in text().items() if name != "to"}, "is not valid under any"),
        (MESSAGES, {name: value for name, value in text().items() if name != "recipient_type"}, "'recipient_type'"),
        (MESSAGES, {**TO, "type": "image", "image": {"id": "1", "link": "https://x.example"}}, "image:"),
        (MESSAGES, {**TO, "type": "image", "image": {"link": "file:///a.jpg"}}, "image.link"),
        (MESSAGES, {**TO, "type": "audio", "audio": {"id": "1", "caption": "x"}}, "audio:"),
        (MESSAGES, {**TO, "type": "location", "location": {"latitude": None}}, "location.latitude"),
        (MESSAGES, {**TO, "type": "contacts", "contacts": []}, "contacts:"),
        (MESSAGES, {**TO, "type": "contacts", "contacts": [{"birthday": "18 August"}]}, "contacts.0.birthday"),
        (MESSAGES, interactive(type="button", action=LONG), "interactive.action"),
        (MESSAGES, interactive(type="wheel", action={"name": "send_location"}), "interactive.type"),
        (MESSAGES, interactive(type="flow", action={"name": "flow", "parameters": {}}), "interactive.action"),
        (MESSAGES, interactive(type="list", body={"text": "x" * 4097}, action={"name": "send_location"}),
         "interactive.body.text"),
        (MESSAGES, interactive(type="button", body={"text": "x" * 1025}, action={"name": "send_location"}),
         "interactive.body.text"),
        (MESSAGES, template(button(index=0)), "template.components.0.index"),
        (MESSAGES, template(button(sub_type="fax")), "template.components.0.sub_type"),
        (MESSAGES, template(button(parameters=[{"type": "text", "payload": "x"}])), "components.0.parameters.0"),
        (MESSAGES, template({"type": "footer"}), "template.components.0.type"),
        (MESSAGES, template({"type": "header", "parameters": []}), "template.components.0.parameters"),
        (MESSAGES, template({"type": "carousel", "cards": [CARD]}), "template.components.0.cards"),
        (MESSAGES, template({"type": "carousel", "cards": [CARD, {**CARD, "components": [{"type": "footer"}]}]}),
         "template.components.0.cards.1.components.0.type"),
        (TEMPLATES, form(kind="new"), "'kind' was unexpected"),
        (TEMPLATES, form({"type": "BODY", "txt": "x"}), "components.0: Additional properties"),
        (TEMPLATES, form({"type": "BODY", "text": "x", "example": {"body_text": ["x"]}}), "components.0.example"),
        (TEMPLATES, form({"type": "BUTTONS", "buttons": [{"type": "URL", "href": "x"}]}), "components.0.buttons.0"),
        (TEMPLATES, form({"type": "CAROUSEL", "cards": [{"components": [{"text": 5}]}] * 2}), "components.0.text"),
        (TEMPLATE, form(id="3"), "'id' was unexpected"),
        (NUMBER + "/fax", text(), "is not described"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_found(told: Description, path: str, body: dict[str, Any], fault: str) -> None:
    [*faults] = told.faults(Asked("POST", path, NAMED, headers=HEADERS, body=body))
    assert any(fault in each for each in faults), faults


@pytest.mark.parametrize(
    ("asked", "fault"),
    [
        (Asked("GET", TEMPLATES, NAMED, {"offset": "2"}, HEADERS), "?offset is not known"),
        (Asked("GET", NUMBER, NAMED, {"fields": "verified_name,colour"}, HEADERS), "?fields=colour is not known"),
        (Asked("GET", NUMBER, {**NAMED, "Phone-Number-ID": "x"}, {}, HEADERS), "path: Phone-Number-ID"),
        (Asked("GET", NUMBER, NAMED, {}, {}), "header: Authorization is missing"),
        (Asked("GET", NUMBER, NAMED, {}, {"Authorization": "OAuth x"}), "header: Authorization"),
        (Asked("GET", NUMBER, NAMED, {}, HEADERS, {"a": 1}), "has a body that is not described"),
        (Asked("PUT", MESSAGES, NAMED, {}, HEADERS, text()), "is not described"),
        (Asked("POST", MESSAGES, NAMED, {}, {**HEADERS, "Content-Type": "text/plain"}, text()), "header: Content-Type"),
        (Asked("POST", MEDIA, NAMED, {}, {**HEADERS, "Content-Type": "multipart/form-data; boundary=x"},
               {"messaging_product": "whatsapp", "kind": "image/png"}), "'kind' was unexpected"),
    ],
)  # fmt: skip
def test_how_it_is_asked_is_held_against_it_too(told: Description, asked: Asked, fault: str) -> None:
    assert any(fault in each for each in told.faults(asked)), list(told.faults(asked))


async def test_a_request_that_does_not_fit_fails_the_test_at_its_end(told: Description) -> None:
    server = MetaServer()
    await server.start()
    headers = {"Authorization": f"Bearer {server.access_token}", "User-Agent": "jinaconnect/0.1.0"}
    url = f"{server.url}/v23.0/{server.phone_number_id}/messages"
    async with aiohttp.ClientSession(headers=headers) as session:
        for body in (text(), text(colour="red")):
            async with session.post(url, json=body) as answer:
                assert answer.status == 200
    with pytest.raises(AssertionError, match="'colour' was unexpected"):
        await server.stop()


FILE = {"link": "https://files.example/a"}
SECTION = {"title": "Shirts", "product_items": [{"product_retailer_id": "S1"}]}
FLOW = {"flow_message_version": "3", "flow_id": "77", "flow_cta": "Open", "flow_token": "t",
        "flow_action": "navigate", "flow_action_payload": {"screen": "START", "data": {"a": 1}}}  # fmt: skip
AMOUNT = {"offset": 100, "value": 1000}
ORDER = {
    "reference_id": "r1", "type": "digital-goods", "payment_type": "upi", "payment_configuration": "mine",
    "currency": "INR", "total_amount": AMOUNT, "order": {"status": "pending", "subtotal": AMOUNT, "items": [
        {"retailer_id": "1", "name": "bread", "amount": AMOUNT, "quantity": 1}]},
}  # fmt: skip
REPLY = {"buttons": [{"type": "reply", "reply": {"id": "y", "title": "Yes"}}]}
NATIVE: list[dict[str, Any]] = [
    {"type": "button", "header": {"type": "text", "text": "Well"}, "footer": {"text": "Lee"}, "action": REPLY},
    {"type": "button", "header": {"type": "image", "image": FILE}, "action": REPLY},
    {"type": "button", "header": {"type": "document", "document": {**FILE, "filename": "a.pdf"}}, "action": REPLY},
    {"type": "list", "body": {"text": "x" * 4096}, "action": {"button": "Pick", "sections": [
        {"title": "S", "rows": [{"id": str(place), "title": "One", "description": "x" * 72} for place in range(10)]}]}},
    {"type": "product", "action": {"catalog_id": "77", "product_retailer_id": "S1"}},
    {"type": "product_list", "header": {"type": "text", "text": "New"},
     "action": {"catalog_id": "77", "sections": [SECTION, {**SECTION, "title": "Shoes"}]}},
    {"type": "catalog_message", "action": {"name": "catalog_message", "parameters": {
        "thumbnail_product_retailer_id": "S1"}}},
    {"type": "flow", "action": {"name": "flow", "parameters": FLOW}},
    {"type": "location_request_message", "action": {"name": "send_location"}},
    {"type": "location_request", "action": {"name": "send_location"}},
    {"type": "order_details", "action": {"name": "review_and_pay", "parameters": ORDER}},
    {"type": "order_status", "action": {"name": "review_order", "parameters": {
        "reference_id": "r1", "order": {"status": "processing", "description": "Soon"}}}},
]  # fmt: skip
WHOLE = {
    "name": {"formatted_name": "Dr Bo Lee", "first_name": "Bo", "last_name": "Lee", "prefix": "Dr"},
    "addresses": [{"street": "1 Road", "city": "Town", "country": "India", "country_code": "in", "type": "HOME"}],
    "birthday": "2012-08-18", "emails": [{"email": "bo@lee.example", "type": "WORK"}],
    "org": {"company": "Lee", "department": "Sales", "title": "Head"},
    "phones": [{"phone": "+12025550123", "type": "WORK", "wa_id": "12025550123"}],
    "urls": [{"url": "https://lee.example", "type": "WORK"}],
}  # fmt: skip
CONTENT: list[dict[str, Any]] = [
    {"type": "text", "body": {"text": "Shall I?"}, "header": {"text": "Well"}, "footer": {"text": "Lee"},
     "buttons": [{"type": "quick_reply", "text": "Yes"}, {"type": "quick_reply", "text": "No"}]},
    {"type": "text", "body": {"text": "Look"}, "buttons": [{"type": "url", "text": "Go", "url": "https://x.example"}]},
    {"type": "image", "image": {"url": "https://files.example/a.jpg"}, "body": {"text": "This?"},
     "buttons": [{"type": "quick_reply", "text": "Yes"}]},
]  # fmt: skip


async def test_all_that_can_be_sent_fits(tenant: Tenant, carrier: tuple[MetaServer, str]) -> None:
    server, app = carrier
    await tenant.receives("+12025550223", "hi")
    first = (await received(tenant, 1))[0]["data"]
    sends = [
        *({"message_type": "INTERACTIVE", "interactive": {"body": {"text": "?"}, **each}} for each in NATIVE),
        {"message_type": "CONTACTS", "contacts": [WHOLE] * 10},
        {"message_type": "DOCUMENT", "media_id": "1", "media_filename": "a.pdf", "media_caption": "A"},
        {"message_type": "REACTION", "reaction": "", "reply_to": first["id"]},
        {"message_type": "STICKER", "media_url": "https://files.example/a.webp", "reply_to": first["id"]},
    ]  # fmt: skip
    client = tenant()
    paths = [("/wa/v1/messages/", {"wa_app": app, "to": "+12025550223", **fields}) for fields in sends]
    reply = {"contact": first["contact"], "platform": "WHATSAPP", "channel_app_id": app}
    paths += [("/team-inbox/api/messages/", {**reply, "content": content}) for content in CONTENT]
    ids = {(await client.post(path, body)).ok(201)["id"] for path, body in paths}

    def all_sent(seen: list[dict[str, Any]]) -> bool:
        return ids <= {each["subject"]["id"] for each in seen if each["type"] == "message.sent"}

    await client.wait_for_events(all_sent)
    assert ids <= server.bodies.keys()


def value(words: str) -> dict[str, str]:
    return {"type": "text", "text": words}


PLACE = {"latitude": 1.5, "longitude": 2, "name": "Here", "address": "There"}
PAPER = {"type": "document", "document": {"link": "https://files.example/a.pdf", "filename": "a.pdf"}}
PAID = {"type": "button", "sub_type": "order_details", "index": "0",
        "parameters": [{"type": "action", "action": {"order_details": ORDER}}]}  # fmt: skip
PRESSED = {"type": "button", "sub_type": "quick_reply", "index": "0",
           "parameters": [{"type": "payload", "payload": "yes"}]}  # fmt: skip
CODE = {"type": "button", "sub_type": "url", "index": "0", "parameters": [value("123456")]}
PRICE = {"type": "currency", "currency": {"fallback_value": "€5", "code": "EUR", "amount_1000": 5000}}
DAY = {"type": "date_time", "date_time": {"fallback_value": "5 May"}}
KINDS: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({"template_type": "ORDER_DETAILS", "buttons": [{"type": "ORDER_DETAILS", "text": "Pay"}]}, {"buttons": [PAID]}),
    ({"template_type": "LOCATION"}, {"header": [{"type": "location", "location": PLACE}]}),
    ({"template_type": "DOCUMENT", "media_handle": "4::a"}, {"header": [PAPER]}),
    ({"template_type": "VIDEO", "media_handle": "4::a"}, {"header": [{"type": "video", "video": FILE}]}),
    ({"header": "For {{1}}", "footer": "Lee", "content": "It costs {{1}} until {{2}}.", "buttons": [
        {"type": "QUICK_REPLY", "text": "Yes"}, {"type": "PHONE_NUMBER", "text": "Call", "phone_number": "+120255501"},
        {"type": "URL", "text": "Shop", "url": "https://shop.example/{{1}}", "example": "red"}]},
     {"header": [value("Ann")], "body": [PRICE, DAY], "buttons": [PRESSED, {**CODE, "index": "2"}]}),
    ({"header": "For {{name}}", "content": "Hello {{name}}.", "example_body": {"name": "Ann"}},
     {"header": [{**value("Ann"), "parameter_name": "name"}], "body": [{**value("Ann"), "parameter_name": "name"}]}),
    ({"category": "AUTHENTICATION", "content": "{{1}} is your code.", "buttons": [{"type": "OTP", "text": "Copy"}]},
     {"body": [value("123456")], "buttons": [CODE]}),
]  # fmt: skip


@pytest.mark.parametrize(("fields", "params"), KINDS)
async def test_templates_of_each_kind_fit_when_handed_in_changed_and_sent(
    gateway: Running, tenant: Tenant, carrier: tuple[MetaServer, str], fields: dict[str, Any], params: dict[str, Any]
) -> None:
    server, app = carrier
    form = {"element_name": "each", "category": "UTILITY", "content": "Look.", **fields}
    made = await approved(gateway, tenant, app, **form)
    template = await sent(tenant, server, app, template=made["id"], template_params=params)
    assert [part["type"] for part in template["components"]] == [
        name for name in ("header", "body") if name in params
    ] + ["button"] * len(params.get("buttons", ()))  # fmt: skip
    path = f"/wa/v1/templates/{made['id']}/"
    (await tenant().patch(path, {"footer": None, "content": f"{form['content']}!"})).ok()
    assert (await tenant().post(f"{path}sync/")).ok()["status"] == "PENDING"
    (await tenant().delete(path)).ok(204)
    assert server.templates == {}
