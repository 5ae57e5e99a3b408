"""Events of contacts: the contact as it is afterwards."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from jinaconnect.core.events.payloads.base import EARLIER, MOMENT, Count, Payload, Stamp, like
from jinaconnect.core.inbox.platform import PLATFORMS, PlatformName
from jinaconnect.core.schema import OneOf, sample_id

Holder = Literal["USER", "BOT", "CHATFLOW", "UNASSIGNED"]
CONTACT = {
    "id": sample_id("cnt"), "phone": "+12025550111", "first_name": "Ann", "last_name": "Lee", "full_name": "Ann Lee",
    "email": "ann@example.com", "tag": "vip", "tags": ["vip"], "segments": [], "attributes": {"size": "M"},
    "source": "WHATSAPP", "telegram_chat_id": None, "telegram_username": None,
    "whatsapp_user_id": None, "whatsapp_username": None, "whatsapp_group_id": None, "merged_into": None, "merged": [],
    "channels": {
        "whatsapp": "+12025550111", "sms": "+12025550111", "rcs": "+12025550111", "voice": "+12025550111",
        "telegram": None,
    },
    "lead_status": "NEW", "lead_score": 0, "last_called_at": None, "total_calls": 0, "dnc": False, "opt_outs": {},
    "unreachable": {},
    "preferred_channel": "WHATSAPP", "rcs_capable": None, "rcs_checked_at": None, "assigned_to_type": "UNASSIGNED",
    "assigned_to_id": None, "assigned_to_user": None, "assigned_to_name": "Unassigned", "assigned_at": None,
    "assigned_by_type": None, "assigned_by_id": None, "assigned_by_user": None, "assigned_by_name": None,
    "assignment_note": None, "status": "OPEN", "conversation_id": sample_id("conv"), "is_active": True,
    "description": None, "created_at": EARLIER, "updated_at": MOMENT, "created_by": None, "updated_by": None,
}  # fmt: skip
HELD = {
    "assigned_to_type": "USER", "assigned_to_id": sample_id("usr"), "assigned_to_user": sample_id("usr"),
    "assigned_to_name": "Sam Roe",
}  # fmt: skip


class Reach(Payload):
    """A contact's address on each channel, null where there is none."""

    whatsapp: str | None
    sms: str | None
    rcs: str | None
    voice: str | None
    telegram: int | None


class ContactData(Payload, json_schema_extra=like(CONTACT)):
    """A contact with the assignment and status of their conversation."""

    id: str
    phone: str | None
    first_name: str
    last_name: str
    full_name: str
    email: str | None
    tag: str | None
    tags: list[str]
    segments: list[str]
    attributes: dict[str, str | int | float | bool]
    source: Annotated[str, OneOf(("MANUAL", "IMPORT", *PLATFORMS))]
    telegram_chat_id: int | None
    telegram_username: str | None
    whatsapp_user_id: str | None
    whatsapp_username: str | None
    whatsapp_group_id: str | None = Field(description="The group whose conversation this is; null for a person.")
    channels: Reach
    merged_into: str | None = Field(description="The contact that stands for this one, being the same person.")
    merged: list[str] = Field(description="Those it stands for; each keeps the conversation it had until then.")
    lead_status: Literal["NEW", "CONTACTED", "QUALIFIED", "UNQUALIFIED", "CONVERTED"] | None
    lead_score: int
    last_called_at: Stamp | None
    total_calls: Count
    dnc: bool
    opt_outs: dict[str, str]
    unreachable: dict[str, Stamp]  # since when a platform says that they take nothing from us there
    preferred_channel: PlatformName | None
    rcs_capable: bool | None
    rcs_checked_at: Stamp | None
    assigned_to_type: Holder
    assigned_to_id: str | None
    assigned_to_user: str | None
    assigned_to_name: str
    assigned_at: Stamp | None
    assigned_by_type: str | None
    assigned_by_id: str | None
    assigned_by_user: str | None
    assigned_by_name: str | None
    assignment_note: str | None
    status: Literal["OPEN", "CLOSED"]
    conversation_id: str
    is_active: bool
    description: str | None
    created_at: Stamp
    updated_at: Stamp
    created_by: str | None
    updated_by: str | None


class ContactCreated(ContactData, json_schema_extra=like(CONTACT, updated_at=EARLIER)):
    """A contact was added."""


class ContactUpdated(ContactData, json_schema_extra=like(CONTACT)):
    """Fields of a contact changed."""


class ContactMerged(ContactData, json_schema_extra=like(CONTACT, merged=[sample_id("cnt")])):
    """A carrier said that two contacts are one person: told of both, the later one is `merged_into` the other."""


class ContactSeparated(ContactData, json_schema_extra=like(CONTACT)):
    """Two contacts that were merged are two again: told of both."""


class ContactDeleted(ContactData, json_schema_extra=like(CONTACT)):
    """A contact was removed."""


class EventErased(Payload, json_schema_extra=like({"id": sample_id("evt"), "was": "message.received"})):
    """Something of a person who was erased stood here; `was` is the type of event it was."""

    id: str
    was: str
