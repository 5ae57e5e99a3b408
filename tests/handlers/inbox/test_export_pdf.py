"""Conversations as PDF: the words of every script, what no font has, pictures, and what is refused."""

from __future__ import annotations

import io
import json
import re
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
import pypdfium2
import pytest
from PIL import Image

from jinaconnect.core.ids import encode
from jinaconnect.core.inbox.media import media_url
from jinaconnect.core.inbox.transcript import rightwards, transcript
from jinaconnect.printing.printer import Pages, Printer
from tests.client import Answered, Client
from tests.conftest import Running
from tests.handlers.inbox.test_inbox import received, stored
from tests.tenants import Tenant

PATH = "/team-inbox/api/export-pdf/"
ANN = "+12025550101"
WORDS = {
    "Latin": 'Hello "quoted" -- *bold* #let x = 1 & <tag> @ref $a^2$ naïve',
    "Devanagari": "नमस्ते, क्या आप कल आ सकते हैं? क्षत्रिय श्री",
    "Tamil": "வணக்கம் எப்படி இருக்கிறீர்கள்",
    "Bengali": "নমস্কার আপনি কেমন আছেন ক্ষ",
    "Arabic": "مرحبا كيف حالك؟ ١٢٣ abc",
    "Hebrew": "שלום עולם, מה שלומך? 123",
    "CJK": "你好，世界。こんにちは 안녕하세요",
    "emoji": "family 👨‍👩‍👧‍👦 flag 🇮🇳 skin 👍🏽 heart ❤️",
}


def today(days: int = 0) -> str:
    return str((datetime.now(UTC) + timedelta(days=days)).date())


async def exported(client: Client, contact: str, **fields: Any) -> Answered:
    asked = {"chat_id": contact, "start_date": today(-1), "end_date": today(1), **fields}
    return await client.ask("POST", PATH, asked)


def attached(pdf: bytes) -> list[dict[str, Any]]:
    document = pypdfium2.PdfDocument(pdf)
    (attachment,) = [document.get_attachment(number) for number in range(document.count_attachments())]
    assert attachment.get_name() == "messages.json"
    rows: list[dict[str, Any]] = json.loads(bytes(attachment.get_data()))
    return rows


def drawn(pdf: bytes) -> str:
    document = pypdfium2.PdfDocument(pdf)
    return "".join(page.get_textpage().get_text_range() for page in document)


def bare(text: str) -> str:
    """A text without its spaces and the marks of direction: a page has gaps, and readers guess spaces from them."""
    return re.sub("[\\s\u200e\u200f\u202a-\u202e\u2066-\u2069]", "", text)


async def test_words_of_every_script_are_extracted_as_they_were_sent(tenant: Tenant) -> None:
    people = await received(tenant, {ANN: list(WORDS.values())})
    made = await exported(tenant(), people[ANN])
    assert made.status == 200
    assert made.headers["Content-Type"] == "application/pdf"
    assert made.headers["Content-Disposition"] == f'attachment; filename="chat-Ann-{today(-1)}-to-{today(1)}.pdf"'
    assert "X-Missing-Glyphs" not in made.headers, "the fonts of ./dev test draw all of these"
    assert [row["content"]["body"]["text"] for row in attached(made.body)] == list(WORDS.values())
    page = bare(drawn(made.body))
    assert [script for script, text in WORDS.items() if bare(text) not in page] == []
    first = pypdfium2.PdfDocument(made.body)[0].render(scale=0.5).to_pil().convert("L")
    assert first.size == (298, 421), "A4"
    assert min(first.tobytes()) < 100


async def test_times_are_of_the_organisations_zone_and_notes_stay_inside(gateway: Running, tenant: Tenant) -> None:
    people = await received(tenant, {ANN: ["from the customer"]})
    zoned = {"$set": {"settings.timezone": "Asia/Kolkata"}}
    await gateway.services.store.raw("tenants").update_one({"_id": tenant.id}, zoned)
    (await tenant().post(f"/team-inbox/api/conversations/{people[ANN]}/notes/", {"text": "not for her"})).ok(201)
    moment = datetime.now(UTC).replace(microsecond=0)
    await stored(
        gateway, tenant, people[ANN], timestamp=moment, created_by="Priya",
        content={"type": "document", "document": {"url": "https://x.example/a.pdf", "filename": "offer.pdf"}},
    )  # fmt: skip
    page = drawn((await exported(tenant(), people[ANN])).body)
    local = moment + timedelta(hours=5, minutes=30)
    assert f"→ Priya · {local:%H:%M}" in page
    assert "[Document] offer.pdf" in page
    assert "← Ann" in page
    assert "from the customer" in page
    assert "not for her" not in page
    assert "Asia/Kolkata" in page


async def test_a_page_looks_as_its_organisation_does(tenant: Tenant) -> None:
    people = await received(tenant, {ANN: ["hello"]})
    plain = pypdfium2.PdfDocument((await exported(tenant(), people[ANN])).body)
    logo, form = io.BytesIO(), aiohttp.FormData()
    Image.new("RGB", (300, 100), (20, 180, 40)).save(logo, "PNG")
    form.add_field("logo", logo.getvalue(), filename="logo.png", content_type="image/png")
    form.add_field("product_name", "Lee Desk")
    (await tenant().ask("PATCH", "/tenants/branding/", data=form)).ok()
    made = (await exported(tenant(), people[ANN])).body
    page = pypdfium2.PdfDocument(made)[0].render(scale=1).to_pil().convert("RGB")
    green = sum(1 for red, shade, blue in page.get_flattened_data() if shade > 140 and red < 60 and blue < 80)
    assert green > 200, "the logo is drawn"
    assert "Lee Desk" in drawn(made)
    before = plain[0].render(scale=1).to_pil().convert("RGB").get_flattened_data()
    assert sum(1 for red, shade, blue in before if shade > 140 and red < 60 and blue < 80) == 0


async def test_pictures_are_drawn_and_broken_ones_are_said_to_be(gateway: Running, tenant: Tenant) -> None:
    people = await received(tenant, {ANN: ["see these"]})
    good = io.BytesIO()
    Image.new("RGB", (2000, 1500), (200, 30, 30)).save(good, "PNG")
    for number, data in enumerate((good.getvalue(), b"\x89PNG\r\n\x1a\nnothing of the kind")):
        id = encode("med", int(time.time() * 1000), bytes(9) + bytes([number]))
        await gateway.services.blobs.put(f"{tenant.id}:live", id, data)
        content = {"type": "image", "image": {"url": media_url(id), "caption": f"picture {number}"}}
        await stored(gateway, tenant, people[ANN], content=content)
    pdf = (await exported(tenant(), people[ANN])).body
    page = drawn(pdf)
    assert "[Image] picture 0" in page
    assert "[Image] picture 1 (this picture cannot be shown)" in page
    first = pypdfium2.PdfDocument(pdf)[0].render(scale=0.5).to_pil().convert("RGB")
    colors = first.getcolors(first.width * first.height) or []
    assert sum(count for count, (red, green, blue) in colors if red > 180 and green < 60 and blue < 60) > 1_000


async def test_what_no_font_has_is_named_and_never_an_empty_box() -> None:
    at = datetime(2026, 5, 1, 10, tzinfo=UTC)
    message = {
        "_id": "msg_1", "timestamp": at, "direction": "INCOMING", "created_by": None,
        "content": {"type": "text", "body": {"text": "தமிழ் and Latin"}},
    }  # fmt: skip
    pages = Pages(
        title="Ann", organisation="Acme", period="1 May", color="#0f766e", logo=None,
        said=transcript([message], "Ann", UTC, {}), sources=[message["content"]], pictures={},
    )  # fmt: skip
    printed = await Printer(()).set_pages(pages)
    assert {"character": "U+0BA4", "count": 1, "package": "fonts-noto-core"} in printed.missing
    page = drawn(printed.pdf)
    assert "[U+0BA4][U+0BAE][U+0BBF][U+0BB4][U+0BCD] and Latin" in page.replace("\r\n", "")
    assert "U+0BA4 ×1 (Debian package fonts-noto-core)" in page
    assert attached(printed.pdf) == [message["content"]]


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"start_date": "2026-02-30"}, "start_date"),
        ({"start_date": "yesterday"}, "start_date"),
        ({"end_date": "0001-01-01"}, "end_date"),
        ({"start_date": "1066-01-01", "end_date": "1066-01-02"}, "start_date"),
        ({"start_date": today(2), "end_date": today(1)}, "end_date"),
        ({"start_date": today(-100)}, "end_date"),
        ({"start_date": today(-20), "end_date": today(-10)}, "start_date"),
        ({"chat_id": None}, "chat_id"),
        ({"end_date": None}, "end_date"),
    ],
)
async def test_an_export_that_cannot_be_is_refused_by_field(tenant: Tenant, fields: dict[str, Any], field: str) -> None:
    people = await received(tenant, {ANN: ["hello"]})
    answer = await exported(tenant(), people[ANN], **fields)
    assert (answer.status, list(answer.body["detail"])) == (400, [field])


async def test_a_conversation_that_is_not_seen_is_not_exported(tenant: Tenant) -> None:
    people = await received(tenant, {ANN: ["hello"]})
    assert (await exported(tenant("agent"), people[ANN])).status == 404
    answer = await exported(tenant(), people[ANN], chat_id=None, contact_id=people[ANN])
    assert answer.status == 200


@pytest.mark.parametrize(
    ("text", "from_right"), [("123 abc", False), ("123 שלום abc", True), ("«مرحبا»", True), ("…!", False), ("", False)]
)
def test_a_text_begins_where_its_first_strong_character_does(text: str, from_right: bool) -> None:
    assert rightwards(text) is from_right
