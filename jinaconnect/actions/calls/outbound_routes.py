"""Routes of outgoing calls: kept, and asked which provider configs may carry a call, in what order."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from decimal import Decimal
from typing import Any

from jinaconnect.actions.context import Context, Services
from jinaconnect.actions.ports import CallControls, Standing
from jinaconnect.actions.rating.rate_cards import card_for
from jinaconnect.actions.rows import Rows
from jinaconnect.actions.trunks.accounts import own_trunk
from jinaconnect.actions.trunks.health import carrier_standing
from jinaconnect.core.billing.prices import NoExchangeRate
from jinaconnect.core.billing.wallet import CURRENCY
from jinaconnect.core.calls import choosing
from jinaconnect.core.calls.choosing import Decision, Option, Seen
from jinaconnect.core.calls.rating import cost_by, prefixes
from jinaconnect.core.clock import iso
from jinaconnect.core.errors import NotSupported, Unavailable
from jinaconnect.store.databases.mongo import Document
from jinaconnect.telephony.table import row

ROUTES = "outbound_routes"
LOOKED_AT, WITHIN = 3, timedelta(minutes=5)  # a carrier is sick whose last calls of these minutes it failed itself
DEFAULTS: dict[str, Any] = {
    "description": None, "is_active": True, "destination_prefix": "+", "from_number": None, "priority": 0,
    "weight": 100,
}  # fmt: skip
REMOVED, DISABLED, FULL, NO_NUMBER, UNSUPPORTED = "removed", "disabled", "full", "no_number", "unsupported"
OTHER_SWITCH = "other_switch"

Unfit = Callable[[], Awaitable[Mapping[str, str]]]
Stands = Callable[[Document], Awaitable[Standing]]  # how a provider config stands now; raises NotSupported


class NoRoute(Unavailable):
    """None of the routes to a number can carry a call now."""

    code = "no_route"


def render_route(doc: Document) -> dict[str, Any]:
    """Return a route as it is answered."""
    shown = {name: doc[name] for name in DEFAULTS}
    return {
        "id": doc["_id"], "name": doc["name"], "provider_config": doc["provider_config"], **shown,
        "created_at": iso(doc["created_at"]), "updated_at": iso(doc["updated_at"]),
    }  # fmt: skip


KEPT = Rows(collection=ROUTES, id="ort", told="outbound_route", render=render_route, channel="VOICE")


async def create_route(ctx: Context, fields: Mapping[str, Any]) -> dict[str, Any]:
    """Add a route; raises Invalid on `provider_config`."""
    await own_trunk(ctx.data, fields["provider_config"], "provider_config")
    return await KEPT.create(ctx, {**DEFAULTS, **fields})


async def change_route(ctx: Context, id: str, fields: Mapping[str, Any]) -> dict[str, Any]:
    """Change a route; calls that live keep theirs. Raises as `create_route`."""
    await ctx.data.get(ROUTES, id)
    if "provider_config" in fields:
        await own_trunk(ctx.data, fields["provider_config"], "provider_config")
    return await KEPT.change(ctx, id, fields)


async def replace_route(ctx: Context, id: str, fields: Mapping[str, Any]) -> dict[str, Any]:
    """Change a route whole; what is not given takes its default. Raises as `create_route`."""
    return await change_route(ctx, id, {**DEFAULTS, **fields})


# ---- choosing


async def decide(
    ctx: Context, number: str, own: str | None, unfit: Unfit, stands: Stands, *, way: str, detect: bool
) -> Decision | None:
    """Return how a call to a number is routed, None where no route says anything of it; raises NoRoute.

    `own` is the own number that was asked for, `unfit` tells of provider configs why they cannot carry it.
    """
    wanted = {"destination_prefix": {"$in": prefixes(number)}, "is_active": True}
    rows = await ctx.data.select(ROUTES, wanted, sort=[("destination_prefix", -1)])
    options = [
        Option(each["_id"], each["provider_config"], each["destination_prefix"], each["from_number"],
               each["priority"], each["weight"])
        for each in rows
    ]  # fmt: skip
    options = [each for each in options if choosing.matches(each, number, own)]
    if not options:
        return None
    seen: dict[str, Seen] = {}
    wrong = await unfit()
    for each in options:
        if each.provider_config not in seen:
            trunk = await ctx.data.find("trunks", each.provider_config)
            reason = wrong.get(each.provider_config) or await cannot(stands, trunk, own or each.own)
            reason = reason or _unsupported(trunk, way, detect=detect)
            seen[each.provider_config] = await _seen(ctx, trunk, number, reason)
    decision = choosing.choose(number, own, options, seen)
    if not decision.order:
        told = ", ".join(f"{each.option.route}: {each.reason}" for each in decision.skipped)
        raise NoRoute(f"No route to this number can carry the call now ({told}).", retry_after=10)
    return decision


def standing_by(controls: CallControls) -> Stands:
    """Return what asks whatever carries a provider config's calls how it stands."""
    return lambda trunk: controls.over(trunk).standing(trunk)


def standing_on(services: Services, switch: str) -> Stands:
    """Return what tells how the trunks of a connected switch stand; no other carries a call that has a leg there."""

    async def stands(trunk: Document) -> Standing:
        if trunk["asterisk"] is None:
            raise NotSupported("A telephone of ours is not connected by an HTTP voice carrier.")
        if trunk["asterisk"] != switch:
            return Standing(False, OTHER_SWITCH, "The trunk is on another switch than the telephone.")
        return await carrier_standing(services, trunk)

    return stands


async def cannot(stands: Stands, trunk: Document | None, own: str | None) -> str | None:
    """Return why a provider config cannot carry a call at the moment, None where it can."""
    if trunk is None or trunk["deleted_at"] is not None:
        return REMOVED
    if not trunk["enabled"]:
        return DISABLED
    if own is None and not trunk["from_numbers"]:
        return NO_NUMBER
    try:
        standing = await stands(trunk)
    except NotSupported:
        return UNSUPPORTED
    return None if standing.ready else standing.code


def _unsupported(trunk: Document | None, way: str, *, detect: bool) -> str | None:
    if trunk is None:
        return REMOVED
    spec = row(trunk["provider"]).spec
    can = (spec.ways is None or way in spec.ways) and (spec.detects or not detect)
    return None if can else UNSUPPORTED


async def _seen(ctx: Context, trunk: Document | None, number: str, reason: str | None) -> Seen:
    if reason is not None or trunk is None:
        return Seen(reason or REMOVED)
    return Seen(None, await _sick(ctx, trunk), await _price(ctx, trunk, number), random.random())


async def _sick(ctx: Context, trunk: Document) -> bool:
    """Tell whether all of the last calls over a provider config failed on its carrier's side."""
    wanted = {"provider_config": trunk["_id"], "ended_at": {"$gt": ctx.now() - WITHIN}}
    fields = {"hangup_cause": 1, "sip_code": 1, "started_at": 1}
    rows = await ctx.data.select("calls", wanted, sort=[("ended_at", -1)], limit=LOOKED_AT, fields=fields)
    return len(rows) == LOOKED_AT and all(
        choosing.fails_over(each["hangup_cause"], each["sip_code"], answered=each["started_at"] is not None)
        for each in rows
    )


async def _price(ctx: Context, trunk: Document, number: str) -> Decimal | None:
    card = await card_for(ctx.data, trunk, number, ctx.now())
    if card is None:
        return None
    try:
        worth = ctx.services.wallets.prices.exchange(card.currency, CURRENCY, ctx.now().date())
    except NoExchangeRate:
        return None
    return cost_by(card, 60).amount * worth


def left_of(decision: Decision, own: str | None) -> dict[str, Any]:
    """Return the routes that are left after the first, as a call keeps them; `own` is the number it was asked for."""
    return {"left": [
        {"provider_config": each.provider_config, "route": each.route, "own": own or each.own}
        for each in decision.order[1:]
    ]}  # fmt: skip


def render_decision(decision: Decision) -> dict[str, Any]:
    """Return a decision as it is told: what was chosen, what else may be tried, what was passed over and why."""
    first = decision.order[0]
    return {
        "provider_config": first.provider_config, "route": first.route,
        "candidates": [
            {"provider_config": each.provider_config, "route": each.route, "destination_prefix": each.prefix}
            for each in decision.order
        ],
        "skipped": [
            {"provider_config": each.option.provider_config, "route": each.option.route, "reason": each.reason}
            for each in decision.skipped
        ],
    }  # fmt: skip
