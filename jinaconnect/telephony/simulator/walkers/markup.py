"""What carriers whose documents are XML have in common: elements one after the other, until one is replaced by another
document, hangs up, or was the last."""

from __future__ import annotations

import xml.etree.ElementTree as tree
from abc import ABC, abstractmethod
from collections.abc import Mapping

from jinaconnect.telephony.simulator.walkers.line import BadDocument, CallerGone, Line, Take

MAX_BYTES = 65_536


class HangUp(Exception):
    """The document ends the call."""


class MarkupWalker(ABC):
    """Interprets the documents of one call; `common` are fields of every request."""

    speaks: frozenset[str] = frozenset()  # elements whose text is spoken

    def __init__(self, line: Line, common: Mapping[str, str]) -> None:
        self._line = line
        self._common = dict(common)

    async def walk(self, url: str) -> None:
        """Ask for the first document and do what it and those after it say, until the call is over."""
        body: bytes | None = await self._line.send(url, self._common)
        try:
            while body is not None:
                body = await self._document(body)
        except (CallerGone, HangUp):
            return

    async def _document(self, body: bytes) -> bytes | None:
        if len(body) > MAX_BYTES:
            raise BadDocument(f"{len(body)} bytes")
        root = tree.fromstring(body)
        if root.tag != "Response":
            raise BadDocument(f"a document is a Response, not a {root.tag}")
        for element in root:
            answer = await self.element(element)
            if answer is not None:
                return answer
        return None

    @abstractmethod
    async def element(self, element: tree.Element) -> bytes | None:
        """Do what one element says; returns the document that replaces this one."""

    async def ask(self, url: str | None, **fields: str) -> bytes:
        """Request a document."""
        if not url:
            raise BadDocument("an address is missing")
        return await self._line.send(url.strip(), {**self._common, **fields})

    async def prompts(self, parent: tree.Element, *, keys: bool) -> str | None:
        """Play the prompts within an element; returns the key that cut them short."""
        for element in parent:
            key = await self.prompt(element, keys=keys)
            if key is not None:
                return key
        return None

    async def prompt(self, element: tree.Element, *, keys: bool = False) -> str | None:
        """Play one prompt."""
        if element.tag not in (*self.speaks, "Play"):
            raise BadDocument(f"{element.tag} is no prompt")
        kind = "audio" if element.tag == "Play" else "text"
        for _ in range(whole(element, "loop", 1)):
            key = await self._line.hear(kind, (element.text or "").strip(), keys=keys)
            if key is not None:
                return key
        return None

    async def record(self, element: tree.Element, *, silence_s: int, most_s: int, closes: str) -> tuple[Take, str]:
        """Record; returns what was recorded, and the key that ended it or "hangup"."""
        take = self._line.recording(whole(element, "maxLength", most_s), whole(element, "timeout", silence_s))
        stops = element.get("finishOnKey", closes)
        try:
            key = await self._line.quiet(take.ends_at - self._line.now(), "" if stops == "none" else stops)
        except CallerGone:
            return take, "hangup"
        return take, key or ""


def whole(element: tree.Element, name: str, default: int, least: int = 0, most: int | None = None) -> int:
    """Return a whole number of an attribute; raises BadDocument for anything else, or beyond the carrier's limits."""
    text = element.get(name)
    if text is None:
        return default
    if not (text.isascii() and text.isdigit()) or int(text) < least or (most is not None and int(text) > most):
        raise BadDocument(f"{element.tag} {name}={text!r}")
    return int(text)


def flag(element: tree.Element, name: str, *, default: bool) -> bool:
    """Return a truth value of an attribute."""
    text = element.get(name)
    if text not in (None, "true", "false"):
        raise BadDocument(f"{element.tag} {name}={text!r}")
    return default if text is None else text == "true"
