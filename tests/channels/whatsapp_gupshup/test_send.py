"""What Gupshup is sent, in the form of either API, and what its answers come to."""

from __future__ import annotations

import json
from typing import Any

import aiohttp
import pytest

from tests.channels.whatsapp_gupshup.conftest import Shop
from tests.handlers.office.test_library import picture

ANN = "+12025550171"
FILE = "https://files.example/a"
CARD = {"name": {"formatted_name": "Bo Roe", "first_name": "Bo"}, "phones": [{"phone": "+1 202", "type": "WORK"}]}
BUTTONS = {
    "type": "button", "body": {"text": "Ship it?"}, "footer": {"text": "Lee"}, "header": {"type": "text", "text": "A"},
    "action": {"buttons": [{"type": "reply", "reply": {"id": "y", "title": "Yes"}}]},
}  # fmt: skip
LIST = {
    "type": "list", "body": {"text": "Which?"}, "header": {"type": "text", "text": "Colours"},
    "action": {"button": "Choose", "sections": [
        {"title": "Blue", "rows": [{"id": "b1", "title": "Navy", "description": "dark"}]}]},
}  # fmt: skip
LINK = {
    "type": "cta_url", "body": {"text": "Look"},
    "action": {"name": "cta_url", "parameters": {"display_text": "Open", "url": "https://shop.example/"}},
}  # fmt: skip
KINDS: list[tuple[dict[str, Any], dict[str, Any], dict[str, Any]]] = [
    ({"text": "We do!"}, {"type": "text", "text": "We do!"}, {"type": "text"}),
    (
        {"message_type": "IMAGE", "media_url": FILE, "media_caption": "Blue"},
        {"type": "image", "originalUrl": FILE, "previewUrl": FILE, "caption": "Blue"},
        {"type": "image", "image": {"link": FILE, "caption": "Blue"}},
    ),
    (
        {"message_type": "DOCUMENT", "media_url": FILE, "media_filename": "a.pdf"},
        {"type": "file", "url": FILE, "filename": "a.pdf"},
        {"type": "document", "document": {"link": FILE, "filename": "a.pdf"}},
    ),
    ({"message_type": "AUDIO", "media_url": FILE}, {"type": "audio", "url": FILE}, {"audio": {"link": FILE}}),
    ({"message_type": "VIDEO", "media_url": FILE}, {"type": "video", "url": FILE}, {"video": {"link": FILE}}),
    ({"message_type": "STICKER", "media_url": FILE}, {"type": "sticker", "url": FILE}, {"sticker": {"link": FILE}}),
    (
        {"message_type": "LOCATION", "latitude": 1.5, "longitude": 2.5, "location_name": "Shop"},
        {"type": "location", "latitude": 1.5, "longitude": 2.5, "name": "Shop"},
        {"type": "location", "location": {"latitude": 1.5, "longitude": 2.5, "name": "Shop"}},
    ),
    (
        {"message_type": "CONTACTS", "contacts": [CARD]},
        {"type": "contact", "contact": {"name": {"formattedName": "Bo Roe", "firstName": "Bo"},
                                        "phones": [{"phone": "+1 202", "type": "WORK"}]}},
        {"type": "contacts", "contacts": [CARD]},
    ),
    (
        {"message_type": "INTERACTIVE", "interactive": BUTTONS},
        {"type": "quick_reply",
         "content": {"type": "text", "text": "Ship it?", "caption": "Lee", "header": "A"},
         "options": [{"type": "text", "title": "Yes", "postbackText": "y"}]},
        {"type": "interactive", "interactive": BUTTONS},
    ),
    (
        {"message_type": "INTERACTIVE", "interactive": LIST},
        {"type": "list", "title": "Colours", "body": "Which?", "globalButtons": [{"type": "text", "title": "Choose"}],
         "items": [{"title": "Blue", "options": [
             {"type": "text", "title": "Navy", "description": "dark", "postbackText": "b1"}]}]},
        {"type": "interactive", "interactive": LIST},
    ),
    (
        {"message_type": "INTERACTIVE", "interactive": LINK},
        {"type": "cta_url", "display_text": "Open", "url": "https://shop.example/", "body": "Look"},
        {"type": "interactive", "interactive": LINK},
    ),
]  # fmt: skip


async def test_every_type_in_gupshups_own_words(shop: Shop) -> None:
    await shop.greeted(ANN)
    for fields, wanted, _ in KINDS:
        await shop.became((await shop.sends(ANN, **fields)).ok(201)["id"], "SENT")
        assert shop.server.requests[-1]["message"] == wanted
    shown = (await shop.sends(ANN, text="https://shop.example/", preview_url=True)).ok(201)
    done = await shop.became(shown["id"], "SENT")
    assert shop.server.requests[-1]["disablePreview"] == "false"
    assert (done["wa_message_id"], done["gs_message_id"]) == (shop.server.ids[ANN[1:]], None)


async def test_every_type_in_the_clouds_form(partner: Shop) -> None:
    await partner.greeted(ANN)
    for fields, _, wanted in KINDS:
        message = (await partner.sends(ANN, **fields)).ok(201)["id"]
        await partner.became(message, "SENT")
        sent = partner.server.requests[-1]
        assert {name: sent[name] for name in wanted} == wanted
        assert (sent["to"], sent["recipient_type"]) == (ANN[1:], "individual")
        assert sent["biz_opaque_callback_data"] == message


async def test_an_answer_and_a_reaction_name_what_they_are_to(either: Shop) -> None:
    await either.greeted(ANN)
    [received] = await either.heard("message.received")
    theirs = received["data"]["external_message_id"]
    answer = (await either.sends(ANN, text="yes", reply_to=received["subject"]["id"])).ok(201)["id"]
    await either.became(answer, "SENT")
    sent = either.server.requests[-1]
    assert (sent["context"] if either.server.by_token else sent["message"]["context"]) in (
        {"message_id": theirs}, {"msgId": theirs},
    )  # fmt: skip
    reaction = (await either.sends(ANN, message_type="REACTION", reaction="👍", reply_to=theirs)).ok(201)["id"]
    await either.became(reaction, "SENT")
    sent = either.server.requests[-1]
    wanted = {"message_id": theirs, "emoji": "👍"} if either.server.by_token else {
        "type": "reaction", "msgId": theirs, "emoji": "👍",
    }  # fmt: skip
    assert sent["reaction" if either.server.by_token else "message"] == wanted


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"message_type": "INTERACTIVE",
          "interactive": {"type": "location_request", "body": {"text": "x"}, "action": {"name": "send_location"}}},
         "interactive.type"),
        ({"message_type": "INTERACTIVE", "interactive": {**BUTTONS, "header": {"type": "image", "image": {"id": "1"}}}},
         "interactive.header.image.link"),
        ({"message_type": "CONTACTS", "contacts": [CARD, CARD]}, "contacts"),
        ({"message_type": "IMAGE", "media_id": "0123456789"}, "media_id"),
    ],
)  # fmt: skip
async def test_what_only_a_token_sends_names_the_field(shop: Shop, fields: dict[str, Any], field: str) -> None:
    await shop.greeted(ANN)
    assert field in (await shop.sends(ANN, **fields)).refused(400, "validation_error")
    assert shop.server.requests == []


@pytest.mark.parametrize(
    ("answer", "code", "cause"),
    [
        ((400, {"status": "error", "message": "Invalid Destination"}), "400", None),
        ((401, {"status": "error", "message": "Authentication Failed"}), "401", "authentication"),
        ((403, "Authentication Failed"), "403", "authentication"),
        ((200, {"status": "error", "message": "Invalid App Details"}), "200", None),
        ((400, {"error": {"code": 131026, "message": "undeliverable"}}), "131026", None),
        ((400, {"error": {"code": 190, "message": "token"}}), "190", "authentication"),
    ],
)
async def test_a_refusal_fails_the_message_and_is_told(either: Shop, answer: Any, code: str, cause: Any) -> None:
    await either.greeted(ANN)
    either.server.next.append(answer)
    failed = await either.became((await either.sends(ANN, text="x")).ok(201)["id"], "FAILED")
    assert failed["error_code"] == code
    assert sum(either.server.asked.values()) == 1
    if cause is not None:
        [reported] = await either.heard("account.reported")
        assert (reported["subject"]["id"], reported["data"]["kind"]) == (either.app["id"], cause)


@pytest.mark.parametrize(
    "answer",
    [
        (429, {"status": "error", "message": "Too Many Requests"}, {"Retry-After": "1"}),
        (503, {"status": "error", "message": "try later"}),
        (400, {"error": {"code": 130429, "message": "throughput"}}, {"Retry-After": "1"}),
    ],
    ids=["429", "503", "throughput"],
)
async def test_what_passes_is_tried_again(either: Shop, answer: Any) -> None:
    await either.greeted(ANN)
    either.server.next.append(answer)
    await either.became((await either.sends(ANN, text="x")).ok(201)["id"], "SENT")
    assert sum(either.server.asked.values()) == 2
    assert sum(either.server.accepted.values()) == 1


@pytest.mark.parametrize("answer", ["reset", (502, "<html>"), (202, "nonsense")], ids=["reset", "502", "nonsense"])
async def test_no_answer_is_unknown_and_never_sent_again(either: Shop, answer: Any) -> None:
    await either.greeted(ANN)
    either.server.next.append(answer)
    await either.became((await either.sends(ANN, text="x")).ok(201)["id"], "UNKNOWN")
    assert sum(either.server.asked.values()) == 1


async def test_a_template_is_handed_in_reviewed_and_sent(either: Shop) -> None:
    written = {
        "wa_app": either.app["id"], "element_name": "order_sent", "category": "UTILITY", "footer": "Lee",
        "content": "Hello {{1}}, order {{2}} is on its way.", "example_body": ["Ann", "47"],
        "buttons": [{"type": "URL", "text": "Track", "url": "https://shop.example/{{1}}", "example": "47"}],
    }  # fmt: skip
    made = (await either.tenant().post("/wa/v1/templates/", written)).ok(201)
    assert (made["status"], made["error_message"]) == ("PENDING", None)
    [handed] = either.server.templates
    assert handed["example"] == "Hello Ann, order 47 is on its way."
    assert (handed["elementName"], handed["languageCode"], handed["category"]) == ("order_sent", "en", "UTILITY")
    values = {"body": [{"type": "text", "text": "Ann"}, {"type": "text", "text": "47"}], "buttons": [
        {"type": "button", "sub_type": "url", "index": "0", "parameters": [{"type": "text", "text": "k9"}]},
    ]}  # fmt: skip
    send = {"message_type": "TEMPLATE", "template": made["id"], "template_params": values}
    assert "template" in (await either.sends(ANN, **send)).refused(400, "validation_error"), "it is not approved yet"
    approved = {"id": made["bsp_template_id"], "status": "approved", "elementName": "order_sent", "languageCode": "en"}
    (await either.posts(either.server.event("template-event", approved))).ok()
    await either.heard("template.updated")
    await either.became((await either.sends(ANN, **send)).ok(201)["id"], "SENT")
    sent = either.server.requests[-1]
    if either.server.by_token:
        assert sent["template"]["name"] == "order_sent"
        assert sent["template"]["components"][0]["parameters"] == values["body"]
    else:
        assert sent["template"] == {"id": made["bsp_template_id"], "params": ["Ann", "47", "k9"]}
    listed = (await either.tenant().get("/wa/v1/messages/", params={"direction": "OUTBOUND"})).ok()["results"]
    assert [row["text"] for row in listed] == ["Hello Ann, order 47 is on its way."]


async def test_a_template_that_is_refused_stays_a_draft_with_the_reason(either: Shop) -> None:
    either.server.review = (400, {"status": "error", "message": "Template Already exists with same namespace"})
    made = (
        await either.tenant().post(
            "/wa/v1/templates/", {"wa_app": either.app["id"], "element_name": "again", "content": "hi"}
        )
    ).ok(201)
    assert (made["status"], made["needs_sync"]) == ("DRAFT", True)
    assert made["error_message"] == "Template Already exists with same namespace"


async def test_a_template_with_a_file_names_it(shop: Shop) -> None:
    written = {"wa_app": shop.app["id"], "element_name": "look", "content": "Look {{1}}", "template_type": "IMAGE"}
    made = (await shop.tenant().post("/wa/v1/templates/", written)).ok(201)
    told = {"id": made["bsp_template_id"], "status": "approved", "elementName": "look", "languageCode": "en"}
    (await shop.posts(shop.server.event("template-event", told))).ok()
    await shop.heard("template.updated")
    image = {"type": "image", "image": {"link": FILE}}
    values = {"header": [image], "body": [{"type": "text", "text": "Ann"}]}
    sent = await shop.sends(ANN, message_type="TEMPLATE", template=made["id"], template_params=values)
    await shop.became(sent.ok(201)["id"], "SENT")
    assert shop.server.requests[-1]["message"] == image
    assert shop.server.requests[-1]["template"]["params"] == ["Ann"]


async def test_of_two_providers_the_one_they_wrote_to_answers_else_the_default(shop: Shop) -> None:
    owner, number = shop.tenant(), "+12025550179"
    await shop.greeted(ANN)
    answer = (await owner.post("/wa/v1/messages/", {"to": ANN, "text": "We do!"})).ok(201)
    assert answer["wa_app"] == shop.app["id"]
    written = {"wa_app": shop.app["id"], "element_name": "x", "content": "hi"}
    made = (await owner.post("/wa/v1/templates/", written)).ok(201)
    told = {"id": made["bsp_template_id"], "status": "approved", "elementName": "x", "languageCode": "en"}
    (await shop.posts(shop.server.event("template-event", told))).ok()
    await shop.heard("template.updated")
    send = {"to": number, "message_type": "TEMPLATE", "template": made["id"]}
    assert "wa_app" in (await owner.post("/wa/v1/messages/", send)).refused(400, "validation_error")
    shown = (await owner.patch(f"/wa/v1/apps/{shop.app['id']}/", {"is_default": True})).ok()
    assert shown["is_default"] is True
    assert (await owner.post("/wa/v1/messages/", send)).ok(201)["wa_app"] == shop.app["id"]
    meta = f"/wa/v1/apps/{shop.tenant.whatsapp['app_id']}/"
    assert (await owner.patch(meta, {"is_default": True})).ok()["is_default"] is True
    assert (await owner.get(f"/wa/v1/apps/{shop.app['id']}/")).ok()["is_default"] is False, "there is one at most"


async def test_a_broadcast_goes_over_gupshup_with_each_persons_values(either: Shop) -> None:
    numbers = [f"+1202555017{last}" for last in range(4, 8)]
    made = await either.approved(
        element_name="sale", content="Hello {{first_name}}!", category="UTILITY", example_body=["Ann"]
    )
    await either.broadcasts(made, numbers)
    if either.server.by_token:
        said = {"+" + sent["to"]: sent["template"]["components"][0]["parameters"][0]["text"]
                for sent in either.server.requests}  # fmt: skip
    else:
        said = {"+" + sent["destination"]: sent["template"]["params"][0] for sent in either.server.requests}
    assert said == {number: f"P{place}" for place, number in enumerate(numbers)}
    assert set(either.server.accepted.values()) == {1}


CARDS = [
    {"headerType": "IMAGE", "media_url": f"{FILE}.jpg", "body": "In {{1}}", "example_body": ["red"],
     "buttons": [{"type": "QUICK_REPLY", "text": "I take it"}]},
    {"headerType": "IMAGE", "media_url": f"{FILE}2.jpg", "body": "Or {{1}}",
     "buttons": [{"type": "QUICK_REPLY", "text": "I take it"}]},
]  # fmt: skip


async def test_a_carousel_is_handed_in_with_the_addresses_of_its_files_and_sent_in_either_form(either: Shop) -> None:
    written = {"wa_app": either.app["id"], "element_name": "colours", "template_type": "CAROUSEL",
               "content": "Hello {{1}}.", "cards": CARDS}  # fmt: skip
    made = (await either.tenant().post("/wa/v1/templates/", written)).ok(201)
    handed = either.server.templates[-1]
    assert handed["templateType"] == "CAROUSEL"
    first = json.loads(handed["cards"])[0]
    assert (first["headerType"], first["mediaUrl"], first["sampleText"]) == ("IMAGE", f"{FILE}.jpg", "In red")
    told = {"id": made["bsp_template_id"], "status": "approved", "elementName": "colours", "languageCode": "en"}
    (await either.posts(either.server.event("template-event", told))).ok()
    await either.heard("template.updated")
    values = {"body": [{"type": "text", "text": "Ann"}], "cards": {
        str(place): {"body": [{"type": "text", "text": word}]} for place, word in enumerate(("red", "blue"))
    }}  # fmt: skip
    sent = await either.sends(ANN, message_type="TEMPLATE", template=made["id"], template_params=values)
    await either.became(sent.ok(201)["id"], "SENT")
    request = either.server.requests[-1]
    if either.server.by_token:
        cards = request["template"]["components"][1]["cards"]
        assert cards[0]["components"][0]["parameters"][0]["image"] == {"link": f"{FILE}.jpg"}
    else:
        links = [{"link": f"{FILE}.jpg"}, {"link": f"{FILE}2.jpg"}]
        assert request["message"] == {"type": "carousel", "cardHeaderType": "IMAGE", "cards": links}
        assert request["template"]["params"] == ["Ann", "red", "blue"]


async def test_a_sample_is_uploaded_by_token_alone(either: Shop) -> None:
    written = {"wa_app": either.app["id"], "element_name": "look", "content": "Look", "template_type": "IMAGE"}
    made = (await either.tenant().post("/wa/v1/templates/", written)).ok(201)
    form = aiohttp.FormData()
    form.add_field("file", picture("PNG"), filename="a.png", content_type="image/png")
    answer = await either.tenant().ask("POST", f"/wa/v1/templates/{made['id']}/upload-media/", data=form)
    if not either.server.by_token:
        assert "app_token" in str(answer.refused(502, "provider_error"))
        return
    given = answer.ok()
    assert (given["provider"], given["stored_on"]) == ("GUPSHUP", "template")
    (await either.tenant().post(f"/wa/v1/templates/{made['id']}/sync/")).ok()
    assert either.server.templates[-1]["exampleMedia"] == given["handle_id"]
