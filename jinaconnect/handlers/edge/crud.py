"""The operations that most nouns have, from one declaration: list, create, read, change, replace, delete.

    crud(
        "rates", "/rate-cards/", RateOut, view="voice.view", manage="rate_card.manage",
        list=Does(rates.list, "List the rate cards.", LISTING),
        create=Does(rates.create, "Add a rate card.", NewRate),
        change=Does(rates.change, "Change a rate card.", RateFields, {"errors": (409,)}),
    )

Each is an `@operation` like any other, in the order given. What a noun does besides stands below its declaration.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel

from jinaconnect.actions.context import Context
from jinaconnect.core.paging import Listing
from jinaconnect.core.schema import Request
from jinaconnect.handlers.edge.operation import operation

Run = Callable[..., Awaitable[Any]]


@dataclass(frozen=True, slots=True)
class Does:
    """One operation of a noun: the use case, what is said of it, and what it takes.

    A list takes a Listing, which its use case is given. Whatever else takes a model: the use case is given its values
    (`Request.given`), behind the id where there is one. `more` is as `operation` takes it, and wins.
    """

    run: Run
    text: str
    takes: type[Request] | Listing | None = None
    more: Mapping[str, Any] = field(default_factory=dict)


def crud(
    id: str,
    path: str,
    returns: type[BaseModel],
    *,
    view: str,
    manage: str,
    declare: Callable[..., Callable[[Run], Run]] = operation,
    **does: Does,
) -> None:
    """Declare a noun's operations: `id.list` at `path`, `id.read` at `path{id}/`, and so on.

    Reading needs the permission `view`, the others `manage`.
    """
    for word, each in does.items():
        method, one, fields = _SHAPES[word]
        about: dict[str, Any] = {"permission": manage, "effect": True, "returns": returns} | fields
        if method == "GET":
            about = {"permission": view, "returns": returns}
        if isinstance(each.takes, Listing):
            about["listing"] = each.takes
        elif each.takes is not None:
            about["body"] = each.takes
        about |= each.more
        declare(method, f"{path}{{id}}/" if one else path, id=f"{id}.{word}", **about)(_answering(each, one=one))


_SHAPES: dict[str, tuple[str, bool, dict[str, Any]]] = {
    "list": ("GET", False, {}),
    "create": ("POST", False, {"status": 201}),
    "read": ("GET", True, {}),
    "change": ("PATCH", True, {}),
    "replace": ("PUT", True, {}),
    "delete": ("DELETE", True, {"status": 204, "returns": None}),
}
"""Of each: its method, whether it is about one of the noun, and what is to be known of it besides."""


def _answering(does: Does, *, one: bool) -> Run:
    """Return the coroutine of an operation."""

    async def of_one(ctx: Context, id: str, body: Request | None = None) -> Any:
        return await (does.run(ctx, id) if body is None else does.run(ctx, id, body.given()))

    async def of_all(ctx: Context, body: Request | None = None) -> Any:
        return await does.run(ctx, does.takes if body is None else body.given())

    answer = of_one if one else of_all
    answer.__doc__ = does.text
    return answer
