"""What became of a batch of recipients: their rows, and the messages that stand in the inbox."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from jinaconnect.actions.context import Context
from jinaconnect.channels.base import Accepted, Outcome, Refused, Unknown
from jinaconnect.core.broadcasts import states
from jinaconnect.core.inbox import status
from jinaconnect.core.inbox.contact import counted
from jinaconnect.core.inbox.message import OUTGOING, new_message
from jinaconnect.core.inbox.message_event import message_event
from jinaconnect.store.databases.mongo import Document
from jinaconnect.store.tenant import Change, Duplicate

MAX_RETRIES = 3
PAUSE_S = 60.0  # doubled at each retry
LOST = Unknown("The process that asked the carrier ended before it was answered.")


@dataclass(frozen=True, slots=True)
class Asked:
    """A recipient whom the carrier was asked for, and what came of it."""

    row: Document
    outcome: Outcome

    @property
    def tried_again(self) -> bool:
        """Whether a refusal is one that another try can help."""
        again = isinstance(self.outcome, Refused) and self.outcome.again
        return again and self.row["retry_count"] < MAX_RETRIES


async def record(ctx: Context, broadcast: Document, contacts: Mapping[str, Document], asked: Sequence[Asked]) -> None:
    """Write down what became of recipients.

    Their messages come first: a report finds them by the reference that went along, and a cut in between is healed
    from them.
    """
    messages = [_message(ctx, broadcast, each) for each in asked if not isinstance(each.outcome, Refused)]
    await _into_inbox(ctx, broadcast, contacts, messages)
    fields = {each.row["_id"]: _fields(ctx, each) for each in asked}

    def settled(id: str) -> Any:
        def decide(row: Document) -> Change | None:
            given = fields[id]
            moved = row["status"] != states.ASKING  # a report was faster
            kept = {name: value for name, value in given.items() if name in ("message", "message_id")}
            return Change(set=kept if moved else given) if (kept or not moved) else None

        return decide

    await ctx.data.change_many("broadcast_rows", {id: settled(id) for id in fields}, [each.row for each in asked])


def _fields(ctx: Context, asked: Asked) -> dict[str, Any]:
    now, row, outcome = ctx.now(), asked.row, asked.outcome
    if isinstance(outcome, Accepted):
        return {"status": states.SENT, "sent_at": now, "message_id": outcome.carrier_id, "updated_at": now}
    if not isinstance(outcome, Refused):
        return {
            "status": states.UNKNOWN, "error_code": "unknown", "response": outcome.reason[:500], "updated_at": now,
        }  # fmt: skip
    told = {"error_code": outcome.code, "response": outcome.message[:500], "message": None, "updated_at": now}
    if asked.tried_again:
        again = {"at": _again(row, outcome, now), "retry_count": row["retry_count"] + 1}
        return {**told, **again, "status": states.PENDING}
    ended = states.BLOCKED if outcome.opted_out or outcome.cause == "unreachable" else states.FAILED
    return {**told, "status": ended, "failed_at": now}


def _again(row: Document, outcome: Refused, now: datetime) -> datetime:
    """Return when a recipient is tried again: when the carrier says, else after growing pauses."""
    wait = outcome.retry_after if outcome.retry_after is not None else PAUSE_S * 2 ** row["retry_count"]
    return now + timedelta(seconds=wait)


def _message(ctx: Context, broadcast: Document, asked: Asked) -> Document:
    row, outcome, now = asked.row, asked.outcome, ctx.now()
    accepted = isinstance(outcome, Accepted)
    return new_message(
        row["message"], contact=row["contact"], platform=broadcast["platform"], direction=OUTGOING, type=row["type"],
        content=row["content"], author="USER", app=broadcast["app"], timestamp=now,
        status=status.SENT if accepted else status.UNKNOWN, sent_at=now if accepted else None,
        carrier_id=outcome.carrier_id if isinstance(outcome, Accepted) else None, template=broadcast["template"],
        category=broadcast["category"], created_by=broadcast["created_by"], user=broadcast["user"],
        broadcast_row=row["_id"], created_at=now, updated_at=now,
    )  # fmt: skip


async def _into_inbox(
    ctx: Context, broadcast: Document, contacts: Mapping[str, Document], messages: Sequence[Document]
) -> None:
    if not messages:
        return
    actor = {"type": "broadcast", "id": broadcast["_id"]}
    items = []
    for message in messages:
        contact = contacts.get(message["contact"])
        as_queued = {**message, "status": status.PENDING, "sent_at": None, "carrier_id": None}
        kind = "message.sent" if message["status"] == status.SENT else "message.unknown"
        events = [
            message_event(ctx.ids.new("evt"), name, doc, contact, at=ctx.now(), actor=actor)
            for name, doc in (("message.queued", as_queued), (kind, message))
        ]
        items.append((message, events))
    results = await ctx.data.insert_many("messages", items, tell=False)
    written = [each.doc for each in results if not isinstance(each, Duplicate)]

    def counting(message: Document) -> Any:
        def decide(doc: Document) -> Change | None:
            fields = counted(doc, [message])
            return None if fields is None else Change(set={**fields, "updated_at": doc["updated_at"]})

        return decide

    of_contact = {message["contact"]: counting(message) for message in written}
    present = [contacts[id] for id in of_contact if id in contacts]
    await ctx.data.change_many("contacts", of_contact, present, tell=False)
    await ctx.data.tell("messages", written)


async def doubted(ctx: Context, broadcast: Document) -> AsyncIterator[tuple[dict[str, Document], list[Asked]]]:
    """Yield (contacts, recipients) of a slice that was cut off while it asked: the carrier may have each of them.

    Those whose message stands in the inbox were told of; the others are unknown, and only a report will tell. Each lot
    is to be written down before the next.
    """
    while rows := await ctx.data.select(
        "broadcast_rows", {"broadcast": broadcast["_id"], "status": states.ASKING}, limit=500
    ):
        ids = [row["contact"] for row in rows]
        contacts = {doc["_id"]: doc for doc in await ctx.data.select("contacts", {"_id": {"$in": ids}})}
        there = await ctx.data.select("messages", {"_id": {"$in": [row["message"] for row in rows]}})
        known = {message["_id"]: message for message in there}
        await ctx.data.tell("messages", [message for message in there if message.get("pending")])
        asked = []
        for row in rows:
            message = known.get(row["message"])
            if message is not None and message["carrier_id"] is not None:
                asked.append(Asked(row, Accepted(message["carrier_id"])))
            else:
                asked.append(Asked(row, LOST))
        yield contacts, asked
