"""From credentials to a principal, and back to nothing when what it stood on is withdrawn.

A token or key is looked up once and kept while nothing it stands on has changed: every withdrawal drops the tenant's
principals in this process at once, and in the others by a bell through Redis and, should that be missed, within a
second by the database (`store/coordination/withdrawals.py`). While several processes run and the bell is silent,
nothing is kept and every request looks again.
"""

from __future__ import annotations

import hashlib
import ipaddress
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt

from jinaconnect.core.clock import Clock
from jinaconnect.core.errors import (
    AuthenticationFailed,
    InvalidApiKey,
    NotAuthenticated,
    PermissionDenied,
    TokenExpired,
)
from jinaconnect.core.permissions import PLATFORM
from jinaconnect.core.permissions import held as held_by
from jinaconnect.core.principal import Mode, Principal
from jinaconnect.store.identity.people import People
from jinaconnect.store.identity.registry import Registry
from jinaconnect.store.secrets.passwords import mark_of

KEEP_S = 10.0
MAX_KEPT = 50_000
KEY_PREFIXES = ("jc_live_", "jc_test_")
_TOUCH_EVERY = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class _Kept:
    until: float
    principal: Principal
    networks: tuple[str, ...]


def key_hash(secret: str) -> str:
    """Return what is stored of an API key: it has 160 bits of chance, so a plain SHA-256 suffices."""
    return hashlib.sha256(secret.encode()).hexdigest()


def stands(session: Mapping[str, Any] | None, user: Mapping[str, Any] | None) -> bool:
    """Tell whether a session still opens the account it was begun for.

    It does so by the password that it was begun with alone. A login that looks at a password while that is changed
    makes its session after all others have ended, and no revoking finds it. One of before sessions said so ends as
    any does, by being revoked.
    """
    if session is None or session["revoked"] or user is None or not user["is_active"]:
        return False
    mark = mark_of(user["password"])
    return bool(session["user"] == user["_id"] and (session.get("password") or mark) == mark)


class TokenAuthenticator:
    """Makes principals from `Authorization` headers and socket tokens."""

    def __init__(
        self, registry: Registry, people: People, clock: Clock, key: bytes, may_keep: Callable[[], bool],
        operators: Collection[str] = (),
    ) -> None:  # fmt: skip
        self._registry = registry
        self._people = people
        self._clock = clock
        self._key = key
        self._may_keep = may_keep
        self._operators = frozenset(operators)
        self._kept: dict[str, _Kept] = {}
        self._tokens: dict[str, set[str]] = {}  # of each tenant, in `_kept`
        self._turn = 0  # raised by every withdrawal
        self._turn_of: dict[str | None, int] = {}  # the last one of each tenant, while look-ups are under way
        self._looking = 0
        self.withdrawn: list[Callable[[str | None], None]] = []

    async def from_header(self, header: str | None, ip: str) -> Principal:
        """Return the principal of an `Authorization` header; raises NotAuthenticated and its kin."""
        if not header:
            raise NotAuthenticated("Credentials are missing.")
        scheme, _, token = header.partition(" ")
        if scheme.lower() != "bearer" or not token.strip():
            raise NotAuthenticated("The Authorization header must be 'Bearer <token>'.")
        return await self.from_token(token.strip(), ip)

    async def from_token(self, token: str, ip: str) -> Principal:
        """Return the principal of a JWT or API key."""
        kept = self._kept.get(token)
        if kept is not None and kept.until > time.monotonic() and self._may_keep():
            principal, networks = kept.principal, kept.networks
        else:
            self._kept.pop(token, None)
            principal, networks = await self._look_up_and_keep(token)
        if principal.expires_at is not None and principal.expires_at <= self._clock():
            if principal.kind == "api_key":
                raise InvalidApiKey("The API key has expired.")
            raise TokenExpired("The token has expired.")
        if networks and not _within(ip, networks):
            raise InvalidApiKey("The API key is not allowed from this address.")
        return principal

    async def _look_up_and_keep(self, token: str) -> tuple[Principal, tuple[str, ...]]:
        # What was read before a withdrawal may be what was withdrawn: it is neither kept nor used, but read again.
        self._looking += 1
        try:
            while True:
                turn = self._turn
                principal, networks = await self._look_up(token)
                if max(self._turn_of.get(principal.tenant, 0), self._turn_of.get(None, 0)) <= turn:
                    break
        finally:
            self._looking -= 1
            if not self._looking:
                self._turn_of.clear()
        if len(self._kept) > MAX_KEPT:
            self._kept.clear()
            self._tokens.clear()
        self._tokens.setdefault(principal.tenant, set()).add(token)
        self._kept[token] = _Kept(time.monotonic() + KEEP_S, principal, networks)
        return principal, networks

    async def _look_up(self, token: str) -> tuple[Principal, tuple[str, ...]]:
        if token.startswith(KEY_PREFIXES):
            return await self._from_key(token)
        return await self._from_jwt(token), ()

    async def _from_key(self, secret: str) -> tuple[Principal, tuple[str, ...]]:
        digest = key_hash(secret)
        row = await self._registry.key_by_hash(digest)
        now = self._clock()
        if row is None or row.get("revoked_at") is not None:
            raise InvalidApiKey("The API key is unknown or revoked.")
        grace = {item["hash"]: item["until"] for item in row.get("graces", ())}
        if digest in grace and grace[digest] <= now:
            raise InvalidApiKey("The API key is unknown or revoked.")
        if row.get("expires_at") is not None and row["expires_at"] <= now:
            raise InvalidApiKey("The API key has expired.")
        tenant_id = row["scope"]
        tenant = await self._tenant(tenant_id)
        role = await self._role(tenant_id, row["role"])
        if row.get("last_used_at") is None or now - row["last_used_at"] > _TOUCH_EVERY:
            await self._registry.touch_key(row["_id"], now)
        ends = [moment for moment in (row.get("expires_at"), grace.get(digest)) if moment is not None]
        principal = self._principal(
            "api_key", row["_id"], row["name"], tenant, row["mode"], role, min(ends, default=None)
        )
        return principal, tuple(row.get("ip_allowlist") or ())

    async def standing(self, kind: str, id: str, tenant: str, mode: Mode) -> Principal:
        """Return what a member or key of a tenant may do now, for what works on in their name.

        Raises NotAuthenticated where they may nothing any more, PermissionDenied while the organisation is suspended
        or they have no role.
        """
        found = await self._tenant(tenant)
        if kind == "api_key":
            key = await self._registry.key(tenant, id)
            late = key is None or (key["expires_at"] is not None and key["expires_at"] <= self._clock())
            if key is None or late or key["revoked_at"] is not None:
                raise InvalidApiKey("The API key has ended.")
            role = await self._role(tenant, key["role"])
            return self._principal("api_key", id, key["name"], found, mode, role, key["expires_at"])
        user = await self._people.user(id)
        members = await self._people.memberships(id)
        member = next((each for each in members if each["scope"] == tenant), None)
        if user is None or not user["is_active"] or member is None:
            raise AuthenticationFailed("The membership has ended.")
        role = await self._role(tenant, member["role"])
        name = f"{user['first_name']} {user['last_name']}".strip() or user["email"]
        return self._principal("user", id, name, found, mode, role, None, user["username"], member["_id"])

    async def _from_jwt(self, token: str) -> Principal:
        claims = self.claims(token, "access")
        session = await self._people.session(claims["sid"])
        if session is None or session["revoked"]:
            raise AuthenticationFailed("The token has been revoked.")
        user = await self._people.user(claims["user_id"])
        if user is None or not stands(session, user):
            raise AuthenticationFailed("The session has ended.")
        member = next(
            (m for m in await self._people.memberships(user["_id"]) if m["scope"] == session["tenant"]), None
        )
        if member is None:
            raise AuthenticationFailed("The membership has ended.")
        tenant = await self._tenant(session["tenant"])
        role = await self._role(session["tenant"], member["role"])
        expires = datetime.fromtimestamp(claims["exp"], UTC)
        name = f"{user['first_name']} {user['last_name']}".strip() or user["email"]
        email = user["email"]
        operator = email in self._operators and await self._people.is_first_account(user["_id"], email)
        mode: Mode = "test" if claims.get("mode") == "test" else "live"
        return self._principal(
            "user", user["_id"], name, tenant, mode, role, expires, user["username"], member["_id"], session["_id"],
            operator,
        )  # fmt: skip

    def claims(self, token: str, kind: str) -> dict[str, Any]:
        """Return the claims of a JWT of ours (HS256 and nothing else, RFC 8725 §3.1)."""
        try:
            claims: dict[str, Any] = jwt.decode(
                token, self._key, algorithms=["HS256"],
                options={"require": ["exp", "iat", "jti", "sid"], "verify_exp": False, "verify_iat": False},
            )  # fmt: skip
        except (jwt.InvalidTokenError, UnicodeError) as error:
            raise AuthenticationFailed("The token is not valid.") from error
        if claims.get("token_type") != kind or not isinstance(claims["sid"], str) or not isinstance(claims["exp"], int):
            raise AuthenticationFailed("The token is not valid.")
        if claims["exp"] <= self._clock().timestamp():
            raise TokenExpired("The token has expired.")
        return claims

    def sign(self, claims: dict[str, Any]) -> str:
        """Return a signed JWT."""
        return jwt.encode(claims, self._key, algorithm="HS256", headers={"typ": "JWT"})

    async def _tenant(self, id: str) -> dict[str, Any]:
        tenant = await self._registry.tenant(id)
        if tenant is None:
            raise AuthenticationFailed("The organisation is gone.")
        if tenant.get("suspended"):
            raise PermissionDenied("The organisation is suspended.", code="tenant_suspended")
        return tenant

    async def _role(self, tenant: str, id: str) -> dict[str, Any]:
        role = await self._registry.role(tenant, id)
        if role is None:
            raise PermissionDenied("The membership has no role.", code="no_role")
        return role

    def _principal(
        self, kind: Any, id: str, name: str, tenant: dict[str, Any], mode: Mode, role: dict[str, Any],
        expires: datetime | None, username: str | None = None, member: str | None = None, session: str | None = None,
        operator: bool = False,
    ) -> Principal:  # fmt: skip
        held = held_by(role["slug"], role["permissions"], system=role["is_system"]) - PLATFORM
        if operator or id in self._operators:
            held |= PLATFORM  # the deployment's own people, whatever a tenant's role says
        return Principal(
            kind=kind, id=id, tenant=tenant["_id"], mode=mode, role=role["slug"], role_id=role["_id"],
            role_name=role["name"], priority=role["priority"], permissions=frozenset(held), name=name,
            username=username, member=member, expires_at=expires, token_id=session,
            sees_unassigned=bool(tenant.get("settings", {}).get("agents_see_unassigned")),
            limits=tuple(sorted(tenant.get("limits", {}).items())),
        )  # fmt: skip

    def forget(self, tenant: str | None) -> None:
        """Drop what is kept of a tenant (None: of everybody), and tell the open doors to look again."""
        self._turn += 1
        if self._looking:
            self._turn_of[tenant] = self._turn
        if tenant is None:
            self._kept.clear()
            self._tokens.clear()
        else:
            for token in self._tokens.pop(tenant, ()):
                self._kept.pop(token, None)
        for told in self.withdrawn:
            told(tenant)


def _within(ip: str, networks: tuple[str, ...]) -> bool:
    try:
        address = ipaddress.ip_address(ip)
    except ValueError:
        return False
    return any(address in ipaddress.ip_network(network, strict=False) for network in networks)
