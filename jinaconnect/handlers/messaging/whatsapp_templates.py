"""`/wa/v1/templates/`: message templates."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic import AliasChoices, Field

from jinaconnect.actions.context import Context, OperationContext
from jinaconnect.actions.listing import list_documents
from jinaconnect.actions.messaging import templates
from jinaconnect.actions.office.tags import by_tag_id
from jinaconnect.actions.reviewing import importing, reviews
from jinaconnect.core.events.payloads.account import TemplateData
from jinaconnect.core.messaging.template_form import NewTemplate, TemplateFields
from jinaconnect.core.messaging.template_kinds import BUTTON_FILTERS, LANGUAGE, ORDERINGS, TAG_FILTERS, TYPE
from jinaconnect.core.paging import Filter, Listing, bool_filter, choice_filter
from jinaconnect.core.schema import Answer, Id, Request, example, sample, sample_id
from jinaconnect.handlers.edge.operation import operation
from jinaconnect.handlers.office.tags import BY_ID

PLATFORM = "WHATSAPP"


class TemplateOut(TemplateData):
    """A WhatsApp template."""


_TEMPLATES = Listing(
    filters={
        **TAG_FILTERS, **BUTTON_FILTERS,
        "wa_app": Filter("app"), "category": choice_filter("category", ("AUTHENTICATION", "MARKETING", "UTILITY")),
        "status": choice_filter("status", templates.STATUSES), "template_type": TYPE,
        "language_code": LANGUAGE, "is_active": bool_filter("is_active"),
        "needs_sync": bool_filter("needs_sync"), "number": Filter("_id"),
    },
    search=("name", "element_name", "content", "header", "footer"), orderings=ORDERINGS,
)  # fmt: skip


@operation(
    "GET",
    "/wa/v1/templates/",
    id="wa.templates.list",
    permission="template.view",
    listing=_TEMPLATES,
    query=BY_ID,
    returns=TemplateOut,
    tag="whatsapp",
)
async def list_templates(ctx: Context) -> dict[str, Any]:
    """List the WhatsApp templates."""

    async def render(docs: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        return [templates.render_template(doc) for doc in docs]

    within = {"deleted_at": None, "platform": PLATFORM}
    return await list_documents(ctx, "templates", _TEMPLATES, render, within, await by_tag_id(ctx))


@operation(
    "POST",
    "/wa/v1/templates/",
    id="wa.templates.create",
    permission="template.create",
    body=NewTemplate,
    returns=TemplateOut,
    status=201,
    effect=True,
    tag="whatsapp",
)
async def create_template(ctx: OperationContext, body: NewTemplate) -> dict[str, Any]:
    """Write a template and submit it to the carrier for review."""
    return await templates.create_template(ctx, PLATFORM, body)


@operation(
    "GET",
    "/wa/v1/templates/{id}/",
    id="wa.templates.read",
    permission="template.view",
    returns=TemplateOut,
    tag="whatsapp",
)
async def read_template(ctx: Context, id: str) -> dict[str, Any]:
    """Show one template."""
    return templates.render_template(await templates.get_template(ctx, PLATFORM, id))


@operation(
    "PATCH",
    "/wa/v1/templates/{id}/",
    id="wa.templates.change",
    permission="template.edit",
    body=TemplateFields,
    returns=TemplateOut,
    effect=True,
    tag="whatsapp",
)
async def change_template(ctx: Context, id: str, body: TemplateFields) -> dict[str, Any]:
    """Change a template; changed content needs a new review."""
    return await templates.change_template(ctx, PLATFORM, id, templates.given_fields(body))


@operation(
    "DELETE",
    "/wa/v1/templates/{id}/",
    id="wa.templates.delete",
    permission="template.delete",
    status=204,
    effect=True,
    tag="whatsapp",
    errors=(502,),
)
async def delete_template(ctx: OperationContext, id: str) -> None:
    """Remove a template, at its carrier too."""
    await templates.delete_template(ctx, PLATFORM, id)


class SyncedTemplate(
    Answer,
    json_schema_extra=example(
        message="The template is PENDING.", status="PENDING", needs_sync=False, meta_template_id="1627019861106475"
    ),
):  # fmt: skip
    """How a template stands at its carrier."""

    message: str
    status: str
    needs_sync: bool
    meta_template_id: str | None


class HandedIn(
    Answer,
    json_schema_extra=example(
        name="order_sent", language="en", category="UTILITY",
        components=[{"type": "BODY", "text": "Your order {{1}} is on its way.",
                     "example": {"body_text": [["4711"]]}}],
    ),
):  # fmt: skip
    """What a template's carrier is given, in its own form."""


@operation(
    "POST", "/wa/v1/templates/{id}/sync/", id="wa.templates.sync", permission="template.submit", effect=True,
    returns=SyncedTemplate, tag="whatsapp", errors=(501, 502),
)  # fmt: skip
async def sync_template(ctx: OperationContext, id: str) -> dict[str, Any]:
    """Hand a template in that is a draft or has changed, else ask its carrier what has become of it."""
    return await reviews.sync_template(ctx, PLATFORM, id)


@operation(
    "GET", "/wa/v1/templates/{id}/meta-payload/", id="wa.templates.payload", permission="template.view",
    returns=HandedIn, tag="whatsapp", errors=(501,),
)  # fmt: skip
async def show_payload(ctx: OperationContext, id: str) -> dict[str, Any]:
    """Show what a template's carrier is given."""
    return await reviews.payload(ctx, PLATFORM, id)


class ImportFrom(Request, json_schema_extra=example(wa_app_id=sample_id("wap"))):
    """Whose templates are brought here; with `dry_run` it is told what that would do."""

    wa_app_id: Id = Field(validation_alias=AliasChoices("wa_app_id", "wa_app"))
    dry_run: bool = False


class ImportFault(Answer, json_schema_extra=example(
    element_name="spring", language_code="en", error="parts of the type CAROUSEL are not known here"
)):  # fmt: skip
    """A template that could not be brought here, and why."""

    element_name: str
    language_code: str
    error: str


class ImportedTemplates(
    Answer,
    json_schema_extra=example(
        created=3, updated=1, skipped=8, failed=1, errors=[sample(ImportFault)], total_from_bsp=13, dry_run=False
    ),
):  # fmt: skip
    """What became of the templates that the carrier has; skipped are those that are here as they are there."""

    created: int
    updated: int
    skipped: int
    failed: int
    errors: list[ImportFault]
    total_from_bsp: int
    dry_run: bool


@operation(
    "POST", "/wa/v1/templates/sync-from-bsp/", id="wa.templates.import", permission="template.submit", effect=True,
    body=ImportFrom, returns=ImportedTemplates, tag="whatsapp", errors=(501, 502),
)  # fmt: skip
async def import_templates(ctx: OperationContext, body: ImportFrom) -> dict[str, Any]:
    """Bring an app's templates in line with its carrier's; asked again nothing more happens."""
    return await importing.import_templates(ctx, PLATFORM, body.wa_app_id, dry_run=body.dry_run)
