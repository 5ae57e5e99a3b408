"""Broadcasts and their recipients as REST shows them: with what they cost, show and were reported to be."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from jinaconnect.actions.broadcasts.paying import spent_on
from jinaconnect.actions.context import Context
from jinaconnect.actions.messaging.media import library_path
from jinaconnect.actions.messaging.templates import media_of
from jinaconnect.core.broadcasts.document import priced, render_row
from jinaconnect.core.inbox.trace import REPORT, render_steps
from jinaconnect.store.databases.mongo import Document


async def broadcast_rows(ctx: Context, docs: Sequence[Document], *, known: bool = False) -> list[dict[str, Any]]:
    """Return broadcasts as whoever asks sees them; of those `known` anew the ledger says nothing yet."""
    named = list({doc["template"] for doc in docs if doc["template"] is not None})
    found = await ctx.data.select("templates", {"_id": {"$in": named}}) if named else []
    templates = {each["_id"]: each for each in found}
    spent = [None for _ in docs] if known else await asyncio.gather(*(spent_on(ctx, doc) for doc in docs))
    return [
        {**priced(doc, ctx.principal.priority, cost), "tenant": ctx.principal.tenant,
         **_files(doc, templates.get(doc["template"]))}
        for doc, cost in zip(docs, spent, strict=True)
    ]  # fmt: skip


def _files(doc: Mapping[str, Any], template: Document | None) -> dict[str, Any]:
    """Return which files a broadcast's template shows, with those that the broadcast has in their place."""
    if template is None:
        return {"template_type": None, "template_media_url": None, "cards_media_urls": []}
    own, given = media_of(template), doc["media_overrides"]
    header, cards = given.get("header"), given.get("cards")
    shown = own["tenant_media_url"] or template.get("example_media_url")
    cards = cards if isinstance(cards, Mapping) else {}
    return {
        "template_type": template["template_type"],
        "template_media_url": library_path(header) if isinstance(header, str) else shown,
        "cards_media_urls": [
            library_path(cards.get(str(each["card_index"]))) or each["media_url"] for each in own["card_media_details"]
        ],
    }  # fmt: skip


async def recipient_rows(ctx: Context, rows: Sequence[Document]) -> list[dict[str, Any]]:
    """Return recipients as whoever asks sees them, each with what its carrier reported last."""
    ids = [row["message"] for row in rows if row["message"] is not None]
    docs = await ctx.data.select("messages", {"_id": {"$in": ids}}) if ids else []
    told = {doc["_id"]: _last_report(doc) for doc in docs}
    return [
        {**render_row(row, ctx.principal.priority), "webhook_response": told.get(row["message"])} for row in rows
    ]


def _last_report(message: Document) -> dict[str, Any] | None:
    """Return the last report on a message; of one without steps nothing is known of any."""
    steps = render_steps(message) if message.get("trace") else []
    return next((step for step in reversed(steps) if step["kind"] == REPORT), None)
