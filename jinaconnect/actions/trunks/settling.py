"""Whose a number is, settled by the deployment's operator.

Nobody proves a claim to the gateway: the first at a carrier's address has the number, and a second organisation's claim
is refused. Where the first is wrong, the operator, who can ask the carrier, takes the number off it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from jinaconnect.actions.context import Context, Services, system_context
from jinaconnect.actions.trunks.accounts import render_number, render_trunk
from jinaconnect.core.principal import parse_scope
from jinaconnect.store.databases.mongo import Document
from jinaconnect.store.tenant import Change, Leaving, Step


@dataclass(frozen=True, slots=True)
class NumberClaim:
    """An organisation's claim on a number: by a row of its own (`number`), or by its trunk's `from_numbers`."""

    tenant: str
    scope: str
    trunk: str
    since: datetime
    number: Document | None = None


async def claims_of(services: Services, number: str) -> list[NumberClaim]:
    """Return every claim on a number, the oldest first: the one that counts where trunks are at one address."""
    found = [
        NumberClaim(parse_scope(row["scope"])[0], row["scope"], row["provider_config"], row["created_at"], row)
        for row in await services.store.across("numbers", {"number": number})
    ]
    found += [
        NumberClaim(parse_scope(row["scope"])[0], row["scope"], row["_id"], row["created_at"])
        for row in await services.store.across("trunks", {"from_numbers": number, "deleted_at": None})
    ]
    return sorted(found, key=lambda claim: claim.since)


async def release_number(services: Services, number: str, tenant: str) -> int:
    """Take a number off an organisation, which is told; returns how many claims it had.

    The owner of its Asterisk reads the change with the next ones, within some seconds.
    """
    claims = [claim for claim in await claims_of(services, number) if claim.tenant == tenant]
    for claim in claims:
        ctx = system_context(services, claim.scope, "operator")
        if claim.number is not None:
            told = ctx.event("number.deleted", claim.number["_id"], render_number(claim.number), channel="VOICE")
            await ctx.data.change_together([], [Leaving("numbers", claim.number["_id"], told)])
        else:
            await _without(ctx, claim.trunk, number)
    return len(claims)


async def _without(ctx: Context, trunk: str, number: str) -> None:
    """Have a trunk call from a number no more."""
    now, event_id = ctx.now(), ctx.ids.new("evt")

    def decide(doc: Document) -> Change:
        changes = {"from_numbers": [each for each in doc["from_numbers"] if each != number], "updated_at": now}
        told = ctx.event("trunk.updated", trunk, render_trunk({**doc, **changes}), id=event_id, channel="VOICE")
        return Change(set=changes, events=[told])

    await ctx.data.change_together([Step("trunks", trunk, decide)])
