"""Transfers: the customer handed to somebody else by a leg of ours or by the carrier (REFER), at once or after asking.

The call's document holds the transfer that is under way as `transfer`: `to`, `mode`, `via`, `by`, and `referred` while
the carrier's answer to a REFER is awaited.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from jinaconnect.actions.calls.journal import Tell
from jinaconnect.actions.live.ground import Ground, invalid
from jinaconnect.actions.live.legs import CONSULT
from jinaconnect.actions.trunks.targets import Reached, called_number, reach
from jinaconnect.core.calls import document
from jinaconnect.core.errors import GatewayError, Invalid
from jinaconnect.telephony.switch import CUSTOMER, SwitchAway, SwitchError

# A switch does not tell what the carrier answers. Most that take a REFER end their leg; one that waits for us to end
# it looks like one that has refused.
REFER_WAIT_S = 8.0

Answered = Callable[[bool], Awaitable[None]]


class Transfers:
    """Brings the customer of a call to somebody else."""

    def __init__(self, call: Ground) -> None:
        self._call = call
        self._ivr_answer: Answered | None = None

    # ---- ordered by an IVR

    async def of_ivr(self, to: str, answered: Answered) -> None:
        """Call `to` for an IVR and connect the customer; `answered(yes)` follows."""
        call = self._call
        self._ivr_answer = answered
        if self._legs("transfer"):
            return  # given again after a restart: the leg is there
        try:
            reached = (await reach(call.services, call.journal.store, call.doc, to=to))[0]
        except GatewayError as error:
            call.journal.note("transfer_refused", {"to": to, "error": str(error.detail)}, source="system")
            call.queue.enqueue(lambda: self._ivr_told(False))
            return
        await call.journal.write(tell=[Tell("call.transferring", {"to": to, "mode": "blind"}, "ivr")])
        await call.parties.hold()
        await call.parties.add(call.parties.name("x"), reached, "transfer", actor=None)

    async def _ivr_told(self, answered: bool) -> None:
        told, self._ivr_answer = self._ivr_answer, None
        if told is not None:
            await told(answered)

    # ---- blind

    async def blind(self, reached: Reached, to: str, via: str, actor: Mapping[str, str]) -> None:
        """Hand the customer over: the carrier is asked to call `to`, or a leg of ours does and the agents leave."""
        if via == "refer" and reached.refer is None:
            raise Invalid.field("via", "the carrier cannot be asked to call this party")
        await self._begin({"to": to, "mode": "blind", "via": via}, actor)
        if reached.refer is not None and (via == "refer" or (via == "auto" and reached.takes_refer)):
            await self._by_carrier(reached, reached.refer, via, actor)
        else:
            await self._by_bridge(reached, actor)

    async def _by_carrier(self, reached: Reached, refer: str, via: str, actor: Mapping[str, str]) -> None:
        call = self._call
        await call.attendant.pause()
        await call.journal.write(set={"transfer.referred": True})
        try:
            await call.switch.refer(call.leg(CUSTOMER), refer)
        except SwitchError as error:
            call.journal.note("refer_not_sent", {"error": str(error)}, source="system")
            if not isinstance(error, SwitchAway) or not error.uncertain:
                await call.journal.write(set={"transfer.referred": False})
                await (self._by_bridge(reached, actor) if via == "auto" else self._stays(False))
                return
        call.queue.start_timer("refer", REFER_WAIT_S, self._still_here)

    async def _still_here(self) -> None:
        """The customer has not left: whether the carrier took the REFER is not known, so nobody else is called."""
        held = self._call.doc["transfer"]
        if held is not None and held.get("referred"):
            await self._stays(None)

    async def _stays(self, ok: bool | None) -> None:
        """Everybody stays as they were before the carrier was asked."""
        call = self._call
        await self._told(ok)
        if not await call.attendant.resume() and not call.parties.others():
            await call.end()

    async def _by_bridge(self, reached: Reached, actor: Mapping[str, str]) -> None:
        call = self._call
        await call.attendant.leave()
        await call.player.stop_silently()
        agents = call.parties.others()
        await call.parties.hold()
        await call.parties.add(call.parties.name("x"), reached, "transfer", actor=actor)
        for name in agents:
            await call.give(call.switch.hangup(call.leg(name)))

    async def answered(self, name: str) -> None:
        """The leg a customer is transferred to is up."""
        await self._hand_over(name)
        await self._ivr_told(True)

    async def failed(self) -> None:
        """Whom the customer was to be transferred to was not reached; without anybody else the call ends."""
        call = self._call
        await self._told(False)
        if self._ivr_answer is not None:
            await call.give(call.switch.music_on_hold(call.leg(CUSTOMER), False))
            await self._ivr_told(False)
        elif not call.parties.others():
            await call.give(call.switch.music_on_hold(call.leg(CUSTOMER), False))
            await call.end()

    # ---- after a consultation

    async def consult(self, reached: Reached, to: str, actor: Mapping[str, str]) -> str | None:
        """Call somebody for the agent while the customer hears music; returns the consultation's call."""
        call = self._call
        agents = call.parties.others()
        if not agents:
            raise invalid("There is no agent in this call who could consult.")
        await self._begin({"to": to, "mode": "attended"}, actor)
        await call.parties.hold()
        child = await call.parties.add(call.parties.name("c"), reached, "consult", actor=actor)
        await call.parties.join(CONSULT, agents)
        return child

    def _consulted(self) -> str:
        """Return the consulted leg; raises Conflict when no consultation is going on."""
        for name in self._legs("consult"):
            return name
        raise invalid("No consultation is going on.")

    def _consulting(self) -> list[str]:
        legs = self._call.legs(document.UP).items()
        return [name for name, each in legs if each["room"] == CONSULT and each["purpose"] != "consult"]

    async def complete(self) -> None:
        """Connect the customer with the consulted; the agents leave."""
        name = self._consulted()
        if not self._call.up(name):
            raise invalid("The consulted party has not answered.")
        agents = self._consulting()
        await self._hand_over(name)
        for agent in agents:
            await self._call.give(self._call.switch.hangup(self._call.leg(agent)))

    async def cancel(self) -> None:
        """End the consultation; the agent comes back to the customer when it has."""
        await self._call.give(self._call.switch.hangup(self._call.leg(self._consulted())))

    async def consult_over(self) -> None:
        """The consulted party is gone."""
        await self._told(False)
        agents = self._consulting()
        if agents:
            await self._call.parties.resume(agents)
            await self._call.journal.write(set={"held": False})
        else:
            await self._call.end()

    async def taken_over(self) -> bool:
        """An agent has left: where they were consulting alone, the customer gets the consulted party."""
        names = self._legs("consult")
        if not names or self._consulting():
            return False
        if self._call.up(names[0]):
            await self._hand_over(names[0])
        else:
            await self._call.journal.write(set={f"legs.{names[0]}.purpose": "transfer"})
        return True

    # ---- asked for by a party

    async def asked(self, name: str, to: str) -> None:
        """A party asks to be transferred away (REFER): the customer is connected with whom it names, and it leaves.

        Declined where that cannot be, so that everybody stays: a customer has nobody to hand over, and one call is
        never put together with another (a telephone's own attended transfer).
        """
        call = self._call
        try:
            reached = await self._wanted(name, to)
        except GatewayError as error:
            call.journal.note("transfer_refused", {"leg": name, "to": to, "error": str(error.detail)}, source="sip")
            await call.give(call.switch.answer_transfer(call.leg(name), False))
            return
        await call.give(call.switch.answer_transfer(call.leg(name), True))
        each = call.doc["legs"][name]
        by = {"type": "user", "id": each["user"]} if each["user"] else {"type": "carrier", "id": name}
        await self.blind(reached, reached.number or to, "bridge", by)

    async def _wanted(self, name: str, to: str) -> Reached:
        """Return whom a party names; raises GatewayError where it may not be done."""
        call = self._call
        if name == CUSTOMER or name not in call.parties.others() or not call.up(CUSTOMER):
            raise invalid("Only somebody who talks with the customer can hand them over.")
        if call.doc["transfer"] is not None:
            raise invalid("A transfer is going on.")
        if not to:
            raise invalid("Two calls cannot be put together.")
        trunk = await call.journal.store.find("trunks", str(call.doc["provider_config"]))
        number = to if trunk is None or trunk.get("deleted_at") else called_number(call.services, trunk, to)
        return (await reach(call.services, call.journal.store, call.doc, to=number))[0]

    # ---- the end, and a restart

    async def over(self) -> None:
        """The customer is going: where the carrier was asked to transfer them, it has."""
        self._ivr_answer = None
        held = self._call.doc["transfer"]
        if held is not None:
            await self._told(bool(held.get("referred")))

    async def adopt(self) -> None:
        """After a restart: an awaited answer of the carrier is awaited again."""
        held = self._call.doc["transfer"]
        if held is not None and held.get("referred"):
            self._call.queue.start_timer("refer", REFER_WAIT_S, self._still_here)

    # ---- what they share

    def _legs(self, purpose: str) -> list[str]:
        live = self._call.legs(document.DIALING, document.RINGING, document.UP)
        return [name for name, each in live.items() if each["purpose"] == purpose and not each.get("joined")]

    async def _begin(self, what: Mapping[str, Any], actor: Mapping[str, str]) -> None:
        tell = Tell("call.transferring", what, "agent", actor)
        await self._call.journal.write(tell=[tell], set={"transfer": {**what, "by": dict(actor)}})

    async def _hand_over(self, name: str) -> None:
        """Bring the customer together with a new party; holds and mutes of the conversation before are over."""
        call = self._call
        await call.journal.write(set={f"legs.{name}.purpose": "transfer", f"legs.{name}.joined": True})
        await call.player.stop_silently()
        await call.parties.resume([name])
        if "customer" in call.doc["muted"]:
            await call.give(call.switch.mute(call.leg(CUSTOMER), "in", False))
        await call.parties.bridged([name])
        await self._told(True, held=False, muted=[])

    async def _told(self, ok: bool | None, **changes: Any) -> None:
        held = self._call.doc["transfer"] or {}
        tell = Tell("call.transferred", {"ok": ok, **{k: held[k] for k in ("to", "mode") if k in held}})
        await self._call.journal.write(tell=[tell], set={"transfer": None, **changes})
