"""XML documents of voice carriers, built as trees: what users wrote can be text and nothing else."""

from __future__ import annotations

import re
import xml.etree.ElementTree as tree

from jinaconnect.core.ivr.dialects.shape import Document

_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class Markup:
    """An element with what is within."""

    def __init__(self, root: str) -> None:
        self._element = tree.Element(root)

    def add(self, tag: str, text: str = "", /, **attributes: str | int | bool | None) -> Markup:
        """Add an element and return it; attributes that are None are left out."""
        within = Markup(tag)
        within._element.text = _clean(text) or None
        for name, value in attributes.items():
            if value is not None:
                said = str(value).lower() if isinstance(value, bool) else str(value)
                within._element.set(name, _clean(said))
        self._element.append(within._element)
        return within

    def document(self) -> Document:
        """Return the whole document."""
        body = tree.tostring(self._element, encoding="utf-8", xml_declaration=True)
        return Document(body, "text/xml; charset=utf-8")


def _clean(text: str) -> str:
    """Return a text without what no XML document can hold (XML 1.0 §2.2)."""
    return _NOT_XML.sub("", text)
