"""A carrier's webhook as it came in, and what it is answered: what adapters read and write, whatever the edge is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class WebhookRequest:
    """One request; `url` is as the carrier was given it, which is what most of them sign. Header names as they came."""

    method: str
    url: str
    headers: Mapping[str, str]
    query: Mapping[str, str]
    body: bytes

    def header(self, name: str) -> str:
        """Return a header whatever its letters' case, empty where there is none."""
        wanted = name.lower()
        return next((value for key, value in self.headers.items() if key.lower() == wanted), "")


@dataclass(frozen=True, slots=True)
class WebhookReply:
    """What a carrier is answered."""

    body: bytes = b""
    content_type: str = "text/plain; charset=utf-8"
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
