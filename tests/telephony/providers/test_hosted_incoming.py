"""Calls that come in at an HTTP carrier: answered by their number's IVR, in the inbox, each once; and second calls."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any

import aiohttp
import pytest

from jinaconnect.telephony.table import PROVIDERS
from tests.client import until
from tests.handlers.trunks.accounts import add_trunk
from tests.telephony.calls.graphs import graph, menu
from tests.telephony.calls.telephone import OWN
from tests.telephony.providers.fake import FAKE, fake_row
from tests.telephony.providers.lines import CALLS, CARRIERS, CUSTOMER, TRUNKS, Line, at, playing
from tests.tenants import Tenant

AGENT = "+12025550188"


@pytest.fixture(scope="module", autouse=True)
def row() -> Iterator[None]:
    """The provider stands in the table."""
    with fake_row():
        yield


@pytest.fixture(params=[(FAKE, "GET"), *((name, "POST") for name in CARRIERS)], ids=str)
async def line(request: pytest.FixtureRequest, tenant: Tenant, http: aiohttp.ClientSession) -> AsyncIterator[Line]:
    """A tenant's account at a carrier that tells in either way."""
    name, method = request.param
    async with playing(name, http, asks_with_get=method == "GET") as carrier:
        yield await at(tenant, carrier)


async def address(line: Line) -> str:
    """Return where the account's calls are told."""
    return str((await line.owner.get(f"{TRUNKS}{line.trunk}/inbound-url/")).ok()["url"])


async def routed(line: Line, document: dict[str, Any]) -> str:
    """Have the account's number answered by an IVR; returns where its calls are told."""
    route = {"type": "template", "template": await line.ivr(document)}
    body = {"number": OWN, "provider_config": line.trunk, "route": route}
    (await line.owner.post("/voice/api/numbers/", body)).ok(201)
    return await address(line)


async def only_call(line: Line, **query: str) -> dict[str, Any]:
    """Return the tenant's one call that fits."""
    [found] = (await line.owner.get(CALLS, params=query)).ok()["results"]
    return dict(found)


async def test_a_call_that_comes_in_is_answered_by_its_numbers_ivr(line: Line) -> None:
    there = await line.carrier.comes_in(await routed(line, menu()), CUSTOMER, OWN)
    call = await only_call(line)
    assert (call["direction"], call["from_number"], call["to_number"]) == ("inbound", CUSTOMER, OWN)
    assert (call["status"], call["provider_call_id"]) == ("IN_PROGRESS", there.id)
    await there.turn(digits="1")
    assert there.said() == ["You pressed 1. Goodbye."]
    await there.turn()
    assert there.ends
    await there.status("completed", seconds=9)
    ended = await line.ended(call["id"])
    assert (ended["status"], ended["hangup_cause"]) == ("COMPLETED", "NORMAL_CLEARING")
    types = await line.types(call["id"])
    assert types[:4] == ["call.created", "call.dialing", "call.ringing", "call.answered"]
    shown: list[dict[str, Any]] = []

    async def in_the_inbox() -> bool:
        shown[:] = (await line.owner.get("/team-inbox/api/messages/")).ok()["results"]
        return bool(shown)

    await until(in_the_inbox, 20)
    assert [(each["platform"], each["direction"]) for each in shown] == [("VOICE", "INCOMING")]
    contact = (await line.owner.get(f"/contacts/{shown[0]['contact']}/")).ok()
    assert (contact["phone"], contact["total_calls"]) == (CUSTOMER, 1)


async def test_more_keys_than_were_asked_for_are_no_answer_of_their_own(line: Line) -> None:
    there = await line.carrier.comes_in(await routed(line, menu()), CUSTOMER, OWN)
    await there.turn(digits="1" * 300)
    assert there.said() == ["You pressed 1. Goodbye."], "the first is the answer, the others are of no turn"
    call = await only_call(line)
    assert (await line.types(call["id"])).count("call.ivr_step") == 2
    await there.status("completed", seconds=2)
    assert (await line.ended(call["id"]))["status"] == "COMPLETED"


async def test_a_call_told_many_times_at_once_comes_in_once(line: Line) -> None:
    url = await routed(line, menu())
    told = {"id": "the-one", "status": "ringing", "from": CUSTOMER, "to": OWN}
    answers = await asyncio.gather(*(line.carrier.post(url, told) for _ in range(8)))
    assert {status for status, _ in answers} == {200}
    call = await only_call(line)
    if line.carrier.provider == "telnyx":  # where answering is a command, and told
        await line.carrier.post(url, {"id": "the-one", "status": "in-progress"})
    assert (await line.types(call["id"])).count("call.answered") == 1
    there = line.carrier.new_call("the-one", {"status": url})
    await there.status("completed", seconds=1)
    await line.ended(call["id"])


async def test_a_call_that_nothing_answers_is_refused_and_told(line: Line) -> None:
    there = await line.carrier.comes_in(await address(line), CUSTOMER, OWN)
    assert there.ends
    assert (await line.owner.get(CALLS)).ok()["results"] == []
    seen = await line.owner.wait_for_events(lambda all: any(event["type"] == "call.rejected" for event in all))
    [event] = [event for event in seen if event["type"] == "call.rejected"]
    assert (event["data"]["to_number"], event["data"]["hangup_cause"]) == (OWN, "NUMBER_UNALLOCATED")


async def test_who_withholds_their_number_is_no_contact(line: Line) -> None:
    there = await line.carrier.comes_in(await routed(line, menu()), "", OWN)
    call = await only_call(line)
    assert (call["from_number"], call["contact"]) == ("withheld", None)
    await there.status("completed", seconds=1)
    await line.ended(call["id"])


async def test_an_address_that_is_not_ours_takes_no_call(line: Line) -> None:
    url = await routed(line, menu())
    told = {"id": "x", "status": "ringing", "from": CUSTOMER, "to": OWN}
    assert (await line.carrier.post(url.replace("mark=", "mark=0"), told))[0] == 403
    assert (await line.carrier.post(url, told, signature="0" * 64))[0] == 403
    assert (await line.owner.get(CALLS)).ok()["results"] == []


async def test_what_is_signed_may_be_told_at_further_addresses(line: Line) -> None:
    if line.carrier.provider == FAKE:
        pytest.skip("the carrier of tests is told of by names that no door has")
    signed = (await line.owner.get(f"{TRUNKS}{line.trunk}/inbound-url/")).ok()["signed"]
    assert bool(signed) == (line.carrier.provider != "exotel")  # which signs nothing
    for each in signed:
        assert each["url"].endswith(f"/{line.trunk}/{each['name']}/")
        assert (await line.carrier.post(each["url"], {"id": "x"}, signature="0" * 64))[0] == 403


async def test_a_trunk_has_no_address_for_webhooks(tenant: Tenant) -> None:
    trunk = await add_trunk(tenant(), from_numbers=[OWN])
    (await tenant().get(f"{TRUNKS}{trunk}/inbound-url/")).refused(400, "invalid_state")


def transfer() -> dict[str, Any]:
    """An IVR that transfers at once."""
    return graph("to", {"to": ("voice.transfer", {"to_uri": AGENT})})


@pytest.mark.parametrize(("dialled", "status", "cause"), [
    ("answered", "COMPLETED", "NORMAL_CLEARING"), ("no-answer", "FAILED", "NO_ANSWER"),
])  # fmt: skip
async def test_a_transfer_is_a_call_of_its_own(line: Line, dialled: str, status: str, cause: str) -> None:
    there = await line.carrier.comes_in(await routed(line, transfer()), CUSTOMER, OWN)
    first = await only_call(line, direction="inbound")
    assert {"dial": AGENT} in there.document
    second = await only_call(line, direction="outbound")
    assert (second["parent_call"], second["from_number"], second["to_number"]) == (first["id"], OWN, AGENT)
    assert second["status"] == "INITIATING"
    await there.turn(dialled=dialled, **({"talked": 7} if dialled == "answered" else {}))
    ended = await line.ended(second["id"])
    assert (ended["status"], ended["hangup_cause"]) == (status, cause)
    assert ended["duration_seconds"] == (7 if dialled == "answered" else None)
    heard = [event["data"]["with"] for event in await line.events(first["id"])
             if event["type"] == "call.bridged"]  # fmt: skip
    assert heard == ([second["id"]] if dialled == "answered" else [])
    await there.status("completed", seconds=12)
    await line.ended(first["id"])


async def test_all_of_a_call_that_comes_in_is_recorded_where_its_account_says_so(line: Line) -> None:
    (await line.owner.patch(f"{TRUNKS}{line.trunk}/", {"recording_enabled": True})).ok()
    spec = PROVIDERS[line.carrier.provider].spec
    there = await line.carrier.comes_in(await routed(line, menu()), CUSTOMER, OWN)
    call = await only_call(line)
    if "start" not in spec.recording:
        path = f"{CALLS}{call['id']}/timeline/"

        async def noted() -> bool:  # behind the answer
            items = (await line.owner.get(path)).ok()["items"]
            return "recording_unsupported" in [item["type"] for item in items]

        await until(noted)
        return
    if spec.tapes:

        async def asked() -> bool:
            return ("record", "start") in line.carrier.did

        await until(asked, 20)
        await there.turn(digits="1")
        assert line.carrier.did.count(("record", "start")) == 1, "once, however many turns there are"
        [name] = line.carrier.recordings
    else:
        assert there.wanted["record"] is True
        name = line.carrier.record()
    await there.status("completed", seconds=1)
    await line.carrier.post(there.wanted.get("recording") or await address(line), {"id": there.id, "recording": name})
    await line.ended(call["id"])

    async def kept() -> bool:
        return bool((await line.owner.get(f"/voice/api/recordings/?call_id={call['id']}")).ok()["results"])

    await until(kept, 20)
    types = await line.types(call["id"])
    assert (types.count("call.recording_started"), types.count("call.recording_stopped")) == (1, 1)


@pytest.mark.parametrize(
    ("caller", "state"), [("+14155550111", None), (CUSTOMER, "CA")], ids=["its number", "where they live"]
)
@pytest.mark.parametrize("enabled", [True, False], ids=["all of it", "what its IVR asks for"])
async def test_a_caller_from_where_everybody_is_asked_is_not_recorded(
    line: Line, caller: str, state: str | None, enabled: bool
) -> None:
    (await line.owner.patch(f"{TRUNKS}{line.trunk}/", {"recording_enabled": enabled})).ok()
    contact = {"phone": caller, "attributes": {} if state is None else {"state": state}}
    (await line.owner.post("/contacts/", contact)).ok(201)
    there = await line.carrier.comes_in(await routed(line, menu()), caller, OWN)

    async def known() -> bool:
        return (await only_call(line))["contact"] is not None

    await until(known)
    assert (await only_call(line))["metadata"]["recording_allowed"] is False
    assert there.wanted.get("record") is not True
    assert ("record", "start") not in line.carrier.did


async def test_what_is_told_of_a_transfers_leg_is_told_of_its_call(line: Line) -> None:
    if line.carrier.provider not in ("vonage", "telnyx"):
        pytest.skip("this carrier tells of a transfer when it is over")
    there = await line.carrier.comes_in(await routed(line, transfer()), CUSTOMER, OWN)
    first = await only_call(line, direction="inbound")
    second = await only_call(line, direction="outbound")
    document, url = there.document, there.next if line.carrier.provider == "vonage" else there.wanted["turn"]

    async def leg(status: str, event: str) -> None:
        told = {"dialled": status} if line.carrier.provider == "vonage" else {
            "event": event, "client_state": there.wanted["second"],
        }  # fmt: skip
        assert (await line.carrier.post(url, {"id": there.id, **told}))[0] in (200, 204)

    await leg("ringing", "call.ringing")
    assert (await line.call(second["id"]))["status"] == "RINGING"
    for _ in range(2):
        await leg("in-progress", "call.answered")
    shown = await line.call(second["id"])
    assert (shown["status"], "/" in shown["provider_call_id"]) == ("IN_PROGRESS", False)
    there.document = document
    await there.turn(dialled="answered", talked=7)
    assert (await line.ended(second["id"]))["status"] == "COMPLETED"
    await there.status("completed", seconds=12)
    await line.ended(first["id"])
    events = await line.events(first["id"])
    assert [event["data"]["with"] for event in events if event["type"] == "call.bridged"] == [second["id"]]
    types = [event["type"] for event in events]
    assert types.index("call.transferring") < types.index("call.bridged") < types.index("call.transferred")


async def test_a_second_call_ends_with_its_first(line: Line) -> None:
    there = await line.carrier.comes_in(await routed(line, transfer()), CUSTOMER, OWN)
    second = await only_call(line, direction="outbound")
    await there.status("completed", seconds=3)
    assert (await line.ended(second["id"]))["ended_at"] is not None
