"""MSG91's reports in both versions that name a message, and who may post them."""

from __future__ import annotations

import hashlib
import hmac
import itertools
import json
from typing import Any

import pytest

from tests.channels.indian import Indian


def report(sms: Indian, status: str, desc: str, **fields: str) -> dict[str, str]:
    item = {
        "date": "2024-05-22 10:06:20", "amount": "0.01", "clientid": "", "INMSID": "0", "CRQID": "0", "ctCode": "900",
        "number": "919876543210", "credit": "1", "status": status, "desc": desc, "failedReason": "", **fields,
    }  # fmt: skip
    request = {
        "senderId": "ACMEIN", "requestId": sms.server.ids["919876543210"], "report": [item], "userId": "270000",
        "campaignName": "Sendhttp",
    }  # fmt: skip
    return {"data": json.dumps([request])}


def flat(sms: Indian, status: str, desc: str, **fields: str) -> dict[str, str]:
    return {
        "date": "2024-05-22 10:06:20", "number": "919876543210", "senderId": "ACMEIN", "amount": "0.01",
        "requestId": sms.server.ids["919876543210"], "CRQID": "0", "INMSID": "0", "credit": "1", "status": status,
        "desc": desc, "userId": "270000", "campaignName": "Sendhttp", **fields,
    }  # fmt: skip


STEPS = [("3", "SUBMITTED"), ("1", "DELIVERED")]


@pytest.mark.parametrize("order", list(itertools.permutations([*STEPS, ("26", "PENDING")])))
async def test_reports_in_any_order_and_twice_end_at_delivered(sms: Indian, order: Any) -> None:
    message = (await sms.sends()).ok(201)["id"]
    for status, desc in (*order, *order):
        answer = await sms.posts(sms.app["dlr_webhook_url"], report(sms, status, desc))
        assert answer.ok() == {"ok": True}
    await sms.heard("message.delivered")
    shown = await sms.shown(message)
    assert (shown["status"], shown["delivered_at"]) == ("DELIVERED", "2024-05-22T04:36:20.000Z"), "it tells Indian time"


@pytest.mark.parametrize(
    ("status", "desc", "reason", "code", "said"),
    [
        ("2", "FAILED", "", "2", "could not be delivered"), ("9", "NDNC", "", "9", "do not disturb"),
        ("16", "REJECTED", "", "16", "rejected"), ("25", "REJECTED", "", "25", "rejected"),
        ("17", "BLOCKED", "", "17", "blocked"), ("99", "EXPIRED", "", "99", "EXPIRED"),
        ("16", "REJECTED", "DLT scrubbing failed 633", "633", "whoever wrote it"),
        ("16", "REJECTED : 605", "", "605", "allow the telemarketer"),
    ],
)  # fmt: skip
async def test_a_failure_says_who_must_act(
    sms: Indian, status: str, desc: str, reason: str, code: str, said: str
) -> None:
    message = (await sms.sends()).ok(201)["id"]
    told = flat(sms, status, desc, failedReason=reason)
    (await sms.posts(sms.app["dlr_webhook_url"], told=told)).ok()
    [failed] = await sms.heard("message.failed")
    assert failed["data"]["error_code"] == code
    assert said in failed["data"]["error_message"]
    assert (await sms.shown(message))["status"] == "UNDELIVERED"


async def test_one_that_was_refused_for_the_hour_waits_for_its_hours(sms: Indian) -> None:
    message = (await sms.sends()).ok(201)["id"]
    (await sms.posts(sms.app["dlr_webhook_url"], told=flat(sms, "25", "651", failedReason=""))).ok()
    [waiting] = await sms.heard("message.updated")
    assert (waiting["data"]["outgoing_status"], waiting["data"]["deferred_until"] is None) == ("queued", False)
    assert (await sms.shown(message))["status"] == "PENDING"


async def test_several_reports_in_one_post_and_odd_ones_harm_no_other(sms: Indian) -> None:
    (await sms.sends()).ok(201)
    good = json.loads(report(sms, "1", "DELIVERED")["data"])[0]
    told = {"data": json.dumps([7, {"requestId": "other", "report": [{"status": "1"}]}, good])}
    (await sms.posts(sms.app["dlr_webhook_url"], told)).ok()
    await sms.heard("message.delivered")
    assert len(await sms.heard("webhook.failed")) == 1


@pytest.mark.parametrize("told", [[], [{"requestId": "1", "report": []}], [{"requestId": "1", "report": [7]}]], ids=str)
async def test_what_reports_on_nobody_is_kept(sms: Indian, told: Any) -> None:
    (await sms.posts(sms.app["dlr_webhook_url"], {"data": json.dumps(told)})).ok()
    assert len(await sms.heard("webhook.failed")) == 1


async def test_version_4_is_told_to_be_of_no_use(sms: Indian) -> None:
    item = {"meta": "0", "INMSID": "0", "description": "DELIVERED", "ts": 1726729500}
    told = [{"data": [item], "event": "delivered"}]
    (await sms.posts(sms.app["dlr_webhook_url"], told=told)).ok()
    [failed] = await sms.heard("webhook.failed")
    assert "choose version 2 or 3" in failed["data"]["reason"]


async def test_only_who_knows_the_secret_is_heard(sms: Indian) -> None:
    message = (await sms.sends()).ok(201)["id"]
    told, url, secret = report(sms, "1", "DELIVERED"), sms.app["dlr_webhook_url"], sms.app["webhook_secret"]
    plain = url.replace(f"{secret}/", "")
    (await sms.posts(plain, told)).refused(401, "bad_signature")
    (await sms.posts(url.replace(secret, "guess"), told)).refused(401, "bad_signature")
    (await sms.posts(plain, told, **{"X-Webhook-Secret": "guess"})).refused(401, "bad_signature")
    assert (await sms.shown(message))["status"] == "SENT"
    shown = (await sms.tenant().get(f"/sms/v1/apps/{sms.app['id']}/")).ok()
    assert secret not in json.dumps(shown)
    body = json.dumps(flat(sms, "1", "DELIVERED")).encode()
    signed = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    headers = {"Content-Type": "application/json", "X-Msg91-Signature": signed}
    path = "/" + plain.split("/", 3)[3]
    (await sms.tenant.anonymous.ask("POST", path, body, headers=headers)).ok()
    await sms.heard("message.delivered")


async def test_a_secret_is_changed_and_the_former_ends(sms: Indian) -> None:
    rotated = (await sms.tenant().post(f"/sms/v1/apps/{sms.app['id']}/rotate-secret/")).ok()
    assert rotated["webhook_secret"] not in (None, sms.app["webhook_secret"])
    form = {"mobile": "919876543210", "sender": "56161", "message": "hi", "msg_id": "m1"}
    (await sms.posts(sms.app["webhook_url"], form)).refused(401, "bad_signature")
    (await sms.posts(rotated["webhook_url"], form)).ok()
    await sms.heard("message.received")
