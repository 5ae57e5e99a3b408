"""Requests about bridges, prompts and recordings."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Literal

from pydantic import TypeAdapter

from jinaconnect.telephony.ari.channels import IfExists
from jinaconnect.telephony.ari.exchange import AriHttp, Query
from jinaconnect.telephony.ari.wire import Bridge, LiveRecording, Playback, StoredRecording

_bridge = TypeAdapter(Bridge)
_bridges = TypeAdapter(list[Bridge])
_playback = TypeAdapter(Playback)
_live = TypeAdapter(LiveRecording)
_stored = TypeAdapter(StoredRecording)
_stored_list = TypeAdapter(list[StoredRecording])


class Bridges:
    """`/bridges`: where channels hear each other."""

    def __init__(self, http: AriHttp) -> None:
        self._http = http

    async def list(self) -> list[Bridge]:
        """Return every bridge."""
        return await self._http.ask(_bridges, "GET", "/bridges")

    async def get(self, bridge: str) -> Bridge:
        """Return one bridge; raises AriNotFound."""
        return await self._http.ask(_bridge, "GET", "/bridges/{bridgeId}", path={"bridgeId": bridge})

    async def create(self, bridge: str, *, type: str = "mixing", name: str | None = None) -> Bridge:
        """Make a bridge with the id `bridge`; raises AriConflict where there is one."""
        return await self._http.ask(
            _bridge, "POST", "/bridges/{bridgeId}", path={"bridgeId": bridge}, query={"type": type, "name": name}
        )

    async def destroy(self, bridge: str) -> None:
        """End a bridge; its channels stay. It is gone a moment after the answer."""
        await self._http.call("DELETE", "/bridges/{bridgeId}", path={"bridgeId": bridge})

    async def add(self, bridge: str, channels: Sequence[str], *, mute: bool = False, absorb_dtmf: bool = False) -> None:
        """Put channels into a bridge; held back by Asterisk while a prompt or recording runs on one of them."""
        query: Query = {"channel": ",".join(channels), "mute": mute or None, "absorbDTMF": absorb_dtmf or None}
        await self._http.call("POST", "/bridges/{bridgeId}/addChannel", path={"bridgeId": bridge}, query=query)

    async def remove(self, bridge: str, channels: Sequence[str]) -> None:
        """Take channels out of a bridge; raises AriRefused (422) where one is not in it."""
        await self._http.call(
            "POST", "/bridges/{bridgeId}/removeChannel", path={"bridgeId": bridge},
            query={"channel": ",".join(channels)},
        )  # fmt: skip

    async def start_moh(self, bridge: str, music: str | None = None) -> None:
        """Play music to all in the bridge."""
        await self._http.call("POST", "/bridges/{bridgeId}/moh", path={"bridgeId": bridge}, query={"mohClass": music})

    async def stop_moh(self, bridge: str) -> None:
        """Stop the music."""
        await self._http.call("DELETE", "/bridges/{bridgeId}/moh", path={"bridgeId": bridge})

    async def play(self, bridge: str, media: Sequence[str], playback: str, *, language: str | None = None) -> Playback:
        """Play media URIs to all in the bridge under the id `playback`."""
        return await self._http.ask(
            _playback, "POST", "/bridges/{bridgeId}/play/{playbackId}",
            path={"bridgeId": bridge, "playbackId": playback}, query={"media": ",".join(media), "lang": language},
        )  # fmt: skip

    async def record(
        self, bridge: str, name: str, *, format: str = "wav", max_duration_s: int = 0, max_silence_s: int = 0,
        if_exists: IfExists = "fail", beep: bool = False, terminate_on: str = "none",
    ) -> LiveRecording:  # fmt: skip
        """Record the mix of all in the bridge; 0 seconds is no limit."""
        query: Query = {
            "name": name, "format": format, "maxDurationSeconds": max_duration_s, "maxSilenceSeconds": max_silence_s,
            "ifExists": if_exists, "beep": beep, "terminateOn": terminate_on,
        }  # fmt: skip
        return await self._http.ask(_live, "POST", "/bridges/{bridgeId}/record", path={"bridgeId": bridge}, query=query)


class Playbacks:
    """`/playbacks`: prompts under way."""

    def __init__(self, http: AriHttp) -> None:
        self._http = http

    async def get(self, playback: str) -> Playback:
        """Return one prompt; raises AriNotFound when it has ended."""
        return await self._http.ask(_playback, "GET", "/playbacks/{playbackId}", path={"playbackId": playback})

    async def stop(self, playback: str) -> None:
        """Stop a prompt; raises AriNotFound when it has ended.

        Only `sound:` and `recording:` can be stopped: Asterisk refuses it (500) while it reads out `digits:` and such.
        """
        await self._http.call("DELETE", "/playbacks/{playbackId}", path={"playbackId": playback})

    async def control(
        self, playback: str, operation: Literal["restart", "pause", "unpause", "reverse", "forward"]
    ) -> None:
        """Pause, resume or wind a prompt."""
        await self._http.call(
            "POST", "/playbacks/{playbackId}/control", path={"playbackId": playback}, query={"operation": operation}
        )


class Recordings:
    """`/recordings`: live ones, and those on Asterisk's disk. Names may hold slashes."""

    def __init__(self, http: AriHttp) -> None:
        self._http = http

    async def live(self, name: str) -> LiveRecording:
        """Return a recording in progress; raises AriNotFound."""
        return await self._http.ask(_live, "GET", "/recordings/live/{recordingName}", path={"recordingName": name})

    async def stop(self, name: str) -> None:
        """End a recording and keep it."""
        await self._http.call("POST", "/recordings/live/{recordingName}/stop", path={"recordingName": name})

    async def discard(self, name: str) -> None:
        """End a recording and throw it away."""
        await self._http.call("DELETE", "/recordings/live/{recordingName}", path={"recordingName": name})

    async def pause(self, name: str) -> None:
        """Stop writing; what is said meanwhile is missing from the file."""
        await self._http.call("POST", "/recordings/live/{recordingName}/pause", path={"recordingName": name})

    async def unpause(self, name: str) -> None:
        """Go on writing."""
        await self._http.call("DELETE", "/recordings/live/{recordingName}/pause", path={"recordingName": name})

    async def mute(self, name: str) -> None:
        """Write silence instead of what is said."""
        await self._http.call("POST", "/recordings/live/{recordingName}/mute", path={"recordingName": name})

    async def unmute(self, name: str) -> None:
        """Write what is said again."""
        await self._http.call("DELETE", "/recordings/live/{recordingName}/mute", path={"recordingName": name})

    async def stored_list(self) -> list[StoredRecording]:
        """Return what lies on Asterisk's disk."""
        return await self._http.ask(_stored_list, "GET", "/recordings/stored")

    async def stored(self, name: str) -> StoredRecording:
        """Return one stored recording; raises AriNotFound."""
        return await self._http.ask(_stored, "GET", "/recordings/stored/{recordingName}", path={"recordingName": name})

    async def file(
        self, name: str, take: Callable[[bytes], Awaitable[None]], *, limit: int = 512 << 20, deadline_s: float = 50.0
    ) -> None:
        """Give the bytes of a stored recording to `take` as they come; raises AriProtocol above `limit` bytes."""
        await self._http.pieces(
            "GET", "/ari/recordings/stored/{recordingName}/file", take, path={"recordingName": name}, limit=limit,
            deadline_s=deadline_s,
        )  # fmt: skip

    async def delete(self, name: str) -> None:
        """Delete a stored recording."""
        await self._http.call("DELETE", "/recordings/stored/{recordingName}", path={"recordingName": name})
