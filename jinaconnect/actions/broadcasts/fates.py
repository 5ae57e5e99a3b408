"""Who of a broadcast's recipients may be reached now, later, or not at all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, time

from jinaconnect.actions.broadcasts.audience import NO_ADDRESS
from jinaconnect.actions.context import Context
from jinaconnect.core.broadcasts import states
from jinaconnect.core.broadcasts.document import category_of
from jinaconnect.core.broadcasts.states import MOST_DEFERRALS
from jinaconnect.core.inbox.platform import PLATFORMS, address_on
from jinaconnect.core.rules import verdict as rules
from jinaconnect.core.rules.rows import HoursRule, own_hours
from jinaconnect.store.databases.mongo import Document
from jinaconnect.store.tenant import Change, Decide

QUIET = "broadcast.allowed_hours_local"

Fate = Mapping[str, object]


def quiet_hours(doc: Document) -> list[HoursRule]:
    """Return the hours that a broadcast keeps to itself."""
    hours = doc["allowed_hours_local"]
    if hours is None:
        return []
    start, end = time.fromisoformat(hours["start"]), time.fromisoformat(hours["end"])
    return [own_hours(QUIET, start, end, "the broadcast")]


def fate(
    doc: Document, row: Document, contact: Document | None, own: Sequence[HoursRule], now: datetime
) -> Fate | None:
    """Return the fields of a recipient who is reached later or not at all, None for one who is reached now."""
    if contact is None or contact["deleted_at"] is not None:
        return blocked("no_contact", "The contact was removed.", now)
    if address_on(contact, doc["platform"]) is None:
        return blocked(NO_ADDRESS, f"The contact is not reached on {doc['platform']} any more.", now)
    match rules.verdict(contact, category_of(row, doc), doc["platform"], now, own):
        case rules.Refused(rule=rule, reason=reason):
            return blocked(rule, reason, now)
        case rules.Deferred(until=until, rule=rule):
            if not PLATFORMS[doc["platform"]].spoken:
                return {"at": until, "error_code": rule, "response": "", "updated_at": now}
            times = row.get("deferrals", 0) + 1
            if times > MOST_DEFERRALS:
                return {
                    "status": states.FAILED, "failed_at": now, "error_code": rule, "updated_at": now,
                    "response": f"Their hours have begun {MOST_DEFERRALS} times, and no line was free for them.",
                }  # fmt: skip
            return {"at": until, "error_code": rule, "response": "", "deferrals": times, "updated_at": now}
    return None


def blocked(code: str, reason: str, now: datetime) -> dict[str, object]:
    """Return the fields of a recipient who is not reached, and why."""
    return {"status": states.BLOCKED, "failed_at": now, "error_code": code, "response": reason, "updated_at": now}


async def keep_back(ctx: Context, rows: Sequence[Document], fates: Mapping[str, Fate | None]) -> None:
    """Write down who is not reached, or not yet; rows that have moved meanwhile stay as they are."""

    def deciding(id: str) -> Decide:
        def decide(row: Document) -> Change | None:
            return Change(set=fates[id] or {}) if row["status"] == states.PENDING else None

        return decide

    await ctx.data.change_many("broadcast_rows", {row["_id"]: deciding(row["_id"]) for row in rows}, rows)
