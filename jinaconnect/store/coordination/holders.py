"""Who holds each conversation at the end of a log: what decides who may see the next event.

A message or a call is another document than its contact, so the holder its event names was read some time before the
event has its number; meanwhile the conversation may have changed hands. So the holder is decided again where events are
numbered, from the log itself: the last event that moved the contact's conversation says who holds it.

Only moves are kept, as far back as they are known without a hole. An event whose holder was read after that beginning
and whose contact has not moved since is right as it is; for an older one (left by a crash, or of a long call) the
contact is asked once.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from datetime import datetime, timedelta

from jinaconnect.core.events.catalogue import CATALOGUE
from jinaconnect.core.events.event import ASSIGNEE, CONTACT, PREVIOUS_ASSIGNEE
from jinaconnect.core.ids import encode
from jinaconnect.store.databases.mongo import Database, Document

WINDOW = 200  # events of the log that are looked through for moves when it is met first
KEPT = 1_000  # moves of one log
REQUEST = timedelta(minutes=1)  # at most this long between reading a contact and making an event of it
CALL = timedelta(hours=2)  # a call keeps the holder it began with, and hands it to the calls it dials


class Holders:
    """The late moves of one log; used by its appender alone, in the order of the log."""

    def __init__(self, database: Database, scope: str) -> None:
        self._events = database["events"]
        self._contacts = database["contacts"]
        self._scope = scope
        self._moved: OrderedDict[str, tuple[str | None, datetime]] = OrderedDict()
        self._reached: int | None = None
        self._oldest_event = self._oldest_call = ""  # ids made later than these were made of contacts read since

    async def reach(self, head: int) -> None:
        """Take note of the moves up to a number, whoever appended them."""
        if self._reached is None:
            begin = max(1, head - WINDOW + 1)
            query = {"scope": self._scope, "seq": {"$gte": begin, "$lte": head}}
            told = {"type": {"$regex": "^con(tact|versation)\\."}}
            fields = {"type": 1, "contact": 1, "seen": 1, "recorded": 1}
            rows = self._events.find({**query, "$or": [{"seq": begin}, told]}, fields, sort=[("seq", 1)])
            found = await rows.to_list()
            if begin > 1 and found:
                self._begin(found[0]["recorded"])
        elif self._reached < head:
            query = {"scope": self._scope, "seq": {"$gt": self._reached, "$lte": head}}
            fields = {"type": 1, "contact": 1, "seen": 1, "recorded": 1}
            found = await self._events.find(query, fields, sort=[("seq", 1)]).to_list()
        else:
            return
        self.passed(found)
        self._reached = head

    def passed(self, rows: Sequence[Document]) -> None:
        """Take note of events that have their numbers now."""
        for row in rows:
            if _moves(row):
                self._keep(row["contact"], row["seen"][ASSIGNEE], row["recorded"])
        if rows and "seq" in rows[-1]:
            self._reached = rows[-1]["seq"]

    async def decided(self, rows: Sequence[Document]) -> list[Document]:
        """Return events as they are to be appended next, in this order, each with who holds its contact then."""
        known = {contact: held for contact, (held, _) in self._moved.items()} if self._moved else {}
        ask = {row["contact"] for row in rows if _depends(row) and row["contact"] not in known and self._old(row)}
        if ask:
            known |= await self._ask(list(ask))
        decided = []
        for row in rows:
            if _moves(row):
                known[row["contact"]] = row["seen"][ASSIGNEE]
            elif _depends(row) and known.get(row["contact"], row["seen"][ASSIGNEE]) != row["seen"][ASSIGNEE]:
                row = {**row, "seen": {**row["seen"], ASSIGNEE: known[row["contact"]]}}
            decided.append(row)
        return decided

    async def _ask(self, contacts: list[str]) -> dict[str, str | None]:
        """Return who holds contacts as far as the log has come: a move that still waits for its number is to come."""
        fields = {"assigned_to_user": 1, "updated_at": 1, "pending._id": 1, "pending.seen": 1}
        docs = await self._contacts.find({"_id": {"$in": contacts}, "scope": self._scope}, fields).to_list()
        moves = {
            doc["_id"]: [row for row in doc["pending"] if row["seen"][ASSIGNEE] != row["seen"][PREVIOUS_ASSIGNEE]]
            for doc in docs if doc.get("pending")
        }  # fmt: skip
        ids = [row["_id"] for waiting in moves.values() for row in waiting]
        logged = set()
        if ids:
            logged = {row["_id"] async for row in self._events.find({"_id": {"$in": ids}}, {"_id": 1})}
        held = {}
        for doc in docs:
            waiting = [row for row in moves.get(doc["_id"], ()) if row["_id"] not in logged]
            held[doc["_id"]] = waiting[0]["seen"][PREVIOUS_ASSIGNEE] if waiting else doc["assigned_to_user"]
            self._keep(doc["_id"], held[doc["_id"]], doc["updated_at"])
        return held

    def _keep(self, contact: str, held: str | None, at: datetime) -> None:
        self._moved[contact] = (held, at)
        self._moved.move_to_end(contact)
        if len(self._moved) > KEPT:
            self._begin(self._moved.popitem(last=False)[1][1])

    def _begin(self, at: datetime) -> None:
        self._oldest_event, self._oldest_call = (
            max(old, encode("", int((at + age).timestamp() * 1000), bytes(10)))
            for old, age in ((self._oldest_event, REQUEST), (self._oldest_call, CALL))
        )

    def _old(self, row: Document) -> bool:
        id, oldest = (row["call"], self._oldest_call) if row["call"] else (row["_id"], self._oldest_event)
        return "_" + str(id).partition("_")[2] < oldest


def _of_contact(row: Document) -> bool:
    return CATALOGUE[row["type"]].subject in ("contact", "conversation")


def _moves(row: Document) -> bool:
    return row["contact"] is not None and row["seen"][ASSIGNEE] != row["seen"][PREVIOUS_ASSIGNEE] and _of_contact(row)


def _depends(row: Document) -> bool:
    return row["contact"] is not None and row["seen"][CONTACT] and not _of_contact(row)
