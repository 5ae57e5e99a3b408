"""Callers who ask that their number is not shown. Pure."""

from __future__ import annotations

import re

WITHHELD = "withheld"
"""What stands for the number of such a caller, wherever a caller's number is kept or shown."""

_NOBODY = frozenset({"anonymous", "restricted", "private", "withheld", "blocked"})
_ASKED = frozenset({"id", "user", "header", "full"})
_PARTY_PRIVACY = re.compile(r';\s*privacy\s*=\s*"?([^;">]*)', re.IGNORECASE)
_ADDRESS = re.compile(r"(?:sips?|tel):(?:([^@;>\s]*)@)?([^:;>?\s]*)", re.IGNORECASE)
_NAME = re.compile(r'\s*"?([^"<]*?)"?\s*<')


def is_withheld(
    *, number: str = "", presentation: str = "", privacy: str = "", sender: str = "", party: str = ""
) -> bool:
    """Tell whether anything of a call says that its caller is not to be shown.

    `number` is the caller as the switch tells it, `presentation` its reading of the call (Asterisk's CALLERPRES);
    `privacy`, `sender` and `party` are the headers Privacy (RFC 3323, 3325), From and Remote-Party-ID. One word for
    privacy suffices, whatever identity stands beside it for the network's own use.
    """
    if number.strip().lower() in _NOBODY or presentation.lower().startswith("prohib"):
        return True
    if _ASKED & set(re.split(r"[;,\s]+", privacy.lower())):
        return True
    marks = re.split(r"[,\s]+", ",".join(_PARTY_PRIVACY.findall(party)).lower())
    return any(mark.startswith(("full", "uri")) for mark in marks) or _anonymous(sender)


def _anonymous(sender: str) -> bool:
    """Tell whether From is of nobody: `"Anonymous" <sip:anonymous@anonymous.invalid>`, and what else is usual."""
    name, address = _NAME.match(sender), _ADDRESS.search(sender)
    if name is not None and name[1].strip().lower() in ("anonymous", "restricted"):
        return True
    if address is None:
        return False
    user, host = (address[1] or "").lower(), address[2].lower()
    return user in _NOBODY or host == "anonymous.invalid" or host.endswith(".anonymous.invalid")
