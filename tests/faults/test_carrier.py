"""The carrier gone, slow, refusing: what is sent is sent once, and what is not known is said to be unknown."""

from __future__ import annotations

import json
import secrets
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from pymongo import AsyncMongoClient
from pymongo.asynchronous.database import AsyncDatabase

from jinaconnect.channels.base import Refused
from jinaconnect.channels.graph import outcome
from jinaconnect.channels.pace import LONGEST_WAIT_S
from jinaconnect.outbound import Fetched
from jinaconnect.store.databases.embedded import EmbeddedMongo
from tests.carriers.meta import Behaviour, refusal
from tests.client import until
from tests.faults.carrier_side import Site, site
from tests.processes import GatewayProcess


@pytest.fixture(scope="module")
async def meta(mongod: EmbeddedMongo, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Site]:
    """A gateway that gives its carrier one second."""
    settings = {
        "JC_MONGODB__URI": mongod.uri,
        "JC_MONGODB__DATABASE": f"carrier_{secrets.token_hex(4)}",
        "JC_OUTBOUND__TIMEOUT_S": "1",
    }
    async with site(GatewayProcess(tmp_path_factory.mktemp("carrier"), settings)) as here:
        yield here


@pytest.fixture
async def database(meta: Site) -> AsyncIterator[AsyncDatabase[dict[str, Any]]]:
    """The gateway's database, to look behind the API."""
    async with AsyncMongoClient(meta.gateway.settings["JC_MONGODB__URI"], tz_aware=True) as client:
        yield client[meta.gateway.settings["JC_MONGODB__DATABASE"]]


async def test_a_dead_carrier_gets_the_message_once_it_is_back(meta: Site, database: Any) -> None:
    _, contact = await meta.customer()
    await meta.carrier.stop()
    try:
        sent = (await meta.reply(contact, "while you are away")).ok(201)

        async def put_off() -> bool:
            row = await database["messages"].find_one({"_id": sent["id"]})
            return row is not None and row["due"]["tries"] >= 1 and row["due"]["by"] is None

        await until(put_off)
        assert (await meta.message(sent["id"]))["status"] == "PENDING"
    finally:
        await meta.carrier.start()
    await meta.until_status(sent["id"], "SENT")
    assert meta.carrier.accepted[sent["id"]] == 1


async def test_a_slow_answer_leaves_it_unknown_until_a_report_tells(meta: Site) -> None:
    sender, contact = await meta.customer()
    meta.carrier.next.append(Behaviour(delay_s=3))
    sent = (await meta.reply(contact, "slow")).ok(201)
    shown = await meta.until_status(sent["id"], "UNKNOWN")
    assert shown["wa_message_id"] is None
    assert await meta.hears(meta.carrier.report(sent["id"], "sent", sender)) == 200
    await meta.until_status(sent["id"], "SENT")
    assert await meta.hears(meta.carrier.report(sent["id"], "delivered", sender)) == 200
    shown = await meta.until_status(sent["id"], "DELIVERED")
    assert shown["wa_message_id"] == meta.carrier.ids[sent["id"]]
    assert meta.carrier.accepted[sent["id"]] == 1
    assert len(meta.carrier.times_asked(sent["id"])) == 1


async def test_a_connection_reset_after_the_request_leaves_it_unknown(meta: Site) -> None:
    _, contact = await meta.customer()
    meta.carrier.next.append(Behaviour(reset=True))
    sent = (await meta.reply(contact, "cut")).ok(201)
    await meta.until_status(sent["id"], "UNKNOWN")
    # Another message makes the round trip after it: had there been a second try, it would have been due before.
    other = (await meta.reply(contact, "whole")).ok(201)
    await meta.until_status(other["id"], "SENT")
    assert len(meta.carrier.times_asked(sent["id"])) == 1


async def test_a_wait_the_carrier_names_is_kept(meta: Site) -> None:
    _, contact = await meta.customer()
    meta.carrier.next.append(refusal(429, 130429, retry_after="3"))
    sent = (await meta.reply(contact, "too fast")).ok(201)
    await meta.until_status(sent["id"], "SENT")
    first, second = meta.carrier.times_asked(sent["id"])
    assert second - first >= 3
    assert meta.carrier.accepted[sent["id"]] == 1


@pytest.mark.parametrize(
    "passing",
    [refusal(400, 131056), refusal(500, 131000), refusal(503, 2), refusal(429, None)],
    ids=["pair", "retryable", "service", "too many"],
)
async def test_a_passing_refusal_is_tried_again(meta: Site, passing: Behaviour) -> None:
    _, contact = await meta.customer()
    meta.carrier.next.extend([passing, passing])
    sent = (await meta.reply(contact, "again")).ok(201)
    await meta.until_status(sent["id"], "SENT")
    assert len(meta.carrier.times_asked(sent["id"])) == 3
    assert meta.carrier.accepted[sent["id"]] == 1


@pytest.mark.parametrize("code", [131026, 131053, 132001, 190])
async def test_a_refusal_for_good_ends_the_message_whatever_its_status(meta: Site, code: int) -> None:
    _, contact = await meta.customer()
    meta.carrier.next.append(refusal(500, code))
    sent = (await meta.reply(contact, "never")).ok(201)
    shown = await meta.until_status(sent["id"], "FAILED", "UNKNOWN")
    assert (shown["status"], shown["error_code"]) == ("FAILED", str(code))
    assert len(meta.carrier.times_asked(sent["id"])) == 1


@pytest.mark.parametrize(
    "answer",
    [
        Behaviour(status=502), Behaviour(status=500), Behaviour(status=503, retry_after="1"), Behaviour(status=504),
        Behaviour(status=408), Behaviour(status=500, code=100), Behaviour(status=500, body='{"error": {"code": true}}'),
        Behaviour(status=503, body='{"error": {"code": [2]}}'), Behaviour(status=200, body='{"messages": [{"id": 5}]}'),
        Behaviour(status=200, body="{"), Behaviour(status=502, body='{"error": "down"}'),
    ],
    ids=str,
)  # fmt: skip
async def test_an_answer_that_is_not_the_carriers_refusal_leaves_it_unknown(meta: Site, answer: Behaviour) -> None:
    _, contact = await meta.customer()
    meta.carrier.next.append(answer)
    sent = (await meta.reply(contact, "taken, and told otherwise")).ok(201)
    await meta.until_status(sent["id"], "UNKNOWN")
    # Another message makes the round trip after it: had there been a second try, it would have been due before.
    other = (await meta.reply(contact, "whole")).ok(201)
    await meta.until_status(other["id"], "SENT")
    assert len(meta.carrier.times_asked(sent["id"])) == 1
    assert meta.carrier.accepted[sent["id"]] == 1


@pytest.mark.parametrize(
    "error",
    [{"error_data": "no object"}, {"error_data": ["x"]}, {"error_data": None, "message": 5}, {"error_data": {}}],
    ids=str,
)
async def test_a_refusal_is_read_whatever_its_details_look_like(meta: Site, error: dict[str, Any]) -> None:
    _, contact = await meta.customer()
    body = json.dumps({"error": {"code": 131026, **error}})
    meta.carrier.next.append(Behaviour(accept=False, status=400, body=body))
    sent = (await meta.reply(contact, "odd")).ok(201)
    shown = await meta.until_status(sent["id"], "FAILED")
    assert shown["error_code"] == "131026"
    assert len(meta.carrier.times_asked(sent["id"])) == 1


FAR = timedelta(minutes=30)


@pytest.mark.parametrize("wait", ["1000000000000", "9" * 400, "²", "-5", "Wed, 21 Oct 2099 07:28:00 GMT"])
async def test_a_wait_beyond_all_bounds_is_bounded(meta: Site, database: Any, wait: str) -> None:
    answer = Fetched(429, {"retry-after": wait}, b'{"error": {"code": 130429}}', "")
    refused = outcome(answer)
    assert isinstance(refused, Refused)
    assert refused.again
    assert refused.retry_after is None or refused.retry_after <= LONGEST_WAIT_S
    if not wait.isascii():
        return  # not to be sent as a header
    _, contact = await meta.customer()
    meta.carrier.next.append(refusal(429, 130429, retry_after=wait))
    sent = (await meta.reply(contact, "much later")).ok(201)

    if refused.retry_after is None:  # no wait that can be read: the usual pause
        await meta.until_status(sent["id"], "SENT")
        return

    async def put_off() -> bool:
        row = await database["messages"].find_one({"_id": sent["id"]})
        return row is not None and row["due"]["by"] is None and row["due"]["at"] > row["created_at"] + FAR

    await until(put_off)
    assert (await meta.message(sent["id"]))["status"] == "PENDING"


async def test_an_outcome_that_cannot_be_stored_as_told_is_stored_plainly(meta: Site) -> None:
    _, contact = await meta.customer()
    same = json.dumps({"messages": [{"id": f"wamid.{secrets.token_hex(8)}"}]})  # the carrier's id of another message
    ids = []
    for _ in range(2):
        meta.carrier.next.append(Behaviour(body=same))
        ids.append((await meta.reply(contact, "twin")).ok(201)["id"])
        await meta.until_status(ids[-1], "SENT")
    assert [len(meta.carrier.times_asked(id)) for id in ids] == [1, 1]


async def test_a_lasting_refusal_fails_with_its_code(meta: Site) -> None:
    _, contact = await meta.customer()
    meta.carrier.next.append(refusal(400, 131026))
    sent = (await meta.reply(contact, "nobody there")).ok(201)
    shown = await meta.until_status(sent["id"], "FAILED")
    assert shown["error_code"] == "131026"
    assert len(meta.carrier.times_asked(sent["id"])) == 1
    failed = await meta.owner.wait_for_events(
        lambda seen: any(e["type"] == "message.failed" and e["subject"]["id"] == sent["id"] for e in seen)
    )
    assert [e["type"] for e in failed if e["subject"]["id"] == sent["id"]] == ["message.queued", "message.failed"]


async def test_a_bad_token_fails_with_its_code(meta: Site) -> None:
    _, contact = await meta.customer()
    good = meta.carrier.access_token
    meta.carrier.access_token = "EAAother"
    try:
        sent = (await meta.reply(contact, "expired")).ok(201)
        shown = await meta.until_status(sent["id"], "FAILED")
    finally:
        meta.carrier.access_token = good
    assert shown["error_code"] == "190"


async def test_a_report_before_the_answer_is_not_lost(meta: Site) -> None:
    sender, contact = await meta.customer()
    meta.carrier.next.append(Behaviour(delay_s=0.6))
    sent = (await meta.reply(contact, "overtaken")).ok(201)

    async def accepted() -> bool:
        return meta.carrier.accepted[sent["id"]] == 1

    await until(accepted)
    assert await meta.hears(meta.carrier.report(sent["id"], "delivered", sender)) == 200
    await meta.until_status(sent["id"], "DELIVERED")
    assert len(meta.carrier.times_asked(sent["id"])) == 1


async def test_media_waits_for_the_disk_and_the_webhook_does_not(meta: Site, database: Any) -> None:
    sender, _ = await meta.customer()
    blobs = meta.gateway.var_dir / "blobs"
    away = blobs.with_name("blobs.away")
    if blobs.exists():
        blobs.rename(away)
    blobs.write_text("not a directory")
    meta.carrier.media["9001"] = picture = secrets.token_bytes(5_000)
    caption = f"picture {secrets.token_hex(4)}"
    image = {"id": "9001", "mime_type": "image/jpeg", "caption": caption}
    assert await meta.hears(meta.carrier.inbound(sender, {"type": "image", "image": image})) == 200
    seen = await meta.owner.wait_for_events(lambda events: any(caption in str(e["data"]) for e in events))
    received = next(e for e in seen if e["type"] == "message.received" and caption in str(e["data"]))
    address = received["data"]["content"]["image"]["url"]

    async def refused() -> bool:
        row = await database["media"].find_one({"message": received["data"]["id"]})
        return row is not None and row["due"].get("waits", 0) >= 1 and row["due"]["by"] is None

    await until(refused)
    assert (await meta.session.get(meta.gateway.url + address)).status == 404
    blobs.unlink()
    if away.exists():
        away.rename(Path(blobs))

    async def fetched() -> bool:
        answer = await meta.session.get(meta.gateway.url + address)
        return answer.status == 200 and await answer.read() == picture

    await until(fetched, 40)
