"""What a broadcast of calls says, and over which account: checked when it is written, made ready for each recipient."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

from pydantic import ValidationError

from jinaconnect.actions.broadcasts.audience import some_reached
from jinaconnect.actions.calls.placing import CheckedCall, PlaceCall, check_call
from jinaconnect.actions.context import OperationContext
from jinaconnect.actions.trunks.accounts import outbound_trunk
from jinaconnect.core.broadcasts import values as texts
from jinaconnect.core.errors import Invalid
from jinaconnect.core.inbox.platform import address_on
from jinaconnect.core.ivr.values import NAME
from jinaconnect.store.databases.mongo import Document

# What a call's fields are called in a broadcast.
_NAMES = {
    "provider_config_id": "app", "template": "voice_template", "tts_text": "placeholder_data.message",
    "audio_url": "placeholder_data.audio_url", "variables": "placeholder_data", "to_number": "recipients",
}  # fmt: skip
_OPTIONS = ("from_number", "timeout_s", "max_duration_s", "record", "machine_detection", "metadata")



@dataclass(frozen=True, slots=True)
class Script:
    """What a broadcast says: a template's words or IVR, a text or a file."""

    trunk: Document
    way: str
    said: str
    template_id: str | None
    category: str
    options: Mapping[str, Any]
    given: Mapping[str, Any]
    tenant: str
    name: str
    zone: tzinfo

    @property
    def account_id(self) -> str:
        """The account it goes by."""
        return str(self.trunk["_id"])


async def script(ctx: OperationContext, broadcast: Mapping[str, Any]) -> Script:
    """Return what a broadcast says; raises Invalid naming what is missing or cannot be used."""
    for name, elsewhere in (("template", "template_number"), ("track_links", "track_links")):
        if broadcast.get(name):
            raise Invalid.field(elsewhere, "is nothing that a call can say: voice_template has what it says")
    try:
        trunk = await outbound_trunk(ctx, broadcast["app"])
    except Invalid as error:
        raise _named(error) from error
    tenant = await ctx.services.registry.tenant(ctx.principal.tenant) or {}
    given, id = broadcast["placeholder_data"], broadcast.get("voice_template")
    way, said = _said(given, id)
    return Script(
        trunk, way, said, id, "MARKETING" if broadcast["category"] == "MARKETING" else "UTILITY",
        broadcast.get("call_options") or {}, given, tenant.get("name", ""), broadcast["name"],
        ZoneInfo(tenant.get("settings", {}).get("timezone") or "UTC"),
    )  # fmt: skip


def _said(given: Mapping[str, Any], template: str | None) -> tuple[str, str]:
    """Return the way of a call and what it says in it; raises Invalid where there is nothing to say, or two things."""
    found = [
        (way, str(said))
        for way, said in (
            ("template", template), ("audio_url", given.get("audio_url")), ("tts_text", texts.text_of(given)),
        )
        if said
    ]  # fmt: skip
    if template is not None:
        return found[0]
    if len(found) != 1:
        raise Invalid.field("voice_template", "is required, or one of placeholder_data.message and .audio_url")
    return found[0]


def call_for(script: Script, contact: Document, to: str, now: datetime) -> PlaceCall:
    """Return the call to one contact; raises Invalid where it cannot be placed for them."""
    values = texts.values_for(
        contact, script.given, tenant=script.tenant, broadcast=script.name, now=now, zone=script.zone
    )
    said = script.said if script.way == "template" else texts.said(script.said, values)
    fields: dict[str, Any] = {name: script.options[name] for name in _OPTIONS if script.options.get(name) is not None}
    if script.way == "template":
        fields["variables"] = {name: value for name, value in values.items() if NAME.fullmatch(name)}
    elif script.way == "tts_text":
        fields |= {name: script.given[name] for name in ("tts_voice", "tts_language") if script.given.get(name)}
    try:
        return PlaceCall.model_validate({
            "to_number": to, "provider_config_id": script.account_id, script.way: said, "category": script.category,
            "contact": contact["_id"], **fields,
        })  # fmt: skip
    except ValidationError as error:
        first = error.errors()[0]
        name = str(first["loc"][0]) if first["loc"] else "placeholder_data"
        raise Invalid.field(_NAMES.get(name, f"call_options.{name}"), str(first["msg"])) from error


async def checked(ctx: OperationContext, call: PlaceCall) -> CheckedCall:
    """Check a recipient's call; raises Invalid by the broadcast's names, Unsupported."""
    try:
        return await check_call(ctx, call)
    except Invalid as error:
        raise _named(error) from error


def _named(error: Invalid) -> Invalid:
    """Return a complaint about a call as one about its broadcast."""
    if not isinstance(error.detail, Mapping):
        return error
    called = {name: _NAMES.get(name, f"call_options.{name}" if name in _OPTIONS else name) for name in error.detail}
    return Invalid({called[name]: texts for name, texts in error.detail.items()})


async def estimate_of(ctx: OperationContext, broadcast: Mapping[str, Any], script: Script, size: int) -> int:
    """Return in millionths what is set aside for so many calls, each when it is placed, by what the first one costs.

    Raises Invalid, Unsupported, NoPrice where the call cannot be placed as it is.
    """
    found = await some_reached(ctx.data, broadcast, 1)
    to = address_on(found[0], broadcast["platform"]) if found else None
    if to is None:
        raise Invalid.field("recipients", "nobody has a number to be called at")
    quote = (await checked(ctx, call_for(script, found[0], str(to.value), ctx.now()))).quote
    return 0 if quote is None else quote.amount * size
