"""Templates of platforms whose carriers know none, and how any template will look."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, StringConstraints, field_validator, model_validator

from jinaconnect.actions.context import OperationContext
from jinaconnect.actions.listing import list_documents
from jinaconnect.actions.messaging import templates
from jinaconnect.actions.office.tags import by_tag_id
from jinaconnect.core.errors import Invalid
from jinaconnect.core.events.payloads.account import TemplateData
from jinaconnect.core.inbox.platform import PLATFORMS
from jinaconnect.core.messaging import template_kinds as kinds
from jinaconnect.core.messaging.rich_cards import (
    MOST_CARDS,
    Orientation,
    TemplateCard,
    Width,
    fitting,
    in_order,
)
from jinaconnect.core.messaging.template_form import Language
from jinaconnect.core.messaging.templates import element_name, preview
from jinaconnect.core.paging import Filter, Listing, bool_filter, choice_filter
from jinaconnect.core.schema import Answer, Given, Request, Text, example, sample, unkept
from jinaconnect.handlers.edge.operation import operation
from jinaconnect.handlers.office.tags import BY_ID

Url = Annotated[str, StringConstraints(max_length=2000, pattern=r"^https?://\S+$")]
FILES, CARD_TYPES = ("IMAGE", "VIDEO", "DOCUMENT"), ("RICH_CARD", "CAROUSEL")
MAX_CARDS = 32 * 1024


class PlainButton(Request, json_schema_extra=example(type="URL", text="To the shop", url="https://shop.example.com/")):
    """A button below the message; its text and address may have places."""

    type: Literal["QUICK_REPLY", "URL", "PHONE_NUMBER"]
    text: Annotated[Text, StringConstraints(min_length=1, max_length=25)]
    url: Url | None = None
    phone_number: Annotated[str, StringConstraints(max_length=20, pattern=r"^\+[1-9]\d{4,18}$")] | None = None

    @model_validator(mode="after")
    def _complete(self) -> PlainButton:
        needed = {"URL": ("url", self.url), "PHONE_NUMBER": ("phone_number", self.phone_number)}.get(self.type)
        if needed is not None and needed[1] is None:
            raise ValueError(f"a {self.type} button needs {needed[0]}")
        return self


class PlainTemplateFields(Request, json_schema_extra=example(content="Hello {{first_name}}, we are open.")):
    """What may be changed of a template, null to its default; places of its text are `{{1}}` or `{{name}}`."""

    name: Annotated[Text, StringConstraints(max_length=255)] | None = None
    category: Literal["AUTHENTICATION", "MARKETING", "UTILITY"] | None = None
    content: Annotated[Text, StringConstraints(min_length=1, max_length=1024)] | None = None
    header: Annotated[Text, StringConstraints(max_length=60)] | None = None
    footer: Annotated[Text, StringConstraints(max_length=60)] | None = None
    buttons: list[PlainButton] | None = Field(None, max_length=10)
    example_media_url: Url | None = Field(None, description="The file that a template of this kind shows.")
    tags: Given[kinds.Tags] = Field(None, description="Words that templates are sorted by.")
    is_active: bool | None = None


class NewPlainTemplate(
    PlainTemplateFields,
    json_schema_extra=example(
        element_name="open_again", template_type="IMAGE", content="Hello {{first_name}}, we are open.",
        example_media_url="https://shop.example.com/shop.jpg", buttons=[{"type": "QUICK_REPLY", "text": "I will come"}],
    ),
):  # fmt: skip
    """A template to write."""

    element_name: Annotated[str, StringConstraints(max_length=512), AfterValidator(element_name)]
    language_code: Language = "en"
    template_type: Literal["TEXT", "IMAGE", "VIDEO", "DOCUMENT"] = "TEXT"
    content: Annotated[Text, StringConstraints(min_length=1, max_length=1024)]

    @model_validator(mode="after")
    def _shows(self) -> NewPlainTemplate:
        if self.template_type != "TEXT" and self.example_media_url is None:
            raise ValueError(f"a template of the type {self.template_type} needs example_media_url")
        return self


class CardTemplateFields(
    PlainTemplateFields, json_schema_extra=example(rich_cards=[{"title": "In red"}, {"title": "In blue"}])
):
    """What may be changed of a template that may be cards; each text of a card may have places."""

    rich_cards: list[TemplateCard] | None = Field(None, min_length=1, max_length=MOST_CARDS)
    orientation: Given[Orientation] = Field(None, description="Of one card.")
    card_width: Given[Width] = Field(None, description="Of several.")

    @field_validator("rich_cards")
    @classmethod
    def _bounded(cls, cards: list[TemplateCard] | None) -> list[TemplateCard] | None:
        # Filled in for somebody it travels in events.
        if cards and (wrong := unkept([card.model_dump(mode="json") for card in cards], "", MAX_CARDS)):
            raise ValueError(" ".join(next(iter(wrong.values()))))
        return cards


class NewCardTemplate(
    CardTemplateFields,
    json_schema_extra=example(
        element_name="two_colours", template_type="CAROUSEL",
        rich_cards=[
            {"order": 0, "title": "In red, {{first_name}}", "media_url": "https://shop.example.com/red.jpg",
             "suggestions": [{"type": "reply", "text": "I take it", "postback_data": "red"}]},
            {"order": 1, "title": "In blue", "media_url": "https://shop.example.com/blue.jpg"},
        ],
    ),
):  # fmt: skip
    """A template to write; with cards and no type it is of theirs."""

    element_name: Annotated[str, StringConstraints(max_length=512), AfterValidator(element_name)]
    language_code: Language = "en"
    template_type: Literal["TEXT", "IMAGE", "VIDEO", "DOCUMENT", "RICH_CARD", "CAROUSEL"] = "TEXT"

    @model_validator(mode="before")
    @classmethod
    def _typed(cls, data: Any) -> Any:
        if isinstance(data, Mapping) and isinstance(data.get("rich_cards"), list) and "template_type" not in data:
            return {**data, "template_type": "RICH_CARD" if len(data["rich_cards"]) == 1 else "CAROUSEL"}
        return data

    @model_validator(mode="after")
    def _shows(self) -> NewCardTemplate:
        if self.template_type not in CARD_TYPES and not self.content:
            raise ValueError("content is required")
        if self.template_type in FILES and self.example_media_url is None:
            raise ValueError(f"a template of the type {self.template_type} needs example_media_url")
        return self


def _card_faults(form: Mapping[str, Any]) -> None:
    """Raise Invalid naming what does not fit a template's cards, or stands where they stand alone."""
    if wrong := fitting(form["template_type"], form.get("rich_cards")):
        raise Invalid.field("rich_cards", wrong)
    beside = ("content", "header", "footer", "example_media_url") if form.get("rich_cards") else ()
    if faults := {name: ["cannot stand beside rich_cards"] for name in beside if form.get(name)}:
        raise Invalid(faults)


def _kept_cards(body: CardTemplateFields) -> dict[str, Any]:
    return {"rich_cards": in_order(body.rich_cards)} if body.rich_cards else {}


class PlainTemplateOut(TemplateData):
    """A template of a platform where nobody reviews them."""


class PreviewOf(Request, json_schema_extra=example(params={"first_name": "Ann"})):
    """Values of a template's places."""

    params: dict[
        Annotated[str, StringConstraints(max_length=64)], Annotated[Text, StringConstraints(max_length=1024)]
    ] = Field(default_factory=dict, max_length=100)


class TemplatePreview(
    Answer,
    json_schema_extra=example(
        header=None, body="Hello Ann, use [1].", footer=None, buttons=[], media_url=None, cards=[]
    ),
):  # fmt: skip
    """A template as its reader would see it; a place without a value is `[its name]`."""

    header: str | None
    body: str
    footer: str | None
    buttons: list[dict[str, Any]]
    media_url: str | None
    cards: list[dict[str, Any]]


class KindOut(Answer, json_schema_extra=example(value="MARKETING", label="Marketing")):
    """Something that a template can be, and what it is called."""

    value: str
    label: str


class ButtonRuleOut(Answer, json_schema_extra=example(**kinds.button_rules(kinds.REVIEWED, "UTILITY", "STANDARD")[0])):
    """Which buttons templates of a category take."""

    category: str
    sub_category: str
    max_buttons: int
    types: list[str]
    required_type: str | None
    max_buttons_per_card: int


class KindList(Answer, json_schema_extra=example(results=[sample(KindOut)])):
    """What templates can be."""

    results: list[KindOut]


class ButtonRules(Answer, json_schema_extra=example(results=[sample(ButtonRuleOut)])):
    """Which buttons templates take."""

    results: list[ButtonRuleOut]


_TEMPLATES = Listing(
    filters={
        **kinds.TAG_FILTERS, **kinds.BUTTON_FILTERS,
        "category": choice_filter("category", kinds.CATEGORIES), "status": choice_filter("status", templates.STATUSES),
        "template_type": kinds.TYPE, "language_code": kinds.LANGUAGE,
        "is_active": bool_filter("is_active"), "number": Filter("_id"),
    },
    search=("name", "element_name", "content", "header", "footer"), orderings=kinds.ORDERINGS,
)  # fmt: skip


def declaring(platform: str) -> Callable[..., Callable[..., Any]]:
    """Return what declares operations below a platform's templates."""
    base = PLATFORMS[platform].base
    assert base is not None
    tag, short = PLATFORMS[platform].label.lower(), base.split("/")[1]

    def doing(
        method: str, path: str, name: str, permission: str, **rest: Any
    ) -> Callable[[Callable[..., Awaitable[Any]]], Callable[..., Awaitable[Any]]]:
        where, id = f"{base}/templates{path}", f"{short}.templates.{name}"
        return operation(method, where, id=id, permission=f"template.{permission}", tag=tag, **rest)

    return doing


def _declare_preview(platform: str) -> None:
    doing = declaring(platform)

    @doing("POST", "/{id}/preview/", "preview", "view", body=PreviewOf, returns=TemplatePreview)
    async def show(ctx: OperationContext, id: str, body: PreviewOf) -> dict[str, Any]:
        """Show a template with the values given."""
        return preview(await templates.get_template(ctx, platform, id), body.params)


def _declare_kinds(platform: str) -> None:
    doing = declaring(platform)
    kind = kinds.kind_of(PLATFORMS[platform])

    @doing("GET", "/categories/", "categories", "view", returns=KindList)
    async def categories(ctx: OperationContext) -> dict[str, Any]:
        """List the categories of templates."""
        return {"results": kinds.named(kinds.CATEGORIES)}

    @doing("GET", "/types/", "types", "view", returns=KindList)
    async def types(ctx: OperationContext) -> dict[str, Any]:
        """List the types of templates."""
        return {"results": kinds.named(kinds.TYPES[kind])}

    @doing("GET", "/button-types/", "button_types", "view", returns=ButtonRules, query={
        "category": "Only of this category.", "sub_category": "Only of this kind within it, such as STANDARD.",
    })  # fmt: skip
    async def button_types(ctx: OperationContext) -> dict[str, Any]:
        """List which buttons templates take, and how many of them."""
        query = ctx.caller.query
        return {"results": kinds.button_rules(kind, query.get("category"), query.get("sub_category"))}


def _declare(platform: str) -> None:
    doing = declaring(platform)
    cards = PLATFORMS[platform].cards
    new: type[PlainTemplateFields] = NewCardTemplate if cards else NewPlainTemplate
    fields: type[PlainTemplateFields] = CardTemplateFields if cards else PlainTemplateFields

    @doing("GET", "/", "list", "view", listing=_TEMPLATES, query=BY_ID, returns=PlainTemplateOut)
    async def list_templates(ctx: OperationContext) -> dict[str, Any]:
        """List the templates of the platform, newest first."""

        async def render(docs: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
            return [templates.render_template(doc) for doc in docs]

        within = {"deleted_at": None, "platform": platform}
        return await list_documents(ctx, "templates", _TEMPLATES, render, within, await by_tag_id(ctx))

    @doing("POST", "/", "create", "create", body=new, returns=PlainTemplateOut, status=201, effect=True)
    async def create(ctx: OperationContext, body: PlainTemplateFields) -> dict[str, Any]:
        """Write a template; nobody reviews it here, so it is approved at once."""
        given = templates.given_fields(body)
        if isinstance(body, NewCardTemplate):
            _card_faults(given)
            given |= _kept_cards(body)
        return await templates.create_plain_template(ctx, platform, given)

    @doing("GET", "/{id}/", "read", "view", returns=PlainTemplateOut)
    async def read(ctx: OperationContext, id: str) -> dict[str, Any]:
        """Show one template."""
        return templates.render_template(await templates.get_template(ctx, platform, id))

    @doing("PATCH", "/{id}/", "change", "edit", body=fields, returns=PlainTemplateOut, effect=True)
    async def change(ctx: OperationContext, id: str, body: PlainTemplateFields) -> dict[str, Any]:
        """Change a template."""
        held = await templates.get_template(ctx, platform, id)
        if held["template_type"] in FILES and "example_media_url" in body.model_fields_set and not (
            body.example_media_url
        ):  # fmt: skip
            raise Invalid.field("example_media_url", "is what a template of this type shows")
        given = templates.given_fields(body)
        if isinstance(body, CardTemplateFields):
            _card_faults({**held, **given})
            given |= _kept_cards(body)
        return await templates.change_template(ctx, platform, id, given)

    @doing("DELETE", "/{id}/", "delete", "delete", status=204, effect=True)
    async def delete(ctx: OperationContext, id: str) -> None:
        """Remove a template."""
        await templates.delete_template(ctx, platform, id)


for _name, _platform in PLATFORMS.items():
    if _platform.base is not None:
        _declare_preview(_name)
        _declare_kinds(_name)
    if _platform.own_templates:
        _declare(_name)
