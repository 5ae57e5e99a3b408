"""Importing a price list: the rate cards of one provider config, added and changed as the file says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from jinaconnect.actions.context import Context
from jinaconnect.actions.rating.rate_cards import CARDS, kept_card
from jinaconnect.actions.trunks.accounts import own_trunk
from jinaconnect.core.errors import Invalid
from jinaconnect.store.databases.mongo import Document
from jinaconnect.store.tenant import Change, Duplicate

MOST_CARDS = 10_000
PAGE = 500
_COMPARED = ("rate_per_minute", "currency", "billing_increment_seconds", "minimum_seconds", "valid_to", "is_active")


async def import_cards(
    ctx: Context, trunk: str, lines: Sequence[tuple[int, Mapping[str, Any]]], *, dry: bool
) -> dict[str, Any]:
    """Add the cards of a file, and change those that are there with another price; with `dry` only say how many.

    A card is known by its prefix and by when it becomes valid, so a file that is imported again changes nothing. Cards
    the file does not name stay. Raises Invalid on `provider_config`, and on `file` for two lines about one card.
    """
    await own_trunk(ctx.data, trunk, "provider_config")
    held = {_key(row): row for row in await ctx.data.select(
        "rate_cards", {"provider_config": trunk}, sort=[("destination_prefix", 1)]
    )}  # fmt: skip
    seen: dict[Any, int] = {}
    new: list[Document] = []
    changed: list[tuple[Document, Document]] = []
    for line, fields in lines:
        doc = kept_card({**fields, "provider_config": trunk})
        first = seen.setdefault(_key(doc), line)
        if first != line:
            raise Invalid.field("file", f"line {line}: this card is that of line {first} too")
        _checked(line, doc)
        before = held.get(_key(doc))
        if before is None:
            made = {"created_by": ctx.principal.user_id, "created_at": ctx.now(), "updated_at": ctx.now()}
            new.append({"_id": ctx.ids.new("rat"), **doc, **made})
        elif any(before.get(name, 0) != doc[name] for name in _COMPARED):
            changed.append((before, doc))
    if not dry:
        await _write(ctx, new, changed)
    return {
        "created": len(new), "updated": len(changed), "unchanged": len(lines) - len(new) - len(changed),
        "dry_run": dry,
    }  # fmt: skip


async def _write(ctx: Context, new: Sequence[Document], changed: Sequence[tuple[Document, Document]]) -> None:
    for start in range(0, len(new), PAGE):
        page = [(doc, [CARDS.event(ctx, "created", doc)]) for doc in new[start : start + PAGE]]
        for written in await ctx.data.insert_many("rate_cards", page):
            if isinstance(written, Duplicate):
                raise written
            ctx.wrote(written)
    for before, doc in changed:
        fields = {**{name: doc[name] for name in _COMPARED}, "updated_by": ctx.principal.user_id}

        def decide(held: Document, fields: Document = fields) -> Change:
            after = {**held, **fields, "updated_at": ctx.now()}
            told = [CARDS.event(ctx, "updated", after)]
            return Change(set={**fields, "updated_at": after["updated_at"]}, events=told)

        ctx.wrote(await ctx.data.change("rate_cards", before["_id"], decide))


def _key(doc: Mapping[str, Any]) -> tuple[Any, ...]:
    return doc["destination_prefix"], doc["valid_from"]


def _checked(line: int, doc: Mapping[str, Any]) -> None:
    try:
        CARDS.check(doc)
    except Invalid as error:
        detail = error.detail if isinstance(error.detail, Mapping) else {"": [str(error.detail)]}
        field, told = next(iter(detail.items()))
        raise Invalid.field("file", f"line {line}: {field} {told[0]}") from error
