"""What is known before a tenant is: organisations, people, sessions, API keys by their hash, webhook doors.

These are the only look-ups that cross tenants. Each is by an unguessable or unique key and returns rows from which a
principal is made; everything else goes through `store/tenant.py`.
"""

from __future__ import annotations

import time
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from pymongo import ReturnDocument
from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.errors import DuplicateKeyError, OperationFailure

from jinaconnect.core.errors import Conflict, NotFound
from jinaconnect.core.inbox.platform import FORMER_PLATFORM
from jinaconnect.core.office.branding import PICTURES
from jinaconnect.store.coordination.withdrawals import Change, Withdrawals
from jinaconnect.store.databases.mongo import Database, Document, guarded
from jinaconnect.store.together import announce, transaction

LATELY_S, MOST_LATELY = 5.0, 10_000
_EVER = datetime.min.replace(tzinfo=UTC)  # since an account was made
_NO_COLLECTION, _NO_INDEX = 26, 27  # MongoDB's error_codes.yml


class Registry:
    """Tenants, users, sessions, and keys by hash."""

    def __init__(self, database: Database, withdrawals: Withdrawals) -> None:
        self._database = database
        self._withdrawals = withdrawals
        self._lately: dict[str, tuple[float, Document | None]] = {}

    async def prepare(self) -> None:
        """Create the indexes."""
        users = self._database["users"]
        await users.create_index([("email", 1), ("home", 1)], unique=True, name="by_email")
        await users.create_index("username", name="by_username")
        for secret in ("invitation", "verification", "reset", "moving_to"):
            await users.create_index(f"{secret}.hash", sparse=True)
        for name in ("image.id", "had.address"):
            await users.create_index(name, sparse=True)
        await self._prepare_tenants()
        for former in ("email_1", "username_1"):  # an address was one account for all organisations once
            await _drop_index(users, former)
        await self._database["members"].create_index("user", name="by_user")
        await self._database["api_keys"].create_index("hashes", unique=True, name="by_hash")
        await self._database["sessions"].create_index("expires_at", expireAfterSeconds=0)
        await self._database["sessions"].create_index("user")
        await self._database["sessions"].create_index("tenant")
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
            doc, rows = await self._announced(
                "tenants", {**(holding or {}), "_id": id}, {**fields, **named}, lambda doc: [announcement(doc)]
            )
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

    async def _announced(
        self, collection: str, query: Mapping[str, Any], fields: Mapping[str, Any],
        announcements: Callable[[Document], Sequence[Document]], jobs: Sequence[Document] = (),
    ) -> tuple[Document, Sequence[Document]]:  # fmt: skip
        """Change a document, tell of it in rows and leave the jobs that follow from it, all or nothing.

        A job whose id is there stays as it is, so that a request can be run again.
        """
        done: list[tuple[Document, Sequence[Document]]] = []

        async def write(session: AsyncClientSession) -> None:
            doc = await self._database[collection].find_one_and_update(
                dict(query), {"$set": dict(fields)}, return_document=ReturnDocument.AFTER, session=session
            )
            if doc is None:
                raise NotFound()
            rows = announcements(doc)
            for row in rows:
                await announce(self._database, row, session)
            for job in jobs:
                await self._database["jobs"].update_one(
                    {"_id": job["_id"]}, {"$setOnInsert": {k: v for k, v in job.items() if k != "_id"}}, upsert=True,
                    session=session,
                )  # fmt: skip
            done[:] = [(doc, rows)]

        await transaction(self._database, write)
        return done[0]

    @guarded
    async def user(self, id: str) -> Document | None:
        """Return a person by id."""
        return await self._database["users"].find_one({"_id": id})

    @guarded
    async def user_of_image(self, id: str) -> Document | None:
        """Return the person with an uploaded picture of this unguessable id."""
        return await self._database["users"].find_one({"image.id": id})

    @guarded
    async def users(self, ids: list[str]) -> dict[str, Document]:
        """Return people by id."""
        rows = self._database["users"].find({"_id": {"$in": ids}}, {"password": 0})
        return {row["_id"]: row async for row in rows}

    @guarded
    async def accounts(self, name: str) -> list[Document]:
        """Return the accounts with this e-mail in any case, or else with this username; oldest first.

        An organisation invites a person into an account of its own (`home`), so that none relies on what another one
        has made: one address may have several.
        """
        found = await self._database["users"].find({"email": name.lower()}, sort=[("_id", 1)]).to_list()
        return found or await self._database["users"].find({"username": name}, sort=[("_id", 1)]).to_list()

    @guarded
    async def is_first_account(self, id: str, name: str) -> bool:
        """Tell whether an account was the first with an address or username: the one a setting that names it means.

        Whoever moves to an address comes after all that had it before, and who has moved away from one keeps its
        place: else a move were a way to what the setting gives to somebody else.
        """
        query = {"$or": [{"email": name}, {"username": name}, {"had.address": name}]}
        rows = await self._database["users"].find(query, {"email": 1, "moved_at": 1, "had": 1}).to_list()
        return bool(rows) and min((_since(row, name), row["_id"]) for row in rows)[1] == id

    @guarded
    async def add_user(self, doc: Mapping[str, Any]) -> None:
        """Add a person; raises Conflict when their organisation has an account with the e-mail."""
        try:
            await self._database["users"].insert_one(dict(doc))
        except DuplicateKeyError as error:
            raise Conflict("A person with this e-mail exists already.", code="already_exists") from error

    @guarded
    async def change_user(
        self, id: str, fields: Mapping[str, Any], announcement: Callable[[Document], Document],
        jobs: Sequence[Document] = (),
    ) -> tuple[Document, Document]:  # fmt: skip
        """Change a person's profile and leave the jobs that follow from it; returns as `change_tenant` does."""
        doc, rows = await self._announced("users", {"_id": id}, fields, lambda doc: [announcement(doc)], jobs)
        return doc, rows[0]

    @guarded
    async def move_user(
        self, user: Document, digest: str, now: datetime, announcements: Callable[[Document], Sequence[Document]],
        jobs: Sequence[Document],
    ) -> Sequence[Document]:  # fmt: skip
        """Give a person the address that the secret with this hash proves, and return the rows to be told.

        What letters to the former address could open ends with it. Raises NotFound when the secret does not hold any
        more, Conflict when an account of the same organisation has the address.
        """
        former, moving = user["email"], user["moving_to"]
        holds = {
            "_id": user["_id"], "email": former, "is_active": True, "moving_to.address": moving["address"],
            "moving_to.hash": digest, "moving_to.until": {"$gt": now},
        }  # fmt: skip
        fields = {
            "email": moving["address"], "email_verified": True, "moving_to": None, "moved_at": now,
            "had": [*user.get("had", ()), {"address": former, "since": user.get("moved_at")}],
            "reset": None, "invitation": None,
            # The secret is known as used from now on, in the place of any to the former address.
            "verification": {"hash": digest, "until": moving["until"]},
        }  # fmt: skip
        if user["username"] == former and "@" in former:  # a number that somebody logs in by stays one of theirs
            fields["username"] = moving["address"]
        try:
            return (await self._announced("users", holds, fields, announcements, jobs))[1]
        except DuplicateKeyError as error:
            raise Conflict("A person with this e-mail exists already.", code="already_exists") from error

    @guarded
    async def set_user(self, id: str, fields: Mapping[str, Any], holding: Mapping[str, Any] | None = None) -> bool:
        """Change fields of a person; False where `holding` is not so any more."""
        result = await self._database["users"].update_one({**(holding or {}), "_id": id}, {"$set": dict(fields)})
        return bool(result.matched_count)

    @guarded
    async def set_password(self, id: str, password: str) -> None:
        """Give a person another password and revoke all their sessions, felt in every process; both or neither.

        A move to another address ends as well: who asked for it may be whom the former password is taken from.
        """
        person = Change((), "users", {"_id": id}, {"password": password, "moving_to": None})
        tenants = tuple({member["scope"] for member in await self.memberships(id)})
        ended = Change(tenants, "sessions", {"user": id, "revoked": False}, {"revoked": True}, beside=(person,))
        await self._withdrawals.change(ended)

    @guarded
    async def drop_user(self, id: str) -> None:
        """Remove a person that came to nothing: whoever else may have asked has one of their own."""
        await self._database["users"].delete_one({"_id": id, "is_active": False})

    @guarded
    async def user_by_secret(self, kind: str, digest: str) -> Document | None:
        """Return the account whose `verification`, `reset` or `moving_to` has this secret's hash."""
        return await self._database["users"].find_one({f"{kind}.hash": digest})

    @guarded
    async def verify_user(self, digest: str, now: datetime) -> bool:
        """Note that a person has proven their address; False when the secret does not hold or has done so before."""
        result = await self._database["users"].update_one(
            {"verification.hash": digest, "verification.until": {"$gt": now}, "email_verified": False},
            {"$set": {"email_verified": True, "is_active": True}},
        )
        return bool(result.modified_count)

    @guarded
    async def redeem_reset(self, id: str, digest: str, password: str, now: datetime) -> bool:
        """Set the password of an account whose reset has this secret's hash and end all its sessions, both or neither.

        A move to another address ends as with `set_password`. False when the secret does not hold any more.
        """
        ended = Change((), "sessions", {"user": id, "revoked": False}, {"revoked": True})
        holds = {"_id": id, "reset.hash": digest, "reset.until": {"$gt": now}}
        fields = {"password": password, "reset": None, "email_verified": True, "moving_to": None}
        tenants = tuple({member["scope"] for member in await self.memberships(id)})
        return bool(await self._withdrawals.change(Change(tenants, "users", holds, fields, beside=(ended,))))

    @guarded
    async def claim_account(self, id: str, tenant: str) -> bool:
        """Make an account of before accounts had a home that of a tenant; False when it has one."""
        result = await self._database["users"].update_one({"_id": id, "home": None}, {"$set": {"home": tenant}})
        return bool(result.modified_count)

    @guarded
    async def invited(self, digest: str, now: datetime) -> Document | None:
        """Return the account whose invitation has this secret's hash and is not late."""
        query = {"invitation.hash": digest, "invitation.until": {"$gt": now}}
        return await self._database["users"].find_one(query)

    @guarded
    async def redeem_invitation(self, digest: str, password: str, now: datetime) -> bool:
        """Set the password of the invited account and end the invitation; False when it does not hold."""
        result = await self._database["users"].update_one(
            {"invitation.hash": digest, "invitation.until": {"$gt": now}},
            {
                "$set": {"password": password, "is_active": True, "email_verified": True, "moving_to": None},
                "$unset": {"invitation": ""},
            },
        )
        return bool(result.modified_count)

    @guarded
    async def tenants_of(self, user: str) -> list[str]:
        """Return the organisations a person ever had a membership in, in the order they came to them."""
        rows = await self._database["members"].find({"user": user}, {"scope": 1}, sort=[("_id", 1)]).to_list()
        return list(dict.fromkeys(row["scope"] for row in rows))

    @guarded
    async def memberships(self, user: str) -> list[Document]:
        """Return a person's active memberships, oldest first."""
        rows = self._database["members"].find({"user": user, "is_active": True}, sort=[("_id", 1)])
        return await rows.to_list()

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
    async def add_session(self, doc: Mapping[str, Any]) -> None:
        """Add a login session."""
        await self._database["sessions"].insert_one(dict(doc))

    @guarded
    async def session(self, id: str) -> Document | None:
        """Return a login session."""
        return await self._database["sessions"].find_one({"_id": id})

    @guarded
    async def rotate_session(self, id: str, old: str, new: str, expires_at: datetime) -> bool:
        """Replace a session's current refresh token id; False when `old` is not the current one."""
        result = await self._database["sessions"].update_one(
            {"_id": id, "refresh": old, "revoked": False}, {"$set": {"refresh": new, "expires_at": expires_at}}
        )
        return bool(result.modified_count)

    @guarded
    async def prolong_session(self, id: str, expires_at: datetime) -> None:
        """Keep a session for longer."""
        await self._database["sessions"].update_one({"_id": id}, {"$set": {"expires_at": expires_at}})

    @guarded
    async def put_session_beside(self, id: str, tenant: str, session: str) -> None:
        """Note the session of another organisation that belongs to the same browser."""
        await self._database["sessions"].update_one({"_id": id}, {"$set": {f"beside.{tenant}": session}})

    @guarded
    async def revoke_sessions(self, query: Mapping[str, Any]) -> int:
        """Revoke the sessions that fit (by `_id`, `user`, or `user` and `tenant`), felt in every process."""
        open_ones = {**query, "revoked": False}
        tenants = await self._database["sessions"].distinct("tenant", open_ones)
        if not tenants:
            return 0
        return await self._withdrawals.change(Change(tuple(tenants), "sessions", open_ones, {"revoked": True}))

    @guarded
    async def apps_of(self, tenant: str) -> list[Document]:
        """Return a tenant's channel accounts of both modes (a webhook door serves both)."""
        return await self._database["apps"].find({"tenant_id": tenant, "deleted_at": None}).to_list()

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


def _since(user: Document, name: str) -> datetime:
    """Return since when an account has, or had, a name that is its address, a former one or its username."""
    own = [user.get("moved_at")] if user["email"] == name else []
    former = [each["since"] for each in user.get("had", ()) if each["address"] == name]
    return min((moment or _EVER for moment in (*own, *former)), default=_EVER)


def name_key(name: str) -> str:
    """Return what two names of organisations have in common that are one name to people."""
    return " ".join(unicodedata.normalize("NFKC", name).casefold().split())


async def _drop_index(collection: AsyncCollection[Document], name: str) -> None:
    try:
        await collection.drop_index(name)
    except OperationFailure as error:
        if error.code not in (_NO_COLLECTION, _NO_INDEX):
            raise
