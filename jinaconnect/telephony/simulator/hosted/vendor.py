"""What simulated carriers share: a call from the dialling to the report of its end, beside what is asked of it."""

from __future__ import annotations

import asyncio
import secrets
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, ClassVar
from urllib.parse import parse_qsl, urlsplit

import orjson
import structlog

from jinaconnect.outbound import Fetched, Outbound, OutboundError
from jinaconnect.telephony.audio import RATE, wav
from jinaconnect.telephony.simulator.hosted.party import Party
from jinaconnect.telephony.simulator.numbers import behaviour
from jinaconnect.telephony.simulator.walkers.line import CallerGone

RING_S, ANSWER_S = 0.2, 0.3
BUSY, REJECTED = 17, 21
PRICE = Decimal("0.01")

logger = structlog.get_logger(__name__)


@dataclass(slots=True)
class World:
    """What all simulated carriers have: the way to the gateway, the secrets, what coming calls' parties press."""

    loopback: Outbound
    own_url: str
    secret_of: Callable[[str], str]
    pace: float
    keys: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Asked:
    """A request to a carrier: its path behind the account's base, and its body."""

    method: str
    url: str
    path: list[str]
    account: str
    json: Any
    data: Any

    @property
    def form(self) -> dict[str, str]:
        """The form in it."""
        return dict(parse_qsl((self.data or b"").decode(), keep_blank_values=True))


@dataclass(slots=True)
class Call:
    """A call at a simulated carrier: the addresses it was given, and its party once there is one."""

    account: str
    id: str
    caller: str
    called: str
    turn: str
    status: str
    recording: str = ""
    ring_s: float = 30.0
    records: bool = False
    detects: bool = False
    inbound: bool = False
    keys: str = ""
    party: Party | None = None
    walking: asyncio.Task[None] | None = None
    moved: str = ""
    tape: str = ""
    over: bool = False


class SimulatedVendor(ABC):
    """One carrier."""

    name: ClassVar[str]
    hosts: ClassVar[tuple[str, ...]] = ()  # those of its own that files are fetched from

    def __init__(self, world: World) -> None:
        self.world = world
        self.calls: dict[str, Call] = {}
        self.lengths: dict[str, int] = {}  # of recordings, in seconds, by name
        self.prices: dict[str, str] = {}  # of calls that are over
        self.tasks: set[asyncio.Task[None]] = set()

    def serves(self, url: str) -> bool:
        """Tell whether a URL leads to a host of the carrier's own."""
        return (urlsplit(url).hostname or "") in self.hosts

    # ---- what each does in a way of its own

    @abstractmethod
    async def answer(self, asked: Asked) -> Fetched:
        """Answer a request."""

    @abstractmethod
    async def walk(self, call: Call, url: str) -> None:
        """Lead the call by documents, beginning with that of an address."""

    @abstractmethod
    def report(self, call: Call, status: str, seconds: int | None) -> Mapping[str, Any]:
        """Return the fields that tell of a call's status."""

    @abstractmethod
    def signed(self, account: str, url: str, fields: Mapping[str, Any]) -> tuple[bytes, dict[str, str]]:
        """Return the body that tells fields, and its headers."""

    def recorded(self, call: Call, name: str, seconds: int) -> Mapping[str, Any] | None:
        """Return the fields that tell of the recording of a whole call, None for a carrier that has told it already."""
        return None

    def billed(self, call: Call, seconds: int) -> Mapping[str, Any] | None:
        """Return the fields that tell of a call's price, None for a carrier that does not tell it by itself."""
        return None

    def detected(self, call: Call) -> Mapping[str, Any] | None:
        """Return the fields that tell of a machine, None for a carrier that looks for none."""
        return None

    # ---- a call

    def dial(self, call: Call) -> None:
        """Have a call happen."""
        call.keys = self.world.keys.pop(_ours(call.turn), call.keys)
        self._begin(call, self._outward(call))

    def call_in(self, account: str, url: str, caller: str, called: str, keys: str) -> Call:
        """Have somebody call a number of an account."""
        call = Call(account, self.new_id(), caller, called, url, url, inbound=True, keys=keys)
        self._begin(call, self._talk(call))
        return call

    def new_id(self) -> str:
        """Return an id for a call."""
        return secrets.token_hex(16)

    def _begin(self, call: Call, life: Any) -> None:
        self.calls[call.id] = call
        task: asyncio.Task[None] = asyncio.create_task(self._live(call, life))
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def _live(self, call: Call, life: Any) -> None:
        try:
            await life
        except (OutboundError, CallerGone) as error:
            logger.info("simulator.call_cut", provider=self.name, call=call.id, error=str(error))
        finally:
            call.over = True
            self.calls.pop(call.id, None)

    async def _outward(self, call: Call) -> None:
        does = behaviour(call.called)
        await self._sleep(RING_S)
        if does.q850 is not None:
            words = {BUSY: "busy", REJECTED: "rejected"}
            await self.tell(call, words.get(does.q850, "failed"))
            return
        await self.tell(call, "ringing")
        await self._sleep(call.ring_s if does.rings else ANSWER_S)
        if does.rings or call.over:
            await self.tell(call, "canceled" if call.over else "no-answer")
            return
        await self._talk(call)

    async def _talk(self, call: Call) -> None:
        does = behaviour(call.called if not call.inbound else call.caller)
        keys = call.keys if call.inbound or does.sends_digits else ""
        loop = asyncio.get_running_loop()
        began = loop.time()
        call.party = Party(does, keys, lambda url, fields: self.ask(call, url, fields), self.world.pace)
        if not call.inbound:
            await self.tell(call, "in-progress")
        found = self.detected(call) if call.detects and does.machine else None
        if found is not None:
            await self.post(call, call.status, found)
        url = call.turn
        while url:
            call.moved = ""
            call.walking = asyncio.create_task(self.walk(call, url))
            await asyncio.wait([call.walking])
            url = call.moved
            if not call.walking.cancelled() and (error := call.walking.exception()) is not None:
                logger.info("simulator.document_refused", provider=self.name, call=call.id, error=str(error))
        lasted = max(1, round((loop.time() - began) / self.world.pace))
        self.prices[call.id] = minute_price(lasted)
        await self.tell(call, "completed", lasted)
        billed = self.billed(call, lasted)
        if billed is not None:
            await self.post(call, call.status, billed)
        if call.records:
            name = call.tape or self.keep(lasted)
            self.lengths[name] = lasted
            told = self.recorded(call, name, lasted)
            if told is not None:
                await self.post(call, call.recording or call.status, told)

    def move(self, call: Call, url: str) -> None:
        """Have a live call ask for another document now."""
        call.moved = url
        if call.walking is not None:
            call.walking.cancel()

    def end(self, call: Call) -> None:
        """Hang up."""
        call.over = True
        if call.party is not None:
            call.party.hang_up()

    def keep(self, seconds: int) -> str:
        """Have a recording; returns its name."""
        name = secrets.token_hex(16)
        self.lengths[name] = seconds
        return name

    def file(self, name: str) -> bytes | None:
        """Return a recording: silence of its length."""
        seconds = self.lengths.get(name)
        return None if seconds is None else wav(bytes(2 * RATE * seconds))

    async def _sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds * self.world.pace)

    # ---- telling

    async def tell(self, call: Call, status: str, seconds: int | None = None) -> None:
        """Report a status."""
        await self.post(call, call.status, self.report(call, status, seconds))

    async def ask(self, call: Call, url: str, fields: Mapping[str, Any]) -> bytes:
        """Ask for a document; a call that is not answered properly ends."""
        answer = await self.post(call, url, fields)
        if answer.status != 200:
            raise CallerGone
        return answer.body

    async def post(self, call: Call, url: str, fields: Mapping[str, Any]) -> Fetched:
        """Post a signed webhook to the gateway, wherever its address says it is."""
        body, headers = self.signed(call.account, url, fields)
        parts = urlsplit(url)
        here = f"{self.world.own_url}{parts.path}?{parts.query}"
        return await self.world.loopback.request("POST", here, headers=headers, data=body, timeout_s=15)


def minute_price(seconds: int) -> str:
    """Return what a call costs: each started minute the same."""
    return f"{PRICE * -(-seconds // 60):.5f}"


def _ours(url: str) -> str:
    """Return the call that an address of ours names."""
    return dict(parse_qsl(urlsplit(url).query)).get("call", "")


def answered(status: int, told: Any = None, url: str = "") -> Fetched:
    """Return an answer of JSON."""
    return Fetched(status, {"content-type": "application/json"}, b"" if told is None else orjson.dumps(told), url)


def sound(file: bytes | None, url: str = "") -> Fetched:
    """Return an answer of audio, 404 without."""
    return Fetched(404 if file is None else 200, {"content-type": "audio/wav"}, file or b"", url)
