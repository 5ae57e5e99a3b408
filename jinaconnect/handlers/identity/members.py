"""`/tenants/users/`, `/tenants/members/` and the transfer of ownership."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints

from jinaconnect.actions.context import Context, OperationContext
from jinaconnect.actions.identity import members
from jinaconnect.actions.identity.roles import account_store
from jinaconnect.actions.listing import list_in
from jinaconnect.core.errors import Invalid
from jinaconnect.core.events.payloads.account import MemberData
from jinaconnect.core.paging import SHORT, Filter, Listing, bool_filter, ordered_by
from jinaconnect.core.schema import Answer, Id, Line, Mail, Request, Text, example, sample_id
from jinaconnect.handlers.edge.operation import PUBLIC, operation
from jinaconnect.handlers.edge.schemas import Parameter
from jinaconnect.handlers.identity.auth import Done

Part = Annotated[Line, StringConstraints(max_length=150)]


class Invitation(
    Request,
    json_schema_extra=example(email="ben.ortiz@example.com", role="agent", first_name="Ben", last_name="Ortiz"),
):
    """Who becomes a member, with which role."""

    email: Mail
    role_id: Id | None = None
    role: Annotated[str, StringConstraints(max_length=100)] | None = None
    first_name: Part | None = None
    last_name: Part | None = None
    message: Annotated[Text, StringConstraints(max_length=2000)] | None = None
    password: Annotated[str, StringConstraints(strip_whitespace=False, max_length=256)] | None = None


class Acceptance(
    Request,
    json_schema_extra=example(token="kq3ZrY6vT1m8Jx0bWn4cLd7s", password="correct horse battery staple"),
):
    """The token of an invitation and the password to set."""

    token: Annotated[str, StringConstraints(min_length=16, max_length=128)]
    password: Annotated[str, StringConstraints(strip_whitespace=False, max_length=256)]


class NewRoleOf(Request, json_schema_extra=example(role_id=sample_id("rol"))):
    """The role a member gets."""

    role_id: Id


class TransferOwnership(Request, json_schema_extra=example(target_user_id=sample_id("usr"))):
    """The admin who becomes the owner."""

    target_user_id: Id


class MemberOut(MemberData):
    """A membership with its person and role."""

    invite_path: str | None = Field(None, description="Where an invitation is accepted, in the answer that made it.")
    message: str | None = Field(None, description="What was done, in the answer that did it.")


class OwnershipMoved(Answer):
    """Who owns the organisation now."""

    detail: str
    new_owner: str
    previous_owner_new_role: Literal["admin"]


_MEMBERS = Listing(
    filters={
        "is_active": bool_filter("is_active"),
        "created_by": Filter("created_by"),
        "updated_by": Filter("updated_by"),
        "role": Filter("role"),
    },
    orderings=ordered_by(),
)


@operation(
    "GET", "/tenants/users/", id="members.list", permission="users.view", listing=_MEMBERS, returns=MemberOut,
    query={"search": Parameter("E-mail, first name, last name or username.", SHORT)}, aliases=("/tenants/members/",),
)  # fmt: skip
async def list_members(ctx: Context) -> dict[str, Any]:
    """List the members."""
    words = ctx.caller.query.get("search", "").strip()
    within = {"user": {"$in": await members.found_users(ctx, words)}} if words else {}
    return await list_in(
        ctx, account_store(ctx), "members", _MEMBERS, lambda docs: members.render_members(ctx, docs), within
    )


@operation(
    "GET",
    "/tenants/users/{id}/",
    id="members.read",
    permission="users.view",
    returns=MemberOut,
    aliases=("/tenants/members/{id}/",),
)
async def read_member(ctx: Context, id: str) -> dict[str, Any]:
    """Show one member."""
    return await members.read_member(ctx, id)


@operation(
    "POST",
    "/tenants/members/invite/",
    id="members.invite",
    permission="users.invite",
    body=Invitation,
    returns=MemberOut,
    status=201,
    effect=True,
    aliases=("/tenants/members/add/",),
)
async def invite(ctx: OperationContext, body: Invitation) -> dict[str, Any]:
    """Invite somebody, with a role below one's own.

    They get a letter with a single-use link, which is in `invite_path` too, and are a member once they accept by it.
    With a `password` the account is ready at once. The account belongs to this organisation: one that the same address
    has elsewhere is not touched, and nothing of it is told.
    """
    if (body.role_id is None) == (body.role is None):
        raise Invalid.field("role_id", "exactly one of role_id and role is needed")
    return await members.invite(ctx, body.model_dump())


@operation("POST", "/tenants/members/accept/", id="members.accept", permission=PUBLIC, body=Acceptance, returns=Done)
async def accept(ctx: Context, body: Acceptance) -> dict[str, Any]:
    """Accept an invitation and set one's password; the link works once."""
    await members.accept(ctx, body.token, body.password)
    return {"message": "The account is ready."}


@operation(
    "POST",
    "/tenants/members/{id}/resend-verification/",
    id="members.invite_again",
    permission="users.invite",
    returns=MemberOut,
    effect=True,
)
async def invite_again(ctx: OperationContext, id: str) -> dict[str, Any]:
    """Make a new link for a person who has not accepted yet; the earlier one ends."""
    return await members.invite_again(ctx, id)


@operation(
    "PATCH",
    "/tenants/members/{id}/role/",
    id="members.change_role",
    permission="users.change_role",
    body=NewRoleOf,
    returns=MemberOut,
    effect=True,
)
async def change_role(ctx: Context, id: str, body: NewRoleOf) -> dict[str, Any]:
    """Give a member another role; it acts on their open sockets at once."""
    return await members.change_role(ctx, id, body.role_id)


@operation("DELETE", "/tenants/members/{id}/", id="members.remove", permission="users.remove", status=204, effect=True)
async def remove(ctx: Context, id: str) -> None:
    """End a membership or an invitation; its tokens and its link stop working at once."""
    await members.remove(ctx, id)


@operation(
    "POST",
    "/tenants/transfer-ownership/",
    id="members.transfer",
    permission="tenant.transfer",
    body=TransferOwnership,
    returns=OwnershipMoved,
    effect=True,
)
async def transfer(ctx: Context, body: TransferOwnership) -> dict[str, Any]:
    """Make an admin the owner; the owner becomes an admin."""
    return await members.transfer(ctx, body.target_user_id)
