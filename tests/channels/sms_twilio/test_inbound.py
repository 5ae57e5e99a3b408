"""What customers write, as Twilio posts it: texts, files, short codes, and the words that stop and start."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.channels.sms_twilio.conftest import Sms
from tests.client import until


async def test_a_text_makes_a_conversation_and_comes_once(sms: Sms) -> None:
    form = await sms.writes("+12025550111", "Do you have it in blue?")
    for _ in range(3):
        assert (await sms.posts(form)).body == b"<Response/>"
    [received] = await sms.heard("message.received")
    assert received["data"]["content"] == {"type": "text", "body": {"text": "Do you have it in blue?"}}
    assert (received["data"]["platform"], received["data"]["external_message_id"]) == ("SMS", form["MessageSid"])
    [contact] = (await sms.tenant().get("/contacts/")).ok()["results"]
    assert (contact["phone"], contact["source"]) == ("+12025550111", "SMS")
    [listed] = (await sms.tenant().get("/sms/v1/messages/")).ok()["results"]
    assert (listed["direction"], listed["status"], listed["from_number"]) == ("INBOUND", "RECEIVED", "+12025550111")
    row = await sms.gateway.services.store.of(sms.tenant.id, "live").get("messages", listed["id"])
    assert row["raw"]["Body"] == form["Body"], "the carrier's own form is kept"


async def test_files_are_fetched_with_the_accounts_credentials(sms: Sms) -> None:
    sms.server.files.update({"1": ("image/jpeg", b"blue"), "2": ("text/vcard", b"BEGIN:VCARD")})
    files = {"NumMedia": "2", "MediaUrl0": f"{sms.server.url}/files/1", "MediaContentType0": "image/jpeg",
             "MediaUrl1": f"{sms.server.url}/files/2", "MediaContentType1": "text/vcard"}  # fmt: skip
    form = await sms.writes("+12025550111", "Like this", **files)
    received = await sms.heard("message.received", 2)
    kinds = [event["data"]["content"]["type"] for event in received]
    assert kinds == ["image", "document"]
    assert received[0]["data"]["content"]["image"]["caption"] == "Like this"
    assert [event["data"]["external_message_id"] for event in received] == [
        form["MessageSid"], form["MessageSid"] + ":1",
    ]  # fmt: skip
    place = received[0]["data"]["content"]["image"]["url"]

    async def fetched() -> bool:
        return (await sms.tenant().get(place)).status == 200

    await until(fetched)
    assert (await sms.tenant().get(place)).body == b"blue"
    doc = await sms.gateway.services.store.of(sms.tenant.id, "live").get("contacts", received[0]["contact_id"])
    assert doc["chat"]["unread"] == 1, "one MMS is one message to whoever waits"


@pytest.mark.parametrize(
    ("sender", "text"), [("22395", "Your code is 1"), ("ACME", "hi"), ("+12025550111", ""), ("+999", "odd")]
)
async def test_whoever_wrote_and_whatever_it_shows(sms: Sms, sender: str, text: str) -> None:
    await sms.writes(sender, text)
    [received] = await sms.heard("message.received")
    shown = received["data"]["content"]["body"]["text"]
    assert shown == (text or "unsupported: a message without text and files")
    [chat] = (await sms.tenant().get("/team-inbox/api/messages/")).ok()["results"]
    assert chat["id"] == received["subject"]["id"]


async def test_what_names_no_writer_is_kept_as_it_came(sms: Sms) -> None:
    form = sms.server.written("", "hello")
    assert (await sms.posts(form)).status == 200
    [failed] = await sms.heard("webhook.failed")
    assert "names its id and its writer" in failed["data"]["reason"]


async def stopped(sms: Sms) -> list[str]:
    [contact] = (await sms.tenant().get("/contacts/")).ok()["results"]
    return list(contact["opt_outs"])


def bodies(sms: Sms) -> list[str]:
    return [request["Body"] for request in sms.server.requests]


@pytest.mark.parametrize("word", ["STOP", " stop. ", "Stopall", "quit", "END", "opt out", "OptOut!", "unsubscribe"])
async def test_a_word_stops_and_is_confirmed_once(sms: Sms, word: str) -> None:
    await sms.writes("+12025550111", "hello")
    form = await sms.writes("+12025550111", word)
    await sms.heard("message.sent")
    assert await stopped(sms) == ["SMS"]
    await sms.posts(form)
    await sms.writes("+12025550111", word)
    await sms.heard("message.received", 3)
    (await sms.sends()).refused(400, "opted_out")
    assert len(bodies(sms)) == 1, "one confirmation at most"
    assert "unsubscribed" in bodies(sms)[0]


async def test_start_undoes_and_help_is_answered(sms: Sms) -> None:
    await sms.writes("+12025550111", "stop")
    await sms.heard("message.sent")
    await sms.writes("+12025550111", "UNSTOP")
    await sms.heard("message.sent", 2)
    assert await stopped(sms) == []
    (await sms.sends()).ok(201)
    form = await sms.writes("+12025550111", "Info?")
    await asyncio.gather(*(sms.posts(form) for _ in range(3)))
    await sms.heard("message.sent", 4)
    assert [text.partition(": ")[2][:12] for text in bodies(sms)] == [
        "You are unsu", "You will get", "", "Reply to thi",
    ]  # fmt: skip


@pytest.mark.parametrize("text", ["please stop calling", "stop it", "start the car", "help me with this", "ends"])
async def test_a_word_among_others_is_a_message(sms: Sms, text: str) -> None:
    await sms.writes("+12025550111", text)
    await sms.heard("message.received")
    assert await stopped(sms) == []
    assert bodies(sms) == []


async def test_what_twilio_answered_itself_is_noted_and_not_answered_twice(sms: Sms) -> None:
    await sms.writes("+12025550111", "Stop", OptOutType="STOP")
    await sms.heard("contact.updated")
    assert await stopped(sms) == ["SMS"]
    await sms.writes("+12025550111", "start", OptOutType="START")
    await sms.heard("contact.updated", 2)
    assert await stopped(sms) == []
    await sms.writes("+12025550111", "help", OptOutType="HELP")
    await sms.heard("message.received", 3)
    assert bodies(sms) == []


async def test_messages_of_many_at_once_come_each_once(sms: Sms) -> None:
    forms = [sms.server.written(f"+1202555{1000 + n}", f"text {n % 4}") for n in range(24)]
    answers: list[Any] = await asyncio.gather(*(sms.posts(form) for form in forms * 2))
    assert {answer.status for answer in answers} == {200}
    received = await sms.heard("message.received", 24)
    assert len({event["data"]["external_message_id"] for event in received}) == len(received) == 24
