"""`/sms/v1/webhooks/{app_id}/…`, where SMS carriers post what customers write, and their reports."""

from __future__ import annotations

from typing import Any, Literal

from jinaconnect.actions.context import OperationContext
from jinaconnect.core.schema import Answer
from jinaconnect.handlers.edge.operation import PUBLIC, operation
from jinaconnect.handlers.messaging.hooks import WEBHOOK_BYTES, secret_aside, take_for_app, webhook_request

PLATFORM = "SMS"
_FORMS = ("application/json", "text/xml")


class SmsTaken(Answer):
    """That the webhook came; Twilio is answered with an empty TwiML document instead."""

    ok: Literal[True]


@operation(
    "GET", "/sms/v1/webhooks/{app_id}/inbound/", id="sms.webhooks.inbound.look", permission=PUBLIC, returns=SmsTaken,
    tag="sms", limited=False,
)  # fmt: skip
async def look_inbound(ctx: OperationContext, app_id: str) -> dict[str, Any]:
    """Tell a carrier that asks that this is a door, whoever's."""
    return {"ok": True}


@operation(
    "GET", "/sms/v1/webhooks/{app_id}/dlr/", id="sms.webhooks.reports.look", permission=PUBLIC, returns=SmsTaken,
    tag="sms", limited=False,
)  # fmt: skip
async def look_reports(ctx: OperationContext, app_id: str) -> dict[str, Any]:
    """Tell a carrier that asks that this is a door, whoever's."""
    return {"ok": True}


@operation(
    "POST", "/sms/v1/webhooks/{app_id}/inbound/", id="sms.webhooks.inbound", permission=PUBLIC, raw=True,
    returns=SmsTaken, limit=WEBHOOK_BYTES, limited=False, tag="sms", media_type=_FORMS,
)  # fmt: skip
async def inbound(ctx: OperationContext, app_id: str, body: bytes) -> Any:
    """Take what a customer wrote, as the app's carrier posts it: signed, or with the app's secret as a header."""
    return await take_for_app(ctx, PLATFORM, app_id, webhook_request(ctx, "POST", body))


@operation(
    "POST", "/sms/v1/webhooks/{app_id}/dlr/", id="sms.webhooks.reports", permission=PUBLIC, raw=True,
    returns=SmsTaken, limit=WEBHOOK_BYTES, limited=False, tag="sms", media_type=_FORMS,
)  # fmt: skip
async def reports(ctx: OperationContext, app_id: str, body: bytes) -> Any:
    """Take a delivery report, as the app's carrier posts it: signed, or with the app's secret as a header."""
    return await take_for_app(ctx, PLATFORM, app_id, webhook_request(ctx, "POST", body))


@operation(
    "POST", "/sms/v1/webhooks/{app_id}/inbound/{secret}/", id="sms.webhooks.inbound.secret", permission=PUBLIC,
    raw=True, returns=SmsTaken, limit=WEBHOOK_BYTES, limited=False, tag="sms", media_type=_FORMS,
)  # fmt: skip
async def inbound_by_secret(ctx: OperationContext, app_id: str, secret: str, body: bytes) -> Any:
    """Take what a customer wrote, from a carrier that signs nothing: the app's secret is in the address."""
    return await take_for_app(ctx, PLATFORM, app_id, secret_aside(ctx, body, secret))


@operation(
    "POST", "/sms/v1/webhooks/{app_id}/dlr/{secret}/", id="sms.webhooks.reports.secret", permission=PUBLIC,
    raw=True, returns=SmsTaken, limit=WEBHOOK_BYTES, limited=False, tag="sms", media_type=_FORMS,
)  # fmt: skip
async def reports_by_secret(ctx: OperationContext, app_id: str, secret: str, body: bytes) -> Any:
    """Take a delivery report, from a carrier that signs nothing: the app's secret is in the address."""
    return await take_for_app(ctx, PLATFORM, app_id, secret_aside(ctx, body, secret))
