"""Erasing a contact leaves nothing of the person: messages, files, calls, recordings, consent, kept webhooks."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from jinaconnect.actions.context import Caller, Context
from jinaconnect.actions.inbox import erasure
from jinaconnect.actions.messaging.incoming import applying
from jinaconnect.actions.messaging.sending import count_message
from jinaconnect.actions.office.notifications import notify
from jinaconnect.core.inbox import status
from jinaconnect.core.inbox.message import INCOMING, new_message
from jinaconnect.core.principal import system_principal
from jinaconnect.store.blobs import DirectoryBlobs
from jinaconnect.store.outbox import notice_jobs
from jinaconnect.store.tenant import Change
from tests.client import until
from tests.conftest import Running
from tests.handlers.people import add_person
from tests.outbound.test_media import picture, served
from tests.outbound.test_shares import Hanging
from tests.outbound.test_shares import host as _host
from tests.tenants import Tenant

host = _host

NUMBER = "+12025550101"  # the sandbox answers a call to it
OTHER = "+12025550112"
# Answers under an Idempotency-Key are sealed, and forgotten after a day.
PASSING = {"idempotency", "heads"}


async def remains(gateway: Running, tenant: Tenant, *words: str) -> list[tuple[str, str]]:
    """Return (collection, id) of a tenant's documents that hold one of the words, but those that pass by themselves."""
    database, found = gateway.services.store.database, []
    for name in await database.list_collection_names():
        if name not in PASSING:
            async for row in database[name].find({"scope": {"$regex": f"^{tenant.id}"}}):
                if any(word in str(row) for word in words):
                    found.append((name, str(row["_id"])))
    return found


async def kept_bytes(gateway: Running, scope: str, blob: str) -> bytes:
    """Return a stretch of what a file holds."""
    blobs = gateway.services.blobs
    size = await blobs.size(scope, blob)
    assert size is not None
    data = b"".join([piece async for piece in blobs.pieces(scope, blob, 0, size)])
    return data[size // 2 : size // 2 + 256]


async def written(tenant: Tenant, sender: str, text: str) -> dict[str, Any]:
    client = tenant("owner", "test")
    (await client.post("/sandbox/inbound/", {"from": sender, "name": "Zoe Quux", "text": text})).ok(201)

    def received(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return [e["data"] for e in events if e["type"] == "message.received" and text in str(e["data"]["content"])]

    return received(await client.wait_for_events(lambda events: bool(received(events))))[0]


async def test_nothing_of_a_person_is_left_once_erased(gateway: Running, tenant: Tenant) -> None:
    client, scope = tenant("owner", "test"), f"{tenant.id}:test"
    contact = (await written(tenant, NUMBER, "my secret wish"))["contact"]
    consent = {"name": "Consent", "contact": contact, "consent_given": True}
    (await client.post("/voice/api/recording-consents/", consent)).ok(201)
    body = {"to_number": NUMBER, "tts_text": "Hello Zoe Quux.", "record": True, "metadata": {"who": "Zoe Quux"}}
    call = (await client.post("/voice/api/calls/", body)).ok(201)["id"]
    path = f"/contacts/{contact}/?erase=true"
    (await client.delete(path)).refused(409, "conflict")
    store = gateway.services.store.of(tenant.id, "test")

    async def booked() -> bool:
        row = await store.get("calls", call)
        return row["ended_at"] is not None and "due" not in row and row["team_inbox_message"] is not None

    await until(booked, 30)
    jobs = gateway.services.store.raw("jobs")

    async def kept() -> bool:
        return await jobs.find_one({"scope": scope, "kind": "voice.recording"}) is None

    await until(kept, 30)
    recordings = await store.select("recordings", {"call": call})
    assert len(recordings) == 1
    failure = {"_id": "whe_" + call[5:], "account": "x", "reason": "x", "body": b'{"from":"12025550101"}'}
    await store.insert("webhook_events", failure)
    assert len(await remains(gateway, tenant, NUMBER[1:], "Zoe", "secret wish")) >= 5
    pieces = [await kept_bytes(gateway, scope, row["blob"]) for row in recordings]
    assert pieces[0]
    before = [event for event in await client.events() if event["contact_id"] == contact]
    (await client.delete(path)).ok(204)
    assert await remains(gateway, tenant, NUMBER[1:], "Zoe", "secret wish") == []
    for file in gateway.gateway.config.var_dir.rglob("*"):  # another tenant's recording may sound the same
        if file.is_file() and tenant.id in str(file):
            assert pieces[0] not in await asyncio.to_thread(file.read_bytes), file
    # The log has the same numbers as before, and says of each what it was and no more; readers get that as well.
    after = {event["seq"]: event for event in await client.events()}
    for event in before:
        now = after[event["seq"]]
        assert (now["type"], now["data"]["was"]) == ("event.erased", event["type"])
        assert (now["id"], now["recorded_at"]) == (event["id"], event["recorded_at"])
    [proof] = (await client.get("/contacts/erasures/")).ok()["results"]
    assert (proof["contact"], proof["erased"]["calls"], proof["erased"]["recordings"]) == (contact, 1, 1)
    assert proof["erased"]["messages"] >= 1
    assert proof["erased"]["events"] >= len(before)
    assert proof["requested_at"] <= proof["completed_at"]
    assert (await client.get(f"/contacts/erasures/{proof['id']}/")).ok() == proof
    (await tenant("agent", "test").get("/contacts/erasures/")).refused(403, "permission_denied")
    again = (await written(tenant, NUMBER, "hello again"))["contact"]
    assert again != contact, "who writes later is somebody new"
    assert [await gateway.services.blobs.size(scope, row["blob"]) for row in recordings] == [None] * len(recordings)
    shown = (await client.get(f"/voice/api/calls/{call}/")).ok()
    assert (shown["to_number"], shown["metadata"], shown["contact"]) == ("", {}, contact)


async def test_an_erasure_that_is_cut_off_goes_on(
    gateway: Running, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its process ended between the contact and the log; whoever does jobs takes it up, as this test does."""
    client, scope = tenant("owner", "test"), f"{tenant.id}:test"
    contact = (await written(tenant, OTHER, "my other wish"))["contact"]

    async def cut(*_: Any) -> int:
        raise RuntimeError("the process has ended")

    monkeypatch.setattr(erasure, "blank_events", cut)
    assert (await client.delete(f"/contacts/{contact}/?erase=true")).status == 500
    monkeypatch.undo()
    assert "events" in {name for name, _ in await remains(gateway, tenant, OTHER[1:], "Zoe", "other wish")}
    (await client.get(f"/contacts/{contact}/")).refused(404, "not_found")
    [open_one] = (await client.get("/contacts/erasures/")).ok()["results"]
    assert open_one["completed_at"] is None
    jobs = gateway.services.store.raw("jobs")
    job = await jobs.find_one({"scope": scope, "kind": erasure.JOB})
    assert job is not None
    for _ in range(2):  # done twice it ends the same
        await erasure.go_on(gateway.services, scope, job["data"])
    assert await remains(gateway, tenant, OTHER[1:], "Zoe", "other wish") == []
    [proof] = (await client.get("/contacts/erasures/")).ok()["results"]
    assert proof["completed_at"] is not None
    assert proof["erased"]["events"] > 0


@pytest.mark.parametrize("erase", [True, False])
async def test_a_message_that_comes_while_its_contact_is_removed_goes_with_it(
    gateway: Running, tenant: Tenant, monkeypatch: pytest.MonkeyPatch, erase: bool
) -> None:
    """It was read before the contact was gone, and is written after."""
    client, store = tenant("owner", "test"), gateway.services.store.of(tenant.id, "test")
    contact = (await written(tenant, OTHER, "first"))["contact"]
    read, removed = applying.contacts_for, []

    async def read_and_wait(*given: Any) -> Any:
        found = await read(*given)
        if not removed:
            removed.append(contact)
            (await client.delete(f"/contacts/{contact}/?erase={str(erase).lower()}")).ok(204)
        return found

    monkeypatch.setattr(applying, "contacts_for", read_and_wait)
    (await client.post("/sandbox/inbound/", {"from": OTHER, "text": "in between"})).ok(201)

    async def gone() -> bool:
        rows = await store.select("messages", {"contact": contact})
        return len(rows) == 2 and all(row["deleted_at"] is not None for row in rows)

    await until(gone)

    async def nothing_left() -> bool:  # what its events brought is taken off it a moment after they were told
        return not await remains(gateway, tenant, "in between")

    if erase:
        await until(nothing_left)


async def test_a_message_that_is_counted_late_goes_with_its_contact(gateway: Running, tenant: Tenant) -> None:
    services, store = gateway.services, gateway.services.store.of(tenant.id, "test")
    contact = (await written(tenant, OTHER, "first"))["contact"]
    (await tenant("owner", "test").delete(f"/contacts/{contact}/?erase=true")).ok(204)
    now = services.clock()
    message = new_message(
        services.ids.new("msg"), contact=contact, platform="WHATSAPP", direction=INCOMING, type="TEXT", app=None,
        content={"type": "text", "body": {"text": "late"}}, author="CONTACT", timestamp=now, status=status.RECEIVED,
    )  # fmt: skip
    await store.insert("messages", message)
    ctx = Context(services, system_principal(tenant.id, "test"), Caller(""))
    await count_message(ctx, await store.get("messages", message["_id"]))
    row = await store.find("messages", message["_id"])
    assert row is not None
    assert (row["content"], row["erased"]) == ({"type": "text"}, True)


async def test_an_erasure_ends_once_the_files_can_be_removed_however_long_that_lasts(
    gateway: Running, tenant: Tenant, host: Hanging
) -> None:
    message, client = await picture(tenant, host), tenant("owner", "test")
    address, scope = message["content"]["image"]["url"], f"{tenant.id}:test"
    await served(tenant, address)
    blobs, jobs = gateway.services.blobs, gateway.services.store.raw("jobs")
    assert isinstance(blobs, DirectoryBlobs)
    file = blobs._path(scope, address.split("/")[2])
    file.unlink()
    file.mkdir()  # which is removed as no file is
    assert (await client.delete(f"/contacts/{message['contact']}/?erase=true")).status == 503

    async def tried_again(tries: int) -> None:
        [job] = await jobs.find({"scope": scope, "kind": "erase"}).to_list()
        fields = {"due.tries": tries, "due.at": gateway.services.clock()}
        await jobs.update_one({"_id": job["_id"]}, {"$set": fields})
        gateway.ports.worker.run_now("jobs", scope, job["_id"])

    await tried_again(30)

    async def again() -> bool:
        [job] = await jobs.find({"scope": scope, "kind": "erase"}).to_list()
        return job["due"].get("waits") == 1 and job["due"]["by"] is None

    await until(again)
    file.rmdir()
    await tried_again(30)

    async def ended() -> bool:
        [erasure] = (await client.get("/contacts/erasures/")).ok()["results"]
        return erasure["completed_at"] is not None

    await until(ended)


async def cut_off(tenant: Tenant, contact: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have an erasure begin on disk, and its process end before it has erased anything."""

    async def cut(*_: Any, **__: Any) -> None:
        raise RuntimeError("the process has ended")

    monkeypatch.setattr(erasure, "end_contact", cut)
    assert (await tenant("owner", "test").delete(f"/contacts/{contact}/?erase=true")).status == 500
    monkeypatch.undo()


async def test_who_is_removed_while_they_are_erased_is_erased(
    gateway: Running, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody removes the contact after the erasure has begun, and whoever goes on finds it removed."""
    client, scope = tenant("owner", "test"), f"{tenant.id}:test"
    contact = (await written(tenant, OTHER, "my third wish"))["contact"]
    await cut_off(tenant, contact, monkeypatch)
    (await client.delete(f"/contacts/{contact}/")).ok(204)
    job = await gateway.services.store.raw("jobs").find_one({"scope": scope, "kind": erasure.JOB})
    assert job is not None
    await erasure.go_on(gateway.services, scope, job["data"])
    [proof] = (await client.get("/contacts/erasures/")).ok()["results"]
    assert proof["completed_at"] is not None
    assert await remains(gateway, tenant, OTHER[1:], "Zoe", "third wish") == []


async def test_erasing_and_removing_at_once_erases(gateway: Running, tenant: Tenant) -> None:
    client = tenant("owner", "test")
    for number in range(4):
        contact = (await written(tenant, f"+1202555014{number}", f"wish {number}"))["contact"]
        erased, _ = await asyncio.gather(
            client.delete(f"/contacts/{contact}/?erase=true"), client.delete(f"/contacts/{contact}/")
        )
        assert erased.status == 204
        assert await remains(gateway, tenant, f"1202555014{number}", "Zoe", f"wish {number}") == []


async def test_who_was_removed_can_be_erased_and_it_may_be_asked_again(gateway: Running, tenant: Tenant) -> None:
    client, scope = tenant("owner", "test"), f"{tenant.id}:test"
    contact = (await written(tenant, OTHER, "my fourth wish"))["contact"]
    (await client.delete(f"/contacts/{contact}/")).ok(204)
    assert "contacts" in {name for name, _ in await remains(gateway, tenant, OTHER[1:])}
    # Somebody who writes later is a new contact, of whom nothing is taken.
    assert (await written(tenant, OTHER, "hello again"))["contact"] != contact
    store = gateway.services.store.within(scope)
    late = {"_id": "whe_" + contact[4:], "account": "x", "reason": "x", "body": OTHER.encode()}
    await store.insert("webhook_events", late)
    for _ in range(2):
        (await client.delete(f"/contacts/{contact}/?erase=true")).ok(204)
    assert await remains(gateway, tenant, "fourth wish") == []
    row = await store.find("contacts", contact)
    assert row is not None
    assert (row["erased"], row["former"], row["words"], row["chat"]["last"]) == (True, None, [], None)
    said = [e for e in await client.events() if e["contact_id"] == contact and OTHER in str(e)]
    assert said == [], "its removal was told with all that it had"
    assert (await store.get("webhook_events", late["_id"]))["body"] is not None
    [proof] = (await client.get("/contacts/erasures/")).ok()["results"]
    assert proof["completed_at"] is not None
    (await client.delete("/contacts/cnt_01arz3ndektsv4rrffq69g5fav/?erase=true")).refused(404, "not_found")


async def test_a_proof_of_an_earlier_version_for_somebody_who_stayed_is_made_true(
    gateway: Running, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    client, store = tenant("owner", "test"), gateway.services.store.of(tenant.id, "test")
    contact = (await written(tenant, OTHER, "my fifth wish"))["contact"]
    await cut_off(tenant, contact, monkeypatch)
    (await client.delete(f"/contacts/{contact}/")).ok(204)
    fields = {"completed_at": gateway.services.clock()}
    await store.change("erasures", f"ers_{contact[4:]}", lambda _: Change(set=fields, unset=["names", "words", "said"]))
    (await client.delete(f"/contacts/{contact}/?erase=true")).ok(204)
    assert await remains(gateway, tenant, OTHER[1:], "Zoe", "fifth wish") == []


async def test_who_may_not_see_a_merged_contact_erases_it_with_the_one_they_see(
    gateway: Running, tenant: Tenant
) -> None:
    owner = tenant()
    roles = gateway.services.store.of(tenant.id, "live")
    role = await roles.find_one("roles", {"slug": "agent"})
    assert role is not None
    granted = {"permissions": {**role["permissions"], "contact.delete": True}}
    await roles.change("roles", role["_id"], lambda _: Change(set=granted))
    agent = await add_person(gateway, tenant, "agent")
    bodies = [{"phone": "+12025550151", "first_name": "Quince"}, {"phone": "+12025550152", "first_name": "Medlar"}]
    elder, younger = [(await owner.post("/contacts/", body)).ok(201)["id"] for body in bodies]
    await tenant.receives("+12025550152", "a wish of the younger")
    await owner.wait_for_events(lambda events: any(e["type"] == "message.received" for e in events))
    (await owner.post(f"/contacts/{elder}/merge/", {"contact_id": younger})).ok()
    give = {"assigned_to_type": "USER", "assigned_to_id": agent.id}
    (await owner.post(f"/contacts/{elder}/assign/", give)).ok()
    (await agent.client.delete(f"/contacts/{younger}/?erase=true")).refused(404, "not_found")
    (await agent.client.delete(f"/contacts/{elder}/?erase=true")).ok(204)
    assert await remains(gateway, tenant, "2025550151", "2025550152", "Quince", "Medlar", "of the younger") == []
    proofs = (await owner.get("/contacts/erasures/")).ok()["results"]
    assert {proof["contact"] for proof in proofs} == {elder, younger}
    assert len({proof["requested_by"] for proof in proofs}) == 1


async def test_nobody_is_told_of_who_is_erased_by_their_notices(gateway: Running, tenant: Tenant) -> None:
    """A notice says whom nobody answered; one of an earlier version names the contact in the same place."""
    services, owner = gateway.services, tenant()
    kim = await add_person(gateway, tenant, "manager")
    contact = (await owner.post("/contacts/", {"phone": "+12025550161", "first_name": "Tansy"})).ok(201)["id"]
    doc = await services.store.of(tenant.id, "live").get("contacts", contact)
    chat = (await owner.get(f"/team-inbox/api/conversations/{contact}/")).ok()
    data = {**chat, "target": "resolution", "due_at": "2026-11-27T10:00:00Z"}
    ids, at = [services.ids.new("evt") for _ in range(2)], services.clock()
    row = {"type": "conversation.sla_breached", "data": data, "log": f"{tenant.id}:live", "at": at, "contact": contact,
           "actor": {"id": "x"}}  # fmt: skip
    jobs = notice_jobs([{**row, "_id": id} for id in ids], at)
    told, late = [job["u"]["$setOnInsert"]["data"] for job in jobs]
    await notify(services, f"{tenant.id}:live", told)
    [notice] = (await kim.client.get("/notifications/")).ok()["results"]
    assert ("Tansy" in notice["message"], notice["metadata"]["contact_id"]) == (True, contact)
    assert [name for name, _ in await remains(gateway, tenant, "Tansy") if name in ("events", "notifications")]
    (await owner.delete(f"/contacts/{contact}/?erase=true")).ok(204)
    assert await remains(gateway, tenant, "Tansy", doc["phone"][1:]) == []
    assert (await kim.client.get("/notifications/")).ok()["results"] == []
    await notify(services, f"{tenant.id}:live", late)  # its job waited meanwhile
    assert await remains(gateway, tenant, "Tansy") == []
    kept = {event["id"]: event["type"] for event in await kim.client.events()}
    assert kept[f"evt_{notice['id'][4:]}"] == "event.erased"
