"""`/tenants/host-wallet/` and `/sandbox/wallet/`: what is there, and the sandbox's play money."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import Field

from jinaconnect.actions.billing import keeping
from jinaconnect.actions.context import OperationContext
from jinaconnect.actions.office import alerts
from jinaconnect.core.billing.money import micros
from jinaconnect.core.errors import PermissionDenied
from jinaconnect.core.events.payloads.billing import WalletData
from jinaconnect.core.schema import Answer, Given, Request, example
from jinaconnect.handlers.edge.operation import operation

Money = Annotated[Decimal, Field(ge=0, le=1_000_000_000, decimal_places=6)]


class WalletOut(WalletData):
    """The organisation's wallet; `total_balance` is what can be spent, `reserved` what is held for messages."""


class Threshold(Request, json_schema_extra=example(threshold_alert=25)):
    """Below which total a notice is told."""

    threshold_alert: Money


class Alert(
    Answer,
    json_schema_extra=example(
        type="low_balance", severity="critical", title="Low balance", message="12.5 USD can be spent, less than 25.0.",
        action_url="/razorpay/razor-pay/", created_at="2026-11-23T10:00:00.123Z",
    ),
):  # fmt: skip
    """What somebody should see to."""

    type: Literal["zero_balance", "low_balance", "template_rejected", "high_bounce_rate", "daily_limit_approaching"]
    severity: Literal["critical", "warning", "info"]
    title: str
    message: str
    action_url: str
    metadata: dict[str, Any] = Field(default_factory=dict)
    created_at: str


class AlertSummary(Answer):
    """How many alerts there are of each severity."""

    critical: int
    warning: int
    info: int
    total: int


class Alerts(Answer):
    """What the organisation should see to."""

    alerts: list[Alert]
    summary: AlertSummary


class PlayMoney(Request, json_schema_extra=example(amount=20, is_on=True)):
    """Play money for the sandbox's wallet, and how that stands."""

    amount: Money = Decimal(0)
    is_on: bool = True
    credit_line: Given[Money] = None


@operation("GET", "/tenants/host-wallet/", id="wallet.read", permission="billing.view", returns=WalletOut)
async def read_wallet(ctx: OperationContext) -> dict[str, Any]:
    """Show the organisation's wallet; one that is not switched on (`is_on`) is not charged."""
    return await keeping.read_wallet(ctx)


@operation(
    "GET", "/tenants/host-wallet/alerts/", id="wallet.alerts", permission="billing.view", returns=Alerts
)
async def list_alerts(ctx: OperationContext) -> dict[str, Any]:
    """Tell what to see to: an empty or low wallet, accounts that have sent most of what they may today and, of the
    last seven days, rejected templates and broadcasts of which more than a tenth failed.
    """
    found = await alerts.alerts(ctx)
    return {"alerts": found, "summary": alerts.summary(found)}


@operation(
    "PATCH", "/tenants/host-wallet/", id="wallet.change", permission="billing.manage", body=Threshold,
    returns=WalletOut, effect=True,
)  # fmt: skip
async def change_wallet(ctx: OperationContext, body: Threshold) -> dict[str, Any]:
    """Set below which total `wallet.low_balance` is told; 404 without a wallet."""
    return await keeping.change_threshold(ctx, micros(body.threshold_alert))


@operation(
    "POST", "/sandbox/wallet/", id="sandbox.wallet", permission="billing.manage", body=PlayMoney, returns=WalletOut,
    effect=True,
)  # fmt: skip
async def play_money(ctx: OperationContext, body: PlayMoney) -> dict[str, Any]:
    """Put play money into the sandbox's wallet and switch it on, so that sends are charged; needs a `jc_test_` key."""
    if ctx.principal.mode != "test":
        raise PermissionDenied("The sandbox needs a test key (jc_test_…).")
    scope, line = ctx.data.scope, None if body.credit_line is None else micros(body.credit_line)
    await keeping.set_up(ctx.services, scope, is_on=body.is_on, credit_line=line)
    if body.amount:
        await keeping.pay_in(ctx.services, scope, ctx.ids.new("pay"), micros(body.amount), "play money")
    return await keeping.read_wallet(ctx)
