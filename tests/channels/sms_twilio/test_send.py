"""What Twilio is sent, by its published description, and what each of its answers comes to."""

from __future__ import annotations

from typing import Any

import pytest

from jinaconnect.channels.sms_twilio.errors import WORDS
from tests.channels.sms_twilio.conftest import Sms


async def test_a_text_goes_out_once_with_where_its_reports_go(sms: Sms) -> None:
    sent = (await sms.sends(text="We have it — in blue.")).ok(201)
    [request] = sms.server.requests
    assert (request["To"], request["From"]) == ("+12025550111", "+12025550161")
    assert request["Body"] == "We have it — in blue."
    assert request["StatusCallback"] == f"{sms.app['dlr_webhook_url']}?reference={sent['id']}"
    assert (sent["success"], sent["status"], sent["message_id"], sent["error"]) == (True, "SENT", sent["id"], None)
    assert sent["provider_message_id"] == sms.server.ids[sent["id"]]
    assert (sent["segments"], sent["encoding"], sent["price"]) == (1, "UCS-2", 0.0075)
    assert (sent["offending"], sent["gsm_rewrite"]) == (
        [{"character": "—", "position": 11, "count": 1}], "We have it - in blue.",
    )  # fmt: skip
    assert sms.server.accepted[sent["id"]] == 1
    [event] = await sms.heard("message.sent")
    assert (event["data"]["platform"], event["data"]["external_message_id"]) == ("SMS", sent["provider_message_id"])
    [listed] = (await sms.tenant().get("/sms/v1/messages/")).ok()["results"]
    assert (listed["id"], listed["to_number"], listed["from_number"]) == (sent["id"], "+12025550111", "+12025550161")
    assert (listed["cost"], listed["segment_count"], listed["provider_used"]) == (0.0075, 1, "TWILIO")


async def test_a_file_goes_as_an_mms_and_a_service_instead_of_a_number(sms: Sms) -> None:
    service = {"messaging_service_sid": "MG" + 32 * "1"}
    (await sms.tenant().patch(f"/sms/v1/apps/{sms.app['id']}/", {"provider_credentials": service})).ok()
    sent = (await sms.sends(text="Blue", media_url="https://example.com/blue.jpg")).ok(201)
    [request] = sms.server.requests
    assert request["MediaUrl"] == ["https://example.com/blue.jpg"]
    assert (request["MessagingServiceSid"], request["Body"], "From" in request) == ("MG" + 32 * "1", "Blue", False)
    assert (sent["segments"], sent["message_text"], sent["media_url"]) == (None, "Blue", "https://example.com/blue.jpg")


async def test_a_dry_run_tells_all_and_sends_nothing(sms: Sms) -> None:
    body = {"to": "+12025550111", "text": "€" * 81}
    told = (await sms.tenant().post("/sms/v1/messages/?dry_run=true", body)).ok()
    assert (told["dry_run"], told["segments"], told["encoding"], told["price"]) == (True, 2, "GSM-7", 0.015)
    assert told["verdict"]["outcome"] == "allowed"
    assert sms.server.requests == []
    assert (await sms.tenant().get("/contacts/")).ok()["count"] == 0


@pytest.mark.parametrize(
    ("status", "body", "code"),
    [
        (400, {"code": 21211, "message": "invalid To"}, "21211"), (400, {"code": 21408, "message": "geo"}, "21408"),
        (400, {"code": 21606, "message": "From"}, "21606"), (400, {"code": 21608, "message": "trial"}, "21608"),
        (400, {"code": 21614, "message": "landline"}, "21614"), (401, {"code": 20003, "message": "auth"}, "20003"),
        (403, {"code": 20005, "message": "inactive"}, "20005"), (404, {"code": 20404, "message": "no"}, "20404"),
        (400, {"code": 63016, "message": "outside the window"}, "63016"), (418, "teapot", "418"),
        (307, "elsewhere", "307"), (500, {"code": 21211, "message": "invalid To"}, "21211"),
    ],
)  # fmt: skip
async def test_a_refusal_fails_the_message_and_is_answered(sms: Sms, status: int, body: Any, code: str) -> None:
    sms.server.next.append((status, body))
    answer = await sms.sends()
    detail = answer.refused(400, "provider_error")
    [failed] = await sms.heard("message.failed")
    assert (failed["subject"]["id"], failed["data"]["error_code"]) == (answer.body["message_id"], code)
    said = body["message"] if isinstance(body, dict) else f"HTTP {status}"
    assert detail == failed["data"]["error_message"] == WORDS.get(int(code), said)
    shown = await sms.shown(answer.body["message_id"])
    assert (shown["status"], shown["cost"]) == ("FAILED", None)
    assert sms.server.asked[shown["id"]] == 1, "what cannot pass is asked once"


@pytest.mark.parametrize(
    "refusal",
    [
        (429, {"code": 20429, "message": "Too Many Requests"}, {"Retry-After": "1"}), (429, "slow down"),
        (503, {"code": 20503, "message": "unavailable"}), (400, {"code": 21611, "message": "queue full"}),
    ],
)  # fmt: skip
async def test_what_passes_by_itself_is_tried_again(sms: Sms, refusal: Any) -> None:
    sms.server.next.append(refusal)
    answer = (await sms.sends()).ok(201)
    await sms.heard("message.sent")
    assert (sms.server.asked[answer["id"]], sms.server.accepted[answer["id"]]) == (2, 1)


@pytest.mark.parametrize(
    "how", ["reset", (502, "<html>Bad gateway</html>"), (500, ""), (500, {"code": 30000}), (201, {"status": "queued"})]
)
async def test_an_answer_that_never_came_is_unknown_until_a_report(sms: Sms, how: Any) -> None:
    sms.server.next.append(how)
    answer = (await sms.sends()).ok(201)
    assert answer["status"] == "UNKNOWN"
    await sms.heard("message.unknown")
    assert sms.server.asked[answer["id"]] == 1, "it is not sent again"
    (await sms.reports(answer["id"], "delivered")).ok()
    await sms.heard("message.delivered")
    shown = await sms.shown(answer["id"])
    assert (shown["status"], shown["provider_message_id"]) == ("DELIVERED", sms.server.ids[answer["id"]])


async def test_who_opted_out_at_twilio_is_sent_nothing_more(sms: Sms) -> None:
    sms.server.next.append((400, {"code": 21610, "message": "unsubscribed"}))
    (await sms.sends()).refused(400, "provider_error")
    [contact] = (await sms.tenant().get("/contacts/")).ok()["results"]
    assert list(contact["opt_outs"]) == ["SMS"]
    (await sms.sends()).refused(400, "opted_out")
    assert len(sms.server.requests) == 1


async def test_what_cannot_be_sent_is_named_and_changes_nothing(sms: Sms, new_tenant: Any) -> None:
    stranger = await new_tenant()
    foreign = (await stranger().post("/sms/v1/apps/", sms.server.account())).ok(201)["id"]
    for fields, named in (
        ({"to": "12"}, "to"), ({"text": "a" * 1601}, "text"), ({"text": ""}, "non_field_errors"),
        ({"sender_id": "+12025550199"}, "sender_id"), ({"app_id": foreign}, "app_id"),
        ({"app_id": "wap_nothing"}, "app_id"), ({"template": "tpl_nothing"}, "template"),
        ({"contact_id": "cnt_nothing", "to": None}, "contact_id"), ({"media_url": "ftp://example.com/x"}, "media_url"),
    ):  # fmt: skip
        body = {"to": "+12025550111", "text": "hi", **fields}
        detail = (await sms.tenant().post("/sms/v1/messages/", body)).refused(400, "validation_error")
        assert named in detail or (named == "to" and "phone" in detail), detail
    named_app = sms.server.account(sender_id="ACME")
    app = (await sms.tenant().post("/sms/v1/apps/", named_app)).ok(201)["id"]
    detail = (await sms.sends(app_id=app)).refused(400, "validation_error")
    assert "a name cannot send to this country" in detail["sender_id"][0]
    (await sms.tenant("viewer").post("/sms/v1/messages/", {"to": "+12025550111", "text": "hi"})).refused(
        403, "permission_denied"
    )
    assert sms.server.requests == []
    assert (await sms.tenant().get("/contacts/")).ok()["count"] == 0


async def test_a_template_is_filled_and_its_missing_values_named(sms: Sms) -> None:
    body = {"element_name": "order_sent", "content": "Dear {{name}}, order {{2}} is on its way.", "category": "UTILITY"}
    made = (await sms.tenant().post("/sms/v1/templates/", body)).ok(201)
    assert made["dlt_status"] == "UNREGISTERED"
    path = f"/sms/v1/templates/{made['id']}/"
    registered = (await sms.tenant().patch(path, {"dlt_template_id": "1107160000000000001"})).ok()
    assert registered["dlt_status"] == (await sms.tenant().get(path)).ok()["dlt_status"] == "REGISTERED"
    assert (made["status"], made["platform"], made["wa_app"]) == ("APPROVED", "SMS", None)
    assert (await sms.tenant().get("/wa/v1/templates/")).ok()["count"] == 0
    send = {"to": "+12025550111", "template": made["id"]}
    lacking = await sms.tenant().post("/sms/v1/messages/", {**send, "params": ["Ann"]})
    detail = lacking.refused(400, "validation_error")
    assert detail == {"params": ["values are missing for 2"]}
    sent = (await sms.tenant().post("/sms/v1/messages/", {**send, "params": {"name": "Ann", "2": "47"}})).ok(201)
    assert sent["message_text"] == sms.server.requests[0]["Body"] == "Dear Ann, order 47 is on its way."


async def test_the_inbox_sends_an_sms_as_well(sms: Sms) -> None:
    await sms.writes("+12025550111", "hello")
    [received] = await sms.heard("message.received")
    content = {"type": "text", "body": {"text": "We do."}, "footer": {"text": "Lee & Sons"}}
    body = {"contact": received["contact_id"], "platform": "SMS", "content": content}
    (await sms.tenant().post("/team-inbox/api/messages/", body)).ok(201)
    await sms.heard("message.sent")
    assert sms.server.requests[0]["Body"] == "We do.\nLee & Sons"
    buttons = {**content, "buttons": [{"type": "quick_reply", "text": "Yes"}]}
    detail = (await sms.tenant().post("/team-inbox/api/messages/", {**body, "content": buttons})).refused(
        400, "validation_error"
    )
    assert "content.buttons" in detail
