"""A refusal names what is wrong by its whole path, however deep it lies in the body."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import pytest

from jinaconnect.core.errors import Invalid
from jinaconnect.core.inbox.profile import NewContact
from jinaconnect.core.messaging.template_form import NewTemplate
from jinaconnect.core.schema import parse
from tests.tenants import Tenant
from tests.wire.test_described import OPERATIONS_DESCRIBED, UNKNOWN

GRAPH = OPERATIONS_DESCRIBED["voice.templates.simulate_graph"][2]["requestBody"]["content"]["application/json"][
    "example"
]["graph"]
WRONG: list[Any] = [{"no": [{}]}, [[[]]], 10**30, "\x00"]
NESTED = {
    name: told["requestBody"]["content"]["application/json"]["example"]
    for name, (_, _, told) in OPERATIONS_DESCRIBED.items()
    if "application/json" in told.get("requestBody", {}).get("content", {}) and name != "wa.webhooks.receive"
}


def within(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Return the paths of everything in a value, from the second level on."""
    parts = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, part in parts:
        if path:
            yield (*path, name)
        yield from within(part, (*path, name))


def spoiled(body: Any, path: tuple[str | int, ...], value: Any) -> Any:
    copied = copy.deepcopy(body)
    place = copied
    for part in path[:-1]:
        place = place[part]
    place[path[-1]] = value
    return copied


def named(place: tuple[str | int, ...]) -> str:
    """Return what a refusal is to name: nodes by their id, edges and what a caller does as a whole."""
    match place:
        case ("graph", "nodes", int(at), *_) if place[3:4] not in ((), ("id",)):
            return f"graph.nodes.{GRAPH['nodes'][at]['id']}"
        case ("graph", "nodes" | "edges" as part, *_):
            return f"graph.{part}"
        case ("inputs", at, *_):
            return f"inputs.{at}"
    return ".".join(map(str, place))


@pytest.mark.parametrize("name", [name for name, body in NESTED.items() if list(within(body))])
async def test_a_refusal_names_the_whole_path(tenant: Tenant, name: str) -> None:
    method, path, _ = OPERATIONS_DESCRIBED[name]
    for place in ("{id}", "{contact_id}"):
        path = path.replace(place, UNKNOWN)
    client = tenant("owner", "test")
    body = NESTED[name]
    if "provider_config" in body:
        trunk = {"name": "Lab", "provider": "twilio"}
        body = {**body, "provider_config": (await client.post("/voice/api/provider-configs/", trunk)).ok(201)["id"]}
    for place in within(body):
        for value in WRONG:
            answer = await client.ask(method, path, spoiled(body, place, value))
            assert answer.status < 500, (place, value, answer.body)
            if answer.status == 400 and answer.body["code"] == "validation_error":
                paths = list(answer.body["detail"])
                wanted = named(place)
                above = [each for each in paths if wanted.startswith(f"{each}.")]
                assert above == [], (place, value, paths)
                assert not any(mark in each for each in paths for mark in "[(")


def test_what_was_tried_for_a_value_is_no_part_of_its_path() -> None:
    with pytest.raises(Invalid) as refused:
        parse(NewContact, {"phone": "+12025550111", "attributes": {"city": {"no": 1}}, "tags": ["a", []]})
    assert list(refused.value.body()["detail"]) == ["tags.1", "attributes.city"]
    with pytest.raises(Invalid) as refused:
        parse(NewTemplate, {"element_name": "x", "content": "Hi", "example_body": ["a", 1], "buttons": [{"text": "b"}]})
    assert list(refused.value.body()["detail"]) == ["buttons.0.type", "example_body.1"]
