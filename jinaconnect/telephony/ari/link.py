"""The persistent link to one Asterisk: connect, take stock, hear; and again after every break.

Events are read from the moment of the connection and kept until stock was taken, so nothing falls between the two.
"""

from __future__ import annotations

import asyncio
import random
from collections import deque
from datetime import datetime, timedelta

import structlog

from jinaconnect.core.calls import reconcile
from jinaconnect.core.clock import Clock
from jinaconnect.core.errors import GatewayError
from jinaconnect.store.ending import ended
from jinaconnect.telephony.ari.errors import AriError
from jinaconnect.telephony.ari.event_types import StasisStart
from jinaconnect.telephony.ari.events import AriEvents
from jinaconnect.telephony.ari.switch import AriSwitch
from jinaconnect.telephony.switch import Break, Keeper, SwitchError

CONNECTING, CONNECTED, LOST = "connecting", "connected", "lost"

PAUSES_S = (0.1, 0.25, 0.5, 1.0, 2.0)
AUDIT_S = 10.0
PING_S, PONG_S = 3.0, 3.0

logger = structlog.get_logger(__name__)


class Link:
    """Keeps the connection to one Asterisk until cancelled."""

    def __init__(self, switch: AriSwitch, keeper: Keeper, clock: Clock) -> None:
        self._switch = switch
        self._keeper = keeper
        self._clock = clock
        self.state = CONNECTING
        self.since = clock()
        self.version = ""
        self.started_at: datetime | None = None
        self.last_event_at: datetime | None = None
        self._breaks: deque[datetime] = deque(maxlen=1000)
        self._broken_at: datetime | None = None
        self._reason = "start"

    @property
    def reconnects_24h(self) -> int:
        """How often the link broke in the last day."""
        since = self._clock() - timedelta(hours=24)
        return sum(1 for moment in self._breaks if moment > since)

    async def run(self) -> None:
        """Keep the link."""
        tries = 0
        while True:
            try:
                events = await AriEvents.connect(
                    self._switch.client, self._switch.app, ping_s=PING_S, pong_s=PONG_S, now=self._clock
                )
            except AriError as error:
                logger.info("ari.away", asterisk=self._switch.name, error=str(error))
                # Chance keeps many gateways from knocking at one moment.
                await asyncio.sleep(PAUSES_S[min(tries, len(PAUSES_S) - 1)] * (0.75 + random.random() / 2))
                tries += 1
                continue
            try:
                if await self._taken_stock(events):
                    tries = 0
                    await self._listen(events)
                else:
                    tries += 1
                    await asyncio.sleep(PAUSES_S[min(tries, len(PAUSES_S) - 1)])
            finally:
                await events.close()
                await self._note_loss(events)

    async def _taken_stock(self, events: AriEvents) -> bool:
        try:
            async with asyncio.timeout(30):
                info = await self._switch.client.info()
                snapshot = await self._snapshot(events)
        except (AriError, TimeoutError) as error:
            logger.info("ari.no_stock", asterisk=self._switch.name, error=str(error))
            return False
        started = info.status.startup_time if info.status else None
        restart = self.started_at is not None and started != self.started_at
        self.version, self.started_at = (info.system.version if info.system else ""), started
        self._switch.signals.forget_all()
        gap = (self._clock() - self._broken_at) / timedelta(milliseconds=1) if self._broken_at else 0
        try:
            await self._keeper.connected(snapshot, Break(self._reason, int(gap), restart))
        except (GatewayError, SwitchError) as error:
            logger.warning("ari.not_reconciled", asterisk=self._switch.name, error=str(error))
            return False
        self.state, self.since, self._broken_at = CONNECTED, self._clock(), None
        return True

    async def _snapshot(self, events: AriEvents) -> reconcile.Snapshot:
        client = self._switch.client
        taken_at = self._clock()
        bridges = await client.bridges.list()
        channels = await client.channels.list()
        ours = await self._own_channels()
        arriving = frozenset(each.channel.id for each in events.pending() if isinstance(each, StasisStart))
        return reconcile.Snapshot(
            taken_at=taken_at,
            channels=tuple(reconcile.Channel(c.id, c.state, c.id in ours) for c in channels),
            bridges=tuple(bridge.id for bridge in bridges),
            arriving=arriving,
        )

    async def _own_channels(self) -> frozenset[str]:
        application = await self._switch.client.applications.get(self._switch.app)
        return frozenset(application.channel_ids)

    async def _listen(self, events: AriEvents) -> None:
        audits = asyncio.create_task(self._audit(events))
        try:
            async for event in events:
                self.last_event_at = events.last_event_at
                signal = self._switch.signals.of(event)
                if signal is not None:
                    self._keeper.hear(signal)
        finally:
            await ended((audits,))

    async def _audit(self, events: AriEvents) -> None:
        while True:
            await asyncio.sleep(AUDIT_S)
            try:
                await self._keeper.audit(await self._snapshot(events))
            except (AriError, GatewayError, SwitchError) as error:
                logger.info("ari.audit_skipped", asterisk=self._switch.name, error=str(error))

    async def _note_loss(self, events: AriEvents) -> None:
        reason = events.closed.reason if events.closed else "left"
        if self.state == CONNECTED:
            self.state, self.since = LOST, self._clock()
            self._broken_at = events.last_event_at or self._clock()
            self._breaks.append(self._clock())
            self._reason = reason
            if reason != "left":
                await self._keeper.lost(reason)
