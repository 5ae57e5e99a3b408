"""Recordings a switch holds and nobody fetches: what a break left behind is found by its name and kept."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import structlog

from jinaconnect.actions.calls.recordings import keep_later
from jinaconnect.actions.context import Services
from jinaconnect.actions.worker import Worker
from jinaconnect.core.calls import document
from jinaconnect.core.errors import NotFound
from jinaconnect.core.ids import made_at, well_formed
from jinaconnect.store.databases.mongo import Document
from jinaconnect.telephony.switch import Switch, SwitchError

EARLY_MS, LATE_MS = 60_000, 600_000  # around a recording's name: when its call's history may have been written

logger = structlog.get_logger(__name__)


async def claim_stored(services: Services, worker: Worker, switch: Switch) -> int:
    """Fetch every recording of ours on a switch that is neither going on nor kept; returns how many were found.

    One that is kept already is removed from the switch. What other applications record there is left alone.
    """
    found = 0
    try:
        for name in await switch.recordings():
            if well_formed(name, "rec"):
                found += await _claim(services, worker, switch, name)
    except SwitchError as error:
        logger.info("recordings.not_looked_through", switch=switch.name, error=str(error))
    return found


async def _claim(services: Services, worker: Worker, switch: Switch, name: str) -> bool:
    at = made_at(name)
    row = await services.store.made_between(
        "call_events", "cev", (at - EARLY_MS, at + LATE_MS), {"payload.recording": name}
    )
    if row is None:
        return False
    store = services.store.within(row["scope"])
    try:
        call = await store.get("calls", row["call"])
    except NotFound:
        return False
    if call["carried_by"] != switch.name or name in call.get("recordings_lost", ()) or _expected(call, name):
        return False
    if await store.find("recordings", name) is not None:
        await switch.forget_recording(name)
        return False
    logger.warning("recording.found", switch=switch.name, call=call["_id"], recording=name)
    await keep_later(worker, call, {"id": name, "kind": "found", "since": row["at"]}, None)
    return True


def _expected(call: Document, name: str) -> bool:
    """Tell whether a call goes on and will see to the recording by itself."""
    held: Mapping[str, Any] | None = call["record"]
    return not document.ended(call) and held is not None and held["id"] == name and held["state"] != document.STOPPED
