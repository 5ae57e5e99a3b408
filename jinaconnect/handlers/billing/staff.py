"""Below `/tenants/host-wallet/`: the wallets of all organisations, for the deployment's own people."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints

from jinaconnect.actions.billing import staff
from jinaconnect.actions.context import OperationContext
from jinaconnect.core.events.payloads.base import MOMENT
from jinaconnect.core.events.payloads.billing import WalletData
from jinaconnect.core.schema import Answer, Given, Line, Request, example, sample, sample_id
from jinaconnect.handlers.billing.wallet import Money
from jinaconnect.handlers.edge.operation import operation

_BALANCES = {
    "currency": "USD", "wallets": 12, "balance": 1804.5, "reserved": 22.1, "credit_line": 300.0,
    "outstanding_credit": 0.0,
}  # fmt: skip
_RECHARGE = {
    "id": sample_id("pay"), "tenant": sample_id("ten"), "tenant_name": "Lee & Sons", "amount": 500.0, "currency": "INR",
    "platform": "razorpay", "status": "success", "created_at": MOMENT,
}  # fmt: skip


class BalancesOfCurrency(Answer, json_schema_extra=example(**_BALANCES)):
    """What all wallets of one currency come to; `outstanding_credit` is what is owed."""

    currency: str
    wallets: int
    balance: float
    reserved: float
    credit_line: float
    outstanding_credit: float


class AllBalances(Answer, json_schema_extra=example(tenant_count=14, balances=[_BALANCES])):
    """What all wallets that are switched on come to."""

    tenant_count: int
    balances: list[BalancesOfCurrency]


class RechargeOfTenant(Answer, json_schema_extra=example(**_RECHARGE)):
    """A recharge of an organisation."""

    id: str
    tenant: str
    tenant_name: str
    amount: float
    currency: str
    platform: str
    status: Literal["success", "pending", "failed"]
    created_at: str


class LatestRecharges(Answer, json_schema_extra=example(results=[_RECHARGE], total_count=1)):
    """The latest recharges, the newest first."""

    results: list[RechargeOfTenant]
    total_count: int


class WalletOfTenant(WalletData, json_schema_extra=example(tenant=sample_id("ten"), **sample(WalletData))):
    """An organisation's wallet."""

    tenant: str


class WalletSetUp(Request, json_schema_extra=example(is_on=True, credit_line=100)):
    """How a wallet is kept; its currency stays as it is once it was used."""

    is_on: Given[bool] = None
    currency: Given[Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")]] = None
    credit_line: Given[Money] = None
    threshold_alert: Given[Money] = None


class Credit(Request, json_schema_extra=example(amount=250, reference="invoice 4711", note="Bank transfer")):
    """What an organisation has paid in another way; one `reference` is credited once."""

    amount: Annotated[Decimal, Field(gt=0, le=1_000_000_000, decimal_places=6)]
    reference: Annotated[Line, StringConstraints(min_length=1, max_length=100)]
    note: Annotated[Line, StringConstraints(max_length=255)] = ""


@operation(
    "GET", "/tenants/host-wallet/balance/", id="wallets.balances", permission="billing.platform", returns=AllBalances
)
async def all_balances(ctx: OperationContext) -> dict[str, Any]:
    """Show what all organisations' wallets come to."""
    return await staff.balances(ctx)


@operation(
    "GET", "/tenants/host-wallet/latest-recharges/", id="wallets.recharges", permission="billing.platform",
    returns=LatestRecharges,
)  # fmt: skip
async def recharges(ctx: OperationContext) -> dict[str, Any]:
    """Show the last ten recharges of all organisations."""
    return await staff.latest_recharges(ctx)


@operation(
    "GET", "/tenants/host-wallet/{tenant_id}/", id="wallets.read", permission="billing.platform",
    returns=WalletOfTenant,
)  # fmt: skip
async def read(ctx: OperationContext, tenant_id: str) -> dict[str, Any]:
    """Show an organisation's wallet."""
    return await staff.wallet_of(ctx, tenant_id)


@operation(
    "PATCH", "/tenants/host-wallet/{tenant_id}/", id="wallets.change", permission="billing.platform",
    body=WalletSetUp, returns=WalletOfTenant, effect=True,
)  # fmt: skip
async def change(ctx: OperationContext, tenant_id: str, body: WalletSetUp) -> dict[str, Any]:
    """Switch an organisation's wallet on or off, and set its currency, credit line and alert."""
    return await staff.set_up(
        ctx, tenant_id, is_on=body.is_on, currency=body.currency, credit_line=body.credit_line,
        threshold_alert=body.threshold_alert,
    )  # fmt: skip


@operation(
    "POST", "/tenants/host-wallet/{tenant_id}/credits/", id="wallets.credit", permission="billing.platform",
    body=Credit, returns=WalletOfTenant, status=201, effect=True,
)  # fmt: skip
async def credit(ctx: OperationContext, tenant_id: str, body: Credit) -> dict[str, Any]:
    """Credit an organisation what it has paid in another way; asked again with one reference nothing more happens."""
    return await staff.credit(ctx, tenant_id, body.amount, body.reference, body.note)
