"""Asterisk as a switch: orders become ARI requests, and its events signals, told by the names of `signals`."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from jinaconnect.core.calls.privacy import is_withheld
from jinaconnect.core.clock import Clock
from jinaconnect.core.ivr import exchange
from jinaconnect.telephony.ari.channels import Direction
from jinaconnect.telephony.ari.client import AriClient
from jinaconnect.telephony.ari.errors import AriConflict, AriError, AriNotFound, AriRefused, AriTrunkDown
from jinaconnect.telephony.ari.ids import channel_id
from jinaconnect.telephony.ari.media import MediaSocket
from jinaconnect.telephony.ari.sides import fetched_together, other_side
from jinaconnect.telephony.ari.signals import PRESENTED, Signals, room_id
from jinaconnect.telephony.switch import (
    Heard,
    IncomingCall,
    Leg,
    LegGone,
    Place,
    Room,
    Signal,
    Sound,
    SwitchAway,
    SwitchError,
    Take,
    Target,
    TrunkDown,
)

SOUND = "slin16"  # of legs that are sockets: 16 kHz, 16 bits, little-endian, 20 ms in a message
ENTER_S = 3.0  # until a channel of our own making enters the application
_NOT_THERE = (400, 422)  # what Asterisk says of a channel to be joined that has ended, or is just leaving
_FORGOTTEN = (("CALLERID(pres)", "prohib"), ("CALLERID(num)", "anonymous"), ("CALLERID(name)", ""))
_RECORDS = "rec"  # how the legs begin that only record


@contextmanager
def _told() -> Iterator[None]:
    """Turn ARI's errors into the switch's."""
    try:
        yield
    except AriNotFound as error:
        raise LegGone(str(error)) from None
    except AriTrunkDown as error:
        raise TrunkDown(str(error)) from None
    except AriRefused as error:
        raise SwitchError(str(error)) from None
    except AriError as error:
        raise SwitchAway(str(error), uncertain=error.uncertain) from None


def _beside(call: str, name: str) -> tuple[str, str]:
    """Return the channels by which a call's two sides are recorded under a name."""
    return channel_id(call, f"{_RECORDS}in{name[-16:]}"), channel_id(call, f"{_RECORDS}out{name[-16:]}")


class AriSwitch:
    """One Asterisk (`telephony.switch.Switch`)."""

    def __init__(self, name: str, client: AriClient, app: str, clock: Clock) -> None:
        self.name = name
        self.client = client
        self.app = app
        self.permitted: Callable[[], bool] = lambda: True
        self.signals = Signals(clock)
        self._whispers = 0

    def _channel(self, leg: Leg) -> str:
        return self.signals.channel(leg)

    async def dial(self, leg: Leg, target: Target, *, caller: str, timeout_s: int) -> None:
        """Originate a channel with the leg's name."""
        if target.to.startswith("sip:"):
            endpoint = f"PJSIP/{target.endpoint}/{target.to}"
        else:
            endpoint = f"PJSIP/{target.to}@{target.endpoint}" if target.to else f"PJSIP/{target.endpoint}"
        with self._ordered():
            try:
                await self.client.channels.originate(
                    self._channel(leg), endpoint, app=self.app, app_args=("dialled",), caller_id=caller or None,
                    timeout_s=timeout_s,
                )  # fmt: skip
            except AriConflict:
                return  # dialled before: the answer to that request was lost

    async def bind_leg(self, channel: str, leg: Leg) -> list[Signal]:
        """Remember which leg a channel that came in is; what it did before it had a name is told now."""
        return self.signals.bind(channel, leg)

    async def ring(self, leg: Leg) -> None:
        """Send 180."""
        with self._ordered():
            await self.client.channels.ring(self._channel(leg))

    async def answer(self, leg: Leg) -> None:
        """Send 200."""
        with self._ordered():
            await self.client.channels.answer(self._channel(leg))

    async def hangup(self, leg: Leg, *, q850: int = 16) -> None:
        """End the channel."""
        with self._ordered():
            await self.client.channels.hangup(self._channel(leg), cause=q850)

    async def refuse(self, channel: str, q850: int) -> None:
        """End a channel that never became a leg."""
        self.signals.forget_stranger(channel)
        with self._ordered():
            await self.client.channels.hangup(channel, cause=q850)

    async def withheld(self, arrived: IncomingCall) -> bool:
        """Tell whether a caller asks not to be shown; Asterisk forgets the number of one who does.

        Forgotten, it cannot reach a party that the caller is connected with (a connected line update). Of a channel
        that is gone already nothing can be learned: its caller counts as withheld.
        """
        with self._ordered():
            try:
                presented = arrived.presented
                if presented is None:
                    asked = (self._of_caller(arrived.channel, name) for name in PRESENTED.values())
                    presented = dict(zip(PRESENTED, await asyncio.gather(*asked), strict=True))
                hidden = is_withheld(number=arrived.caller, **presented)
                for name, value in _FORGOTTEN if hidden else ():
                    await self.client.channels.set_variable(arrived.channel, name, value)
            except (AriNotFound, AriConflict):
                return True
        return hidden

    async def _of_caller(self, channel: str, name: str) -> str:
        try:
            return await self.client.channels.variable(channel, name)
        except (AriNotFound, AriConflict):
            raise
        except AriRefused:
            return ""  # a header the call does not have

    async def remove_room(self, room: str) -> None:
        """Destroy a bridge by its own name."""
        with self._ordered():
            await self._unless_gone(self.client.bridges.destroy, room)

    async def play(self, where: Place, media: Sequence[str], prompt: str) -> None:
        """Play on the channel or the bridge."""
        with self._ordered():
            if isinstance(where, Room):
                await self.client.bridges.play(room_id(where), media, prompt)
            else:
                await self.client.channels.play(self._channel(where), media, prompt)

    async def whisper(self, leg: Leg, media: Sequence[str], prompt: str) -> None:
        """Play into a channel that is in a bridge, through one that speaks to it alone."""
        self._whispers += 1
        snoop = channel_id(leg.call, f"w{self._whispers}")
        await self._snooping(leg, snoop, spy=None, whisper="out")
        with self._ordered():
            await self.client.channels.play(snoop, media, prompt)

    async def open_sound(self, leg: Leg) -> str:
        """Make a channel whose media is a WebSocket that we open."""
        channel = self._channel(leg)
        self.signals.sockets.add(channel)
        with self._ordered():
            with suppress(AriConflict):  # made before: the answer to that request was lost
                await self.client.channels.external_media(channel, app=self.app, format=SOUND, transport_data="f(json)")
            return await self.client.channels.variable(channel, "MEDIA_WEBSOCKET_CONNECTION_ID")

    async def sound(self, key: str) -> Sound:
        """Open the media socket."""
        return await MediaSocket.open(self.client.http.base_url, key)

    async def tap(self, leg: Leg, by: Leg, *, speaks: bool) -> None:
        """Snoop on the channel."""
        await self._snooping(leg, self._channel(by), spy="both", whisper="out" if speaks else None)

    async def _snooping(self, leg: Leg, snoop: str, *, spy: Direction | None, whisper: Direction | None) -> None:
        """Make a snoop channel and wait until it is ours: only then can something be done with it."""
        try:
            with self.signals.entering(snoop) as entered:
                with self._ordered():
                    await self.client.channels.snoop(self._channel(leg), snoop, app=self.app, spy=spy, whisper=whisper)
                async with asyncio.timeout(ENTER_S):
                    await entered
        except TimeoutError:
            raise SwitchAway("a channel beside the call's did not begin", uncertain=True) from None

    async def stop_play(self, prompt: str) -> None:
        """Delete the playback."""
        await self._unless_gone(self.client.playbacks.stop, prompt)

    async def send_dtmf(self, leg: Leg, digits: str, *, between_ms: int, duration_ms: int) -> None:
        """Send keys; `w` is Asterisk's own half second."""
        with self._ordered():
            await self.client.channels.send_dtmf(
                self._channel(leg), digits, between_ms=between_ms, duration_ms=duration_ms
            )

    async def open_room(self, room: Room) -> None:
        """Create the bridge; asking for one that is there changes nothing."""
        with self._ordered():
            try:
                # Without `dtmf_events` two channels are joined past Asterisk, which then hears no keys.
                await self.client.bridges.create(room_id(room), type="mixing,dtmf_events")
            except AriConflict:
                return

    async def close_room(self, room: Room) -> None:
        """Destroy the bridge."""
        with self._ordered():
            await self._unless_gone(self.client.bridges.destroy, room_id(room))

    async def join(self, room: Room, legs: Sequence[Leg]) -> None:
        """Add channels to the bridge."""
        with self._ordered():
            try:
                await self.client.bridges.add(room_id(room), [self._channel(leg) for leg in legs])
            except AriRefused as error:
                if error.status not in _NOT_THERE:
                    raise
                raise LegGone(str(error)) from None

    async def leave(self, room: Room, legs: Sequence[Leg]) -> None:
        """Take channels out of the bridge."""
        with self._ordered():
            await self.client.bridges.remove(room_id(room), [self._channel(leg) for leg in legs])

    async def music_on_hold(self, leg: Leg, on: bool) -> None:
        """Start or stop music on hold on the channel."""
        channels = self.client.channels
        with self._ordered():
            await (channels.start_moh(self._channel(leg)) if on else channels.stop_moh(self._channel(leg)))

    async def mute(self, leg: Leg, direction: Heard, on: bool) -> None:
        """Mute one direction of the channel."""
        change = self.client.channels.mute if on else self.client.channels.unmute
        with self._ordered():
            await change(self._channel(leg), direction)

    async def record(
        self, where: Place, name: str, *, max_s: int, silence_s: int = 0, beep: bool = False, end_digits: bool = False
    ) -> None:
        """Record the channel or the bridge."""
        room = isinstance(where, Room)
        record: Callable[..., Awaitable[Any]] = self.client.bridges.record if room else self.client.channels.record
        id = room_id(where) if isinstance(where, Room) else self._channel(where)
        ends = exchange.ENDS_RECORDING if end_digits else "none"
        with self._ordered():
            await record(id, name, max_duration_s=max_s, max_silence_s=silence_s, beep=beep, terminate_on=ends)

    async def record_sides(self, leg: Leg, name: str, *, max_s: int) -> None:
        """Record two channels beside the leg's own: one is given what it says, the other what it hears."""
        try:
            await self._record_beside(leg, name, max_s)
        except (SwitchAway, LegGone):
            raise
        except SwitchError:  # one that was begun, and cut off, before
            await self._record_beside(leg, name, max_s)

    async def _record_beside(self, leg: Leg, name: str, max_s: int) -> None:
        said, heard = _beside(leg.call, name)
        try:
            await self._snooping(leg, said, spy="in", whisper=None)
            await self._snooping(leg, heard, spy="out", whisper=None)
            with self._ordered():
                for channel, file in ((heard, other_side(name)), (said, name)):  # the second tells of both
                    await self.client.channels.record(
                        channel, file, max_duration_s=max_s, max_silence_s=0, beep=False, terminate_on="none"
                    )
        except SwitchError:
            with suppress(SwitchError):
                for channel in (said, heard):
                    await self._unless_gone(self.client.channels.hangup, channel)
            raise

    async def pause_record(self, name: str, on: bool) -> None:
        """Mute the recording, so that the time goes on in it."""
        change = self.client.recordings.mute if on else self.client.recordings.unmute
        with self._ordered():
            await change(name)
        await self._unless_gone(change, other_side(name))

    async def stop_record(self, name: str) -> None:
        """Stop and keep the recording."""
        with self._ordered():
            live = await self.client.recordings.live(name)
            await self.client.recordings.stop(name)
        place = self.signals.place(live.target_uri)
        if place is not None and place.name.startswith(_RECORDS):
            await self._unless_gone(self.client.recordings.stop, other_side(name))
            for channel in _beside(place.call, name):
                await self._unless_gone(self.client.channels.hangup, channel)

    async def records(self, name: str) -> bool:
        """Ask for the live recording."""
        return await self._is_there(self.client.recordings.live, name)

    async def has_recording(self, name: str) -> bool:
        """Ask for the stored recording."""
        return await self._is_there(self.client.recordings.stored, name)

    async def recordings(self) -> list[str]:
        """List the stored recordings."""
        with _told():
            return [each.name for each in await self.client.recordings.stored_list()]

    async def recording(self, name: str, take: Take) -> None:
        """Fetch the stored file, or the two of a call's sides as one."""
        recordings, other = self.client.recordings, other_side(name)
        if await self._is_there(recordings.live, other):
            raise SwitchError("its other side has not ended yet")
        with _told():
            if await self._is_there(recordings.stored, other):
                says, hears = (functools.partial(recordings.file, each) for each in (name, other))
                await fetched_together(says, hears, take)
            else:
                await recordings.file(name, take)

    async def forget_recording(self, name: str) -> None:
        """Delete the stored file, or both."""
        await self._unless_gone(self.client.recordings.delete, name)
        await self._unless_gone(self.client.recordings.delete, other_side(name))

    async def refer(self, leg: Leg, to: str) -> None:
        """Send REFER; 204 only means that it was sent."""
        with self._ordered():
            await self.client.channels.redirect(self._channel(leg), f"PJSIP/{to}")

    async def answer_transfer(self, leg: Leg, taken: bool) -> None:
        """Have Asterisk report on the transfer (NOTIFY)."""
        state = "channel_progress" if taken else "channel_declined"
        with self._ordered():
            await self.client.channels.transfer_progress(self._channel(leg), state)

    @contextmanager
    def _ordered(self) -> Iterator[None]:
        """Turn ARI's errors into the switch's, and give no order once the switch may be another process's.

        Asterisk takes orders from anybody. Recordings that have ended are fetched by any process.
        """
        if not self.permitted():
            raise SwitchAway("another process has the switch", uncertain=False)
        with _told():
            yield

    @staticmethod
    async def _is_there(ask: Callable[[str], Awaitable[Any]], name: str) -> bool:
        with _told():
            try:
                await ask(name)
            except AriNotFound:
                return False
            return True

    @staticmethod
    async def _unless_gone(order: Callable[[str], Awaitable[None]], id: str) -> None:
        with _told():
            try:
                await order(id)
            except AriNotFound:
                return
