"""What an IVR asks of a web service, through the guarded client."""

from __future__ import annotations

from typing import Any

import orjson
import structlog

from jinaconnect.actions.context import Services
from jinaconnect.core.ivr.exchange import AskHttp
from jinaconnect.outbound import OutboundError

MAX_ANSWER = 64 * 1024

logger = structlog.get_logger(__name__)


async def ask_web(services: Services, order: AskHttp) -> tuple[bool, Any]:
    """Return whether the service answered 2xx, and its JSON or text."""
    body = None if order.method in ("GET", "DELETE") else order.body
    text = isinstance(body, str)
    try:
        answer = await services.outbound.request(
            order.method, order.url, json=None if text else body, data=body.encode() if isinstance(body, str) else None,
            timeout_s=order.timeout_s, limit=MAX_ANSWER,
        )  # fmt: skip
    except OutboundError as error:
        logger.info("ivr.web_call_failed", error=str(error))
        return False, None
    if not 200 <= answer.status < 300:
        return False, None
    try:
        return True, orjson.loads(answer.body) if answer.body else ""
    except orjson.JSONDecodeError:
        return True, answer.body.decode("utf-8", "replace")
