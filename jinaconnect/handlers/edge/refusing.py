"""An error as the answer of an HTTP request: status, headers, and `{"detail", "code"}`."""

from __future__ import annotations

from typing import Any, Protocol

import orjson

from jinaconnect.core.errors import GatewayError


class Answering(Protocol):
    """What gives an answer its status and headers."""

    def set_status(self, status: int, /) -> None:
        """Choose the status."""

    def set_header(self, name: str, value: Any, /) -> None:
        """Set a header."""


def refusal(handler: Answering, error: GatewayError) -> bytes:
    """Give an answer the status and the headers of an error; returns its body."""
    handler.set_status(error.status)
    if error.status == 401:
        handler.set_header("WWW-Authenticate", "Bearer")
    if error.retry_after is not None:
        handler.set_header("Retry-After", str(max(1, round(error.retry_after))))
    handler.set_header("Content-Type", "application/json")
    return orjson.dumps(error.body(), default=list)
