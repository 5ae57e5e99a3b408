"""Broadcasts and their recipients as they are kept and shown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from jinaconnect.core.billing.money import shown
from jinaconnect.core.broadcasts import states
from jinaconnect.core.broadcasts.states import ROW_STATUSES
from jinaconnect.core.clock import iso, iso_or_none
from jinaconnect.core.inbox.address import PHONE, Address, variants
from jinaconnect.core.inbox.platform import PLATFORMS, USUAL
from jinaconnect.core.rules.rows import Category

COST_FROM = 60  # the priority from which on somebody sees what broadcasts cost
COUNTERS = {
    "pending_count": ("PENDING",), "queued_count": ("QUEUED",), "sending_count": ("SENDING",),
    "unknown_count": ("UNKNOWN",), "sent_count": ("SENT",), "delivered_count": ("DELIVERED",),
    "read_count": ("READ",), "failed_count": ("FAILED",), "blocked_count": ("BLOCKED",),
    "success_count": states.SUCCESSES,
}  # fmt: skip


def new_broadcast(id: str, *, by: str | None, user: str | None, **fields: Any) -> dict[str, Any]:
    """Return a draft with every field at its default; `counts` are its recipients by status."""
    return {
        "_id": id, "name": "", "platform": USUAL, "status": states.DRAFT, "app": None, "template": None,
        "recipients": [], "select_all": False, "tag_filter": [], "segment_filter": [], "scheduled_time": None,
        "placeholder_data": {}, "media_overrides": {}, "sections": [], "catalog_id": None,
        "allowed_hours_local": None, "category": "MARKETING",
        "voice_template": None, "call_options": None, "fallback_sms_enabled": None,
        "reason": "", "is_active": True, "counts": {}, "audience": 0, "planned_to": None, "planned": False,
        "started_at": None, "ended_at": None, "round": 0, "reserved": False,
        "initial_cost": None, "cost_currency": None, "track_links": False, "queued_cost": 0,
        "created_by": by, "updated_by": by, "user": user, **fields,
    }  # fmt: skip


def new_row(
    id: str, broadcast: Mapping[str, Any], contact: Mapping[str, Any], to: Address | None, now: datetime
) -> dict[str, Any]:
    """Return a recipient of a broadcast; `key` is what they are one by, however their address was written.

    Without an address that is the contact.
    """
    return {
        "_id": id, "broadcast": broadcast["_id"], "platform": broadcast["platform"], "contact": contact["_id"],
        "key": f"contact:{contact['_id']}" if to is None else address_key(to),
        "to": None if to is None else [to.field, to.value],
        "phone": contact.get("phone"), "first_name": contact["first_name"], "last_name": contact["last_name"],
        "status": states.PENDING, "at": now, "wire": None, "content": None, "type": None, "segments": None,
        "category": None, "price": None, "batch": None, "message": None, "message_id": None, "retry_count": 0,
        "error_code": None, "response": "",
        "sent_at": None, "delivered_at": None, "read_at": None, "failed_at": None,
        "replied_at": None, "call": None, "outcome": None, "seconds": None, "answers": [],
    }  # fmt: skip


def category_of(row: Mapping[str, Any], broadcast: Mapping[str, Any]) -> Category:
    """Return the category a recipient's message is judged by: what it was planned as, else what the broadcast says."""
    planned: Category = row.get("category") or broadcast["category"]
    return planned


def address_key(to: Address) -> str:
    """Return what an address is one by, of a number whichever of its forms it has."""
    return f"{PHONE}:{min(variants(str(to.value)))}" if to.field == PHONE else to.text


def render_broadcast(doc: Mapping[str, Any]) -> dict[str, Any]:
    """Return a broadcast as events tell of it; what it costs is for those who see money (`priced`)."""
    counts = doc["counts"]
    total = sum(counts.values()) or doc["audience"]
    return {
        "id": doc["_id"], "name": doc["name"], "platform": doc["platform"], "status": doc["status"],
        "ui_status": states.ui_status(doc["status"]), "ui_status_display": states.ui_status(doc["status"]),
        "app": doc["app"], "template": doc["template"], "template_number": doc["template"],
        "recipient_count": total, "select_all": doc["select_all"],
        "tag_filter": list(doc["tag_filter"]), "segment_filter": list(doc["segment_filter"]),
        "scheduled_time": iso_or_none(doc["scheduled_time"]), "placeholder_data": dict(doc["placeholder_data"]),
        "media_overrides": dict(doc["media_overrides"]),
        "sections": [dict(each) for each in doc.get("sections") or ()], "catalog_id": doc.get("catalog_id"),
        "allowed_hours_local": doc["allowed_hours_local"],
        "voice_template": doc.get("voice_template"), "call_options": doc.get("call_options"),
        "fallback_sms_enabled": doc.get("fallback_sms_enabled"),
        "category": doc["category"], "track_links": bool(doc.get("track_links")),
        "reason_for_cancellation": doc["reason"],
        **{name: sum(counts.get(status, 0) for status in each) for name, each in COUNTERS.items()},
        "total_messages": total, "is_active": doc["is_active"],
        "started_at": iso_or_none(doc["started_at"]),
        "ended_at": iso_or_none(doc["ended_at"]), "created_at": iso(doc["created_at"]),
        "updated_at": iso(doc["updated_at"]), "created_by": doc["created_by"], "updated_by": doc["updated_by"],
    }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Spent:
    """What the ledger says of a broadcast, in millionths: what it took, and what has come back of that.

    It takes what is reserved each time it is begun, and what its carrier bills beyond that.
    """

    reserved: int
    returned: int
    currency: str


def priced(doc: Mapping[str, Any], priority: int, spent: Spent | None = None) -> dict[str, Any]:
    """Return a broadcast as REST shows it to somebody of a priority; without `spent` nothing has come back of it."""
    cost, returned, currency = doc["initial_cost"], 0.0, doc.get("cost_currency")
    if spent is not None:
        cost, returned, currency = shown(spent.reserved), shown(spent.returned), spent.currency
    if priority < COST_FROM or cost is None:
        cost = currency = None
    apart = PLATFORMS[doc["platform"]].spoken
    sees = priority >= COST_FROM
    return {
        **render_broadcast(doc), "initial_cost": cost, "initial_cost_currency": currency,
        "refund_amount": None if cost is None or apart else returned,
        "refund_amount_currency": None if apart else currency,
        "credit_deducted": bool(cost) and not apart if sees else None,
        "refund_processed": bool(returned) if sees else None,
    }  # fmt: skip


def render_row(doc: Mapping[str, Any], priority: int) -> dict[str, Any]:
    """Return a recipient as REST shows it to somebody of a priority."""
    price = doc["price"] if priority >= COST_FROM else None
    return {
        "id": doc["_id"], "broadcast": doc["broadcast"], "contact": doc["contact"],
        "contact_name": f"{doc['first_name']} {doc['last_name']}".strip(), "contact_phone": doc["phone"],
        "status": doc["status"], "error_code": doc["error_code"], "response": doc["response"],
        "retry_count": doc["retry_count"], "segments": doc["segments"], "message": doc["message"],
        "message_id": doc["message_id"], "sent_at": iso_or_none(doc["sent_at"]),
        "delivered_at": iso_or_none(doc["delivered_at"]), "read_at": iso_or_none(doc["read_at"]),
        "failed_at": iso_or_none(doc["failed_at"]), "replied_at": iso_or_none(doc.get("replied_at")),
        "call": doc.get("call"), "outcome": doc.get("outcome"), "seconds": doc.get("seconds"),
        "answers": [dict(each) for each in doc.get("answers") or ()], "fallback_sms": doc.get("fallback_sms"),
        "cost": None if price is None else shown(price), "created_at": iso(doc["created_at"]),
        "updated_at": iso(doc["updated_at"]),
    }  # fmt: skip


def counted_rows(groups: list[dict[str, Any]]) -> dict[str, int]:
    """Return recipients by status of what the database counted, in the order of the statuses."""
    found = {group["_id"]: group["n"] for group in groups}
    return {status: found[status] for status in ROW_STATUSES if found.get(status)}
