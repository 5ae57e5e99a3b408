"""Who hears of an event can read what it says: rows that are made of events contain all events up to their cursor."""

from __future__ import annotations

from typing import Any

import pytest

from jinaconnect.core.inbox.timeline import entry
from jinaconnect.store.tenant import Change
from tests.conftest import Running
from tests.tenants import Tenant


async def only_told(gateway: Running, scope: str, doc: dict[str, Any]) -> None:
    """Bring a document's pending events to the log and no further, as a crash right after the append does."""
    rows = [{k: v for k, v in row.items() if k not in ("log", "timeline", "history")} for row in doc["pending"]]
    await gateway.services.store.log.append(scope, rows)


async def test_a_timeline_has_the_messages_and_entries_that_were_told(gateway: Running, tenant: Tenant) -> None:
    owner = tenant()
    await tenant.receives("+12025550311", "hello")
    events = await owner.wait_for_events(lambda seen: any(e["type"] == "message.received" for e in seen))
    contact = events[0]["contact_id"]
    store = gateway.services.store.of(tenant.id, "live")
    await gateway.services.store.outbox.drain()

    # A conversation taken, and a message that came, both told and not yet in the timeline's rows.
    held = await store.get("contacts", contact)
    event = gateway_event(gateway, held, "conversation.assigned", timeline=entry("TICKET_ASSIGNED", by="ann"))
    taken = Change(set={"status": "OPEN"}, events=[event])
    [after] = await store.change_many("contacts", {contact: lambda doc: taken}, [held], tell=False)
    await only_told(gateway, store.scope, after)
    message = await store.get("messages", events[-1]["subject"]["id"])
    copy = {**message, "_id": gateway.services.ids.new("msg"), "carrier_id": None, "number": None}
    for name in ("scope", "rev", "pending"):
        copy.pop(name)
    received = gateway_event(gateway, held, "message.received", subject=copy["_id"])
    written = await store.insert("messages", copy, [received], tell=False)
    await only_told(gateway, store.scope, written.doc)

    shown = (await owner.get(f"/team-inbox/api/conversations/{contact}/timeline/")).ok()
    told = await owner.events()
    after_cursor = (await owner.get("/events/", params={"after": shown["cursor"]})).ok()["events"]
    assert after_cursor == []
    items = [item for item in shown["results"] if item["type"] != "date_separator"]
    assert [item["numbering"] for item in items][:2] == [told[-1]["seq"], told[-2]["seq"]]
    assert items[0]["data"]["id"] == copy["_id"]
    assert items[1]["data"]["event_type"] == "TICKET_ASSIGNED"


def gateway_event(gateway: Running, contact: dict[str, Any], type: str, **fields: Any) -> Any:
    """Return an event of a contact."""
    from jinaconnect.core.events.event import Event, Visibility

    return Event(
        id=gateway.services.ids.new("evt"), type=type, occurred_at=gateway.services.clock(),
        actor={"type": "system", "id": "test"}, data={"mark": type}, contact=contact["_id"], channel="WHATSAPP",
        seen=Visibility(contact=True), **{"subject": contact["_id"], **fields},
    )  # fmt: skip


@pytest.mark.parametrize("door", ["detail", "timeline", "history", "all"])
async def test_a_calls_rows_have_the_events_that_were_told(gateway: Running, tenant: Tenant, door: str) -> None:
    owner = tenant("owner", "test")
    call = {"to_number": "+12025550111", "tts_text": "Hello"}
    placed = (await owner.post("/voice/api/calls/", call, headers={"Idempotency-Key": door})).ok(201)
    await owner.wait_for_events(lambda seen: any(e["type"] == "call.completed" for e in seen))
    store = gateway.services.store.of(tenant.id, "test")
    await gateway.services.store.outbox.drain()
    doc = await store.get("calls", placed["id"])
    places, number = doc["places"] + 1, doc["events"] + 1
    event = gateway_event(
        gateway, {"_id": doc["contact"]}, "call.recording_started", subject=doc["_id"], call=doc["_id"],
        history={"place": places, "sequence": number, "source": "system", "inferred": False},
    )  # fmt: skip
    recorded = Change(set={"places": places, "events": number}, events=[event])
    [after] = await store.change_many("calls", {doc["_id"]: lambda _: recorded}, [doc], tell=False)
    await only_told(gateway, store.scope, after)

    path, key = {
        "detail": (f"/voice/api/calls/{doc['_id']}/", "recent_events"),
        "timeline": (f"/voice/api/calls/{doc['_id']}/timeline/", "items"),
        "history": (f"/voice/api/call-events/?call_id={doc['_id']}", "results"),
        "all": ("/voice/api/call-events/", "results"),
    }[door]
    rows = (await owner.get(path)).ok()[key]
    assert any(row["type"] == "call.recording_started" for row in rows), rows
