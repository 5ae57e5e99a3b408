"""The Cloud API's interactive objects: which there are, what is wrong with one, what the team sees of it.

Limits are those of Meta's OpenAPI description of the Business Messaging API (v23.0, `InteractiveObject`) and of the
pages on each kind. What they do not speak of goes through as it is, since Meta adds to them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator

from jinaconnect.core.inbox.content import below
from jinaconnect.core.schema import field_errors

METAS = {"location_request": "location_request_message"}  # what Meta calls those that have another name here
MOST_ROWS, MOST_PRODUCTS = 10, 30  # of all sections together

Label = Annotated[str, StringConstraints(min_length=1, max_length=20)]
Link = Annotated[str, StringConstraints(max_length=2048, pattern=r"^https?://\S+$")]
Reference = Annotated[str, StringConstraints(min_length=1, max_length=35)]
Words = Annotated[str, StringConstraints(min_length=1)]


class _Object(BaseModel):
    model_config = ConfigDict(extra="allow", strict=True)


class _Said(_Object):
    text: Annotated[str, StringConstraints(min_length=1, max_length=1024)]


class _SaidAtLength(_Object):
    text: Annotated[str, StringConstraints(min_length=1, max_length=4096)]


class _Footer(_Object):
    text: Annotated[str, StringConstraints(min_length=1, max_length=60)]


class _File(_Object):
    id: Words | None = None
    link: Link | None = None

    @model_validator(mode="after")
    def _is_one(self) -> _File:
        if (self.id is None) == (self.link is None):
            raise ValueError("needs either id or link")
        return self


class _Text(_Object):
    type: Literal["text"]
    text: Annotated[str, StringConstraints(min_length=1, max_length=60)]


class _Header(_Object):
    type: Literal["text", "image", "video", "document"]
    text: Annotated[str, StringConstraints(min_length=1, max_length=60)] | None = None
    image: _File | None = None
    video: _File | None = None
    document: _File | None = None

    @model_validator(mode="after")
    def _is_there(self) -> _Header:
        if getattr(self, self.type) is None:
            raise ValueError(f"a header of the type {self.type} needs {self.type}")
        return self


class _Reply(_Object):
    id: Annotated[str, StringConstraints(min_length=1, max_length=256)]
    title: Label


class _ReplyButton(_Object):
    type: Literal["reply"]
    reply: _Reply


class _Replies(_Object):
    buttons: list[_ReplyButton] = Field(min_length=1, max_length=3)

    @model_validator(mode="after")
    def _are_told_apart(self) -> _Replies:
        _unique("id", [button.reply.id for button in self.buttons])
        _unique("title", [button.reply.title for button in self.buttons])
        return self


class _Row(_Object):
    id: Annotated[str, StringConstraints(min_length=1, max_length=200)]
    title: Annotated[str, StringConstraints(min_length=1, max_length=24)]
    description: Annotated[str, StringConstraints(max_length=72)] | None = None


class _Section(_Object):
    title: Annotated[str, StringConstraints(max_length=24)] | None = None


class _Rows(_Section):
    rows: list[_Row] = Field(min_length=1, max_length=MOST_ROWS)


class _Pick(_Object):
    button: Label
    sections: list[_Rows] = Field(min_length=1, max_length=10)

    @model_validator(mode="after")
    def _fit(self) -> _Pick:
        rows = [row for section in self.sections for row in section.rows]
        if len(rows) > MOST_ROWS:
            raise ValueError(f"at most {MOST_ROWS} rows in all sections together")
        _unique("id", [row.id for row in rows])
        _titled(self.sections)
        return self


class _Product(_Object):
    product_retailer_id: Words


class _Products(_Section):
    product_items: list[_Product] = Field(min_length=1, max_length=MOST_PRODUCTS)


class _OneProduct(_Object):
    catalog_id: Words
    product_retailer_id: Words


class _ManyProducts(_Object):
    catalog_id: Words
    sections: list[_Products] = Field(min_length=1, max_length=10)

    @model_validator(mode="after")
    def _fit(self) -> _ManyProducts:
        if sum(len(section.product_items) for section in self.sections) > MOST_PRODUCTS:
            raise ValueError(f"at most {MOST_PRODUCTS} products in all sections together")
        _titled(self.sections)
        return self


class _Shown(_Object):
    thumbnail_product_retailer_id: Words


class _Catalogue(_Object):
    name: Literal["catalog_message"]
    parameters: _Shown


class _Url(_Object):
    display_text: Label
    url: Link


class _Visit(_Object):
    name: Literal["cta_url"]
    parameters: _Url


class _Screen(_Object):
    screen: Words | None = None
    data: dict[str, Any] | None = Field(None, min_length=1)


class _FlowParameters(_Object):
    flow_message_version: Literal["3"]
    flow_cta: Annotated[str, StringConstraints(min_length=1, max_length=30)]
    flow_id: Words | None = None
    flow_name: Words | None = None
    flow_token: Words | None = None
    mode: Literal["draft", "published"] | None = None
    flow_action: Literal["navigate", "data_exchange"] | None = None
    flow_action_payload: _Screen | None = None

    @model_validator(mode="after")
    def _is_one(self) -> _FlowParameters:
        if (self.flow_id is None) == (self.flow_name is None):
            raise ValueError("needs either flow_id or flow_name")
        return self


class _OpenFlow(_Object):
    name: Literal["flow"]
    parameters: _FlowParameters


class _SendLocation(_Object):
    name: Literal["send_location"]


class _Amount(_Object):
    value: Annotated[int, Field(ge=0)]
    offset: Annotated[int, Field(ge=1)]


class _Item(_Object):
    name: Words
    amount: _Amount
    quantity: Annotated[int, Field(ge=1)]


class _Cart(_Object):
    status: Literal["pending"]
    items: list[_Item] = Field(min_length=1)


class _OrderParameters(_Object):
    reference_id: Reference
    type: Literal["digital-goods", "physical-goods"]
    currency: Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")]
    total_amount: _Amount
    order: _Cart


class _Pay(_Object):
    name: Literal["review_and_pay"]
    parameters: _OrderParameters


class _State(_Object):
    status: Literal["pending", "processing", "partially_shipped", "shipped", "completed", "canceled"]
    description: Annotated[str, StringConstraints(max_length=120)] | None = None


class _StateParameters(_Object):
    reference_id: Reference
    order: _State


class _Review(_Object):
    name: Literal["review_order"]
    parameters: _StateParameters


class _Interactive(_Object):
    header: _Header | None = None
    body: _Said
    footer: _Footer | None = None


class _Button(_Interactive):
    action: _Replies


class _List(_Object):
    header: _Text | None = None
    body: _SaidAtLength
    footer: _Footer | None = None
    action: _Pick


class _CtaUrl(_Interactive):
    action: _Visit


class _Flow(_Interactive):
    action: _OpenFlow


class _SingleProduct(_Object):
    header: None = None
    body: _Said | None = None
    footer: _Footer | None = None
    action: _OneProduct


class _ProductList(_Object):
    header: _Text
    body: _Said
    footer: _Footer | None = None
    action: _ManyProducts


class _CatalogueMessage(_Interactive):
    action: _Catalogue


class _LocationRequest(_Interactive):
    action: _SendLocation


class _OrderDetails(_Interactive):
    action: _Pay


class _OrderStatus(_Interactive):
    action: _Review


KINDS: dict[str, type[BaseModel]] = {
    "button": _Button, "list": _List, "cta_url": _CtaUrl, "flow": _Flow, "product": _SingleProduct,
    "product_list": _ProductList, "catalog_message": _CatalogueMessage, "location_request_message": _LocationRequest,
    "location_request": _LocationRequest, "order_details": _OrderDetails, "order_status": _OrderStatus,
}  # fmt: skip


def interactive_faults(value: Mapping[str, Any]) -> dict[str, list[str]]:
    """Return what is wrong with an `interactive` object, by field."""
    kind = value.get("type")
    if not isinstance(kind, str) or kind not in KINDS:
        return {"interactive.type": [f"must be one of {', '.join(KINDS)}"]}
    try:
        KINDS[kind].model_validate(value)
    except ValidationError as error:
        return {below("interactive", name): told for name, told in field_errors(error, value).items()}
    return {}


def seen_of(interactive: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the team sees of an interactive object: its words, and those buttons that have a form.

    Of a product without words that is its number in the catalogue.
    """
    action = _part(interactive, "action")
    words = _part(interactive, "body").get("text") or action.get("product_retailer_id", "")
    content: dict[str, Any] = {"type": "text", "body": {"text": str(words)}}
    if text := _part(interactive, "header").get("text"):
        content["header"] = {"text": str(text)}
    if text := _part(interactive, "footer").get("text"):
        content["footer"] = {"text": str(text)}
    given = _part(action, "parameters")
    if interactive.get("type") == "button":
        content["buttons"] = [
            {"type": "quick_reply", "text": str(button["reply"]["title"])} for button in action["buttons"]
        ]
    elif interactive.get("type") == "cta_url" and given.get("url"):
        content["buttons"] = [{"type": "url", "text": str(given.get("display_text", "")), "url": str(given["url"])}]
    return content


def _part(value: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    part = value.get(name)
    return part if isinstance(part, Mapping) else {}


def _unique(what: str, values: Sequence[str]) -> None:
    if len(set(values)) < len(values):
        raise ValueError(f"no two may have the same {what}")


def _titled(sections: Sequence[_Section]) -> None:
    if len(sections) > 1 and not all(section.title for section in sections):
        raise ValueError("each of several sections needs a title")
