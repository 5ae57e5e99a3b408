"""What can be sent as JSON can be sent as a form, with lists and objects as JSON text."""

from __future__ import annotations

import json
from typing import Any

import aiohttp
import pytest

from tests.client import Answered, Client
from tests.tenants import Tenant


async def form(client: Client, method: str, path: str, *fields: tuple[str, str], parts: bool) -> Answered:
    body: Any = aiohttp.FormData(list(fields))
    if parts:
        body = aiohttp.MultipartWriter("form-data")
        for name, value in fields:
            body.append(value).set_content_disposition("form-data", name=name)
    return await client.ask(method, path, data=body)


@pytest.mark.parametrize("parts", [False, True], ids=["urlencoded", "multipart"])
async def test_lists_and_objects_are_read(tenant: Tenant, parts: bool) -> None:
    owner = tenant()
    given = json.dumps({"inbox.assign": True})
    role = await form(
        owner, "POST", "/tenants/roles/", ("name", "Lead"), ("priority", "45"), ("permissions", given), parts=parts
    )
    assert role.ok(201)["permissions"]["inbox.assign"] is True
    key = [("name", "k"), ("role_id", role.body["id"])]
    networks = ["203.0.113.0/24", "198.51.100.0/24"]
    for fields in (
        [("ip_allowlist", networks[0])], [("ip_allowlist", each) for each in networks],
        [("ip_allowlist", json.dumps(networks))], [("ip_allowlist", "")],
    ):  # fmt: skip
        made = (await form(owner, "POST", "/tenants/api-keys/", *key, *fields, parts=parts)).ok(201)
        assert made["ip_allowlist"] == (networks[: len(made["ip_allowlist"])] if fields[0][1] else [])
    name, settings = f"[{tenant.id}]", ("settings", '{"timezone": "Asia/Kolkata"}')
    changed = await form(owner, "PATCH", f"/tenants/{tenant.id}/", ("name", name), settings, parts=parts)
    assert (changed.ok()["name"], changed.body["settings"]["timezone"]) == (name, "Asia/Kolkata")
    sender = ("email_sender", '{"name": "Lee", "address": "hello@lee.example"}')
    look = await form(owner, "PATCH", "/tenants/branding/", sender, ("primary_color", "#0b6e4f"), parts=parts)
    assert look.ok()["email_sender"]["address"] == "hello@lee.example"
    words = [("element_name", "sent"), ("content", "Sent, {{1}}."), ("example_body", '["Ann"]'), ("tags", "vip")]
    buttons = ("buttons", '[{"type": "QUICK_REPLY", "text": "Thanks"}]')
    template = (await form(tenant("owner", "test"), "POST", "/wa/v1/templates/", *words, buttons, parts=parts)).ok(201)
    assert (template["example_body"], template["tags"], template["buttons"][0]["text"]) == (["Ann"], ["vip"], "Thanks")


async def test_what_is_neither_is_refused_by_name(tenant: Tenant) -> None:
    lead = (("name", "Lead"), ("priority", "45"))
    for text in ("{broken", "[1]", "yes"):
        answer = await form(tenant(), "POST", "/tenants/roles/", *lead, ("permissions", text), parts=False)
        assert list(answer.refused(400, "validation_error")) == ["permissions"], text
