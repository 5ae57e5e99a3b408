"""What a call costs: its first minute is set aside when it is placed, and all of it is settled once it has ended.

A call holds `charge`: what was set aside, and `settled` once that is decided. Calls that come in, and those a call
dials, are charged at their end, as far as the wallet goes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import structlog

from jinaconnect.actions.billing.messages import NoPrice
from jinaconnect.actions.context import Context, Services, system_context
from jinaconnect.actions.worker import Worker
from jinaconnect.core.billing.money import micros
from jinaconnect.core.billing.prices import NoExchangeRate
from jinaconnect.core.billing.purse import InsufficientBalance, Purse
from jinaconnect.core.billing.wallet import VOICE_INBOUND, VOICE_OUTBOUND, purse_of
from jinaconnect.core.calls.document import INBOUND
from jinaconnect.core.calls.rating import RateCard, cost_by
from jinaconnect.store.billing.ledger import LEDGER
from jinaconnect.store.databases.mongo import Document
from jinaconnect.store.due import due_at

SET_ASIDE_S = 60
_COST = ("cost_amount", "cost_currency", "cost_source", "rated")
UNPLACED_JOB = "voice.unplaced"
UNPLACED = timedelta(minutes=2)  # how long a call that is paid for may take to be stored

logger = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class CallQuote:
    """What is set aside for a call, in millionths of the wallet's currency; `available` is what can be spent."""

    amount: int
    currency: str
    available: int


async def quote_call(ctx: Context, card: RateCard | None) -> CallQuote | None:
    """Return what is set aside for a call by a card: its first minute; None where nobody is charged or it is free.

    Raises NoPrice where the card's currency cannot be changed into the wallet's.
    """
    wallet = await ctx.services.wallets.of(ctx.data.scope) if card is not None else None
    if wallet is None or card is None:
        return None
    cost, purse = cost_by(card, SET_ASIDE_S), purse_of(wallet)
    prices = ctx.services.wallets.prices
    try:
        amount = prices.changed(micros(cost.amount), cost.currency, purse.currency, ctx.now().date())
    except NoExchangeRate as error:
        raise NoPrice(f"{str(error).capitalize()}.") from error
    return CallQuote(amount, purse.currency, purse.available) if amount else None


def call_covered(quoted: CallQuote | None) -> None:
    """Raise InsufficientBalance where a wallet plainly does not cover a call, before anything is made for it."""
    if quoted is not None and quoted.amount > quoted.available:
        raise InsufficientBalance(Purse(quoted.currency, quoted.available), quoted.amount)


async def set_aside(ctx: Context, worker: Worker, call: str, quoted: CallQuote, numbers: str) -> dict[str, Any]:
    """Reserve for a call that is about to be stored, and return what it holds of that; raises InsufficientBalance.

    Before it, a job is left that gives back what was reserved for a call that was never stored.
    """
    scope = ctx.data.scope
    await worker.add_jobs([{
        "_id": f"job_{call}_unplaced", "scope": scope, "kind": UNPLACED_JOB,
        "due": due_at(ctx.now() + UNPLACED), "data": {"call": call},
    }])  # fmt: skip
    facts = {"description": numbers}
    wallets, about = ctx.services.wallets, f"call:{call}"
    posted = await wallets.reserve(scope, about, quoted.amount, kind=VOICE_OUTBOUND, facts=facts)
    if not posted.fresh and await ctx.data.find("calls", call) is None:
        # It was not placed before, and what was set aside given back: this is another time, with a row of its own.
        rows = await wallets.ledger.rows_about(scope, about)
        if rows[-1]["held_after"] < quoted.amount:
            await wallets.hold(scope, about, quoted.amount, str(len(rows)), kind=VOICE_OUTBOUND, facts=facts)
    return {"reserved": quoted.amount, "currency": quoted.currency}


async def give_back_unplaced(services: Services, scope: str, call: str) -> None:
    """Give back what was set aside for a call that was never stored."""
    ctx = system_context(services, scope, "billing")
    if await ctx.data.find("calls", call) is None:
        await _give_back(services, scope, f"call:{call}")


async def _give_back(services: Services, scope: str, about: str) -> None:
    """Give back what is set aside, whether or not something was given back of it before."""
    posted = await services.wallets.refund(scope, about)
    rows = [] if posted.fresh else await services.wallets.ledger.rows_about(scope, about)
    if rows and rows[-1]["held_after"]:
        await services.wallets.hold(scope, about, 0, str(len(rows)), kind=VOICE_OUTBOUND)


async def settle_call(ctx: Context, call: Document, cost: Mapping[str, Any]) -> dict[str, Any]:
    """Charge an ended call, once, and return the fields it is to keep: its cost, and what was charged for it.

    Whoever is cut off before they are written finds the ledger's row, whose word counts. A call that nobody can rate
    gets back what was set aside; nothing is done where nobody is charged.
    """
    priced = {**call, **cost}
    wallets, scope, about = ctx.services.wallets, ctx.data.scope, f"call:{call['_id']}"
    charge: Mapping[str, Any] = call.get("charge") or {}
    if "settled" in charge:
        return dict(cost)
    if priced["cost_amount"] is None:
        if "reserved" in charge:
            await _give_back(ctx.services, scope, about)
        return dict(cost)
    currency = await _currency(ctx, charge, micros(Decimal(priced["cost_amount"])))
    if currency is None or await ctx.data.find_one(LEDGER, {"key": f"{about}:charge"}) is not None:
        return dict(cost)  # the second is the row of an earlier version
    try:
        amount = _in_wallet(ctx, priced, currency, priced["ended_at"])
    except NoExchangeRate as error:
        logger.error("charge.not_made", call=call["_id"], error=str(error))
        if "reserved" not in charge:
            return dict(cost)
        amount = charge["reserved"]
    kind = VOICE_INBOUND if call["direction"] == INBOUND else VOICE_OUTBOUND
    facts = {
        "description": f"{call['from_number']} → {call['to_number']}", "settled": amount,
        "price": {name: priced[name] for name in _COST if name in priced},
    }  # fmt: skip
    # The call itself is not part of the transaction: it is claimed for this work, and a claim whose process was killed
    # in the middle of a transaction could be inherited only when the database has given that up, a minute later.
    posted = await wallets.settle(scope, about, amount, kind=kind, facts=facts)
    row = posted.row or {"facts": facts}
    return {**row["facts"]["price"], "charge": {**charge, "settled": row["facts"]["settled"], "currency": currency}}


async def _currency(ctx: Context, charge: Mapping[str, Any], cost: int) -> str | None:
    """Return the currency a call is settled in, None where there is nothing to settle."""
    if "reserved" in charge:
        return str(charge["currency"])
    wallet = await ctx.services.wallets.of(ctx.data.scope) if cost else None
    return None if wallet is None else str(wallet["currency"])


def _in_wallet(ctx: Context, priced: Mapping[str, Any], currency: str, at: datetime) -> int:
    cost = micros(Decimal(priced["cost_amount"]))
    return ctx.services.wallets.prices.changed(cost, priced["cost_currency"], currency, at.date()) if cost else 0
