"""Templates of files, cards and products at Meta: handed in with samples, sent with what they show."""

from __future__ import annotations

from typing import Any

import aiohttp
import pytest

from jinaconnect.store.tenant import Change
from tests.carriers.meta import MetaServer
from tests.channels.whatsapp_meta.test_real_webhooks import carrier
from tests.client import Answered, Client, until
from tests.conftest import Running
from tests.handlers.office.test_library import picture, send
from tests.tenants import Tenant

__all__ = ["carrier"]
PATH, LIBRARY = "/wa/v1/templates/", "/tenants/tenant-media/"
QUICK = {"type": "QUICK_REPLY", "text": "I take it"}
LINK = {"type": "URL", "text": "See", "url": "https://shop.example/{{1}}", "example": "red"}
CARDS = [
    {"headerType": "IMAGE", "media_handle": "4::red", "media_url": "https://shop.example/red.jpg",
     "body": "In red, {{1}}", "example_body": ["Ann"], "buttons": [QUICK, LINK]},
    {"headerType": "IMAGE", "media_handle": "4::blue", "media_url": "https://shop.example/blue.jpg",
     "body": "In blue, {{1}}", "buttons": [QUICK, LINK]},
]  # fmt: skip
CAROUSEL = {"element_name": "colours", "template_type": "CAROUSEL", "content": "Hello {{1}}.", "cards": CARDS}
SECTIONS = [{"title": "Shirts", "product_ids": ["S1", "S2"]}, {"title": "Shoes", "product_ids": ["B1"]}]


def text(value: str) -> dict[str, str]:
    return {"type": "text", "text": value}


async def upload(client: Client, id: str, name: str, data: bytes, **fields: str) -> Answered:
    form = aiohttp.FormData()
    form.add_field("file", data, filename=name, content_type="application/octet-stream")
    for field, value in fields.items():
        form.add_field(field, value)
    return await client.ask("POST", f"{PATH}{id}/upload-media/", data=form)


async def approved(gateway: Running, tenant: Tenant, app: str, **fields: Any) -> dict[str, Any]:
    """Return a template that was handed in and approved."""
    made: dict[str, Any] = (await tenant().post(PATH, {"wa_app": app, **fields})).ok(201)
    assert made["status"] == "PENDING", made["error_message"]
    store = gateway.services.store.of(tenant.id, "live")
    await store.change("templates", made["id"], lambda _: Change(set={"status": "APPROVED"}))
    return made


async def sent(tenant: Tenant, server: MetaServer, app: str, **fields: Any) -> dict[str, Any]:
    """Send a template; returns what the carrier was sent of it."""
    whole = "payload" in fields  # in the carrier's own form
    body = {"wa_app": app, **({} if whole else {"phone": "+12025553411", "message_type": "TEMPLATE"}), **fields}
    id = (await tenant().post("/wa/v1/messages/", body)).ok(201)["id"]

    async def there() -> dict[str, Any] | None:
        return server.bodies.get(id)

    found: dict[str, Any] = await until(there)
    template: dict[str, Any] = found["template"]
    return template


async def test_a_carousel_is_handed_in_and_sent_as_meta_describes(
    gateway: Running, tenant: Tenant, carrier: tuple[MetaServer, str]
) -> None:
    server, app = carrier
    made = await approved(gateway, tenant, app, **CAROUSEL)
    handed = server.templates[made["meta_template_id"]]["components"]
    buttons = {"type": "BUTTONS", "buttons": [QUICK, {**LINK, "example": ["red"]}]}
    assert handed[1] == {"type": "CAROUSEL", "cards": [
        {"components": [
            {"type": "HEADER", "format": "IMAGE", "example": {"header_handle": ["4::red"]}},
            {"type": "BODY", "text": "In red, {{1}}", "example": {"body_text": [["Ann"]]}}, buttons]},
        {"components": [
            {"type": "HEADER", "format": "IMAGE", "example": {"header_handle": ["4::blue"]}},
            {"type": "BODY", "text": "In blue, {{1}}", "example": {"body_text": [["sample"]]}}, buttons]},
    ]}  # fmt: skip
    assert made["placeholder_mapping"]["cards"][0] == {"body": {"1": "1"}, "buttons": [{}, {"1": "1"}]}
    shown = (await tenant().post(f"{PATH}{made['id']}/preview/", {"params": {"1": "Ann"}})).ok()
    assert shown["cards"][0]["body"] == "In red, Ann"
    blue = (await send(tenant(), "blue.png", picture("PNG"))).ok(201)["id"]
    card = {"body": [text("Ann")], "buttons": [
        {"type": "button", "sub_type": "url", "index": "1", "parameters": [text("red")]}]}  # fmt: skip
    params = {"body": [text("Ann")], "cards": {"0": card, "1": card}}
    template = await sent(
        tenant, server, app, template=made["id"], template_params=params, media_overrides={"cards": {"1": blue}}
    )
    body, carousel = template["components"]
    assert body == {"type": "body", "parameters": [text("Ann")]}
    assert [each["card_index"] for each in carousel["cards"]] == [0, 1]
    first, second = (each["components"] for each in carousel["cards"])
    assert first == [
        {"type": "header", "parameters": [{"type": "image", "image": {"link": "https://shop.example/red.jpg"}}]},
        {"type": "body", "parameters": [text("Ann")]},
        {"type": "button", "sub_type": "url", "index": "1", "parameters": [text("red")]},
    ]  # fmt: skip
    link = second[0]["parameters"][0]["image"]["link"]
    assert f"{LIBRARY}{blue}/content/?expires=" in link
    async with aiohttp.ClientSession() as session, session.get(link) as answer:
        assert (answer.status, answer.content_type) == (200, "image/png")


async def test_files_are_given_to_meta_as_samples_and_for_messages(
    gateway: Running, tenant: Tenant, carrier: tuple[MetaServer, str]
) -> None:
    server, app = carrier
    bare = {"element_name": "photo", "template_type": "IMAGE", "content": "Look."}
    made = (await tenant().post(PATH, {"wa_app": app, **bare})).ok(201)
    assert (made["status"], made["needs_sync"]) == ("DRAFT", True)
    assert "sample" in made["error_message"]
    (await upload(tenant("viewer"), made["id"], "a.png", picture("PNG"))).refused(403, "permission_denied")
    assert "card_index" in (await upload(tenant(), made["id"], "a.png", picture("PNG"), card_index="0")).refused(
        400, "validation_error"
    )
    assert "file" in (await upload(tenant(), made["id"], "a.png", b"<html>")).refused(400, "validation_error")
    given = (await upload(tenant(), made["id"], "a.png", picture("PNG"))).ok()
    assert (given["provider"], given["stored_on"]) == ("META", "template")
    assert server.handles[given["handle_id"]] == picture("PNG")
    assert next(iter(server.sessions.values()))["file_type"] == "image/png"
    assert given["tenant_media_url"] == f"{LIBRARY}{given['tenant_media_id']}/serve/"
    (await tenant().post(f"{PATH}{made['id']}/sync/")).ok()
    after = (await tenant().get(f"{PATH}{made['id']}/")).ok()
    assert (after["status"], after["media_handle"]) == ("PENDING", given["handle_id"])
    [header, _] = server.templates[after["meta_template_id"]]["components"]
    assert header == {"type": "HEADER", "format": "IMAGE", "example": {"header_handle": [given["handle_id"]]}}
    media = given["tenant_media_id"]
    again = (await tenant().ask("POST", f"{LIBRARY}{media}/upload-to-wa/?purpose=session&wa_app={app}")).ok()
    assert (again["provider"], again["stored_on"]) == ("META", "template")
    row = (await tenant().get(f"{LIBRARY}{media}/")).ok()
    assert (row["media_id"], row["wa_handle_id"]) == (again["handle_id"], given["handle_id"])
    assert server.media[row["media_id"]] == picture("PNG")
    wrong = await tenant().ask("POST", f"{LIBRARY}{media}/upload-to-wa/?purpose=other&wa_app={app}")
    assert "purpose" in wrong.refused(400, "validation_error")
    store = gateway.services.store.of(tenant.id, "live")
    await store.change("templates", made["id"], lambda _: Change(set={"status": "APPROVED"}))
    template = await sent(tenant, server, app, template=made["id"])
    assert media in template["components"][0]["parameters"][0]["image"]["link"]
    server.access_token += "x"
    refused = await tenant().ask("POST", f"{LIBRARY}{media}/upload-to-wa/?wa_app={app}")
    refused.refused(502, "provider_error")


async def test_catalogues_and_products_need_a_shop_and_are_sent_as_meta_describes(
    gateway: Running, tenant: Tenant, carrier: tuple[MetaServer, str]
) -> None:
    server, app = carrier
    several = {"element_name": "items", "template_type": "PRODUCT", "header": "New", "content": "Look, {{1}}."}
    refused = (await tenant().post(PATH, {"wa_app": app, **several})).refused(400, "validation_error")
    assert "is_commerce_manager_enabled" in str(refused["template_type"])
    (await tenant().patch(f"/wa/v1/apps/{app}/", {"is_commerce_manager_enabled": True})).ok()
    mpm = await approved(gateway, tenant, app, **several)
    handed = server.templates[mpm["meta_template_id"]]["components"]
    assert handed[-1] == {"type": "BUTTONS", "buttons": [{"type": "MPM", "text": "View items"}]}
    named = {"template": mpm["id"], "template_params": {"body": [text("Ann")]}}
    lacking = {"wa_app": app, "phone": "+12025553411", "message_type": "TEMPLATE", **named}
    assert "sections" in (await tenant().post("/wa/v1/messages/", lacking)).refused(400, "validation_error")
    template = await sent(tenant, server, app, **named, sections=SECTIONS)
    assert template["components"][-1] == {
        "type": "button", "sub_type": "mpm", "index": "0", "parameters": [{"type": "action", "action": {
            "thumbnail_product_retailer_id": "S1", "sections": [
                {"title": "Shirts", "product_items": [{"product_retailer_id": "S1"}, {"product_retailer_id": "S2"}]},
                {"title": "Shoes", "product_items": [{"product_retailer_id": "B1"}]},
            ]}}],
    }  # fmt: skip
    spm = await approved(
        gateway, tenant, app, element_name="one", template_type="PRODUCT", sub_category="SPM", content="This one."
    )
    handed = server.templates[spm["meta_template_id"]]["components"]
    assert handed[0] == {"type": "HEADER", "format": "PRODUCT"}
    assert handed[-1] == {"type": "BUTTONS", "buttons": [{"type": "SPM", "text": "View"}]}
    one = [{"product_ids": ["S1"]}]
    template = await sent(tenant, server, app, template=spm["id"], sections=one, catalog_id="77")
    product = {"type": "product", "product": {"product_retailer_id": "S1", "catalog_id": "77"}}
    assert template["components"] == [{"type": "header", "parameters": [product]}]
    whole = await approved(gateway, tenant, app, element_name="all", template_type="CATALOG", content="All of it.")
    handed = server.templates[whole["meta_template_id"]]["components"]
    assert handed[-1] == {"type": "BUTTONS", "buttons": [{"type": "CATALOG", "text": "View catalog"}]}
    template = await sent(tenant, server, app, template=whole["id"], sections=one)
    first = {"type": "action", "action": {"thumbnail_product_retailer_id": "S1"}}
    assert template["components"] == [
        {"type": "button", "sub_type": "CATALOG", "index": "0", "parameters": [first]}
    ]
    cards = await approved(gateway, tenant, app, element_name="row", template_type="CAROUSEL", content="A row.",
                           cards=[{"headerType": "PRODUCT"}, {"headerType": "PRODUCT"}])  # fmt: skip
    [_, row] = server.templates[cards["meta_template_id"]]["components"]
    assert row["cards"][1]["components"] == [
        {"type": "HEADER", "format": "PRODUCT"}, {"type": "BUTTONS", "buttons": [{"type": "SPM", "text": "View"}]}
    ]
    template = await sent(tenant, server, app, template=cards["id"], sections=SECTIONS, catalog_id="77")
    second = template["components"][0]["cards"][1]["components"][0]["parameters"][0]
    assert second == {"type": "product", "product": {"product_retailer_id": "S2", "catalog_id": "77"}}


async def test_a_broadcast_fills_a_carousel_in_and_shows_other_files(
    gateway: Running, tenant: Tenant, carrier: tuple[MetaServer, str]
) -> None:
    server, app = carrier
    named = [{**card, "body": f"For {{{{first_name}}}}, {place}"} for place, card in enumerate(CARDS)]
    made = await approved(gateway, tenant, app, **{**CAROUSEL, "content": "Hello {{first_name}}.", "cards": named})
    assert server.templates[made["meta_template_id"]]["parameter_format"] == "NAMED"
    red = (await send(tenant(), "red.png", picture("PNG"))).ok(201)["id"]
    (await tenant().post("/contacts/", {"phone": "+12025553412", "first_name": "Ann"})).ok(201)
    body = {
        "name": "Colours", "status": "QUEUED", "app": app, "template_number": made["id"], "select_all": True,
        "media_overrides": {"cards": {"0": red}},
        "placeholder_data": {"card_0_button_1_url": "red", "card_1_button_1_url": "blue"},
    }  # fmt: skip
    for wrong, field in (
        ({"cards": {"2": red}}, "media_overrides.cards.2"), ({"header": red}, "media_overrides.header"),
        ({"cards": {"0": "mdl_x"}}, "media_overrides.cards.0"), ({"cards": [red]}, "media_overrides.cards"),
        ({"header": 7}, "media_overrides.header"),
    ):  # fmt: skip
        answer = await tenant().post("/broadcast/", {**body, "media_overrides": wrong})
        assert field in answer.refused(400, "validation_error"), wrong
    (await tenant().post("/broadcast/", body)).ok(201)

    async def there() -> dict[str, Any] | None:
        return next((each for each in server.bodies.values() if each.get("to") == "12025553412"), None)

    cards = (await until(there, within_s=60))["template"]["components"][1]["cards"]
    first, second = (card["components"] for card in cards)
    assert red in first[0]["parameters"][0]["image"]["link"]
    assert second[0]["parameters"][0]["image"]["link"] == "https://shop.example/blue.jpg"
    assert first[1]["parameters"] == [{"type": "text", "text": "Ann", "parameter_name": "first_name"}]
    assert second[2] == {"type": "button", "sub_type": "url", "index": "1", "parameters": [text("blue")]}


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"cards": CARDS[:1]}, "cards"),
        ({"cards": [CARDS[0]] * 11}, "cards"),
        ({"cards": [CARDS[0], {**CARDS[1], "headerType": "VIDEO"}]}, "cards.1.headerType"),
        ({"cards": [CARDS[0], {**CARDS[1], "body": None}]}, "cards.1.body"),
        ({"cards": [CARDS[0], {**CARDS[1], "buttons": [QUICK]}]}, "cards.1.buttons"),
        ({"cards": [CARDS[0], {**CARDS[1], "buttons": [QUICK, QUICK, QUICK]}]}, "cards.1.buttons"),
        ({"cards": [{**card, "buttons": [{"type": "COPY_CODE", "text": "x"}]} for card in CARDS]}, "cards.0.buttons"),
        ({"cards": [CARDS[0], {**CARDS[1], "body": "x" * 161}]}, "cards.1.body"),
        ({"buttons": [QUICK]}, "buttons"), ({"header": "x"}, "header"), ({"category": "UTILITY"}, "category"),
        ({"template_type": "TEXT"}, "cards"), ({"sub_category": "MPM"}, "sub_category"),
        ({"media_handle": "4::x"}, "media_handle"),
        ({"template_type": "AUDIO", "cards": None}, "template_type"),
        ({"template_type": "ORDER_DETAILS", "cards": None}, "buttons"),
        ({"template_type": "IMAGE", "cards": None, "header": "x"}, "header"),
    ],
)  # fmt: skip
async def test_what_meta_would_not_take_is_refused_by_name(
    tenant: Tenant, carrier: tuple[MetaServer, str], fields: dict[str, Any], field: str
) -> None:
    server, app = carrier
    detail = (await tenant().post(PATH, {"wa_app": app, **CAROUSEL, **fields})).refused(400, "validation_error")
    assert field in detail, detail
    assert server.templates == {}


async def test_an_app_tells_its_quota_and_what_its_provider_can_do(
    tenant: Tenant, carrier: tuple[MetaServer, str]
) -> None:
    _, app = carrier
    quota = (await tenant().get(f"/wa/v1/apps/{app}/quota/")).ok()
    assert (quota["messages_sent_today"], quota["remaining_quota"]) == (0, quota["daily_limit"])
    able = (await tenant().get(f"/wa/v1/apps/{app}/capabilities/")).ok()
    assert able["provider"] == "META"
    assert {"submit_templates", "sync_templates", "upload_media"} <= set(able["capabilities"])
    (await tenant().post(f"/wa/v1/apps/{app}/reset-counter/")).refused(403, "permission_denied")
    (await tenant().get("/wa/v1/apps/wap_x/quota/")).refused(404, "not_found")


async def test_an_offer_for_a_limited_time_is_handed_in_in_metas_form_and_read_from_it(
    tenant: Tenant, carrier: tuple[MetaServer, str]
) -> None:
    server, app = carrier
    copy = {"type": "COPY_CODE", "text": "Copy code", "example": "S25"}
    offer = {"wa_app": app, "element_name": "offer", "content": "Take {{1}}.", "is_lto": True, "lto_text": "Ends soon!",
             "lto_has_expiration": True, "buttons": [copy]}  # fmt: skip
    made = (await tenant().post(PATH, offer)).ok(201)
    parts = server.templates[made["meta_template_id"]]["components"]
    assert [part["type"] for part in parts] == ["LIMITED_TIME_OFFER", "BODY", "BUTTONS"]
    assert parts[0]["limited_time_offer"] == {"text": "Ends soon!", "has_expiration": True}
    (await tenant().delete(f"{PATH}{made['id']}/")).ok(204)
    server.templates[made["meta_template_id"]] = {"name": "offer", "language": "en", "category": "MARKETING",
                                                  "status": "APPROVED", "components": parts}  # fmt: skip
    (await tenant().post(f"{PATH}sync-from-bsp/", {"wa_app_id": app})).ok()
    [read] = (await tenant().get(PATH, params={"wa_app": app})).ok()["results"]
    assert {name: read[name] for name in ("is_lto", "lto_text", "lto_has_expiration")} == {
        "is_lto": True, "lto_text": "Ends soon!", "lto_has_expiration": True
    }  # fmt: skip


async def test_a_template_that_tells_a_code_is_handed_in_in_metas_own_words_and_found_by_its_button(
    tenant: Tenant, carrier: tuple[MetaServer, str]
) -> None:
    server, app = carrier
    otp = {"type": "OTP", "text": "Copy code"}
    code = {"wa_app": app, "element_name": "code", "category": "AUTHENTICATION", "content": "{{1}} is your code.",
            "buttons": [otp], "code_expiration_minutes": 10, "add_security_recommendation": True}  # fmt: skip
    for wrong, field in (({"buttons": []}, "buttons"), ({"code_expiration_minutes": 91}, "code_expiration_minutes"),
                         ({"footer": "x"}, "footer"),
                         ({"category": "UTILITY"}, "code_expiration_minutes")):  # fmt: skip
        assert field in (await tenant().post(PATH, {**code, **wrong})).refused(400, "validation_error")
    made = (await tenant().post(PATH, code)).ok(201)
    assert server.templates[made["meta_template_id"]]["components"] == [
        {"type": "BODY", "add_security_recommendation": True}, {"type": "FOOTER", "code_expiration_minutes": 10},
        {"type": "BUTTONS", "buttons": [{**otp, "otp_type": "COPY_CODE"}]},
    ]  # fmt: skip
    for query, found in (("has_buttons=true", 1), ("has_buttons=false", 0), ("has_url_button=true", 0),
                         ("has_quick_reply=false&language_code=EN", 1), ("template_type=text", 1),
                         ("template_type__in=image,text", 1)):  # fmt: skip
        assert (await tenant().get(f"{PATH}?{query}&wa_app={app}")).ok()["count"] == found, query
