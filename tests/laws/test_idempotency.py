"""No effect twice: the grid of `Idempotency-Key`."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

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
