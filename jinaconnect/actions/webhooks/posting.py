"""One attempt at a delivery: signed, posted through the guard, and what came of it in a few words."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import datetime

import structlog

from jinaconnect.core.webhooks.schedule import ANSWER_BYTES, Outcome
from jinaconnect.core.webhooks.signature import sign
from jinaconnect.outbound import Ambiguous, Blocked, NotSent, Outbound, OutboundError

TIMEOUT_S = 15.0
LOOKUPS = 2  # of endpoints' names at once: half of the threads that the event loop looks names up with
READ_BYTES = 16 * 1024  # of an answer; the rest is left unread, with its connection

logger = structlog.get_logger(__name__)


async def post(
    outbound: Outbound, url: str, keys: Sequence[bytes], id: str, body: bytes, now: datetime, cursor: str | None = None
) -> Outcome:
    """Post a body to an endpoint; whatever happens is an outcome."""
    at = int(now.timestamp())
    headers = {
        "Content-Type": "application/json", "Accept-Encoding": "identity", "webhook-id": id,
        "webhook-timestamp": str(at), "webhook-signature": sign(keys, id, at, body),
    }  # fmt: skip
    if cursor is not None:
        headers["X-Cursor"] = cursor
    begun = time.monotonic()

    def took() -> int:
        return round((time.monotonic() - begun) * 1000)

    try:
        answer = await outbound.request(
            "POST", url, headers=headers, data=body, timeout_s=TIMEOUT_S, limit=READ_BYTES, cut=True
        )
    except Blocked as error:
        return Outcome(None, took(), error=f"not gone to: {error}")
    except NotSent as error:
        return Outcome(None, took(), error=str(error))
    except (Ambiguous, OutboundError) as error:
        late = f"no answer within {TIMEOUT_S:g} s" if took() >= TIMEOUT_S * 1000 else str(error)
        return Outcome(None, took(), error=late)
    except Exception as error:  # whatever a receiver has brought about, it is its own delivery that fails
        logger.error("webhooks.post_broken", exc_info=error)
        return Outcome(None, took(), error=f"the answer could not be read: {type(error).__name__}")
    text = answer.body[:ANSWER_BYTES].decode("utf-8", "replace").replace("\x00", "�")
    return Outcome(answer.status, took(), text, headers=answer.headers)
