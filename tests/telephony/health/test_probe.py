"""Asking a carrier anew, over a real Asterisk, with a second one as the carrier."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from jinaconnect.core.clock import system_clock
from jinaconnect.telephony.ari.client import AriClient
from jinaconnect.telephony.ari.errors import AriUnreachable
from jinaconnect.telephony.ari.event_types import ContactStatusChange
from jinaconnect.telephony.trunks.credentials import sip_credentials
from jinaconnect.telephony.trunks.pjsip import ConfigObject, endpoint_id, trunk_objects
from jinaconnect.telephony.trunks.probe import Contacts, probe_objects
from jinaconnect.telephony.trunks.profile import profile
from jinaconnect.telephony.trunks.push import push, remove
from tests.telephony.asterisk import APP, Asterisk, frozen, loopback_address, until


def objects_of(host: str, config: str = "trk_probe", **more: Any) -> tuple[ConfigObject, ...]:
    """Return the objects of a trunk that is known by address."""
    given = {
        "sip_username": "", "sip_password": "", "sip_realm": host.partition(":")[0], "sip_proxy": host,
        "registration_required": False,
        **more,
    }  # fmt: skip
    return trunk_objects(config, profile("generic"), sip_credentials(given))


@pytest.fixture
async def told() -> list[ContactStatusChange]:
    """What the connection told besides its probes."""
    return []


@pytest.fixture
async def contacts(ari: AriClient, told: list[ContactStatusChange]) -> AsyncIterator[Contacts]:
    """A connection that hears of contacts."""
    async with await Contacts.connect(ari, APP, system_clock, told.append) as connected:
        yield connected


async def names(ari: AriClient) -> set[str]:
    """Return the endpoints an Asterisk has."""
    return {each.resource for each in await ari.endpoints.list()}


def test_what_asks_has_the_trunk_s_address_and_way_and_none_of_its_calls() -> None:
    objects = objects_of("carrier.example:5070", sip_username="user", sip_password="word", sip_transport="tcp")
    aor, endpoint = probe_objects(objects, "probe-1")
    assert (aor.kind, aor.id, aor.value("contact")) == ("aor", "probe-1", "sip:carrier.example:5070;transport=tcp")
    assert (endpoint.kind, endpoint.id, endpoint.value("aors")) == ("endpoint", "probe-1", "probe-1")
    assert (endpoint.value("transport"), endpoint.value("from_user")) == ("tcp", "user")
    assert (aor.value("qualify_frequency"), endpoint.value("send_pai")) == ("1", None)


async def test_a_carrier_that_answers_is_measured_and_nothing_is_left(
    ari: AriClient, carrier: Asterisk, contacts: Contacts, told: list[ContactStatusChange]
) -> None:
    before = await names(ari)
    found = await contacts.probe(objects_of(carrier.ip))
    assert found.ok
    assert found.rtt_ms is not None
    assert found.rtt_ms > 0
    assert await names(ari) == before
    assert told == []


async def test_an_account_s_refusal_of_the_question_is_an_answer(carrier: Asterisk, contacts: Contacts) -> None:
    found = await contacts.probe(objects_of(carrier.ip, sip_username="nobody", sip_password="wrong"))
    assert found.ok


async def test_one_that_is_not_there_does_not_answer(ari: AriClient, contacts: Contacts) -> None:
    before = await names(ari)
    assert await contacts.probe(objects_of(loopback_address(5060))) == (False, None)
    assert await contacts.probe(objects_of("no-such-host.invalid")) == (False, None)
    assert await names(ari) == before


async def test_a_frozen_carrier_does_not_answer_until_it_is_back(carrier: Asterisk, contacts: Contacts) -> None:
    with frozen(carrier):
        assert await contacts.probe(objects_of(carrier.ip)) == (False, None)
    assert (await contacts.probe(objects_of(carrier.ip))).ok


async def test_many_are_asked_at_once_and_each_gets_its_own_answer(carrier: Asterisk, contacts: Contacts) -> None:
    nobody = loopback_address(5060)
    hosts = [carrier.ip, nobody, carrier.ip, carrier.ip, nobody]
    found = await asyncio.gather(*(contacts.probe(objects_of(host)) for host in hosts))
    assert [each.ok for each in found] == [host == carrier.ip for host in hosts]


async def test_a_trunk_s_own_contact_is_told_of_and_a_probe_beside_it_is_not(
    ari: AriClient, carrier: Asterisk, contacts: Contacts, told: list[ContactStatusChange]
) -> None:
    objects = objects_of(carrier.ip, "trk_told", qualify_s=1)
    await push(ari, objects)
    try:
        await until(lambda: told, "the contact's event")
        assert (await contacts.probe(objects)).ok
        assert {each.endpoint.resource for each in told} == {endpoint_id("trk_told")}
        assert told[0].contact_info.contact_status == "Reachable"
    finally:
        await remove(ari, objects)


async def test_a_probe_fails_when_asterisk_dies_under_it(own_asterisk: Asterisk) -> None:
    async with own_asterisk.client() as client:
        contacts = await Contacts.connect(client, APP, system_clock)
        asking = asyncio.create_task(contacts.probe(objects_of(loopback_address(5060))))
        async with own_asterisk.client() as other:
            loop = asyncio.get_running_loop()
            end = loop.time() + 10
            while not any(name.startswith("probe-") for name in await names(other)):
                assert loop.time() < end, "the probe was not made"
                await asyncio.sleep(0.02)
        await own_asterisk.kill()
        with pytest.raises(AriUnreachable):
            await asking
        with pytest.raises(AriUnreachable):
            await contacts.probe(objects_of(loopback_address(5060)))
        await contacts.close()
