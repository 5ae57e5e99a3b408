"""No effect twice: the grid of `Idempotency-Key`."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest

from jinaconnect.core.errors import Conflict
from jinaconnect.store.coordination import idempotency
from jinaconnect.store.coordination.idempotency import Idempotency, Ticket
from jinaconnect.store.coordination.switch_commands import SwitchCommands
from tests.client import until
from tests.conftest import Running
from tests.tenants import Tenant

CONTACTS = "/contacts/"
BODY = {"phone": "+12025550191", "first_name": "Once"}
KEY = {"Idempotency-Key": "k-1"}


async def created(tenant: Tenant, mode: str = "live") -> int:
    return sum(event["type"] == "contact.created" for event in await tenant("owner", mode).events())


async def test_the_same_key_and_request_get_the_first_answer(tenant: Tenant) -> None:
    first = await tenant().post(CONTACTS, BODY, headers=KEY)
    again = await tenant().post(CONTACTS, dict(reversed(BODY.items())), headers=KEY)
    assert first.ok(201) == again.ok(201)
    assert again.headers["Idempotency-Replayed"] == "true"
    assert again.headers["X-Cursor"] == first.headers["X-Cursor"]
    assert "Idempotency-Replayed" not in first.headers
    assert await created(tenant) == 1


async def test_a_different_request_under_the_key_is_a_conflict(tenant: Tenant) -> None:
    (await tenant().post(CONTACTS, BODY, headers=KEY)).ok(201)
    for path, body in ((CONTACTS, {**BODY, "first_name": "Other"}), ("/tenants/roles/", {"name": "x", "priority": 1})):
        (await tenant().post(path, body, headers=KEY)).refused(409, "idempotency_mismatch")
    assert await created(tenant) == 1


async def test_eight_at_once_have_one_effect(tenant: Tenant) -> None:
    async def patient() -> str:
        while True:
            answer = await tenant().post(CONTACTS, BODY, headers=KEY)
            if answer.status == 201:
                return str(answer.body["id"])
            answer.refused(409, "idempotency_in_progress")
            assert int(answer.headers["Retry-After"]) >= 1

    assert len(set(await asyncio.gather(*(patient() for _ in range(8))))) == 1
    assert await created(tenant) == 1


async def test_a_refusal_leaves_the_key_free(tenant: Tenant) -> None:
    (await tenant().post(CONTACTS, {**BODY, "phone": "nonsense"}, headers=KEY)).refused(400, "validation_error")
    (await tenant("viewer").post(CONTACTS, BODY, headers=KEY)).refused(403, "permission_denied")
    (await tenant().post(CONTACTS, BODY, headers=KEY)).ok(201)


async def test_keys_of_others_are_others(tenant: Tenant, new_tenant: Callable[[], Awaitable[Tenant]]) -> None:
    other = await new_tenant()
    for client in (tenant(), tenant("owner", "test"), other()):
        (await client.post(CONTACTS, BODY, headers=KEY)).ok(201)
    (await tenant("admin").post(CONTACTS, {**BODY, "phone": "+12025550192"}, headers=KEY)).ok(201)


async def test_a_key_that_is_none_is_named(tenant: Tenant) -> None:
    for key in ("x" * 256, "tab\there"):
        detail = (await tenant().post(CONTACTS, BODY, headers={"Idempotency-Key": key})).refused(
            400, "validation_error"
        )
        assert "Idempotency-Key" in detail


async def test_rest_and_socket_share_a_key(tenant: Tenant) -> None:
    first = (await tenant().post(CONTACTS, BODY, headers=KEY)).ok(201)
    async with tenant().socket() as socket:
        await socket.ready()
        for id in ("r1", "r2"):
            await socket.send(
                type="request", id=id, operation="contacts.create", params={}, body=BODY, idempotency_key="k-1"
            )
            result = await socket.next("result", "error")
            assert (result["type"], result["id"], result["status"], result["body"]) == ("result", id, 201, first)
    assert await created(tenant) == 1


async def test_an_interrupted_operation_run_again_makes_the_same_ids(gateway: object, tenant: Tenant) -> None:
    services = gateway.services  # type: ignore[attr-defined]
    first = await services.idempotency.claim("s:live", tenant.id, "key", b"request")
    await services.idempotency.interrupted(first)
    second = await services.idempotency.claim("s:live", tenant.id, "key", b"request")
    assert (second.first_at, second.seed) == (first.first_at, first.seed)


async def test_the_query_is_part_of_the_request(tenant: Tenant) -> None:
    contact = (await tenant().post(CONTACTS, BODY)).ok(201)["id"]
    (await tenant().delete(f"{CONTACTS}{contact}/", params={"erase": "false"}, headers=KEY)).ok(204)
    (await tenant().delete(f"{CONTACTS}{contact}/", params={"erase": "false"}, headers=KEY)).ok(204)
    (await tenant().delete(f"{CONTACTS}{contact}/", params={"erase": "true"}, headers=KEY)).refused(
        409, "idempotency_mismatch"
    )


async def test_a_claim_lives_as_long_as_its_request(gateway: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    now = gateway.services.clock()
    monkeypatch.setattr(idempotency, "RENEW_S", 0.01)
    claims = Idempotency(gateway.services.store.database, lambda: now, gateway.services.secrets)
    scope = f"{secrets.token_hex(6)}:live"
    ticket = await claims.claim(scope, "usr_x", "key", b"request")
    assert isinstance(ticket, Ticket)

    async def refused() -> bool:
        """Tell whether the claim has been renewed by now."""
        row = await gateway.services.store.database["idempotency"].find_one({"_id": ticket.id})
        return row is not None and now - row["tried"] < timedelta(seconds=1)

    async with claims.held(ticket):
        for _ in range(3):  # far longer than any one claim
            now += idempotency.STALE
            await until(refused)
            with pytest.raises(Conflict, match="still running"):
                await claims.claim(scope, "usr_x", "key", b"request")
    now += idempotency.STALE
    assert isinstance(await claims.claim(scope, "usr_x", "key", b"request"), Ticket)


async def shown_once(tenant: Tenant) -> list[tuple[str, dict[str, Any], Callable[[Any], str]]]:
    """Return the requests whose answers hold a secret, and where in the answer it is."""
    role = (await tenant().get("/tenants/roles/", params={"search": "agent"})).ok()["results"][0]["id"]
    mail = f"{secrets.token_hex(6)}@people.example"
    member = (await tenant().post("/tenants/members/invite/", {"email": f"x{mail}", "role_id": role})).ok(201)
    key = (await tenant().post("/tenants/api-keys/", {"name": "k", "role_id": role})).ok(201)["id"]
    return [
        ("/tenants/members/invite/", {"email": mail, "role_id": role}, lambda body: str(body["invite_path"])),
        (f"/tenants/members/{member['id']}/resend-verification/", {}, lambda body: str(body["invite_path"])),
        ("/tenants/api-keys/", {"name": "k", "role_id": role}, lambda body: str(body["key"])),
        (f"/tenants/api-keys/{key}/rotate/", {"grace_seconds": 60}, lambda body: str(body["key"])),
    ]


async def test_what_is_shown_once_is_the_same_in_every_answer_and_sealed_at_rest(
    gateway: Running, tenant: Tenant
) -> None:
    rows = gateway.services.store.database["idempotency"]
    for place, (path, body, secret) in enumerate(await shown_once(tenant)):
        key = {"Idempotency-Key": f"s-{place}"}
        first = await tenant().post(path, body, headers=key)
        again = await tenant().post(path, body, headers=key)
        assert first.body == again.body
        assert again.headers["Idempotency-Replayed"] == "true"
        held = await rows.find({"scope": f"{tenant.id}:live"}).to_list()
        assert all(secret(first.body).rpartition("=")[2].encode() not in bytes(row.get("sealed", b"")) for row in held)
        assert secret(first.body).rpartition("=")[2] not in str(held)
        # Cut off before the answer was kept, and run again:
        await rows.update_many(
            {"scope": f"{tenant.id}:live", "sealed": {"$exists": True}},
            {"$unset": {"status": "", "sealed": ""}, "$set": {"tried": gateway.services.clock() - timedelta(hours=1)}},
        )
        run_again = await tenant().post(path, body, headers=key)
        assert "Idempotency-Replayed" not in run_again.headers
        assert (run_again.status, secret(run_again.body)) == (first.status, secret(first.body)), path
        if secret(first.body).startswith("jc_"):
            asked = {"Authorization": f"Bearer {secret(first.body)}"}
            (await tenant.anonymous.get("/tenants/my-permissions/", headers=asked)).ok()


async def test_a_telephone_made_again_has_the_password_it_was_shown_with(gateway: Running, tenant: Tenant) -> None:
    rows, owner = gateway.services.store.database["idempotency"], tenant("owner", "test")
    user = (await tenant().post("/tenants/members/invite/", {
        "email": f"{secrets.token_hex(6)}@people.example", "role": "agent", "password": "Chosen-pass-1",
    })).ok(201)["user"]  # fmt: skip
    body = {"name": "Desk", "kind": "softphone", "transport": "sip", "user": user}
    first = (await owner.post("/voice/api/devices/", body, headers=KEY)).ok(201)
    await rows.update_one(
        {"scope": f"{tenant.id}:test"},
        {"$unset": {"status": "", "sealed": ""}, "$set": {"tried": gateway.services.clock() - timedelta(hours=1)}},
    )
    again = (await owner.post("/voice/api/devices/", body, headers=KEY)).ok(201)
    doc = await gateway.services.store.of(tenant.id, "test").get("devices", first["id"])
    kept = gateway.services.secrets.open(doc["credentials"], f"devices/{first['id']}")["password"]
    assert again["credentials"]["password"] == first["credentials"]["password"] == kept


async def test_an_answer_kept_in_the_clear_by_an_earlier_version_is_given_again(
    gateway: Running, tenant: Tenant
) -> None:
    first = await tenant().post(CONTACTS, BODY, headers=KEY)
    await gateway.services.store.database["idempotency"].update_one(
        {"scope": f"{tenant.id}:live"}, {"$set": {"body": first.body}, "$unset": {"sealed": ""}}
    )
    assert (await tenant().post(CONTACTS, BODY, headers=KEY)).ok(201) == first.body


async def test_an_order_given_again_while_it_is_carried_out_is_carried_out_once(gateway: Running) -> None:
    orders, switch = SwitchCommands(gateway.services.store.database), secrets.token_hex(6)
    id = gateway.services.ids.new("ord")
    first = asyncio.create_task(orders.give(id, switch, {"action": "dtmf"}))
    taken = await until(lambda: orders.take(switch))
    again = asyncio.create_task(orders.give(id, switch, {"action": "dtmf"}))
    await until(lambda: _is_waiting(again))
    assert await orders.take(switch) is None
    await orders.answer(taken["_id"], {"done": {}})
    assert await first == await again == {"done": {}}


async def _is_waiting(task: asyncio.Task[Any]) -> bool:
    await asyncio.sleep(0.05)
    return not task.done()
