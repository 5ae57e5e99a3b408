"""Files of messages: an address of its own, which ends with the message; on the disk to stay."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from jinaconnect.actions.messaging.media import FORMER_JOB, MAX_TRIES
from jinaconnect.channels.whatsapp_meta.simulator import media_handle
from jinaconnect.store.blobs import DirectoryBlobs
from jinaconnect.store.due import due_at
from tests.client import until
from tests.conftest import Running
from tests.outbound.test_shares import Hanging
from tests.outbound.test_shares import host as _host
from tests.store.reading import part, whole
from tests.tenants import Tenant

host = _host


async def picture(tenant: Tenant, host: Hanging, path: str = "/picture") -> dict[str, Any]:
    """Have a customer send a picture and return the message."""
    client = tenant("owner", "test")
    body = {"from": "+12025550111", "media_url": host.url + path}
    (await client.post("/sandbox/inbound/", body)).ok(201)
    seen = await client.wait_for_events(lambda events: any(e["type"] == "message.received" for e in events))
    found: dict[str, Any] = next(e["data"] for e in seen if e["type"] == "message.received")
    return found


async def served(tenant: Tenant, path: str) -> None:
    async def there() -> bool:
        return (await tenant.anonymous.get(path)).status == 200

    await until(there)


async def test_an_address_tells_nothing_of_its_message_and_ends_with_it(
    tenant: Tenant, gateway: Running, host: Hanging
) -> None:
    message = await picture(tenant, host)
    path = message["content"]["image"]["url"]
    await served(tenant, path)
    id, chance = message["id"].partition("_")[2], path.strip("/").partition("_")[2]
    assert id[10:] != chance[10:]
    for guess in (f"/media/med_{id}/", f"/media/med_{id[:16]}{chance[16:]}/"):
        (await tenant("owner", "test").get(guess)).refused(404, "not_found")
    client = tenant("owner", "test")
    (await client.post("/team-inbox/api/messages/bulk-delete/", {"message_ids": [message["id"]]})).ok()
    (await tenant.anonymous.get(path)).refused(404, "not_found")


async def test_an_erased_file_is_gone_and_one_on_its_way_does_not_come(
    tenant: Tenant, gateway: Running, host: Hanging
) -> None:
    message = await picture(tenant, host, "/hang")

    async def under_way() -> bool:
        return host.held == 1

    await until(under_way)
    id = message["content"]["image"]["url"].split("/")[2]
    (await tenant("owner", "test").delete(f"/contacts/{message['contact']}/?erase=true")).ok(204)
    host.free.set()
    files, rows = gateway.services.blobs, gateway.services.store.raw("media")

    async def done() -> bool:
        return host.held == 0 and not gateway.ports.worker._shares["media"].users

    await until(done)
    assert await rows.find_one({"_id": id}) is None
    assert await files.size(f"{tenant.id}:test", id) is None


async def put_off(gateway: Running, id: str) -> dict[str, Any]:
    """Wait until a file waits for its next try, and return its row."""

    async def waits() -> dict[str, Any] | None:
        row = await gateway.services.store.raw("media").find_one({"_id": id})
        return row if row is not None and row.get("due", {"by": ""})["by"] is None else None

    found: dict[str, Any] = await until(waits)
    return found


async def tried_again(gateway: Running, tenant: Tenant, id: str, tries: int) -> None:
    """Have a file tried now that has been tried so often."""
    now = gateway.services.clock()
    fields = {"due.tries": tries, "due.at": now}
    await gateway.services.store.raw("media").update_one({"_id": id}, {"$set": fields})
    gateway.ports.worker.run_now("media", f"{tenant.id}:test", id)


async def test_a_file_is_kept_once_the_disk_takes_it_however_long_that_lasts(
    tenant: Tenant, gateway: Running, host: Hanging
) -> None:
    message = await picture(tenant, host, "/hang")
    address = message["content"]["image"]["url"]
    id = address.split("/")[2]
    blobs = gateway.services.blobs
    assert isinstance(blobs, DirectoryBlobs)
    taken = blobs._path(f"{tenant.id}:test", id)
    taken.mkdir(parents=True)  # where the file would have to be
    host.free.set()
    assert (await put_off(gateway, id))["due"].get("waits", 0) == 1
    await tried_again(gateway, tenant, id, 40)

    async def again() -> bool:
        return (await put_off(gateway, id)).get("due", {}).get("waits") == 2

    await until(again)
    taken.rmdir()
    await tried_again(gateway, tenant, id, 40)
    await served(tenant, address)


async def test_a_file_is_fetched_once_its_carrier_gives_it_out(tenant: Tenant, gateway: Running, host: Hanging) -> None:
    host.refuses["/picture"] = 503
    message = await picture(tenant, host)
    address = message["content"]["image"]["url"]
    id = address.split("/")[2]
    await put_off(gateway, id)
    await tried_again(gateway, tenant, id, 20)

    async def again() -> bool:
        return (await put_off(gateway, id)).get("due", {}).get("tries") == 21

    await until(again)
    host.refuses.clear()
    await tried_again(gateway, tenant, id, 21)
    await served(tenant, address)


@pytest.mark.parametrize("status", [403, 404, 410])
async def test_a_file_that_its_carrier_has_no_more_ends(
    tenant: Tenant, gateway: Running, host: Hanging, status: int
) -> None:
    host.refuses["/picture"] = status
    id = (await picture(tenant, host))["content"]["image"]["url"].split("/")[2]
    await put_off(gateway, id)
    await tried_again(gateway, tenant, id, MAX_TRIES - 1)

    async def ended() -> bool:
        row = await gateway.services.store.raw("media").find_one({"_id": id})
        return row is not None and "due" not in row and "handle" not in row

    await until(ended)


async def test_an_address_of_an_earlier_version_is_for_who_sees_the_message(
    tenant: Tenant, gateway: Running, host: Hanging
) -> None:
    """Its id follows from the message's, and the work to fetch it was a job."""
    services, message = gateway.services, await picture(tenant, host)
    id, scope = "med_" + message["id"].partition("_")[2], f"{tenant.id}:test"
    data = {
        "media": id, "account": message["channel_app_id"], "message": message["id"],
        "handle": {"id": media_handle(f"{host.url}/picture"), "mime_type": "image/jpeg"},
    }  # fmt: skip
    job = {"_id": f"job_{id}", "scope": scope, "kind": FORMER_JOB, "due": due_at(services.clock()), "data": data}
    await services.due.add("jobs", [job])
    path = f"/media/{id}/"

    async def there() -> bool:
        return (await tenant("owner", "test").get(path)).status == 200

    await until(there)
    assert (await tenant("viewer", "test").get(path)).body == b"picture"
    for other in (tenant.anonymous, tenant("owner", "live"), tenant("agent", "test")):
        (await other.get(path)).refused(404, "not_found")


async def test_a_blob_outlasts_a_power_cut_and_half_of_one_is_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[str] = []
    fsync = os.fsync

    def note(place: int) -> None:
        synced.append(os.readlink(f"/proc/self/fd/{place}"))
        fsync(place)

    monkeypatch.setattr(os, "fsync", note)
    blobs = DirectoryBlobs(tmp_path)
    await blobs.start()
    await blobs.put("ten_a:live", "one", b"1")
    incoming = str(tmp_path / ".incoming")
    assert synced[0].startswith(incoming)
    assert synced[1:] == [str(tmp_path / "ten_a-live"), str(tmp_path)]
    async with blobs.spool() as spool:
        await spool.write(b"half")
    async with blobs.spool() as spool:
        await spool.write(b"twice")
        await blobs.keep(spool, "ten_a:live", "two")
    assert os.listdir(incoming) == []
    assert await whole(blobs, "ten_a:live", "two") == b"twice"
    assert await part(blobs, "ten_a:live", "two", 1, 3) == b"wi"
    assert await whole(blobs, "ten_b:live", "two") is None
