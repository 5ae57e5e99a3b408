"""Who a carrier says is one person becomes one contact, which can be undone; a room's conversation is its own."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from tests.channels.sides import FakeSide
from tests.channels.test_seam import gateway as gateway
from tests.channels.test_seam import heard, post, replied
from tests.client import Client
from tests.conftest import Running
from tests.tenants import Tenant, make_tenant


@pytest.fixture
async def tenant(gateway: Running, http: aiohttp.ClientSession) -> Tenant:
    """A tenant of the test's own."""
    return await make_tenant(gateway, gateway.url, http)


@pytest.fixture
async def side(gateway: Running, tenant: Tenant) -> AsyncIterator[FakeSide]:
    """The fake carrier."""
    made = FakeSide()
    await made.begin(gateway, tenant)
    yield made
    await made.end()


class Person:
    """Somebody with two handles, whom the carrier does not know as one yet."""

    def __init__(self, tenant: Tenant, side: FakeSide) -> None:
        self.tenant, self.side = tenant, side
        self.first, self.second = side.customer(), side.customer()
        self.said = 0

    async def says(self, handle: str, text: str, **more: str) -> str:
        """Write; returns the contact's id."""
        self.said += 1
        assert await post(self.tenant, self.side.text(handle, text, secrets.token_hex(8), **more)) == 200
        received = await heard(self.tenant(), "message.received", self.said)
        return str(next(e["contact_id"] for e in received if e["data"]["content"]["body"]["text"] == text))


async def contact(client: Client, id: str) -> dict[str, Any]:
    """Return a contact."""
    return dict((await client.get(f"/contacts/{id}/")).ok())


@pytest.fixture
async def both(tenant: Tenant, side: FakeSide) -> tuple[Person, str, str]:
    """A person who was two contacts, until the carrier told; returns (them, the elder, the younger)."""
    person = Person(tenant, side)
    elder, younger = await person.says(person.first, "one"), await person.says(person.second, "two")
    assert elder != younger
    assert await person.says(person.second, "three", Also=person.first) == elder
    return person, elder, younger


async def test_two_contacts_of_one_person_become_one(tenant: Tenant, both: tuple[Person, str, str]) -> None:
    person, elder, younger = both
    owner = tenant()
    told = {event["subject"]["id"]: event["data"] for event in await heard(owner, "contact.merged", 2)}
    assert told == {id: {**await contact(owner, id), "updated_at": told[id]["updated_at"]} for id in (elder, younger)}
    assert (told[elder]["merged"], told[elder]["merged_into"]) == ([younger], None)
    assert (told[younger]["merged"], told[younger]["merged_into"]) == ([], elder)
    assert await person.says(person.first, "four") == await person.says(person.second, "five") == elder
    shown = (await owner.get(f"/team-inbox/api/conversations/{younger}/")).ok()
    assert shown["last_message"]["preview"] == "two", "the conversation of before stays as it was"


async def test_an_answer_to_either_reaches_the_person(tenant: Tenant, both: tuple[Person, str, str]) -> None:
    person, elder, younger = both
    message = await replied(tenant, person.side, younger)
    [sent] = await heard(tenant(), "message.sent")
    assert (sent["subject"]["id"], sent["contact_id"], person.side.accepted[message]) == (message, elder, 1)


async def test_a_merging_can_be_undone_for_good(tenant: Tenant, both: tuple[Person, str, str]) -> None:
    person, elder, younger = both
    owner = tenant()
    (await owner.post(f"/contacts/{elder}/separate/")).refused(400, "invalid_state")
    (await tenant("viewer").post(f"/contacts/{younger}/separate/")).refused(403, "permission_denied")
    back = (await owner.post(f"/contacts/{younger}/separate/")).ok()
    assert (back["id"], back["merged_into"]) == (younger, None)
    assert {event["subject"]["id"] for event in await heard(owner, "contact.separated", 2)} == {elder, younger}
    assert (await contact(owner, elder))["merged"] == []
    assert await person.says(person.first, "six") == elder
    assert await person.says(person.second, "seven") == younger
    assert await person.says(person.second, "eight", Also=person.first) == younger, "the team knows better"
    assert len(await heard(owner, "contact.merged", 2)) == 2


async def test_what_they_asked_for_goes_along(gateway: Running, tenant: Tenant, side: FakeSide) -> None:
    person, owner = Person(tenant, side), tenant()
    elder, younger = await person.says(person.first, "one"), await person.says(person.second, "two")
    (await owner.patch(f"/contacts/{younger}/", {"dnc": True})).ok()
    await person.says(person.first, "three", Also=person.second)
    assert (await contact(owner, elder))["dnc"]
    doc = await gateway.services.store.of(tenant.id, "live").get("contacts", elder)
    assert doc["chat"]["inbound"].keys() == {"FAKECHAT"}


async def test_many_webhooks_at_once_merge_them_once(tenant: Tenant, side: FakeSide) -> None:
    person = Person(tenant, side)
    elder, younger = await person.says(person.first, "one"), await person.says(person.second, "two")
    names = [(person.first, person.second), (person.second, person.first)] * 10
    posts = [side.text(name, f"n{at}", secrets.token_hex(8), Also=other) for at, (name, other) in enumerate(names)]
    assert set(await asyncio.gather(*(post(tenant, each) for each in posts))) == {200}
    received = await heard(tenant(), "message.received", 22)
    assert len(received) == 22
    assert len(await heard(tenant(), "contact.merged", 2)) == 2
    assert await person.says(person.second, "last") == elder
    assert (await contact(tenant(), younger))["merged_into"] == elder


async def test_who_is_erased_is_erased_under_every_name(tenant: Tenant, both: tuple[Person, str, str]) -> None:
    _, elder, younger = both
    (await tenant().delete(f"/contacts/{elder}/", params={"erase": "true"})).ok(204)
    for id in (elder, younger):
        (await tenant().get(f"/contacts/{id}/")).refused(404, "not_found")


async def test_a_room_is_a_conversation_of_its_own(tenant: Tenant, side: FakeSide) -> None:
    person, owner = Person(tenant, side), tenant()
    room = "room-" + secrets.token_hex(4)
    private = await person.says(person.first, "in private")
    shared = await person.says(person.first, "to all", Room=room)
    assert await person.says(person.second, "me too", Room=room) == shared != private
    events = await heard(owner, "message.received", 3)
    assert [event["data"]["said_by"] and event["data"]["said_by"]["address"] for event in events] == [
        None, person.first, person.second,
    ]  # fmt: skip
    message = await replied(tenant, side, shared)
    await heard(owner, "message.sent")
    assert side.accepted[message] == 1, "where a channel writes to rooms, the team answers them"
