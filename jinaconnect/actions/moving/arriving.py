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
from jinaconnect.store.databases.mongo import Document
from jinaconnect.store.moving.archive import tenant_of, unpack, verified
from jinaconnect.store.moving.moves import Moves

HEARD_S = 2.5  # by then every process has heard whose cursors it takes


async def import_tenant(services: Services, path: Path, passphrase: str) -> AsyncIterator[str]:
    """Bring an archive's organisation here, yielding what is done; safe to repeat until it is complete.

    Raises Invalid for an archive that is not whole or another passphrase, Conflict where the organisation is here.
    """
    manifest = await asyncio.to_thread(verified, path)
    tenant, way = manifest["tenant"], for_the_way(passphrase, bytes.fromhex(manifest["salt"]))
    fits(way, bytes.fromhex(manifest["check"]))
    if await services.registry.tenant(tenant) is not None:
        raise Conflict("This organisation is here already.")
    moves = Moves(services.store.database)
    archive = hashlib.sha256(manifest["check"].encode()).hexdigest()
    keys = [
        (bytes.fromhex(way.open(bytes.fromhex(each["key"]), CHECK)), each["epoch"]) for each in manifest["cursors"]
    ]
    await moves.begin(tenant, archive, keys, services.secrets)

    def made(collection: str, doc: Document) -> Document:
        after = resealed(collection, doc, way, services.secrets)
        return arrived(after) if collection == "users" else after

    async for done in unpack(services.store.database, services.blobs, path, manifest, made):
        yield done
    await adopt_cursors(services)
    await services.store.withdrawals.note([tenant])
    await asyncio.sleep(HEARD_S)
    doc = await asyncio.to_thread(tenant_of, path, manifest)
    if not await services.registry.add_tenant({**doc, "suspended": False}):
        raise Conflict("This organisation is here already.")
    await services.store.withdrawals.note([tenant])
    yield "tenants"


async def adopt_cursors(services: Services) -> None:
    """Take the cursors that organisations brought along."""
    moves = Moves(services.store.database)
    for row in await moves.all_former():
        for mode in ("live", "test"):
            key = moves.opened(services.secrets, row)
            services.cursors.adopt(f"{row['tenant']}:{mode}", key, row["epoch"], services.store.log.epoch)
