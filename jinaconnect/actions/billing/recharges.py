"""Recharges: an order at the payment provider, paid there, credited once whichever way its word comes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

import structlog

from jinaconnect.actions.billing.keeping import set_up
from jinaconnect.actions.billing.razorpay import payment_report
from jinaconnect.actions.context import Context, OperationContext, system_context
from jinaconnect.actions.listing import list_documents
from jinaconnect.core.billing.money import MICRO, micros, shown
from jinaconnect.core.billing.prices import NoExchangeRate
from jinaconnect.core.billing.purse import Line
from jinaconnect.core.billing.wallet import FAILED_RECHARGE, PENDING_RECHARGE
from jinaconnect.core.clock import iso
from jinaconnect.core.errors import BadSignature, Invalid, InvalidState, NotFound
from jinaconnect.core.paging import Listing
from jinaconnect.store.billing.ledger import Posting
from jinaconnect.store.databases.mongo import Document
from jinaconnect.store.tenant import Addition, Change, Step

ORDERS = "payment_orders"
PENDING, SUCCESS, FAILED = "PENDING", "SUCCESS", "FAILED"
STATUSES = (PENDING, SUCCESS, FAILED)
SMALLEST = MICRO // 100  # of the currencies that are taken: they have a hundredth

logger = structlog.get_logger(__name__)


def render_order(doc: Mapping[str, Any]) -> dict[str, Any]:
    """Return an order as it is answered."""
    return {
        "id": doc["_id"], "order_id": doc["order_id"], "amount": shown(doc["amount"]),
        "amount_currency": doc["currency"], "status": doc["status"], "payment_id": doc["payment_id"],
        "error_message": doc["error_message"], "created_by": doc["created_by"], "created_at": iso(doc["created_at"]),
        "updated_at": iso(doc["updated_at"]),
    }  # fmt: skip


async def create_order(ctx: OperationContext, amount: Decimal, currency: str) -> dict[str, Any]:
    """Make an order to be paid; raises Invalid on `amount` and `amount_currency`, and what the provider refuses."""
    if ctx.principal.mode != "live":
        raise InvalidState("Recharges are paid with real money; in the sandbox use /sandbox/wallet/.")
    millionths = micros(amount)
    if millionths % SMALLEST:
        raise Invalid.field("amount", "must have at most two decimals")
    scope = ctx.data.scope
    wallet = await set_up(ctx.services, scope)
    try:
        ctx.services.wallets.prices.exchange(currency, wallet["currency"], ctx.now().date())
    except NoExchangeRate as error:
        raise Invalid.field("amount_currency", f"{error}; the wallet is kept in {wallet['currency']}") from error
    id, now = ctx.ids.new("pay"), ctx.now()
    order_id = await ctx.ports.payments.order(millionths // SMALLEST, currency, id)
    doc = {
        "_id": id, "order_id": order_id, "amount": millionths, "currency": currency, "status": PENDING,
        "payment_id": None, "error_message": None, "created_by": ctx.principal.username or ctx.principal.name,
        "created_at": now, "updated_at": now,
    }  # fmt: skip
    posted = await ctx.services.wallets.ledger.post(scope, Posting(
        f"order:{id}:pending", f"order:{id}", PENDING_RECHARGE, lambda _, __: Line(0), _facts(doc),
        adding=[Addition(ORDERS, doc)],
    ))  # fmt: skip
    return render_order(posted.added[0])


def _facts(order: Document, **more: Any) -> dict[str, Any]:
    return {"amount": order["amount"], "currency": order["currency"], "razor_pay_order": order["order_id"], **more}


async def list_orders(ctx: Context, listing: Listing) -> dict[str, Any]:
    """Return the tenant's orders, the newest first."""

    async def render(docs: Sequence[Document]) -> list[dict[str, Any]]:
        return [render_order(doc) for doc in docs]

    return await list_documents(ctx, ORDERS, listing, render)


async def read_order(ctx: Context, id: str) -> dict[str, Any]:
    """Return an order by its id, ours or the provider's."""
    found = await ctx.data.find(ORDERS, id) or await ctx.data.find_one(ORDERS, {"order_id": id})
    if found is None:
        raise NotFound()
    return render_order(found)


async def verify_payment(ctx: OperationContext, order_id: str, payment: str, signature: str) -> dict[str, Any]:
    """Credit an order that a checkout's signature shows to be paid; raises Invalid on `razorpay_signature`."""
    found = await ctx.data.find_one(ORDERS, {"order_id": order_id})
    if found is None:
        raise NotFound()
    if not ctx.ports.payments.paid(order_id, payment, signature):
        raise Invalid.field("razorpay_signature", "does not fit this order and payment")
    await _credit(ctx, found, payment)
    return await read_order(ctx, found["_id"])


async def take_webhook(ctx: OperationContext, body: bytes, signature: str) -> bool:
    """Apply the provider's word on a payment and tell whether it was about one of ours; raises BadSignature."""
    if not ctx.ports.payments.posted(body, signature):
        raise BadSignature("The signature does not fit the body.")
    report = payment_report(body)
    found = [] if report is None else await ctx.services.store.across(ORDERS, {"order_id": report.order}, limit=1)
    if report is None or not found:
        return False
    [order] = found
    own = system_context(ctx.services, order["scope"], "payments")
    if not report.captured:
        await _fail(own, order, report.payment, report.reason)
    elif report.amount * SMALLEST != order["amount"] or report.currency != order["currency"]:
        logger.error("payment.of_another_amount", order=order["_id"], payment=report.payment)
        return False
    else:
        await _credit(own, order, report.payment)
    return True


async def _credit(ctx: Context, order: Document, payment: str) -> None:
    data, wallets = ctx.data, ctx.services.wallets
    wallet = await set_up(ctx.services, data.scope)
    try:
        amount = wallets.prices.changed(order["amount"], order["currency"], wallet["currency"], ctx.now().date())
    except NoExchangeRate as error:
        raise InvalidState(f"The payment cannot be credited: {error}.") from error

    def decide(doc: Document) -> Change | None:
        if doc["status"] == SUCCESS:
            return None
        return Change(set={"status": SUCCESS, "payment_id": payment, "error_message": None})

    await wallets.credit(
        data.scope, f"order:{order['_id']}", amount, facts=_facts(order, transaction_id=payment),
        steps=[Step(ORDERS, order["_id"], decide)],
    )  # fmt: skip


async def _fail(ctx: Context, order: Document, payment: str, reason: str | None) -> None:
    def decide(doc: Document) -> Change | None:
        if doc["status"] != PENDING:
            return None
        return Change(set={"status": FAILED, "payment_id": payment, "error_message": reason})

    await ctx.services.wallets.ledger.post(ctx.data.scope, Posting(
        f"order:{order['_id']}:failed", f"order:{order['_id']}", FAILED_RECHARGE, lambda _, __: Line(0),
        _facts(order, transaction_id=payment, description=reason), [Step(ORDERS, order["_id"], decide)],
    ))  # fmt: skip
