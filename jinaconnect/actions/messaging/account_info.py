"""What a carrier tells of an account: when asked, its quality, how many it may write to, what is wrong; by itself, its
state, an alert, an error, which are kept on the account and told.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import orjson

from jinaconnect.actions.context import Context, OperationContext
from jinaconnect.channels.abilities import TellsAccount
from jinaconnect.channels.facts import AccountReport
from jinaconnect.core.clock import iso, iso_or_none
from jinaconnect.core.errors import CarrierFailed, InvalidState, NotFound, NotSupported, Throttled
from jinaconnect.core.lenient import storable
from jinaconnect.outbound import OutboundError
from jinaconnect.store.databases.mongo import Document
from jinaconnect.store.tenant import Change

MAX_DETAILS = 16 * 1024
EVERY = timedelta(seconds=30)  # how often a carrier is asked of one account
UNKNOWN: Mapping[str, Any] = {
    "account_status": "UNKNOWN", "docker_status": "UNKNOWN", "messaging_limit": "TIER_NOT_SET",
    "mm_lite_status": None, "ownership_type": None, "phone_quality": "UNKNOWN", "throughput": None,
    "verified_name": None, "can_send_message": None, "errors": [], "additional_info": [],
}  # fmt: skip


def render_info(doc: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is known of an account."""
    held = doc.get("info") or {}
    told = {name: held.get(name) or default for name, default in UNKNOWN.items()}
    return {
        "id": doc["_id"], "wa_app": doc["_id"], "wa_app_name": doc["app_name"], "wa_app_number": doc["phone_number"],
        **told, "phone": held.get("phone") or doc["phone_number"] or None,
        "waba_id": held.get("waba_id") or doc.get("waba_id"), "last_synced_at": iso_or_none(held.get("synced_at")),
        "last_sync_error": held.get("error"),
    }  # fmt: skip


async def sync_info(ctx: OperationContext, doc: Document) -> dict[str, Any]:
    """Ask an account's carrier for it and keep what it tells, or why it told nothing.

    Raises InvalidState for an account that is off, NotSupported, Throttled, CarrierFailed.
    """
    if not doc["is_active"]:
        raise InvalidState("The app is not active.")
    account, now = ctx.ports.accounts.open(doc), ctx.now()
    channel = ctx.ports.channels[account.channel]
    if not isinstance(channel, TellsAccount):
        raise NotSupported("The provider tells nothing of an app.")
    asked = (doc.get("info") or {}).get("asked_at")
    if asked is not None and now - asked < EVERY:
        raise Throttled("The provider was asked a moment ago.", retry_after=(EVERY - (now - asked)).total_seconds())
    held = {**(doc.get("info") or {}), "asked_at": now}
    try:
        told = await channel.account_info(account)
    except (CarrierFailed, OutboundError) as error:
        await _keep(ctx, doc["_id"], {**held, "error": str(error)[:500]})
        raise CarrierFailed(f"The provider told nothing of the app: {error}") from error
    return render_info(await _keep(ctx, doc["_id"], {**held, **told, "synced_at": now, "error": None}))


async def _keep(ctx: OperationContext, id: str, info: Mapping[str, Any]) -> Document:
    tier = {"tier": info["messaging_limit"]} if info.get("messaging_limit") else {}

    def decide(doc: Document) -> Change:
        return Change(set={"info": dict(info), **tier, "updated_at": doc["updated_at"]})

    return ctx.wrote(await ctx.data.change("apps", id, decide))


async def apply_account_report(ctx: Context, account: str, fact: AccountReport, platform: str) -> None:
    """Keep the carrier's word on an account and tell it; what was told last is not told again."""
    details: Any = storable(fact.details)
    if len(orjson.dumps(details)) > MAX_DETAILS:
        details = {"cut": orjson.dumps(details)[:MAX_DETAILS].decode("utf-8", "ignore")}
    state = {"kind": fact.kind, "event": fact.event, "details": details, "told_at": iso(ctx.now())}
    event = ctx.event("account.reported", account, {"account": account, **state}, channel=platform)

    def decide(doc: Document) -> Change | None:
        held = {**(doc.get("carrier_state") or {}), "told_at": state["told_at"]}
        if held == state:
            return None
        return Change(set={"carrier_state": state, "updated_at": doc["updated_at"]}, events=[event])

    with contextlib.suppress(NotFound):
        await ctx.data.change("apps", account, decide)
