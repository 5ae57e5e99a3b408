"""Isolation of telephony: every voice operation with an id in its path, asked with another tenant's ids."""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from jinaconnect.core.permissions import PUBLIC
from jinaconnect.handlers.edge.operation import OPERATIONS
from jinaconnect.handlers.edge.table import load_operations
from tests.client import until
from tests.conftest import Running
from tests.handlers.ivr.test_audio import upload
from tests.handlers.people import add_person
from tests.handlers.trunks.accounts import SIP
from tests.laws.test_isolation import unknown
from tests.telephony.waves import tone
from tests.tenants import Tenant

load_operations()
WITH_IDS = [
    item for item in OPERATIONS.values()
    if item.path.startswith("/voice/api/") and "{" in item.path and item.permission != PUBLIC
]  # fmt: skip
NUMBER = "+12025550101"
GRAPH = {
    "entry_node_id": "ask",
    "nodes": [{"id": "ask", "type": "voice.gather_dtmf", "data": {"max_digits": 1, "timeout_seconds": 120}},
              {"id": "end", "type": "voice.hangup", "data": {}}],
    "edges": [{"source": "ask", "target": "end", "on": on} for on in ("timeout", "invalid", "default")],
}  # fmt: skip
# What would be done if the thing were one's own.
BODIES: dict[str, Any] = {
    "calls.transfer": {"to": NUMBER}, "calls.play": {"tts_text": "x"}, "calls.dtmf": {"digits": "1"},
    "calls.record": {"do": "start"}, "trunks.change": {"name": "x"}, "numbers.change": {"name": "x"},
    "rates.change": {"name": "x"}, "consents.change": {"consent_given": True}, "app.change": {"name": "x"},
    "templates.change": {"name": "x"},
}  # fmt: skip


async def voice_belongings(gateway: Running, tenant: Tenant) -> dict[str, str]:
    """Make one thing of every kind in test mode, with one call that lives; returns their ids by kind."""
    owner = tenant("owner", "test")

    async def made(path: str, body: dict[str, Any]) -> str:
        return str((await owner.post(f"/voice/api/{path}/", body)).ok(201)["id"])

    person = await add_person(gateway, tenant, "agent")
    contact = (await owner.post("/contacts/", {"phone": "+12025550181"})).ok(201)["id"]
    template = await made("templates", {"name": "Theirs", "template_kind": "ivr_menu", "graph": GRAPH})
    route = {"type": "template", "template": template}
    live = await made("calls", {"to_number": NUMBER, "template": template, "record": True})
    ended = await made("calls", {"to_number": NUMBER, "tts_text": "Hello.", "record": True})
    rows: list[dict[str, Any]] = []

    async def settled() -> bool:
        rows[:] = (await owner.get(f"/voice/api/recordings/?call_id={ended}")).ok()["results"]
        state = (await owner.get(f"/voice/api/calls/{live}/")).ok()["status"]
        return bool(rows) and state == "IN_PROGRESS"

    await until(settled, 20)
    trunk = await made("provider-configs", {"name": "Theirs", "provider": "sip", "credentials": SIP})
    events = (await owner.get(f"/voice/api/call-events/?call_id={live}")).ok()["results"]
    return {
        "trunk": trunk, "template": template, "live": live, "ended": ended, "event": events[0]["id"],
        "recording": rows[0]["id"], "app": (await owner.get("/voice/api/tenant-voice-app/")).ok()["results"][0]["id"],
        "number": await made("numbers", {"number": NUMBER, "provider_config": trunk, "name": "x", "route": route}),
        "device": await made("devices", {"user": person.id, "name": "Desk", "kind": "softphone"}),
        "card": await made("rate-cards", {"name": "x", "provider_config": trunk, "destination_prefix": "+1",
                                          "rate_per_minute": "0.01", "currency": "USD",
                                          "valid_from": "2026-01-01T00:00:00Z"}),
        "consent": await made("recording-consents", {"name": "x", "contact": contact}),
        "audio": str((await upload(owner, tone(0.2))).ok(201)["id"]),
    }  # fmt: skip


@pytest.fixture
async def theirs(
    gateway: Running, new_tenant: Callable[[], Awaitable[Tenant]]
) -> tuple[Tenant, dict[str, str]]:
    other = await new_tenant()
    return other, await voice_belongings(gateway, other)


@pytest.mark.parametrize("mode", ["live", "test"])
async def test_a_foreign_id_and_one_that_never_was_give_the_same_bytes(
    tenant: Tenant, theirs: tuple[Tenant, dict[str, str]], mode: str
) -> None:
    other, ids = theirs
    before = await other("owner", "test").events()
    for item in WITH_IDS:
        body = json.dumps(BODIES.get(item.id.removeprefix("voice."), {})).encode()
        for kind, id in ids.items():
            answers = []
            for wanted in (id, unknown(id)):
                path = re.sub(r"\{\w+\}", wanted, item.path)
                headers = {"Content-Type": "application/json"}
                answer = await tenant("owner", mode).ask(item.method, path, body, headers=headers)
                answers.append((answer.status, json.dumps(answer.body).replace(wanted, "ID")))
            assert answers[0] == answers[1], (item.id, mode, kind)
            assert answers[0][0] in (400, 403, 404), (item.id, mode, kind, answers[0])
    assert await other("owner", "test").events() == before, "nothing happened in the other tenant"
    call = (await other("owner", "test").get(f"/voice/api/calls/{ids['live']}/")).ok()
    assert call["status"] == "IN_PROGRESS"
    for id in ids.values():
        if id not in (ids["app"], ids["event"]):
            found = [await other("owner", "live").get(f"/voice/api/{path}/{id}/") for path in ("calls", "recordings")]
            assert {answer.status for answer in found} == {404}, "what is made in test mode is not there in live mode"


async def test_foreign_ids_in_bodies_are_unknown(tenant: Tenant, theirs: tuple[Tenant, dict[str, str]]) -> None:
    _, ids = theirs
    owner = tenant("owner", "test")
    route = {"type": "template", "template": ids["template"]}
    config = {"name": "x", "provider": "sip", "credentials": SIP}
    mine = (await owner.post("/voice/api/provider-configs/", config)).ok(201)["id"]
    cases: list[tuple[str, dict[str, Any], str]] = [
        ("calls", {"to_number": NUMBER, "from_number": NUMBER, "template": ids["template"]}, "template"),
        ("calls", {"to_number": NUMBER, "tts_text": "x", "provider_config_id": ids["trunk"]}, "provider_config_id"),
        ("calls", {"to_number": NUMBER, "from_number": NUMBER, "device": ids["device"]}, "device"),
        ("numbers", {"number": NUMBER, "provider_config": ids["trunk"], "name": "x", "route": {"type": "reject"}},
         "provider_config"),
        ("numbers", {"number": NUMBER, "provider_config": mine, "name": "x", "route": route}, "route"),
        ("provider-configs", {**config, "default_route": route}, "default_route"),
        ("rate-cards", {"name": "x", "provider_config": ids["trunk"], "destination_prefix": "+1", "currency": "USD",
                        "rate_per_minute": "1", "valid_from": "2026-01-01T00:00:00Z"}, "provider_config"),
    ]  # fmt: skip
    for path, body, field in cases:
        detail = (await owner.post(f"/voice/api/{path}/", body)).refused(400, "validation_error")
        assert any(name.startswith(field) for name in detail), (path, detail)
    lists = ("provider-configs", "numbers", "devices", "rate-cards", "recording-consents", "templates", "audio",
             "recordings", "calls", "call-events")  # fmt: skip
    for path in lists:
        shown = json.dumps((await owner.get(f"/voice/api/{path}/?page_size=100")).ok())
        assert not [id for id in ids.values() if id in shown], path
