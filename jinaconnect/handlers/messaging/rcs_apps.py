"""`/rcs/v1/apps/`: RCS agents."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

import orjson
from pydantic import Field, StringConstraints

from jinaconnect.actions.context import Context, OperationContext, Services
from jinaconnect.actions.listing import list_documents
from jinaconnect.actions.messaging import accounts as apps
from jinaconnect.actions.messaging.daily import counted
from jinaconnect.channels.rcs_google.auth import KeyFault, read_key
from jinaconnect.channels.table import CHANNELS as TABLE
from jinaconnect.core.clock import iso_or_none
from jinaconnect.core.errors import Invalid
from jinaconnect.core.messaging.rcs_price import PRICES
from jinaconnect.core.messaging.sms_price import MICROS
from jinaconnect.core.paging import Filter, Listing, bool_filter, choice_filter
from jinaconnect.core.schema import Answer, Given, Id, Name, Request, example
from jinaconnect.handlers.edge.operation import operation
from jinaconnect.handlers.messaging.sms_apps import PRICED_FROM, Price
from jinaconnect.outbound import Blocked

PLATFORM = "RCS"
GOOGLE, META = "GOOGLE_RBM", "META_RCS"
CHANNELS = {GOOGLE: "rcs_google", META: "rcs_meta"}
OF_META = ("phone_number_id", "access_token", "app_secret")
ASSUMED = (
    "Follows an assumed contract: Meta has published no API for RCS. It is off unless the operator turns it on, "
    "and was never run against a live service."
)
_TOKEN_HOST = "oauth2.googleapis.com"

AgentId = Annotated[str, StringConstraints(min_length=1, max_length=100, pattern=r"^[A-Za-z0-9_.@:/-]+$")]
BaseUrl = Annotated[str, StringConstraints(max_length=512, pattern=r"^https?://")]
DailyLimit = Annotated[int, Field(ge=0, le=10_000_000)]


class RcsAppFields(Request, json_schema_extra=example(sms_fallback_enabled=False)):
    """What may be changed of an agent; another `base_url` needs the key given anew."""

    agent_name: Name | None = None
    provider_credentials: dict[str, Any] | None = Field(
        None,
        description="GOOGLE_RBM: `service_account_json`, the key file of a service account, as text or as an object. "
        "META_RCS: `phone_number_id`, `access_token` and `app_secret`.",
    )
    base_url: BaseUrl | None = Field(None, description="Where the API is: a region, or a stand-in for it.")
    is_active: Given[bool] = None
    daily_limit: Given[DailyLimit] = None
    sms_fallback_enabled: Given[bool] = Field(None, description="Whether who is not on RCS gets a text message.")
    sms_fallback_app: Id | None = None
    price_per_message: Given[Price] = Field(None, description="What a text costs, in the wallet's currency.")
    price_per_rich_message: Given[Price] = Field(
        None, description="What any other message costs; the same as a text unless given."
    )

    def split(self, services: Services, provider: str) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return (plain fields, credentials to seal); raises Invalid naming each that cannot be one."""
        fields = self.model_dump(exclude_unset=True, exclude={"provider"})
        fields |= {name: int(fields[name] * MICROS) for name in PRICES if name in fields}
        given = dict(fields.pop("provider_credentials", None) or {})
        known = OF_META if provider == META else ("service_account_json",)
        faults = {name: ["is none of this provider's"] for name in given if name not in known}
        credentials: dict[str, Any] = {}
        spec = TABLE[CHANNELS[provider]].spec
        if provider == META:
            credentials = {name: given[name] for name in OF_META if name in given}
            faults |= {name: ["must be text"] for name, value in credentials.items() if not isinstance(value, str)}
            faults |= apps.check_credentials(
                services, spec, {name: value for name, value in credentials.items() if name not in faults}
            )
        elif "service_account_json" in given:
            try:
                credentials["service_account_json"] = _key(services, given["service_account_json"])
            except KeyFault as error:
                part = "" if error.part is None else f".{error.part}"
                faults[f"service_account_json{part}"] = [str(error)]
        faults = {f"provider_credentials.{name}": told for name, told in faults.items()}
        if "base_url" in fields:
            credentials["base_url"] = fields.pop("base_url")
            faults |= apps.check_credentials(services, spec, {"base_url": credentials["base_url"]})
        if faults:
            raise Invalid(faults)
        return fields, credentials


def _key(services: Services, given: Any) -> str:
    """Return a key file as it is sealed; raises KeyFault."""
    text = given if isinstance(given, str) else orjson.dumps(given).decode()
    if len(text) > 16_384:
        raise KeyFault("at most 16 KiB")
    key = read_key(text)
    try:
        services.outbound.guard.check_url(key.token_uri)
    except Blocked as error:
        raise KeyFault(str(error), "token_uri") from error
    return orjson.dumps(orjson.loads(text)).decode()


class NewRcsApp(
    RcsAppFields,
    json_schema_extra=example(
        agent_id="lee_and_sons_agent", agent_name="Lee & Sons",
        provider_credentials={
            "service_account_json": {
                "type": "service_account", "client_email": "rcs@lee-and-sons.iam.gserviceaccount.com",
                "private_key": "-----BEGIN PRIVATE KEY-----\n…", "token_uri": f"https://{_TOKEN_HOST}/token",
            }
        },
    ),
):  # fmt: skip
    """An agent to add. With a test key it is simulated, and needs no credentials."""

    provider: Literal["GOOGLE_RBM", "META_RCS"] = Field("GOOGLE_RBM", description=f"META_RCS: {ASSUMED}")
    agent_id: AgentId


class RcsAppOut(Answer):
    """An RCS agent; its credentials are never shown."""

    id: str
    provider: str
    agent_id: str | None
    agent_name: str | None
    is_active: bool
    simulated: bool
    daily_limit: int
    messages_sent_today: int
    webhook_url: str
    webhook_client_token: str | None = Field(None, description="Told once, when the agent is added.")
    sms_fallback_enabled: bool
    sms_fallback_app: str | None
    price_per_message: float | None = Field(None, description="This and the next are for admins and above.")
    price_per_rich_message: float | None = None
    note: str | None = Field(description="What is to be known of its provider.")
    created_at: str | None
    updated_at: str | None


_APPS = Listing(
    filters={
        "provider": choice_filter("bsp", tuple(CHANNELS)), "agent_id": Filter("agent_id", lookups=("", "in")),
        "is_active": bool_filter("is_active"),
    },
    search=("agent_id", "agent_name"),
)  # fmt: skip


async def _shown(ctx: Context, doc: dict[str, Any]) -> dict[str, Any]:
    return _rendered(ctx, (await counted(ctx, [doc]))[0])


def _rendered(ctx: Context, doc: Mapping[str, Any]) -> dict[str, Any]:
    settings, priced = ctx.services.settings, ctx.principal.priority >= PRICED_FROM
    base = settings.public_url or settings.own_url
    return {
        "id": doc["_id"], "provider": doc["bsp"], "agent_id": doc.get("agent_id"),
        "agent_name": doc.get("agent_name"), "is_active": doc["is_active"], "simulated": doc["simulated"],
        "daily_limit": doc["daily_limit"], "messages_sent_today": doc["messages_sent_today"],
        "webhook_url": base + TABLE[CHANNELS[doc["bsp"]]].spec.path(doc["tenant_id"], doc["_id"]),
        "sms_fallback_enabled": doc.get("sms_fallback_enabled") is not False,
        "sms_fallback_app": doc.get("sms_fallback_app"), "note": ASSUMED if doc["bsp"] == META else None,
        "created_at": iso_or_none(doc["created_at"]), "updated_at": iso_or_none(doc["updated_at"]),
        **({name: (doc.get(name) or 0) / MICROS for name in PRICES} if priced else {}),
    }  # fmt: skip


async def _check_fallback(ctx: Context, fields: Mapping[str, Any]) -> None:
    """See that the app text messages go over is one of SMS; raises Invalid."""
    id = fields.get("sms_fallback_app")
    if id is None:
        return
    found = await ctx.data.find("apps", id)
    if found is None or found["channel"] != "SMS" or found["deleted_at"] is not None:
        raise Invalid.field("sms_fallback_app", "there is no such SMS app")


@operation(
    "GET", "/rcs/v1/apps/", id="rcs.apps.list", permission="wa_app.view", listing=_APPS, returns=RcsAppOut, tag="rcs"
)
async def list_apps(ctx: OperationContext) -> dict[str, Any]:
    """List the RCS agents."""

    async def render(docs: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        return [_rendered(ctx, doc) for doc in await counted(ctx, docs)]

    if ctx.principal.mode == "test":
        await apps.ensure_sandbox_accounts(ctx.services, ctx.ports.channels, ctx.principal.tenant, PLATFORM)
    return await list_documents(ctx, "apps", _APPS, render, {"deleted_at": None, "channel": PLATFORM})


@operation(
    "POST", "/rcs/v1/apps/", id="rcs.apps.create", permission="wa_app.manage", body=NewRcsApp, returns=RcsAppOut,
    status=201, effect=True, tag="rcs", errors=(409,),
)  # fmt: skip
async def create_app(ctx: OperationContext, body: NewRcsApp) -> dict[str, Any]:
    """Add an agent; its key is sealed and never shown again.

    `webhook_client_token` is told this once: with `webhook_url` it goes into the agent's webhook at its provider.
    """
    if (reason := apps.off(ctx.ports.channels[CHANNELS[body.provider]])) is not None:
        raise Invalid.field("provider", reason)
    fields, credentials = body.split(ctx.services, body.provider)
    await _check_fallback(ctx, fields)
    needed = OF_META if body.provider == META else ("service_account_json",)
    missing = [name for name in needed if not credentials.get(name)] if ctx.principal.mode == "live" else []
    if missing:
        raise Invalid({f"provider_credentials.{name}": ["is required"] for name in missing})
    credentials["client_token"] = ctx.secret("client token")
    fields.update(app_name=body.agent_name or body.agent_id, daily_limit=fields.get("daily_limit", 10_000))
    made = await apps.create_app(ctx, CHANNELS[body.provider], fields, credentials)
    doc = await apps.get_app(ctx, PLATFORM, made["id"])
    return {**await _shown(ctx, doc), "webhook_client_token": credentials["client_token"]}


@operation("GET", "/rcs/v1/apps/{id}/", id="rcs.apps.read", permission="wa_app.view", returns=RcsAppOut, tag="rcs")
async def read_app(ctx: Context, id: str) -> dict[str, Any]:
    """Show one agent."""
    return await _shown(ctx, await apps.get_app(ctx, PLATFORM, id))


@operation(
    "PATCH", "/rcs/v1/apps/{id}/", id="rcs.apps.change", permission="wa_app.manage", body=RcsAppFields,
    returns=RcsAppOut, effect=True, tag="rcs",
)  # fmt: skip
async def change_app(ctx: OperationContext, id: str, body: RcsAppFields) -> dict[str, Any]:
    """Change an agent; a key given takes the place of the one before."""
    before = await apps.get_app(ctx, PLATFORM, id)
    fields, credentials = body.split(ctx.services, before["bsp"])
    await _check_fallback(ctx, fields)
    await apps.change_app(ctx, PLATFORM, id, fields, credentials, place="provider_credentials.{}")
    return await _shown(ctx, await apps.get_app(ctx, PLATFORM, id))


@operation(
    "DELETE", "/rcs/v1/apps/{id}/", id="rcs.apps.delete", permission="wa_app.delete", status=204, effect=True,
    tag="rcs",
)  # fmt: skip
async def delete_app(ctx: OperationContext, id: str) -> None:
    """Remove an agent; its messages stay."""
    await apps.delete_app(ctx, PLATFORM, id)
