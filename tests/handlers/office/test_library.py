"""The media library: files told by their bytes, converted where they can be, at addresses that cannot be guessed."""

from __future__ import annotations

import io
import shutil
import wave
import zipfile
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
import pytest
from PIL import Image

from tests.client import Answered, Client
from tests.tenants import Tenant

PATH = "/tenants/tenant-media/"
New = Callable[[], Awaitable[Tenant]]
WORKING = shutil.which("ffmpeg") is not None


def picture(kind: str, width: int = 40, height: int = 30) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (width, height), "#336699").save(out, kind)
    return out.getvalue()


def archive(*names: str) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as made:
        for name in names:
            made.writestr(name, "<x/>")
    return out.getvalue()


def sound() -> bytes:
    out = io.BytesIO()
    with wave.open(out, "wb") as made:
        made.setnchannels(1)
        made.setsampwidth(2)
        made.setframerate(8000)
        made.writeframes(b"\0\1" * 4000)
    return out.getvalue()


async def send(client: Client, name: str, data: bytes, *, id: str = "", **fields: str) -> Answered:
    form = aiohttp.FormData()
    form.add_field("media", data, filename=name, content_type="application/octet-stream")
    for key, value in fields.items():
        form.add_field(key, value)
    return await client.ask("PATCH" if id else "POST", f"{PATH}{id}/" if id else PATH, data=form)


async def served(client: Client, path: str, **headers: str) -> tuple[int, bytes, Any]:
    async with client.session.get(client.url + path, headers=headers) as answer:
        return answer.status, await answer.read(), answer.headers


async def test_a_file_is_kept_and_served_in_ranges_at_fresh_addresses(tenant: Tenant, new_tenant: New) -> None:
    owner, data = tenant(), picture("PNG")
    made = (await send(tenant("manager"), "spring.png", data, card_index="2", platform="WHATSAPP")).ok(201)
    assert (made["media_type"], made["mime_type"], made["file_size"], made["was_converted"], made["card_index"]) == (
        "image", "image/png", len(data), False, 2
    )  # fmt: skip
    assert made["original_filename"] == "spring.png"
    events = [event for event in await owner.events() if event["type"].startswith("media.")]
    assert [(event["type"], event["data"]) for event in events] == [("media.created", made)]
    led = await tenant.anonymous.get(f"{PATH}{made['id']}/serve/", allow_redirects=False)
    assert (led.status, led.headers["Cache-Control"]) == (302, "no-store")
    fresh = (await tenant("viewer").get(f"{PATH}{made['id']}/refresh-url/")).ok()
    for url in (led.headers["Location"], fresh["url"]):
        status, body, headers = await served(tenant.anonymous, url.removeprefix(owner.url))
        assert (status, body, headers["Content-Type"]) == (200, data, "image/png")
        assert "sandbox" in headers["Content-Security-Policy"]
        status, body, headers = await served(tenant.anonymous, url.removeprefix(owner.url), Range="bytes=-4")
        place = f"bytes {len(data) - 4}-{len(data) - 1}/{len(data)}"
        assert (status, body, headers["Content-Range"]) == (206, data[-4:], place)
    plain = f"{PATH}{made['id']}/content/"
    forged = fresh["url"].removeprefix(owner.url).replace("expires=1", "expires=2")
    wrong = [f"{plain}?expires={expires}&signature=é" for expires in ("9999999999", "é", "²", "٣" * 10, "9" * 5000)]
    for path in (plain, forged, *wrong):
        assert (await served(tenant.anonymous, path))[0] == 404
    other = await new_tenant()
    (await other().get(f"{PATH}{made['id']}/")).refused(404, "not_found")
    (await send(other(), "x.png", data, id=made["id"])).refused(404, "not_found")
    (await send(tenant("agent"), "x.png", data)).refused(403, "permission_denied")
    assert (await owner.get(PATH, params={"media_type": "image"})).ok()["results"] == [made]
    (await owner.get(PATH, params={"media_type": "tune"})).ok()


async def test_another_file_takes_the_place_of_the_former(tenant: Tenant) -> None:
    owner = tenant()
    made = (await send(owner, "a.png", picture("PNG"))).ok(201)
    old = (await owner.get(f"{PATH}{made['id']}/refresh-url/")).ok()["url"].removeprefix(owner.url)
    named = (await owner.patch(f"{PATH}{made['id']}/", {"card_index": 1})).ok()
    assert (named["card_index"], named["file_size"]) == (1, made["file_size"])
    assert (await served(owner, old))[0] == 200
    (await send(owner, "b.png", b"no picture", id=made["id"])).refused(400, "validation_error")
    changed = (await send(owner, "b.pdf", b"%PDF-1.7\n%%EOF", id=made["id"])).ok()
    assert (changed["id"], changed["media_type"], changed["original_filename"]) == (made["id"], "document", "b.pdf")
    assert (await served(owner, old))[0] == 404, "an address is of one file"
    new = (await owner.get(f"{PATH}{made['id']}/refresh-url/")).ok()["url"].removeprefix(owner.url)
    assert (await served(owner, new))[1] == b"%PDF-1.7\n%%EOF"


@pytest.mark.parametrize(
    ("name", "kind"), [("a.webp", "WEBP"), ("a.GIF", "GIF"), ("a.heic", "HEIF"), ("a.tif", "TIFF")]
)
async def test_pictures_that_carriers_do_not_take_are_converted(tenant: Tenant, name: str, kind: str) -> None:
    data = picture(kind)
    made = (await send(tenant(), name, data)).ok(201)
    assert (made["mime_type"], made["was_converted"], made["original_filename"]) == ("image/jpeg", True, name)
    url = (await tenant().get(f"{PATH}{made['id']}/refresh-url/")).ok()["url"].removeprefix(tenant().url)
    found = Image.open(io.BytesIO((await served(tenant(), url))[1]))
    assert (found.format, found.size) == ("JPEG", (40, 30))
    assert "media" in (await send(tenant(), name, data, auto_convert="false")).refused(400, "validation_error")


async def test_a_sound_is_converted_where_there_is_a_converter(tenant: Tenant) -> None:
    told = (await tenant().get(f"{PATH}conversion-status/")).ok()
    assert told == {"image": True, "video": WORKING, "audio": WORKING, "document": False}
    answer = await send(tenant(), "a.wav", sound())
    if not WORKING:
        assert "ffmpeg" in answer.refused(400, "validation_error")["media"][0]
        return
    assert (answer.ok(201)["mime_type"], answer.body["was_converted"]) == ("audio/mpeg", True)
    broken = b"RIFF\x24\0\0\0WAVEjunk" + b"\0" * 40
    assert "media" in (await send(tenant(), "b.wav", broken)).refused(400, "validation_error")


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("a.png", b"<html><script>alert(1)</script></html>"), ("a.png", picture("JPEG")), ("a.jpg", picture("PNG")),
        ("a.exe", b"MZ"), ("png", picture("PNG")), ("a.svg", b"<svg xmlns='http://www.w3.org/2000/svg'/>"),
        ("a.png", picture("PNG", 300, 300)[:200]), ("a.docx", archive("xl/workbook.xml")), ("a.docx", b"PK\x03\x04"),
        ("a.pdf", b"%!PS"), ("a.mp4", b"\0\0\0\x14ftypqt  " + b"\0" * 30), ("a.png", b""), ("a.heic", b"\0" * 40),
        ("a.png.html", picture("PNG")),
    ],
    ids=lambda value: value if isinstance(value, str) else f"{len(value)}-bytes",
)  # fmt: skip
async def test_a_file_that_is_not_what_it_says_is_refused(tenant: Tenant, name: str, data: bytes) -> None:
    assert "media" in (await send(tenant(), name, data)).refused(400, "validation_error")
    assert (await tenant().get(PATH)).ok()["results"] == []


async def test_what_the_library_takes(tenant: Tenant) -> None:
    message = (await tenant("viewer").get(f"{PATH}supported-formats/")).ok()
    template = (await tenant("viewer").get(f"{PATH}supported-formats/", params={"is_template": "true"})).ok()
    sizes = [{each["media_type"]: each["max_bytes"] >> 20 for each in told} for told in (message, template)]
    assert sizes == [
        {"document": 100, "image": 16, "video": 16, "audio": 16}, {"document": 100, "image": 5, "video": 16}
    ]  # fmt: skip
    (await send(tenant(), "a.docx", archive("[Content_Types].xml", "word/document.xml"))).ok(201)
    (await send(tenant(), "a.amr", b"#!AMR\n" + b"\0" * 20)).ok(201)
    assert "media" in (await tenant().post(PATH, {})).refused(400, "validation_error")
