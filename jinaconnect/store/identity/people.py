"""People and their sessions: accounts, what proves an address, memberships, logins.

An account is known before any tenant is, so these look-ups cross tenants. Each is by an unguessable or unique key.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Any

from pymongo.asynchronous.collection import AsyncCollection
from pymongo.errors import DuplicateKeyError, OperationFailure

from jinaconnect.core.errors import Conflict
from jinaconnect.core.identity.proof import held_since, leaving, proving
from jinaconnect.store.coordination.withdrawals import Change, Withdrawals
from jinaconnect.store.databases.mongo import Database, Document, guarded
from jinaconnect.store.together import change_announced

_NO_COLLECTION, _NO_INDEX = 26, 27  # MongoDB's error_codes.yml


class People:
    """Users with their memberships, and sessions."""

    def __init__(self, database: Database, withdrawals: Withdrawals) -> None:
        self._database = database
        self._withdrawals = withdrawals

    async def prepare(self) -> None:
        """Create the indexes."""
        users = self._database["users"]
        await users.create_index([("email", 1), ("home", 1)], unique=True, name="by_email")
        await users.create_index("username", name="by_username")
        for secret in ("invitation", "verification", "reset", "moving_to"):
            await users.create_index(f"{secret}.hash", sparse=True)
        for name in ("image.id", "had.address"):
            await users.create_index(name, sparse=True)
        for former in ("email_1", "username_1"):  # an address was one account for all organisations once
            await _drop_index(users, former)
        await self._database["members"].create_index("user", name="by_user")
        sessions = self._database["sessions"]
        await sessions.create_index("expires_at", expireAfterSeconds=0)
        for name in ("user", "tenant"):
            await sessions.create_index(name)

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
    async def is_first_account(self, id: str, address: str) -> bool:
        """Tell whether an account was the first to prove an address here: the one a setting that names it means.

        Neither an id nor a word from elsewhere makes anybody first, nor an account that somebody has made for an
        address of others. Whoever moves to an address comes after all that had it before, and who has moved away from
        one keeps its place: else a move were a way to what the setting gives to somebody else.
        """
        rows = await self._database["users"].find({"$or": [{"email": address}, {"had.address": address}]}).to_list()
        held = [(since, row["_id"]) for row in rows if (since := held_since(row, address)) is not None]
        return bool(held) and min(held)[1] == id

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
        jobs: Sequence[Document] = (), holding: Mapping[str, Any] = MappingProxyType({}),
    ) -> tuple[Document, Document]:  # fmt: skip
        """Change a person's profile and leave the jobs that follow from it; returns it and the row to be told.

        Raises NotFound where `holding` is not so any more.
        """
        query = {**holding, "_id": id}
        doc, rows = await change_announced(
            self._database, "users", query, fields, lambda doc: [announcement(doc)], jobs
        )
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
            "email": moving["address"], "email_verified": True, "proved_at": now, "moving_to": None, "moved_at": now,
            "had": leaving(user),
            "reset": None, "invitation": None,
            # The secret is known as used from now on, in the place of any to the former address.
            "verification": {"hash": digest, "until": moving["until"]},
        }  # fmt: skip
        if user["username"] == former and "@" in former:  # a number that somebody logs in by stays one of theirs
            fields["username"] = moving["address"]
        try:
            return (await change_announced(self._database, "users", holds, fields, announcements, jobs))[1]
        except DuplicateKeyError as error:
            raise Conflict("A person with this e-mail exists already.", code="already_exists") from error

    @guarded
    async def set_user(self, id: str, fields: Mapping[str, Any], holding: Mapping[str, Any] | None = None) -> bool:
        """Change fields of a person; False where `holding` is not so any more."""
        result = await self._database["users"].update_one({**(holding or {}), "_id": id}, {"$set": dict(fields)})
        return bool(result.matched_count)

    @guarded
    async def set_password(
        self, id: str, password: str, holding: Mapping[str, Any], also: Mapping[str, Any] = MappingProxyType({})
    ) -> bool:  # fmt: skip
        """Give a person another password and revoke all their sessions, felt in every process; both or neither.

        What was asked for while the former one was theirs ends as well, a move to another address and a letter for
        another password: who asked for it may be whom the former password is taken from. `also` are further fields.
        False where `holding` is not so any more, and nothing is changed.
        """
        fields = {"password": password, "moving_to": None, "reset": None, **also}
        ended = Change((), "sessions", {"user": id, "revoked": False}, {"revoked": True})
        tenants = tuple({member["scope"] for member in await self.memberships(id)})
        return bool(
            await self._withdrawals.change(Change(tenants, "users", {**holding, "_id": id}, fields, beside=(ended,)))
        )

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
            {"$set": {"email_verified": True, "proved_at": now, "is_active": True}},
        )
        return bool(result.modified_count)

    async def redeem_reset(self, user: Document, digest: str, password: str, now: datetime) -> bool:
        """Set the password of an account whose reset has this secret's hash; False when it does not hold any more."""
        holding = {"reset.hash": digest, "reset.until": {"$gt": now}}
        return await self.set_password(user["_id"], password, holding, proving(user, now))

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

    async def redeem_invitation(self, user: Document, digest: str, password: str, now: datetime) -> bool:
        """Set the password of an account, as `invited` returns it, and end the invitation; False when that is over."""
        holding = {"invitation.hash": digest, "invitation.until": {"$gt": now}}
        proof = {} if user["invitation"].get("elsewhere") else proving(user, now)
        also = {"email_verified": True, **proof, "is_active": True, "invitation": None}
        return await self.set_password(user["_id"], password, holding, also)

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


async def _drop_index(collection: AsyncCollection[Document], name: str) -> None:
    try:
        await collection.drop_index(name)
    except OperationFailure as error:
        if error.code not in (_NO_COLLECTION, _NO_INDEX):
            raise
