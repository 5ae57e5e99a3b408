"""Keys and sealed values: everything secret at rest hangs on one master key.

The master key comes from the environment (32 bytes, base64url) or is made once under the var directory with mode
0600. Keys for single purposes are derived by HKDF-SHA256 (RFC 5869); values are sealed with AES-256-GCM, bound to the
place they belong to, so that a sealed value copied to another row does not open.
"""

from __future__ import annotations

import base64
import os
from pathlib import Path
from typing import Any

import orjson
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

KEY_BYTES = 32
_NONCE_BYTES = 12


class SecretError(Exception):
    """The master key is unusable, or a sealed value does not open with it."""


def load_master_key(given: str, var_dir: Path) -> bytes:
    """Return the master key from its base64url text, or from `<var_dir>/master.key`, made at the first start."""
    if given:
        try:
            key = base64.urlsafe_b64decode(given + "=" * (-len(given) % 4))
        except ValueError as error:
            raise SecretError("secrets.master_key is not base64url") from error
        if len(key) != KEY_BYTES:
            raise SecretError(f"secrets.master_key must be {KEY_BYTES} bytes")
        return key
    path = var_dir / "master.key"
    var_dir.mkdir(parents=True, exist_ok=True)
    try:
        handle = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    except FileExistsError:
        key = path.read_bytes()
        if len(key) != KEY_BYTES:
            raise SecretError(f"{path} is damaged: it must hold {KEY_BYTES} bytes") from None
        return key
    key = os.urandom(KEY_BYTES)
    with os.fdopen(handle, "wb") as file:
        file.write(key)
        file.flush()
        os.fsync(file.fileno())
    return key


class Secrets:
    """Derives keys and seals values under a master key."""

    def __init__(self, master: bytes) -> None:
        self._master = master
        self._seal = AESGCM(self.derive("seal"))

    def derive(self, purpose: str, size: int = KEY_BYTES) -> bytes:
        """Return the key of a purpose; the same for the same master key for ever."""
        return HKDF(algorithm=SHA256(), length=size, salt=None, info=b"jinaconnect " + purpose.encode()).derive(
            self._master
        )

    def seal(self, value: Any, place: str) -> bytes:
        """Return a JSON value encrypted for one place (`collection/id/field`)."""
        nonce = os.urandom(_NONCE_BYTES)
        return nonce + self._seal.encrypt(nonce, orjson.dumps(value), place.encode())

    def open(self, sealed: bytes, place: str) -> Any:
        """Return the value sealed for a place; raises SecretError if it was not, or under another key."""
        try:
            return orjson.loads(self._seal.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], place.encode()))
        except InvalidTag as error:
            raise SecretError("a sealed value does not open with this master key") from error
