"""`/sms/v1/apps/`: SMS accounts."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints

from jinaconnect.actions.context import OperationContext, Services
from jinaconnect.actions.listing import list_documents
from jinaconnect.actions.messaging import accounts as apps
from jinaconnect.actions.messaging.daily import counted
from jinaconnect.channels.table import CHANNELS as TABLE
from jinaconnect.core.clock import iso_or_none
from jinaconnect.core.errors import Conflict, Invalid
from jinaconnect.core.messaging.sms_price import MICROS
from jinaconnect.core.paging import Filter, Listing, bool_filter, choice_filter
from jinaconnect.core.schema import Answer, Given, Id, Name, Request, Text, example
from jinaconnect.handlers.edge.operation import operation

PLATFORM = "SMS"
CHANNELS = {"TWILIO": "sms_twilio", "MSG91": "sms_msg91", "FAST2SMS": "sms_fast2sms"}
NEEDED = {"TWILIO": ("account_sid", "auth_token"), "MSG91": ("auth_key",), "FAST2SMS": ("api_key",)}
SIGNED = ("TWILIO",)  # the others get a secret in their webhooks' address
PRICED_FROM = 80  # the priority of a role from which prices are seen
_FORMS = {
    "account_sid": (r"AC[0-9a-fA-F]{32}", "AC and 32 hexadecimal digits"),
    "messaging_service_sid": (r"MG[0-9a-fA-F]{32}", "MG and 32 hexadecimal digits"),
    "route": (r"dlt|dlt_manual|q", "dlt, dlt_manual or q"),
    "key_sid": (r"SK[0-9a-fA-F]{32}", "SK and 32 hexadecimal digits"),
}

Provider = Literal["TWILIO", "MSG91", "FAST2SMS"]
Sender = Annotated[str, StringConstraints(pattern=r"^(\+[1-9][0-9]{6,14}|[0-9]{3,8}|[A-Za-z0-9 &_-]{2,11})$")]
Registered = Annotated[str, StringConstraints(max_length=30, pattern=r"^[A-Za-z0-9_-]*$")]
Price = Annotated[Decimal, Field(ge=0, le=1000, decimal_places=6)]


class SmsAppFields(Request, json_schema_extra=example(is_default=True, price_per_sms=0.0075)):
    """What may be changed of an SMS app; another `base_url` needs the secrets given anew."""

    app_name: Given[Annotated[Name, StringConstraints(min_length=1)]] = None
    description: Annotated[Text, StringConstraints(max_length=2000)] | None = None
    sender_id: Given[Sender] = Field(None, description="A number, a short code, or a name of 2 to 11 characters.")
    provider_credentials: dict[str, str | None] | None = None
    base_url: Annotated[str, StringConstraints(max_length=512, pattern=r"^https?://")] | None = None
    is_active: Given[bool] = None
    is_default: Given[bool] = Field(None, description="Taken where a request names no app.")
    daily_limit: Given[Annotated[int, Field(ge=0, le=10_000_000)]] = None
    dlt_entity_id: Registered | None = None
    dlt_template_id: Registered | None = None
    price_per_sms: Given[Price] = None
    price_per_sms_international: Given[Price] = None
    fallback_app: Id | None = Field(None, description="Another app of yours, that sends what this one could not.")

    def split(self, services: Services, provider: str) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return (plain fields, credentials to seal); raises Invalid naming each that cannot be one."""
        fields = self.model_dump(exclude_unset=True, exclude={"provider"})
        credentials: dict[str, Any] = dict(fields.pop("provider_credentials", None) or {})
        spec = TABLE[CHANNELS[provider]].spec
        known = {*spec.secrets, *spec.settings}
        faults = {name: ["is none of this provider's"] for name in credentials if name not in known}
        if "base_url" in fields:
            credentials["base_url"] = fields.pop("base_url")
        faults |= apps.check_credentials(services, spec, credentials)
        for name, (form, said) in _FORMS.items():
            if credentials.get(name) is not None and not re.fullmatch(form, credentials[name]):
                faults[name] = [f"must be {said}"]
        if faults:
            own = self.model_fields_set
            raise Invalid({
                name if name in own else f"provider_credentials.{name}": told for name, told in faults.items()
            })  # fmt: skip
        for name in ("price_per_sms", "price_per_sms_international"):
            if name in fields:
                fields[name] = int(fields[name] * MICROS)
        if "sender_id" in fields:
            fields["phone_number"] = fields["sender_id"]
        return fields, credentials


class NewSmsApp(
    SmsAppFields,
    json_schema_extra=example(
        sender_id="+12025550100",
        provider_credentials={"account_sid": "AC" + 32 * "0", "auth_token": "12345678901234567890123456789012"},
    ),
):
    """An SMS app to add."""

    provider: Provider = "TWILIO"
    sender_id: Sender


class SmsAppOut(Answer):
    """An SMS app; credentials are never shown."""

    id: str
    tenant: str
    provider: str
    app_name: str
    description: str | None
    sender_id: str
    is_active: bool
    is_default: bool
    daily_limit: int
    messages_sent_today: int
    webhook_url: str = Field(description="Where the carrier posts what customers write.")
    dlr_webhook_url: str = Field(description="Where the carrier posts its reports.")
    webhook_secret: str | None = Field(None, description="Told once: when the app is added, or its secret is changed.")
    dlt_entity_id: str | None
    dlt_template_id: str | None
    price_per_sms: float | None = Field(None, description="This and the next are for admins and above.")
    price_per_sms_international: float | None = None
    fallback_app: str | None
    credentials_set: bool
    simulated: bool
    created_at: str | None
    updated_at: str | None
    created_by: str | None
    updated_by: str | None


_APPS = Listing(
    filters={
        "provider": choice_filter("bsp", tuple(CHANNELS)), "sender_id": Filter("sender_id"),
        "is_active": bool_filter("is_active"), "is_default": bool_filter("is_default"),
    },
    search=("app_name", "sender_id"),
)  # fmt: skip


async def _shown(ctx: OperationContext, doc: dict[str, Any], secret: str | None = None) -> dict[str, Any]:
    return _rendered(ctx, (await counted(ctx, [doc]))[0], secret)


def _rendered(ctx: OperationContext, doc: Mapping[str, Any], secret: str | None = None) -> dict[str, Any]:
    settings = ctx.services.settings
    base = f"{settings.public_url or settings.own_url}/sms/v1/webhooks/{doc['_id']}"
    end = "" if doc["bsp"] in SIGNED else f"{secret or '{webhook_secret}'}/"
    plain = (
        "app_name", "description", "sender_id", "is_active", "daily_limit", "messages_sent_today", "dlt_entity_id",
        "dlt_template_id", "fallback_app", "simulated", "created_by", "updated_by",
    )  # fmt: skip
    shown: dict[str, Any] = {
        "id": doc["_id"], "tenant": doc["tenant_id"], "provider": doc["bsp"], **{name: doc[name] for name in plain},
        "is_default": bool(doc["is_default"]), "webhook_url": f"{base}/inbound/{end}",
        "dlr_webhook_url": f"{base}/dlr/{end}", "credentials_set": bool(doc["credentials"]),
        "created_at": iso_or_none(doc["created_at"]), "updated_at": iso_or_none(doc["updated_at"]),
    }  # fmt: skip
    if ctx.principal.priority >= PRICED_FROM:
        prices = ("price_per_sms", "price_per_sms_international")
        shown.update({name: (doc[name] or 0) / MICROS for name in prices})
    return shown if secret is None else {**shown, "webhook_secret": secret}


async def _check(ctx: OperationContext, provider: str, fields: Mapping[str, Any], id: str | None) -> None:
    """Raise where a field names another app that is not there, or a sender that another app has."""
    fallback = fields.get("fallback_app")
    if fallback is not None:
        found = await ctx.data.find("apps", fallback)
        if fallback == id or found is None or found["channel"] != PLATFORM or found["deleted_at"] is not None:
            raise Invalid.field("fallback_app", "there is no such other app")
    if "sender_id" in fields:
        held = await ctx.data.select("apps", {"channel": PLATFORM, "bsp": provider, "deleted_at": None})
        same = next((doc for doc in held if doc["sender_id"] == fields["sender_id"] and doc["_id"] != id), None)
        if same is not None:
            raise Conflict(
                f"An app of this provider has this sender already: {same['_id']}.", code="already_exists",
                extra={"existing_id": same["_id"]},
            )  # fmt: skip


@operation(
    "GET", "/sms/v1/apps/", id="sms.apps.list", permission="wa_app.view", listing=_APPS, returns=SmsAppOut, tag="sms"
)
async def list_apps(ctx: OperationContext) -> dict[str, Any]:
    """List the SMS apps."""

    async def render(docs: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        return [_rendered(ctx, doc) for doc in await counted(ctx, docs)]

    if ctx.principal.mode == "test":
        await apps.ensure_sandbox_accounts(ctx.services, ctx.ports.channels, ctx.principal.tenant, PLATFORM)
    return await list_documents(ctx, "apps", _APPS, render, {"deleted_at": None, "channel": PLATFORM})


@operation(
    "POST", "/sms/v1/apps/", id="sms.apps.create", permission="wa_app.manage", body=NewSmsApp, returns=SmsAppOut,
    status=201, effect=True, tag="sms", errors=(409, 502),
)  # fmt: skip
async def create_app(ctx: OperationContext, body: NewSmsApp) -> dict[str, Any]:
    """Add an SMS app; its credentials are sealed and never shown again.

    A carrier that signs no webhooks posts to addresses with a secret in them, which this answer alone shows.
    """
    fields, credentials = body.split(ctx.services, body.provider)
    needed = NEEDED[body.provider] if ctx.principal.mode == "live" else ()
    if faults := {f"provider_credentials.{name}": ["is required"] for name in needed if not credentials.get(name)}:
        raise Invalid(faults)
    await _check(ctx, body.provider, fields, None)
    secret = None if body.provider in SIGNED else credentials.get("webhook_secret") or ctx.secret("sms webhook")
    sealed = credentials if secret is None else {**credentials, "webhook_secret": secret}
    fields = {"daily_limit": 10_000, "app_name": body.sender_id, **fields}
    made = await apps.create_app(ctx, CHANNELS[body.provider], fields, sealed)
    if body.is_default:
        await apps.only_default(ctx, PLATFORM, made["id"])
    return await _shown(ctx, await ctx.data.get("apps", made["id"]), secret)


@operation(
    "GET", "/sms/v1/apps/{id}/", id="sms.apps.read", permission="wa_app.view", returns=SmsAppOut, tag="sms"
)  # fmt: skip
async def read_app(ctx: OperationContext, id: str) -> dict[str, Any]:
    """Show one SMS app."""
    return await _shown(ctx, await apps.get_app(ctx, PLATFORM, id))


@operation(
    "PATCH", "/sms/v1/apps/{id}/", id="sms.apps.change", permission="wa_app.manage", body=SmsAppFields,
    returns=SmsAppOut, effect=True, tag="sms", errors=(409, 502),
)  # fmt: skip
async def change_app(ctx: OperationContext, id: str, body: SmsAppFields) -> dict[str, Any]:
    """Change an SMS app; credentials given are merged, null removes one."""
    before = await apps.get_app(ctx, PLATFORM, id)
    fields, credentials = body.split(ctx.services, before["bsp"])
    await _check(ctx, before["bsp"], fields, id)
    await apps.change_app(ctx, PLATFORM, id, fields, credentials, place="provider_credentials.{}")
    if body.is_default:
        await apps.only_default(ctx, PLATFORM, id)
    return await _shown(ctx, await ctx.data.get("apps", id))


@operation(
    "POST", "/sms/v1/apps/{id}/rotate-secret/", id="sms.apps.rotate", permission="wa_app.manage", returns=SmsAppOut,
    effect=True, tag="sms",
)  # fmt: skip
async def rotate_secret(ctx: OperationContext, id: str) -> dict[str, Any]:
    """Give an app another secret for its webhooks' addresses, shown in this answer alone; the former ends at once."""
    before = await apps.get_app(ctx, PLATFORM, id)
    if before["bsp"] in SIGNED:
        raise Invalid.field("provider", "signs its webhooks: their addresses have no secret")
    secret = ctx.secret("sms webhook")
    await apps.change_app(ctx, PLATFORM, id, {}, {"webhook_secret": secret})
    return await _shown(ctx, await ctx.data.get("apps", id), secret)


@operation(
    "DELETE", "/sms/v1/apps/{id}/", id="sms.apps.delete", permission="wa_app.delete", status=204, effect=True,
    tag="sms",
)  # fmt: skip
async def delete_app(ctx: OperationContext, id: str) -> None:
    """Remove an SMS app; its messages stay."""
    await apps.delete_app(ctx, PLATFORM, id)
