"""Calls of the sandbox: every magic number, callers, the same events and timeline as real calls."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from jinaconnect.actions.calls.journal import CallJournal, Overtaken
from jinaconnect.actions.calls.retention import retire_recordings
from jinaconnect.core.calls.document import new_call
from jinaconnect.core.calls.machine import Faulted
from jinaconnect.store.coordination.leases import TTL, Leases
from jinaconnect.store.due import Due
from jinaconnect.store.tenant import Change
from tests.client import until
from tests.conftest import Running
from tests.handlers.people import add_person
from tests.telephony.calls.graphs import menu
from tests.telephony.calls.telephone import ENDED, TERMINAL
from tests.tenants import Tenant

CALLS = "/voice/api/calls/"


async def _place(tenant: Tenant, number: str, **body: Any) -> str:
    body = {"to_number": number, **(body if {"template", "device"} & set(body) else {"tts_text": "Hello.", **body})}
    call: str = (await tenant("owner", "test").post(CALLS, body)).ok(201)["id"]
    return call


async def _ended(tenant: Tenant, call: str, within_s: float = 15) -> dict[str, Any]:
    shown: dict[str, Any] = {}

    async def over() -> bool:
        shown.update((await tenant("owner", "test").get(f"{CALLS}{call}/")).ok())
        return shown["status"] in ENDED

    await until(over, within_s)
    return shown


async def test_a_customer_presses_keys_and_hangs_up_when_told(tenant: Tenant) -> None:
    client = tenant("owner", "test")
    body = {"name": "Menu", "template_kind": "ivr_menu", "graph": menu()}
    template = (await client.post("/voice/api/templates/", body)).ok(201)["id"]
    call = await _place(tenant, "+12025550101", template=template)
    act = f"/sandbox/calls/{call}/"

    async def asked() -> bool:
        return "call.ivr_step" in await _types(tenant, call)

    await until(asked)
    (await client.post(act, {"keys": "x"})).refused(400, "validation_error")
    (await tenant("viewer", "test").post(act, {"keys": "1"})).refused(403, "permission_denied")
    (await tenant("owner", "live").post(act, {"keys": "1"})).refused(403, "permission_denied")
    (await client.post(act, {"keys": "9h"})).ok(202)
    assert (await _ended(tenant, call))["hangup_cause"] == "NORMAL_CLEARING"
    events = await client.events("start", call=call)
    assert [event["data"]["digit"] for event in events if event["type"] == "call.dtmf"] == ["9"]
    (await client.post(act, {"keys": "1"})).refused(409, "invalid_state")


async def _types(tenant: Tenant, call: str) -> list[str]:
    return [event["type"] for event in await tenant("owner", "test").events("start", call=call)]


@pytest.mark.parametrize(
    ("digits", "status", "cause"),
    [
        ("0101", "COMPLETED", "NORMAL_CLEARING"), ("0102", "FAILED", "NO_ANSWER"), ("0103", "FAILED", "USER_BUSY"),
        ("0104", "FAILED", "NUMBER_UNALLOCATED"), ("0105", "FAILED", "CALL_REJECTED"),
        ("0106", "FAILED", "NORMAL_TEMPORARY_FAILURE"), ("0109", "COMPLETED", "NORMAL_CLEARING"),
        ("0150", "COMPLETED", "NORMAL_CLEARING"),
    ],
)  # fmt: skip
async def test_a_number_does_what_it_is_for(tenant: Tenant, digits: str, status: str, cause: str) -> None:
    call = await _place(tenant, f"+1202555{digits}", timeout_s=5)
    ended = await _ended(tenant, call)
    assert (ended["status"], ended["hangup_cause"]) == (status, cause)
    types = await _types(tenant, call)
    assert types[0] == "call.created"
    assert len([type for type in types if type in TERMINAL]) == 1
    if digits == "0109":
        assert ended["metadata"]["answered_by"] == "machine"


async def test_keys_of_a_called_party_lead_through_an_ivr(tenant: Tenant) -> None:
    made = await tenant("owner", "test").post(
        "/voice/api/templates/", {"name": "Menu", "template_kind": "ivr_menu", "graph": menu()}
    )
    call = await _place(tenant, "+12025550107", template=made.ok(201)["id"], metadata={"sandbox_digits": "1"})
    ended = await _ended(tenant, call)
    assert ended["status"] == "COMPLETED"
    events = await tenant("owner", "test").events("start", call=call)
    assert [event["data"]["digit"] for event in events if event["type"] == "call.dtmf"] == ["1"]
    assert [event["data"]["node"] for event in events if event["type"] == "call.ivr_step"] == ["ask", "bye", "end"]


async def test_a_called_party_hangs_up(tenant: Tenant) -> None:
    made = await tenant("owner", "test").post(
        "/voice/api/templates/", {"name": "Menu", "template_kind": "ivr_menu", "graph": menu()}
    )
    call = await _place(tenant, "+12025550108", template=made.ok(201)["id"])
    ended = await _ended(tenant, call)
    assert (ended["status"], ended["hangup_cause"]) == ("COMPLETED", "NORMAL_CLEARING")


async def test_a_simulated_customer_calls(tenant: Tenant) -> None:
    client = tenant("owner", "test")
    made = await client.post("/voice/api/templates/", {"name": "M", "template_kind": "ivr_menu", "graph": menu()})
    trunk = (await client.get("/voice/api/provider-configs/")).ok()["results"][0]["id"]
    number = {"number": "+12025550100", "provider_config": trunk,
              "route": {"type": "template", "template": made.ok(201)["id"]}}  # fmt: skip
    refused = await client.post("/sandbox/inbound/", {"channel": "voice", "from": "+12025550160"})
    assert refused.ok(201) == {"status": "rejected", "call_id": None}
    (await client.post("/voice/api/numbers/", number)).ok(201)
    body = {"channel": "voice", "from": "+12025550160", "keys": "1"}
    told = (await client.post("/sandbox/inbound/", body)).ok(201)
    ended = await _ended(tenant, told["call_id"])
    assert (ended["status"], ended["direction"], ended["from_number"]) == ("COMPLETED", "inbound", "+12025550160")
    timeline = (await client.get(f"{CALLS}{told['call_id']}/timeline/")).ok()
    assert [item["offset_ms"] for item in timeline["items"]] == sorted(item["offset_ms"] for item in timeline["items"])
    assert {"ivr", "carrier"} <= {item["source"] for item in timeline["items"]}
    assert timeline["items"][-1]["type"] in TERMINAL | {"leg_ended", "prompt_ended"}
    for caller, allowed in (("+12025550160", True), ("+14155550160", False)):  # in California everybody is asked
        told = (await client.post("/sandbox/inbound/", {**body, "from": caller})).ok(201)
        assert (await _ended(tenant, told["call_id"]))["metadata"]["recording_allowed"] is allowed


async def test_a_recorded_call_leaves_its_audio(tenant: Tenant) -> None:
    client = tenant("owner", "test")
    call = await _place(tenant, "+12025550101", record=True)
    await _ended(tenant, call)
    rows: list[dict[str, Any]] = []

    async def kept() -> bool:
        rows[:] = (await client.get(f"/voice/api/recordings/?call_id={call}")).ok()["results"]
        return bool(rows)

    await until(kept, 15)
    address = (await client.get(f"/voice/api/recordings/{rows[0]['id']}/download/?expires_seconds=60")).ok()
    assert address["expires_seconds"] == 60
    path = address["recording_url"].removeprefix(client.url)
    whole = await client.get(path)
    assert whole.status == 200
    assert whole.body[:4] == b"RIFF"
    part = await client.get(path, headers={"Range": "bytes=0-3"})
    assert (part.status, part.body, part.headers["Content-Range"]) == (206, b"RIFF", f"bytes 0-3/{len(whole.body)}")
    (await client.get(path, headers={"Range": f"bytes={len(whole.body)}-"})).refused(416, "range_not_satisfiable")
    (await client.get(path[:-2] + "xx")).refused(404, "not_found")
    shown = (await tenant("viewer", "test").get(f"/voice/api/recordings/{rows[0]['id']}/")).ok()
    assert shown["storage_url"] is None
    (await tenant("viewer", "test").get(f"/voice/api/recordings/{rows[0]['id']}/download/")).refused(
        403, "permission_denied"
    )


async def test_the_cap_of_a_trunk_holds_against_a_crowd(tenant: Tenant) -> None:
    client = tenant("owner", "test")
    trunk = (await client.get("/voice/api/provider-configs/")).ok()["results"][0]["id"]
    (await client.patch(f"/voice/api/provider-configs/{trunk}/", {"max_concurrent_calls": 2})).ok()
    body = {"to_number": "+12025550102", "tts_text": "Hello.", "timeout_s": 5}
    answers = await asyncio.gather(*(client.post(CALLS, body) for _ in range(8)))
    placed = [answer for answer in answers if answer.status == 201]
    refused = [answer for answer in answers if answer.status != 201]
    assert len(placed) == 2
    for answer in refused:
        answer.refused(429, "too_many_calls")
        assert int(answer.headers["Retry-After"]) > 0
    for answer in placed:
        await _ended(tenant, answer.body["id"])
    await _ended(tenant, await _place(tenant, "+12025550103"))


async def test_a_crowd_far_below_the_cap_is_placed_to_the_last_call(tenant: Tenant) -> None:
    client = tenant("owner", "test")
    trunk = (await client.get("/voice/api/provider-configs/")).ok()["results"][0]["id"]
    (await client.patch(f"/voice/api/provider-configs/{trunk}/", {"max_concurrent_calls": 500})).ok()
    body = {"to_number": "+12025550102", "tts_text": "Hello.", "timeout_s": 5}
    answers = await asyncio.gather(*(client.post(CALLS, body) for _ in range(60)))
    assert [answer.status for answer in answers] == [201] * 60
    for answer in answers:
        await _ended(tenant, answer.body["id"])


async def test_calls_above_a_cap_that_was_lowered_count(tenant: Tenant) -> None:
    client = tenant("owner", "test")
    trunk = (await client.get("/voice/api/provider-configs/")).ok()["results"][0]["id"]
    path = f"/voice/api/provider-configs/{trunk}/"
    (await client.patch(path, {"max_concurrent_calls": 500})).ok()
    live = [await _place(tenant, "+12025550102", timeout_s=30) for _ in range(3)]
    (await client.patch(path, {"max_concurrent_calls": 3})).ok()
    (await client.post(CALLS, {"to_number": "+12025550102", "tts_text": "Hello."})).refused(429, "too_many_calls")
    for call in live:
        (await client.post(f"{CALLS}{call}/hangup/", {})).ok()
        await _ended(tenant, call)
    await _ended(tenant, await _place(tenant, "+12025550103"))


async def test_a_recording_goes_when_its_time_is_over(gateway: Running, tenant: Tenant) -> None:
    client, store = tenant("owner", "test"), gateway.services.store.of(tenant.id, "test")
    kept: dict[str, str] = {}

    async def recorded() -> bool:
        for call in list(calls):
            rows = (await client.get(f"/voice/api/recordings/?call_id={call}")).ok()["results"]
            if rows:
                kept[call] = rows[0]["id"]
        return len(kept) == len(calls)

    calls = [await _place(tenant, "+12025550101", record=True) for _ in range(2)]
    await until(recorded, 20)
    old, fresh = (kept[call] for call in calls)
    path = (await client.get(f"/voice/api/recordings/{old}/download/")).ok()["recording_url"]
    row = await store.get("recordings", old)
    assert (row["retention_expires_at"] - row["created_at"]).days == 90
    past = gateway.services.clock() - timedelta(seconds=1)
    await store.change("recordings", old, lambda _: Change(set={"retention_expires_at": past}))
    await retire_recordings(gateway.services)  # soon after its start the gateway does so by itself as well
    assert await retire_recordings(gateway.services) == 0
    (await client.get(f"/voice/api/recordings/{old}/")).refused(404, "not_found")
    (await client.get(path.removeprefix(client.url))).refused(404, "not_found")
    assert await gateway.services.blobs.size(f"{tenant.id}:test", row["blob"]) is None
    assert (await client.get(f"/voice/api/calls/{calls[0]}/")).ok()["recording_url"] == ""
    assert [event["data"]["id"] for event in await client.events() if event["type"] == "recording.deleted"] == [old]
    assert (await client.get(f"/voice/api/recordings/{fresh}/download/")).status == 200


def _nested(deep: int) -> dict[str, Any]:
    value: dict[str, Any] = {}
    for _ in range(deep):
        value = {"x": value}
    return value


@pytest.mark.parametrize(
    "metadata",
    [_nested(200), {"n": 2**63}, {"a.b": 1}, {"$a": 1}, {"": 1}, {"a": {"b\x00": 1}}, {"a": "x" * 4_100}, [], "x"],
)
async def test_metadata_that_cannot_be_kept_is_refused(tenant: Tenant, metadata: Any) -> None:
    client = tenant("owner", "test")
    for field in ("metadata", "variables"):
        body = {"to_number": "+12025550101", "tts_text": "Hello.", field: metadata}
        assert list((await client.post(CALLS, body)).refused(400, "validation_error")) == [field]
    assert (await client.get(CALLS)).ok()["count"] == 0


async def test_who_kept_a_call_before_writes_nothing_more(gateway: Running, tenant: Tenant) -> None:
    services, store = gateway.services, gateway.services.store.of(tenant.id, "test")
    doc = new_call(
        services.ids.new("call"), direction="outbound", from_number="+12025550100", to_number="+12025550101",
        provider_config="trk_none", switch="another", plan={"kind": "tts"}, at=services.clock(),
    )  # fmt: skip
    doc = (await store.insert("calls", doc)).doc
    worker = gateway.ports.worker
    before, after = CallJournal(services, worker, doc, 7), CallJournal(services, worker, doc, 8)
    await before.write(set={"held": True})
    await after.take()
    with pytest.raises(Overtaken):
        await before.write(Faulted(services.clock()), set={"ivr.state": {"node": "old"}})
    kept = await store.get("calls", doc["_id"])
    assert (kept["status"], kept["held"], kept["ivr"], kept["keeper"]) == ("QUEUED", True, None, 8)
    await after.write(Faulted(services.clock()))
    assert (await store.get("calls", doc["_id"]))["status"] == "FAILED"


async def test_a_lease_is_numbered_anew_with_every_holder(gateway: Running) -> None:
    services, name = gateway.services, "switch:numbered"
    database = services.store.raw("leases").database
    one, other = (Leases(database, Due(database, services.clock, process))
                  for process in ("there/1:1:a", "there/2:2:b"))  # fmt: skip
    assert await one.take(name)
    first = one.generation(name)
    assert await one.take(name)
    assert one.generation(name) == first
    await database["leases"].update_one({"_id": name}, {"$set": {"until": services.clock() - TTL}})
    assert await other.take(name)
    assert other.generation(name) > first
    assert not await one.take(name)
    await other.give_back(name)
    assert await one.take(name)
    assert one.generation(name) > other.generation(name)


async def test_whoever_hears_of_the_end_reads_all_that_led_to_it(tenant: Tenant) -> None:
    client = tenant("owner", "test")
    template = {"name": "IVR", "template_kind": "ivr_menu", "graph": menu()}
    ivr = (await client.post("/voice/api/templates/", template)).ok(201)["id"]
    call = await _place(tenant, "+12025550107", template=ivr, metadata={"sandbox_digits": "1"})

    async def told() -> bool:
        return "call.completed" in await _types(tenant, call)

    await until(told, 20)
    items = (await client.get(f"{CALLS}{call}/timeline/")).ok()["items"]
    types = [item["type"] for item in items]
    assert types.count("leg_ended") == 1, "the last detail before the end"
    assert set(await _types(tenant, call)) - {"message.queued"} <= set(types)
    assert {"leg_dialled", "variable_set", "prompt_ended"} <= set(types)


async def test_a_bounded_hold_ends_the_call_unless_it_is_taken_up(gateway: Running, tenant: Tenant) -> None:
    client, person = tenant("owner", "test"), await add_person(gateway, tenant, "agent")
    desk = {"name": "Desk", "kind": "softphone", "user": person.id}
    device = (await client.post("/voice/api/devices/", desk)).ok(201)["id"]
    bounded, taken_up = [await _place(tenant, "+12025550101", device=device) for _ in range(2)]
    for call in (bounded, taken_up):

        async def talks(call: str = call) -> bool:
            shown = (await client.get(f"{CALLS}{call}/")).ok()
            return len([leg for leg in shown["legs"] if leg["state"] == "up"]) == 2

        await until(talks)
    (await client.post(f"{CALLS}{bounded}/hold/", {"at_most_s": 0})).refused(400, "validation_error")
    (await client.post(f"{CALLS}{taken_up}/hold/", {"at_most_s": 1})).ok()
    (await client.post(f"{CALLS}{taken_up}/unhold/", {})).ok()
    (await client.post(f"{CALLS}{taken_up}/hold/", {})).ok()
    assert (await client.post(f"{CALLS}{bounded}/hold/", {"at_most_s": 1})).ok()["held"] is True
    assert (await _ended(tenant, bounded))["hangup_cause"] == "NORMAL_CLEARING"
    shown = (await client.get(f"{CALLS}{taken_up}/")).ok()  # its own bound was over before
    assert (shown["status"], shown["held"]) == ("IN_PROGRESS", True)
    (await client.post(f"{CALLS}{taken_up}/hangup/", {})).ok()


async def test_a_simulated_call_has_no_sound_to_be_listened_to(tenant: Tenant) -> None:
    client = tenant("owner", "test")
    call = await _place(tenant, "+12025550101")
    for method in ("GET", "POST"):
        (await client.ask(method, f"{CALLS}{call}/supervise/", {"mode": "listen"})).refused(409, "unsupported")
    configs = (await client.get("/voice/api/provider-configs/")).ok()["results"]
    assert [{"hold", "supervise"} & set(each["capabilities"]) for each in configs] == [{"hold"}]
