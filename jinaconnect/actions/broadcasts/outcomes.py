"""What became of a batch of recipients: their rows, and the messages that stand in the inbox."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import structlog

from jinaconnect.actions.context import Context
from jinaconnect.actions.messaging.reports import report_message
from jinaconnect.channels.base import Accepted, Outcome, Refused, Unknown
from jinaconnect.core.broadcasts import states
from jinaconnect.core.broadcasts.document import category_of
from jinaconnect.core.inbox import status, trace
from jinaconnect.core.inbox.contact import counted
from jinaconnect.core.inbox.message import OUTGOING, new_message
from jinaconnect.core.inbox.message_event import message_event
from jinaconnect.core.inbox.status import Report
from jinaconnect.store.ahead import Trail
from jinaconnect.store.databases.mongo import Document
from jinaconnect.store.tenant import Change, Decide, Duplicate

MAX_RETRIES = 3
PAUSE_S = 60.0  # doubled at each retry
LOST = Unknown("The process that asked the carrier ended before it was answered.")
NOT_ASKED = "The carrier was not asked: another process had the broadcast by then."

logger = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Asked:
    """A recipient whom the carrier was asked for, and what came of it."""

    row: Document
    outcome: Outcome
    again_at: datetime | None = None  # of one who was asked for at the wrong hour

    @property
    def tried_again(self) -> bool:
        """Whether a refusal is one that another try can help."""
        if self.again_at is not None:
            return int(self.row.get("deferrals", 0)) < states.MOST_DEFERRALS
        again = isinstance(self.outcome, Refused) and self.outcome.again
        return again and self.row["retry_count"] < MAX_RETRIES

    @property
    def unreached(self) -> bool:
        """Whether the carrier does not reach whom it was asked for."""
        return isinstance(self.outcome, Refused) and self.outcome.cause == "unreachable" and not self.tried_again


async def record(
    ctx: Context, broadcast: Document, contacts: Mapping[str, Document], asked: Sequence[Asked], *, first: bool,
    further: Mapping[str, Any] | None = None,
) -> None:  # fmt: skip
    """Write down what became of recipients; `first` says that nothing of it can be there already.

    Their messages carry what is `further` to be known of them.

    Their messages come first: a report finds them by the reference that went along, and a cut in between is healed
    from them. The first time, messages, their conversations and the rows go ahead of the events that tell of them.
    """
    taken = [each for each in asked if not isinstance(each.outcome, Refused)]
    messages = [{**_message(ctx, broadcast, each), **(further or {})} for each in taken]
    trail = Trail() if first else None
    written = await _into_inbox(ctx, broadcast, contacts, messages, trail)
    left = await _accepted(ctx, asked, trail if written else None)
    await ctx.data.tell_all([("messages", written)], trail)
    if trail is not None and written and not trail.unbroken:
        await _written_again(ctx, written, asked)
    await _one_by_one(ctx, left)
    doubtful = {message["_id"]: message for message in written if _doubtful(message)}
    for each in taken:  # whom another process has called unknown meanwhile
        message = doubtful.get(each.row["message"])
        if message is not None and isinstance(each.outcome, Accepted):
            await report_message(ctx, message, Report(status.SENT, ctx.now()), each.outcome.carrier_id)


def _doubtful(message: Document) -> bool:
    return message["status"] == status.UNKNOWN and message["carrier_id"] is None


async def _accepted(ctx: Context, asked: Sequence[Asked], trail: Trail | None) -> list[Asked]:
    """Write down whom the carrier took, all together; returns who is left: the others, or all where a row has moved."""
    taken = [each for each in asked if isinstance(each.outcome, Accepted)]
    if taken:
        now = ctx.now()
        was = {"status": states.ASKING, "batch": {"$in": sorted({each.row["batch"] for each in taken})}}
        fields = {"status": states.SENT, "sent_at": now, "updated_at": now}
        own = {"message_id": [each.outcome.carrier_id for each in taken if isinstance(each.outcome, Accepted)]}
        fitted = await ctx.data.change_alike(
            "broadcast_rows", [each.row["_id"] for each in taken], was, fields, own, trail
        )
        if fitted < len(taken):
            return list(asked)
    return [each for each in asked if not isinstance(each.outcome, Accepted)]


async def _one_by_one(ctx: Context, asked: Sequence[Asked]) -> None:
    """Write down what became of recipients, each by itself; who stands as it is already is left so."""
    if not asked:
        return
    fields = {each.row["_id"]: _fields(ctx, each) for each in asked}
    messages = {each.row["_id"]: each.row["message"] for each in asked}

    def settled(id: str) -> Any:
        def decide(row: Document) -> Change | None:
            given = fields[id]
            if row["message"] != messages[id]:  # they are asked for again since, or failed
                return None
            if row["message_id"] is not None and row["message_id"] == given.get("message_id"):
                return None
            if row["status"] == states.ASKING:
                return Change(set=given)
            if row["status"] == states.UNKNOWN and given["status"] == states.SENT:  # as another process has called it
                return Change(set={**given, "error_code": None, "response": ""})
            # A report was faster.
            return Change(set={"message_id": given["message_id"]}) if "message_id" in given else None

        return decide

    rows = await ctx.data.select("broadcast_rows", {"_id": {"$in": list(fields)}})
    await ctx.data.change_many("broadcast_rows", {id: settled(id) for id in fields}, rows)


async def _written_again(ctx: Context, messages: Sequence[Document], asked: Sequence[Asked]) -> None:
    """Write again, durably, what may have been lost with a term of the database's primary."""
    logger.warning("broadcast.written_again", messages=len(messages))
    await ctx.data.restore("messages", messages)
    await ctx.data.tell("messages", messages)
    by_contact = {message["contact"]: message for message in messages}
    contacts = await ctx.data.select("contacts", {"_id": {"$in": list(by_contact)}})
    await _counted_in(ctx, by_contact.values(), {contact["_id"]: contact for contact in contacts}, None)
    await _one_by_one(ctx, await _accepted(ctx, asked, None))


def _fields(ctx: Context, asked: Asked) -> dict[str, Any]:
    now, row, outcome = ctx.now(), asked.row, asked.outcome
    if isinstance(outcome, Accepted):
        return {"status": states.SENT, "sent_at": now, "message_id": outcome.carrier_id, "updated_at": now}
    if not isinstance(outcome, Refused):
        return {
            "status": states.UNKNOWN, "error_code": "unknown", "response": outcome.reason[:500], "updated_at": now,
        }  # fmt: skip
    told = {"error_code": outcome.code, "response": outcome.message[:500], "message": None, "updated_at": now}
    if asked.again_at is not None and asked.tried_again:
        return states.deferred(row, asked.again_at, outcome.code, outcome.message, now) or told
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
        category=category_of(row, broadcast), created_by=broadcast["created_by"], user=broadcast["user"],
        broadcast_row=row["_id"], created_at=now, updated_at=now,
    )  # fmt: skip


async def _into_inbox(
    ctx: Context, broadcast: Document, contacts: Mapping[str, Document], messages: Sequence[Document],
    trail: Trail | None,
) -> list[Document]:  # fmt: skip
    """Write messages and count them in their conversations; returns those that are to be told of."""
    if not messages:
        return []
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
    results = await ctx.data.insert_many("messages", items, tell=False, trail=trail)
    written = [each.doc for each in results if not isinstance(each, Duplicate)]
    await _counted_in(ctx, written, contacts, trail)
    return written


async def _counted_in(
    ctx: Context, messages: Iterable[Document], contacts: Mapping[str, Document], trail: Trail | None
) -> None:
    """Count messages in their conversations: all of them by one statement, but for those that have moved since."""

    def counting(message: Document) -> Decide:
        def decide(doc: Document) -> Change | None:
            fields = counted(doc, [message])
            return None if fields is None else Change(set={**fields, "updated_at": doc["updated_at"]})

        return decide

    of_contact = {message["contact"]: message for message in messages}
    docs: list[Document] = []
    given: list[dict[str, Any]] = []
    for id, message in of_contact.items():
        if id in contacts and (fields := counted(contacts[id], [message])) is not None:
            docs.append(contacts[id])
            given.append({name.removeprefix("chat."): value for name, value in fields.items()})
    if await ctx.data.merge_each("contacts", "chat", docs, given, trail) < len(docs):
        ids = [doc["_id"] for doc in docs]
        present = await ctx.data.select("contacts", {"_id": {"$in": ids}})
        decisions = {id: counting(of_contact[id]) for id in ids}
        await ctx.data.change_many("contacts", decisions, present, tell=False, trail=trail)


async def correct(
    ctx: Context, broadcast: Document, contacts: Mapping[str, Document], asked: Sequence[Asked],
    left: Sequence[Document], charged: Collection[str],
) -> None:  # fmt: skip
    """Write down what the carrier said of recipients whom another process has called unknown meanwhile.

    Who was refused, or is `left` and was not asked for, has failed; the `charged` rows get back what they have cost.
    """
    taken = [each for each in asked if not isinstance(each.outcome, Refused)]
    await record(ctx, broadcast, contacts, taken, first=False)
    failed = [(row, "not_asked", NOT_ASKED) for row in left]
    failed += [
        (each.row, each.outcome.code, each.outcome.message) for each in asked if isinstance(each.outcome, Refused)
    ]
    for row, code, text in failed:
        message = await ctx.data.find("messages", row["message"])
        if message is None or not _doubtful(message):
            continue
        now = ctx.now()
        told = {"error_code": code, "response": text[:500], "status": states.FAILED, "failed_at": now, "message": None}
        if row["_id"] not in charged:  # the report would give back what was not taken
            doubted = {"status": states.UNKNOWN, "message": row["message"]}
            await ctx.data.change_alike("broadcast_rows", [row["_id"]], doubted, told)
        report = Report(status.FAILED, now, code, text[:500])
        await report_message(ctx, message, report, None, step=trace.ended(now, code, text))


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
