"""What is written of a template that a carrier reviews, and what of it does not fit together.

Source: Meta's pages on template components; what carriers of one platform take alike.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from jinaconnect.core.messaging.offers import offer_faults
from jinaconnect.core.messaging.template_kinds import Tags
from jinaconnect.core.messaging.templates import element_name
from jinaconnect.core.schema import Given, Id, Request, Text, example, unkept

MAX_EXAMPLE = 8 * 1024
Language = Annotated[str, StringConstraints(pattern=r"^[a-z]{2,3}(_[A-Z]{2})?$")]


def _kept(value: Any) -> Any:
    wrong = unkept(value, "", MAX_EXAMPLE)
    if wrong:
        raise ValueError(" ".join(next(iter(wrong.values()))))
    return value


class Button(Request):
    """A button of a template."""

    type: Literal[
        "QUICK_REPLY",
        "URL",
        "PHONE_NUMBER",
        "COPY_CODE",
        "FLOW",
        "VOICE_CALL",
        "CALL_REQUEST",
        "CATALOG",
        "ORDER_DETAILS",
        "OTP",
        "SPM",
    ]
    text: Annotated[Text, StringConstraints(min_length=1, max_length=25)]
    url: Annotated[str, StringConstraints(max_length=2000, pattern=r"^https?://")] | None = None
    phone_number: Annotated[str, StringConstraints(max_length=20)] | None = None
    flow_id: Annotated[Text, StringConstraints(min_length=1, max_length=64)] | None = Field(
        None, description="Of FLOW: what it opens, by the carrier's id of it."
    )
    flow_name: Annotated[Text, StringConstraints(min_length=1, max_length=200)] | None = Field(
        None, description="Of FLOW: what it opens, by its name at the carrier."
    )
    flow_action: Literal["navigate", "data_exchange"] | None = Field(
        None, description="Of FLOW: whether a screen of it is opened, or asked of its own server."
    )
    navigate_screen: Annotated[Text, StringConstraints(min_length=1, max_length=200)] | None = Field(
        None, description="Of FLOW: the screen it begins with."
    )
    example: Annotated[Any, AfterValidator(_kept)] = None


class ProductSection(Request, json_schema_extra=example(title="Shirts", product_ids=["SHIRT-BLUE", "SHIRT-RED"])):
    """Products of a catalogue below a title."""

    title: Annotated[Text, StringConstraints(min_length=1, max_length=24)] | None = None
    product_ids: Annotated[
        list[Annotated[Text, StringConstraints(min_length=1, max_length=100)]], Field(min_length=1, max_length=30)
    ]


class MediaCard(
    Request,
    json_schema_extra=example(
        headerType="IMAGE", media_url="https://shop.example.com/red.jpg", body="In red, {{1}}", example_body=["Ann"],
        buttons=[{"type": "QUICK_REPLY", "text": "I take it"}],
    ),
):  # fmt: skip
    """A card of a carousel; its picture or film is a `media_handle`, a `media_url`, or uploaded afterwards."""

    headerType: Literal["IMAGE", "VIDEO", "PRODUCT"] = "IMAGE"
    media_handle: Annotated[str, StringConstraints(max_length=2048)] | None = None
    media_url: Annotated[str, StringConstraints(max_length=2000, pattern=r"^https?://\S+$")] | None = None
    body: Annotated[Text, StringConstraints(min_length=1, max_length=160)] | None = None
    example_body: Annotated[list[str] | dict[str, str] | None, AfterValidator(_kept)] = None
    buttons: list[Button] = Field(default_factory=list, max_length=2)


class TemplateFields(Request, json_schema_extra=example(content="Your order {{1}} is on its way.")):
    """What may be changed of a template, null to its default."""

    name: Annotated[Text, StringConstraints(max_length=255)] | None = None
    category: Literal["AUTHENTICATION", "MARKETING", "UTILITY"] | None = None
    content: Annotated[Text, StringConstraints(max_length=1024)] | None = None
    header: Annotated[Text, StringConstraints(max_length=60)] | None = None
    footer: Annotated[Text, StringConstraints(max_length=60)] | None = None
    buttons: list[Button] | None = Field(None, max_length=10)
    cards: list[MediaCard] | None = Field(None, min_length=2, max_length=10)
    example_body: Annotated[list[str] | dict[str, str] | None, AfterValidator(_kept)] = None
    example_header: Annotated[Text, StringConstraints(max_length=60)] | None = None
    media_handle: Annotated[str, StringConstraints(max_length=2048)] | None = Field(
        None, description="What the carrier knows the sample of the header's file by."
    )
    example_media_url: Annotated[str, StringConstraints(max_length=2000, pattern=r"^https?://\S+$")] | None = Field(
        None, description="Where the header's file is: its sample, and what is sent where a send names no other."
    )
    code_expiration_minutes: int | None = Field(
        None, ge=1, le=90, description="How long a code holds, of AUTHENTICATION templates."
    )
    add_security_recommendation: Given[bool] = None
    lto_text: Annotated[Text, StringConstraints(min_length=1, max_length=16)] | None = Field(
        None, description="What stands above a limited-time offer."
    )
    lto_has_expiration: Given[bool] = Field(
        None, description="Whether a limited-time offer counts down to its end, which each send names."
    )
    vertical: Annotated[Text, StringConstraints(min_length=1, max_length=180)] | None = Field(
        None, description="What Gupshup sorts templates by; else the name."
    )
    tags: Given[Tags] = Field(None, description="Words that templates are sorted by.")
    is_active: bool | None = None


class NewTemplate(
    TemplateFields,
    json_schema_extra=example(
        element_name="order_sent",
        category="UTILITY",
        content="Hello {{1}}, your order {{2}} is on its way.",
        example_body=["Ann", "4711"],
    ),
):
    """A template to write."""

    wa_app: Id | None = None
    element_name: Annotated[str, StringConstraints(max_length=512), AfterValidator(element_name)]
    language_code: Language = "en"
    template_type: Literal[
        "TEXT", "IMAGE", "VIDEO", "DOCUMENT", "LOCATION", "CAROUSEL", "CATALOG", "PRODUCT", "ORDER_DETAILS"
    ] = "TEXT"
    sub_category: Literal["MPM", "SPM"] | None = Field(
        None, description="Of the type PRODUCT: several products (the usual) or a single one."
    )
    is_lto: Given[bool] = Field(None, description="Whether it is a limited-time offer, with a code to copy.")

    @model_validator(mode="after")
    def _complete(self) -> NewTemplate:
        if not self.content and self.template_type not in WORDLESS:
            raise ValueError("content is required")
        return self


FILES = ("IMAGE", "VIDEO", "DOCUMENT")
WORDLESS = ("RICH_CARD", "CAROUSEL", "CATALOG")
COMMERCE = ("CATALOG", "PRODUCT")
_ON_CARDS = {"PRODUCT": ("SPM", "URL")}
_ON_MEDIA = ("QUICK_REPLY", "URL", "PHONE_NUMBER")


def is_single(form: Mapping[str, Any]) -> bool:
    """Tell whether a template shows a single product."""
    return form["template_type"] == "PRODUCT" and form.get("sub_category") == "SPM"


def form_faults(form: Mapping[str, Any]) -> dict[str, list[str]]:
    """Return what of a template does not fit together, by field."""
    kind, buttons = form["template_type"], [button["type"] for button in form.get("buttons") or ()]
    faults: dict[str, list[str]] = {}
    if form.get("category") == "AUTHENTICATION":
        if not buttons or any(each != "OTP" for each in buttons):
            faults["buttons"] = ["AUTHENTICATION templates take OTP buttons only, at least one"]
        faults |= {
            name: ["AUTHENTICATION templates say their carrier's own words"] for name in ("header", "footer")
            if form.get(name)
        }  # fmt: skip
        if kind != "TEXT":
            faults["template_type"] = ["AUTHENTICATION templates are texts"]
    elif kind in ("CAROUSEL", *COMMERCE) and form.get("category") not in (None, "MARKETING"):
        faults["category"] = [f"templates of the type {kind} are MARKETING"]
    elif form.get("code_expiration_minutes"):
        faults["code_expiration_minutes"] = ["is of AUTHENTICATION templates"]
    if form.get("sub_category") and kind != "PRODUCT":
        faults["sub_category"] = ["is of the type PRODUCT"]
    if kind == "CAROUSEL":
        faults |= {name: ["cannot stand beside cards"] for name in ("buttons", "header", "footer") if form.get(name)}
        faults |= _card_faults(form.get("cards") or ())
    elif form.get("cards"):
        faults["cards"] = ["are of the type CAROUSEL"]
    if kind == "CATALOG" and buttons not in ([], ["CATALOG"]):
        faults["buttons"] = ["a CATALOG template has one button, CATALOG"]
    if kind == "PRODUCT" and buttons:
        faults["buttons"] = ["a PRODUCT template has a button of its own"]
    if kind == "ORDER_DETAILS" and buttons != ["ORDER_DETAILS"]:
        faults["buttons"] = ["an ORDER_DETAILS template has one button, ORDER_DETAILS"]
    if form.get("header") and (kind in (*FILES, "LOCATION", "CATALOG") or is_single(form)):
        faults["header"] = [f"a template of the type {kind} has another header"]
    if (form.get("media_handle") or form.get("example_media_url")) and kind not in FILES:
        faults["media_handle" if form.get("media_handle") else "example_media_url"] = [
            f"a template of the type {kind} shows no file in its header"
        ]
    return faults | offer_faults(form, buttons)


def _card_faults(cards: Sequence[Mapping[str, Any]]) -> dict[str, list[str]]:
    """Return what of a carousel's cards does not fit; all of them have the same parts."""
    if not 2 <= len(cards) <= 10:
        return {"cards": ["a carousel has 2 to 10 cards"]}
    faults: dict[str, list[str]] = {}
    first = cards[0]
    for place, card in enumerate(cards):
        kind, types = card["headerType"], [button["type"] for button in card.get("buttons") or ()]
        wrong = [each for each in types if each not in _ON_CARDS.get(kind, _ON_MEDIA)]
        if kind != first["headerType"]:
            faults[f"cards.{place}.headerType"] = ["must be that of the first card"]
        if bool(card.get("body")) != bool(first.get("body")):
            faults[f"cards.{place}.body"] = ["either all cards have one, or none"]
        if kind == "PRODUCT" and card.get("body"):
            faults[f"cards.{place}.body"] = ["a product says its own words"]
        if wrong or (kind == "PRODUCT" and len(types) > 1):
            taken = "on a product at most one of" if kind == "PRODUCT" else "must be of"
            faults[f"cards.{place}.buttons"] = [f"{taken} {', '.join(_ON_CARDS.get(kind, _ON_MEDIA))}"]
        elif types != [button["type"] for button in first.get("buttons") or ()]:
            faults[f"cards.{place}.buttons"] = ["must be of the same types as those of the first card"]
    return faults


def with_files(cards: Sequence[Mapping[str, Any]], before: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return changed cards, each that names no file with the one it had."""
    return [_with_file(card, before[place] if place < len(before) else None) for place, card in enumerate(cards)]


def _with_file(card: Mapping[str, Any], former: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return a changed card with the file that it had, where it names none."""
    if former is None or card.get("media_handle") or card.get("media_url"):
        return dict(card)
    if former["headerType"] != card["headerType"]:
        return dict(card)
    held = {name: former[name] for name in ("media_handle", "media_url", "tenant_media") if former.get(name)}
    return {**card, **held}
