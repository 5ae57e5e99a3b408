"""Twilio's reports that come late: days after the message, after its end, or to say that the hour was wrong."""

from __future__ import annotations

from datetime import timedelta

import pytest

from jinaconnect.core.billing.money import MICRO
from jinaconnect.store.databases.mongo import Document
from jinaconnect.store.due import due_at
from jinaconnect.store.tenant import Change, TenantStore
from tests.channels.sms_twilio.conftest import Sms
from tests.client import until
from tests.handlers.billing.test_ledger import books, wallet_with

PRICE = 7_500  # of one segment, as the app says


class Paid:
    """A message by Twilio that is paid for, and its place in the store."""

    def __init__(self, sms: Sms) -> None:
        self.sms, self.id = sms, ""
        self.store: TenantStore = sms.gateway.services.store.of(sms.tenant.id, "live")

    async def begin(self) -> None:
        """Send one, and wait until Twilio has it and it is paid for."""
        await wallet_with(self.sms.gateway.services, self.store.scope, 10)
        self.id = (await self.sms.sends()).ok(201)["id"]
        await self.reaches("SENT")

    async def reaches(self, status: str) -> Document:
        async def there() -> Document | None:
            doc = await self.store.get("messages", self.id)
            paid = "owed" not in doc["charge"] or status == "PENDING"
            return doc if doc["status"] == status and paid else None

        found: Document = await until(there)
        return found

    async def passes(self, **span: float) -> None:
        """Let it have been sent so long ago."""
        at = self.sms.gateway.services.clock() - timedelta(**span)
        fields = {"sent_at": at, "created_at": at, "timestamp": at}
        await self.store.change("messages", self.id, lambda _: Change(set=fields))

    async def money(self) -> tuple[int, int]:
        """Return what the wallet has lost, and what of it is reserved."""
        wallet, _ = await books(self.sms.gateway.services, self.store.scope)
        return 10 * MICRO - wallet["balance"], wallet["reserved"]


@pytest.mark.parametrize("span", [{"hours": 7}, {"days": 6}])
async def test_a_delivery_that_is_told_late_counts_as_a_prompt_one_does(sms: Sms, span: dict[str, float]) -> None:
    paid = Paid(sms)
    await paid.begin()
    await paid.passes(**span)
    assert (await sms.reports(paid.id, "delivered")).status == 200
    await paid.reaches("DELIVERED")
    [told] = await sms.heard("message.delivered")
    assert told["data"]["id"] == paid.id
    assert await paid.money() == (PRICE, 0)


async def test_a_failure_that_is_told_days_later_gives_back_what_was_paid(sms: Sms) -> None:
    paid = Paid(sms)
    await paid.begin()
    await paid.passes(days=3)
    assert await paid.money() == (PRICE, 0)
    for _ in range(2):
        assert (await sms.reports(paid.id, "undelivered", ErrorCode="30003")).status == 200
    await paid.reaches("FAILED")
    assert await paid.money() == (0, 0)
    assert (await sms.reports(paid.id, "delivered")).status == 200
    assert ((await sms.shown(paid.id))["status"], await paid.money()) == ("UNDELIVERED", (0, 0))


@pytest.mark.parametrize("late", ["failed", "undelivered", "sent", "queued"])
async def test_nothing_that_is_told_after_the_delivery_takes_it_back(sms: Sms, late: str) -> None:
    paid = Paid(sms)
    await paid.begin()
    assert (await sms.reports(paid.id, "delivered")).status == 200
    delivered = await sms.shown(paid.id)
    await paid.passes(days=2)
    code = {"ErrorCode": "30008"} if late in ("failed", "undelivered") else {}
    assert (await sms.reports(paid.id, late, **code)).status == 200
    shown = await sms.shown(paid.id)
    assert (shown["status"], shown["delivered_at"]) == ("DELIVERED", delivered["delivered_at"])
    assert (shown["failed_at"], shown["error_code"], await paid.money()) == (None, None, (PRICE, 0))


async def test_a_late_report_of_the_hour_lets_the_message_wait_and_go_again(sms: Sms) -> None:
    paid = Paid(sms)
    await paid.begin()
    await paid.passes(hours=2)
    assert (await sms.reports(paid.id, "undelivered", ErrorCode="30610")).status == 200
    waiting = await paid.reaches("PENDING")
    assert (waiting["deferrals"], waiting["deferred_until"]) == (1, waiting["due"]["at"])
    assert await paid.money() == (PRICE, PRICE), "what it costs is kept for it"
    due = due_at(sms.gateway.services.clock())
    await paid.store.change("messages", paid.id, lambda _: Change(set={"due": due}))
    sms.gateway.ports.worker.run_now("messages", paid.store.scope, paid.id)
    await paid.reaches("SENT")
    assert (await sms.reports(paid.id, "delivered")).status == 200
    await paid.reaches("DELIVERED")
    assert (sms.server.accepted[paid.id], await paid.money()) == (2, (PRICE, 0)), "it is paid for once"
