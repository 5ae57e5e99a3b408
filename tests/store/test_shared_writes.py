"""What travels to the database together fails apart: nobody's request suffers from what another tenant wrote."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from jinaconnect.core.errors import Invalid, Unavailable
from jinaconnect.core.inbox.contact import new_contact
from jinaconnect.store.commit import GroupCommit
from jinaconnect.store.tenant import Change
from tests.client import until
from tests.conftest import Running
from tests.tenants import Tenant

MakeTenant = Callable[[], Awaitable[Tenant]]
TOO_BIG = 2**63


def _nested(depth: int) -> dict[str, Any]:
    value: dict[str, Any] = {}
    for _ in range(depth):
        value = {"in": value}
    return value


UNKEPT: dict[str, tuple[dict[str, Any], str]] = {
    "whole number beyond 64 bits": ({"n": TOO_BIG}, "contacts.0.n"),
    "name with NUL": ({"name": {"a\0b": 1}}, "contacts.0.name"),
    "nested too deep": (_nested(60), "contacts"),
    "too large": ({"name": "x" * 40_000}, "contacts"),
}


async def _reachable(tenant: Tenant) -> str:
    phone = f"+1202555{secrets.randbelow(9000) + 1000}"
    await tenant.receives(phone, "hello")

    async def there() -> Any:
        return (await tenant().get("/contacts/", params={"phone": phone})).ok()["results"]

    return str((await until(there))[0]["id"])


@pytest.mark.parametrize("name", UNKEPT)
async def test_what_cannot_be_stored_is_refused_by_its_path(tenant: Tenant, name: str) -> None:
    contact = await _reachable(tenant)
    card, path = UNKEPT[name]
    body = {"contact": contact, "message_type": "CONTACTS", "contacts": [card]}
    assert path in (await tenant().post("/wa/v1/messages/", body)).refused(400, "validation_error")
    raw = {"type": "flow", "body": {"text": "x"}, "action": card}
    body = {"contact": contact, "message_type": "INTERACTIVE", "interactive": raw}
    detail = (await tenant().post("/wa/v1/messages/", body)).refused(400, "validation_error")
    assert path.replace("contacts.0", "interactive.action").replace("contacts", "interactive") in detail


async def test_a_tenant_is_not_hurt_by_what_another_sends(new_tenant: MakeTenant) -> None:
    one, other = await new_tenant(), await new_tenant()
    theirs, ours = await _reachable(one), await _reachable(other)
    poison = {"contact": theirs, "message_type": "CONTACTS", "contacts": [{"n": TOO_BIG}]}
    good = {"contact": ours, "message_type": "TEXT", "text": "hello"}
    sends = [(one(), poison), (other(), good)] * 40
    answers = await asyncio.gather(*(client.post("/wa/v1/messages/", body) for client, body in sends))
    assert {answer.status for answer in answers[::2]} == {400}
    assert {answer.status for answer in answers[1::2]} <= {200, 201, 202}


async def test_what_a_customer_sent_is_kept_whatever_numbers_are_in_it(tenant: Tenant) -> None:
    value = tenant.text("+12025550177", "before")
    order = {"from": "12025550177", "id": tenant.wamid(), "timestamp": "1790000000", "type": "order"}
    picture = {**order, "id": tenant.wamid(), "type": "image", "image": {"id": "x", "caption": {"n": TOO_BIG}}}
    cards = {**order, "id": tenant.wamid(), "type": "contacts", "contacts": [{"n": TOO_BIG}]}
    value["messages"] += [{**order, "order": {"q": TOO_BIG}}, picture, cards]
    (await tenant.webhook(tenant.envelope(value))).ok()
    await tenant.receives("+12025550177", "after")

    async def all_there() -> Any:
        rows = (await tenant().get("/team-inbox/api/messages/")).ok()["results"]
        return len(rows) == 5 and rows

    rows = await until(all_there)
    assert {row["message_type"] for row in rows} == {"TEXT", "ORDER", "IMAGE", "CONTACTS"}
    [ordered] = [row for row in rows if row["message_type"] == "ORDER"]
    assert ordered["content"]["order"] == {"q": str(TOO_BIG)}


BAD = [{"n": TOO_BIG}, {"a\0b": 1}, {"text": "\ud800"}, _nested(190), {"x": "x" * 16_000_000}]


@pytest.mark.parametrize("bad", BAD, ids=["number", "nul", "surrogate", "nested", "large"])
async def test_an_unstorable_document_fails_itself_alone(gateway: Running, tenant: Tenant, bad: Any) -> None:
    store, ids = gateway.services.store.of(tenant.id, "live"), gateway.services.ids
    docs = [new_contact(ids.new("cnt"), source="MANUAL", by=None) for _ in range(9)]
    docs[4]["attributes"] = bad
    done = await asyncio.gather(*(store.insert("contacts", doc) for doc in docs), return_exceptions=True)
    assert [place for place, result in enumerate(done) if isinstance(result, Invalid)] == [4]
    assert not any(isinstance(result, Exception) for place, result in enumerate(done) if place != 4)

    good = [doc["_id"] for place, doc in enumerate(docs) if place != 4]

    def change(value: Any) -> Any:
        return lambda doc: Change(set={"attributes": value})

    changes = (store.change("contacts", id, change(bad if id == good[3] else {"k": 1})) for id in good)
    done = await asyncio.gather(*changes, return_exceptions=True)
    assert [place for place, result in enumerate(done) if isinstance(result, Exception)] == [3]
    assert isinstance(done[3], Invalid)
    rows = await store.select("contacts", {"_id": {"$in": good}})
    decisions = {row["_id"]: change(bad if row["_id"] == good[5] else {"k": 2}) for row in rows}
    with pytest.raises(Invalid):
        await store.change_many("contacts", decisions, rows)
    after = {row["_id"]: row["attributes"] for row in await store.select("contacts", {"_id": {"$in": good}})}
    assert [place for place, id in enumerate(good) if after[id] != {"k": 2}] == [5]


async def test_each_item_of_a_failed_batch_is_written_by_itself() -> None:
    tries: list[list[int]] = []

    async def write(items: list[int]) -> list[int | Exception]:
        tries.append(items)
        if 3 in items:
            raise OverflowError("three")
        return [item * 10 for item in items]

    group: GroupCommit[int, int] = GroupCommit(write)
    done = await asyncio.gather(*map(group.put, range(6)), return_exceptions=True)
    assert [result for result in done if not isinstance(result, Exception)] == [0, 10, 20, 40, 50]
    assert isinstance(done[3], OverflowError)

    async def away(items: list[int]) -> list[int | Exception]:
        tries.append(items)
        raise Unavailable("away")

    tries.clear()
    done = await asyncio.gather(*map(GroupCommit(away).put, range(6)), return_exceptions=True)
    assert {type(result) for result in done} == {Unavailable}
    assert len(tries) <= 2  # an outage is not asked again for each


async def test_items_of_one_key_are_written_in_their_order_and_others_do_not_wait() -> None:
    gates = {number: asyncio.Event() for number in range(7)}
    begun: list[list[int]] = []

    async def write(batch: list[int]) -> list[int | Exception]:
        begun.append(batch)
        await asyncio.gather(*(gates[number].wait() for number in batch))
        return list(batch)

    group: GroupCommit[int, int] = GroupCommit(write, lanes=3, key=lambda number: number % 3)
    waits = []
    for number in range(7):
        waits.append(group.queued(number))
        await asyncio.sleep(0)
    assert begun == [[0], [1], [2]]  # 3 and 6 wait for 0, 4 for 1, 5 for 2
    gates[1].set()
    await waits[1]
    gates[4].set()
    assert await waits[4] == 4
    assert begun == [[0], [1], [2], [4]]
    for gate in gates.values():
        gate.set()
    assert await asyncio.gather(*waits) == list(range(7))
    assert [number for batch in begun for number in batch if number % 3 == 0] == [0, 3, 6]
    assert group.idle


async def test_large_batches_stay_large() -> None:
    gate = asyncio.Event()
    sizes: list[int] = []
    at_once = most = 0

    async def write(batch: list[int]) -> list[int | Exception]:
        nonlocal at_once, most
        sizes.append(len(batch))
        at_once += 1
        await gate.wait()
        await asyncio.sleep(0)
        most = max(most, at_once)
        at_once -= 1
        return list(batch)

    group: GroupCommit[int, int] = GroupCommit(write, lanes=3, key=lambda number: number)
    first = [group.queued(number) for number in range(40)]
    await asyncio.sleep(0)
    rest = []
    for number in range(40, 80):
        rest.append(group.queued(number))
        await asyncio.sleep(0)
    assert sizes == [40, 1]  # a second one beside it, and no third
    gate.set()
    assert await asyncio.gather(*first, *rest) == list(range(80))
    assert sizes == [40, 1, 39]
    assert most == 2
    assert group.idle
