"""What MSG91 is sent: registered texts by their id, and what its answers come to."""

from __future__ import annotations

from typing import Any

import pytest

from jinaconnect.channels.base import Refused
from jinaconnect.channels.sms_msg91.channel import outcome
from jinaconnect.outbound import Fetched
from tests.channels.indian import TO, Indian


async def test_a_registered_text_goes_by_its_id_with_its_values(sms: Indian) -> None:
    sent = (await sms.sends()).ok(201)
    recipient = {"mobiles": "919876543210", "VAR1": "Ann", "VAR2": "47"}
    assert sms.server.requests == [{"template_id": "6501", "short_url": "0", "recipients": [recipient]}]
    assert (sent["status"], sent["segments"]) == ("SENT", 1)
    assert sent["provider_message_id"] == sms.server.ids["919876543210"]
    inbox = (await sms.tenant().get("/team-inbox/api/messages/")).ok()["results"]
    assert inbox[0]["content"]["body"]["text"] == "Dear Ann, your order 47 is on its way. - ACME"


async def test_a_template_is_named_with_values(sms: Indian) -> None:
    body = {"to": TO, "template": sms.template["id"], "params": ["Ann", "47"]}
    (await sms.tenant().post("/sms/v1/messages/", body)).ok(201)
    assert sms.server.requests[0]["recipients"][0]["VAR2"] == "47"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Dear Ann, your oder 47 is on its way. - ACME", "'d' stands where 'r' would have to (character 17)"),
        ("Dear Ann, your order 47 is on its way. - ACM", "the text ends where 'E' would have to follow"),
        ("Dear Ann, your order 47 is on its way. - ACME!", "'!' stands where the text would have to end"),
        ("hello", "'h' stands where 'D' would have to (character 1)"),
        (f"Dear {'x' * 31}, your order 47 is on its way. - ACME", "'x' stands where ',' would have to (character 36)"),
    ],
)
async def test_the_first_character_that_differs_is_named(sms: Indian, text: str, said: str) -> None:
    detail = (await sms.sends(text)).refused(400, "validation_error")
    assert detail["text"][0].startswith(f"is not the registered text 'order_sent': {said}")
    assert sms.server.requests == []
    assert (await sms.tenant().get("/contacts/")).ok()["count"] == 0


@pytest.mark.parametrize(
    ("answer", "code", "said"),
    [
        ((200, {"type": "error", "message": "Invalid authkey"}), "207", "auth key"),
        ((401, {"type": "error", "message": "authentication failure", "code": "201"}), "201", "auth key"),
        ((200, {"type": "error", "message": "Invalid mobile number"}), "202", "mobile number"),
        ((200, {"hasError": True, "errors": "template id missing", "status": "fail"}), "error", "template id missing"),
        ((400, {"type": "error", "message": "IP is not whitelisted", "code": "418"}), "418", "white list"),
        ((200, {"type": "error", "message": "no credit"}), "301", "recharge"),
    ],
)
async def test_an_error_is_told_in_words(sms: Indian, answer: Any, code: str, said: str) -> None:
    sms.server.next.append(answer)
    refused = await sms.sends()
    assert said in refused.refused(400, "provider_error")
    [failed] = await sms.heard("message.failed")
    assert failed["data"]["error_code"] == code


@pytest.mark.parametrize(
    "answer",
    [
        (429, "slow"), (200, {"type": "error", "message": "internal", "code": "601"}),
        (503, {"type": "error", "message": "Service temporarily unavailable"}),
    ],
)  # fmt: skip
async def test_what_passes_is_tried_again(sms: Indian, answer: Any) -> None:
    sms.server.next.append(answer)
    (await sms.sends()).ok(201)
    await sms.heard("message.sent")
    assert sum(sms.server.asked.values()) == 2


@pytest.mark.parametrize("answer", ["reset", (502, "<html>"), (200, "nonsense")])
async def test_no_answer_is_unknown_and_never_sent_again(sms: Indian, answer: Any) -> None:
    sms.server.next.append(answer)
    assert (await sms.sends()).ok(201)["status"] == "UNKNOWN"
    await sms.heard("message.unknown")
    assert sum(sms.server.asked.values()) == 1


async def test_without_a_registered_text_nothing_is_sent(sms: Indian) -> None:
    (await sms.tenant().delete(f"/sms/v1/templates/{sms.template['id']}/")).ok(204)
    detail = (await sms.sends()).refused(400, "validation_error")
    assert detail == {"text": ["is no registered text: there is no template that it could be"]}


@pytest.mark.parametrize("status", [429, 503])
def test_the_wait_that_is_asked_for_is_kept(status: int) -> None:
    told = b'{"type": "error", "message": "Slow down"}'
    found = outcome(Fetched(status, {"retry-after": "120"}, told, ""))
    assert isinstance(found, Refused)
    assert (found.again, found.retry_after) == (True, 120.0)
