"""The events of ARI, as values, and `parse_event` that makes one of a frame.

Field names are Asterisk's. A type we do not know, and a known type whose fields do not fit, become `UnknownEvent`
with everything that was sent, so that nothing disappears silently.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

import orjson
from pydantic import Field, TypeAdapter, ValidationError

from jinaconnect.telephony.ari.wire import (
    Bridge,
    Channel,
    ContactInfo,
    Endpoint,
    LiveRecording,
    Peer,
    Playback,
    ReferredBy,
    ReferTo,
    Wire,
)


class Event(Wire):
    """What every event has; `timestamp` is Asterisk's clock."""

    type: str
    application: str = ""
    timestamp: datetime | None = None
    asterisk_id: str = ""


class UnknownEvent(Event):
    """An event we have no model for, or whose fields did not fit (`fault` says which)."""

    payload: dict[str, Any] = Field(default_factory=dict)
    fault: str = ""


class StasisStart(Event):
    """A channel entered the application: at once for a caller, at the answer for a called party."""

    type: Literal["StasisStart"]
    channel: Channel
    args: tuple[str, ...] = ()
    replace_channel: Channel | None = None


class StasisEnd(Event):
    """A channel left the application."""

    type: Literal["StasisEnd"]
    channel: Channel


class ChannelCreated(Event):
    """A channel came to be."""

    type: Literal["ChannelCreated"]
    channel: Channel


class ChannelDestroyed(Event):
    """A channel ended; `cause` is Q.850 (0: none was given), `tech_cause` the SIP status where there was one."""

    type: Literal["ChannelDestroyed"]
    channel: Channel
    cause: int = 0
    cause_txt: str = ""
    tech_cause: int | None = None


class ChannelHangupRequest(Event):
    """Somebody wants the channel to end; `tech_cause` is the carrier's SIP status."""

    type: Literal["ChannelHangupRequest"]
    channel: Channel
    cause: int | None = None
    tech_cause: int | None = None
    soft: bool | None = None


class ChannelStateChange(Event):
    """A channel's state changed, for example to Ringing or Up."""

    type: Literal["ChannelStateChange"]
    channel: Channel


class ChannelDtmfReceived(Event):
    """A key was pressed; sent at its end."""

    type: Literal["ChannelDtmfReceived"]
    channel: Channel
    digit: str
    duration_ms: int


class ChannelHold(Event):
    """The other side put us on hold."""

    type: Literal["ChannelHold"]
    channel: Channel
    musicclass: str = ""


class ChannelUnhold(Event):
    """The other side came back."""

    type: Literal["ChannelUnhold"]
    channel: Channel


class ChannelTalkingStarted(Event):
    """Speech begins (where talk detection is on)."""

    type: Literal["ChannelTalkingStarted"]
    channel: Channel


class ChannelTalkingFinished(Event):
    """Speech ended after `duration` milliseconds."""

    type: Literal["ChannelTalkingFinished"]
    channel: Channel
    duration: int


class ChannelEnteredBridge(Event):
    """A channel joined a bridge."""

    type: Literal["ChannelEnteredBridge"]
    bridge: Bridge
    channel: Channel | None = None


class ChannelLeftBridge(Event):
    """A channel left a bridge."""

    type: Literal["ChannelLeftBridge"]
    bridge: Bridge
    channel: Channel


class ChannelTransfer(Event):
    """The other side asks for a transfer (REFER) and leaves it to us."""

    type: Literal["ChannelTransfer"]
    state: str = ""
    refer_to: ReferTo
    referred_by: ReferredBy


class ChannelVarset(Event):
    """A variable was set; filtered out by default."""

    type: Literal["ChannelVarset"]
    variable: str
    value: str = ""
    channel: Channel | None = None


class BridgeCreated(Event):
    """A bridge came to be."""

    type: Literal["BridgeCreated"]
    bridge: Bridge


class BridgeDestroyed(Event):
    """A bridge ended."""

    type: Literal["BridgeDestroyed"]
    bridge: Bridge


class Dial(Event):
    """Progress of an outgoing call: dialstatus is "", RINGING, PROGRESS, ANSWER, BUSY, NOANSWER, CANCEL, ..."""

    type: Literal["Dial"]
    peer: Channel
    dialstatus: str = ""
    dialstring: str = ""
    forward: str = ""
    caller: Channel | None = None
    forwarded: Channel | None = None


class PlaybackStarted(Event):
    """A prompt began."""

    type: Literal["PlaybackStarted"]
    playback: Playback


class PlaybackContinuing(Event):
    """The next medium of a list began."""

    type: Literal["PlaybackContinuing"]
    playback: Playback


class PlaybackFinished(Event):
    """A prompt ended; its state tells done from failed."""

    type: Literal["PlaybackFinished"]
    playback: Playback


class RecordingStarted(Event):
    """A recording began."""

    type: Literal["RecordingStarted"]
    recording: LiveRecording


class RecordingFinished(Event):
    """A recording is complete and stored."""

    type: Literal["RecordingFinished"]
    recording: LiveRecording


class RecordingFailed(Event):
    """A recording could not be made."""

    type: Literal["RecordingFailed"]
    recording: LiveRecording


class ContactStatusChange(Event):
    """A contact became reachable or unreachable by OPTIONS."""

    type: Literal["ContactStatusChange"]
    endpoint: Endpoint
    contact_info: ContactInfo


class PeerStatusChange(Event):
    """An endpoint became Reachable or Unreachable, or (un)registered with us."""

    type: Literal["PeerStatusChange"]
    endpoint: Endpoint
    peer: Peer


class EndpointStateChange(Event):
    """An endpoint went online or offline."""

    type: Literal["EndpointStateChange"]
    endpoint: Endpoint


class ApplicationRegistered(Event):
    """This connection serves the application now."""

    type: Literal["ApplicationRegistered"]


class ApplicationReplaced(Event):
    """Another connection took the application; nothing more will come over this one."""

    type: Literal["ApplicationReplaced"]


class ApplicationUnregistered(Event):
    """Nobody serves the application any more."""

    type: Literal["ApplicationUnregistered"]


class ApplicationMoveFailed(Event):
    """A channel could not be handed to another application."""

    type: Literal["ApplicationMoveFailed"]
    channel: Channel
    destination: str
    args: tuple[str, ...] = ()


KnownEvent = (
    StasisStart | StasisEnd | ChannelCreated | ChannelDestroyed | ChannelHangupRequest | ChannelStateChange
    | ChannelDtmfReceived | ChannelHold | ChannelUnhold | ChannelTalkingStarted | ChannelTalkingFinished
    | ChannelEnteredBridge | ChannelLeftBridge | ChannelTransfer | ChannelVarset | BridgeCreated | BridgeDestroyed
    | Dial | PlaybackStarted | PlaybackContinuing | PlaybackFinished | RecordingStarted | RecordingFinished
    | RecordingFailed | ContactStatusChange | PeerStatusChange | EndpointStateChange | ApplicationRegistered
    | ApplicationReplaced | ApplicationUnregistered | ApplicationMoveFailed
)  # fmt: skip

_known: TypeAdapter[KnownEvent] = TypeAdapter(Annotated[KnownEvent, Field(discriminator="type")])


def parse_event(frame: str | bytes) -> KnownEvent | UnknownEvent:
    """Return the event of one text frame; never raises, what does not fit is an `UnknownEvent`."""
    try:
        return _known.validate_json(frame)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        fault = "" if first["type"] == "union_tag_invalid" else f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
    try:
        payload = orjson.loads(frame)
    except orjson.JSONDecodeError:
        return UnknownEvent(type="", fault="not JSON", payload={"frame": repr(frame[:500])})
    if not isinstance(payload, dict):
        return UnknownEvent(type="", fault="not an object", payload={"frame": payload})
    return UnknownEvent(
        type=str(payload.get("type", "")), application=str(payload.get("application", "")), payload=payload, fault=fault
    )
