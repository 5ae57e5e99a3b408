"""Passwords: Argon2id (RFC 9106), in a thread, with the same work for people who do not exist."""

from __future__ import annotations

import asyncio
import hashlib

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

_hasher = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)  # OWASP's second choice for Argon2id
_nobody = _hasher.hash("the password of nobody")
_at_once = asyncio.Semaphore(2)  # each costs a core for some ten milliseconds; logins wait for each other, not requests


async def hashed(password: str) -> str:
    """Return what is stored of a password."""
    async with _at_once:
        return await asyncio.to_thread(_hasher.hash, password)


async def matches(stored: str | None, password: str) -> bool:
    """Tell whether a password is the stored one; None stands for a person who is not there."""
    async with _at_once:
        return await asyncio.to_thread(_verify, stored, password)


def mark_of(stored: str | None) -> str:
    """Return what tells one stored password from another and says nothing of it: each has chance of its own."""
    return hashlib.sha256((stored or "").encode()).hexdigest()


def _verify(stored: str | None, password: str) -> bool:
    try:
        return _hasher.verify(stored or _nobody, password) and stored is not None
    except (VerificationError, InvalidHashError):
        return False
