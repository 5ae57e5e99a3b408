"""`/voice/api/devices/`: people's telephones."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import StringConstraints

from jinaconnect.actions.trunks import devices
from jinaconnect.core.events.payloads.trunks import DeviceData
from jinaconnect.core.paging import Filter, Listing, text_filter
from jinaconnect.core.schema import Answer, Id, Request, Text, example, sample_id
from jinaconnect.handlers.calls.fields import Named
from jinaconnect.handlers.calls.operation import voice_operation
from jinaconnect.handlers.edge.crud import Does, crud

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


crud(
    "devices", "devices/", DeviceOut, view="voice.view", manage="voice.call", declare=voice_operation,
    list=Does(devices.list_devices, "List the telephones with their registration as it is now.", DEVICES),
    create=Does(
        devices.create_device, "Add a telephone of one's own, or with `voice.manage` another's.", NewDevice
    ),
    read=Does(devices.read_device, "Show one telephone."),
    delete=Does(devices.delete_device, "Remove a telephone of one's own, or with `voice.manage` another's."),
)  # fmt: skip
