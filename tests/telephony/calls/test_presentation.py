"""What callers ask to be kept back, and what carriers put into user parts, on the wire of a real Asterisk."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import orjson
import pytest

from jinaconnect.store.databases.embedded import EmbeddedMongo
from tests.telephony.asterisk import Asterisk, loopback_address, until
from tests.telephony.calls.graphs import graph, menu
from tests.telephony.calls.parties import nothing_left
from tests.telephony.calls.phone import telephone
from tests.telephony.calls.telephone import Exchange, exchange

HIDDEN, SHOWN = "+12025550166", "+12025550165"
ASKS, SAYS, LOCAL = "+12025550191", "+12025550192", "+12025550193"
ANONYMOUS = '"Anonymous" <sip:anonymous@anonymous.invalid>'


@pytest.fixture(scope="module")
async def phone(
    asterisk: Asterisk, mongod: EmbeddedMongo, http: aiohttp.ClientSession, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Exchange]:
    """A gateway with numbers that lead into IVRs; its trunk has a country and nothing else."""
    carrier, var = loopback_address(5060), tmp_path_factory.mktemp("var")
    async with exchange(
        asterisk, mongod.uri, http, var, carrier, credentials={"number_format": {"country": "1"}}
    ) as running:
        running.more["carrier"] = carrier
        says = graph("say", {
            "say": ("voice.play", {"tts_text": "Hello {{from_number}}."}),
            "hand": ("voice.transfer", {"to_uri": "+12025550188"}),
        }, ("say", "done", "hand"))  # fmt: skip
        for number, ivr in ((ASKS, menu()), (SAYS, says), (LOCAL, menu())):
            await running.route(number, {"type": "template", "template": await running.template(ivr)})
        yield running


async def _everything(phone: Exchange) -> str:
    """Return all that is kept of and told to this deployment's people, as text."""
    database = phone.gateway.services.store.database
    found: list[Any] = []
    for name in await database.list_collection_names():
        found += [row async for row in database[name].find({})]
    return orjson.dumps(found, default=repr, option=orjson.OPT_NON_STR_KEYS).decode()


@pytest.mark.parametrize(
    ("who", "headers"),
    [
        ("", ["Privacy: id"]),
        ("", ["Privacy: user;id;critical"]),
        (ANONYMOUS, [f"P-Asserted-Identity: <sip:{HIDDEN}@carrier.example>", "Privacy: id"]),
        (ANONYMOUS, [f"P-Asserted-Identity: <sip:{HIDDEN}@carrier.example>"]),
        (ANONYMOUS, []),
        ("", [f"Privacy: id;{1_200 * 'x'}"]),  # longer than what is told with the call: it is asked for
        ("", [f"Remote-Party-ID: <sip:{HIDDEN}@carrier.example>;party=calling;privacy=full;screen=yes"]),
    ],
)
async def test_a_caller_who_withholds_a_number_is_shown_stored_and_passed_on_without_it(
    phone: Exchange, who: str, headers: list[str]
) -> None:
    async with telephone(ip=phone.more["carrier"]) as customers:
        talk = customers.dial(phone.asterisk.ip, SAYS, caller=HIDDEN, who=who, headers=headers)
        await until(lambda: len(customers.talks) == 2 and customers.talks[1].up, "the transfer", 20)
        other = customers.talks[1].invite
        call = (await phone.calls(direction="inbound"))[0]
        assert (call["from_number"], call["to_number"], call["contact"]) == ("withheld", SAYS, None)
        talk.hang_up()
        ended = await phone.ended(call["id"])
    assert HIDDEN.removeprefix("+") not in "".join(value for _, value in other.headers)
    assert ended["team_inbox_message"] is None
    assert HIDDEN.removeprefix("+") not in await _everything(phone)
    await nothing_left(phone)


async def test_one_who_withholds_a_number_is_refused_without_it(phone: Exchange) -> None:
    async with telephone(ip=phone.more["carrier"]) as customers:
        talk = customers.dial(phone.asterisk.ip, "+12025550178", caller=HIDDEN, headers=["Privacy: id"])
        await talk.ended()
    told = await phone.owner.wait_for_events(lambda found: any(
        each["type"] == "call.rejected" and each["data"]["to_number"] == "+12025550178" for each in found))  # fmt: skip
    assert [each["data"]["from_number"] for each in told if each["type"] == "call.rejected"][-1] == "withheld"


async def test_a_withheld_number_is_kept_sealed_where_the_deployment_has_to_be_able_to_tell(phone: Exchange) -> None:
    services = phone.gateway.services
    services.settings.keep_withheld = True
    try:
        async with telephone(ip=phone.more["carrier"]) as customers:
            talk = customers.dial(phone.asterisk.ip, ASKS, caller=HIDDEN, headers=["Privacy: id"])
            await until(lambda: talk.up, "the answer")
            call = (await phone.calls(direction="inbound"))[0]
            talk.hang_up()
            await phone.ended(call["id"])
    finally:
        services.settings.keep_withheld = False
    row = await services.store.of(phone.tenant.id, "live").get("calls", call["id"])
    assert services.secrets.open(bytes(row["caller_sealed"]), f"calls/{call['id']}/caller") == HIDDEN
    assert "caller_sealed" not in call
    assert HIDDEN.removeprefix("+") not in await _everything(phone)


@pytest.mark.parametrize(
    ("called", "number"),
    [
        (f"{ASKS};npdi;rn=+12025550999", ASKS), (f"{ASKS};isub=1411", ASKS), (f"{ASKS};npdi=yes", ASKS),
        (f"{ASKS};tgrp=tg-1;trunk-context=carrier.example", ASKS), (f"{ASKS};phone-context=+1", ASKS),
        ("2025550193", LOCAL), ("2025550193;phone-context=carrier.example", LOCAL), ("12025550193", LOCAL),
    ],
)
async def test_a_called_number_is_found_whatever_its_carrier_puts_around_it(
    phone: Exchange, called: str, number: str
) -> None:
    async with telephone(ip=phone.more["carrier"]) as customers:
        talk = customers.dial(phone.asterisk.ip, called, caller=f"{SHOWN.removeprefix('+1')};npdi")
        await until(lambda: talk.up or talk.over, "the answer")
        assert talk.up, talk.status
        call = (await phone.calls(direction="inbound"))[0]
        talk.hang_up()
        await phone.ended(call["id"])
    assert (call["from_number"], call["to_number"]) == (SHOWN, number)
    contact = (await phone.owner.get(f"/contacts/{call['contact']}/")).ok()
    assert contact["phone"] == SHOWN


@pytest.mark.parametrize("called", ["a,b", "+12025550179,,3", "+1(2", "!weird", "_x", "[1]", "'5'", "~"])
async def test_a_call_to_what_is_no_number_is_told_as_rejected_as_any_other(phone: Exchange, called: str) -> None:
    wire = called.replace("[", "%5B").replace("]", "%5D")
    before = len([each for each in await phone.owner.events("start") if each["type"] == "call.rejected"])
    async with telephone(ip=phone.more["carrier"]) as customers:
        talk = customers.dial(phone.asterisk.ip, wire, caller=SHOWN)
        await talk.ended()
        assert talk.status == 404
    for _ in range(200):
        told = [each for each in await phone.owner.events("start") if each["type"] == "call.rejected"]
        if len(told) > before:
            break
        await asyncio.sleep(0.03)
    assert told[-1]["data"]["provider_config"] == phone.trunk
    assert told[-1]["data"]["hangup_cause"] == "NUMBER_UNALLOCATED"
    await nothing_left(phone)
