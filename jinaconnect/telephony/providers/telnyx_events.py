"""What Telnyx tells, in its webhooks and in what it answers: read, whatever is missing of it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import orjson

from jinaconnect.core.webhook import WebhookRequest


def data(hook: WebhookRequest) -> Mapping[str, Any]:
    """Return what an event is about, nothing for what is none."""
    try:
        return within(orjson.loads(hook.body), "data")
    except ValueError:
        return {}


def event(hook: WebhookRequest) -> str:
    """Return an event's type, empty for what is none."""
    return str(data(hook).get("event_type") or "")


def payload(hook: WebhookRequest) -> Mapping[str, Any]:
    """Return what an event tells."""
    return within(data(hook), "payload")


def within(told: Any, name: str) -> Mapping[str, Any]:
    """Return an object within an object, an empty one where there is none."""
    held = told.get(name) if isinstance(told, Mapping) else None
    return held if isinstance(held, Mapping) else {}


def fault(told: Any) -> tuple[str, str]:
    """Return the code and the words of the first error that an answer lists."""
    listed = told.get("errors") if isinstance(told, Mapping) else None
    first = listed[0] if isinstance(listed, list) and listed and isinstance(listed[0], Mapping) else {}
    return str(first.get("code", "")), str(first.get("detail") or first.get("title") or "")


def between(told: Mapping[str, Any], *names: str) -> float | None:
    """Return the seconds between two moments that are told, None where they are not."""
    try:
        begun, ended = (datetime.fromisoformat(str(told[name])) for name in names)
        return max(0.0, (ended - begun) / timedelta(seconds=1))
    except (KeyError, ValueError, TypeError):
        return None


def talked(told: Mapping[str, Any]) -> int | None:
    """Return for how many seconds a leg lasted, None where that is not told."""
    lasted = between(told, "start_time", "end_time")
    return None if lasted is None else round(lasted)
