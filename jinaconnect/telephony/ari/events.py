"""The connection that events come over: read in one task, handled elsewhere.

Asterisk buffers nothing for a listener that is away and drops one that reads slowly, so this object reads as fast as
frames come into a bounded queue, and ends, with a reason, whenever it can no longer promise that nothing was missed.
Connecting again and asking for the present state is the business of who holds it.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections import Counter, deque
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import datetime
from typing import Literal, NamedTuple
from urllib.parse import quote

import websockets
from websockets.asyncio.client import ClientConnection, connect

from jinaconnect.core.clock import system_clock
from jinaconnect.telephony.ari.client import AriClient
from jinaconnect.telephony.ari.errors import AriTimeout, AriUnreachable, refusal
from jinaconnect.telephony.ari.event_types import ApplicationReplaced, KnownEvent, UnknownEvent, parse_event

Received = KnownEvent | UnknownEvent

QUIET_TYPES = ("ChannelVarset", "ChannelDialplan")

# The library writes request headers, and with them the password, at level DEBUG: this logger never lets them out.
_log = logging.getLogger("jinaconnect.ari.socket")
_log.setLevel(logging.INFO)

received: Counter[str] = Counter()  # events this process was told, by type


class Closed(NamedTuple):
    """Why the connection ended.

    `left`: we closed it. `replaced`: another connection took the application. `silent`: no answer to pings.
    `overrun`: events came faster than they were taken. `lost`: Asterisk ended, or the connection broke.
    """

    reason: Literal["left", "replaced", "silent", "overrun", "lost"]
    detail: str


class AriEvents:
    """Events of one or more applications, in order; iterate until it ends, then look at `closed`."""

    def __init__(self, socket: ClientConnection, queue_size: int, now: Callable[[], datetime]) -> None:
        self._socket = socket
        self._waiting: deque[Received] = deque()
        self._most = queue_size
        self._arrival = asyncio.Event()
        self._now = now
        self._ended = asyncio.Event()
        self.closed: Closed | None = None
        self.connected_at = now()
        self.last_event_at: datetime | None = None
        self.received = 0
        self._reader = asyncio.create_task(self._read())

    @classmethod
    async def connect(
        cls, client: AriClient, *apps: str, subscribe_all: bool = False, disallow: Sequence[str] = QUIET_TYPES,
        queue_size: int = 20_000, open_s: float = 5.0, ping_s: float = 5.0, pong_s: float = 5.0,
        now: Callable[[], datetime] = system_clock,
    ) -> AriEvents:  # fmt: skip
        """Connect, serve `apps` and keep events of the types `disallow` away.

        A connection whose peer does not answer a ping within `pong_s` ends as `silent`, so a frozen Asterisk is
        noticed within `ping_s + pong_s` seconds. Raises AriUnreachable, AriTimeout, AriDenied, AriRefused.
        """
        base = client.http.base_url
        url = (
            "ws" + base.removeprefix("http") + "/ari/events"
            f"?app={quote(','.join(apps), safe='')}&subscribeAll={'true' if subscribe_all else 'false'}"
        )
        try:
            socket = await connect(
                url, additional_headers={"Authorization": client.http.authorization}, open_timeout=open_s,
                ping_interval=ping_s, ping_timeout=pong_s, close_timeout=1.0, max_size=8 << 20, max_queue=64,
                compression=None, proxy=None, logger=_log, user_agent_header=None,
                ssl=ssl.create_default_context() if url.startswith("wss:") else None,
            )  # fmt: skip
        except TimeoutError:
            raise AriTimeout(f"events: no answer in {open_s:g} s", deadline_s=open_s) from None
        except websockets.InvalidStatus as error:
            answer = error.response
            raise refusal("GET /events", answer.status_code, answer.reason_phrase) from None
        except (OSError, websockets.InvalidHandshake) as error:
            raise AriUnreachable(f"events: no connection ({type(error).__name__})") from None
        events = cls(socket, queue_size, now)
        try:
            for app in apps if disallow else ():
                await client.applications.disallow(app, disallow)
        except BaseException:
            await events.close()
            raise
        return events

    @property
    def waiting(self) -> int:
        """How many events were read and not taken yet."""
        return len(self._waiting)

    def pending(self) -> tuple[Received, ...]:
        """Return the events that were read and not taken yet."""
        return tuple(self._waiting)

    async def close(self) -> None:
        """End the connection; events already read can still be taken."""
        self._end(Closed("left", "closed by us"))
        await self._socket.close()
        await self._reader

    async def wait_closed(self) -> Closed:
        """Return the reason once the connection has ended."""
        await self._ended.wait()
        assert self.closed is not None
        return self.closed

    def __aiter__(self) -> AsyncIterator[Received]:
        return self._taken()

    async def _taken(self) -> AsyncIterator[Received]:
        while True:
            while self._waiting:
                yield self._waiting.popleft()
            if self.closed is not None:
                return
            self._arrival.clear()
            await self._arrival.wait()

    async def _read(self) -> None:
        try:
            async for frame in self._socket:
                if len(self._waiting) >= self._most:
                    self._end(Closed("overrun", f"{self._most} events were waiting"))
                    break
                self.last_event_at = self._now()
                self.received += 1
                event = parse_event(frame)
                received[event.type] += 1
                self._waiting.append(event)
                self._arrival.set()
                if isinstance(event, ApplicationReplaced):
                    self._end(Closed("replaced", f"another connection took {event.application}"))
                    break
            self._end(Closed("lost", "Asterisk closed the connection"))
        except websockets.ConnectionClosedError as error:
            silent = error.sent is not None and error.sent.reason == "keepalive ping timeout"
            self._end(Closed("silent" if silent else "lost", str(error)))
        finally:
            await self._socket.close()

    def _end(self, closed: Closed) -> None:
        if self.closed is None:
            self.closed = closed
            self._ended.set()
            self._arrival.set()
