"""What is posted to an endpoint: the event as every door tells it, with whose it is."""

from __future__ import annotations

from typing import Any

import orjson

from jinaconnect.core.events.event import Recorded
from jinaconnect.core.principal import parse_scope

_RECORDED = b'"recorded_at":'  # stands before everything that others have written
_MOMENT = len('"2026-01-31T00:00:00.000Z"')


def body_of(event: Recorded) -> bytes:
    """Return the body of a delivery; the same bytes at every attempt, and those of `encoded`."""
    told, begins = event.json, event.json.index(_RECORDED) + len(_RECORDED)
    tenant = orjson.dumps(parse_scope(event.scope)[0])
    return b'%b,"created_at":%b,"tenant_id":%b}' % (told[:-1], told[begins : begins + _MOMENT], tenant)


def encoded(told: dict[str, Any], tenant: str) -> bytes:
    """Return an event as it is posted."""
    return orjson.dumps({**told, "created_at": told["recorded_at"], "tenant_id": tenant})
