"""The customer's side of the simulated carriers, and their reports on their way to the webhook door."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from jinaconnect.actions.context import OperationContext, Services
from jinaconnect.actions.messaging.accounts import ensure_sandbox_accounts
from jinaconnect.actions.ports import Ports
from jinaconnect.channels.abilities import Simulates
from jinaconnect.channels.base import Account, WebhookRequest
from jinaconnect.channels.chaos import repeats
from jinaconnect.core.errors import CarrierFailed, Invalid, Unavailable
from jinaconnect.outbound import OutboundError
from jinaconnect.store.databases.mongo import Document
from jinaconnect.store.tenant import Change


async def customer_writes(
    ctx: OperationContext, platform: str, sender: str, name: str, text: str | None, media_url: str | None,
    app: str | None = None,
) -> dict[str, Any]:  # fmt: skip
    """Post one simulated customer's message to the door and return `{status, message_id}`.

    It goes to the account named, else to the sandbox's first of the platform. Raises Invalid on `channel` for a
    platform that nobody simulates, on `app` for an account that is not one of it.
    """
    found = await ensure_sandbox_accounts(ctx.services, ctx.ports.channels, ctx.principal.tenant, platform)
    if not found:
        raise Invalid.field("channel", "has no simulated carrier")
    account = await _simulated(ctx, platform, found[0][1]["_id"] if app is None else app)
    channel = ctx.ports.channels[account.channel]
    assert isinstance(channel, Simulates)
    id = ctx.ids.new("sim").partition("_")[2]
    written = channel.customer_writes(account, sender, name, text, media_url, id, ctx.now())
    times = repeats(id) if account.chaos or ctx.services.settings.chaos else 1
    try:
        await asyncio.gather(*(_post(ctx.services, ctx.ports, written.hook) for _ in range(times)))
    except CarrierFailed as error:
        raise Unavailable("The webhook door did not take the message.") from error
    return {"status": "accepted", "message_id": written.carrier_id}


async def _simulated(ctx: OperationContext, platform: str, id: str) -> Account:
    """Return a simulated account of a platform that is active; raises Invalid on `app`."""
    doc = await ctx.data.find("apps", id)
    if doc is None or doc["deleted_at"] is not None or doc["channel"] != platform or not doc["simulated"]:
        raise Invalid.field("app", "there is no such app")
    if not doc["is_active"]:
        raise Invalid.field("app", "the app is not active")
    account = ctx.ports.accounts.open(doc)
    if not isinstance(ctx.ports.channels[account.channel], Simulates):
        raise Invalid.field("app", "has no simulated carrier")
    return account


async def in_chaos(ctx: OperationContext) -> bool:
    """Tell whether the caller's simulated carriers report as badly as any does."""
    found = await ensure_sandbox_accounts(ctx.services, ctx.ports.channels, ctx.principal.tenant)
    return ctx.services.settings.chaos or any(doc.get("chaos") for _, doc in found)


async def set_chaos(ctx: OperationContext, on: bool) -> bool:
    """Have all of the caller's simulated carriers report badly, or well; returns how they do then."""

    def decide(doc: Document) -> Change:
        return Change(set={"chaos": on, "updated_at": doc["updated_at"]})

    await ensure_sandbox_accounts(ctx.services, ctx.ports.channels, ctx.principal.tenant)
    for doc in await ctx.data.select("apps", {"deleted_at": None, "simulated": True}):
        await ctx.data.change("apps", doc["_id"], decide)
    ctx.ports.accounts.changed(ctx.principal.tenant)
    return await in_chaos(ctx)


async def deliver_webhook(services: Services, ports: Ports, scope: str, data: Mapping[str, Any]) -> None:
    """Post a report of a simulated carrier, and store what comes then; raises CarrierFailed when it was not taken."""
    if "account" in data:
        doc = await services.store.within(scope).find("apps", data["account"])
    else:  # as earlier versions planned them
        doc = await services.registry.app_by_address(data["address"])
    if doc is None or doc["deleted_at"] is not None:
        return
    account = ports.accounts.open(doc)
    channel = ports.channels[account.channel]
    if isinstance(channel, Simulates):
        await _post(services, ports, channel.reported(account, data))
    if "then" in data:
        await ports.worker.add_jobs([data["then"]])


async def _post(services: Services, ports: Ports, hook: WebhookRequest) -> None:
    url = f"{services.settings.own_url}{hook.url}"
    try:
        answer = await ports.loopback.request(hook.method, url, headers=hook.headers, data=hook.body)
    except OutboundError as error:
        raise CarrierFailed(f"the webhook door cannot be reached: {error}") from error
    if answer.status != 200:
        raise CarrierFailed(f"the webhook door answered {answer.status}")
