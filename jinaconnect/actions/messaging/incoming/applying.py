"""Bringing a webhook's facts into the inbox, in batches of one tenant and mode.

Applying is idempotent (unique carrier ids, a status ladder, message ids counted once), so a body can be applied again
after any crash.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

import structlog

from jinaconnect.actions.contacts.addressing import Person, contact_at, contacts_at, contacts_for, learn, move
from jinaconnect.actions.contacts.preferences import set_marketing, set_reachable
from jinaconnect.actions.context import Services, system_context
from jinaconnect.actions.inbox.attention import stirred, targets_of
from jinaconnect.actions.inbox.erasure import follow_removal
from jinaconnect.actions.messaging.account_info import apply_account_report
from jinaconnect.actions.messaging.acknowledging import acknowledge_soon
from jinaconnect.actions.messaging.amendments import apply_echoes, apply_edit
from jinaconnect.actions.messaging.incoming.failures import keep_failure, kept_raw
from jinaconnect.actions.messaging.incoming.late import apply_reports
from jinaconnect.actions.messaging.keywords import answer_keyword, wish_of
from jinaconnect.actions.messaging.media import media_row, new_media_id
from jinaconnect.actions.messaging.reports import apply_reaction, note_replies
from jinaconnect.actions.messaging.templates import apply_template_report
from jinaconnect.actions.worker import Worker
from jinaconnect.channels.base import Account, Channel
from jinaconnect.channels.facts import (
    UNTIMED,
    AccountReport,
    Echo,
    Edit,
    Fact,
    Inbound,
    Keyword,
    Moved,
    Preference,
    Reachability,
    Reaction,
    Status,
    TemplateReport,
    Unreadable,
)
from jinaconnect.core.attention.targets import Targets
from jinaconnect.core.errors import NotFound, Unavailable
from jinaconnect.core.events.event import Event
from jinaconnect.core.inbox import status
from jinaconnect.core.inbox.address import Address
from jinaconnect.core.inbox.contact import COUNTED, counted
from jinaconnect.core.inbox.media import media_url
from jinaconnect.core.inbox.message import INCOMING, new_message
from jinaconnect.core.inbox.message_event import message_event
from jinaconnect.core.inbox.platform import PLATFORMS
from jinaconnect.core.inbox.reading import rebuilt
from jinaconnect.core.lenient import storable
from jinaconnect.store.ahead import Trail
from jinaconnect.store.databases.mongo import Document
from jinaconnect.store.tenant import Change, Decide, Duplicate, TenantStore

UNREADABLE = "[a message that could not be read]"

logger = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Told:
    """A fact, the account it came to, and the body that told it."""

    fact: Fact
    account: Account
    row: Document


class Batch:
    """The facts of one scope and channel, applied together."""

    def __init__(self, services: Services, worker: Worker, channel: Channel, scope: str) -> None:
        self._services = services
        self._worker = worker
        self._channel = channel
        self._platform = channel.spec.platform
        self._told: list[_Told] = []
        self._ctx = system_context(services, scope, "inbound")
        self._store: TenantStore = self._ctx.data
        self._mode = self._store.mode

    def add(self, fact: Fact, account: Account, row: Document) -> None:
        """Take one fact of a body; what its carrier gives no time for was when it came in."""
        if isinstance(fact, Status) and fact.report.at == UNTIMED:
            fact = replace(fact, report=replace(fact.report, at=row["received_at"]))
        self._told.append(_Told(fact, account, row))
        if isinstance(fact, Inbound) and not self._channel.spec.own_keywords and (wish := wish_of(fact)) is not None:
            self._told.append(_Told(wish, account, row))

    async def apply(self) -> None:
        """Bring the facts into the store: addresses first, then messages, since reports may speak of them.

        Facts that cannot be applied together are applied one by one, so that an odd one harms no other; what cannot
        be applied at all is kept and told as `webhook.failed`. Raises Unavailable.
        """
        messages = [told for told in self._told if isinstance(told.fact, Inbound)]
        echoes = [told for told in self._told if isinstance(told.fact, Echo)]
        statuses = [told for told in self._told if isinstance(told.fact, Status)]
        moved = [told for told in self._told if isinstance(told.fact, Moved)]
        others = [told for told in self._told if not isinstance(told.fact, Inbound | Echo | Status | Moved)]
        for told in moved:
            await self._apart(self._apply_moved, [told])
        await self._apart(self._apply_messages, messages)
        await self._apart(self._apply_echoes, echoes)
        await self._apart(self._apply_statuses, statuses)
        for told in others:
            await self._apart(self._apply_other, [told])

    async def _apart(self, apply: Callable[[Sequence[_Told]], Awaitable[None]], facts: Sequence[_Told]) -> None:
        if not facts:
            return
        try:
            await apply(facts)
        except Unavailable:
            raise
        except Exception as error:
            if len(facts) > 1:
                for told in facts:
                    await self._apart(apply, [told])
            else:
                logger.error("webhook.fact_failed", inbound=facts[0].row["_id"], exc_info=error)
                await self._keep_unreadable(facts[0], str(error) or type(error).__name__)

    async def _keep_unreadable(self, told: _Told, reason: str) -> None:
        """Keep what could not be applied: a message stands in its conversation, without what it says."""
        await keep_failure(self._services, told.row, told.account, reason)
        fact = told.fact
        if isinstance(fact, Inbound) and fact.unreadable is None:
            content = {"type": "text", "body": {"text": UNREADABLE}}
            bare = replace(fact, type="UNSUPPORTED", content=content, media=None, extra={}, unreadable=reason)
            await self._apart(self._apply_messages, [replace(told, fact=bare)])

    async def _apply_moved(self, facts: Sequence[_Told]) -> None:
        for fact in (told.fact for told in facts):
            if isinstance(fact, Moved) and (contact := await contact_at(self._store, fact.before)) is not None:
                await move(self._ctx, contact, fact.after)

    async def _apply_reachability(self, fact: Reachability) -> None:
        contact = await contact_at(self._store, fact.sender)
        if contact is not None:
            await set_reachable(
                self._ctx, contact["_id"], self._platform, reachable=fact.reachable, at=fact.at
            )  # fmt: skip

    async def _apply_statuses(self, facts: Sequence[_Told]) -> None:
        reports = [told.fact for told in facts if isinstance(told.fact, Status)]
        await apply_reports(self._ctx, self._worker, self._platform, reports)

    async def _apply_other(self, facts: Sequence[_Told]) -> None:
        for told in facts:
            if isinstance(told.fact, Reaction):
                if not await apply_reaction(self._ctx, self._platform, told.fact) and told.fact.message is not None:
                    await self._apply_messages([replace(told, fact=told.fact.message)])
            elif isinstance(told.fact, Edit):
                if not await apply_edit(self._ctx, told.fact, self._platform):
                    alone = replace(told, fact=told.fact.message)
                    ours = isinstance(told.fact.message, Echo)
                    await (self._apply_echoes if ours else self._apply_messages)([alone])
            elif isinstance(told.fact, Preference):
                await self._apply_preference(told.fact)
            elif isinstance(told.fact, Reachability):
                await self._apply_reachability(told.fact)
            elif isinstance(told.fact, Keyword):
                scope = self._store.scope
                await answer_keyword(
                    self._services, self._worker, self._channel, scope, told.account, told.fact
                )  # fmt: skip
            elif isinstance(told.fact, AccountReport):
                await apply_account_report(self._ctx, told.account.id, told.fact, self._platform)
            elif isinstance(told.fact, TemplateReport):
                await apply_template_report(self._ctx, told.account, told.fact)
            elif isinstance(told.fact, Unreadable):
                await keep_failure(self._services, told.row, told.account, told.fact.reason)

    async def _apply_preference(self, fact: Preference) -> None:
        people = {fact.sender: Person(_named(fact.name), fact.known_as)}
        contact = (await contacts_for(self._ctx, people, self._platform))[fact.sender]
        await self._store.tell("contacts", [contact])
        at = min(fact.at, self._ctx.now()) if fact.at.timestamp() > 0 else self._ctx.now()
        await set_marketing(self._ctx, contact["_id"], self._platform, stop=fact.stop, at=at)

    async def _apply_echoes(self, facts: Sequence[_Told]) -> None:
        echoes = [
            (told.fact, told.account, None if told.fact.raw is None else kept_raw(told.fact.raw))
            for told in facts
            if isinstance(told.fact, Echo)
        ]
        await self._fetch(await apply_echoes(self._ctx, echoes, self._platform))

    async def _apply_messages(self, facts: Sequence[_Told]) -> None:
        inbound = [(told.fact, told.account) for told in facts if isinstance(told.fact, Inbound)]
        for told in facts:
            if isinstance(told.fact, Inbound) and told.fact.unreadable is not None:
                await keep_failure(self._services, told.row, told.account, told.fact.unreadable)
        trail = Trail()
        contacts = await self._contacts([fact for fact, _ in inbound], trail)
        items = []
        for fact, account in inbound:
            contact = contacts[fact.sender]
            message = self._message(fact, account, contact)
            items.append((message, [self._received(message, contact, fact)]))
        results = await self._store.insert_many("messages", items, tell=False, trail=trail)
        fresh = [result.doc for result in results if not isinstance(result, Duplicate)]
        written = {message["carrier_id"]: message for message in fresh}
        known: dict[str, list[Document]] = {}
        seen_before: set[str] = set()
        fetches: list[Document | None] = []
        for (message, _), result, (fact, account) in zip(items, results, inbound, strict=True):
            if isinstance(result, Duplicate):
                held = written.get(message["carrier_id"])  # told twice at once
                if held is None:
                    held = await self._there(message["carrier_id"])
                    seen_before.add(held["contact"])
                    if held["pending"]:
                        fresh.append(held)  # by whoever was cut off before it was told
            else:
                held = result.doc
                known.setdefault(held["contact"], []).append(held)
            if fact.media is not None:
                fetches.append(media_row(held, account, fact.media, self._services.clock()))
        await self._fetch([row for row in fetches if row is not None])
        targets = await targets_of(self._services, self._store.tenant)
        decisions = {id: self._count(messages, targets) for id, messages in known.items()}
        everyone = {contact["_id"]: contact for contact in contacts.values()}
        present = [contact for contact in everyone.values() if contact["_id"] in decisions]
        counted_in = await self._store.change_many("contacts", decisions, present, tell=False, trail=trail)
        for id in sorted(seen_before):
            await self._rebuild(id)
        gone = decisions.keys() - {doc["_id"] for doc in counted_in}
        if gone:  # removed since they were read: what they sent meanwhile goes as well, once it can be read
            await self._store.restore("messages", [message for message in fresh if message["contact"] in gone])
        for id in sorted(gone):
            await follow_removal(self._ctx, id)
        # Nobody hears of a message before its conversation shows it: who reads the list at the event's cursor finds it.
        left = [contact for contact in everyone.values() if contact["_id"] not in decisions]
        await self._store.tell_all([("contacts", [*counted_in, *left]), ("messages", fresh)], trail)
        made = [contact for contact in everyone.values() if contact["rev"] == 1 and contact["pending"]]
        if (fresh or made) and not trail.unbroken:
            await self._again(fresh, made)
        for fact, _ in inbound:
            if self._platform in (contacts[fact.sender].get("unreachable") or {}):  # who writes is reached
                at = fact.at if fact.at.timestamp() > 0 else self._ctx.now()
                id = contacts[fact.sender]["_id"]
                await set_reachable(self._ctx, id, self._platform, reachable=True, at=at)
        await note_replies(self._ctx, self._platform, [(fact, contacts[fact.sender]) for fact, _ in inbound])
        new = [pair for pair, result in zip(inbound, results, strict=True) if not isinstance(result, Duplicate)]
        waited = [(account, fact) for fact, account in new if fact.acknowledge is not None]
        await acknowledge_soon(self._worker, self._store.scope, waited, self._ctx.now())

    async def _there(self, carrier_id: str) -> Document:
        held = await self._store.find_one("messages", {"platform": self._platform, "carrier_id": carrier_id})
        if held is None:  # its writer has not got it to the disk yet
            raise Unavailable("A message is being written.")
        return held

    async def _again(self, fresh: Sequence[Document], made: Sequence[Document]) -> None:
        """Write messages and contacts again that may be lost with a term of the database's primary, and figures."""
        logger.warning("webhook.written_again", messages=len(fresh))
        await self._store.restore("contacts", made)
        await self._store.restore("messages", fresh)
        for id in sorted({message["contact"] for message in fresh}):
            await self._rebuild(id)
        await self._store.tell_all([("contacts", made), ("messages", fresh)])

    async def _contacts(self, facts: Sequence[Inbound], trail: Trail) -> dict[Address, Document]:
        """Return who wrote, each contact knowing all that the carrier told they are known by; new ones go ahead."""
        people: dict[Address, Person] = {}
        called = PLATFORMS[self._platform].username
        for fact in facts:
            fields = {**_named(fact.name), **({called: fact.username} if called and fact.username else {})}
            before = people.get(fact.sender)
            known_as = {*(before.known_as if before is not None else ()), *fact.known_as}
            people[fact.sender] = Person(fields, tuple(sorted(known_as, key=lambda each: each.text)))
        contacts = await contacts_for(self._ctx, people, self._platform, trail)
        for sender, person in people.items():
            username = {called: person.fields[called]} if called and called in person.fields else {}
            addresses = [sender, *person.known_as]
            contacts[sender] = await learn(self._ctx, contacts[sender], addresses, **username)
        if any(contact.get("merged") for contact in contacts.values()):  # one of them may be another's by now
            contacts.update(await contacts_at(self._store, list(people)))
        return contacts

    async def _fetch(self, rows: list[Document]) -> None:
        """Have files fetched; one that is known already has its row, and is fetched or on its way."""
        if rows:
            await self._store.insert_many("media", [(row, []) for row in rows])
        for row in rows:
            self._worker.run_now("media", self._store.scope, row["_id"])

    async def _rebuild(self, contact: str) -> None:
        """Bring a conversation up to its messages.

        A message that was there before may or may not have been counted by whoever was cut off; so nothing is added,
        the figures are made anew, valid only for the revision they were read at.
        """
        event_id, shown = self._ctx.ids.new("evt"), {"contact": contact, "deleted_at": None}
        targets = await targets_of(self._services, self._store.tenant)

        async def look(doc: Document) -> Change:
            newest, unread = await asyncio.gather(
                self._store.select("messages", {**shown, "internal_note": False}, sort=[("_id", -1)], limit=COUNTED),
                self._store.tally("messages", {**shown, "direction": INCOMING, "is_read": False}),
            )
            fields = rebuilt(doc, newest, unread)
            wrote = [
                row
                for row in newest
                if row["direction"] == INCOMING and not row.get("quiet") and row["_id"] not in doc["chat"]["recent"]
            ]
            if wrote:
                return stirred(self._ctx, doc, fields, wrote[::-1], targets, event_id)
            return Change(set={**fields, "updated_at": doc["updated_at"]})

        try:
            await self._store.change_after("contacts", contact, look)
        except NotFound:
            await follow_removal(self._ctx, contact)

    def _message(self, fact: Inbound, account: Account, contact: Document) -> Document:
        now = self._ctx.now()
        id = self._ctx.ids.new("msg")
        content = storable(fact.content)
        if fact.media is not None:
            kind = content["type"]
            content[kind] = {**content[kind], "url": media_url(new_media_id(now))}
        at = fact.at if fact.at.timestamp() > 0 else now
        nobody_waits = fact.quiet or contact["assigned_to_type"] == "BOT"
        extra = storable(fact.extra)
        return new_message(
            id,
            contact=contact["_id"],
            platform=self._platform,
            direction=INCOMING,
            type=fact.type,
            content=content,
            author="CONTACT",
            app=account.id,
            timestamp=min(at, now + timedelta(minutes=5)),
            status=status.RECEIVED,
            carrier_id=fact.carrier_id,
            reply_to=fact.reply_to,
            group_id=fact.group,
            is_read=nobody_waits,
            read_at=now if nobody_waits else None,
            created_at=now,
            updated_at=now,
            **({"extra": extra} if extra else {}),
            **({"quiet": True} if fact.quiet else {}),
            **({"said_by": storable(fact.writer.row())} if fact.writer is not None else {}),
            **({"raw": kept_raw(fact.raw)} if fact.raw is not None else {}),
        )

    def _received(self, message: Document, contact: Document, fact: Inbound) -> Event:
        by = {"type": "contact", "id": contact["_id"]}
        id = self._ctx.ids.new("evt")
        return message_event(id, "message.received", message, contact, at=message["timestamp"], actor=by)

    def _count(self, messages: list[Document], targets: Targets | None) -> Decide:
        event_id = self._ctx.ids.new("evt")

        def decide(doc: Document) -> Change | None:
            fields = counted(doc, messages)
            if fields is None:
                return None
            if all(message.get("quiet") for message in messages):
                return Change(set={**fields, "updated_at": doc["updated_at"]})
            return stirred(self._ctx, doc, fields, messages, targets, event_id)

        return decide


def _named(name: str) -> dict[str, str]:
    """Return a new contact's names."""
    first, _, last = name.strip()[:255].partition(" ")
    return {"first_name": first, "last_name": last.strip()}
