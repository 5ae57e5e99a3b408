"""`/voice/api/provider-configs/`: trunks and voice accounts."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator, Field, StringConstraints, WithJsonSchema, field_validator

from jinaconnect.actions.context import Context, OperationContext
from jinaconnect.actions.trunks import accounts as trunks
from jinaconnect.core.calls.causes import CAUSES
from jinaconnect.core.events.payloads.trunks import TrunkData
from jinaconnect.core.paging import Filter, Listing, bool_filter, number_filter, text_filter
from jinaconnect.core.schema import Answer, Given, Id, Phone, Request, Text, example
from jinaconnect.handlers.calls.fields import Named, Route
from jinaconnect.handlers.calls.operation import voice_operation
from jinaconnect.telephony.table import PROVIDERS


def _known(name: str) -> str:
    if name not in PROVIDERS:
        names = [f"'{each}'" for each in PROVIDERS]
        raise ValueError(f"Input should be {', '.join(names[:-1])} or {names[-1]}")
    return name


Provider = Annotated[str, AfterValidator(_known), WithJsonSchema({"type": "string", "enum": list(PROVIDERS)})]
Cause = Annotated[str, WithJsonSchema({"type": "string", "enum": [*sorted(CAUSES), ""]})]

TRUNKS = Listing(
    filters={"provider": Filter("provider"), "enabled": bool_filter("enabled"), "priority": number_filter("priority"),
             "name": text_filter("name")},
    search=("name", "vendor_label"), orderings={"priority": "priority", "created_at": "_id"},
    default=(("priority", -1), ("_id", -1)),
)  # fmt: skip


class TrunkFields(Request, json_schema_extra=example(enabled=False)):
    """What may be changed of a provider config."""

    name: Given[Named] = None
    description: Annotated[Text, StringConstraints(max_length=2000)] | None = None
    is_active: Given[bool] = None
    provider: Given[Provider] = None
    vendor_label: Given[Annotated[Text, StringConstraints(max_length=120)]] = None
    is_default_outbound: Given[bool] = None
    is_default_inbound: Given[bool] = None
    priority: Given[Annotated[int, Field(ge=-1_000_000, le=1_000_000)]] = None
    credentials: dict[str, Any] | None = None
    from_numbers: Given[Annotated[list[Phone], Field(max_length=1000)]] = None
    inbound_webhook_token: Given[Annotated[Text, StringConstraints(max_length=64)]] = None
    max_concurrent_calls: Given[Annotated[int, Field(ge=-1, le=100_000)]] = None
    currency: Given[Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")]] = None
    recording_enabled: Given[bool] = None
    remove_recordings: Given[bool] = None
    enabled: Given[bool] = None
    fallback_sms_enabled: Given[bool] = None
    fallback_sms_config: Id | None = None
    fallback_sms_template: Given[Annotated[Text, StringConstraints(max_length=2000)]] = None
    fallback_on_causes: Given[Annotated[list[Cause], Field(max_length=len(CAUSES) + 1)]] = None
    default_route: Route | None = None
    asterisk: Annotated[str, StringConstraints(max_length=32)] | None = None

    @field_validator("fallback_on_causes")
    @classmethod
    def _causes(cls, value: list[str] | None) -> list[str] | None:
        strange = [cause for cause in value or () if cause and cause not in CAUSES]
        if strange:
            raise ValueError(f"'{strange[0][:40]}' is not a hangup cause")
        return value

    def plain(self) -> dict[str, Any]:
        """Return the fields given, without credentials."""
        return self.model_dump(exclude_unset=True, exclude={"credentials"})


class NewTrunk(
    TrunkFields,
    json_schema_extra=example(
        name="Head office",
        provider="sip",
        from_numbers=["+12025550123"],
        credentials={
            "vendor_profile": "twilio_elastic_sip", "sip_username": "office", "sip_password": "Sesame-4711",
            "sip_realm": "example.pstn.twilio.com", "sip_proxy": "example.pstn.twilio.com",
            "registration_required": False, "inbound_hosts": ["203.0.113.0/30"],
        },
    ),
):
    """A provider config to add."""

    name: Named
    provider: Provider


class TrunkOut(TrunkData):
    """A provider config; credentials are never shown."""


class SignedUrl(Answer, json_schema_extra=example(name="answer", url="https://gateway.example/voice/webhooks/twilio/…/answer/")):
    """An address that a carrier's signature opens, by the name it ends in."""

    name: str
    url: str


class InboundUrl(
    Answer,
    json_schema_extra=example(
        url="https://gateway.example/voice/webhooks/twilio/…/inbound/?mark=…",
        signed=[{"name": "answer", "url": "https://gateway.example/voice/webhooks/twilio/…/answer/"}],
    ),
):
    """Where a carrier tells of calls that come in: with GET or POST, signed as its other webhooks are.

    `signed` are further addresses, opened by the carrier's signature; none where the account has no secret to check it.
    """

    url: str
    signed: list[SignedUrl]


@voice_operation(
    "GET", "provider-configs/", id="trunks.list", permission="voice.manage", listing=TRUNKS, returns=TrunkOut
)
async def list_trunks(ctx: Context) -> dict[str, Any]:
    """List the provider configs, preferred ones first."""
    return await trunks.list_trunks(ctx, TRUNKS)


@voice_operation(
    "POST", "provider-configs/", id="trunks.create", permission="voice.manage", body=NewTrunk, returns=TrunkOut,
    status=201, effect=True,
)  # fmt: skip
async def create_trunk(ctx: OperationContext, body: NewTrunk) -> dict[str, Any]:
    """Add a SIP trunk or a voice account; credentials are sealed and never shown again.

    A trunk is pushed to its Asterisk at once; `ari-health/` shows when it is registered and reachable.
    """
    return await trunks.create_trunk(ctx, body.plain(), body.credentials)


@voice_operation("GET", "provider-configs/{id}/", id="trunks.read", permission="voice.manage", returns=TrunkOut)
async def read_trunk(ctx: Context, id: str) -> dict[str, Any]:
    """Show one provider config."""
    return trunks.render_trunk(await ctx.data.get("trunks", id))


@voice_operation(
    "PATCH", "provider-configs/{id}/", id="trunks.change", permission="voice.manage", body=TrunkFields,
    returns=TrunkOut, effect=True,
)  # fmt: skip
async def change_trunk(ctx: OperationContext, id: str, body: TrunkFields) -> dict[str, Any]:
    """Change a provider config; credentials given are merged, null as a whole clears them."""
    given = body.credentials if "credentials" in body.model_fields_set else trunks.UNCHANGED
    return await trunks.change_trunk(ctx, id, body.plain(), given)


@voice_operation(
    "PUT", "provider-configs/{id}/", id="trunks.replace", permission="voice.manage", body=NewTrunk,
    returns=TrunkOut, effect=True,
)  # fmt: skip
async def replace_trunk(ctx: OperationContext, id: str, body: NewTrunk) -> dict[str, Any]:
    """Replace a provider config; what is left out takes its default, what is never shown and left out is kept."""
    kept = ("created_by", trunks.HIDDEN)
    fields = {**{name: value for name, value in trunks.DEFAULTS.items() if name not in kept}, **body.plain()}
    given = body.credentials if "credentials" in body.model_fields_set else trunks.UNCHANGED
    return await trunks.change_trunk(ctx, id, fields, given)


@voice_operation(
    "DELETE", "provider-configs/{id}/", id="trunks.delete", permission="voice.manage", status=204, effect=True,
    errors=(409,),
)  # fmt: skip
async def delete_trunk(ctx: OperationContext, id: str) -> None:
    """Remove a provider config with its numbers; 409 while calls point at it."""
    await trunks.delete_trunk(ctx, id)


@voice_operation(
    "GET", "provider-configs/{id}/inbound-url/", id="trunks.inbound_url", permission="voice.manage",
    returns=InboundUrl,
)  # fmt: skip
async def inbound_url(ctx: OperationContext, id: str) -> dict[str, Any]:
    """Give the address at which an HTTP carrier tells of calls that come in, to be entered there for a number.

    400 `invalid_state` for a trunk, whose calls come in on a switch.
    """
    return ctx.ports.voice_hooks.inbound_url(await ctx.data.get("trunks", id))
