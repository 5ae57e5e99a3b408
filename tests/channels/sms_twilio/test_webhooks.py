"""Twilio's signatures, by every published vector, and its reports in every order."""

from __future__ import annotations

import hashlib
import itertools
import json

import pytest

from jinaconnect.channels.base import WebhookRequest
from jinaconnect.channels.facts import UNTIMED
from jinaconnect.channels.sms_twilio.hooks import reported, signed
from jinaconnect.core.signed_form import addresses, signature
from tests.channels.sms_twilio.conftest import Sms

# Of Twilio's own Python client (MIT): token, address, fields and signature; and a JSON body with its digest.
TOKEN, URL = "12345", "https://mycompany.com/myapp.php?foo=1&bar=2"
FORM = (
    "CallSid=CA1234567890ABCDE&Caller=%2B14158675309&Digits=1234&From=%2B14158675309&To=%2B18005551212"
)  # fmt: skip
SIGNATURE = "RSOYDt4T1cUTdK1PDd93/VVr8B8="
BODY = '{"property": "value", "boolean": true}'
DIGEST = "0a1ff7634d9ab3b95db5c9a2dfe9416e41502b283a80c7cf19632632f96e6620"
BODY_SIGNATURE = "a9nBmqA0ju/hNViExpshrM61xv4="


def hook(url: str, body: str, given: str, kind: str = "application/x-www-form-urlencoded") -> WebhookRequest:
    query = dict(pair.split("=") for pair in url.partition("?")[2].split("&"))
    headers = {"content-type": kind, "x-twilio-signature": given}
    return WebhookRequest(body.encode(), url=url, headers=headers, query=query)


@pytest.mark.parametrize(("code", "early"), [("30610", True), ("30047", True), ("30003", False), ("", False)])
def test_what_was_refused_for_the_hour_alone_is_told_apart(code: str, early: bool) -> None:
    report = reported("undelivered", code, None, UNTIMED)
    assert report is not None
    assert (report.status, report.early) == ("FAILED", early)


def test_the_published_signature_of_a_form() -> None:
    assert signed(TOKEN, hook(URL, FORM, SIGNATURE))
    assert not signed(TOKEN, hook(URL, FORM.replace("1234&", "1235&"), SIGNATURE))
    assert not signed("12346", hook(URL, FORM, SIGNATURE))
    assert not signed(TOKEN, hook(URL + "&x=1", FORM, SIGNATURE))
    assert not signed(TOKEN, hook(URL, FORM, ""))


def test_the_published_signature_of_a_body() -> None:
    url = f"{URL}&bodySHA256={DIGEST}"
    assert signed(TOKEN, hook(url, BODY, BODY_SIGNATURE, "application/json"))
    assert not signed(TOKEN, hook(url, BODY.replace("true", "false"), BODY_SIGNATURE, "application/json"))
    assert not signed(TOKEN, hook(URL, BODY, signature(TOKEN, URL), "application/json")), "a body that nothing signs"


def test_a_port_may_be_left_out_or_put_in() -> None:
    assert set(addresses("https://example.com/x")) == {"https://example.com/x", "https://example.com:443/x"}
    assert set(addresses("http://example.com:80/x")) == {"http://example.com:80/x", "http://example.com/x"}
    assert set(addresses("https://[2001:db8::1]/x")) == {"https://[2001:db8::1]/x", "https://[2001:db8::1]:443/x"}
    assert addresses("https://example.com:8443/x") == ["https://example.com:8443/x"]
    ported = URL.replace("mycompany.com", "mycompany.com:443")
    form = [("CallSid", "CA1")]
    assert signed(TOKEN, hook(URL, "CallSid=CA1", signature(TOKEN, ported, form)))


def test_names_that_are_there_twice_count_with_each_value_once() -> None:
    once = signature(TOKEN, URL, [("A", "1"), ("A", "2"), ("B", "")])
    assert signature(TOKEN, URL, [("B", ""), ("A", "2"), ("A", "1"), ("A", "1")]) == once
    assert signature(TOKEN, URL, [("A", "1"), ("B", "")]) != once


@pytest.mark.parametrize("order", list(itertools.permutations(["queued", "sent", "delivered"])))
async def test_reports_in_any_order_and_twice_end_at_delivered(sms: Sms, order: tuple[str, ...]) -> None:
    message = (await sms.sends()).ok(201)["id"]
    for status in (*order, *order):
        answer = await sms.reports(message, status)
        assert answer.status == 200
    await sms.heard("message.delivered")
    shown = await sms.shown(message)
    assert (shown["status"], shown["delivered_at"] is not None) == ("DELIVERED", True)
    events = [event["type"] for event in await sms.tenant().events() if event["subject"]["id"] == message]
    assert events == ["message.queued", "message.sent", "message.delivered"]


@pytest.mark.parametrize(
    ("status", "code", "told"),
    [
        ("undelivered", "30003", "cannot be reached"), ("undelivered", "30005", "not known"),
        ("undelivered", "30006", "landline"), ("failed", "30007", "filtered"), ("failed", "30034", "A2P 10DLC"),
        ("failed", "30999", "Twilio says: failed"), ("canceled", "canceled", "Twilio says: canceled"),
    ],
)  # fmt: skip
async def test_a_failure_is_told_in_words_and_a_late_delivery_does_not_revive_it(
    sms: Sms, status: str, code: str, told: str
) -> None:
    message = (await sms.sends()).ok(201)["id"]
    fields = {} if status == "canceled" else {"ErrorCode": code}
    assert (await sms.reports(message, status, **fields)).status == 200
    [failed] = await sms.heard("message.failed")
    assert failed["data"]["error_code"] == code
    assert told.lower() in failed["data"]["error_message"].lower()
    for late in ("sent", "delivered"):
        assert (await sms.reports(message, late)).status == 200
    assert (await sms.shown(message))["status"] == "UNDELIVERED"


async def test_a_report_names_when_and_what_it_does_not_know_changes_nothing(sms: Sms) -> None:
    message = (await sms.sends()).ok(201)["id"]
    for odd in ("receiving", "partially_delivered", ""):
        assert (await sms.reports(message, odd)).status == 200
    assert len(await sms.heard("webhook.failed", 3)) == 3
    assert (await sms.shown(message))["status"] == "SENT"
    assert (await sms.reports(message, "delivered", RawDlrDoneDate="2611260915")).status == 200
    await sms.heard("message.delivered")
    assert (await sms.shown(message))["delivered_at"] == "2026-11-26T09:15:00.000Z"


async def test_what_is_not_signed_for_this_app_changes_nothing(sms: Sms, new_tenant: object) -> None:
    message = (await sms.sends()).ok(201)["id"]
    url = f"{sms.app['dlr_webhook_url']}?reference={message}"
    form = sms.server.report(message, "delivered")
    client = sms.tenant.anonymous
    (await sms.server.posts(client, url, form, **{"X-Twilio-Signature": "AAAA"})).refused(401, "bad_signature")
    (await sms.server.posts(client, url.replace(message, "msg_other"), form, **sms.server.headers(url, form))).refused(
        401, "bad_signature"
    )
    elsewhere = url.replace(sms.app["id"], "wap_nobody")
    assert (await sms.server.posts(client, elsewhere, form)).ok() == {"ok": True}
    other = {**form, "AccountSid": "AC" + 32 * "0"}
    assert (await sms.server.posts(client, url, other)).status == 200, "signed, and of another account of theirs"
    assert (await sms.shown(message))["status"] == "SENT"
    assert (await client.get("/" + url.split("/", 3)[3])).ok() == {"ok": True}
    (await sms.tenant().patch(f"/sms/v1/apps/{sms.app['id']}/", {"is_active": False})).ok()
    assert (await sms.server.posts(client, url, form)).ok() == {"ok": True}, "of an app that is switched off"
    assert (await sms.shown(message))["status"] == "SENT"


async def test_a_report_in_json_is_signed_by_its_digest(sms: Sms) -> None:
    message = (await sms.sends()).ok(201)["id"]
    body = json.dumps(sms.server.report(message, "delivered")).encode()
    url = f"{sms.app['dlr_webhook_url']}?reference={message}&bodySHA256={hashlib.sha256(body).hexdigest()}"
    headers = {"Content-Type": "application/json", "X-Twilio-Signature": signature(sms.server.token, url)}
    answer = await sms.tenant.anonymous.ask("POST", "/" + url.split("/", 3)[3], body, headers=headers)
    assert answer.status == 200
    await sms.heard("message.delivered")
