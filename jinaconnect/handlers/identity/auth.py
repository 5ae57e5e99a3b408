"""`/token/`, `/refresh/`, `/logout/` and one's own password."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field, StringConstraints

from jinaconnect.actions.context import OperationContext
from jinaconnect.actions.identity import sessions
from jinaconnect.core.errors import Invalid
from jinaconnect.core.paging import SHORT
from jinaconnect.core.schema import Answer, Request, example
from jinaconnect.handlers.edge.operation import AUTHENTICATED, PUBLIC, operation
from jinaconnect.handlers.edge.schemas import Parameter

Secret = Annotated[str, StringConstraints(strip_whitespace=False, min_length=1, max_length=1024)]
Email = Annotated[str, StringConstraints(min_length=1, max_length=254)]


class LogIn(Request, json_schema_extra=example(email="ann.lee@example.com", password="correct horse battery staple")):
    """Credentials; `username` is another name for `email`."""

    email: Email | None = None
    username: Email | None = None
    password: Secret


class Refresh(Request, json_schema_extra=example(refresh="eyJhbGciOiJIUzI1NiJ9.eyJ0eXAiOiJyZWZyZXNoIn0.4pK2")):
    """A refresh token."""

    refresh: Annotated[str, StringConstraints(min_length=1, max_length=4096)]


class LogOut(Request, json_schema_extra=example(refresh="eyJhbGciOiJIUzI1NiJ9.eyJ0eXAiOiJyZWZyZXNoIn0.4pK2")):
    """The session to end besides the caller's."""

    refresh: Annotated[str, StringConstraints(min_length=1, max_length=4096)] | None = None


class ChangePassword(
    Request,
    json_schema_extra=example(
        old_password="correct horse battery staple",
        new_password="seven green bottles, 1 wall",
        confirm_password="seven green bottles, 1 wall",
    ),
):
    """The old password and the new one, twice."""

    old_password: Secret
    new_password: Secret
    confirm_password: Secret


class Done(Answer):
    """That it is done, in words."""

    message: str


class TokenUser(Answer):
    """Who logged in."""

    id: str
    username: str
    email: str | None
    first_name: str
    last_name: str


class TokenTenant(Answer):
    """The organisation that a session belongs to."""

    id: str
    name: str


class TokenRole(Answer):
    """The role that a person has there."""

    slug: str
    name: str
    priority: int


class Tokens(Answer):
    """The tokens of a session, and whose it is."""

    access: str = Field(description="Bearer token for requests and sockets.")
    refresh: str
    expires_in: int = Field(description="Seconds the access token lives.")
    user: TokenUser
    tenant: TokenTenant
    role: TokenRole


@operation(
    "POST", "/token/", id="auth.token", permission=PUBLIC, body=LogIn, returns=Tokens, tag="auth",
    headers={"X-ACCESS-KEY": Parameter("An API key that pins the session to its organisation.", SHORT)},
)  # fmt: skip
async def token(ctx: OperationContext, body: LogIn) -> dict[str, Any]:
    """Log in with e-mail and password.

    The header `X-ACCESS-KEY` (an API key) pins the session to its organisation. Wrong password and unknown e-mail get
    the same answer; more than ten attempts a minute are refused with 429.
    """
    name = body.email or body.username
    if not name:
        raise Invalid.field("email", "is required")
    return await sessions.log_in(ctx, name, body.password, ctx.caller.headers.get("X-ACCESS-KEY"))


@operation("POST", "/refresh/", id="auth.refresh", permission=PUBLIC, body=Refresh, returns=Tokens, tag="auth")
async def refresh(ctx: OperationContext, body: Refresh) -> dict[str, Any]:
    """Exchange a refresh token for new tokens; each refresh token works once."""
    return await sessions.renew(ctx, body.refresh)


@operation(
    "POST", "/logout/", id="auth.logout", permission=AUTHENTICATED, body=LogOut, status=204, tag="auth", socket=False
)
async def logout(ctx: OperationContext, body: LogOut) -> None:
    """End the session; its tokens stop working at once."""
    await sessions.log_out(ctx, body.refresh)


@operation(
    "POST",
    "/tenants/change-password/",
    id="auth.change_password",
    permission=AUTHENTICATED,
    body=ChangePassword,
    returns=Done,
    tag="auth",
    socket=False,
)
async def change_password(ctx: OperationContext, body: ChangePassword) -> dict[str, Any]:
    """Change one's own password; every session ends."""
    await sessions.change_password(ctx, body.old_password, body.new_password, body.confirm_password)
    return {"message": "The password is changed."}
