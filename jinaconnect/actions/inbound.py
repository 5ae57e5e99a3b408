"""From a carrier's webhook to the inbox: verify, store, answer; then apply what it says, in batches.

The raw body is on disk before the carrier is answered. Applying is idempotent (unique carrier ids, a status ladder,
counted message ids), so a body can be applied again after any crash.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import orjson
import structlog

from jinaconnect.actions.context import Caller, Context, Services
from jinaconnect.actions.reports import apply_reaction, apply_statuses
from jinaconnect.actions.templates import apply_template_report
from jinaconnect.channels.base import Account, Inbound, Reaction, Status, TemplateReport
from jinaconnect.channels.whatsapp import OBJECT, SIGNATURE_HEADER, signed_by
from jinaconnect.core.errors import BadSignature, Malformed
from jinaconnect.core.events.event import Event
from jinaconnect.core.inbox import status
from jinaconnect.core.inbox.contact import (
    CLOSED,
    OPEN,
    counted,
    new_contact,
    render_contact,
    render_conversation,
    seen_by,
)
from jinaconnect.core.inbox.message import INCOMING, new_message, render_message
from jinaconnect.core.inbox.timeline import reopened_entry
from jinaconnect.core.principal import Mode, Principal, scope_of, system_principal
from jinaconnect.core.schema import e164
from jinaconnect.store.commit import GroupCommit
from jinaconnect.store.due import Claim, due_at
from jinaconnect.store.mongo import Document
from jinaconnect.store.tenant import Change, Decide, Duplicate, TenantStore, applied

BATCH = 200
LATE_TRIES = 6
MEDIA_JOB = "media.fetch"
LATE_JOB = "status.late"

logger = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Received:
    """What the door answers."""

    status: str
    event_id: str | None = None
    event_type: str | None = None
    reason: str | None = None


class InboundDoor:
    """Takes webhook bodies and applies them."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._lanes: dict[str, GroupCommit[Document, None]] = {}

    async def receive(self, tenant: str, headers: Mapping[str, str], body: bytes) -> Received:
        """Verify and store one WhatsApp webhook; raises BadSignature, Malformed, Unavailable."""
        services = self._services
        accounts = await services.accounts.of_door(tenant)
        secrets = {account.secrets.get("app_secret", "") for account in accounts}
        good = signed_by(secrets, headers.get(SIGNATURE_HEADER), body)
        if not good:
            raise BadSignature("The signature does not fit the body.")
        try:
            payload = orjson.loads(body)
        except ValueError as error:
            raise Malformed("The body is not valid JSON.") from error
        if not isinstance(payload, dict) or payload.get("object") != OBJECT:
            return Received("ignored", reason="not a WhatsApp business account event")
        trusted = [account.id for account in accounts if account.secrets.get("app_secret") in good]
        if not _addressed(payload, [account for account in accounts if account.id in trusted]):
            return Received("ignored", reason="no account with this phone number id or business account id")
        row = {
            "_id": services.ids.new("inb"),
            "scope": tenant,
            "accounts": trusted,
            "body": body,
            "received_at": services.clock(),
            "due": services.due.taken() if services.worker.active else due_at(services.clock()),
        }
        await services.store.insert("inbound", [row])
        if services.worker.active:
            self.apply_soon(row)
        return Received("received", row["_id"], _kind(payload))

    def apply_soon(self, row: Document) -> None:
        """Apply a stored body of this process together with what else waits for its tenant."""
        lane = self._lanes.get(row["scope"])
        if lane is None:
            lane = self._lanes[row["scope"]] = GroupCommit(self._apply, limit=BATCH)
        self._services.worker.run(lane.put(row))

    async def take(self, claim: Claim) -> None:
        """Apply a stored body that nobody finished."""
        await self._apply([claim.doc])

    async def _apply(self, rows: list[Document]) -> list[Exception | None]:
        tenant = rows[0]["scope"]
        accounts = {account.id: account for account in await self._services.accounts.of_door(tenant)}
        batches: dict[str, _Batch] = {}
        for row in rows:
            trusted = [accounts[id] for id in row["accounts"] if id in accounts]
            for fact in self._services.whatsapp.parse(orjson.loads(row["body"])):
                account = _account_of(fact, trusted)
                if account is not None:
                    batches.setdefault(account.scope, _Batch(self._services, account.scope)).add(fact, account)
        for batch in batches.values():
            await batch.apply()
        await self._services.due.finish("inbound", [row["_id"] for row in rows])
        return [None] * len(rows)


def _addressed(payload: Mapping[str, Any], accounts: Iterable[Account]) -> bool:
    businesses = {account.business for account in accounts}
    addresses = {account.address for account in accounts}
    for entry in payload.get("entry") or () if isinstance(payload.get("entry"), list) else ():
        if not isinstance(entry, Mapping):
            continue
        if str(entry.get("id", "")) in businesses:
            return True
        for change in entry.get("changes") or () if isinstance(entry.get("changes"), list) else ():
            value = change.get("value") if isinstance(change, Mapping) else None
            metadata = value.get("metadata") if isinstance(value, Mapping) else None
            if isinstance(metadata, Mapping) and str(metadata.get("phone_number_id", "")) in addresses:
                return True
    return False


def _kind(payload: Mapping[str, Any]) -> str:
    kinds = {
        "messages": "MESSAGE", "message_template_status_update": "TEMPLATE", "template_category_update": "TEMPLATE",
        "account_update": "ACCOUNT", "account_alerts": "ACCOUNT", "billing": "BILLING",
    }  # fmt: skip
    try:
        change = payload["entry"][0]["changes"][0]
        if change["field"] == "messages" and not change["value"].get("messages"):
            return "STATUS"
        return kinds.get(change["field"], "UNKNOWN")
    except (LookupError, TypeError, AttributeError):
        return "UNKNOWN"


def _account_of(fact: Any, accounts: list[Account]) -> Account | None:
    if isinstance(fact, TemplateReport):
        return next((account for account in accounts if account.business == fact.business), None)
    return next((account for account in accounts if account.address == fact.address), None)


class _Batch:
    """The facts of one scope, applied together."""

    def __init__(self, services: Services, scope: str) -> None:
        tenant, _, mode = scope.rpartition(":")
        self._services = services
        self._mode: Mode = "test" if mode == "test" else "live"
        self._store: TenantStore = services.store.of(tenant, self._mode)
        self._messages: list[tuple[Inbound, Account]] = []
        self._reports: list[Status | Reaction | TemplateReport] = []
        principal = system_principal(tenant, self._mode, kind="inbound")
        self._ctx = Context(services, principal, Caller(""))

    def add(self, fact: Any, account: Account) -> None:
        """Take one fact."""
        if isinstance(fact, Inbound):
            self._messages.append((fact, account))
        else:
            self._reports.append(fact)

    async def apply(self) -> None:
        """Bring the facts into the store; messages first, since reports may speak of them."""
        if self._messages:
            await self._apply_messages()
        statuses = [fact for fact in self._reports if isinstance(fact, Status)]
        if statuses:
            late = await apply_statuses(self._ctx, statuses)
            await self._postpone(late)
        for fact in self._reports:
            if isinstance(fact, Reaction):
                await apply_reaction(self._ctx, fact)
            elif isinstance(fact, TemplateReport):
                await apply_template_report(self._ctx, fact)

    async def _postpone(self, late: list[Status]) -> None:
        """Keep reports of messages that are not known (yet): an answer to our send may be slower than its report."""
        now = self._services.clock()
        await self._services.due.add("jobs", [late_job(self._store.scope, fact, 1, now) for fact in late])

    async def _apply_messages(self) -> None:
        contacts = await self._contacts()
        items, by_contact = [], {}
        for fact, account in self._messages:
            contact = contacts[_phone(fact.sender)]
            message = self._message(fact, account, contact)
            items.append((message, [self._received(message, contact, fact)]))
            by_contact.setdefault(contact["_id"], []).append(message)
        results = await self._store.insert_many("messages", items)
        known: dict[str, list[Document]] = {}
        fetches: list[Document] = []
        for (message, _), result, (fact, account) in zip(items, results, self._messages, strict=True):
            if isinstance(result, Duplicate):
                held = await self._store.find_one(
                    "messages", {"platform": "WHATSAPP", "carrier_id": message["carrier_id"]}
                )
                if held is not None:
                    known.setdefault(held["contact"], []).append(held)
                continue
            known.setdefault(message["contact"], []).append(result.doc)
            if fact.media is not None:
                fetches.append(media_job(self._store.scope, result.doc, account, fact.media, self._services.clock()))
        if fetches:
            await self._services.due.add("jobs", fetches)
            self._services.worker.wake()
        decisions = {id: self._count(messages) for id, messages in known.items()}
        present = [contact for contact in contacts.values() if contact["_id"] in decisions]
        await self._store.change_many("contacts", decisions, present)

    async def _contacts(self) -> dict[str, Document]:
        wanted = {_phone(fact.sender): fact for fact, _ in self._messages}
        found = {doc["phone"]: doc for doc in await self._store.select("contacts", {"phone": {"$in": list(wanted)}})}
        new = [(phone, fact) for phone, fact in wanted.items() if phone not in found]
        if new:
            items = [self._new_contact(phone, fact) for phone, fact in new]
            for (phone, _), result in zip(new, await self._store.insert_many("contacts", items), strict=True):
                if isinstance(result, Duplicate):
                    held = await self._store.find_one("contacts", {"phone": phone})
                    assert held is not None
                    found[phone] = held
                else:
                    found[phone] = result.doc
        return found

    def _new_contact(self, phone: str, fact: Inbound) -> tuple[Document, list[Event]]:
        first, _, last = fact.name.strip()[:255].partition(" ")
        now = self._ctx.now()
        id = self._ctx.ids.new("cnt")
        doc = new_contact(
            id,
            source="WHATSAPP",
            by=None,
            phone=phone,
            first_name=first,
            last_name=last.strip(),
            created_at=now,
            updated_at=now,
        )
        seen = seen_by(doc)
        return doc, [
            self._ctx.event("contact.created", id, render_contact(doc), contact=id, seen=seen, channel="WHATSAPP"),
            self._ctx.event(
                "conversation.opened", id, render_conversation(doc), contact=id, seen=seen, channel="WHATSAPP"
            ),
        ]

    def _message(self, fact: Inbound, account: Account, contact: Document) -> Document:
        now = self._ctx.now()
        id = self._ctx.ids.new("msg")
        content = dict(fact.content)
        if fact.media is not None:
            kind = content["type"]
            content[kind] = {**content[kind], "url": f"/media/{media_id(id)}/"}
        at = fact.at if fact.at.timestamp() > 0 else now
        by_bot = contact["assigned_to_type"] == "BOT"
        return new_message(
            id,
            contact=contact["_id"],
            platform="WHATSAPP",
            direction=INCOMING,
            type=fact.type,
            content=content,
            author="CONTACT",
            app=account.id,
            timestamp=min(at, now + timedelta(minutes=5)),
            status=status.RECEIVED,
            carrier_id=fact.carrier_id,
            reply_to=fact.reply_to,
            is_read=by_bot,
            read_at=now if by_bot else None,
            created_at=now,
            updated_at=now,
            **({"extra": dict(fact.extra)} if fact.extra else {}),
        )

    def _received(self, message: Document, contact: Document, fact: Inbound) -> Event:
        return Event(
            id=self._ctx.ids.new("evt"),
            type="message.received",
            occurred_at=message["timestamp"],
            actor={"type": "contact", "id": contact["_id"]},
            subject=message["_id"],
            data=render_message(message),
            contact=contact["_id"],
            channel="WHATSAPP",
            seen=seen_by(contact),
        )

    def _count(self, messages: list[Document]) -> Decide:
        def decide(doc: Document) -> Change | None:
            fields = counted(doc, messages)
            if fields is None:
                return None
            if doc["status"] != CLOSED:
                return Change(set={**fields, "updated_at": doc["updated_at"]})
            fields.update(status=OPEN, updated_at=self._ctx.now())
            after = applied(doc, fields, (), ())
            data = {**render_conversation(after), "contact_detail": render_contact(after)}
            event = self._ctx.event(
                "conversation.reopened", doc["_id"], data, contact=doc["_id"], seen=seen_by(after), channel="WHATSAPP",
                timeline=reopened_entry(by=None, reason="The customer wrote."),
            )  # fmt: skip
            return Change(set=fields, events=[event])

        return decide


def _phone(sender: str) -> str:
    """Return the sender as E.164; a sender that is no phone number keeps its own form, so its message is not lost."""
    try:
        return e164(sender)
    except ValueError:
        return "+" + sender.lstrip("+")[:24]


def media_id(message: str) -> str:
    """Return the id of a message's media: unguessable as the message's own."""
    return "med_" + message.partition("_")[2]


def media_job(scope: str, message: Document, account: Account, media: Mapping[str, Any], now: Any) -> Document:
    """Return the job that fetches a message's media from the carrier."""
    return {
        "_id": f"job_{media_id(message['_id'])}",
        "scope": scope,
        "kind": MEDIA_JOB,
        "due": due_at(now),
        "data": {
            "media": media_id(message["_id"]),
            "account": account.id,
            "handle": dict(media),
            "message": message["_id"],
        },
    }


def late_job(scope: str, fact: Status, tries: int, now: Any) -> Document:
    """Return the job that applies a status report again after a growing pause."""
    report = fact.report
    return {
        "_id": f"job_late_{fact.carrier_id}_{report.status}_{tries}",
        "scope": scope,
        "kind": LATE_JOB,
        "due": due_at(now + timedelta(seconds=0.5 * 2**tries)),
        "data": {
            "address": fact.address,
            "carrier_id": fact.carrier_id,
            "reference": fact.reference,
            "status": report.status,
            "at": report.at,
            "error_code": report.error_code,
            "error_message": report.error_message,
            "tries": tries,
        },
    }


async def apply_late(services: Services, scope: str, data: Mapping[str, Any]) -> None:
    """Apply a report whose message was not known before; after some tries it is no message of ours."""
    tenant, _, mode = scope.rpartition(":")
    principal: Principal = system_principal(tenant, "test" if mode == "test" else "live", kind="inbound")
    assert principal.scope == scope_of(tenant, principal.mode)
    report = status.Report(data["status"], data["at"], data["error_code"], data["error_message"])
    fact = Status(data["address"], data["carrier_id"], data["reference"], report)
    late = await apply_statuses(Context(services, principal, Caller("")), [fact])
    if not late:
        return
    if data["tries"] >= LATE_TRIES:
        logger.info("status.unknown_message", scope=scope, carrier_id=data["carrier_id"])
        return
    await services.due.add("jobs", [late_job(scope, fact, data["tries"] + 1, services.clock())])
