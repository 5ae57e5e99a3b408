"""Templates that are cards: written within RBM's limits, looked at, sent one by one and by broadcasts."""

from __future__ import annotations

from typing import Any

import aiohttp
import pytest

from tests.carriers.rbm import RbmServer
from tests.channels.rcs_google.conftest import Agent, agent
from tests.client import until
from tests.handlers.office.test_library import picture, send

__all__ = ["agent"]
PATH = "/rcs/v1/templates/"
LINK = "https://files.example/{{colour}}.jpg"
CAROUSEL = {
    "element_name": "Two colours", "card_width": "SMALL", "category": "UTILITY",
    "rich_cards": [
        {"order": 2, "title": "Or in blue", "description": "The last one"},
        {"order": 1, "title": "In {{colour}}, {{first_name}}", "media_url": LINK, "media_height": "TALL",
         "suggestions": [{"type": "reply", "text": "I take {{colour}}", "postback_data": "take:{{colour}}"},
                         {"type": "url", "text": "See", "url": "https://shop.example/{{colour}}"}]},
    ],
}  # fmt: skip
FILLED: dict[str, Any] = {
    "title": "In red, Ann", "media": {"height": "TALL", "contentInfo": {"fileUrl": "https://files.example/red.jpg"}},
    "suggestions": [
        {"reply": {"text": "I take red", "postbackData": "take:red"}},
        {"action": {"text": "See", "postbackData": "See", "openUrlAction": {"url": "https://shop.example/red"}}},
    ],
}  # fmt: skip
PAIR = [FILLED, {"title": "Or in blue", "description": "The last one"}]
ONE = {"element_name": "one", "category": "UTILITY", "orientation": "HORIZONTAL",
       "rich_cards": [{"title": "For {{1}}"}], "buttons": [{"type": "QUICK_REPLY", "text": "Thanks"}]}  # fmt: skip


def sent(server: RbmServer) -> list[dict[str, Any]]:
    return [body["contentMessage"] for body in server.messages.values()]


async def test_a_carousel_is_written_looked_at_and_sent_to_one(agent: Agent) -> None:
    client = agent.tenant()
    made = (await client.post(PATH, CAROUSEL)).ok(201)
    assert (made["template_type"], made["status"], made["card_width"]) == ("CAROUSEL", "APPROVED", "SMALL")
    assert [card["title"] for card in made["rich_cards"]] == ["In {{colour}}, {{first_name}}", "Or in blue"]
    assert made["placeholders"] == ["colour", "first_name"]
    shown = (await client.post(f"{PATH}{made['id']}/preview/", {"params": {"first_name": "Ann"}})).ok()
    assert shown["cards"][0]["title"] == "In [colour], Ann"
    assert shown["cards"][0]["suggestions"][1]["url"] == "https://shop.example/[colour]"
    lacking = {"phone": "+12025550161", "template": made["id"], "template_params": {"colour": "red"}}
    detail = (await client.post("/rcs/v1/messages/", lacking)).refused(400, "validation_error")
    assert "first_name" in str(detail["template_params"])
    id = await agent.sends("+12025550161", template=made["id"], template_params={"colour": "red", "first_name": "Ann"})
    assert (await agent.became(id, "SENT"))["message_type"] == "CAROUSEL"
    assert sent(agent.server) == [{"richCard": {"carouselCard": {"cardWidth": "SMALL", "cardContents": PAIR}}}]


async def test_one_card_with_suggestions_below_takes_values_in_their_order(agent: Agent) -> None:
    made = (await agent.tenant().post(PATH, ONE)).ok(201)
    assert made["template_type"] == "RICH_CARD"
    id = await agent.sends("+12025550161", template=made["id"], template_params=["Ann"])
    await agent.became(id, "SENT")
    [content] = sent(agent.server)
    assert content["richCard"]["standaloneCard"]["cardContent"] == {"title": "For Ann"}
    assert content["suggestions"] == [{"reply": {"text": "Thanks", "postbackData": "Thanks"}}]
    long = {"phone": "+12025550162", "template": made["id"], "template_params": ["x" * 200]}
    detail = (await agent.tenant().post("/rcs/v1/messages/", long)).refused(400, "validation_error")
    assert list(detail) == ["rich_cards.0.title"]


@pytest.mark.parametrize("by_template", [True, False])
async def test_a_broadcast_fills_each_card_in_for_each(agent: Agent, by_template: bool) -> None:
    client = agent.tenant()
    for number, name in (("+12025550161", "Ann"), ("+12025550162", "Bo")):
        (await client.post("/contacts/", {"phone": number, "first_name": name})).ok(201)
    body: dict[str, Any] = {"name": "Colours", "status": "QUEUED", "select_all": True, "category": "UTILITY"}
    if by_template:
        body["template_number"] = (await client.post(PATH, {**CAROUSEL, "category": "UTILITY"})).ok(201)["number"]
        body["placeholder_data"] = {"colour": "red"}
    else:
        cards = sorted(CAROUSEL["rich_cards"], key=lambda card: card["order"])  # type: ignore[index]
        body["placeholder_data"] = {"colour": "red", "carousel": {"card_width": "SMALL", "cards": cards}}
    id = (await client.post("/rcs/v1/broadcast/", body)).ok(201)["id"]

    async def over() -> bool:
        return bool((await client.get(f"/broadcast/{id}/")).ok()["sent_count"] == 2)

    await until(over, within_s=60)
    firsts = [content["richCard"]["carouselCard"]["cardContents"][0] for content in sent(agent.server)]
    assert sorted(first["title"] for first in firsts) == ["In red, Ann", "In red, Bo"]
    assert FILLED in firsts


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"rich_cards": [{"title": "x" * 201}]}, "rich_cards.0.title"),
        ({"rich_cards": [{"description": "x" * 2001}]}, "rich_cards.0.description"),
        ({"rich_cards": [{"media_height": "TALL"}]}, "rich_cards.0"),
        ({"rich_cards": [{"title": "a", "media_height": "HUGE"}]}, "rich_cards.0.media_height"),
        ({"rich_cards": [{"title": "a", "media_url": "file:///etc/passwd"}]}, "rich_cards.0.media_url"),
        ({"rich_cards": [{"title": "a", "suggestions": [{"type": "reply", "text": "b"}] * 5}]},
         "rich_cards.0.suggestions"),
        ({"rich_cards": [{"title": "a", "suggestions": [{"type": "phone", "text": "b"}]}]},
         "rich_cards.0.suggestions.0"),
        ({"rich_cards": [{"title": "a"}] * 11}, "rich_cards"),
        ({"rich_cards": []}, "rich_cards"),
        ({"rich_cards": [{"title": "a"}], "template_type": "CAROUSEL"}, "rich_cards"),
        ({"rich_cards": [{"title": "a"}] * 2, "template_type": "RICH_CARD"}, "rich_cards"),
        ({"rich_cards": [{"title": "a"}], "template_type": "TEXT", "content": "a"}, "rich_cards"),
        ({"rich_cards": [{"title": "a"}], "content": "b"}, "content"),
        ({"rich_cards": [{"title": "a"}], "orientation": "ROUND"}, "orientation"),
        ({"rich_cards": [{"description": "é" * 2000}] * 10}, "rich_cards"),
        ({"template_type": "CAROUSEL"}, "rich_cards"),
    ],
)  # fmt: skip
async def test_what_rbm_would_not_take_is_refused_by_name(agent: Agent, fields: dict[str, Any], field: str) -> None:
    client = agent.tenant()
    detail = (await client.post(PATH, {"element_name": "wrong", **fields})).refused(400, "validation_error")
    assert field in detail, detail
    assert (await client.get(PATH)).ok()["count"] == 0


async def test_cards_are_changed_within_their_type_and_only_where_there_are_any(agent: Agent) -> None:
    client = agent.tenant()
    made = (await client.post(PATH, CAROUSEL)).ok(201)
    (await client.patch(f"{PATH}{made['id']}/", {"rich_cards": [{"title": "a"}]})).refused(400, "validation_error")
    changed = (await client.patch(f"{PATH}{made['id']}/", {"rich_cards": [{"title": "a"}, {"title": "b"}]})).ok()
    assert [card["title"] for card in changed["rich_cards"]] == ["a", "b"]
    types = {row["value"] for row in (await client.get(f"{PATH}types/")).ok()["results"]}
    assert {"RICH_CARD", "CAROUSEL"} <= types
    for query in ("category=MARKETING&sub_category=CAROUSEL", "category=marketing&sub_category=carousel"):
        rules = (await client.get(f"{PATH}button-types/?{query}")).ok()["results"]
        assert [rule["max_buttons_per_card"] for rule in rules] == [4]
    there = {row["value"] for row in (await client.get("/telegram/v1/templates/types/")).ok()["results"]}
    assert "CAROUSEL" not in there


async def test_a_cards_file_is_uploaded_or_named_for_one_send(agent: Agent) -> None:
    client = agent.tenant()
    pair = [{"title": "a", "media_url": "https://files.example/a.jpg"}, {"title": "b"}]
    made = (await client.post(PATH, {"element_name": "pair", "category": "UTILITY", "rich_cards": pair})).ok(201)
    form = aiohttp.FormData()
    form.add_field("file", picture("PNG"), filename="b.png", content_type="image/png")
    form.add_field("card_index", "1")
    given = (await client.ask("POST", f"{PATH}{made['id']}/upload-media/", data=form)).ok()
    assert (given["handle_id"], given["provider"], given["stored_on"]) == (None, None, "card:1")
    shown = (await client.get(f"{PATH}{made['id']}/")).ok()
    assert shown["card_media_details"][1]["media_url"] == given["tenant_media_url"]
    assert shown["card_media"] == [given["tenant_media_id"]]
    other = (await send(client, "a.png", picture("PNG"))).ok(201)["id"]
    for place in ("2", "²", "9" * 5000):
        wrong = {"phone": "+12025550161", "template": made["id"], "media_overrides": {"cards": {place: other}}}
        answer = await client.post("/rcs/v1/messages/", wrong)
        assert f"media_overrides.cards.{place}" in answer.refused(400, "validation_error")
    id = await agent.sends("+12025550161", template=made["id"], media_overrides={"cards": {"0": other}})
    await agent.became(id, "SENT")
    cards = sent(agent.server)[0]["richCard"]["carouselCard"]["cardContents"]
    assert [each in card["media"]["contentInfo"]["fileUrl"] for each, card in
            zip((other, given["tenant_media_id"]), cards, strict=True)] == [True, True]  # fmt: skip
