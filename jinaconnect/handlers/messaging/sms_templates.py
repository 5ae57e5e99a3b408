"""`/sms/v1/templates/`: texts of SMS, with the ids they are registered by where a country asks for it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from jinaconnect.actions.context import OperationContext
from jinaconnect.actions.listing import list_documents
from jinaconnect.actions.messaging import templates
from jinaconnect.actions.office.tags import by_tag_id
from jinaconnect.core.events.payloads.account import TemplateData
from jinaconnect.core.events.payloads.base import like
from jinaconnect.core.messaging.dlt import normalised
from jinaconnect.core.messaging.template_form import Language
from jinaconnect.core.messaging.template_kinds import LANGUAGE, ORDERINGS, TAG_FILTERS, TYPE, Tags
from jinaconnect.core.messaging.templates import element_name
from jinaconnect.core.paging import Filter, Listing, bool_filter, choice_filter
from jinaconnect.core.schema import Given, Request, Text, example, sample
from jinaconnect.handlers.edge.operation import operation
from jinaconnect.handlers.office.tags import BY_ID

PLATFORM = "SMS"
# What a registered category is to the rules of hours and opt-outs.
_CATEGORY = {
    "transactional": "AUTHENTICATION", "service_implicit": "UTILITY", "service_explicit": "SERVICE_EXPLICIT",
    "promotional": "MARKETING",
}  # fmt: skip

Registered = Annotated[str, StringConstraints(max_length=64, pattern=r"^[A-Za-z0-9_-]*$")]


class SmsTemplateFields(Request, json_schema_extra=example(content="Dear {{name}}, your order is on its way. - ACME")):
    """What may be changed of an SMS template, null to its default.

    Places of its text are `{{1}}`, `{{name}}`, `{#var#}` or `##VAR1##`.
    """

    name: Annotated[Text, StringConstraints(max_length=255)] | None = None
    category: Literal["AUTHENTICATION", "MARKETING", "UTILITY", "SERVICE_EXPLICIT"] | None = None
    content: Annotated[Text, StringConstraints(min_length=1, max_length=1024), AfterValidator(normalised)] | None = None
    tags: Given[Tags] = Field(None, description="Words that templates are sorted by.")
    is_active: bool | None = None
    bsp_template_id: Registered | None = Field(None, description="Its id at the carrier (MSG91's flow).")
    dlt_template_id: Registered | None = None
    dlt_entity_id: Registered | None = None
    sender_id: Registered | None = None
    dlt_category: Literal["transactional", "service_implicit", "service_explicit", "promotional"] | None = None

    @model_validator(mode="after")
    def _categorised(self) -> SmsTemplateFields:
        if self.category is None and self.dlt_category is not None:
            self.category = _CATEGORY[self.dlt_category]  # type: ignore[assignment]
        return self


class NewSmsTemplate(
    SmsTemplateFields,
    json_schema_extra=example(
        element_name="order_sent", content="Dear {#var#}, your order {#var#} is on its way. - ACME",
        dlt_template_id="1107160000000000001", dlt_entity_id="1101400000000000001", sender_id="ACMEIN",
        dlt_category="service_implicit",
    ),
):  # fmt: skip
    """An SMS template to write."""

    element_name: Annotated[str, StringConstraints(max_length=512), AfterValidator(element_name)]
    language_code: Language = "en"
    content: Annotated[Text, StringConstraints(min_length=1, max_length=1024), AfterValidator(normalised)]


class SmsTemplateOut(
    TemplateData,
    json_schema_extra=like({
        **sample(TemplateData), "platform": PLATFORM, "wa_app": None, "status": "APPROVED",
        "dlt_template_id": "1107160000000000001", "dlt_status": "REGISTERED",
    }),
):  # fmt: skip
    """An SMS template."""

    dlt_status: Literal["REGISTERED", "UNREGISTERED"] = Field(
        description="Whether it has the id that it is registered by with India's operators."
    )


def _shown(template: dict[str, Any]) -> dict[str, Any]:
    return {**template, "dlt_status": "REGISTERED" if template["dlt_template_id"] else "UNREGISTERED"}


_TEMPLATES = Listing(
    filters={
        **TAG_FILTERS,
        "category": choice_filter("category", ("AUTHENTICATION", "MARKETING", "UTILITY", "SERVICE_EXPLICIT")),
        "status": choice_filter("status", templates.STATUSES), "language_code": LANGUAGE,
        "template_type": TYPE,
        "is_active": bool_filter("is_active"), "number": Filter("_id"), "dlt_template_id": Filter("dlt_template_id"),
        "dlt_category": Filter("dlt_category"), "sender_id": Filter("sender_id"),
    },
    search=("name", "element_name", "content"), orderings=ORDERINGS,
)  # fmt: skip


@operation(
    "GET", "/sms/v1/templates/", id="sms.templates.list", permission="template.view", listing=_TEMPLATES,
    query=BY_ID, returns=SmsTemplateOut, tag="sms",
)  # fmt: skip
async def list_templates(ctx: OperationContext) -> dict[str, Any]:
    """List the SMS templates."""

    async def render(docs: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        return [_shown(templates.render_template(doc)) for doc in docs]

    within = {"deleted_at": None, "platform": PLATFORM}
    return await list_documents(ctx, "templates", _TEMPLATES, render, within, await by_tag_id(ctx))


@operation(
    "POST", "/sms/v1/templates/", id="sms.templates.create", permission="template.create", body=NewSmsTemplate,
    returns=SmsTemplateOut, status=201, effect=True, tag="sms",
)  # fmt: skip
async def create_template(ctx: OperationContext, body: NewSmsTemplate) -> dict[str, Any]:
    """Write an SMS template; nobody reviews it here, so it is approved at once."""
    return _shown(await templates.create_plain_template(ctx, PLATFORM, templates.given_fields(body)))


@operation(
    "GET", "/sms/v1/templates/{id}/", id="sms.templates.read", permission="template.view", returns=SmsTemplateOut,
    tag="sms",
)  # fmt: skip
async def read_template(ctx: OperationContext, id: str) -> dict[str, Any]:
    """Show one SMS template."""
    return _shown(templates.render_template(await templates.get_template(ctx, PLATFORM, id)))


@operation(
    "PATCH", "/sms/v1/templates/{id}/", id="sms.templates.change", permission="template.edit",
    body=SmsTemplateFields, returns=SmsTemplateOut, effect=True, tag="sms",
)  # fmt: skip
async def change_template(ctx: OperationContext, id: str, body: SmsTemplateFields) -> dict[str, Any]:
    """Change an SMS template."""
    return _shown(await templates.change_template(ctx, PLATFORM, id, templates.given_fields(body)))


@operation(
    "DELETE", "/sms/v1/templates/{id}/", id="sms.templates.delete", permission="template.delete", status=204,
    effect=True, tag="sms",
)  # fmt: skip
async def delete_template(ctx: OperationContext, id: str) -> None:
    """Remove an SMS template."""
    await templates.delete_template(ctx, PLATFORM, id)
