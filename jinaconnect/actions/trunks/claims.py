"""Whose a number is, where trunks of several tenants are at one address.

A carrier that knows its customers by address looks the same to the switch for all of them: which trunk it names says
nothing, and only the number called tells whose a call is. Nobody proves that a number is theirs, so the first to
claim it at an address has it, and a second tenant's claim is refused.
"""

from __future__ import annotations

from collections.abc import Sequence

from jinaconnect.actions.context import Context, OperationContext
from jinaconnect.actions.trunks.hosts import places_of
from jinaconnect.core.errors import Conflict
from jinaconnect.store.databases.mongo import Document

SHOWN = 5


async def check_claims(ctx: OperationContext, trunk: Document, numbers: Sequence[str], field: str) -> None:
    """Raise Conflict on `field` where another tenant has claimed one of the numbers at an address of this trunk."""
    if not numbers or not trunk["hosts"] or trunk["asterisk"] not in ctx.ports.switches.asterisks:
        return  # on the simulated carrier every trunk is by itself
    rivals = await _rivals(ctx, trunk, numbers)
    if not rivals:
        return
    own = await places_of(ctx.services, trunk["hosts"])
    taken = [number for number, hosts in rivals if own.meet(await places_of(ctx.services, hosts))]
    if taken:
        named = ", ".join(list(dict.fromkeys(taken))[:SHOWN])
        text = f"{named}: another organisation has claimed it at this carrier's address"
        raise Conflict({field: [text]}, code="number_taken")


async def _rivals(ctx: Context, trunk: Document, numbers: Sequence[str]) -> list[tuple[str, list[str]]]:
    """Return what other tenants' trunks on the same Asterisk claim of the numbers, with their hosts."""
    store, scope = ctx.services.store, ctx.data.scope
    wanted = {"$in": list(numbers)}
    found: list[tuple[str, list[str]]] = []
    for other in await store.across("trunks", {"from_numbers": wanted, "deleted_at": None}):
        if other["scope"] != scope and other["asterisk"] == trunk["asterisk"]:
            found += [(number, other["hosts"]) for number in numbers if number in other["from_numbers"]]
    rows = [row for row in await store.across("numbers", {"number": wanted}) if row["scope"] != scope]
    for row in rows:
        holder = await store.within(row["scope"]).find("trunks", row["provider_config"])
        if holder is not None and holder["deleted_at"] is None and holder["asterisk"] == trunk["asterisk"]:
            found.append((row["number"], holder["hosts"]))
    return found


async def claimed_by(ctx: Context, trunk: Document) -> list[str]:
    """Return the numbers a trunk claims."""
    rows = await ctx.data.select("numbers", {"provider_config": trunk["_id"]}, fields={"number": 1})
    return list(dict.fromkeys([*trunk["from_numbers"], *(row["number"] for row in rows)]))


def claimant(
    called: str, named: Document, alike: Sequence[Document], rows: Sequence[Document]
) -> Document | None:
    """Return the trunk that claims a number among those at one address, None where none does.

    The oldest claim decides the tenant; of this tenant's trunks the one the switch named comes first. `rows` are the
    `numbers` of that number, of every tenant.
    """
    ids = {each["_id"]: each for each in alike}
    claims = [(row["_id"], ids[row["provider_config"]]) for row in rows if row["provider_config"] in ids]
    claims += [(each["_id"], each) for each in alike if called in each["from_numbers"]]
    if not claims:
        return None
    claims.sort(key=lambda claim: claim[0].partition("_")[2])  # ids are in the order they were made
    own = [trunk for _, trunk in claims if trunk["scope"] == claims[0][1]["scope"]]
    return next((trunk for trunk in own if trunk["_id"] == named["_id"]), own[0])
