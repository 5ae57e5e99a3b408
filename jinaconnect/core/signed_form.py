"""The signature Twilio puts under a webhook, over the address and the fields of its form: one for messages and calls.

Source: Twilio's description of request validation.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Sequence
from itertools import groupby
from urllib.parse import urlsplit

SIGNATURE_HEADER = "X-Twilio-Signature"
_PORTS = {"https": 443, "http": 80}


def signature(token: str, url: str, form: Sequence[tuple[str, str]] = ()) -> str:
    """Return the value of `X-Twilio-Signature`: base64 HMAC-SHA1 of the address and a form's fields in name order.

    Of a name that is there several times each value counts once.
    """
    fields = "".join(
        f"{name}{value}"
        for name, group in groupby(sorted(set(form)), key=lambda pair: pair[0])
        for _, value in group
    )
    made = hmac.digest(token.encode(), (url + fields).encode("utf-8", "surrogateescape"), hashlib.sha1)
    return base64.b64encode(made).decode()


def addresses(url: str) -> list[str]:
    """Return an address as Twilio may have signed it: as it was given, without its usual port, and with it."""
    parts = urlsplit(url)
    port = _PORTS.get(parts.scheme)
    host = parts.netloc.removesuffix(f":{port}")
    found = [url, parts._replace(netloc=host).geturl()]
    if ":" not in host.rpartition("]")[2]:
        found.append(parts._replace(netloc=f"{host}:{port}").geturl())
    return list(dict.fromkeys(found))
