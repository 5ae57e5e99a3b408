"""An organisation that moves out: nobody gets in, what waits is put aside, and all it has is written to one file.

What is put aside stands beside its document (`parked`) in place of `due`: nothing is sent here any more, and at the new
place it goes on where it stood. `take_back` undoes it.
"""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Any

from jinaconnect.actions.context import Services
from jinaconnect.actions.moving.sealed import CHECK, for_the_way, resealed
from jinaconnect.core.errors import InvalidState, NotFound
from jinaconnect.store.databases.mongo import Document
from jinaconnect.store.moving.archive import Manifest, pack
from jinaconnect.store.moving.moves import Moves

TRIES, PAUSE_S = 450, 0.2  # what was begun ends within its lease


async def export_tenant(services: Services, tenant: str, path: Path, passphrase: str) -> Manifest:
    """Write an organisation's archive; raises NotFound, InvalidState while calls go on or work does not end.

    It is suspended from then on.
    """
    moves = Moves(services.store.database)
    salt = os.urandom(16)
    way = for_the_way(passphrase, salt)
    await _check_whole(services, moves, tenant)
    if await moves.has_live_calls(tenant):
        raise InvalidState("Calls of this organisation go on.")
    await moves.suspend(tenant, suspended=True)
    await services.store.withdrawals.note([tenant])
    for _ in range(TRIES):  # what somebody has taken is waited for
        if not await moves.park(tenant):
            break
        await asyncio.sleep(PAUSE_S)
    else:
        raise InvalidState("Work of this organisation goes on.")

    def made(collection: str, doc: Document) -> Document:
        after = resealed(collection, doc, services.secrets, way)
        if "parked" in after:
            after["due"] = after.pop("parked")
        return after

    about: dict[str, Any] = {
        "salt": salt.hex(), "check": way.seal(True, CHECK).hex(),
        "cursors": [
            {"key": way.seal(key.hex(), CHECK).hex(), "epoch": epoch}
            for key, epoch in [
                (services.secrets.derive("cursors"), services.store.log.epoch),
                *[(moves.opened(services.secrets, row), row["epoch"]) for row in await moves.former(tenant)],
            ]
        ],
    }  # fmt: skip
    return await pack(services.store.database, services.blobs, tenant, path, about, made)


async def take_back(services: Services, tenant: str) -> None:
    """Have an organisation that moved out go on here; raises NotFound, InvalidState for one that is moving in."""
    moves = Moves(services.store.database)
    await _check_whole(services, moves, tenant)
    await moves.unpark(tenant)
    await moves.suspend(tenant, suspended=False)
    await services.store.withdrawals.note([tenant])


async def _check_whole(services: Services, moves: Moves, tenant: str) -> None:
    if await services.registry.tenant(tenant) is None:
        raise NotFound("There is no such organisation.")
    if await moves.landing(tenant) is not None:
        raise InvalidState("This organisation is not all here yet: repeat import-tenant.")
