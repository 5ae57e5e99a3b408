"""A webhook that is cut off between two of its writes and comes again: what was left undone is done then."""

from __future__ import annotations

from typing import Any

import pytest

from jinaconnect.actions.messaging.incoming.applying import Batch
from jinaconnect.channels.base import Account
from jinaconnect.channels.facts import Echo
from jinaconnect.core.clock import system_clock
from jinaconnect.core.inbox.address import PHONE, Address
from jinaconnect.core.inbox.media import media_of
from tests.conftest import Running
from tests.faults.test_odd_webhooks import stored
from tests.tenants import Tenant


async def apply(gateway: Running, tenant: Tenant, *facts: Any) -> Account:
    """Apply what a webhook tells, as the door has it done."""
    accounts = await gateway.ports.accounts.of_door(tenant.id, "whatsapp_meta")
    account = next(account for account in accounts if account.id == tenant.whatsapp["app_id"])
    row = await stored(gateway, tenant, b"{}")
    batch = Batch(gateway.services, gateway.ports.worker, gateway.ports.channels["whatsapp_meta"], account.scope)
    for fact in facts:
        batch.add(fact, account, row)
    await batch.apply()
    return account


@pytest.mark.parametrize("told", [True, False], ids=["told", "not told"])
async def test_what_the_business_said_elsewhere_is_finished(gateway: Running, tenant: Tenant, told: bool) -> None:
    content = {"type": "image", "image": {"caption": "by thumb"}}
    echo = Echo(
        tenant.whatsapp["phone_number_id"], tenant.wamid(), Address(PHONE, "+12025550341"), system_clock(), "IMAGE",
        content, by="WhatsApp Business app", media={"id": "9001"},
    )  # fmt: skip
    account = await apply(gateway, tenant, echo)
    store = gateway.services.store
    await store.outbox.drain()
    data = store.within(account.scope)
    [message] = await data.select("messages", {"carrier_id": echo.carrier_id})
    before = await data.get("contacts", message["contact"])
    file = str(media_of(message))
    events = await store.log.read(account.scope, 0, 500)
    # The database as it is where the write of the message was the last.
    await store.raw("media").delete_one({"_id": file})
    none = {"at": None, "last": None, "recent": []}
    await store.raw("contacts").update_one({"_id": before["_id"]}, {"$set": {"chat": {**before["chat"], **none}}})
    if not told:
        first = next(event for event in events if event.type == "message.queued")
        row = await store.raw("events").find_one({"_id": first.id})
        assert row is not None
        pending = {key: value for key, value in row.items() if key not in ("seq", "recorded", "scope")}
        waits = {"number": None, "pending": [{**pending, "log": account.scope}]}
        await store.raw("messages").update_one({"_id": message["_id"]}, {"$set": waits})

    for _ in range(2):
        await apply(gateway, tenant, echo)
        contact = await data.get("contacts", message["contact"])
        assert contact["chat"]["last"]["id"] == message["_id"], "it has its place in the inbox"
        assert contact["chat"]["recent"] == [message["_id"]]
    row = await data.get("media", file)
    assert (row["message"], row["account"]) == (message["_id"], account.id), "its file is fetched"
    await store.outbox.drain()
    again = await data.get("messages", message["_id"])
    assert (again["pending"], again["number"]) == ([], message["number"])
    told_now = await store.log.read(account.scope, 0, 500)
    assert [event.id for event in told_now] == [event.id for event in events], "and it is told of once"
