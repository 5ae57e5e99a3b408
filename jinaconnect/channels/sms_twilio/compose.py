"""What Twilio is sent: a text, with files where there are any, from a number, a name or a messaging service."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jinaconnect.channels.base import Account, Composed, Outgoing
from jinaconnect.core.errors import Invalid
from jinaconnect.core.messaging.plain import MEDIA, plain_text
from jinaconnect.core.messaging.segments import segmented
from jinaconnect.core.messaging.templates import given_values, render

LONGEST = 1_600
# Calling codes whose networks take no names as senders (the United States, Canada and what shares their code).
_NUMBERS_ONLY = ("+1",)


def composed(account: Account, message: Outgoing, url: str) -> Composed:
    """Return the fields of a `Messages.json` that are the message's own; `url` is where Twilio finds our files."""
    content = message.content
    if message.template is not None:
        use = message.template
        text = render(use.content, given_values(use.content, use.body, "params"))
        content = {"type": "text", "body": {"text": text}, "template": use.name}
    else:
        text = plain_text(content, "SMS")
    if len(text) > LONGEST:
        raise Invalid.field("text", f"must be at most {LONGEST} characters")
    kind = content["type"]
    files = [_reachable(str(content[kind]["url"]), url)] if kind in MEDIA else []
    wire: dict[str, Any] = {**_sender(account, message), **({"Body": text} if text else {})}
    if files:
        return Composed({**wire, "MediaUrl": files}, content, kind.upper())
    if not text:
        raise Invalid.field("text", "is required")
    return Composed(wire, content, "TEXT", segmented(text).count)


def _sender(account: Account, message: Outgoing) -> dict[str, str]:
    """Return who it is from; raises Invalid on `sender_id` for one that is not the account's, or not taken there."""
    own = str(account.fields.get("sender_id") or account.phone)
    given = message.options.get("sender_id")
    if given is not None and given != own:
        raise Invalid.field("sender_id", "is not a sender of this app")
    service = account.settings.get("messaging_service_sid")
    if service and given is None:
        return {"MessagingServiceSid": service}
    to = str(message.to.value) if message.to is not None else ""
    if not own.lstrip("+").isdigit() and to.startswith(_NUMBERS_ONLY):
        raise Invalid.field("sender_id", "a name cannot send to this country: a number or a messaging service can")
    return {"From": own}


def _reachable(place: str, url: str) -> str:
    return f"{url}{place}" if place.startswith("/") else place


def pairs(wire: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return the fields of a form, one for each value of a list."""
    return [
        (name, each) for name, value in wire.items() for each in (value if isinstance(value, list) else [str(value)])
    ]
