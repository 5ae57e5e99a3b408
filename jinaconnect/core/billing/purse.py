"""What a posting does to a wallet: pure arithmetic of its balance, of what is reserved, and of what it may go down to.

A reservation moves money from the balance to the reserve; what is settled leaves the reserve, and what it did not
need returns. So balance and reserve are each the sum of the rows' own changes, at every moment.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from jinaconnect.core.billing.money import shown
from jinaconnect.core.errors import GatewayError


class InsufficientBalance(GatewayError):
    """The wallet with its credit line does not cover what was asked for."""

    status = 400
    code = "insufficient_balance"

    def __init__(self, purse: Purse, cost: int, **further: Any) -> None:
        super().__init__(
            "The balance does not cover this; recharge the wallet.",
            extra={"balance_details": {
                "estimated_cost": shown(cost), "available_balance": shown(purse.available),
                "balance": shown(purse.balance), "credit_line": shown(purse.credit_line), "currency": purse.currency,
                "shortfall": shown(cost - purse.available), **further,
            }},
        )  # fmt: skip

    def on(self, field: str) -> InsufficientBalance:
        """Return it with what it says as said of a field, as what is wrong in a body is."""
        if isinstance(self.detail, str):
            self.detail = {field: [self.detail]}
        return self


@dataclass(frozen=True, slots=True)
class Line:
    """What a row of the ledger changes: the balance, what is reserved, and what a debit could not take."""

    change: int
    held: int = 0
    short: int = 0


@dataclass(frozen=True, slots=True)
class Purse:
    """A wallet's state in millionths of its currency; `number` is that of its last row."""

    currency: str
    balance: int = 0
    reserved: int = 0
    credit_line: int = 0
    number: int = 0

    @property
    def available(self) -> int:
        """What can be spent: the balance and the credit line."""
        return self.balance + self.credit_line

    def after(self, line: Line) -> Purse:
        """Return the state after one more row."""
        return Purse(
            self.currency, self.balance + line.change, self.reserved + line.held, self.credit_line, self.number + 1
        )

    def reserve(self, amount: int) -> Line:
        """Set an amount aside; raises InsufficientBalance where it is not there."""
        if amount < 0:
            raise ValueError("a reservation is not negative")
        if amount > self.available:
            raise InsufficientBalance(self, amount)
        return Line(-amount, amount)

    def charge(self, cost: int) -> Line:
        """Take what something has cost that is over and done: as much of it as is there."""
        if cost < 0:
            raise ValueError("a cost is not negative")
        taken = min(cost, max(0, self.available))
        return Line(-taken, 0, cost - taken)

    def settle(self, cost: int, held: int) -> Line:
        """Take a cost out of what was held for it; what it did not need returns, what it needs more is charged."""
        if cost <= held:
            return Line(held - cost, -held)
        more = self.charge(cost - held)
        return Line(more.change, -held, more.short)


def returned(held: int) -> Line:
    """Give back what is held and was not needed."""
    return Line(held, -held)


def credited(amount: int) -> Line:
    """Put money in."""
    if amount < 0:
        raise ValueError("a credit is not negative")
    return Line(amount)
