"""A template of ours sent to one chat: rendered as everywhere, with its frame, its file and its buttons."""

from __future__ import annotations

from typing import Any

import pytest

from tests.channels.telegram.conftest import Bot
from tests.handlers.office.test_library import picture, send

PATH = "/telegram/v1/templates/"
ORDER = {
    "element_name": "order_sent", "content": "Dear {{name}}, order {{ number }} is on its way.", "category": "UTILITY",
}  # fmt: skip


@pytest.mark.parametrize("params", [["Ann", "47"], {"number": "47", "name": "Ann"}])
async def test_a_text_is_rendered_with_its_values_in_order_or_by_name(bot: Bot, params: Any) -> None:
    made = (await bot.tenant().post(PATH, ORDER)).ok(201)
    message = await bot.sends(5550111, template=made["id"], template_params=params)
    shown = await bot.became(message, "SENT")
    [(_, method, given)] = bot.server.sent()
    assert (method, given) == ("sendMessage", {"chat_id": 5550111, "text": "Dear Ann, order 47 is on its way."})
    assert (shown["message_type"], shown["text"]) == ("TEMPLATE", given["text"])


async def test_a_frame_and_buttons_are_filled_in_and_a_file_may_be_another(bot: Bot) -> None:
    client = bot.tenant()
    body = {
        "element_name": "spring", "template_type": "IMAGE", "example_media_url": "https://files.example/a.jpg",
        "header": "Spring, {{name}}", "content": "{{percent}} off", "footer": "Lee & Sons",
        "buttons": [{"type": "URL", "text": "See", "url": "https://shop.example/{{percent}}"},
                    {"type": "QUICK_REPLY", "text": "Yes"}],
    }  # fmt: skip
    made = (await client.post(PATH, body)).ok(201)
    other = (await send(client, "b.png", picture("PNG"))).ok(201)["id"]
    params = {"name": "Ann", "percent": "20"}
    for overrides in ({}, {"media_overrides": {"header": other}}):
        await bot.became(await bot.sends(5550111, template=made["id"], template_params=params, **overrides), "SENT")
    first, second = [given for _, _, given in bot.server.sent()]
    assert first == {
        "chat_id": 5550111, "photo": "https://files.example/a.jpg", "caption": "Spring, Ann\n\n20 off\n\nLee & Sons",
        "reply_markup": {"inline_keyboard": [[{"text": "See", "url": "https://shop.example/20"}],
                                             [{"text": "Yes", "callback_data": "Yes"}]]},
    }  # fmt: skip
    assert other in second["photo"]
    assert {**first, "photo": ""} == {**second, "photo": ""}


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"template_params": ["Ann"]}, "template_params"), ({"template_params": {"nam": "Ann"}}, "template_params"),
        ({"template_params": ["Ann", "x" * 2048], "text": "a"}, "text"), ({"parse_mode": "HTML"}, "parse_mode"),
        ({"buttons": [{"type": "QUICK_REPLY", "text": "a"}]}, "buttons"), ({"force_reply": True}, "force_reply"),
        ({"photo": "https://files.example/a.jpg"}, "template"), ({"template": "tpl_x"}, "template"),
        ({"template": None, "text": "a", "template_params": ["b"]}, "template_params"),
        ({"media_overrides": {"header": "mdl_x"}, "template_params": ["Ann", "1"]}, "media_overrides.header"),
    ],
)  # fmt: skip
async def test_what_cannot_be_sent_is_refused_by_name(bot: Bot, fields: dict[str, Any], field: str) -> None:
    made = (await bot.tenant().post(PATH, ORDER)).ok(201)
    body = {"chat_id": 5550111, "template": made["id"], **fields}
    detail = (await bot.tenant().post("/telegram/v1/messages/", body)).refused(400, "validation_error")
    assert field in detail, detail
    assert bot.server.sent() == []


async def test_one_of_another_tenant_or_platform_is_not_there(bot: Bot) -> None:
    made = (await bot.tenant().post("/rcs/v1/templates/", ORDER)).ok(201)
    detail = (
        await bot.tenant().post("/telegram/v1/messages/", {"chat_id": 1, "template": made["id"]})
    ).refused(400, "validation_error")  # fmt: skip
    assert "template" in detail
