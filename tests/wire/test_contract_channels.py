"""What clients of the published API count on of broadcasts, channels, wallets and webhooks: fields and filters.

A row of the tables is a path and its fields, or a list's filters; `name:a,b` are the lookups of one, `=` the plain one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

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
}  # fmt: skip
GIVEN = {
    "POST /broadcast/": f"{BROADCAST_GIVEN} platform",
    **{f"POST {base}": BROADCAST_GIVEN for base in BROADCASTS},
    **{f"PATCH {base}{{id}}/": BROADCAST_GIVEN for base in BROADCASTS},
    **{f"POST {base}{{id}}/cancel/": "reason" for base in BROADCASTS},
    "POST /wa/v1/broadcast/preflight-check/": "wa_app_id recipient_count datetime",
    "POST /wa/v1/broadcast/get_charge_breakdown/": "contact_ids broadcast_id template_id wa_app_id",
    "POST /wa/v1/broadcast/charge-breakdown-status/": "task_id",
}  # fmt: skip
FILTERS = {
    **{f"GET {base}": BROADCAST_FILTERS for base in BROADCASTS},
    "GET /broadcast/messages/": RECIPIENT_FILTERS, "GET /broadcast/messages/stats/": RECIPIENT_FILTERS,
    "GET /broadcast/url-tracking/": "broadcast_id contact_id clicked_only",
    "GET /broadcast/dashboard/": "period channel",
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
