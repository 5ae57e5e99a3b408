"""Whom the operators find it too early for waits for their hours: paid for once, and cancelled with the broadcast."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from jinaconnect.actions.billing.keeping import set_up
from jinaconnect.core.billing.money import MICRO
from jinaconnect.core.broadcasts.states import MOST_DEFERRALS
from jinaconnect.store.tenant import Change, TenantStore
from tests.channels.indian import Indian
from tests.channels.sms_fast2sms.test_webhooks import report
from tests.client import until
from tests.conftest import Running
from tests.handlers.billing.test_ledger import books, wallet_with

OUTSIDE = "REJECTED 651"


class Sale:
    """A broadcast by SMS that is paid for."""

    def __init__(self, gateway: Running, sms: Indian) -> None:
        self.gateway, self.sms, self.id = gateway, sms, ""
        self.store: TenantStore = gateway.services.store.of(sms.tenant.id, "live")

    async def begin(self, people: int, ends: str = "SENT") -> None:
        await wallet_with(self.gateway.services, self.store.scope, 10)
        client = self.sms.tenant()
        for place in range(people):
            (await client.post("/contacts/", {"phone": f"+91987654330{place}", "first_name": "Ann"})).ok(201)
        body = {
            "name": "Sale", "status": "QUEUED", "template_number": self.sms.template["id"], "select_all": True,
            "placeholder_data": {"1": "Ann", "2": "47"}, "category": "UTILITY",
        }  # fmt: skip
        self.id = (await client.post("/sms/v1/broadcast/", body)).ok(201)["id"]
        await self.is_due()
        await self.reaches(ends)

    async def shown(self) -> dict[str, Any]:
        told: dict[str, Any] = (await self.sms.tenant().get(f"/broadcast/{self.id}/")).ok()
        return told

    async def reaches(self, status: str) -> dict[str, Any]:
        async def there() -> dict[str, Any] | None:
            told = await self.shown()
            return told if told["status"] == status else None

        found: dict[str, Any] = await until(there, 30)
        return found

    async def rows(self) -> list[dict[str, Any]]:
        return await self.store.select("broadcast_rows", {"broadcast": self.id}, sort=[("_id", 1)])

    async def tells(self, message: str, words: str = OUTSIDE) -> None:
        (await self.sms.posts(self.sms.app["dlr_webhook_url"], told=report(self.sms, message, "Rejected", words))).ok()

    async def waits(self, count: int) -> list[dict[str, Any]]:
        async def waiting() -> list[dict[str, Any]] | None:
            rows = [row for row in await self.rows() if row["status"] == "PENDING" and row.get("deferrals")]
            return rows if len(rows) == count else None

        found: list[dict[str, Any]] = await until(waiting)
        return found

    async def money(self) -> tuple[int, int]:
        wallet, _ = await books(self.gateway.services, self.store.scope)
        return wallet["balance"], wallet["reserved"]

    async def is_due(self) -> None:
        """Let the hours of everybody have come."""
        now = self.gateway.services.clock()
        for row in await self.rows():
            if row["status"] == "PENDING":
                await self.store.change("broadcast_rows", row["_id"], lambda _: Change(set={"at": now}))
        fields = {"due": {"at": now, "by": None, "tries": 0}, "scheduled_time": now}
        await self.store.change("broadcasts", self.id, lambda _: Change(set=fields))
        self.gateway.ports.worker.run_now("broadcasts", self.store.scope, self.id)


@pytest.fixture
def sale(gateway: Running, sms: Indian) -> Sale:
    return Sale(gateway, sms)


def at_ten(moment: datetime) -> bool:
    return moment.astimezone(ZoneInfo("Asia/Kolkata")).strftime("%H:%M:%S") == "10:00:00"


async def test_who_is_asked_for_too_early_waits_for_the_hours_and_is_paid_for_once(sale: Sale) -> None:
    await sale.begin(3)
    rows = await sale.rows()
    price = rows[0]["price"]
    spent = 10 * MICRO - 3 * price
    assert await sale.money() == (spent, 0)
    early, messages = rows[:2], [row["message"] for row in rows]
    for row in early:
        for _ in range(2):  # operators repeat themselves
            await sale.tells(row["message"])
    waiting = await sale.waits(2)
    assert all(at_ten(row["at"]) for row in waiting)
    assert all("asked for again at" in row["response"] and row["error_code"] == "651" for row in waiting)
    doc = await sale.store.get("broadcasts", sale.id)
    assert (doc["status"], doc["due"]["at"], doc["due"]["by"]) == ("SENDING", waiting[0]["at"], None)
    told = await sale.shown()
    assert (told["pending_count"], told["failed_count"], told["ended_at"]) == (2, 0, None)
    assert "wait for their hours" in told["reason_for_cancellation"]
    assert await sale.money() == (spent, 2 * price), "what they cost is kept for them"
    assert (told["refund_amount"], told["initial_cost"]) == (0, 3 * price / MICRO)
    assert "It goes again at" in (await sale.sms.shown(messages[0]))["error_message"]
    await sale.is_due()
    await sale.reaches("SENT")
    assert await sale.money() == (spent, 0)
    again = {row["_id"]: row["message"] for row in await sale.rows()}
    assert len(sale.sms.server.requests) == 5
    await sale.tells(messages[0])  # late, of the message that was not their last
    assert again[early[0]["_id"]] not in messages
    assert {row["status"] for row in await sale.rows()} == {"SENT"}
    await sale.tells(again[early[0]["_id"]])
    [second] = await sale.waits(1)
    assert (second["deferrals"], await sale.money()) == (2, (spent, price))


async def test_a_report_of_the_hour_that_is_faster_than_what_it_is_about_lets_them_wait(sale: Sale) -> None:
    await sale.begin(1)
    [row] = await sale.rows()
    message = row["message"]
    told = report(sale.sms, message, "Rejected", OUTSIDE, udf1="")
    # As while the batch that it was sent with is not written down yet.
    await sale.store.change("messages", message, lambda _: Change(set={"carrier_id": None}))
    (await sale.sms.posts(sale.sms.app["dlr_webhook_url"], told=told)).ok()
    jobs = sale.gateway.services.store.raw("jobs")

    async def kept() -> bool:
        return await jobs.find_one({"scope": sale.store.scope, "kind": "status.late"}) is not None

    await until(kept)
    await sale.store.change("messages", message, lambda _: Change(set={"carrier_id": row["message_id"]}))
    [waiting] = await sale.waits(1)
    assert at_ten(waiting["at"])


async def test_who_waits_while_the_wallet_is_off_is_paid_for_once(sale: Sale) -> None:
    await sale.begin(1)
    [row] = await sale.rows()
    await set_up(sale.gateway.services, sale.store.scope, is_on=False)
    await sale.tells(row["message"])
    await sale.waits(1)
    await sale.is_due()
    await sale.reaches("SENT")
    assert len(sale.sms.server.requests) == 2
    assert await sale.money() == (10 * MICRO - row["price"], 0)


async def test_who_waits_is_cancelled_with_the_broadcast_and_costs_nothing(sale: Sale) -> None:
    await sale.begin(2)
    first, second = await sale.rows()
    price = first["price"]
    await sale.tells(first["message"])
    await sale.waits(1)
    told = (await sale.sms.tenant().post(f"/broadcast/{sale.id}/cancel/", {})).ok()
    assert told["messages_cancelled"] == 1

    async def given_back() -> bool:
        return await sale.money() == (10 * MICRO - price, 0)

    await until(given_back)
    await sale.tells(second["message"])  # the broadcast is over: this one was not reached
    await until(lambda: _failed(sale, second["_id"]))
    assert await sale.money() == (10 * MICRO, 0)
    assert (await sale.shown())["refund_amount"] == 2 * price / MICRO


async def _failed(sale: Sale, id: str) -> bool:
    return bool((await sale.store.get("broadcast_rows", id))["status"] == "FAILED")


async def test_a_refusal_at_once_waits_as_well_and_one_that_never_ends_is_given_up(sale: Sale) -> None:
    refused = {"return": False, "status_code": 651, "message": ["Rejected: 651"]}
    sale.sms.server.next.append((400, refused))
    await sale.begin(1, "SENDING")
    [waiting] = await sale.waits(1)
    price = waiting["price"]
    assert at_ten(waiting["at"])
    assert await sale.money() == (10 * MICRO - price, price)
    often = Change(set={"deferrals": MOST_DEFERRALS})
    await sale.store.change("broadcast_rows", waiting["_id"], lambda _: often)
    sale.sms.server.next.append((400, refused))
    await sale.is_due()
    await sale.reaches("FAILED")
    assert await sale.money() == (10 * MICRO, 0)
    # A single message waits for the same hours.
    sale.sms.server.next.append((400, refused))
    made = (await sale.sms.sends()).body

    async def put_off() -> bool:
        row = await sale.store.get("messages", made["id"])
        return row["status"] == "PENDING" and row["due"]["by"] is None and at_ten(row["due"]["at"])

    await until(put_off)
