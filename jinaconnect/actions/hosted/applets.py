"""Calls led by a flow at the carrier, whose applets ask one after the other what they are to do.

Their addresses are the account's, the same for every call, and name no turn. So the call itself holds which applet of
its turn was given: what a flow tells of an applet counts once, for the one that was given and has not been told of.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from jinaconnect.actions.calls.journal import CallJournal, Entry
from jinaconnect.actions.context import Services
from jinaconnect.actions.hosted.control import HostedCalls
from jinaconnect.actions.hosted.held import Held
from jinaconnect.actions.hosted.incoming import Arrivals, known
from jinaconnect.actions.hosted.leading import BEFORE_ANY, Leader
from jinaconnect.actions.hosted.seconds import bring
from jinaconnect.actions.hosted.taping import tape
from jinaconnect.actions.worker import Worker
from jinaconnect.core.calls import document as calls
from jinaconnect.core.ivr.dialects.applets import HANGUP, Applet, choice
from jinaconnect.core.webhook import WebhookReply, WebhookRequest
from jinaconnect.store.databases.mongo import Document
from jinaconnect.telephony.provider import AsksByApplets

TOLD, ASKS = "done", "switch"  # Passthru and SwitchCase; the others are named as the applets are


@dataclass(frozen=True, slots=True)
class _Place:
    """Which applet of which turn a flow is at, and whether it was told so."""

    turn: int
    place: int = 0
    given: bool = False


class Applets:
    """Answers flows."""

    def __init__(
        self, services: Services, worker: Worker, held: Held, control: HostedCalls, leader: Leader, arrivals: Arrivals
    ) -> None:
        self._services = services
        self._worker = worker
        self._held = held
        self._control = control
        self._leader = leader
        self._arrivals = arrivals

    async def answer(
        self, adapter: AsksByApplets, trunk: Document, path: str, hook: WebhookRequest
    ) -> WebhookReply:
        """Take what an applet asks or tells; raises Unavailable."""
        ours, theirs = adapter.own_id(hook), adapter.call_id(hook)
        held = self._held.call(ours, trunk["scope"], None) or self._held.arrived(trunk["_id"], theirs)
        if held is not None and held["provider_config"] == trunk["_id"]:
            journal = self._control.journal(held, behind=True, fresh=False)
            reply = await self._take(adapter, journal, path, hook)
            if journal.fresh:
                return reply
        found = await self._services.store.within(trunk["scope"]).find("calls", ours) if ours else None
        if found is None or found["provider_config"] != trunk["_id"]:
            found = await known(self._services, trunk, theirs)
        if found is not None:
            return await self._take(adapter, self._control.journal(found, behind=True), path, hook)
        arrived = adapter.arrival(hook)
        admitted = await self._arrivals.admit(trunk, arrived, opens=True) if arrived and arrived.call_id else None
        if admitted is None:
            return _reply(choice(HANGUP)) if path == ASKS else WebhookReply()
        return await self._take(adapter, admitted[0], path, hook)

    async def _take(
        self, adapter: AsksByApplets, journal: CallJournal, path: str, hook: WebhookRequest
    ) -> WebhookReply:
        facts = adapter.facts(hook, self._services.clock())
        if journal.doc["ivr"] is None and not calls.ended(journal.doc):
            await self._leader.turn(journal, BEFORE_ANY, (), facts)
        await tape(self._services, self._worker, adapter.spec, journal)
        if journal.doc["ivr"] is None or calls.ended(journal.doc) or journal.doc["ending"]:
            await journal.write(*facts)
            return _reply(choice(HANGUP)) if path == ASKS else WebhookReply()
        present = self._leader.present(journal)
        given, at = adapter.applets(present.orders), _at(journal.doc, present.number)
        applet = given[min(at.place, len(given) - 1)]
        if path == ASKS:
            await self._move(journal, at, _Place(at.turn, at.place, True))
            journal.flush_behind()
            return _reply(choice(applet.name))
        if path != TOLD:
            await journal.write(*facts)
            return _reply(applet) if applet.name == path else WebhookReply()
        if at.given and at.place + 1 < len(given):
            await self._move(journal, at, _Place(at.turn, at.place + 1))
        elif at.given:
            await self._leader.turn(journal, present.number, adapter.applet_reports(applet.name, hook), facts)
            await bring(self._services, self._worker, journal.doc)
        else:
            await journal.write(*facts)
        journal.flush_behind()
        return WebhookReply()

    async def _move(self, journal: CallJournal, before: _Place, after: _Place) -> None:
        def decide(doc: Document) -> Entry | None:
            if before == after or _at(doc, before.turn) != before or doc["ivr"]["state"]["turn"] != before.turn:
                return None
            kept: Mapping[str, Any] = {"turn": after.turn, "place": after.place, "given": after.given}
            return Entry(set={"hosted.applet": kept})

        await journal.decide(decide)


def _at(call: Document, turn: int) -> _Place:
    held = call["hosted"].get("applet")
    return _Place(turn) if held is None or held["turn"] != turn else _Place(turn, held["place"], held["given"])


def _reply(applet: Applet) -> WebhookReply:
    return WebhookReply(applet.body, applet.content_type)
