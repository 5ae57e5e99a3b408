"""Asterisk as a switch: orders become ARI requests, ARI events become signals.

Channels that we dial are named `jc-<call>-<leg>`, rooms are bridges `jc-<call>` or `jc-<call>-<part>`. A channel that
comes in has Asterisk's name; which leg it is, is told by `adopt`.
"""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from typing import Any, TypeVar
from urllib.parse import unquote

from jinaconnect.core.calls.causes import SILENT_Q850
from jinaconnect.core.calls.privacy import is_withheld
from jinaconnect.core.calls.reconcile import PREFIX, bridge_id
from jinaconnect.core.clock import Clock
from jinaconnect.core.ivr import exchange
from jinaconnect.telephony.ari import event_types
from jinaconnect.telephony.ari.channels import Direction
from jinaconnect.telephony.ari.client import AriClient
from jinaconnect.telephony.ari.errors import AriConflict, AriError, AriNotFound, AriRefused, AriTrunkDown
from jinaconnect.telephony.ari.ids import channel_id, channel_of
from jinaconnect.telephony.ari.media import MediaSocket
from jinaconnect.telephony.ari.sides import fetched_together, other_side
from jinaconnect.telephony.ari.wire import Channel
from jinaconnect.telephony.switch import (
    DigitPressed,
    HangupRequested,
    Heard,
    IncomingCall,
    Leg,
    LegAnswered,
    LegEnded,
    LegGone,
    LegHeld,
    LegJoined,
    LegLeft,
    LegRinging,
    Place,
    Played,
    Reach,
    Recorded,
    Room,
    Signal,
    Sound,
    SwitchAway,
    SwitchError,
    Take,
    Target,
    TransferAsked,
    TrunkDown,
)

# How a call came, by the first argument of our dialplan or of one of an operator's own, which tells less.
_CALLED, _INBOUND, _DEVICE = "called", "inbound", "device"
MOST_SAID = 1_000  # characters of an argument; what is longer Asterisk may have cut
SOUND = "slin16"  # of legs that are sockets: 16 kHz, 16 bits, little-endian, 20 ms in a message
ENTER_S = 3.0  # until a channel of our own making enters the application
_NOT_THERE = (400, 422)  # what Asterisk says of a channel to be joined that has ended, or is just leaving
# What is read of a caller's wish for privacy, and what is said of one who has it.
_PRESENTED = {
    "presentation": "CALLERID(num-pres)", "privacy": "PJSIP_HEADER(read,Privacy)",
    "party": "PJSIP_HEADER(read,Remote-Party-ID)", "sender": "PJSIP_HEADER(read,From)",
}  # fmt: skip
_FORGOTTEN = (("CALLERID(pres)", "prohib"), ("CALLERID(num)", "anonymous"), ("CALLERID(name)", ""))
_RECORDS = "rec"  # how the legs begin that only record
_SOFT = 32  # Asterisk's own cause for "we asked for the end"
_BY_DRIVER = 1  # … and for "the channel's driver gives up": no audio came any more (`rtp_timeout`)

Result = TypeVar("Result")


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


def room_id(room: Room) -> str:
    """Return the bridge id of a room."""
    return bridge_id(room.call, room.part)


def room_of(bridge: str) -> Room | None:
    """Return the room a bridge id names, None where the bridge is not ours."""
    if not bridge.startswith(PREFIX):
        return None
    call, _, part = bridge.removeprefix(PREFIX).partition("-")
    return Room(call, part)


class AriSwitch:
    """One Asterisk (`telephony.switch.Switch`)."""

    def __init__(self, name: str, client: AriClient, app: str, clock: Clock) -> None:
        self.name = name
        self.client = client
        self.app = app
        self.permitted: Callable[[], bool] = lambda: True
        self._clock = clock
        self._channels: dict[Leg, str] = {}
        self._legs: dict[str, Leg] = {}
        self._causes: dict[str, tuple[int | None, int | None]] = {}
        self._whispers = 0
        self._strangers: dict[str, list[object]] = {}
        self._entering: dict[str, asyncio.Future[None]] = {}
        self._sockets: set[str] = set()

    # ---- names

    def channel(self, leg: Leg) -> str:
        """Return the channel of a leg."""
        return self._channels.get(leg) or channel_id(leg.call, leg.name)

    def leg(self, channel: str) -> Leg | None:
        """Return the leg of a channel, None for a channel that is not ours."""
        known = self._legs.get(channel)
        if known is not None:
            return known
        named = channel_of(channel)
        return None if named is None else Leg(named.call, named.leg)

    # ---- orders

    async def dial(self, leg: Leg, target: Target, *, caller: str, timeout_s: int) -> None:
        """Originate a channel with the leg's name."""
        if target.to.startswith("sip:"):
            endpoint = f"PJSIP/{target.endpoint}/{target.to}"
        else:
            endpoint = f"PJSIP/{target.to}@{target.endpoint}" if target.to else f"PJSIP/{target.endpoint}"
        with self._ordered():
            try:
                await self.client.channels.originate(
                    self.channel(leg), endpoint, app=self.app, app_args=("dialled",), caller_id=caller or None,
                    timeout_s=timeout_s,
                )  # fmt: skip
            except AriConflict:
                return  # dialled before: the answer to that request was lost

    async def bind_leg(self, channel: str, leg: Leg) -> list[Signal]:
        """Remember which leg a channel that came in is; what it did before it had a name is told now."""
        self._channels[leg] = channel
        self._legs[channel] = leg
        missed = (self.signals(event) for event in self._strangers.pop(channel, ()))
        return [signal for signal in missed if signal is not None]

    async def ring(self, leg: Leg) -> None:
        """Send 180."""
        with self._ordered():
            await self.client.channels.ring(self.channel(leg))

    async def answer(self, leg: Leg) -> None:
        """Send 200."""
        with self._ordered():
            await self.client.channels.answer(self.channel(leg))

    async def hangup(self, leg: Leg, *, q850: int = 16) -> None:
        """End the channel."""
        with self._ordered():
            await self.client.channels.hangup(self.channel(leg), cause=q850)

    async def refuse(self, channel: str, q850: int) -> None:
        """End a channel that never became a leg."""
        self._strangers.pop(channel, None)
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
                    asked = (self._of_caller(arrived.channel, name) for name in _PRESENTED.values())
                    presented = dict(zip(_PRESENTED, await asyncio.gather(*asked), strict=True))
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
                await self.client.channels.play(self.channel(where), media, prompt)

    async def whisper(self, leg: Leg, media: Sequence[str], prompt: str) -> None:
        """Play into a channel that is in a bridge, through one that speaks to it alone."""
        self._whispers += 1
        snoop = channel_id(leg.call, f"w{self._whispers}")
        await self._snooping(leg, snoop, spy=None, whisper="out")
        with self._ordered():
            await self.client.channels.play(snoop, media, prompt)

    async def open_sound(self, leg: Leg) -> str:
        """Make a channel whose media is a WebSocket that we open."""
        channel = self.channel(leg)
        self._sockets.add(channel)
        with self._ordered():
            with suppress(AriConflict):  # made before: the answer to that request was lost
                await self.client.channels.external_media(channel, app=self.app, format=SOUND, transport_data="f(json)")
            return await self.client.channels.variable(channel, "MEDIA_WEBSOCKET_CONNECTION_ID")

    async def sound(self, key: str) -> Sound:
        """Open the media socket."""
        return await MediaSocket.open(self.client.http.base_url, key)

    async def tap(self, leg: Leg, by: Leg, reach: Reach | None) -> None:
        """Snoop on the channel."""
        await self._snooping(leg, self.channel(by), spy="both", whisper=reach)

    async def _snooping(self, leg: Leg, snoop: str, *, spy: Direction | None, whisper: Direction | None) -> None:
        """Make a snoop channel and wait until it is ours: only then can something be done with it."""
        entered = self._entering[snoop] = asyncio.get_running_loop().create_future()
        try:
            with self._ordered():
                await self.client.channels.snoop(self.channel(leg), snoop, app=self.app, spy=spy, whisper=whisper)
            async with asyncio.timeout(ENTER_S):
                await entered
        except TimeoutError:
            raise SwitchAway("a channel beside the call's did not begin", uncertain=True) from None
        finally:
            del self._entering[snoop]

    async def stop_play(self, prompt: str) -> None:
        """Delete the playback."""
        await self._unless_gone(self.client.playbacks.stop, prompt)

    async def send_dtmf(self, leg: Leg, digits: str, *, between_ms: int, duration_ms: int) -> None:
        """Send keys; `w` is Asterisk's own half second."""
        with self._ordered():
            await self.client.channels.send_dtmf(
                self.channel(leg), digits, between_ms=between_ms, duration_ms=duration_ms
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
                await self.client.bridges.add(room_id(room), [self.channel(leg) for leg in legs])
            except AriRefused as error:
                if error.status not in _NOT_THERE:
                    raise
                raise LegGone(str(error)) from None

    async def leave(self, room: Room, legs: Sequence[Leg]) -> None:
        """Take channels out of the bridge."""
        with self._ordered():
            await self.client.bridges.remove(room_id(room), [self.channel(leg) for leg in legs])

    async def music_on_hold(self, leg: Leg, on: bool) -> None:
        """Start or stop music on hold on the channel."""
        channels = self.client.channels
        with self._ordered():
            await (channels.start_moh(self.channel(leg)) if on else channels.stop_moh(self.channel(leg)))

    async def mute(self, leg: Leg, direction: Heard, on: bool) -> None:
        """Mute one direction of the channel."""
        change = self.client.channels.mute if on else self.client.channels.unmute
        with self._ordered():
            await change(self.channel(leg), direction)

    async def record(
        self, where: Place, name: str, *, max_s: int, silence_s: int = 0, beep: bool = False, end_digits: bool = False
    ) -> None:
        """Record the channel or the bridge."""
        room = isinstance(where, Room)
        record: Callable[..., Awaitable[Any]] = self.client.bridges.record if room else self.client.channels.record
        id = room_id(where) if isinstance(where, Room) else self.channel(where)
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
        place = self._place(live.target_uri)
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
            await self.client.channels.redirect(self.channel(leg), f"PJSIP/{to}")

    async def answer_transfer(self, leg: Leg, taken: bool) -> None:
        """Have Asterisk report on the transfer (NOTIFY)."""
        state = "channel_progress" if taken else "channel_declined"
        with self._ordered():
            await self.client.channels.transfer_progress(self.channel(leg), state)

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

    # ---- signals

    def signals(self, event: object) -> Signal | None:
        """Return the signal of an event, None where it tells nothing of a call."""
        at = self._clock()
        unnamed = self._strangers.get(_channel_of(event))
        if unnamed is not None:
            unnamed.append(event)
            return None
        match event:
            case event_types.StasisStart():
                return self._entered(event, at)
            case event_types.StasisEnd():
                return self._left(event.channel.id, at)
            case event_types.ChannelDestroyed():
                return self._destroyed(event, at)
            case event_types.Dial(dialstatus="RINGING" | "PROGRESS"):
                leg = self.leg(event.peer.id)
                return None if leg is None else LegRinging(at=at, leg=leg, early_media=event.dialstatus == "PROGRESS")
            case event_types.PlaybackFinished(playback=playback):
                place = self._place(playback.target_uri)
                return place and Played(at=at, leg=place, prompt=playback.id, ok=playback.state == "done")
            case event_types.RecordingFinished(recording=recording) | event_types.RecordingFailed(recording=recording):
                place = self._place(recording.target_uri)
                ok = isinstance(event, event_types.RecordingFinished)
                return place and Recorded(at=at, leg=place, name=recording.name, ok=ok, duration_s=recording.duration)
            case event_types.ChannelTransfer(state=""):  # with a state it repeats what we answered
                leg = self.leg(_id(event.referred_by.source_channel))
                to = event.refer_to.requested_destination
                return leg and TransferAsked(at=at, leg=leg, to=(to.destination if to else "") or "")
        return self._of_channel(event, at)

    def _of_channel(self, event: object, at: datetime) -> Signal | None:
        channel: Channel | None = getattr(event, "channel", None)
        leg = None if channel is None else self.leg(channel.id)
        if leg is None or channel is None:
            return None
        match event:
            case event_types.ChannelStateChange() if channel.state == "Up" and channel.id in self._legs:
                return LegAnswered(at=at, leg=leg)  # one that came in; a dialled one is ours at StasisStart
            case event_types.ChannelStateChange() if channel.state == "Ringing":
                return LegRinging(at=at, leg=leg)
            case event_types.ChannelDtmfReceived():
                reported = event.timestamp or at
                return DigitPressed(at=at, leg=leg, digit=event.digit, duration_ms=event.duration_ms, reported=reported)
            case event_types.ChannelHangupRequest():
                cause = event.cause
                if event.soft or cause == _SOFT:
                    # A soft request's number is Asterisk's own flags, not a cause of Q.850.
                    cause = SILENT_Q850 if event.cause == _BY_DRIVER else None
                self._causes.setdefault(channel.id, (cause, event.tech_cause))
                return HangupRequested(at=at, leg=leg, q850=cause, sip_code=event.tech_cause)
            case event_types.ChannelEnteredBridge() | event_types.ChannelLeftBridge():
                room = room_of(event.bridge.id)
                kind = LegJoined if isinstance(event, event_types.ChannelEnteredBridge) else LegLeft
                return None if room is None else kind(at=at, leg=leg, room=room)
            case event_types.ChannelHold() | event_types.ChannelUnhold():
                return LegHeld(at=at, leg=leg, held=isinstance(event, event_types.ChannelHold))
        return None

    def _entered(self, event: event_types.StasisStart, at: datetime) -> Signal | None:
        channel = event.channel
        if channel.id in self._entering:
            if not self._entering[channel.id].done():
                self._entering[channel.id].set_result(None)
            return None
        way = event.args[0] if event.args else ""
        if way in (_CALLED, _INBOUND, _DEVICE) and channel.id not in self._legs:
            self._strangers[channel.id] = []
            called, endpoint = _arguments(event)
            return IncomingCall(
                at=at, leg=Leg("", ""), channel=channel.id, called=called, caller=channel.caller.number,
                endpoint=endpoint, reference=channel.protocol_id, from_device=way == _DEVICE,
                presented=_presented(event.args) if way == _CALLED else None,
            )  # fmt: skip
        leg = self.leg(channel.id)
        if leg is None or (way != "dialled" and channel.id not in self._sockets):
            return None
        return LegAnswered(at=at, leg=leg, reference=channel.protocol_id)

    def _left(self, channel: str, at: datetime) -> Signal | None:
        # Asterisk tells nothing more of a channel that came in once it has left the application.
        leg = self._legs.get(channel)
        if leg is None:
            return None
        cause, sip = self._causes.get(channel, (None, None))
        self._forget(channel)
        return LegEnded(at=at, leg=leg, q850=cause or 16, sip_code=sip)

    def _destroyed(self, event: event_types.ChannelDestroyed, at: datetime) -> Signal | None:
        leg = self.leg(event.channel.id)
        _, asked_sip = self._causes.get(event.channel.id, (None, None))
        self._forget(event.channel.id)
        if leg is None:
            return None
        cause = None if event.cause in (0, _SOFT) else event.cause
        return LegEnded(at=at, leg=leg, q850=cause, sip_code=event.tech_cause or asked_sip)

    def _forget(self, channel: str) -> None:
        self._causes.pop(channel, None)
        self._sockets.discard(channel)
        leg = self._legs.pop(channel, None)
        if leg is not None:
            self._channels.pop(leg, None)

    def forget_all(self) -> None:
        """Forget every channel's name, before a snapshot tells them anew."""
        self._causes.clear()
        self._strangers.clear()
        self._sockets.clear()
        self._legs.clear()
        self._channels.clear()

    def _place(self, target: str) -> Leg | None:
        kind, _, id = target.partition(":")
        if kind == "bridge":
            room = room_of(id)
            return None if room is None else Leg(room.call, "")
        return self.leg(id)


def _arguments(event: event_types.StasisStart) -> tuple[str, str]:
    """Return the number called and the endpoint a call came from.

    Asterisk takes the arguments apart at commas, quotes and brackets, which a called user part may hold where it is
    not encoded: where they are not the three they should be, both are read off the channel.
    """
    if event.args[0] == _CALLED and len(event.args) > 2:
        return _decoded(event.args[1]), event.args[2]
    if len(event.args) == 3:
        return event.args[1], event.args[2]
    name = event.channel.name.partition("/")[2].rpartition("-")[0]  # PJSIP/<endpoint>-00000001
    return event.channel.dialplan.exten, name


def _presented(args: Sequence[str]) -> dict[str, str] | None:
    """Return what a call says of showing its caller, None where it was said at such length that it may be cut."""
    said = args[3:]
    if len(said) != len(_PRESENTED) or max(map(len, said)) > MOST_SAID:
        return None
    presentation, *headers = said
    return dict(zip(_PRESENTED, (presentation, *map(_decoded, headers)), strict=True))


def _decoded(argument: str) -> str:
    return unquote(argument.removeprefix("-"))


def _id(channel: Channel | None) -> str:
    return "" if channel is None else channel.id


def _channel_of(event: object) -> str:
    return _id(getattr(event, "channel", None))
