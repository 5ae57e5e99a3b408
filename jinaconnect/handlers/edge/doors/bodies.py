"""Bodies as their operation takes them: raw, JSON, or the fields and files of a form."""

from __future__ import annotations

from typing import Any

import orjson
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
        return _form(headers["Content-Type"], raw)
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
