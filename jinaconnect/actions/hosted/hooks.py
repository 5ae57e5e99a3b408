"""Webhooks of HTTP voice carriers: verified, applied to their call, answered with what it says next."""

from __future__ import annotations

import hmac
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from jinaconnect.actions.calls.journal import CallJournal, Entry, Tell
from jinaconnect.actions.calls.recordings import keep_later
from jinaconnect.actions.context import Services
from jinaconnect.actions.hosted.accounts import Providers
from jinaconnect.actions.hosted.control import HostedCalls, named, unnamed
from jinaconnect.actions.hosted.incoming import admit, known
from jinaconnect.actions.hosted.leading import BEFORE_ANY, Leader
from jinaconnect.actions.hosted.seconds import bring
from jinaconnect.actions.hosted.urls import INBOUND, KINDS, TURN, HookUrls
from jinaconnect.actions.worker import Worker
from jinaconnect.core.calls import machine
from jinaconnect.core.errors import BadSignature, InvalidState, NotFound, PermissionDenied
from jinaconnect.core.ivr import exchange
from jinaconnect.core.webhook import WebhookReply, WebhookRequest
from jinaconnect.store.databases.mongo import Document
from jinaconnect.telephony.provider import CallUrls, RecordingReady, VoiceProvider


class VoiceDoor:
    """Takes the webhooks of all voice providers of the table."""

    def __init__(
        self, services: Services, worker: Worker, providers: Providers, urls: HookUrls, control: HostedCalls
    ) -> None:  # fmt: skip
        self._services = services
        self._worker = worker
        self._providers = providers
        self._urls = urls
        self._control = control
        self._leader = Leader(services, worker)

    def inbound_url(self, account: Document) -> str:
        """Return the address an account's carrier is given for calls that come in; raises InvalidState."""
        if self._providers.get(account["provider"]) is None:
            raise InvalidState(f"Calls do not come in over {account['provider']} by webhook.")
        return self._urls.inbound(account["provider"], account["_id"])

    async def receive(self, provider: str, account: str, kind: str, given: WebhookRequest) -> WebhookReply:
        """Take one webhook; raises PermissionDenied for one that is not that account's, Malformed, Unavailable."""
        adapter = self._providers.get(provider)
        query = given.query
        call, turn = ("", "0") if kind == INBOUND else (query.get("call", ""), query.get("turn", ""))
        mark = query.get("mark", "").encode()
        good = kind in (*KINDS, INBOUND) and turn.isascii() and turn.isdigit() and len(turn) < 7
        number = int(turn) if good else 0
        marked = good and hmac.compare_digest(self._urls.mark(account, kind, call, number).encode(), mark)
        if adapter is None or not marked:
            raise PermissionDenied("This is no address of ours.", code="bad_signature")
        trunk = await self._services.store.anywhere("trunks", account)
        if trunk is None or trunk["provider"] != provider or trunk["deleted_at"] is not None:
            raise PermissionDenied("This is no address of ours.", code="bad_signature")
        hook = given
        if given.method == "POST":  # word for word as the carrier was given it; a GET has what it tells in there too
            made = self._urls.inbound(provider, account)
            made = made if kind == INBOUND else self._urls.url(provider, account, kind, call, number)
            hook = replace(given, url=made)
        try:
            adapter.verify(self._providers.opened(trunk), hook, self._services.clock())
        except BadSignature as error:
            raise PermissionDenied(error.detail, code=error.code) from error
        if kind == INBOUND:
            return await self._arrived(adapter, trunk, hook)
        try:
            doc = await self._services.store.within(trunk["scope"]).get("calls", call)
        except NotFound:
            return WebhookReply()
        return await self._apply(adapter, doc, kind, number, hook)

    async def _arrived(self, adapter: VoiceProvider, trunk: Document, hook: WebhookRequest) -> WebhookReply:
        """Answer a call that comes in with what its number says.

        What is told of a call that is known is taken, and answered with its present turn: carriers report a call that
        came in to the address it came in at.
        """
        facts: Sequence[machine.Fact] = adapter.facts(hook, self._services.clock())
        call = await known(self._services, trunk, adapter.call_id(hook))
        if call is None:
            arrived = adapter.arrival(hook)
            if arrived is None or not arrived.call_id:
                return WebhookReply()
            call = await admit(self._services, self._worker, trunk, arrived)
            if call is None:
                return adapter.document((), CallUrls("", "", ""))
            facts = [machine.Answered(self._services.clock())]
        journal = self._control.journal(call)
        turn = await self._leader.turn(journal, BEFORE_ANY, (), facts)
        await bring(self._services, self._worker, journal.doc)
        await journal.flush()
        urls = self._urls.of(adapter.spec.name, trunk["_id"], call["_id"], turn.number)
        return adapter.document(turn.orders, urls)

    async def _apply(
        self, adapter: VoiceProvider, call: Document, kind: str, number: int, hook: WebhookRequest
    ) -> WebhookReply:
        journal = self._control.journal(call)
        facts = adapter.facts(hook, self._services.clock())
        await self._name(journal, adapter.call_id(hook))
        reports = adapter.reports(hook) if kind == TURN else ()
        if kind == TURN and not any(isinstance(each, exchange.Ongoing) for each in reports):
            turn = await self._leader.turn(journal, number, reports, facts)
            urls = self._urls.of(adapter.spec.name, call["provider_config"], call["_id"], turn.number)
            reply = adapter.document(turn.orders, urls)
        else:
            await journal.write(*facts)
            reply = WebhookReply()
        await self._keep(journal, adapter.recordings(hook))
        await bring(self._services, self._worker, journal.doc)
        await journal.flush()
        return reply

    async def _name(self, journal: CallJournal, id: str) -> None:
        """Learn the carrier's id of a call whose placing was not answered, and end it where that was ordered."""
        if not id or not unnamed(journal.doc):
            return
        await journal.decide(lambda doc: Entry(set=named(doc, id, {})) if unnamed(doc) else None)
        if journal.doc["ending"]:
            self._worker.run(self._control.hang_up_if_ordered(journal.doc))

    async def _keep(self, journal: CallJournal, ready: Sequence[RecordingReady]) -> None:
        """Have recordings fetched, each once however often it is reported."""
        for each in ready:
            id, now = self._services.ids.new("rec"), self._services.clock()
            tell = [Tell("call.recording_stopped", {"recording": id}, "carrier")]

            def decide(doc: Document, name: str = each.name, id: str = id, tell: Sequence[Tell] = tell) -> Entry | None:
                kept = doc["hosted"]["recordings"]
                if doc.get("erased") or any(row["name"] == name for row in kept):
                    return None
                return Entry((), tell, {"hosted.recordings": [*kept, {"name": name, "id": id}]})

            await journal.decide(decide)
            mine = next((row for row in journal.doc["hosted"]["recordings"] if row["name"] == each.name), None)
            if mine is not None:
                held: dict[str, Any] = {"id": mine["id"], "kind": "hosted", "since": now, "name": each.name}
                await keep_later(self._worker, journal.doc, held, None)

    async def ask(self, scope: str, data: Mapping[str, Any]) -> None:
        """Do the job of a turn that waits for a web service."""
        doc = await self._services.store.within(scope).get("calls", data["call"])
        await self._leader.ask(self._control.journal(doc), data["turn"])
