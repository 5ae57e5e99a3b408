"""Outbound webhooks in both descriptions: what is posted to an endpoint, with which headers, and what it answers."""

from __future__ import annotations

from typing import Any

from jinaconnect.core.schema import sample_id
from jinaconnect.handlers.edge.description.json_schemas import REF

TELLS = (
    "Posted to an endpoint: one event as JSON with `tenant_id` and `created_at` (when it was recorded) beside its own"
    " fields, signed as Standard Webhooks. 2xx within 15 seconds is success; anything else is tried again. Pass over a"
    " `webhook-id` you have had."
)
_HEADERS = {
    "webhook-id": ("The event's id, the same at every attempt.", sample_id("evt")),
    "webhook-timestamp": ("When this attempt was made, in seconds since 1970.", "1796000000"),
    "webhook-signature": (
        "`v1,` and base64 of HMAC-SHA256 over id, timestamp and body with dots between; several, with spaces between,"
        " while a secret is rotated.", "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    ),
    "X-Cursor": ("The event's place in the feed.", "AAAAAAAABBIAAAAB7pZ3nUq1sXk2vYd0"),
}  # fmt: skip


def posted() -> dict[str, Any]:
    """Return the `webhooks` of the API description."""
    parameters = [
        {"name": name, "in": "header", "required": name != "X-Cursor", "description": tells,
         "schema": {"type": "string", "examples": [shown]}}
        for name, (tells, shown) in _HEADERS.items()
    ]  # fmt: skip
    body = {"schema": {"allOf": [
        {"$ref": REF.format(model="Event")},
        {"type": "object", "required": ["tenant_id", "created_at"], "properties": {
            "tenant_id": {"type": "string", "examples": [sample_id("ten")]},
            "created_at": {"type": "string", "format": "date-time"},
        }},
    ]}}  # fmt: skip
    return {
        "event": {
            "post": {
                "operationId": "webhooks.event", "tags": ["webhooks"], "summary": "An event, posted to an endpoint.",
                "description": TELLS, "security": [], "parameters": parameters,
                "requestBody": {"required": True, "content": {"application/json": body}},
                "responses": {"2XX": {"description": "It was taken."}, "410": {"description": "Nothing more, ever."}},
            }
        }
    }  # fmt: skip


def headers() -> dict[str, Any]:
    """Return the schema of the headers of what is posted."""
    return {
        "type": "object",
        "properties": {
            name: {"type": "string", "description": tells, "examples": [shown]}
            for name, (tells, shown) in _HEADERS.items()
        },
    }
