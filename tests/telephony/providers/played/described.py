"""Requests held against the carriers' published descriptions.

These are found by JC_TEST_SHARED and are no part of this project; without them nothing is held against them.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import yaml

FILES = {
    "twilio": "twilio_api_v2010.json", "vonage": "vonage_voice.patched.yml", "telnyx": "telnyx_spec3_2020-03.json",
}  # fmt: skip
# What the files at hand are too old to know, as the providers' own pages have it.
NEWER: Mapping[str, frozenset[str]] = {
    "telnyx": frozenset({
        "webhook_url", "webhook_url_method", "record", "record_channels", "record_format", "outbound_voice_profile_id",
        "max_length", "timeout_secs", "recording_track", "park_after_unbridge", "target_leg_client_state",
        "initial_timeout_millis",
    }),
}  # fmt: skip
# What a file contradicts itself about: its own default does not fit the type it gives.
DEFECTS: Mapping[str, frozenset[str]] = {"telnyx": frozenset({"loop"})}
NEWER_ACTIONS = ("gather", "record_pause", "record_resume", "transcription_start", "transcription_stop")


@cache
def _description(provider: str) -> dict[str, Any] | None:
    shared = os.environ.get("JC_TEST_SHARED")
    if shared is None:
        return None
    text = (Path(shared) / "specs" / FILES[provider]).read_text()
    found: dict[str, Any] = json.loads(text) if FILES[provider].endswith("json") else yaml.safe_load(text)
    return found


def _operation(told: dict[str, Any], method: str, path: str) -> dict[str, Any] | None:
    for pattern, held in told["paths"].items():
        fits = re.fullmatch(re.sub(r"\\\{[^}]*\\\}|\{[^}]*\}", "[^/]+", re.escape(pattern)), path)
        if fits and method.lower() in held:
            return dict(held[method.lower()])
    return None


def faults(provider: str, method: str, path: str, given: Any) -> Iterator[str]:
    """Yield what of a request does not fit its description: a form as pairs, JSON as it is."""
    told = _description(provider)
    if told is None:
        return
    operation = _operation(told, method, path)
    if operation is None:
        if path.rpartition("/")[2] not in NEWER_ACTIONS:
            yield f"{method} {path} is not described"
        return
    if given is None:
        return
    [content] = operation["requestBody"]["content"].values()
    schema = content["schema"]
    body = _form(schema, given) if isinstance(given, Sequence) else dict(given)
    resolver = {**schema, "components": told["components"]}
    known = _properties(resolver, told)
    known |= NEWER.get(provider, frozenset())
    yield from (f"{path}: {name} is not known" for name in body if name not in known)
    told_right = {name: value for name, value in body.items() if name not in DEFECTS.get(provider, frozenset())}
    for error in jsonschema.Draft7Validator(resolver).iter_errors(told_right):
        yield f"{path}: {error.message[:300]}"


def _form(schema: Mapping[str, Any], pairs: Sequence[tuple[str, str]]) -> dict[str, Any]:
    form: dict[str, Any] = {}
    for name, value in pairs:
        kind = schema["properties"].get(name, {}).get("type")
        if kind == "array":
            form.setdefault(name, []).append(value)
        elif kind == "integer" and value.isdigit():
            form[name] = int(value)
        elif kind == "boolean" and value in ("true", "false"):
            form[name] = value == "true"
        else:
            assert name not in form, f"{name} is there twice"
            form[name] = value
    return form


def _properties(schema: Mapping[str, Any], told: Mapping[str, Any]) -> frozenset[str]:
    if "$ref" in schema:
        found: Any = told
        for part in schema["$ref"].removeprefix("#/").split("/"):
            found = found[part]
        return _properties(found, told)
    names = set(schema.get("properties", {}))
    for each in (*schema.get("allOf", ()), *schema.get("oneOf", ()), *schema.get("anyOf", ())):
        names |= _properties(each, told)
    return frozenset(names)
