"""The objects of ARI this gateway reads, as values.

Fields are those of Asterisk's API description (ARI 10, Asterisk 22) that we use; what else Asterisk sends is passed
over. Objects are frozen: an event is a fact. The events are in `event_types.py`.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field


class Wire(BaseModel):
    """Base of everything Asterisk sends."""

    model_config = ConfigDict(extra="ignore", frozen=True, populate_by_name=True)


class CallerID(Wire):
    """A party's number and name; both empty where withheld."""

    name: str = ""
    number: str = ""


class DialplanCEP(Wire):
    """Where in the dialplan a channel is; `exten` is the number called on an inbound channel."""

    context: str = ""
    exten: str = ""
    priority: int = 0
    app_name: str = ""
    app_data: str = ""


class Channel(Wire):
    """One leg of a call; `state` is Down, Ring (calling us), Ringing (being called), Up, or rarer ones."""

    id: str
    name: str = ""
    state: str = ""
    protocol_id: str = ""
    caller: CallerID = CallerID()
    connected: CallerID = CallerID()
    accountcode: str = ""
    dialplan: DialplanCEP = DialplanCEP()
    creationtime: datetime | None = None
    language: str = ""
    channelvars: dict[str, Any] = Field(default_factory=dict)
    caller_rdnis: str = ""
    tenantid: str = ""

    @property
    def endpoint(self) -> str | None:
        """The PJSIP endpoint of the channel (`PJSIP/<endpoint>-<8 hex digits>`), None for other technologies."""
        technology, _, rest = self.name.partition("/")
        endpoint, hyphen, _ = rest.rpartition("-")
        return endpoint if technology == "PJSIP" and hyphen else None


class Bridge(Wire):
    """A mixing point and the ids of the channels in it."""

    id: str
    technology: str = ""
    bridge_type: str = ""
    bridge_class: str = ""
    creator: str = ""
    name: str = ""
    channels: tuple[str, ...] = ()
    creationtime: datetime | None = None


class Playback(Wire):
    """A prompt being played; `state` is queued, playing, continuing, done, failed or cancelled."""

    id: str
    state: str = ""
    media_uri: str = ""
    next_media_uri: str = ""
    target_uri: str = ""
    language: str = ""


class LiveRecording(Wire):
    """A recording in progress; `target_uri` is `channel:<id>` or `bridge:<id>`, durations are whole seconds."""

    name: str
    format: str = ""
    state: str = ""
    target_uri: str = ""
    duration: int | None = None
    talking_duration: int | None = None
    silence_duration: int | None = None
    cause: str = ""


class StoredRecording(Wire):
    """A finished recording on Asterisk's disk."""

    name: str
    format: str = ""


class Endpoint(Wire):
    """A SIP endpoint; `state` is online, offline or unknown."""

    technology: str
    resource: str
    state: str = "unknown"
    channel_ids: tuple[str, ...] = ()


class ContactInfo(Wire):
    """The address an endpoint is reached at; `roundtrip_usec` is the last OPTIONS in microseconds, as text."""

    uri: str = ""
    contact_status: str = ""
    aor: str = ""
    roundtrip_usec: str | None = None

    @property
    def roundtrip_ms(self) -> float | None:
        """The last OPTIONS in milliseconds, None where there was none."""
        text = self.roundtrip_usec or ""
        return int(text) / 1000 if text.isascii() and text.isdigit() and int(text) > 0 else None


class Peer(Wire):
    """Reachability of an endpoint as `PeerStatusChange` tells it."""

    peer_status: str = ""
    cause: str = ""
    address: str = ""
    port: str = ""
    time: str = ""


class Application(Wire):
    """An ARI application and what it is subscribed to."""

    name: str
    channel_ids: tuple[str, ...] = ()
    bridge_ids: tuple[str, ...] = ()
    endpoint_ids: tuple[str, ...] = ()
    device_names: tuple[str, ...] = ()
    events_allowed: tuple[dict[str, Any], ...] = ()
    events_disallowed: tuple[dict[str, Any], ...] = ()


class SystemInfo(Wire):
    """Version and identity of an Asterisk."""

    version: str
    entity_id: str = ""


class StatusInfo(Wire):
    """When Asterisk was started and last reloaded."""

    startup_time: datetime
    last_reload_time: datetime | None = None


class ConfigInfo(Wire):
    """Parts of asterisk.conf; `name` is its systemname."""

    name: str = ""
    default_language: str = ""
    max_channels: int | None = None


class AsteriskInfo(Wire):
    """Answer of `GET /asterisk/info`; parts that were not asked for are empty."""

    system: SystemInfo = SystemInfo(version="")
    status: StatusInfo | None = None
    config: ConfigInfo = ConfigInfo()


class AsteriskPing(Wire):
    """Answer of `GET /asterisk/ping`."""

    asterisk_id: str
    ping: str
    timestamp: str = ""


class ConfigTuple(Wire):
    """One attribute of a dynamic configuration object."""

    attribute: str
    value: str


class Variable(Wire):
    """A channel variable's value."""

    value: str


class RTPstat(Wire):
    """Packet counts, loss, jitter and round trip (seconds) of a channel's audio."""

    channel_uniqueid: str = ""
    txcount: int = 0
    rxcount: int = 0
    txploss: int = 0
    rxploss: int = 0
    txjitter: float | None = None
    rxjitter: float | None = None
    rtt: float | None = None


class RequiredDestination(Wire):
    """Where a REFER of the other side points to."""

    protocol_id: str = ""
    destination: str = ""


class ReferTo(Wire):
    """Target of a transfer the other side asks for."""

    requested_destination: RequiredDestination = RequiredDestination()
    destination_channel: Channel | None = None
    connected_channel: Channel | None = None
    bridge: Bridge | None = None


class ReferredBy(Wire):
    """Who asks for a transfer."""

    source_channel: Channel
    connected_channel: Channel | None = None
    bridge: Bridge | None = None


class RegistrationStatus(Wire):
    """State of one outbound registration; `client_uri` and `server_uri` are those of the registration object."""

    client_uri: str
    server_uri: str
    state: Literal["unregistered", "registered", "rejected"]
