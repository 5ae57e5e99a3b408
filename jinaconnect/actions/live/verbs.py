"""What people can order of a live call, each as one function on the call's own task."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from jinaconnect.actions.calls.journal import Tell
from jinaconnect.actions.live.ground import Ground, invalid
from jinaconnect.actions.trunks.targets import reach
from jinaconnect.core.calls import document, machine
from jinaconnect.core.calls.supervision import key_place
from jinaconnect.core.ivr import exchange
from jinaconnect.telephony.switch import CUSTOMER, PlayedParties

Actor = Mapping[str, str]
Body = Mapping[str, Any]
Run = Callable[[Ground, Body, Actor], Awaitable[dict[str, Any] | None]]

PLAYED = "play"


@dataclass(frozen=True, slots=True)
class Verb:
    """What can be ordered: `talking` needs a customer who has answered, `settled` that no transfer is going on."""

    run: Run
    talking: bool = True
    settled: bool = False


async def carry_out(call: Ground, action: str, body: Body, actor: Actor) -> dict[str, Any] | None:
    """Have a call do something; raises GatewayError where it cannot now. Returns what is answered beside the call."""
    verb = VERBS[action]
    if verb.talking and not call.up(CUSTOMER):
        raise invalid("The call is not answered.")
    if verb.settled:
        _settled(call)
    return await verb.run(call, body, actor)


def _settled(call: Ground) -> None:
    if call.doc["transfer"] is not None:
        raise invalid("A transfer is going on.")


async def hangup(call: Ground, body: Body, actor: Actor) -> dict[str, Any] | None:
    """End the call."""
    call.journal.note("hangup_ordered", {"reason": body.get("reason") or "", "by": dict(actor)}, source="agent")
    await call.end(machine.CancelRequested(call.now()))
    return None


async def leave(call: Ground, body: Body, actor: Actor) -> dict[str, Any] | None:
    """End one further leg, which is a call of its own."""
    open_legs = call.legs(document.DIALING, document.RINGING, document.UP)
    names = [name for name, each in open_legs.items() if each["child"] == body["child"]]
    for name in names:
        await call.give(call.switch.hangup(call.leg(name)))
    return None


async def transfer(call: Ground, body: Body, actor: Actor) -> dict[str, Any] | None:
    """Hand the customer over, blindly or after asking."""
    reached = (await reach(call.services, call.journal.store, call.doc, to=body["to"]))[0]
    if body["mode"] == "attended":
        return {"consultation": await call.transfers.consult(reached, body["to"], actor)}
    await call.transfers.blind(reached, body["to"], body["via"], actor)
    return None


async def complete(call: Ground, body: Body, actor: Actor) -> dict[str, Any] | None:
    """Connect the customer with the consulted party."""
    await call.transfers.complete()
    return None


async def cancel(call: Ground, body: Body, actor: Actor) -> dict[str, Any] | None:
    """Give the consultation up and go back."""
    await call.transfers.cancel()
    return None


async def hold(call: Ground, body: Body, actor: Actor) -> dict[str, Any] | None:
    """Let the customer hear music; where it is bounded, the end of the bound ends the call."""
    if call.doc["held"] or not call.parties.together:
        raise invalid("The call is on hold." if call.doc["held"] else "There is nobody to hold it for.")
    most = body.get("at_most_s")
    until = None if most is None else call.now() + timedelta(seconds=most)
    await call.parties.hold()
    tell = [Tell("call.held", {}, "agent", actor)]
    await call.journal.write(tell=tell, set={"held": True, "hold_until": until})
    call.parties.bound_hold()
    return None


async def unhold(call: Ground, body: Body, actor: Actor) -> dict[str, Any] | None:
    """Bring the customer back."""
    if not call.doc["held"]:
        raise invalid("The call is not on hold.")
    _settled(call)
    await call.parties.resume(call.parties.others())
    await call.journal.write(tell=[Tell("call.resumed", {}, "agent", actor)], set={"held": False})
    return None


def _muting(on: bool) -> Run:
    """Return what silences a side, or lets it be heard again."""

    async def run(call: Ground, body: Body, actor: Actor) -> dict[str, Any] | None:
        side = body["side"]
        muted = set(call.doc["muted"])
        if (side in muted) == on:
            raise invalid(f"The {side} is {'muted already' if on else 'not muted'}.")
        names = [CUSTOMER] if side == "customer" else call.parties.others()
        if not names:
            raise invalid("There is no agent in this call.")
        for name in names:
            await call.switch.mute(call.leg(name), "in", on)
        muted = muted | {side} if on else muted - {side}
        tell = Tell("call.muted" if on else "call.unmuted", {"side": side}, "agent", actor)
        await call.journal.write(tell=[tell], set={"muted": sorted(muted)})
        return None

    return run


async def play(call: Ground, body: Body, actor: Actor) -> dict[str, Any] | None:
    """Play audio or speak a text to both sides or to one."""
    if call.attendant.busy:
        raise invalid("An IVR is talking.")
    order = exchange.PlayAudio(body["audio_url"]) if body.get("audio_url") else exchange.Say(body["tts_text"])
    # Rendered here, so that whoever ordered it hears what is wrong with it.
    media = await call.prompts.media(call.journal.doc["scope"], order)
    prompt = f"{call.id}-{PLAYED}{call.doc['places']}"

    async def done(ok: bool) -> None:
        await call.journal.write(tell=[Tell("call.played", {"ok": ok, "to": body["to"]}, "agent", actor)])

    to = body["to"]
    names = [CUSTOMER] if to == "customer" else call.parties.others()
    if to == "both" or call.doc["legs"][CUSTOMER]["room"] is None:
        await call.player.play([media], prompt, done)
    elif not names:
        raise invalid("There is no agent in this call.")
    else:
        call.player.on_finished(prompt, done)
        for name in names:
            await call.switch.whisper(call.leg(name), [media], prompt)
    return None


async def stop_play(call: Ground, body: Body, actor: Actor) -> dict[str, Any] | None:
    """Stop what was ordered to be played."""
    if call.attendant.busy or not await call.player.stop():
        raise invalid("Nothing is being played.")
    return None


async def dtmf(call: Ground, body: Body, actor: Actor) -> dict[str, Any] | None:
    """Press keys towards the customer."""
    leg = call.leg(CUSTOMER)
    await call.switch.send_dtmf(leg, body["digits"], between_ms=body["between_ms"], duration_ms=body["duration_ms"])
    await call.journal.write(tell=[Tell("call.keys_sent", {"digits": body["digits"]}, "agent", actor)])
    return None


async def customer(call: Ground, body: Body, actor: Actor) -> dict[str, Any] | None:
    """Have a customer who is played press keys, or hang up."""
    if not isinstance(call.switch, PlayedParties):
        raise invalid("Its customer is nobody's to play.")
    await call.switch.act(call.leg(CUSTOMER), body["keys"])
    return None


async def record(call: Ground, body: Body, actor: Actor) -> dict[str, Any] | None:
    """Start, pause, resume or stop the recording."""
    match body["do"]:
        case "start":
            if call.recorder.running:
                raise invalid("The call is being recorded already.")
            await call.recorder.begin(actor)
        case "stop":
            await call.recorder.stop(actor)
        case do:
            await call.recorder.pause(do == "pause", actor)
    return None


async def supervise(call: Ground, body: Body, actor: Actor) -> dict[str, Any] | None:
    """Make ready for a supervisor; the name of the socket is a secret, on its way between processes too."""
    id = body["supervision"]
    told, key = await call.supervision.begin(id, body["mode"], body["user"], actor)
    return {"supervision": told, "key": call.services.secrets.seal(key, key_place(id)).hex()}


async def supervise_as(call: Ground, body: Body, actor: Actor) -> dict[str, Any] | None:
    """Have a supervisor be heard by others than before."""
    return {"supervision": await call.supervision.change(body["supervision"], body["mode"], actor)}


async def unsupervise(call: Ground, body: Body, actor: Actor) -> dict[str, Any] | None:
    """Send a supervisor away."""
    return {"supervision": await call.supervision.end(body["supervision"], actor)}


VERBS: Mapping[str, Verb] = {
    "hangup": Verb(hangup, talking=False),
    "leave": Verb(leave, talking=False),
    "transfer": Verb(transfer, settled=True),
    "complete": Verb(complete, talking=False),
    "cancel": Verb(cancel, talking=False),
    "hold": Verb(hold, settled=True),
    "unhold": Verb(unhold, talking=False),
    "mute": Verb(_muting(True)),
    "unmute": Verb(_muting(False)),
    "play": Verb(play),
    "stop-play": Verb(stop_play, talking=False),
    "dtmf": Verb(dtmf),
    "customer": Verb(customer),
    "record": Verb(record),
    "supervise": Verb(supervise),
    "supervise-as": Verb(supervise_as, talking=False),
    "unsupervise": Verb(unsupervise, talking=False),
}
