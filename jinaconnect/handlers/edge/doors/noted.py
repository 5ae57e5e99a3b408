"""What is noted of every request, by whichever door it came: its id, and what became of it."""

from __future__ import annotations

import re

import structlog
from tornado.httputil import HTTPHeaders

from jinaconnect.actions.context import Services
from jinaconnect.handlers.edge import metrics
from jinaconnect.handlers.edge.operation import Operation

SLOW_S = 1.0
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")

logger = structlog.get_logger("http")


def request_id(services: Services, given: HTTPHeaders) -> str:
    """Return the id a request came with, or one made for it."""
    named = given.get("X-Request-Id")
    return named if named is not None and _REQUEST_ID.fullmatch(named) else services.ids.new("req")


def note_answered(item: Operation | None, request: str, status: int, seconds: float) -> None:
    """Count an answered request, and log one that broke or was slow."""
    name = item.id.partition("~")[0] if item else "none"
    metrics.observe_request(name, status, seconds)
    if status >= 500 or seconds > SLOW_S:
        logger.warning("request", request_id=request, operation=name, status=status, ms=round(seconds * 1000, 1))
