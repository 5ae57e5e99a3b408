"""The headers every answer has, whichever door it leaves by."""

from __future__ import annotations

from tornado import web

_FRAMES = "frame-ancestors 'none'"
# Of every answer unless it says otherwise: nothing is guessed, framed, cached or told to other sites.
ALWAYS = {
    "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": f"default-src 'none'; {_FRAMES}", "Cache-Control": "no-store",
}  # fmt: skip


def begin(handler: web.RequestHandler) -> None:
    """Set what every answer has."""
    handler.clear_header("Server")  # Tornado's version is nobody's business
    for name, value in ALWAYS.items():
        handler.set_header(name, value)


def put(handler: web.RequestHandler, name: str, value: str) -> None:
    """Set a header of one answer; a policy of its own still lets nobody frame it."""
    if name == "Content-Security-Policy" and "frame-ancestors" not in value:
        value = f"{value}; {_FRAMES}"
    handler.set_header(name, value)
