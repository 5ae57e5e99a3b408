"""Whose a webhook of Meta's is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from jinaconnect.channels.base import Account, Verified, WebhookRequest
from jinaconnect.channels.graph import SIGNATURE_HEADER, signed_by
from jinaconnect.channels.whatsapp.envelope import OBJECT, kind_of, lane_of
from jinaconnect.core.errors import BadSignature


def verified(accounts: Sequence[Account], hook: WebhookRequest) -> Verified:
    """Return whose a webhook is; raises BadSignature, Malformed."""
    secrets = {account.secrets.get("app_secret", "") for account in accounts}
    good = signed_by(secrets, hook.headers.get(SIGNATURE_HEADER.lower()), hook.body)
    if not good:
        raise BadSignature("The signature does not fit the body.")
    payload = hook.json
    if not isinstance(payload, dict) or payload.get("object") != OBJECT:
        return Verified((), reason="not a WhatsApp business account event")
    trusted = [account for account in accounts if account.secrets.get("app_secret") in good]
    if not _addressed(payload, trusted):
        return Verified((), reason="no account with this phone number id or business account id")
    return Verified(tuple(account.id for account in trusted), kind_of(payload), lane_of(payload))


def _addressed(payload: Mapping[str, Any], accounts: Iterable[Account]) -> bool:
    businesses = {account.business for account in accounts}
    addresses = {account.address for account in accounts}
    for entry in payload.get("entry") or () if isinstance(payload.get("entry"), list) else ():
        if not isinstance(entry, Mapping):
            continue
        if str(entry.get("id", "")) in businesses:
            return True
        for change in entry.get("changes") or () if isinstance(entry.get("changes"), list) else ():
            value = change.get("value") if isinstance(change, Mapping) else None
            metadata = value.get("metadata") if isinstance(value, Mapping) else None
            if isinstance(metadata, Mapping) and str(metadata.get("phone_number_id", "")) in addresses:
                return True
    return False
