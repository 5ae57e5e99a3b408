"""Whose an address is: proved here, by a letter of ours, and since when.

`email_verified` alone may have come along with an account from elsewhere. `proved_at` is when a letter of ours was
answered, None for an account from elsewhere whose letter was not; accounts of before there was a `proved_at` have none,
were all proved here and come first.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any

FROM_ELSEWHERE: Mapping[str, Any] = MappingProxyType({"proved_at": None, "had": ()})
"""Fields of an account whose address somebody else vouches for."""
_EVER = datetime.min.replace(tzinfo=UTC)


def arrived(user: Mapping[str, Any]) -> dict[str, Any]:
    """Return an account as it comes from elsewhere: no secret that was made there proves its address here.

    Invitations go on, for they are waited for; what can be asked for again ends.
    """
    after = {**user, **FROM_ELSEWHERE, "reset": None, "moving_to": None}
    if user.get("verification"):
        after["verification"] = {**user["verification"], "hash": None}
    if user.get("invitation"):
        after["invitation"] = {**user["invitation"], "elsewhere": True}
    return after


def is_proved(user: Mapping[str, Any]) -> bool:
    """Tell whether an account's address was proved here."""
    return bool(user["email_verified"]) and user.get("proved_at", _EVER) is not None


def proving(user: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    """Return the fields of an account whose address is proved now, or was so before."""
    return {"email_verified": True, **({} if is_proved(user) else {"proved_at": now})}


def leaving(user: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return what an account `had` that goes on from its address, the one it leaves at the end if it was proved."""
    had = list(user.get("had") or ())
    if is_proved(user):
        had.append({"address": user["email"], "since": user.get("proved_at") or user.get("moved_at")})
    return had


def held_since(user: Mapping[str, Any], address: str) -> datetime | None:
    """Return since when an account has, or had, an address that it has proved; None where it never did."""
    if not is_proved(user) or not user["is_active"]:
        return None
    own = [user.get("proved_at") or user.get("moved_at")] if user["email"] == address else []
    former = [each["since"] for each in user.get("had") or () if each["address"] == address]
    return min((moment or _EVER for moment in (*own, *former)), default=None)
