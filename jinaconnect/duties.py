"""Who does which work of the worker: what is due, named jobs, and what is looked for every so often."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import structlog

from jinaconnect.actions.billing.calls import UNPLACED_JOB, give_back_unplaced
from jinaconnect.actions.billing.messages import settle_owed
from jinaconnect.actions.broadcasts.called import Recipients
from jinaconnect.actions.broadcasts.dispatch import Dispatcher
from jinaconnect.actions.broadcasts.estimating import BREAKDOWN_JOB, make_breakdown
from jinaconnect.actions.calls.completion import Completer
from jinaconnect.actions.calls.fallback import SmsFallback
from jinaconnect.actions.calls.recordings import RECORDING_JOB
from jinaconnect.actions.calls.rerouting import Rerouter
from jinaconnect.actions.calls.retention import retire_recordings
from jinaconnect.actions.calls.transcribing import RECORDINGS, TRANSCRIPT_JOB, Scribe
from jinaconnect.actions.contacts.importing import IMPORTS
from jinaconnect.actions.contacts.importing_rows import Importer
from jinaconnect.actions.context import Services
from jinaconnect.actions.hosted.commanding import TIMER_JOB
from jinaconnect.actions.hosted.control import HostedCalls
from jinaconnect.actions.hosted.hooks import VoiceDoor
from jinaconnect.actions.hosted.incoming import Arrivals
from jinaconnect.actions.hosted.leading import ASK_JOB
from jinaconnect.actions.hosted.prices import PriceAsker
from jinaconnect.actions.hosted.taping import TAPE_JOB
from jinaconnect.actions.identity.letters import JOB as LETTER_JOB
from jinaconnect.actions.identity.letters import write_letter
from jinaconnect.actions.inbox.attention import attend
from jinaconnect.actions.inbox.erasure import JOB as ERASE_JOB
from jinaconnect.actions.inbox.erasure import go_on
from jinaconnect.actions.inbox.stats import keep_counting
from jinaconnect.actions.messaging import silent
from jinaconnect.actions.messaging.acknowledging import JOB as ACKNOWLEDGE_JOB
from jinaconnect.actions.messaging.acknowledging import acknowledge
from jinaconnect.actions.messaging.delivering import FALLBACK_JOB, Sender
from jinaconnect.actions.messaging.fallback import RECIPIENT_JOB, fall_back, fall_back_recipient
from jinaconnect.actions.messaging.hooks import InboundDoor
from jinaconnect.actions.messaging.incoming.late import LATE_JOB, apply_late
from jinaconnect.actions.messaging.media import FORMER_JOB, MediaFetcher, take_former_job
from jinaconnect.actions.messaging.sandbox import deliver_webhook
from jinaconnect.actions.messaging.templates import REVIEW_JOB
from jinaconnect.actions.office.branding import JOB as PROVE_JOB
from jinaconnect.actions.office.branding import prove_later
from jinaconnect.actions.office.notifications import notify
from jinaconnect.actions.ports import Ports
from jinaconnect.actions.rating.provider_prices import PRICE_JOB
from jinaconnect.actions.reviewing.reviews import follow_review
from jinaconnect.actions.scheduling.messages import COLLECTION as SCHEDULED
from jinaconnect.actions.scheduling.messages import send_scheduled
from jinaconnect.actions.worker import Handler
from jinaconnect.channels.base import SIMULATED_JOB
from jinaconnect.core.calls.document import ended as ended_call
from jinaconnect.store.collections import COLLECTIONS
from jinaconnect.store.databases.mongo import Document
from jinaconnect.store.outbox import NOTIFY_JOB

WORDS, BETWEEN_S = "words", 0.02  # the lease, and the pause that others are let in by

logger = structlog.get_logger(__name__)


def assign(
    services: Services, ports: Ports, sender: Sender, messages: InboundDoor, hosted: HostedCalls,
    arrivals: Arrivals, voice: VoiceDoor, scribe: Scribe, prices: PriceAsker, processes: int,
) -> None:  # fmt: skip
    """Name who does which work; several processes share what any of them may look for."""
    worker = ports.worker
    completer = Completer(services, worker, SmsFallback(services, ports).follow, Recipients(worker).ended)
    worker.handle("messages", sender.deliver)
    worker.handle("broadcasts", Dispatcher(services, ports).run)
    worker.handle("contacts", lambda claim: attend(services, claim))
    worker.handle(SCHEDULED, lambda claim: send_scheduled(services, ports, claim))
    worker.handle(IMPORTS, Importer(services).run)
    worker.handle("inbound", messages.take)
    rerouter = Rerouter(services, worker, ports.calls)

    def due_of(call: Document) -> Handler:
        """Return who does what is due: who calls, a placing at the carrier, the next route, what follows the end."""
        if call.get("arriving") is not None:
            return arrivals.attend
        if ended_call(call):
            return completer.complete
        return hosted.attend if call.get("rerouting") is None else rerouter.attend

    worker.handle("calls", lambda claim: due_of(claim.doc)(claim))
    worker.handle("media", MediaFetcher(services, ports.accounts, ports.channels).fetch)
    worker.handle_job(ASK_JOB, voice.ask)
    worker.handle_job(PRICE_JOB, prices.ask)
    worker.handle_job(TIMER_JOB, voice.time_over)
    worker.handle_job(TAPE_JOB, hosted.tape)
    worker.handle_job(SIMULATED_JOB, lambda scope, data: deliver_webhook(services, ports, scope, data))
    worker.handle_job(ERASE_JOB, lambda scope, data: go_on(services, scope, data), lasting=True)
    worker.handle_job(FORMER_JOB, lambda scope, data: take_former_job(services, scope, data))
    worker.handle_job(ACKNOWLEDGE_JOB, lambda scope, data: acknowledge(services, ports, scope, data))
    worker.handle_job(FALLBACK_JOB, lambda scope, data: fall_back(services, ports, scope, data))
    worker.handle_job(RECIPIENT_JOB, lambda scope, data: fall_back_recipient(services, ports, scope, data))
    worker.handle_job(LATE_JOB, lambda scope, data: apply_late(services, worker, scope, data))
    worker.handle_job(LETTER_JOB, lambda scope, data: write_letter(services, ports, scope, data))
    worker.handle_job(NOTIFY_JOB, lambda scope, data: notify(services, scope, data))
    worker.handle_job(REVIEW_JOB, lambda scope, data: follow_review(services, ports, scope, data))
    worker.handle_job(PROVE_JOB, lambda scope, data: prove_later(services, ports, scope, data))
    worker.handle_job(BREAKDOWN_JOB, lambda scope, data: make_breakdown(services, ports, scope, data))
    worker.handle_job(UNPLACED_JOB, lambda scope, data: give_back_unplaced(services, scope, data["call"]))
    worker.handle_job(RECORDING_JOB, lambda scope, data: scribe.keep(ports.calls, scope, data))
    worker.handle_job(TRANSCRIPT_JOB, lambda scope, data: scribe.take(ports.calls, scope, data))
    worker.handle(RECORDINGS, scribe.hear, scribe.at_once)
    # What any process may look for is looked for by all of them in turn.
    worker.every(2.0 * processes, services.store.outbox.sweep)
    worker.every(5.0 * processes, services.due.inherit)
    worker.every(60.0 * processes, lambda: settle_owed(services))
    worker.every(300.0 * processes, lambda: silent.look(services, ports))
    worker.every(60.0, lambda: bring_words(services))
    worker.every(3600.0, lambda: retire_events(services))
    worker.every(3600.0, lambda: retire_recordings(services))


async def bring_words(services: Services) -> None:
    """Give rows of an earlier version their words, in one process at a time and beside everything else."""
    for name in [name for name, collection in COLLECTIONS.items() if collection.worded is not None]:
        while not await services.store.words.ready(name) and await services.leases.take(WORDS):
            if not await services.store.words.bring(name):
                break
            await asyncio.sleep(BETWEEN_S)


async def retire_events(services: Services) -> None:
    """Remove from each tenant's log what is older than it is kept."""
    before = services.clock() - timedelta(days=services.settings.retention_days)
    for scope in await services.store.log.scopes():
        try:
            await keep_counting(services, scope)
            await services.store.log.forget(scope, before)
        except Exception as error:  # one tenant's log is in no other's way; its turn comes again
            logger.warning("retention.postponed", scope=scope, error=repr(error)[:500])
