"""Bodies as their operation takes them: raw, JSON, or the fields and files of a form."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from typing import Any

import orjson
from pydantic import BaseModel
from tornado import httputil
from tornado.httputil import HTTPHeaders

from jinaconnect.core.errors import Malformed, UnsupportedMediaType
from jinaconnect.handlers.edge.operation import Operation, Upload

_FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")


def read_body(item: Operation, headers: HTTPHeaders, raw: bytes) -> tuple[Any, dict[str, Upload]]:
    """Return what an operation is given, and the files beside it; raises Malformed, UnsupportedMediaType."""
    if item.raw:
        return raw, {}
    if item.body is None and not item.files:
        return None, {}
    kind = headers.get("Content-Type", "application/json").split(";")[0].strip().lower()
    if kind == "application/json" and (item.body is not None or not item.files):
        return _json(raw), {}
    if kind in _FORMS:
        fields, uploads = _form(headers["Content-Type"], raw)
        return (fields if item.body is None else _shaped(item.body, fields)), uploads
    raise UnsupportedMediaType(f"'{kind[:80]}' is not read here.")


def _json(raw: bytes) -> Any:
    if not raw.strip():
        return {}
    try:
        return orjson.loads(raw)
    except ValueError as error:
        raise Malformed(f"The body is not valid JSON: {str(error)[:200]}") from error


def _form(kind: str, raw: bytes) -> tuple[dict[str, Any], dict[str, Upload]]:
    arguments: dict[str, list[bytes]] = {}
    files: dict[str, list[httputil.HTTPFile]] = {}
    try:
        httputil.parse_body_arguments(kind, raw, arguments, files)
        fields = {name: [value.decode() for value in values] for name, values in arguments.items()}
    except (ValueError, UnicodeError, httputil.HTTPInputError) as error:
        raise Malformed("The form is not valid.") from error
    uploads = {
        name: Upload(str(parts[-1]["filename"]), str(parts[-1]["content_type"]), parts[-1]["body"])
        for name, parts in files.items()
    }
    return {name: values[0] if len(values) == 1 else values for name, values in fields.items()}, uploads


def _shaped(model: type[BaseModel], fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return a form's fields with those that are lists or objects read as such: as JSON, a list as one value too."""
    structured = _structured(model)
    return {
        name: _read(value, structured[name]) if name in structured and isinstance(value, str) else value
        for name, value in fields.items()
    }


def _read(text: str, kinds: frozenset[str]) -> Any:
    if text.lstrip()[:1] in ("[", "{"):
        try:
            return orjson.loads(text)
        except ValueError:
            pass  # the field says what it takes
    if "array" in kinds:
        return [text] if text else []
    return text


@functools.cache
def _structured(model: type[BaseModel]) -> Mapping[str, frozenset[str]]:
    """Return the fields of a model that are lists or objects and never text, with which of the two."""
    schema = model.model_json_schema()
    named = {f"#/$defs/{name}": each for name, each in schema.get("$defs", {}).items()}
    found = {name: frozenset(_kinds(part, named)) for name, part in schema.get("properties", {}).items()}
    return {name: kinds for name, kinds in found.items() if kinds & {"array", "object"} and "string" not in kinds}


def _kinds(part: Mapping[str, Any], named: Mapping[str, Any]) -> Iterator[str]:
    part = named.get(part.get("$ref", ""), part)
    for each in (*part.get("anyOf", ()), *part.get("oneOf", ()), *part.get("allOf", ())):
        yield from _kinds(each, named)
    if isinstance(kind := part.get("type"), str):
        yield kind
