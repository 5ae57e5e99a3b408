"""What customers write, as MSG91 posts it, in whichever fields its panel was set to."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.channels.indian import Indian


@pytest.mark.parametrize(
    ("form", "told"),
    [
        ({"mobile": "919876543210", "sender": "56161", "message": "Do you have it?", "msg_id": "m1"}, None),
        (None, {"sender": "919876543210", "message": "Do you have it?", "datetime": "2024-05-22 10:06:20"}),
        (None, {"from": "+919876543210", "text": "Do you have it?"}),
    ],
)
async def test_a_text_comes_once(sms: Indian, form: Any, told: Any) -> None:
    for _ in range(3):
        assert (await sms.posts(sms.app["webhook_url"], form, told)).ok() == {"ok": True}
    [received] = await sms.heard("message.received")
    assert received["data"]["content"]["body"]["text"] == "Do you have it?"
    [contact] = (await sms.tenant().get("/contacts/")).ok()["results"]
    assert contact["phone"] == "+919876543210"


async def test_what_says_nothing_shows_and_what_names_nobody_is_kept(sms: Indian) -> None:
    (await sms.posts(sms.app["webhook_url"], {"mobile": "919876543210", "msg_id": "m1"})).ok()
    [received] = await sms.heard("message.received")
    assert received["data"]["content"]["body"]["text"] == "unsupported: a message without text"
    (await sms.posts(sms.app["webhook_url"], {"message": "hi"})).ok()
    (await sms.posts(sms.app["webhook_url"], told=[1])).ok()
    failed = await sms.heard("webhook.failed", 2)
    assert sms.app["webhook_secret"] not in json.dumps(failed)


async def test_stop_is_noted_where_no_answer_can_be_sent(sms: Indian) -> None:
    (await sms.posts(sms.app["webhook_url"], {"mobile": "919876543210", "message": "STOP", "msg_id": "m1"})).ok()
    await sms.heard("contact.updated")
    (await sms.sends()).refused(400, "opted_out")
    (await sms.posts(sms.app["webhook_url"], {"mobile": "919876543210", "message": "Start", "msg_id": "m2"})).ok()
    await sms.heard("contact.updated", 2)
    (await sms.sends()).ok(201)
