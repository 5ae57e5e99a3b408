"""A peer that answers ARI requests as Asterisk's own API listings describe them, and writes down what does not fit.

The listings (Swagger 1.1) are found by JC_TEST_SHARED; they are no part of this project.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from aiohttp import web


class Operation(NamedTuple):
    """One request the listings know."""

    method: str
    path: str
    query: frozenset[str]
    required: frozenset[str]
    body: bool
    returns: str


class Listings:
    """Operations and models of all listings."""

    def __init__(self, directory: Path) -> None:
        self.operations: list[Operation] = []
        self.models: dict[str, dict[str, Any]] = {}
        for file in sorted(directory.glob("*.json")):
            listing = json.loads(file.read_text())
            self.models.update(listing.get("models", {}))
            for api in listing.get("apis", ()):
                for each in api.get("operations", ()):
                    self.operations.append(self._operation(api["path"], each))

    @staticmethod
    def _operation(path: str, given: dict[str, Any]) -> Operation:
        query = [each for each in given.get("parameters", ()) if each["paramType"] == "query"]
        return Operation(
            given["httpMethod"], path, frozenset(each["name"] for each in query),
            frozenset(each["name"] for each in query if each.get("required")),
            any(each["paramType"] == "body" for each in given.get("parameters", ())), given["responseClass"],
        )  # fmt: skip

    def find(self, method: str, path: str) -> Operation | None:
        """Return the operation of a request; a fixed path goes before one with parameters."""
        fitting = [
            each for each in self.operations
            if each.method == method and re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", each.path), path)
        ]  # fmt: skip
        return min(fitting, key=lambda each: each.path.count("{"), default=None)

    def fields(self, model: str) -> dict[str, bool]:
        """Return a model's fields, those of the models it extends included, and whether they are required."""
        found = {name: bool(each.get("required")) for name, each in self.models[model]["properties"].items()}
        for parent, each in self.models.items():
            if model in each.get("subTypes", ()):
                found |= self.fields(parent)
        return found

    def example(self, kind: str) -> Any:
        """Return a value of a type: every required field, and nothing else."""
        if kind.startswith("List["):
            return [self.example(kind[5:-1])]
        if kind in self.models:
            return {
                name: self.example(each["type"])
                for name, each in self.models[kind]["properties"].items() if each.get("required")
            }  # fmt: skip
        return {"Date": "2026-01-02T03:04:05.678+0000", "int": 1, "long": 1, "double": 1.5, "boolean": True,
                "object": {}, "containers": {}}.get(kind, "text")  # fmt: skip


def listings() -> Listings:
    """Return the listings; skips the test where the directory is not given."""
    shared = os.environ.get("JC_TEST_SHARED")
    if not shared:
        pytest.skip("JC_TEST_SHARED is not set: it names the directory that holds specs/asterisk-ari")
    return Listings(Path(shared) / "specs" / "asterisk-ari")


class DescribedPeer:
    """Serves requests by the listings; `faults` are requests or parameters the listings do not know."""

    def __init__(self, known: Listings) -> None:
        self.known = known
        self.seen: list[tuple[Operation, frozenset[str]]] = []
        self.faults: list[str] = []
        self.application = web.Application()
        self.application.router.add_route("*", "/{rest:.*}", self._answer)

    def _faults(self, request: web.Request, operation: Operation, body: bytes) -> Iterator[str]:
        given = frozenset(request.query)
        what = f"{operation.method} {operation.path}"
        yield from (f"{what}: unknown query parameter {name}" for name in given - operation.query)
        yield from (f"{what}: query parameter {name} is missing" for name in operation.required - given)
        if body and not operation.body:
            yield f"{what}: takes no body"

    async def _answer(self, request: web.Request) -> web.Response:
        path = request.raw_path.partition("?")[0].removeprefix("/ari")
        operation = self.known.find(request.method, path)
        if operation is None:
            self.faults.append(f"{request.method} {path}: not in the listings")
            return web.json_response({"message": "unknown"}, status=404)
        self.seen.append((operation, frozenset(request.query)))
        self.faults += self._faults(request, operation, await request.read())
        if operation.returns == "void":
            return web.Response(status=204)
        if operation.returns == "binary":
            return web.Response(body=b"sound")
        return web.json_response(self.known.example(operation.returns))
