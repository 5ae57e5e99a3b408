"""Webhooks of HTTP voice carriers: verified, applied to their call, answered with what it says next."""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qsl

from jinaconnect.actions.calls.journal import CallJournal, Entry, Tell
from jinaconnect.actions.calls.recordings import keep_later
from jinaconnect.actions.calls.transcribing import Scribe
from jinaconnect.actions.context import Services
from jinaconnect.actions.hosted.accounts import Providers
from jinaconnect.actions.hosted.applets import Applets
from jinaconnect.actions.hosted.commanding import Commander
from jinaconnect.actions.hosted.control import HostedCalls, named, unnamed
from jinaconnect.actions.hosted.held import Held
from jinaconnect.actions.hosted.incoming import Arrivals, known
from jinaconnect.actions.hosted.leading import BEFORE_ANY, LOST, Leader, Turn
from jinaconnect.actions.hosted.seconds import bring, heard
from jinaconnect.actions.hosted.taping import tape, wanted
from jinaconnect.actions.hosted.urls import INBOUND, KINDS, HookUrls
from jinaconnect.actions.rating.provider_prices import REPORTED, note_price
from jinaconnect.actions.worker import Worker
from jinaconnect.core.calls import document as calls
from jinaconnect.core.errors import BadSignature, InvalidState, NotFound, PermissionDenied
from jinaconnect.core.ivr import exchange
from jinaconnect.core.webhook import WebhookReply, WebhookRequest
from jinaconnect.store.databases.mongo import Document
from jinaconnect.telephony.provider import (
    APPLET,
    TURN,
    CallUrls,
    RecordingReady,
    VoiceAccount,
    VoiceProvider,
)
from jinaconnect.telephony.simulator.hosted import SIMULATED_PROVIDERS
from jinaconnect.telephony.table import PROVIDERS

LOOK_S, LOOKS = 0.05, 200  # for a simulated call to have come in


def _records(adapter: VoiceProvider, call: Document, turn: int) -> bool:
    """Tell whether a turn's document is to begin the recording of the whole call."""
    return not adapter.spec.tapes and turn == call["hosted"].get("first") and wanted(call)


def _foreign() -> PermissionDenied:
    return PermissionDenied("This is no address of ours.", code="bad_signature")


def _knows(account: VoiceAccount, hook: WebhookRequest) -> bool:
    """Tell whether a webhook brings the token its account was given."""
    given = hook.query.get("token") or form_token(hook)
    return bool(account.webhook_token) and hmac.compare_digest(account.webhook_token.encode(), given.encode())


def form_token(hook: WebhookRequest) -> str:
    """Return the token in a posted form, empty where there is none."""
    if hook.header("Content-Type").split(";")[0].strip().lower() != "application/x-www-form-urlencoded":
        return ""
    return dict(parse_qsl(hook.body.decode("utf-8", "replace"), max_num_fields=1_000)).get("token", "")


class VoiceDoor:
    """Takes the webhooks of all voice providers of the table."""

    def __init__(
        self, services: Services, worker: Worker, providers: Providers, urls: HookUrls, control: HostedCalls,
        leader: Leader, commander: Commander, held: Held, arrivals: Arrivals, scribe: Scribe,
    ) -> None:  # fmt: skip
        self._scribe = scribe
        self._held = held
        self._arrivals = arrivals
        self._applets = Applets(services, worker, held, control, leader, arrivals)
        self._services = services
        self._worker = worker
        self._providers = providers
        self._urls = urls
        self._control = control
        self._leader = leader
        self._commander = commander

    async def check(self, account: Document) -> dict[str, Any]:
        """Ask an account's carrier whether it knows it."""
        return await self._control.check(account)

    async def knows(self, account: Document) -> bool | None:
        """Ask an account's carrier whether it knows its credentials."""
        return await self._control.knows(account)

    async def close(self) -> None:
        """End what is simulated."""
        await self._providers.simulated.close()

    async def sandbox_call(self, scope: str, called: str | None, caller: str, keys: str) -> tuple[str | None] | None:
        """Have a simulated customer call a number of a simulated HTTP carrier.

        Returns the call's id, None in it where it was refused; None where the number is at no such carrier.
        """
        rows = await self._services.store.within(scope).select("trunks", {"deleted_at": None, "enabled": True})
        hosted = [row for row in rows if row["provider"] in SIMULATED_PROVIDERS and called in row["from_numbers"]]
        if called is None or not hosted:
            return None
        trunk = hosted[0]
        url = self._urls.inbound(trunk["provider"], trunk["_id"])
        there = self._providers.simulated.call_in(trunk["provider"], trunk["_id"], url, caller, called, keys)
        for _ in range(LOOKS):
            call = await known(self._services, trunk, there.id)
            if call is not None:
                return (str(call["_id"]),)
            if there.over:
                break
            await asyncio.sleep(LOOK_S)
        return (None,)

    def inbound_url(self, account: Document) -> dict[str, Any]:
        """Return the address an account's carrier is given for calls that come in, and others; raises InvalidState."""
        adapter = self._providers.get(account["provider"], account["scope"])
        if adapter is None:
            raise InvalidState(f"Calls do not come in over {account['provider']} by webhook.")
        named = account["provider"], account["_id"]
        signs = self._providers.opened(account).credentials.get(adapter.spec.signed_by or "")
        signed = [{"name": name, "url": url} for name, url in self._urls.signed(*named).items()] if signs else []
        return {"url": self._urls.inbound(*named), "signed": signed}

    async def receive(self, provider: str, account: str, path: str, given: WebhookRequest) -> WebhookReply:
        """Take one webhook; raises PermissionDenied for one that is not that account's, Malformed, Unavailable."""
        row = PROVIDERS.get(provider)
        kind = INBOUND if path == INBOUND or row is None else row.spec.paths.get(path, "")
        call, number, marked = self._named(account, kind, given)
        if row is None or (not marked and (call or "mark" in given.query)):
            raise _foreign()
        trunk = await self._held.read(account, lambda: self._services.store.anywhere("trunks", account))
        if trunk is None or trunk["provider"] != provider or trunk["deleted_at"] is not None:
            raise _foreign()
        adapter = self._providers.get(provider, trunk["scope"])
        if adapter is None:
            raise _foreign()
        opened = self._providers.opened(trunk)
        if not (marked or opened.credentials.get(adapter.spec.signed_by or "") or _knows(opened, given)):
            raise _foreign()
        hook = given
        if marked and given.method == "POST":  # word for word as given; a GET has what it tells in there too
            urls = self._urls
            made = urls.url(provider, account, kind, call, number) if call else urls.inbound(provider, account)
            hook = replace(given, url=made)
        try:
            adapter.verify(opened, hook, self._services.clock())
        except BadSignature as error:
            raise PermissionDenied(error.detail, code=error.code) from error
        commanded = self._providers.can(adapter.spec.name, trunk["scope"]).commanded
        if commanded is not None:
            call, number = self._repeated(account, commanded.echoed(hook)) or (call, BEFORE_ANY)
        if kind == APPLET and (flows := self._providers.can(provider, trunk["scope"]).asks_by_applets) is not None:
            return await self._applets.answer(flows, trunk, path, hook)
        if not call:
            return await self._arrived(adapter, trunk, opened, kind, hook)
        held = self._held.call(call, trunk["scope"], number if kind == TURN else None)
        if held is not None and held["provider_config"] == account:
            journal = self._control.journal(held, behind=True, fresh=False)
            reply = await self._apply(adapter, opened, journal, kind, number, hook)
            if journal.fresh:  # else nothing has shown that the call is still what was held
                return reply
        try:
            doc = await self._services.store.within(trunk["scope"]).get("calls", call)
        except NotFound:
            return adapter.document(LOST, CallUrls("", "", "")) if kind == TURN else WebhookReply()
        if doc["provider_config"] != account or doc.get("rerouting") is not None:  # an attempt that has failed
            goes_on = kind != TURN or commanded is not None
            return WebhookReply() if goes_on else adapter.document((), CallUrls("", "", ""))
        return await self._apply(adapter, opened, self._control.journal(doc, behind=True), kind, number, hook)

    def _repeated(self, account: str, query: Mapping[str, str]) -> tuple[str, int] | None:
        """Return the call and the turn of an address that a command took along, None for one that is not ours."""
        call, turn = query.get("call", ""), query.get("turn", "")
        if not call or not (turn.isascii() and turn.isdigit() and len(turn) < 7):
            return None
        wanted = self._urls.mark(account, TURN, call, int(turn))
        return (call, int(turn)) if hmac.compare_digest(wanted.encode(), query.get("mark", "").encode()) else None

    def _named(self, account: str, kind: str, given: WebhookRequest) -> tuple[str, int, bool]:
        """Return the call and the turn an address names, and whether it bears our mark; raises PermissionDenied."""
        query = given.query
        call, turn = ("", "0") if kind == INBOUND else (query.get("call", ""), query.get("turn", "0"))
        if kind not in (*KINDS, INBOUND, APPLET) or not (turn.isascii() and turn.isdigit() and len(turn) < 7):
            raise _foreign()
        number = int(turn) if call else 0
        wanted = self._urls.mark(account, kind if call else INBOUND, call, number)
        return call, number, hmac.compare_digest(wanted.encode(), query.get("mark", "").encode())

    async def _arrived(
        self, adapter: VoiceProvider, trunk: Document, opened: VoiceAccount, kind: str, hook: WebhookRequest
    ) -> WebhookReply:
        """Answer a call that comes in with what its number says.

        What is told of a call that is known is taken, and answered with its present turn: carriers report a call that
        came in to the address it came in at.
        """
        id, commanded = adapter.call_id(hook), self._providers.can(adapter.spec.name, trunk["scope"]).commanded
        arrived = adapter.arrival(hook) if kind in (INBOUND, TURN) else None
        held = None if commanded and arrived else self._held.arrived(trunk["_id"], id)
        if held is not None:
            journal = self._control.journal(held, behind=True, fresh=False)
            reply = await self._of_known(adapter, opened, journal, kind, hook)
            if journal.fresh:
                return reply
        if held is None and arrived is not None and arrived.call_id:
            admitted = await self._arrivals.admit(trunk, arrived, opens=commanded is None)
            if admitted is None or (commanded is not None and admitted[1]):
                if commanded is not None:
                    return await self._commander.receive(commanded, opened, arrived, admitted and admitted[0].doc)
                return adapter.document((), CallUrls("", "", ""))
            journal, new = admitted
            if new:
                return await self._document(adapter, journal, await self._leader.now(journal))
        else:
            call = await known(self._services, trunk, id)
            if call is None:
                return WebhookReply()
            journal = self._control.journal(call, behind=True)
        return await self._of_known(adapter, opened, journal, kind, hook)

    async def _of_known(
        self, adapter: VoiceProvider, opened: VoiceAccount, journal: CallJournal, kind: str, hook: WebhookRequest
    ) -> WebhookReply:
        """Take what is told of a call that came in, at the address it came in at."""
        commanded = self._providers.can(adapter.spec.name, journal.doc["scope"]).commanded
        if commanded is not None and journal.doc["started_at"] is None and (again := adapter.arrival(hook)):
            return await self._commander.receive(commanded, opened, again, journal.doc)
        if kind not in (INBOUND, TURN) or commanded is not None:
            return await self._apply(adapter, opened, journal, kind, BEFORE_ANY, hook)
        facts = adapter.facts(hook, self._services.clock())
        return await self._document(adapter, journal, await self._leader.turn(journal, BEFORE_ANY, (), facts))

    async def _document(self, adapter: VoiceProvider, journal: CallJournal, turn: Turn) -> WebhookReply:
        """Return what is answered to a call that has come in."""
        await tape(self._services, self._worker, adapter.spec, journal)
        await bring(self._services, self._worker, journal.doc)
        journal.flush_behind()
        urls = self._urls.of(adapter.spec.name, journal.doc["provider_config"], journal.id, turn.number)
        return adapter.document(turn.orders, urls, record=_records(adapter, journal.doc, turn.number))

    async def _apply(
        self, adapter: VoiceProvider, opened: VoiceAccount, journal: CallJournal, kind: str, number: int,
        hook: WebhookRequest,
    ) -> WebhookReply:  # fmt: skip
        call = journal.doc
        facts = adapter.facts(hook, self._services.clock())
        await self._name(journal, adapter.call_id(hook))
        await self._tell_who(journal, adapter.answered_by(hook))
        can = self._providers.can(adapter.spec.name, call["scope"])
        if can.tells_of_legs is not None:
            told = can.tells_of_legs.leg(hook, self._services.clock())
            await heard(self._services, self._worker, journal, number, told)
        reply, asks = WebhookReply(), kind == TURN and can.commanded is None
        reports = adapter.reports(hook) if asks else ()
        if can.commanded is not None:
            await self._commander.take(can.commanded, opened, journal, number, hook, facts)
        elif asks and not any(isinstance(each, exchange.Ongoing) for each in reports):
            turn = await self._leader.turn(journal, number, reports, facts)
            urls = self._urls.of(adapter.spec.name, call["provider_config"], call["_id"], turn.number)
            reply = adapter.document(turn.orders, urls, record=_records(adapter, journal.doc, turn.number))
        else:
            await journal.write(*facts)
        await self._keep(journal, adapter.recordings(hook))
        for said in can.writes_down.transcripts(hook) if can.writes_down is not None else ():
            await self._scribe.expect(journal.doc, said)
        price = can.tells_price.price(hook) if can.tells_price is not None else None
        if price is not None:
            await note_price(self._services, self._worker, journal.doc, price, REPORTED)
        await tape(self._services, self._worker, adapter.spec, journal)
        await bring(self._services, self._worker, journal.doc)
        journal.flush_behind()
        return reply

    async def _tell_who(self, journal: CallJournal, who: str | None) -> None:
        """Tell once who has answered."""
        if who is None:
            return

        def decide(doc: Document) -> Entry | None:
            if doc["metadata"].get("answered_by") is not None:
                return None
            tell = [Tell("call.answered_by", {"answered_by": who}, "carrier")]
            return Entry((), tell, {"metadata": {**doc["metadata"], "answered_by": who}})

        await journal.decide(decide)

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
            new, now = self._services.ids.new("rec"), self._services.clock()

            more = {"alias": each.alias} if each.alias else {}

            def decide(
                doc: Document, name: str = each.name, new: str = new, more: Mapping[str, str] = more
            ) -> Entry | None:
                kept, held = doc["hosted"]["recordings"], doc["record"]
                if doc.get("erased") or any(row["name"] == name for row in kept):
                    return None
                # By somebody, under an id of ours already; some carriers name it only now.
                ordered = held is not None and held.get("name") in (name, "") and held["kind"] == "hosted"
                id = held["id"] if held is not None and ordered else new
                told = ordered and held is not None and held["state"] == calls.STOPPED
                begun = Tell("call.recording_started", {"recording": id}, "carrier", inferred=True)
                ended = [] if told else [Tell("call.recording_stopped", {"recording": id}, "carrier")]
                tells = ended if ordered else [begun, *ended]  # carriers tell of one when it is over
                stops = {"record.state": calls.STOPPED, "record.name": name} if ordered else {}
                return Entry((), tells, {"hosted.recordings": [*kept, {"name": name, "id": id, **more}], **stops})

            await journal.decide(decide)
            mine = next((row for row in journal.doc["hosted"]["recordings"] if row["name"] == each.name), None)
            if mine is not None:
                held: dict[str, Any] = {"id": mine["id"], "kind": "hosted", "since": now, "name": each.name}
                await keep_later(self._worker, journal.doc, held, each.duration_s)

    async def ask(self, scope: str, data: Mapping[str, Any]) -> None:
        """Do the job of a turn that waits for a web service."""
        journal = self._control.journal(await self._services.store.within(scope).get("calls", data["call"]))
        await self._leader.ask(journal, data["turn"])
        await self._commander.give_present(journal)
        await self._settled(journal)

    async def time_over(self, scope: str, data: Mapping[str, Any]) -> None:
        """Do the job of a pause that is over."""
        journal = self._control.journal(await self._services.store.within(scope).get("calls", data["call"]))
        await self._commander.time_over(journal, data)
        await self._settled(journal)

    async def _settled(self, journal: CallJournal) -> None:
        await bring(self._services, self._worker, journal.doc)
        await journal.flush()
