"""What an Asterisk's channels are called in calls, and what its events tell of them.

Channels that we dial are named `jc-<call>-<leg>`, rooms are bridges `jc-<call>` or `jc-<call>-<part>`. A channel that
comes in has Asterisk's name; which leg it is, is told by `bind`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from urllib.parse import unquote

from jinaconnect.core.calls.causes import SILENT_Q850
from jinaconnect.core.calls.reconcile import PREFIX, bridge_id
from jinaconnect.core.clock import Clock
from jinaconnect.telephony.ari import event_types
from jinaconnect.telephony.ari.ids import channel_id, channel_of
from jinaconnect.telephony.ari.wire import Channel
from jinaconnect.telephony.switch import (
    DigitPressed,
    HangupRequested,
    IncomingCall,
    Leg,
    LegAnswered,
    LegEnded,
    LegHeld,
    LegJoined,
    LegLeft,
    LegRinging,
    Played,
    Recorded,
    Room,
    Signal,
    TransferAsked,
)

# How a call came, by the first argument of our dialplan or of one of an operator's own, which tells less.
_CALLED, _INBOUND, _DEVICE = "called", "inbound", "device"
MOST_SAID = 1_000  # characters of an argument; what is longer Asterisk may have cut
# What is read of a caller's wish for privacy, and what is said of one who has it.
PRESENTED = {
    "presentation": "CALLERID(num-pres)", "privacy": "PJSIP_HEADER(read,Privacy)",
    "party": "PJSIP_HEADER(read,Remote-Party-ID)", "sender": "PJSIP_HEADER(read,From)",
}  # fmt: skip
_SOFT = 32  # Asterisk's own cause for "we asked for the end"
_BY_DRIVER = 1  # … and for "the channel's driver gives up": no audio came any more (`rtp_timeout`)


def room_id(room: Room) -> str:
    """Return the bridge id of a room."""
    return bridge_id(room.call, room.part)


def room_of(bridge: str) -> Room | None:
    """Return the room a bridge id names, None where the bridge is not ours."""
    if not bridge.startswith(PREFIX):
        return None
    call, _, part = bridge.removeprefix(PREFIX).partition("-")
    return Room(call, part)


class Signals:
    """Events as signals, by the names that channels have; `sockets` are the channels whose media is a WebSocket."""

    def __init__(self, clock: Clock) -> None:
        self.sockets: set[str] = set()
        self._clock = clock
        self._channels: dict[Leg, str] = {}
        self._legs: dict[str, Leg] = {}
        self._causes: dict[str, tuple[int | None, int | None]] = {}
        self._strangers: dict[str, list[object]] = {}
        self._entering: dict[str, asyncio.Future[None]] = {}

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

    def bind(self, channel: str, leg: Leg) -> list[Signal]:
        """Remember which leg a channel that came in is, and return what it did before it had a name."""
        self._channels[leg] = channel
        self._legs[channel] = leg
        missed = (self.of(event) for event in self._strangers.pop(channel, ()))
        return [signal for signal in missed if signal is not None]

    def forget_stranger(self, channel: str) -> None:
        """Forget a channel that came in and will be no leg."""
        self._strangers.pop(channel, None)

    @contextmanager
    def entering(self, channel: str) -> Iterator[asyncio.Future[None]]:
        """Expect a channel that we make beside a call's: the future is done once it is ours."""
        entered = self._entering[channel] = asyncio.get_running_loop().create_future()
        try:
            yield entered
        finally:
            del self._entering[channel]

    def of(self, event: object) -> Signal | None:
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
                place = self.place(playback.target_uri)
                return place and Played(at=at, leg=place, prompt=playback.id, ok=playback.state == "done")
            case event_types.RecordingFinished(recording=recording) | event_types.RecordingFailed(recording=recording):
                place = self.place(recording.target_uri)
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
        if leg is None or (way != "dialled" and channel.id not in self.sockets):
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
        self.sockets.discard(channel)
        leg = self._legs.pop(channel, None)
        if leg is not None:
            self._channels.pop(leg, None)

    def forget_all(self) -> None:
        """Forget every channel's name, before a snapshot tells them anew."""
        self._causes.clear()
        self._strangers.clear()
        self.sockets.clear()
        self._legs.clear()
        self._channels.clear()

    def place(self, target: str) -> Leg | None:
        """Return the leg, or the call of the room, that a playback or recording is of."""
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
    if len(said) != len(PRESENTED) or max(map(len, said)) > MOST_SAID:
        return None
    presentation, *headers = said
    return dict(zip(PRESENTED, (presentation, *map(_decoded, headers)), strict=True))


def _decoded(argument: str) -> str:
    return unquote(argument.removeprefix("-"))


def _id(channel: Channel | None) -> str:
    return "" if channel is None else channel.id


def _channel_of(event: object) -> str:
    return _id(getattr(event, "channel", None))
