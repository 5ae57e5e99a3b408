"""The link breaks, or the gateway dies, while a caller leaves a message: it is one recording, and it is kept."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from jinaconnect.actions.calls.stored import claim_stored
from jinaconnect.store.databases.embedded import EmbeddedMongo
from jinaconnect.telephony.ari.errors import AriNotFound
from tests.client import until
from tests.telephony.asterisk import Asterisk, asterisk, carrier, loopback_address
from tests.telephony.asterisk import until as soon
from tests.telephony.cable import Cable
from tests.telephony.calls.graphs import graph
from tests.telephony.calls.phone import Talk, telephone
from tests.telephony.calls.sound import CUSTOMER_HZ
from tests.telephony.calls.telephone import Exchange, exchange, standing

__all__ = ["asterisk", "carrier"]

MAILBOX, SHORT = "+12025550196", "+12025550197"


@dataclass
class Message:
    """A caller who is leaving a message, over a link that can be cut."""

    phone: Exchange
    cable: Cable
    talk: Talk
    call: str
    recording: str

    async def said(self, seconds: float) -> None:
        """Wait until the caller has spoken for a while longer."""
        line = self.talk.line
        wanted = line.said_s + seconds
        await soon(lambda: line.said_s >= wanted, f"{seconds:g} s of sound", seconds + 10)

    async def cut(self) -> None:
        """Cut the link, and wait until the gateway knows."""
        self.cable.cut()
        await until(self._away, 30)

    async def _away(self) -> bool:
        return not await self.phone.gateway.fleet.standing("main")

    async def mended(self) -> None:
        """Mend the link, and wait until the gateway has taken stock."""
        self.cable.mend()
        await standing(self.phone.gateway)

    async def stopped_unheard(self) -> None:
        """Wait until Asterisk has ended the recording."""

        async def over() -> bool:
            async with self.phone.asterisk.client() as ari:
                try:
                    await ari.recordings.live(self.recording)
                except AriNotFound:
                    return True
            return False

        await until(over, 15)

    async def kept(self) -> list[dict[str, Any]]:
        """Return the call's recordings, once there is one."""

        async def there() -> bool:
            return bool(await self.phone.recordings(self.call))

        await until(there, 20)
        return await self.phone.recordings(self.call)

    async def of(self, *types: str) -> list[str]:
        """Return which of these events the call has told, in order."""
        return [type for type in await self.phone.types(self.call) if type in types]

    async def nodes(self) -> list[str]:
        """Return which nodes of the IVR the call was at."""
        return [event["data"]["node"] for event in await self.phone.events(self.call)
                if event["type"] == "call.ivr_step"]  # fmt: skip

    async def none_left(self) -> None:
        """Wait until Asterisk holds no recording."""

        async def none() -> bool:
            return not [file for file in self.phone.asterisk.directory.rglob("rec_*") if file.is_file()]

        await until(none, 20)


@pytest.fixture
async def message(
    asterisk: Asterisk, mongod: EmbeddedMongo, http: aiohttp.ClientSession, tmp_path: Path
) -> AsyncIterator[Message]:
    """A caller who has begun to leave a message."""
    async with _mailbox(asterisk, mongod, http, tmp_path) as (phone, cable, lines), telephone(ip=lines) as callers:
        talk = callers.dial(asterisk.ip, MAILBOX, caller="+12025550167")
        await soon(lambda: talk.up, "the mailbox answering")
        talk.line.say(CUSTOMER_HZ)
        call = (await phone.calls(direction="inbound"))[0]["id"]
        shown = await phone.until(call, lambda each: each["recording"] is not None, "the message being recorded")
        yield Message(phone, cable, talk, call, shown["recording"]["id"])


@asynccontextmanager
async def _mailbox(
    asterisk: Asterisk, mongod: EmbeddedMongo, http: aiohttp.ClientSession, folder: Path
) -> AsyncIterator[tuple[Exchange, Cable, str]]:
    cable, lines = Cable(asterisk.ip, 8088), loopback_address(5060)
    url = await cable.lay()
    async with exchange(asterisk, mongod.uri, http, folder / "var", lines, asterisk_url=url) as phone:
        for number, longest in ((MAILBOX, 60), (SHORT, 1)):
            mailbox = graph("message", {"message": ("voice.record", {"max_duration_seconds": longest,
                                                                     "play_beep": False}),
                                        "bye": ("voice.play", {"tts_text": "Thank you."}),
                                        "end": ("voice.hangup", {})},
                            ("message", "done", "bye"), ("bye", "done", "end"))  # fmt: skip
            await phone.route(number, {"type": "template", "template": await phone.template(mailbox)})
        yield phone, cable, lines
    await cable.roll_up()


async def test_a_message_outlives_a_cut_link_as_one_recording(message: Message) -> None:
    await message.said(1.0)
    before = message.talk.line.said_s
    await message.cut()
    await message.mended()
    await message.said(1.0)
    said = message.talk.line.said_s - before
    assert await message.nodes() == ["message"], "it is listened to still"
    message.talk.line.press("#")
    await message.talk.ended(20)
    await message.phone.ended(message.call)
    rows = await message.kept()
    assert [row["id"] for row in rows] == [message.recording]
    assert rows[0]["duration_seconds"] >= round(said), "what was said before, during and after the break"
    told = await message.of("call.recording_started", "call.recording_stopped", "recording.ready", "recording.failed")
    assert told == ["call.recording_started", "call.recording_stopped", "recording.ready"]
    assert await message.nodes() == ["message", "bye", "end"]
    await message.none_left()


async def test_a_message_that_ended_during_the_break_is_kept_and_the_ivr_goes_on(message: Message) -> None:
    await message.said(1.0)
    await message.cut()
    message.talk.line.press("#")
    await message.stopped_unheard()
    await message.mended()
    await message.talk.ended(20)
    await message.phone.ended(message.call)
    assert [row["id"] for row in await message.kept()] == [message.recording]
    assert await message.of("call.recording_started", "call.recording_stopped") == [
        "call.recording_started", "call.recording_stopped",
    ]  # fmt: skip
    await message.none_left()


async def test_a_message_of_a_caller_who_left_during_the_break_is_kept(message: Message) -> None:
    await message.said(1.0)
    await message.cut()
    message.talk.hang_up()
    await message.stopped_unheard()
    await message.mended()
    assert (await message.phone.ended(message.call))["inferred"]
    assert [row["id"] for row in await message.kept()] == [message.recording]
    await message.none_left()


async def test_a_recording_that_was_asked_for_before_the_gateway_died_is_adopted(message: Message) -> None:
    """The gateway died after Asterisk had begun, and before it could note that."""
    await message.said(0.5)
    await message.cut()
    await _change(message, lambda held: {**held, "state": "asked"})
    await message.mended()
    await message.said(0.5)
    message.talk.line.press("#")
    await message.phone.ended(message.call)
    assert [row["id"] for row in await message.kept()] == [message.recording]
    await message.none_left()


async def test_a_recording_nobody_claims_is_found_on_asterisk_and_kept(message: Message) -> None:
    await message.said(1.0)
    await message.cut()
    await _change(message, lambda held: None)
    message.talk.hang_up()
    await message.stopped_unheard()
    await message.mended()
    await message.phone.ended(message.call)
    rows = await message.kept()
    assert [row["id"] for row in rows] == [message.recording]
    assert rows[0]["duration_seconds"] >= 1
    await message.none_left()
    gateway = message.phone.gateway
    assert await claim_stored(gateway.services, gateway.ports.worker, gateway.fleet.switch("main")) == 0


async def _change(message: Message, become: Callable[[dict[str, Any]], dict[str, Any] | None]) -> None:
    rows = message.phone.gateway.services.store.raw("calls")
    row = await rows.find_one({"_id": message.call})
    assert row is not None
    await rows.update_one({"_id": message.call}, {"$set": {"record": become(row["record"])}})


async def test_an_empty_recording_is_never_ready(
    asterisk: Asterisk, mongod: EmbeddedMongo, http: aiohttp.ClientSession, tmp_path: Path
) -> None:
    async with _mailbox(asterisk, mongod, http, tmp_path) as (phone, _, lines), telephone(ip=lines) as callers:
        talk = callers.dial(asterisk.ip, SHORT, caller="+12025550167")
        talk.line.close()  # a caller who sends no sound at all
        await soon(lambda: talk.up, "the mailbox answering")
        call = (await phone.calls(direction="inbound"))[0]["id"]
        await phone.ended(call, 40)

        async def told() -> bool:
            return bool({"recording.ready", "recording.failed"} & set(await phone.types(call)))

        await until(told, 20)
        failed = [event["data"] for event in await phone.events(call) if event["type"] == "recording.failed"]
        assert [each["reason"] for each in failed] == ["The recording is empty."]
        assert await phone.recordings(call) == []
