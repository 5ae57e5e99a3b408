"""Templates as the Cloud API takes them, and its words for what became of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jinaconnect.core.messaging.template_form import FILES, WORDLESS, form_faults, is_single
from jinaconnect.core.messaging.templates import placeholders

REPORTED = {
    "APPROVED": "APPROVED", "REJECTED": "REJECTED", "FAILED": "REJECTED", "PENDING": "PENDING", "DISABLED": "DISABLED",
    "PAUSED": "PAUSED", "IN_APPEAL": "IN_APPEAL", "PENDING_DELETION": "PENDING_DELETION", "DELETED": "DELETED",
    "LIMIT_EXCEEDED": "LIMIT_EXCEEDED", "ARCHIVED": "ARCHIVED", "LOCKED": "LOCKED",
    # Flagged ones may be sent until they are paused; the others are as they were before.
    "FLAGGED": "APPROVED", "REINSTATED": "APPROVED", "UNARCHIVED": "APPROVED", "UNLOCKED": "APPROVED",
    "UNPAUSED": "APPROVED",
}  # fmt: skip


VIEW = {"CATALOG": "View catalog", "MPM": "View items", "SPM": "View"}  # what such a button says unless it is told


def is_named(doc: Mapping[str, Any]) -> bool:
    """Tell whether a template's places have names: then none has a number."""
    texts = (doc["content"], doc["header"], *(card.get("body") for card in doc.get("cards") or ()))
    return any(not name.isdigit() for text in texts for name in placeholders(text or ""))


def unsampled(doc: Mapping[str, Any]) -> list[tuple[int | None, str | None]]:
    """Return which files of a template have no sample at the carrier yet, with the address they are at.

    They are that of the header (None) and those of cards by their places.
    """
    cards = enumerate(doc.get("cards") or ())
    wanting: list[tuple[int | None, str | None]] = [
        (place, card.get("media_url")) for place, card in cards
        if card["headerType"] in FILES and not card.get("media_handle")
    ]  # fmt: skip
    if doc["template_type"] in FILES and not doc.get("media_handle"):
        wanting.insert(0, (None, doc.get("example_media_url")))
    return wanting


def sampled(doc: Mapping[str, Any], samples: Mapping[int | None, str]) -> dict[str, Any]:
    """Return a template with what its carrier knows its files by."""
    header = samples.get(None, doc.get("media_handle"))
    cards = enumerate(doc.get("cards") or ())
    made = [{**card, "media_handle": samples.get(place, card.get("media_handle"))} for place, card in cards]
    return {**doc, "media_handle": header, "cards": made or None}


def components(doc: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the Cloud API components of a template, with an example for every placeholder."""
    kind, named = doc["template_type"], is_named(doc)
    if doc["category"] == "AUTHENTICATION":
        return _of_code(doc)
    parts: list[dict[str, Any]] = []
    if kind in (*FILES, "LOCATION"):
        parts.append(_header(kind, doc.get("media_handle")))
    elif is_single(doc):
        parts.append({"type": "HEADER", "format": "PRODUCT"})
    elif doc["header"]:
        header: dict[str, Any] = {"type": "HEADER", "format": "TEXT", "text": doc["header"]}
        if names := placeholders(doc["header"]):
            shown = doc.get("example_header") or "sample"
            told = [{"param_name": names[0], "example": shown}]
            header["example"] = {"header_text_named_params": told} if named else {"header_text": [shown]}
        parts.append(header)
    if doc.get("is_lto"):
        offer = {"text": doc["lto_text"], "has_expiration": bool(doc.get("lto_has_expiration"))}
        parts.append({"type": "LIMITED_TIME_OFFER", "limited_time_offer": offer})
    if doc["content"]:
        parts.append(_body(doc["content"], doc["example_body"], named))
    if kind == "CAROUSEL":
        parts.append({"type": "CAROUSEL", "cards": [_card(card, named) for card in doc["cards"]]})
    if doc["footer"]:
        parts.append({"type": "FOOTER", "text": doc["footer"]})
    if buttons := doc["buttons"] or shopping(doc):
        parts.append({"type": "BUTTONS", "buttons": [_button(button) for button in buttons]})
    return parts


def _of_code(doc: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the components of a template that tells a code: its words are WhatsApp's own."""
    parts: list[dict[str, Any]] = [
        {"type": "BODY", "add_security_recommendation": bool(doc.get("add_security_recommendation"))}
    ]
    if doc.get("code_expiration_minutes"):
        parts.append({"type": "FOOTER", "code_expiration_minutes": doc["code_expiration_minutes"]})
    buttons = [{"type": "OTP", "otp_type": "COPY_CODE", "text": button["text"]} for button in doc["buttons"] or ()]
    return [*parts, {"type": "BUTTONS", "buttons": buttons}]


def shopping(form: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the button that a template of products has by itself."""
    kind = form["template_type"]
    if kind == "PRODUCT":
        kind = "SPM" if is_single(form) else "MPM"
    return [{"type": kind, "text": VIEW[kind]}] if kind in VIEW else []


def _header(kind: str, handle: str | None) -> dict[str, Any]:
    return {"type": "HEADER", "format": kind, **({"example": {"header_handle": [handle]}} if handle else {})}


def _body(text: str, given: Any, named: bool) -> dict[str, Any]:
    body: dict[str, Any] = {"type": "BODY", "text": text}
    names = placeholders(text)
    if not names:
        return body
    given = given or []
    samples = list(given.values()) if isinstance(given, Mapping) else list(given)
    shown = [*samples, *("sample" for _ in names)][: len(names)]
    if not named:
        return {**body, "example": {"body_text": [shown]}}
    of_names = given if isinstance(given, Mapping) else dict(zip(names, shown, strict=True))
    told = [{"param_name": name, "example": str(of_names.get(name, "sample"))} for name in names]
    return {**body, "example": {"body_text_named_params": told}}


def _card(card: Mapping[str, Any], named: bool) -> dict[str, Any]:
    parts = [_header(card["headerType"], card.get("media_handle"))]
    if card.get("body"):
        parts.append(_body(card["body"], card.get("example_body"), named))
    buttons = card.get("buttons") or ()
    if not buttons and card["headerType"] == "PRODUCT":
        buttons = [{"type": "SPM", "text": VIEW["SPM"]}]
    if buttons:
        parts.append({"type": "BUTTONS", "buttons": [_button(button) for button in buttons]})
    return {"components": parts}


def _button(button: Mapping[str, Any]) -> dict[str, Any]:
    """Return a button; the example of an address with a place is a list, and one that calls has a name of Meta's."""
    made = {name: value for name, value in button.items() if value is not None}
    if made["type"] == "CALL_REQUEST":
        made["type"] = "VOICE_CALL"
    if made["type"] == "URL" and made.get("example") is not None and not isinstance(made["example"], list):
        made["example"] = [str(made["example"])]
    return made


_HEADERS = ("TEXT", "IMAGE", "VIDEO", "DOCUMENT", "LOCATION")
_OF_BUTTON = ("type", "text", "url", "phone_number", "example")
OF_FLOW = ("flow_id", "flow_name", "flow_action", "navigate_screen")


def fields_of(item: Mapping[str, Any]) -> dict[str, Any]:
    """Return a template as the Cloud API lists it by the names we keep it under, or with a `fault` why we cannot."""
    told = item.get("rejected_reason")
    fields: dict[str, Any] = {
        "element_name": str(item.get("name") or "")[:512], "language_code": str(item.get("language") or ""),
        "category": str(item.get("category") or ""), "status": REPORTED.get(str(item.get("status")), "PENDING"),
        "meta_template_id": str(item.get("id") or "") or None, "template_type": "TEXT", "content": None, "header": None,
        "footer": None, "buttons": None, "cards": None, "sub_category": None, "is_lto": None, "lto_text": None,
        "lto_has_expiration": None,
        "rejection_reason": None if told in (None, "NONE") else str(told)[:500],
    }  # fmt: skip
    for part in item.get("components") or ():
        fault = _part(part if isinstance(part, Mapping) else {}, fields)
        if fault is not None:
            return {**fields, "fault": fault}
    wordless = fields["template_type"] in WORDLESS
    needed = ("element_name", "language_code", "category", *(() if wordless else ("content",)))
    missing = [name for name in needed if not fields[name]]
    return {**fields, "fault": f"it has no {missing[0]}"} if missing else fields


def _part(part: Mapping[str, Any], fields: dict[str, Any]) -> str | None:
    """Read a component into the fields; return why that cannot be."""
    kind, text = str(part.get("type", "")).upper(), part.get("text")
    if kind == "HEADER":
        form = str(part.get("format", "")).upper()
        if form == "PRODUCT":
            fields.update(template_type="PRODUCT", sub_category="SPM")
        elif form in _HEADERS:
            fields.update(template_type=form, header=text if form == "TEXT" else None)
        else:
            return f"headers of the format {part.get('format')} are not known here"
    elif kind == "LIMITED_TIME_OFFER":
        offer = part.get("limited_time_offer") or {}
        fields.update(is_lto=True, lto_text=offer.get("text"), lto_has_expiration=bool(offer.get("has_expiration")))
    elif kind in ("BODY", "FOOTER"):
        fields["content" if kind == "BODY" else "footer"] = text
    elif kind == "BUTTONS":
        buttons = _buttons(part)
        found = next((button["type"] for button in buttons if button["type"] in ("CATALOG", "MPM", "SPM")), None)
        if found == "CATALOG":
            fields["template_type"] = found
        elif found is not None:
            fields.update(template_type="PRODUCT", sub_category=found)
        fields["buttons"] = [button for button in buttons if button["type"] not in ("MPM", "SPM")] or None
    elif kind == "CAROUSEL":
        cards = [_read_card(card) for card in part.get("cards") or () if isinstance(card, Mapping)]
        fields.update(template_type="CAROUSEL", cards=cards)
        if faults := form_faults({**fields, "category": None}):
            return next(f"{name}: {told[0]}" for name, told in faults.items())
    else:
        return f"parts of the type {part.get('type')} are not known here"
    return None


def _buttons(part: Mapping[str, Any]) -> list[dict[str, Any]]:
    buttons = [button for button in part.get("buttons") or () if isinstance(button, Mapping) and button.get("text")]
    return [
        {**{name: button.get(name) for name in _OF_BUTTON}, **_flow(button), "type": str(button.get("type")).upper()}
        for button in buttons
    ]


def _flow(button: Mapping[str, Any]) -> dict[str, str]:
    """Return what a button opens; Meta lists ids as numbers, and actions in capitals."""
    found = {name: str(button[name]) for name in OF_FLOW if button.get(name)}
    return {**found, "flow_action": found["flow_action"].lower()} if "flow_action" in found else found


def _read_card(card: Mapping[str, Any]) -> dict[str, Any]:
    made: dict[str, Any] = {"headerType": "IMAGE", "body": None, "buttons": []}
    for part in card.get("components") or ():
        kind = str(part.get("type", "")).upper() if isinstance(part, Mapping) else ""
        if kind == "HEADER":
            handles = (part.get("example") or {}).get("header_handle") or [None]
            made.update(headerType=str(part.get("format", "")).upper(), media_handle=handles[0])
        elif kind == "BODY":
            made["body"] = part.get("text")
        elif kind == "BUTTONS":
            made["buttons"] = _buttons(part)
    return made
