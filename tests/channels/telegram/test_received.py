"""Updates of which something could not be applied are listed, and applied at another try."""

from __future__ import annotations

import json

from tests.channels.telegram.conftest import Bot

EVENTS = "/telegram/v1/webhook-events/"


async def test_what_could_not_be_applied_is_listed_and_tried_again(bot: Bot) -> None:
    update = {"update_id": 4711, "message": {"message_id": 5, "date": "no time", "text": "hello"}}
    (await bot.posts(update)).ok()
    await bot.heard("webhook.failed")
    client = bot.tenant()
    [row] = (await client.get(EVENTS)).ok()["results"]
    assert (row["update_id"], row["account"], row["event_type"]) == (update["update_id"], bot.id, "MESSAGE")
    assert (row["is_processed"], row["retry_count"], row["processed_at"]) == (False, 0, None)
    assert row["error_message"]
    assert (await client.get(EVENTS, params={"is_processed": "true"})).ok()["count"] == 0
    assert (await client.get(EVENTS, params={"is_processed": "false", "event_type": "MESSAGE"})).ok()["count"] == 1
    assert (await client.get("/wa/v1/webhook-events/")).ok()["count"] == 0
    (await client.get(f"/wa/v1/webhook-events/{row['id']}/")).refused(404, "not_found")
    (await bot.tenant("agent").get(EVENTS)).refused(403, "permission_denied")

    again = (await client.post(f"{EVENTS}{row['id']}/retry/")).ok()
    assert (again["is_processed"], again["retry_count"], again["error_message"]) == (False, 1, row["error_message"])
    # What kept it back is over: all of it is applied, once.
    good = bot.server.update(message=bot.server.message(77, text="at last"))
    store = bot.gateway.services.store.of(bot.tenant.id, "live")
    raw = bot.gateway.services.store.raw("webhook_events")
    await raw.update_one({"_id": row["id"]}, {"$set": {"body": json.dumps(good).encode()}})
    done = (await client.post(f"{EVENTS}{row['id']}/retry/")).ok()
    assert (done["is_processed"], done["retry_count"], done["error_message"]) == (True, 2, None)
    assert done["processed_at"]
    [received] = await bot.heard("message.received")
    assert received["data"]["content"]["body"]["text"] == "at last"
    (await client.post(f"{EVENTS}{row['id']}/retry/")).refused(400, "invalid_state")
    assert (await store.get("webhook_events", row["id"]))["retry_count"] == 2
    assert len([each for each in await client.events() if each["type"] == "webhook.failed"]) == 1


async def test_it_is_tried_five_times_at_most(bot: Bot) -> None:
    (await bot.posts({"update_id": 4711, "message": {"message_id": 5, "date": "no time", "text": "hello"}})).ok()
    await bot.heard("webhook.failed")
    client = bot.tenant()
    [row] = (await client.get(EVENTS)).ok()["results"]
    for count in range(1, 6):
        assert (await client.post(f"{EVENTS}{row['id']}/retry/")).ok()["retry_count"] == count
    (await client.post(f"{EVENTS}{row['id']}/retry/")).refused(400, "invalid_state")
