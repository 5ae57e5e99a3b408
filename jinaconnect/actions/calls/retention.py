"""The end of recordings whose time is over."""

from __future__ import annotations

from typing import Any

import structlog

from jinaconnect.actions.context import Services
from jinaconnect.actions.erasing.recordings import remove_recording
from jinaconnect.core.principal import system_actor

BATCH = 500

logger = structlog.get_logger(__name__)


async def retire_recordings(services: Services) -> int:
    """Remove every recording past its retention, audio and row; returns how many.

    One that cannot be removed now is in nobody's way: its turn comes again with the next round.
    """
    removed, kept = 0, set[str]()
    while True:
        late: dict[str, Any] = {"retention_expires_at": {"$lt": services.clock()}}
        if kept:
            late["_id"] = {"$nin": list(kept)}
        rows = await services.store.across("recordings", late, BATCH)
        for row in rows:
            try:
                await remove_recording(services, row["scope"], row, system_actor("retention"))
                removed += 1
            except Exception as error:
                kept.add(row["_id"])
                logger.warning("retention.postponed", recording=row["_id"], error=repr(error)[:500])
        if len(rows) < BATCH or len(kept) >= BATCH:
            return removed
