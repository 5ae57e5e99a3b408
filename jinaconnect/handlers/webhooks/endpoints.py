"""`/webhooks/endpoints/`: where events are posted to."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field, StringConstraints

from jinaconnect.actions.context import Context
from jinaconnect.actions.webhooks import deliveries, endpoints
from jinaconnect.core.events.payloads.webhooks import EndpointData
from jinaconnect.core.paging import Listing
from jinaconnect.core.schema import Answer, Given, Request, Text, example, sample_id
from jinaconnect.handlers.edge.crud import Does, crud
from jinaconnect.handlers.edge.operation import operation

ENDPOINTS = Listing()

_CURSOR = r"^(start|[A-Za-z0-9_-]{32})$"
Url = Annotated[Text, StringConstraints(min_length=1, max_length=2000)]
Pattern = Annotated[Text, StringConstraints(min_length=1, max_length=60)]
Description = Annotated[Text, StringConstraints(max_length=500)]
Patterns = Annotated[list[Pattern], Field(min_length=1, max_length=200)]
Topics = Annotated[list[Pattern], Field(min_length=1, max_length=20)]


class EndpointFields(Request, json_schema_extra=example(events=["message.*"])):
    """What may be changed of an endpoint."""

    url: Given[Url] = None
    events: Given[Patterns] = None
    topics: Topics | None = None
    description: Description | None = None
    is_active: Given[bool] = None


class NewEndpoint(
    EndpointFields,
    json_schema_extra=example(
        url="https://shop.example.com/hooks", events=["message.*", "call.completed"], description="Shop"
    ),
):
    """An endpoint to add: `events` are types, `noun.*`, or `*` for all that its owner may see."""

    url: Url
    events: Patterns


class SecretRotation(Request, json_schema_extra=example(grace_seconds=86400)):
    """How long the former secret signs as well."""

    grace_seconds: int = Field(86_400, ge=0, le=604_800)


class EndpointTest(Request, json_schema_extra=example(type="message.received")):
    """What kind of event is sent as a test; one of the endpoint's own where none is named."""

    type: Pattern | None = None


class ReplayAsked(Request, json_schema_extra=example(after="start")):
    """Which part of the log is told once more: after a cursor (or `start`), up to another (or now)."""

    after: Annotated[str, StringConstraints(pattern=_CURSOR)]
    until: Annotated[str, StringConstraints(pattern=_CURSOR)] | None = None


class EndpointWaiting(Answer):
    """How far an endpoint has got: a place up to which it was told all but what is behind."""

    cursor: str
    events: int
    keys_behind: int
    next_attempt_at: str | None


class EndpointOut(EndpointData):
    """An endpoint; `secret` is in the answer that made it alone, `waiting` in that of reading one."""

    secret: str | None = None
    waiting: EndpointWaiting | None = None


class EndpointTested(
    Answer,
    json_schema_extra=example(
        success=True, event=sample_id("evt"), response_code=200, response_time_ms=84, answer="ok", error=None
    ),
):
    """What came of a test."""

    success: bool
    event: str
    response_code: int | None
    response_time_ms: int
    answer: str | None
    error: str | None


crud(
    "webhooks", "/webhooks/endpoints/", EndpointOut, view="webhook.view", manage="webhook.manage",
    list=Does(endpoints.list_endpoints, "List the endpoints, without their secrets.", ENDPOINTS),
    create=Does(
        endpoints.create_endpoint,
        "Add an endpoint: what happens from now on is posted to it, signed as Standard Webhooks.\n\n"
        "Its secret is shown this once. It is told what whoever added it may see.",
        NewEndpoint, {"socket": False},
    ),
    read=Does(endpoints.read_endpoint, "Show one endpoint and how far it has got."),
    change=Does(
        endpoints.change_endpoint,
        "Change an endpoint; with another address or other events it goes on in the name of whoever changed it.",
        EndpointFields,
    ),
    delete=Does(endpoints.delete_endpoint, "Remove an endpoint with all it was not told yet."),
)  # fmt: skip


@operation(
    "POST", "/webhooks/endpoints/{id}/rotate-secret/", id="webhooks.rotate", permission="webhook.manage",
    body=SecretRotation, returns=EndpointOut, effect=True, socket=False,
)  # fmt: skip
async def rotate_secret(ctx: Context, id: str, body: SecretRotation) -> dict[str, Any]:
    """Give an endpoint a new secret, shown this once; for `grace_seconds` both sign."""
    return await endpoints.rotate_secret(ctx, id, body.grace_seconds)


@operation(
    "POST", "/webhooks/endpoints/{id}/pause/", id="webhooks.pause", permission="webhook.manage", returns=EndpointOut,
    effect=True,
)  # fmt: skip
async def pause_endpoint(ctx: Context, id: str) -> dict[str, Any]:
    """Post nothing for now; what happens meanwhile is posted after `resume/`, for as long as the log keeps it."""
    return await endpoints.pause_endpoint(ctx, id)


@operation(
    "POST", "/webhooks/endpoints/{id}/resume/", id="webhooks.resume", permission="webhook.manage",
    returns=EndpointOut, effect=True,
)  # fmt: skip
async def resume_endpoint(ctx: Context, id: str) -> dict[str, Any]:
    """Go on where an endpoint was paused or switched off; of an active one, try at once what waits for its time."""
    return await endpoints.resume_endpoint(ctx, id)


@operation(
    "POST", "/webhooks/endpoints/{id}/replay/", id="webhooks.replay", permission="webhook.manage", body=ReplayAsked,
    returns=EndpointOut, effect=True, errors=(410,),
)  # fmt: skip
async def replay(ctx: Context, id: str, body: ReplayAsked) -> dict[str, Any]:
    """Post a part of the log once more, under the same ids, beside what is new; one replay at a time."""
    return await endpoints.replay(ctx, id, body.after, body.until)


@operation(
    "POST", "/webhooks/endpoints/{id}/test/", id="webhooks.test", permission="webhook.manage", body=EndpointTest,
    returns=EndpointTested, effect=True,
)  # fmt: skip
async def send_test(ctx: Context, id: str, body: EndpointTest) -> dict[str, Any]:
    """Post an example of an event, with `"example": true` in it, and answer what came of it."""
    return await deliveries.send_test(ctx, id, body.type)
