"""What went ahead of the log and is lost with a term of the database's primary is written again, and told once."""

from __future__ import annotations

from jinaconnect.actions.broadcasts.outcomes import Asked, _written_again
from jinaconnect.actions.context import system_context
from jinaconnect.channels.base import Accepted
from tests.conftest import Running
from tests.handlers.broadcasts.shop import open_shop
from tests.tenants import Tenant


async def test_what_is_lost_with_a_term_is_written_again(gateway: Running, tenant: Tenant) -> None:
    services = gateway.services
    async with open_shop(gateway, tenant) as shop:
        await shop.people(2)
        id = await shop.begin()
        await shop.reaches(id, "SENT")
        await services.store.outbox.drain()
        row, other = await shop.store.select("broadcast_rows", {"broadcast": id})
        message = await shop.store.get("messages", row["message"])
        kept = await shop.store.get("messages", other["message"])
        events = await services.store.log.read(shop.store.scope, 0, 500)
        told = await services.store.raw("events").find({"subject": message["_id"]}, sort=[("seq", 1)]).to_list()
        assert [event["type"] for event in told] == ["message.queued", "message.sent"]
        pending = [
            {**{key: value for key, value in event.items() if key not in ("seq", "recorded", "scope")},
             "log": shop.store.scope}
            for event in told
        ]  # fmt: skip

        # The database as it is without what its last term took: the events are told, what they tell of is not there.
        await services.store.raw("messages").delete_one({"_id": message["_id"]})
        await services.store.raw("contacts").update_one({"_id": row["contact"]}, {"$set": {"chat.recent": []}})
        asking = {"status": "SENDING", "sent_at": None, "message_id": None}
        await services.store.raw("broadcast_rows").update_one({"_id": row["_id"]}, {"$set": asking})
        ctx = system_context(services, shop.store.scope, "broadcasts")
        asked = [Asked(each, Accepted(each["message_id"])) for each in (row, other)]
        await _written_again(ctx, [{**message, "number": None, "pending": pending}, {**kept, "pending": []}], asked)
        await services.store.outbox.drain()

        again = await shop.store.get("messages", message["_id"])
        assert (again["number"], again["carrier_id"], again["pending"]) == (message["number"], row["message_id"], [])
        assert (await shop.store.get("contacts", row["contact"]))["chat"]["recent"] == [message["_id"]]
        back = await shop.store.get("broadcast_rows", row["_id"])
        assert (back["status"], back["message_id"]) == ("SENT", row["message_id"])
        assert await shop.store.get("broadcast_rows", other["_id"]) == other
        assert len(await services.store.log.read(shop.store.scope, 0, 500)) == len(events)
