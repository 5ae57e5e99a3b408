"""The ledger: rows that are only ever added, and the wallet that is their sum, written together.

Every row has a business key (`message:{id}:reserve`), so that what is posted twice is posted once; an answer that did
not come is resolved by reading the key. Rows are numbered by their wallet without holes. What is posted to a wallet at
one moment is one transaction, decided in order: it never takes more than is there, however many processes post.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from jinaconnect.core.billing.purse import Line, Purse
from jinaconnect.core.billing.wallet import CONSUMED, RECHARGE, REFUND, public_id, purse_of, render_wallet, wallet_id
from jinaconnect.core.clock import Clock
from jinaconnect.core.errors import GatewayError, NotFound, Unavailable
from jinaconnect.core.events.event import Event
from jinaconnect.core.ids import Ids
from jinaconnect.store.commit import GroupCommit, Kept
from jinaconnect.store.databases.mongo import Document
from jinaconnect.store.store import Store
from jinaconnect.store.tenant import MAX_PAUSE_S, PAUSE_S, WITHIN_S, Addition, Change, Duplicate, Step, TenantStore

WALLETS, LEDGER = "wallets", "ledger"
AT_ONCE = 200  # postings of one transaction
ABOUT = ("message", "broadcast", "call", "order")  # what a row can be about
LOOKED_AGAIN = 1  # tries at a database that did not answer; whoever posts again later finds out as well
QUEUES = 1_000  # wallets whose queue is kept though it is idle


@dataclass(frozen=True, slots=True)
class Posting:
    """One row to be: its key, what it is `about`, its type, and how it is decided.

    `decide` is given the wallet's state and what is left reserved for the same `about`; it returns None where there is
    nothing to post and raises to refuse. `facts` stand on the row. `steps` and `adding` are written with it, or not at
    all; where a step finds nothing to do the posting is not made. Events of what is added wait for the caller.
    """

    key: str
    about: str
    kind: str
    decide: Callable[[Purse, int], Line | None]
    facts: Mapping[str, Any] = field(default_factory=dict)
    steps: Sequence[Step] = ()
    adding: Sequence[Addition] = ()


@dataclass(frozen=True, slots=True)
class Posted:
    """A row of the ledger (None: there was nothing to post), the documents added with it, and if it is new."""

    row: Document | None
    added: tuple[Document, ...] = ()
    fresh: bool = True


Outcome = Posted | GatewayError


class Ledger:
    """Posts to wallets."""

    def __init__(self, store: Store, ids: Ids, clock: Clock) -> None:
        self._store, self._ids, self._clock = store, ids, clock
        self._queues: Kept[str, GroupCommit[Posting, Posted]] = Kept(self._queue, QUEUES)

    def _queue(self, scope: str) -> GroupCommit[Posting, Posted]:
        async def write(batch: list[Posting]) -> list[Posted | Exception]:
            return await _Round(self._store.within(scope), self._ids, self._clock, batch).run()

        return GroupCommit(write, limit=AT_ONCE)

    async def wallet(self, scope: str) -> Document | None:
        """Return the wallet of a partition, switched on or off; None where it never had one."""
        return await self._store.within(scope).find(WALLETS, wallet_id(scope))

    async def post(self, scope: str, posting: Posting) -> Posted:
        """Post one row; travels with what else is posted to the wallet at the moment.

        Raises what its decision raises, NotFound without a wallet, and Unavailable: then it may have been posted, and
        posting it again finds out.
        """
        return await self._queues.get(scope).put(posting)

    async def rows_about(self, scope: str, about: str) -> list[Document]:
        """Return the rows about one thing in their order."""
        return await self._store.within(scope).select(LEDGER, {"about": about}, sort=[("number", 1)])


class _Round:
    """Postings to one wallet on their way, until each has its outcome."""

    def __init__(self, data: TenantStore, ids: Ids, clock: Clock, batch: Sequence[Posting]) -> None:
        self._data, self._ids, self._clock = data, ids, clock
        self._id = wallet_id(data.scope)
        self._waiting = dict(enumerate(batch))
        self._outcomes: dict[int, Posted | Exception] = {}

    async def run(self) -> list[Posted | Exception]:
        """Post until nothing waits; each outcome at the place of its posting."""
        ends, pause, away = time.monotonic() + WITHIN_S, PAUSE_S, 0
        while self._waiting:
            try:
                if await self._try():
                    continue
            except Duplicate:
                pass  # an earlier try was done: its keys tell
            except Unavailable:  # it may have been done
                away += 1
                if away > LOOKED_AGAIN:
                    raise
            if time.monotonic() > ends:
                raise Unavailable("Too many changes to the same wallet at once.", retry_after=1)
            await asyncio.sleep(random.uniform(0, pause))
            pause = min(2 * pause, MAX_PAUSE_S)
        return [self._outcomes[place] for place in sorted(self._outcomes)]

    def _done(self, place: int, outcome: Posted | Exception) -> None:
        self._outcomes[place] = outcome
        del self._waiting[place]

    async def _try(self) -> bool:
        """Decide and write what waits, all that can go together; False where something has moved meanwhile."""
        wallet = await self._data.get(WALLETS, self._id)
        await self._find_posted()
        rests = await self._rests()
        purse, changed, added, planned = purse_of(wallet), {}, [], []  # type: ignore[var-annotated]
        keys: set[str] = set()
        for place, posting in list(self._waiting.items()):
            touched = {(step.collection, step.id) for step in posting.steps}
            if posting.key in keys or touched & changed.keys():
                continue  # decided once what it meets is written
            try:
                steps = await self._stepped(posting.steps)
                line = None if steps is None else posting.decide(purse, rests.get(posting.about, 0))
            except GatewayError as error:
                self._done(place, error)
                continue
            if line is None or steps is None:
                self._done(place, Posted(None))
                continue
            purse = purse.after(line)
            rests[posting.about] = rests.get(posting.about, 0) + line.held
            keys.add(posting.key)
            changed.update(steps)
            row = self._row(posting, purse, line, rests[posting.about])
            planned.append((place, row, len(posting.adding)))
            added += [Addition(LEDGER, row), *posting.adding]
        if not planned:
            return True
        written = await self._data.write_together(
            [(WALLETS, wallet, self._moved(wallet, purse, [row for _, row, _ in planned])),
             *((collection, before, change) for (collection, _), (before, change) in changed.items())],
            added,
        )  # fmt: skip
        if written is None:
            return False
        docs = written[1 + len(changed) :]
        for place, row, more in planned:
            mine, docs = docs[: 1 + more], docs[1 + more :]
            assert mine[0][1]["_id"] == row["_id"]
            self._done(place, Posted(mine[0][1], tuple(doc for _, doc in mine[1:])))
        await self._data.tell_all([(collection, [doc]) for collection, doc in written[: 1 + len(changed)]])
        return True

    async def _find_posted(self) -> None:
        """Conclude what is in the ledger already, by an earlier try or an earlier request."""
        keys = list({posting.key for posting in self._waiting.values()})
        rows = {row["key"]: row for row in await self._data.select(LEDGER, {"key": {"$in": keys}})}
        for place, posting in list(self._waiting.items()):
            if (row := rows.get(posting.key)) is not None:
                found = [await self._data.find(each.collection, each.doc["_id"]) for each in posting.adding]
                self._done(place, Posted(row, tuple(doc for doc in found if doc is not None), fresh=False))

    async def _rests(self) -> dict[str, int]:
        """Return what is left reserved for what the postings are about: the last row about it says."""
        abouts = list({posting.about for posting in self._waiting.values()})
        last = await asyncio.gather(
            *(self._data.select(LEDGER, {"about": about}, sort=[("number", -1)], limit=1) for about in abouts)
        )
        return {about: rows[0]["held_after"] for about, rows in zip(abouts, last, strict=True) if rows}

    async def _stepped(self, steps: Sequence[Step]) -> dict[tuple[str, str], tuple[Document, Change]] | None:
        """Return each step's document as it is and what becomes of it, None where one has nothing to do."""
        found: dict[tuple[str, str], tuple[Document, Change]] = {}
        for step in steps:
            before = await self._data.find(step.collection, step.id)
            if before is None:
                raise NotFound()
            change = step.decide(before)
            if change is None:
                return None
            found[step.collection, step.id] = (before, change)
        return found

    def _row(self, posting: Posting, purse: Purse, line: Line, rest: int) -> Document:
        id, (noun, subject, *_) = self._ids.new("txn"), [*posting.about.split(":"), ""]
        kind = REFUND if posting.kind in CONSUMED and line.change > 0 else posting.kind
        return {
            "_id": id, "system_transaction_id": public_id(id), "transaction_id": posting.facts.get("transaction_id"),
            "key": posting.key, "about": posting.about, **{name: subject if name == noun else None for name in ABOUT},
            "type": kind, "number": purse.number, "change": line.change, "held": line.held, "short": line.short,
            "held_after": rest, "balance_after": purse.balance, "reserved_after": purse.reserved,
            "amount": posting.facts.get("amount", abs(line.change)), "currency": purse.currency,
            "facts": dict(posting.facts), "created_at": self._clock(),
        }  # fmt: skip

    def _moved(self, wallet: Document, purse: Purse, rows: Sequence[Document]) -> Change:
        """Return what becomes of the wallet, with a notice where it falls below its threshold."""
        fields = {
            "balance": purse.balance, "reserved": purse.reserved, "number": purse.number, "updated_at": self._clock(),
        }  # fmt: skip
        falls = purse.available < wallet["threshold_alert"] <= purse_of(wallet).available
        shown = render_wallet({**wallet, **fields})
        recharges = [row["_id"] for row in rows if row["type"] == RECHARGE][-1:]
        events = [self._event("wallet.recharged", {**shown, "transaction_id": id}) for id in recharges]
        return Change(set=fields, events=[*events, *([self._event("wallet.low_balance", shown)] if falls else [])])

    def _event(self, type: str, data: Mapping[str, Any]) -> Event:
        by = {"type": "system", "id": "ledger"}
        return Event(self._ids.new("evt"), type, self._clock(), by, self._id, data)
