"""Calls at a carrier that takes no documents: each turn is given to it as commands, one after the other.

An event that leads to the next command of its turn has it given; one that ends the turn is a step, and the first
command of what follows is given. A command's name is made of its call, its turn and its place, so that one given again
(for a repeated event, after a crash) is no second one to the carrier.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

import structlog

from jinaconnect.actions.calls.journal import CallJournal
from jinaconnect.actions.context import Services
from jinaconnect.actions.hosted.accounts import Providers
from jinaconnect.actions.hosted.leading import BEFORE_ANY, NOTHING, Leader, Turn
from jinaconnect.actions.hosted.urls import HookUrls
from jinaconnect.actions.hosted.verbs import undo
from jinaconnect.actions.worker import Worker
from jinaconnect.core.calls import causes, machine
from jinaconnect.core.calls import document as calls
from jinaconnect.core.errors import Unavailable
from jinaconnect.core.ivr import exchange
from jinaconnect.core.webhook import WebhookReply, WebhookRequest
from jinaconnect.store.databases.mongo import Document
from jinaconnect.store.due import due_at
from jinaconnect.telephony.provider import (
    Arrival,
    CallGone,
    CallUrls,
    Commanded,
    CommandRefused,
    ProviderAway,
    VoiceAccount,
)

TIMER_JOB = "voice.hosted.timer"
MOST_REFUSED = 20  # steps one after the other, of a call that then cannot go on
FAILED = (exchange.PromptDone(played=False),)  # of a step that is refused: nothing was said, nothing was heard

logger = structlog.get_logger(__name__)


class Commander:
    """Gives commands."""

    def __init__(
        self, services: Services, worker: Worker, providers: Providers, urls: HookUrls, leader: Leader
    ) -> None:  # fmt: skip
        self._services = services
        self._worker = worker
        self._providers = providers
        self._urls = urls
        self._leader = leader

    async def receive(
        self, adapter: Commanded, account: VoiceAccount, arrived: Arrival, call: Document | None
    ) -> WebhookReply:  # fmt: skip
        """Answer a call that comes in, or refuse what is no call; raises Unavailable."""
        try:
            if call is None:
                await adapter.turn_away(account, arrived.call_id)
            else:
                await adapter.welcome(account, arrived.call_id, call["_id"])
        except (CallGone, CommandRefused) as error:
            logger.info("hosted.command_late", call=arrived.call_id, error=str(error))
        except ProviderAway as error:
            raise _refused(error) from error
        return WebhookReply()

    async def take(
        self, adapter: Commanded, account: VoiceAccount, journal: CallJournal, number: int, hook: WebhookRequest,
        facts: Sequence[machine.Fact],
    ) -> None:  # fmt: skip
        """Take an event of a turn; raises Unavailable where its carrier does not take what follows."""
        held, reports = journal.doc["ivr"], adapter.reports(hook)
        begins = any(isinstance(each, machine.Answered) for each in facts)
        if held is None:
            if not begins:
                await journal.write(*facts)
                return
            turn = await self._leader.turn(journal, BEFORE_ANY, (), facts)
        else:
            present = self._leader.present(journal)
            urls, goes_on = self._of(journal, present), number == present.number and not journal.doc["ending"]
            fits = not goes_on or adapter.ends(hook, present.orders, urls)
            step = adapter.follows(hook, present.orders, urls) if goes_on and fits else None
            if step is not None:
                await journal.write(*facts)
                if journal.fresh:  # else the call may be elsewhere by now: whoever asked reads it and asks again
                    await self._give(adapter, account, journal, present, step)
                return
            going_on = any(isinstance(each, exchange.Ongoing) for each in reports)
            if not fits or (going_on and not begins):  # what is told of an answer again may have led to no command yet
                await journal.write(*facts)
                return
            turn = await self._leader.turn(journal, number, reports, facts)
            if goes_on and journal.fresh:
                await self._close(adapter, account, journal, present, urls)
        if not journal.fresh:
            return
        await self._give(adapter, account, journal, turn, 0)

    async def give_present(self, journal: CallJournal) -> None:
        """Give what is the call's turn now; raises Unavailable."""
        if (found := await self._commanded(journal)) is not None:
            await self._give(*found, journal, self._leader.present(journal), 0)

    async def give_ordered(self, journal: CallJournal) -> None:
        """Give what somebody has made the call's turn; raises CallGone, CommandRefused, ProviderAway, Unavailable."""
        if (found := await self._commanded(journal)) is not None:
            await self._command(*found, journal, self._leader.present(journal), 0)

    async def time_over(self, journal: CallJournal, data: Mapping[str, Any]) -> None:
        """Do what follows a pause, unless something else has come first; raises Unavailable.

        A step made before, after which the carrier did not take the command, is not made again: its command is given.
        """
        held, kept = journal.doc["ivr"], {"timer": data["turn"]}
        if held is None or calls.ended(journal.doc) or (found := await self._commanded(journal)) is None:
            return
        turn = self._leader.present(journal)
        if turn.number == data["turn"]:
            await self._close(*found, journal, turn, self._of(journal, turn))
            turn = await self._leader.turn(journal, turn.number, (), (), kept)
        elif held.get("timer") != data["turn"]:
            return
        await self._give(*found, journal, turn, 0, kept)

    async def _commanded(self, journal: CallJournal) -> tuple[Commanded, VoiceAccount] | None:
        """Return what commands a call that is at a turn, None where nothing does."""
        adapter = self._providers.get(journal.doc["hosted"]["provider"], journal.doc["scope"])
        if not isinstance(adapter, Commanded) or journal.doc["ivr"] is None:
            return None
        return adapter, self._providers.opened(await journal.store.get("trunks", journal.doc["provider_config"]))

    def _of(self, journal: CallJournal, turn: Turn) -> CallUrls:
        call = journal.doc
        return self._urls.of(call["hosted"]["provider"], call["provider_config"], call["_id"], turn.number)

    async def _give(
        self, adapter: Commanded, account: VoiceAccount, journal: CallJournal, turn: Turn, step: int,
        kept: Mapping[str, Any] = NOTHING,
    ) -> None:  # fmt: skip
        """Give a turn's commands from one on, or what follows where the carrier refuses them; raises Unavailable."""
        for tries in itertools.count(1):
            try:
                await self._command(adapter, account, journal, turn, step)
                return
            except CallGone as error:
                logger.info("hosted.command_late", call=journal.id, error=str(error))
                return
            except CommandRefused as error:
                journal.note("command_refused", {"turn": turn.number, "error": str(error)}, source="carrier")
                then = error.then
                if then is None and (_hangs_up(turn) or journal.over):
                    return  # its time limit ends it
            except ProviderAway as error:
                raise _refused(error) from error
            if then is not None:
                step = then
                continue
            if (begun := journal.doc["ivr"]) is not None and "before" in begun:
                await undo(journal, begun)
                raise Unavailable("The call is where it was before its transfer was refused.", retry_after=1)
            step = 0
            if tries < MOST_REFUSED:
                turn = await self._leader.turn(journal, turn.number, FAILED, (), kept)
            else:
                await journal.write(machine.Faulted(self._services.clock(), cause=causes.INTERWORKING))
                turn = Turn(turn.number)

    async def _command(
        self, adapter: Commanded, account: VoiceAccount, journal: CallJournal, turn: Turn, step: int
    ) -> None:  # fmt: skip
        call = journal.doc
        if calls.ended(call) or any(isinstance(each, exchange.AskHttp) for each in turn.orders):
            return  # the web service's answer is what goes on
        pause = await adapter.carry_out(
            account, call["provider_call_id"], turn.orders, self._of(journal, turn), step=step,
            name=f"{call['_id']}-{turn.number}",
        )  # fmt: skip
        if pause is not None:
            await self._wait(call["_id"], call["scope"], turn.number, pause)

    async def _wait(self, call: str, scope: str, turn: int, pause: float) -> None:
        job = {
            "_id": f"job_{call}_{turn}_timer", "scope": scope, "kind": TIMER_JOB,
            "due": due_at(self._services.clock() + timedelta(seconds=pause)), "data": {"call": call, "turn": turn},
        }  # fmt: skip
        await self._worker.add_jobs([job])

    async def _close(
        self, adapter: Commanded, account: VoiceAccount, journal: CallJournal, turn: Turn, urls: CallUrls
    ) -> None:  # fmt: skip
        try:
            await adapter.close(account, journal.doc["provider_call_id"], turn.orders, urls)
        except (CallGone, ProviderAway) as error:
            logger.info("hosted.not_closed", call=journal.id, error=str(error))


def _hangs_up(turn: Turn) -> bool:
    return not turn.orders or any(isinstance(each, exchange.HangUp) for each in turn.orders)


def _refused(error: ProviderAway) -> Unavailable:
    return Unavailable(f"The carrier does not take a command: {error}", retry_after=1)
