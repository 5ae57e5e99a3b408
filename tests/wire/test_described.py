"""The description and the program, both ways: every route is described, every example holds, every event fits."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AsyncExitStack
from typing import Any

import pytest
from jsonschema import Draft202012Validator, FormatChecker

from jinaconnect.core.permissions import PLATFORM
from jinaconnect.handlers.edge.description.feed_schemas import doors
from jinaconnect.handlers.edge.description.openapi import description
from jinaconnect.handlers.edge.doors.routes import Routes
from jinaconnect.handlers.edge.operation import OPERATIONS
from tests.client import until
from tests.conftest import Running
from tests.tenants import Tenant, operating

DESCRIBED = description()
OPERATIONS_DESCRIBED = {
    told["operationId"]: (method.upper(), path, told)
    for path, item in DESCRIBED["paths"].items()
    for method, told in item.items()
}
UNKNOWN = "cnt_01kc8x2v7m4q9r5t1w3y6z8a0b"


def faults(schema: dict[str, Any], value: Any) -> list[str]:
    whole = {**schema, "components": DESCRIBED["components"]}
    found = Draft202012Validator(whole, format_checker=FormatChecker()).iter_errors(value)
    return [f"{'.'.join(map(str, each.path))}: {each.message[:200]}" for each in found]


def contents(told: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for kind, content in told.get("requestBody", {}).get("content", {}).items():
        yield f"body {kind}", content
    for status, answer in told["responses"].items():
        for kind, content in answer.get("content", {}).items():
            yield f"{status} {kind}", content


@pytest.mark.parametrize("name", OPERATIONS_DESCRIBED)
def test_every_body_and_answer_has_an_example_that_fits(name: str) -> None:
    _, _, told = OPERATIONS_DESCRIBED[name]
    for where, content in contents(told):
        assert content["schema"], where
        assert faults(content["schema"], content["example"]) == [], where
    good = [answer for status, answer in told["responses"].items() if status.startswith("2") and status != "204"]
    assert all(answer["content"] for answer in good)


def test_every_refusal_has_an_example_that_fits() -> None:
    for answer in DESCRIBED["components"]["responses"].values():
        content = answer["content"]["application/json"]
        assert faults(content["schema"], content["example"]) == []


def test_every_route_is_described() -> None:
    told = {(method, path) for method, path, _ in OPERATIONS_DESCRIBED.values()}
    told |= {
        (method, alias) for method, _, item in OPERATIONS_DESCRIBED.values() for alias in item.get("x-aliases", ())
    }
    assert {(item.method, item.path) for item in OPERATIONS.values()} | {("GET", path) for path in doors()} == told


def test_everything_described_is_routed() -> None:
    routes = Routes()
    for method, path, told in OPERATIONS_DESCRIBED.values():
        if path in doors():
            continue
        for each in (path, *told.get("x-aliases", ())):
            match = routes.find(each.replace("{", "").replace("}", ""))
            assert match is not None, each
            assert method in match.methods, each
            named = {parameter["name"] for parameter in told["parameters"] if parameter["in"] == "path"}
            assert set(match.path) == named


@pytest.mark.parametrize(
    "name", [name for name, (_, _, told) in OPERATIONS_DESCRIBED.items() if "requestBody" in told]
)
async def test_null_is_refused_by_name_where_the_description_does_not_allow_it(
    gateway: Running, tenant: Tenant, name: str
) -> None:
    method, path, told = OPERATIONS_DESCRIBED[name]
    content = told["requestBody"]["content"].get("application/json")
    if content is None or OPERATIONS[name].raw:
        return
    schema = DESCRIBED["components"]["schemas"][content["schema"]["$ref"].rpartition("/")[2]]
    client = tenant("owner", "test") if told["security"] else tenant.anonymous
    for place in ("{id}", "{contact_id}"):
        path = path.replace(place, UNKNOWN)
    async with AsyncExitStack() as stack:
        if OPERATIONS[name].permission in PLATFORM:
            client = await stack.enter_async_context(operating(gateway, client))
        for field, part in schema.get("properties", {}).items():
            answer = await client.ask(method, path, {**content["example"], field: None})
            assert answer.status < 500, (field, answer.body)
            if faults(part, None):
                assert field in answer.refused(400, "validation_error"), field
            elif answer.status == 400 and isinstance(answer.body["detail"], dict):
                assert "null" not in str(answer.body["detail"].get(field)), field


async def test_an_event_is_as_described(tenant: Tenant) -> None:
    owner = tenant("owner", "test")
    written = {"channel": "whatsapp", "from": "+12025550111", "name": "Ann Lee", "text": "Do you have it in blue?"}
    (await owner.post("/sandbox/inbound/", written)).ok(201)
    (await owner.post("/wa/v1/messages/", {"to": "+12025550111", "text": "We do!"})).ok(201)
    contact = (await owner.get("/contacts/")).ok()["results"][0]["id"]
    (await owner.post(f"/contacts/{contact}/close/", {"reason": "Done."})).ok()
    (await owner.post("/voice/api/calls/", {"to_number": "+12025550111", "tts_text": "Hello."})).ok(201)
    (await owner.post("/tenants/roles/", {"name": "Shift lead", "priority": 45})).ok(201)

    async def ended() -> list[dict[str, Any]]:
        found = await owner.events()
        kinds = {event["type"] for event in found}
        return found if {"call.completed", "message.read", "role.created"} <= kinds | {"role.created"} else []

    page = {"events": await until(ended), "cursor": "c", "has_more": False}
    page["events"] += await tenant().events()
    assert len({event["subject"]["type"] for event in page["events"]}) >= 4
    assert faults({"$ref": "#/components/schemas/EventPage"}, page) == []
    for event in page["events"]:
        (fits,) = [
            name for name in DESCRIBED["components"]["schemas"]
            if name.endswith("Event") and name != "Event"
            and not faults({"$ref": f"#/components/schemas/{name}"}, event)
        ]  # fmt: skip
        assert fits.removesuffix("Event").lower() == event["subject"]["type"]


@pytest.mark.parametrize("method", ["TRACE", "BREW", "PUT", "HEAD"])
async def test_a_method_that_is_not_offered_is_refused_with_those_that_are(tenant: Tenant, method: str) -> None:
    offered = {
        "/token/": "OPTIONS, POST", "/contacts/": "GET, HEAD, OPTIONS, POST", "/ws/": "GET, OPTIONS",
        "/events/stream": "GET, OPTIONS", "/contacts/cnt_1/": "DELETE, GET, HEAD, OPTIONS, PATCH",
    }  # fmt: skip
    for path, allowed in offered.items():
        if method in allowed:
            continue
        answer = await tenant().ask(method, path, None)
        assert (answer.status, answer.headers["Allow"]) == (405, allowed), path
        assert method == "HEAD" or answer.refused(405, "method_not_allowed")
        assert (await tenant().ask("OPTIONS", path)).headers["Allow"] == allowed
    nothing = await tenant().ask(method, "/nothing/here/")
    assert (nothing.status, nothing.headers.get("Allow")) == (404, None)


async def test_the_doors_of_the_feed_answer_as_described(tenant: Tenant) -> None:
    client = tenant()
    upgrade = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Key": "x" * 22 + "=="}
    tries: list[tuple[str, dict[str, Any]]] = [
        ("/ws/", {}), ("/ws/", {"headers": {**upgrade, "Sec-WebSocket-Version": "7"}}),
        ("/ws/", {"headers": {**upgrade, "Sec-WebSocket-Version": "13", "Origin": "https://evil.example"}}),
        ("/events/stream/", {"params": {"after": "nonsense"}}), ("/events/stream/", {"params": {"topics": "none"}}),
        ("/events/stream/", {"params": {"ticket": "none"}}),
    ]  # fmt: skip
    for path, request in tries:
        for asker in (client, tenant.anonymous):
            answer = await asker.get(path, **request)
            assert 400 <= answer.status < 500
            assert str(answer.status) in DESCRIBED["paths"][path]["get"]["responses"], (path, request, answer.status)
