"""Moving in from the older product: its tables as CSV, read whole before anything is written, and written once.

Everything has an id that follows from the one it had, so that a dump read again finds what is there; nothing that is
there is changed. Messages are no news: they stand before the log, as what it has forgotten does.
"""

from __future__ import annotations

import asyncio
import csv
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jinaconnect.actions.context import Context, Services, system_context
from jinaconnect.actions.identity.members import render_member
from jinaconnect.actions.identity.tenants import create_tenant
from jinaconnect.actions.inbox.conversations import opening_events
from jinaconnect.actions.messaging.templates import render_template
from jinaconnect.actions.ports import Ports
from jinaconnect.core.errors import Conflict, Invalid
from jinaconnect.core.inbox.contact import COUNTED
from jinaconnect.core.inbox.message import INCOMING
from jinaconnect.core.inbox.platform import USUAL
from jinaconnect.core.inbox.reading import rebuilt
from jinaconnect.core.moving import rows
from jinaconnect.core.moving.cells import Fault, Row, moved_id, needed
from jinaconnect.store.databases.mongo import Document
from jinaconnect.store.tenant import Change, Duplicate

TABLES = ("tenants", "users", "contacts", "messages", "templates")
BATCH = 500
MOST_TOLD = 50  # faults that are named


@dataclass
class Moved:
    """What came of a dump: by table how many rows were added and how many were there.

    `joined` are contacts whose address somebody has here already, who stands for them.
    """

    tenant: str
    added: Counter[str] = field(default_factory=Counter)
    there: Counter[str] = field(default_factory=Counter)
    joined: int = 0

    def note(self, table: str, results: Sequence[bool]) -> None:
        """Count rows that were added, or not."""
        self.added[table] += sum(results)
        self.there[table] += len(results) - sum(results)


def read_table(folder: Path, table: str) -> Iterator[tuple[int, Row]]:
    """Yield the lines of a table with their number; nothing where there is no such file. Raises Invalid."""
    path = folder / f"{table}.csv"
    if not path.exists():
        return
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, strict=True)
            for row in reader:
                if None in row or None in row.values():
                    raise Invalid.field(f"{table}.csv:{reader.line_num}", "has more or fewer cells than the first line")
                yield reader.line_num, row
    except (UnicodeDecodeError, csv.Error) as error:
        raise Invalid.field(f"{table}.csv", f"is no CSV in UTF-8: {error}") from error


class Dump:
    """A dump that has been looked at whole: every row of it can be read."""

    def __init__(self, folder: Path, tenant: str | None) -> None:
        self.folder = folder
        if not any((folder / f"{table}.csv").exists() for table in TABLES):
            raise Invalid.field(str(folder), f"has none of {', '.join(f'{table}.csv' for table in TABLES)}")
        organisations = [row for _, row in read_table(folder, "tenants")]
        if tenant is None and len(organisations) != 1:
            raise Invalid.field("tenants.csv", "must have one row where no --tenant is given")
        self.faults: dict[str, list[str]] = {}
        self.organisation: dict[str, Any] = {}
        self.tenant = tenant or self._organised(organisations[0])
        self.people: dict[str, str] = {}  # by the id they had
        self.names: dict[str, str] = {}
        self.contacts: dict[str, str] = {}
        for person in self._checked("users", lambda row: rows.person(row, self.tenant)):
            self.people[person["former"]] = person["user"]["_id"]
            self.names[person["user"]["_id"]] = f"{person['user']['first_name']} {person['user']['last_name']}".strip()
        for contact in self._checked("contacts", lambda row: rows.contact(row, self.tenant, self.people, self.names)):
            self.contacts[contact["former_id"]] = contact["_id"]
        for _ in self._checked("messages", lambda row: rows.message(row, self.tenant, self.contacts, self.people)):
            pass
        for _ in self._checked("templates", lambda row: rows.template(row, self.tenant, None)):
            pass
        if self.faults:
            raise Invalid(self.faults)

    def _organised(self, row: Row) -> str:
        try:
            self.organisation = rows.tenant_fields(row)
            return moved_id("ten", "", "tenants", needed(row, "id"), self.organisation["created_at"])
        except Fault as fault:
            raise Invalid.field("tenants.csv:2", str(fault)) from fault

    def _checked(self, table: str, read: Any) -> Iterator[Any]:
        for line, row in read_table(self.folder, table):
            try:
                yield read(row)
            except Fault as fault:
                if len(self.faults) < MOST_TOLD:
                    self.faults[f"{table}.csv:{line}"] = [str(fault)]

    def batches(self, table: str, read: Any) -> Iterator[list[Any]]:
        """Yield what the rows of a table are, some at a time."""
        batch: list[Any] = []
        for _, row in read_table(self.folder, table):
            batch.append(read(row))
            if len(batch) == BATCH:
                yield batch
                batch = []
        if batch:
            yield batch


async def import_dump(services: Services, ports: Ports, dump: Dump) -> AsyncIterator[Moved]:
    """Write a dump into its organisation, yielding after each batch what has come of it; the last is the whole."""
    if dump.organisation and await services.registry.tenant(dump.tenant) is None:
        fields = dict(dump.organisation)
        await create_tenant(services, ports.channels, fields.pop("name"), id=dump.tenant, about=fields)
    if await services.registry.tenant(dump.tenant) is None:
        raise Invalid.field("tenant", "there is no such organisation")
    ctx, moved = system_context(services, f"{dump.tenant}:live", "import"), Moved(dump.tenant)
    for batch in dump.batches("users", lambda row: rows.person(row, dump.tenant)):
        moved.note("users", [await _add_person(ctx, each) for each in batch])
    app = await _whatsapp(ctx)
    for batch in dump.batches("templates", lambda row: rows.template(row, dump.tenant, app)):
        items = [(doc, [ctx.event("template.created", doc["_id"], render_template(doc))]) for doc in batch]
        moved.note("templates", await _insert(ctx, "templates", items))
        yield moved
    stands_for: dict[str, str] = {}  # contacts of the dump whose address somebody has here already
    for batch in dump.batches("contacts", lambda row: rows.contact(row, dump.tenant, dump.people, dump.names)):
        moved.note("contacts", await _add_contacts(ctx, batch, stands_for))
        moved.joined = len(stands_for)
        yield moved
    known = {former: stands_for.get(id, id) for former, id in dump.contacts.items()}
    written: set[str] = set()
    for batch in dump.batches("messages", lambda row: rows.message(row, dump.tenant, known, dump.people)):
        moved.note("messages", await _insert(ctx, "messages", [(doc, []) for doc in batch]))
        written |= {doc["contact"] for doc in batch}
        yield moved
    for id in sorted(written):
        await _rebuild(ctx, id)
    yield moved


async def _insert(ctx: Context, collection: str, items: Sequence[tuple[Document, Any]]) -> list[bool]:
    """Add documents, each unless it is there; tell of each whether it was added."""
    held = await ctx.data.select(
        collection, {"_id": {"$in": [doc["_id"] for doc, _ in items]}}, limit=len(items), fields={"_id": 1}
    )
    there = {doc["_id"] for doc in held}
    fresh = [(doc, events) for doc, events in items if doc["_id"] not in there]
    results = await ctx.data.insert_many(collection, fresh) if fresh else []
    added = {doc["_id"] for (doc, _), result in zip(fresh, results, strict=True) if not isinstance(result, Duplicate)}
    return [doc["_id"] in added for doc, _ in items]


async def _add_contacts(ctx: Context, batch: Sequence[Document], stands_for: dict[str, str]) -> list[bool]:
    for name in ("phone", "telegram_chat_id"):
        values = [doc[name] for doc in batch if doc[name] is not None]
        query = {name: {"$in": values}}
        held = await ctx.data.select("contacts", query, limit=BATCH, fields={name: 1}) if values else []
        owner: dict[Any, str] = {doc[name]: doc["_id"] for doc in held}
        for doc in batch:
            other = owner.setdefault(doc[name], doc["_id"]) if doc[name] is not None else doc["_id"]
            if other != doc["_id"]:
                stands_for[doc["_id"]] = other
    fresh = [doc for doc in batch if doc["_id"] not in stands_for]
    results = await _insert(ctx, "contacts", [(doc, opening_events(ctx, doc, USUAL)) for doc in fresh])
    return [*results, *([False] * (len(batch) - len(fresh)))]


async def _add_person(ctx: Context, person: Mapping[str, Any]) -> bool:
    """Make a person a member, with an account of the organisation's own and no password: they choose one by letter."""
    people, store, user = ctx.services.people, ctx.data, dict(person["user"])
    if await people.user(user["_id"]) is None:
        try:
            await people.add_user(user)
        except Conflict:  # the organisation has an account with this address
            [user] = [each for each in await people.accounts(user["email"]) if each.get("home") == user["home"]]
    if await store.find_one("members", {"user": user["_id"]}) is not None:
        return False
    held = {row["slug"]: row for row in await store.select("roles", {"deleted_at": None})}
    role = held.get(person["role"]) or held["agent"]
    owners = await store.select("members", {"role": held["owner"]["_id"], "is_active": True}, limit=1)
    if role["slug"] == "owner" and owners:
        role = held["admin"]
    doc = {
        "_id": person["member"], "user": user["_id"], "role": role["_id"], "is_active": person["is_active"],
        "unaccepted": None, "created_by": None, "updated_by": None, "created_at": user["created_at"],
        "updated_at": user["created_at"],
    }  # fmt: skip
    shown = render_member({**doc, "scope": ctx.principal.tenant}, user, role)
    return (await _insert(ctx, "members", [(doc, [ctx.event("member.added", doc["_id"], shown)])]))[0]


async def _whatsapp(ctx: Context) -> str | None:
    """Return the account that reviewed templates belong to: the only one of the organisation's, where it has one."""
    apps = await ctx.data.select("apps", {"channel": USUAL, "deleted_at": None}, limit=2, fields={"_id": 1})
    return str(apps[0]["_id"]) if len(apps) == 1 else None


async def _rebuild(ctx: Context, contact: str) -> None:
    """Bring a conversation up to the messages it has, of whatever origin."""
    shown = {"contact": contact, "deleted_at": None}

    async def look(doc: Document) -> Change | None:
        newest, unread = await asyncio.gather(
            ctx.data.select("messages", {**shown, "internal_note": False}, sort=[("_id", -1)], limit=COUNTED),
            ctx.data.tally("messages", {**shown, "direction": INCOMING, "is_read": False}),
        )
        fields = rebuilt(doc, newest, unread)
        changed = {name: value for name, value in fields.items() if doc["chat"].get(name.partition(".")[2]) != value}
        return Change(set={**changed, "updated_at": doc["updated_at"]}) if changed else None

    await ctx.data.change_after("contacts", contact, look)
