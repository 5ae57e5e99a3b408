"""`GET /messages/{id}/trace/`: every attempt, the request, the carrier's id and every report, in order."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from tests.carriers.meta import Behaviour, MetaServer, refusal
from tests.client import Client, until
from tests.conftest import Running
from tests.handlers.billing.test_ledger import wallet_with
from tests.handlers.billing.test_sends import template
from tests.handlers.people import add_person
from tests.tenants import Tenant


async def send(client: Client, to: str, *, wait_for: Callable[[list[dict[str, Any]]], bool]) -> dict[str, Any]:
    """Write to a customer who has written, and return the trace once it fits."""
    (await client.post("/sandbox/inbound/", {"channel": "whatsapp", "from": to, "name": "Ann", "text": "hi"})).ok(201)

    async def known() -> Any:
        return (await client.get("/contacts/", params={"phone": to})).ok()["results"]

    await until(known)
    sent = await client.post("/wa/v1/messages/", {"phone": to, "text": "we do"}, headers={"X-Request-Id": "req-shop-1"})
    id = sent.ok(201)["id"]
    found: dict[str, Any] = {}

    async def fits() -> bool:
        found.update((await client.get(f"/messages/{id}/trace/")).ok())
        return wait_for(found["steps"])

    await until(fits, 30)
    return found


async def test_every_attempt_and_report_in_order(tenant: Tenant) -> None:
    # The carrier refuses twice with 429, then accepts.
    told = await send(
        tenant("owner", "test"), "+12025550119",
        wait_for=lambda steps: any(step.get("status") == "DELIVERED" for step in steps),
    )  # fmt: skip
    kinds = [(step["kind"], step.get("outcome") or step.get("status")) for step in told["steps"]]
    assert kinds[:4] == [("queued", None), *[("attempt", "refused")] * 2, ("attempt", "accepted")]
    assert ("report", "DELIVERED") in kinds[4:]
    queued, first, second, accepted, *reports = told["steps"]
    assert (queued["request_id"], told["request_id"]) == ("req-shop-1", "req-shop-1")
    assert queued["by"]["type"] == "api_key"
    assert [step["attempt"] for step in (first, second, accepted)] == [1, 2, 3]
    assert first["code"]
    assert first["next_at"] > first["at"]
    assert second["at"] >= first["next_at"]
    assert accepted["carrier_id"] == told["carrier_id"] is not None
    assert {step["carrier_id"] for step in reports} == {told["carrier_id"]}
    times = [step.get("told_at") or step["at"] for step in told["steps"]]
    assert times == sorted(times)


async def test_reports_told_twice_stand_once_and_those_that_move_nothing_stand_too(tenant: Tenant) -> None:
    told = await send(
        tenant("owner", "test"), "+12025550116",  # reports come in the wrong order
        wait_for=lambda steps: {step.get("status") for step in steps} >= {"SENT", "DELIVERED", "READ"},
    )  # fmt: skip
    reports = [(step["status"], step["at"]) for step in told["steps"] if step["kind"] == "report"]
    assert len(set(reports)) == len(reports)


async def test_an_answer_that_never_came_is_unknown_and_then_reported(tenant: Tenant) -> None:
    told = await send(
        tenant("owner", "test"), "+12025550120",
        wait_for=lambda steps: any(step.get("status") == "DELIVERED" for step in steps),
    )  # fmt: skip
    attempts = [step for step in told["steps"] if step["kind"] == "attempt"]
    assert [step["outcome"] for step in attempts] == ["unknown"]
    assert attempts[0]["reason"]
    assert told["carrier_id"] is not None


@pytest.fixture
async def carrier() -> AsyncIterator[MetaServer]:
    server = MetaServer()
    await server.start()
    yield server
    await server.stop()


async def test_a_refusal_for_good_says_the_carriers_words(tenant: Tenant, carrier: MetaServer) -> None:
    owner = tenant()
    app = (await owner.post("/wa/v1/apps/", carrier.account("+12025550122"))).ok(201)
    await tenant.receives("+12025550123", "hi")

    async def known() -> Any:
        return (await owner.get("/contacts/", params={"phone": "+12025550123"})).ok()["results"]

    contact = (await until(known))[0]["id"]
    carrier.next.extend([refusal(500, 131000), refusal(400, 131026), Behaviour()])
    body = {"wa_app": app["id"], "contact": contact, "text": "hello"}
    id = (await owner.post("/wa/v1/messages/", body)).ok(201)["id"]

    async def failed() -> Any:
        told = (await owner.get(f"/messages/{id}/trace/")).ok()
        return told if told["status"] == "failed" else None

    told = await until(failed, 30)
    last = told["steps"][-1]
    assert (last["kind"], last["outcome"], last["code"]) == ("attempt", "refused", "131026")
    assert last["reason"]
    assert last["next_at"] is None


async def test_who_may_not_see_the_contact_does_not_see_the_trace(
    gateway: Running, tenant: Tenant, new_tenant: Callable[[], Awaitable[Tenant]]
) -> None:
    agent = await add_person(gateway, tenant, "agent")
    await tenant.receives("+12025550124", "hi")

    async def there() -> Any:
        return (await tenant().get("/team-inbox/api/messages/")).ok()["results"]

    id = (await until(there))[0]["id"]
    told = (await tenant().get(f"/messages/{id}/trace/")).ok()
    assert [step["kind"] for step in told["steps"]] == ["received"]
    other = await new_tenant()
    for client in (agent.client, other()):
        (await client.get(f"/messages/{id}/trace/")).refused(404, "not_found")


async def test_what_a_message_was_charged_is_told_to_those_who_see_the_ledger(gateway: Running, tenant: Tenant) -> None:
    owner = tenant("owner", "test")
    await wallet_with(gateway.services, f"{tenant.id}:test", 1)
    name = await template(owner)
    body = {"to": "+12025550111", "message_type": "TEMPLATE", "template": name}
    id = (await owner.post("/wa/v1/messages/", body)).ok(201)["id"]

    async def settled() -> Any:
        charges = (await owner.get(f"/messages/{id}/trace/")).ok()["charges"]
        return charges if len(charges) == 2 else None

    charges = await until(settled, 30)
    assert [each["key"] for each in charges] == [f"message:{id}:reserve", f"message:{id}:settle"]
    assert charges[0]["change"] == -0.115
    seen = (await tenant("manager", "test").get(f"/messages/{id}/trace/")).ok()
    assert seen["charges"] == charges
