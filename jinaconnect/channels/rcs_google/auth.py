"""Tokens of a Google service account: a signed assertion is exchanged for a bearer token, which is kept for its hour.

OAuth 2.0 for service accounts (RFC 7523): RS256 over issuer, scope and audience.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import jwt
import orjson
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from jinaconnect.channels.base import Account
from jinaconnect.channels.pace import wait_of
from jinaconnect.core.clock import Clock
from jinaconnect.outbound import Outbound

SCOPE = "https://www.googleapis.com/auth/rcsbusinessmessaging"
GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
TOKEN_URI = "https://oauth2.googleapis.com/token"
# The errors (RFC 6749, section 5.2, and Google's own) that are the key's; whatever else there is may pass.
REFUSED = ("invalid_grant", "invalid_client", "unauthorized_client", "deleted_client", "disabled_client")
VALID = timedelta(hours=1)
EARLY = timedelta(minutes=5)  # before its end a token is asked for anew
_KEPT = 1_000


class KeyRefused(Exception):
    """Google does not take the account's key, or the account has none."""


class NoToken(Exception):
    """Google gave no token, which is not for the key: another try may help, after so many seconds where it says so."""

    def __init__(self, reason: str, retry_after: float | None) -> None:
        super().__init__(reason)
        self.retry_after = retry_after


@dataclass(frozen=True, slots=True)
class Key:
    """What of a service account's key file is needed."""

    email: str
    private_key: str
    token_uri: str


class KeyFault(ValueError):
    """What a key file lacks; `part` is the field of it, None for the whole."""

    def __init__(self, message: str, part: str | None = None) -> None:
        super().__init__(message)
        self.part = part


def read_key(text: str) -> Key:
    """Return the key of a service account's file; raises KeyFault."""
    try:
        told = orjson.loads(text)
    except ValueError as error:
        raise KeyFault("is no JSON") from error
    if not isinstance(told, Mapping):
        raise KeyFault("is no key file of a service account")
    if told.get("type") != "service_account":
        raise KeyFault("is no key file of a service account", "type")
    email, pem, uri = (told.get(name) for name in ("client_email", "private_key", "token_uri"))
    if not isinstance(email, str) or not email:
        raise KeyFault("is needed", "client_email")
    if not isinstance(pem, str):
        raise KeyFault("is needed", "private_key")
    try:
        load_pem_private_key(pem.encode(), None)
    except Exception as error:
        raise KeyFault("is no private key in PEM form", "private_key") from error
    return Key(email, pem, uri if isinstance(uri, str) and uri else TOKEN_URI)


class Tokens:
    """Bearer tokens by account."""

    def __init__(self, outside: Outbound, clock: Clock) -> None:
        self._outside = outside
        self._clock = clock
        self._held: dict[str, tuple[datetime, str]] = {}

    async def of(self, account: Account) -> str:
        """Return a token of an account; raises KeyRefused, NoToken, what the transport raises."""
        text = account.secrets.get("service_account_json", "")
        place = hashlib.sha256(text.encode()).hexdigest()
        held = self._held.get(place)
        if held is not None and held[0] > self._clock() + EARLY:
            return held[1]
        try:
            key = read_key(text)
        except KeyFault as error:
            raise KeyRefused(f"the key file {error}") from error
        token, seconds = await self._ask(key)
        if len(self._held) > _KEPT:
            self._held.clear()
        self._held[place] = (self._clock() + timedelta(seconds=seconds), token)
        return token

    def forget(self, account: Account) -> None:
        """Drop an account's token: it was refused."""
        text = account.secrets.get("service_account_json", "")
        self._held.pop(hashlib.sha256(text.encode()).hexdigest(), None)

    async def _ask(self, key: Key) -> tuple[str, float]:
        now = self._clock()
        claims = {"iss": key.email, "scope": SCOPE, "aud": key.token_uri, "iat": now, "exp": now + VALID}
        form = {"grant_type": GRANT, "assertion": jwt.encode(claims, key.private_key, algorithm="RS256")}
        answer = await self._outside.request("POST", key.token_uri, data=form)
        try:
            told: Any = orjson.loads(answer.body)
        except ValueError:
            told = None
        told = told if isinstance(told, Mapping) else {}
        token = told.get("access_token")
        if answer.status == 200 and isinstance(token, str) and token:
            seconds = told.get("expires_in")
            return token, float(seconds) if isinstance(seconds, int | float) else VALID.total_seconds()
        reason = str(told.get("error_description") or told.get("error") or f"HTTP {answer.status}")[:300]
        if answer.status in (400, 401) and told.get("error") in REFUSED:
            raise KeyRefused(reason)
        raise NoToken(reason, wait_of(answer))
