"""Status reports that come before the message they speak of is known: looked at again after growing pauses."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import structlog

from jinaconnect.actions.context import Services, system_context
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


def late_job(scope: str, platform: str, fact: Status, tries: int, now: Any) -> Document:
    """Return the job that applies a status report again after a growing pause."""
    report = fact.report
    return {
        "_id": f"job_late_{scope}_{fact.carrier_id}_{report.status}_{tries}",
        "scope": scope,
        "kind": LATE_JOB,
        "due": due_at(now + timedelta(seconds=0.5 * 2**tries)),
        "data": {
            "platform": platform,
            "address": fact.account_address,
            "carrier_id": fact.carrier_id,
            "reference": fact.reference,
            "status": report.status,
            "at": report.at,
            "error_code": report.error_code,
            "error_message": report.error_message,
            "tries": tries,
        },
    }


async def apply_late(services: Services, worker: Worker, scope: str, data: Mapping[str, Any]) -> None:
    """Apply a report whose message was not known before; after some tries it is no message of ours."""
    report = status.Report(data["status"], data["at"], data["error_code"], data["error_message"])
    fact = Status(data["address"], data["carrier_id"], data["reference"], report)
    platform = data.get("platform", CHANNELS[FORMER].spec.platform)
    late = await apply_statuses(system_context(services, scope, "inbound"), platform, [fact])
    if not late:
        return
    if data["tries"] >= LATE_TRIES:
        logger.info("status.unknown_message", scope=scope, carrier_id=data["carrier_id"])
        return
    await worker.add_jobs([late_job(scope, platform, fact, data["tries"] + 1, services.clock())])
