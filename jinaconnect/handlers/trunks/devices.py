"""`/voice/api/devices/`: people's telephones."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import StringConstraints

from jinaconnect.actions.context import OperationContext
from jinaconnect.actions.trunks import devices
from jinaconnect.core.events.payloads.trunks import DeviceData
from jinaconnect.core.paging import Filter, Listing, text_filter
from jinaconnect.core.schema import Answer, Id, Request, Text, example, sample_id
from jinaconnect.handlers.calls.fields import Named
from jinaconnect.handlers.calls.operation import voice_operation

DEVICES = Listing(filters={"user": text_filter("user"), "kind": Filter("kind")})


class NewDevice(Request, json_schema_extra=example(name="Desk", kind="softphone", user=sample_id("usr"))):
    """A telephone to add: a softphone, or a `sip:` address reached through a trunk."""

    user: Id | None = None
    name: Named
    kind: Literal["softphone", "uri"]
    transport: Literal["sip", "webrtc"] = "sip"
    uri: Annotated[Text, StringConstraints(max_length=320)] | None = None
    provider_config: Id | None = None
    asterisk: Annotated[str, StringConstraints(max_length=32)] | None = None


class Account(Answer):
    """What a softphone registers with."""

    username: str
    password: str
    domain: str | None = None
    websocket_url: str | None = None


class DeviceOut(DeviceData):
    """A telephone; `credentials` are in the answer that made it and never again."""

    credentials: Account | None = None


@voice_operation("GET", "devices/", id="devices.list", permission="voice.view", listing=DEVICES, returns=DeviceOut)
async def list_devices(ctx: OperationContext) -> dict[str, Any]:
    """List the telephones with their registration as it is now."""
    return await devices.list_devices(ctx, DEVICES)


@voice_operation(
    "POST", "devices/", id="devices.create", permission="voice.call", body=NewDevice, returns=DeviceOut, status=201,
    effect=True,
)  # fmt: skip
async def create_device(ctx: OperationContext, body: NewDevice) -> dict[str, Any]:
    """Add a telephone of one's own, or with `voice.manage` another's."""
    return await devices.create_device(ctx, body.model_dump())


@voice_operation("GET", "devices/{id}/", id="devices.read", permission="voice.view", returns=DeviceOut)
async def read_device(ctx: OperationContext, id: str) -> dict[str, Any]:
    """Show one telephone."""
    return await devices.render_device(ctx, await ctx.data.get("devices", id))


@voice_operation("DELETE", "devices/{id}/", id="devices.delete", permission="voice.call", status=204, effect=True)
async def delete_device(ctx: OperationContext, id: str) -> None:
    """Remove a telephone of one's own, or with `voice.manage` another's."""
    await devices.delete_device(ctx, id)
