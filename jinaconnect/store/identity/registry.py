"""What is known before a tenant is: organisations, API keys by their hash, webhook doors.

These are the only look-ups that cross tenants. Each is by an unguessable or unique key and returns rows from which a
principal is made; everything else goes through `store/tenant.py`.
"""

from __future__ import annotations

import time
import unicodedata
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from datetime import datetime
from typing import Any

from pymongo.errors import DuplicateKeyError

from jinaconnect.core.errors import Conflict
from jinaconnect.core.inbox.platform import FORMER_PLATFORM
from jinaconnect.core.office.branding import PICTURES
from jinaconnect.store.databases.mongo import Database, Document, guarded
from jinaconnect.store.together import change_announced

LATELY_S, MOST_LATELY = 5.0, 10_000


class Registry:
    """Tenants, their roles and channel accounts, and keys by hash."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._lately: dict[str, tuple[float, Document | None]] = {}

    async def prepare(self) -> None:
        """Create the indexes."""
        await self._prepare_tenants()
        await self._database["api_keys"].create_index("hashes", unique=True, name="by_hash")
        await self._database["apps"].create_index("tenant_id", name="by_tenant")
        await self._database["apps"].create_index("phone_number_id", name="by_address")
        # Rows of a version that knew one platform's templates only.
        await self._database["templates"].update_many(
            {"platform": {"$exists": False}}, {"$set": {"platform": FORMER_PLATFORM}}
        )

    async def _prepare_tenants(self) -> None:
        """Let each organisation hold its name; of several with one name from before, the oldest."""
        tenants = self._database["tenants"]
        given = {"name_key": {"$gt": ""}}
        await tenants.create_index("name_key", unique=True, partialFilterExpression=given, name="by_name")
        proven = {"branding.holds": {"$gt": ""}}
        await tenants.create_index("branding.holds", unique=True, partialFilterExpression=proven, name="by_domain")
        for name in PICTURES:
            await tenants.create_index(f"branding.{name}.id", sparse=True)
        async for row in tenants.find({"name_key": {"$exists": False}}, {"name": 1}, sort=[("_id", 1)]):
            for key in (name_key(row["name"]), None):
                with suppress(DuplicateKeyError):
                    await tenants.update_one({"_id": row["_id"]}, {"$set": {"name_key": key}})
                    break

    @guarded
    async def name_taken(self, name: str) -> bool:
        """Tell whether an organisation has this name, in whatever case."""
        return await self._database["tenants"].find_one({"name_key": name_key(name)}, {"_id": 1}) is not None

    @guarded
    async def tenant(self, id: str) -> Document | None:
        """Return an organisation."""
        return await self._database["tenants"].find_one({"_id": id})

    async def lately(self, id: str) -> Document | None:
        """Return an organisation as it was at most some seconds ago, for what is asked all the time."""
        held, now = self._lately.get(id), time.monotonic()
        if held is None or now - held[0] > LATELY_S:
            if len(self._lately) >= MOST_LATELY:
                self._lately.clear()
            held = self._lately[id] = (now, await self.tenant(id))
        return held[1]

    @guarded
    async def tenants(self) -> list[Document]:
        """Return every organisation (for the gateway's own sweeps)."""
        return await self._database["tenants"].find({}, sort=[("_id", 1)]).to_list()

    @guarded
    async def add_tenant(self, doc: Mapping[str, Any]) -> bool:
        """Add an organisation; returns False when its id is there already, raises Conflict when its name is taken."""
        try:
            await self._database["tenants"].insert_one({**doc, "name_key": name_key(doc["name"])})
        except DuplicateKeyError as error:
            if "name_key" in ((error.details or {}).get("keyPattern") or {}):
                raise Conflict("An organisation has this name already.", code="already_exists") from error
            return False
        return True

    @guarded
    async def change_tenant(
        self, id: str, fields: Mapping[str, Any], announcement: Callable[[Document], Document],
        holding: Mapping[str, Any] | None = None,
    ) -> tuple[Document, Document]:  # fmt: skip
        """Change fields of an organisation; returns it and, written with it, the row of `announcement` to be told.

        `holding` must be so still, else NotFound. Raises Conflict when its new name or domain is taken.
        """
        named = {"name_key": name_key(fields["name"])} if "name" in fields else {}
        try:
            doc, rows = await change_announced(
                self._database, "tenants", {**(holding or {}), "_id": id}, {**fields, **named},
                lambda doc: [announcement(doc)],
            )  # fmt: skip
        except DuplicateKeyError as error:
            raise Conflict("Another organisation has this already.", code="already_exists") from error
        return doc, rows[0]

    @guarded
    async def tenant_of_domain(self, domain: str) -> Document | None:
        """Return the organisation that has proven a domain."""
        return await self._database["tenants"].find_one({"branding.holds": domain})

    @guarded
    async def tenant_of_picture(self, id: str) -> Document | None:
        """Return the organisation with an uploaded picture of this unguessable id."""
        return await self._database["tenants"].find_one({"$or": [{f"branding.{name}.id": id} for name in PICTURES]})

    @guarded
    async def role(self, tenant: str, id: str) -> Document | None:
        """Return a role of a tenant."""
        return await self._database["roles"].find_one({"_id": id, "scope": tenant})

    @guarded
    async def key_by_hash(self, digest: str) -> Document | None:
        """Return the API key with this secret's hash."""
        return await self._database["api_keys"].find_one({"hashes": digest})

    @guarded
    async def key(self, tenant: str, id: str) -> Document | None:
        """Return an API key of a tenant."""
        return await self._database["api_keys"].find_one({"_id": id, "scope": tenant})

    @guarded
    async def touch_key(self, id: str, at: datetime) -> None:
        """Note that a key was used."""
        await self._database["api_keys"].update_one({"_id": id}, {"$set": {"last_used_at": at}})

    @guarded
    async def apps_of(self, tenant: str) -> list[Document]:
        """Return a tenant's channel accounts of both modes (a webhook door serves both)."""
        return await self._database["apps"].find({"tenant_id": tenant, "deleted_at": None}).to_list()

    @guarded
    async def apps_named(self, tenant: str, ids: Collection[str]) -> list[Document]:
        """Return a tenant's channel accounts with these ids, removed ones as well."""
        return await self._database["apps"].find({"tenant_id": tenant, "_id": {"$in": list(ids)}}).to_list()

    @guarded
    async def app(self, id: str) -> Document | None:
        """Return a channel account by its id, for a webhook door that names it."""
        return await self._database["apps"].find_one({"_id": id, "deleted_at": None})

    @guarded
    async def app_by_address(self, address: str) -> Document | None:
        """Return the live or test account with this address at its carrier (for the simulated carrier)."""
        return await self._database["apps"].find_one({"phone_number_id": address, "deleted_at": None})

    @guarded
    async def library_file(self, id: str) -> Document | None:
        """Return a file of a media library by its unguessable id, as `media` does."""
        return await self._database["library"].find_one({"_id": id})

    @guarded
    async def media(self, id: str) -> Document | None:
        """Return a stored file's row by its unguessable id (its URL is open to whoever holds it)."""
        return await self._database["media"].find_one({"_id": id})


def name_key(name: str) -> str:
    """Return what two names of organisations have in common that are one name to people."""
    return " ".join(unicodedata.normalize("NFKC", name).casefold().split())
