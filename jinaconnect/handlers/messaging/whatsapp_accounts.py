"""`/wa/v1/apps/`: WhatsApp accounts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints

from jinaconnect.actions.context import Context, OperationContext, Services
from jinaconnect.actions.listing import list_documents
from jinaconnect.actions.messaging import accounts as apps
from jinaconnect.channels.table import CHANNELS
from jinaconnect.core.errors import Invalid
from jinaconnect.core.events.payloads.account import AppData
from jinaconnect.core.paging import Filter, Listing, bool_filter, text_filter
from jinaconnect.core.schema import Given, Name, Phone, Request, Text, example
from jinaconnect.handlers.edge.operation import operation

PLATFORM, CHANNEL = "WHATSAPP", "whatsapp_meta"


class AppFields(Request, json_schema_extra=example(app_name="Shop, West", daily_limit=2000)):
    """What may be changed of a WhatsApp app."""

    app_name: Given[Annotated[Name, StringConstraints(min_length=1)]] = None
    description: Annotated[Text, StringConstraints(max_length=2000)] | None = None
    phone_number: Given[Phone] = None
    is_active: Given[bool] = None
    waba_id: Annotated[str, StringConstraints(max_length=64)] | None = None
    phone_number_id: Annotated[str, StringConstraints(max_length=64)] | None = None
    app_id: Annotated[str, StringConstraints(max_length=64)] | None = None
    daily_limit: Given[Annotated[int, Field(ge=0, le=10_000_000)]] = None
    app_secret: Annotated[str, StringConstraints(max_length=512)] | None = None
    verify_token: Annotated[str, StringConstraints(max_length=512)] | None = None
    base_url: Annotated[str, StringConstraints(max_length=512, pattern=r"^https?://")] | None = None
    bsp_credentials: dict[str, str | None] | None = None

    def split(self, services: Services) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return (plain fields, credentials to seal); raises Invalid naming each credential that cannot be one."""
        fields = self.model_dump(exclude_unset=True)
        credentials = dict(fields.pop("bsp_credentials", None) or {})
        if len(str(credentials)) > 16_384:
            raise Invalid.field("bsp_credentials", "at most 16 KiB")
        for name in ("app_secret", "verify_token", "base_url"):
            if name in fields:
                credentials[name] = fields.pop(name)
        faults = apps.check_credentials(services, CHANNELS[CHANNEL].spec, credentials)
        if faults:
            own = self.model_fields_set
            raise Invalid({name if name in own else f"bsp_credentials.{name}": told for name, told in faults.items()})
        return fields, credentials


class NewApp(
    AppFields,
    json_schema_extra=example(
        app_name="Shop",
        phone_number="+12025550100",
        waba_id="102290129340398",
        phone_number_id="106540352242922",
        app_secret="4f1c0a9e5b7d43e2a86c",
        verify_token="a-word-of-your-own",
        bsp_credentials={"access_token": "EAAGm0PX4ZCpsBA"},
    ),
):
    """A WhatsApp app to add."""

    app_name: Annotated[Name, StringConstraints(min_length=1)]
    phone_number: Phone
    bsp: Literal["META"] = "META"


class AppOut(AppData):
    """A WhatsApp app; credentials are never shown."""

    waba_id: str | None = Field(None, description="This and the next two are for admins and above.")
    phone_number_id: str | None = None
    app_id: str | None = None


_APPS = Listing(
    filters={"phone_number": text_filter("phone_number"), "bsp": Filter("bsp"), "is_active": bool_filter("is_active"),
             "is_verified": bool_filter("is_verified")},
    search=("app_name", "phone_number", "waba_id"),
)  # fmt: skip


@operation(
    "GET", "/wa/v1/apps/", id="wa.apps.list", permission="wa_app.view", listing=_APPS, returns=AppOut, tag="whatsapp"
)
async def list_apps(ctx: OperationContext) -> dict[str, Any]:
    """List the WhatsApp apps."""

    async def render(docs: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        return [apps.render_app(doc, ctx.principal.priority) for doc in docs]

    if ctx.principal.mode == "test":
        await apps.ensure_sandbox_accounts(ctx.services, ctx.ports.channels, ctx.principal.tenant, PLATFORM)
    return await list_documents(ctx, "apps", _APPS, render, {"deleted_at": None, "channel": PLATFORM})


@operation(
    "POST",
    "/wa/v1/apps/",
    id="wa.apps.create",
    permission="wa_app.manage",
    body=NewApp,
    returns=AppOut,
    status=201,
    effect=True,
    tag="whatsapp",
)
async def create_app(ctx: OperationContext, body: NewApp) -> dict[str, Any]:
    """Add a WhatsApp app; its credentials are sealed and never shown again."""
    fields, credentials = body.split(ctx.services)
    faults = {
        name: ["is required"]
        for name in ("waba_id", "phone_number_id")
        if not fields.get(name) and ctx.principal.mode == "live"
    }
    if faults:
        raise Invalid(faults)
    return await apps.create_app(ctx, CHANNEL, fields, credentials)


@operation("GET", "/wa/v1/apps/{id}/", id="wa.apps.read", permission="wa_app.view", returns=AppOut, tag="whatsapp")
async def read_app(ctx: Context, id: str) -> dict[str, Any]:
    """Show one WhatsApp app."""
    return apps.render_app(await apps.get_app(ctx, PLATFORM, id), ctx.principal.priority)


@operation(
    "PATCH",
    "/wa/v1/apps/{id}/",
    id="wa.apps.change",
    permission="wa_app.manage",
    body=AppFields,
    returns=AppOut,
    effect=True,
    tag="whatsapp",
)
async def change_app(ctx: OperationContext, id: str, body: AppFields) -> dict[str, Any]:
    """Change a WhatsApp app; credentials given are merged, null removes one."""
    fields, credentials = body.split(ctx.services)
    return await apps.change_app(ctx, PLATFORM, id, fields, credentials)


@operation(
    "DELETE",
    "/wa/v1/apps/{id}/",
    id="wa.apps.delete",
    permission="wa_app.delete",
    status=204,
    effect=True,
    tag="whatsapp",
)
async def delete_app(ctx: OperationContext, id: str) -> None:
    """Remove a WhatsApp app; its messages stay."""
    await apps.delete_app(ctx, PLATFORM, id)
