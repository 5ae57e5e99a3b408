"""What a carrier says of an account of ours: its state, an alert, an error. It is kept on the account, and told."""

from __future__ import annotations

import contextlib
from typing import Any

import orjson

from jinaconnect.actions.context import Context
from jinaconnect.channels.facts import AccountReport
from jinaconnect.core.clock import iso
from jinaconnect.core.errors import NotFound
from jinaconnect.core.lenient import storable
from jinaconnect.store.databases.mongo import Document
from jinaconnect.store.tenant import Change

MAX_DETAILS = 16 * 1024


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
