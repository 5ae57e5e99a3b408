"""What Meta takes and its published description (v23.0) has not or contradicts: each with who says so.

"Its own example" is one of the bodies shown in the description itself; a page is one of Meta's developer documentation.
"""

from __future__ import annotations

from typing import Any, NamedTuple


class Amendment(NamedTuple):
    """Lays `value` over the description at a place (`-`: as a new last item): what it names there is so from now on."""

    place: tuple[str | int, ...]
    value: Any
    because: str


def _schema(name: str, *way: str | int) -> tuple[str | int, ...]:
    return "components", "schemas", name, *way


def _ref(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{name}"}


def _object(required: tuple[str, ...] = (), **properties: Any) -> dict[str, Any]:
    return {"type": "object", "required": list(required), "properties": properties}


def _query(name: str) -> dict[str, Any]:
    return {"name": name, "in": "query", "schema": TEXT}


TEXT, LIST = {"type": "string"}, "array"
TEMPLATES, TEMPLATE = "/{Version}/{WABA-ID}/message_templates", "/{Version}/{TEMPLATE_ID}"
NUMBER, MEDIA = "/{Version}/{Phone-Number-ID}", "/{Version}/{Phone-Number-ID}/media"
MESSAGES = "/{Version}/{Phone-Number-ID}/messages"
CAPTION = {"type": "string", "maxLength": 1024}
ACTION = _schema("InteractiveObject", "properties", "type", "enum", "-")
ACTIONS = _schema("ActionObject", "oneOf", "-")
NAMED_SAMPLES = {"type": LIST, "items": _object(("param_name", "example"), param_name=TEXT, example=TEXT)}


def _file(*names: str) -> dict[str, Any]:
    own = {name: CAPTION if name == "caption" else TEXT for name in names}
    return {"oneOf": [_object((way,), **{way: TEXT if way == "id" else {"format": "url", **TEXT}}, **own)
                      for way in ("id", "link")]}  # fmt: skip


AMENDED = [
    # --- all messages
    Amendment(
        _schema("BaseMessageProperties", "properties", "biz_opaque_callback_data"), {**TEXT, "maxLength": 512},
        "the page on the messages endpoint; it comes back in the webhooks of statuses",
    ),
    Amendment(
        _schema("BaseMessageProperties", "properties", "recipient"), {**TEXT, "maxLength": 128},
        "the pages on business-scoped user ids, newer than this version: who has no number is not written to by `to`",
    ),
    Amendment(
        _schema("BaseMessageProperties", "required"), ["messaging_product", "recipient_type", "type"],
        "the same pages: `to`, `recipient`, or both",
    ),
    Amendment(
        _schema("BaseMessageProperties", "anyOf"), [{"required": ["to"]}, {"required": ["recipient"]}],
        "the same pages",
    ),
    Amendment(
        _schema("TextMessage", "allOf", 1, "properties", "text", "properties", "body", "maxLength"), 4096,
        "the page on text messages: the description has no limit",
    ),
    Amendment(
        _schema("ContactsMessage", "allOf", 1, "properties", "contacts", "maxItems"), 257,
        "the page on contacts messages",
    ),
    # --- files
    Amendment(_schema("CaptionedMedia"), _file("caption"), "its own examples of images and videos have a caption"),
    Amendment(_schema("DocumentMedia"), _file("caption", "filename"), "its own examples of documents have both"),
    *(Amendment(_schema(f"{kind.title()}Message", "allOf", 1, "properties", kind), _ref("CaptionedMedia"), "as above")
      for kind in ("image", "video")),
    Amendment(
        _schema("DocumentMessage", "allOf", 1, "properties", "document"), _ref("DocumentMedia"), "as above",
    ),
    Amendment(
        ("paths", MEDIA, "post", "requestBody", "content", "multipart/form-data", "schema", "properties", "type"), TEXT,
        "the page on media: the type of the file, required where it cannot be told by the name",
    ),
    # --- interactive messages
    *(Amendment(ACTION, kind, because) for kind, because in (
        ("cta_url", "the page on call-to-action URL buttons"),
        ("location_request_message", "the page on location requests"),
        ("order_details", "its own example: Send Order Details Message"),
        ("order_status", "its own example: Send Order Status Message"),
    )),
    Amendment(
        ACTIONS, _object(("name", "parameters"), name={"enum": ["cta_url"]}, parameters=_object(
            ("display_text", "url"), display_text={**TEXT, "maxLength": 20}, url={"format": "url", **TEXT})),
        "the page on call-to-action URL buttons",
    ),
    Amendment(
        ACTIONS, _object(("name",), name={"enum": ["send_location"]}), "the page on location requests",
    ),
    Amendment(
        ACTIONS, _object(("name", "parameters"), name={"enum": ["review_and_pay", "review_order"]}, parameters={
            "type": "object", "required": ["reference_id"]}),
        "its own examples: Send Order Details Message, Send Order Status Message",
    ),
    Amendment(
        _schema("BodyObject", "properties", "text", "maxLength"), 4096,
        "the page on interactive lists: a list's body may be longer than the 1024 characters of the others",
    ),
    Amendment(
        _schema("InteractiveObject", "allOf"), [{
            "if": {"properties": {"type": {"not": {"const": "list"}}}},
            "then": {"properties": {"body": {"properties": {"text": {"maxLength": 1024}}}}}}],
        "the same page",
    ),
    Amendment(
        _schema("HeaderObject", "properties", "document"), _ref("DocumentMedia"),
        "the page on reply buttons: a header's document has a name",
    ),
    # --- templates that are sent
    Amendment(
        _schema("ButtonComponent", "allOf", 1, "properties", "index", "pattern"), r"^\d$",
        "its own examples count buttons from 0; the pattern is one class of characters, and no range of numbers",
    ),
    *(Amendment(_schema("ButtonComponent", "allOf", 1, "properties", "sub_type", "enum", "-"), kind, because)
      for kind, because in (
        ("CATALOG", "its own example: Send Catalog Template Message"),
        ("flow", "its own example: Send Flow Template Message"),
        ("mpm", "the page on multi-product templates"),
        ("copy_code", "the page on coupon code templates"),
        ("order_details", "the page on order details templates"),
    )),
    Amendment(
        _schema("ButtonParameterObject", "discriminator", "mapping"), {
            "action": "#/components/schemas/ActionParameter", "coupon_code": "#/components/schemas/CouponParameter"},
        "its own examples of catalogues and flows; the page on coupon code templates",
    ),
    Amendment(
        _schema("ActionParameter"), _object(("type", "action"), type={"const": "action"}, action=_object(
            thumbnail_product_retailer_id=TEXT, flow_token=TEXT, flow_action_data={"type": "object"},
            sections={"type": LIST, "minItems": 1, "maxItems": 10, "items": _ref("SectionObject")},
            order_details={"type": "object", "required": ["reference_id"]})),
        "its own examples of catalogues and flows; the pages on multi-product and order details templates",
    ),
    Amendment(
        _schema("CouponParameter"), _object(("type", "coupon_code"), type={"const": "coupon_code"}, coupon_code=TEXT),
        "the page on coupon code templates",
    ),
    Amendment(
        _schema("TextParameter", "allOf", 1, "properties", "parameter_name"), TEXT,
        "the page on templates: where places have names, so have their values",
    ),
    Amendment(
        _schema("ParameterObject", "discriminator", "mapping"), {
            "location": "#/components/schemas/LocationParameter", "product": "#/components/schemas/ProductParameter"},
        "the pages on templates with a location, and on single-product templates",
    ),
    Amendment(
        _schema("LocationParameter"), _object(("type", "location"), type={"const": "location"}, location=_object(
            ("latitude", "longitude"), latitude={"type": ["number", "string"]},
            longitude={"type": ["number", "string"]}, name=TEXT, address=TEXT)),
        "the page on templates with a location",
    ),
    Amendment(
        _schema("ProductParameter"), _object(("type", "product"), type={"const": "product"}, product=_object(
            ("product_retailer_id", "catalog_id"), product_retailer_id=TEXT, catalog_id=TEXT)),
        "the pages on single-product templates and on carousels of products",
    ),
    Amendment(
        _schema("DocumentParameter", "allOf", 1, "properties", "document"), _ref("DocumentMedia"),
        "the page on templates with files: a document has a name",
    ),
    Amendment(
        _schema("DateTimeObject", "properties"), {
            name: {} for name in ("calendar", "year", "month", "day_of_month", "day_of_week", "hour", "minute")},
        "its own examples: Send Message Template Text",
    ),
    Amendment(
        _schema("TemplateComponent", "discriminator", "mapping"), {
            "carousel": "#/components/schemas/CarouselComponent",
            "limited_time_offer": "#/components/schemas/OfferComponent"},
        "the pages on carousels and on limited-time offers",
    ),
    Amendment(
        _schema("CarouselComponent"), _object(("type", "cards"), type={"const": "carousel"}, cards={
            "type": LIST, "minItems": 2, "maxItems": 10, "items": _object(
                ("card_index", "components"), card_index={"type": "integer", "minimum": 0, "maximum": 9},
                components={"type": LIST, "minItems": 1, "items": _ref("TemplateComponent")})}),
        "the pages on carousels of files and of products",
    ),
    Amendment(
        _schema("OfferComponent"), _object(
            ("type", "parameters"), type={"const": "limited_time_offer"}, parameters={
                "type": LIST, "minItems": 1, "maxItems": 1, "items": _object(
                    ("type", "limited_time_offer"), type={"const": "limited_time_offer"}, limited_time_offer=_object(
                        ("expiration_time_ms",), expiration_time_ms={"type": "integer"}))}),
        "the page on limited-time offers",
    ),
    # --- templates that are handed in; TemplatePart is what the examples show of their components
    Amendment(
        _schema("TemplateForm", "properties"), {
            "parameter_format": {"enum": ["POSITIONAL", "NAMED"]}, "display_format": {"enum": ["ORDER_DETAILS"]}},
        "the page on templates: places have numbers or names; the page on order details templates",
    ),
    Amendment(
        _schema("TemplatePart", "properties", "example", "properties"), {
            "body_text_named_params": NAMED_SAMPLES, "header_text_named_params": NAMED_SAMPLES},
        "the page on templates: samples of places with names",
    ),
    Amendment(
        _schema("TemplatePart", "properties", "buttons", "items", "properties", "example", "type"), [LIST, "string"],
        "the page on coupon code templates: a code's sample is plain, where an address's is a list of one",
    ),
    Amendment(
        _schema("TemplatePart", "properties", "cards"), {"type": LIST, "minItems": 2, "maxItems": 10, "items": _object(
            ("components",), components={"type": LIST, "minItems": 1, "items": _ref("TemplatePart")})},
        "the pages on carousels",
    ),
    Amendment(
        _schema("TemplatePart", "properties", "limited_time_offer"), _object(
            ("text",), text={**TEXT, "maxLength": 16}, has_expiration={"type": "boolean"}),
        "the page on limited-time offers",
    ),
    *(Amendment(("paths", TEMPLATES, "get", "parameters", "-"), _query(name),
                "the page on listing templates: fields, and pages by cursor") for name in ("fields", "limit", "after")),
    Amendment(
        ("paths", TEMPLATE, "get", "parameters"), [_query("fields")],
        "what it shows it calls the default fields; others are asked for as of every node of the Graph API",
    ),
]  # fmt: skip

# Fields that may be asked for, and are not in the answers as described.
FIELDS = {
    TEMPLATES: {"rejected_reason": "the page on listing templates"},
    TEMPLATE: {"rejected_reason": "the page on templates as nodes of the Graph API"},
    NUMBER: {
        "messaging_limit_tier": "the page on messaging limits", "throughput": "the page on throughput",
        "status": "the page on phone numbers", "health_status": "the page on messaging health",
    },
}  # fmt: skip
