"""What a broadcast costs: reserved when it is planned, settled batch by batch, the rest given back at its end.

Each time a broadcast is begun anew is a round with a reservation of its own. What a batch has cost is posted before its
rows are written, once, by the batch's own name: a cut in between charges nobody twice.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from jinaconnect.actions.broadcasts.outcomes import Asked
from jinaconnect.actions.broadcasts.telling import changed
from jinaconnect.actions.context import Context
from jinaconnect.channels.base import Refused
from jinaconnect.core.billing.money import shown
from jinaconnect.core.broadcasts import states
from jinaconnect.store.databases.mongo import Document
from jinaconnect.store.tenant import Change


def _about(broadcast: Document, round: int | None = None) -> str:
    return f"broadcast:{broadcast['_id']}:{broadcast['round'] if round is None else round}"


async def reserve_all(ctx: Context, broadcast: Document) -> Document:
    """Reserve what the recipients who are left will cost; returns the broadcast. Raises InsufficientBalance.

    What a round before has left is given back first.
    """
    amount = 0
    if await ctx.services.wallets.of(ctx.data.scope) is not None:
        if broadcast["round"]:
            await ctx.services.wallets.refund(ctx.data.scope, _about(broadcast, broadcast["round"] - 1))
        left = {"broadcast": broadcast["_id"], "status": states.PENDING}
        total = await ctx.data.aggregate(
            "broadcast_rows", [{"$match": left}, {"$group": {"_id": None, "sum": {"$sum": "$price"}}}]
        )
        amount = int(total[0]["sum"]) if total else 0
        if amount:
            facts = {"description": broadcast["name"]}
            await ctx.services.wallets.reserve(ctx.data.scope, _about(broadcast), amount, facts=facts)

    def decide(doc: Document) -> Change:
        if not amount:
            return Change(set={"reserved": True, "updated_at": doc["updated_at"]})
        return changed(ctx, "broadcast.updated", doc, reserved=True, initial_cost=shown(amount))

    return (await ctx.data.change("broadcasts", broadcast["_id"], decide)).doc


async def settle_batches(ctx: Context, broadcast: Document, asked: Sequence[Asked]) -> None:
    """Take what recipients have cost out of the reservation; who is tried again keeps theirs."""
    if not any(each.row.get("price") for each in asked):
        return
    batches: dict[str, list[Asked]] = defaultdict(list)
    for each in asked:
        batches[each.row["batch"]].append(each)
    for name, members in batches.items():
        ended = [each for each in members if not (isinstance(each.outcome, Refused) and each.tried_again)]
        cost = sum(each.row["price"] for each in ended if not isinstance(each.outcome, Refused))
        held = sum(each.row["price"] for each in ended)
        await ctx.services.wallets.settle(ctx.data.scope, _about(broadcast), cost, part=name, held=held)


async def give_back_rest(ctx: Context, broadcast: Document) -> None:
    """Give back what is left of the reservation of a broadcast that sends no more."""
    if broadcast["reserved"] and await ctx.services.wallets.of(ctx.data.scope) is not None:
        await ctx.services.wallets.refund(ctx.data.scope, _about(broadcast))
