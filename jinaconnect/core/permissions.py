"""Who may do what: the permission catalogue and the five roles every tenant starts with, as one table.

Deny by default: a key that is not granted is refused, and a route names its key or says `PUBLIC` or `AUTHENTICATED`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

PUBLIC = "public"
AUTHENTICATED = "authn"

_OWNER, _ADMIN, _MANAGER, _AGENT, _VIEWER = "owner", "admin", "manager", "agent", "viewer"
_EVERYONE = (_OWNER, _ADMIN, _MANAGER, _AGENT, _VIEWER)
_TEAM = (_OWNER, _ADMIN, _MANAGER, _AGENT)
_LEADS = (_OWNER, _ADMIN, _MANAGER)
_ADMINS = (_OWNER, _ADMIN)

# key → (label, roles that hold it from the start)
MATRIX: dict[str, tuple[str, tuple[str, ...]]] = {
    "tenant.view": ("See the organisation", _EVERYONE),
    "tenant.edit": ("Change the organisation", _ADMINS),
    "tenant.delete": ("Delete the organisation", (_OWNER,)),
    "tenant.transfer": ("Transfer ownership", (_OWNER,)),
    "users.view": ("See members and roles", _EVERYONE),
    "users.invite": ("Invite members", _ADMINS),
    "users.change_role": ("Change roles", _ADMINS),
    "users.remove": ("Remove members", _ADMINS),
    "billing.view": ("See wallet and ledger", (_OWNER, _ADMIN, _MANAGER, _VIEWER)),
    "billing.manage": ("Recharge and refund", _ADMINS),
    "wa_app.view": ("See channel accounts", _EVERYONE),
    "wa_app.manage": ("Change channel accounts", _ADMINS),
    "wa_app.delete": ("Delete channel accounts", (_OWNER,)),
    "rate_card.manage": ("Manage rate cards", _ADMINS),
    "webhook.view": ("See webhooks", _ADMINS),
    "webhook.manage": ("Manage webhooks", _ADMINS),
    "template.view": ("See templates", _EVERYONE),
    "template.create": ("Create templates", _LEADS),
    "template.edit": ("Change templates", _LEADS),
    "template.delete": ("Delete templates", _LEADS),
    "template.submit": ("Submit templates to the carrier", _LEADS),
    "broadcast.view": ("See broadcasts", _EVERYONE),
    "broadcast.create": ("Create broadcasts", _LEADS),
    "broadcast.cancel": ("Cancel broadcasts", _LEADS),
    "broadcast.charge_breakdown": ("See the cost of broadcasts", _LEADS),
    "contact.view": ("See contacts", _EVERYONE),
    "contact.create": ("Create contacts", _LEADS),
    "contact.edit": ("Change contacts", _LEADS),
    "contact.delete": ("Delete contacts", _LEADS),
    "contact.import": ("Import contacts", _LEADS),
    "contact.export": ("Export contacts", _LEADS),
    "inbox.view": ("Read the inbox", _EVERYONE),
    "inbox.reply": ("Write to customers", _TEAM),
    "inbox.assign": ("Assign conversations", _LEADS),
    "inbox.resolve": ("Close and reopen conversations", _LEADS),
    "chatflow.view": ("See chat flows", _EVERYONE),
    "chatflow.create": ("Create chat flows", _LEADS),
    "chatflow.edit": ("Change chat flows", _LEADS),
    "chatflow.delete": ("Delete chat flows", _LEADS),
    "chatflow.toggle": ("Switch chat flows on and off", _LEADS),
    "product.view": ("See products", _EVERYONE),
    "product.manage": ("Manage products", _LEADS),
    "analytics.view": ("See figures", _EVERYONE),
    "voice.view": ("See calls", _EVERYONE),
    "voice.call": ("Place calls", _TEAM),
    "voice.control": ("Control live calls (agents: their own)", _TEAM),
    "voice.manage": ("Manage trunks, numbers and IVR", _ADMINS),
    "voice.listen": ("Hear recordings", _ADMINS),
    "voice.supervise": ("Listen to live calls, whisper and barge in", _ADMINS),
    "voice.platform": ("See the deployment's telephony", ()),
    "billing.platform": ("Keep the wallets of all organisations", ()),
}


# Belong to the deployment's operator, named in the configuration; no role of a tenant can hold them.
PLATFORM = frozenset({"voice.platform", "billing.platform"})


@dataclass(frozen=True, slots=True)
class SystemRole:
    """A role every tenant is created with; `priority` 0 to 100, larger is more."""

    slug: str
    name: str
    description: str
    priority: int


SYSTEM_ROLES: tuple[SystemRole, ...] = (
    SystemRole(_OWNER, "Owner", "Everything; exactly one per organisation.", 100),
    SystemRole(_ADMIN, "Admin", "Everything but deleting and transferring the organisation.", 80),
    SystemRole(_MANAGER, "Manager", "Runs inbox, contacts, templates and broadcasts.", 60),
    SystemRole(_AGENT, "Agent", "Answers the conversations assigned to them.", 40),
    SystemRole(_VIEWER, "Viewer", "Sees everything, changes nothing.", 20),
)


def held(slug: str, stored: Mapping[str, bool], *, system: bool) -> frozenset[str]:
    """Return the permissions of a role as it is stored.

    A permission that came with a later version than a system role's row is in it as if it were new.
    """
    later = granted(slug) - stored.keys() if system else frozenset()
    return later | {key for key, given in stored.items() if given}


def granted(slug: str) -> frozenset[str]:
    """Return the permissions a system role starts with."""
    return frozenset(key for key, (_, roles) in MATRIX.items() if slug in roles)


def known(key: str) -> bool:
    """Tell whether a route may name this key, or these keys joined by `|` of which any one opens it."""
    return key in (PUBLIC, AUTHENTICATED) or all(part in MATRIX for part in key.split("|"))


def catalogue() -> dict[str, list[dict[str, str]]]:
    """Return `{group: [{key, label}]}`, grouped by the part before the dot."""
    groups: dict[str, list[dict[str, str]]] = {}
    for key, (label, _) in MATRIX.items():
        groups.setdefault(key.split(".")[0], []).append({"key": key, "label": label})
    return groups
