"""An account at a voice provider, checked by the schema its row in the table gives; keys beyond that are kept."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import ValidationError

from jinaconnect.core.errors import Invalid
from jinaconnect.core.schema import field_errors
from jinaconnect.telephony.table import row

_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_LINES = re.compile(r"[\r\n\x00-\x1f\x7f-\x9f\u2028\u2029]")

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
    model = row(provider).spec.credentials
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
