"""What of an organisation is sealed with a deployment's key, and how it travels: sealed for a passphrase."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from jinaconnect.actions.trunks.accounts import HIDDEN, credentials_context
from jinaconnect.actions.webhooks.target import secret_place
from jinaconnect.core.errors import Invalid
from jinaconnect.store.databases.mongo import Document
from jinaconnect.store.secrets.sealing import SecretError, Secrets

CHECK = "moving/check"
LEAST = 12  # characters of a passphrase

Place = Callable[[Document], str]
SEALED: dict[str, dict[str, Place]] = {
    "apps": {"credentials": lambda doc: f"apps/{doc['_id']}"},
    "trunks": {
        "credentials": lambda doc: credentials_context(doc["_id"]),
        HIDDEN: lambda doc: f"{credentials_context(doc['_id'])}/{HIDDEN}",
    },
    "devices": {"credentials": lambda doc: f"devices/{doc['_id']}"},
    "webhook_endpoints": {"secrets": lambda doc: secret_place(doc["_id"])},
    "calls": {"caller_sealed": lambda doc: f"calls/{doc['_id']}/caller"},
    "jobs": {"data.token": lambda doc: f"letters/{doc['data'].get('sealed_for', doc['_id'])}/token"},
}
"""By collection and field, what a value is bound to."""


def for_the_way(passphrase: str, salt: bytes) -> Secrets:
    """Return the key that secrets travel under; raises Invalid for a passphrase that is too short."""
    if len(passphrase) < LEAST:
        raise Invalid.field("passphrase", f"must have at least {LEAST} characters")
    return Secrets(Scrypt(salt=salt, length=32, n=2**15, r=8, p=1).derive(passphrase.encode()))


def resealed(collection: str, doc: Document, opened: Secrets, sealing: Secrets) -> Document:
    """Return a document whose secrets, sealed with one key, are sealed with another; raises SecretError."""
    after = dict(doc)
    for path, place in SEALED.get(collection, {}).items():
        outer, _, inner = path.rpartition(".")
        home: Any = after
        if outer:
            home = after[outer] = dict(after.get(outer) or {})
        value = home.get(inner)
        if isinstance(value, bytes):
            home[inner] = sealing.seal(opened.open(value, place(doc)), place(doc))
    return after


def fits(way: Secrets, check: bytes) -> None:
    """Raise Invalid where a passphrase is not the one an archive was written with."""
    try:
        way.open(check, CHECK)
    except SecretError as error:
        raise Invalid.field("passphrase", "is not the one this archive was written with") from error
