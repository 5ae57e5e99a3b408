"""What the Bot API's answers mean."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from jinaconnect.channels.base import Refused
from jinaconnect.channels.pace import LONGEST_WAIT_S
from jinaconnect.outbound import Fetched

_CONFLICT = 409  # somebody else asks for the same bot's updates


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer of the Bot API: its `result`, or why there is none. `told` is False where it is no answer of its."""

    status: int
    result: Any
    told: bool
    description: str = ""
    retry_after: float | None = None
    migrated_to: int | None = None

    @property
    def ok(self) -> bool:
        """Whether the method was carried out."""
        return self.told and self.status == 200


def read(fetched: Fetched) -> Answer:
    """Return an answer; a page of whatever stands before the Bot API is no word of its."""
    try:
        data = orjson.loads(fetched.body)
    except ValueError:
        data = None
    if not isinstance(data, Mapping) or type(data.get("ok")) is not bool:
        return Answer(fetched.status, None, told=False)
    if data["ok"]:
        return Answer(200, data.get("result"), told=True)
    code = data.get("error_code")
    more = data.get("parameters")
    more = more if isinstance(more, Mapping) else {}
    wait, moved = more.get("retry_after"), more.get("migrate_to_chat_id")
    return Answer(
        code if type(code) is int else fetched.status, None, told=True,
        description=str(data.get("description") or f"HTTP {fetched.status}")[:500],
        retry_after=min(float(wait), LONGEST_WAIT_S) if type(wait) is int and wait >= 0 else None,
        migrated_to=moved if type(moved) is int else None,
    )  # fmt: skip


def refusal(answer: Answer) -> Refused:
    """Return what a refusal means: the bot is too fast, its token is bad, the chat is closed, or the request wrong."""
    code, text = str(answer.status), answer.description
    if answer.status == 429:
        return Refused(code, text, again=True, retry_after=answer.retry_after, cause="rate")
    if answer.status in (401, 404):  # a token that was revoked, and one that never was
        return Refused(code, text, cause="auth")
    if answer.status == 403:
        return Refused(code, text, cause="unreachable")
    return Refused(code, text, again=answer.status >= 500 or answer.status == _CONFLICT)
