"""Proving that what is kept agrees with itself: a wallet with its ledger, and documents with the fold of their log."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

import orjson

from jinaconnect.actions.context import Services
from jinaconnect.core.events.fold import READ_MARKS, Fold
from jinaconnect.core.inbox.contact import render_contact
from jinaconnect.core.inbox.message import render_message
from jinaconnect.core.principal import Mode
from jinaconnect.store.billing.ledger import LEDGER, WALLETS
from jinaconnect.store.databases.mongo import Document
from jinaconnect.store.tenant import TenantStore

PAGE = 1_000
TRIES, PAUSE_S = 5, 0.5  # with a gateway at work beside it, a document may be ahead of the log for a moment
MODES: tuple[Mode, ...] = ("live", "test")
CALL_FIGURES = ("total_calls", "last_called_at")  # counted of calls, whose ends are what is told
_RENDERED = {"message": ("messages", render_message), "contact": ("contacts", render_contact)}


async def verify(services: Services, tenants: Sequence[str]) -> AsyncIterator[str]:
    """Yield every disagreement found, in words; none when all is well."""
    for tenant in tenants:
        for mode in MODES:
            data = services.store.of(tenant, mode)
            async for fault in _books(data):
                yield f"{data.scope}: {fault}"
            async for fault in _charges(data):
                yield f"{data.scope}: {fault}"
            async for fault in _state(services, data):
                yield f"{data.scope}: {fault}"


async def _books(data: TenantStore) -> AsyncIterator[str]:
    """Hold a wallet against its rows: each continues the one before it, and together they are the wallet."""
    wallets = await data.select(WALLETS, {})
    rows = balance = reserved = 0
    held: dict[str, int] = {}
    top = wallets[0]["number"] if wallets else 0  # what is posted after this look is not looked at
    while page := await data.select(LEDGER, {"number": {"$gt": rows}}, sort=[("number", 1)], limit=PAGE):
        for row in page:
            if wallets and row["number"] > top:
                break
            rows += 1
            if row["number"] != rows:
                yield f"the ledger has no row {rows}"
                rows = row["number"]
            balance, reserved = balance + row["change"], reserved + row["held"]
            held[row["about"]] = held.get(row["about"], 0) + row["held"]
            told = (row["balance_after"], row["reserved_after"], row["held_after"])
            if told != (balance, reserved, held[row["about"]]) or held[row["about"]] < 0:
                yield f"row {rows} ({row['key']}) does not continue the rows before it"
                balance, reserved, held[row["about"]] = told
            if not held[row["about"]]:
                del held[row["about"]]
        else:
            continue
        break
    if not wallets and rows:
        yield "there is a ledger and no wallet"
    for wallet in wallets:
        if (wallet["balance"], wallet["reserved"], top) != (balance, reserved, rows):
            yield f"the wallet says {wallet['balance']} and {wallet['reserved']} in {top} rows, the ledger {balance} " \
                  f"and {reserved} in {rows}"  # fmt: skip
        if wallet["balance"] + wallet["credit_line"] < 0:
            yield f"the wallet is below its credit line: {wallet['balance']}"


async def _charges(data: TenantStore) -> AsyncIterator[str]:
    """Hold each call that was charged against the ledger's rows about it, and the rows against their calls."""
    after = ""
    while page := await data.select(
        "calls", {"_id": {"$gt": after}, "charge": {"$exists": True}}, sort=[("_id", 1)], limit=PAGE
    ):
        after = page[-1]["_id"]
        rows: dict[str, list[Document]] = {}
        abouts = [f"call:{call['_id']}" for call in page]
        for row in await data.select(LEDGER, {"about": {"$in": abouts}}, sort=[("about", 1), ("number", 1)]):
            rows.setdefault(row["call"], []).append(row)
        for call in page:
            mine, charge = rows.get(call["_id"], []), call["charge"]
            taken = -sum(row["change"] + row["held"] for row in mine)
            short, held = sum(row["short"] for row in mine), sum(row["held"] for row in mine)
            if "settled" in charge and (taken + short, held) != (charge["settled"], 0):
                yield f"call {call['_id']} was settled for {charge['settled']}, the ledger took {taken} of it, " \
                      f"{short} were short and {held} are reserved still"  # fmt: skip
            elif call["ended_at"] is not None and "due" not in call and held:
                yield f"call {call['_id']} is over, and {held} are reserved for it still"


async def _state(services: Services, data: TenantStore) -> AsyncIterator[str]:
    """Hold documents against the fold of their log; what a log that forgets no longer tells of is left out."""
    fold, seen = Fold(), 0
    log = services.store.log
    begun = (await log.extent(data.scope)).oldest

    async def follow() -> None:
        nonlocal seen
        while events := await log.read(data.scope, seen, PAGE):
            for event in events:
                fold.add(orjson.loads(event.json))
            seen = events[-1].seq

    await follow()
    for noun, (collection, render) in _RENDERED.items():
        ids = sorted(fold.state[noun])
        for start in range(0, len(ids), PAGE):
            left = ids[start : start + PAGE]
            for _ in range(TRIES):
                rows = {row["_id"]: row for row in await data.select(collection, {"_id": {"$in": left}})}
                await follow()
                apart = {id: _apart(fold, noun, id, rows.get(id), render, begun > 1) for id in left}
                left = [id for id in left if apart[id]]
                if not left:
                    break
                await data.settle(collection, [rows[id] for id in left if id in rows])
                await asyncio.sleep(PAUSE_S)
            for id in left:
                yield f"{noun} {id} is not as the log tells: {', '.join(apart[id])}"


def _apart(fold: Fold, noun: str, id: str, row: Document | None, render: Any, forgets: bool) -> list[str]:
    """Return the fields in which a document is not what the log tells."""
    told: Mapping[str, Any] = fold.state[noun][id]
    if row is None or row.get("deleted_at") is not None:
        return [] if id in fold.gone else ["it is gone"]
    shown = render(row)
    # With a log that forgets, read marks may be older than what it still has.
    loose = READ_MARKS if forgets and noun == "message" else CALL_FIGURES if noun == "contact" else ()
    return sorted(
        name for name in {*shown, *told} if name not in loose and shown.get(name, told) != told.get(name, shown)
    )
