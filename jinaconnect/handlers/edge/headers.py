"""The headers every answer has, whichever door it leaves by."""

from __future__ import annotations

from tornado import web

_FRAMES = "frame-ancestors 'none'"


def begin(handler: web.RequestHandler) -> None:
    """Set what holds unless the answer says otherwise: nothing is guessed, framed, cached or told to other sites."""
    handler.clear_header("Server")  # Tornado's version is nobody's business
    handler.set_header("X-Content-Type-Options", "nosniff")
    handler.set_header("Referrer-Policy", "no-referrer")
    handler.set_header("Content-Security-Policy", f"default-src 'none'; {_FRAMES}")
    handler.set_header("Cache-Control", "no-store")


def put(handler: web.RequestHandler, name: str, value: str) -> None:
    """Set a header of one answer; a policy of its own still lets nobody frame it."""
    if name == "Content-Security-Policy" and "frame-ancestors" not in value:
        value = f"{value}; {_FRAMES}"
    handler.set_header(name, value)
