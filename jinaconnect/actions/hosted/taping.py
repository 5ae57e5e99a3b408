"""Recording all of a call that has come in: nobody placed it, so its carrier is asked while the call lives.

Carriers that record what a document says are told in the first document; this is for the others.
"""

from __future__ import annotations

from jinaconnect.actions.calls.journal import CallJournal, Entry
from jinaconnect.actions.context import Services
from jinaconnect.actions.worker import Worker
from jinaconnect.core.calls import document as calls
from jinaconnect.core.calls import plan as plans
from jinaconnect.store.databases.mongo import Document
from jinaconnect.store.due import due_at
from jinaconnect.telephony.provider import ProviderSpec

TAPE_JOB = "voice.hosted.tape"
LEFT, ASKED = "left", "asked"  # how far it has come: its job is there, its carrier was asked


def wanted(call: Document) -> bool:
    """Tell whether all of a call is to be recorded."""
    return plans.of(call).record and bool(call["metadata"].get("recording_allowed", True))


async def tape(services: Services, worker: Worker, spec: ProviderSpec, journal: CallJournal) -> None:
    """Leave the job that has a call recorded which has come in and was answered; once, however often it is asked."""
    call = journal.doc
    begun = call["direction"] == calls.INBOUND and call["started_at"] is not None and not calls.ended(call)
    if not (begun and plans.of(call).record) or call["hosted"].get("taped"):
        return
    if not wanted(call):
        journal.note("recording_suppressed", {"reason": "consent"}, source="system")
    elif not spec.tapes:
        return  # its documents say it
    elif "start" in spec.recording:
        job = {
            "_id": f"job_{call['_id']}_tape", "scope": call["scope"], "kind": TAPE_JOB,
            "due": due_at(services.clock()), "data": {"call": call["_id"]},
        }  # fmt: skip
        await worker.add_jobs([job])
    else:
        journal.note("recording_unsupported", {"provider": spec.name}, source="system")
    await marked(journal, LEFT)


async def marked(journal: CallJournal, how: str) -> bool:
    """Note how far it has come; tells whether that was new."""
    new = False

    def decide(doc: Document) -> Entry | None:
        nonlocal new
        new = doc["hosted"].get("taped") not in (how, ASKED)
        return Entry(set={"hosted.taped": how}) if new else None

    await journal.decide(decide)
    return new
