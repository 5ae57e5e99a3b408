"""What an agent sends: every kind as RBM takes it, every answer of it, and that nothing is sent twice."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from jinaconnect.channels.base import Accepted, Outgoing, Refused, Unknown
from jinaconnect.channels.cards import fallback_text
from jinaconnect.channels.rcs_google.channel import _outcome, message_uuid
from jinaconnect.channels.rcs_google.compose import composed
from jinaconnect.core.errors import Invalid
from jinaconnect.outbound import Fetched
from jinaconnect.store.due import due_at
from tests.carriers.rbm import Behaviour
from tests.channels.rcs_google.conftest import Agent
from tests.client import until

LINK = "https://files.example/a.jpg"
ANN = "+12025550161"
SENT: list[tuple[dict[str, Any], str, dict[str, Any]]] = [
    ({"text": "We have it."}, "TEXT", {"text": "We have it."}),
    ({"media_url": LINK}, "MEDIA", {"contentInfo": {"fileUrl": LINK}}),
    (
        {"media_url": LINK, "text": "Blue", "media_height": "TALL", "thumbnail_url": LINK},
        "MEDIA",
        {"richCard": {"standaloneCard": {"cardOrientation": "VERTICAL", "cardContent": {
            "description": "Blue",
            "media": {"height": "TALL", "contentInfo": {"fileUrl": LINK, "thumbnailUrl": LINK}},
        }}}},
    ),
    (
        {"rich_card": {
            "title": "Blue", "description": "Ready", "media_url": LINK, "orientation": "HORIZONTAL",
            "suggestions": [{"type": "reply", "text": "Order", "postback_data": "order:blue"}],
        }},
        "RICH_CARD",
        {"richCard": {"standaloneCard": {
            "cardOrientation": "HORIZONTAL", "thumbnailImageAlignment": "LEFT",
            "cardContent": {
                "title": "Blue", "description": "Ready",
                "media": {"height": "MEDIUM", "contentInfo": {"fileUrl": LINK}},
                "suggestions": [{"reply": {"text": "Order", "postbackData": "order:blue"}}],
            },
        }}},
    ),
    (
        {"carousel": {"card_width": "SMALL", "cards": [{"title": "Blue"}, {"description": "Red", "media_url": LINK}]}},
        "CAROUSEL",
        {"richCard": {"carouselCard": {"cardWidth": "SMALL", "cardContents": [
            {"title": "Blue"},
            {"description": "Red", "media": {"height": "MEDIUM", "contentInfo": {"fileUrl": LINK}}},
        ]}}},
    ),
    (
        {"text": "How?", "suggestions": [
            {"type": "reply", "text": "By post"},
            {"type": "url", "text": "See", "url": "https://shop.example/", "postback_data": "see"},
            {"type": "phone", "text": "Call", "phone": "+12025550100"},
            {"type": "location", "text": "Find us", "latitude": 1.5, "longitude": 2, "label": "Shop"},
            {"type": "share_location", "text": "I am here"},
            {"type": "calendar", "text": "Note", "start_time": "2026-12-01T10:00:00Z",
             "end_time": "2026-12-01T11:00:00Z", "title": "Visit"},
        ]},
        "TEXT",
        {"text": "How?", "suggestions": [
            {"reply": {"text": "By post", "postbackData": "By post"}},
            {"action": {"text": "See", "postbackData": "see", "openUrlAction": {"url": "https://shop.example/"}}},
            {"action": {"text": "Call", "postbackData": "Call", "dialAction": {"phoneNumber": "+12025550100"}}},
            {"action": {"text": "Find us", "postbackData": "Find us", "viewLocationAction": {
                "latLong": {"latitude": 1.5, "longitude": 2.0}, "label": "Shop"}}},
            {"action": {"text": "I am here", "postbackData": "I am here", "shareLocationAction": {}}},
            {"action": {"text": "Note", "postbackData": "Note", "createCalendarEventAction": {
                "startTime": "2026-12-01T10:00:00.000Z", "endTime": "2026-12-01T11:00:00.000Z", "title": "Visit"}}},
        ]},
    ),
]  # fmt: skip


@pytest.mark.parametrize(("body", "kind", "wanted"), SENT, ids=[f"{n}{row[1]}" for n, row in enumerate(SENT)])
async def test_each_kind_is_sent_as_rbm_takes_it(
    agent: Agent, body: dict[str, Any], kind: str, wanted: dict[str, Any]
) -> None:
    message = await agent.sends(ANN, **body)
    shown = await agent.became(message, "SENT")
    [(id, taken)] = agent.server.messages.items()
    assert id == shown["provider_message_id"] == message_uuid(message)
    assert taken == {"number": ANN, "contentMessage": wanted, "messageTrafficType": "TRANSACTION"}
    assert (shown["message_type"], shown["to_phone"], shown["traffic_type"]) == (kind, ANN, "TRANSACTION")


async def test_a_time_to_live_and_the_kind_of_traffic_go_along(agent: Agent) -> None:
    await agent.became(await agent.sends(ANN, text="x", ttl=600, traffic_type="PROMOTION"), "SENT")
    [taken] = agent.server.messages.values()
    assert (taken["ttl"], taken["messageTrafficType"]) == ("600s", "PROMOTION")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"text": "x"}, "phone"),
        ({"phone": ANN, "contact_id": "cnt_x", "text": "x"}, "phone"),
        ({"phone": ANN}, "text"),
        ({"phone": "anna", "text": "x"}, "phone"),
        ({"phone": ANN, "text": "x" * 3073}, "text"),
        ({"phone": ANN, "text": "x", "rich_card": {"title": "y"}}, "text"),
        ({"phone": ANN, "media_url": LINK, "rich_card": {"title": "y"}}, "rich_card"),
        ({"phone": ANN, "rich_card": {"orientation": "VERTICAL"}}, "rich_card"),
        ({"phone": ANN, "rich_card": {"title": "x" * 201}}, "rich_card.title"),
        ({"phone": ANN, "carousel": {"cards": [{"title": "one"}]}}, "carousel.cards"),
        ({"phone": ANN, "text": "x", "suggestions": [{"type": "reply", "text": "y" * 26}]}, "suggestions.0.text"),
        ({"phone": ANN, "text": "x", "suggestions": [{"type": "url", "text": "y"}]}, "suggestions.0"),
        ({"phone": ANN, "text": "x", "suggestions": [{"type": "reply", "text": "y"}] * 12}, "suggestions"),
        ({"phone": ANN, "text": "x", "ttl": 5}, "ttl"),
        ({"phone": ANN, "text": "x", "traffic_type": "SPAM"}, "traffic_type"),
        ({"phone": ANN, "text": "x", "app_id": "wap_x"}, "app_id"),
        ({"contact_id": "cnt_x", "text": "x"}, "contact_id"),
        ({"phone": ANN, "media_url": LINK, "media_type": "audio", "text": "x"}, "content.audio.caption"),
    ],
)
async def test_a_request_that_cannot_be_sent_names_its_field(agent: Agent, body: dict[str, Any], field: str) -> None:
    assert field in (await agent.tenant().post("/rcs/v1/messages/", body)).refused(400, "validation_error")
    assert agent.server.messages == {}


@pytest.mark.parametrize(
    ("content", "field"),
    [
        ({"type": "order", "order": {}}, "content.type"),
        ({"type": "sticker", "sticker": {"url": LINK}}, "content.type"),
        ({"type": "text", "body": {"text": " "}}, "content.body.text"),
        ({"type": "text", "body": {"text": "x"}, "header": {"image": {"url": LINK}}}, "content.header"),
        ({"type": "image", "image": {"url": "/media/med_x/"}}, "content.image.url"),
        ({"type": "rcs_rich_card", "rcs_rich_card": {}}, "content.rcs_rich_card"),
        ({"type": "rcs_rich_card", "rcs_rich_card": "x"}, "content.rcs_rich_card"),
        ({"type": "rcs_rich_card", "rcs_rich_card": {"title": 7}}, "content.rcs_rich_card.title"),
        ({"type": "cards", "cards": [{"image": {"url": LINK}, "buttons": []}]}, "content.cards"),
        ({"type": "location", "location": {"latitude": 91, "longitude": 0}}, "content.location.latitude"),
    ],
)
def test_what_rcs_cannot_show_is_named(content: dict[str, Any], field: str) -> None:
    with pytest.raises(Invalid) as error:
        composed(Outgoing(content))
    assert list(error.value.detail) == [field]


def test_cards_of_the_inbox_are_a_carousel_and_a_place_is_shown_on_the_map() -> None:
    card = {"image": {"url": LINK}, "body": {"text": "Blue"}, "buttons": [{"type": "quick_reply", "text": "Order"}]}
    wire = composed(Outgoing({"type": "cards", "cards": [card, card]})).wire["contentMessage"]
    [first, _] = wire["richCard"]["carouselCard"]["cardContents"]
    assert first == {
        "description": "Blue", "media": {"height": "MEDIUM", "contentInfo": {"fileUrl": LINK}},
        "suggestions": [{"reply": {"text": "Order", "postbackData": "Order"}}],
    }  # fmt: skip
    place = {"latitude": 1.5, "longitude": 2, "name": "Shop"}
    wire = composed(Outgoing({"type": "location", "location": place})).wire["contentMessage"]
    assert wire["text"] == "Shop"
    assert wire["suggestions"][0]["action"]["viewLocationAction"]["latLong"] == {"latitude": 1.5, "longitude": 2}


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ({"type": "text", "body": {"text": "Hello"}}, "Hello"),
        ({"type": "image", "image": {"url": LINK, "caption": "Blue"}}, f"Blue\n{LINK}"),
        ({"type": "rcs_rich_card", "rcs_rich_card": {"title": "T", "description": "D", "media": {"url": LINK}}},
         f"T\nD\n{LINK}"),
        ({"type": "cards", "cards": [{"title": "A"}, {"title": "B", "description": "C"}]}, "A\nB\nC"),
    ],
)  # fmt: skip
def test_what_a_text_message_says_in_its_place(content: dict[str, Any], text: str) -> None:
    assert fallback_text(content) == text


def told(status: int, name: str = "", message: str = "x", **headers: str) -> Fetched:
    body = b'{"error":{"code":%d,"status":"%s","message":"%s"}}' % (status, name.encode(), message.encode())
    return Fetched(status, headers, body, "")


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (told(404, "NOT_FOUND"), Refused("NOT_FOUND", "x", cause="unreachable")),
        (told(400, "INVALID_ARGUMENT"), Refused("INVALID_ARGUMENT", "x")),
        (told(401, "UNAUTHENTICATED"), Refused("UNAUTHENTICATED", "x", cause="auth")),
        (told(403, "PERMISSION_DENIED"), Refused("PERMISSION_DENIED", "x", cause="auth")),
        (told(403, "PERMISSION_DENIED", "The agent is not launched"),
         Refused("PERMISSION_DENIED", "The agent is not launched")),
        (told(429, "RESOURCE_EXHAUSTED", **{"retry-after": "7"}),
         Refused("RESOURCE_EXHAUSTED", "x", again=True, retry_after=7.0, cause="rate")),
        (told(409, "ALREADY_EXISTS"), Accepted("id")),
        (Fetched(200, {}, b"{}", ""), Accepted("id")),
    ],
)  # fmt: skip
def test_each_answer_says_what_it_means(answer: Fetched, outcome: Any) -> None:
    assert _outcome(answer, "id") == outcome


@pytest.mark.parametrize("status", [408, 500, 502, 503, 504])
def test_what_may_have_been_taken_is_not_known(status: int) -> None:
    assert isinstance(_outcome(told(status, "UNAVAILABLE"), "id"), Unknown)


async def test_an_answer_that_was_lost_is_asked_for_again_under_the_same_id(agent: Agent) -> None:
    agent.server.next += [Behaviour(reset=True), Behaviour(status=503, name="UNAVAILABLE")]
    message = await agent.sends(ANN, text="once")
    await agent.became(message, "SENT")
    id = message_uuid(message)
    assert list(agent.server.messages) == [id]
    assert (agent.server.asked[id], agent.server.repeated[id]) == (3, 1), "Google took it once"


async def test_a_process_that_died_while_it_asked_asks_again(agent: Agent) -> None:
    """The row stands as such a process leaves it: claimed, by somebody who is no more."""
    message = await agent.sends(ANN, text="x")
    await agent.became(message, "SENT")
    services, id = agent.gateway.services, message_uuid(message)
    again = {
        "status": "PENDING", "carrier_id": None, "sent_at": None, "request": {"contentMessage": {"text": "x"}},
        "due": {**due_at(services.clock() - timedelta(seconds=1)), "by": "elsewhere:1:x", "tries": 1},
    }  # fmt: skip
    await services.store.raw("messages").update_one({"_id": message}, {"$set": again})
    agent.gateway.ports.worker.run_now("messages", f"{agent.tenant.id}:live", message)
    await agent.heard("message.sent", 2)
    assert (agent.server.asked[id], agent.server.repeated[id]) == (2, 1)


async def test_who_is_not_on_rcs_is_noted(agent: Agent) -> None:
    agent.server.not_on_rcs.add(ANN)
    failed = await agent.became(await agent.sends(ANN, text="x"), "FAILED")
    assert (failed["error_code"], failed["fallback_sms"]) == ("NOT_FOUND", None), "there is no SMS app"
    await agent.heard("contact.updated")
    contact = (await agent.tenant().get(f"/contacts/{failed['contact']}/")).ok()
    assert list(contact["unreachable"]) == ["RCS"]


async def test_a_key_that_is_refused_is_told_of_the_agent(agent: Agent) -> None:
    agent.server.email = "somebody-else@shop.iam.gserviceaccount.com"
    await agent.became(await agent.sends(ANN, text="x"), "FAILED")
    [reported] = await agent.heard("account.reported")
    assert (reported["subject"]["id"], reported["data"]["kind"]) == (agent.id, "authentication")


async def test_a_token_is_kept_and_renewed_when_it_is_refused(agent: Agent) -> None:
    for n in range(3):
        await agent.became(await agent.sends(ANN, text=str(n)), "SENT")
    assert agent.server.granted == 1
    agent.server.tokens.clear()
    await agent.became(await agent.sends(ANN, text="refused"), "SENT")
    await agent.became(await agent.sends(ANN, text="renewed"), "SENT")
    assert agent.server.granted == 2


@pytest.mark.parametrize(
    "answer",
    [
        (503, {"error": "internal_failure"}, {"Retry-After": "1"}), (500, "<html>", {}), (200, "<html>", {}),
        (429, {"error": "rate_limited"}, {"Retry-After": "1"}), (403, "<html>", {}), (400, {"error": "other"}, {}),
    ],
)  # fmt: skip
async def test_where_there_is_no_token_for_a_moment_the_message_goes_after_it(agent: Agent, answer: Any) -> None:
    agent.server.ungranted.append(answer)
    message = await agent.sends(ANN, text="x")
    await agent.became(message, "SENT", "FAILED")
    assert [event for event in await agent.tenant().events() if event["type"] == "account.reported"] == []
    assert (await agent.tenant().get(f"/rcs/v1/messages/{message}/")).ok()["status"] == "SENT"


async def test_a_wait_that_is_asked_for_at_the_tokens_is_kept(agent: Agent) -> None:
    agent.server.ungranted.append((429, {"error": "rate_limited"}, {"Retry-After": "600"}))
    message, rows = await agent.sends(ANN, text="x"), agent.gateway.services.store.raw("messages")

    async def waits() -> bool:
        row = await rows.find_one({"_id": message})
        return row is not None and row["due"]["at"] - row["created_at"] > timedelta(seconds=500)

    await until(waits)


@pytest.mark.parametrize("error", ["invalid_grant", "invalid_client"])
async def test_a_key_that_google_does_not_take_is_told_of_the_agent(agent: Agent, error: str) -> None:
    agent.server.ungranted.append((401, {"error": error}, {}))
    await agent.became(await agent.sends(ANN, text="x"), "FAILED")
    await agent.heard("account.reported")


async def test_whoever_asks_is_told_that_there_is_no_token(agent: Agent) -> None:
    message = await agent.sends(ANN, text="x")
    await agent.became(message, "SENT")
    agent.server.tokens.clear()
    agent.server.ungranted.append((503, "<html>", {}))
    answer = await agent.tenant().post(f"/rcs/v1/messages/{message}/revoke/")
    assert "gives no token" in str(answer.body)
    assert answer.status == 502


async def test_a_message_is_taken_back(agent: Agent) -> None:
    message = await agent.sends(ANN, text="x")
    await agent.became(message, "SENT")
    shown = (await agent.tenant().post(f"/rcs/v1/messages/{message}/revoke/")).ok()
    assert shown["status"] == "REVOKED"
    assert agent.server.revoked == [message_uuid(message)]
    (await agent.posts(agent.server.reported(ANN, message_uuid(message), "READ"))).ok()
    await agent.heard("message.read")
    (await agent.tenant().post(f"/rcs/v1/messages/{message}/revoke/")).refused(400, "invalid_state")
    assert (await agent.tenant().get(f"/rcs/v1/messages/{message}/")).ok()["status"] == "READ"


async def test_who_is_on_rcs_is_asked_once_a_week(agent: Agent) -> None:
    bo = "+12025550162"
    agent.server.not_on_rcs.add(bo)
    contact = (await agent.tenant().post("/contacts/", {"phone": bo})).ok(201)["id"]
    answers = [
        (await agent.tenant().post("/rcs/v1/capability-check/", {"phones": [ANN, bo, ANN]})).ok()
        for _ in range(2)
    ]
    assert answers[0] == answers[1]
    assert [(row["phone"], row["is_rcs_enabled"], row["features"]) for row in answers[0]] == [
        (ANN, True, ["RICHCARD_STANDALONE", "ACTION_DIAL"]), (bo, False, []),
    ]  # fmt: skip
    assert agent.server.checks == [[ANN], [bo]]
    shown = (await agent.tenant().get(f"/contacts/{contact}/")).ok()
    assert (shown["rcs_capable"], shown["rcs_checked_at"]) == (False, answers[0][1]["checked_at"])
    many = [f"+1202555{n:04}" for n in range(600)]
    assert len((await agent.tenant().post("/rcs/v1/capability-check/", {"phones": many})).ok()) == 600
    assert [len(asked) for asked in agent.server.checks] == [1, 1, 598]
