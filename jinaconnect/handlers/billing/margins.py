"""`/tenants/host-wallet/margins/`: what is paid on top of carriers' prices, for the deployment's own people."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints

from jinaconnect.actions.billing import staff
from jinaconnect.actions.context import OperationContext
from jinaconnect.core.billing.prices import ANY
from jinaconnect.core.events.payloads.base import MOMENT
from jinaconnect.core.rules.rows import Category
from jinaconnect.core.schema import Answer, Id, Request, example, sample, sample_id
from jinaconnect.handlers.edge.operation import operation

PATH = "/tenants/host-wallet/margins/"


class MarginOut(
    Answer,
    json_schema_extra=example(
        id=sample_id("mrg"), tenant=sample_id("ten"), country="IN", category="MARKETING", percent=12.5,
        valid_from="2026-12-01", valid_to=None, created_at=MOMENT, created_by="sam@example.com",
    ),
):  # fmt: skip
    """A margin in per cent; of those that fit the most exact counts: organisation, country, category, then the newer.

    `tenant` is null for all organisations, `country` and `category` are `*` for any.
    """

    id: str
    tenant: str | None
    country: str
    category: str
    percent: float
    valid_from: str
    valid_to: str | None = Field(description="The last day it holds.")
    created_at: str
    created_by: str | None


class MarginList(Answer, json_schema_extra=example(results=[sample(MarginOut)])):
    """All margins, those that have ended as well."""

    results: list[MarginOut]


class NewMargin(Request, json_schema_extra=example(country="IN", category="MARKETING", percent=12.5)):
    """A margin to set, from today on unless told: what was sent keeps its price."""

    tenant: Id | None = None
    country: Annotated[str, StringConstraints(pattern=r"^([A-Z]{2}|\*)$")] = ANY
    category: Category | Literal["*"] = "*"
    percent: Annotated[Decimal, Field(ge=0, le=1000, decimal_places=4)]
    valid_from: date | None = None
    valid_to: date | None = None


class MarginEnd(Request, json_schema_extra=example(valid_to="2030-12-31")):
    """The last day a margin holds."""

    valid_to: date


@operation("GET", PATH, id="margins.list", permission="billing.platform", returns=MarginList)
async def list_margins(ctx: OperationContext) -> dict[str, Any]:
    """List the margins, the newest first."""
    return {"results": await staff.margins(ctx)}


@operation(
    "POST", PATH, id="margins.create", permission="billing.platform", body=NewMargin, returns=MarginOut, status=201,
    effect=True,
)  # fmt: skip
async def create_margin(ctx: OperationContext, body: NewMargin) -> dict[str, Any]:
    """Set what an organisation, or all, pay on top of carriers' prices, to a country and in a category or any."""
    return await staff.set_margin(
        ctx, body.tenant, body.country, body.category, body.percent, body.valid_from, body.valid_to
    )


@operation(
    "PATCH", PATH + "{id}/", id="margins.end", permission="billing.platform", body=MarginEnd, returns=MarginOut,
    effect=True,
)  # fmt: skip
async def end_margin(ctx: OperationContext, id: str, body: MarginEnd) -> dict[str, Any]:
    """Say on which day a margin holds last; it is not changed otherwise, and never taken away."""
    return await staff.end_margin(ctx, id, body.valid_to)
