"""What a broadcast costs: reserved when it is queued, by its audience then, brought to what its recipients cost when it
is planned, settled batch by batch, the rest given back at its end.

Each time a broadcast is begun anew is a round with a reservation of its own. What a batch has cost is posted before its
rows are written, once, by the batch's own name: a cut in between charges nobody twice.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from jinaconnect.actions.broadcasts.outcomes import Asked
from jinaconnect.actions.broadcasts.telling import changed
from jinaconnect.actions.context import Context
from jinaconnect.channels.base import Refused
from jinaconnect.core.billing.money import shown
from jinaconnect.core.billing.purse import InsufficientBalance, Purse
from jinaconnect.core.billing.wallet import REFUND, purse_of
from jinaconnect.core.broadcasts import states
from jinaconnect.core.broadcasts.document import COST_FROM, Spent
from jinaconnect.core.clock import iso
from jinaconnect.core.events.event import Event
from jinaconnect.store.billing.ledger import LEDGER
from jinaconnect.store.billing.wallets import CORRECTED
from jinaconnect.store.databases.mongo import Document
from jinaconnect.store.tenant import Addition, Change, Decide, Step, Written

AT_ONCE = 500
BALANCE = "balance"  # what a broadcast is refused for that a wallet does not cover


def _about(broadcast: Document, round: int | None = None) -> str:
    return f"broadcast:{broadcast['_id']}:{broadcast['round'] if round is None else round}"


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a broadcast will cost by its audience now; `wallet` is None where nobody is charged.

    It is reserved unless each recipient is `charged_apart`, as calls are when they end.
    """

    amount: int
    recipients: int
    wallet: Document | None
    charged_apart: bool = False

    @property
    def reserved(self) -> int:
        """What is taken aside for it."""
        return 0 if self.charged_apart else self.amount

    def covered(self, held: int = 0) -> None:
        """Raise InsufficientBalance where the wallet does not cover it with what is `held` for it already."""
        if self.wallet is not None and self.amount > held + (purse := purse_of(self.wallet)).available:
            raise self._short(purse)

    def _short(self, purse: Purse) -> InsufficientBalance:
        price = shown(self.amount // self.recipients) if self.recipients else 0.0
        return InsufficientBalance(
            purse, self.amount, recipient_count=self.recipients, price_per_message=price
        ).on(BALANCE)

    def warnings(self, held: int = 0) -> list[dict[str, Any]]:
        """Return what is to be warned of: that little is left."""
        if self.wallet is None:
            return []
        available, threshold = purse_of(self.wallet).available + held, self.wallet["threshold_alert"]
        left = available - self.amount
        if left >= threshold:
            return []
        details = {
            "available_balance": shown(available), "estimated_cost": shown(self.amount),
            "balance_after_broadcast": shown(left), "threshold": shown(threshold), "currency": self.wallet["currency"],
        }  # fmt: skip
        return [{"type": "LOW_BALANCE", "message": "Little will be left when this is sent.", "details": details}]


async def queue_new(ctx: Context, estimate: Estimate, doc: Document, event: Event) -> Document:
    """Write a broadcast that is queued, and reserve what it will cost: both or neither. Raises InsufficientBalance."""
    if estimate.wallet is None or not estimate.reserved:
        return ctx.wrote(await ctx.data.insert("broadcasts", doc, [event]))
    with _named():
        posted = await ctx.services.wallets.hold(
            ctx.data.scope, _about(doc), estimate.reserved, "queue", facts=_facts(doc, estimate.recipients),
            adding=[Addition("broadcasts", doc, [event])],
        )  # fmt: skip
    written = posted.added[0]
    seqs = await ctx.data.tell("broadcasts", [written])
    return ctx.wrote(Written(written, seqs.get(written["_id"]), ctx.data.scope))


async def queue_changed(ctx: Context, amount: int, held: int, doc: Document, decide: Decide) -> Document:
    """Change a broadcast and what is reserved for it: both or neither. Raises InsufficientBalance, what decide raises.

    `doc` is the broadcast as it will be, `held` what is reserved for it now.
    """
    given_back = doc["status"] == states.CANCELLED  # or is about to be, by whoever has it
    if given_back or not (amount or held) or await ctx.services.wallets.ledger.wallet(ctx.data.scope) is None:
        return ctx.wrote(await ctx.data.change("broadcasts", doc["_id"], decide))
    part = f"queue:{doc['rev']}"
    with _named():
        await ctx.services.wallets.hold(
            ctx.data.scope, _about(doc), amount, part, facts=_facts(doc, doc["audience"]),
            steps=[Step("broadcasts", doc["_id"], decide)],
        )  # fmt: skip
    return await ctx.data.get("broadcasts", doc["_id"])


@contextmanager
def _named() -> Iterator[None]:
    """Have a wallet that does not cover a broadcast told as what is wrong with it."""
    try:
        yield
    except InsufficientBalance as error:
        raise error.on(BALANCE) from None


def _facts(doc: Document, recipients: int) -> dict[str, Any]:
    """Return what the ledger keeps of a broadcast, as it is at this moment."""
    scheduled = doc["scheduled_time"]
    return {
        "description": doc["name"], "broadcast_name": doc["name"], "broadcast_status": doc["status"],
        "broadcast_platform": doc["platform"], "broadcast_recipient_count": recipients,
        "broadcast_scheduled_time": None if scheduled is None else iso(scheduled),
    }  # fmt: skip


async def spent_on(ctx: Context, broadcast: Document) -> Spent | None:
    """Return what the ledger says of a broadcast; None where nothing was reserved for it, or it may not be seen.

    Of one with very many rows in the ledger it may be some seconds old.
    """
    if broadcast["initial_cost"] is None or ctx.principal.priority < COST_FROM:
        return None
    held = {"$regexMatch": {"input": "$key", "regex": ":hold:"}}
    back = {"$and": [{"$eq": ["$type", REFUND]}, {"$not": held}]}
    dearer = {"$and": [{"$regexMatch": {"input": "$key", "regex": f"{CORRECTED}$"}}, {"$lt": ["$change", 0]}]}
    sums = {
        "_id": "$currency",
        "reserved": {"$sum": {"$cond": [{"$or": [held, dearer]}, {"$subtract": [0, "$change"]}, 0]}},
        "returned": {"$sum": {"$cond": [back, "$change", 0]}},
    }  # fmt: skip
    groups, _ = await ctx.data.figures(LEDGER, {"broadcast": broadcast["_id"]}, [{"$group": sums}])
    if not groups or not groups[0]["reserved"]:
        return None
    return Spent(groups[0]["reserved"], groups[0]["returned"], groups[0]["_id"])


async def reserve_all(ctx: Context, broadcast: Document) -> Document:
    """Reserve what the recipients who are left will cost; returns the broadcast. Raises InsufficientBalance.

    What a round before has left is given back first. Who was planned before the wallet was switched on costs nothing,
    nor does who is left once it is off.
    """
    amount, wallets, scope = 0, ctx.services.wallets, ctx.data.scope
    wallet = await wallets.ledger.wallet(scope)
    if wallet is not None:
        if broadcast["round"]:
            await wallets.refund(scope, _about(broadcast, broadcast["round"] - 1))
        left = {"broadcast": broadcast["_id"], "status": states.PENDING, "held_by": None}
        total = await ctx.data.aggregate(
            "broadcast_rows", [{"$match": left}, {"$group": {"_id": None, "sum": {"$sum": "$price"}, "n": {"$sum": 1}}}]
        )
        amount = int(total[0]["sum"]) if total else 0
        if amount and not wallet["is_on"]:
            await _let_off(ctx, left)
            amount = 0
        if amount or broadcast.get("queued_cost"):
            facts = _facts(broadcast, int(total[0]["n"]) if total else 0)
            await wallets.hold(scope, _about(broadcast), amount, "plan", facts=facts)

    def decide(doc: Document) -> Change:
        if not amount:
            return Change(set={"reserved": True, "updated_at": doc["updated_at"]})
        return changed(ctx, "broadcast.updated", doc, reserved=True, initial_cost=shown(amount))

    return (await ctx.data.change("broadcasts", broadcast["_id"], decide)).doc


async def _let_off(ctx: Context, left: dict[str, Any]) -> None:
    """Have recipients cost nothing for whom nothing is reserved any more."""
    after = ""
    while rows := await ctx.data.select(
        "broadcast_rows", {**left, "_id": {"$gt": after}}, sort=[("_id", 1)], limit=AT_ONCE, fields={"_id": 1}
    ):
        after = rows[-1]["_id"]
        await ctx.data.change_alike("broadcast_rows", [row["_id"] for row in rows], left, {"price": None})


async def settle_batches(ctx: Context, broadcast: Document, asked: Sequence[Asked]) -> None:
    """Take what recipients have cost out of the reservation; who is tried again keeps theirs."""
    if not any(each.row.get("price") for each in asked):
        return
    batches: dict[str, list[Asked]] = defaultdict(list)
    for each in asked:
        batches[each.row["batch"]].append(each)
    for name, members in batches.items():
        over = [each for each in members if not (isinstance(each.outcome, Refused) and each.tried_again)]
        for each in over:
            if each.row.get("held_by") is not None:
                cost = 0 if isinstance(each.outcome, Refused) else each.row["price"]
                await ctx.services.wallets.settle(ctx.data.scope, each.row["held_by"], cost)
        ended = [each for each in over if each.row.get("held_by") is None]
        cost = sum(each.row["price"] or 0 for each in ended if not isinstance(each.outcome, Refused))
        held = sum(each.row["price"] or 0 for each in ended)
        await ctx.services.wallets.settle(ctx.data.scope, _about(broadcast), cost, part=name, held=held)


async def charged_unasked(
    ctx: Context, broadcast: Document, asked: Sequence[Asked], left: Sequence[Document]
) -> set[str]:
    """Return the rows of a batch, settled by another process as unknown, who have cost though the carrier took nothing.

    They are refused, or `left` unasked.
    """
    refused = [each.row for each in asked if isinstance(each.outcome, Refused)]
    cost = sum(each.row["price"] or 0 for each in asked if not isinstance(each.outcome, Refused))
    charged = set()
    for row in (*refused, *left):
        own = row.get("held_by")
        key = f"{_about(broadcast)}:settle:{row['batch']}" if own is None else f"{own}:settle"
        posted = await ctx.data.find_one(LEDGER, {"key": key})
        taken = 0 if posted is None else -(posted["change"] + posted["held"])
        if taken > (cost if own is None else 0):
            charged.add(row["_id"])
    return charged


async def give_back_rest(ctx: Context, broadcast: Document) -> None:
    """Give back what is left of the reservation of a broadcast that sends no more.

    Who waits for the carrier's hours has a reservation of their own; those of a cancelled one wait for nothing.
    """
    holds = broadcast["reserved"] or broadcast.get("queued_cost")
    if holds and await ctx.services.wallets.ledger.wallet(ctx.data.scope) is not None:
        await ctx.services.wallets.refund(ctx.data.scope, _about(broadcast))
    after = ""
    while broadcast["status"] == states.CANCELLED and broadcast.get("deferred"):
        waiting = {
            "broadcast": broadcast["_id"], "status": states.PENDING, "held_by": {"$ne": None}, "_id": {"$gt": after},
        }  # fmt: skip
        rows = await ctx.data.select("broadcast_rows", waiting, sort=[("_id", 1)], limit=AT_ONCE)
        if not rows:
            return
        for row in rows:
            await ctx.services.wallets.refund(ctx.data.scope, row["held_by"])
        after = rows[-1]["_id"]
