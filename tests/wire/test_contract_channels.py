"""What clients of the published API count on of broadcasts, channels, wallets and webhooks: fields and filters.

A row of the tables is a path and its fields, or a list's filters; `name:a,b` are the lookups of one, `=` the plain one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from jinaconnect.core.webhooks.selection import types_of
from jinaconnect.handlers.edge.description.openapi import description
from tests.wire.test_contract_voice import fields, resolved

DESCRIBED = description()
PATHS: Mapping[str, Any] = DESCRIBED["paths"]

AUDIT = "created_at updated_at created_by updated_by"
BROADCAST = f"""id name platform status ui_status ui_status_display template_number voice_template recipient_count
    scheduled_time placeholder_data media_overrides sections catalog_id allowed_hours_local fallback_sms_enabled
    reason_for_cancellation initial_cost initial_cost_currency refund_amount refund_amount_currency credit_deducted
    refund_processed tenant pending_count queued_count sending_count sent_count delivered_count read_count failed_count
    blocked_count success_count total_messages template_type template_media_url cards_media_urls is_active {AUDIT}"""
BROADCAST_GIVEN = """name status template_number recipients select_all tag_filter segment_filter scheduled_time
    placeholder_data media_overrides sections catalog_id allowed_hours_local voice_template fallback_sms_enabled
    track_links"""
BROADCAST_FILTERS = """status:=,in ui_status:=,in platform:=,in template_number__number:=,in created_by:=,in
    updated_by:=,in is_active scheduled_time:=,lt,lte,gt,gte created_at:=,lte,gte search"""
RECIPIENT = """id broadcast contact contact_name contact_phone status response retry_count webhook_response message_id
    sent_at delivered_at read_at failed_at error_code cost replied_at"""
RECIPIENT_FILTERS = """status:=,in broadcast:=,in broadcast__status:=,in broadcast__scheduled_time:lt,gt,lte,gte
    broadcast__platform:=,in contact:=,in contact__phone:=,icontains contact__first_name:=,icontains
    contact__last_name:=,icontains retry_count:=,lt,lte,gt,gte created_at:lt,lte,gt,gte updated_at:lt,lte,gt,gte"""
LINK = """id code original_url tracked_url button_index button_text click_count first_clicked_at last_clicked_at
    contact contact_phone contact_name broadcast broadcast_message created_at"""

SMS_APP = """provider sender_id is_active is_default daily_limit dlt_entity_id dlt_template_id price_per_sms
    price_per_sms_international fallback_app"""
SMS_APP_SHOWN = f"{SMS_APP} id tenant messages_sent_today webhook_url dlr_webhook_url webhook_secret"
SMS = """id sms_app contact to_number from_number message_text segment_count provider_message_id status cost
    provider_used error_code error_message sent_at delivered_at failed_at inbox_message broadcast_message created_at"""
BOT = "id bot_username bot_user_id is_active webhook_url daily_limit messages_sent_today created_at updated_at"
TELEGRAM = """id chat_id contact message_type provider_message_id status scheduled_time sent_at failed_at error_message
    created_at"""
RECEIVED = "id update_id event_type is_processed retry_count error_message processed_at created_at"
RCS_APP = """agent_name is_active daily_limit sms_fallback_enabled sms_fallback_app price_per_message
    price_per_rich_message"""
RCS_APP_SHOWN = f"{RCS_APP} id provider agent_id messages_sent_today webhook_url webhook_client_token"
RCS = """id rcs_app contact to_phone message_type message_content suggestions provider_message_id status cost
    traffic_type error_code error_message sent_at delivered_at read_at failed_at fallback_sms inbox_message
    broadcast_message created_at"""
TEMPLATE = f"""id number platform status name element_name language_code category template_type content header footer
    buttons example_body example_media_url error_message needs_sync placeholder_mapping tags is_active {AUDIT}"""
REGISTERED = "dlt_template_id dlt_entity_id sender_id dlt_category"
TEMPLATE_GIVEN = "name category content tags is_active"
PLAIN_GIVEN = f"{TEMPLATE_GIVEN} header footer buttons example_media_url"
TEMPLATE_FILTERS = """category status template_type language_code is_active number search ordering tag:=,in,isnull
    tag__id:=,in tag__name:=,icontains"""
BUTTONS = "has_buttons has_quick_reply has_url_button has_call_button"
PREVIEW = "header body footer buttons"
LEDGER = """id tenant tenant_name system_transaction_id transaction_id amount amount_currency transaction_type
    description razor_pay_order broadcast broadcast_history_id broadcast_name broadcast_status broadcast_scheduled_time
    broadcast_recipient_count broadcast_platform balance_after created_at updated_at"""
LEDGER_FILTERS = """transaction_type:=,in created_at:gte,lte amount:gte,lte transaction_id:=,icontains
    broadcast:=,isnull broadcast__status:=,in broadcast__name:=,icontains broadcast__scheduled_time:gte,lte
    broadcast__platform:=,in broadcast__created_at:gte,lte tenant_id tenant__name:=,icontains"""
ORDER = "id order_id amount status created_at updated_at"
ENDPOINT = "id url events description is_active"

BROADCASTS = ("/broadcast/", "/wa/v1/broadcast/", "/sms/v1/broadcast/", "/telegram/v1/broadcast/", "/rcs/v1/broadcast/")
ANSWERED = {
    **{f"GET {base}": BROADCAST for base in BROADCASTS},
    **{f"POST {base}": f"{BROADCAST} warnings" for base in BROADCASTS},
    **{f"{method} {base}{{id}}/": BROADCAST for base in BROADCASTS for method in ("GET", "PATCH")},
    **{f"POST {base}{{id}}/cancel/": "detail messages_cancelled" for base in BROADCASTS},
    "GET /broadcast/messages/": RECIPIENT, "GET /broadcast/messages/{id}/": RECIPIENT,
    "GET /broadcast/messages/stats/": "total_messages success_count ui_status_breakdown status_breakdown",
    "GET /broadcast/min-schedule-time/": "min_scheduled_time_in_minutes",
    "GET /broadcast/reserve-keyword/": "key description",
    "GET /broadcast/url-tracking/": LINK, "GET /broadcast/url-tracking/{id}/": LINK,
    "GET /broadcast/url-tracking/{id}/clicks/": "id clicked_at ip_address user_agent referer",
    "GET /broadcast/url-tracking/broadcast/{broadcast_id}/":
        "total_tracked_urls total_clicks unique_contacts_clicked buttons",
    "GET /broadcast/url-tracking/message/{message_id}/":
        "button_index button_text original_url tracked_url click_count first_clicked_at last_clicked_at",
    "GET /broadcast/dashboard/":
        "total_broadcasts total_reach total_clicks engagement_rate period channel comparison total_sent delivered read "
        "replied failed delivery_rate read_rate reply_rate failure_rate by_channel by_day",
    "POST /wa/v1/broadcast/get_sending_quota/": "tier used_quota remaining_quota is_unlimited balance",
    "POST /wa/v1/broadcast/preflight-check/": "can_proceed errors warnings quota balance",
    "POST /wa/v1/broadcast/get_charge_breakdown/":
        "contact_summary country_breakdown summary quota_impact notes balance",
    **{name: SMS_APP_SHOWN for name in ("GET /sms/v1/apps/", "POST /sms/v1/apps/", "PATCH /sms/v1/apps/{id}/")},
    "GET /sms/v1/messages/": SMS, "GET /sms/v1/messages/{id}/": SMS,
    "POST /sms/v1/messages/": f"{SMS} success message_id outbound_id segments error",
    "GET /telegram/v1/bots/": BOT, "POST /telegram/v1/bots/": BOT, "PATCH /telegram/v1/bots/{id}/": BOT,
    "POST /telegram/v1/bots/{id}/register_webhook/": "ok webhook_url",
    "POST /telegram/v1/bots/{id}/test_auth/": "ok bot", "POST /telegram/v1/bots/{id}/deactivate/": "ok is_active",
    "GET /telegram/v1/messages/": TELEGRAM, "GET /telegram/v1/messages/{id}/": TELEGRAM,
    "POST /telegram/v1/messages/": f"{TELEGRAM} success message_id outbound_id",
    "GET /telegram/v1/webhook-events/": RECEIVED, "POST /telegram/v1/webhook-events/{id}/retry/": RECEIVED,
    **{name: RCS_APP_SHOWN for name in ("GET /rcs/v1/apps/", "POST /rcs/v1/apps/", "PATCH /rcs/v1/apps/{id}/")},
    "GET /rcs/v1/messages/": RCS, "GET /rcs/v1/messages/{id}/": RCS, "POST /rcs/v1/messages/{id}/revoke/": RCS,
    "POST /rcs/v1/messages/": f"{RCS} success message_id outbound_id channel fallback_sms",
    "POST /rcs/v1/capability-check/": "phone is_rcs_enabled features checked_at",
    **{
        f"{method} /{base}/v1/templates/{place}": f"{TEMPLATE} {more}"
        for base, more in (("sms", f"{REGISTERED} dlt_status"), ("telegram", ""), ("rcs", "rich_cards"))
        for method, place in (("GET", ""), ("POST", ""), ("GET", "{id}/"), ("PATCH", "{id}/"))
    },
    **{f"POST /{base}/v1/templates/{{id}}/preview/": PREVIEW for base in ("sms", "telegram", "rcs")},
    "GET /transaction/tenant-transactions/": LEDGER, "GET /transaction/tenant-transactions/{id}/": LEDGER,
    "GET /razorpay/razor-pay/": ORDER, "GET /razorpay/razor-pay/{id}/": ORDER, "POST /razorpay/razor-pay/": ORDER,
    "GET /razorpay/razor-pay/payment-status/{order_id}/": ORDER,
    "GET /webhooks/endpoints/": ENDPOINT, "PATCH /webhooks/endpoints/{id}/": ENDPOINT,
    "POST /webhooks/endpoints/": f"{ENDPOINT} secret", "POST /webhooks/endpoints/{id}/rotate-secret/": "secret",
    "POST /webhooks/endpoints/{id}/test/": "success response_code response_time_ms",
}  # fmt: skip
GIVEN = {
    "POST /broadcast/": f"{BROADCAST_GIVEN} platform",
    **{f"POST {base}": BROADCAST_GIVEN for base in BROADCASTS},
    **{f"PATCH {base}{{id}}/": BROADCAST_GIVEN for base in BROADCASTS},
    **{f"POST {base}{{id}}/cancel/": "reason" for base in BROADCASTS},
    "POST /wa/v1/broadcast/preflight-check/": "wa_app_id recipient_count datetime",
    "POST /wa/v1/broadcast/get_charge_breakdown/": "contact_ids broadcast_id template_id wa_app_id",
    "POST /wa/v1/broadcast/charge-breakdown-status/": "task_id",
    "POST /sms/v1/apps/": f"{SMS_APP} provider_credentials",
    "POST /sms/v1/messages/": "phone text template params contact_id sender_id dlt_template_id app_id",
    "POST /telegram/v1/bots/": "bot_token", "PATCH /telegram/v1/bots/{id}/": "is_active daily_limit",
    "POST /telegram/v1/messages/":
        "chat_id contact_id text media_url media_type photo video document buttons bot_id parse_mode scheduled_time "
        "location contact_card voice",
    "POST /rcs/v1/apps/": f"{RCS_APP} provider provider_credentials agent_id", "PATCH /rcs/v1/apps/{id}/": RCS_APP,
    "POST /rcs/v1/messages/":
        "phone text media_url media_type thumbnail_url media_height rich_card carousel suggestions contact_id app_id "
        "traffic_type ttl fallback_text sms_fallback",
    "POST /rcs/v1/capability-check/": "phones",
    "POST /sms/v1/templates/": f"{TEMPLATE_GIVEN} {REGISTERED} element_name language_code",
    "PATCH /sms/v1/templates/{id}/": f"{TEMPLATE_GIVEN} {REGISTERED}",
    **{f"POST /{base}/v1/templates/": f"{PLAIN_GIVEN} element_name template_type" for base in ("telegram", "rcs")},
    **{f"PATCH /{base}/v1/templates/{{id}}/": PLAIN_GIVEN for base in ("telegram", "rcs")},
    "POST /razorpay/razor-pay/": "amount amount_currency",
    "POST /razorpay/razor-pay/verify-payment/": "razorpay_order_id razorpay_payment_id razorpay_signature",
    "POST /webhooks/endpoints/": "url events description is_active",
    "PATCH /webhooks/endpoints/{id}/": "url events description is_active",
}  # fmt: skip
FILTERS = {
    **{f"GET {base}": BROADCAST_FILTERS for base in BROADCASTS},
    "GET /broadcast/messages/": RECIPIENT_FILTERS, "GET /broadcast/messages/stats/": RECIPIENT_FILTERS,
    "GET /broadcast/url-tracking/": "broadcast_id contact_id clicked_only",
    "GET /broadcast/dashboard/": "period channel",
    "GET /sms/v1/messages/": "status:=,in app sms_app contact to_number created_at:gte,lte",
    "GET /telegram/v1/webhook-events/": "event_type is_processed",
    "GET /sms/v1/templates/": TEMPLATE_FILTERS,
    "GET /telegram/v1/templates/": f"{TEMPLATE_FILTERS} {BUTTONS}",
    "GET /rcs/v1/templates/": f"{TEMPLATE_FILTERS} {BUTTONS}",
    "GET /transaction/tenant-transactions/": LEDGER_FILTERS,
}  # fmt: skip


def told(name: str) -> Mapping[str, Any]:
    method, path = name.split()
    return PATHS[path][method.lower()]  # type: ignore[no-any-return]


def row(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of an answer, of a list those of one of what it lists."""
    whole = resolved(schema)
    if whole.get("type") == "array":
        return fields(whole["items"])
    found = fields(whole)
    return fields(resolved(found["results"])["items"]) if {"results", "count"} <= found.keys() else found


def filters(line: str) -> set[str]:
    """Return the parameters that a row of the table stands for."""
    found = set()
    for each in line.split():
        name, _, lookups = each.partition(":")
        found |= {name if lookup in ("", "=") else f"{name}__{lookup}" for lookup in lookups.split(",")}
    return found


@pytest.mark.parametrize("name", ANSWERED)
def test_what_is_answered_has_the_fields_of_the_contract(name: str) -> None:
    answers = told(name)["responses"]
    status = "201" if "201" in answers else "200"
    shown = row(answers[status]["content"]["application/json"]["schema"])
    assert set(ANSWERED[name].split()) - shown.keys() == set()


@pytest.mark.parametrize("name", GIVEN)
def test_what_may_be_given_has_the_fields_of_the_contract(name: str) -> None:
    taken = fields(told(name)["requestBody"]["content"]["application/json"]["schema"])
    assert set(GIVEN[name].split()) - taken.keys() == set()


@pytest.mark.parametrize("name", FILTERS)
def test_a_list_takes_the_filters_of_the_contract(name: str) -> None:
    taken = {each["name"] for each in told(name)["parameters"] if each["in"] == "query"}
    assert filters(FILTERS[name]) - taken == set()


PUBLISHED = (
    "message.received", "message.sent", "message.delivered", "message.read", "message.failed", "contact.created",
    "contact.updated", "conversation.assigned", "conversation.closed", "template.status_changed", "broadcast.started",
    "broadcast.completed", "broadcast.failed", "link.clicked", "wallet.low_balance", "wallet.recharged", "call.*",
)  # fmt: skip


@pytest.mark.parametrize("pattern", PUBLISHED)
def test_an_endpoint_may_ask_for_the_events_of_the_contract(pattern: str) -> None:
    assert types_of([pattern])
