"""`GET /ws/sound/`: the sound of a call that is supervised, and what the supervisor says, over one WebSocket.

A binary message is 20 ms of sound (16 kHz, 16 bits, little-endian, mono). A text message tells who hears the
supervisor, or that it is over: the socket takes both from the log of events, so it says what stands there.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any

import orjson
import structlog
from tornado.websocket import WebSocketClosedError

from jinaconnect.actions.calls.supervising import PERMISSION, redeemed
from jinaconnect.actions.context import Services
from jinaconnect.actions.ports import Ports
from jinaconnect.core.errors import (
    GatewayError,
    NotAuthenticated,
    PermissionDenied,
    Throttled,
    TokenExpired,
    Unavailable,
)
from jinaconnect.core.principal import Principal
from jinaconnect.handlers.edge import metrics
from jinaconnect.handlers.edge.stream import READ_LIMIT, Upgrade
from jinaconnect.handlers.edge.websocket import StrictProtocol
from jinaconnect.realtime import protocol
from jinaconnect.realtime.hub import Feed
from jinaconnect.realtime.sound import FRAME_BYTES, FrameQueue, PlayClock, keep_little
from jinaconnect.store.ending import ended
from jinaconnect.telephony.switch import LegGone, Sound, SwitchError

OVER = 1000
LOOK_S = 15.0
_TOLD = "call.supervision_"
_ENDED = f"{_TOLD}ended"

logger = structlog.get_logger(__name__)


class SoundHandler(Upgrade):
    """One supervisor's socket (`realtime.live.Door`)."""

    def initialize(self, services: Services, ports: Ports, origins: frozenset[str]) -> None:
        """Have nothing open yet."""
        super().initialize(services, ports, origins)
        self.counted: Principal | None = None
        self._token = self._ip = ""
        self._principal: Principal | None = None
        self._heard_at = asyncio.get_running_loop().time()
        self._tasks: list[asyncio.Task[None]] = []
        self._down, self._up = FrameQueue(), FrameQueue()
        self._speaks = False

    def get_websocket_protocol(self) -> StrictProtocol | None:
        """Speak RFC 6455 (version 13) with our close codes."""
        if self.request.headers.get("Sec-WebSocket-Version") != "13":
            return None
        return StrictProtocol(self, READ_LIMIT, self.close, binary=True)

    async def open(self, *args: str, **kwargs: str) -> None:
        """Begin with what the ticket stands for."""
        self.set_nodelay(True)
        assert self.ws_connection is not None
        stream = self.ws_connection.stream
        assert stream is not None
        keep_little(stream.socket)
        metrics.SOCKETS.inc()
        self._ip = self.request.remote_ip or ""
        self._spawn(self._run(self.get_query_argument("ticket", "")))

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        self._tasks = [task for task in self._tasks if not task.done()]
        self._tasks.append(asyncio.create_task(work))

    async def _run(self, ticket: str) -> None:
        try:
            held = await self._ports.rates.guarded(self._let_in(ticket), self._ip)
            await self._carry(held)
        except Throttled:
            self.close(protocol.RATE)
        except NotAuthenticated:
            self.close(protocol.NOT_AUTHENTICATED)
        except PermissionDenied:
            self.close(protocol.WITHDRAWN)
        except LegGone:
            self.close(OVER, "it is over")
        except (GatewayError, SwitchError) as error:
            logger.info("sound.away", error=str(error))
            self.close(protocol.AWAY)

    async def _let_in(self, ticket: str) -> dict[str, str]:
        held = await redeemed(self._services, ticket)
        self._token = held["token"]
        principal = self._principal = await self._ports.auth.from_token(self._token, self._ip)
        principal.require(PERMISSION)
        return held

    async def _carry(self, held: dict[str, str]) -> None:
        principal = self._principal
        assert principal is not None
        if not self._live.admit(self, principal):
            return self.close(protocol.TOO_MANY)
        feed = await self._ports.hub.enter(principal.scope)
        try:
            position = feed.tip
            sound = await self._ports.switches.switch(held["switch"]).sound(held["key"])
            ways = [
                asyncio.create_task(way)
                for way in (
                    self._take(sound), self._send(), self._speak(sound), self._tell(feed, position, held["supervision"])
                )
            ]  # fmt: skip
            try:
                await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
                if not ways[1].done():  # the sound has ended: why, stands in the log by now, or in a moment
                    await asyncio.wait(ways[3:], timeout=LOOK_S)
            finally:
                await ended(ways)
                await sound.close()
        finally:
            self._ports.hub.exit(feed)
            self.close(OVER, "it is over")

    # ---- sound

    async def _take(self, sound: Sound) -> None:
        async for frame in sound:
            self._down.put(frame)

    async def _send(self) -> None:
        with suppress(WebSocketClosedError):
            while True:
                await self.write_message(await self._down.get(), binary=True)

    async def _speak(self, sound: Sound) -> None:
        clock = PlayClock()
        with suppress(LegGone):
            while True:
                await sound.send(await self._up.get_in_time(clock))

    async def on_message(self, message: str | bytes) -> None:
        """Take 20 ms of what the supervisor says; nothing else means anything here."""
        if not isinstance(message, bytes) or len(message) != FRAME_BYTES:
            self.close(protocol.VIOLATION)
        elif self._speaks:
            self._up.put(message)

    # ---- words

    async def _tell(self, feed: Feed, position: int, supervision: str) -> None:
        """Tell who hears the supervisor, whenever that changes; returns when it is over."""
        name = supervision.encode()
        while True:
            for event in await feed.page(position, 100):
                position = event.seq
                if not event.type.startswith(_TOLD) or name not in event.json:
                    continue
                data = orjson.loads(event.json)["data"]
                if data["supervision"] != supervision:
                    continue
                over = event.type == _ENDED
                self._speaks = not over and data["heard_by"] != "nobody"
                if not self._speaks:
                    self._up.clear()
                told = {"type": "supervision", "id": supervision, "mode": data["mode"], "heard_by": data["heard_by"]}
                with suppress(WebSocketClosedError):
                    await self.write_message(orjson.dumps({**told, "ended": data["reason"] if over else None}))
                if over:
                    return
            if position >= feed.tip:
                await feed.wait(LOOK_S)

    # ---- a door among others

    def recheck(self) -> None:
        """Look again at what the supervisor may do."""
        self._spawn(self._recheck())

    async def _recheck(self) -> None:
        principal = self._principal
        if principal is None:
            return
        try:
            (await self._again(principal)).require(PERMISSION)
        except Unavailable:
            self._live.unsure.add(self)  # the look is repeated
        except GatewayError:
            self.close(protocol.WITHDRAWN)

    async def _again(self, principal: Principal) -> Principal:
        try:
            return await self._live.again(self._token, self._ip)
        except TokenExpired:  # a token is good for minutes, a call may last longer: what counts is what they may do
            if principal.kind == "system":
                raise
            return await self._ports.auth.standing(principal.kind, principal.id, principal.tenant, principal.mode)

    def beat(self, silent_since: float) -> None:
        """Ping the client; close if it has been silent since then."""
        if self._heard_at < silent_since:
            self.close(protocol.SILENT)
        elif self.ws_connection is not None and not self.ws_connection.is_closing():
            self.ping(b"")

    def on_pong(self, data: bytes) -> None:
        """Note that the client lives."""
        self._heard_at = asyncio.get_running_loop().time()

    def on_close(self) -> None:
        """Let go of everything; the end of the sound's socket tells the call that the supervisor has left."""
        metrics.SOCKETS.dec()
        self._live.forget(self)
        for task in self._tasks:
            task.cancel()
