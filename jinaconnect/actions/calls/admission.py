"""Letting a call into the store: within its trunk's cap, with its contact, its consent and its first event."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import Any

from jinaconnect.actions.billing.calls import CallQuote, give_back_unplaced, set_aside
from jinaconnect.actions.calls.consents import may_record
from jinaconnect.actions.calls.journal import CallJournal, Tell, created_event
from jinaconnect.actions.contacts.addressing import contact_for
from jinaconnect.actions.context import Context
from jinaconnect.actions.worker import Worker
from jinaconnect.core.calls import machine
from jinaconnect.core.errors import Throttled
from jinaconnect.core.events.event import ASSIGNEE, CONTACT, Event
from jinaconnect.core.inbox.address import PHONE, Address
from jinaconnect.core.rules.place import place_of, place_of_number
from jinaconnect.core.rules.recording import all_party_rule
from jinaconnect.core.schema import e164
from jinaconnect.store.databases.mongo import Document
from jinaconnect.store.tenant import Duplicate, Written

LOOK_AGAIN = 3  # slots that were taken meanwhile, before the free ones are read anew
CAP_RETRY_S = 5.0


class TooManyCalls(Throttled):
    """The trunk carries as many calls as it may."""

    code = "too_many_calls"


async def caller_contact(ctx: Context, number: str) -> Document | None:
    """Return the contact of a phone number, made where there is none; None for a number that is withheld."""
    try:
        phone = e164(number)
    except ValueError:
        return None
    found = await contact_for(ctx, Address(PHONE, phone), "VOICE", first_name=phone)
    return None if found is None else found.doc


async def consent(ctx: Context, app: Document, contact: Document | None, *, theirs: str, own: str) -> bool:
    """Tell whether a call between their number and one of ours may be recorded; `app` is the tenant's voice app.

    The stricter of both ends decides: a contact is where their attributes say, else their number.
    """
    ends = (place_of({**(contact or {}), "phone": theirs}), place_of_number(own))
    by_law = all_party_rule(ends, ctx.now().date()) is not None
    return (await may_record(ctx.data, app, None if contact is None else contact["_id"], by_law=by_law)).allowed


def belongs(contact: Document | None) -> dict[str, Any]:
    """Return the fields of a call that say whose it is."""
    if contact is None:
        return {"contact": None, "seen": {CONTACT: False, ASSIGNEE: None}}
    return {"contact": contact["_id"], "seen": {CONTACT: True, ASSIGNEE: contact.get("assigned_to_user")}}


def opened(
    ctx: Context, worker: Worker, doc: dict[str, Any], *, source: str, actor: Mapping[str, str] | None = None,
    facts: Sequence[machine.Fact] = (), tell: Sequence[Tell] = (),
) -> tuple[dict[str, Any], list[Event]]:  # fmt: skip
    """Return a call as it is stored with `call.created`, the events of what is known of it and those it is to tell."""
    created = created_event(
        ctx.ids.new("evt"), doc, at=ctx.now(), actor=actor or ctx.principal.actor(), source=source
    )  # fmt: skip
    doc = {**doc, "places": 1, "events": 1}
    if not (facts or tell):
        return doc, [created]
    fields, told = CallJournal(ctx.services, worker, {**doc, "scope": ctx.data.scope}, keeper=0).begun(facts, tell)
    return {**doc, **fields}, [created, *told]


async def let_in(
    ctx: Context, worker: Worker, trunk: Document, doc: dict[str, Any], *, source: str,
    actor: Mapping[str, str] | None = None, facts: Sequence[machine.Fact] = (), tell: Sequence[Tell] = (),
) -> Written:  # fmt: skip
    """Store a call with its first events (see `opened`), in a slot of its trunk; raises TooManyCalls."""
    doc, events = opened(ctx, worker, doc, source=source, actor=actor, facts=facts, tell=tell)
    return await in_slot(ctx, trunk, doc, events)


async def in_slot(
    ctx: Context, trunk: Document, doc: dict[str, Any], events: Sequence[Event], *,
    thought_free: list[int] | None = None, tell: bool = True,
) -> Written:  # fmt: skip
    """Store a call in one of its trunk's slots; raises TooManyCalls where a count finds no free one.

    A slot is a number below the cap under a unique index, held by a live call and given up in the write that ends it.
    What is counted is the calls themselves, so the count cannot drift. One of those `thought_free` is tried before they
    are counted, and is taken off the list.
    """
    cap = trunk["max_concurrent_calls"]
    if cap <= 0:
        return await ctx.data.insert("calls", doc, events, tell=tell)
    tries = [thought_free.pop(random.randrange(len(thought_free)))] if thought_free else await _some_free(ctx, trunk)
    while tries:
        for slot in tries:
            try:
                return await ctx.data.insert("calls", {**doc, "slot": slot}, events, tell=tell)
            except Duplicate as duplicate:
                if "slot" not in duplicate.index:
                    raise
        tries = await _some_free(ctx, trunk)
    raise TooManyCalls(f"The trunk carries {cap} calls at once, and all are in use.", retry_after=CAP_RETRY_S)


async def _some_free(ctx: Context, trunk: Document) -> list[int]:
    """Return a few free slots: many calls begin at one moment, and were all to try one, all but one would try again."""
    free = await free_slots(ctx, trunk["_id"], trunk["max_concurrent_calls"])
    return random.sample(free, min(len(free), LOOK_AGAIN))


async def let_in_paid(
    ctx: Context, worker: Worker, trunk: Document, doc: dict[str, Any], quoted: CallQuote | None, *, source: str,
    actor: Mapping[str, str] | None = None, tell: Sequence[Tell] = (),
) -> Written:  # fmt: skip
    """Store a call that is to be dialled, once what was quoted is set aside for it.

    Raises InsufficientBalance, TooManyCalls.
    """
    if quoted is None:
        return await let_in(ctx, worker, trunk, doc, source=source, actor=actor, tell=tell)
    charge = await set_aside(ctx, worker, doc["_id"], quoted, f"{doc['from_number']} → {doc['to_number']}")
    try:
        return await let_in(ctx, worker, trunk, {**doc, "charge": charge}, source=source, actor=actor, tell=tell)
    except TooManyCalls:
        await give_back_unplaced(ctx.services, ctx.data.scope, doc["_id"])
        raise


async def free_slots(ctx: Context, trunk: str, cap: int) -> list[int]:
    """Return the slots of a trunk with a cap that may be taken now, in order."""
    rows = await ctx.data.select(
        "calls", {"provider_config": trunk, "slot": {"$type": "number"}}, fields={"slot": 1}
    )
    taken = {row["slot"] for row in rows}
    # A cap that was lowered leaves calls above it: they count, so fewer of the free ones may be taken.
    return [slot for slot in range(cap) if slot not in taken][: max(0, cap - len(taken))]
