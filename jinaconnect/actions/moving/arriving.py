"""An organisation that moves in: its archive is read whole, then written, and whoever followed its log goes on here."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from pathlib import Path

from jinaconnect.actions.context import Services
from jinaconnect.actions.moving.sealed import CHECK, fits, for_the_way, resealed
from jinaconnect.core.errors import Conflict
from jinaconnect.core.identity.proof import arrived
from jinaconnect.store.collections import ARRIVED
from jinaconnect.store.databases.mongo import Document
from jinaconnect.store.moving.archive import tenant_of, unpack, unpack_stirred, verified
from jinaconnect.store.moving.moves import Moves, put_aside

HEARD_S = 2.5  # by then every process has heard whose cursors it takes


async def import_tenant(services: Services, path: Path, passphrase: str) -> AsyncIterator[str]:
    """Bring an archive's organisation here, yielding what is done; safe to repeat until it is complete.

    Nobody works on a part of it: what is due and what is to be told waits until all is there, and work comes from
    outside only then. Raises Invalid for an archive that is not whole or another passphrase, Conflict where the
    organisation is here.
    """
    manifest = await asyncio.to_thread(verified, path)
    tenant, way = manifest["tenant"], for_the_way(passphrase, bytes.fromhex(manifest["salt"]))
    fits(way, bytes.fromhex(manifest["check"]))
    database, moves = services.store.database, Moves(services.store.database)
    archive = hashlib.sha256(manifest["check"].encode()).hexdigest()

    def made(collection: str, doc: Document) -> Document:
        after = put_aside(collection, resealed(collection, doc, way, services.secrets))
        return arrived(after) if collection == "users" else after

    def stirred(collection: str, doc: Document) -> Document:
        return {**made(collection, doc), ARRIVED: services.clock()}

    if await services.registry.tenant(tenant) is None:
        keys = [
            (bytes.fromhex(way.open(bytes.fromhex(each["key"]), CHECK)), each["epoch"]) for each in manifest["cursors"]
        ]
        await moves.begin(tenant, archive, keys, services.secrets)
        async for done in unpack(database, services.blobs, path, manifest, made):
            yield done
        await adopt_cursors(services)
        await services.store.withdrawals.note([tenant])
        await asyncio.sleep(HEARD_S)
        doc = await asyncio.to_thread(tenant_of, path, manifest)
        await moves.land(tenant)
        if not await services.registry.add_tenant({**doc, "suspended": True}):
            raise Conflict("This organisation is here already.")
    elif await moves.landing(tenant) != archive:
        raise Conflict("This organisation is here already.")
    async for done in unpack_stirred(database, path, manifest, stirred):
        yield done
    await moves.suspend(tenant, suspended=False)
    await services.store.withdrawals.note([tenant])
    await moves.unpark(tenant)
    await moves.landed(tenant)
    yield "tenants"


async def adopt_cursors(services: Services) -> None:
    """Take the cursors that organisations brought along."""
    moves = Moves(services.store.database)
    for row in await moves.all_former():
        for mode in ("live", "test"):
            key = moves.opened(services.secrets, row)
            services.cursors.adopt(f"{row['tenant']}:{mode}", key, row["epoch"], services.store.log.epoch)
