"""Standard Webhooks: how what is posted is signed, so that its receiver knows that it is ours and unchanged.

https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

from __future__ import annotations

import base64
import hmac
from collections.abc import Iterable

PREFIX = "whsec_"
SECRET_BYTES = 32  # the specification asks for 24 to 64


def secret_of(chance: bytes) -> str:
    """Return a secret as its holder is shown it."""
    return PREFIX + base64.b64encode(chance).decode()


def key_of_secret(secret: str) -> bytes:
    """Return the key within a secret."""
    return base64.b64decode(secret.removeprefix(PREFIX))


def sign(keys: Iterable[bytes], id: str, timestamp: int, body: bytes) -> str:
    """Return the `webhook-signature` of a body: one for each key, so that either may be the receiver's."""
    signed = f"{id}.{timestamp}.".encode() + body
    digests = [hmac.digest(key, signed, "sha256") for key in keys]  # by its name, which is the quick way
    return " ".join([f"v1,{base64.b64encode(digest).decode()}" for digest in digests])
