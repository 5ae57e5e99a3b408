"""What customers write, in the general form that an inbound service may post."""

from __future__ import annotations

from typing import Any

import pytest

from tests.channels.indian import Indian


@pytest.mark.parametrize(
    ("form", "told"),
    [
        ({"from": "9876543210", "to": "ACMEIN", "message": "Do you have it?", "message_id": "m1"}, None),
        (None, {"from": "919876543210", "to": "ACMEIN", "text": "Do you have it?", "id": "m1"}),
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
    (await sms.posts(sms.app["webhook_url"], told={"from": "9876543210", "id": "m1"})).ok()
    [received] = await sms.heard("message.received")
    assert received["data"]["content"]["body"]["text"] == "unsupported: a message without text"
    (await sms.posts(sms.app["webhook_url"], told={"text": "hi"})).ok()
    await sms.heard("webhook.failed")


async def test_the_quick_route_confirms_a_stop(sms: Indian) -> None:
    route = {"provider_credentials": {"route": "q"}}
    (await sms.tenant().patch(f"/sms/v1/apps/{sms.app['id']}/", route)).ok()
    (await sms.posts(sms.app["webhook_url"], told={"from": "9876543210", "text": "stop", "id": "m1"})).ok()
    await sms.heard("message.sent")
    assert "unsubscribed" in sms.server.requests[0]["message"]
    (await sms.sends()).refused(400, "opted_out")
