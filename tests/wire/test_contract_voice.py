"""What clients of the published voice API count on, as the description has it: paths, fields, values, filters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from jinaconnect.core.ivr.dialects.table import DIALECTS
from jinaconnect.handlers.edge.description.openapi import description
from jinaconnect.telephony.table import PROVIDERS, row

DESCRIBED = description()
PATHS: Mapping[str, Any] = DESCRIBED["paths"]
SCHEMAS: Mapping[str, Any] = DESCRIBED["components"]["schemas"]
BASE = "/voice/api/"
CRUD = ("GET 200", "PUT 200", "PATCH 200", "DELETE 204")
# By path: methods with the status of success, and the permission that reading and changing need.
SERVED = {
    "provider-configs/": ("GET 200", "POST 201"), "provider-configs/{id}/": CRUD,
    "calls/": ("GET 200", "POST 201"), "calls/{id}/": ("GET 200",), "calls/{id}/hangup/": ("POST 200",),
    "call-events/": ("GET 200",), "call-events/{id}/": ("GET 200",),
    "recordings/": ("GET 200",), "recordings/{id}/": ("GET 200",), "recordings/{id}/download/": ("GET 200",),
    "templates/": ("GET 200", "POST 201"), "templates/{id}/": CRUD, "templates/{id}/preview/": ("POST 200",),
    "rate-cards/": ("GET 200", "POST 201"), "rate-cards/{id}/": CRUD,
    "recording-consents/": ("GET 200", "POST 201"), "recording-consents/{id}/": CRUD,
    "tenant-voice-app/": ("GET 200",), "tenant-voice-app/{id}/": ("GET 200", "PUT 200", "PATCH 200"),
    "ari-health/": ("GET 200",),
}  # fmt: skip
MANAGED = ("provider-configs/", "provider-configs/{id}/")  # which only those see who may change them

COMMON = {"id", "name", "description", "is_active", "created_at", "updated_at", "created_by", "updated_by"}
CONFIG = {
    "name", "description", "is_active", "provider", "vendor_label", "is_default_outbound", "is_default_inbound",
    "priority", "from_numbers", "max_concurrent_calls", "currency", "recording_enabled", "enabled",
    "fallback_sms_enabled", "fallback_sms_config", "fallback_sms_template", "fallback_on_causes",
}  # fmt: skip
TEMPLATE = {"name", "template_kind", "tts_text", "tts_voice", "tts_language", "audio_url", "audio_format"}
CARD = {
    "name", "provider_config", "destination_prefix", "rate_per_minute", "currency", "billing_increment_seconds",
    "valid_from", "valid_to",
}  # fmt: skip
CONSENT = {"name", "contact", "consent_given", "consent_timestamp", "consent_method", "recording_url"}
APP = {
    "is_enabled", "default_outbound_config", "default_inbound_config", "recording_retention_days",
    "recording_requires_consent",
}  # fmt: skip
GIVEN = {
    ("provider-configs/", "post"): CONFIG | {"credentials", "inbound_webhook_token"},
    ("calls/", "post"): {"to_number", "tts_text", "flow_id", "provider_config_id", "from_number"},
    ("templates/", "post"): TEMPLATE | {"graph"},
    ("templates/{id}/preview/", "post"): {"variables"},
    ("rate-cards/", "post"): CARD,
    ("recording-consents/", "post"): CONSENT,
    ("tenant-voice-app/{id}/", "patch"): APP,
}  # fmt: skip
ANSWERED = {
    ("provider-configs/{id}/", "get"): COMMON | CONFIG | {"credentials_set"},
    ("calls/{id}/", "get"): {
        "id", "provider_config", "provider_call_id", "direction", "from_number", "to_number", "contact", "parent_call",
        "flow_session", "broadcast", "team_inbox_message", "status", "started_at", "ended_at", "duration_seconds",
        "hangup_cause", "recording_url", "recording_duration_seconds", "cost_amount", "cost_currency", "cost_source",
        "metadata", "recent_events", "transcription",
    },
    ("calls/{id}/hangup/", "post"): {"call_id", "hung_up", "status"},
    ("call-events/{id}/", "get"): {"id", "sequence", "event_type", "payload", "occurred_at"},
    ("recordings/{id}/", "get"): {
        "id", "call", "provider_recording_id", "storage_url", "duration_seconds", "size_bytes", "format",
        "transcription", "transcription_provider", "transcription_confidence", "retention_expires_at",
    },
    ("recordings/{id}/download/", "get"): {"recording_url", "expires_seconds"},
    ("templates/{id}/", "get"): COMMON | TEMPLATE | {"graph"},
    ("templates/{id}/preview/", "post"): {"rendered_text", "tts_voice", "tts_language", "audio_url"},
    ("rate-cards/{id}/", "get"): COMMON | CARD,
    ("recording-consents/{id}/", "get"): COMMON | CONSENT,
    ("tenant-voice-app/{id}/", "get"): COMMON | APP,
    ("provider-configs/{id}/import-cdr/", "post"): {"matched", "updated", "skipped", "discrepancies"},
}  # fmt: skip
NEEDED = {
    "provider-configs/": {"name", "provider"}, "calls/": {"to_number"}, "templates/": {"name", "template_kind"},
    "rate-cards/": {"name", "provider_config", "destination_prefix", "rate_per_minute", "valid_from"},
    "recording-consents/": {"name", "contact"},
}  # fmt: skip
FILTERS = {
    "calls/": {"status", "direction", "contact_id", "started_at_from", "started_at_to", "ordering"},
    "call-events/": {"call_id", "ordering"}, "recordings/": {"call_id", "ordering"}, "provider-configs/": {"ordering"},
    "rate-cards/": {"ordering"}, "templates/": {"ordering"}, "recording-consents/": {"ordering"},
    "recordings/{id}/download/": {"expires_seconds"},
}  # fmt: skip
STATUSES = ["QUEUED", "INITIATING", "RINGING", "IN_PROGRESS", "COMPLETED", "FAILED", "CANCELED"]
CAUSES = {
    "NORMAL_CLEARING", "USER_BUSY", "NO_ANSWER", "NO_USER_RESPONSE", "CALL_REJECTED", "NUMBER_UNALLOCATED",
    "NETWORK_OUT_OF_ORDER", "NORMAL_TEMPORARY_FAILURE", "RESOURCE_UNAVAILABLE", "FACILITY_REJECTED",
    "DESTINATION_OUT_OF_ORDER", "INVALID_NUMBER_FORMAT", "INTERWORKING", "UNKNOWN",
}  # fmt: skip
VALUES = {
    ("provider-configs/", "post", "provider"): {"sip", "twilio", "plivo", "vonage", "telnyx", "exotel"},
    ("templates/", "post", "template_kind"): {"tts_script", "audio_url", "ivr_menu"},
    ("templates/", "post", "audio_format"): {"mp3", "wav", None},
    ("recording-consents/", "post", "consent_method"): {"verbal_ivr", "web_form", "api", "implied", ""},
    ("provider-configs/", "post", "fallback_on_causes"): {*CAUSES, ""},
}  # fmt: skip
LIMITS = {
    ("provider-configs/", "post", "name"): 100, ("provider-configs/", "post", "vendor_label"): 120,
    ("provider-configs/", "post", "inbound_webhook_token"): 64, ("templates/", "post", "tts_voice"): 64,
    ("templates/", "post", "tts_language"): 10, ("templates/", "post", "audio_url"): 512,
    ("recording-consents/", "post", "recording_url"): 512,
}  # fmt: skip
WEBHOOKS = {
    "twilio": {"call-status", "answer", "gather", "recording-status"}, "plivo": {"call-status", "answer", "recording"},
    "vonage": {"event", "answer"}, "telnyx": {"event"}, "exotel": {"status", "passthru"},
}  # fmt: skip


def resolved(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    while "$ref" in schema:
        schema = SCHEMAS[schema["$ref"].rpartition("/")[2]]
    return schema


def fields(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return the properties of a schema and of those it is made of."""
    whole = resolved(schema)
    found: dict[str, Any] = {}
    for part in whole.get("allOf", ()):
        found |= fields(part)
    return found | dict(whole.get("properties", {}))


def parts(schema: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return a field's schema with all it may be instead, and what a list holds."""
    whole = resolved(schema)
    inner = [*whole.get("anyOf", ()), *whole.get("oneOf", ()), *([whole["items"]] if "items" in whole else ())]
    return [whole, *(each for part in inner for each in parts(part))]


def given(path: str, method: str) -> Mapping[str, Any]:
    return PATHS[BASE + path][method]["requestBody"]["content"]["application/json"]["schema"]  # type: ignore[no-any-return]


def answered(path: str, method: str) -> Mapping[str, Any]:
    answers = PATHS[BASE + path][method]["responses"]
    content = next(answers[each]["content"] for each in ("200", "201") if each in answers)
    return content["application/json"]["schema"]  # type: ignore[no-any-return]


@pytest.mark.parametrize("path", SERVED)
def test_a_path_is_served_with_its_methods_and_statuses(path: str) -> None:
    found = PATHS[BASE + path]
    for each in SERVED[path]:
        method, status = each.split()
        told = found[method.lower()]
        assert status in told["responses"], each
        assert {"401", "403"} <= told["responses"].keys()
        assert f"/voice/v1/api/{path}" in told["x-aliases"]
        reads = method == "GET" or path.endswith("/preview/")
        if path in MANAGED or not reads:
            assert told["x-permission"] != "voice.view", each
        elif not path.endswith("/download/"):
            assert told["x-permission"] == "voice.view", each
    assert "/voice/api/calls/initiate/" in PATHS[f"{BASE}calls/"]["post"]["x-aliases"]


@pytest.mark.parametrize(("path", "method"), GIVEN)
def test_what_may_be_given_has_the_fields_of_the_contract(path: str, method: str) -> None:
    assert GIVEN[path, method] <= fields(given(path, method)).keys()


@pytest.mark.parametrize("path", NEEDED)
def test_no_more_is_required_than_the_contract_does(path: str) -> None:
    assert set(resolved(given(path, "post"))["required"]) == NEEDED[path]


@pytest.mark.parametrize(("path", "method"), ANSWERED)
def test_what_is_answered_has_the_fields_of_the_contract(path: str, method: str) -> None:
    shown = fields(answered(path, method))
    assert ANSWERED[path, method] <= shown.keys()
    assert not {"credentials", "inbound_webhook_token"} & shown.keys()


@pytest.mark.parametrize("path", FILTERS)
def test_a_list_takes_the_filters_of_the_contract(path: str) -> None:
    assert FILTERS[path] <= {each["name"] for each in PATHS[BASE + path]["get"]["parameters"]}


@pytest.mark.parametrize("path", [path for path in SERVED if not path.endswith("}/") and path.count("/") == 1])
def test_a_list_comes_in_the_envelope(path: str) -> None:
    if path != "ari-health/":
        assert {"count", "next", "previous", "results"} <= fields(answered(path, "get")).keys()


@pytest.mark.parametrize(("path", "method", "name"), VALUES)
def test_a_field_takes_the_values_of_the_contract(path: str, method: str, name: str) -> None:
    taken = {value for each in parts(fields(given(path, method))[name]) for value in each.get("enum", ())}
    taken |= {each["const"] for each in parts(fields(given(path, method))[name]) if "const" in each}
    nothing = any(each.get("type") == "null" for each in parts(fields(given(path, method))[name]))
    assert VALUES[path, method, name] <= taken | ({None} if nothing else set())


@pytest.mark.parametrize(("path", "method", "name"), LIMITS)
def test_a_text_may_be_as_long_as_the_contract_lets_it(path: str, method: str, name: str) -> None:
    longest = [each["maxLength"] for each in parts(fields(given(path, method))[name]) if "maxLength" in each]
    assert longest == [LIMITS[path, method, name]]


def test_a_call_has_the_statuses_and_directions_of_the_contract() -> None:
    shown = fields(answered("calls/{id}/", "get"))
    assert resolved(shown["status"])["enum"] == STATUSES
    assert resolved(shown["direction"])["enum"] == ["inbound", "outbound"]
    assert fields(answered("provider-configs/{id}/", "get"))["max_concurrent_calls"]["minimum"] == -1


def test_decimals_are_numbers() -> None:
    for path, name in (("calls/{id}/", "cost_amount"), ("rate-cards/{id}/", "rate_per_minute")):
        assert "number" in {each.get("type") for each in parts(fields(answered(path, "get"))[name])}
        assert "string" not in {each.get("type") for each in parts(fields(answered(path, "get"))[name])}


@pytest.mark.parametrize("provider", WEBHOOKS)
def test_a_carriers_webhooks_are_at_the_paths_of_the_contract(provider: str) -> None:
    assert WEBHOOKS[provider] <= row(provider).spec.paths.keys()
    told = PATHS["/voice/webhooks/{provider}/{account}/{kind}/"]
    assert "/voice/v1/webhooks/{provider}/{account}/{kind}/" in told["post"]["x-aliases"]


def test_every_carrier_has_a_dialect_and_is_a_provider() -> None:
    assert set(DIALECTS) == set(WEBHOOKS)
    assert {*WEBHOOKS, "sip"} <= set(PROVIDERS)
