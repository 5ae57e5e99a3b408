"""Files that carriers are given beforehand: samples that templates are reviewed with, and what messages show."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from jinaconnect.actions.context import OperationContext
from jinaconnect.actions.messaging.accounts import choose_account
from jinaconnect.actions.messaging.media import library_path
from jinaconnect.actions.messaging.templates import account_of, get_template, set_template, with_samples
from jinaconnect.actions.office import library
from jinaconnect.channels.abilities import Sample, TakesFiles
from jinaconnect.channels.base import Account
from jinaconnect.channels.table import CHANNELS
from jinaconnect.core.errors import CarrierFailed, Invalid, InvalidState, NotSupported
from jinaconnect.core.inbox.platform import PLATFORMS
from jinaconnect.core.messaging.template_form import FILES
from jinaconnect.outbound import OutboundError
from jinaconnect.store.databases.mongo import Document
from jinaconnect.store.tenant import Change

Purpose = Literal["template", "session"]


def _shown_at(doc: Document, card: int | None) -> str:
    """Return which kinds of files a template shows in a place; raises Invalid where it shows none."""
    cards = doc.get("cards") or doc.get("rich_cards") or ()
    if card is None:
        if doc["template_type"] not in FILES:
            raise Invalid.field("card_index", "is required: the template shows files on its cards alone"
                                if cards else "the template shows no file")  # fmt: skip
        return str(doc["template_type"]).lower()
    if card >= len(cards):
        raise Invalid.field("card_index", f"the template has {len(cards)} cards, counted from 0")
    kind = str(cards[card].get("headerType") or "image or video").lower()
    if kind == "product":
        raise Invalid.field("card_index", "the card shows a product")
    return kind


async def upload_media(
    ctx: OperationContext, platform: str, id: str, card: int | None, filename: str, data: bytes
) -> dict[str, Any]:
    """Add a file to the library as what a template shows, and give it to the template's carrier where there is one.

    Raises Invalid on `file` or `card_index`, CarrierFailed, NotSupported, NotFound.
    """
    doc = await get_template(ctx, platform, id)
    kind = _shown_at(doc, card)
    own = PLATFORMS[platform].own_templates
    account = None if own else await account_of(ctx, doc)
    if account is None and not own:
        raise InvalidState("The template's account was removed.")
    try:
        made = await library.add(ctx, {"platform": platform, "card_index": card}, filename, data)
    except Invalid as error:
        told = error.detail if isinstance(error.detail, Mapping) else {}
        raise Invalid({"file": [text for each in told.values() for text in each]}) from error
    if made["media_type"] not in kind.split(" or "):
        raise Invalid.field("file", f"must be of the kind {kind}")
    row = await ctx.data.get("library", made["id"])
    handle = None if account is None else await _given(ctx, account, row, "template")
    if handle is not None:
        await _note(ctx, row["_id"], {"handle_id": handle, "wa_handle_id": handle})
    fields = _holding(doc, card, row["_id"], handle)
    await set_template(ctx, id, {**fields, "needs_sync": handle is not None or doc["needs_sync"],
                                 "updated_by": ctx.principal.username, "updated_at": ctx.now()},
                       "template.updated")  # fmt: skip
    return {
        "handle_id": handle, "provider": None if account is None else CHANNELS[account.channel].spec.provider,
        "stored_on": "template" if card is None else f"card:{card}", "tenant_media_id": row["_id"],
        "tenant_media_url": library_path(row["_id"]),
    }  # fmt: skip


def _holding(doc: Mapping[str, Any], card: int | None, media: str, handle: str | None) -> dict[str, Any]:
    if card is None:
        return {"tenant_media": media, **({} if handle is None else {"media_handle": handle})}
    name = "cards" if doc.get("cards") else "rich_cards"
    cards = doc[name] if handle is None else with_samples(doc, {card: handle})["cards"]
    return {name: [{**each, "tenant_media": media} if at == card else each for at, each in enumerate(cards)]}


async def give_library_file(
    ctx: OperationContext, platform: str, id: str, purpose: Purpose, app: str | None
) -> dict[str, Any]:
    """Give a file of the library to the carrier of an account; raises NotFound, Invalid, CarrierFailed, NotSupported.
    """
    row = await ctx.data.get("library", id)
    account = await choose_account(ctx, platform, app, field="wa_app")
    handle = await _given(ctx, account, row, purpose)
    fields = {"media_id": handle} if purpose == "session" else {"handle_id": handle, "wa_handle_id": handle}
    await _note(ctx, id, fields)
    card = row["card_index"]
    return {
        "id": id, "handle_id": handle, "provider": CHANNELS[account.channel].spec.provider,
        "stored_on": "template" if card is None else f"card:{card}",
    }  # fmt: skip


async def _given(ctx: OperationContext, account: Account, row: Document, purpose: Purpose) -> str:
    channel = ctx.ports.channels[account.channel]
    if not isinstance(channel, TakesFiles):
        raise NotSupported("This carrier takes no files beforehand.")
    blobs, scope = ctx.services.blobs, ctx.data.scope
    size = await blobs.size(scope, row["file"]) or 0
    body = b"".join([piece async for piece in blobs.pieces(scope, row["file"], 0, size)])
    file = Sample(row["original_filename"], row["mime_type"], body)
    try:
        return await (channel.give_sample if purpose == "template" else channel.give_file)(account, file)
    except OutboundError as error:
        raise CarrierFailed(f"The carrier could not be asked: {error}") from error


async def _note(ctx: OperationContext, id: str, fields: Mapping[str, Any]) -> None:
    """Write down by what a carrier knows a file of the library."""

    def decide(doc: Document) -> Change:
        after = {**doc, **fields, "updated_at": ctx.now()}
        return Change(set={**fields, "updated_at": ctx.now()}, events=[library.LIBRARY.event(ctx, "updated", after)])

    ctx.wrote(await ctx.data.change("library", id, decide))
