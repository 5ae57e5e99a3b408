"""Templates that an account has at its carrier, brought here: found by name and language, as often as it is asked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jinaconnect.actions.context import OperationContext
from jinaconnect.actions.messaging.accounts import get_app
from jinaconnect.actions.messaging.templates import add_known_template, set_template
from jinaconnect.channels.abilities import ListsTemplates
from jinaconnect.core.errors import CarrierFailed, GatewayError, NotSupported
from jinaconnect.outbound import OutboundError
from jinaconnect.store.databases.mongo import Document

MOST_ERRORS = 100


async def import_templates(ctx: OperationContext, platform: str, app: str, *, dry_run: bool) -> dict[str, Any]:
    """Bring an account's templates in line with its carrier's, or tell what that would do.

    Raises NotFound, NotSupported where the carrier lists none, CarrierFailed.
    """
    account = ctx.ports.accounts.open(await get_app(ctx, platform, app))
    channel = ctx.ports.channels[account.channel]
    if not isinstance(channel, ListsTemplates):
        raise NotSupported("This carrier lists no templates.")
    try:
        told = await channel.templates(account)
    except OutboundError as error:
        raise CarrierFailed(f"The carrier could not be asked: {error}") from error
    counts = {"created": 0, "updated": 0, "skipped": 0, "failed": 0}
    errors: list[dict[str, str]] = []
    held = await ctx.data.select("templates", {"app": app, "deleted_at": None})
    known = {(doc["element_name"], doc["language_code"]): doc for doc in held}
    for fields in told:
        name = {"element_name": fields["element_name"], "language_code": fields["language_code"]}
        try:
            if fault := fields.get("fault"):
                raise CarrierFailed(str(fault))
            became = await _brought(ctx, platform, app, known.get((*name.values(),)), fields, dry_run=dry_run)
        except GatewayError as error:
            became = "failed"
            errors.append({**name, "error": str(error.detail)[:500]})
        counts[became] += 1
    return {**counts, "errors": errors[:MOST_ERRORS], "total_from_bsp": len(told), "dry_run": dry_run}


async def _brought(
    ctx: OperationContext, platform: str, app: str, held: Document | None, fields: Mapping[str, Any], *, dry_run: bool
) -> str:
    if held is None:
        if not dry_run:
            await add_known_template(ctx, platform, app, fields)
        return "created"
    if held["needs_sync"] and held["meta_template_id"]:  # it was changed here, and is to be handed in
        return "skipped"
    if _same_cards(held.get("cards"), fields.get("cards")):  # of their files it tells a copy, for a while
        fields = {name: value for name, value in fields.items() if name != "cards"}
    if all(held.get(name) == value for name, value in fields.items()):
        return "skipped"
    if not dry_run:
        known = {"needs_sync": False, "error_message": None, "last_synced_at": ctx.now(), "updated_at": ctx.now()}
        await set_template(ctx, held["_id"], {**fields, **known}, "template.updated")
    return "updated"


def _same_cards(held: Any, told: Any) -> bool:
    """Tell whether a carousel's cards say the same, whatever its files are known by."""

    def said(card: Mapping[str, Any]) -> list[Any]:
        buttons = ([button.get(name) for name in ("type", "text", "url")] for button in card.get("buttons") or ())
        return [card.get("headerType"), card.get("body"), *buttons]

    return bool(held) and bool(told) and [said(card) for card in held] == [said(card) for card in told]
