"""What an organisation should see to: its wallet, templates that were refused, broadcasts that did not get through,
accounts that have sent most of what they may in a day.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from jinaconnect.actions.billing.keeping import read_wallet
from jinaconnect.actions.context import Context
from jinaconnect.actions.messaging.daily import counted
from jinaconnect.core.billing.wallet import wallet_alerts
from jinaconnect.core.broadcasts import states
from jinaconnect.core.broadcasts.figures import spread
from jinaconnect.core.clock import iso
from jinaconnect.store.databases.mongo import Document

WITHIN = timedelta(days=7)
MOST = 10
BOUNCED_PERCENT = 10.0
NEARLY_FULL = 0.8
_ENDED = (states.SENT, states.PARTIALLY_SENT, states.FAILED)


async def alerts(ctx: Context) -> list[dict[str, Any]]:
    """Return what the caller should see to, of what they may see: the most pressing first."""
    since = ctx.now() - WITHIN
    found = wallet_alerts(await read_wallet(ctx))
    if ctx.principal.may("template.view"):
        found += await _refused(ctx, since)
    if ctx.principal.may("broadcast.view"):
        found += await _bounced(ctx, since)
    if ctx.principal.may("wa_app.view"):
        found += await _nearly_full(ctx)
    return found


def _warning(type: str, title: str, message: str, url: str, at: datetime, **metadata: Any) -> dict[str, Any]:
    return {
        "type": type, "severity": "warning", "title": title, "message": message, "action_url": url,
        "metadata": metadata, "created_at": iso(at),
    }  # fmt: skip


async def _refused(ctx: Context, since: datetime) -> list[dict[str, Any]]:
    rows = await ctx.data.select("templates", {"status": "REJECTED"}, sort=[("_id", -1)], limit=MOST)
    return [
        _warning(
            "template_rejected", "Template rejected", f"{row['element_name']}: {row['rejection_reason'] or 'unsaid'}",
            "/templates/", row["updated_at"], template_id=row["_id"],
        )
        for row in rows
        if row["deleted_at"] is None and row["updated_at"] >= since
    ]  # fmt: skip


async def _bounced(ctx: Context, since: datetime) -> list[dict[str, Any]]:
    rows: list[Document] = []
    for status in _ENDED:
        rows += await ctx.data.select("broadcasts", {"status": status}, sort=[("_id", -1)], limit=MOST)
    rows.sort(key=lambda row: str(row["_id"]), reverse=True)
    return [alert for row in rows if (alert := _bounce(row, since)) is not None][:MOST]


def _bounce(row: Document, since: datetime) -> dict[str, Any] | None:
    rate = spread(row["counts"])["failure_rate"]
    if row["ended_at"] is None or row["ended_at"] < since or rate is None or rate <= BOUNCED_PERCENT:
        return None
    return _warning(
        "high_bounce_rate", "Many did not get it", f"{row['name']}: {rate} % failed", f"/broadcast/{row['_id']}/",
        row["ended_at"], broadcast_id=row["_id"], failure_rate=rate,
    )  # fmt: skip


async def _nearly_full(ctx: Context) -> list[dict[str, Any]]:
    active = await ctx.data.select("apps", {"deleted_at": None, "is_active": True}, sort=[("_id", 1)])
    return [
        {
            "type": "daily_limit_approaching", "severity": "info", "title": "Daily limit near",
            "message": f"{app['app_name']}: {app['messages_sent_today']} of {app['daily_limit']} sent today",
            "action_url": "/apps/", "metadata": {"app_id": app["_id"]}, "created_at": iso(ctx.now()),
        }
        for app in await counted(ctx, active)
        if app["messages_sent_today"] > NEARLY_FULL * app["daily_limit"]
    ]  # fmt: skip


def summary(found: Sequence[dict[str, Any]]) -> dict[str, int]:
    """Return how many alerts there are of each severity."""
    counts = {name: sum(each["severity"] == name for each in found) for name in ("critical", "warning", "info")}
    return {**counts, "total": len(found)}
