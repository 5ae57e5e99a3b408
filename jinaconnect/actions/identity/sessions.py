"""Logging in and out: sessions, the tokens of a session, passwords."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from jinaconnect.actions.context import Context, OperationContext
from jinaconnect.actions.identity.authentication import KEY_PREFIXES, stands
from jinaconnect.actions.identity.letters import ask_for_letter
from jinaconnect.core.errors import AuthenticationFailed, Invalid, PermissionDenied, Throttled
from jinaconnect.core.identity.passwords import password_faults
from jinaconnect.core.principal import Mode
from jinaconnect.store.databases.mongo import Document
from jinaconnect.store.secrets.passwords import hashed, mark_of, matches

_WRONG = "The e-mail or password is wrong."


async def log_in(ctx: OperationContext, name: str, password: str, access_key: str | None) -> dict[str, Any]:
    """Return a new session's tokens; raises AuthenticationFailed, Throttled."""
    users, memberships = await prove(ctx, name, password)
    if access_key is not None:
        tenant = await _tenant_of_key(ctx, access_key)
        memberships = [member for member in memberships if member["scope"] == tenant]
    member = _first(memberships)
    user = users[member["user"]]
    refresh = ctx.ids.new("jti")
    session = await open_session(ctx, member, mark_of(user["password"]), refresh=refresh)
    answer = await access_tokens(ctx, session, user, member)
    return {**answer, "refresh": _renewal(ctx, session, refresh)}


async def prove(ctx: OperationContext, name: str, password: str) -> tuple[dict[str, Document], list[Document]]:
    """Return the active accounts of a name whose password this is, and their memberships, oldest first.

    Raises AuthenticationFailed, Throttled.
    """
    services = ctx.services
    verdict = await ctx.ports.rates.login(ctx.caller.ip, name)
    if not verdict.allowed:
        raise Throttled("Too many attempts for this account.", retry_after=max(1.0, verdict.reset_s))
    users = await _proven(ctx, name, password)
    if not users:
        raise AuthenticationFailed(_WRONG)
    if not any(user["is_active"] for user in users.values()):
        raise AuthenticationFailed("The account is not active.")
    active = {id: user for id, user in users.items() if user["is_active"]}
    memberships = [member for id in active for member in await services.people.memberships(id)]
    return active, sorted(memberships, key=lambda member: str(member["_id"]))


def _first(memberships: Sequence[Document]) -> Document:
    if not memberships:
        raise AuthenticationFailed("The account is not a member of an organisation.")
    return memberships[0]


async def open_session(ctx: Context, member: Document, password: str | None, **fields: Any) -> str:
    """Begin a session of a member and return its id; `password` is the mark of the one that has opened it.

    Raises AuthenticationFailed where the account has another one by now.
    """
    session = {
        "_id": ctx.ids.new("sid"), "user": member["user"], "tenant": member["scope"], "revoked": False,
        "created_at": ctx.now(), "expires_at": ctx.now() + timedelta(seconds=ctx.services.settings.refresh_ttl_s),
        "password": password, **fields,
    }  # fmt: skip
    await ctx.services.people.add_session(session)
    if not stands(session, await ctx.services.people.user(member["user"])):
        raise AuthenticationFailed("The password was changed meanwhile.")
    return str(session["_id"])


async def _proven(ctx: Context, name: str, password: str) -> dict[str, Document]:
    """Return the accounts of a name whose password this is; each organisation may have one of its own."""
    accounts = await ctx.services.people.accounts(name)
    if not accounts:
        await matches(None, password)  # the same work as for somebody who is there
    return {user["_id"]: user for user in accounts if await matches(user["password"], password)}


async def _tenant_of_key(ctx: OperationContext, access_key: str) -> str:
    if not access_key.startswith(KEY_PREFIXES):
        raise AuthenticationFailed("The access key is not valid.")
    return (await ctx.ports.auth.from_token(access_key, ctx.caller.ip)).tenant


async def access_tokens(
    ctx: OperationContext, session: str, user: Document, member: Document, mode: Mode = "live"
) -> dict[str, Any]:  # fmt: skip
    """Return an access token of a session, for the sandbox where `mode` says so, and whose it is."""
    services = ctx.services
    tenant = await services.registry.tenant(member["scope"])
    role = await services.registry.role(member["scope"], member["role"])
    if tenant is None or tenant.get("suspended"):
        raise PermissionDenied("The organisation is suspended.", code="tenant_suspended")
    if role is None:
        raise PermissionDenied("The membership has no role.", code="no_role")
    now = int(ctx.now().timestamp())
    claims = {
        "iat": now,
        "sid": session,
        "user_id": user["_id"],
        "username": user["username"],
        "groups": [],
        "is_superuser": False,
        "tenant_id": tenant["_id"],
        "role": role["slug"],
        "role_name": role["name"],
        "role_priority": role["priority"],
        **({"mode": mode} if mode != "live" else {}),
    }
    settings = services.settings
    access = {**claims, "token_type": "access", "jti": ctx.ids.new("jti"), "exp": now + settings.access_ttl_s}
    return {
        "access": ctx.ports.auth.sign(access),
        "expires_in": settings.access_ttl_s,
        "user": {
            "id": user["_id"],
            "username": user["username"],
            "email": user["email"],
            "first_name": user["first_name"],
            "last_name": user["last_name"],
        },
        "tenant": {"id": tenant["_id"], "name": tenant["name"]},
        "role": {"slug": role["slug"], "name": role["name"], "priority": role["priority"]},
    }


async def renew(ctx: OperationContext, token: str) -> dict[str, Any]:
    """Return fresh tokens for a refresh token, which ends with that.

    A refresh token that comes a second time was copied: the whole session ends (RFC 9700 §4.14.2).
    """
    services = ctx.services
    claims = ctx.ports.auth.claims(token, "refresh")
    session = await services.people.session(claims["sid"])
    user = await services.people.user(session["user"]) if session is not None else None
    if session is None or user is None or not stands(session, user):
        raise AuthenticationFailed("The session has ended.")
    new = ctx.ids.new("jti")
    expires = ctx.now() + timedelta(seconds=services.settings.refresh_ttl_s)
    if not await services.people.rotate_session(session["_id"], claims["jti"], new, expires):
        await services.people.revoke_sessions({"_id": session["_id"]})
        raise AuthenticationFailed("The refresh token was used before; the session has ended.")
    members = [row for row in await services.people.memberships(session["user"]) if row["scope"] == session["tenant"]]
    if not members:
        raise AuthenticationFailed("The session has ended.")
    answer = await access_tokens(ctx, session["_id"], user, members[0])
    return {**answer, "refresh": _renewal(ctx, session["_id"], new)}


def _renewal(ctx: OperationContext, session: str, refresh: str) -> str:
    now, settings = int(ctx.now().timestamp()), ctx.services.settings
    return ctx.ports.auth.sign(
        {"iat": now, "sid": session, "token_type": "refresh", "jti": refresh, "exp": now + settings.refresh_ttl_s}
    )


async def log_out(ctx: OperationContext, refresh: str | None) -> None:
    """End the session of the caller's token, and that of the refresh token where one is given."""
    sessions = {ctx.principal.token_id} - {None}
    if refresh is not None:
        claims = ctx.ports.auth.claims(refresh, "refresh")
        held = await ctx.services.people.session(claims["sid"])
        if held is not None and held["user"] == ctx.principal.id:
            sessions.add(held["_id"])
    await ctx.services.people.revoke_sessions({"_id": {"$in": list(sessions)}})


async def change_password(ctx: OperationContext, old: str, new: str, confirmed: str) -> None:
    """Change one's own password; every session of the person ends."""
    if ctx.principal.user_id is None:
        raise PermissionDenied("An API key has no password.")
    verdict = await ctx.ports.rates.login(ctx.caller.ip, ctx.principal.user_id)
    if not verdict.allowed:  # a session that was left open is no way to guess
        raise Throttled("Too many attempts for this account.", retry_after=max(1.0, verdict.reset_s))
    user = await ctx.services.people.user(ctx.principal.user_id)
    if user is None or not await matches(user["password"], old):
        raise Invalid.field("old_password", "is wrong")
    if faults := password_faults(new):
        raise Invalid({"new_password": faults})
    if new == old:
        raise Invalid.field("new_password", "must differ from the old one")
    if new != confirmed:
        raise Invalid.field("confirm_password", "does not match")
    # Held on to what was looked at: a change under way does not undo one that came meanwhile.
    if not await ctx.services.people.set_password(user["_id"], await hashed(new), {"password": user["password"]}):
        raise Invalid.field("old_password", "is wrong")
    await ask_for_letter(ctx, "changed", scope=ctx.principal.scope, user=user["_id"])
