"""A text message in place of a call that reached nobody: whether one goes, and what it says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jinaconnect.core.calls import machine
from jinaconnect.core.ivr.values import render

ALREADY_SENT, SUCCEEDED, DISABLED, NO_APP = "already_sent", "call_succeeded", "fallback_disabled", "no_sms_app"
FILTERED, EMPTY, CANCELED, AGAIN = "cause_filtered", "empty_body", "call_canceled", "called_again"
REASONS = (ALREADY_SENT, SUCCEEDED, DISABLED, NO_APP, FILTERED, EMPTY, CANCELED, AGAIN)
QUIET = frozenset({ALREADY_SENT, SUCCEEDED, DISABLED})  # what is not worth a word in the call


def succeeded(call: Mapping[str, Any]) -> bool:
    """Tell whether a call reached somebody."""
    return call["status"] == machine.COMPLETED and bool(call["duration_seconds"])


def skipped(
    call: Mapping[str, Any], account: Mapping[str, Any], wanted: bool | None, *, again: bool
) -> str | None:
    """Return why no message goes in an ended call's place, None where one does.

    `account` is its provider config, `wanted` what its broadcast says of it (None: as the config has it), `again`
    whether who was called is called once more. Of several reasons the first counts.
    """
    if "sms_fallback" in call["metadata"]:
        return ALREADY_SENT
    if succeeded(call):
        return SUCCEEDED
    enabled = account["fallback_sms_enabled"] if wanted is None else wanted
    if not enabled:
        return DISABLED
    if call["status"] == machine.CANCELED:
        return CANCELED
    if account["fallback_sms_config"] is None:
        return NO_APP
    causes = account["fallback_on_causes"]
    if causes and call["hangup_cause"] not in causes:
        return FILTERED
    if again:
        return AGAIN
    return None if account["fallback_sms_template"].strip() else EMPTY


def body(call: Mapping[str, Any], account: Mapping[str, Any], contact: Mapping[str, Any] | None, tenant: str) -> str:
    """Return what the message says; what is not known of somebody is left out."""
    values = {
        "first_name": (contact or {}).get("first_name"), "last_name": (contact or {}).get("last_name"),
        "from_number": call["from_number"], "to_number": call["to_number"], "hangup_cause": call["hangup_cause"],
        "call_id": call["_id"], "tenant_id": tenant,
    }  # fmt: skip
    return render(account["fallback_sms_template"], values).strip()


def result(message: str | None, *, reason: str | None = None, error: str | None = None) -> dict[str, Any]:
    """Return what is kept of it with the call."""
    return {
        "attempted": reason is None, "skipped_reason": reason, "success": message is not None,
        "sms_message_id": message, "error": error,
    }  # fmt: skip
