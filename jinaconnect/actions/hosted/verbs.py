"""What people order of a call at an HTTP carrier, as far as its carrier can do it while the call goes on."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Any

from jinaconnect.actions.calls.journal import CallJournal, Entry, Tell
from jinaconnect.actions.context import Services
from jinaconnect.actions.hosted import seconds
from jinaconnect.actions.ivr.prompts import PromptStore
from jinaconnect.actions.ports import Unsupported
from jinaconnect.core.calls import document as calls
from jinaconnect.core.calls import machine
from jinaconnect.core.errors import CarrierFailed, CarrierRefused, Conflict, Invalid, Unavailable
from jinaconnect.core.ivr import exchange, graph, turns
from jinaconnect.core.ivr import machine as ivr
from jinaconnect.store.databases.mongo import Document
from jinaconnect.telephony.table import row

Body = Mapping[str, Any]
Actor = Mapping[str, str]
Ask = Callable[[Document, str, Body], Awaitable[str | None]]
_STATES = {"pause": calls.PAUSED, "resume": calls.RECORDING, "stop": calls.STOPPED}
_NEEDS = {"pause": (calls.RECORDING,), "resume": (calls.PAUSED,), "stop": (calls.RECORDING, calls.PAUSED)}


def invalid(message: str) -> Conflict:
    """Return the refusal of what the call is not in a state for."""
    return Conflict(message, code="invalid_state")


def check(call: Document, action: str, body: Body) -> None:
    """Raise Unsupported, naming the provider, for what it cannot do with a live call."""
    spec = row(call["hosted"]["provider"]).spec
    wanted = action
    if action == "record" and body["do"] not in spec.recording:
        wanted = f"record: {body['do']}"
    elif action == "transfer" and (body["mode"] != "blind" or body["via"] == "refer"):
        wanted = "transfer: attended" if body["mode"] != "blind" else "transfer: refer"
    elif action == "play" and body["to"] == "agent":
        wanted = "play: to the agent"
    elif spec.verbs is None or action in spec.verbs:
        return
    raise Unsupported(f"A call over {spec.label} cannot do '{wanted}'.")


class Verbs:
    """Carries them out; `ask` has the carrier do one thing."""

    def __init__(self, services: Services, prompts: PromptStore, ask: Ask) -> None:
        self._services = services
        self._prompts = prompts
        self._ask = ask

    async def carry_out(self, journal: CallJournal, action: str, body: Body, actor: Actor) -> None:
        """Have a call do something; raises GatewayError where it cannot now."""
        if journal.doc["status"] != machine.IN_PROGRESS:
            raise invalid("The call is not answered.")
        if action == "transfer":
            await self._transfer(journal, body["to"], actor)
        elif action == "record":
            await self._record(journal, body["do"], actor)
        else:
            self._settled(journal.doc)
            if body.get("audio_url"):
                body = {**body, "audio_url": await self._prompts.fetchable(journal.doc["scope"], body["audio_url"])}
            await self._ask(journal.doc, action, body)
            told = {"play": ("call.played", {"ok": True, "to": body.get("to")}),
                    "dtmf": ("call.keys_sent", {"digits": body.get("digits")})}  # fmt: skip
            if action in told:
                type, payload = told[action]
                await journal.write(tell=[Tell(type, payload, "agent", actor)])

    def _settled(self, call: Document) -> None:
        held = call["ivr"]
        if held is not None and held["state"]["phase"] == ivr.TRANSFER:
            raise invalid("A transfer is going on.")

    async def _transfer(self, journal: CallJournal, to: str, actor: Actor) -> None:
        """Have the transfer be the present turn, and the carrier ask for it; undone where the carrier refuses."""
        if not graph.is_target(to):
            raise Invalid.field("to", "must be an E.164 number such as +12025550101 or a sip: address")
        self._settled(journal.doc)
        id, before = self._services.ids.new("call"), journal.doc["ivr"]
        tell = Tell("call.transferring", {"to": to, "mode": "blind", "via": "bridge"}, "agent", actor)

        def begin(doc: Document) -> Entry | None:
            if calls.ended(doc) or doc["ivr"] != before:
                return None
            state = ivr.State(turns.TO, ivr.TRANSFER, turn=1)
            if before is not None:
                held = ivr.State.from_json(before["state"])
                state = replace(state, turn=held.turn + 1, variables=held.variables, recording=held.recording)
            orders = (exchange.StartTransfer(to),)
            held_now = {
                "template": (before or {}).get("template", ""), "state": state.to_json(),
                "orders": turns.to_json(orders), "transfer": to, "before": before,
            }  # fmt: skip
            return Entry((), [tell], {"ivr": held_now, **seconds.after(doc, id, (), orders)})

        await journal.decide(begin)
        begun = journal.doc["ivr"]
        if begun is None or begun.get("transfer") != to or begun == before:
            raise invalid("The call is at another place already.")
        try:
            await self._ask(journal.doc, "transfer", {"to": to})
        except (CarrierFailed, CarrierRefused, Conflict, Unavailable):
            await undo(journal, begun, actor)
            raise

    async def _record(self, journal: CallJournal, do: str, actor: Actor) -> None:
        held = journal.doc["record"]
        running = held is not None and held["state"] in (calls.RECORDING, calls.PAUSED)
        if do == "start":
            if running:
                raise invalid("The call is being recorded already.")
            if not journal.doc["metadata"].get("recording_allowed", True):
                raise Conflict("The contact has not consented to being recorded.", code="consent_required")
            name = await self._ask(journal.doc, "record", {"do": do})
            id, now = self._services.ids.new("rec"), self._services.clock()
            begun = {"id": id, "state": calls.RECORDING, "since": now, "kind": "hosted", "turn": None, "name": name}
            tell = Tell("call.recording_started", {"recording": id}, "agent", actor)
            await journal.write(tell=[tell], set={"record": begun})
            return
        if held is None or held["state"] not in _NEEDS[do]:
            raise invalid("No recording is paused." if do == "resume" else "The call is not being recorded.")
        await self._ask(journal.doc, "record", {"do": do, "recording": held["name"]})
        told = {"pause": "call.recording_paused", "resume": "call.recording_resumed", "stop": "call.recording_stopped"}
        tell = Tell(told[do], {"recording": held["id"]}, "agent", actor)
        await journal.write(tell=[tell], set={"record.state": _STATES[do]})


async def undo(journal: CallJournal, begun: Document, actor: Actor | None = None) -> None:
    """Have a call be where it was before its transfer, `begun` and refused, unless it has gone on since."""

    def back(doc: Document) -> Entry | None:
        if doc["ivr"] != begun:
            return None
        rows = [dict(each) for each in doc["hosted"]["seconds"]]
        rows[-1]["end"] = {"answered": False, "talk_seconds": None}
        return Entry((), [Tell("call.transferred", {"ok": False}, "carrier", actor)],
                     {"ivr": begun["before"], "hosted.seconds": rows})  # fmt: skip

    await journal.decide(back)
