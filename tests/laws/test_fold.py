"""State is the fold of the log: what a client makes of the events is what REST answers."""

from __future__ import annotations

import asyncio
import random
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.client import Client
from tests.tenants import Tenant

PEOPLE = [f"+1202555024{number}" for number in range(4)]
STEPS = 60
DONE = (
    "write", "write", "reply", "reply", "rename", "close", "reopen", "assign", "read", "note", "snooze", "wake",
    "mark_as_unread",
)  # fmt: skip


async def live(client: Client, chance: random.Random, step: int) -> None:
    """Do one thing an inbox sees, whatever it answers."""
    number = chance.choice(PEOPLE)
    found = (await client.get("/contacts/", params={"phone": number})).ok()["results"]
    contact = found[0]["id"] if found else None
    what = chance.choice(DONE)
    if what == "write" or contact is None:
        await client.post("/sandbox/inbound/", {"from": number, "name": "Ann", "text": f"in {step}"})
    elif what == "reply":
        await client.post("/wa/v1/messages/", {"contact": contact, "text": f"out {step}"})
    elif what == "rename":
        await client.patch(f"/contacts/{contact}/", {"first_name": f"N{step}", "tags": [f"t{step}"]})
    elif what == "assign":
        await client.post(f"/contacts/{contact}/assign/", {"assigned_to_type": "UNASSIGNED", "note": f"n{step}"})
    elif what == "read":
        await client.post("/team-inbox/api/messages/mark_multiple_as_read/", {"contact_id": contact})
    elif what == "note":
        await client.post(f"/team-inbox/api/conversations/{contact}/notes/", {"text": f"note {step}"})
    elif what in ("snooze", "wake", "mark_as_unread"):
        until = datetime.now(UTC) + timedelta(days=chance.randrange(1, 300))
        body = {"until": until.isoformat()} if what == "snooze" else {}
        await client.post(f"/team-inbox/api/conversations/{contact}/{what}/", body)
    else:
        await client.post(f"/contacts/{contact}/{what}/", {"reason": f"r{step}"})


def fold(events: list[dict[str, Any]]) -> dict[str, dict[str, dict[str, Any]]]:
    """Return the state by noun and id, as docs/protocol.md says it is folded."""
    state: dict[str, dict[str, dict[str, Any]]] = {"message": {}, "contact": {}, "conversation": {}}
    for event in events:
        noun, id, data = event["subject"]["type"], event["subject"]["id"], dict(event["data"])
        contact = data.pop("contact_detail", None)
        if contact is not None:
            state["contact"][contact["id"]] = contact
        read = {
            name: data.pop(name)
            for name in ("read_at", "read_by_id", "read_by_name")
            if noun == "conversation" and name in data
        }
        for message in data.pop("message_ids", []) if noun == "conversation" else []:
            state["message"][message].update(is_read=True, **read)
        for message in data.pop("unread_message_ids", []):
            state["message"][message].update(is_read=False, read_at=None, read_by_id=None, read_by_name=None)
        if noun == "message" and event["type"] != "message.received" and id in state["message"]:
            before = state["message"][id]  # read marks come with the conversation
            data.update({name: before[name] for name in ("is_read", "read_at", "read_by_id", "read_by_name")})
        state[noun][id] = data
    return state


async def test_the_fold_of_the_log_is_what_rest_answers(tenant: Tenant) -> None:
    client = tenant("owner", "test")
    chance = random.Random(20261123)
    for step in range(0, STEPS, 3):
        await asyncio.gather(*(live(client, chance, step + place) for place in range(3)))

    def settled(seen: list[dict[str, Any]]) -> bool:
        sent = {e["subject"]["id"] for e in seen if e["type"] == "message.queued"}
        return bool(sent) and sent == {e["subject"]["id"] for e in seen if e["type"] == "message.delivered"}

    events = await client.wait_for_events(settled, within_s=40)
    assert [event["seq"] for event in events] == list(range(1, len(events) + 1))
    state = fold(events)
    assert len(state["message"]) > STEPS / 3
    assert len(state["contact"]) == len(state["conversation"]) == len(PEOPLE)
    for id, message in state["message"].items():
        assert (await client.get(f"/team-inbox/api/messages/{id}/")).ok() == message
    for id, contact in state["contact"].items():
        assert (await client.get(f"/contacts/{id}/")).ok() == contact
    unread = dict.fromkeys(state["contact"], 0)
    for message in state["message"].values():
        unread[message["contact"]] += message["direction"] == "INCOMING" and not message["is_read"]
    for conversation in state["conversation"].values():
        shown = (await client.get(f"/team-inbox/api/conversations/{conversation['contact']['id']}/")).ok()
        for name in ("status", "assignment", "snoozed_until"):
            assert shown[name] == conversation[name]
        assert shown["unread_count"] == unread[conversation["contact"]["id"]]
