"""Fast2SMS's reports in the body we ask for, as JSON and as a form, and who may post them."""

from __future__ import annotations

import itertools

import pytest

from tests.channels.indian import Indian


def report(sms: Indian, message: str, status: str, description: str = "", **fields: str) -> dict[str, str]:
    return {
        "request_id": sms.server.ids[message], "number": "9876543210", "sender_id": "ACMEIN", "status": status,
        "status_description": description, "sent_time": "26-11-2026 10:00:00", "udf1": message, **fields,
    }  # fmt: skip


@pytest.mark.parametrize("order", list(itertools.permutations(["Sent", "PENDING", "delivered"])))
async def test_reports_in_any_order_and_twice_end_at_delivered(sms: Indian, order: tuple[str, ...]) -> None:
    message = (await sms.sends()).ok(201)["id"]
    for place, status in enumerate((*order, *order)):
        told = report(sms, message, status)
        form, json = (told, None) if place % 2 else (None, told)
        assert (await sms.posts(sms.app["dlr_webhook_url"], form, json)).ok() == {"ok": True}
    await sms.heard("message.delivered")
    assert (await sms.shown(message))["status"] == "DELIVERED"


@pytest.mark.parametrize(
    ("status", "description", "code", "said"),
    [
        ("Failed", "absent subscriber", "Failed", "absent subscriber"), ("DND", "", "DND", "DND"),
        ("Blocked", "", "Blocked", "Blocked"), ("Rejected", "DLT error 631", "631", "have it activated"),
        ("Undelivered", "603", "603", "settle it with its operator"),
    ],
)
async def test_a_failure_says_who_must_act(sms: Indian, status: str, description: str, code: str, said: str) -> None:
    message = (await sms.sends()).ok(201)["id"]
    (await sms.posts(sms.app["dlr_webhook_url"], told=report(sms, message, status, description))).ok()
    [failed] = await sms.heard("message.failed")
    assert failed["data"]["error_code"] == code
    assert said in failed["data"]["error_message"]


async def test_what_is_not_known_changes_nothing_and_what_names_nothing_is_kept(sms: Indian) -> None:
    message = (await sms.sends()).ok(201)["id"]
    (await sms.posts(sms.app["dlr_webhook_url"], told=report(sms, message, "Thinking"))).ok()
    (await sms.posts(sms.app["dlr_webhook_url"], told={"status": "Delivered"})).ok()
    failed = await sms.heard("webhook.failed", 2)
    assert "the status 'Thinking' is not known" in [each["data"]["reason"] for each in failed]
    assert (await sms.shown(message))["status"] == "SENT"


async def test_only_who_knows_the_secret_is_heard(sms: Indian) -> None:
    message = (await sms.sends()).ok(201)["id"]
    url, secret, told = sms.app["dlr_webhook_url"], sms.app["webhook_secret"], report(sms, message, "Delivered")
    plain = url.replace(f"{secret}/", "")
    (await sms.posts(plain, told=told)).refused(401, "bad_signature")
    (await sms.posts(url.replace(secret, "guess"), told=told)).refused(401, "bad_signature")
    assert (await sms.shown(message))["status"] == "SENT"
    (await sms.posts(plain, told=told, **{"X-Webhook-Secret": secret})).ok()
    await sms.heard("message.delivered")
