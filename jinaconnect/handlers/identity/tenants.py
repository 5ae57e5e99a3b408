"""`/tenants/`: the caller's organisation."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Annotated, Any
from zoneinfo import available_timezones

from pydantic import AfterValidator, Field, StringConstraints

from jinaconnect.actions.context import Context
from jinaconnect.actions.identity import directory, tenants
from jinaconnect.actions.listing import envelope, log_cursor
from jinaconnect.core.attention.hours import DAYS
from jinaconnect.core.attention.targets import WARN_PERCENT
from jinaconnect.core.billing.money import AMOUNT, parse_amount
from jinaconnect.core.events.payloads.account import AppData, TenantData
from jinaconnect.core.inbox.platform import PLATFORMS, USUAL, PlatformName
from jinaconnect.core.paging import (
    MOMENT,
    WHOLE,
    Filter,
    Listing,
    one_of,
    page_of,
    parse_int,
    parse_moment,
    parse_text,
)
from jinaconnect.core.schema import Answer, Given, Line, OneOf, Request, Text, example, sample, sample_id
from jinaconnect.handlers.edge.operation import operation

Short = Annotated[Line, StringConstraints(max_length=255)]


Clock = Annotated[str, StringConstraints(pattern=r"^(([01]\d|2[0-3]):[0-5]\d|24:00)$")]
Minutes = Annotated[int, Field(ge=1, le=525_600)]


def _zone(name: str) -> str:
    if name not in available_timezones():
        raise ValueError("must be a time zone of the IANA database, such as Asia/Kolkata")
    return name


def _in_order(hours: tuple[str, str]) -> tuple[str, str]:
    if hours[0] >= hours[1]:
        raise ValueError("must begin before they end")
    return hours


class ServiceTargets(
    Request,
    json_schema_extra=example(
        first_response_minutes=15, next_response_minutes=60, resolution_minutes=2880, warn_percent=80,
        hours={"mon": ["09:00", "18:00"], "tue": ["09:00", "18:00"]},
    ),
):  # fmt: skip
    """How soon customers are to be answered and helped, in minutes of the business `hours`, or of all without any.

    At `warn_percent` of the time it is warned of.
    """

    first_response_minutes: Minutes | None = None
    next_response_minutes: Minutes | None = None
    resolution_minutes: Minutes | None = None
    warn_percent: Annotated[int, Field(ge=1, le=99)] = WARN_PERCENT
    hours: dict[Annotated[str, OneOf(DAYS)], Annotated[tuple[Clock, Clock], AfterValidator(_in_order)]] | None = None


class TenantSettings(Request, json_schema_extra=example(agents_see_unassigned=True, timezone="Asia/Kolkata")):
    """Switches of an organisation, the time zone its days are counted in (UTC unless given), and its service targets.

    Null sets each to its default: off, UTC, none.
    """

    agents_see_unassigned: bool | None = None
    timezone: Annotated[str, AfterValidator(_zone)] | None = None
    sla: ServiceTargets | None = None


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
    threshold_alert: Given[Annotated[Decimal, Field(ge=0, le=1_000_000_000, decimal_places=6)]] = None


class TenantOut(TenantData):
    """An organisation."""


class AppInBrief(
    Answer,
    json_schema_extra=example(
        id=sample_id("wap"), wa_app_name="Shop", wa_number="+12025550123", bsp=sample(AppData)["bsp"]
    ),
):  # fmt: skip
    """A WhatsApp app of an organisation; its id at the carrier from priority 80 on."""

    id: str
    wa_app_name: str
    wa_number: str
    bsp: str
    app_id: str | None = None


class TenantDetail(
    TenantOut,
    json_schema_extra=example(
        **sample(TenantData), wa_apps=[sample(AppInBrief)], products_using=[USUAL], contacts_count=731, balance=41.27,
        balance_currency="USD", credit_line=0.0, credit_line_currency="USD", threshold_alert=10.0,
        threshold_alert_currency="USD",
    ),
):  # fmt: skip
    """An organisation with what it uses; the wallet's fields from priority 80 on."""

    wa_apps: list[AppInBrief]
    products_using: list[PlatformName]
    contacts_count: int
    balance: float | None = None
    balance_currency: str | None = None
    credit_line: float | None = None
    credit_line_currency: str | None = None
    threshold_alert: float | None = None
    threshold_alert_currency: str | None = None


def _containing(text: str) -> dict[str, str]:
    return {"$regex": re.escape(parse_text(text)), "$options": "i"}


_COMPARED = ("lt", "lte", "gt", "gte")
_PRODUCTS: dict[str, str | None] = {
    word: name
    for name, platform in PLATFORMS.items() if platform.base is not None
    for word in (platform.base.split("/")[1], platform.label.lower())
} | {"all": None}  # fmt: skip


def _product(text: str) -> str | None:
    if text.lower() not in _PRODUCTS:
        raise ValueError(f"must be one of {', '.join(_PRODUCTS)}")
    return _PRODUCTS[text.lower()]


_TENANTS = Listing(
    filters={
        "name": Filter("name", _containing, ("",)), "name__exact": Filter("name", lookups=("",)),
        "created_at": Filter("created_at", parse_moment, _COMPARED, MOMENT),
        "contacts_count": Filter(directory.CONTACTS, parse_int, _COMPARED, WHOLE),
        "product": Filter(directory.PRODUCT, _product, ("",), one_of(*_PRODUCTS)),
        **{name: Filter(directory.WALLET + name, parse_amount, _COMPARED, AMOUNT)
           for name in ("balance", "credit_line", "threshold_alert")},
    },
    endless=False,
)  # fmt: skip


@operation("GET", "/tenants/", id="tenants.list", permission="tenant.view", listing=_TENANTS, returns=TenantDetail)
async def list_tenants(ctx: Context) -> dict[str, Any]:
    """List the caller's organisation: the one the token belongs to.

    The deployment's own people see all of them; the filters are theirs, and compare amounts in each wallet's currency.
    """
    cursor, condition = await log_cursor(ctx), _TENANTS.condition(ctx.caller.query)
    if ctx.principal.may("billing.platform"):
        return {**await directory.list_all(ctx, condition), "cursor": cursor}
    rows = [await tenants.tenant_detail(ctx, ctx.principal.tenant)]
    return {**envelope(ctx, page_of(ctx.caller.query), 1, rows), "cursor": cursor}


@operation("GET", "/tenants/{id}/", id="tenants.read", permission="tenant.view", returns=TenantDetail)
async def read_tenant(ctx: Context, id: str) -> dict[str, Any]:
    """Show the caller's organisation, with the channels it uses and how many contacts the caller sees."""
    return await tenants.tenant_detail(ctx, id)


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
