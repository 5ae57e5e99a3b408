"""A message as the RCS endpoints show it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jinaconnect.core.billing.money import shown
from jinaconnect.core.clock import iso, iso_or_none
from jinaconnect.core.inbox.message import INCOMING
from jinaconnect.core.inbox.status import SENT

REVOKED = "REVOKED"


def rcs_view(doc: Mapping[str, Any], phone: str | None) -> dict[str, Any]:
    """Return a message; one that was taken back is `REVOKED`, unless it was delivered all the same."""
    revoked = doc.get("revoked_at") is not None and doc["status"] == SENT
    return {
        "id": doc["_id"],
        "message_id": doc["number"],
        "direction": "INBOUND" if doc["direction"] == INCOMING else "OUTBOUND",
        "rcs_app": doc["app"],
        "contact": doc["contact"],
        "to_phone": phone,
        "message_type": doc["type"],
        "message_content": doc["content"],
        "suggestions": list(doc["content"].get("buttons") or ()),
        "provider_message_id": doc["carrier_id"],
        "status": REVOKED if revoked else doc["status"],
        "cost": _cost(doc.get("charge")),
        "traffic_type": (doc.get("memo") or {}).get("traffic_type"),
        "fallback_sms": doc.get("fallback_to"),
        "inbox_message": doc["_id"],
        "broadcast_message": doc.get("broadcast_row"),
        "error_code": doc["error_code"],
        "error_message": doc["error_message"],
        "sent_at": iso_or_none(doc["sent_at"]),
        "delivered_at": iso_or_none(doc["delivered_at"]),
        "read_at": iso_or_none(doc["opened_at"]),
        "failed_at": iso_or_none(doc["failed_at"]),
        "created_at": iso(doc["created_at"]),
    }


def _cost(charge: Mapping[str, Any] | None) -> float | None:
    """Return what a message has cost, or is reserved for it; None where nobody is charged for it by itself."""
    if charge is None:
        return None
    return 0.0 if "refunded" in charge else shown(charge.get("settled", charge["amount"]))
