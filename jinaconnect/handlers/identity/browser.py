"""`/session/`: how the gateway's own pages sign in, with a cookie instead of a refresh token."""

from __future__ import annotations

import contextlib
from http.cookies import CookieError, SimpleCookie
from typing import Literal
from urllib.parse import urlsplit

from pydantic import Field

from jinaconnect.actions.context import Context, OperationContext
from jinaconnect.actions.identity import browser
from jinaconnect.actions.identity.browser import Opened
from jinaconnect.core.errors import AuthenticationFailed, PermissionDenied
from jinaconnect.core.schema import Answer, Id, Request, example, sample_id
from jinaconnect.handlers.edge.operation import PUBLIC, Reply, operation
from jinaconnect.handlers.identity.auth import Email, Secret

PATH = "/session/"
COOKIE = "jina_session"


class TenantChoice(Request, json_schema_extra=example(tenant=sample_id("ten"), mode="live")):
    """What to work in: an organisation of the account (default: its first), live or in the sandbox."""

    tenant: Id | None = None
    mode: Literal["live", "test"] = "live"


class SignIn(
    TenantChoice,
    json_schema_extra=example(email="ann.lee@example.com", password="correct horse battery staple", mode="live"),
):
    """Credentials, and what to work in."""

    email: Email
    password: Secret


class SignedInUser(Answer):
    """Who signed in."""

    id: str
    username: str
    email: str
    first_name: str
    last_name: str


class SignedInTenant(Answer):
    """The organisation worked in."""

    id: str
    name: str


class SignedInRole(Answer):
    """The role held there."""

    slug: str
    name: str
    priority: int


class OwnTenant(SignedInTenant):
    """An organisation the account is a member of."""

    role: str


class BrowserSession(Answer):
    """A session of a browser: the token its scripts use, and what it may do."""

    access: str = Field(description="Bearer token for requests and sockets; to be kept in memory.")
    expires_in: int = Field(description="Seconds the access token lives.")
    mode: Literal["live", "test"]
    user: SignedInUser
    tenant: SignedInTenant
    role: SignedInRole
    permissions: list[str]
    tenants: list[OwnTenant] = Field(description="Every organisation that can be chosen.")


def _only_own_pages(ctx: Context) -> None:
    """Refuse a page of another origin, whatever cookie its browser sends along; raises PermissionDenied.

    Browsers name the origin with every POST and DELETE, and no page can hide it; `SameSite` alone lets pages of the
    same site through (another port, another host of the domain).
    """
    own = {urlsplit(ctx.caller.url).netloc.lower(), ctx.caller.headers.get("Host", "").lower()}
    if urlsplit(ctx.caller.headers.get("Origin", "")).netloc.lower() not in own - {""}:
        raise PermissionDenied("Browser sessions are for this gateway's own pages.", code="foreign_origin")


def _set(ctx: Context, value: str, seconds: int) -> str:
    secure = "; Secure" if urlsplit(ctx.caller.url).scheme == "https" else ""
    return f"{COOKIE}={value}; Path={PATH}; Max-Age={seconds}; HttpOnly; SameSite=Strict{secure}"


def _cookie(ctx: Context) -> str:
    try:
        held = SimpleCookie(ctx.caller.headers.get("Cookie", "")).get(COOKIE)
    except CookieError:
        held = None
    if held is None or not held.value:
        raise AuthenticationFailed("Nobody is signed in.")
    return held.value


def _reply(ctx: Context, opened: Opened) -> Reply:
    return Reply(opened.answer, headers={"Set-Cookie": _set(ctx, opened.cookie, ctx.services.settings.refresh_ttl_s)})


@operation("POST", PATH, id="session.begin", permission=PUBLIC, body=SignIn, returns=BrowserSession, tag="auth",
           own_credentials=True, errors=(403,))  # fmt: skip
async def sign_in(ctx: OperationContext, body: SignIn) -> Reply:
    """Sign a browser in: the answer has an access token, the cookie renews it and is read by no script.

    For the gateway's own pages; programs use `/token/`. Requests of other origins are refused.
    """
    _only_own_pages(ctx)
    return _reply(ctx, await browser.begin(ctx, body.email, body.password, body.tenant, body.mode))


@operation("POST", f"{PATH}renew/", id="session.renew", permission=PUBLIC, body=TenantChoice, returns=BrowserSession,
           tag="auth", own_credentials=True, errors=(403,))  # fmt: skip
async def renew(ctx: OperationContext, body: TenantChoice) -> Reply:
    """Return a fresh access token for the browser's cookie, of the organisation and mode asked for."""
    _only_own_pages(ctx)
    return _reply(ctx, await browser.renew(ctx, _cookie(ctx), body.tenant, body.mode))


@operation("DELETE", PATH, id="session.end", permission=PUBLIC, status=204, tag="auth", own_credentials=True,
           errors=(403,))  # fmt: skip
async def sign_out(ctx: OperationContext) -> Reply:
    """Sign the browser out: its tokens stop working at once, in every organisation."""
    _only_own_pages(ctx)
    with contextlib.suppress(AuthenticationFailed):  # nobody was signed in
        await browser.end(ctx, _cookie(ctx))
    return Reply(status=204, headers={"Set-Cookie": _set(ctx, "", 0)})
