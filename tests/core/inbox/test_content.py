"""The content schema: each kind, and each fault by its path."""

from __future__ import annotations

from typing import Any

import pytest

from jinaconnect.core.errors import Invalid
from jinaconnect.core.inbox.content import check_content

URL = "https://files.example/a.jpg"
LONG = {"text": "\u20ac" * 4096}
REPLY = {"type": "quick_reply", "text": "Yes"}


@pytest.mark.parametrize(
    "content",
    [
        {"type": "text", "body": {"text": "hi"}},
        {
            "type": "text",
            "body": {"text": "hi"},
            "header": {"text": "H"},
            "footer": {"text": "F"},
            "buttons": [
                REPLY,
                {"type": "url", "text": "Go", "url": URL},
                {"type": "call", "text": "Call", "phone": "+12025550111"},
            ],
        },
        {"type": "image", "image": {"url": URL, "caption": "c"}},
        {"type": "video", "video": {"url": URL}, "body": {"text": "b"}},
        {"type": "audio", "audio": {"url": "/media/med_1/"}},
        {"type": "document", "document": {"url": URL, "filename": "a.pdf"}},
        {"type": "cards", "cards": [{"image": {"url": URL}, "buttons": [REPLY]}]},
        {"type": "note", "body": {"text": "n"}, "mentions": ["usr_1"]},
        {"type": "location", "location": {"latitude": 1.0}},
        {"msg_id": 7},
        {"msg_id": "msg_1"},
    ],
)
def test_good_content_is_kept_as_it_is(content: dict[str, Any]) -> None:
    kept = check_content(content)
    assert kept == content
    assert check_content(kept) == kept


@pytest.mark.parametrize(
    ("content", "path"),
    [
        ({}, "content.type"),
        ({"type": "hologram"}, "content.type"),
        ({"type": ["text"]}, "content.type"),
        ({"type": "text"}, "content.body"),
        ({"type": "text", "body": {"text": ""}}, "content.body.text"),
        ({"type": "text", "body": {"text": "x" * 4097}}, "content.body.text"),
        ({"type": "text", "body": {"text": "x"}, "buttons": [REPLY] * 4}, "content.buttons"),
        ({"type": "text", "body": {"text": "x"}, "header": {}}, "content.header"),
        ({"type": "text", "body": {"text": "x"}, "header": {"text": "a", "image": {"url": URL}}}, "content.header"),
        ({"type": "image", "image": {"url": "javascript:alert(1)"}}, "content.image.url"),
        ({"type": "document", "document": {}}, "content.document.url"),
        ({"type": "text", "body": {"text": "x"}, "buttons": [{"type": "url", "text": "Go"}]}, "content.buttons.0"),
        ({"type": "cards", "cards": []}, "content.cards"),
        ({"type": "cards", "cards": [{"image": {"url": URL}, "buttons": [REPLY]}] * 11}, "content.cards"),
        ({"type": "cards", "cards": [{"image": {"url": URL}, "body": LONG, "buttons": [REPLY]}] * 10}, "content"),
        ({"type": "cards", "cards": [{"buttons": [REPLY]}]}, "content.cards.0"),
        ({"type": "cards", "cards": [{"image": {"url": URL}, "buttons": []}]}, "content.cards.0.buttons"),
        ({"type": "location", "location": {"name": "x" * 20_000}}, "content"),
        ({"msg_id": 7, "type": "text"}, "content.msg_id"),
        ({"msg_id": True}, "content.msg_id"),
    ],
)
def test_a_fault_is_named_by_its_path(content: dict[str, Any], path: str) -> None:
    with pytest.raises(Invalid) as caught:
        check_content(content)
    assert isinstance(caught.value.detail, dict)
    assert list(caught.value.detail) == [path]
