"""The customer's side of the simulated carrier, and its reports on their way to the webhook door."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jinaconnect.actions.context import Context, Services
from jinaconnect.actions.messaging.accounts import ensure_sandbox_app
from jinaconnect.channels.base import Account
from jinaconnect.channels.whatsapp_meta.hooks import SIGNATURE_HEADER, signature
from jinaconnect.channels.whatsapp_meta.simulator import inbound_value, media_handle, webhook_body
from jinaconnect.core.errors import CarrierFailed, Unavailable
from jinaconnect.outbound import OutboundError


async def customer_writes(
    ctx: Context, sender: str, name: str, text: str | None, media_url: str | None
) -> dict[str, Any]:
    """Post one simulated customer's message to the door and return `{status, message_id}`."""
    services = ctx.services
    account = services.accounts.open(await ensure_sandbox_app(services, ctx.principal.tenant))
    number = sender.lstrip("+")
    wamid = "wamid.IN" + ctx.ids.new("sim").partition("_")[2].upper()
    message: dict[str, Any] = {"from": number, "id": wamid, "timestamp": str(int(ctx.now().timestamp()))}
    if media_url is not None:
        message.update(type="image", image={"id": media_handle(media_url), "mime_type": "image/jpeg"})
    else:
        message.update(type="text", text={"body": text})
    body = webhook_body(described(account), inbound_value(number, name, message))
    try:
        await _post(services, account, body)
    except CarrierFailed as error:
        raise Unavailable("The webhook door did not take the message.") from error
    return {"status": "accepted", "message_id": wamid}


def described(account: Account) -> dict[str, str]:
    """Return what the simulated carrier knows of an account."""
    return {
        "scope": account.scope,
        "tenant": account.tenant,
        "business": account.business,
        "address": account.address,
        "phone": account.phone,
    }


async def deliver_webhook(services: Services, scope: str, data: Mapping[str, Any]) -> None:
    """Post a webhook of the simulated carrier; raises CarrierFailed when the door did not take it."""
    doc = await services.registry.app_by_address(data["address"])
    if doc is not None:
        await _post(services, services.accounts.open(doc), data["body"].encode())


async def _post(services: Services, account: Account, body: bytes) -> None:
    headers = {"Content-Type": "application/json", SIGNATURE_HEADER: signature(account.secrets["app_secret"], body)}
    url = f"{services.settings.own_url}/wa/v1/webhooks/{account.tenant}/"
    try:
        answer = await services.loopback.request("POST", url, headers=headers, data=body)
    except OutboundError as error:
        raise CarrierFailed(f"the webhook door cannot be reached: {error}") from error
    if answer.status != 200:
        raise CarrierFailed(f"the webhook door answered {answer.status}")
