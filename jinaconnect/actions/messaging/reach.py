"""Who can be reached on a platform: asked of its carrier, kept for a week, and noted on contacts."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from jinaconnect.actions.contacts.addressing import contacts_at
from jinaconnect.actions.context import Context, OperationContext
from jinaconnect.actions.inbox.conversations import contact_event
from jinaconnect.actions.messaging.accounts import choose_account
from jinaconnect.channels.abilities import ChecksReach, Reach
from jinaconnect.channels.base import Account
from jinaconnect.core.clock import iso
from jinaconnect.core.errors import CarrierFailed, NotFound, NotSupported
from jinaconnect.core.inbox.address import PHONE, Address
from jinaconnect.core.inbox.platform import PLATFORMS
from jinaconnect.outbound import OutboundError
from jinaconnect.store.databases.mongo import Document
from jinaconnect.store.tenant import Change, Duplicate, applied

KEPT = timedelta(days=7)


async def check_reach(
    ctx: OperationContext, platform: str, account: str | None, numbers: Sequence[str]
) -> list[dict[str, Any]]:
    """Return what is known of each number, in their order; raises Invalid, NotSupported, CarrierFailed.

    What the carrier could not be asked is not kept.
    """
    opened = await choose_account(ctx, platform, account, field="app_id")
    channel = ctx.ports.channels[opened.channel]
    if not isinstance(channel, ChecksReach):
        raise NotSupported("The provider cannot be asked who is reached.")
    known = await _kept(ctx, opened, numbers)
    asked = [number for number in numbers if number not in known]
    if asked:
        try:
            found = await channel.reach(opened, asked)
        except OutboundError as error:
            raise CarrierFailed(f"The carrier could not be asked: {error}") from error
        now = ctx.now()
        known.update(await _keep(ctx, opened, found, now))
        await _note(ctx, platform, found, now)
    return [
        {
            "phone": number, "is_rcs_enabled": known[number]["reached"], "features": known[number]["features"],
            "checked_at": iso(known[number]["checked_at"]),
        }
        for number in numbers
        if number in known
    ]  # fmt: skip


def _row_id(account: Account, number: str) -> str:
    return "rch_" + hashlib.sha256(f"{account.id} {number}".encode()).hexdigest()[:32]


async def _kept(ctx: Context, account: Account, numbers: Sequence[str]) -> dict[str, Document]:
    """Return what is known of numbers and not too old, by number."""
    ids = [_row_id(account, number) for number in numbers]
    rows = await ctx.data.select("reach", {"_id": {"$in": ids}})
    return {row["phone"]: row for row in rows if row["checked_at"] > ctx.now() - KEPT}


async def _keep(ctx: Context, account: Account, found: Sequence[Reach], now: datetime) -> dict[str, Document]:
    """Keep what was answered; returns it by number."""
    rows: list[Document] = [
        {
            "_id": _row_id(account, each.number), "phone": each.number, "reached": each.reached,
            "features": list(each.features), "checked_at": now,
        }
        for each in found
    ]  # fmt: skip
    results = await ctx.data.insert_many("reach", [(row, []) for row in rows])
    for row, result in zip(rows, results, strict=True):
        if not isinstance(result, Duplicate) and result.doc["checked_at"] != now:  # it was asked about before
            await ctx.data.change("reach", row["_id"], partial(_again, row))
    return {row["phone"]: row for row in rows}


def _again(row: Document, _: Document) -> Change:
    return Change(set={name: row[name] for name in ("reached", "features", "checked_at")})


async def note_reach(ctx: Context, contact: Document, platform: str, reached: bool, at: datetime) -> None:
    """Note on a contact whether it is reached on a platform that people may have or not."""
    name = PLATFORMS[platform].ability
    if name is None:
        return
    event_id = ctx.ids.new("evt")

    def decide(doc: Document) -> Change | None:
        checked = doc.get(f"{name}_checked_at")
        if checked is not None and checked > at:
            return None
        fields = {f"{name}_capable": reached, f"{name}_checked_at": at, "updated_at": ctx.now()}
        after = applied(doc, fields, (), ())
        return Change(set=fields, events=[contact_event(ctx, event_id, "contact.updated", doc, after)])

    with contextlib.suppress(NotFound):
        await ctx.data.change("contacts", contact["_id"], decide)


async def _note(ctx: Context, platform: str, found: Sequence[Reach], at: datetime) -> None:
    reached = {Address(PHONE, each.number): each.reached for each in found}
    for address, contact in (await contacts_at(ctx.data, list(reached))).items():
        await note_reach(ctx, contact, platform, reached[address], at)
