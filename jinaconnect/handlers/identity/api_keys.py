"""`/tenants/api-keys/`."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints

from jinaconnect.actions.context import Context
from jinaconnect.actions.identity import api_keys
from jinaconnect.core.events.payloads.account import KeyData
from jinaconnect.core.paging import Filter, Listing
from jinaconnect.core.schema import Id, Request, Text, Time, example, sample_id
from jinaconnect.handlers.edge.crud import Does, crud
from jinaconnect.handlers.edge.operation import operation


class NewKey(
    Request,
    json_schema_extra=example(name="Web shop", role_id=sample_id("rol"), mode="test", ip_allowlist=["203.0.113.0/24"]),
):
    """An API key to make."""

    name: Annotated[Text, StringConstraints(min_length=1, max_length=100)]
    role_id: Id
    mode: Literal["live", "test"] = "live"
    expires_at: Time | None = None
    ip_allowlist: list[Annotated[str, StringConstraints(max_length=64)]] | None = Field(None, max_length=50)


class Rotation(Request, json_schema_extra=example(grace_seconds=3600)):
    """How long the old secret works on."""

    grace_seconds: int = Field(0, ge=0, le=604_800)


class KeyOut(KeyData):
    """An API key; `key` holds its secret in the answer that made it, and never again."""

    key: str | None = Field(None, description="The secret, in the answer that made it alone.")


_KEYS = Listing(
    filters={"mode": Filter("mode"), "role": Filter("role")}, search=("name",),
    orderings={name: name for name in ("name", "created_at", "last_used_at", "expires_at")},
)  # fmt: skip


crud(
    "keys", "/tenants/api-keys/", KeyOut, view="tenant.edit", manage="tenant.edit",
    list=Does(api_keys.list_keys, "List the API keys, without their secrets.", _KEYS),
    create=Does(
        api_keys.create_key, "Make an API key with a role below one's own; its secret is shown this once.", NewKey,
        {"socket": False},
    ),
)  # fmt: skip


@operation(
    "POST",
    "/tenants/api-keys/{id}/rotate/",
    id="keys.rotate",
    permission="tenant.edit",
    body=Rotation,
    returns=KeyOut,
    effect=True,
    socket=False,
)
async def rotate_key(ctx: Context, id: str, body: Rotation) -> dict[str, Any]:
    """Give a key a new secret; the old one ends at once or after `grace_seconds`."""
    return await api_keys.rotate_key(ctx, id, body.grace_seconds)


@operation("DELETE", "/tenants/api-keys/{id}/", id="keys.revoke", permission="tenant.edit", status=204, effect=True)
async def revoke_key(ctx: Context, id: str) -> None:
    """Revoke a key; it stops working at once."""
    await api_keys.revoke_key(ctx, id)
