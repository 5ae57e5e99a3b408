"""`/transaction/tenant-transactions/`: the ledger, which is read and never written over REST."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from pydantic import RootModel

from jinaconnect.actions.billing.keeping import read_row
from jinaconnect.actions.context import OperationContext
from jinaconnect.actions.identity import directory
from jinaconnect.actions.listing import list_in
from jinaconnect.core.billing.money import AMOUNT, parse_amount
from jinaconnect.core.billing.wallet import KINDS, render_row
from jinaconnect.core.clock import iso
from jinaconnect.core.errors import Invalid
from jinaconnect.core.ids import encode
from jinaconnect.core.paging import MOMENT, SHORT, Filter, Listing, parse_moment, text_filter, time_filter
from jinaconnect.core.principal import parse_scope
from jinaconnect.core.schema import Answer, example, sample_id
from jinaconnect.handlers.edge.operation import operation
from jinaconnect.handlers.edge.schemas import Parameter
from jinaconnect.store.billing.ledger import LEDGER
from jinaconnect.store.databases.mongo import Document
from jinaconnect.store.reads import TenantReads

PATH = "/transaction/tenant-transactions/"
_STAFF = "Of which organisations, for the deployment's own people; of anybody else's, their own if it is so named."


def _kind(text: str) -> str:
    wanted = text.strip().upper().replace("+", " ")
    if wanted not in KINDS:
        raise ValueError(f"must be one of {', '.join(KINDS)}")
    return wanted


def _made_around(moment: datetime, lookup: str) -> str:
    """Return the bound of the ids that broadcasts made before or after a moment have."""
    return encode("brc", int(moment.timestamp() * 1000), (b"\xff" if lookup in ("lte", "gt") else b"\0") * 10)


_COMPARED = ("lt", "lte", "gt", "gte")
ROWS = Listing(
    filters={
        "transaction_type": Filter("type", _kind, ("", "in"), {"type": "string", "enum": list(KINDS)}),
        "created_at": time_filter("created_at"),
        "amount": Filter("amount", parse_amount, ("", "lt", "lte", "gt", "gte"), AMOUNT),
        "transaction_id": text_filter("transaction_id"),
        "broadcast": Filter("broadcast"),
        "broadcast__status": Filter("facts.broadcast_status", lookups=("", "in")),
        "broadcast__name": Filter("facts.broadcast_name", lookups=("", "icontains")),
        "broadcast__platform": Filter("facts.broadcast_platform", lookups=("", "in")),
        "broadcast__scheduled_time": Filter(
            "facts.broadcast_scheduled_time", parse_moment, _COMPARED, MOMENT, lambda moment, _: iso(moment)
        ),
        "broadcast__created_at": Filter("broadcast", parse_moment, _COMPARED, MOMENT, _made_around),
        "message": Filter("message"),
        "call": Filter("call"),
        "key": Filter("key"),
    },
    orderings={"id": "_id", "created_at": "_id", "number": "number"},
)  # fmt: skip


class LedgerRow(
    Answer,
    json_schema_extra=example(
        id=sample_id("txn"), tenant=sample_id("ten"), tenant_name="Lee & Sons",
        system_transaction_id="jc_7Q2M9X4K1Z8B5T3W", transaction_id=None, amount=0.115, amount_currency="USD",
        transaction_type="CONSUMPTION", description=None, key=f"message:{sample_id('msg')}:reserve", number=18,
        change=-0.115, change_currency="USD", reserved_change=0.115, short=0.0, balance_after=41.27,
        balance_after_currency="USD", razor_pay_order=None, broadcast=None, broadcast_history_id=None,
        broadcast_name=None, broadcast_status=None, broadcast_scheduled_time=None, broadcast_recipient_count=None,
        broadcast_platform=None, message=sample_id("msg"), call=None,
        price={"units": 1, "unit_price": 0.115, "destination": "US", "category": "MARKETING", "source": "fall-back"},
        created_at="2026-11-23T10:00:00.123Z", updated_at="2026-11-23T10:00:00.123Z",
    ),
):  # fmt: skip
    """A row of the ledger. `change` is what it did to the balance, `reserved_change` to what is reserved; `amount` has
    no sign. `short` is what a settlement could not take any more, `key` the business event it stands for."""

    id: str
    tenant: str
    tenant_name: str
    system_transaction_id: str
    transaction_id: str | None
    amount: float
    amount_currency: str
    transaction_type: str
    description: str | None
    key: str
    number: int
    change: float
    change_currency: str
    reserved_change: float
    short: float
    balance_after: float
    balance_after_currency: str
    razor_pay_order: str | None
    broadcast: str | None
    broadcast_history_id: str | None
    broadcast_name: str | None
    broadcast_status: str | None
    broadcast_scheduled_time: str | None
    broadcast_recipient_count: int | None
    broadcast_platform: str | None
    message: str | None
    call: str | None
    price: dict[str, Any] | None
    created_at: str
    updated_at: str


class TransactionTypes(RootModel[list[str]]):
    """The types a row can have."""


_OF = Listing(
    filters={"tenant_id": Filter("_id", lookups=("",)), "tenant__name": Filter("name", lookups=("", "icontains"))}
)
_MOST_OF = 20  # organisations whose rows are looked through at once


async def _shown(ctx: OperationContext, rows: Sequence[Document]) -> list[dict[str, Any]]:
    of = {parse_scope(row["scope"])[0] for row in rows}
    tenants = {tenant: await ctx.services.registry.tenant(tenant) for tenant in of}
    return [render_row(row, tenants[parse_scope(row["scope"])[0]] or {}) for row in rows]


@operation(
    "GET", PATH, id="transactions.list", permission="billing.view", listing=ROWS, returns=LedgerRow,
    query={name: Parameter(_STAFF, SHORT) for name in _OF.parameters()}, aliases=("/wallet/transactions/",),
)  # fmt: skip
async def list_rows(ctx: OperationContext) -> dict[str, Any]:
    """List the ledger's rows, the newest first.

    The deployment's own people see those of other organisations (in live mode) by their id or name.
    """
    condition = _OF.condition(ctx.caller.query)
    data: TenantReads = ctx.data
    if condition:
        found = [doc["_id"] for doc in await directory.named(ctx, condition, _MOST_OF)]
        if len(found) > _MOST_OF:
            raise Invalid.field("tenant__name__icontains", f"fits more than {_MOST_OF} organisations: name one closer")
        if found != [ctx.principal.tenant]:
            data = ctx.services.store.of_several(found)
    return await list_in(ctx, data, LEDGER, ROWS, lambda rows: _shown(ctx, rows))


@operation(
    "GET", f"{PATH}transaction-status-options/", id="transactions.types", permission="billing.view",
    returns=TransactionTypes, aliases=("/wallet/transactions/transaction-status-options/",),
)  # fmt: skip
async def list_types(ctx: OperationContext) -> list[str]:
    """List the types a row can have."""
    return list(KINDS)


@operation(
    "GET", PATH + "{id}/", id="transactions.read", permission="billing.view", returns=LedgerRow,
    aliases=("/wallet/transactions/{id}/",),
)  # fmt: skip
async def read_transaction(ctx: OperationContext, id: str) -> dict[str, Any]:
    """Show one row of the ledger."""
    return (await _shown(ctx, [await read_row(ctx, id)]))[0]
