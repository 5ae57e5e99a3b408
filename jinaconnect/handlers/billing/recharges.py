"""`/razorpay/`: recharges, and the payment provider's word on them."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints

from jinaconnect.actions.billing import recharges
from jinaconnect.actions.billing.razorpay import SIGNATURE_HEADER
from jinaconnect.actions.context import OperationContext
from jinaconnect.core.paging import Listing, choice_filter, text_filter, time_filter
from jinaconnect.core.schema import Answer, Request, example, sample_id
from jinaconnect.handlers.edge.operation import PUBLIC, operation
from jinaconnect.handlers.edge.schemas import Parameter

PATH = "/razorpay/razor-pay/"
ORDERS = Listing(
    filters={"status": choice_filter("status", recharges.STATUSES), "order_id": text_filter("order_id"),
             "created_at": time_filter("created_at")},
    orderings={"id": "_id", "created_at": "_id"},
)  # fmt: skip
_Short = Annotated[str, StringConstraints(min_length=1, max_length=64)]


class NewRecharge(Request, json_schema_extra=example(amount=500, amount_currency="INR")):
    """How much is to be paid in, at most two decimals."""

    amount: Annotated[Decimal, Field(gt=0, le=10_000_000, decimal_places=6)]
    amount_currency: Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")] = "INR"


class RechargeOut(
    Answer,
    json_schema_extra=example(
        id=sample_id("pay"), order_id="order_9A33XWu170gUtm", amount=500.0, amount_currency="INR", status="PENDING",
        payment_id=None, error_message=None, created_by="sam@example.com", created_at="2026-11-23T10:00:00.123Z",
        updated_at="2026-11-23T10:00:00.123Z",
    ),
):  # fmt: skip
    """A recharge; `order_id` is what the provider's checkout is opened with."""

    id: str
    order_id: str
    amount: float
    amount_currency: str
    status: Literal["PENDING", "SUCCESS", "FAILED"]
    payment_id: str | None
    error_message: str | None
    created_by: str | None
    created_at: str
    updated_at: str


class PaidCheckout(
    Request,
    json_schema_extra=example(
        razorpay_order_id="order_9A33XWu170gUtm", razorpay_payment_id="pay_29QQoUBi66xm2f",
        razorpay_signature="9ef4dffbfd84f1318f6739a3ce19f9d85851857ae648f114332d8401e0949a3d",
    ),
):  # fmt: skip
    """What the provider's checkout hands over after a payment."""

    razorpay_order_id: _Short
    razorpay_payment_id: _Short
    razorpay_signature: Annotated[str, StringConstraints(min_length=1, max_length=256)]


class PaymentWebhook(
    Answer,
    json_schema_extra=example(
        entity="event", event="payment.captured", contains=["payment"],
        payload={"payment": {"entity": {
            "id": "pay_29QQoUBi66xm2f", "amount": 50000, "currency": "INR", "status": "captured",
            "order_id": "order_9A33XWu170gUtm",
        }}},
    ),
):  # fmt: skip
    """What the provider posts; events other than `payment.captured` and `payment.failed` are ignored."""

    event: str
    payload: dict[str, Any]


class PaymentTaken(Answer, json_schema_extra=example(status="received")):
    """Whether the webhook was about an order of ours."""

    status: Literal["received", "ignored"]


@operation(
    "POST", PATH, id="recharges.create", permission="billing.manage", body=NewRecharge, returns=RechargeOut,
    status=201, effect=True, errors=(501, 502, 504),
)  # fmt: skip
async def create_recharge(ctx: OperationContext, body: NewRecharge) -> dict[str, Any]:
    """Make an order at the payment provider; the wallet is credited once it is paid."""
    return await recharges.create_order(ctx, body.amount, body.amount_currency)


@operation("GET", PATH, id="recharges.list", permission="billing.view", listing=ORDERS, returns=RechargeOut)
async def list_recharges(ctx: OperationContext) -> dict[str, Any]:
    """List the recharges, the newest first."""
    return await recharges.list_orders(ctx, ORDERS)


@operation(
    "POST", f"{PATH}verify-payment/", id="recharges.verify", permission="billing.manage", body=PaidCheckout,
    returns=RechargeOut, effect=True, errors=(404,),
)  # fmt: skip
async def verify_payment(ctx: OperationContext, body: PaidCheckout) -> dict[str, Any]:
    """Credit a recharge by the signature that the provider's checkout gave; once, whatever comes first."""
    return await recharges.verify_payment(
        ctx, body.razorpay_order_id, body.razorpay_payment_id, body.razorpay_signature
    )


@operation(
    "GET", PATH + "payment-status/{order_id}/", id="recharges.status", permission="billing.view", returns=RechargeOut
)
async def payment_status(ctx: OperationContext, order_id: str) -> dict[str, Any]:
    """Show a recharge by the provider's id of its order."""
    return await recharges.read_order(ctx, order_id)


@operation("GET", PATH + "{id}/", id="recharges.read", permission="billing.view", returns=RechargeOut)
async def read_recharge(ctx: OperationContext, id: str) -> dict[str, Any]:
    """Show a recharge."""
    return await recharges.read_order(ctx, id)


@operation(
    "POST", "/razorpay/razor-webhook/webhook/", id="recharges.webhook", permission=PUBLIC, raw=True,
    body=PaymentWebhook, returns=PaymentTaken, limited=False,
    headers={SIGNATURE_HEADER: Parameter(
        "The hex HMAC-SHA256 of the body's bytes under the webhook secret.",
        {"type": "string", "pattern": "^[0-9a-f]{64}$"}, required=True,
    )},
)  # fmt: skip
async def payment_webhook(ctx: OperationContext, body: bytes) -> dict[str, Any]:
    """Take the payment provider's signed word on a payment: it changes state once and never backwards."""
    headers = {name.lower(): value for name, value in ctx.caller.headers.items()}
    about_ours = await recharges.take_webhook(ctx, body, headers.get(SIGNATURE_HEADER.lower(), ""))
    return {"status": "received" if about_ours else "ignored"}
