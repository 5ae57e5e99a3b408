"""Razorpay's side of a recharge: orders over its API, and the two signatures it makes."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from jinaconnect.core.errors import CarrierFailed, CarrierRefused, CarrierTimeout, NotSupported
from jinaconnect.core.lenient import read_json
from jinaconnect.outbound import Ambiguous, Outbound, OutboundError

SIGNATURE_HEADER = "X-Razorpay-Signature"


@dataclass(frozen=True, slots=True)
class Razorpay:
    """The deployment's account there; without a key it takes no recharges."""

    outbound: Outbound
    base_url: str
    key_id: str
    key_secret: str = field(repr=False)
    webhook_secret: str = field(repr=False)

    async def order(self, amount: int, currency: str, receipt: str) -> str:
        """Make an order over so many of the currency's smallest unit and return its id.

        Raises NotSupported without an account, CarrierRefused, CarrierFailed, CarrierTimeout.
        """
        if not (self.key_id and self.key_secret):
            raise NotSupported("This deployment takes no recharges.")
        key = base64.b64encode(f"{self.key_id}:{self.key_secret}".encode()).decode()
        body = {"amount": amount, "currency": currency, "receipt": receipt, "notes": {"order": receipt}}
        try:
            answer = await self.outbound.request(
                "POST", f"{self.base_url.rstrip('/')}/v1/orders", headers={"Authorization": f"Basic {key}"}, json=body
            )
        except Ambiguous as error:
            raise CarrierTimeout("The payment provider did not answer; nothing is paid.") from error
        except OutboundError as error:
            raise CarrierFailed("The payment provider cannot be reached.") from error
        told = _object(answer.body)
        if answer.status == 400:
            reason = told.get("error", {}) if isinstance(told.get("error"), Mapping) else {}
            raise CarrierRefused(f"The payment provider refused: {str(reason.get('description', ''))[:300]}")
        id = told.get("id")
        if answer.status != 200 or not isinstance(id, str) or not id:
            raise CarrierFailed("The payment provider could not make the order.")
        return id

    def paid(self, order: str, payment: str, signature: str) -> bool:
        """Tell whether a checkout's signature fits its order and payment."""
        return _fits(self.key_secret, f"{order}|{payment}".encode(), signature)

    def posted(self, body: bytes, signature: str) -> bool:
        """Tell whether a webhook's signature fits its bytes."""
        return _fits(self.webhook_secret, body, signature)


def _fits(secret: str, signed: bytes, signature: str) -> bool:
    wanted = hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()
    return bool(secret) and hmac.compare_digest(wanted.encode(), signature.strip().lower().encode())


def _object(body: bytes) -> Mapping[str, Any]:
    try:
        told = read_json(body)
    except ValueError:
        return {}
    return told if isinstance(told, Mapping) else {}


@dataclass(frozen=True, slots=True)
class PaymentReport:
    """What a webhook says of a payment; `captured` is None for what is no news of one."""

    order: str
    payment: str
    amount: int
    currency: str
    captured: bool
    reason: str | None


def payment_report(body: bytes) -> PaymentReport | None:
    """Read a webhook; None for events that are not about a payment's end, or that name no order."""
    told = _object(body)
    captured = {"payment.captured": True, "payment.failed": False}.get(str(told.get("event")))
    found: Any = told
    for name in ("payload", "payment", "entity"):
        found = found.get(name) if isinstance(found, Mapping) else None
    if captured is None or not isinstance(found, Mapping):
        return None
    order, payment, amount = found.get("order_id"), found.get("id"), found.get("amount")
    if not isinstance(order, str) or not isinstance(payment, str) or not isinstance(amount, int):
        return None
    reason = found.get("error_description")
    return PaymentReport(
        order[:64], payment[:64], amount, str(found.get("currency"))[:3], captured,
        str(reason)[:300] if reason else None,
    )  # fmt: skip
