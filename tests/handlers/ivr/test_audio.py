"""`/voice/api/audio/`: uploaded prompts."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
import pytest

from jinaconnect.actions.ivr.prompts import blob_name
from jinaconnect.telephony.audio import MAX_BYTES
from tests.client import Answered, Client
from tests.conftest import Running
from tests.telephony import waves
from tests.tenants import ROLES, Tenant

PATH = "/voice/api/audio/"
UNKNOWN = "aud_00000000000000000000000000"


async def upload(client: Client, data: bytes, name: str = "hello.wav", part: str = "file", **headers: str) -> Answered:
    form = aiohttp.FormData(quote_fields=False)
    form.add_field(part, data, filename=name, content_type="audio/wav")
    return await client.ask("POST", PATH, data=form, headers=headers)


async def test_a_sound_is_uploaded_shown_heard_and_removed(tenant: Tenant, gateway: Running) -> None:
    made = (await upload(tenant(), waves.tone(1.5))).ok(201)
    assert (made["name"], made["duration_ms"], made["size"]) == ("hello.wav", 1_500, 24_044)
    assert made["audio_url"] == f"{PATH}{made['id']}/"
    assert (await tenant().get(made["audio_url"])).ok() == made
    assert (await tenant().get(PATH)).ok()["results"] == [made]
    heard = await tenant().get(f"{PATH}{made['id']}/file/")
    assert (heard.status, heard.headers["Content-Type"]) == (200, "audio/wav")
    assert waves.form(heard.body) == (1, 2, 8_000, 12_000)
    row = await gateway.services.store.of(tenant.id, "live").get("voice_media", made["id"])
    assert (await tenant().delete(made["audio_url"])).status == 204
    for path in (made["audio_url"], f"{PATH}{made['id']}/file/"):
        (await tenant().get(path)).refused(404, "not_found")
    (await tenant().delete(made["audio_url"])).refused(404, "not_found")
    assert await gateway.services.blobs.size(f"{tenant.id}:live", blob_name(row["digest"])) is None


async def test_the_same_sound_twice_is_two_uploads(tenant: Tenant) -> None:
    one = (await upload(tenant(), waves.tone(1), "a.wav")).ok(201)
    two = (await upload(tenant(), waves.tone(1), "b.wav")).ok(201)
    assert one["id"] != two["id"]
    (await tenant().delete(one["audio_url"])).ok(204)
    assert (await tenant().get(f"{PATH}{two['id']}/file/")).status == 200
    assert [row["name"] for row in (await tenant().get(PATH)).ok()["results"]] == ["b.wav"]


@pytest.mark.parametrize("data", [b"", b"hello", waves.tone(1)[:40], b"\x89PNG\r\n" + bytes(99)])
async def test_what_is_no_sound_is_refused(tenant: Tenant, data: bytes) -> None:
    assert "file" in (await upload(tenant(), data)).refused(400, "validation_error")
    assert (await tenant().get(PATH)).ok()["count"] == 0


async def test_a_missing_part_and_a_body_that_is_too_large_are_refused(tenant: Tenant) -> None:
    assert "file" in (await upload(tenant(), waves.tone(1), part="sound")).refused(400, "validation_error")
    (await tenant().post(PATH, {"file": "x"})).refused(415, "unsupported_media_type")
    (await upload(tenant(), bytes(MAX_BYTES))).refused(413, "payload_too_large")


@pytest.mark.parametrize(
    ("name", "kept"),
    [("a" * 300 + ".wav", "a" * 255), ("../../etc/passwd", "../../etc/passwd"), ("नमस्ते.mp3", "नमस्ते.mp3")],
)  # fmt: skip
async def test_a_name_is_a_label(tenant: Tenant, name: str, kept: str) -> None:
    assert (await upload(tenant(), waves.mp3(50), name)).ok(201)["name"] == kept


async def test_an_upload_repeated_with_its_key_is_one(tenant: Tenant) -> None:
    headers = {"Idempotency-Key": "greeting-1"}
    one, two = [(await upload(tenant(), waves.tone(1), **headers)).ok(201) for _ in range(2)]
    assert one == two
    assert (await tenant().get(PATH)).ok()["count"] == 1


async def test_many_uploads_at_once(tenant: Tenant) -> None:
    answers = await asyncio.gather(*(upload(tenant(), waves.tone(0.2 + n / 10)) for n in range(8)))
    assert sorted(answer.ok(201)["duration_ms"] for answer in answers) == [200 + 100 * n for n in range(8)]


async def test_who_may_what(tenant: Tenant, new_tenant: Callable[[], Awaitable[Tenant]]) -> None:
    made: dict[str, Any] = (await upload(tenant(), waves.tone(1))).ok(201)
    for role in ROLES:
        (await tenant(role).get(PATH)).ok()
        assert (await tenant(role).get(f"{PATH}{made['id']}/file/")).status == 200
        if role not in ("owner", "admin"):
            (await upload(tenant(role), waves.tone(1))).refused(403, "permission_denied")
            (await tenant(role).delete(made["audio_url"])).refused(403, "permission_denied")
    for client in ((await new_tenant())(), tenant("owner", "test")):
        for path in (made["audio_url"], f"{PATH}{made['id']}/file/"):
            (await client.get(path)).refused(404, "not_found")
        (await client.delete(made["audio_url"])).refused(404, "not_found")
    (await tenant().get(f"{PATH}{UNKNOWN}/")).refused(404, "not_found")
    assert (await tenant().get(made["audio_url"])).ok() == made
