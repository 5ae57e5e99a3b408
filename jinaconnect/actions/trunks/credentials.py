"""What each voice provider's account consists of; keys beyond that are kept."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from jinaconnect.core.errors import Invalid
from jinaconnect.core.schema import field_errors

_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_LINES = re.compile(r"[\r\n\x00-\x1f\x7f-\x9f\u2028\u2029]")

Given = Annotated[str, StringConstraints(min_length=1, max_length=512)]
Key = Annotated[str, StringConstraints(min_length=1, max_length=16_384)]


class _Account(BaseModel):
    model_config = ConfigDict(extra="allow")


class Twilio(_Account):
    """Twilio: account and token, region and edge."""

    account_sid: Given
    auth_token: Given
    region: Given | None = None
    edge: Given | None = None


class Plivo(_Account):
    """Plivo: id and token."""

    auth_id: Given
    auth_token: Given


class Vonage(_Account):
    """Vonage: key, secret, application and its private key (PEM)."""

    api_key: Given
    api_secret: Given
    application_id: Given
    private_key_pem: Key
    signature_secret: Given | None = None


class Telnyx(_Account):
    """Telnyx: key and connection."""

    api_key: Given
    connection_id: Given
    outbound_voice_profile_id: Given | None = None
    public_key: Key | None = None


class Exotel(_Account):
    """Exotel: account, key, token and the region's host."""

    sid: Given
    api_key: Given
    api_token: Given
    subdomain: Annotated[str, Field(pattern=r"^[a-z0-9.-]{1,253}$")] = "api.exotel.com"


_MODELS: Mapping[str, type[_Account]] = {
    "twilio": Twilio, "plivo": Plivo, "vonage": Vonage, "telnyx": Telnyx, "exotel": Exotel,
}  # fmt: skip
PROVIDERS = ("sip", *_MODELS)
_PEM = ("private_key_pem", "public_key")
MAX_KEYS = 64
MAX_DEPTH = 4  # of what may stand in a key we do not know


def checked(provider: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the credentials of a provider; raises Invalid naming every fault as `credentials.<name>`.

    Those of `sip` are looked at by `telephony.trunks.credentials`. Line breaks and control characters are refused
    everywhere but in keys in PEM form.
    """
    faults = {f"credentials.{path}": [wrong] for name in given for path, wrong in _faults(name, given[name])}
    if len(given) > MAX_KEYS:
        faults["credentials"] = [f"at most {MAX_KEYS} keys"]
    elif any(_LINES.search(name) for name in given):
        faults = {"credentials": ["names must not contain line breaks or control characters"]}
    elif any(name.startswith("$") or "." in name for name in given):
        faults["credentials"] = ["names must not begin with $ or hold a dot"]
    model = _MODELS.get(provider)
    if model is not None and not faults:
        try:
            return model.model_validate(given).model_dump(exclude_none=True)
        except ValidationError as error:
            faults = {f"credentials.{name}": texts for name, texts in field_errors(error, given).items()}
    if faults:
        raise Invalid(faults)
    return dict(given)


def _faults(name: str, value: Any) -> Iterator[tuple[str, str]]:
    """Yield where a credential holds a line break, and itself where it is nested too deeply."""
    bad = _CONTROL if name in _PEM else _LINES
    level = [(name, value)]
    for _ in range(MAX_DEPTH):
        for path, each in level:
            texts = each if isinstance(each, Mapping) else (each,)
            if any(isinstance(text, str) and bad.search(text) for text in texts):
                yield path, "must not contain line breaks or control characters"
        level = [
            (f"{path}.{str(part)[:64]}", inner)
            for path, each in level
            if isinstance(each, Mapping | list)
            for part, inner in (each.items() if isinstance(each, Mapping) else enumerate(each))
        ]
        if not level:
            return
    yield name, "is nested too deeply"
