"""Every channel is under the same laws; one that the program does not know is added by its own folder alone."""

from __future__ import annotations

import asyncio
import re
import secrets
import sys
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from jinaconnect.actions.messaging.delivering import Sender
from jinaconnect.app import Gateway
from jinaconnect.channels.base import WebhookRequest
from jinaconnect.config import Config, Http, Mongodb, OutboundSection
from jinaconnect.core.inbox.address import address_of
from jinaconnect.serve import listening
from jinaconnect.store.databases.embedded import EmbeddedMongo
from jinaconnect.store.due import due_at
from tests.channels.fake.channel import registered
from tests.channels.sides import SIDES, Post, Side
from tests.client import Client, until
from tests.conftest import PLENTY, Running
from tests.laws.test_doors import by_socket, by_sse
from tests.tenants import Tenant, make_tenant


@pytest.fixture(scope="module")
async def gateway(mongod: EmbeddedMongo, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Running]:
    """A gateway that knows the fake channel."""
    config = Config(
        var_dir=Path(tmp_path_factory.mktemp("seam")), http=Http(port=0, drain_s=2), limits=PLENTY,
        mongodb=Mongodb(database=f"seam_{secrets.token_hex(4)}"),
        outbound=OutboundSection(allow_networks=("127.0.0.0/8",), timeout_s=10),
    )  # fmt: skip
    with registered():
        running = Gateway(config)
        await running.start(mongod.uri, listening(config))
        yield Running(running.services.settings.own_url, running.services, running)
        await running.stop()


@pytest.fixture
async def tenant(gateway: Running, http: aiohttp.ClientSession) -> Tenant:
    """A tenant of the test's own."""
    return await make_tenant(gateway, gateway.url, http)


@pytest.fixture(params=SIDES)
async def side(request: pytest.FixtureRequest, gateway: Running, tenant: Tenant) -> AsyncIterator[Side]:
    """The outside of each channel in turn."""
    made: Side = SIDES[request.param]()
    await made.begin(gateway, tenant)
    yield made
    await made.end()


async def post(tenant: Tenant, given: Post, **headers: str) -> int:
    """Post a webhook; returns the answer's status."""
    client = tenant.anonymous
    answer = await client.ask("POST", given.path, given.body, headers={**given.headers, **headers})
    return answer.status


async def heard(client: Client, type: str, count: int = 1) -> list[dict[str, Any]]:
    """Wait for events of a type; returns all there are."""
    await client.wait_for_events(lambda seen: sum(event["type"] == type for event in seen) >= count)
    return [event for event in await client.events() if event["type"] == type]


async def written(tenant: Tenant, side: Side, text: str = "hello") -> tuple[str, str]:
    """Have a customer write; returns (the customer, the contact's id)."""
    customer = side.customer()
    assert await post(tenant, side.text(customer, text, f"first-{customer}")) == 200
    events = await tenant().wait_for_events(lambda seen: any(e["type"] == "message.received" for e in seen))
    return customer, next(event["contact_id"] for event in events if event["type"] == "message.received")


async def replied(tenant: Tenant, side: Side, contact: str, text: str = "We have it.") -> str:
    """Write to a contact; returns the message's id."""
    body = {"contact": contact, "platform": side.platform, "content": {"type": "text", "body": {"text": text}}}
    id = str((await tenant().post("/team-inbox/api/messages/", body)).ok(201)["id"])
    side.wrote(id, text)
    return id


async def status(gateway: Running, tenant: Tenant, message: str) -> str:
    """Return a message's status."""
    return str((await gateway.services.store.of(tenant.id, "live").get("messages", message))["status"])


async def test_a_customers_messages_make_one_conversation(gateway: Running, tenant: Tenant, side: Side) -> None:
    customer, contact = await written(tenant, side)
    assert await post(tenant, side.text(customer, "again", f"second-{customer}")) == 200
    received = await heard(tenant(), "message.received", 2)
    assert {event["contact_id"] for event in received} == {contact}
    assert {event["data"]["platform"] for event in received} == {side.platform}
    doc = await gateway.services.store.of(tenant.id, "live").get("contacts", contact)
    held = address_of(doc, side.field)
    assert held is not None
    assert str(held.value).lstrip("+") == customer
    assert (doc["phone"] is None) == (side.field != "phone"), "a handle is not a phone number"
    assert (doc["source"], doc["chat"]["unread"], doc["first_name"]) == (side.platform, 2, "Ann")
    assert doc["chat"]["last"]["preview"] == "again"


async def test_webhooks_that_come_twice_and_out_of_order_count_once(
    gateway: Running, tenant: Tenant, side: Side
) -> None:
    customer = side.customer()
    posts = [side.text(customer, f"text {n}", f"{n}-{customer}") for n in range(4)]
    shuffled = [posts[n] for n in (2, 0, 2, 3, 1, 0, 3, 1)]
    assert set(await asyncio.gather(*(post(tenant, each) for each in shuffled))) == {200}
    for each in reversed(posts):
        assert await post(tenant, each) == 200
    received = await heard(tenant(), "message.received", 4)
    texts = sorted(event["data"]["content"]["body"]["text"] for event in received)
    assert texts == [f"text {n}" for n in range(4)]
    doc = await gateway.services.store.of(tenant.id, "live").get("contacts", received[0]["contact_id"])
    assert doc["chat"]["unread"] == 4


async def test_a_webhook_of_somebody_else_changes_nothing(gateway: Running, tenant: Tenant, side: Side) -> None:
    good = side.text(side.customer(), "hello", "only")
    forged = Post(good.path, good.headers, good.body.replace(b"hello", b"jello"))
    if side.signs:
        assert await post(tenant, forged) == 401
    assert await post(tenant, good, **{side.seal: ""}) == 401
    nowhere = re.sub(r"(ten|wap)_[0-9a-z]+", r"\1_nobody", good.path)
    assert await post(tenant, Post(nowhere, good.headers, good.body)) == side.nobody
    assert not [event for event in await tenant().events() if event["type"].startswith(("message.", "contact."))]
    assert await gateway.services.store.of(tenant.id, "live").select("contacts", {}) == []


async def test_a_stored_webhook_is_read_again(gateway: Running, tenant: Tenant, side: Side) -> None:
    """As it is found after a crash between the answer and its applying, and applied once more after that."""
    services, customer = gateway.services, side.customer()
    given = side.text(customer, "stored", f"stored-{customer}")
    headers = {name.lower(): value for name, value in given.headers.items()}
    hook = WebhookRequest(given.body, url=gateway.url + given.path, headers=headers)
    channel, accounts = gateway.ports.channels[side.name], gateway.ports.accounts
    verified = channel.verify(await accounts.of_door(tenant.id, side.name), hook)
    for _ in range(2):
        row = {
            "_id": services.ids.new("inb"), "scope": tenant.id, "channel": side.name,
            "accounts": list(verified.accounts), "received_at": services.clock(), "due": due_at(services.clock()),
            **hook.row(channel.spec.headers),
        }  # fmt: skip
        assert side.seal.lower() not in row["headers"], "a signature is not kept"
        await services.store.insert("inbound", [row])
        gateway.ports.worker.run_now("inbound", tenant.id, row["_id"])

        async def done(id: str = row["_id"]) -> bool:
            return await services.store.raw("inbound").find_one({"_id": id}) is None

        await until(done)
    assert len(await heard(tenant(), "message.received")) == 1


async def test_every_door_gives_the_same_tail(tenant: Tenant, side: Side) -> None:
    customer, contact = await written(tenant, side)
    await replied(tenant, side, contact)
    await heard(tenant(), "message.sent")
    assert await post(tenant, side.text(customer, "thanks", f"thanks-{customer}")) == 200
    await heard(tenant(), "message.received", 2)
    owner = tenant()
    everything = await owner.events()
    half = (await owner.get("/events/", params={"after": "start", "limit": 3})).ok()["cursor"]
    for cursor, wanted in (("start", everything), (half, everything[3:])):
        assert await owner.events(cursor) == wanted
        assert await by_sse(owner, cursor, len(wanted)) == wanted
        assert await by_socket(owner, cursor, len(wanted)) == wanted


async def test_a_send_reaches_its_carrier_once_and_its_last_state(
    gateway: Running, tenant: Tenant, side: Side
) -> None:
    customer, contact = await written(tenant, side)
    message = await replied(tenant, side, contact)
    [sent] = await heard(tenant(), "message.sent")
    assert sent["actor"] == {"type": "carrier", "id": side.platform.lower()}
    assert (sent["subject"]["id"], side.accepted[message]) == (message, 1)
    row = await gateway.services.store.of(tenant.id, "live").get("messages", message)
    # The carrier's object is for the send alone; where a report may find the hour wrong it goes again.
    assert ("request" in row) == ("report_due" in row)
    assert row["content"] == {"type": "text", "body": {"text": "We have it."}}
    report = side.report(message, customer)
    assert (report is not None) == gateway.ports.channels[side.name].spec.receipts
    if report is not None:
        assert await post(tenant, report) == 200
        await heard(tenant(), "message.delivered")
        row = await gateway.services.store.of(tenant.id, "live").get("messages", message)
        assert not {"request", "report_due"} & row.keys()
    assert await status(gateway, tenant, message) == ("SENT" if report is None else "DELIVERED")


async def test_what_a_channel_cannot_show_is_named(tenant: Tenant, side: Side) -> None:
    _, contact = await written(tenant, side)
    body = {"contact": contact, "platform": side.platform, "content": {"type": "order", "order": {}}}
    assert "content.type" in (await tenant().post("/team-inbox/api/messages/", body)).refused(400, "validation_error")
    elsewhere = {"phone": "+12025550177"} if side.field == "telegram_chat_id" else {"telegram_chat_id": 77}
    stranger = (await tenant().post("/contacts/", elsewhere)).ok(201)["id"]
    body = {**body, "contact": stranger, "content": {"type": "text", "body": {"text": "hello"}}}
    assert "contact" in (await tenant().post("/team-inbox/api/messages/", body)).refused(400, "validation_error")
    assert not side.accepted


async def test_a_refusal_fails_a_message_and_a_passing_one_is_tried_again(
    gateway: Running, tenant: Tenant, side: Side
) -> None:
    _, contact = await written(tenant, side)
    side.misbehave("refused")
    refused = await replied(tenant, side, contact)
    [failed] = await heard(tenant(), "message.failed")
    assert (failed["subject"]["id"], side.accepted[refused]) == (refused, 0)
    side.misbehave("again")
    passing = await replied(tenant, side, contact, "passing")
    await heard(tenant(), "message.sent")
    assert (side.asked(passing), side.accepted[passing]) == (2, 1)


async def test_an_answer_that_never_came_leaves_it_unknown(gateway: Running, tenant: Tenant, side: Side) -> None:
    _, contact = await written(tenant, side)
    side.misbehave("reset")
    message = await replied(tenant, side, contact)
    [unknown] = await heard(tenant(), "message.unknown")
    assert unknown["subject"]["id"] == message
    assert (side.asked(message), await status(gateway, tenant, message)) == (1, "UNKNOWN")


async def test_a_process_that_died_after_the_carrier_took_it_leaves_it_unknown(
    gateway: Running, tenant: Tenant, side: Side
) -> None:
    """The row stands as such a process leaves it: claimed, by somebody who is no more."""
    _, contact = await written(tenant, side)
    side.misbehave("hang")
    message = await replied(tenant, side, contact)
    await until(lambda: _taken(side, message))
    ended = await asyncio.create_subprocess_exec(sys.executable, "-c", "")
    await ended.wait()
    services = gateway.services
    place, _, rest = services.due.process.partition(":")
    dead = f"{place}:{ended.pid}:{rest.partition(':')[2]}"
    assert services.due.died(dead)
    changed = {"due.by": dead, "due.at": services.clock() - timedelta(seconds=1)}
    await services.store.raw("messages").update_one({"_id": message}, {"$set": changed})
    claim = await services.due.claim("messages", f"{tenant.id}:live", message)
    if claim is not None:  # else the worker was first
        assert claim.abandoned
        ports = gateway.ports
        await Sender(services, ports.worker, ports.accounts, ports.channels).deliver(claim)
    [unknown] = await heard(tenant(), "message.unknown")
    side.let_go()
    assert unknown["subject"]["id"] == message
    assert (side.asked(message), side.accepted[message]) == (1, 1)


async def _taken(side: Side, message: str) -> bool:
    return side.accepted[message] == 1


async def test_an_unknown_channel_has_no_door(tenant: Tenant) -> None:
    (await tenant.anonymous.ask("POST", f"/hooks/nothing/{tenant.id}/", b"x=1")).refused(404, "not_found")
    (await tenant.anonymous.get(f"/hooks/fake/{tenant.id}/")).refused(403, "permission_denied")
