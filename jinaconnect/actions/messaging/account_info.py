"""What a carrier tells of an account when asked: its quality, how many it may write to, what is wrong."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from jinaconnect.actions.context import OperationContext
from jinaconnect.channels.abilities import TellsAccount
from jinaconnect.core.clock import iso_or_none
from jinaconnect.core.errors import CarrierFailed, InvalidState, NotSupported, Throttled
from jinaconnect.outbound import OutboundError
from jinaconnect.store.databases.mongo import Document
from jinaconnect.store.tenant import Change

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
