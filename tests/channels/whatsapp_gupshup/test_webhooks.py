"""Gupshup's webhooks: who may post them, reports of both versions in every order, and what it tells of the account."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest

from jinaconnect.channels.whatsapp_gupshup.facts import facts_of
from tests.channels.whatsapp_gupshup.conftest import Shop
from tests.client import until
from tests.tenants import Tenant

ANN = "+12025550172"


def told(shop: Shop, message: str, status: str, **fields: Any) -> dict[str, Any]:
    """Return a report in the version that the app is posted."""
    if shop.server.by_token:
        return shop.server.status(message, status, **fields)
    return shop.server.report(ANN, status, **fields)


async def sent(shop: Shop) -> str:
    """Return a message that the carrier has taken."""
    await shop.greeted(ANN)
    message = str((await shop.sends(ANN, text="We do!")).ok(201)["id"])
    await shop.became(message, "SENT")
    return message


ORDERS = list(itertools.permutations(["enqueued", "sent", "delivered", "read"]))


@pytest.mark.parametrize("order", ORDERS[::5], ids="-".join)
async def test_reports_in_any_order_and_twice_end_at_read(either: Shop, order: tuple[str, ...]) -> None:
    message = await sent(either)
    for status in (*order, *order):
        assert (await either.posts(told(either, message, status))).body in (None, b"", "")
    await either.heard("message.read")
    shown = (await either.tenant().get(f"/wa/v1/messages/{message}/")).ok()
    own = next(iter(either.server.ids.values()))
    assert (shown["status"], shown["wa_message_id"], shown["gs_message_id"]) == ("READ", f"wamid.O{own}", own)
    assert shown["delivered_at"] is not None
    assert len(await either.heard("message.read")) == 1


async def test_a_report_that_names_only_whatsapps_id_is_found(shop: Shop) -> None:
    """As they are a week after the send."""
    message = await sent(shop)
    (await shop.posts(shop.server.report(ANN, "enqueued"))).ok()
    late = shop.server.report(ANN, "read")
    del late["payload"]["gsId"]

    async def learnt() -> bool:
        return bool((await shop.tenant().get(f"/wa/v1/messages/{message}/")).ok()["gs_message_id"])

    await until(learnt)
    (await shop.posts(late)).ok()
    await shop.heard("message.read")


@pytest.mark.parametrize(
    ("part", "code", "said"),
    [
        ({"code": 1002, "reason": "Number Does Not Exist On WhatsApp"}, "1002", "not on WhatsApp"),
        ({"code": 1003, "reason": "Wallet"}, "1003", "recharge"),
        ({"code": 4005, "reason": "Paused"}, "4005", "paused"),
        ({"code": "1005", "reason": "Failed"}, "1005", "no approved template"),
        ({"code": 131026, "reason": "Message undeliverable"}, "131026", "Message undeliverable"),
        ({"code": 470, "reason": "more than 24 hours"}, "470", "24 hours"),
    ],
)
async def test_a_failure_is_told_in_words(shop: Shop, part: dict[str, Any], code: str, said: str) -> None:
    message = await sent(shop)
    (await shop.posts(shop.server.report(ANN, "failed", **part))).ok()
    [failed] = await shop.heard("message.failed")
    assert (failed["subject"]["id"], failed["data"]["error_code"]) == (message, code)
    assert said in failed["data"]["error_message"]


@pytest.mark.parametrize("code", [1012, "1012"])
async def test_a_failure_for_who_wants_no_messages_is_noted(shop: Shop, code: Any) -> None:
    message = await sent(shop)
    (await shop.posts(shop.server.report(ANN, "failed", code=code, reason="Opted out"))).ok()
    [failed] = await shop.heard("message.failed")
    assert failed["subject"]["id"] == message

    async def noted() -> bool:
        contact = (await shop.tenant().get(f"/contacts/{failed['contact_id']}/")).ok()
        return "WHATSAPP_MARKETING" in contact["opt_outs"]

    await until(noted)


async def test_an_answer_that_never_came_is_reconciled_by_our_reference(partner: Shop) -> None:
    await partner.greeted(ANN)
    partner.server.next.append("reset")
    message = (await partner.sends(ANN, text="x")).ok(201)["id"]
    await partner.became(message, "UNKNOWN")
    (await partner.posts(partner.server.status(message, "enqueued"))).ok()
    await partner.heard("message.sent")
    (await partner.posts(partner.server.status(message, "delivered"))).ok()
    await partner.heard("message.delivered")
    assert sum(partner.server.asked.values()) == 1


async def test_who_stopped_marketing_is_noted(either: Shop) -> None:
    await either.greeted(ANN)
    [received] = await either.heard("message.received")
    wish = {"wa_id": ANN[1:], "category": "marketing_messages", "value": "stop", "timestamp": 1_795_687_200}
    if either.server.by_token:
        event = either.server.envelope(user_preferences=[wish])
    else:
        event = either.server.event(
            "preference-event", {"type": "user_preferences", "payload": {"user_preferences": [wish]}}
        )
    (await either.posts(event)).ok()
    await either.heard("contact.updated")
    contact = (await either.tenant().get(f"/contacts/{received['contact_id']}/")).ok()
    assert "WHATSAPP_MARKETING" in contact["opt_outs"]


async def test_only_who_knows_the_secret_is_heard(either: Shop) -> None:
    server = either.server
    event, plain = server.said(ANN, "text", {"text": "hi"}), server.webhook.replace(f"{server.secret}/", "")
    (await either.posts(event, plain)).refused(401, "bad_signature")
    (await either.posts(event, server.webhook.replace(server.secret, "guess"))).refused(401, "bad_signature")
    (await either.posts(event, plain, **{"X-Webhook-Secret": "guess"})).refused(401, "bad_signature")
    (await either.posts(b"{broken")).refused(400, "parse_error")
    assert (await either.posts([1])).status == 200
    nobody = server.webhook.replace(either.app["id"], "wap_01jzzzzzzzzzzzzzzzzzzzzzzz")
    assert (await either.posts(event, nobody)).ok() == {"ok": True}
    assert not [seen for seen in await either.tenant().events() if seen["type"] == "message.received"]
    (await either.posts(event, plain, **{"X-Webhook-Secret": server.secret})).ok()
    await either.heard("message.received")


async def test_secrets_are_told_once_and_changed(either: Shop) -> None:
    owner, server = either.tenant(), either.server
    shown = (await owner.get(f"/wa/v1/apps/{either.app['id']}/")).ok()
    row = await either.gateway.services.store.raw("apps").find_one({"_id": either.app["id"]})
    seen = json.dumps([shown, await owner.events(), str(row)])
    assert server.key not in seen
    assert server.secret not in seen
    assert shown["webhook_url"].endswith("/inbound/{webhook_secret}/")
    rotated = (await owner.post(f"/wa/v1/apps/{either.app['id']}/rotate-secret/")).ok()
    event = server.said(ANN, "text", {"text": "hi"})
    (await either.posts(event)).refused(401, "bad_signature")
    server.connected(rotated)
    (await either.posts(event)).ok()
    await either.heard("message.received")


async def test_an_apps_webhook_is_set_at_gupshup_and_taken_back(partner: Shop) -> None:
    def held() -> list[str]:
        return [each["url"] for each in partner.server.subscriptions]

    url = partner.gateway.url + partner.server.webhook
    assert held() == [url]
    [wanted] = partner.server.subscriptions
    assert (wanted["version"], wanted["tag"]) == ("3", "jinaconnect")
    assert {"MESSAGE", "SENT", "DELIVERED", "READ", "FAILED", "TEMPLATE"} <= set(wanted["modes"].split(","))
    path = f"/wa/v1/apps/{partner.app['id']}/"
    again = {"bsp_credentials": {"app_token": partner.server.key}}
    (await partner.tenant().patch(path, again)).ok()
    assert held() == [url], "once more is the same as once"
    (await partner.tenant().patch(path, {"is_active": False})).ok()
    assert held() == []


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"app_id": None}, "app_id"),
        ({"bsp_credentials": {}}, "bsp_credentials.api_key"),
        ({"bsp_credentials": {"api_key": "k" * 16}}, "bsp_credentials.app_name"),
        ({"bsp_credentials": {"app_token": "short"}}, "bsp_credentials.app_token"),
        ({"bsp_credentials": {"app_token": "another-token-0123"}}, "bsp_credentials.app_token"),
        ({"bsp_credentials": {"access_token": "k" * 16}}, "bsp_credentials.access_token"),
        ({"waba_id": "102290129340398"}, "waba_id"),
        ({"app_secret": "k" * 16}, "app_secret"),
        ({"base_url": "http://10.0.0.1/"}, "base_url"),
        ({"app_id": "../x"}, "app_id"),
        ({"bsp": "WATI"}, "bsp"),
    ],
)
async def test_an_app_that_cannot_be_one_names_its_field(partner: Shop, change: dict[str, Any], field: str) -> None:
    body = {**partner.server.account(), **change}
    assert field in (await partner.tenant().post("/wa/v1/apps/", body)).refused(400, "validation_error")
    listed = (await partner.tenant().get("/wa/v1/apps/", params={"bsp": "GUPSHUP"})).ok()
    assert listed["count"] == 1


async def test_credentials_go_to_no_other_host(either: Shop) -> None:
    path = f"/wa/v1/apps/{either.app['id']}/"
    told = (await either.tenant().patch(path, {"base_url": "http://127.0.0.1:9"})).refused(400, "validation_error")
    assert list(told) == [f"bsp_credentials.{'app_token' if either.server.by_token else 'api_key'}"]


async def test_another_tenants_app_is_unknown(shop: Shop, new_tenant: Any) -> None:
    other: Tenant = await new_tenant()
    path = f"/wa/v1/apps/{shop.app['id']}/"
    for answer in (
        await other().get(path), await other().patch(path, {}), await other().delete(path),
        await other().post(f"{path}rotate-secret/"),
    ):  # fmt: skip
        answer.refused(404, "not_found")
    answer = await other().post("/wa/v1/messages/", {"to": ANN, "text": "x", "wa_app": shop.app["id"]})
    assert "wa_app" in answer.refused(400, "validation_error")


async def test_what_it_tells_of_templates_and_of_the_account(shop: Shop) -> None:
    written = {"wa_app": shop.app["id"], "element_name": "hello", "content": "hi", "category": "UTILITY"}
    made = (await shop.tenant().post("/wa/v1/templates/", written)).ok(201)
    named = {"id": made["bsp_template_id"], "elementName": "hello", "languageCode": "en"}
    steps: list[tuple[dict[str, Any], str, str, str | None]] = [
        ({"status": "rejected", "rejectedReason": "INVALID_FORMAT"}, "REJECTED", "UTILITY", "INVALID_FORMAT"),
        ({"status": "approved"}, "APPROVED", "UTILITY", None),
        ({"type": "status-update", "status": "paused", "description": "for 3 hours"}, "PAUSED", "UTILITY",
         "for 3 hours"),
        ({"type": "category-update", "category": {"old": "UTILITY", "new": "MARKETING"}}, "PAUSED", "MARKETING",
         "for 3 hours"),
    ]  # fmt: skip
    for count, (fields, status, category, reason) in enumerate(steps, 1):
        (await shop.posts(shop.server.event("template-event", {**named, **fields}))).ok()
        updated = (await shop.heard("template.updated", count))[-1]["data"]
        assert (updated["status"], updated["category"], updated["rejection_reason"]) == (status, category, reason)
    moved = [(event["data"]["former_status"], event["data"]["status"]) for event in await shop.heard(
        "template.status_changed", 3)]
    assert moved[-3:] == [("PENDING", "REJECTED"), ("REJECTED", "APPROVED"), ("APPROVED", "PAUSED")]
    tier = {"type": "tier-event", "event": "upgrade", "currentLimit": "TIER_10K", "oldLimit": "TIER_1K"}
    (await shop.posts(shop.server.event("account-event", tier))).ok()
    [reported] = await shop.heard("account.reported")
    assert (reported["data"]["kind"], reported["data"]["event"]) == ("tier-event", "upgrade")


async def test_a_review_in_metas_form_finds_the_apps_own_template_and_no_other_providers(partner: Shop) -> None:
    owner = partner.tenant()
    written = {"element_name": "hello", "content": "hi", "category": "UTILITY"}
    metas = (await owner.post("/wa/v1/templates/", {**written, "wa_app": partner.tenant.whatsapp["app_id"]})).ok(201)
    own = (await owner.post("/wa/v1/templates/", {**written, "wa_app": partner.app["id"]})).ok(201)
    value = {
        "event": "APPROVED", "message_template_id": 594425479261596, "message_template_name": "hello",
        "message_template_language": "en", "reason": "NONE",
    }  # fmt: skip
    change = {"field": "message_template_status_update", "value": value}
    body = {"object": "whatsapp_business_account", "gs_app_id": partner.server.app_id,
            "entry": [{"id": "102290129340398", "changes": [change]}]}  # fmt: skip
    (await partner.posts(body)).ok()
    [updated] = await partner.heard("template.updated")
    assert (updated["subject"]["id"], updated["data"]["status"]) == (own["id"], "APPROVED")
    assert (await owner.get(f"/wa/v1/templates/{metas['id']}/")).ok()["updated_at"] == metas["updated_at"]


@pytest.mark.parametrize(
    "told", [{"type": "news-event", "payload": {}}, {"type": "message-event", "payload": {"type": "melted", "id": "x"}}]
)
async def test_what_is_of_a_type_not_known_is_kept(shop: Shop, told: dict[str, Any]) -> None:
    (await shop.posts({"app": "shop", "timestamp": 1_795_687_200_000, "version": 2, **told})).ok()
    [failed] = await shop.heard("webhook.failed")
    assert "is not known" in failed["data"]["reason"]


@pytest.mark.parametrize("told", ["deleted", "submitted"])
def test_what_changes_nothing_is_no_failure(told: str) -> None:
    assert facts_of({"type": "message-event", "payload": {"type": told, "id": "x"}}, "wap_x") == []


def test_odd_webhooks_raise_nothing() -> None:
    odd: list[Any] = [
        None, 1, "x", [], {}, {"type": 7}, {"type": "message"}, {"type": "message", "payload": []},
        {"type": "message", "payload": {"id": 7, "source": [], "payload": "x", "type": {}}},
        {"type": "message", "payload": {"id": "m", "source": "1202", "type": "location", "payload": {"latitude": {}}}},
        {"type": "message-event", "payload": {"type": [], "payload": {"code": {}}}},
        {"type": "message-event", "payload": {"type": "failed", "id": "x", "payload": {"code": []}}},
        {"type": "user-event", "payload": {"type": ["opted-out"]}}, {"type": "template-event"},
        {"type": "account-event", "payload": {"type": {}}}, {"type": "preference-event", "payload": {"payload": 1}},
        {"type": "user-event", "payload": {"type": "sandbox-start", "phone": "callbackSetPhone"}},
        {"object": "whatsapp_business_account", "entry": [{"changes": [{"value": {"statuses": [{"gs_id": "x"}]}}]}]},
    ]  # fmt: skip
    for body in odd:
        for fact in facts_of(body, "wap_x"):
            assert getattr(fact, "account_address", "wap_x") == "wap_x"
