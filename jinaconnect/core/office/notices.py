"""What an organisation's people are notified of, and which of them: made of events, by one table."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

KEPT = timedelta(days=90)
TYPES = (
    "template_approved", "template_rejected", "template_submitted", "broadcast_scheduled", "broadcast_completed",
    "broadcast_failed", "contact_added", "contact_imported", "automation_updated", "automation_failed",
    "wallet_recharged", "low_balance", "member_invited", "channel_app_error", "mentioned", "scheduled_message_failed",
    "sla_breached",
)  # fmt: skip
Data = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Notice:
    """A notice: to whoever holds `permission`, but for who did it; once for each `key` where it has one.

    Where `people` are named, it is theirs alone. `metadata` names the contact of its event as `contact_id` in any case.
    """

    type: str
    title: str
    message: str
    permission: str
    metadata: Mapping[str, Any] = field(default_factory=dict)
    key: str | None = None
    people: tuple[str, ...] = ()


def _template(data: Data) -> Notice | None:
    told = {
        "PENDING": ("template_submitted", "Template submitted", "is looked at by the carrier"),
        "APPROVED": ("template_approved", "Template approved", "can be sent"),
        "REJECTED": ("template_rejected", "Template rejected", data["rejection_reason"] or "was refused"),
    }.get(data["status"])
    if told is None:
        return None
    metadata = {"template_id": data["id"], "template_name": data["element_name"]}
    type, title, message = told
    # A template is told of again by whatever else changes: of one state on one day once.
    key = f"{data['id']}:{data['status']}:{str(data['updated_at'])[:10]}"
    return Notice(type, title, f"{data['element_name']}: {message}", "template.view", metadata, key)


def _broadcast(type: str, title: str) -> Callable[[Data], Notice | None]:
    def notice(data: Data) -> Notice | None:
        return Notice(type, title, data["name"], "broadcast.view", {"broadcast_id": data["id"]})

    return notice


def _planned(data: Data) -> Notice | None:
    if data["status"] != "SCHEDULED" or data["scheduled_time"] is None:
        return None
    message, metadata = f"{data['name']}: {data['scheduled_time']}", {"broadcast_id": data["id"]}
    key = f"{data['id']}:{data['scheduled_time']}"
    return Notice("broadcast_scheduled", "Broadcast scheduled", message, "broadcast.view", metadata, key)


def _wallet(type: str, title: str, *metadata: str) -> Callable[[Data], Notice | None]:
    def notice(data: Data) -> Notice | None:
        message = f"{data['total_balance']} {data['total_balance_currency']}"
        more = {name: data.get(name) for name in metadata}  # an earlier version's event says less
        return Notice(type, title, message, "billing.view", more)

    return notice


def _invited(data: Data) -> Notice | None:
    metadata = {"member_id": data["id"]}
    return Notice("member_invited", "Member invited", str(data["name"]), "users.invite", metadata)


def _app(data: Data) -> Notice | None:
    message = f"{data['kind']}: {data['event'] or 'see its state'}"
    return Notice("channel_app_error", "Channel account", message, "wa_app.manage", {"app_id": data["account"]})


def _imported(data: Data) -> Notice | None:
    message = f"{data['file_name']}: {data['created_count']} added"
    metadata = {"import_id": data["id"], "created_count": data["created_count"]}
    return Notice("contact_imported", "Contacts imported", message, "contact.import", metadata)


def _mentioned(data: Data) -> Notice | None:
    people = tuple(data["content"].get("mentions", ()))
    if not people:
        return None
    metadata = {"contact_id": data["contact"], "message_id": data["id"]}
    message = f"{data['created_by']} mentioned you in a note."
    return Notice("mentioned", "You were mentioned", message, "inbox.view", metadata, people=people)


def _not_sent(title: str) -> Callable[[Data], Notice | None]:
    def notice(data: Data) -> Notice | None:
        if data["tenant_user"] is None:
            return None
        why = data["error"]["detail"] if data["error"] else f"It was to be sent at {data['scheduled_time']}."
        metadata = {"contact_id": data["contact"], "scheduled_message_id": data["id"]}
        people = (data["tenant_user"],)
        return Notice("scheduled_message_failed", title, why[:300], "inbox.view", metadata, people=people)

    return notice


def _late(data: Data) -> Notice | None:
    """Tell whoever holds the conversation, or where nobody does those who give it to somebody."""
    holder, contact = data["assignment"]["assigned_to_user"], data["contact"]
    what = "was not helped" if data["target"] == "resolution" else "was not answered"
    message = f"{contact['full_name']} {what} by {data['due_at']}."
    metadata = {"contact_id": contact["id"], "target": data["target"]}
    permission, people = ("inbox.view", (holder,)) if holder else ("inbox.assign", ())
    return Notice("sla_breached", "A customer waits", message, permission, metadata, people=people)


NOTICES: Mapping[str, Callable[[Data], Notice | None]] = {
    "template.created": _template,
    "template.updated": _template,
    "broadcast.created": _planned,
    "broadcast.updated": _planned,
    "broadcast.completed": _broadcast("broadcast_completed", "Broadcast completed"),
    "broadcast.failed": _broadcast("broadcast_failed", "Broadcast failed"),
    "wallet.recharged": _wallet("wallet_recharged", "Wallet recharged", "transaction_id"),
    "wallet.low_balance": _wallet("low_balance", "Low balance"),
    "member.invited": _invited,
    "account.reported": _app,
    "import.completed": _imported,
    "message.noted": _mentioned,
    "conversation.sla_breached": _late,
    "scheduled_message.failed": _not_sent("Scheduled message not sent"),
    "scheduled_message.missed": _not_sent("Scheduled message missed"),
}
"""By the type of the event; a new notice is a row here, and its type in `TYPES`."""


def notice_of(event: str, data: Data) -> Notice | None:
    """Return what people are notified of by an event, None where they are not."""
    made = NOTICES.get(event)
    try:
        return made(data) if made else None
    except KeyError:  # an event that has waited since an earlier version, which told less
        return None
