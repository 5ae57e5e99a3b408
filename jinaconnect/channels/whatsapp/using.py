"""A template's send in the Cloud API's form: its components, with files, cards and products in their places.

Source: Meta's pages on sending media card carousels, product card carousels, catalog, MPM, SPM, limited-time offer and
flow templates.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from jinaconnect.channels.base import TemplateUse
from jinaconnect.core.errors import Invalid
from jinaconnect.core.messaging.offers import example_code
from jinaconnect.core.messaging.template_form import FILES, is_single
from jinaconnect.core.messaging.templates import given_values, placeholders, render

FIELD, ENDS = "template_params", "expiration_time_ms"
MOST_SECTIONS, MOST_PRODUCTS, LONGEST_TITLE = 10, 30, 24


def used(use: TemplateUse) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the Cloud API's template object and what the team sees of it; raises Invalid for what is missing."""
    form = {"template_type": "TEXT", **{name: value for name, value in use.form.items() if value is not None}}
    parts: list[Mapping[str, Any]] = []
    if header := _header(use, form):
        parts.append({"type": "header", "parameters": header})
    values = given_values(use.content, use.body, f"{FIELD}.body")
    if values:
        parts.append({"type": "body", "parameters": list(use.body)})
    text = render(use.content, values)
    shown: dict[str, Any] = {"type": "text", "body": {"text": text}, "template": use.name}
    if form["template_type"] == "CAROUSEL":
        made = cards_of(use)
        parts.append({"type": "carousel", "cards": [
            {"card_index": place, "components": card} for place, (card, _) in enumerate(made)
        ]})  # fmt: skip
        shown |= {"type": "cards", "cards": [seen for _, seen in made]}
    if button := _shop(use, form):
        parts.append(button)
    parts += _offer(use, form)
    parts += _flows(use, form)
    parts += use.buttons
    cloud: dict[str, Any] = {"name": use.name, "language": {"code": use.language}}
    if parts:
        cloud["components"] = parts
    return cloud, shown


def _header(use: TemplateUse, form: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the parameters of the header: those given, else the file or the product that it shows."""
    kind = form["template_type"]
    if use.header:
        given = use.header[0].get("type")
        if kind in FILES and given != kind.lower():
            raise Invalid.field(f"{FIELD}.header", f"the template shows a file of the kind {kind.lower()}")
        return list(use.header)
    if kind in FILES:
        return [_file(kind, use.links.get(None) or form.get("example_media_url"), f"{FIELD}.header")]
    if is_single(form):
        return [_product(use, 0)]
    if names := placeholders(form.get("header") or ""):
        raise Invalid.field(f"{FIELD}.header", f"values are missing for {', '.join(names)}")
    return []


def _offer(use: TemplateUse, form: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the components of a limited-time offer: when it ends, and its code where none is given."""
    if not form.get("lto_has_expiration") and use.expires is not None:
        raise Invalid.field(f"{FIELD}.{ENDS}", "is of a limited-time offer that ends at a time")
    if not form.get("is_lto"):
        return []
    parts: list[Mapping[str, Any]] = []
    if form.get("lto_has_expiration"):
        if use.expires is None:
            raise Invalid.field(f"{FIELD}.{ENDS}", "is required: when the offer ends, in Unix milliseconds")
        ends = {"type": "limited_time_offer", "limited_time_offer": {ENDS: use.expires}}
        parts.append({"type": "limited_time_offer", "parameters": [ends]})
    copied = [button for button in form.get("buttons") or () if button["type"] == "COPY_CODE"]
    if copied and not any(str(button.get("sub_type", "")).lower() == "copy_code" for button in use.buttons):
        code = {"type": "coupon_code", "coupon_code": example_code(copied[0])}
        parts.append({"type": "button", "sub_type": "copy_code", "index": "0", "parameters": [code]})
    return parts


def _flows(use: TemplateUse, form: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the components of buttons that open a flow where none is given: without them Meta refuses the send."""
    given = {str(button.get("index")) for button in use.buttons}
    unused = {"type": "action", "action": {"flow_token": "unused"}}
    return [
        {"type": "button", "sub_type": "flow", "index": str(place), "parameters": [unused]}
        for place, button in enumerate(form.get("buttons") or ())
        if button["type"] == "FLOW" and str(place) not in given
    ]


def _file(kind: str, link: Any, field: str) -> dict[str, Any]:
    if not link:
        raise Invalid.field(field, f"is required: the {kind.lower()} that the template shows")
    return {"type": kind.lower(), kind.lower(): {"link": str(link)}}


def products(sections: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the products of sections, in their order."""
    return [str(product) for section in sections for product in section["product_ids"]]


def section_faults(sections: Sequence[Mapping[str, Any]]) -> str | None:
    """Return what is wrong with sections of products, None where nothing is."""
    if len(sections) > MOST_SECTIONS or len(products(sections)) > MOST_PRODUCTS:
        return f"at most {MOST_SECTIONS} sections with {MOST_PRODUCTS} products in all"
    titles = [str(section.get("title") or "") for section in sections]
    if len(sections) > 1 and not all(titles):
        return "of several sections each has a title"
    return f"titles have at most {LONGEST_TITLE} characters" if any(len(t) > LONGEST_TITLE for t in titles) else None


def _product(use: TemplateUse, place: int) -> dict[str, Any]:
    ids = products(use.sections)
    if use.catalog is None:
        raise Invalid.field("catalog_id", "is required: the catalogue that the products are of")
    if place >= len(ids):
        raise Invalid.field("sections", f"name {place + 1} products or more: the template shows as many")
    return {"type": "product", "product": {"product_retailer_id": ids[place], "catalog_id": use.catalog}}


def _shop(use: TemplateUse, form: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the button of a template of products that opens them."""
    kind, ids = form["template_type"], products(use.sections)
    if any(str(button.get("sub_type", "")).lower() in ("mpm", "catalog") for button in use.buttons):
        return None
    if kind == "CATALOG":
        first = {"thumbnail_product_retailer_id": ids[0]} if ids else None
        parameters = {"parameters": [{"type": "action", "action": first}]} if first else {}
        return {"type": "button", "sub_type": "CATALOG", "index": "0", **parameters}
    if kind != "PRODUCT" or is_single(form):
        return None
    if not ids:
        raise Invalid.field("sections", "is required: the products that the template shows")
    if wrong := section_faults(use.sections):
        raise Invalid.field("sections", wrong)
    sections = [
        {**({"title": section["title"]} if section.get("title") else {}),
         "product_items": [{"product_retailer_id": str(product)} for product in section["product_ids"]]}
        for section in use.sections
    ]  # fmt: skip
    action = {"thumbnail_product_retailer_id": ids[0], "sections": sections}
    return {"type": "button", "sub_type": "mpm", "index": "0", "parameters": [{"type": "action", "action": action}]}


def cards_of(use: TemplateUse) -> list[tuple[list[dict[str, Any]], dict[str, Any]]]:
    """Return the components of each card, and what the team sees of it; raises Invalid for what is missing."""
    cards = use.form["cards"] or ()
    if outside := [place for place in use.cards if place not in range(len(cards))]:
        raise Invalid.field(f"{FIELD}.cards.{outside[0]}", f"the template has {len(cards)} cards, counted from 0")
    return [_card(use, place, card, use.cards.get(place) or {}) for place, card in enumerate(cards)]


def _card(
    use: TemplateUse, place: int, card: Mapping[str, Any], given: Mapping[str, Any]
) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    field, kind = f"{FIELD}.cards.{place}", card["headerType"]
    if given.get("header"):
        header = dict(given["header"][0])
    elif kind == "PRODUCT":
        header = _product(use, place)
    else:
        header = _file(kind, use.links.get(place) or card.get("media_url"), f"{field}.header")
    made: list[dict[str, Any]] = [{"type": "header", "parameters": [header]}]
    body = list(given.get("body") or ())
    values = given_values(card.get("body") or "", body, f"{field}.body")
    if values:
        made.append({"type": "body", "parameters": body})
    buttons = [dict(button) for button in given.get("buttons") or ()]
    named = {str(button.get("index")) for button in buttons}
    for index, button in enumerate(card.get("buttons") or ()):
        if str(index) not in named and button["type"] == "URL" and placeholders(button.get("url") or ""):
            raise Invalid.field(f"{field}.buttons", f"button {index} needs the rest of its address")
    seen: dict[str, Any] = {}
    if kind != "PRODUCT" and (header.get(kind.lower()) or {}).get("link"):
        seen[kind.lower()] = {"url": header[kind.lower()]["link"]}
    if card.get("body"):
        seen["body"] = {"text": render(card["body"], values)}
    seen["buttons"] = [{"type": "quick_reply", "text": button["text"]} for button in card.get("buttons") or ()]
    return made + buttons, seen
