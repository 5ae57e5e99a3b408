"""Indexes as they are declared, whatever an earlier version of the program left in the database.

What is missing is built, all of a collection in one pass where nothing hinders it; what is declared no more is dropped
afterwards, so that queries are served meanwhile. A build takes as long as it takes: it has no deadline.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any

import pymongo
import structlog
from pymongo import IndexModel
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.errors import OperationFailure

from jinaconnect.store.databases.mongo import Document

OURS = ("scope_", "across_")  # names of the declared ones; others in the collection are left alone
_OPTIONS = ("unique", "partialFilterExpression", "sparse", "expireAfterSeconds")
_NOT_THERE = 27
_TWICE = 11000

logger = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Built:
    """An index as the database has it."""

    name: str
    keys: Sequence[tuple[str, int]]
    options: Mapping[str, Any] = field(default_factory=dict)

    def is_like(self, info: Mapping[str, Any]) -> bool:
        """Tell whether the server's description of an index is of this one, whatever its name."""
        held = {name: info[name] for name in _OPTIONS if info.get(name)}
        wanted = {name: value for name, value in self.options.items() if value}
        return [tuple(pair) for pair in info["key"].items()] == list(self.keys) and held == wanted


def unhurried() -> AbstractContextManager[Any]:
    """Lift the deadline of database operations within, for maintenance that no request waits for."""
    return pymongo.timeout(0)  # None would mean the client's own deadline


async def settle(collection: AsyncCollection[Document], wanted: Sequence[Built]) -> None:
    """Build the indexes that are missing, then drop those of ours that are declared no more."""
    with unhurried():
        held = {info["name"]: info for info in await (await collection.list_indexes()).to_list()}
        missing = [index for index in wanted if not any(index.is_like(info) for info in held.values())]
        for index in missing:
            if index.name in held:
                await _drop(collection, index.name)
        if missing:
            built = await _build(collection, missing)
            if await collection.find_one({}, {"_id": 1}):  # an empty collection is no news
                logger.info("indexes.built", collection=collection.name, names=[index.name for index in built])
        for name, info in held.items():
            if name.startswith(OURS) and not any(index.is_like(info) for index in wanted):
                await _drop(collection, name)


async def _build(collection: AsyncCollection[Document], missing: Sequence[Built]) -> list[Built]:
    """Build indexes in one pass and return those that are there now.

    What an earlier version allowed twice keeps a unique index from being built. That does not keep the gateway from
    starting: each start says so until it is mended, and meanwhile nothing is worse than it was.
    """
    try:
        await collection.create_indexes([_model(index) for index in missing])
        return list(missing)
    except OperationFailure as error:
        if error.code != _TWICE:
            raise
    built = []
    for index in missing:
        try:
            await collection.create_indexes([_model(index)])
            built.append(index)
        except OperationFailure as error:
            if error.code != _TWICE:
                raise
            fields = [name for name, _ in index.keys]
            logger.error("indexes.twice", collection=collection.name, name=index.name, fields=fields)
    return built


def _model(index: Built) -> IndexModel:
    return IndexModel(list(index.keys), name=index.name, **index.options)


async def _drop(collection: AsyncCollection[Document], name: str) -> None:
    try:
        await collection.drop_index(name)
    except OperationFailure as error:
        if error.code != _NOT_THERE:  # another process was first
            raise
    logger.info("indexes.dropped", collection=collection.name, name=name)
