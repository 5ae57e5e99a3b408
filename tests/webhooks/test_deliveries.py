"""Events reach endpoints: signed, as every door tells them, in order, and noted."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from datetime import timedelta
from typing import Any

import pytest
from aiohttp import web

from jinaconnect.core.webhooks import schedule
from tests.client import Client, until
from tests.tenants import Tenant
from tests.webhooks.conftest import Receivers, endpoint
from tests.webhooks.receiver import Heard, Receiver


async def test_an_event_is_posted_as_every_door_tells_it_signed_for_any_library(
    tenant: Tenant, receiver: Receiver
) -> None:
    owner = tenant()
    made = await endpoint(owner, receiver, "message.received", "contact.*")
    await tenant.receives("+12025550151", "hello")

    async def told() -> bool:
        return len(receiver.heard) == 2

    await until(told)
    assert all(heard.signed for heard in receiver.heard)
    events = {event["id"]: event for event in await owner.events()}
    for heard in receiver.heard:
        event = events[heard.id]
        assert heard.event == {**event, "tenant_id": tenant.id, "created_at": event["recorded_at"]}
        assert heard.headers["content-type"] == "application/json"
        later = await owner.events(heard.headers["x-cursor"])
        assert [each["seq"] for each in later][:1] in ([event["seq"] + 1], [])
    assert {heard.event["type"] for heard in receiver.heard} == {"message.received", "contact.created"}

    async def noted() -> bool:
        rows = (await owner.get("/webhooks/deliveries/", params={"endpoint": made["id"]})).ok()["results"]
        return [(row["status"], row["response_code"]) for row in rows] == [("delivered", 200)] * 2

    await until(noted)


async def write(tenant: Tenant, senders: int, each: int) -> None:
    """Have customers write, each several times."""
    for number in range(each):
        for sender in range(senders):
            await tenant.receives(f"+1202555{4100 + sender}", f"m{number}")


def by_conversation(heard: list[Heard]) -> dict[str, list[int]]:
    """Return the numbers that were told, in the order they came, without repetitions."""
    found: dict[str, dict[int, None]] = {}
    for each in heard:
        found.setdefault(each.event["contact_id"], {}).setdefault(each.event["seq"])
    return {contact: list(seqs) for contact, seqs in found.items()}


async def everything_told(owner: Client, receiver: Receiver, type: str, count: int) -> None:
    async def told() -> bool:
        return len({each.id for each in receiver.taken()}) >= count

    await until(told, 40)
    wanted: dict[str, list[int]] = {}
    for event in await owner.events(types=type):
        wanted.setdefault(event["contact_id"], []).append(event["seq"])
    assert by_conversation(receiver.taken()) == wanted


async def test_conversations_are_told_in_order_and_beside_each_other(tenant: Tenant, receiver: Receiver) -> None:
    async def slowly(heard: Heard) -> int:
        await asyncio.sleep(0.05)
        return 200

    receiver.meet = slowly
    await endpoint(tenant(), receiver, "message.received")
    await write(tenant, 6, 5)
    await everything_told(tenant(), receiver, "message.received", 30)
    assert [each.event["seq"] for each in receiver.heard] != sorted(each.event["seq"] for each in receiver.heard) or (
        receiver.most_at_once > 1
    )
    assert receiver.most_at_once > 1


async def test_one_conversation_that_fails_holds_up_no_other_and_comes_in_order(
    tenant: Tenant, receiver: Receiver, soon: None
) -> None:
    failed: dict[str, int] = {}

    def meet(heard: Heard) -> int:
        if heard.event["data"]["content"]["body"]["text"] == "m1" and failed.setdefault(heard.id, 0) < 3:
            failed[heard.id] += 1
            return 500
        return 200

    receiver.meet = meet
    made = await endpoint(tenant(), receiver, "message.received")
    await write(tenant, 3, 4)
    await everything_told(tenant(), receiver, "message.received", 12)
    assert set(failed.values()) == {3}
    assert all(heard.signed for heard in receiver.heard)
    tries = [heard for heard in receiver.heard if heard.id in failed]
    assert len(tries) == 4 * 3, "under one id, four times each"

    async def noted() -> list[int]:
        rows = (await tenant().get("/webhooks/deliveries/", params={"endpoint": made["id"], "page_size": "50"})).ok()
        assert {row["status"] for row in rows["results"]} <= {"delivered", "retrying"}
        return sorted(
            len(row["attempts"]) for row in rows["results"] if row["status"] == "delivered"
        )  # fmt: skip

    async def all_noted() -> bool:
        return await noted() == [1] * 9 + [4] * 3

    await until(all_noted)


@pytest.mark.parametrize("status", [301, 302, 307, 308])
async def test_a_redirect_is_a_failure_and_not_followed(
    tenant: Tenant, receivers: Receivers, soon: None, status: int
) -> None:
    here, there = await receivers(), await receivers()
    here.meet = lambda heard: web.Response(status=status if here.asked < 3 else 200, headers={"Location": there.url})
    made = await endpoint(tenant(), here, "message.received")
    await tenant.receives("+12025550152", "hello")
    await everything_told(tenant(), here, "message.received", 1)
    assert there.asked == 0
    attempts = await attempts_of(tenant(), made["id"], 3)
    assert [each["response_code"] for each in attempts] == [status, status, 200]


async def attempts_of(owner: Client, endpoint: str, count: int) -> list[dict[str, Any]]:
    """Return the attempts of an endpoint's only delivery once there are so many."""
    found: list[dict[str, Any]] = []

    async def noted() -> bool:
        rows = (await owner.get("/webhooks/deliveries/", params={"endpoint": endpoint})).ok()["results"]
        found[:] = rows[0]["attempts"] if rows else []
        return len(found) >= count

    await until(noted)
    return found


async def test_gone_ends_it_at_once_and_is_told(tenant: Tenant, receiver: Receiver) -> None:
    receiver.meet = lambda heard: 410
    owner = tenant()
    made = await endpoint(owner, receiver, "message.received")
    await tenant.receives("+12025550153", "hello")
    events = await owner.wait_for_events(lambda seen: any(each["type"] == "endpoint.disabled" for each in seen))
    told = next(each["data"] for each in events if each["type"] == "endpoint.disabled")
    assert (told["id"], told["status"], told["disabled_reason"]) == (made["id"], "disabled", "gone")
    assert receiver.asked == 1
    # Switched on again it goes on where it was.
    receiver.meet = lambda heard: 200
    (await owner.post(f"/webhooks/endpoints/{made['id']}/resume/")).ok()
    await everything_told(owner, receiver, "message.received", 1)


@pytest.mark.parametrize("status", [429, 502, 503, 504])
async def test_throttled_it_waits_as_long_as_it_is_asked_to(
    tenant: Tenant, receiver: Receiver, soon: None, status: int
) -> None:
    at: list[float] = []

    def meet(heard: Heard) -> web.Response:
        at.append(time.monotonic())
        return web.Response(status=status if len(at) == 1 else 200, headers={"Retry-After": "1"})

    receiver.meet = meet
    await endpoint(tenant(), receiver, "message.received")
    await tenant.receives("+12025550154", "one")

    async def asked() -> bool:
        return bool(at)

    await until(asked)
    await tenant.receives("+12025550155", "two")
    await everything_told(tenant(), receiver, "message.received", 2)
    assert min(at[1:]) - at[0] >= 0.99, "nothing was posted to it meanwhile, of no conversation"


async def test_after_the_whole_schedule_it_is_switched_off_with_a_notice_and_nothing_is_lost(
    tenant: Tenant, receiver: Receiver, soon: None
) -> None:
    receiver.meet = lambda heard: 500
    owner = tenant()
    made = await endpoint(owner, receiver, "message.received")
    await tenant.receives("+12025550156", "one")
    await tenant.receives("+12025550156", "two")
    events = await owner.wait_for_events(lambda seen: any(each["type"] == "endpoint.disabled" for each in seen))
    told = next(each["data"] for each in events if each["type"] == "endpoint.disabled")
    assert told["disabled_reason"] == "failing"
    assert Counter(each.id for each in receiver.heard).most_common() == [(receiver.heard[0].id, 10)]
    (await owner.get(f"/webhooks/endpoints/{made['id']}/")).ok()
    receiver.meet = lambda heard: 200
    (await owner.patch(f"/webhooks/endpoints/{made['id']}/", {"is_active": True})).ok()
    await everything_told(owner, receiver, "message.received", 2)


async def test_an_event_nobody_takes_is_given_up_with_a_notice_where_others_get_through(
    tenant: Tenant, receiver: Receiver, soon: None
) -> None:
    receiver.meet = lambda heard: 500 if heard.event["data"]["content"]["body"]["text"] == "bad" else 200
    owner = tenant()
    made = await endpoint(owner, receiver, "message.received")
    await tenant.receives("+12025550157", "bad")

    async def tried() -> bool:
        return receiver.asked >= 2

    await until(tried)
    await tenant.receives("+12025550158", "good")
    await tenant.receives("+12025550157", "after")
    events = await owner.wait_for_events(lambda seen: any(each["type"] == "delivery.failed" for each in seen))
    failed = next(each["data"] for each in events if each["type"] == "delivery.failed")
    assert (failed["endpoint"], failed["attempts"], failed["response_code"]) == (made["id"], 10, 500)

    async def told() -> bool:
        texts = {each.event["data"]["content"]["body"]["text"] for each in receiver.taken()}
        return texts == {"good", "after"}

    await until(told)
    row = (await owner.get(f"/webhooks/deliveries/{failed['id']}/")).ok()
    assert (row["status"], len(row["attempts"]), row["event"]) == ("failed", 10, failed["event"])
    # It can still be had by hand.
    receiver.meet = lambda heard: 200
    again = (await owner.post(f"/webhooks/deliveries/{failed['id']}/redeliver/")).ok()
    assert (again["status"], len(again["attempts"])) == ("delivered", 11)
    assert receiver.heard[-1].id == failed["event"]
    assert receiver.heard[-1].signed


async def test_an_endpoint_that_is_back_is_told_everything_at_once(
    tenant: Tenant, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(schedule, "WAITS", (timedelta(seconds=0.3), *(timedelta(hours=1),) * 8))
    receiver.meet = lambda heard: 500
    owner = tenant()
    await endpoint(owner, receiver, "message.received")
    await write(tenant, 4, 2)

    async def failing() -> bool:
        return receiver.asked >= 3

    await until(failing)
    receiver.meet = lambda heard: 200
    await tenant.receives("+12025550159", "news")
    await everything_told(owner, receiver, "message.received", 9)
