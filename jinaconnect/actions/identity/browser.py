"""Sessions of browsers: what renews them is a cookie that no script can read.

The tabs of a browser share the cookie, so it is not replaced by each renewal as the refresh tokens of `/refresh/` are:
two tabs that renew at one moment would otherwise end their own session. Each tab says which organisation and mode it
works in; the sessions of further organisations stand beside the cookie's own, and end with it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from jinaconnect.actions.context import OperationContext
from jinaconnect.actions.identity.authentication import stands
from jinaconnect.actions.identity.sessions import access_tokens, open_session, prove
from jinaconnect.core.errors import AuthenticationFailed
from jinaconnect.core.principal import Mode
from jinaconnect.store.databases.mongo import Document
from jinaconnect.store.secrets.passwords import mark_of

KIND = "browser"


@dataclass(frozen=True, slots=True)
class Opened:
    """A session as its browser is told of it: the answer its scripts read, and the cookie's value."""

    answer: dict[str, Any]
    cookie: str


async def begin(ctx: OperationContext, name: str, password: str, tenant: str | None, mode: Mode) -> Opened:
    """Sign a person in; without `tenant` to their first organisation. Raises AuthenticationFailed, Throttled."""
    users, memberships = await prove(ctx, name, password)
    member = next((each for each in memberships if tenant in (None, each["scope"])), None)
    if member is None:
        raise AuthenticationFailed("The account is not a member of this organisation.")
    session = await open_session(ctx, member, mark_of(users[member["user"]]["password"]), refresh=None, beside={})
    return await _opened(ctx, session, session, member, memberships, mode)


async def renew(ctx: OperationContext, cookie: str, tenant: str | None, mode: Mode) -> Opened:
    """Return a fresh access token, of another organisation of the same account where `tenant` says so.

    Raises AuthenticationFailed when the session or the membership has ended.
    """
    held = await _held(ctx, cookie)
    memberships = await ctx.services.people.memberships(held["user"])
    wanted = tenant or held["tenant"]
    member = next((each for each in memberships if each["scope"] == wanted), None)
    if member is None:
        raise AuthenticationFailed("The membership has ended.")
    expires = ctx.now() + timedelta(seconds=ctx.services.settings.refresh_ttl_s)
    await ctx.services.people.prolong_session(held["_id"], expires)
    session = held["_id"]
    if wanted != held["tenant"]:
        session = await _beside(ctx, held, member)
        await ctx.services.people.prolong_session(session, expires)
    return await _opened(ctx, held["_id"], session, member, memberships, mode)


async def end(ctx: OperationContext, cookie: str) -> None:
    """End a browser's sessions: their tokens stop working at once. A session that has ended already is no fault."""
    try:
        held = await _held(ctx, cookie)
    except AuthenticationFailed:
        return
    await ctx.services.people.revoke_sessions({"_id": {"$in": [held["_id"], *held["beside"].values()]}})


async def _held(ctx: OperationContext, cookie: str) -> Document:
    claims = ctx.ports.auth.claims(cookie, KIND)
    session = await ctx.services.people.session(claims["sid"])
    user = await ctx.services.people.user(session["user"]) if session is not None else None
    if session is None or not stands(session, user):
        raise AuthenticationFailed("The session has ended.")
    return session


async def _beside(ctx: OperationContext, held: Document, member: Document) -> str:
    """Return the session of another organisation that belongs to this cookie, made where there is none yet."""
    known = held["beside"].get(member["scope"])
    if known is not None:
        found = await ctx.services.people.session(known)
        if found is not None and not found["revoked"]:
            return str(known)
    made = await open_session(ctx, member, held.get("password"), refresh=None, beside={})
    await ctx.services.people.put_session_beside(held["_id"], member["scope"], made)
    return made


async def _opened(
    ctx: OperationContext, cookie_session: str, session: str, member: Document, memberships: list[Document], mode: Mode
) -> Opened:
    services, now = ctx.services, int(ctx.now().timestamp())
    user = await services.people.user(member["user"])
    if user is None:
        raise AuthenticationFailed("The session has ended.")
    answer = await access_tokens(ctx, session, user, member, mode)
    principal = await ctx.ports.auth.from_token(answer["access"], ctx.caller.ip)
    cookie = {
        "iat": now, "sid": cookie_session, "token_type": KIND, "jti": ctx.ids.new("jti"),
        "exp": now + services.settings.refresh_ttl_s,
    }  # fmt: skip
    told = {
        **answer, "mode": mode, "permissions": sorted(principal.permissions), "tenants": await _named(ctx, memberships),
    }  # fmt: skip
    return Opened(told, ctx.ports.auth.sign(cookie))


async def _named(ctx: OperationContext, memberships: list[Document]) -> list[dict[str, Any]]:
    """Return the organisations of memberships that can be worked in."""
    rows = []
    for member in memberships:
        tenant = await ctx.services.registry.tenant(member["scope"])
        role = await ctx.services.registry.role(member["scope"], member["role"])
        if tenant is not None and not tenant.get("suspended") and role is not None:
            rows.append({"id": tenant["_id"], "name": tenant["name"], "role": role["name"]})
    return rows
