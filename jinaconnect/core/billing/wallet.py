"""A wallet and its ledger as documents, and how REST and events show them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from jinaconnect.core.billing.money import MICRO, shown
from jinaconnect.core.billing.purse import Purse
from jinaconnect.core.clock import iso
from jinaconnect.core.principal import parse_scope

PENDING_RECHARGE, RECHARGE, FAILED_RECHARGE = "PENDING RECHARGE", "SUCCESS RECHARGE", "FAILED RECHARGE"
CONSUMPTION, REFUND, VOICE_OUTBOUND, VOICE_INBOUND = "CONSUMPTION", "REFUND", "VOICE_OUTBOUND", "VOICE_INBOUND"
CONSUMED = (CONSUMPTION, VOICE_OUTBOUND, VOICE_INBOUND)  # what of it comes back is a refund
KINDS = (
    PENDING_RECHARGE, RECHARGE, FAILED_RECHARGE, CONSUMPTION, REFUND, VOICE_OUTBOUND, VOICE_INBOUND,
    "VOICE_NUMBER_RENT", "VOICE_AI_AGENT", "VOICE_RECORDING",
)  # fmt: skip
CURRENCY = "USD"
THRESHOLD = 10 * MICRO
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"


def wallet_id(scope: str) -> str:
    """Return the id of a partition's wallet."""
    tenant, mode = parse_scope(scope)
    return f"wal_{tenant.partition('_')[2]}{'' if mode == 'live' else mode}"


def new_wallet(scope: str, **fields: Any) -> dict[str, Any]:
    """Return a wallet as it begins: empty, prepaid and switched off."""
    return {
        "_id": wallet_id(scope), "is_on": False, "currency": CURRENCY, "balance": 0, "reserved": 0, "credit_line": 0,
        "threshold_alert": THRESHOLD, "number": 0, **fields,
    }  # fmt: skip


def purse_of(wallet: Mapping[str, Any]) -> Purse:
    """Return a wallet's state."""
    return Purse(
        wallet["currency"], wallet["balance"], wallet["reserved"], wallet["credit_line"], wallet["number"]
    )


def render_wallet(wallet: Mapping[str, Any]) -> dict[str, Any]:
    """Return a wallet as it is answered and told."""
    purse, currency = purse_of(wallet), wallet["currency"]
    return {
        "is_on": wallet["is_on"], "balance": shown(purse.balance), "balance_currency": currency,
        "credit_line": shown(purse.credit_line), "credit_line_currency": currency,
        "total_balance": shown(purse.available), "total_balance_currency": currency,
        "threshold_alert": shown(wallet["threshold_alert"]), "threshold_alert_currency": currency,
        "reserved": shown(purse.reserved), "reserved_currency": currency,
        "is_below_threshold": wallet["is_on"] and purse.available < wallet["threshold_alert"],
        "is_overdrawn": purse.balance < 0, "is_prepaid": purse.credit_line == 0,
        "updated_at": iso(wallet["updated_at"]),
    }  # fmt: skip


def wallet_alerts(shown: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return what is to be seen to of a wallet, given as it is answered: most of all, that it is empty."""
    total, currency = shown["total_balance"], shown["total_balance_currency"]
    if not shown["is_on"] or (total > 0 and not shown["is_below_threshold"]):
        return []
    told = {"severity": "critical", "action_url": "/razorpay/razor-pay/", "created_at": shown["updated_at"]}
    if total <= 0:
        return [{"type": "zero_balance", "title": "Nothing left", "message": "Nothing that costs is sent.", **told}]
    message = f"{total} {currency} can be spent, less than {shown['threshold_alert']}."
    return [{"type": "low_balance", "title": "Low balance", "message": message, **told}]


def public_id(id: str) -> str:
    """Return a row's number as it is told to people: `jc_` and sixteen letters and digits."""
    number = int.from_bytes(hashlib.sha256(id.encode()).digest()[:16], "big")
    letters = []
    for _ in range(16):
        number, place = divmod(number, len(_LETTERS))
        letters.append(_LETTERS[place])
    return "jc_" + "".join(letters)


def render_row(row: Mapping[str, Any], tenant: Mapping[str, Any]) -> dict[str, Any]:
    """Return a row of the ledger as it is answered; `amount` has no sign, the type and `change` say which way."""
    facts, currency = row["facts"], row["currency"]
    return {
        "id": row["_id"], "tenant": tenant["_id"], "tenant_name": tenant["name"],
        "system_transaction_id": row["system_transaction_id"], "transaction_id": row["transaction_id"],
        "amount": shown(row["amount"]), "amount_currency": facts.get("currency", currency),
        "transaction_type": row["type"], "description": facts.get("description"), "key": row["key"],
        "number": row["number"], "change": shown(row["change"]), "change_currency": currency,
        "reserved_change": shown(row["held"]), "short": shown(row["short"]),
        "balance_after": shown(row["balance_after"]), "balance_after_currency": currency,
        "razor_pay_order": row["order"], "broadcast": row["broadcast"],
        **{f"broadcast_{name}": facts.get(f"broadcast_{name}") for name in (
            "history_id", "name", "status", "scheduled_time", "recipient_count", "platform")},
        "message": row["message"], "call": row["call"], "price": facts.get("price"),
        "created_at": iso(row["created_at"]), "updated_at": iso(row["created_at"]),
    }  # fmt: skip
