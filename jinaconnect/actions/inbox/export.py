"""A conversation as PDF, for who has to hand it on or keep it."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from pydantic import Field, model_validator

from jinaconnect.actions.context import OperationContext
from jinaconnect.actions.inbox.conversations import visible_contact
from jinaconnect.actions.inbox.messages import render_messages, tenant_zone
from jinaconnect.core.errors import Invalid
from jinaconnect.core.ids import encode
from jinaconnect.core.inbox.contact import full_name
from jinaconnect.core.inbox.media import media_of
from jinaconnect.core.inbox.transcript import transcript
from jinaconnect.core.office.branding import RASTER, branding_of
from jinaconnect.core.schema import Id, Request, Text, example, sample_id
from jinaconnect.printing.printer import Pages
from jinaconnect.store.databases.mongo import Document

MAX_DAYS = 90
MAX_MESSAGES = 10_000
PICTURES = 200
PICTURE_BYTES = 10 * 1024 * 1024
PICTURES_BYTES = 64 * 1024 * 1024
PAGE = 1_000
COLOR = "#0f766e"
_EARLIER = timedelta(days=1)  # a carrier's clock may be ahead of ours: a row can be this much older than its message
_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")


class ExportPdf(
    Request,
    json_schema_extra=example(chat_id=sample_id("con"), start_date="2026-11-01", end_date="2026-11-26"),
):
    """Which days of which conversation: dates of the organisation's zone, both included; `contact_id` is `chat_id`."""

    chat_id: Id | None = None
    contact_id: Id | None = None
    start_date: str = Field(json_schema_extra={"format": "date"})
    end_date: str = Field(json_schema_extra={"format": "date"})
    contact_name: Text | None = Field(None, max_length=200)

    @model_validator(mode="after")
    def _named(self) -> ExportPdf:
        if self.chat_id is not None and self.contact_id is not None and self.chat_id != self.contact_id:
            raise ValueError("chat_id and contact_id name two conversations")
        return self


@dataclass(frozen=True, slots=True)
class Exported:
    """A PDF, the name it is saved under, and the characters it gives by number because no font here has them."""

    pdf: bytes
    filename: str
    missing: Sequence[Mapping[str, Any]]


async def export_pdf(ctx: OperationContext, body: ExportPdf) -> Exported:
    """Return a conversation's messages of some days as PDF, oldest first; what the team noted stays inside.

    Raises Invalid naming the field for bad dates, more than 90 days, no message and more than 10,000 messages, NotFound
    for a conversation that is not seen, Unavailable where it cannot be made now.
    """
    contact_id = body.chat_id or body.contact_id
    if contact_id is None:
        raise Invalid.field("chat_id", "is required")
    first, last = _days(body)
    contact = await visible_contact(ctx, contact_id)
    zone = await tenant_zone(ctx)
    since = datetime.combine(first, datetime.min.time(), zone)
    before = datetime.combine(last + timedelta(days=1), datetime.min.time(), zone)
    docs = await _between(ctx, contact["_id"], since, before)
    if not docs:
        raise Invalid.field("start_date", "there is no message from then to end_date")
    tenant = await ctx.services.registry.tenant(ctx.principal.tenant) or {}
    shown, pictures = await _pictures(ctx, docs)
    look = branding_of(tenant)
    logo = await _logo(ctx, look)
    name = body.contact_name or full_name(contact) or contact["phone"] or contact["_id"]
    printed = await ctx.ports.printer.set_pages(
        Pages(
            title=name, organisation=look.get("product_name") or tenant.get("name", ""),
            period=f"{first} – {last} ({zone})", color=look.get("primary_color") or COLOR, logo=next(iter(logo), None),
            said=transcript(docs, full_name(contact) or name, zone, shown), sources=await render_messages(ctx, docs),
            pictures={**pictures, **logo},
        )
    )  # fmt: skip
    return Exported(printed.pdf, f"chat-{_plain(name)}-{first}-to-{last}.pdf", printed.missing)


def _days(body: ExportPdf) -> tuple[date, date]:
    days = {}
    for field in ("start_date", "end_date"):
        text = getattr(body, field)
        try:
            if not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text):
                raise ValueError
            days[field] = date.fromisoformat(text)
        except ValueError as error:
            raise Invalid.field(field, "must be a date as YYYY-MM-DD") from error
    first, last = days["start_date"], days["end_date"]
    if last < first:
        raise Invalid.field("end_date", "must not be before start_date")
    if last - first > timedelta(days=MAX_DAYS):
        raise Invalid.field("end_date", f"must be at most {MAX_DAYS} days after start_date")
    if first.year < 1970 or last.year > 2999:
        raise Invalid.field("start_date", "must be a day from 1970 to 2999")
    return first, last


async def _between(ctx: OperationContext, contact: str, since: datetime, before: datetime) -> list[Document]:
    """Return the messages of a time, oldest first.

    Rows are made when messages come in, which for a late one is after its own time, so all rows from the first day on
    are walked through, page by page.
    """
    from_id = encode("msg", max(0, int((since - _EARLIER).timestamp() * 1000)), bytes(10))
    found: list[Document] = []
    while True:
        rows = await ctx.data.select(
            "messages", {"contact": contact, "_id": {"$gt": from_id}}, sort=[("_id", 1)], limit=PAGE
        )
        found += [row for row in rows if _shown(row) and since <= row["timestamp"] < before]
        if len(found) > MAX_MESSAGES:
            raise Invalid.field("end_date", f"there are more than {MAX_MESSAGES} messages; ask for fewer days")
        if len(rows) < PAGE:
            return sorted(found, key=lambda row: (row["timestamp"], row["_id"]))
        from_id = rows[-1]["_id"]


def _shown(row: Document) -> bool:
    return row["deleted_at"] is None and not row["internal_note"]


async def _pictures(ctx: OperationContext, docs: Sequence[Document]) -> tuple[dict[str, str], dict[str, bytes]]:
    """Return the names of pictures by message and the pictures by name: the first of them, as much as fits."""
    wanted = {doc["_id"]: id for doc in docs if doc["content"].get("type") == "image" and (id := media_of(doc))}
    shown: dict[str, str] = {}
    pictures: dict[str, bytes] = {}
    total = 0
    for message, id in list(wanted.items())[:PICTURES]:
        size = await ctx.services.blobs.size(ctx.principal.scope, id)
        if size is None or size > PICTURE_BYTES or total + size > PICTURES_BYTES:
            continue
        total += size
        shown[message] = id
        pictures[id] = b"".join([piece async for piece in ctx.services.blobs.pieces(ctx.principal.scope, id, 0, size)])
    return shown, pictures


async def _logo(ctx: OperationContext, look: Mapping[str, Any]) -> dict[str, bytes]:
    """Return the organisation's logo by its name, nothing where it has none or a drawing, which pages do not show."""
    held = look.get("primary_logo")
    if not held or held["mime"] != RASTER:
        return {}
    pieces = ctx.services.blobs.pieces(f"{ctx.principal.tenant}:live", held["id"], 0, held["size"])
    return {held["id"]: b"".join([piece async for piece in pieces])}


def _plain(name: str) -> str:
    """Return a name as a file's name can have it everywhere."""
    ascii_only = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    return _UNSAFE.sub("-", ascii_only).strip("-.")[:60] or "conversation"
