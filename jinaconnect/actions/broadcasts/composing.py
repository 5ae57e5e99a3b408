"""What a broadcast says: checked when it is written, made ready once for each recipient when it is planned."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

from jinaconnect.actions.billing.messages import price_for
from jinaconnect.actions.context import OperationContext
from jinaconnect.actions.messaging.accounts import choose_account
from jinaconnect.actions.messaging.templates import NamedTemplate, named_template
from jinaconnect.channels.base import Account, Composed, Outgoing, TemplateUse
from jinaconnect.core.broadcasts import values as texts
from jinaconnect.core.errors import Invalid
from jinaconnect.core.inbox.content import check_content
from jinaconnect.core.inbox.platform import PLATFORMS
from jinaconnect.store.databases.mongo import Document

MEDIA_TYPES = ("image", "video", "audio", "document")


@dataclass(frozen=True, slots=True)
class Wording:
    """What a broadcast says, opened for use: to whom it matters by which account, template or content."""

    account: Account
    template: TemplateUse | None
    content: Mapping[str, Any]
    given: Mapping[str, Any]
    tenant: str
    name: str
    zone: tzinfo
    currency: str | None


async def wording(ctx: OperationContext, broadcast: Mapping[str, Any]) -> Wording:
    """Return what a broadcast says; raises Invalid naming what is missing or cannot be used."""
    account = await choose_account(ctx, broadcast["platform"], broadcast["app"], field="app", contact=None)
    template = None
    content: Mapping[str, Any] = {}
    if broadcast["template"] is not None:
        template = await named_template(ctx, account, NamedTemplate(broadcast["template"], None, ""))
        template = replace(template, header=_header(broadcast["media_overrides"]))
    elif PLATFORMS[broadcast["platform"]].window is not None:
        raise Invalid.field("template_number", "is required: who has not written lately takes templates alone")
    else:
        content = _content(broadcast["placeholder_data"])
    wallet = await ctx.services.wallets.of(ctx.data.scope)
    tenant = await ctx.services.registry.tenant(ctx.principal.tenant) or {}
    return Wording(
        account, template, content, broadcast["placeholder_data"], tenant.get("name", ""), broadcast["name"],
        ZoneInfo(tenant.get("settings", {}).get("timezone") or "UTC"), None if wallet is None else wallet["currency"],
    )  # fmt: skip


def _header(overrides: Mapping[str, Any]) -> list[dict[str, Any]]:
    header = overrides.get("header")
    return [dict(header)] if isinstance(header, Mapping) else []


def _content(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return the content of values that hold a message, with its places; raises Invalid on `placeholder_data`."""
    text = texts.text_of(data)
    url = data.get("media_url") or data.get("image_url")
    if not url:
        if not text:
            raise Invalid.field("placeholder_data.message", "is required")
        return check_content({"type": "text", "body": {"text": text}})
    kind = str(data.get("media_type") or "image").lower()
    if kind not in MEDIA_TYPES:
        raise Invalid.field("placeholder_data.media_type", f"must be one of {', '.join(MEDIA_TYPES)}")
    media = {"url": url, **({"caption": text} if text and kind != "audio" else {})}
    return check_content({"type": kind, kind: media})


def compose_for(ctx: OperationContext, wording: Wording, contact: Document, now: datetime) -> Composed:
    """Return the message for one contact, ready for its carrier; raises Invalid where the channel cannot say it."""
    values = texts.values_for(
        contact, wording.given, tenant=wording.tenant, broadcast=wording.name, now=now, zone=wording.zone
    )
    channel = ctx.ports.channels[wording.account.channel]
    if wording.template is not None:
        body = texts.template_parameters(wording.template.content, values)
        return channel.compose(wording.account, Outgoing({}, replace(wording.template, body=body)))
    return channel.compose(wording.account, Outgoing(_filled(wording.content, values)))


def price_of(
    ctx: OperationContext, broadcast: Mapping[str, Any], wording: Wording, contact: Document, composed: Composed
) -> int | None:
    """Return what the message to a contact costs in millionths, None where nobody pays; raises NoPrice."""
    if wording.currency is None:
        return None
    category = wording.template.category if wording.template is not None else broadcast["category"]
    return price_for(ctx, broadcast["platform"], contact, category, composed.segments, wording.currency)


def _filled(content: Mapping[str, Any], values: Mapping[str, str]) -> dict[str, Any]:
    kind = content["type"]
    if kind == "text":
        return {**content, "body": {**content["body"], "text": texts.said(content["body"]["text"], values)}}
    part = dict(content[kind])
    if part.get("caption"):
        part["caption"] = texts.said(part["caption"], values)
    return {**content, kind: part}
