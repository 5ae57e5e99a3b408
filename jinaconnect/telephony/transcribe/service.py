"""What services that write recordings down have alike: one request, its refusals, an answer that is not believed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from jinaconnect.outbound import Blocked, Outbound, OutboundError, TooLarge
from jinaconnect.telephony.transcribe.engine import EngineAway, NotTranscribed, UnsupportedLanguage

ANSWER_BYTES = 64 * 1024 * 1024  # hours of words with their times
PASSING = (408, 425, 429)


async def ask(outside: Outbound, url: str, data: Any, timeout_s: float, headers: Mapping[str, str]) -> dict[str, Any]:
    """Return the answer to a recording; raises UnsupportedLanguage, NotTranscribed, EngineAway."""
    try:
        answer = await outside.request(
            "POST", url, headers=headers, data=data, timeout_s=timeout_s, limit=ANSWER_BYTES
        )
    except (Blocked, TooLarge) as error:
        raise NotTranscribed(str(error)) from error
    except OutboundError as error:  # to ask again costs, and harms nobody
        raise EngineAway(str(error)) from error
    if answer.status >= 500 or answer.status in PASSING:
        raise EngineAway(f"it answers {answer.status}")
    told = _read(answer.body)
    if answer.status != 200:
        reason = _reason(told)
        if answer.status == 400 and "language" in reason.lower():
            raise UnsupportedLanguage(reason)
        raise NotTranscribed(f"it answers {answer.status}: {reason}")
    if told is None:
        raise NotTranscribed("its answer cannot be read")
    return told


def _read(body: bytes) -> dict[str, Any] | None:
    try:
        told = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    return told if isinstance(told, dict) else None


def _reason(told: Mapping[str, Any] | None) -> str:
    """Return what a refusal says: Deepgram's `err_msg`, OpenAI's `error.message`."""
    if told is None:
        return "no reason"
    error = told.get("error")
    inner = error.get("message") if isinstance(error, dict) else error
    return str(told.get("err_msg") or inner or told.get("message") or "no reason")[:300]


def field(held: Mapping[str, Any], name: str, kind: type[Any]) -> Any:
    """Return a field of an answer, an empty one where it is missing or of another kind."""
    value = held.get(name)
    return value if isinstance(value, kind) else kind()


def listed(held: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    """Return the objects in a list of an answer."""
    return [each for each in field(held, name, list) if isinstance(each, dict)]


def number(held: Mapping[str, Any], name: str) -> float:
    """Return a number of an answer, 0 where it is none."""
    value = held.get(name)
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else 0.0
