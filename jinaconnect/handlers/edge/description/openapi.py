"""The API description, made from the operation table: OpenAPI 3.1."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from jinaconnect import __version__
from jinaconnect.core.paging import FLAG, SHORT
from jinaconnect.handlers.edge.description.examples import example_of
from jinaconnect.handlers.edge.description.feed_schemas import doors, event_schemas, payload_models
from jinaconnect.handlers.edge.description.json_schemas import REF, schemas_of
from jinaconnect.handlers.edge.description.posted import posted
from jinaconnect.handlers.edge.operation import MAX_KEY, OPERATIONS, PUBLIC, Operation
from jinaconnect.handlers.edge.schemas import PAGES, Parameter
from jinaconnect.handlers.edge.table import load_operations

# The refusals: by status their name in the description, what they mean, and the code most often answered.
_REFUSALS = {
    400: ("BadRequest", "The request is not valid, or the resource cannot do that now.", "validation_error"),
    401: ("Unauthorized", "Credentials are missing or do not hold.", "not_authenticated"),
    403: ("Forbidden", "The role lacks the permission.", "permission_denied"),
    404: ("NotFound", "There is no such thing here.", "not_found"),
    409: ("Conflict", "Someone else was first, or the thing exists already.", "conflict"),
    410: ("Gone", "The cursor is no longer kept.", "cursor_expired"),
    413: ("TooLarge", "The body is too large.", "payload_too_large"),
    415: ("UnsupportedType", "The content type is not read here.", "unsupported_media_type"),
    416: ("RangeNotSatisfiable", "The range lies outside the file.", "range_not_satisfiable"),
    426: ("UpgradeRequired", "The version of the protocol is not spoken here.", "upgrade_required"),
    429: ("TooMany", "Too many requests; see Retry-After.", "throttled"),
    501: ("NotSupported", "The carrier has no such operation.", "not_supported_by_provider"),
    502: ("CarrierFailed", "The carrier failed.", "provider_error"),
    503: ("Unavailable", "Something is away; see Retry-After.", "unavailable"),
    504: ("CarrierTimeout", "The carrier did not answer in time.", "provider_timeout"),
}  # fmt: skip
_LATER = (429, 503)
_KEY = Parameter(
    "The same key and request get the first answer.",
    {"type": "string", "minLength": 1, "maxLength": MAX_KEY, "pattern": "^[!-~]+$"},
)
_ENDLESS = Parameter("Endless list: empty to begin, then the `next_cursor` of the answer.", {
    "type": "string", "pattern": "^([a-z]{3,4}_[0-9a-hjkmnp-tv-z]{26})?$",
})  # fmt: skip
_DRY_RUN = Parameter("Only tell what would happen: nothing is sent, kept or charged.", FLAG)
_TEXTS = {
    "text/html": "<!doctype html>…", "text/plain": "…", "text/css": "body { margin: 0 }",
    "text/javascript": "'use strict'", "text/csv": "contact,contact_name,status\r\n",
    "text/xml": "<Response/>",
}  # fmt: skip


def description() -> dict[str, Any]:
    """Return the OpenAPI 3.1 document."""
    load_operations()
    items = [item for item in OPERATIONS.values() if not item.hidden]
    schemas = _schemas(items)
    paths: dict[str, dict[str, Any]] = {}
    for item in items:
        paths.setdefault(item.path, {})[item.method.lower()] = _operation(item, schemas)
    for item in _aliases():
        if item.path in paths:
            paths[item.path][item.method.lower()] = _operation(item, schemas)
        else:
            named = paths[OPERATIONS[item.id.partition("~")[0]].path][item.method.lower()]
            named.setdefault("x-aliases", []).append(item.path)
    for path, door in doors().items():
        paths[path] = {"get": _door(door, schemas)}
    used = sorted({tag for path in paths.values() for each in path.values() for tag in each["tags"]})
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "JinaConnect gateway",
            "version": __version__,
            "description": (
                "A team inbox and phone calls. Every change is an event of the feed. A path is answered with and"
                " without its last slash; `x-aliases` are further paths with the same behaviour. What can be sent as"
                " JSON can be sent as a form as well, with lists and objects as JSON text."
            ),
        },
        "servers": [{"url": "/"}],
        "paths": dict(sorted(paths.items())),
        "webhooks": posted(),
        "components": {
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer", "description": "A JWT or an API key."}},
            "schemas": schemas,
            "responses": {name: _refusal(status) for status, (name, _, _) in _REFUSALS.items()},
        },
        "tags": [{"name": name} for name in used],
    }


def _aliases() -> list[Operation]:
    return [item for item in OPERATIONS.values() if "~" in item.id]


def _schemas(items: Iterable[Operation]) -> dict[str, Any]:
    """Return every schema by name: those of the models, of their lists, of the feed and of refusals."""
    described = ((item.body, item.returns, item.later, item.dry_run) for item in items)
    models = {model for some in described for model in some if isinstance(model, type)}
    ordered = sorted(models | payload_models(), key=lambda model: model.__name__)
    models_by_name = schemas_of(ordered)
    own = {"Error": _error(), **event_schemas()}
    own.update({_page(item): _page_schema(item) for item in items if item.listing is not None})
    if own.keys() & models_by_name.keys():
        raise ValueError(f"models have names of the description's own: {sorted(own.keys() & models_by_name.keys())}")
    return dict(sorted({**own, **models_by_name}.items()))


def _error() -> dict[str, Any]:
    fields = {"type": "object", "additionalProperties": {"type": "array", "items": {"type": "string"}}}
    return {
        "type": "object", "description": "A refusal; of fields that are not valid `detail` names each by its path.",
        "required": ["detail", "code"],
        "properties": {"detail": {"anyOf": [{"type": "string"}, fields]}, "code": {"type": "string"}},
    }  # fmt: skip


def _refusal(status: int) -> dict[str, Any]:
    _, meaning, code = _REFUSALS[status]
    detail: Any = {"first_name": ["must not be null"]} if status == 400 else meaning
    told: dict[str, Any] = {
        "description": meaning,
        "content": {
            "application/json": {
                "schema": {"$ref": REF.format(model="Error")}, "example": {"detail": detail, "code": code},
            },
        },
    }  # fmt: skip
    if status in _LATER:
        told["headers"] = {
            "Retry-After": {"description": "Seconds to wait.", "schema": {"type": "integer", "minimum": 1}}
        }
    return told


def _page(item: Operation) -> str:
    return f"{item.returns.__name__}{'Page' if item.listing and item.listing.endless else 'List'}"


def _page_schema(item: Operation) -> dict[str, Any]:
    link = {"type": ["string", "null"]}
    fields: dict[str, Any] = {
        "count": {"type": "integer"}, "next": link, "previous": link,
        "results": {"type": "array", "items": {"$ref": REF.format(model=item.returns.__name__)}},
        "cursor": {"type": "string", "description": "The state shown is at least as new as this place in the feed."},
    }  # fmt: skip
    fields["count_exact"] = {"type": "boolean", "description": "False while a large count is being made."}
    fields["complete"] = {"type": "boolean", "description": "There, and false, where only the newest were looked at."}
    assert item.listing is not None
    if item.listing.endless:
        fields["next_cursor"] = {**link, "description": "Of the endless form: where to go on, null at the end."}
    return {"type": "object", "required": ["results", "cursor"], "properties": fields}


def _ref(model: Any) -> dict[str, Any]:
    return {"$ref": REF.format(model=model if isinstance(model, str) else model.__name__)}


def _operation(item: Operation, schemas: Mapping[str, Any]) -> dict[str, Any]:
    told: dict[str, Any] = {
        "operationId": item.id.replace("~", "."), "tags": [item.tag], "summary": item.summary,
        "description": item.description, "x-permission": item.permission, "parameters": _parameters(item),
        "responses": _responses(item, schemas), "security": [] if item.permission == PUBLIC else [{"bearer": []}],
    }  # fmt: skip
    content = {} if item.body is None else {"application/json": _content(_ref(item.body), schemas)}
    if item.files:
        content["multipart/form-data"] = _content(_form(item, schemas), schemas)
    if content:
        needed = item.raw or item.body is None or bool(schemas[item.body.__name__].get("required"))
        told["requestBody"] = {"required": needed, "content": content}
    return told


def _form(item: Operation, schemas: Mapping[str, Any]) -> dict[str, Any]:
    """Return the schema of a form: its files, which are needed where they are all there is, and the body's fields."""
    files = {name: {"type": "string", "format": "binary", "examples": [name]} for name in item.files}
    if item.body is None:
        return {"type": "object", "required": list(files), "properties": files}
    fields = schemas[item.body.__name__]
    needed = [name for name in fields.get("required", ()) if name not in files]
    told = {"required": needed} if needed else {}
    return {"type": "object", "properties": {**fields["properties"], **files}, **told}


def _content(schema: dict[str, Any], schemas: Mapping[str, Any]) -> dict[str, Any]:
    return {"schema": schema, "example": example_of(schema, schemas)}


def _door(door: Mapping[str, Any], schemas: Mapping[str, Any]) -> dict[str, Any]:
    responses: dict[str, Any] = {}
    for status, (meaning, kind, schema) in door["answers"].items():
        responses[str(status)] = {"description": meaning}
        if kind:
            responses[str(status)]["content"] = {kind: _content(schema, schemas)}
    return {
        "operationId": door["id"], "tags": ["feed"], "summary": door["summary"], "description": door["description"],
        "parameters": _listed({"query": door["query"], "header": door["headers"]}),
        "responses": {**responses, **_refused(door["errors"])}, "security": [{"bearer": []}, {}],
    }  # fmt: skip


def _parameters(item: Operation) -> list[dict[str, Any]]:
    places = {
        name: Parameter("", {"type": "string", "minLength": 1}, required=True)
        for name in re.findall(r"\{(\w+)\}", item.path)
    }
    query: dict[str, str | Parameter] = {}
    if item.listing is not None:
        query = {**PAGES, **({"cursor": _ENDLESS} if item.listing.endless else {})}
        query.update({name: Parameter("", schema) for name, schema in item.listing.parameters().items()})
    query.update(item.query)
    if item.dry_run is not None:
        query["dry_run"] = _DRY_RUN
    headers = {**item.headers, **({"Idempotency-Key": _KEY} if item.effect else {})}
    return _listed({"path": places, "query": query, "header": headers})


def _listed(given: Mapping[str, Mapping[str, str | Parameter]]) -> list[dict[str, Any]]:
    listed = []
    for where, parameters in given.items():
        for name, found in parameters.items():
            each = Parameter(found, SHORT) if isinstance(found, str) else found
            one = {"name": name, "in": where, "required": each.required, "schema": dict(each.schema)}
            listed.append({**one, **({"description": each.tells} if each.tells else {})})
    return listed


def _responses(item: Operation, schemas: Mapping[str, Any]) -> dict[str, Any]:
    good: dict[str, Any] = {"description": item.summary}
    if item.status not in (204, 302):
        good["content"] = _answer(item, schemas)
    if item.effect:
        good["headers"] = {
            "X-Cursor": {"description": "The place of the change in the feed.", "schema": {"type": "string"}}
        }
    statuses = {400, 401, 503, *item.errors}
    if item.permission != PUBLIC:
        statuses.add(403)
    if "{" in item.path or item.listing is not None or item.body is not None or item.permission != PUBLIC:
        statuses.add(404)
    if item.limited:
        statuses.add(429)
    if item.method != "GET":
        statuses |= {409, 413}
    if item.body is not None or item.files:
        statuses |= {413, 415}
    told = {str(item.status): good, **_refused(statuses)}
    if item.dry_run is not None:
        content = {"application/json": _content(_ref(item.dry_run), schemas)}
        told["200"] = {"description": "What would happen, asked with `dry_run`.", "content": content}
    if item.later is not None:
        content = {"application/json": _content(_ref(item.later), schemas)}
        told["202"] = {"description": "It takes longer.", "content": content}
    if "If-None-Match" in item.headers:
        told["304"] = {"description": "What is held has not changed."}
    if item.known:
        told["200"] = {**good, "description": "It was there already."}
    if item.leads:
        place = {"Location": {"description": "Where.", "schema": {"type": "string"}}}
        told["302"] = {"description": "It is elsewhere.", "headers": place}
    if "Range" in item.headers:
        told["206"] = {**good, "description": "The bytes asked for."}
    return dict(sorted(told.items()))


def _refused(statuses: Iterable[int]) -> dict[str, Any]:
    return {
        str(status): {"$ref": f"#/components/responses/{_REFUSALS[status][0]}"} for status in sorted(set(statuses))
    }


def _answer(item: Operation, schemas: Mapping[str, Any]) -> dict[str, Any]:
    kinds = (item.media_type,) if isinstance(item.media_type, str) else item.media_type
    schema = _ref(_page(item)) if item.listing is not None else _ref(item.returns) if item.returns else {}
    told = _content(schema, schemas) if schema else {"schema": {"type": "object"}, "example": {}}
    return {kind: told if kind == "application/json" else _plain(kind) for kind in kinds}


def _plain(kind: str) -> dict[str, Any]:
    if kind.startswith("text/"):
        return {"schema": {"type": "string"}, "example": _TEXTS[kind]}
    return {"schema": {"type": "string", "format": "binary"}, "example": "…"}
