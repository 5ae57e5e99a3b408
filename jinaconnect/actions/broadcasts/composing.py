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
from jinaconnect.actions.messaging.templates import NamedTemplate, named_template, shown_form
from jinaconnect.channels.base import Account, Composed, Outgoing, TemplateUse
from jinaconnect.core.broadcasts import links, parameters
from jinaconnect.core.broadcasts import values as texts
from jinaconnect.core.errors import Invalid
from jinaconnect.core.inbox.content import check_content
from jinaconnect.core.inbox.platform import PLATFORMS
from jinaconnect.core.messaging.rich_cards import form_of
from jinaconnect.core.messaging.templates import content_of, is_plain
from jinaconnect.core.rules.rows import Category, category_of
from jinaconnect.store.databases.mongo import Document

MEDIA_TYPES = ("image", "video", "audio", "document")


@dataclass(frozen=True, slots=True)
class Wording:
    """What a broadcast says, opened for use: to whom it matters by which account, template or content.

    `rich` is the form of cards and suggestions that it has without a template. Rules and prices go by its `category`: a
    template's own, whatever the broadcast is called.
    """

    account: Account
    platform: str
    template: TemplateUse | None
    content: Mapping[str, Any]
    rich: Mapping[str, Any]
    given: Mapping[str, Any]
    tenant: str
    name: str
    zone: tzinfo
    currency: str | None
    base: str
    follows: bool
    category: Category

    @property
    def account_id(self) -> str:
        """The account it goes by."""
        return self.account.id

    @property
    def has_links(self) -> bool:
        """Whether recipients may get links of their own."""
        return self.follows or (self.template is not None and bool(links.url_buttons(self.template.form)))


async def wording(ctx: OperationContext, broadcast: Mapping[str, Any]) -> Wording:
    """Return what a broadcast says; raises Invalid naming what is missing or cannot be used."""
    for name in ("voice_template", "call_options"):
        if broadcast.get(name) is not None:
            raise Invalid.field(name, "is of broadcasts that are calls")
    account = await choose_account(ctx, broadcast["platform"], broadcast["app"], field="app", contact=None)
    template = None
    content: Mapping[str, Any] = {}
    rich: Mapping[str, Any] = {}
    if broadcast["template"] is not None:
        template = await named_template(ctx, account, NamedTemplate(
            broadcast["template"], None, "", header=_header(broadcast["media_overrides"]),
            overrides=broadcast["media_overrides"], sections=broadcast.get("sections") or (),
            catalog=broadcast.get("catalog_id"),
        ))  # fmt: skip
    elif PLATFORMS[broadcast["platform"]].window is not None:
        raise Invalid.field("template_number", "is required: who has not written lately takes templates alone")
    else:
        if PLATFORMS[broadcast["platform"]].cards:
            rich = form_of(broadcast["placeholder_data"], "placeholder_data")
        content = {} if rich.get("rich_cards") else _content(broadcast["placeholder_data"])
    wallet = await ctx.services.wallets.of(ctx.data.scope)
    tenant = await ctx.services.registry.tenant(ctx.principal.tenant) or {}
    base = ctx.services.settings.public_url or ctx.services.settings.own_url
    return Wording(
        account, broadcast["platform"], template, content, rich, broadcast["placeholder_data"], tenant.get("name", ""),
        broadcast["name"],
        ZoneInfo(tenant.get("settings", {}).get("timezone") or "UTC"), None if wallet is None else wallet["currency"],
        base, bool(broadcast.get("track_links")),
        broadcast["category"] if template is None else category_of(template.category),
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


def _values(wording: Wording, contact: Document, now: datetime) -> dict[str, str]:
    return texts.values_for(
        contact, wording.given, tenant=wording.tenant, broadcast=wording.name, now=now, zone=wording.zone
    )


def links_for(wording: Wording, contact: Document, now: datetime) -> list[links.Wanted]:
    """Return the addresses that a contact gets links of their own for; raises Invalid where one is missing."""
    values, template = _values(wording, contact, now), wording.template
    if template is not None and PLATFORMS[wording.platform].window is not None:
        return links.links_of_template(template.form, wording.base, values)
    if not wording.follows:
        return []
    if template is None:
        if not wording.content:
            return []
        return links.links_in(_text(_filled(wording.content, values)), wording.base)
    body = texts.template_parameters(template.content, values)
    spoken = "\n".join(each["text"] for each in body) if template.registered else texts.said(template.content, values)
    return links.links_in(spoken, wording.base)


def compose_for(
    ctx: OperationContext, wording: Wording, contact: Document, now: datetime,
    codes: Mapping[int, str] | None = None,
) -> Composed:  # fmt: skip
    """Return the message for one contact, ready for its carrier; raises Invalid where the channel cannot say it.

    `codes` are those of the links it has, by their places; without them it is as long as it would be.
    """
    values = _values(wording, contact, now)
    wanted = links_for(wording, contact, now) if wording.has_links else []
    known = {each.place: (codes or {}).get(each.place, links.ANY_CODE) for each in wanted}
    ours = {each.url: links.public_url(wording.base, known[each.place]) for each in wanted if each.followed}
    channel = ctx.ports.channels[wording.account.channel]
    template = wording.template
    if template is None:
        content = _filled(wording.content, values) if wording.content else {}
        content = _led(content, ours) if ours else content
        if wording.rich.get("rich_cards") or wording.rich.get("suggestions"):
            rich = content_of(wording.rich, values, _text(content) if content else "")
            content = {**rich, **content}
        return channel.compose(wording.account, Outgoing(content))
    body = texts.template_parameters(template.content, values)
    if PLATFORMS[wording.platform].window is not None:
        form = template.form
        header = template.header or texts.template_parameters(form.get("header") or "", values)
        buttons = parameters.button_parameters(form.get("buttons") or (), values, known, wording.base)
        cards = parameters.card_parameters(form.get("cards") or (), values, known, wording.base)
        expires = parameters.offer_expires(form, values, now)
        filled = replace(template, header=header, body=body, buttons=buttons, cards=cards, expires=expires)
        return channel.compose(wording.account, Outgoing({}, filled))
    spoken = links.replaced(texts.said(template.content, values), ours)
    if not is_plain(template.form):  # a form that no carrier knows: it is said in the inbox's words
        shown = content_of(shown_form(template), values, spoken)
        return channel.compose(wording.account, Outgoing({**shown, "template": template.name}))
    if ours and not template.registered:
        return channel.compose(wording.account, Outgoing({}, replace(template, content=spoken)))
    if ours:
        body = [{**each, "text": links.replaced(each["text"], ours)} for each in body]
    return channel.compose(wording.account, Outgoing({}, replace(template, body=body)))


def price_of(ctx: OperationContext, wording: Wording, contact: Document, composed: Composed) -> int | None:
    """Return what the message to a contact costs in millionths, None where nobody pays; raises NoPrice."""
    if wording.currency is None:
        return None
    own, currency, category = wording.account.fields, wording.currency, wording.category
    return price_for(ctx, wording.platform, contact, category, composed.segments, currency, own, composed.type)


def _text(content: Mapping[str, Any]) -> str:
    part = content["body"] if content["type"] == "text" else content[content["type"]]
    return str(part.get("text") or part.get("caption") or "")


def _led(content: Mapping[str, Any], ours: Mapping[str, str]) -> dict[str, Any]:
    """Return content whose text has links of ours in place of the addresses they lead to."""
    kind, name = (("body", "text") if content["type"] == "text" else (content["type"], "caption"))
    return {**content, kind: {**content[kind], name: links.replaced(_text(content), ours)}}


def _filled(content: Mapping[str, Any], values: Mapping[str, str]) -> dict[str, Any]:
    kind = content["type"]
    if kind == "text":
        return {**content, "body": {**content["body"], "text": texts.said(content["body"]["text"], values)}}
    part = dict(content[kind])
    if part.get("caption"):
        part["caption"] = texts.said(part["caption"], values)
    return {**content, kind: part}
