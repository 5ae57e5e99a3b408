"""The end of recordings whose time is over."""

from __future__ import annotations

import structlog

from jinaconnect.actions.context import Services
from jinaconnect.actions.voice.ledger import scope_parts
from jinaconnect.actions.voice.recordings import remove_recording
from jinaconnect.core.errors import Unavailable
from jinaconnect.core.principal import system_principal

logger = structlog.get_logger(__name__)


async def retire_recordings(services: Services) -> int:
    """Remove every recording past its retention, audio and row; returns how many."""
    rows = await services.store.across("recordings", {"retention_expires_at": {"$lt": services.clock()}})
    removed = 0
    for row in rows:
        tenant, mode = scope_parts(row["scope"])
        try:
            await remove_recording(
                services, row["scope"], row, system_principal(tenant, mode, kind="retention").actor()
            )
        except Unavailable:
            logger.info("retention.postponed", recording=row["_id"])
            continue
        removed += 1
    return removed
