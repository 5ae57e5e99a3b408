"""Who is asking: a member with a token, an API key, or the gateway itself.

A principal is a value. It is made by `actions/identity/authentication.py` from credentials and re-made when what it
stands on changes; nothing downstream looks anything up to decide what it may.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from jinaconnect.core.errors import PermissionDenied
from jinaconnect.core.permissions import AUTHENTICATED, PUBLIC

Mode = Literal["live", "test"]


def scope_of(tenant: str, mode: Mode) -> str:
    """Return the partition key of a tenant's data in one mode."""
    return f"{tenant}:{mode}"


def parse_scope(scope: str) -> tuple[str, Mode]:
    """Return tenant and mode of a partition."""
    tenant, _, mode = scope.rpartition(":")
    return tenant, "test" if mode == "test" else "live"


@dataclass(frozen=True, slots=True)
class Principal:
    """An authenticated caller inside one tenant and mode.

    `id` is `usr_…` or `key_…`; `member` the membership id or None for a key; `sees_unassigned` and `assigned_only`
    carry the row scoping of role `agent`.
    """

    kind: Literal["user", "api_key", "system"]
    id: str
    tenant: str
    mode: Mode
    role: str
    role_id: str
    role_name: str
    priority: int
    permissions: frozenset[str]
    name: str = ""
    username: str | None = None
    member: str | None = None
    expires_at: datetime | None = None
    token_id: str | None = None
    sees_unassigned: bool = False
    limits: tuple[tuple[str, int], ...] = field(default=())

    @property
    def scope(self) -> str:
        """The partition this principal reads and writes."""
        return scope_of(self.tenant, self.mode)

    @property
    def assigned_only(self) -> bool:
        """Whether rows are narrowed to contacts assigned to this person."""
        return self.role == "agent"

    @property
    def user_id(self) -> str | None:
        """The person behind the principal, where there is one."""
        return self.id if self.kind == "user" else None

    def may(self, permission: str) -> bool:
        """Tell whether the principal holds a permission, or one of several joined by `|`."""
        if permission in (PUBLIC, AUTHENTICATED) or permission in self.permissions:
            return True
        return any(part in self.permissions for part in permission.split("|"))

    def require(self, permission: str) -> None:
        """Raise PermissionDenied unless the principal holds the permission."""
        if not self.may(permission):
            raise PermissionDenied(f"The role '{self.role}' lacks the permission '{permission}'.")

    def actor(self) -> dict[str, str]:
        """Return the `actor` of an event this principal causes."""
        return {"type": self.kind, "id": self.id}

    def public(self) -> dict[str, Any]:
        """Return what a socket's `ready` frame tells of its principal."""
        return {
            "type": self.kind,
            "id": self.id,
            "name": self.name,
            "role": self.role,
            "permissions": sorted(self.permissions),
        }


def system_actor(kind: str) -> dict[str, str]:
    """Return the `actor` of an event that a part of the gateway causes by itself."""
    return {"type": "system", "id": kind}


def system_principal(tenant: str, mode: Mode, *, kind: str = "system") -> Principal:
    """Return the gateway's own principal inside a tenant, for reactions and jobs."""
    return Principal(
        kind="system", id=kind, tenant=tenant, mode=mode, role="system", role_id="", role_name="System",
        priority=100, permissions=frozenset(),
    )  # fmt: skip
