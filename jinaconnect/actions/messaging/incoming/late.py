"""Status reports that come before the message they speak of is known: looked at again after growing pauses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import structlog

from jinaconnect.actions.context import Context, Services, system_context
from jinaconnect.actions.messaging.delivering import fallback_job
from jinaconnect.actions.messaging.reports import apply_statuses
from jinaconnect.actions.worker import Worker
from jinaconnect.channels.facts import Status
from jinaconnect.channels.table import CHANNELS, FORMER
from jinaconnect.core.inbox import status
from jinaconnect.store.databases.mongo import Document
from jinaconnect.store.due import due_at

LATE_TRIES = 6
LATE_JOB = "status.late"

logger = structlog.get_logger(__name__)


def late_job(scope: str, platform: str, fact: Status, tries: int, now: datetime) -> Document:
    """Return the job that applies a status report again after a growing pause."""
    return {
        "_id": f"job_late_{scope}_{fact.carrier_id}_{fact.report.status}_{tries}",
        "scope": scope,
        "kind": LATE_JOB,
        "due": due_at(now + timedelta(seconds=0.5 * 2**tries)),
        "data": {"platform": platform, "fact": fact.row(), "tries": tries},
    }


async def apply_reports(
    ctx: Context, worker: Worker, platform: str, facts: Sequence[Status], tries: int = 0
) -> None:
    """Apply status reports, looked at so many times before; a message whose time was up goes another way.

    The answer to our send may be slower than its report: what speaks of no message (yet) is looked at again, and after
    some tries it is no message of ours.
    """
    late, now, scope = await apply_statuses(ctx, platform, facts), ctx.now(), ctx.data.scope
    if tries < LATE_TRIES:
        await worker.add_jobs([late_job(scope, platform, fact, tries + 1, now) for fact in late])
    else:
        for fact in late:
            logger.info("status.unknown_message", scope=scope, carrier_id=fact.carrier_id)
    expired = [fact.carrier_id for fact in facts if fact.report.status == status.EXPIRED]
    if expired:
        rows = await ctx.data.select("messages", {"platform": platform, "carrier_id": {"$in": expired}})
        await worker.add_jobs([fallback_job(row, now) for row in rows])


async def apply_late(services: Services, worker: Worker, scope: str, data: Mapping[str, Any]) -> None:
    """Apply a report whose message was not known before."""
    fact = Status.of_row(data["fact"]) if "fact" in data else _of_before(data)
    platform = data.get("platform", CHANNELS[FORMER].spec.platform)
    await apply_reports(system_context(services, scope, "inbound"), worker, platform, [fact], data["tries"])


def _of_before(data: Mapping[str, Any]) -> Status:
    """Return a report as earlier versions have kept it."""
    report = status.Report(data["status"], data["at"], data["error_code"], data["error_message"])
    return Status(data["address"], data["carrier_id"], data["reference"], report)
