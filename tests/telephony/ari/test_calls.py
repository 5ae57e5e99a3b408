"""Calls over a real Asterisk: towards SIPp, and towards a second Asterisk as the carrier."""

from __future__ import annotations

import asyncio
import wave
from io import BytesIO
from itertools import count
from pathlib import Path

import pytest

from jinaconnect.telephony.ari.client import AriClient
from jinaconnect.telephony.ari.errors import AriConflict, AriNotFound, AriRefused, AriTrunkDown
from jinaconnect.telephony.ari.event_types import (
    ChannelDestroyed,
    ChannelDtmfReceived,
    ChannelEnteredBridge,
    ChannelHangupRequest,
    ChannelStateChange,
    Dial,
    PlaybackFinished,
    PlaybackStarted,
    RecordingFinished,
    RecordingStarted,
    StasisEnd,
    StasisStart,
)
from jinaconnect.telephony.ari.ids import bridge_id, channel_id
from tests.telephony.asterisk import APP, Asterisk, Heard, listening, sipp, until

_numbers = count(1)


def fresh(leg: str = "customer") -> str:
    """Return a channel id no test used yet."""
    return channel_id(f"cal_t{next(_numbers)}", leg)


async def answered(ari: AriClient, heard: Heard, number: str = "600", endpoint: str | None = None) -> str:
    """Place a call and return its channel once it is in the application."""
    channel = fresh()
    await ari.channels.originate(channel, endpoint or f"PJSIP/{number}@trunk", app=APP, app_args=("out",))
    await heard.next(StasisStart, channel)
    return channel


async def test_a_call_is_placed_answered_and_hung_up_under_the_id_we_chose(ari: AriClient, heard: Heard) -> None:
    channel = fresh()
    made = await ari.channels.originate(
        channel, "PJSIP/600@trunk", app=APP, app_args=("out", "x"), caller_id='"Jina" <+4930111>',
        variables={"JC_CALL": "cal_1"},
    )  # fmt: skip
    assert made.id == channel
    started = await heard.next(StasisStart, channel)
    assert started.args == ("out", "x")
    assert started.channel.state == "Up"
    assert started.channel.endpoint == "trunk"
    assert (await ari.channels.get(channel)).state == "Up"
    assert await ari.channels.variable(channel, "JC_CALL") == "cal_1"
    assert channel in (await ari.applications.get(APP)).channel_ids
    await ari.channels.hangup(channel)
    ended = await heard.next(ChannelDestroyed, channel)
    assert ended.cause == 16
    with pytest.raises(AriNotFound):
        await ari.channels.get(channel)


async def test_a_repeated_originate_is_a_conflict_and_makes_no_second_call(ari: AriClient, heard: Heard) -> None:
    channel = await answered(ari, heard)
    with pytest.raises(AriConflict):
        await ari.channels.originate(channel, "PJSIP/600@trunk", app=APP)
    assert [each.id for each in await ari.channels.list()].count(channel) == 1


@pytest.mark.parametrize(
    ("number", "cause", "sip"),
    [("486", 17, 486), ("404", 1, 404), ("403", 21, 403), ("480", 19, 480), ("503", 34, 503)],
)
async def test_a_carriers_refusal_arrives_with_its_cause(
    ari: AriClient, heard: Heard, number: str, cause: int, sip: int
) -> None:
    channel = fresh()
    await ari.channels.originate(channel, f"PJSIP/{number}@trunk", app=APP)
    ended = await heard.next(ChannelDestroyed, channel)
    assert (ended.cause, ended.tech_cause) == (cause, sip)
    assert not heard.of(StasisStart, channel)


@pytest.mark.parametrize(("code", "cause"), [(403, 21), (404, 1), (480, 19), (486, 17), (503, 34), (603, 21)])
async def test_sipps_refusals_arrive_with_their_causes(
    ari: AriClient, heard: Heard, tmp_path: Path, code: int, cause: int
) -> None:
    async with sipp(tmp_path, f"uas_refuse_{code}") as callee:
        channel = fresh()
        await ari.channels.originate(channel, f"PJSIP/trunk/sip:4930123@{callee.ip}:5060", app=APP)
        ended = await heard.next(ChannelDestroyed, channel)
        assert ended.tech_cause == code
        assert ended.cause == cause
        assert await callee.finished() == 0


async def test_a_call_nobody_takes_ends_at_its_timeout(ari: AriClient, heard: Heard, tmp_path: Path) -> None:
    async with sipp(tmp_path, "uas_ring") as callee:
        channel = fresh()
        await ari.channels.originate(channel, f"PJSIP/trunk/sip:4930123@{callee.ip}:5060", app=APP, timeout_s=1)
        ended = await heard.next(ChannelDestroyed, channel)
        assert ended.cause == 19
        # The last step, NOANSWER, comes after the channel's end, when the application hears of it no more.
        assert [each.dialstatus for each in heard.of(Dial) if each.peer.id == channel] == ["", "RINGING"]
        assert await callee.finished() == 0


async def test_a_call_is_cancelled_while_it_rings(ari: AriClient, heard: Heard, tmp_path: Path) -> None:
    async with sipp(tmp_path, "uas_ring") as callee:
        channel = fresh()
        await ari.channels.originate(channel, f"PJSIP/trunk/sip:4930123@{callee.ip}:5060", app=APP)
        await until(
            lambda: any(each.channel.state == "Ringing" for each in heard.of(ChannelStateChange, channel)), "ringing"
        )
        await ari.channels.hangup(channel)
        await heard.next(ChannelDestroyed, channel)
        assert await callee.finished() == 0
        assert "CANCEL sip:" in callee.messages()


async def test_early_media_comes_before_the_answer(ari: AriClient, heard: Heard, tmp_path: Path) -> None:
    async with sipp(tmp_path, "uas_early_media") as callee:
        channel = fresh()
        await ari.channels.originate(channel, f"PJSIP/trunk/sip:4930123@{callee.ip}:5060", app=APP)
        await heard.next(StasisStart, channel)
        assert [each.dialstatus for each in heard.of(Dial) if each.peer.id == channel] == ["", "PROGRESS", "ANSWER"]
        await ari.channels.hangup(channel)
        assert await callee.finished() == 0


async def test_the_called_partys_hangup_ends_the_call(ari: AriClient, heard: Heard, tmp_path: Path) -> None:
    async with sipp(tmp_path, "uas_answer_bye") as callee:
        channel = await answered(ari, heard, endpoint=f"PJSIP/trunk/sip:4930123@{callee.ip}:5060")
        await heard.next(StasisEnd, channel)
        assert (await heard.next(ChannelDestroyed, channel)).cause in (0, 16)
        assert await callee.finished() == 0


async def test_a_redirect_ends_the_call_and_starts_none(
    asterisk: Asterisk, ari: AriClient, heard: Heard, tmp_path: Path
) -> None:
    async with sipp(tmp_path, "uas_redirect") as callee:
        channel = fresh()
        await ari.channels.originate(channel, f"PJSIP/trunk/sip:4930123@{callee.ip}:5060", app=APP)
        ended = await heard.next(ChannelDestroyed, channel)
        # Without a cause where Asterisk gives up on the new number before it has noted the carrier's answer.
        assert (ended.cause, ended.tech_cause) in {(23, 302), (0, None)}
        assert await callee.finished() == 0
    assert await ari.channels.list() == []
    assert not heard.of(StasisStart)


async def test_a_trunk_without_reachable_contact_is_told_at_once(ari: AriClient) -> None:
    with pytest.raises(AriTrunkDown):
        await ari.channels.originate(fresh(), "PJSIP/600@no-such-endpoint", app=APP)


@pytest.mark.parametrize("keys", ["912#", "*0A00"])
async def test_every_key_pressed_in_rtp_arrives_once_and_in_order(
    ari: AriClient, heard: Heard, tmp_path: Path, keys: str
) -> None:
    async with sipp(tmp_path, "uas_keys", keys=keys) as callee:
        channel = await answered(ari, heard, endpoint=f"PJSIP/trunk/sip:4930123@{callee.ip}:5060")
        await heard.next(ChannelDtmfReceived, channel, nth=len(keys))
        pressed = heard.of(ChannelDtmfReceived, channel)
        assert "".join(each.digit for each in pressed) == keys
        assert all(each.duration_ms > 0 for each in pressed)
        await ari.channels.hangup(channel)
        assert await callee.finished() == 0


async def test_a_key_by_sip_info_arrives(ari: AriClient, heard: Heard, tmp_path: Path) -> None:
    async with sipp(tmp_path, "uas_keys_info", key="7") as callee:
        channel = await answered(ari, heard, endpoint=f"PJSIP/trunk/sip:4930123@{callee.ip}:5060")
        pressed = await heard.next(ChannelDtmfReceived, channel)
        assert (pressed.digit, pressed.duration_ms) == ("7", 160)
        await ari.channels.hangup(channel)
        assert await callee.finished() == 0


async def test_a_key_sent_in_both_ways_is_told_twice(ari: AriClient, heard: Heard, tmp_path: Path) -> None:
    """Asterisk does not merge them: whoever collects digits has to."""
    async with sipp(tmp_path, "uas_keys_both", keys="7", key="7") as callee:
        channel = await answered(ari, heard, endpoint=f"PJSIP/trunk/sip:4930123@{callee.ip}:5060")
        await heard.next(ChannelDtmfReceived, channel, nth=2)
        assert [each.digit for each in heard.of(ChannelDtmfReceived, channel)] == ["7", "7"]
        await ari.channels.hangup(channel)


async def tones(keys: str, directory: Path) -> bytes:
    """Return the sound of keys (ITU-T Q.23) as A-law, 200 ms each, with silence before and after."""
    rows, columns = (697, 770, 852, 941), (1209, 1336, 1477)
    sound = b""
    for key in keys:
        row, column = divmod("123456789*0#".index(key), 3)
        file = directory / "key.alaw"
        form = ("-n", "-r", "8000", "-c", "1", "-b", "8", "-e", "a-law", "-t", "raw", str(file))
        two = ("synth", "0.2", "sine", str(rows[row]), "sine", str(columns[column]), "remix", "-", "gain", "-3")
        process = await asyncio.create_subprocess_exec("sox", *form, *two, "pad", "0.3", "0.1")
        assert await process.wait() == 0
        sound += file.read_bytes()
    return sound


async def test_keys_that_are_only_sound_are_heard_where_the_trunk_says_so(
    ari: AriClient, heard: Heard, tmp_path: Path
) -> None:
    async with sipp(tmp_path, "uas_audio", audio=await tones("159#0", tmp_path)) as callee:
        fields = {"context": "from-trunk", "disallow": "all", "allow": "alaw", "dtmf_mode": "inband", "aors": "inband"}
        await ari.objects.put("aor", "inband", [("contact", f"sip:{callee.ip}:5060")])
        await ari.objects.put("endpoint", "inband", list(fields.items()))
        channel = await answered(ari, heard, endpoint="PJSIP/4930123@inband")
        await heard.next(ChannelDtmfReceived, channel, nth=5)
        assert "".join(each.digit for each in heard.of(ChannelDtmfReceived, channel)) == "159#0"
        await ari.channels.hangup(channel)
        assert await callee.finished() == 0
    await ari.objects.delete("endpoint", "inband")
    await ari.objects.delete("aor", "inband")


async def test_keys_we_press_are_heard_by_the_carrier_and_played_back(
    asterisk: Asterisk, carrier: Asterisk, ari: AriClient, heard: Heard
) -> None:
    async with carrier.client() as theirs, listening(theirs, "jinaconnect", subscribe_all=True) as there:
        channel = await answered(ari, heard)
        await ari.channels.send_dtmf(channel, "42#")
        await there.next(ChannelDtmfReceived, nth=3)
        assert "".join(each.digit for each in there.of(ChannelDtmfReceived)) == "42#"
        await ari.channels.hangup(channel)


async def test_a_caller_is_rung_answered_hears_a_prompt_and_presses_keys(
    asterisk: Asterisk, carrier: Asterisk, ari: AriClient, heard: Heard, tmp_path: Path
) -> None:
    trunk_endpoint = [("context", "from-trunk"), ("disallow", "all"), ("allow", "alaw"), ("aors", "caller")]
    async with sipp(tmp_path, "uac_keys_wait", target=asterisk.ip, keys="12#", number="4930777") as caller:
        await ari.objects.put("endpoint", "caller", trunk_endpoint)
        await ari.objects.put("identify", "caller", [("endpoint", "caller"), ("match", caller.ip)])
        start = await heard.next(StasisStart)
        channel = start.channel.id
        assert start.args[:6] == ("called", "-4930777", "caller", "allowed_not_screened", "-", "-")
        assert "sip%3A%2B4930999%40" in start.args[6]
        assert start.channel.state == "Ring"
        assert start.channel.caller.number == "+4930999"
        await ari.applications.subscribe(APP, f"channel:{channel}")
        await ari.channels.ring(channel)
        await ari.channels.answer(channel)
        prompt = f"{channel}-p1"
        await ari.channels.play(channel, ["sound:tt-monkeys", "sound:beep"], prompt)
        await heard.next(PlaybackStarted)
        await heard.next(ChannelDtmfReceived, channel, nth=3)
        await ari.playbacks.stop(prompt)
        finished = await heard.next(PlaybackFinished)
        assert finished.playback.id == prompt
        assert "".join(each.digit for each in heard.of(ChannelDtmfReceived, channel)) == "12#"
        await ari.channels.hangup(channel)
        await heard.next(ChannelDestroyed, channel)
        assert await caller.finished() == 0
    await ari.objects.delete("identify", "caller")
    await ari.objects.delete("endpoint", "caller")


@pytest.mark.parametrize(("cause", "sip"), [(1, 404), (17, 486), (21, 403), (34, 503)])
async def test_a_caller_is_refused_with_the_status_of_the_cause(
    asterisk: Asterisk, ari: AriClient, heard: Heard, tmp_path: Path, cause: int, sip: int
) -> None:
    async with sipp(tmp_path, "uac_refused", target=asterisk.ip) as caller:
        await known_caller(ari, caller.ip)
        start = await heard.next(StasisStart)
        await ari.channels.hangup(start.channel.id, cause=cause)
        assert await caller.finished() == 0
        assert f"refused {sip}" in caller.notes()


async def known_caller(ari: AriClient, ip: str) -> None:
    """Let calls from an address in."""
    fields = [("context", "jina-voice-inbound"), ("disallow", "all"), ("allow", "alaw"), ("aors", "caller")]
    await ari.objects.put("endpoint", "caller", fields)
    await ari.objects.put("identify", "caller", [("endpoint", "caller"), ("match", ip)])


async def test_a_caller_who_gives_up_ends_the_channel(
    asterisk: Asterisk, ari: AriClient, heard: Heard, tmp_path: Path
) -> None:
    async with sipp(tmp_path, "uac_cancel", target=asterisk.ip) as caller:
        await known_caller(ari, caller.ip)
        start = await heard.next(StasisStart)
        await ari.channels.ring(start.channel.id)
        await heard.next(ChannelHangupRequest, start.channel.id)
        await heard.next(StasisEnd, start.channel.id)
        assert await caller.finished() == 0


async def test_without_a_listener_a_caller_is_refused_with_503(
    asterisk: Asterisk, ari: AriClient, tmp_path: Path
) -> None:
    async with sipp(tmp_path, "uac_refused", target=asterisk.ip) as caller:
        await known_caller(ari, caller.ip)
        assert await caller.finished() == 0
        assert "refused 503" in caller.notes()


async def test_an_answered_call_given_back_hears_a_sentence_and_ends(
    asterisk: Asterisk, ari: AriClient, heard: Heard, tmp_path: Path
) -> None:
    async with sipp(tmp_path, "uac_wait", target=asterisk.ip) as caller:
        await known_caller(ari, caller.ip)
        start = await heard.next(StasisStart)
        await ari.channels.answer(start.channel.id)
        await ari.channels.leave(start.channel.id)
        await heard.next(StasisEnd, start.channel.id)
        assert (await ari.channels.get(start.channel.id)).dialplan.app_name == "Playback"
        assert await caller.finished() == 0


@pytest.mark.parametrize(("scenario", "keys"), [("uac_bye", ""), ("uac_keys_bye", "5")])
async def test_a_caller_who_hangs_up_ends_the_channel(
    asterisk: Asterisk, ari: AriClient, heard: Heard, tmp_path: Path, scenario: str, keys: str
) -> None:
    async with sipp(tmp_path, scenario, target=asterisk.ip, keys=keys) as caller:
        await known_caller(ari, caller.ip)
        start = await heard.next(StasisStart)
        await ari.applications.subscribe(APP, f"channel:{start.channel.id}")
        await ari.channels.answer(start.channel.id)
        await heard.next(ChannelDestroyed, start.channel.id)
        assert [each.digit for each in heard.of(ChannelDtmfReceived)] == list(keys)
        assert await caller.finished() == 0


async def test_two_legs_are_bridged_recorded_and_taken_apart(ari: AriClient, heard: Heard, tmp_path: Path) -> None:
    first, second = await answered(ari, heard, "601"), await answered(ari, heard, "600")
    bridge, name = bridge_id(f"cal_t{next(_numbers)}"), f"{first}/mix"
    assert (await ari.bridges.create(bridge)).id == bridge
    with pytest.raises(AriConflict):
        await ari.bridges.create(bridge)
    await ari.bridges.add(bridge, [first, second])
    await heard.next(ChannelEnteredBridge, first)
    await heard.next(ChannelEnteredBridge, second)
    assert set((await ari.bridges.get(bridge)).channels) == {first, second}
    await ari.bridges.record(bridge, name)
    await heard.next(RecordingStarted)
    await ari.bridges.play(bridge, ["sound:beep"], f"{bridge}-p1")
    done = await heard.next(PlaybackFinished)
    assert done.playback.state == "done"
    await ari.recordings.mute(name)
    await ari.recordings.unmute(name)
    await ari.recordings.pause(name)
    assert (await ari.recordings.live(name)).state == "paused"
    await ari.recordings.unpause(name)
    await ari.recordings.stop(name)
    finished = await heard.next(RecordingFinished)
    assert finished.recording.name == name
    assert (await ari.recordings.stored(name)).format == "wav"
    file = bytearray()

    async def take(piece: bytes) -> None:
        file.extend(piece)

    await ari.recordings.file(name, take)
    with wave.open(BytesIO(file)) as sound:
        assert sound.getframerate() == 8000
        assert any(sound.readframes(sound.getnframes()))
    with pytest.raises(AriConflict):
        await ari.bridges.record(bridge, name, if_exists="fail")
    await ari.recordings.delete(name)
    with pytest.raises(AriNotFound):
        await ari.recordings.file(name, take)
    await ari.bridges.remove(bridge, [second])
    with pytest.raises(AriRefused):
        await ari.bridges.remove(bridge, [second])
    assert (await ari.bridges.get(bridge)).channels == (first,)
    await ari.bridges.destroy(bridge)
    for _ in range(200):  # it is gone a moment after the answer, and no event tells of it
        if bridge not in [each.id for each in await ari.bridges.list()]:
            break
        await asyncio.sleep(0.02)
    with pytest.raises(AriNotFound):
        await ari.bridges.get(bridge)


async def test_hold_music_mute_and_a_tap_work_on_a_live_channel(ari: AriClient, heard: Heard) -> None:
    channel = await answered(ari, heard)
    for step in (
        ari.channels.start_moh(channel), ari.channels.stop_moh(channel), ari.channels.mute(channel, "in"),
        ari.channels.unmute(channel, "in"), ari.channels.hold(channel), ari.channels.unhold(channel),
        ari.channels.start_silence(channel), ari.channels.stop_silence(channel),
    ):  # fmt: skip
        await step
    await ari.channels.set_variable(channel, "JC_NOTE", "a b")
    assert await ari.channels.variable(channel, "JC_NOTE") == "a b"
    tap = channel.replace("customer", "tap")
    assert (await ari.channels.snoop(channel, tap, app=APP, spy="both")).id == tap
    await heard.next(StasisStart, tap)
    assert (await ari.channels.rtp_statistics(channel)).channel_uniqueid == channel
    await ari.channels.hangup(channel)
    await heard.next(StasisEnd, tap)


@pytest.mark.parametrize(
    ("scenario", "answer"),
    [("uas_refer", "CSeq: 3 NOTIFY"), ("uas_refer_fail", "CSeq: 2 NOTIFY"), ("uas_refer_refuse", "603 Decline")],
)
async def test_a_refer_is_sent_and_leaves_us_the_channel_whatever_becomes_of_it(
    ari: AriClient, heard: Heard, tmp_path: Path, scenario: str, answer: str
) -> None:
    async with sipp(tmp_path, scenario) as callee:
        channel = await answered(ari, heard, endpoint=f"PJSIP/trunk/sip:4930123@{callee.ip}:5060")
        await ari.channels.redirect(channel, "PJSIP/sip:+4930555@carrier.example")
        times = 2 if "NOTIFY" in answer else 1  # asked and answered
        await until(lambda: callee.messages().count(answer) >= times, answer)
        assert "sip:+4930555@carrier.example" in callee.messages()
        assert (await ari.channels.get(channel)).state == "Up"
        await ari.channels.hangup(channel)
        assert await callee.finished() == 0
