"""Events of wallets."""

from __future__ import annotations

from pydantic import Field

from jinaconnect.core.events.payloads.base import MOMENT, Payload, Stamp, like
from jinaconnect.core.schema import sample_id

_WALLET = {
    "is_on": True, "balance": 41.27, "balance_currency": "USD", "credit_line": 0.0, "credit_line_currency": "USD",
    "total_balance": 41.27, "total_balance_currency": "USD", "threshold_alert": 10.0,
    "threshold_alert_currency": "USD", "reserved": 2.5, "reserved_currency": "USD", "is_below_threshold": False,
    "is_overdrawn": False, "is_prepaid": True, "updated_at": MOMENT,
}  # fmt: skip


class WalletData(Payload, json_schema_extra=like(_WALLET)):
    """A wallet: what is there, what may be owed, and what is reserved for messages on their way."""

    is_on: bool
    balance: float
    balance_currency: str
    credit_line: float
    credit_line_currency: str
    total_balance: float
    total_balance_currency: str
    threshold_alert: float
    threshold_alert_currency: str
    reserved: float
    reserved_currency: str
    is_below_threshold: bool
    is_overdrawn: bool
    is_prepaid: bool
    updated_at: Stamp


class WalletUpdated(WalletData, json_schema_extra=like(_WALLET)):
    """A wallet was switched on or off, or its credit line or threshold changed."""


class WalletRecharged(WalletData, json_schema_extra=like(_WALLET, transaction_id=sample_id("txn"))):
    """Money was put into the wallet."""

    transaction_id: str = Field(description="The row of the ledger; of several at once the last.")


class WalletLowBalance(
    WalletData, json_schema_extra=like(_WALLET, balance=9.1, total_balance=9.1, is_below_threshold=True)
):
    """What can be spent has fallen below the threshold."""
