"""What the office answers is what is described: every field that is needed, and none that is not told of."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest

from tests.client import Answered, Client
from tests.tenants import Tenant
from tests.wire.test_described import DESCRIBED, OPERATIONS_DESCRIBED

NUMBER = "+12025550111"
LISTS = (
    "contacts.list", "contacts.imports.list", "contacts.segments.list", "contacts.tags", "contacts.keywords",
    "contacts.dashboard", "wa.contacts.list", "sms.contacts.list", "users.list", "members.list", "roles.list",
    "roles.mine", "keys.list", "tenants.list", "tags.list", "library.list", "branding.read", "wallet.read",
    "wallet.alerts", "wa.info.list", "wa.templates.list", "wa.templates.button_types", "onboarding.options",
    "inbox.messages.list", "inbox.messages.recent", "inbox.messages.platforms", "inbox.conversations.list",
    "inbox.stats", "inbox.stats.overview", "inbox.stats.platform_activity", "inbox.scheduled_messages.list",
    "inbox.canned_replies.list",
)  # fmt: skip


def resolved(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    while "$ref" in schema:
        schema = DESCRIBED["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    return schema


def strays(schema: Mapping[str, Any], value: Any, path: str = "") -> Iterator[str]:
    """Yield the fields of an answer that are not described, and those that are needed and not there."""
    schema = resolved(schema)
    if choices := schema.get("anyOf") or schema.get("oneOf"):
        fits = [list(strays(each, value, path)) for each in choices if (resolved(each).get("type") == "null") is False]
        yield from [] if value is None else min(fits, key=len)
    elif isinstance(value, dict) and "properties" in schema:
        yield from (f"{path}.{name} is missing" for name in schema.get("required", ()) if name not in value)
        for name, part in value.items():
            if name in schema["properties"]:
                yield from strays(schema["properties"][name], part, f"{path}.{name}")
            else:
                yield f"{path}.{name} is not described"
    elif isinstance(value, list):
        for part in value:
            yield from strays(schema.get("items", {}), part, f"{path}[]")


def described(name: str, answer: Answered) -> Any:
    """Return the body of an answer after comparing it with its description."""
    content = OPERATIONS_DESCRIBED[name][2]["responses"][str(answer.status)]["content"]
    assert list(strays(content["application/json"]["schema"], answer.body)) == [], name
    return answer.body


@pytest.fixture
async def furnished(tenant: Tenant) -> Client:
    """An organisation with a customer, a conversation, an import and people."""
    owner = tenant("owner", "test")
    for text in ("Do you have it in blue?", "Hello?"):
        written = {"channel": "whatsapp", "from": NUMBER, "name": "Ann Lee", "text": text}
        (await owner.post("/sandbox/inbound/", written)).ok(201)
    (await owner.post("/contacts/segments/", {"name": "Gold"})).ok(201)
    (await owner.post("/tenants/tenant-tags/", {"name": "Wholesale"})).ok(201)
    (await owner.post("/team-inbox/api/canned-replies/", {"shortcut": "hi", "text": "Hello!"})).ok(201)
    (await owner.post("/wa/v1/templates/", {"element_name": "sent", "content": "It is sent."})).ok(201)
    return owner


async def test_lists_and_figures_answer_what_is_described(furnished: Client) -> None:
    for name in LISTS:
        _, path, _ = OPERATIONS_DESCRIBED[name]
        described(name, await furnished.get(path))
    contact = described("contacts.list", await furnished.get("/contacts/"))["results"][0]["id"]
    asked = {"contact_id": contact, "platform": "WHATSAPP"}
    channel = await furnished.get("/team-inbox/api/messages/conversation/", params=asked)
    described("inbox.messages.conversation", channel)
    timeline = f"/team-inbox/api/conversations/{contact}/timeline/"
    described("inbox.conversations.timeline", await furnished.get(timeline))


def test_an_export_is_described_with_the_filters_of_the_list() -> None:
    listed, exported = (
        {each["name"] for each in OPERATIONS_DESCRIBED[name][2]["parameters"]}
        for name in ("contacts.list", "contacts.export")
    )
    assert exported == listed - {"page", "page_size", "cursor", "ordering"}


ORDERED = (
    "members.list", "roles.list", "keys.list", "tags.list", "library.list", "contacts.segments.list",
    "contacts.imports.list", "inbox.canned_replies.list", "contacts.list", "wa.templates.list",
)  # fmt: skip


async def test_lists_are_ordered_by_when_their_rows_were_made(furnished: Client) -> None:
    (await furnished.post("/contacts/segments/", {"name": "Silver"})).ok(201)
    (await furnished.post("/tenants/tenant-tags/", {"name": "Retail"})).ok(201)
    for name in ORDERED:
        _, path, _ = OPERATIONS_DESCRIBED[name]
        last, first = [
            [row["id"] for row in (await furnished.get(path, params={"ordering": f"{way}created_at"})).ok()["results"]]
            for way in ("-", "")
        ]
        assert last == first[::-1], name
        assert len(last) > 1 or name not in ("tags.list", "contacts.segments.list", "roles.list"), name


async def test_a_session_and_an_invitation_answer_what_is_described(
    tenant: Tenant, client: Callable[[str | None], Client], demo: dict[str, Any]
) -> None:
    user = demo["tenants"][1]["users"][0]
    given = await client(None).post("/token/", {"email": user["email"], "password": user["password"]})
    tokens = described("auth.token", given)
    assert {*tokens["user"], *tokens["tenant"], *tokens["role"]} == {
        "id", "username", "email", "first_name", "last_name", "name", "slug", "priority",
    }  # fmt: skip
    described("auth.refresh", await client(None).post("/refresh/", {"refresh": tokens["refresh"]}))
    wanted = {"email": "bo@people.example", "role": "viewer"}
    member = described("members.invite", await tenant().post("/tenants/members/invite/", wanted))
    assert {"message", "invite_path"} <= member.keys()
