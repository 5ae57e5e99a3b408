"""Recordings of real calls: who is heard, what a pause leaves, how long they are, and who may have them."""

from __future__ import annotations

import array
import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from tests.telephony.asterisk import until
from tests.telephony.calls.graphs import graph
from tests.telephony.calls.parties import Meeting, meeting, nothing_left
from tests.telephony.calls.phone import Talk, telephone
from tests.telephony.calls.sound import AGENT_HZ, CUSTOMER_HZ, RATE, Line, level, share
from tests.telephony.calls.telephone import Exchange
from tests.tenants import make_tenant

MAILBOX = "+12025550196"
CALLER = "+12025550167"
LOUD = 300.0  # of 16 bits
EDGE_S = 0.4  # around an order's own moment: what was on its way then


@dataclass
class Sound:
    """A recording's file, taken apart by SoX."""

    file: Path

    async def _sox(self, *arguments: str) -> bytes:
        process = await asyncio.create_subprocess_exec(
            *arguments, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
        )
        output, errors = await process.communicate()
        assert process.returncode == 0, errors
        return output

    async def length_s(self) -> float:
        """Return its length."""
        return float(await self._sox("soxi", "-D", str(self.file)))

    async def channels(self) -> int:
        """Return how many channels it has."""
        return int(await self._sox("soxi", "-c", str(self.file)))

    async def part(self, start: float, end: float, channel: int | None = None) -> array.array[int]:
        """Return the samples between two moments, 16 bits at 8 kHz, of one channel or of all together."""
        assert end - start > 0.2, "the part is too short to say anything"
        raw = ("-t", "raw", "-e", "signed", "-b", "16", "-r", str(RATE), "-c", "1", "-")
        alone = () if channel is None else ("remix", str(channel))
        return array.array("h", await self._sox(
            "sox", str(self.file), *raw, *alone, "trim", f"{start:.3f}", f"{end - start:.3f}"
        ))  # fmt: skip


@pytest.fixture(scope="module")
async def phone(phone: Exchange) -> Exchange:
    """A gateway whose trunk leads to an address where the customers' telephones are; one number takes messages."""
    mailbox = graph("message", {"message": ("voice.record", {"max_duration_seconds": 20, "play_beep": False}),
                                "end": ("voice.hangup", {})}, ("message", "done", "end"))  # fmt: skip
    await phone.route(MAILBOX, {"type": "template", "template": await phone.template(mailbox)})
    return phone


async def _time(line: Line, seconds: float) -> None:
    """Wait until a line has sent this much more sound: a call's own clock."""
    wanted = line.said_s + seconds
    await until(lambda: line.said_s >= wanted, f"{seconds:g} s of sound", seconds + 10)


async def _kept(phone: Exchange, call: str, count: int = 1) -> list[dict[str, Any]]:
    loop = asyncio.get_running_loop()
    end = loop.time() + 15
    while True:
        rows = list((await phone.owner.get(f"/voice/api/recordings/?call_id={call}")).ok()["results"])
        if len(rows) >= count:
            return rows
        assert loop.time() < end, (rows, await phone.story(call))
        await asyncio.sleep(0.05)


async def _sound(phone: Exchange, recording: str, folder: Path) -> Sound:
    shown = (await phone.owner.get(f"/voice/api/recordings/{recording}/download/")).ok()
    answer = await phone.owner.get(shown["recording_url"].removeprefix(phone.owner.url))
    assert answer.status == 200
    file = folder / f"{recording}.wav"
    file.write_bytes(answer.body)
    return Sound(file)


async def _moments(phone: Exchange, call: str, *names: str) -> list[float]:
    """Return when recording events were, in seconds after the recording began."""
    told = {event["type"]: datetime.fromisoformat(event["occurred_at"]) for event in await phone.events(call)}
    zero = told["call.recording_started"]
    return [(told[f"call.recording_{name}"] - zero).total_seconds() for name in names]


async def _left_in_asterisk(phone: Exchange) -> list[Path]:
    return [file for file in phone.asterisk.directory.rglob("rec_*") if file.is_file()]


async def test_a_pause_is_silence_in_a_recording_of_both(phone: Exchange, tmp_path: Path) -> None:
    async with meeting(phone) as met:
        line = met.customer.line
        await met.order("record", do="start")
        await met.refused("record", do="start")
        await met.refused("record", do="resume")
        await _time(line, 1.5)
        await met.order("record", do="pause")
        await met.refused("record", do="pause")
        await _time(line, 1.5)
        await met.order("record", do="resume")
        await _time(line, 1.5)
        assert (await phone.call(met.id))["recording"]["state"] == "recording"
        await met.order("record", do="stop")
        await met.refused("record", do="stop")
        row = (await _kept(phone, met.id))[0]
        paused, resumed, stopped = await _moments(phone, met.id, "paused", "resumed", "stopped")
    sound = await _sound(phone, row["id"], tmp_path)
    length = await sound.length_s()
    assert await sound.channels() == 2
    assert abs(length - stopped) < 2 * EDGE_S, "a pause takes no time away"
    assert abs(row["duration_seconds"] - length) <= 1
    assert not row["length_mismatch"]
    for start, end in ((0.0, paused), (resumed, stopped)):
        heard = await sound.part(start + EDGE_S, end - EDGE_S)
        assert level(heard) > LOUD
        assert share(heard, AGENT_HZ) > 0.1, "the agent"
        assert share(heard, CUSTOMER_HZ) > 0.1, "the customer"
        said = await sound.part(start + EDGE_S, end - EDGE_S, 1)
        answered = await sound.part(start + EDGE_S, end - EDGE_S, 2)
        assert (share(said, CUSTOMER_HZ) > 0.5, share(said, AGENT_HZ) < 0.05) == (True, True), "each side by itself"
        assert (share(answered, AGENT_HZ) > 0.5, share(answered, CUSTOMER_HZ) < 0.05) == (True, True)
    assert level(await sound.part(paused + EDGE_S, resumed - EDGE_S)) < LOUD / 10
    assert await _left_in_asterisk(phone) == []


async def test_a_call_placed_with_record_is_recorded_to_its_end(phone: Exchange, tmp_path: Path) -> None:
    async with meeting(phone, record=True) as met:
        await _time(met.customer.line, 2.0)
        met.agent.hang_up()
        ended = await phone.ended(met.id)
    row = (await _kept(phone, met.id))[0]
    length = await (await _sound(phone, row["id"], tmp_path)).length_s()
    talked = datetime.fromisoformat(ended["ended_at"]) - datetime.fromisoformat(ended["started_at"])
    assert abs(length - talked.total_seconds()) < 2.0
    assert not row["length_mismatch"]
    await phone.until(met.id, lambda each: each["recording_duration_seconds"] == row["duration_seconds"], "the mirror")
    assert [event["data"]["id"] for event in await met.told("recording.ready")] == [row["id"]]


async def test_a_call_can_be_recorded_twice(phone: Exchange, tmp_path: Path) -> None:
    async with meeting(phone) as met:
        for nth in (1, 2):
            await met.order("record", do="start")
            await _time(met.customer.line, 0.6)
            await met.order("record", do="stop")
            await _kept(phone, met.id, nth)
    rows = await _kept(phone, met.id, 2)
    assert len({row["id"] for row in rows}) == 2
    for row in rows:
        assert share(await (await _sound(phone, row["id"], tmp_path)).part(0.2, 0.5), CUSTOMER_HZ) > 0.1


async def test_an_address_is_for_one_recording_and_one_tenant(phone: Exchange) -> None:
    async with meeting(phone) as met:
        await met.order("record", do="start")
        await _time(met.customer.line, 0.5)
        await met.order("record", do="stop")
        row = (await _kept(phone, met.id))[0]
    path = (await phone.owner.get(f"/voice/api/recordings/{row['id']}/download/")).ok()["recording_url"]
    path = path.removeprefix(phone.owner.url)
    whole = await phone.owner.get(path)
    part = await phone.owner.get(path, headers={"Range": "bytes=-4"})
    assert (part.status, part.body) == (206, whole.body[-4:])
    (await phone.owner.get(path[:-3] + "AAA")).refused(404, "not_found")
    other = await make_tenant(phone.gateway, phone.url, phone.http)
    for what in ("", "download/"):
        (await other("owner").get(f"/voice/api/recordings/{row['id']}/{what}")).refused(404, "not_found")
    assert (await other("owner").get("/voice/api/recordings/")).ok()["results"] == []


async def test_a_file_that_is_gone_is_told_of(phone: Exchange) -> None:
    async with meeting(phone) as met:
        await met.order("record", do="start")
        await _time(met.customer.line, 0.5)
        for file in await _left_in_asterisk(phone):
            file.unlink()
        met.agent.hang_up()
        await phone.ended(met.id)
        failed = await met.wait_told("recording.failed")
    assert len(failed) == 1
    assert (await phone.owner.get(f"/voice/api/recordings/?call_id={met.id}")).ok()["results"] == []


# ---- consent


@asynccontextmanager
async def _consent_required(phone: Exchange) -> AsyncIterator[None]:
    app = (await phone.owner.get("/voice/api/tenant-voice-app/")).ok()["results"][0]["id"]
    path = f"/voice/api/tenant-voice-app/{app}/"
    (await phone.owner.patch(path, {"recording_requires_consent": True})).ok()
    yield
    (await phone.owner.patch(path, {"recording_requires_consent": False})).ok()


async def _consents_not(met: Meeting) -> None:
    before = await met.phone.types(met.id)
    (await met.phone.order(met.id, "record", do="start")).refused(409, "consent_required")
    assert await met.phone.types(met.id) == before


async def test_without_consent_nothing_is_recorded(phone: Exchange) -> None:
    async with _consent_required(phone):
        async with meeting(phone, record=True) as met:
            await _consents_not(met)
            await _time(met.customer.line, 0.5)
            assert await _left_in_asterisk(phone) == []
            met.agent.hang_up()
            ended = await phone.ended(met.id)
        assert ended["metadata"]["recording_allowed"] is False
        assert "recording_suppressed" in [type for _, type, _ in await phone.story(met.id)]
        assert not [type for type in await phone.types(met.id) if "record" in type]
        given = {"name": "By telephone", "contact": ended["contact"], "consent_given": True}
        consent = (await phone.owner.post("/voice/api/recording-consents/", given)).ok(201)
        async with meeting(phone, record=True) as met:
            await _time(met.customer.line, 0.5)
            met.agent.hang_up()
            await phone.ended(met.id)
        assert len(await _kept(phone, met.id)) == 1
        (await phone.owner.delete(f"/voice/api/recording-consents/{consent['id']}/")).ok(204)


# ---- messages for an IVR


@asynccontextmanager
async def _calling(phone: Exchange) -> AsyncIterator[tuple[Talk, str]]:
    async with telephone(ip=phone.more["carrier"]) as customers:
        talk = customers.dial(phone.asterisk.ip, MAILBOX, caller=CALLER)
        await until(lambda: talk.up, "the mailbox answering")
        talk.line.say(CUSTOMER_HZ)
        call = (await phone.calls(direction="inbound"))[0]["id"]
        await phone.until(call, lambda each: each["recording"] is not None, "the message being recorded")
        yield talk, call


@pytest.mark.parametrize("how", ["key", "hangup"])
async def test_a_caller_leaves_a_message(phone: Exchange, tmp_path: Path, how: str) -> None:
    async with _calling(phone) as (talk, call):
        await _time(talk.line, 1.5)
        if how == "key":
            talk.line.press("#")
            await talk.ended()
        else:
            talk.hang_up()
        assert (await phone.ended(call))["status"] == "COMPLETED"
        row = (await _kept(phone, call))[0]
    (stopped,) = await _moments(phone, call, "stopped")
    sound = await _sound(phone, row["id"], tmp_path)
    length = await sound.length_s()
    assert abs(length - stopped) < 3 * EDGE_S
    assert share(await sound.part(0.3, min(1.2, length)), CUSTOMER_HZ) > 0.5
    await nothing_left(phone)


async def test_an_ivr_takes_no_message_without_consent(phone: Exchange) -> None:
    async with _consent_required(phone), telephone(ip=phone.more["carrier"]) as customers:
        talk = customers.dial(phone.asterisk.ip, MAILBOX, caller="+12025550168")
        await talk.ended()
        call = (await phone.calls(direction="inbound"))[0]["id"]
        await phone.ended(call)
        assert "recording_suppressed" in [type for _, type, _ in await phone.story(call)]
        assert not [type for type in await phone.types(call) if "record" in type]
    assert await _left_in_asterisk(phone) == []
