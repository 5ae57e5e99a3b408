"""Webhooks of HTTP voice carriers: verified, applied to their call, answered with what it says next."""

from __future__ import annotations

import hmac
from collections.abc import Mapping, Sequence
from typing import Any

from jinaconnect.actions.calls.journal import CallJournal, Entry, Tell
from jinaconnect.actions.calls.recordings import keep_later
from jinaconnect.actions.context import Services
from jinaconnect.actions.hosted.accounts import Providers
from jinaconnect.actions.hosted.control import HostedCalls, named, unnamed
from jinaconnect.actions.hosted.leading import Leader
from jinaconnect.actions.hosted.urls import KINDS, TURN, HookUrls
from jinaconnect.actions.worker import Worker
from jinaconnect.core.errors import BadSignature, NotFound, PermissionDenied
from jinaconnect.core.webhook import WebhookReply, WebhookRequest
from jinaconnect.store.databases.mongo import Document
from jinaconnect.telephony.provider import RecordingReady, VoiceProvider


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

    async def receive(
        self, provider: str, account: str, kind: str, query: Mapping[str, str], headers: Mapping[str, str], body: bytes
    ) -> WebhookReply:
        """Take one webhook; raises PermissionDenied for one that is not that account's, Malformed, Unavailable."""
        adapter = self._providers.get(provider)
        call, turn = query.get("call", ""), query.get("turn", "")
        given = query.get("mark", "").encode()
        good = kind in KINDS and turn.isascii() and turn.isdigit() and len(turn) < 7
        number = int(turn) if good else 0
        marked = good and hmac.compare_digest(self._urls.mark(account, kind, call, number).encode(), given)
        if adapter is None or not marked:
            raise PermissionDenied("This is no address of ours.", code="bad_signature")
        trunk = await self._services.store.anywhere("trunks", account)
        if trunk is None or trunk["provider"] != provider or trunk["deleted_at"] is not None:
            raise PermissionDenied("This is no address of ours.", code="bad_signature")
        url = self._urls.url(provider, account, kind, call, number)
        hook = WebhookRequest("POST", url, headers, query, body)
        try:
            adapter.verify(self._providers.opened(trunk), hook, self._services.clock())
        except BadSignature as error:
            raise PermissionDenied(error.detail, code=error.code) from error
        try:
            doc = await self._services.store.within(trunk["scope"]).get("calls", call)
        except NotFound:
            return WebhookReply()
        return await self._apply(adapter, doc, kind, number, hook)

    async def _apply(
        self, adapter: VoiceProvider, call: Document, kind: str, number: int, hook: WebhookRequest
    ) -> WebhookReply:
        journal = self._control.journal(call)
        facts = adapter.facts(hook, self._services.clock())
        await self._name(journal, adapter.call_id(hook))
        if kind == TURN:
            turn = await self._leader.turn(journal, number, adapter.reports(hook), facts)
            urls = self._urls.of(adapter.spec.name, call["provider_config"], call["_id"], turn.number)
            reply = adapter.document(turn.orders, urls)
        else:
            await journal.write(*facts)
            reply = WebhookReply()
        await self._keep(journal, adapter.recordings(hook))
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
