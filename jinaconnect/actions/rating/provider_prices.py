"""What a carrier says a call has cost: kept beside our own price, and in its place where no rate card has one."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from jinaconnect.actions.context import Services
from jinaconnect.actions.worker import Worker
from jinaconnect.core.calls.document import ended
from jinaconnect.core.calls.rating import PROVIDER
from jinaconnect.store.databases.mongo import Document
from jinaconnect.store.due import due_at
from jinaconnect.store.tenant import Change
from jinaconnect.telephony.provider import CarrierPrice
from jinaconnect.telephony.table import row

PRICE_JOB = "voice.price"
FIRST, AGAIN, TRIES = timedelta(seconds=30), timedelta(seconds=60), 4  # carriers rate calls some time after them
REPORTED, FETCHED, IMPORTED = "reported", "fetched", "imported"


def by_provider(call: Mapping[str, Any]) -> dict[str, Any]:
    """Return the cost fields of a call by its carrier's own price, none where that is not known."""
    told = call.get("provider_cost")
    if told is None:
        return {}
    return {"cost_amount": told["amount"], "cost_currency": told["currency"], "cost_source": PROVIDER}


async def ask_later(worker: Worker, call: Mapping[str, Any]) -> None:
    """Leave the job that asks a carrier for the price of an answered call, where it is one that has to be asked."""
    held = call.get("hosted")
    if not held or not call["duration_seconds"] or call.get("provider_cost") or call["parent_call"] is not None:
        return
    if row(held["provider"]).spec.asked_for_prices:
        pause = timedelta() if call["scope"].endswith(":test") else FIRST  # a simulated carrier knows at once
        await worker.add_jobs([price_job(call["_id"], call["scope"], 1, call["ended_at"], pause)])


def price_job(call: str, scope: str, tries: int, since: datetime, pause: timedelta) -> Document:
    """Return the job of asking for a call's price for the so manieth time."""
    return {
        "_id": f"job_{call}_price_{tries}", "scope": scope, "kind": PRICE_JOB, "due": due_at(since + pause),
        "data": {"call": call, "tries": tries},
    }  # fmt: skip


async def note_price(
    services: Services, worker: Worker, call: Document, price: CarrierPrice, source: str,
    more: Mapping[str, Any] | None = None,
) -> bool:  # fmt: skip
    """Keep what a carrier says that a call costs; returns whether that is new.

    A call that has ended without a price is charged by it; what was charged already stays. `more` are further fields
    the call has only where it lacks them.
    """
    store = services.store.within(call["scope"])
    currency, new = price.currency or await _currency(services, call), False
    amount = str(price.amount)

    def decide(doc: Document) -> Change | None:
        nonlocal new
        known, fields = doc.get("provider_cost"), {}
        if known is None or (known["amount"], known["currency"]) != (amount, currency):
            at = services.clock()
            fields["provider_cost"] = {"amount": amount, "currency": currency, "source": source, "at": at}
            if ended(doc) and not doc["cost_source"]:
                fields["due"] = due_at(at)
            elif doc["cost_source"] == PROVIDER and "settled" not in (doc.get("charge") or {}):
                fields |= by_provider(fields)
        fields |= {name: value for name, value in (more or {}).items() if doc.get(name) is None}
        new = bool(fields)
        return Change(set=fields) if fields else None

    written = await store.change("calls", call["_id"], decide)
    if new and "due" in written.doc and ended(written.doc):
        worker.run_now("calls", call["scope"], call["_id"])
    return new


async def _currency(services: Services, call: Mapping[str, Any]) -> str:
    """Return the currency of a call's account, for a carrier that tells a bare number."""
    trunk = await services.store.within(call["scope"]).find("trunks", str(call["provider_config"]))
    return "USD" if trunk is None else str(trunk["currency"])
