"""The end of recordings whose time is over."""

from __future__ import annotations

import structlog

from jinaconnect.actions.context import Services
from jinaconnect.actions.erasing.recordings import remove_recording
from jinaconnect.core.principal import system_actor

logger = structlog.get_logger(__name__)


async def retire_recordings(services: Services) -> int:
    """Remove every recording past its retention, audio and row; returns how many.

    One that cannot be removed now is in nobody's way: its turn comes again with the next round.
    """
    removed = 0
    async for row in services.store.overdue("recordings", "retention_expires_at", services.clock()):
        try:
            await remove_recording(services, row["scope"], row, system_actor("retention"))
            removed += 1
        except Exception as error:
            logger.warning("retention.postponed", recording=row["_id"], error=repr(error)[:500])
    return removed
