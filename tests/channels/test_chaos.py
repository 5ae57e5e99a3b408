"""In chaos a simulated carrier reorders, repeats, delays and loses its reports: what is promised holds all the same."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jinaconnect.channels import chaos
from jinaconnect.channels.table import SIMULATED
from tests.client import Answered, Client, until
from tests.tenants import Tenant

LADDER = {"sent": 1, "delivered": 2, "read": 3}
STATUSES = ("sent", "delivered", "read")
PEOPLE = [f"1202555{place:04}" for place in (111, 118, *range(3000, 3010))]
SENT_AS: dict[str, Any] = {
    "whatsapp": lambda to: ("/wa/v1/messages/", {"phone": f"+{to}", "text": "hello"}),
    "sms": lambda to: ("/sms/v1/messages/", {"to": f"+{to}", "text": "hello"}),
    "rcs": lambda to: ("/rcs/v1/messages/", {"phone": f"+{to}", "text": "hello"}),
    "telegram": lambda to: ("/telegram/v1/messages/", {"chat_id": int(to), "text": "hello"}),
}  # fmt: skip


async def switched(client: Client, on: bool) -> None:
    assert (await client.ask("PUT", "/sandbox/chaos/", {"on": on})).ok() == {"on": on}
    assert (await client.get("/sandbox/chaos/")).ok() == {"on": on}


async def events_of(client: Client) -> list[dict[str, Any]]:
    return [event for event in await client.events() if event["subject"]["type"] == "message"]


def settled(seen: list[dict[str, Any]], wanted: Mapping[str, set[str]]) -> bool:
    """Tell whether each message has been told of as far as it will be."""
    told: dict[str, set[str]] = {}
    for event in seen:
        told.setdefault(event["subject"]["id"], set()).add(event["type"])
    return all(types <= told.get(id, set()) for id, types in wanted.items())


@pytest.mark.parametrize("platform", SIMULATED)
async def test_whatever_order_and_number_reports_come_in_no_state_goes_back(tenant: Tenant, platform: str) -> None:
    client = tenant("owner", "test")
    await switched(client, True)
    numbers = [person if platform == "telegram" else f"+{person}" for person in PEOPLE]
    for number in numbers:
        said = {"channel": platform, "from": number, "name": "Ann", "text": f"I am {number}"}
        (await client.post("/sandbox/inbound/", said)).ok(201)

    async def all_wrote() -> bool:
        return sum(event["type"] == "message.received" for event in await events_of(client)) >= len(PEOPLE)

    await until(all_wrote)
    ids: dict[str, str] = {}
    for person in PEOPLE:
        path, body = SENT_AS[platform](person)
        made: Answered = await client.post(path, body)
        shown = made.ok(201)
        ids[str(shown.get("outbound_id") or shown["id"])] = person

    carriers: dict[str, str] = {}

    async def all_went() -> bool:
        for id in ids:
            found = (await client.get(f"/team-inbox/api/messages/{id}/")).ok()
            if found["external_message_id"] is None:
                return False
            carriers[id] = found["external_message_id"]
        return True

    await until(all_went)
    wanted: dict[str, set[str]] = {id: set() for id in ids}
    if platform != "telegram":  # whose carrier reports nothing
        for id, person in ids.items():
            known = STATUSES if person.endswith(("0111", "0118")) else STATUSES[:2]
            reported = chaos.survivors(carriers[id], known)
            reported = [status for status in reported if not (status == "read" and platform == "sms")]
            last = max((LADDER[status] for status in reported), default=0)
            wanted[id] |= {f"message.{status}" for status in reported if LADDER[status] == last}
    await until(lambda: _settled(client, wanted))
    answers = sum(person.endswith("0118") for person in PEOPLE)

    async def answered() -> bool:
        received = [event for event in await events_of(client) if event["type"] == "message.received"]
        return len(received) == len(PEOPLE) + answers

    await until(answered)
    seen = await events_of(client)
    order = {"message.queued": 0, "message.sent": 1, "message.delivered": 2, "message.read": 3}
    for id in ids:
        mine = [event["type"] for event in seen if event["subject"]["id"] == id and event["type"] in order]
        assert [order[type] for type in mine] == sorted({order[type] for type in mine}), "never back, never twice"
        trace = (await client.get(f"/messages/{id}/trace/")).ok()
        taken = [step for step in trace["steps"] if step["kind"] == "attempt" and step["outcome"] == "accepted"]
        assert len(taken) == 1, "and the carrier took it once"
    received = Counter(event["data"]["external_message_id"] for event in seen if event["type"] == "message.received")
    assert set(received.values()) == {1}, "what a customer wrote is there once"
    await switched(client, False)


async def _settled(client: Client, wanted: Mapping[str, set[str]]) -> bool:
    return settled(await events_of(client), wanted)


async def test_the_switch_is_the_sandboxs_and_the_tenants_own(tenant: Tenant) -> None:
    assert (await tenant().get("/sandbox/chaos/")).ok() == {"on": False}
    (await tenant().ask("PUT", "/sandbox/chaos/", {"on": True})).refused(403, "permission_denied")
    (await tenant("viewer", "test").ask("PUT", "/sandbox/chaos/", {"on": True})).refused(403, "permission_denied")
    assert "on" in (await tenant("owner", "test").ask("PUT", "/sandbox/chaos/", {})).refused(400, "validation_error")


@given(st.text(min_size=1, max_size=40), st.lists(st.sampled_from(STATUSES), min_size=1, max_size=6))
def test_what_is_lost_is_lost_whole_and_the_rest_comes(id: str, statuses: list[str]) -> None:
    postings = chaos.disturbed(id, statuses)
    assert postings == chaos.disturbed(id, statuses)
    kept = chaos.survivors(id, statuses)
    assert {statuses[posting.place] for posting in postings} == set(kept)
    times = Counter(posting.place for posting in postings)
    assert all(1 <= count <= chaos.MOST_TIMES for count in times.values())
    assert all(posting.after <= chaos.WITHIN + chaos.LATE for posting in postings)


def test_all_of_it_happens() -> None:
    all_of_it = [chaos.disturbed(str(place), STATUSES) for place in range(300)]
    assert any(len({posting.place for posting in postings}) < 3 for postings in all_of_it), "lost"
    assert any(len(postings) > len({posting.place for posting in postings}) for postings in all_of_it), "repeated"
    assert any(posting.after > chaos.LATE for postings in all_of_it for posting in postings), "late"
    orders = [[posting.place for posting in sorted(postings, key=lambda each: each.after)] for postings in all_of_it]
    assert any(order != sorted(order) for order in orders), "in another order"
