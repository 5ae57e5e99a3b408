"""What Fast2SMS is sent over each of its routes, and what its answers come to."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from jinaconnect.channels.base import Refused
from jinaconnect.channels.sms_fast2sms.channel import outcome
from jinaconnect.outbound import Fetched
from tests.channels.indian import REGISTERED, TEXT, Indian


async def test_a_registered_text_goes_by_its_number_with_our_reference(sms: Indian) -> None:
    sent = (await sms.sends()).ok(201)
    assert sms.server.requests == [{
        "route": "dlt", "sender_id": "ACMEIN", "message": 6501, "variables_values": "Ann|47", "numbers": "9876543210",
        "udf1": sent["id"],
    }]  # fmt: skip
    assert (sent["status"], sent["provider_message_id"]) == ("SENT", sms.server.ids[sent["id"]])
    detail = (await sms.sends("Dear Ann, your order 4|7 is on its way. - ACME")).refused(400, "validation_error")
    assert detail == {"params": ["must not have a | in them"]}


async def test_without_a_number_there_it_goes_word_for_word_with_its_ids(sms: Indian) -> None:
    (await sms.tenant().delete(f"/sms/v1/templates/{sms.template['id']}/")).ok(204)
    fields = {name: value for name, value in REGISTERED.items() if name != "bsp_template_id"}
    (await sms.tenant().post("/sms/v1/templates/", fields)).ok(201)
    (await sms.sends()).ok(201)
    [request] = sms.server.requests
    assert (request["route"], request["message"]) == ("dlt_manual", TEXT)
    assert (request["template_id"], request["entity_id"]) == ("1107160000000000001", "1101400000000000001")


async def test_the_quick_route_takes_any_text(sms: Indian) -> None:
    route = {"provider_credentials": {"route": "q"}}
    (await sms.tenant().patch(f"/sms/v1/apps/{sms.app['id']}/", route)).ok()
    (await sms.sends("नमस्ते")).ok(201)
    (await sms.sends("plain")).ok(201)
    told = [(request["route"], request["message"], request["language"]) for request in sms.server.requests]
    assert told == [("q", "नमस्ते", "unicode"), ("q", "plain", "english")]
    detail = (await sms.tenant().post("/sms/v1/messages/", {"to": "+12025550111", "text": "hi"})).refused(
        400, "validation_error"
    )
    assert detail == {"phone": ["must be an Indian mobile number: Fast2SMS reaches no others"]}


async def test_the_first_character_that_differs_is_named(sms: Indian) -> None:
    detail = (await sms.sends("Dear Ann, your oder 47 is on its way. - ACME")).refused(400, "validation_error")
    assert "'d' stands where 'r' would have to (character 17)" in detail["text"][0]


@pytest.mark.parametrize(
    ("status", "code", "said"),
    [
        (500, 411, "not a valid one"),
        (401, 412, "API key"), (401, 413, "switched off"), (400, 409, "may not use this route"),
        (400, 416, "recharge"), (400, 996, "KYC"), (400, 406, "sender"), (400, 411, "not a valid one"),
        (400, "425", "template"), (400, 426, "link"), (400, 500, "black list"), (200, 424, "message id"),
    ],
)  # fmt: skip
async def test_an_error_is_told_in_words(sms: Indian, status: int, code: Any, said: str) -> None:
    sms.server.next.append((status, {"return": False, "status_code": code, "message": "Told to refuse."}))
    assert said in (await sms.sends()).refused(400, "provider_error")
    [failed] = await sms.heard("message.failed")
    assert failed["data"]["error_code"] == str(code)


@pytest.mark.parametrize(
    "answer",
    [(429, "slow down"), (503, {"return": False, "message": "Down"}), (500, {"return": False, "status_code": 503})],
)
async def test_what_passes_is_tried_again(sms: Indian, answer: Any) -> None:
    sms.server.next.append(answer)
    (await sms.sends()).ok(201)
    await sms.heard("message.sent")
    assert sum(sms.server.asked.values()) == 2


@pytest.mark.parametrize("answer", ["reset", (502, "<html>"), (200, {"return": True})])
async def test_no_answer_is_unknown_until_a_report_finds_it(sms: Indian, answer: Any) -> None:
    sms.server.next.append(answer)
    sent = (await sms.sends()).ok(201)
    assert sent["status"] == "UNKNOWN"
    told = {"request_id": sms.server.ids[sent["id"]], "number": "9876543210", "status": "Delivered", "udf1": sent["id"]}
    (await sms.posts(sms.app["dlr_webhook_url"], told=told)).ok()
    await sms.heard("message.delivered")
    assert sms.server.asked[sent["id"]] == 1


@pytest.mark.parametrize("status", [429, 503])
def test_the_wait_that_is_asked_for_is_kept(status: int) -> None:
    told = b'{"return": false, "message": "Slow down"}'
    found = outcome(Fetched(status, {"retry-after": "120"}, told, ""))
    assert isinstance(found, Refused)
    assert (found.again, found.retry_after) == (True, 120.0)


@pytest.mark.parametrize("code", [412, "412"])
def test_a_key_that_is_refused_is_told_of_its_account(code: Any) -> None:
    answer = {"return": False, "status_code": code, "message": "Invalid Authentication"}
    found = outcome(Fetched(401, {}, orjson.dumps(answer), ""))
    assert isinstance(found, Refused)
    assert (found.code, found.cause) == ("412", "auth")
