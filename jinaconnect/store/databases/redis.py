"""Redis as a bell between processes: wake-ups, presence leases, shared counters, withdrawn access.

Nothing in it is truth. Every call has a short deadline and says None when Redis is away; readers fall back to the
database and look there more often (`healthy` is False).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import structlog
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from jinaconnect.store.databases.commands import DEADLINE_S, Commands
from jinaconnect.store.ending import ended

CHANNEL = "jc:wake"
ADDRESSED = "jc:to:"  # and the name of the process that listens there alone
RETRY_S = 0.5
QUIET_S, LOOK_S, LOOKS = 2.0, 0.5, 3  # after so long a sign of life is asked for, and looked for so often

_HOLD = """
redis.call('HSET', KEYS[1], unpack(ARGV, 2))
return redis.call('EXPIRE', KEYS[1], ARGV[1])
"""
_TAKE = """
local used, granted = {}, true
for i, key in ipairs(KEYS) do
  used[i] = tonumber(redis.call('GET', key) or '0') + 1
  if used[i] > tonumber(ARGV[i]) then granted = false end
end
if granted then
  for i, key in ipairs(KEYS) do
    if redis.call('INCR', key) == 1 then redis.call('EXPIRE', key, ARGV[#KEYS + i]) end
  end
end
return used
"""
# The next turn's time in microseconds of Redis's clock; as a whole number, which its own form of large ones is not.
_TURN = """
local t = redis.call('TIME')
local now = t[1] * 1000000 + t[2]
local at = math.max(now, tonumber(redis.call('GET', KEYS[1]) or '0'), tonumber(redis.call('GET', KEYS[2]) or '0'))
local following = at + tonumber(ARGV[1])
redis.call('SET', KEYS[1], string.format('%.0f', following), 'PX', math.floor((following - now) / 1000) + 1000)
return string.format('%.0f', at - now)
"""
_HOLD_TURNS = """
local t = redis.call('TIME')
local at = t[1] * 1000000 + t[2] + tonumber(ARGV[1])
if at > tonumber(redis.call('GET', KEYS[1]) or '0') then
  redis.call('SET', KEYS[1], string.format('%.0f', at), 'PX', math.floor(tonumber(ARGV[1]) / 1000) + 1)
end
return 1
"""

logger = structlog.get_logger(__name__)
Heard = Callable[[str], None]


class RedisLink:
    """One connection for commands and one subscription per process."""

    def __init__(self, url: str, process: str) -> None:
        # The client's own retries are off: they outlast our deadlines, and a subscription that comes back by itself
        # would hide that bells were missed.
        self._redis: Redis = Redis.from_url(
            url, decode_responses=True, socket_connect_timeout=DEADLINE_S, retry=Retry(NoBackoff(), 0)
        )
        self._commands = Commands(self._redis)
        self._own_channel = ADDRESSED + process
        self._task: asyncio.Task[None] | None = None
        self.healthy = False
        self.heard: list[Heard] = []
        self.addressed: list[Heard] = []
        self.recovered: list[Callable[[], None]] = []

    async def start(self) -> None:
        """Begin to listen; returns at once, also when Redis is away."""
        self._task = asyncio.create_task(self._listen())

    async def stop(self) -> None:
        """Stop listening and close."""
        if self._task is not None:
            await ended((self._task,))
        await self._commands.close()
        await self._redis.aclose()

    async def _listen(self) -> None:
        while True:
            try:
                async with self._redis.pubsub() as pubsub:
                    await pubsub.subscribe(CHANNEL, self._own_channel)
                    self.healthy = True
                    self._commands.is_back()
                    logger.info("redis.connected")
                    for recovered in self.recovered:
                        recovered()
                    await self._receive(pubsub)
            except (RedisError, OSError, TimeoutError) as error:
                if self.healthy:
                    logger.warning("redis.lost", error=str(error))
            except Exception:  # whatever it was, listening goes on
                logger.exception("redis.listener_failed")
            finally:
                self.healthy = False
            await asyncio.sleep(RETRY_S)

    async def _receive(self, pubsub: Any) -> None:
        clock = asyncio.get_running_loop().time
        heard_at, looks = clock(), 0
        while True:
            message = await pubsub.get_message(timeout=LOOK_S if looks else QUIET_S)
            if message is None:
                if looks == LOOKS:
                    raise TimeoutError("it gives no sign of life")
                if looks:
                    looks += 1
                elif clock() - heard_at >= QUIET_S:  # a frozen server keeps its connections
                    await pubsub.ping()
                    looks = 1
                continue
            heard_at, looks = clock(), 0
            if message["type"] != "message":
                continue  # that it listens, or a sign of life
            for heard in self.heard if message["channel"] == CHANNEL else self.addressed:
                try:
                    heard(message["data"])
                except Exception:  # one message that is not understood takes nobody else's with it
                    logger.exception("redis.message_failed")

    async def ring(self, text: str) -> bool:
        """Tell all processes; returns False when Redis did not take it."""
        return await self._commands.ask("PUBLISH", CHANNEL, text) is not None

    async def take(self, keys: Sequence[str], limits: Sequence[int], ttls_s: Sequence[int]) -> list[int] | None:
        """Raise counters that expire, all of them or none where one would pass its limit; None when Redis is away.

        Returns what each counts with this use.
        """
        found = await self._commands.ask("EVAL", _TAKE, len(keys), *keys, *limits, *ttls_s)
        return None if found is None else [int(count) for count in found]

    async def turn(self, key: str, apart_us: int) -> int | None:
        """Take the next turn of a key; returns the microseconds until then, None when Redis is away."""
        found = await self._commands.ask("EVAL", _TURN, 2, key, f"{key}:held", apart_us)
        return None if found is None else int(found)

    async def hold_turns(self, key: str, us: int) -> bool:
        """Have no turn of a key begin before so many microseconds are over; False when Redis did not take it."""
        return await self._commands.ask("EVAL", _HOLD_TURNS, 1, f"{key}:held", us) is not None

    async def turns_held(self, key: str) -> int | None:
        """Return the milliseconds a key is still held, below zero for none; None when Redis is away."""
        found = await self._commands.ask("PTTL", f"{key}:held")
        return None if found is None else int(found) - 1  # it is kept a millisecond longer than it holds

    async def tell(self, process: str, text: str) -> bool:
        """Tell one process; returns False when it does not listen, or Redis did not take it."""
        return bool(await self._commands.ask("PUBLISH", ADDRESSED + process, text))

    async def claim(self, key: str, holder: str, ttl_s: int) -> str | None:
        """Hold a lease that nobody else holds, or renew one's own; returns its holder, None when Redis is away."""
        script = (
            "local h=redis.call('GET',KEYS[1]) if h and h~=ARGV[1] then return h end "
            "redis.call('SET',KEYS[1],ARGV[1],'EX',ARGV[2]) return ARGV[1]"
        )
        holder_now = await self._commands.ask("EVAL", script, 1, key, holder, ttl_s)
        return None if holder_now is None else str(holder_now)

    async def end_claim(self, key: str, holder: str) -> None:
        """End a lease if it is this holder's."""
        script = "if redis.call('GET',KEYS[1])==ARGV[1] then return redis.call('DEL',KEYS[1]) end return 0"
        await self._commands.ask("EVAL", script, 1, key, holder)

    async def hold(self, key: str, fields: Mapping[str, str], ttl_s: int) -> bool:
        """Keep fields of a hash for a while (presence); False when Redis did not take them."""
        pairs = [part for field, value in fields.items() for part in (field, value)]
        return await self._commands.ask("EVAL", _HOLD, 1, key, ttl_s, *pairs) is not None

    async def drop(self, key: str, fields: Sequence[str]) -> None:
        """Remove fields of a hash."""
        if fields:
            await self._commands.ask("HDEL", key, *fields)

    async def all(self, key: str) -> dict[str, str] | None:
        """Return a hash; None when Redis is away."""
        found = await self._commands.ask("HGETALL", key)
        if found is None:
            return None
        return dict(found) if isinstance(found, dict) else dict(zip(found[::2], found[1::2], strict=True))
