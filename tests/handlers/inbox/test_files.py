"""Files the team sends: uploaded, sent by name, served, and gone with their message."""

from __future__ import annotations

from typing import Any

import aiohttp
import pytest

from jinaconnect.core.inbox.media_type import sniffed
from tests.client import Answered, Client, until
from tests.tenants import Tenant

CUSTOMER = "+12025550111"
PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 64
PATH = "/team-inbox/api/files/"


async def upload(client: Client, body: bytes = PNG, name: str = "blue.png") -> Answered:
    form = aiohttp.FormData()
    form.add_field("file", body, filename=name, content_type="text/html")  # what it claims to be does not count
    return await client.ask("POST", PATH, data=form)


async def contact(tenant: Tenant) -> str:
    await tenant.receives(CUSTOMER, "hello")
    return str((await tenant().get("/contacts/", params={"phone": CUSTOMER})).ok()["results"][0]["id"])


def with_file(to: str, stored: dict[str, Any]) -> dict[str, Any]:
    part = {"url": stored["url"], "caption": "In blue"}
    return {"contact": to, "platform": "WHATSAPP", "content": {"type": stored["kind"], stored["kind"]: part}}


async def test_a_file_is_sent_and_ends_with_its_message(tenant: Tenant) -> None:
    to = await contact(tenant)
    stored = (await upload(tenant("agent"))).ok(201)
    assert (stored["kind"], stored["mime_type"], stored["size"]) == ("image", "image/png", len(PNG))
    sent = (await tenant().post("/team-inbox/api/messages/", with_file(to, stored))).ok(201)
    assert sent["content"]["image"]["url"] == stored["url"]
    await tenant().wait_for_events(lambda seen: any(event["type"] == "message.delivered" for event in seen))
    seen = await tenant.anonymous.get(stored["url"])
    assert (seen.status, seen.body, seen.headers["Content-Type"]) == (200, PNG, "image/png")
    (await tenant().post("/team-inbox/api/messages/bulk-delete/", {"message_ids": [sent["id"]]})).ok()

    async def gone() -> bool:
        return (await tenant.anonymous.get(stored["url"])).status == 404

    await until(gone)


async def test_only_a_file_of_ones_own_is_sent(tenant: Tenant, new_tenant: Any) -> None:
    to, other = await contact(tenant), await new_tenant()
    foreign = (await upload(other())).ok(201)
    for url in (foreign["url"], "/media/med_01kc8x2v7m4q9r5t1w3y6z8a0b/"):
        answer = await tenant().post("/team-inbox/api/messages/", with_file(to, {**foreign, "url": url}))
        assert "content.image.url" in answer.refused(400, "validation_error")
    (await upload(tenant("viewer"))).refused(403, "permission_denied")
    assert "file" in (await upload(tenant(), b"")).refused(400, "validation_error")


@pytest.mark.parametrize(
    ("body", "found"),
    [
        (PNG, ("image/png", "image")),
        (b"\xff\xd8\xff\xe0jfif", ("image/jpeg", "image")),
        (b"RIFF\0\0\0\0WEBPVP8 ", ("image/webp", "document")),
        (b"\0\0\0\x18ftypmp42", ("video/mp4", "video")),
        (b"OggS\0\x02", ("audio/ogg", "audio")),
        (b"%PDF-1.7", ("application/octet-stream", "document")),
        (b"<html><script>", ("application/octet-stream", "document")),
        (b"", ("application/octet-stream", "document")),
    ],
)
def test_a_file_is_what_it_begins_like(body: bytes, found: tuple[str, str]) -> None:
    assert sniffed(body) == found
