"""Trunks and telephones made at run time on a real Asterisk, against a second one that is the carrier."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from jinaconnect.telephony.ari.client import AriClient
from jinaconnect.telephony.ari.errors import AriNotFound
from jinaconnect.telephony.ari.event_types import ChannelDestroyed, StasisStart
from jinaconnect.telephony.trunks.credentials import sip_credentials
from jinaconnect.telephony.trunks.pjsip import (
    ConfigObject,
    device_endpoint_id,
    device_objects,
    endpoint_id,
    registration_uris,
    trunk_objects,
)
from jinaconnect.telephony.trunks.profile import profile, profiles
from jinaconnect.telephony.trunks.push import push, remove
from tests.telephony.asterisk import APP, Asterisk, Heard, loopback_address, sipp
from tests.telephony.calls.phone import telephone

_numbers = count(1)


def account(carrier: Asterisk, **more: Any) -> dict[str, Any]:
    """Return the credentials of the carrier's account."""
    return {
        "sip_username": "account", "sip_password": carrier.password, "sip_realm": carrier.ip, "sip_proxy": carrier.ip,
        **more,
    }  # fmt: skip


@asynccontextmanager
async def trunk(
    ari: AriClient, given: dict[str, Any], name: str = "generic", tenant: str | None = None
) -> AsyncIterator[tuple[str, tuple[ConfigObject, ...]]]:
    """Push a trunk and take it away at the end."""
    config = f"cfg_{next(_numbers)}"
    objects = trunk_objects(config, profile(name), sip_credentials(given), tenant=tenant)
    assert await push(ari, objects) == []
    try:
        yield config, objects
    finally:
        await remove(ari, objects)


async def registration_state(
    ari: AriClient, config: str, given: dict[str, Any], wanted: str, deadline_s: float = 260
) -> None:
    """Wait until the registration of a trunk is in a state; one not answered is tried again after a minute or two."""
    uris = registration_uris(config, sip_credentials(given), profile("generic"))
    loop = asyncio.get_running_loop()
    end = loop.time() + deadline_s
    while True:
        states = [each.state for each in await ari.registrations() if (each.client_uri, each.server_uri) == uris]
        if states == [wanted]:
            return
        if loop.time() > end:
            pytest.fail(f"registration is {states}, not {wanted}")
        await asyncio.sleep(0.05)


async def contacts(asterisk: Asterisk, aor: str) -> str:
    """Return what an Asterisk knows of an address of record."""
    return await asterisk.cli(f"pjsip show aor {aor}")


async def test_a_digest_trunk_registers_at_once_calls_out_and_takes_its_calls(
    asterisk: Asterisk, carrier: Asterisk, ari: AriClient, heard: Heard
) -> None:
    given = account(carrier)
    async with trunk(ari, given, tenant="ten_1") as (config, objects):
        await registration_state(ari, config, given, "registered")
        assert asterisk.ip in await contacts(carrier, "account")
        channel = f"jc-out{config}-customer"
        await ari.channels.originate(channel, f"PJSIP/600@{endpoint_id(config)}", app=APP)
        started = await heard.next(StasisStart, channel)
        assert (started.channel.endpoint, started.channel.tenantid) == (endpoint_id(config), "ten_1")
        # Pushed again while a call is up: nothing breaks.
        assert await push(ari, objects) == []
        assert (await ari.channels.get(channel)).state == "Up"
        await ari.channels.hangup(channel)
        # The carrier calls the account: by its registration, not by the address, which the static trunk has too.
        async with carrier.client() as theirs:
            await theirs.channels.originate(f"theirs-{config}", "PJSIP/account", app="none", timeout_s=5)
            start = await heard.next(StasisStart, nth=2)
            assert start.args[:3] == ("called", "-account", endpoint_id(config))
            await ari.channels.hangup(start.channel.id, cause=17)
    assert asterisk.ip not in await contacts(carrier, "account")  # it said goodbye, signed
    for each in objects:
        with pytest.raises(AriNotFound):
            await ari.objects.get(each.kind, each.id)


async def test_a_wrong_password_shows_as_rejected_and_calls_fail(
    carrier: Asterisk, ari: AriClient, heard: Heard
) -> None:
    given = account(carrier, sip_password="wrong")
    async with trunk(ari, given) as (config, _):
        await registration_state(ari, config, given, "rejected")
        channel = f"jc-bad{config}-customer"
        await ari.channels.originate(channel, f"PJSIP/600@{endpoint_id(config)}", app=APP)
        ended = await heard.next(ChannelDestroyed, channel)
        assert ended.tech_cause == 401
        assert not heard.of(StasisStart, channel)
        # The right password, pushed, mends it without a restart.
        better = sip_credentials(account(carrier))
        assert await push(ari, trunk_objects(config, profile("generic"), better)) == []
        await registration_state(ari, config, given, "registered")


async def test_two_trunks_with_one_account_at_one_carrier_are_told_apart(carrier: Asterisk, ari: AriClient) -> None:
    right, wrong = account(carrier), account(carrier, sip_password="wrong")
    async with trunk(ari, right) as (first, _), trunk(ari, wrong) as (second, _):
        await registration_state(ari, second, wrong, "rejected")
        await registration_state(ari, first, right, "registered")
        await registration_state(ari, second, wrong, "rejected")


async def test_an_unchanged_registration_is_left_alone_unless_it_is_to_be_renewed(
    carrier: Asterisk, ari: AriClient
) -> None:
    given = account(carrier)
    async with trunk(ari, given) as (config, objects):
        await registration_state(ari, config, given, "registered")
        before = await contacts(carrier, "account")
        assert await push(ari, objects) == []
        assert await contacts(carrier, "account") == before
        assert await push(ari, objects, renew=True) == []
        await _registered_anew(carrier, before)
        await registration_state(ari, config, given, "registered")


async def _registered_anew(carrier: Asterisk, before: str) -> None:
    """Wait until the carrier's account has a registration, and not the one it had."""
    loop = asyncio.get_running_loop()
    end = loop.time() + 60
    while "sip:account@" not in (now := await contacts(carrier, "account")) or now == before:
        if loop.time() > end:
            pytest.fail(f"the carrier has no new registration:\n{before}\n{now}\n{carrier.log()[-2000:]}")
        await asyncio.sleep(0.05)


async def _shown(asterisk: Asterisk, ari: AriClient, objects: Sequence[ConfigObject]) -> dict[str, Any]:
    """Return all that Asterisk says of some objects, but for times that run."""
    found: dict[str, Any] = {}
    for each in objects:
        lines = (await asterisk.cli(f"pjsip show {each.kind} {each.id}")).splitlines()
        found[f"{each.kind} {each.id}"] = (
            await ari.objects.get(each.kind, each.id), [line for line in lines if "exp." not in line],
        )  # fmt: skip
    return found


async def test_pushing_every_object_again_changes_nothing_and_callers_keep_their_numbers(
    asterisk: Asterisk, ari: AriClient, heard: Heard, tmp_path: Path
) -> None:
    ip = loopback_address(5060)
    given = {
        "sip_username": "", "sip_password": "", "sip_realm": ip, "sip_proxy": ip, "registration_required": False,
        "qualify_s": 0, "inbound_hosts": ["192.0.2.0/30"],
    }  # fmt: skip
    silent = {**account(asterisk, sip_proxy=loopback_address(5060)), "qualify_s": 0}
    objects = (
        *trunk_objects("cfg_thrice", profile("airtel"), sip_credentials(given)),
        *trunk_objects("cfg_registers", profile("generic"), sip_credentials(silent)),
        *device_objects("dev_thrice", "secret"), *device_objects("dev_browser", "secret", webrtc=True),
    )  # fmt: skip
    try:
        shown = []
        for _ in range(3):
            assert await push(ari, objects) == []
            shown.append(await _shown(asterisk, ari, objects))
        assert shown[0] == shown[1] == shown[2]
        # Changed and changed back: the same again, and the caller is known by their number.
        other = sip_credentials({**given, "inbound_hosts": ["192.0.2.0/30", "198.51.100.0/30"]})
        assert await push(ari, trunk_objects("cfg_thrice", profile("telnyx_sip"), other)) == []
        assert await push(ari, objects) == []
        assert await _shown(asterisk, ari, objects) == shown[0]
        async with sipp(tmp_path, "uac_wait", target=asterisk.ip, ip=ip, caller="+4930777") as caller:
            start = await heard.next(StasisStart)
            assert start.channel.caller.number == "+4930777"
            await ari.channels.hangup(start.channel.id)
            await caller.finished()
    finally:
        for name in ("cfg_thrice", "cfg_registers", "dev_thrice", "dev_browser"):
            await remove(ari, [each for each in objects if name in each.id], sleep=_no_wait)


async def test_what_a_trunk_is_no_more_asterisk_has_no_more(asterisk: Asterisk, ari: AriClient) -> None:
    old, new = loopback_address(5060), loopback_address(5060)
    given = account(asterisk, sip_proxy=old, qualify_s=0, inbound_hosts=["192.0.2.0/30"])
    assert await push(ari, trunk_objects("cfg_moves", profile("generic"), sip_credentials(given))) == []
    given = account(asterisk, sip_proxy=new, qualify_s=0, sip_username="", sip_password="", registration_required=False)
    objects = trunk_objects("cfg_moves", profile("generic"), sip_credentials(given))
    assert await push(ari, objects) == []
    try:
        assert old not in await asterisk.cli("pjsip show contacts")
        matches = await asterisk.cli("pjsip show identify voice-cfg_moves-identify")
        assert (old in matches, "192.0.2.0" in matches, new in matches) == (False, False, True)
        held = await ari.objects.get("endpoint", endpoint_id("cfg_moves"))
        assert (held["from_user"], held["outbound_auth"]) == ("", "")
        for kind, suffix in (("auth", "auth"), ("registration", "reg")):
            with pytest.raises(AriNotFound):
                await ari.objects.get(kind, f"voice-cfg_moves-{suffix}")  # type: ignore[arg-type]
    finally:
        await remove(ari, objects, sleep=_no_wait)


async def test_a_registered_telephone_stays_when_it_is_pushed_again(asterisk: Asterisk, ari: AriClient) -> None:
    made = device_objects("dev_stays", "secret", codecs=("ulaw",))
    assert await push(ari, made) == []
    try:
        async with telephone() as line:
            name = device_endpoint_id("dev_stays")
            assert await line.register(asterisk.ip, name, "secret") == 200
            assert await push(ari, device_objects("dev_stays", "another", codecs=("alaw",))) == []
            assert line.ip in await contacts(asterisk, name)
            assert await line.register(asterisk.ip, name, "another", expires=0) == 200
    finally:
        await remove(ari, made)


async def test_a_carrier_that_does_not_answer_is_not_registered_with(ari: AriClient) -> None:
    given = {
        "sip_username": "a", "sip_password": "b", "sip_realm": "nowhere.invalid", "sip_proxy": loopback_address(5060),
        "qualify_s": 0,
    }  # fmt: skip
    async with trunk(ari, given) as (config, _):
        uris = registration_uris(config, sip_credentials(given), profile("generic"))
        found = {(each.client_uri, each.server_uri): each.state for each in await ari.registrations()}
        assert found.get(uris, "unregistered") == "unregistered"


async def test_a_trunk_known_by_address_calls_and_is_called_without_a_challenge(
    asterisk: Asterisk, ari: AriClient, heard: Heard, tmp_path: Path
) -> None:
    ip = loopback_address(5060)
    given = {
        "sip_username": "", "sip_password": "", "sip_realm": ip, "sip_proxy": ip, "registration_required": False,
        "qualify_s": 0,
    }  # fmt: skip
    async with trunk(ari, given, "airtel") as (config, _):
        async with sipp(tmp_path / "out", "uas_answer", ip=ip) as callee:
            channel = f"jc-addr{config}-customer"
            endpoint = f"PJSIP/+4930123@{endpoint_id(config)}"
            await ari.channels.originate(channel, endpoint, app=APP, caller_id="+4930777")
            await heard.next(StasisStart, channel)
            await ari.channels.hangup(channel)
            assert await callee.finished() == 0
            assert f"INVITE sip:+4930123@{ip}" in callee.messages()
            assert f"From: <sip:+4930777@{ip}>" in callee.messages()
        async with sipp(tmp_path / "in", "uac_wait", target=asterisk.ip, ip=ip, number="+4930123") as caller:
            start = await heard.next(StasisStart, nth=2)
            assert start.args[:3] == ("called", "-%2B4930123", endpoint_id(config))
            await ari.channels.answer(start.channel.id)
            await ari.channels.hangup(start.channel.id)
            assert await caller.finished() == 0
            assert "SIP/2.0 401" not in caller.messages()


async def test_an_address_no_trunk_names_gets_no_call_in(
    asterisk: Asterisk, ari: AriClient, heard: Heard, tmp_path: Path
) -> None:
    async with sipp(tmp_path, "uac_wait", target=asterisk.ip) as stranger:
        assert await stranger.finished() == 1
        assert "SIP/2.0 401" in stranger.messages()
    assert heard.of(StasisStart) == []


async def test_the_contact_is_asked_and_reachability_is_told(carrier: Asterisk, ari: AriClient) -> None:
    async with trunk(ari, account(carrier, qualify_s=1)) as (config, _):
        loop = asyncio.get_running_loop()
        end = loop.time() + 10
        while (await ari.endpoints.get(endpoint_id(config))).state != "online":
            assert loop.time() < end, "the endpoint did not come online"
            await asyncio.sleep(0.05)
    with pytest.raises(AriNotFound):
        await ari.endpoints.get(endpoint_id(config))


async def test_an_identify_that_does_not_resolve_is_reported_and_the_rest_stands(
    carrier: Asterisk, ari: AriClient, heard: Heard
) -> None:
    given = account(carrier, inbound_hosts=["no-such-host.invalid"], registration_required=False)
    objects = trunk_objects("cfg_unresolved", profile("generic"), sip_credentials(given))
    (refused,) = await push(ari, objects)
    assert (refused.kind, refused.id, refused.status) == ("identify", "voice-cfg_unresolved-identify", 400)
    await ari.channels.originate("jc-unresolved-a", f"PJSIP/600@{endpoint_id('cfg_unresolved')}", app=APP)
    await heard.next(StasisStart, "jc-unresolved-a")
    await ari.channels.hangup("jc-unresolved-a")
    await remove(ari, objects)


async def test_objects_of_every_profile_are_taken_by_asterisk(ari: AriClient) -> None:
    made = []
    for name in profiles():
        given = {
            "sip_username": "user", "sip_password": "a=b;c \"d\"", "sip_realm": "realm.example",
            "sip_proxy": loopback_address(5060), "qualify_s": 0,
        }  # fmt: skip
        made += trunk_objects(f"p_{name}", profile(name), sip_credentials(given))
    assert await push(ari, made) == []
    for each in made:
        kept = await ari.objects.get(each.kind, each.id)
        for attribute, value in each.fields:
            if attribute in ("contact", "context", "username", "password", "from_domain", "server_uri", "endpoint"):
                assert kept[attribute] == value
    for name in profiles():
        await remove(ari, [each for each in made if f"-p_{name}-" in each.id], sleep=_no_wait)


async def _no_wait(_: float) -> None:
    """Pass over the time a goodbye takes: these carriers do not exist."""


async def test_a_restart_forgets_trunks_and_pushing_brings_them_back(own_asterisk: Asterisk, carrier: Asterisk) -> None:
    given = sip_credentials(account(carrier, registration_required=False, qualify_s=0))
    objects = trunk_objects("cfg_again", profile("generic"), given)
    async with own_asterisk.client() as client:
        assert await push(client, objects) == []
        await own_asterisk.kill()
        await own_asterisk.start_again()
        with pytest.raises(AriNotFound):
            await client.objects.get("endpoint", endpoint_id("cfg_again"))
        assert await push(client, objects) == []
        assert (await client.objects.get("endpoint", endpoint_id("cfg_again")))["from_user"] == "account"


async def test_a_telephone_registers_with_its_password_is_called_and_calls(
    asterisk: Asterisk, carrier: Asterisk, ari: AriClient, heard: Heard
) -> None:
    name = device_endpoint_id("dev_1")
    telephone = device_objects("dev_1", "telephone secret", tenant="ten_1")
    assert await push(ari, telephone) == []
    given = {
        "sip_username": name, "sip_password": "telephone secret", "sip_realm": asterisk.ip, "sip_proxy": asterisk.ip,
    }  # fmt: skip
    # The carrier's Asterisk plays the telephone: it registers like one.
    async with carrier.client() as theirs, trunk(theirs, given) as (config, _):
        await registration_state(theirs, config, given, "registered")
        assert carrier.ip in await contacts(asterisk, name)
        await theirs.channels.originate("desk-a", f"PJSIP/+4930555@{endpoint_id(config)}", app="none", timeout_s=5)
        start = await heard.next(StasisStart)
        assert start.args == ("device", "+4930555", name)
        assert start.channel.tenantid == "ten_1"
        await ari.channels.hangup(start.channel.id)
    await remove(ari, telephone)
