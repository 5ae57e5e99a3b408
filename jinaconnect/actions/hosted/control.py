"""Calls at HTTP voice carriers, as placing, verbs and completion see them (`actions.ports.CallControl`).

A call waits for its placing with a `due` block; that it was asked for is on disk before the carrier is asked. Where
the answer never came the carrier's own reports tell, by the address they are sent to; the call is never placed again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import structlog

from jinaconnect.actions.calls.journal import CallJournal, Entry
from jinaconnect.actions.context import Services
from jinaconnect.actions.hosted.accounts import Providers, is_test
from jinaconnect.actions.hosted.commanding import Commander
from jinaconnect.actions.hosted.held import Held
from jinaconnect.actions.hosted.seconds import bring
from jinaconnect.actions.hosted.taping import ASKED, marked
from jinaconnect.actions.hosted.urls import HookUrls
from jinaconnect.actions.hosted.verbs import Verbs, check
from jinaconnect.actions.ivr.prompts import PromptStore
from jinaconnect.actions.ports import Answer, RecordingMissing, Standing, Unsupported
from jinaconnect.actions.worker import Worker
from jinaconnect.core.calls import causes, machine
from jinaconnect.core.calls import document as calls
from jinaconnect.core.calls import plan as plans
from jinaconnect.core.calls.transcript import Heard
from jinaconnect.core.errors import (
    CarrierFailed,
    CarrierRefused,
    Conflict,
    Invalid,
    InvalidState,
    OutcomeUnknown,
    Unavailable,
)
from jinaconnect.core.principal import system_actor
from jinaconnect.store.databases.mongo import Document
from jinaconnect.store.due import Claim, due_at
from jinaconnect.telephony import provider as carrier
from jinaconnect.telephony.provider import (
    CallGone,
    CommandRefused,
    NotOurs,
    Placing,
    ProviderAway,
    VoiceAccount,
    VoiceProvider,
)
from jinaconnect.telephony.switch import Take

STALE = timedelta(seconds=60)  # a call that waited this long to be placed is not placed any more
DOUBT = timedelta(minutes=5)  # how long the reports of a call may take whose placing was not answered
ANY_TURN = 0  # an address of a turn that is over, at which the present one is answered
SLACK = timedelta(minutes=1)  # beyond a call's own limits, in case the report of its end is lost

logger = structlog.get_logger(__name__)


class HostedCalls:
    """Places calls by asking their carrier, and orders them about where it can be asked to."""

    def __init__(
        self, services: Services, worker: Worker, providers: Providers, urls: HookUrls, commander: Commander,
        prompts: PromptStore, held: Held,
    ) -> None:  # fmt: skip
        self._services = services
        self._held = held
        self._worker = worker
        self._providers = providers
        self._urls = urls
        self._commander = commander
        self._verbs = Verbs(services, prompts, self._control)

    async def standing(self, account: Document) -> Standing:
        """Tell whether an account is set up; whether its carrier answers is seen when it is asked."""
        if not account["credentials_set"] and not is_test(account["scope"]):
            return Standing(False, "trunk_down", "The provider config has no credentials.", 60)
        return Standing()

    async def check(self, account: Document) -> dict[str, Any]:
        """Ask an account's carrier whether it knows it; raises InvalidState, Unavailable."""
        provider = self._providers.get(account["provider"], account["scope"])
        if provider is None or not (account["credentials_set"] or is_test(account["scope"])):
            raise InvalidState("The provider config has no credentials yet.")
        loop = asyncio.get_running_loop()
        began, error = loop.time(), None
        try:
            await provider.check(self._providers.opened(account))
        except NotOurs as refused:
            error = f"{provider.spec.label} does not know these credentials: {refused}"
        except ProviderAway as away:
            error = f"{provider.spec.label} does not answer: {away}"
        took = round((loop.time() - began) * 1000, 1)
        return {"ok": error is None, "rtt_ms": took if error is None else None, "sip_code": None, "error": error}

    async def knows(self, account: Document) -> bool | None:
        """Ask an account's carrier about its credentials; raises Invalid where it does not know them."""
        provider = self._providers.get(account["provider"], account["scope"])
        if provider is None:
            return None
        try:
            await provider.check(self._providers.opened(account))
        except NotOurs as refused:
            text = f"{provider.spec.label} does not know them: {refused}"
            raise Invalid.field("credentials", text) from refused
        except ProviderAway as away:
            logger.info("hosted.credentials_unchecked", account=account["_id"], error=str(away))
            return None
        return True

    def place(self, call: Document) -> None:
        """Have a process that works ask the carrier now."""
        self._worker.run_now("calls", call["scope"], call["_id"])

    def journal(self, call: Document, *, behind: bool = False, fresh: bool = True) -> CallJournal:
        """Return what writes a hosted call; any process may. With `behind` what it tells follows each write.

        One of a call that was held, and not read now, is not `fresh`.
        """
        return CallJournal(self._services, self._worker, call, 0, self._held, behind=behind, fresh=fresh)

    # ---- placing, and calls nothing is heard of

    async def attend(self, claim: Claim) -> None:
        """Place a call whose time has come, or end one that nothing was heard of for too long."""
        journal, now = self.journal(claim.doc), self._services.clock()
        asked = claim.doc["hosted"]["asked"]
        if asked is not None:
            await self._watch(journal, asked, now)
        elif claim.doc["ending"] or now - (claim.doc.get("queued_at") or claim.doc["created_at"]) > STALE:
            await journal.write(machine.Faulted(now, cause=causes.NORMAL_TEMPORARY_FAILURE))
        else:
            await self._place(journal, now)

    async def _place(self, journal: CallJournal, now: datetime) -> None:
        provider, account = await self._carrier(journal.doc)
        call = journal.doc
        begun = Entry([machine.Dialing(now)], (), {"hosted.asked": now, "placed_at": now})
        mine = False

        def decide(doc: Document) -> Entry | None:
            nonlocal mine
            mine = doc["hosted"]["asked"] in (None, now) and not calls.ended(doc)  # `now`: written, unanswered
            return begun if mine else None

        await journal.decide(decide)
        if not mine:
            return
        record = plans.of(call).record
        allowed = bool(call["metadata"].get("recording_allowed", True))
        if record and not allowed:
            journal.note("recording_suppressed", {"reason": "consent"}, source="system")
        if is_test(call["scope"]):
            self._providers.simulated.expect(call["_id"], str(call["metadata"].get("sandbox_digits", "")))
        urls = self._urls.of(provider.spec.name, account.id, call["_id"], 0)
        wanted = Placing(
            call["_id"], call["from_number"], call["to_number"], call["timeout_s"], call["max_duration_s"],
            record and allowed, bool(call["hosted"].get("detect")),
        )  # fmt: skip
        await self._placed(journal, await provider.place(account, wanted, urls), now)
        await journal.flush()

    async def _placed(self, journal: CallJournal, outcome: carrier.Outcome, asked: datetime) -> None:
        match outcome:
            case carrier.Accepted():
                await self._write_open(journal, named(journal.doc, outcome.call_id, self._ends(journal.doc, asked)))
                if journal.doc["ending"] and not calls.ended(journal.doc):
                    await self._hang_up(journal.doc)  # ordered while the carrier was being asked
            case carrier.Refused():
                journal.note("dial_refused", {"error": outcome.message}, source="carrier")
                await journal.write(machine.Hangup(self._services.clock(), cause=outcome.cause))
            case carrier.Busy() if (journal.doc.get("routing") or {}).get("left"):
                journal.note("dial_refused", {"error": outcome.message}, source="carrier")
                await journal.write(machine.Hangup(self._services.clock(), cause=causes.NORMAL_TEMPORARY_FAILURE))
            case carrier.Busy():
                # Nothing was done there, so it may be asked again, for as long as a call may wait to be placed.
                journal.note("dial_postponed", {"error": outcome.message}, source="carrier")
                again = due_at(self._services.clock() + timedelta(seconds=outcome.wait_s))
                await self._write_open(journal, {"hosted.asked": None, "due": again})
            case carrier.Unknown():
                journal.note("dial_unanswered", {"error": outcome.reason}, source="system")
                await self._write_open(journal, {"due": due_at(asked + DOUBT)})

    def _ends(self, call: Document, asked: datetime) -> dict[str, Any]:
        return {"due": due_at(asked + longest(call))}

    async def _watch(self, journal: CallJournal, asked: datetime, now: datetime) -> None:
        """Look at a call that should be over: taken for gone at its time, for doubtful until its reports name it."""
        known = not unnamed(journal.doc)
        until: datetime = self._ends(journal.doc, asked)["due"]["at"] if known else asked + DOUBT
        if now < until:
            await self._write_open(journal, {"due": due_at(until)})
        else:
            await journal.write(machine.Gone(now))
            await bring(self._services, self._worker, journal.doc)

    async def _write_open(self, journal: CallJournal, fields: Mapping[str, Any]) -> None:
        """Set fields of a call that goes on; one that has ended meanwhile has other work due."""
        await journal.decide(lambda doc: None if calls.ended(doc) else Entry(set=fields))

    async def _carrier(self, call: Document) -> tuple[VoiceProvider, VoiceAccount]:
        provider = self._providers.get(call["hosted"]["provider"], call["scope"])
        trunk = await self._services.store.within(call["scope"]).get("trunks", call["provider_config"])
        if provider is None:
            raise Unavailable("Nothing speaks for this call's provider here.", retry_after=30)
        return provider, self._providers.opened(trunk)

    # ---- orders

    async def order(
        self, call: Document, action: str, body: Mapping[str, Any], actor: Mapping[str, str], id: str
    ) -> Answer:
        """Have the carrier do it; what it cannot do is refused before it is asked."""
        if calls.ended(call):
            raise Conflict("The call has ended.", code="invalid_state")
        check(call, action, body)
        journal = self.journal(call)
        journal.note(f"{action}_ordered", {"by": dict(actor)}, source="agent")
        if action == "hangup":
            # Recorded first: whatever the carrier asks from now on, it is told to hang up.
            await journal.write(machine.CancelRequested(self._services.clock()))
            if not calls.ended(journal.doc) and not unnamed(journal.doc):
                await self._hang_up(journal.doc)
        else:
            await self._verbs.carry_out(journal, action, body, actor)
            await bring(self._services, self._worker, journal.doc)
        await journal.flush()
        return {"call": calls.render_call(journal.doc)}

    async def _hang_up(self, call: Document) -> None:
        try:
            await self._control(call, "hangup", {})
        except Conflict:
            return  # it is over there; its report is on the way

    async def hang_up_if_ordered(self, call: Document) -> None:
        """Hang up a call whose end was ordered before its carrier had named it."""
        if call["ending"] and not calls.ended(call):
            try:
                await self._hang_up(call)
            except (CarrierFailed, CarrierRefused, OutcomeUnknown, Unsupported) as error:
                logger.info("hosted.not_hung_up", call=call["_id"], error=str(error))

    async def _control(self, call: Document, verb: str, body: Mapping[str, Any]) -> str | None:
        provider, account = await self._carrier(call)
        if unnamed(call):
            raise Unavailable("The carrier has not named the call yet.", retry_after=2)
        try:
            urls = self._urls.of(provider.spec.name, account.id, call["_id"], ANY_TURN)
            if verb == "transfer":
                await self._commander.give_ordered(self.journal(call))
            return await provider.control(account, call["provider_call_id"], verb, body, urls)
        except carrier.Unsupported as error:
            raise Unsupported(str(error)) from error
        except CallGone as error:
            raise Conflict("The call has ended.", code="invalid_state") from error
        except CommandRefused as error:
            raise CarrierRefused(f"{provider.spec.label} does not do it: {error}") from error
        except ProviderAway as error:
            doubted = f"The carrier has not answered, and may have done it: {error}"
            raise (OutcomeUnknown(doubted) if error.uncertain else CarrierFailed(str(error))) from error

    # ---- recordings

    async def tape(self, scope: str, data: Mapping[str, Any]) -> None:
        """Do the job of having all of a call recorded that has come in; its carrier is asked once."""
        journal = self.journal(await self._services.store.within(scope).get("calls", data["call"]))
        if calls.ended(journal.doc) or journal.doc["record"] is not None or not await marked(journal, ASKED):
            return
        try:
            await self._verbs.carry_out(journal, "record", {"do": "start"}, system_actor("telephony"))
        except (CarrierFailed, CarrierRefused, OutcomeUnknown, Conflict) as error:
            journal.note("recording_not_started", {"error": str(error)}, source="system")
        await journal.flush()

    async def recording(self, call: Document, name: str, take: Take) -> None:
        """Fetch a recording from the carrier."""
        provider, account = await self._carrier(call)
        try:
            await provider.fetch_recording(account, name, Piecewise(take))
        except CallGone as error:
            raise RecordingMissing(name) from error
        except ProviderAway as error:
            raise CarrierFailed(f"the recording cannot be fetched: {error}") from error

    async def written_down(self, call: Document, at: str) -> Heard:
        """Fetch what the carrier keeps at an address."""
        provider, account = await self._carrier(call)
        if not isinstance(provider, carrier.KeepsTranscripts):
            raise RecordingMissing(at)
        try:
            return await provider.fetch_transcript(account, at)
        except CallGone as error:
            raise RecordingMissing(at) from error
        except ProviderAway as error:
            raise CarrierFailed(f"the transcript cannot be fetched: {error}") from error

    async def forget_recording(self, call: Document, name: str) -> None:
        """Remove it there where the account is set to; else how long a carrier keeps recordings is a matter of its."""
        trunk = await self._services.store.within(call["scope"]).get("trunks", call["provider_config"])
        if not trunk.get("remove_recordings"):
            return
        provider, account = await self._carrier(call)
        try:
            await provider.forget_recording(account, name)
        except CallGone:
            return
        except (ProviderAway, carrier.Unsupported) as error:
            raise CarrierFailed(f"the recording cannot be removed: {error}") from error


@dataclass(frozen=True, slots=True)
class Piecewise:
    """Takes a file that comes in pieces on to whoever wants them."""

    take: Take

    async def write(self, piece: bytes) -> None:
        """Pass a piece on."""
        await self.take(piece)


def longest(call: Mapping[str, Any]) -> timedelta:
    """Return how long a call can take at most, with some time for the report of its end."""
    return timedelta(seconds=call["timeout_s"] + call["max_duration_s"]) + SLACK


def unnamed(call: Document) -> bool:
    """Tell whether the carrier has not said yet under which id it has a call."""
    return bool(call["provider_call_id"] == f"pending-{call['_id']}")


def named(call: Document, id: str, more: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of a call that has got its carrier's id; one it has already stays."""
    return {**({"provider_call_id": id} if unnamed(call) else {}), **more}
