"""What is posted to an endpoint: the event as every door tells it, with whose it is."""

from __future__ import annotations

from typing import Any

import orjson

from jinaconnect.core.events.event import Recorded
from jinaconnect.core.principal import parse_scope


def body_of(event: Recorded) -> bytes:
    """Return the body of a delivery; the same bytes at every attempt."""
    return encoded(orjson.loads(event.json), parse_scope(event.scope)[0])


def encoded(told: dict[str, Any], tenant: str) -> bytes:
    """Return an event as it is posted."""
    return orjson.dumps({**told, "created_at": told["recorded_at"], "tenant_id": tenant})
