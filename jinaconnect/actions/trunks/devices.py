"""People's telephones: softphones that register with us, and SIP addresses reached through a trunk."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from jinaconnect.actions.context import Context, OperationContext
from jinaconnect.actions.listing import list_documents
from jinaconnect.actions.trunks.accounts import own_trunk
from jinaconnect.actions.trunks.targets import sip_address
from jinaconnect.core.clock import iso
from jinaconnect.core.errors import Invalid, PermissionDenied
from jinaconnect.core.paging import Listing
from jinaconnect.store.databases.mongo import Document
from jinaconnect.store.tenant import Change
from jinaconnect.telephony.table import SIMULATED
from jinaconnect.telephony.trunks.pjsip import device_endpoint_id

SOFTPHONE, URI = "softphone", "uri"


async def render_device(ctx: OperationContext, doc: Document) -> dict[str, Any]:
    """Return a device as it is answered, with its registration as it is now."""
    return {
        "id": doc["_id"], "user": doc["user"], "name": doc["name"], "kind": doc["kind"],
        "transport": doc["transport"], "uri": doc["uri"], "provider_config": doc["provider_config"],
        "asterisk": doc["asterisk"], "registration": {"state": await ctx.ports.switches.device_state(doc)},
        "created_at": iso(doc["created_at"]),
    }  # fmt: skip


def _own(ctx: Context, user: str | None) -> None:
    if user != ctx.principal.user_id or user is None:
        ctx.principal.require("voice.manage")


async def list_devices(ctx: OperationContext, listing: Listing) -> dict[str, Any]:
    """Answer the list of devices."""

    async def render(docs: Sequence[Document]) -> list[dict[str, Any]]:
        return list(await asyncio.gather(*(render_device(ctx, doc) for doc in docs)))

    return await list_documents(ctx, "devices", listing, render, {"deleted_at": None})


async def read_device(ctx: OperationContext, id: str) -> dict[str, Any]:
    """Return a device as it is answered; raises NotFound."""
    return await render_device(ctx, await ctx.data.get("devices", id))


async def create_device(ctx: OperationContext, fields: Mapping[str, Any]) -> dict[str, Any]:
    """Add a device; a softphone's credentials are in the answer, this once.

    Raises Invalid on `user`, `uri`, `provider_config`, `asterisk`; PermissionDenied for another's device.
    """
    fields = {"transport": "sip", **fields}
    user = fields.get("user") or ctx.principal.user_id
    _own(ctx, user)
    if user is None or await ctx.data.find_one("members", {"user": user}) is None:
        raise Invalid.field("user", "there is no such member")
    id = ctx.ids.new("dev")
    doc: dict[str, Any] = {
        "_id": id, "user": user, "name": fields["name"], "kind": fields["kind"], "transport": None, "uri": None,
        "provider_config": None, "credentials": None, "asterisk": None, "deleted_at": None,
    }  # fmt: skip
    account: dict[str, Any] = {}
    if fields["kind"] == SOFTPHONE:
        password = ctx.secret("device", 18)
        place = f"devices/{id}"
        doc.update(
            transport=fields["transport"], asterisk=_asterisk(ctx, fields.get("asterisk")),
            credentials=ctx.services.secrets.seal({"password": password}, place),
        )  # fmt: skip
        where = _where(ctx, doc["asterisk"], fields["transport"])
        account = {"credentials": {"username": device_endpoint_id(id), "password": password, **where}}
    else:
        if not fields.get("uri") or not fields.get("provider_config"):
            missing = [name for name in ("uri", "provider_config") if not fields.get(name)]
            raise Invalid({name: ["is needed for a SIP address"] for name in missing})
        trunk = await own_trunk(ctx.data, fields["provider_config"], "provider_config")
        uri = await sip_address(ctx.services, fields["uri"], "uri")
        doc.update(uri=uri, provider_config=trunk["_id"], asterisk=trunk["asterisk"])
    doc.update(created_at=ctx.now(), updated_at=ctx.now())
    event = ctx.event("device.created", id, await render_device(ctx, doc), channel="VOICE")
    written = ctx.wrote(await ctx.data.insert("devices", doc, [event]))
    await ctx.ports.switches.device_changed(ctx.data.scope, id)
    return {**await render_device(ctx, written), **account}


def _where(ctx: OperationContext, asterisk: str, transport: str) -> dict[str, str]:
    """Return where a softphone registers; nothing for one of the sandbox, which cannot."""
    settings = ctx.ports.switches.asterisks.get(asterisk)
    if settings is None:
        return {}
    return {"domain": settings.registrar, **({"websocket_url": settings.websocket} if transport == "webrtc" else {})}


def _asterisk(ctx: OperationContext, wanted: str | None) -> str:
    names = [SIMULATED] if ctx.principal.mode == "test" else list(ctx.ports.switches.asterisks)
    if wanted is None and names:
        return names[0]
    if wanted is None or wanted not in names:
        raise Invalid.field("asterisk", f"must be one of {', '.join(names)}" if names else "there is none")
    return wanted


async def delete_device(ctx: OperationContext, id: str) -> None:
    """Remove a device; it cannot register any more."""
    doc = await ctx.data.get("devices", id)
    try:
        _own(ctx, doc["user"])
    except PermissionDenied as error:
        raise PermissionDenied("Only your own devices can be removed.") from error
    gone = {"deleted_at": ctx.now(), "credentials": None}
    event = ctx.event("device.deleted", id, await render_device(ctx, doc), channel="VOICE")
    ctx.wrote(await ctx.data.change("devices", id, lambda doc: Change(set=gone, events=[event])))
    await ctx.ports.switches.device_changed(ctx.data.scope, id)
