"""`/tenants/roles/` and one's own permissions."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field, RootModel, StringConstraints

from jinaconnect.actions.context import Context
from jinaconnect.actions.identity import roles
from jinaconnect.core.events.payloads.account import RoleData, RoleInBrief
from jinaconnect.core.paging import Listing, ordered_by
from jinaconnect.core.permissions import catalogue
from jinaconnect.core.schema import Answer, Given, Request, Text, example
from jinaconnect.handlers.edge.crud import Does, crud
from jinaconnect.handlers.edge.operation import AUTHENTICATED, operation

RoleName = Annotated[Text, StringConstraints(min_length=1, max_length=100)]
Slug = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]{0,99}$")]


class RoleFields(Request, json_schema_extra=example(permissions={"contact.export": True})):
    """What may be changed of a role; of the permissions only those listed change."""

    name: Given[RoleName] = None
    description: Annotated[Text, StringConstraints(max_length=1000)] | None = None
    priority: Given[Annotated[int, Field(ge=1, le=99)]] = None
    permissions: Given[dict[str, bool]] = None


class NewRole(
    RoleFields,
    json_schema_extra=example(name="Shift lead", priority=45, permissions={"inbox.assign": True}),
):
    """A custom role."""

    name: RoleName
    slug: Slug | None = None
    priority: int = Field(ge=1, le=99)


class RoleOut(RoleData):
    """A role with every permission, held or not."""


class Permission(Answer):
    """A permission by its key, in words."""

    key: str
    label: str


class Permissions(RootModel[dict[str, list[Permission]]]):
    """Every permission, by the part of its key before the dot."""


class OwnPermissions(Answer):
    """One's role, and every permission, held or not."""

    role: RoleInBrief
    permissions: dict[str, bool]


_ROLES = Listing(
    search=("name", "slug"), orderings=ordered_by("name", "slug", "priority"), default=(("priority", -1), ("name", 1))
)  # fmt: skip


crud(
    "roles", "/tenants/roles/", RoleOut, view="users.view", manage="users.change_role",
    list=Does(roles.list_roles, "List the roles, highest first.", _ROLES),
    create=Does(roles.create_role, "Add a custom role below one's own, with permissions one holds.", NewRole),
    read=Does(roles.read_role, "Show one role."),
    change=Does(roles.change_role, "Change a role that stands below one's own.", RoleFields),
    delete=Does(roles.delete_role, "Remove a custom role that nobody has."),
)  # fmt: skip


@operation(
    "GET", "/tenants/roles/permissions-catalog/", id="roles.catalogue", permission="users.view", returns=Permissions
)
async def permissions_catalogue(ctx: Context) -> dict[str, Any]:
    """List every permission, grouped."""
    return dict(catalogue())


@operation(
    "POST", "/tenants/roles/{id}/reset/", id="roles.reset", permission="users.change_role", returns=RoleOut, effect=True
)
async def reset_role(ctx: Context, id: str) -> dict[str, Any]:
    """Give a system role its first permissions back."""
    return await roles.reset_role(ctx, id)


@operation("GET", "/tenants/my-permissions/", id="roles.mine", permission=AUTHENTICATED, returns=OwnPermissions)
async def my_permissions(ctx: Context) -> dict[str, Any]:
    """Show one's own role and permissions."""
    return await roles.my_permissions(ctx)
