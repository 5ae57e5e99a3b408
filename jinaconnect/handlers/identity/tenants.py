"""`/tenants/`: the caller's organisation."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import StringConstraints

from jinaconnect.actions.context import Context
from jinaconnect.actions.identity import tenants
from jinaconnect.actions.listing import envelope, log_cursor
from jinaconnect.core.events.payloads.account import TenantData
from jinaconnect.core.paging import Listing, page_of
from jinaconnect.core.schema import Line, Request, Text, example
from jinaconnect.handlers.edge.operation import operation

Short = Annotated[Line, StringConstraints(max_length=255)]


class TenantSettings(Request):
    """Switches of an organisation."""

    agents_see_unassigned: bool | None = None


class TenantFields(
    Request,
    json_schema_extra=example(name="Lee & Sons", country="US", settings={"agents_see_unassigned": True}),
):
    """What may be changed of an organisation."""

    name: Annotated[Line, StringConstraints(min_length=1, max_length=255)] = ""
    description: Annotated[Text, StringConstraints(max_length=2000)] | None = None
    address: Short | None = None
    phone: Short | None = None
    email: Short | None = None
    website: Short | None = None
    country: Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}$")] | None = None
    state: Annotated[Text, StringConstraints(max_length=10)] | None = None
    industry: Short | None = None
    settings: TenantSettings | None = None


class TenantOut(TenantData):
    """An organisation."""


@operation(
    "GET", "/tenants/", id="tenants.list", permission="tenant.view", listing=Listing(endless=False), returns=TenantOut
)
async def list_tenants(ctx: Context) -> dict[str, Any]:
    """List the caller's organisation: the one the token belongs to."""
    cursor = await log_cursor(ctx)
    rows = [await tenants.read_tenant(ctx, ctx.principal.tenant)]
    return {**envelope(ctx, page_of(ctx.caller.query), 1, rows), "cursor": cursor}


@operation("GET", "/tenants/{id}/", id="tenants.read", permission="tenant.view", returns=TenantOut)
async def read_tenant(ctx: Context, id: str) -> dict[str, Any]:
    """Show the caller's organisation."""
    return await tenants.read_tenant(ctx, id)


@operation(
    "PATCH",
    "/tenants/{id}/",
    id="tenants.change",
    permission="tenant.edit",
    body=TenantFields,
    returns=TenantOut,
    effect=True,
)
async def change_tenant(ctx: Context, id: str, body: TenantFields) -> dict[str, Any]:
    """Change the caller's organisation."""
    return await tenants.change_tenant(ctx, id, body.model_dump(exclude_unset=True))
