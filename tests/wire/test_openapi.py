"""The served description against the running program: whatever is sent, no 5xx and no undocumented answer."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from pydantic import create_model
from schemathesis.checks import CHECKS, load_all_checks

from jinaconnect.core.schema import Answer
from jinaconnect.handlers.edge.description.asyncapi import feed_description
from jinaconnect.handlers.edge.description.openapi import description
from jinaconnect.handlers.edge.operation import OPERATIONS, operation
from tests.conftest import Running
from tests.tenants import Tenant

EXAMPLES = 20
load_all_checks()
CHECKED = CHECKS.get_by_names(
    ["not_a_server_error", "status_code_conformance", "content_type_conformance", "response_schema_conformance"]
)
SCHEMA = schemathesis.openapi.from_dict(description())
# What ends or changes the very access the examples are sent with.
APART = {"auth.logout", "members.transfer"}
NAMES = sorted(item.id for item in OPERATIONS.values() if not item.hidden and item.id not in APART)


def operations() -> dict[str, Any]:
    return {found.ok().definition.raw["operationId"]: found.ok() for found in SCHEMA.get_all_operations()}


def run(operation: Any, url: str, key: str) -> None:
    @settings(
        max_examples=EXAMPLES, deadline=None, derandomize=True, database=None, phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(case=operation.as_strategy())
    def check(case: Any) -> None:
        headers = {"Authorization": f"Bearer {key}"} if operation.definition.raw["security"] else {}
        if "wait" in (case.query or {}):
            case.query["wait"] = 0  # what is waited for does not come
        response = case.call(base_url=url, headers=headers, timeout=20)
        assert response.status_code < 500, (response.status_code, response.text, case.as_curl_command())
        case.validate_response(response, checks=CHECKED)
        if case.method == "GET" and response.status_code == 400:  # parameters are described as strictly as they are
            told = response.json()
            # What two parameters bound together, and which secrets there are, is told in words.
            named = list(told["detail"])
            bound = (["filter.conversation"], ["page"], ["token"], ["end_date"])
            known = told["code"] == "invalid_cursor" or named in bound
            assert known, (told, case.as_curl_command())

    check()


@pytest.mark.parametrize("name", NAMES)
async def test_an_operation_answers_as_described(gateway: Running, tenant: Tenant, name: str) -> None:
    await asyncio.to_thread(run, operations()[name], gateway.url, str(tenant("owner", "test").credential))


async def test_the_served_descriptions_are_the_programs(tenant: Tenant) -> None:
    assert (await tenant.anonymous.get("/openapi.json")).ok() == description()
    assert (await tenant.anonymous.get("/asyncapi.json")).ok() == feed_description()


def references(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"]
        node = list(node.values())
    for each in node if isinstance(node, list) else ():
        yield from references(each)


@pytest.mark.parametrize("document", [description(), feed_description()], ids=["openapi", "asyncapi"])
def test_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    def found(reference: str) -> bool:
        place: Any = document
        for part in reference.removeprefix("#/").split("/"):
            place = place.get(part.replace("~1", "/").replace("~0", "~"), {})
        return bool(place)

    assert sorted({each for each in references(document) if not found(each)}) == []


def test_a_second_schema_of_one_name_does_not_import() -> None:
    within = create_model("Keyword", __base__=Answer, word=(str, ...))
    model = create_model("ListOfWords", __base__=Answer, words=(list[within], ...))
    with pytest.raises(ValueError, match="'Keyword'"):
        operation("GET", "/words/", id="words.list", permission="public", returns=model)(_words)
    assert "words.list" not in OPERATIONS


async def _words(ctx: Any) -> None:
    """List words."""
