"""The API description, made from the operation table: OpenAPI 3.1, and AsyncAPI 3.0 for the feed."""

from __future__ import annotations

import re
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from jinaconnect import __version__
from jinaconnect.core.events.catalogue import CATALOGUE
from jinaconnect.handlers.operation import OPERATIONS, PUBLIC, Operation
from jinaconnect.handlers.table import load_operations
from jinaconnect.realtime.protocol import CLOSE_CODES

_REF = "#/components/schemas/{model}"
_MEANING = {
    400: "The request is not valid, or the resource cannot do that now.",
    401: "Credentials are missing or do not hold.",
    403: "The role lacks the permission.",
    404: "There is no such thing here.",
    409: "Someone else was first.",
    410: "The cursor is no longer kept.",
    413: "The body is too large.",
    415: "The content type is not read here.",
    429: "Too many requests; see Retry-After.",
    502: "The carrier failed.",
    503: "Something is away; see Retry-After.",
}
_PAGING = {
    "page": "Page number, from 1.", "page_size": "Rows a page (10, at most 1000).",
    "cursor": "Endless list: empty to begin, then the `next_cursor` of the answer.",
}  # fmt: skip


def _shown() -> list[Operation]:
    load_operations()
    return [item for item in OPERATIONS.values() if not item.hidden]


def description() -> dict[str, Any]:
    """Return the OpenAPI 3.1 document."""
    items = _shown()
    models = {model for item in items for model in (item.body, item.returns) if model is not None}
    ordered = sorted(models, key=lambda model: model.__name__)
    _, definitions = models_json_schema([(model, "validation") for model in ordered], ref_template=_REF)
    paths: dict[str, dict[str, Any]] = {}
    for item in items:
        paths.setdefault(item.path, {})[item.method.lower()] = _operation(item)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "JinaConnect gateway",
            "version": __version__,
            "description": "A team inbox over many channels. Every change is an event of the feed.",
        },
        "servers": [{"url": "/"}],
        "paths": dict(sorted(paths.items())),
        "components": {
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer", "description": "A JWT or an API key."}},
            "schemas": {"Error": _error(), **definitions.get("$defs", {})},
        },
        "tags": [{"name": name} for name in sorted({item.tag for item in items})],
    }


def _error() -> dict[str, Any]:
    fields = {"type": "object", "additionalProperties": {"type": "array", "items": {"type": "string"}}}
    return {
        "type": "object", "required": ["detail", "code"],
        "properties": {"detail": {"anyOf": [{"type": "string"}, fields]}, "code": {"type": "string"}},
    }  # fmt: skip


def _operation(item: Operation) -> dict[str, Any]:
    told: dict[str, Any] = {
        "operationId": item.id, "tags": [item.tag], "summary": item.summary, "description": item.description,
        "x-permission": item.permission, "parameters": _parameters(item), "responses": _responses(item),
        "security": [] if item.permission == PUBLIC else [{"bearer": []}],
    }  # fmt: skip
    if item.raw:
        told["requestBody"] = {"required": True, "content": {"application/json": {"schema": {}}}}
    elif item.files:
        told["requestBody"] = {
            "required": True,
            "content": {"multipart/form-data": {"schema": _schema(item.body) or {"type": "object"}}},
        }
    elif item.body is not None:
        told["requestBody"] = {"required": True, "content": {"application/json": {"schema": _schema(item.body)}}}
    return told


def _schema(model: type[BaseModel] | None) -> dict[str, Any]:
    return {} if model is None else {"$ref": _REF.format(model=model.__name__)}


def _parameters(item: Operation) -> list[dict[str, Any]]:
    found = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}
        for name in re.findall(r"\{(\w+)\}", item.path)
    ]
    query = dict(item.query)
    if item.listing is not None:
        query = {**_PAGING, **dict.fromkeys(item.listing.parameters(), "Filter; see the filter grammar."), **query}
    found += [
        {"name": name, "in": "query", "required": False, "description": told, "schema": {"type": "string"}}
        for name, told in query.items()
    ]
    if item.effect:
        found.append(
            {
                "name": "Idempotency-Key",
                "in": "header",
                "required": False,
                "description": "The same key and request get the first answer.",
                "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"},
            }
        )
    return found


def _responses(item: Operation) -> dict[str, Any]:
    schema = _schema(item.returns) if item.returns else {}
    if item.listing is not None:
        schema = {
            "type": "object",
            "required": ["results", "cursor"],
            "properties": {
                "count": {"type": "integer"},
                "next": {"type": ["string", "null"]},
                "previous": {"type": ["string", "null"]},
                "next_cursor": {"type": ["string", "null"]},
                "cursor": {"type": "string"},
                "results": {"type": "array", "items": schema},
            },
        }
    good: dict[str, Any] = {"description": item.summary}
    if item.status != 204:
        good["content"] = {item.media_type: {"schema": schema}}
    statuses = {400, 404, 413, 415, 429, 503, *item.errors} | (set() if item.permission == PUBLIC else {403, 409})
    statuses.add(401)
    error = {"application/json": {"schema": {"$ref": _REF.format(model="Error")}}}
    return {
        str(item.status): good,
        **{
            str(status): {"description": _MEANING.get(status, "Refused."), "content": error}
            for status in sorted(statuses)
        },
    }


def feed_description() -> dict[str, Any]:
    """Return the AsyncAPI 3.0 document of the feed: every event type and every frame."""
    event = {
        "type": "object",
        "required": ["id", "seq", "type", "mode", "occurred_at", "recorded_at", "actor", "subject", "data"],
        "properties": {
            "id": {"type": "string"},
            "seq": {"type": "integer"},
            "mode": {"enum": ["live", "test"]},
            "occurred_at": {"type": "string", "format": "date-time"},
            "recorded_at": {"type": "string", "format": "date-time"},
            "actor": {"type": "object"},
            "subject": {"type": "object"},
            "contact_id": {"type": ["string", "null"]},
            "conversation_id": {"type": ["string", "null"]},
            "call_id": {"type": ["string", "null"]},
            "data": {"type": "object"},
        },
    }
    messages = {
        name: {
            "name": name,
            "summary": kind.tells,
            "x-topic": kind.topic,
            "payload": {
                "allOf": [
                    event,
                    {
                        "properties": {
                            "type": {"const": name},
                            "subject": {"properties": {"type": {"const": kind.subject}}},
                        }
                    },
                ]
            },
        }
        for name, kind in sorted(CATALOGUE.items())
    }
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "JinaConnect feed",
            "version": __version__,
            "description": "See docs/protocol.md for the frames and their order.",
        },
        "channels": {
            "feed": {
                "address": "/ws/",
                "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in messages},
                "bindings": {"ws": {"method": "GET"}},
            }
        },
        "operations": {"receiveEvents": {"action": "receive", "channel": {"$ref": "#/channels/feed"}}},
        "components": {"messages": messages},
        "x-close-codes": {
            str(code): {"class": kind, "meaning": meaning} for code, (kind, meaning) in CLOSE_CODES.items()
        },
    }
