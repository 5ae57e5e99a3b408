"""The operation table: every route is declared once, by a decorator on the coroutine that answers it.

The table gives routing, permission, validation, the socket's requests, the API description, and the isolation and
role matrices of the tests.
"""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

import orjson
from pydantic import BaseModel

from jinaconnect.actions.context import Context, OperationContext
from jinaconnect.core.errors import Conflict, GatewayError, Invalid, PermissionDenied
from jinaconnect.core.ids import RepeatableIds
from jinaconnect.core.paging import Listing, parse_bool
from jinaconnect.core.permissions import AUTHENTICATED, PUBLIC, known
from jinaconnect.core.principal import Principal
from jinaconnect.core.schema import parse
from jinaconnect.handlers.edge.schemas import Parameter, named
from jinaconnect.store.coordination.idempotency import Replay

Function = TypeVar("Function", bound=Callable[..., Awaitable[Any]])

JSON_LIMIT = 1024 * 1024
MAX_KEY = 255


@dataclass(frozen=True, slots=True)
class Pieces:
    """A body that is read while it is written; its size is None where it is not known before."""

    size: int | None
    source: AsyncIterator[bytes]


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer that is not plain 200/201 JSON: other status, headers, or bytes (or pieces) of another type."""

    body: Any = None
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    content_type: str = "application/json"


@dataclass(frozen=True, slots=True)
class Upload:
    """A file part of a multipart body."""

    filename: str
    content_type: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Operation:
    """One declared route.

    `raw` hands the coroutine the body's bytes (webhooks), which `body` then only describes, `files` its file parts of
    these names (beside a `body`, whose fields may come as JSON without them);
    `errors` lists further statuses it answers besides those every route can, `media_type` the types of its answer;
    `returns` is a model, or the name of a schema that the description has by itself. `own_credentials` leaves
    the Authorization header to a public operation. What `leads` elsewhere answers 302, what is `known`
    already 200 instead of 201, what takes longer may answer 202 and the model `later`. What has a `dry_run` answers
    `?dry_run=true` with 200 and that model, and changes nothing.
    """

    method: str
    path: str
    id: str
    permission: str
    run: Callable[..., Awaitable[Any]]
    body: type[BaseModel] | None = None
    returns: Any = None
    status: int = 200
    effect: bool = False
    raw: bool = False
    files: tuple[str, ...] = ()
    listing: Listing | None = None
    query: Mapping[str, str | Parameter] = field(default_factory=dict)
    headers: Mapping[str, Parameter] = field(default_factory=dict)
    errors: tuple[int, ...] = ()
    limit: int = JSON_LIMIT
    limited: bool = True
    tag: str = ""
    socket: bool = True
    hidden: bool = False
    own_credentials: bool = False
    leads: bool = False
    known: bool = False
    later: type[BaseModel] | None = None
    dry_run: type[BaseModel] | None = None
    media_type: str | tuple[str, ...] = "application/json"

    def orders(self, principal: Principal | None) -> bool:
        """Tell whether this is an order to a live call by somebody who may give it: those have their own budget."""
        return self.permission == "voice.control" and principal is not None and principal.may(self.permission)

    @property
    def summary(self) -> str:
        """The first sentence of the coroutine's docstring."""
        return (inspect.getdoc(self.run) or "").split("\n\n")[0].replace("\n", " ")

    @property
    def description(self) -> str:
        """The whole docstring."""
        return inspect.getdoc(self.run) or ""


OPERATIONS: dict[str, Operation] = {}


def operation(
    method: str, path: str, *, id: str, permission: str, aliases: tuple[str, ...] = (), **rest: Any
) -> Callable[[Function], Function]:
    """Declare a coroutine `(ctx, body?, **path parameters)` as a route.

    A key that is not in the permission table, a second use of an id, of a schema's name, and a missing docstring do not
    import.
    `aliases` are further paths with the same behaviour, left out of the API description.
    """
    if not known(permission):
        raise ValueError(f"{id}: unknown permission '{permission}'")

    def declare(function: Function) -> Function:
        if not inspect.getdoc(function):
            raise ValueError(f"{id}: an operation needs a docstring")
        for model in (rest.get("body"), rest.get("returns"), rest.get("later"), rest.get("dry_run")):
            if isinstance(model, type):
                named(model)
        paths = [
            (id, path, rest.pop("hidden", False)),
            *((f"{id}~{n}", alias, True) for n, alias in enumerate(aliases, 1)),
        ]
        for name, where, hidden in paths:
            if name in OPERATIONS:
                raise ValueError(f"operation '{name}' is declared twice")
            OPERATIONS[name] = Operation(
                method=method, path=where, id=name, permission=permission, run=function, hidden=hidden,
                **{"tag": id.split(".")[0], **rest},
            )  # fmt: skip
        return function

    return declare


async def perform(
    item: Operation,
    ctx: OperationContext,
    path: Mapping[str, str],
    body: Any,
    key: str | None = None,
    files: Mapping[str, Upload] | None = None,
) -> Reply:
    """Check permission and schema, run the operation (once per `Idempotency-Key`) and return its reply.

    `body` is the decoded body (bytes for a raw operation). Raises GatewayError.
    """
    if item.permission != PUBLIC:
        ctx.principal.require(item.permission)
    arguments: dict[str, Any] = dict(path)
    if item.raw:
        arguments["body"] = body
    elif item.body is not None:
        if not isinstance(body, dict):
            raise Invalid.field("non_field_errors", "the body must be an object")
        arguments["body"] = parse(item.body, body)
    if item.files:
        arguments["files"] = files or {}
    if key is None or not item.effect or ctx.known is None or (item.dry_run is not None and dry_run(ctx)):
        return _reply(item, ctx, await item.run(ctx, **arguments))
    return await _once(item, ctx, arguments, path, body, key, files)


async def _once(
    item: Operation, ctx: OperationContext, arguments: dict[str, Any], path: Mapping[str, str], body: Any, key: str,
    files: Mapping[str, Upload] | None,
) -> Reply:  # fmt: skip
    if not key or len(key) > MAX_KEY or not key.isprintable():
        raise Invalid.field("Idempotency-Key", f"must be 1 to {MAX_KEY} printable characters")
    claims = ctx.services.idempotency
    parts: list[Any] = [
        item.id,
        sorted(path.items()),
        body if not files else [body, sorted((n, f.body.hex()) for n, f in files.items())],
    ]
    if ctx.caller.query:
        parts.append(sorted(ctx.caller.query.items()))
    request = orjson.dumps(parts, option=orjson.OPT_SORT_KEYS, default=str)
    claim = await claims.claim(ctx.principal.scope, ctx.principal.id, key, request)
    if isinstance(claim, Replay):
        headers = {"Idempotency-Replayed": "true", **({"X-Cursor": claim.cursor} if claim.cursor else {})}
        return Reply(claim.body, claim.status, headers)
    ctx.ids = RepeatableIds(claim.first_at, claim.seed)
    try:
        async with claims.held(claim):
            reply = _reply(item, ctx, await item.run(ctx, **arguments))
    except GatewayError as error:
        await (claims.release(claim) if error.status < 500 else claims.interrupted(claim))
        raise
    except BaseException:
        await claims.interrupted(claim)
        raise
    await claims.keep(claim, reply.status, reply.body, reply.headers.get("X-Cursor"))
    return reply


def _reply(item: Operation, ctx: OperationContext, result: Any) -> Reply:
    reply = result if isinstance(result, Reply) else Reply(result, item.status)
    if ctx.known is not None and ctx.seq is not None:
        reply = Reply(reply.body, reply.status, {**reply.headers, "X-Cursor": ctx.cursor() or ""}, reply.content_type)
    return reply


def dry_run(ctx: Context) -> bool:
    """Tell whether the caller only asks what would happen; raises Invalid on `dry_run`."""
    try:
        return parse_bool(ctx.caller.query.get("dry_run", "false"))
    except ValueError as error:
        raise Invalid.field("dry_run", str(error)) from error


def requestable(id: str) -> Operation:
    """Return an operation a socket may ask for; raises Invalid or PermissionDenied."""
    item = OPERATIONS.get(id)
    if item is None or item.hidden:
        raise Invalid.field("operation", f"unknown operation '{id[:80]}'")
    if item.permission == PUBLIC or item.raw or item.files or not item.socket:
        raise PermissionDenied(f"'{id}' is not offered over the socket.")
    return item


__all__ = [
    "AUTHENTICATED",
    "OPERATIONS",
    "PUBLIC",
    "Conflict",
    "Operation",
    "Pieces",
    "Reply",
    "Upload",
    "operation",
    "perform",
    "requestable",
]
