"""The envelope of WhatsApp's webhooks: of which kind one is, and of which customer it speaks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from zlib import crc32

OBJECT = "whatsapp_business_account"


def lane_of(payload: Mapping[str, Any]) -> int:
    """Return a number of the customer a body speaks of first, as writer of a message or receiver of ours."""
    try:
        value = payload["entry"][0]["changes"][0]["value"]
        customer = value["messages"][0]["from"] if value.get("messages") else value["statuses"][0]["recipient_id"]
        return crc32(str(customer).encode())
    except (LookupError, TypeError, AttributeError, UnicodeError):
        return 0


def kind_of(payload: Mapping[str, Any]) -> str:
    """Return what a body tells, in one word."""
    kinds = {
        "messages": "MESSAGE", "message_template_status_update": "TEMPLATE", "template_category_update": "TEMPLATE",
        "account_update": "ACCOUNT", "account_alerts": "ACCOUNT", "billing": "BILLING",
    }  # fmt: skip
    try:
        change = payload["entry"][0]["changes"][0]
        if change["field"] == "messages" and not change["value"].get("messages"):
            return "STATUS"
        return kinds.get(change["field"], "UNKNOWN")
    except (LookupError, TypeError, AttributeError):
        return "UNKNOWN"
