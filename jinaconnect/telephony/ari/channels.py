"""Requests about channels: one leg of a call each.

While a prompt or recording runs on a channel, Asterisk holds back `answer`, `set_variable` and adding it to a bridge
until that ends: stop the prompt first. The answer to a request and the events it causes come in any order.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

from pydantic import TypeAdapter

from jinaconnect.telephony.ari.errors import AriRefused, AriTrunkDown
from jinaconnect.telephony.ari.exchange import AriHttp, Query
from jinaconnect.telephony.ari.wire import Channel, LiveRecording, Playback, RTPstat, Variable

# A carrier's 302 would make Asterisk dial the contact by itself, through the dialplan, as a call nobody asked for.
# Its forwarding goes to this context, which does not exist: the call ends as refused (cause 23, SIP 302).
REDIRECTS_REFUSED = {"FORWARD_CONTEXT": "redirect-refused"}

Direction = Literal["in", "out", "both"]
IfExists = Literal["fail", "overwrite", "append"]

_channel = TypeAdapter(Channel)
_channels = TypeAdapter(list[Channel])
_playback = TypeAdapter(Playback)
_recording = TypeAdapter(LiveRecording)
_variable = TypeAdapter(Variable)
_statistics = TypeAdapter(RTPstat)


class Channels:
    """`/channels`. Every method raises the errors of `errors.py`; AriNotFound where the channel has ended."""

    def __init__(self, http: AriHttp) -> None:
        self._http = http

    async def list(self) -> list[Channel]:
        """Return every channel of this Asterisk, ours or not."""
        return await self._http.ask(_channels, "GET", "/channels")

    async def get(self, channel: str) -> Channel:
        """Return one channel."""
        return await self._http.ask(_channel, "GET", "/channels/{channelId}", path={"channelId": channel})

    async def originate(
        self, channel: str, endpoint: str, *, app: str, app_args: Sequence[str] = (), caller_id: str | None = None,
        timeout_s: int = 30, formats: Sequence[str] = (), variables: Mapping[str, str] | None = None,
        originator: str | None = None,
    ) -> Channel:  # fmt: skip
        """Call `endpoint` (`PJSIP/<number>@<endpoint id>`) on a channel with the id `channel`.

        Returns before the other side rings; `StasisStart` comes at the answer. `caller_id` is a number or
        `"Name" <number>`. Raises AriConflict where the id is taken (a repeat), AriTrunkDown where no contact is
        reachable, ValueError for an argument with a comma (Asterisk would split it).
        """
        if any("," in argument for argument in app_args):
            raise ValueError("arguments of the application cannot hold commas")
        query: Query = {
            "endpoint": endpoint, "app": app, "appArgs": ",".join(app_args) or None, "callerId": caller_id,
            "timeout": timeout_s, "channelId": channel, "formats": ",".join(formats) or None, "originator": originator,
        }  # fmt: skip
        body = {"variables": {**(variables or {}), **REDIRECTS_REFUSED}}
        try:
            return await self._http.ask(_channel, "POST", "/channels", query=query, body=body)
        except AriRefused as refused:
            if refused.status == 500 and "Allocation failed" in refused.body:
                raise AriTrunkDown(refused.request, refused.status, refused.body) from None
            raise

    async def answer(self, channel: str) -> None:
        """Answer a call that came in."""
        await self._http.call("POST", "/channels/{channelId}/answer", path={"channelId": channel})

    async def ring(self, channel: str) -> None:
        """Tell the caller that it rings (180)."""
        await self._http.call("POST", "/channels/{channelId}/ring", path={"channelId": channel})

    async def stop_ring(self, channel: str) -> None:
        """Stop telling the caller that it rings."""
        await self._http.call("DELETE", "/channels/{channelId}/ring", path={"channelId": channel})

    async def progress(self, channel: str) -> None:
        """Open the audio towards the caller before the answer (183)."""
        await self._http.call("POST", "/channels/{channelId}/progress", path={"channelId": channel})

    async def hangup(self, channel: str, *, cause: int = 16) -> None:
        """End a channel with a Q.850 cause; before the answer it decides the SIP status the caller gets."""
        await self._http.call(
            "DELETE", "/channels/{channelId}", path={"channelId": channel}, query={"reason_code": cause}
        )

    async def leave(self, channel: str) -> None:
        """Give a channel back to the dialplan, after `Stasis()`."""
        await self._http.call("POST", "/channels/{channelId}/continue", path={"channelId": channel})

    async def move(self, channel: str, app: str, *, app_args: Sequence[str] = ()) -> None:
        """Hand a channel to another application of the same Asterisk."""
        query: Query = {"app": app, "appArgs": ",".join(app_args) or None}
        await self._http.call("POST", "/channels/{channelId}/move", path={"channelId": channel}, query=query)

    async def redirect(self, channel: str, endpoint: str) -> None:
        """Send REFER (answered) or 302 (not answered) towards `PJSIP/sip:<user>@<host>`.

        Success only means that it was sent: judge by what the channel does afterwards, with a timer.
        """
        await self._http.call(
            "POST", "/channels/{channelId}/redirect", path={"channelId": channel}, query={"endpoint": endpoint}
        )

    async def transfer_progress(self, channel: str, state: str) -> None:
        """Report on a transfer the other side asked for (`ChannelTransfer`)."""
        await self._http.call(
            "POST", "/channels/{channelId}/transfer_progress", path={"channelId": channel}, query={"states": state}
        )

    async def send_dtmf(
        self, channel: str, digits: str, *, between_ms: int = 100, duration_ms: int = 100, before_ms: int = 0,
        after_ms: int = 0,
    ) -> None:  # fmt: skip
        """Press keys towards the other side; returns at once."""
        query: Query = {
            "dtmf": digits, "between": between_ms, "duration": duration_ms, "before": before_ms, "after": after_ms
        }  # fmt: skip
        await self._http.call("POST", "/channels/{channelId}/dtmf", path={"channelId": channel}, query=query)

    async def mute(self, channel: str, direction: Direction = "both") -> None:
        """Silence what the channel says (`in`), hears (`out`), or both."""
        await self._http.call(
            "POST", "/channels/{channelId}/mute", path={"channelId": channel}, query={"direction": direction}
        )

    async def unmute(self, channel: str, direction: Direction = "both") -> None:
        """Undo `mute`."""
        await self._http.call(
            "DELETE", "/channels/{channelId}/mute", path={"channelId": channel}, query={"direction": direction}
        )

    async def hold(self, channel: str) -> None:
        """Put the other side on hold by SIP (a=sendonly)."""
        await self._http.call("POST", "/channels/{channelId}/hold", path={"channelId": channel})

    async def unhold(self, channel: str) -> None:
        """Undo `hold`."""
        await self._http.call("DELETE", "/channels/{channelId}/hold", path={"channelId": channel})

    async def start_moh(self, channel: str, music: str | None = None) -> None:
        """Play music on hold."""
        await self._http.call(
            "POST", "/channels/{channelId}/moh", path={"channelId": channel}, query={"mohClass": music}
        )

    async def stop_moh(self, channel: str) -> None:
        """Stop music on hold."""
        await self._http.call("DELETE", "/channels/{channelId}/moh", path={"channelId": channel})

    async def start_silence(self, channel: str) -> None:
        """Send silence, which keeps the audio path of picky carriers open."""
        await self._http.call("POST", "/channels/{channelId}/silence", path={"channelId": channel})

    async def stop_silence(self, channel: str) -> None:
        """Stop sending silence."""
        await self._http.call("DELETE", "/channels/{channelId}/silence", path={"channelId": channel})

    async def play(
        self, channel: str, media: Sequence[str], playback: str, *, language: str | None = None,
        skip_ms: int | None = None, offset_ms: int | None = None,
    ) -> Playback:  # fmt: skip
        """Play media URIs (`sound:`, `tone:`, `digits:`, `recording:`) in turn under the id `playback`.

        A missing sound is told by `PlaybackFinished` with state failed; a missing recording by no event at all.
        """
        query: Query = {"media": ",".join(media), "lang": language, "skipms": skip_ms, "offsetms": offset_ms}
        return await self._http.ask(
            _playback, "POST", "/channels/{channelId}/play/{playbackId}",
            path={"channelId": channel, "playbackId": playback}, query=query,
        )  # fmt: skip

    async def record(
        self, channel: str, name: str, *, format: str = "wav", max_duration_s: int = 0, max_silence_s: int = 0,
        if_exists: IfExists = "fail", beep: bool = False, terminate_on: str = "none",
    ) -> LiveRecording:  # fmt: skip
        """Record what the channel says; 0 seconds is no limit. Raises AriConflict where the name is taken."""
        query: Query = {
            "name": name, "format": format, "maxDurationSeconds": max_duration_s, "maxSilenceSeconds": max_silence_s,
            "ifExists": if_exists, "beep": beep, "terminateOn": terminate_on,
        }  # fmt: skip
        return await self._http.ask(
            _recording, "POST", "/channels/{channelId}/record", path={"channelId": channel}, query=query
        )

    async def variable(self, channel: str, name: str) -> str:
        """Return a channel variable or the result of a dialplan function such as `CALLERID(num)`."""
        got = await self._http.ask(
            _variable, "GET", "/channels/{channelId}/variable", path={"channelId": channel}, query={"variable": name}
        )
        return got.value

    async def set_variable(self, channel: str, name: str, value: str) -> None:
        """Set a channel variable or dialplan function."""
        await self._http.call(
            "POST", "/channels/{channelId}/variable", path={"channelId": channel},
            query={"variable": name, "value": value},
        )  # fmt: skip

    async def snoop(
        self, channel: str, snoop: str, *, app: str, spy: Direction | None = None, whisper: Direction | None = None,
        app_args: Sequence[str] = (),
    ) -> Channel:  # fmt: skip
        """Make a channel with the id `snoop` that hears, or speaks into, `channel`; it ends with it."""
        query: Query = {"spy": spy, "whisper": whisper, "app": app, "appArgs": ",".join(app_args) or None}
        return await self._http.ask(
            _channel, "POST", "/channels/{channelId}/snoop/{snoopId}",
            path={"channelId": channel, "snoopId": snoop}, query=query,
        )  # fmt: skip

    async def external_media(
        self, channel: str, *, app: str, format: str = "slin16", external_host: str = "INCOMING",
        transport: str = "websocket", encapsulation: str = "none", connection_type: str = "server",
        direction: str = "both", transport_data: str | None = None,
    ) -> Channel:  # fmt: skip
        """Make a channel whose audio goes over a media WebSocket (or RTP) that we open to Asterisk.

        The variable MEDIA_WEBSOCKET_CONNECTION_ID of the channel is the path, and the only secret, of that socket.
        """
        query: Query = {
            "channelId": channel, "app": app, "external_host": external_host, "encapsulation": encapsulation,
            "transport": transport, "connection_type": connection_type, "format": format, "direction": direction,
            "transport_data": transport_data,
        }  # fmt: skip
        return await self._http.ask(_channel, "POST", "/channels/externalMedia", query=query)

    async def rtp_statistics(self, channel: str) -> RTPstat:
        """Return loss and jitter so far; only while the channel lives."""
        return await self._http.ask(
            _statistics, "GET", "/channels/{channelId}/rtp_statistics", path={"channelId": channel}
        )
