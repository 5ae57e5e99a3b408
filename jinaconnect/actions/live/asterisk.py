"""An Asterisk as its owner has it: the link, the trunks pushed to it and watched."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import structlog

from jinaconnect.actions.context import Services
from jinaconnect.actions.live.driver import SwitchKeeper, Work
from jinaconnect.actions.ports import Probe
from jinaconnect.actions.trunks.pushing import Pusher
from jinaconnect.actions.trunks.state import UNKNOWN, UNREGISTERED
from jinaconnect.actions.trunks.watching import TrunkWatch
from jinaconnect.config import Asterisk
from jinaconnect.core.errors import Conflict, Unavailable
from jinaconnect.telephony.ari.client import AriClient
from jinaconnect.telephony.ari.errors import AriError, AriNotFound, AriRefused
from jinaconnect.telephony.ari.link import CONNECTED, Link
from jinaconnect.telephony.ari.switch import AriSwitch
from jinaconnect.telephony.trunks.pjsip import ConfigObject, device_endpoint_id
from jinaconnect.telephony.trunks.probe import Contacts

PUSH_S = 10.0

logger = structlog.get_logger(__name__)


class AsteriskDriver:
    """Drives one Asterisk."""

    def __init__(self, services: Services, settings: Asterisk) -> None:
        self._services = services
        client = AriClient(settings.url, settings.user, settings.password)
        self.switch = AriSwitch(settings.name, client, settings.app, services.clock)
        self.pusher: Pusher | None = None
        self._link: Link | None = None
        self._watch: TrunkWatch | None = None

    def work(self, keeper: SwitchKeeper, lasts: Callable[[], bool]) -> Sequence[Work]:
        """Keep the link, push what changes, watch the trunks."""
        self.switch.permitted = lasts
        self._link = Link(self.switch, keeper, self._services.clock)
        self.pusher = Pusher(self._services, self.switch.name, self.switch.client)
        return [self._link.run(), self._push(self.pusher, keeper), self._watched(self.pusher)]

    def let_go(self) -> None:
        """Have neither link nor pusher."""
        self._link = self.pusher = None

    async def _push(self, pusher: Pusher, keeper: SwitchKeeper) -> None:
        while True:
            await asyncio.sleep(PUSH_S)
            if keeper.hold.lasts and keeper.connected_now:
                try:
                    await pusher.changes()
                except Unavailable:
                    continue

    async def _watched(self, pusher: Pusher) -> None:
        switch = self.switch
        watch = self._watch = TrunkWatch(self._services, switch.name, switch.client, switch.app, pusher.renew)
        try:
            await watch.start()
            await asyncio.Event().wait()
        finally:
            self._watch = None
            await watch.stop()

    def report(self, keeper: SwitchKeeper) -> Mapping[str, Any]:
        """Return version, link and how fast requests are."""
        link = self._link
        if link is None:
            return {}
        times = self.switch.client.request_times()
        return {
            "version": link.version, "started_at": link.started_at, "channels": keeper.channels,
            "link": {"state": link.state, "since": link.since, "reconnects_24h": link.reconnects_24h,
                     "last_event_at": link.last_event_at},
            "request_ms": {"p50": times.p50_ms, "p99": times.p99_ms},
            **({} if link.state == CONNECTED else {"status": "down"}),
        }  # fmt: skip

    def poke(self, trunk: str) -> None:
        """Look at a changed trunk anew."""
        if self._watch is not None:
            self._watch.poke(trunk)

    def call_in(self, called: str, caller: str, endpoint: str, digits: str) -> str:
        """Nobody is simulated here."""
        raise Conflict("Nobody can be simulated on this switch.", code="unsupported")

    async def device_state(self, device: str) -> str:
        """Ask Asterisk."""
        try:
            endpoint = await self.switch.client.endpoints.get(device_endpoint_id(device))
        except AriNotFound:
            return "unregistered"
        except AriError:
            return "unknown"
        return "registered" if endpoint.state == "online" else "unregistered"

    async def probe(self, objects: Sequence[ConfigObject], registration: tuple[str, str] | None) -> Probe:
        """Ask a trunk's carrier; raises Unavailable."""
        try:
            # Asking needs no part of the switch's owner, so any process may, on a connection of its own.
            async with await Contacts.connect(self.switch.client, self.switch.app, self._services.clock) as contacts:
                found = await contacts.probe(objects)
            state = None if registration is None else await self._registered(registration)
        except AriError as error:
            logger.info("probe.away", asterisk=self.switch.name, error=str(error))
            raise Unavailable("The telephony server does not answer.", code="asterisk_down", retry_after=5) from error
        return Probe(found.ok, found.rtt_ms, state)

    async def _registered(self, uris: tuple[str, str]) -> str:
        """Return how the registration with these (client, server) addresses stands."""
        try:
            found = await self.switch.client.registrations()
        except AriRefused as error:
            logger.info("probe.no_registrations", asterisk=self.switch.name, error=str(error))
            return UNKNOWN
        states = [each.state for each in found if (each.client_uri, each.server_uri) == uris]
        return states[0] if states else UNREGISTERED

    async def close(self) -> None:
        """Close the connections for requests."""
        await self.switch.client.close()
