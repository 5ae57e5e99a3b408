"""What the rest of the program does with a wallet: ask a price, reserve, settle, refund, charge.

A partition without a wallet that is switched on is not charged: nothing is reserved there, and nothing refused. What
was reserved before it was switched off is settled and given back all the same.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from jinaconnect.core.billing.prices import Price, PriceList, margin_of
from jinaconnect.core.billing.purse import Line, Purse, credited, returned
from jinaconnect.core.billing.wallet import CONSUMPTION, RECHARGE, REFUND
from jinaconnect.core.principal import parse_scope
from jinaconnect.store.billing.ledger import Ledger, Posted, Posting
from jinaconnect.store.billing.margins import Margins
from jinaconnect.store.databases.mongo import Document
from jinaconnect.store.tenant import Addition, Step

CORRECTED = ":corrected"  # how the key of a row ends that brings what was paid to another cost


class Wallets:
    """The wallets of all partitions; `about` names what is paid for, such as `message:<id>` or `broadcast:<id>`."""

    def __init__(self, ledger: Ledger, prices: PriceList, margins: Margins) -> None:
        self.ledger, self.prices, self.margins = ledger, prices, margins

    async def of(self, scope: str) -> Document | None:
        """Return a partition's wallet, None where it is not charged; the margins are known after it."""
        await self.margins.refresh()
        found = await self.ledger.wallet(scope)
        return found if found is not None and found["is_on"] else None

    def margin(self, scope: str, destination: str, category: str, day: date) -> Decimal:
        """Return what a tenant pays on top of the price of messages to a country on a day, in per cent."""
        tenant, _ = parse_scope(scope)
        own = margin_of(self.margins.rows, tenant, destination, category, day)
        return self.prices.margin if own is None else own

    def price(
        self, scope: str, channel: str, destination: str, category: str, at: datetime, currency: str
    ) -> Price:
        """Return the price of a tenant's message or segment to a country on a day, in a wallet's currency."""
        margin = self.margin(scope, destination, category, at.date())
        return self.prices.price(channel, destination, category, at.date(), currency, margin)

    async def reserve(
        self, scope: str, about: str, amount: int, *, kind: str = CONSUMPTION, facts: Mapping[str, Any] | None = None,
        steps: Sequence[Step] = (), adding: Sequence[Addition] = (),
    ) -> Posted:  # fmt: skip
        """Set money aside for something, once; raises InsufficientBalance, and then nothing is written.

        `steps` and `adding` are the change that queues it: written with the reservation or not at all.
        """
        return await self.ledger.post(scope, Posting(
            f"{about}:reserve", about, kind, lambda purse, _: purse.reserve(amount), facts or {}, steps, adding,
        ))  # fmt: skip

    async def hold(
        self, scope: str, about: str, amount: int, part: str, *, kind: str = CONSUMPTION,
        facts: Mapping[str, Any] | None = None, steps: Sequence[Step] = (), adding: Sequence[Addition] = (),
    ) -> Posted:  # fmt: skip
        """Bring what is set aside for something to an amount, once per `part`; raises InsufficientBalance.

        `steps` and `adding` are the change it is for: written with it or not at all.
        """

        def decide(purse: Purse, rest: int) -> Line:
            return returned(rest - amount) if amount <= rest else purse.reserve(amount - rest)

        key = f"{about}:hold:{part}"
        return await self.ledger.post(scope, Posting(key, about, kind, decide, facts or {}, steps, adding))

    async def hold_again(self, scope: str, about: str, amount: int, steps: Sequence[Step]) -> Posted:
        """Have what something has cost reserved again, once, with the change that says it is not over."""

        def decide(_: Purse, __: int) -> Line:
            return Line(0, amount)

        facts = {"amount": amount}
        return await self.ledger.post(scope, Posting(f"{about}:again", about, CONSUMPTION, decide, facts, steps))

    async def settle(
        self, scope: str, about: str, cost: int, *, part: str | None = None, held: int | None = None,
        kind: str = CONSUMPTION, facts: Mapping[str, Any] | None = None, steps: Sequence[Step] = (),
    ) -> Posted:  # fmt: skip
        """Take what something has cost out of its reservation, once per `part`; what it did not need returns.

        `held` is how much of the reservation the part uses up, all that is left unless told. Outcomes of one second go
        together as one part. A cost beyond what is reserved is charged as far as the wallet goes; the row says what is
        short.
        """
        key = f"{about}:settle" + (f":{part}" if part is not None else "")

        def decide(purse: Purse, rest: int) -> Line | None:
            return purse.settle(cost, rest if held is None else min(held, rest))

        return await self.ledger.post(scope, Posting(key, about, kind, decide, facts or {}, steps))

    async def refund(
        self, scope: str, about: str, *, facts: Mapping[str, Any] | None = None, steps: Sequence[Step] = ()
    ) -> Posted:
        """Give back what is left of a reservation, once; nothing is posted where nothing is left and nothing to do."""

        def decide(_: Purse, rest: int) -> Line | None:
            return returned(rest) if rest or steps else None

        return await self.ledger.post(scope, Posting(f"{about}:refund", about, REFUND, decide, facts or {}, steps))

    async def give_back(
        self, scope: str, about: str, decide: Callable[[Purse, int], Line | None], steps: Sequence[Step]
    ) -> Posted:
        """Give back, once, what `decide` says of what is still reserved and of what was paid."""
        return await self.ledger.post(scope, Posting(f"{about}:refund", about, REFUND, decide, {}, steps))

    async def correct(
        self, scope: str, about: str, paid: int, cost: int, *, facts: Mapping[str, Any], steps: Sequence[Step]
    ) -> Posted:
        """Bring what was paid for something to another cost, once, as far as the wallet goes."""

        def decide(purse: Purse, _: int) -> Line:
            return credited(paid - cost) if cost <= paid else purse.charge(cost - paid)

        return await self.ledger.post(scope, Posting(f"{about}{CORRECTED}", about, CONSUMPTION, decide, facts, steps))

    async def credit(
        self, scope: str, about: str, amount: int, *, facts: Mapping[str, Any] | None = None,
        steps: Sequence[Step] = (),
    ) -> Posted:  # fmt: skip
        """Put money in, once."""
        return await self.ledger.post(
            scope, Posting(f"{about}:credit", about, RECHARGE, lambda _, __: credited(amount), facts or {}, steps)
        )
