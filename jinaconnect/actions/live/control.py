"""Calls on switches of ours, as placing, verbs and completion see them (`actions.ports.CallControl`)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jinaconnect.actions.context import Services
from jinaconnect.actions.live.fleet import Fleet
from jinaconnect.actions.ports import Answer, RecordingMissing, Standing
from jinaconnect.actions.trunks.health import carrier_standing
from jinaconnect.core.calls.transcript import Heard
from jinaconnect.core.errors import CarrierFailed
from jinaconnect.store.databases.mongo import Document
from jinaconnect.telephony.switch import LegGone, SwitchError, Take

_SERVER_DOWN = Standing(False, "asterisk_down", "The telephony server is not connected.", 5)


class LiveCalls:
    """Leads to the owner of the switch that carries a call."""

    def __init__(self, services: Services, fleet: Fleet) -> None:
        self._services = services
        self._fleet = fleet

    async def standing(self, account: Document) -> Standing:
        """Tell whether the trunk's switch is connected and its carrier answers."""
        if not await self._fleet.standing(account["asterisk"]):
            return _SERVER_DOWN
        return await carrier_standing(self._services, account)

    def place(self, call: Document) -> None:
        """Have the owner dial; one elsewhere finds the call by itself within a second."""
        self._fleet.kick(call)

    async def order(
        self, call: Document, action: str, body: Mapping[str, Any], actor: Mapping[str, str], id: str
    ) -> Answer:
        """Have the owner's live call do it."""
        return await self._fleet.order(call, action, body, actor, id)

    async def recording(self, call: Document, name: str, take: Take) -> None:
        """Fetch the file the switch has of a recording."""
        try:
            await self._fleet.switch(call["carried_by"]).recording(name, take)
        except LegGone as error:
            raise RecordingMissing(name) from error
        except SwitchError as error:
            raise CarrierFailed(f"the recording cannot be fetched: {error}") from error

    async def written_down(self, call: Document, at: str) -> Heard:
        """Have nothing: a switch of ours writes nothing down."""
        raise RecordingMissing(at)

    async def forget_recording(self, call: Document, name: str) -> None:
        """Remove the file from the switch."""
        try:
            await self._fleet.switch(call["carried_by"]).forget_recording(name)
        except SwitchError as error:
            raise CarrierFailed(f"the recording stays on its switch: {error}") from error
