"""A single message whose report says that the hour was wrong: it waits, is paid for once and goes again."""

from __future__ import annotations

from typing import Any

import pytest

from jinaconnect.core.billing.money import MICRO
from jinaconnect.core.broadcasts.states import MOST_DEFERRALS
from jinaconnect.store.databases.mongo import Document
from jinaconnect.store.due import due_at
from jinaconnect.store.tenant import Change, TenantStore
from tests.channels.indian import Indian
from tests.channels.sms_fast2sms.test_early import OUTSIDE, at_ten
from tests.channels.sms_fast2sms.test_webhooks import report
from tests.client import until
from tests.conftest import Running
from tests.handlers.billing.test_ledger import books, wallet_with


class Single:
    """A message by SMS that is paid for, and its place in the store."""

    def __init__(self, gateway: Running, sms: Indian) -> None:
        self.gateway, self.sms, self.id = gateway, sms, ""
        self.store: TenantStore = gateway.services.store.of(sms.tenant.id, "live")

    async def begin(self) -> int:
        """Send one and wait until the carrier has it; returns what it costs."""
        await wallet_with(self.gateway.services, self.store.scope, 10)
        self.id = (await self.sms.sends()).ok(201)["id"]
        doc = await self.reaches("SENT")
        return int(doc["charge"]["settled"])

    async def reaches(self, status: str, **fields: Any) -> Document:
        async def there() -> Document | None:
            doc = await self.store.get("messages", self.id)
            as_asked = doc["status"] == status and all(doc.get(name) == value for name, value in fields.items())
            paid = "owed" not in doc["charge"] or status == "PENDING"
            return doc if as_asked and paid else None

        found: Document = await until(there)
        return found

    async def tells(self, told: dict[str, str]) -> None:
        (await self.sms.posts(self.sms.app["dlr_webhook_url"], told=told)).ok()

    async def goes(self) -> None:
        """Let its hours have come."""
        due = due_at(self.gateway.services.clock())
        await self.store.change("messages", self.id, lambda _: Change(set={"due": due}))
        self.gateway.ports.worker.run_now("messages", self.store.scope, self.id)

    async def money(self) -> tuple[int, int]:
        wallet, _ = await books(self.gateway.services, self.store.scope)
        return wallet["balance"], wallet["reserved"]


async def test_a_late_report_of_the_hour_lets_the_message_wait_and_go_again(gateway: Running, sms: Indian) -> None:
    single = Single(gateway, sms)
    price = await single.begin()
    rest = 10 * MICRO - price
    assert price > 0
    assert await single.money() == (rest, 0)
    early = report(sms, single.id, "Rejected", OUTSIDE)
    await single.tells(early)
    waiting = await single.reaches("PENDING", deferrals=1)
    assert at_ten(waiting["due"]["at"])
    assert (waiting["deferred_until"], waiting["sent_at"]) == (waiting["due"]["at"], None)
    assert await single.money() == (rest, price), "what it costs is kept for it"
    [told] = await sms.heard("message.updated")
    assert (told["data"]["outgoing_status"], told["data"]["deferred_until"] is None) == ("queued", False)

    await single.goes()
    again = await single.reaches("SENT")
    assert len(sms.server.requests) == 2
    assert await single.money() == (rest, 0), "it is paid for once"
    for _ in range(2):  # operators repeat themselves, of the try that is past as well
        await single.tells(early)
    await single.tells(report(sms, single.id, "Delivered"))
    delivered = await single.reaches("DELIVERED")
    assert (delivered["carrier_id"], delivered["deferrals"]) == (again["carrier_id"], 1)
    assert ("request" in delivered, await single.money()) == (False, (rest, 0))
    trace = (await sms.tenant().get(f"/messages/{single.id}/trace/")).ok()
    kinds = [(step["kind"], step.get("status"), step.get("next_at") is None) for step in trace["steps"]]
    assert ("report", "FAILED", False) in kinds
    keys = [charge["key"].removeprefix(f"message:{single.id}:") for charge in trace["charges"]]
    assert keys == ["reserve", "settle", "1:again", "1:settle"]
    assert len(sms.server.requests) == 2


@pytest.mark.parametrize("answered", ["late", "hang"])
async def test_a_report_that_is_faster_than_the_answer_lets_it_wait_too(
    gateway: Running, sms: Indian, answered: str
) -> None:
    single = Single(gateway, sms)
    price = await single.begin()
    await single.tells(report(sms, single.id, "Rejected", OUTSIDE))
    await single.reaches("PENDING", deferrals=1)
    sms.server.next.append(answered)
    first = sms.server.ids[single.id]
    await single.goes()

    async def asked() -> bool:
        return sms.server.accepted[single.id] == 2 and sms.server.ids[single.id] != first

    await until(asked)
    await single.tells(report(sms, single.id, "Rejected", OUTSIDE))
    await single.reaches("PENDING", deferrals=2)
    sms.server.let_go.set()

    async def concluded() -> bool:
        steps = (await single.store.get("messages", single.id))["trace"]
        return sum(step["kind"] == "attempt" for step in steps) == 2

    await until(concluded)
    waiting = await single.reaches("PENDING", deferrals=2)
    assert (at_ten(waiting["due"]["at"]), waiting["due"]["by"]) == (True, None)
    assert await single.money() == (10 * MICRO - price, price)
    await single.goes()
    await single.reaches("SENT")
    assert await single.money() == (10 * MICRO - price, 0)
    assert len(sms.server.requests) == 3


async def test_one_that_is_never_in_time_is_given_up_and_costs_nothing(gateway: Running, sms: Indian) -> None:
    single = Single(gateway, sms)
    await single.begin()
    often = Change(set={"deferrals": MOST_DEFERRALS})
    await single.store.change("messages", single.id, lambda _: often)
    await single.tells(report(sms, single.id, "Rejected", OUTSIDE))
    failed = await single.reaches("FAILED")
    assert (failed["error_code"], "10:00 and 21:00" in failed["error_message"]) == ("651", True)
    assert await single.money() == (10 * MICRO, 0)


async def test_one_that_waits_again_and_then_fails_costs_nothing(gateway: Running, sms: Indian) -> None:
    single = Single(gateway, sms)
    await single.begin()
    await single.tells(report(sms, single.id, "Rejected", OUTSIDE))
    await single.reaches("PENDING", deferrals=1)
    await single.goes()
    await single.reaches("SENT")
    await single.tells(report(sms, single.id, "Failed", "absent subscriber"))
    await single.reaches("FAILED")
    assert await single.money() == (10 * MICRO, 0)
