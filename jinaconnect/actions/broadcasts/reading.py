"""Broadcasts and their recipients as REST shows them; what became of recipients as figures and CSV."""

from __future__ import annotations

import asyncio
import csv
import io
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from jinaconnect.actions.broadcasts.call_figures import calls_between
from jinaconnect.actions.broadcasts.paying import spent_on
from jinaconnect.actions.context import Context
from jinaconnect.actions.messaging.media import library_path
from jinaconnect.actions.messaging.templates import media_of
from jinaconnect.core.broadcasts import figures, states
from jinaconnect.core.broadcasts.document import priced, render_row
from jinaconnect.core.errors import Invalid
from jinaconnect.core.ids import encode
from jinaconnect.core.inbox.trace import REPORT, render_steps
from jinaconnect.store.databases.mongo import Document
from jinaconnect.store.looking import all_of, atoms

MOST_ROWS = 10_000
MOST_BROADCASTS = 5_000  # whose recipients a list is about
MOST_REASONS = 20
COLUMNS = (
    "contact", "contact_name", "contact_phone", "status", "error_code", "response", "message_id", "sent_at",
    "delivered_at", "read_at", "replied_at", "failed_at", "retry_count", "call", "outcome", "seconds", "answers",
)  # fmt: skip
_INDEXED = frozenset({"broadcast", "status", "contact", "platform"})
_CLICKS = {"total_clicks": "click_count", "suspect_clicks": "suspect_count", "bot_clicks": "bot_count"}
_REPLIED = {"$sum": {"$cond": [{"$ifNull": ["$replied_at", False]}, 1, 0]}}
_FORMULA = ("=", "+", "-", "@", "\t", "\r")  # what a spreadsheet would take for a formula


async def rows_of(ctx: Context, condition: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return what fits the recipients of broadcasts of a condition, nothing where there is none.

    Raises Invalid where more broadcasts fit than can be named.
    """
    if not condition:
        return []
    found = await ctx.data.select("broadcasts", condition, limit=MOST_BROADCASTS + 1, fields={"_id": 1})
    if len(found) > MOST_BROADCASTS:
        raise Invalid.field("broadcast__status", f"more than {MOST_BROADCASTS:,} broadcasts fit; ask for fewer")
    return [{"broadcast": {"$in": [doc["_id"] for doc in found]}}]


async def row_counts(ctx: Context, clauses: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return recipients by status, of those whom all clauses fit."""
    wanted = [atom for clause in clauses for atom in atoms(clause)]
    # What no index knows is picked out of what the others leave: of many of those, in the background.
    within = all_of([atom for atom in wanted if _INDEXED.issuperset(atom)])
    picked = [{"$match": atom} for atom in wanted if not _INDEXED.issuperset(atom)]
    group = {"$group": {"_id": "$status", "n": {"$sum": 1}, "replied": _REPLIED}}
    groups, exact = await ctx.data.figures("broadcast_rows", within, [*picked, group])
    failures = await _failures(ctx, within, picked)
    by_status = {status: 0 for status in states.ROW_STATUSES}
    by_status.update({each["_id"]: each["n"] for each in groups})
    failed = by_status[states.FAILED] + by_status[states.BLOCKED]
    pending = by_status[states.PENDING] + by_status[states.QUEUED]
    total, good = sum(by_status.values()), sum(by_status[name] for name in states.SUCCESSES)
    sending = by_status[states.ASKING]
    return {
        "total_messages": total, "success_count": good, "count_exact": exact,
        "replied_count": sum(each["replied"] for each in groups),
        "ui_status_breakdown": {
            "pending": pending, "sending": sending, "sent": total - pending - sending, "failed": failed,
        },
        "status_breakdown": {name.lower(): count for name, count in by_status.items()}, "failures": failures,
    }  # fmt: skip


async def _failures(
    ctx: Context, within: Mapping[str, Any], picked: Sequence[Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """Return why recipients were not reached, the most frequent reasons first, each in the words of one of them."""
    unreached = {"$and": [within, {"status": {"$in": [states.FAILED, states.BLOCKED, states.UNKNOWN]}}]}
    stages: list[Mapping[str, Any]] = [
        *picked, {"$group": {"_id": "$error_code", "count": {"$sum": 1}, "reason": {"$first": "$response"}}},
        {"$sort": {"count": -1, "_id": 1}}, {"$limit": MOST_REASONS},
    ]  # fmt: skip
    groups, _ = await ctx.data.figures("broadcast_rows", unreached, stages)
    return [{"error_code": each["_id"], "count": each["count"], "reason": each["reason"]} for each in groups]


async def dashboard(ctx: Context, period: str, platform: str | None) -> dict[str, Any]:
    """Return the figures of a period that ends now, beside those of the one before it."""
    span = figures.PERIODS[period]
    now = figures.end_of(span, ctx.now())
    groups = await _groups(ctx, now - span, now, platform)
    broadcasts = await _begun(ctx, now - span, now, platform)
    before = figures.spread(figures.summed(await _groups(ctx, now - 2 * span, now - span, platform)).get("", {}))
    told = figures.spread(figures.summed(groups).get("", {}))
    came = await _clicks(ctx, now - span, now, platform)
    came_before = await _clicks(ctx, now - 2 * span, now - span, platform)
    earlier = await _begun(ctx, now - 2 * span, now - span, platform)
    return {
        "period": period, "channel": "all" if platform is None else platform.lower(), "total_broadcasts": broadcasts,
        **told, **came, "calls": await calls_between(ctx, now - span, now, platform),
        "comparison": {
            "broadcasts_change_percent": figures.change(broadcasts, earlier),
            "reach_change_percent": figures.change(told["total_reach"], before["total_reach"]),
            "clicks_change_percent": figures.change(came["total_clicks"], came_before["total_clicks"]),
            "engagement_change_percent": figures.change(told["engagement_rate"], before["engagement_rate"]),
        },
        "by_channel": {
            name.lower(): figures.spread(counts) for name, counts in figures.summed(groups, "platform").items()
        },
        "by_day": [
            {"day": day, **figures.spread(counts)} for day, counts in figures.summed(groups, "day").items()
        ],
    }  # fmt: skip


def _between(prefix: str, since: datetime, until: datetime, platform: str | None) -> dict[str, Any]:
    """Return the query of what was made in a span, by its id, which begins with the time."""
    first, last = (encode(prefix, int(moment.timestamp() * 1000), bytes(10)) for moment in (since, until))
    return {"_id": {"$gte": first, "$lt": last}, **({} if platform is None else {"platform": platform})}


async def _groups(ctx: Context, since: datetime, until: datetime, platform: str | None) -> list[dict[str, Any]]:
    day = {"$dateToString": {"date": "$created_at", "format": "%Y-%m-%d"}}
    key = {"status": "$status", "platform": "$platform", "day": day}
    within = _between("brr", since, until, platform)
    counting = {"$group": {"_id": key, "n": {"$sum": 1}, "replied": _REPLIED}}
    groups, _ = await ctx.data.figures("broadcast_rows", within, [counting])
    return groups


async def _clicks(ctx: Context, since: datetime, until: datetime, platform: str | None) -> dict[str, int]:
    """Return how often links of a span were followed, by people and by programs, and by how many people."""
    sums = {name: {"$sum": f"${field}"} for name, field in _CLICKS.items()}
    people = {"clicked_recipients": {"$sum": {"$cond": ["$clicked", 1, 0]}}}
    within = _between("lnk", since, until, platform)
    groups, _ = await ctx.data.figures("links", within, [{"$group": {"_id": None, **sums, **people}}])
    return {name: int(groups[0][name]) if groups else 0 for name in (*_CLICKS, "clicked_recipients")}


async def _begun(ctx: Context, since: datetime, until: datetime, platform: str | None) -> int:
    """Return how many broadcasts of a span have begun."""
    begun = {"status": {"$in": [states.SENDING, states.SENT, states.PARTIALLY_SENT]}}
    count, _ = await ctx.data.count("broadcasts", {**_between("brc", since, until, platform), **begun})
    return count


async def results_csv(ctx: Context, broadcast: str, after: str | None) -> tuple[str, str | None]:
    """Return (recipients as CSV, the id of the last one where there are more); raises NotFound."""
    await ctx.data.get("broadcasts", broadcast)
    query: dict[str, Any] = {"broadcast": broadcast, **({"_id": {"$lt": after}} if after else {})}
    rows = await ctx.data.select("broadcast_rows", query, limit=MOST_ROWS + 1)
    file = io.StringIO()
    writer = csv.writer(file)
    writer.writerow(COLUMNS)
    for row in rows[:MOST_ROWS]:
        shown = render_row(row, ctx.principal.priority)
        shown["answers"] = " ".join(f"{each['node'] or ''}={each['digits']}" for each in shown["answers"])
        writer.writerow([_safe(shown[name]) for name in COLUMNS])
    return file.getvalue(), rows[MOST_ROWS - 1]["_id"] if len(rows) > MOST_ROWS else None


def _safe(value: Any) -> str:
    """Return a cell that no spreadsheet runs; a phone number stays what it is."""
    text = "" if value is None else str(value)
    dangerous = text.startswith(_FORMULA) and not text.lstrip("+").isdigit()
    return f"'{text}" if dangerous else text


async def render_broadcasts(ctx: Context, docs: Sequence[Document], *, known: bool = False) -> list[dict[str, Any]]:
    """Return broadcasts as whoever asks sees them; of those `known` anew the ledger says nothing yet."""
    named = list({doc["template"] for doc in docs if doc["template"] is not None})
    found = await ctx.data.select("templates", {"_id": {"$in": named}}) if named else []
    templates = {each["_id"]: each for each in found}
    spent = [None for _ in docs] if known else await asyncio.gather(*(spent_on(ctx, doc) for doc in docs))
    return [
        {**priced(doc, ctx.principal.priority, cost), "tenant": ctx.principal.tenant,
         **_files(doc, templates.get(doc["template"]))}
        for doc, cost in zip(docs, spent, strict=True)
    ]  # fmt: skip


def _files(doc: Mapping[str, Any], template: Document | None) -> dict[str, Any]:
    """Return which files a broadcast's template shows, with those that the broadcast has in their place."""
    if template is None:
        return {"template_type": None, "template_media_url": None, "cards_media_urls": []}
    own, given = media_of(template), doc["media_overrides"]
    header, cards = given.get("header"), given.get("cards")
    shown = own["tenant_media_url"] or template.get("example_media_url")
    cards = cards if isinstance(cards, Mapping) else {}
    return {
        "template_type": template["template_type"],
        "template_media_url": library_path(header) if isinstance(header, str) else shown,
        "cards_media_urls": [
            library_path(cards.get(str(each["card_index"]))) or each["media_url"] for each in own["card_media_details"]
        ],
    }  # fmt: skip


async def render_recipients(ctx: Context, rows: Sequence[Document]) -> list[dict[str, Any]]:
    """Return recipients as whoever asks sees them, each with what its carrier reported last."""
    ids = [row["message"] for row in rows if row["message"] is not None]
    docs = await ctx.data.select("messages", {"_id": {"$in": ids}}) if ids else []
    told = {doc["_id"]: _last_report(doc) for doc in docs}
    return [
        {**render_row(row, ctx.principal.priority), "webhook_response": told.get(row["message"])} for row in rows
    ]


def _last_report(message: Document) -> dict[str, Any] | None:
    """Return the last report on a message; of one without steps nothing is known of any."""
    steps = render_steps(message) if message.get("trace") else []
    return next((step for step in reversed(steps) if step["kind"] == REPORT), None)
