"""Registrations that are begun anew: when it is due, and over a real Asterisk whose carrier comes and goes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from itertools import pairwise
from pathlib import Path

import aiohttp
import pytest

from jinaconnect.actions.trunks import renewing
from jinaconnect.actions.trunks.renewing import MOST_S, STAYS_AWAY_S, Renewal
from jinaconnect.store.databases.embedded import EmbeddedMongo
from tests.telephony.asterisk import Asterisk, loopback_address
from tests.telephony.calls.telephone import Exchange, exchange
from tests.telephony.health.test_trunk_watch import account, told, until


def _due(renewal: Renewal, now: float, *, registered: bool = False, answers: bool | None = True) -> bool:
    return renewal.due(registered=registered, answers=answers, down=answers is False, now=now)


def test_one_that_stays_away_is_begun_anew_ever_more_rarely() -> None:
    renewal, begun, now = Renewal(), [], 0.0
    for _ in range(20_000):
        if _due(renewal, now):
            begun.append(now)
        now += 2.0
    pauses = [after - before for before, after in pairwise(begun)]
    assert begun[0] == STAYS_AWAY_S
    assert pauses[:3] == [2 * STAYS_AWAY_S, 4 * STAYS_AWAY_S, 8 * STAYS_AWAY_S]
    assert max(pauses) == MOST_S
    assert not _due(renewal, now, registered=True)
    assert not _due(renewal, now + 2)
    assert _due(renewal, now + 2 + STAYS_AWAY_S), "once it was registered it is begun anew as early as at first"


def test_one_whose_carrier_does_not_answer_is_left_until_it_does() -> None:
    renewal = Renewal()
    assert not any(_due(renewal, float(now), answers=False) for now in range(0, 3600, 2))
    assert _due(renewal, 3600.0, registered=True), "a carrier that is back may have forgotten us"
    assert not _due(renewal, 3602.0, registered=True)


def test_a_carrier_that_is_back_by_the_next_look_may_have_forgotten_us_too() -> None:
    renewal = Renewal()
    assert not renewal.due(registered=True, answers=False, down=False, now=0.0)
    assert renewal.due(registered=True, answers=True, down=True, now=2.0), "it was found down between the two looks"
    assert not renewal.due(registered=True, answers=True, down=False, now=4.0)


def test_one_whose_carrier_is_never_asked_counts_as_answered() -> None:
    renewal = Renewal()
    assert not _due(renewal, 0.0, answers=None)
    assert _due(renewal, STAYS_AWAY_S, answers=None)


@pytest.fixture
async def registrar(tmp_path: Path) -> AsyncIterator[Asterisk]:
    """A carrier that may be killed; what it knew of registrations is gone then."""
    running = await Asterisk.start(tmp_path / "registrar", peer_ip=loopback_address(), context="carrier")
    yield running
    await running.stop()


@pytest.fixture
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Registrations that stay away are begun anew before Asterisk tries again by itself, which takes a minute."""
    monkeypatch.setattr(renewing, "STAYS_AWAY_S", 3.0)


async def _knows_us(registrar: Asterisk) -> bool:
    return "account/sip:account@" in await registrar.cli("pjsip show contacts")


async def _until_it_knows_us(registrar: Asterisk) -> None:
    loop = asyncio.get_running_loop()
    end = loop.time() + 30
    while not await _knows_us(registrar):
        assert loop.time() < end, await registrar.cli("pjsip show contacts")
        await asyncio.sleep(0.1)


@pytest.fixture
async def phone(
    asterisk: Asterisk, registrar: Asterisk, mongod: EmbeddedMongo, http: aiohttp.ClientSession, tmp_path: Path
) -> AsyncIterator[Exchange]:
    """A gateway with a trunk that registers."""
    async with exchange(
        asterisk, mongod.uri, http, tmp_path / "var", registrar.ip, credentials=account(registrar)
    ) as running:
        yield running


async def test_a_registrar_that_was_killed_and_is_back_knows_the_trunk_again(
    phone: Exchange, registrar: Asterisk
) -> None:
    """Asterisk holds itself registered for as long as it was promised; nothing but a new REGISTER helps."""
    await until(phone, lambda each: each["registration"] and each["registration"]["state"] == "registered", "known")
    assert await _knows_us(registrar)
    await registrar.kill()
    await until(phone, lambda each: each["status"] == "down", "down")
    for kept in (registrar.directory / "lib").glob("astdb*"):
        kept.unlink()  # whom it knew
    await registrar.start_again()
    assert not await _knows_us(registrar)
    await until(phone, lambda each: each["status"] == "up", "up again")
    await _until_it_knows_us(registrar)
    await until(phone, lambda each: each["registration"]["state"] == "registered", "registered")


async def test_a_registration_that_was_lost_in_asterisk_is_begun_anew(
    phone: Exchange, registrar: Asterisk, soon: None
) -> None:
    await until(phone, lambda each: each["registration"] and each["registration"]["state"] == "registered", "known")
    # It says goodbye, and rests: what a registration looks like that Asterisk has given up.
    await phone.asterisk.cli(f"pjsip send unregister voice-{phone.trunk}-reg")
    loop = asyncio.get_running_loop()
    end = loop.time() + 10
    while await _knows_us(registrar):
        assert loop.time() < end
        await asyncio.sleep(0.1)
    await _until_it_knows_us(registrar)
    await until(phone, lambda each: each["registration"]["state"] == "registered", "registered")
    assert (await told(phone)).count("trunk.down") == 0
