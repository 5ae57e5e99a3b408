"""Addresses a carrier is given in these tests."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Urls:
    """As `telephony.provider.CallUrls`."""

    turn: str
    status: str
    recording: str
    transcript: str = ""


def urls(turn: int = 0) -> Urls:
    """Return the addresses of a turn."""
    base = "https://gateway.example/voice/webhooks/carrier/acc"
    return Urls(*(f"{base}/{kind}/?call=c&turn={turn}&mark=m" for kind in ("turn", "status", "recording")))


URLS = urls()
