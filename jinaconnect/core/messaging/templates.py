"""Message templates: placeholders `{{name}}` or `{{1}}`, their values, and the rendered text."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from jinaconnect.core.errors import Invalid
from jinaconnect.core.inbox.content import check_button, check_content
from jinaconnect.core.messaging.rich_cards import RcsSuggestion, card_content, parsed

PLACEHOLDER = re.compile(r"\{\{\s*(\w+)\s*\}\}")
ELEMENT_NAME = re.compile(r"[a-z][a-z0-9_]{0,511}")


def element_name(text: str) -> str:
    """Return a template's name at the carrier: lower case, blanks as underscores; raises ValueError."""
    name = re.sub(r"\s+", "_", text.strip().lower())
    if not ELEMENT_NAME.fullmatch(name):
        raise ValueError("must begin with a letter and hold only a-z, 0-9 and _")
    return name


def placeholders(text: str) -> list[str]:
    """Return the placeholder names of a text, each once, in order of appearance."""
    return list(dict.fromkeys(PLACEHOLDER.findall(text)))


def missing_value(name: str, contact_name: str) -> str:
    """Return what stands for a value nobody gave: a carrier never gets raw braces."""
    if name == "1":
        return contact_name
    return "-" if name.isdigit() else name.replace("_", " ").title()


def render(text: str, values: Mapping[str, str], contact_name: str = "Customer") -> str:
    """Return the text with every placeholder replaced."""
    return PLACEHOLDER.sub(lambda found: values.get(found[1], missing_value(found[1], contact_name)), text)


def texts_of(form: Mapping[str, Any]) -> Iterator[str]:
    """Yield every text of a template that may have places, its body first."""
    for name in ("content", "header", "footer"):
        if form.get(name):
            yield str(form[name])
    for name in ("buttons", "rich_cards"):
        yield from _texts(form.get(name))


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping | list):
        for part in value.values() if isinstance(value, Mapping) else value:
            yield from _texts(part)


def places_of(form: Mapping[str, Any]) -> list[str]:
    """Return the names of all places of a template that is filled in here, those of its body first."""
    return placeholders("\n".join(texts_of(form)))


def _throughout(value: Any, filled: Callable[[str], str]) -> Any:
    """Return a part of a template with each of its texts filled in."""
    if isinstance(value, str):
        return filled(value)
    if isinstance(value, Mapping):
        return {name: _throughout(part, filled) for name, part in value.items()}
    return [_throughout(part, filled) for part in value] if isinstance(value, list) else value


def mapping_of(form: Mapping[str, Any]) -> dict[str, Any]:
    """Return by which number each place of a template is known to its carrier: of each text, and of each card."""

    def numbered(text: str | None) -> dict[str, str]:
        return {str(number): name for number, name in enumerate(placeholders(text or ""), 1)}

    return {
        "content": numbered(form.get("content")), "header": numbered(form.get("header")),
        "buttons": [numbered(button.get("url")) for button in form.get("buttons") or ()],
        "cards": [
            {"body": numbered(card.get("body")),
             "buttons": [numbered(button.get("url")) for button in card.get("buttons") or ()]}
            for card in form.get("cards") or ()
        ],
    }  # fmt: skip


_PRESSED = {"QUICK_REPLY": "quick_reply", "URL": "url", "PHONE_NUMBER": "call", "COPY_CODE": "copy", "OTP": "copy"}


def preview(form: Mapping[str, Any], values: Mapping[str, str]) -> dict[str, Any]:
    """Return a template as its reader would see it; a place that nobody gave a value for is `[its name]`."""

    def shown(text: str) -> str:
        return PLACEHOLDER.sub(lambda found: values.get(found[1], f"[{found[1]}]"), text)

    return {
        "header": _throughout(form.get("header"), shown), "body": shown(form.get("content") or ""),
        "footer": _throughout(form.get("footer"), shown), "buttons": _throughout(form.get("buttons") or [], shown),
        "media_url": form.get("example_media_url"), 
        "cards": _throughout(form.get("rich_cards") or form.get("cards") or [], shown),
    }  # fmt: skip


def is_plain(form: Mapping[str, Any]) -> bool:
    """Tell whether a template is a text and nothing else."""
    return form.get("template_type") in (None, "TEXT") and not (
        form.get("buttons") or form.get("header") or form.get("footer") or form.get("rich_cards")
    )


def content_of(form: Mapping[str, Any], values: Mapping[str, str], text: str) -> dict[str, Any]:
    """Return a template whose carrier knows none as a message in the inbox's words; `text` is its text, filled in.

    Raises Invalid naming what its values make too long, or no address.
    """

    def filled(each: str) -> str:
        return render(each, values, values.get("contact_name", "Customer"))

    buttons = [_shown_button(button, filled) for button in form.get("buttons") or ()]
    suggested = [_throughout(each, filled) for each in form.get("suggestions") or ()]
    buttons += [parsed(RcsSuggestion, each, f"suggestions.{place}").shown() for place, each in enumerate(suggested)]
    if form.get("rich_cards"):
        content = card_content(form, _throughout(form["rich_cards"], filled))
    else:
        content = check_content(_framed(form, filled, text))
    if not buttons:
        return content
    # How many there may be is its channel's to say.
    return {**content, "buttons": [check_button(button, f"buttons.{place}") for place, button in enumerate(buttons)]}


def _framed(form: Mapping[str, Any], filled: Callable[[str], str], text: str) -> dict[str, Any]:
    lines = [filled(form["header"]) if form.get("header") else None, text]
    lines.append(filled(form["footer"]) if form.get("footer") else None)
    said = "\n\n".join(line for line in lines if line)
    kind = str(form.get("template_type") or "TEXT").lower()
    if kind == "text":
        return {"type": kind, "body": {"text": said}}
    return {"type": kind, kind: {"url": form["example_media_url"], **({"caption": said} if said else {})}}


def _shown_button(button: Mapping[str, Any], filled: Callable[[str], str]) -> dict[str, Any]:
    made = {"type": _PRESSED[button["type"]], "text": filled(button["text"])}
    if made["type"] == "url":
        return {**made, "url": filled(button["url"])}
    if made["type"] == "call":
        return {**made, "phone": button["phone_number"]}
    if made["type"] == "copy":
        return {**made, "code": str(button.get("example") or button["text"])}
    return made


def given_values(text: str, parameters: Sequence[Mapping[str, Any]], field: str) -> dict[str, str]:
    """Return the value of every placeholder of a text, from parameters in their order or by `parameter_name`.

    Raises Invalid on `field` for values that are missing, and for those that no placeholder is there for.
    """
    names = placeholders(text)
    values = {
        str(item.get("parameter_name") or names[place]): str(item.get("text", ""))
        for place, item in enumerate(parameters)
        if item.get("parameter_name") or place < len(names)
    }
    if missing := [name for name in names if name not in values]:
        raise Invalid.field(field, f"values are missing for {', '.join(missing)}")
    if parameters and not names:
        raise Invalid.field(field, "the template has no places for values")
    return values
