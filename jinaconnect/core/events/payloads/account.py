"""Events of the organisation itself: its data, people, roles, keys, channel accounts, templates and webhooks."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from jinaconnect.core.events.payloads.base import EARLIER, LATER, MOMENT, Count, Payload, Stamp, like
from jinaconnect.core.inbox.platform import PlatformName
from jinaconnect.core.permissions import MATRIX
from jinaconnect.core.schema import sample_id

_TENANT = {
    "id": sample_id("ten"), "name": "Lee & Sons", "description": None, "address": "1 Main Street, Boston",
    "phone": "+12025550100", "email": "hello@example.com", "website": None, "country": "US", "state": "MA",
    "industry": None, "settings": {"agents_see_unassigned": True}, "is_active": True, "created_at": EARLIER,
    "updated_at": MOMENT,
}  # fmt: skip
_ROLE_IN_BRIEF = {
    "id": sample_id("rol"), "slug": "shift-lead", "name": "Shift lead", "priority": 45, "is_system": False,
    "is_custom": True,
}  # fmt: skip
_ROLE = {
    **_ROLE_IN_BRIEF, "description": None, "is_editable": True, "member_count": 0,
    "permissions": {name: name == "inbox.view" for name in MATRIX}, "created_at": EARLIER, "updated_at": MOMENT,
    "created_by": "sam@example.com", "updated_by": "sam@example.com",
}  # fmt: skip
_MEMBER = {
    "id": sample_id("mem"), "tenant": sample_id("ten"), "user": sample_id("usr"), "role": sample_id("rol"),
    "role_detail": _ROLE_IN_BRIEF, "first_name": "Sam", "last_name": "Roe", "email": "sam@example.com",
    "username": "sam@example.com", "name": "Sam Roe", "email_verified": True, "is_active": True, "is_pending": False,
    "created_at": EARLIER, "updated_at": MOMENT, "created_by": None, "updated_by": None,
}  # fmt: skip
_KEY = {
    "id": sample_id("key"), "name": "Web shop", "prefix": "jc_test_8sK2", "mode": "test", "role": sample_id("rol"),
    "ip_allowlist": ["203.0.113.0/24"], "created_at": EARLIER, "created_by": "sam@example.com", "last_used_at": None,
    "expires_at": None, "revoked_at": None, "is_active": True,
}  # fmt: skip
_APP = {
    "id": sample_id("wap"), "tenant": sample_id("ten"), "app_name": "Shop", "description": None,
    "phone_number": "+12025550123", "bsp": "META", "is_active": True, "is_verified": True, "is_default": False,
    "daily_limit": 1000,
    "tier": "TIER_1K", "credentials_set": True, "simulated": False,
    "webhook_path": f"/wa/v1/webhooks/{sample_id('ten')}/", "carrier_state": None, "created_at": EARLIER,
    "updated_at": MOMENT,
    "created_by": "sam@example.com", "updated_by": "sam@example.com",
}  # fmt: skip
_TEMPLATE = {
    "id": sample_id("tpl"), "number": sample_id("tpl"), "platform": "WHATSAPP", "wa_app": sample_id("wap"),
    "element_name": "order_sent",
    "name": "Order sent", "language_code": "en", "category": "UTILITY", "template_type": "TEXT",
    "content": "Hello {{1}}, your order {{2}} is on its way.", "header": None, "footer": "Lee & Sons",
    "status": "PENDING", "buttons": None, "example_body": ["Ann", "4711"],
    "example_media_url": None, "meta_template_id": "1067812345678901",
    "bsp_template_id": "1067812345678901", "error_message": None, "rejection_reason": None, "needs_sync": False,
    "dlt_template_id": None, "dlt_entity_id": None, "sender_id": None, "dlt_category": None,
    "rich_cards": None, "orientation": None, "card_width": None, "cards": None, "sub_category": None,
    "media_handle": None, "tenant_media": None, "example_header": None,
    "code_expiration_minutes": None, "add_security_recommendation": None, "tenant_media_id": None, "is_lto": None,
    "lto_text": None, "lto_has_expiration": None, "vertical": None,
    "tenant_media_url": None, "card_media": [], "card_media_details": [], "tags": [],
    "placeholders": ["1", "2"],
    "placeholder_mapping": {"content": {"1": "1", "2": "2"}, "header": {}, "buttons": [], "cards": []},
    "last_synced_at": MOMENT, "is_active": True, "created_at": EARLIER,
    "updated_at": MOMENT, "created_by": "sam@example.com", "updated_by": "sam@example.com",
}  # fmt: skip
_REPORT = {
    "account": sample_id("wap"), "kind": "account_update", "event": "ACCOUNT_RESTRICTION", "told_at": MOMENT,
    "details": {
        "event": "ACCOUNT_RESTRICTION",
        "restriction_info": [{"restriction_type": "RESTRICTED_BIZ_INITIATED_MESSAGING", "expiration": 1796000000}],
    },
}  # fmt: skip
_WEBHOOK = {
    "id": sample_id("whe"), "account": sample_id("wap"), "reason": "messages.0.timestamp: not a time",
    "received_at": MOMENT,
}  # fmt: skip


class TenantData(Payload, json_schema_extra=like(_TENANT)):
    """An organisation."""

    id: str
    name: str
    description: str | None
    address: str | None
    phone: str | None
    email: str | None
    website: str | None
    country: str | None
    state: str | None
    industry: str | None
    settings: dict[str, Any]
    is_active: bool
    created_at: Stamp | None
    updated_at: Stamp | None


class TenantUpdated(TenantData, json_schema_extra=like(_TENANT)):
    """The organisation's data or settings changed."""


class RoleInBrief(Payload, json_schema_extra=like(_ROLE_IN_BRIEF)):
    """A role, without its permissions."""

    id: str
    slug: str
    name: str
    priority: int
    is_system: bool
    is_custom: bool


class RoleData(RoleInBrief, json_schema_extra=like(_ROLE)):
    """A role with every permission, held or not."""

    description: str | None
    is_editable: bool
    member_count: Count
    permissions: dict[str, bool]
    created_at: Stamp | None
    updated_at: Stamp | None
    created_by: str | None
    updated_by: str | None


class RoleCreated(RoleData, json_schema_extra=like(_ROLE)):
    """A role was added."""


class RoleUpdated(RoleData, json_schema_extra=like(_ROLE, priority=50)):
    """A role's permissions or priority changed."""


class RoleDeleted(RoleData, json_schema_extra=like(_ROLE)):
    """A role was removed."""


class MemberData(Payload, json_schema_extra=like(_MEMBER)):
    """A membership with its person and role."""

    id: str
    tenant: str
    user: str
    role: str
    role_detail: RoleInBrief | None
    first_name: str
    last_name: str
    email: str | None
    username: str | None
    name: str | None
    email_verified: bool
    is_active: bool
    is_pending: bool = Field(description="Invited and not a member yet.")
    created_at: Stamp | None
    updated_at: Stamp | None
    created_by: str | None
    updated_by: str | None


class MemberInvited(MemberData, json_schema_extra=like(_MEMBER, is_active=False, is_pending=True)):
    """A person was invited; they join once they accept."""


class MemberAdded(MemberData, json_schema_extra=like(_MEMBER)):
    """A person joined the organisation."""


class MemberUpdated(MemberData, json_schema_extra=like(_MEMBER)):
    """A membership changed."""


class MemberRemoved(MemberData, json_schema_extra=like(_MEMBER, is_active=False)):
    """A person left the organisation; their sessions end."""


class KeyData(Payload, json_schema_extra=like(_KEY)):
    """An API key, without its secret."""

    id: str
    name: str
    prefix: str
    mode: Literal["live", "test"]
    role: str
    ip_allowlist: list[str]
    created_at: Stamp | None
    created_by: str | None
    last_used_at: Stamp | None
    expires_at: Stamp | None
    revoked_at: Stamp | None
    is_active: bool


class KeyCreated(KeyData, json_schema_extra=like(_KEY)):
    """An API key was made."""


class KeyRotated(KeyData, json_schema_extra=like(_KEY, prefix="jc_test_Qz71")):
    """An API key has a new secret."""


class KeyRevoked(KeyData, json_schema_extra=like(_KEY, revoked_at=LATER, is_active=False)):
    """An API key stopped working."""


class CarrierState(Payload):
    """What the carrier told last of an account: of which kind, what happened, and its own details."""

    kind: str
    event: str | None
    details: dict[str, Any]
    told_at: Stamp


class AppData(Payload, json_schema_extra=like(_APP)):
    """A channel account, without its credentials and its ids at the carrier."""

    id: str
    tenant: str
    app_name: str
    description: str | None
    phone_number: str
    bsp: str
    is_active: bool
    is_verified: bool
    is_default: bool = Field(description="Whether it is taken where a request names no account of its platform.")
    is_commerce_manager_enabled: bool | None = Field(None, description="Whether it sells: it may show products.")
    daily_limit: Count
    tier: str
    credentials_set: bool
    simulated: bool
    webhook_path: str
    carrier_state: CarrierState | None
    created_at: Stamp | None
    updated_at: Stamp | None
    created_by: str | None
    updated_by: str | None


class AppCreated(AppData, json_schema_extra=like(_APP)):
    """A channel account was added."""


class AppUpdated(AppData, json_schema_extra=like(_APP)):
    """A channel account changed."""


class AppDeleted(AppData, json_schema_extra=like(_APP, is_active=False)):
    """A channel account was removed."""


class TemplateData(Payload, json_schema_extra=like(_TEMPLATE)):
    """A message template and what its review says."""

    id: str
    number: str
    platform: PlatformName
    wa_app: str | None = Field(description="The account it is of; null where it is every account's of its platform.")
    element_name: str
    name: str | None
    language_code: str
    category: str
    template_type: str
    content: str | None
    header: str | None
    footer: str | None
    status: Literal[
        "DRAFT", "PENDING", "APPROVED", "REJECTED", "PAUSED", "DISABLED", "FAILED", "IN_APPEAL", "PENDING_DELETION",
        "DELETED", "LIMIT_EXCEEDED", "ARCHIVED", "LOCKED",
    ]  # fmt: skip
    buttons: list[dict[str, Any]] | None
    example_body: list[str] | dict[str, str] | None
    example_media_url: str | None = Field(description="The file of a template that shows one.")
    meta_template_id: str | None
    bsp_template_id: str | None
    dlt_template_id: str | None = Field(description="The ids it is registered by with India's operators.")
    dlt_entity_id: str | None
    sender_id: str | None
    dlt_category: str | None
    rich_cards: list[dict[str, Any]] | None = Field(description="The cards of a template that is one, or a carousel.")
    orientation: str | None
    card_width: str | None
    cards: list[dict[str, Any]] | None = Field(description="The cards of a carousel that a carrier reviews.")
    sub_category: str | None
    media_handle: str | None = Field(description="What the carrier knows the sample of the header's file by.")
    tenant_media: str | None = Field(description="The file of the media library that the header shows.")
    example_header: str | None
    code_expiration_minutes: int | None = Field(description="How long a code holds, of AUTHENTICATION templates.")
    add_security_recommendation: bool | None
    is_lto: bool | None = Field(description="Whether it is a limited-time offer.")
    lto_text: str | None
    lto_has_expiration: bool | None = Field(description="Whether the offer counts down to its end.")
    vertical: str | None
    tenant_media_id: str | None
    tenant_media_url: str | None
    tags: list[str]
    card_media: list[str] = Field(description="The files of the library that cards show, in the order of the cards.")
    card_media_details: list[dict[str, Any]] = Field(description="Of each card, where its file is and its handle.")
    error_message: str | None
    rejection_reason: str | None
    needs_sync: bool
    placeholders: list[str]
    placeholder_mapping: dict[str, Any] = Field(description="Names of places by their numbers, of each text and card.")
    last_synced_at: Stamp | None
    is_active: bool
    created_at: Stamp | None
    updated_at: Stamp | None
    created_by: str | None
    updated_by: str | None


class TemplateCreated(TemplateData, json_schema_extra=like(_TEMPLATE)):
    """A message template was added."""


class TemplateUpdated(TemplateData, json_schema_extra=like(_TEMPLATE, status="APPROVED")):
    """A message template or its approval changed."""


class TemplateStatusChanged(
    TemplateData, json_schema_extra=like(_TEMPLATE, status="APPROVED", former_status="PENDING")
):  # fmt: skip
    """A message template has another status, as by its review; `template.updated` tells the same."""

    former_status: str


class TemplateDeleted(TemplateData, json_schema_extra=like(_TEMPLATE, is_active=False)):
    """A message template was removed."""


class AccountReported(CarrierState, json_schema_extra=like(_REPORT)):
    """The carrier told something of a channel account: its state, an alert, an error."""

    account: str


class WebhookFailed(Payload, json_schema_extra=like(_WEBHOOK)):
    """Something in a carrier's webhook could not be applied."""

    id: str
    account: str
    reason: str
    received_at: Stamp
