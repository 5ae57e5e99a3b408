"""WhatsApp through Meta's Cloud API: sending, and what its answers mean.

Source: Meta's WhatsApp Business Platform OpenAPI description (v23.0) and its documented error codes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import orjson
import structlog

from jinaconnect.channels.base import Accepted, Account, Fact, Outcome, Refused, Unknown
from jinaconnect.channels.whatsapp_meta.facts import facts_of, objects
from jinaconnect.core.inbox.address import PHONE, Address
from jinaconnect.outbound import Ambiguous, Blocked, Fetched, NotSent, TooLarge

# Classified by `error.code`, whatever the HTTP status says.
RATE_LIMITED = frozenset({4, 80007, 130429, 131048, 131056, 131064, 133016})
RETRYABLE = frozenset({1, 2, 131000, 131016, 131057, 133004})
# Answers that say by their status alone that the request was not acted on: it belongs elsewhere, or is refused.
_ELSEWHERE = (301, 307, 308)
_REQUEST_TIMEOUT = 408
LONGEST_WAIT_S = 3600.0  # a carrier that asks for more is asked again after this

logger = structlog.get_logger(__name__)


class Transport(Protocol):
    """Whoever carries a request to Meta, or to the simulated Meta."""

    async def request(
        self, method: str, url: str, *, headers: Mapping[str, str] | None = None, json: Any = None, limit: int = ...
    ) -> Fetched:
        """Send one request and return the answer."""


class Whatsapp:
    """The Cloud API adapter."""

    def __init__(self, outside: Transport, simulator: Transport) -> None:
        self._outside = outside
        self._simulator = simulator

    async def call(self, account: Account, method: str, path: str, **options: Any) -> Fetched:
        """Ask the Graph API for `path` below the version; raises what the transport raises."""
        transport = self._simulator if account.simulated else self._outside
        url = f"{account.base_url.rstrip('/')}/{account.version}/{path}"
        headers = {"Authorization": f"Bearer {account.secrets.get('access_token', '')}"}
        return await transport.request(method, url, headers=headers, **options)

    async def send(self, account: Account, to: Address, message: Mapping[str, Any]) -> Outcome:
        """Send one message (`POST /{phone_number_id}/messages`)."""
        body = {
            "messaging_product": "whatsapp", "recipient_type": "individual", **_recipient(to), **message["request"],
            "biz_opaque_callback_data": message["_id"],
        }  # fmt: skip
        try:
            return outcome(await self.call(account, "POST", f"{account.address}/messages", json=body))
        except NotSent as error:
            return Refused("unreachable", str(error), again=True)
        except Blocked as error:
            return Refused("blocked", str(error))
        except (Ambiguous, TooLarge) as error:
            return Unknown(str(error))
        except Exception as error:  # whatever it is, the carrier may have the message
            logger.error("send.broken", message=message["_id"], exc_info=error)
            return Unknown(f"the answer could not be read: {type(error).__name__}")

    def parse(self, payload: Mapping[str, Any]) -> list[Fact]:
        """Return the facts of a webhook body, in its order."""
        return facts_of(payload)


def _recipient(to: Address) -> dict[str, str]:
    """Return how a send names who gets it: Meta accepts an id that is no number in `to`, and drops the message."""
    value = str(to.value)
    return {"to": value.lstrip("+")} if to.field == PHONE else {"recipient": value}


def outcome(answer: Fetched) -> Outcome:
    """Return what an answer to a send means.

    Only the carrier's own word that it did not take the message is a refusal: an error object with a code, or 429. A
    5xx without one may come from whatever stands before the carrier, after the message was taken.
    """
    try:
        data = orjson.loads(answer.body)
    except ValueError:
        data = None
    data = data if isinstance(data, dict) else {}
    if answer.status in (200, 201):
        messages = objects(data.get("messages"))
        if messages and isinstance(messages[0].get("id"), str) and messages[0]["id"]:
            return Accepted(messages[0]["id"])
        return Unknown("the carrier accepted without naming the message")
    error = data.get("error")
    error = error if isinstance(error, dict) else {}
    code = error.get("code") if type(error.get("code")) is int else None
    again = answer.status == 429 or code in RATE_LIMITED or code in RETRYABLE
    refused = again or answer.status in _ELSEWHERE or (400 <= answer.status < 500 and answer.status != _REQUEST_TIMEOUT)
    if not refused:
        return Unknown(f"the carrier answered {answer.status} without a result")
    details = error.get("error_data")
    details = details.get("details") if isinstance(details, dict) else None
    text = str(details or error.get("message") or f"HTTP {answer.status}")[:500]
    return Refused(str(answer.status if code is None else code), text, again, _wait(answer))


def _wait(answer: Fetched) -> float | None:
    """Return the seconds a carrier asks to be left alone, within bounds."""
    text = answer.headers.get("retry-after", "").strip()
    return min(float(text), LONGEST_WAIT_S) if text.isascii() and text.isdigit() else None
