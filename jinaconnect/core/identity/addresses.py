"""Mail addresses that people log in by."""

from __future__ import annotations

from pydantic import TypeAdapter, ValidationError

from jinaconnect.core.schema import Mail

_MAIL: TypeAdapter[str] = TypeAdapter(Mail)


def is_mail(text: str) -> bool:
    """Tell whether a text is a mail address that letters can go to."""
    try:
        _MAIL.validate_python(text)
    except ValidationError:
        return False
    return True


def masked(address: str) -> str:
    """Return an address by which only who has it knows it: the first letters of its parts, and how it ends."""
    name, _, domain = address.partition("@")
    return f"{name[:1]}***@{domain[:1]}***.{domain.rpartition('.')[2]}"
