"""How Telnyx carries out commands on a call: each is accepted at once, and what came of it is told by events."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any

from jinaconnect.telephony.simulator.walkers.line import BadDocument, CallerGone, Keys, Line, collect

TEXT, DIGITS, TRIES = 3_000, 128, 3
Event = dict[str, Any]


class TelnyxCall:
    """One call: commands in, events out, each with the `client_state` of its command."""

    def __init__(self, line: Line, common: Mapping[str, Any]) -> None:
        self._line = line
        self._common = dict(common)
        self._state = ""
        self._listening = ""  # the client state of the transcription that is running
        self._recording = False
        self.over = False

    async def command(self, verb: str, payload: Mapping[str, Any]) -> AsyncIterator[Event]:
        """Carry out a command and tell what comes of it."""
        self._state = payload.get("client_state", self._state)
        try:
            async for event in self._carry_out(verb, payload):
                yield event
        except CallerGone:
            self.over = True
            if verb.startswith("gather"):
                yield self._event("call.gather.ended", status="call_hangup", digits="")
            yield self._event("call.hangup", hangup_cause="normal_clearing", hangup_source="caller")

    def stop_recording(self, payload: Mapping[str, Any]) -> None:
        """End what is being recorded; its command tells of it."""
        self._state = payload.get("client_state", self._state)
        self._recording = False

    async def idle(self, seconds: float) -> Event | None:
        """Let time pass without a command; returns what is told meanwhile."""
        try:
            said = await self._line.words(seconds) if self._listening else ""
            if not self._listening:
                await self._line.quiet(seconds)
        except CallerGone:
            self.over = True
            return self._event("call.hangup", hangup_cause="normal_clearing", hangup_source="caller")
        if not said:
            return None
        told = {"transcript": said, "confidence": 0.98, "is_final": True}
        return {**self._event("call.transcription", transcription_data=told), "client_state": self._listening}

    def _event(self, event: str, **payload: Any) -> Event:
        return {**self._common, "event_type": event, "client_state": self._state, **payload}

    async def _carry_out(self, verb: str, payload: Mapping[str, Any]) -> AsyncIterator[Event]:
        match verb:
            case "speak":
                _text(payload["payload"])
                await self._line.hear("text", payload["payload"], keys=False)
                yield self._event("call.speak.ended", status="completed")
            case "playback_start":
                await self._line.hear("audio", payload["audio_url"], keys=False)
                yield self._event("call.playback.ended", status="completed")
            case "gather" | "gather_using_speak" | "gather_using_audio":
                keys, most, least = await self._gather(verb, payload)
                status = "timeout" if not keys.digits and not keys.closed_by else "valid"
                if keys.closed_by and len(keys.digits) < least:
                    status = "invalid"
                yield self._event("call.gather.ended", digits=keys.digits[:most], status=status)
            case "record_start":
                async for event in self._record(payload):
                    yield event
            case "transfer":
                async for event in self._transfer(payload):
                    yield event
            case "transcription_start":
                self._listening = payload["client_state"]
            case "transcription_stop":
                self._listening = ""
            case "record_stop":
                self.stop_recording(payload)
            case "hangup":
                self.over = True
                yield self._event("call.hangup", hangup_cause="normal_clearing", hangup_source="callee")
            case _:
                raise BadDocument(f"no command {verb}")

    async def _gather(self, verb: str, payload: Mapping[str, Any]) -> tuple[Keys, int, int]:
        least, most = payload.get("minimum_digits", 1), payload.get("maximum_digits", DIGITS)
        if not 1 <= least <= most <= DIGITS:
            raise BadDocument(f"{least} to {most} digits")
        between = payload.get("inter_digit_timeout_millis", 5_000) / 1_000
        first_s = payload.get("initial_timeout_millis", 5_000) / 1_000
        tries = 1
        if verb != "gather":
            first_s, tries = payload.get("timeout_millis", 60_000) / 1_000, payload.get("maximum_tries", TRIES)
        keys = Keys("")
        for _ in range(tries):
            first = None
            if verb == "gather_using_speak":
                _text(payload["payload"])
                first = await self._line.hear("text", payload["payload"], keys=True)
            elif verb == "gather_using_audio":
                first = await self._line.hear("audio", payload["audio_url"], keys=True)
            keys = await collect(
                self._line, first, most=most, closes=payload.get("terminating_digit", "#"), first_s=first_s,
                between_s=between,
            )  # fmt: skip
            if keys.digits or keys.closed_by:
                break
        return keys, most, least

    async def _record(self, payload: Mapping[str, Any]) -> AsyncIterator[Event]:
        take = self._line.recording(payload.get("max_length") or 14_400, payload.get("timeout_secs") or None)
        self._recording = True
        while self._recording and self._line.now() < take.ends_at:
            key = await self._line.quiet(take.ends_at - self._line.now(), "0123456789*#")
            if key is not None:
                yield self._event("call.dtmf.received", digit=key)
        self._recording = False
        if take.seconds:
            yield self._event(
                "call.recording.saved", recording_urls={"wav": "https://s3.amazonaws.com/one.wav"}, recording_id="rec",
                recording_started_at="2026-01-01T00:00:00Z", recording_ended_at="2026-01-01T00:00:09Z",
            )  # fmt: skip
        else:
            yield self._event("call.recording.error", reason="empty recording")

    async def _transfer(self, payload: Mapping[str, Any]) -> AsyncIterator[Event]:
        second = {"client_state": payload.get("target_leg_client_state", self._state)}
        yield {**self._event("call.initiated"), **second}
        done = await self._line.dial(payload["to"], payload.get("timeout_secs", 30))
        if done.answered:
            yield {**self._event("call.answered"), **second}
            yield {**self._event("call.bridged"), **second}
        cause = "normal_clearing" if done.answered else "timeout"
        yield {**self._event("call.hangup", hangup_cause=cause), **second}
        if done.answered and payload.get("park_after_unbridge") != "self":
            self.over = True
            yield self._event("call.hangup", hangup_cause="normal_clearing")


def _text(text: str) -> None:
    if not 1 <= len(text) <= TEXT:
        raise BadDocument("the text is empty or too long")
