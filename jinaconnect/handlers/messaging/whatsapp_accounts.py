"""`/wa/v1/apps/`: WhatsApp accounts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints

from jinaconnect.actions.context import Context, OperationContext, Services
from jinaconnect.actions.listing import list_documents
from jinaconnect.actions.messaging import accounts as apps
from jinaconnect.actions.messaging.account_info import render_info, sync_info
from jinaconnect.actions.messaging.daily import counted, start_anew
from jinaconnect.channels.abilities import (
    ListsTemplates,
    Provisions,
    ReviewsTemplates,
    TakesFiles,
    TellsAccount,
    TellsReviews,
)
from jinaconnect.channels.table import CHANNELS as TABLE
from jinaconnect.core.errors import Invalid, NotFound
from jinaconnect.core.events.payloads.account import AppData
from jinaconnect.core.paging import Filter, Listing, bool_filter, text_filter
from jinaconnect.core.schema import Answer, Given, Name, Phone, Request, Text, example, sample
from jinaconnect.handlers.edge.operation import operation

PLATFORM = "WHATSAPP"
META, GUPSHUP = "META", "GUPSHUP"
CHANNELS = {META: "whatsapp_meta", GUPSHUP: "whatsapp_gupshup"}
CAPABILITIES: Mapping[str, type] = {
    "submit_templates": ReviewsTemplates, "template_status": TellsReviews, "sync_templates": ListsTemplates,
    "upload_media": TakesFiles, "account_info": TellsAccount, "webhook_setup": Provisions,
}  # fmt: skip
UNSIGNED = (GUPSHUP,)  # its webhooks' address has a secret in it
OF_META = ("waba_id", "phone_number_id", "app_secret", "verify_token")


class AppFields(Request, json_schema_extra=example(app_name="Shop, West", daily_limit=2000)):
    """What may be changed of a WhatsApp app; another `base_url` needs the secrets given anew."""

    app_name: Given[Annotated[Name, StringConstraints(min_length=1)]] = None
    description: Annotated[Text, StringConstraints(max_length=2000)] | None = None
    phone_number: Given[Phone] = None
    is_active: Given[bool] = None
    waba_id: Annotated[str, StringConstraints(max_length=64)] | None = None
    phone_number_id: Annotated[str, StringConstraints(max_length=64)] | None = None
    app_id: Annotated[str, StringConstraints(max_length=64, pattern=r"^[A-Za-z0-9_-]*$")] | None = None
    is_default: Given[bool] = Field(None, description="Taken where a request names no app.")
    is_commerce_manager_enabled: Given[bool] = Field(None, description="Whether it has a catalogue, and sells.")
    daily_limit: Given[Annotated[int, Field(ge=0, le=10_000_000)]] = None
    app_secret: Annotated[str, StringConstraints(max_length=512)] | None = None
    verify_token: Annotated[str, StringConstraints(max_length=512)] | None = None
    base_url: Annotated[str, StringConstraints(max_length=512, pattern=r"^https?://")] | None = None
    bsp_credentials: dict[str, str | None] | None = Field(
        None,
        description="META: `access_token`. GUPSHUP: `api_key` and `app_name`, or `app_token` of the app `app_id`.",
    )

    def split(self, services: Services, bsp: str) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return (plain fields, credentials to seal); raises Invalid naming each that cannot be one."""
        fields = self.model_dump(exclude_unset=True, exclude={"bsp"})
        credentials = dict(fields.pop("bsp_credentials", None) or {})
        if len(str(credentials)) > 16_384:
            raise Invalid.field("bsp_credentials", "at most 16 KiB")
        spec = TABLE[CHANNELS[bsp]].spec
        if bsp != META:
            known = (*spec.secrets, *spec.settings)
            wrong = [name for name in OF_META if fields.pop(name, None)]
            wrong += [f"bsp_credentials.{name}" for name in credentials if name not in known]
            if wrong:
                raise Invalid({name: ["is none of this provider's"] for name in wrong})
        for name in ("app_secret", "verify_token", "base_url"):
            if name in fields:
                credentials[name] = fields.pop(name)
        faults = apps.check_credentials(services, spec, credentials)
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
    bsp: Literal["META", "GUPSHUP"] = "META"


class AppOut(AppData, json_schema_extra=example(**sample(AppData), messages_sent_today=212)):
    """A WhatsApp app; credentials are never shown."""

    messages_sent_today: int = Field(description="Since midnight in the organisation's time zone.")
    waba_id: str | None = Field(None, description="This and the next two are for admins and above.")
    phone_number_id: str | None = None
    app_id: str | None = None
    webhook_url: str | None = Field(None, description="Where the provider posts.")
    webhook_secret: str | None = Field(
        None, description="Of a provider that signs nothing; told once, when the app is added or its secret is changed."
    )


def _missing(bsp: str, fields: Mapping[str, Any], credentials: Mapping[str, Any]) -> list[str]:
    """Return what an app of a provider needs and is not given."""
    if bsp == META:
        return [name for name in ("waba_id", "phone_number_id") if not fields.get(name)]
    if credentials.get("app_token"):
        return [] if fields.get("app_id") else ["app_id"]
    return [f"bsp_credentials.{name}" for name in ("api_key", "app_name") if not credentials.get(name)]


async def _shown(ctx: Context, doc: dict[str, Any], secret: str | None = None) -> dict[str, Any]:
    return _rendered(ctx, (await counted(ctx, [doc]))[0], secret)


def _rendered(ctx: Context, doc: Mapping[str, Any], secret: str | None = None) -> dict[str, Any]:
    settings, shown = ctx.services.settings, apps.render_app(doc, ctx.principal.priority)
    shown["messages_sent_today"] = doc["messages_sent_today"]
    end = f"{secret or '{webhook_secret}'}/" if doc["bsp"] in UNSIGNED else ""
    shown["webhook_url"] = f"{settings.public_url or settings.own_url}{shown['webhook_path']}{end}"
    return shown if secret is None else {**shown, "webhook_secret": secret}


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
        return [_rendered(ctx, doc) for doc in await counted(ctx, docs)]

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
    """Add a WhatsApp app; its credentials are sealed and never shown again.

    Gupshup signs no webhooks: it posts to an address with a secret in it, which this answer alone shows.
    """
    fields, credentials = body.split(ctx.services, body.bsp)
    missing = _missing(body.bsp, fields, credentials) if ctx.principal.mode == "live" else ()
    if missing:
        raise Invalid({name: ["is required"] for name in missing})
    secret = None
    if body.bsp in UNSIGNED:
        secret = credentials["webhook_secret"] = credentials.get("webhook_secret") or ctx.secret("whatsapp webhook")
    made = await apps.create_app(ctx, CHANNELS[body.bsp], fields, credentials)
    if body.is_default:
        await apps.only_default(ctx, PLATFORM, made["id"])
    return await _shown(ctx, await ctx.data.get("apps", made["id"]), secret)


@operation("GET", "/wa/v1/apps/{id}/", id="wa.apps.read", permission="wa_app.view", returns=AppOut, tag="whatsapp")
async def read_app(ctx: Context, id: str) -> dict[str, Any]:
    """Show one WhatsApp app."""
    return await _shown(ctx, await apps.get_app(ctx, PLATFORM, id))


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
    before = await apps.get_app(ctx, PLATFORM, id)
    fields, credentials = body.split(ctx.services, before["bsp"])
    await apps.change_app(ctx, PLATFORM, id, fields, credentials)
    if body.is_default:
        await apps.only_default(ctx, PLATFORM, id)
    return await _shown(ctx, await ctx.data.get("apps", id))


@operation(
    "POST", "/wa/v1/apps/{id}/rotate-secret/", id="wa.apps.rotate", permission="wa_app.manage", returns=AppOut,
    effect=True, tag="whatsapp",
)  # fmt: skip
async def rotate_secret(ctx: OperationContext, id: str) -> dict[str, Any]:
    """Give an app another secret for its webhook's address, shown in this answer alone; the former ends at once."""
    before = await apps.get_app(ctx, PLATFORM, id)
    if before["bsp"] not in UNSIGNED:
        raise Invalid.field("bsp", "signs its webhooks: their address has no secret")
    secret = ctx.secret("whatsapp webhook")
    await apps.change_app(ctx, PLATFORM, id, {}, {"webhook_secret": secret})
    return await _shown(ctx, await ctx.data.get("apps", id), secret)


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


class AppQuota(
    Answer, json_schema_extra=example(daily_limit=1000, messages_sent_today=212, remaining_quota=788, tier="TIER_1K")
):
    """What an app may still send today."""

    daily_limit: int
    messages_sent_today: int
    remaining_quota: int
    tier: str


class AppCapabilities(
    Answer, json_schema_extra=example(provider=META, capabilities=["send_messages", "submit_templates"])
):
    """What an app's provider can do here."""

    provider: str
    capabilities: list[str]


def _quota(doc: Mapping[str, Any]) -> dict[str, Any]:
    sent, limit = doc["messages_sent_today"], doc["daily_limit"]
    return {
        "daily_limit": limit, "messages_sent_today": sent, "remaining_quota": max(0, limit - sent), "tier": doc["tier"]
    }  # fmt: skip


@operation(
    "GET", "/wa/v1/apps/{id}/quota/", id="wa.apps.quota", permission="wa_app.view", returns=AppQuota, tag="whatsapp"
)
async def app_quota(ctx: Context, id: str) -> dict[str, Any]:
    """Tell what an app may still send today, by its own limit."""
    return _quota((await counted(ctx, [await apps.get_app(ctx, PLATFORM, id)]))[0])


@operation(
    "POST", "/wa/v1/apps/{id}/reset-counter/", id="wa.apps.reset", permission="billing.platform", returns=AppQuota,
    effect=True, tag="whatsapp",
)  # fmt: skip
async def reset_counter(ctx: OperationContext, id: str) -> dict[str, Any]:
    """Let an app of any organisation have sent nothing today; for the deployment's own people."""
    doc = await ctx.services.registry.app(id)
    if doc is None or doc["channel"] != PLATFORM:
        raise NotFound()
    await start_anew(ctx, doc)
    return _quota({**doc, "messages_sent_today": 0})


@operation(
    "GET", "/wa/v1/apps/{id}/capabilities/", id="wa.apps.capabilities", permission="wa_app.view",
    returns=AppCapabilities, tag="whatsapp",
)  # fmt: skip
async def app_capabilities(ctx: OperationContext, id: str) -> dict[str, Any]:
    """Tell what an app's provider can do here."""
    doc = await apps.get_app(ctx, PLATFORM, id)
    channel = ctx.ports.channels[CHANNELS[doc["bsp"]]]
    able = [name for name, ability in CAPABILITIES.items() if isinstance(channel, ability)]
    return {"provider": doc["bsp"], "capabilities": ["send_messages", "receive_messages", *able]}


class WabaError(Answer, json_schema_extra=example(error_code="141006", error_description="No payment method.")):
    """Something that keeps a number from sending, in its provider's words."""

    error_code: Any = None
    error_description: Any = None
    possible_solution: Any = None


class WabaInfo(Answer):
    """How a WhatsApp number stands, as its provider told last."""

    id: str
    wa_app: str
    wa_app_name: str
    wa_app_number: str
    account_status: str
    docker_status: str
    messaging_limit: str
    mm_lite_status: str | None
    ownership_type: str | None
    phone: str | None
    phone_quality: str
    throughput: str | None
    verified_name: str | None
    waba_id: str | None
    can_send_message: str | None
    errors: list[WabaError]
    additional_info: list[Any]
    last_synced_at: str | None
    last_sync_error: str | None


_INFO = Listing(filters={"wa_app": Filter("_id"), "bsp": Filter("bsp")})


async def _app_called(ctx: Context, id: str) -> dict[str, Any]:
    """Return a WhatsApp app by our id or its id at its provider; raises NotFound."""
    found = await ctx.data.find("apps", id) or await ctx.data.find_one("apps", {"app_id": id, "deleted_at": None})
    if found is None or found["channel"] != PLATFORM or found["deleted_at"] is not None:
        raise NotFound()
    return found


@operation(
    "GET", "/tenants/waba-info/", id="wa.info.list", permission="wa_app.view", listing=_INFO, returns=WabaInfo,
    tag="whatsapp",
)  # fmt: skip
async def list_info(ctx: OperationContext) -> dict[str, Any]:
    """List how the WhatsApp numbers stand: a row for each app, as its provider told last."""

    async def render(docs: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        return [render_info(doc) for doc in docs]

    if ctx.principal.mode == "test":
        await apps.ensure_sandbox_accounts(ctx.services, ctx.ports.channels, ctx.principal.tenant, PLATFORM)
    return await list_documents(ctx, "apps", _INFO, render, {"deleted_at": None, "channel": PLATFORM})


@operation("GET", "/tenants/waba-info/{app_id}/", id="wa.info.read", permission="wa_app.view", returns=WabaInfo,
           tag="whatsapp")  # fmt: skip
async def read_info(ctx: Context, app_id: str) -> dict[str, Any]:
    """Show how one WhatsApp number stands, by its app's id here or at its provider."""
    return render_info(await _app_called(ctx, app_id))


_SYNC = "/tenants/waba-info/{app_id}/sync-waba-info/"


@operation("GET", _SYNC, id="wa.info.refresh", permission="wa_app.manage", returns=WabaInfo, tag="whatsapp",
           errors=(501, 502))  # fmt: skip
@operation("POST", _SYNC, id="wa.info.sync", permission="wa_app.manage", returns=WabaInfo, effect=True, tag="whatsapp",
           errors=(501, 502))  # fmt: skip
async def sync_waba_info(ctx: OperationContext, app_id: str) -> dict[str, Any]:
    """Ask a provider how a number stands; at most twice a minute."""
    return await sync_info(ctx, await _app_called(ctx, app_id))
