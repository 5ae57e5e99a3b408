"""The second calls of a hosted call: those its carrier dials when it is transferred, known by what the first is told.

What is known of them stands in the first call, written with the step that dialled them; `bring` makes their own rows
agree with it, however often it is asked to, so that a crash in between leaves nothing out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from jinaconnect.actions.calls.journal import CallJournal
from jinaconnect.actions.calls.second import second_call
from jinaconnect.actions.context import Services
from jinaconnect.actions.rating.provider_prices import REPORTED, note_price
from jinaconnect.actions.worker import Worker
from jinaconnect.core.calls import causes, machine
from jinaconnect.core.calls import document as calls
from jinaconnect.core.ivr import exchange
from jinaconnect.core.ivr import machine as ivr
from jinaconnect.core.ivr.exchange import Order, Report
from jinaconnect.store.databases.mongo import Document
from jinaconnect.store.due import due_at
from jinaconnect.telephony.provider import LegTold

SLACK = timedelta(minutes=5)  # beyond the first call's own limits: it ends its second when it ends

Rows = list[dict[str, Any]]


def after(call: Document, id: str, reports: Sequence[Report], orders: Sequence[Order]) -> dict[str, Rows]:
    """Return the field of a call that says which it has dialled, after a step; `id` is for one that is dialled now."""
    rows: Rows = [dict(row) for row in call["hosted"].get("seconds", ())]
    held = call["ivr"]
    if rows and held is not None and held["state"]["phase"] == ivr.TRANSFER:
        done = next((each for each in reports if isinstance(each, exchange.TransferDone)), exchange.TransferDone(False))
        rows[-1]["end"] = {"answered": done.answered, "talk_seconds": done.talk_seconds}
    rows += [{"id": id, "to": each.to, "end": None} for each in orders if isinstance(each, exchange.StartTransfer)]
    return {"hosted.seconds": rows} if rows else {}


def connected(call: Document, reports: Sequence[Report], now: datetime) -> list[machine.Fact]:
    """Return that both have heard each other, where the end of a transfer is the first to tell."""
    rows, held = call["hosted"].get("seconds", ()), call["ivr"]
    done = next((each for each in reports if isinstance(each, exchange.TransferDone)), None)
    if done is None or not done.answered or not rows or held is None or held["state"]["phase"] != ivr.TRANSFER:
        return []
    return [machine.Bridged(now - timedelta(seconds=done.talk_seconds or 0), True, peer=rows[-1]["id"])]


async def heard(services: Services, worker: Worker, journal: CallJournal, number: int, told: LegTold | None) -> None:
    """Write what is told of the leg of the transfer that is turn `number`; of one that is over nothing is taken."""
    held = journal.doc["ivr"]
    if told is None or held is None or calls.ended(journal.doc):
        return
    rows = journal.doc["hosted"].get("seconds", ())
    if number != held["state"]["turn"] or held["state"]["phase"] != ivr.TRANSFER or not rows:
        return
    await bring(services, worker, journal.doc)  # one whose dialling was cut off after it was written
    second = await journal.store.get("calls", rows[-1]["id"])
    child = CallJournal(services, worker, second, keeper=0)
    unnamed = second["provider_call_id"].endswith(f"/{second['_id']}") and told.id
    await child.write(*told.facts, set={"provider_call_id": told.id} if unnamed else None)
    if told.price is not None:
        await note_price(services, worker, child.doc, told.price, REPORTED)
    if any(isinstance(each, machine.Answered) for each in told.facts):
        await journal.write(machine.Bridged(services.clock(), peer=second["_id"]))


async def bring(services: Services, worker: Worker, call: Document) -> None:
    """Have a call's second calls be as it says they are."""
    for row in call["hosted"].get("seconds", ()):
        await _bring_one(services, worker, call, row)


async def _bring_one(services: Services, worker: Worker, call: Document, row: Mapping[str, Any]) -> None:
    store, now = services.store.within(call["scope"]), services.clock()
    child = await store.find("calls", row["id"])
    if child is None:
        limit = timedelta(seconds=call["timeout_s"] + call["max_duration_s"]) + SLACK
        await second_call(
            services, call, row["to"], id=row["id"], provider_call_id=f"{call['provider_call_id']}/{row['id']}",
            hosted={**calls.hosted(call["hosted"]["provider"]), "asked": now}, due=due_at(now + limit),
        )  # fmt: skip
        child = await store.get("calls", row["id"])
        await CallJournal(services, worker, child, keeper=0).write(machine.Dialing(now))
    over, end = calls.ended(call), row["end"]
    if (end is None and not over) or calls.ended(child):
        return
    answered = end is not None and end["answered"]
    ended = machine.Hangup(
        now, cause=causes.NORMAL_CLEARING if answered or end is None else causes.NO_ANSWER, answered=answered,
        talk_seconds=None if end is None else end["talk_seconds"],
    )  # fmt: skip
    await CallJournal(services, worker, child, keeper=0).write(ended)
